"""A clock that passes when told to, a small recorded session, and what stands in for outlets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from realtime.packets import VideoFrame
from simulators.layouts.film_file import write_film
from simulators.layouts.xdf_file import XdfStream, write_xdf

ORIGIN_S = 700.0
RATE = 100
STEM = "sub-01_ses-01_task-suppression_run-01"
CHANNELS = [(name, "volts", "EEG") for name in ("Fp1", "Cz", "Oz")] + [("TRG", "", "Trigger")]


class ManualClock:
    """Time that passes only when told to."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class Stepped(Protocol):
    def step(self) -> float | None: ...


def play(what: Stepped, clock: ManualClock, until_s: float, late_s: float = 0.0) -> None:
    """Follow the times that `step` asks for, waking up `late_s` after each."""
    due = what.step()
    while due is not None and due + late_s <= until_s:
        clock.now_s = max(clock.now_s + 1e-4, due + late_s)
        due = what.step()
    clock.now_s = max(clock.now_s, until_s)


class Samples:
    """Keeps what is pushed, and when."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.numbers: list[int] = []
        self.stamps: list[float] = []
        self.at_s: list[float] = []

    def __call__(self, first: int, n: int, stamps: NDArray[np.float64]) -> None:
        assert n == len(stamps)
        self.numbers += range(first, first + n)
        self.stamps += stamps.tolist()
        self.at_s += [self.clock.now_s] * n


class Film:
    """Frames at given times; reading and looking for a place take time on the clock."""

    def __init__(self, stamps: Sequence[float], clock: ManualClock, read_s: float = 0.0, seek_s: float = 0.0) -> None:
        self._stamps, self._clock, self._read_s, self._seek_s = np.asarray(stamps), clock, read_s, seek_s
        self._next = 0

    def seek(self, time_s: float) -> int:
        self._clock.now_s += self._seek_s
        before, self._next = self._next, int(np.searchsorted(self._stamps, time_s - 1e-9))
        return max(0, self._next - before)

    def read(self) -> VideoFrame | None:
        self._clock.now_s += self._read_s
        if self._next >= len(self._stamps):
            return None
        self._next += 1
        return VideoFrame(np.zeros((2, 2), np.uint8), float(self._stamps[self._next - 1]), 500 + self._next - 1)


class Frames:
    """Keeps pushed frames."""

    def __init__(self) -> None:
        self.frames: list[VideoFrame] = []

    def push(self, frame: VideoFrame, /) -> None:
        self.frames.append(frame)


def eeg_stream(seconds: float = 4.0, gap_s: float = 0.0, source_id: str = "cap-1") -> XdfStream:
    """EEG in volts with a trigger channel; with `gap_s` nothing came for so long in the middle."""
    n = round(seconds * RATE)
    times = np.arange(n) / RATE
    times[n // 2 :] += gap_s
    values = np.random.default_rng(0).normal(0, 20e-6, (n, len(CHANNELS))).astype(np.float32)
    return XdfStream("cap", "EEG", ORIGIN_S + times, values, "float32", RATE, CHANNELS, source_id)


def text_stream(name: str, *told: tuple[float, Any], source_id: str = "", offset_s: float = 0.0) -> XdfStream:
    """Markers at seconds from the first sample, JSON where they are no texts, of a clock that is `offset_s` behind."""
    texts = [said if isinstance(said, str) else json.dumps(said) for _, said in told]
    stamps = ORIGIN_S + np.array([time_s for time_s, _ in told]) - offset_s
    return XdfStream(name, "Markers", stamps, texts, "string", source_id=source_id, clock_offset_s=offset_s)


def frame_stream(
    stamps_s: Sequence[float], indices: Sequence[int], name: str = "emostream-frames", source_id: str = "cam-frames"
) -> XdfStream:
    """A camera's index stream."""
    numbers = np.array(indices, np.float64)[:, None]
    desc = {
        "video": {"stream": "emostream-video", "width": "32", "height": "24"},
        "device": {"exposure": "locked at 9"},
    }
    stamps = ORIGIN_S + np.asarray(stamps_s, np.float64)
    channels = [("frame_index", "frames", "FrameIndex")]
    return XdfStream(name, "VideoFrameIndex", stamps, numbers, "double64", 30.0, channels, source_id, desc=desc)


def number_stream(name: str, kind: str, seconds: float = 4.0, rate: float = 10.0) -> XdfStream:
    """Any other stream of numbers."""
    n = round(seconds * rate)
    values = np.arange(n, dtype=np.float32)[:, None]
    return XdfStream(name, kind, ORIGIN_S + np.arange(n) / rate, values, "float32", rate, [("a", "au", "")], name)


def write_session(folder: Path, *streams: XdfStream, film: int = 0, beside: dict[str, Any] | None = None) -> Path:
    """An XDF file and, with `film`, a film of so many frames that get lighter, and the JSON file beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    write_xdf(folder / f"{STEM}.xdf", streams)
    if film:
        pictures = (np.full((24, 32), 4 * (k % 60), np.uint8) for k in range(film))
        write_film(folder / f"{STEM}_video.avi", pictures, 30.0)
    if beside is not None:
        (folder / f"{STEM}_video.json").write_text(json.dumps(beside), encoding="utf-8")
    return folder / f"{STEM}.xdf"


def one_after_another(stamps: Sequence[float]) -> bool:
    """Whether time never stands still or goes back."""
    return bool((np.diff(stamps) > 0).all())
