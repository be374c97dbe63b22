"""What arrives from the streams, decoded into small frozen records: pure functions, no Qt, no LSL, no threads.

Stamps are LSL seconds on this machine's clock.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from realtime.packets import Float32, UInt8

FLOW_UNITS_PER_PX = 32.0


@dataclass(frozen=True, slots=True)
class EmotionModel:
    """What the emotion stream says of the model behind it."""

    classes: tuple[str, ...]
    model_id: str = ""
    trained_on: str = ""
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class EmotionSample:
    """One prediction as published.

    Parameters
    ----------
    stamp : float
    probabilities, by_eeg, by_face : (n_classes,) float32
        Fused, EEG alone, face alone; NaN where not available.
    confidence : float
        0 to 1.
    used_eeg, used_face, enough : bool
        `enough` is False where the model has not enough evidence to be read.
    eeg_age_s, face_age_s : float
        Age of what it rests on at `stamp`; NaN where not used.
    """

    stamp: float
    probabilities: Float32
    by_eeg: Float32
    by_face: Float32
    confidence: float
    used_eeg: bool
    used_face: bool
    enough: bool
    eeg_age_s: float = math.nan
    face_age_s: float = math.nan


@dataclass(frozen=True, slots=True)
class EmotionLayout:
    """Where each number of an emotion sample is, found by label and never by position."""

    model: EmotionModel
    fused: tuple[int, ...]
    eeg: tuple[int, ...]
    face: tuple[int, ...]
    extras: dict[str, int] = field(default_factory=dict)

    @classmethod
    def from_labels(
        cls, labels: Sequence[str], *, model_id: str = "", trained_on: str = "", simulated: bool = False
    ) -> EmotionLayout:
        """Find the classes among the labels: those for which `<label>_eeg` and `<label>_face` exist as well.

        Raises
        ------
        ValueError
            No such label, or one of the summary channels is missing.
        """
        where = {label: index for index, label in enumerate(labels)}
        classes = tuple(label for label in labels if f"{label}_eeg" in where and f"{label}_face" in where)
        extras = ("confidence", "used_eeg", "used_face", "evidence", "eeg_age_s", "face_age_s")
        missing = [name for name in extras if name not in where]
        if not classes or missing:
            raise ValueError(
                f"emotion stream with channels {', '.join(labels)}: "
                + (f"no channel {', '.join(missing)}" if missing else "no class with its _eeg and _face channels")
            )
        return cls(
            model=EmotionModel(classes, model_id, trained_on, simulated),
            fused=tuple(where[name] for name in classes),
            eeg=tuple(where[f"{name}_eeg"] for name in classes),
            face=tuple(where[f"{name}_face"] for name in classes),
            extras={name: where[name] for name in extras},
        )

    def decode(self, sample: Float32, stamp: float) -> EmotionSample:
        """Read one (n_channels,) float32 sample."""
        at = self.extras
        return EmotionSample(
            stamp=stamp,
            probabilities=sample[list(self.fused)],
            by_eeg=sample[list(self.eeg)],
            by_face=sample[list(self.face)],
            confidence=float(sample[at["confidence"]]),
            used_eeg=bool(sample[at["used_eeg"]] > 0.5),
            used_face=bool(sample[at["used_face"]] > 0.5),
            enough=bool(sample[at["evidence"]] > 0.5),
            eeg_age_s=float(sample[at["eeg_age_s"]]),
            face_age_s=float(sample[at["face_age_s"]]),
        )


@dataclass(frozen=True, slots=True)
class FaceSample:
    """Face score (0 to 1) and region motion, (n_regions,) float32 in multiples of the person's noise, NaN if none."""

    stamp: float
    score: float
    motion: Float32


@dataclass(frozen=True, slots=True)
class MeshSample:
    """Face-mesh points, (468, 2) float32 px in the frame."""

    stamp: float
    landmarks: Float32


