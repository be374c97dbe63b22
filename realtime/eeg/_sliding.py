"""The newest samples as one contiguous view."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from realtime.packets import Float64


def window_length(window_s: float, sfreq_hz: float) -> int:
    """Whole samples in a window; a small excess for rates such as 204.8 Hz would shift bins across band edges."""
    return math.floor(window_s * sfreq_hz + 1e-6)


class SlidingBuffer:
    """Keeps the newest `n_times` samples of every channel; the window is a view, moved once in four windows.

    Parameters
    ----------
    n_channels, n_times : int
        Shape of the window.
    """

    def __init__(self, n_channels: int, n_times: int) -> None:
        self._data: Float64 = np.zeros((n_channels, 4 * n_times))
        self._n_times = n_times
        self._end = 0
        self.count = 0

    @property
    def full(self) -> bool:
        """Whether a whole window was written since the last reset."""
        return self.count >= self._n_times

    def append(self, x: NDArray[np.floating]) -> None:
        """Add (n_channels, n) samples; of more than a window only the newest are kept."""
        self.count += x.shape[1]
        if x.shape[1] > self._n_times:
            x = x[:, -self._n_times :]
        n = x.shape[1]
        if self._end + n > self._data.shape[1]:
            keep = min(self._end, self._n_times)
            self._data[:, :keep] = self._data[:, self._end - keep : self._end]
            self._end = keep
        self._data[:, self._end : self._end + n] = x
        self._end += n

    def window(self) -> Float64:
        """View of the newest samples, (n_channels, up to n_times); valid until the next append."""
        return self._data[:, max(0, self._end - self._n_times) : self._end]

    def reset(self) -> None:
        """Forget every sample."""
        self._end = 0
        self.count = 0
