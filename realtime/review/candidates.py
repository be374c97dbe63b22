"""What is known of a recording before a coder looks: movements found, trials, classes, the face's motion."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from realtime.eeg.xdf import text_of
from realtime.errors import DataError
from realtime.packets import Float32, Float64
from realtime.review.annotations import Annotation
from realtime.untrusted import parse_json, read_json

MOVEMENTS_STREAM = "emostream-movements"
_TRUTH = "emostream-truth"
_MOTION = "motion_"
_MOST_ANALYSIS_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Candidate:
    """A movement that the spotter found; s of the recording.

    Parameters
    ----------
    onset_s, apex_s, offset_s : float
    kind : 'micro' or 'macro'
    score : float
        Multiples of noise; NaN where it is not known.
    regions : tuple of str
    """

    onset_s: float
    apex_s: float
    offset_s: float
    kind: str = "micro"
    score: float = math.nan
    regions: tuple[str, ...] = ()

    def annotation(self) -> Annotation:
        """The unreviewed row of it.

        Raises
        ------
        DataError
            Its times or kind cannot be.
        """
        return Annotation(
            max(0.0, self.onset_s),
            self.apex_s,
            self.offset_s,
            kind=self.kind,  # type: ignore[arg-type]
            status="candidate",
            found_apex_s=self.apex_s,
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a recording, times in s of it.

    Parameters
    ----------
    candidates : tuple of Candidate
    trials : tuple of Annotation
        Of kind 'trial'.
    classes : tuple of str
        Emotions a movement may get.
    motion_s, motion : (n,) float64, (n,) float32
        Largest motion of any facial region, multiples of noise, once a second; empty where there is no analysis.
    origin : str
        Where the movements come from, for the window.
    simulated : bool
    """

    candidates: tuple[Candidate, ...] = ()
    trials: tuple[Annotation, ...] = ()
    classes: tuple[str, ...] = ()
    motion_s: Float64 = field(default_factory=lambda: np.empty(0))
    motion: Float32 = field(default_factory=lambda: np.empty(0, np.float32))
    origin: str = ""
    simulated: bool = False


def read_analysis(folder: Path, origin_s: float = math.nan) -> Known:
    """What `emostream analyze` wrote into a folder.

    Parameters
    ----------
    folder : Path
    origin_s : float
        LSL time of the recording's time 0: an analysis without its EEG counts from the first frame. NaN where the
        recording has no such clock.

    Raises
    ------
    DataError
        It holds no movements.csv, or one that cannot be used.
    """
    table = folder / "movements.csv"
    if not table.is_file():
        raise DataError(f"no movements.csv in '{folder}': give the folder that 'emostream analyze --out' wrote")
    said = _analysis(folder / "analysis.json")
    motion_s, motion = _motion_of(folder / "face.csv")
    try:
        source = said.get("source") or {}
        zero_s = source.get("zero_lsl_s")
        by_s = 0.0 if zero_s is None or math.isnan(origin_s) else float(zero_s) - origin_s
        spans = [span for span in said.get("timeline") or [] if span["kind"] == "trial"]
        # one that no marker ended lasts until the end
        ends = [source["duration_s"] if span["end_s"] is None else span["end_s"] for span in spans]
        timed = [(float(span["start_s"]) + by_s, float(end) + by_s) for span, end in zip(spans, ends, strict=True)]
        named = zip(timed, spans, strict=True)
        trials = [_trial(start_s, end_s, span.get("label")) for (start_s, end_s), span in named if end_s > 0]
        classes = tuple(str(name) for name in said.get("classes") or ())
        simulated = bool(source.get("simulated"))
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as err:
        raise DataError(f"cannot use '{folder / 'analysis.json'}': {err!r}; run 'emostream analyze' again") from err
    candidates = tuple(_candidate(row, by_s, f"'{table}' row {n}") for n, row in enumerate(_rows(table), 2))
    origin = f"analysis '{folder.name}'"
    return Known(candidates, tuple(trials), classes, motion_s + by_s, motion, origin, simulated)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), 2):
                if None in row:
                    raise DataError(f"row {number} of '{path}' has more cells than there are columns")
                yield row
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise DataError(f"cannot read '{path}': {err}") from err


