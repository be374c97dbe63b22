"""The person's own noise: what each region's motion measures while nothing happens, learned as it goes."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from realtime.packets import Float32

_WINDOW_S = 30.0
_REFRESH_S = 0.25
_FLOOR_PX = 0.01
_MAX_STEP_S = 0.1
_MIN_STEP_S = 0.03


class MotionNoise:
    """Causal median and MAD of each region's motion over the last 30 s.

    Parameters
    ----------
    n_regions : int
    """

    def __init__(self, n_regions: int) -> None:
        self._samples: deque[tuple[float, Float32]] = deque()
        self._refreshed_s = -np.inf
        self._median = np.zeros(n_regions)
        self._spread = np.full(n_regions, _FLOOR_PX)
        self.learned_s = 0.0

    def add(self, stamp: float, size_px: Float32) -> None:
        """Take one sample of (n_regions,) motion sizes in px."""
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

    def z(self, size_px: Float32) -> NDArray[np.float64]:
        """(n_regions,) motion above the median in robust standard deviations, 0 below it."""
        return np.maximum(size_px - self._median, 0.0) / self._spread
