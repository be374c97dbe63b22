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
    """Causal median and MAD of each region's motion, for a calm and for a moving head.

    A moving head leaves a residual that grows with its motion (parallax, resampling), so the quarter of the samples
    with the most head motion has a noise level of its own; beyond it the level grows in proportion.

    Parameters
    ----------
    n_regions : int
    """

    def __init__(self, n_regions: int) -> None:
        self._samples: deque[tuple[float, float, Float32]] = deque()
        self._refreshed_s = -np.inf
        self._calm = (np.zeros(n_regions), np.full(n_regions, _FLOOR_PX))
        self._moving = self._calm
        self._head = (0.0, 1.0)
        self.learned_s = 0.0

    def add(self, stamp: float, size_px: Float32, head_px: float) -> None:
        """Take one sample of (n_regions,) motion sizes in px, measured while the head moved by `head_px`."""
        if self._samples:
            step_s = stamp - self._samples[-1][0]
            if step_s < _MIN_STEP_S:
                return
            self.learned_s += min(step_s, _MAX_STEP_S)
        self._samples.append((stamp, head_px, size_px))
        while self._samples[0][0] < stamp - _WINDOW_S:
            self._samples.popleft()
        if stamp - self._refreshed_s >= _REFRESH_S:
            self._refresh()
            self._refreshed_s = stamp

    def _refresh(self) -> None:
        sizes = np.array([size for _, _, size in self._samples])
        heads = np.array([head for _, head, _ in self._samples])
        self._calm = _robust(sizes)
        high = np.quantile(heads, 0.75)
        self._moving = _robust(sizes[heads >= high])
        self._head = (float(high), max(float(np.median(heads[heads >= high])), 0.1))

    def z(self, size_px: Float32, head_px: float) -> NDArray[np.float64]:
        """(n_regions,) motion above the median in robust standard deviations, 0 below it."""
        median, spread = self._calm
        if head_px > self._head[0]:
            growth = max(1.0, head_px / self._head[1])
            median = np.maximum(median, self._moving[0] * growth)
            spread = np.maximum(spread, self._moving[1] * growth)
        return np.maximum(size_px - median, 0.0) / spread


def _robust(sizes: NDArray) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    median = np.median(sizes, axis=0)
    spread = 1.4826 * np.median(np.abs(sizes - median), axis=0)
    return median, np.maximum(spread, _FLOOR_PX)
