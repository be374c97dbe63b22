"""The newest samples as one contiguous view, and sums over them in which each sample is counted once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.packets import Float64

Complex128 = NDArray[np.complex128]

HOPS_AT_ONCE = 20
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
    dtype : dtype
    """

    def __init__(self, n_channels: int, n_times: int, dtype: type[np.floating] = np.float64) -> None:
        self._data: NDArray[Any] = np.zeros((n_channels, 4 * n_times), dtype)
        self._n_times = n_times
        self._end = 0
        self.count = 0

    @property
    def n_channels(self) -> int:
        """Channels."""
        return len(self._data)

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

    def window(self, back: int = 0) -> NDArray[Any]:
        """View of the (n_channels, up to n_times) samples that were the newest `back` samples ago.

        Valid until the next append, for `back` up to what that one brought.
        """
        end = self._end - back
        return self._data[:, max(0, end - self._n_times) : end]

    def newest(self, n: int) -> NDArray[Any]:
        """View of the newest `n` samples, up to what the last append brought."""
        return self._data[:, self._end - n : self._end]

    def reset(self) -> None:
        """Forget every sample."""
        self._end = 0
        self.count = 0


class HopSums:
    """Sums of samples times waves over a window of whole hops, in which nothing is ever taken away again.

    Each hop is summed once. A window is the running sum of the hops since the last turn of the period, and what the
    period before left behind: its hops summed from its end. So a window is a sum of its own samples alone, rounding
    does not add up however long it runs, and a hop costs as much as its new samples. Called from one thread.

    Parameters
    ----------
    n_channels, n_hops : int
        A period, and a window, is `n_hops` hops.
    waves : (n_times, n_waves) float64
        Sample `n` of a period counts `waves[n]` times; `n_times` is the length of any `n_hops` hops in a row.
    move_back : callable, optional
        Changes (n_hops, n_channels, n_waves) sums in place into those of the same samples a period earlier; waves of
        whole cycles need none.
    squares : bool
        Whether the sum of the squared samples is wanted, too, as one more column.

    References
    ----------
    The queue of two stacks: Tangwongsan et al. (2015), "General incremental sliding-window aggregation".
    """

    def __init__(
        self,
        n_channels: int,
        n_hops: int,
        waves: Float64,
        *,
        move_back: Callable[[Float64], None] | None = None,
        squares: bool = False,
    ) -> None:
        self._waves, self._move_back, self._squares = waves, move_back, squares
        n_columns = waves.shape[1] + squares
        # below `_turn` sums of hops of this period, from there on what is left of the last one
        self._hops: Float64 = np.zeros((n_hops, n_channels, n_columns))
        self._total: Float64 = np.zeros((n_channels, n_columns))
        # where the hops of a period end: with 2.05 samples a hop, rounding moves one in some periods
        self._ends = [len(waves)] * n_hops
        self.forget()

    def forget(self) -> None:
        """The window goes on without these sums: start anew with the hop after the next, which is a whole one."""
        self._seen = -1
        self._turn = self._at = 0
        self._total[:] = 0.0

    def add(self, x: Float64, out: Float64) -> int:
        """Move on by a hop.

        Parameters
        ----------
        x : (n_channels, n) float64
            The hop's samples.
        out : (n_channels, n_columns) float64
            Filled with the sums over the window that ends with them.

        Returns
        -------
        int
            Where in its period the hop ends: its window began there, a period earlier. 0 while no whole window was
            seen, or no hop of the period before ended there; then `out` is of no use.
        """
        self._seen += 1
        if not self._seen:
            return 0
        turn, end = self._turn, self._at + x.shape[1]
        last, n_times = turn + 1 == len(self._hops), len(self._waves)
        if end > n_times or (last and end < n_times):
            # the grid's rounding gave a sample more or less to this period
            self.forget()
            return 0
        added, n_waves = self._hops[turn], self._waves.shape[1]
        np.matmul(x, self._waves[self._at : end], out=added[:, :n_waves])
        if self._squares:
            np.vecdot(x, x, out=added[:, n_waves])
        self._total += added
        self._turn, self._at = turn + 1, end
        began, self._ends[turn] = self._ends[turn], end
        if last:
            out[:] = self._total
            self._turn_over()
        else:
            np.add(self._total, self._hops[turn + 1], out=out)
        return end if began == end and self._seen >= len(self._hops) else 0

    def _turn_over(self) -> None:
        hops = self._hops
        for hop in range(len(hops) - 2, -1, -1):
            hops[hop] += hops[hop + 1]
        if self._move_back is not None:
            self._move_back(hops)
        self._turn = self._at = 0
        self._total[:] = 0.0


def hops_a_window(n_times: int, hop_samples: float) -> int | None:
    """How many hops make a window of `n_times` samples; None where they do not fit, as at 249.875 Hz."""
    n_hops = round(n_times / hop_samples)
    return n_hops if n_hops and abs(n_hops * hop_samples - n_times) < 1e-6 else None


def waves(index: NDArray[np.integer], cycles: Float64, n_times: int) -> Float64:
    """(n, 2 n_frequencies) cosines and sines of `exp(-2j pi cycles index / n_times)`, as complex numbers in memory."""
    # whole turns are taken off first: a large angle loses digits
    return np.exp(-2j * np.pi / n_times * (np.outer(index, cycles) % n_times)).view(np.float64)


class Turns:
    """Phases that make sums in a period's terms those of a window that ends at sample `end` of the period."""

    def __init__(self, cycles: Float64, n_times: int) -> None:
        self._cycles, self._n_times = cycles, n_times
        self._known: dict[int, Complex128] = {}

    def __call__(self, end: int) -> Complex128:
        """(n_frequencies,) phases; at most one array for each sample of a period is remembered."""
        if end not in self._known:
            start = (self._cycles * (end - self._n_times)) % self._n_times
            self._known[end] = np.exp(2j * np.pi / self._n_times * start)
        return self._known[end]
