"""The person's own noise: what each region's motion measures while nothing happens, learned as it goes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.packets import Float32, readonly

_WINDOW_S = 30.0
_REFRESH_S = 0.25
_FLOOR_PX = 0.01
_MAX_STEP_S = 0.1
_MIN_STEP_S = 0.03


@dataclass(frozen=True, slots=True)
class LearnedNoise:
    """What was learnt of a person's noise: (n, n_regions) float32 motion sizes in px, and over how many calm s."""

    sizes_px: Float32
    seconds: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes_px", readonly(self.sizes_px, np.float32))


class MotionNoise:
    """Causal median and MAD of each region's motion over the last 30 s.

    Parameters
    ----------
    n_regions : int
    before : LearnedNoise, optional
        Known of the person already: it counts as what was seen just before the first sample, and ages like that.
    """

    def __init__(self, n_regions: int, before: LearnedNoise | None = None) -> None:
        self._before = before
        self._samples: deque[tuple[float, Float32]] = deque()
        self._refreshed_s = -np.inf
        self._median = np.zeros(n_regions)
        self._spread = np.full(n_regions, _FLOOR_PX)
        self.learned_s = 0.0

    def add(self, stamp: float, size_px: Float32) -> None:
        """Take one sample of (n_regions,) motion sizes in px."""
        if self._before is not None:
            self._take_up(self._before, stamp)
            self._before = None
        if self._samples:
            step_s = stamp - self._samples[-1][0]
            if step_s < _MIN_STEP_S:
                return
            self.learned_s += min(step_s, _MAX_STEP_S)
        self._samples.append((stamp, size_px))
        while self._samples[0][0] < stamp - _WINDOW_S:
            self._samples.popleft()
        if stamp - self._refreshed_s >= _REFRESH_S:
            sizes = np.array([size for _, size in self._samples])
            self._median = np.median(sizes, axis=0)
            self._spread = np.maximum(1.4826 * np.median(np.abs(sizes - self._median), axis=0), _FLOOR_PX)
            self._refreshed_s = stamp

    def learned(self) -> LearnedNoise:
        """What the newest 30 s taught, for the next session with the same person, camera and light."""
        sizes = [size for _, size in self._samples]
        return LearnedNoise(np.array(sizes, np.float32).reshape(len(sizes), len(self._median)), self.learned_s)

    def _take_up(self, before: LearnedNoise, stamp: float) -> None:
        n = len(before.sizes_px)
        step_s = min(before.seconds, _WINDOW_S) / max(n, 1)
        self._samples.extend((stamp - (n - i) * step_s, size) for i, size in enumerate(before.sizes_px))
        self.learned_s = before.seconds

    def z(self, size_px: Float32) -> NDArray[np.float64]:
        """(n_regions,) motion above the median in robust standard deviations, 0 below it."""
        return np.maximum(size_px - self._median, 0.0) / self._spread