def _candidate(row: dict[str, str], by_s: float, where: str) -> Candidate:
    try:
        onset_s, apex_s, offset_s = (float(row[name]) + by_s for name in ("onset_s", "apex_s", "offset_s"))
        score = float(row.get("score") or "nan")
    except (KeyError, TypeError, ValueError) as err:
        raise DataError(f"{where} is no movement ({err}): wanted onset_s, apex_s, offset_s and score") from err
    regions = tuple(filter(None, (row.get("regions") or "").split("+")))
    return Candidate(onset_s, apex_s, offset_s, row.get("kind") or "micro", score, regions)


def _analysis(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        said = read_json(path, _MOST_ANALYSIS_BYTES)
    except (OSError, ValueError) as err:
        raise DataError(f"cannot read '{path}': {err}") from err
    return said if isinstance(said, dict) else {}


def _motion_of(path: Path) -> tuple[Float64, Float32]:
    if not path.is_file():
        return np.empty(0), np.empty(0, np.float32)
    times, values = [], []
    for row in _rows(path):
        try:
            found = [float(cell) for name, cell in row.items() if name.startswith(_MOTION) and cell]
            times.append(float(row["time_s"]))
        except (KeyError, TypeError, ValueError) as err:
            raise DataError(f"cannot use '{path}': {err}; wanted time_s and numbers") from err
        values.append(max((one for one in found if math.isfinite(one)), default=math.nan))
    return np.array(times), np.array(values, np.float32)


def _trial(start_s: float, end_s: float, label: object) -> Annotation:
    return Annotation(max(0.0, float(start_s)), math.nan, float(end_s), label=str(label or ""), kind="trial")


def read_markers(streams: Sequence[dict[str, Any]], origin_s: float, end_s: float) -> Known:
    """Movements the engine found live and the trials of a recording, from its marker streams.

    Parameters
    ----------
    streams : sequence of dict
        Of the XDF, as `realtime.eeg.xdf.load_streams` gives them.
    origin_s : float
        LSL time of the recording's time 0.
    end_s : float
        Where a trial ends that no marker ends, s of the recording.

    Raises
    ------
    DataError
        A movement without its times.
    """
    told = sorted(_texts(streams, origin_s), key=lambda one: one[0])
    candidates = [_marked(said, time_s) for time_s, name, said in told if _is_movement(name, said)]
    trials: list[Annotation] = []
    begun: tuple[float, str] | None = None
    # a simulated person tells trials, too; where somebody presented any, those count
    presented = any(name != _TRUTH and said.get("event") == "trial_start" for _, name, said in told)
    events = [(time_s, said) for time_s, name, said in told if not (presented and name == _TRUTH)]
    for time_s, said in [*events, (end_s, {"event": "trial_end"})]:
        if begun is not None and said.get("event") in ("trial_start", "trial_end") and time_s > begun[0]:
            trials.append(_trial(begun[0], time_s, begun[1]))
            begun = None
        if said.get("event") == "trial_start" and time_s >= 0:
            begun = (time_s, str(said.get("emotion") or ""))
    simulated = any(text_of(stream, "name") == _TRUTH for stream in streams)
    return Known(tuple(candidates), tuple(trials), origin="recorded live", simulated=simulated)


def _is_movement(name: str, said: dict[str, Any]) -> bool:
    return name == MOVEMENTS_STREAM and said.get("event") == "movement"


def _marked(said: dict[str, Any], time_s: float) -> Candidate:
    try:
        # its own times are on the engine's clock; the marker is stamped with the decision
        shift_s = time_s - float(said["decided_s"])
        times = [float(said[name]) + shift_s for name in ("onset_s", "apex_s", "offset_s")]
        score = math.nan if said.get("score") is None else float(said["score"])
        regions = tuple(str(one) for one in said.get("regions") or ())
    except (KeyError, TypeError, ValueError) as err:
        raise DataError(f"a marker of '{MOVEMENTS_STREAM}' at {time_s:.3f} s lacks its times: {err}") from err
    return Candidate(*times, kind=str(said.get("kind") or "micro"), score=score, regions=regions)


def _texts(streams: Sequence[dict[str, Any]], origin_s: float) -> Iterator[tuple[float, str, dict[str, Any]]]:
    """(time, stream, event) of all markers that are JSON objects."""
    for stream in streams:
        if not isinstance(stream["time_series"], list):
            continue
        for stamp, values in zip(stream["time_stamps"], stream["time_series"], strict=True):
            for text in values:
                try:
                    said = parse_json(text)
                except (TypeError, ValueError):
                    continue
                if isinstance(said, dict):
                    yield float(stamp) - origin_s, text_of(stream, "name"), said
