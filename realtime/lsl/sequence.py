"""Samples that a source sent twice, or in the wrong order. Pure, no LSL call."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from realtime.packets import Bool, Float64

_RECENT_S = 1.0
_BLOCKS = 256
_LATE = 0.5
_BESIDE = 0.6
"""Of a period: on a sample clock no other sample is that close to where one is missing."""


class Sequencer:
    """Says which samples are new: those that were sent before, or come after their time, are dropped and counted.

    A sample whose stamp and numbers are those of one in the last second is repeated, however the source stamps. One
    that is stamped before the newest is out of order where stamps come from a sample clock and no sample has its time
    yet. Where they are made on arrival they overlap, by nature or after a push that came late: such a sample is kept.

    Parameters
    ----------
    period_s : float
        Nominal sample period.

    Attributes
    ----------
    repeated, late : int
        Samples dropped so far: sent before, and out of order.

    Notes
    -----
    One thread. What an out-of-order sample's absence left was counted as lost when the later one came, and stays so.
    """

    def __init__(self, period_s: float) -> None:
        self._period = period_s
        # a drift that is being taken off moves a stamp by less than this in the time that is remembered
        self._same_s = min(1e-3, 0.25 * period_s)
        self.repeated = self.late = 0
        self.restart()

    def restart(self) -> None:
        """The next samples come from another outlet, or from a clock that was reset."""
        self._recent: deque[tuple[Float64, NDArray]] = deque(maxlen=_BLOCKS)
        self._newest = -math.inf

    def keep(self, stamps: Float64, rows: NDArray, exact: bool) -> Bool | None:
        """Which of the next samples to keep; None for all.

        Parameters
        ----------
        stamps : (n_times,) float64
        rows : (n_times, n_channels)
            Numbers as they were sent.
        exact : bool
            Stamps come from a sample clock.
        """
        if stamps.size == 0:
            return None
        kept = None
        if stamps[0] <= self._newest or (stamps[1:] <= stamps[:-1]).any():
            kept = self._examine(stamps, rows, exact)
        else:
            self._newest = float(stamps[-1])
        fresh = stamps if kept is None else stamps[kept]
        if fresh.size:
            self._recent.append((fresh, rows.copy() if kept is None else rows[kept]))
            while self._recent[0][0][-1] < self._newest - _RECENT_S:
                self._recent.popleft()
        return kept

    def _examine(self, stamps: Float64, rows: NDArray, exact: bool) -> Bool:
        """Look at each sample that is not stamped after all before it."""
        kept = np.ones(stamps.size, dtype=np.bool_)
        before_repeated = False
        for i, stamp in enumerate(stamps.tolist()):
            newest = self._newest
            # far behind, the clock was set: what comes is compared with what comes from now on
            if stamp > newest or stamp <= newest - _RECENT_S:
                self._newest, before_repeated = stamp, False
                continue
            # a source may stamp a whole chunk alike: only an older stamp, or the end of a repetition, says "again"
            again = (stamp < newest or before_repeated) and self._known(stamp, rows[i], stamps[:i], rows[:i])
            early = exact and stamp <= newest - _LATE * self._period
            if again or (early and not self._taken(stamp, stamps[:i])):
                kept[i] = False
                self.repeated += again
                self.late += not again
            before_repeated = again
        return kept

    def _taken(self, stamp: float, stamps: Float64) -> bool:
        """Whether a sample has that time: two of one time are not out of order, their stamps overlap."""
        within_s = _BESIDE * self._period
        known = (*(stamps for stamps, _ in reversed(self._recent)), stamps)
        return any((np.abs(times - stamp) < within_s).any() for times in known)

    def _known(self, stamp: float, row: NDArray, stamps: Float64, rows: NDArray) -> bool:
        """Whether a sample of that stamp and those numbers is among the recent ones."""
        for known_stamps, known_rows in (*reversed(self._recent), (stamps, rows)):
            for place in np.flatnonzero(np.abs(known_stamps - stamp) < self._same_s):
                if np.array_equal(known_rows[place], row, equal_nan=known_rows.dtype.kind == "f"):
                    return True
        return False
