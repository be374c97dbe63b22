"""The session in the pictures: a simulated participant, what the engine made of them, and all of it as one batch.

EEG, video and truth come from the simulators anew; what the engine made of them, which takes longer, is kept in
`session.npz` beside this file (`python -m benchmarks.screenshots --engine` makes it).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gui.streams.contract import Batch
from gui.streams.messages import (
    BandSample,
    EmotionModel,
    EmotionSample,
    FaceSample,
    HealthReport,
    MeshSample,
    MovementEvent,
    MovementPictures,
    OperatorNote,
    QualitySample,
    StreamRow,
    TruthEvent,
)
from realtime.face.regions import REGIONS
from realtime.packets import (
    BandPowerWindow,
    ChannelQuality,
    EegChunk,
    EegInfo,
    Evidence,
    FaceObservation,
    MicroMovement,
    Prediction,
    VideoFrame,
)
from simulators.cohort import unseen_person
from simulators.eeg import EegSimulator
from simulators.face import FaceSimulator
from simulators.scenario import Scenario, make_scenario

KEPT = Path(__file__).with_name("session.npz")
SEED, NOW_S, FPS = 1, 100.0, 30.0
EEG_S = 62.0
"""So much EEG is made before the moment of the pictures."""

_CHUNK, _PICTURES, _FLOW_STEP_PX = 50, 4, 1 / 32


def _scenario() -> tuple[Any, Scenario]:
    person = unseen_person(SEED)
    return person, make_scenario(person, NOW_S + 20.0, SEED)


class _Results:
    """A sink that keeps what the pictures need."""

    def __init__(self) -> None:
        self.predictions: list[Prediction] = []
        self.movements: list[MicroMovement] = []
        self.newest: dict[type, Any] = {}

    def write(self, result: object) -> None:
        if isinstance(result, Prediction):
            self.predictions.append(result)
        elif isinstance(result, MicroMovement):
            self.movements.append(result)
        elif not isinstance(result, FaceObservation) or result.landmarks is not None:
            self.newest[type(result)] = result


def keep(checkpoint: Path, path: Path = KEPT) -> None:
    """Run the engine over the session as fast as it goes, and keep what it made of it."""
    from models.recognizer import load_recognizer
    from realtime.analysis.feeding import feed, in_time_order
    from realtime.engine import Engine

    person, scenario = _scenario()
    recognizer = load_recognizer(checkpoint)
    brain, face = EegSimulator(person, scenario), FaceSimulator(person, scenario, fps=FPS)
    info = EegInfo("emostream-eeg", "emostream-simulator-eeg", tuple(brain.channels), brain.sfreq_hz)
    found = _Results()
    engine = Engine(recognizer, eeg=info, has_video=True)
    frames = (VideoFrame(face.frame(i), i / FPS, i) for i in range(int(NOW_S * FPS)))
    feed(engine, in_time_order(_chunks(brain, info, 0, int(NOW_S * brain.sfreq_hz)), frames), [found])
    _write(found, recognizer.spec, path)


def _chunks(brain: EegSimulator, info: EegInfo, first: int, last: int) -> Iterator[EegChunk]:
    for start in range(first, last - _CHUNK + 1, _CHUNK):
        stamps = (start + np.arange(_CHUNK)) / brain.sfreq_hz
        yield EegChunk(brain.samples(start, _CHUNK), stamps, info.source_id, start)


def _write(found: _Results, spec: Any, path: Path) -> None:
    bands, quality = found.newest[BandPowerWindow], found.newest[ChannelQuality]
    face, shown = found.newest[FaceObservation], found.movements[-_PICTURES:]
    blank = np.full(len(spec.classes), np.nan, np.float32)
    told = {
        "classes": list(spec.classes),
        "model_id": spec.model_id,
        "trained_on": spec.trained_on,
        "bands": [name for name, *_ in spec.bands],
        "band_channels": list(spec.channels),
        "regions": list(REGIONS),
        "movements": [
            [m.onset_s, m.apex_s, m.offset_s, m.decided_s, round(m.score, 3), m.kind, list(m.regions)]
            for m in found.movements
        ],
    }
    np.savez_compressed(
        path,
        told=json.dumps(told),
        at=np.array([p.stamp for p in found.predictions]),
        fused=np.array([p.probabilities for p in found.predictions], np.float32),
        alone=np.array(
            [[p.by_modality.get(name, blank) for name in ("eeg", "face")] for p in found.predictions], np.float32
        ),
        about=np.array(
            [
                [
                    p.confidence,
                    "eeg" in p.modalities,
                    "face" in p.modalities,
                    p.evidence is Evidence.ENOUGH,
                    p.eeg_age_s,
                    p.face_age_s,
                ]
                for p in found.predictions
            ],
            np.float32,
        ),
        power=np.where(bands.mask[:, None], bands.log_power, np.nan),
        flags=quality.flags,
        mesh=face.landmarks,
        motion=face.region_motion,
        score=face.score,
        crops=np.stack([[m.onset_crop, m.apex_crop] for m in shown]),
        flows=np.stack([np.clip(np.rint(m.flow / _FLOW_STEP_PX), -127, 127) for m in shown]).astype(np.int8),
    )


@dataclass(frozen=True, slots=True)
class PicturedSession:
    """The session as the dashboard hears of it; time 0 is its beginning, the pictures show it at `NOW_S`.

    Parameters
    ----------
    batch : Batch
        Everything that was said, the newest of what does not last.
    model : EmotionModel
    """

    batch: Batch
    model: EmotionModel


def load(path: Path = KEPT) -> PicturedSession:
    """The session: what was kept, and what the simulators make anew."""
    with np.load(path) as kept:
        arrays = {name: kept[name] for name in kept.files}
    told = json.loads(str(arrays["told"]))
    model = EmotionModel(tuple(told["classes"]), told["model_id"], told["trained_on"], True)
    person, scenario = _scenario()
    brain, face = EegSimulator(person, scenario), FaceSimulator(person, scenario, fps=FPS)
    info = EegInfo("emostream-eeg", "emostream-simulator-eeg", tuple(brain.channels), brain.sfreq_hz)
    rate = brain.sfreq_hz
    chunks = _chunks(brain, info, round((NOW_S - EEG_S) * rate), round(NOW_S * rate))
    index = int(NOW_S * FPS) - 1
    batch = Batch(
        eeg=tuple((info, chunk) for chunk in chunks),
        frame=VideoFrame(face.frame(index), NOW_S - 0.02, index),
        emotions=tuple((model, sample) for sample in _samples(arrays)),
        bands=BandSample(NOW_S, tuple(told["band_channels"]), tuple(told["bands"]), arrays["power"]),
        quality=QualitySample(NOW_S, dict(zip(info.channels, arrays["flags"].tolist(), strict=True))),
        face=FaceSample(NOW_S - 0.02, float(arrays["score"]), tuple(told["regions"]), arrays["motion"]),
        mesh=MeshSample(NOW_S - 0.02, arrays["mesh"]),
        movements=tuple(_movement(*values) for values in told["movements"]),
        pictures=_pictures(arrays, told["movements"]),
        health=HealthReport(NOW_S, _health(rate), 3.4, 9.1, model),
        truth=tuple(_truth(scenario)),
        notes=(OperatorNote(NOW_S - 42.0, "look here"), OperatorNote(NOW_S - 12.0, "moved")),
    )
    return PicturedSession(batch, model)


def _samples(arrays: dict[str, Any]) -> Iterator[EmotionSample]:
    for at, fused, alone, about in zip(arrays["at"], arrays["fused"], arrays["alone"], arrays["about"], strict=True):
        confidence, eeg, face, enough, eeg_age_s, face_age_s = about.tolist()
        used = bool(eeg), bool(face), bool(enough)
        yield EmotionSample(float(at), fused, alone[0], alone[1], confidence, *used, eeg_age_s, face_age_s)


def _movement(
    onset_s: float, apex_s: float, offset_s: float, decided_s: float, score: float, kind: str, regions: list[str]
) -> MovementEvent:
    return MovementEvent(onset_s, apex_s, offset_s, kind, score, tuple(regions), decided_s=decided_s)


def _pictures(arrays: dict[str, Any], movements: list[list[Any]]) -> tuple[MovementPictures, ...]:
    latest = movements[-len(arrays["crops"]) :]
    flows = arrays["flows"].astype(np.float32) * np.float32(_FLOW_STEP_PX)
    return tuple(
        MovementPictures(float(movement[3]), crops[0], crops[1], flow)
        for movement, crops, flow in zip(latest, arrays["crops"], flows, strict=True)
    )


def _health(rate_hz: float) -> tuple[StreamRow, ...]:
    return (
        StreamRow("emostream-eeg", "live", round(NOW_S * rate_hz), 0, 0, 0.004, rate_hz),
        StreamRow("emostream-video", "live", round(NOW_S * FPS), 0, 0, 0.02, FPS),
    )


def _truth(scenario: Scenario) -> Iterator[TruthEvent | MovementEvent]:
    said: list[tuple[float, TruthEvent | MovementEvent]] = []
    for trial in scenario.trials:
        said += [(at, TruthEvent(at, event, trial.emotion)) for event, at in _ends(trial)]
    for event in scenario.movements:
        true = MovementEvent(event.onset_s, event.apex_s, event.offset_s, event.kind, float("nan"), (), true=True)
        said.append((event.offset_s, true))
    return (event for at, event in sorted(said, key=lambda pair: pair[0]) if at <= NOW_S)


def _ends(trial: Any) -> tuple[tuple[str, float], tuple[str, float]]:
    return ("trial_start", trial.start_s), ("trial_end", trial.end_s)
