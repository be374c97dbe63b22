"""What arrives from the streams, decoded into small frozen records: pure functions, no Qt, no LSL, no threads.

Stamps are LSL seconds on this machine's clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gui.streams.session_messages import StreamCount, counts_from
from realtime.errors import DataError
from realtime.lsl.codecs import decode_emotion, decode_event
from realtime.packets import Evidence, Float32, UInt8
from realtime.tuning_live import TUNE, wish_words


@dataclass(frozen=True, slots=True)
class EmotionModel:
    """What the emotion stream says of the model behind it; `shown` are other names for its classes."""

    classes: tuple[str, ...]
    model_id: str = ""
    trained_on: str = ""
    simulated: bool = False
    shown: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What screens call the classes."""
        return self.shown or self.classes


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


def emotion_from(values: Float32, n_classes: int, stamp: float) -> EmotionSample:
    """Read one sample of the emotion stream, (3 * n_classes + 6,) float32.

    Raises
    ------
    DataError
        The sample has another length.
    """
    said = decode_emotion(values, n_classes)
    absent = np.full(n_classes, np.nan, np.float32)
    return EmotionSample(
        stamp=stamp,
        probabilities=said.probabilities,
        by_eeg=said.by_modality.get("eeg", absent),
        by_face=said.by_modality.get("face", absent),
        confidence=said.confidence,
        used_eeg="eeg" in said.modalities,
        used_face="face" in said.modalities,
        enough=said.evidence is Evidence.ENOUGH,
        eeg_age_s=said.eeg_age_s,
        face_age_s=said.face_age_s,
    )


@dataclass(frozen=True, slots=True)
class BandSample:
    """Newest band powers, (n_channels, n_bands) float32 log10 µV²/Hz, NaN where masked; `rest`: a calibration's."""

    stamp: float
    channels: tuple[str, ...]
    bands: tuple[str, ...]
    power: Float32
    rest: Float32 | None = None