@dataclass(frozen=True, slots=True)
class MovementEvent:
    """A facial movement, found by the spotter or (``true``) known to the simulator; times in LSL seconds."""

    onset_s: float
    apex_s: float
    offset_s: float
    kind: str
    score: float
    regions: tuple[str, ...]
    true: bool = False


@dataclass(frozen=True, slots=True)
class MovementPictures:
    """Onset and apex crops, (256, 256) uint8, and the flow between them, (256, 256, 2) float32 px."""

    stamp: float
    onset: UInt8
    apex: UInt8
    flow: Float32


@dataclass(frozen=True, slots=True)
class TruthEvent:
    """What the simulator says of itself: 'trial_start', 'trial_end' or 'scenario'."""

    stamp: float
    event: str
    emotion: str = ""


@dataclass(frozen=True, slots=True)
class OperatorNote:
    """A note or another operator action, with the moment it is about."""

    stamp: float
    text: str


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One input of the engine, as the engine reports it."""

    name: str
    state: str
    received: int
    lost: int
    gaps: int
    age_s: float
    rate_hz: float


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The engine's health: its inputs, its latency in ms and its model."""

    stamp: float
    streams: tuple[StreamRow, ...]
    latency_p50_ms: float
    latency_p99_ms: float
    model: EmotionModel | None


def parse_object(text: str) -> dict[str, Any] | None:
    """Read a JSON object; None for anything else, since any program may write markers."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _number(record: dict[str, Any], key: str) -> float:
    value = record.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else ()


def movement_from(record: dict[str, Any], *, true: bool = False) -> MovementEvent | None:
    """Read a movement marker; None where a time is missing."""
    onset, apex, offset = (_number(record, key) for key in ("onset_s", "apex_s", "offset_s"))
    if not all(map(math.isfinite, (onset, apex, offset))):
        return None
    return MovementEvent(
        onset, apex, offset, str(record.get("kind", "")), _number(record, "score"), _texts(record.get("regions")), true
    )


def truth_from(text: str, stamp: float) -> TruthEvent | MovementEvent | None:
    """Read a marker of the truth stream; None for one that is not ours."""
    record = parse_object(text)
    if record is None:
        return None
    event = str(record.get("event", ""))
    if event == "movement":
        return movement_from(record, true=True)
    if event in ("trial_start", "trial_end", "scenario"):
        return TruthEvent(stamp, event, str(record.get("emotion", "")))
    return None


def note_from(text: str, stamp: float) -> OperatorNote | None:
    """Read a control marker as something to show on the time axis."""
    record = parse_object(text)
    if record is None or not record.get("event"):
        return None
    event = str(record["event"])
    words = str(record.get("text", "")) if event == "note" else event
    moment = _number(record, "at_s")
    return OperatorNote(moment if math.isfinite(moment) else stamp, words or event)


def health_from(text: str, stamp: float) -> HealthReport | None:
    """Read a health marker; None for one that is not ours."""
    record = parse_object(text)
    if record is None or not isinstance(record.get("streams"), list):
        return None
    rows = tuple(_row(entry) for entry in record["streams"] if isinstance(entry, dict))
    latency = record.get("latency_ms")
    latency = latency if isinstance(latency, dict) else {}
    model = record.get("model")
    return HealthReport(
        stamp,
        rows,
        _number(latency, "p50"),
        _number(latency, "p99"),
        _model(model) if isinstance(model, dict) else None,
    )


def _row(entry: dict[str, Any]) -> StreamRow:
    counts = [_number(entry, key) for key in ("received", "lost", "gaps")]
    received, lost, gaps = (int(value) if math.isfinite(value) else 0 for value in counts)
    return StreamRow(
        str(entry.get("name", "?")),
        str(entry.get("state", "waiting")),
        received,
        lost,
        gaps,
        _number(entry, "age_s"),
        _number(entry, "rate_hz"),
    )


def _model(record: dict[str, Any]) -> EmotionModel:
    return EmotionModel(
        _texts(record.get("classes")),
        str(record.get("id", "")),
        str(record.get("trained_on", "")),
        bool(record.get("simulated", False)),
    )
