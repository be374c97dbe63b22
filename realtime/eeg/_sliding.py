"""The newest samples as one contiguous view, and sums over them that move on with a hop instead of starting anew."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from realtime.packets import Float64

Complex128 = NDArray[np.complex128]

HOPS_AT_ONCE = 16
"""At most so many hops of a recording are processed in one go: their arrays fit a processor's cache."""


def window_length(window_s: float, sfreq_hz: float) -> int:
    """Whole samples in a window; a small excess for rates such as 204.8 Hz would shift bins across band edges."""
    return math.floor(window_s * sfreq_hz + 1e-6)


class SlidingBuffer:
    """Keeps the newest `n_times` samples of every channel; the window is a view, moved once in two windows.

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
        """Add (n_channels, n) samples; of more than two windows only the newest are kept."""
        self.count += x.shape[1]
        x = x[:, -2 * self._n_times :]
        n = x.shape[1]
        if self._end + n > self._data.shape[1]:
            keep = min(self._end, 2 * self._n_times)
            self._data[:, :keep] = self._data[:, self._end - keep : self._end]
            self._end = keep
        self._data[:, self._end : self._end + n] = x
        self._end += n

    def window(self, back: int = 0) -> Float64:
        """View of the (n_channels, up to n_times) samples that were the newest `back` samples ago.

        Valid until the next append, for `back` up to what that one brought.
        """
        end = self._end - back
        return self._data[:, max(0, end - self._n_times) : end]

    def span(self, n: int) -> Float64:
        """View of the newest `n` samples, up to a window, and of the window before them, (n_channels, n_times + n)."""
        return self._data[:, self._end - n - self._n_times : self._end]

    def reset(self) -> None:
        """Forget every sample."""
        self._end = 0
        self.count = 0


class SlidingDft:
    """Fourier sums over a sliding window, its first sample at phase 0: `sum x[n] exp(-2j pi cycles n / n_times)`.

    A hop costs as much as its new samples: what they add and what the samples that leave take away, then a turn of the
    phase. Rounding adds up on the way, so whoever uses this takes the sums anew once a window. Called from one thread.

    Parameters
    ----------
    n_times : int
        Window length in samples.
    cycles : (n_frequencies,) float
        Frequencies in cycles a window, whole or not.

    References
    ----------
    Jacobsen and Lyons (2003), "The sliding DFT".
    """

    def __init__(self, n_times: int, cycles: NDArray[np.floating]) -> None:
        self._n_times = n_times
        self._cycles = np.asarray(cycles, np.float64)
        self._whole = bool(np.all(self._cycles == np.rint(self._cycles)))
        self._waves = self._at(np.arange(n_times))
        # what enters is a window later than what leaves
        self._entering = self._waves if self._whole else self._at(np.arange(n_times, 2 * n_times))
        self._turns: dict[int, Complex128] = {}
        self.sums: Complex128 = np.zeros((0, self._cycles.size), np.complex128)
        self.known = False
        """Whether `sums` are those of the newest window."""

    def _at(self, index: NDArray[np.integer]) -> Float64:
        """(n, 2 n_frequencies) cosines and sines, interleaved as complex numbers are in memory."""
        # whole turns are taken off first: a large angle loses digits
        turns = np.outer(index, self._cycles) % self._n_times
        return np.exp(-2j * np.pi / self._n_times * turns).view(np.float64)

    def start(self, window: Float64) -> None:
        """Take the sums over (n_channels, n_times) samples."""
        self.sums = (window @ self._waves).view(np.complex128)
        self.known = True

    def advance(self, span: Float64, lengths: Sequence[int]) -> Complex128:
        """Move on by hops of `lengths` samples, each shorter than a window.

        Parameters
        ----------
        span : (n_channels, n_times + sum(lengths)) float64
            The window so far and the new samples.
        lengths : sequence of int

        Returns
        -------
        (n_hops, n_channels, n_frequencies) complex128
            The sums at the end of each hop.
        """
        change = self._change(span, lengths)
        out = np.empty((len(lengths), *self.sums.shape), np.complex128)
        sums = self.sums
        for hop, length in enumerate(lengths):
            np.add(sums, change[hop], out=out[hop])
            out[hop] *= self._turn(length)
            sums = out[hop]
        self.sums = sums.copy()
        return out

    def _change(self, span: Float64, lengths: Sequence[int]) -> list[Complex128]:
        """What each hop adds less what it takes away, phases counted from the start of the window before it."""
        old, new = span[:, : -self._n_times], span[:, self._n_times :]
        pairs = [(new - old, self._waves)] if self._whole else [(new, self._entering), (-old, self._waves)]
        longest = max(lengths)
        if min(lengths) == longest:
            n = len(span)
            sums = sum(np.ascontiguousarray(x).reshape(-1, longest) @ waves[:longest] for x, waves in pairs)
            by_hop = np.asarray(sums).view(np.complex128).reshape(n, len(lengths), -1)
            return [by_hop[:, hop] for hop in range(len(lengths))]
        ends = np.cumsum(lengths).tolist()
        return [
            np.asarray(sum(x[:, end - n : end] @ waves[:n] for x, waves in pairs)).view(np.complex128)
            for n, end in zip(lengths, ends, strict=True)
        ]

    def _turn(self, length: int) -> Complex128:
        if length not in self._turns:
            self._turns[length] = np.exp(2j * np.pi / self._n_times * ((self._cycles * length) % self._n_times))
        return self._turns[length]