def band_layout(labels: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Channels and bands behind the labels '<channel>_<band>', in stream order.

    Raises
    ------
    DataError
        The labels are not every channel with every band, channel by channel.
    """
    pairs = [label.rpartition("_") for label in labels]
    channels = tuple(dict.fromkeys(pair[0] for pair in pairs))
    bands = tuple(dict.fromkeys(pair[2] for pair in pairs))
    if not pairs or [pair[::2] for pair in pairs] != [(channel, band) for channel in channels for band in bands]:
        raise DataError(f"band power stream with {len(labels)} channels: labels '<channel>_<band>' are wanted")
    return channels, bands


@dataclass(frozen=True, slots=True)
class QualitySample:
    """Newest `Quality` flags by channel label."""

    stamp: float
    flags: dict[str, int]


@dataclass(frozen=True, slots=True)
class FaceSample:
    """Face score (0 to 1) and motion by region, in multiples of the person's noise, NaN if none."""

    stamp: float
    score: float
    regions: tuple[str, ...]
    motion: Float32


@dataclass(frozen=True, slots=True)
class MeshSample:
    """Face-mesh points, (468, 2) float32 px in the frame."""

    stamp: float
    landmarks: Float32


@dataclass(frozen=True, slots=True)
class MovementEvent:
    """A facial movement, found by the spotter or (``true``) known to the simulator; times in LSL seconds.

    `decided_s` is the stamp of its marker, which its pictures bear too; NaN where none is known.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    kind: str
    score: float
    regions: tuple[str, ...]
    true: bool = False
    decided_s: float = math.nan


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
    """One input of the engine, as the engine reports it; `note`: what is wrong with it, in words."""

    name: str
    state: str
    received: int
    lost: int
    gaps: int
    age_s: float
    rate_hz: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The engine's health: its inputs, its latency in ms and its model."""

    stamp: float
    streams: tuple[StreamRow, ...]
    latency_p50_ms: float
    latency_p99_ms: float
    model: EmotionModel | None


def _object(said: str | dict[str, Any]) -> dict[str, Any] | None:
    """Read one of our JSON markers; None for anything else, since any program may write markers."""
    if isinstance(said, dict):
        return said
    try:
        return decode_event(said)
    except DataError:
        return None


def _number(record: dict[str, Any], key: str) -> float:
    value = record.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


def _count(record: dict[str, Any], key: str) -> int:
    value = _number(record, key)
    return int(value) if math.isfinite(value) else 0


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


def found_from(text: str, stamp: float = math.nan) -> MovementEvent | None:
    """Read a marker of the spotter; None for one that is not a movement.

    Its times are on the clock of the engine's machine. The marker is stamped with the moment of the decision, which LSL
    brings to this machine's clock: with `stamp`, the times are brought there too.
    """
    record = _object(text)
    if record is None or record.get("event") != "movement":
        return None
    movement, offset = movement_from(record), stamp - _number(record, "decided_s")
    if movement is None or not math.isfinite(offset):
        return movement
    onset, apex, end = (at + offset for at in (movement.onset_s, movement.apex_s, movement.offset_s))
    return replace(movement, onset_s=onset, apex_s=apex, offset_s=end, decided_s=stamp)


def truth_from(text: str, stamp: float) -> TruthEvent | MovementEvent | None:
    """Read a marker of the truth stream; None for one that is not ours."""
    record = _object(text)
    if record is None:
        return None
    event = str(record.get("event", ""))
    if event == "movement":
        return movement_from(record, true=True)
    if event in ("trial_start", "trial_end", "scenario"):
        return TruthEvent(stamp, event, str(record.get("emotion", "")))
    return None


def note_from(said: str | dict[str, Any], stamp: float) -> OperatorNote | None:
    """Read a control marker, text or object, as something to show on the time axis."""
    record = _object(said)
    if record is None or not record.get("event"):
        return None
    event = str(record["event"])
    words = str(record.get("text", "")) if event == "note" else wish_words(record) if event == TUNE else event
    moment = _number(record, "at_s")
    return OperatorNote(moment if math.isfinite(moment) else stamp, words or event)


@dataclass(frozen=True, slots=True)
class RecorderState:
    """What a recorder said last: of which run, whether it records, and how the recording stands.

    Parameters
    ----------
    stamp : float
    run : str
    recording : bool
        False when it has stopped.
    failure : str
        Why nothing is written; '' while all is well.
    elapsed_s : float
        NaN where it did not say.
    bytes : int
        Of all files of the run.
    film : bool
        Whether cameras are asked to film.
    streams : tuple of str
        Names of the streams in the recording.
    alarms : tuple of str
        What is wrong.
    free_bytes : int
        Room left on the disk; 0 where it did not say.
    counts : tuple of StreamCount
        How much of each stream is in the recording.
    """

    stamp: float
    run: str
    recording: bool
    failure: str = ""
    elapsed_s: float = math.nan
    bytes: int = 0
    film: bool = False
    streams: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    free_bytes: int = 0
    counts: tuple[StreamCount, ...] = ()


def recorder_from(said: str | dict[str, Any], stamp: float) -> RecorderState | None:
    """Read a marker of a recorder, text or object; None for one that is not ours."""
    record = _object(said)
    if record is None or not isinstance(record.get("run"), str):
        return None
    run = str(record["run"])[:200]
    match record.get("event"):
        case "recording_stopped":
            return RecorderState(stamp, run, False)
        case "recording_failed":
            return RecorderState(stamp, run, True, str(record.get("reason", ""))[:500] or "no reason was given")
        case "recording_started":
            return RecorderState(stamp, run, True, film=record.get("film") is True)
        case "recording":
            counts = counts_from(record.get("streams"))
            return RecorderState(
                stamp,
                run,
                True,
                str(record.get("failure", ""))[:500],
                elapsed_s=_number(record, "elapsed_s"),
                bytes=_count(record, "bytes"),
                film=record.get("film") is True,
                streams=tuple(count.name for count in counts),
                alarms=_texts(record.get("alarms")),
                free_bytes=_count(record, "free_bytes"),
                counts=counts,
            )
        case _:
            return None


def health_from(text: str, stamp: float) -> HealthReport | None:
    """Read a health marker; None for one that is not ours."""
    record = _object(text)
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
    received, lost, gaps = (_count(entry, key) for key in ("received", "lost", "gaps"))
    return StreamRow(
        str(entry.get("name", "?")),
        str(entry.get("state", "waiting")),
        received,
        lost,
        gaps,
        _number(entry, "age_s"),
        _number(entry, "rate_hz"),
        str(entry.get("note") or "")[:500],
    )


def _model(record: dict[str, Any]) -> EmotionModel:
    return EmotionModel(
        _texts(record.get("classes")),
        str(record.get("id", "")),
        str(record.get("trained_on", "")),
        bool(record.get("simulated", False)),
    )
