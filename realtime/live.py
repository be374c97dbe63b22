"""From stream names to a running recogniser: what `emostream run` and `emostream demo` share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pylsl

from realtime.calibrate.person import PersonCalibration
from realtime.config import Config
from realtime.errors import ConfigurationError
from realtime.face.regions import REGIONS
from realtime.interfaces import Recognizer, Sink
from realtime.lsl.discovery import find_stream, list_streams
from realtime.lsl.listen import MarkerListener
from realtime.lsl.sink import LslSink
from realtime.packets import EegInfo
from realtime.runner import LiveRunner
from realtime.session.events import RECORDER
from realtime.settings import settings_texts
from realtime.textview import TextView

_STEP_S = 0.2
_HEALTH_EVERY_S = 1.0
_TRUTH_TIMEOUT_S = 1.0  # in half of it a full session's streams do not all answer


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which streams to run on.

    Parameters
    ----------
    eeg, video : bool
        Whether that modality is wanted at all.
    eeg_source, video_source : str or None
        LSL source id, where there is more than one to choose from.
    eeg_name, video_name : str or None
        LSL stream name, likewise.
    """

    eeg: bool = True
    video: bool = True
    eeg_name: str | None = None
    video_name: str | None = None
    eeg_source: str | None = None
    video_source: str | None = None


class LiveSession:
    """Finds the streams, publishes the results, and is stepped by the command until it ends.

    Parameters
    ----------
    recognizer : Recognizer
    wanted : Wanted
    config : Config
    calibration : PersonCalibration, optional
        The person's, from `emostream calibrate`.
    waiting : callable, optional
        Called about once a second while a stream is looked for; may raise to give up.

    Raises
    ------
    StreamNotFoundError
        A wanted stream does not appear within `config.lsl.resolve_timeout_s`.
    MontageError, ConfigurationError
        As `Engine`.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        wanted: Wanted,
        config: Config,
        calibration: PersonCalibration | None = None,
        *,
        waiting: Callable[[], object] | None = None,
    ) -> None:
        if not (wanted.eeg or wanted.video):
            raise ConfigurationError("--no-eeg and --no-video together leave nothing to recognise from: drop one")
        timeout_s = config.lsl.resolve_timeout_s
        eeg = video = None
        if wanted.eeg:
            eeg = find_stream(
                stream_type="EEG",
                name=wanted.eeg_name,
                source_id=wanted.eeg_source,
                timeout_s=timeout_s,
                waiting=waiting,
            )
        if wanted.video:
            video = find_stream(
                stream_type="VideoRaw",
                name=wanted.video_name,
                source_id=wanted.video_source,
                timeout_s=timeout_s,
                waiting=waiting,
            )
        self._spec = recognizer.spec
        self._sink: LslSink | None = None
        self._hop_s = config.eeg.hop_s
        self._settings = settings_texts(config, calibration)
        self._listener = (
            MarkerListener((RECORDER,), self._on_recorder, config.lsl) if config.session.restart_engine else None
        )
        self._video = video is not None
        self._next_health_s = 0.0
        self.runner = LiveRunner(
            recognizer,
            eeg=eeg,
            video=video,
            truth=_find_truth([info for info in (eeg, video) if info is not None]),
            sinks=self._open_sinks,
            config=config,
            calibration=calibration,
        )

    def _open_sinks(self, eeg: EegInfo | None) -> Sequence[Sink]:
        regions = REGIONS if self._video else ()
        self._sink = LslSink(
            self._spec, eeg, regions=regions, band_power_rate_hz=1.0 / self._hop_s, settings=self._settings
        )
        return (self._sink,)

    def _on_recorder(self, _stream: str, event: dict[str, Any], stamp: float) -> None:
        if event["event"] == "recording_started":
            self.runner.begin_anew(stamp)

    def start(self) -> None:
        """Start reading, and listening to recorders."""
        if self._listener is not None:
            self._listener.start()
        self.runner.start()

    def stop(self) -> None:
        """Stop reading and close the outlets; safe to call twice."""
        with ExitStack() as stack:
            if self._sink is not None:
                stack.callback(self._sink.close)
            stack.callback(self.runner.stop)
            if self._listener is not None:
                stack.callback(self._listener.stop)

    def run(self, seconds: float | None, view: TextView | None, check: Callable[[], object]) -> None:
        """Step until `seconds` are over (None: for ever), calling `check` each time; it may raise to end the run."""
        end_s = time.monotonic() + seconds if seconds is not None else float("inf")
        while (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(_STEP_S, left_s))
            check()
            self.runner.check()
            self.step(pylsl.local_clock(), view)

    def step(self, now_s: float, view: TextView | None) -> None:
        """Publish health once a second and refresh the view."""
        runner = self.runner
        health = runner.health()
        if self._sink is not None and now_s >= self._next_health_s:
            self._next_health_s = now_s + _HEALTH_EVERY_S
            self._sink.write_health(health, runner.latency_ms(), runner.beginning, runner.missed_frames())
        if view is not None:
            predictions, movements = runner.tally.predictions, runner.tally.movements
            view.show(
                now_s,
                predictions[-1] if predictions else None,
                runner.truth.emotion_at(now_s),
                movements[-1] if movements else None,
                len(movements),
                health,
            )


def _find_truth(inputs: Sequence[pylsl.StreamInfo]) -> pylsl.StreamInfo | None:
    """The truth that belongs to a simulated participant's EEG or video; real input has none.

    A participant's source ids share a prefix, so nobody is scored against an unrelated simulator.
    """
    wanted = {f"{info.source_id().rpartition('-')[0]}-truth" for info in inputs}
    found = [i for i in list_streams(_TRUTH_TIMEOUT_S) if i.name() == "emostream-truth" and i.source_id() in wanted]
    return found[0] if len(found) == 1 else None
