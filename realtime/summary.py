"""The JSON summary of `run`, `demo` and `analyze`; its keys are a contract (docs/streams.md)."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from realtime.interfaces import RecognizerSpec
from realtime.packets import EegInfo, FaceObservation, MicroMovement, Prediction, Result, StreamHealth, VideoInfo
from realtime.truth import Truth, truth_scores

SLOWEST_CAMERA_FPS = 15.0
"""Below this a summary says that micro-movements cannot be found."""

_NO_PICTURE = np.zeros((0, 0), np.uint8)
_NO_FLOW = np.zeros((0, 0, 2), np.float32)


class Tally:
    """A sink that keeps what the summary needs, bounded: the newest `capacity` predictions and latencies.

    `write` may be called from the EEG and the video thread at once: each appends to its own deques.
    """

    def __init__(self, spec: RecognizerSpec, *, capacity: int = 20_000) -> None:
        self.spec = spec
        self.predictions: deque[Prediction] = deque(maxlen=capacity)
        self.prediction_count = 0
        self.fused_count = 0
        self.latency_s: deque[float] = deque(maxlen=capacity)
        self.recent_latency_s: deque[float] = deque(maxlen=200)
        self.movements: deque[MicroMovement] = deque(maxlen=10_000)
        self.frames = 0
        self.faces = 0
        self.event_latency_s: deque[float] = deque(maxlen=capacity)
        self.eeg_age_s: deque[float] = deque(maxlen=capacity)
        self.video_age_s: deque[float] = deque(maxlen=capacity)
        self.first_s = float("nan")
        self.last_s = float("nan")
        self._process = psutil.Process(os.getpid())
        self._started_s = time.perf_counter()
        self._cpu_s = _cpu_seconds(self._process)

    def write(self, result: Result) -> None:
        """Count one result."""
        if isinstance(result, Prediction):
            self.predictions.append(result)
            self.prediction_count += 1
            self.fused_count += len(result.modalities) > 1
            if "eeg" in result.modalities:
                self.latency_s.append(result.latency_s)
                self.recent_latency_s.append(result.latency_s)
            self._reach(result.stamp)
        elif isinstance(result, FaceObservation):
            self.frames += 1
            self.faces += result.score > 0
            self._reach(result.stamp)
        elif isinstance(result, MicroMovement):
            # times and kind only: a movement's pictures are 0.65 MB
            self.movements.append(replace(result, onset_crop=_NO_PICTURE, apex_crop=_NO_PICTURE, flow=_NO_FLOW))

    def _reach(self, stamp: float) -> None:
        if np.isnan(self.first_s):
            self.first_s = stamp
        self.last_s = stamp

    def summary(
        self,
        *,
        eeg: tuple[EegInfo, StreamHealth] | None,
        video: tuple[VideoInfo, StreamHealth] | None,
        truth: Truth | None = None,
        notes: Sequence[str] = (),
    ) -> dict[str, object]:
        """The summary as plain data; see design section 6 for the keys."""
        wall_s = time.perf_counter() - self._started_s
        span_s = self.last_s - self.first_s
        last = self.predictions[-1] if self.predictions else None
        out: dict[str, object] = {
            "model": {
                "id": self.spec.model_id,
                "classes": list(self.spec.classes),
                "trained_on": self.spec.trained_on,
                "simulated": self.spec.simulated,
                "runtime": self.spec.runtime,
            },
            "predictions": {
                "count": self.prediction_count,
                "per_s": self.prediction_count / span_s if span_s > 0 else 0.0,
                "fused": self.fused_count,
                "last": None if last is None else _prediction_json(last, self.spec.classes),
            },
            "eeg": None if eeg is None else _eeg_json(*eeg, self.eeg_age_s),
            "video": None if video is None else _video_json(*video, self.frames, self.faces, self.video_age_s),
            "latency_ms": {
                "eeg_to_prediction": percentiles_ms(self.latency_s),
                "frame_to_event": percentiles_ms(self.event_latency_s),
            },
            "micro_movements": [movement_json(m) for m in self.movements],
            "process": {
                "cpu_percent": 100.0 * (_cpu_seconds(self._process) - self._cpu_s) / wall_s,
                "peak_rss_mb": peak_rss_mb(self._process),
                "wall_s": wall_s,
            },
            "notes": [*notes, *_slow_camera(video)],
        }
        if truth is not None and (truth.trials or truth.movements) and not np.isnan(self.first_s):
            out["truth"] = truth_scores(
                truth, list(self.predictions), list(self.movements), self.spec.classes, self.first_s, self.last_s
            )
        return out


def _slow_camera(video: tuple[VideoInfo, StreamHealth] | None) -> list[str]:
    """Flow is taken over 0.2 s, so a camera of a few frames a second shows no micro-movement: say so."""
    if video is None or not 0 < video[0].fps < SLOWEST_CAMERA_FPS:
        return []
    return [
        f"camera '{video[0].name}' sends {video[0].fps:g} frames a second; micro-movements last a quarter of a second: "
        f"{SLOWEST_CAMERA_FPS:g} or more are wanted"
    ]


def peak_rss_mb(process: psutil.Process) -> float:
    """Largest resident memory so far; each system keeps it elsewhere and in another unit."""
    if sys.platform == "win32":
        return process.memory_info().peak_wset / 2**20
    if sys.platform == "linux":
        # what getrusage says is never less than what the process was started from had
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 2**10
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def percentiles_ms(values_s: Sequence[float] | deque[float]) -> dict[str, float]:
    """Median and 99th percentile in ms, NaN (null in JSON) without a finite value."""
    values = np.array([v for v in tuple(values_s) if np.isfinite(v)])
    if not values.size:
        return {"p50": float("nan"), "p99": float("nan")}
    return {"p50": float(np.percentile(values, 50) * 1e3), "p99": float(np.percentile(values, 99) * 1e3)}


def movement_json(movement: MicroMovement) -> dict[str, object]:
    """A movement as the event stream and the summary show it."""
    return {
        "onset_s": movement.onset_s,
        "apex_s": movement.apex_s,
        "offset_s": movement.offset_s,
        "decided_s": movement.decided_s,
        "score": movement.score,
        "kind": movement.kind,
        "regions": list(movement.regions),
    }


def _prediction_json(prediction: Prediction, classes: Sequence[str]) -> dict[str, object]:
    return {
        "probabilities": dict(zip(classes, map(float, prediction.probabilities), strict=True)),
        "modalities": list(prediction.modalities),
        "confidence": prediction.confidence,
        "evidence": prediction.evidence.name.lower(),
    }


def _eeg_json(info: EegInfo, health: StreamHealth, ages_s: deque[float]) -> dict[str, object]:
    return {
        "name": info.name,
        "channels": len(info.channels),
        "sfreq_hz": info.sfreq_hz,
        "effective_hz": health.rate_hz,
        "received": health.received,
        "lost": health.lost,
        "gaps": health.gaps,
        "state": health.state,
        "age_ms": percentiles_ms(ages_s),
    }


def _video_json(
    info: VideoInfo, health: StreamHealth, frames: int, faces: int, ages_s: deque[float]
) -> dict[str, object]:
    return {
        "name": info.name,
        "size": [info.width, info.height],
        "fps": health.rate_hz,
        "received": health.received,
        "lost": health.lost,
        "gaps": health.gaps,
        "state": health.state,
        "evaluated": frames,
        "faces": faces,
        "face_share": faces / frames if frames else 0.0,
        "age_ms": percentiles_ms(ages_s),
    }


def render_summary(result: Mapping[str, Any]) -> str:
    """A summary in one line, for the terminal."""
    last = result["predictions"]["last"]
    probabilities = last["probabilities"] if last and last["evidence"] == "enough" else {}
    best = max(probabilities, key=lambda name: probabilities[name], default="nothing")
    note = " (model trained on simulation)" if result["model"]["simulated"] else ""
    return (
        f"{result['predictions']['count']} predictions{note}, last: {best}; "
        f"{len(result['micro_movements'])} movements; {result['process']['wall_s']:.1f} s"
    )
