"""An analysis: a source through the engine, its results into tables, and what is said about the whole."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from realtime.analysis.exports import Exports
from realtime.analysis.feeding import Frame, ahead, feed, feed_eeg, in_time_order
from realtime.analysis.live_answers import AsLive
from realtime.analysis.setting import Setting
from realtime.analysis.source import Source
from realtime.analysis.spectrogram import Spectrogram
from realtime.analysis.tables import MOST_PICTURES, Tables
from realtime.analysis.tracks import CHUNK_S
from realtime.analysis.unfitting import fitted
from realtime.engine import Engine
from realtime.errors import ConfigurationError
from realtime.interfaces import Recognizer, Sink
from realtime.output import write_json
from realtime.packets import (
    BandPowerWindow,
    ChannelQuality,
    EegChunk,
    FaceObservation,
    Marker,
    MicroMovement,
    Prediction,
    Result,
)
from realtime.session.metadata import software_versions
from realtime.session.run import Run
from realtime.summary import Tally
from realtime.truth import Truth
from realtime.tuning_plan import TuningPlan

FORMAT = "emostream-analysis-1"

_LONG_CHUNK_S = 4.0
_AHEAD = 8


class Analysis:
    """Runs the engine over a source; `run` once.

    Parameters
    ----------
    source : Source
    recognizer : Recognizer
    setting : Setting
        Configuration and calibration.
    exports : Exports, optional
        Copies for other programs, written into the folder, too.

    Raises
    ------
    ConfigurationError, DataError
        As `Engine`.
    """

    def __init__(
        self, source: Source, recognizer: Recognizer, setting: Setting, exports: Exports | None = None
    ) -> None:
        self._source, self._setting, self._exports = source, setting, exports
        recognizer, config, self._unfitting = fitted(
            recognizer, source.eeg.info if source.eeg else None, setting.config
        )
        self._spec = recognizer.spec
        self._tally = Tally(recognizer.spec)
        self._engine = Engine(
            recognizer,
            eeg=source.eeg.info if source.eeg else None,
            has_video=source.video is not None,
            config=config,
            calibration=setting.calibration,
            plan=TuningPlan(config, setting.tunings),
            offline=True,
        )
        self._as_live = self._comparison(setting.repeats_live)
        self._tables: Tables | None = None

    def _comparison(self, wanted: bool) -> AsLive | None:
        source = self._source
        if source.live is None or not wanted:
            return None
        return AsLive(
            source.live,
            source.live_from_s,
            source.live_until_s,
            has_video=source.video is not None or not source.live_saw,
            same_s=source.same_s,
        )

    def run(self, folder: Path | None, *, progress: bool = True) -> None:
        """Analyse from beginning to end; tables go into `folder`, where one is given.

        Raises
        ------
        DataError
            Damaged input, or a full disk.
        """
        sinks: list[Sink] = [self._tally, *([self._as_live] if self._as_live else [])]
        if self._exports:
            sinks.append(self._exports.found)
        if folder is None:
            self._feed(sinks, None, progress)
            return
        eeg, source = self._source.eeg, self._source
        spectrogram = Spectrogram(eeg.info.sfreq_hz, len(eeg.info.channels), source.zero_s) if eeg else None
        with Tables(
            folder,
            self._spec,
            eeg.info if eeg else None,
            has_video=source.video is not None,
            trial_at=source.timeline.trial_at,
        ) as tables:
            self._tables = tables
            self._feed([*sinks, tables, *([spectrogram] if spectrogram else [])], spectrogram, progress)
        if spectrogram:
            spectrogram.save(folder / "spectrogram.npz")
        if self._exports:
            self._exports.write(folder)
        write_json(folder / "analysis.json", self.facts())
        write_json(folder / "summary.json", self.summary())

    def _feed(self, sinks: Sequence[Sink], spectrogram: Spectrogram | None, progress: bool) -> None:
        source = self._source
        # with a film, chunks are as short as live, for EEG and frames meet in the order in which they arrive
        chunks = source.eeg.chunks(CHUNK_S if source.video else _LONG_CHUNK_S) if source.eeg else ()
        frames = ahead(map(self._engine.look, ahead(source.video.frames(), _AHEAD)), _AHEAD) if source.video else ()
        with tqdm(
            total=max(1, round(source.duration_s)),
            unit="s",
            desc="analysing",
            disable=None if progress else True,
            bar_format="{desc} {percentage:3.0f}% |{bar}| {n:.0f} of {total:.0f} s recorded [{elapsed}<{remaining}]",
        ) as bar:
            moved, watch = [_Moved(sinks, -source.zero_s)], partial(_watch, source.zero_s, spectrogram, bar)
            if source.video is None:
                feed_eeg(self._engine, chunks, moved, watch)
            else:
                feed(self._engine, in_time_order(chunks, frames), moved, watch)

    def summary(self) -> dict[str, object]:
        """The summary of `emostream analyze`, also of an analysis that was cut off; times in s from zero."""
        source = self._source
        return self._tally.summary(
            eeg=(source.eeg.info, source.eeg.health()) if source.eeg else None,
            video=(source.video.info, source.video.health()) if source.video else None,
            truth=_truth(source),
            notes=self._warnings() + self._notes(),
        ) | {"as_live": self.as_live}

    @property
    def duration_s(self) -> float:
        """How long the recording is."""
        return self._source.duration_s

    @property
    def as_live(self) -> dict[str, object] | None:
        """How far the answers are those of the live engine; None where that is not asked."""
        return self._as_live.report() if self._as_live else None

    @property
    def review(self) -> Path | None:
        """The table of what a coder decided about the movements, as far as one is there and can be read."""
        return self._exports.review if self._exports else None

    def told(self, folder: Path | None) -> list[str]:
        """Lines for the terminal: warnings, how far live answers came again, where the results are."""
        lines = [f"note: {warning}" for warning in self._warnings()]
        if self._as_live:
            lines.append(self._as_live.sentence())
        if folder is not None:
            lines.append(f"results in '{folder}'")
        return lines

    def facts(self) -> dict[str, Any]:
        """What analysis.json holds."""
        source, spec = self._source, self._spec
        spans, reports = source.timeline.as_json()
        return {
            "format": FORMAT,
            "source": _source_facts(source),
            "model": {
                "id": spec.model_id,
                "trained_on": spec.trained_on,
                "simulated": spec.simulated,
                "classes": list(spec.classes),
                "runtime": spec.runtime,
            },
            "config": json.loads(self._setting.config.model_dump_json(include={"eeg", "face", "engine"})),
            "calibrated": self._setting.calibration is not None,
            "tunings": [
                {"at_s": change.at_s - source.zero_s if math.isfinite(change.at_s) else None, **change.tuning.values}
                for change in self._setting.tunings
            ],
            "software": software_versions(),
            "notes": self._notes(),
            "warnings": self._warnings(),
            "timeline": spans,
            "self_reports": reports,
            "artefacts": {
                "bad_share": self._tables.bad_share if self._tables else {},
                "blinks_and_gaze_shifts": self._tables.blinks_and_gaze_shifts if self._tables else None,
                "lost_samples": source.eeg.health().lost if source.eeg else None,
                "lost_frames": source.video.health().lost if source.video else None,
                "clock_resets": [at_s - source.zero_s for at_s in source.eeg.resets_s] if source.eeg else [],
            },
            "as_live": self.as_live,
            "channels": list(source.eeg.info.channels) if source.eeg else [],
            "model_channels": list(spec.channels),
            "bands": [list(band) for band in spec.bands],
            "classes": list(spec.classes),
        }

    def _notes(self) -> list[str]:
        eeg = self._source.eeg
        return [
            *(eeg.notes if eeg else ()),
            *self._source.notes,
            *self._setting.notes,
            *(self._exports.notes if self._exports else []),
        ]

    def _warnings(self) -> list[str]:
        eeg = self._source.eeg
        found = [
            *(eeg.warnings if eeg else ()),
            *self._source.warnings,
            *self._setting.warnings,
            *filter(None, [self._unfitting]),
        ]
        if left_out := self._source.timeline.left_out:
            found.append(f"{left_out} notes beyond the first {len(self._source.timeline.spans)} were left out")
        if self._tables and (without := self._tables.without_pictures):
            found.append(f"{without} movements beyond the first {MOST_PICTURES} have no pictures")
        return found


class _Moved:
    """Hands results on with their stamps moved."""

    def __init__(self, sinks: Sequence[Sink], by_s: float) -> None:
        self._sinks, self._by_s = sinks, by_s

    def write(self, result: Result) -> None:
        moved = _moved(result, self._by_s)
        for sink in self._sinks:
            sink.write(moved)


def _moved(result: Result, by_s: float) -> Result:
    match result:
        case BandPowerWindow():
            return replace(result, end_s=result.end_s + by_s)
        case Prediction() | FaceObservation() | ChannelQuality():
            return replace(result, stamp=result.stamp + by_s)
        case MicroMovement():
            names = ("onset_s", "apex_s", "offset_s", "decided_s")
            return replace(result, **{name: getattr(result, name) + by_s for name in names})


def _watch(zero_s: float, spectrogram: Spectrogram | None, bar: tqdm, packet: EegChunk | Frame) -> None:
    """Show a packet to the spectrogram and the progress bar."""
    if isinstance(packet, EegChunk):
        if spectrogram is not None:
            spectrogram.push(packet)
        now_s = float(packet.stamps[-1]) - zero_s
    else:
        now_s = packet.stamp - zero_s
    if now_s - bar.n >= 1.0:
        bar.update(math.floor(now_s) - bar.n)


def _truth(source: Source) -> Truth | None:
    """What a simulator told, in s from zero; None for real input."""
    if not source.timeline.truth:
        return None
    truth = Truth()
    for stamp, text in source.timeline.truth:
        truth.push(Marker(text, stamp))
    # stamps are moved already, the times in the texts are LSL's
    names = ("onset_s", "apex_s", "offset_s")
    truth.movements = [
        replace(m, **{name: getattr(m, name) - source.lsl_zero_s for name in names}) for m in truth.movements
    ]
    return truth


def _source_facts(source: Source) -> dict[str, Any]:
    run: Run | None = None
    with suppress(ConfigurationError):  # a loose file, or another program's name
        run = Run.parse(source.stem)
    metadata = source.metadata
    return {
        "stem": source.stem,
        "files": [path.name for path in source.files],
        "simulated": source.timeline.simulated or (metadata is not None and metadata.simulated),
        "subject": run.subject if run else None,
        "session": run.session if run else None,
        "task": run.task if run else None,
        "run": run.run if run else None,
        "duration_s": source.duration_s,
        "zero_lsl_s": source.lsl_zero_s if math.isfinite(source.lsl_zero_s) else None,
        "started": metadata.started.isoformat() if metadata else None,
    }
