"""A recorded run of the live engine, made without LSL: what the readers do with stamps, what the sink sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fakes import CHANNELS, AlphaRecognizer

from realtime.config import Config
from realtime.engine import Engine
from realtime.lsl.chunks import ChunkCutter
from realtime.lsl.clock import GapAwareClock
from realtime.lsl.codecs import emotion_channel_labels, encode_emotion
from realtime.packets import EegInfo, Prediction
from realtime.settings import settings_texts
from realtime.tuning_live import TuningDesk
from simulators.layouts.xdf_file import XdfStream, write_xdf

RATE_HZ = 250.0
TRUE_HZ = 250.02
FIRST_S = 5000.0
STEM = "sub-01_ses-01_task-suppression_run-01"


@dataclass
class LiveRun:
    """What was recorded, and what the engine had answered."""

    xdf: Path
    predictions: list[Prediction]
    begun_at: int
    samples_uv: np.ndarray
    stamps: np.ndarray


class Told:
    """Keeps what an engine answers, with the stamp it is said at."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.said: list[tuple[float, object]] = []

    def push_json(self, event: Mapping[str, object], stamp: float | None = None) -> None:
        self.said.append((self.now_s, dict(event)))


def eeg(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    swell = 5.0 + 15.0 * np.sin(0.7 * t) ** 2
    return (rng.normal(0, 5.0, (len(CHANNELS), t.size)) + swell * np.sin(2 * np.pi * 10 * t)).astype(np.float32)


def eeg_stream(samples_uv: np.ndarray, stamps: np.ndarray) -> XdfStream:
    channels = [(name, "microvolts", "EEG") for name in CHANNELS]
    return XdfStream("cap", "EEG", stamps, samples_uv.T, "float32", RATE_HZ, channels, source_id="cap-1")


def texts(name: str, *told: tuple[float, object]) -> XdfStream:
    rows = [said if isinstance(said, str) else json.dumps(said) for _, said in told]
    return XdfStream(name, "Markers", np.array([stamp for stamp, _ in told]), rows, "string")


def record(
    folder: Path,
    *more: XdfStream,
    seconds: float = 14.0,
    begun_at: int = 173,
    inputs: bool = True,
    again_s: float | None = None,
    asked: Mapping[int, Mapping[str, object]] | None = None,
) -> LiveRun:
    """Jittered stamps of a source that runs a little fast, a hole in it, pulls of all lengths.

    `asked` says, by sample, what somebody wants tuned.
    """
    rng = np.random.default_rng(1)
    samples = eeg(seconds)
    index = np.arange(samples.shape[1])
    stamps = FIRST_S + (index + 40 * (index >= 1500)) / TRUE_HZ + np.abs(rng.normal(0, 4e-4, index.size))
    recognizer = AlphaRecognizer()
    info = EegInfo("cap", "cap-1", CHANNELS, RATE_HZ)
    engine, clock, cutter = Engine(recognizer, eeg=info, has_video=False), GapAwareClock(RATE_HZ), ChunkCutter()
    predictions: list[Prediction] = []
    answers, wishes = Told(), sorted((asked or {}).items())
    desk = TuningDesk(engine.plan, recognizer.spec, "engine-1", engine.require_tunable, answers)
    first = begun_at
    while first < index.size:
        while wishes and wishes[0][0] <= first:
            desk.hear({"event": "tune", "set": dict(wishes.pop(0)[1])}, float(stamps[first]))
        answers.now_s = float(stamps[first])
        desk.tell(answers.now_s)
        part = slice(first, first + int(rng.integers(1, 60)))
        for chunk in cutter.cut(samples[:, part], clock.map(stamps[part]), "uid"):
            predictions += [r for r in engine.push_eeg(chunk) if isinstance(r, Prediction)]
        first = part.stop
    classes = recognizer.spec.classes
    emotions = XdfStream(
        "emostream-emotions",
        "Emotion",
        np.array([p.stamp for p in predictions]),
        np.array([encode_emotion(p, len(classes)) for p in predictions]),
        "float32",
        channels=[(label, "", "Emotion") for label in emotion_channel_labels(classes)],
        desc={"model": {"id": recognizer.spec.model_id}, "settings": settings_texts(Config(), None)},
    )
    told: dict[str, object] = {"streams": []}
    if inputs:
        began = engine.beginning
        told["inputs"] = {"eeg_first_s": began.eeg_s, "video_first_s": None, "video_first_index": None}
    health = [(FIRST_S + 2.0, told), (FIRST_S + 3.0, told)]
    if again_s is not None:
        anew = {"eeg_first_s": FIRST_S + again_s, "video_first_s": None, "video_first_index": None}
        health.append((FIRST_S + again_s + 1.0, {**told, "inputs": anew}))
    folder.mkdir(parents=True, exist_ok=True)
    xdf = folder / f"{STEM}.xdf"
    told_of = [texts("emostream-tuning", *answers.said)] if asked is not None else []
    write_xdf(xdf, [eeg_stream(samples, stamps), emotions, texts("emostream-health", *health), *told_of, *more])
    return LiveRun(xdf, predictions, begun_at, samples, stamps)
