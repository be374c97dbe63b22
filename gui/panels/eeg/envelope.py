"""Min/max envelope of many channels, one column a pixel, and its rasterisation: what makes 64 x 1 kHz cheap to draw.

Pure arithmetic for the screen only; nothing measured here leaves it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.packets import Float32, Float64

DRIFT_S = 2.0


class ColumnEnvelope:
    """Lowest and highest value of every channel in every pixel column of the newest `window_s` seconds.

    Columns lie on a fixed grid of stamps, so what is drawn does not depend on how the samples were cut into chunks.
    A column without samples stays NaN where the stamps leave a hole longer than `max_hole_s`; shorter holes (a slow
    stream on a wide screen) carry a straight line, as any line plot would. A running mean with a time constant of
    2 s is kept per channel so that electrode drift can be taken off for display.

    Parameters
    ----------
    n_channels, n_columns : int
    window_s : float
        Time across all columns.
    max_hole_s : float
        Longest hole between samples that is not a gap.
    """

    def __init__(self, n_channels: int, n_columns: int, window_s: float, max_hole_s: float = 0.1) -> None:
        self.n_channels = n_channels
        self.n_columns = n_columns
        self.column_s = window_s / n_columns
        self.max_hole_s = max_hole_s
        self.head = -1
        self.low: Float32 = np.full((n_channels, n_columns), np.nan, np.float32)
        self.high: Float32 = np.full((n_channels, n_columns), np.nan, np.float32)
        self.drift: Float32 = np.zeros((n_channels, n_columns), np.float32)
        self._mean: Float64 = np.full(n_channels, np.nan)
        self._last_stamp = -np.inf

    def push(self, samples: Float32, stamps: Float64) -> None:
        """Add consecutive samples.

        Parameters
        ----------
        samples : (n_channels, n_times) float32
        stamps : (n_times,) float64
            LSL seconds, not decreasing; samples older than the newest column are dropped.
        """
        if np.isinf(samples).any():
            samples = np.where(np.isfinite(samples), samples, np.float32(np.nan))
        columns = np.floor(stamps / self.column_s).astype(np.int64)
        keep = columns >= self.head
        if not keep.all():
            samples, stamps, columns = samples[:, keep], stamps[keep], columns[keep]
        if not len(columns):
            return
        starts = np.flatnonzero(np.diff(columns, prepend=columns[0] - 1))
        low = np.fmin.reduceat(samples, starts, axis=1)
        high = np.fmax.reduceat(samples, starts, axis=1)
        for index, start in enumerate(starts):
            self._put(int(columns[start]), low[:, index], high[:, index], samples[:, start], float(stamps[start]))
        self._last_stamp = float(stamps[-1])

    def _put(self, column: int, low: Float32, high: Float32, first: Float32, stamp: float) -> None:
        at = column % self.n_columns
        if column == self.head:
            self.low[:, at] = np.fmin(self.low[:, at], low)
            self.high[:, at] = np.fmax(self.high[:, at], high)
            return
        if self.head < 0:
            self._mean[:] = first
        else:
            # only a column that is complete moves the mean: half of one would depend on how samples were cut
            done = self.head % self.n_columns
            self._follow(0.5 * (self.low[:, done].astype(np.float64) + self.high[:, done]))
            self._fill(column, first, bridge=stamp - self._last_stamp <= self.max_hole_s)
        self.low[:, at] = low
        self.high[:, at] = high
        self.drift[:, at] = np.nan_to_num(self._mean)
        self.head = column
        self._last_stamp = stamp

    def _fill(self, column: int, first: Float32, *, bridge: bool) -> None:
        """Blank, or join by a straight line, the columns between the newest one and `column`."""
        hole = column - self.head - 1
        if hole <= 0:
            return
        where = np.arange(self.head + 1, column)[-self.n_columns :] % self.n_columns
        self.low[:, where] = np.nan
        self.high[:, where] = np.nan
        self.drift[:, where] = self.drift[:, [self.head % self.n_columns]]
        if bridge and hole < self.n_columns:
            before = 0.5 * (self.low[:, self.head % self.n_columns] + self.high[:, self.head % self.n_columns])
            share = np.arange(1, hole + 1, dtype=np.float32) / (hole + 1)
            line = before[:, None] + (first - before)[:, None] * share
            self.low[:, where] = line
            self.high[:, where] = line

    def _follow(self, middle: Float64) -> None:
        fresh = np.isnan(self._mean)
        step = np.where(np.isnan(middle), 0.0, middle - self._mean) * min(1.0, self.column_s / DRIFT_S)
        self._mean = np.where(fresh, middle, self._mean + step)

    def columns(self, first: int, last: int) -> tuple[Float32, Float32]:
        """Envelope of the columns `first` to `last` (inclusive, absolute), drift taken off: two (n_channels, n)."""
        where = np.arange(first, last + 1) % self.n_columns
        drift = self.drift[:, where]
        return self.low[:, where] - drift, self.high[:, where] - drift


def rasterise(
    low: Float32, high: Float32, previous: tuple[Float32, Float32], centres: Float64, gain: float, height: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]:
    """Turn an envelope into vertical pixel runs that join up from column to column.

    Parameters
    ----------
    low, high : (n_channels, n_columns) float32
        Envelope; NaN where there is nothing to draw.
    previous : two (n_channels,) float32
        Envelope of the column before the first.
    centres : (n_channels,) float64 px
        Line of each channel's zero.
    gain : float
        Pixels a unit, upwards.
    height : int
        Rows of the image.

    Returns
    -------
    top, bottom : (n_channels, n_columns) int32
        First and last row of each run.
    drawn : (n_channels, n_columns) bool
    """
    before_low = np.concatenate([previous[0][:, None], low[:, :-1]], axis=1)
    before_high = np.concatenate([previous[1][:, None], high[:, :-1]], axis=1)
    drawn = ~np.isnan(low)
    # fmin with the neighbour's far edge: a NaN neighbour (a gap) leaves the column as it is
    joined_low = np.fmin(low, before_high)
    joined_high = np.fmax(high, before_low)
    lane = abs(float(centres[1] - centres[0])) if len(centres) > 1 else float(height)
    reach = 1.5 * lane
    up = np.clip(np.nan_to_num(joined_high) * gain, -reach, reach)
    down = np.clip(np.nan_to_num(joined_low) * gain, -reach, reach)
    top, bottom = np.rint(centres[:, None] - up), np.rint(centres[:, None] - down)
    # what lies outside altogether must not become a line along the edge
    drawn &= (top < height) & (bottom >= 0)
    return np.clip(top, 0, height - 1).astype(np.int32), np.clip(bottom, 0, height - 1).astype(np.int32), drawn


def covered(
    top: NDArray[np.int32], bottom: NDArray[np.int32], drawn: NDArray[np.bool_], height: int
) -> NDArray[np.bool_]:
    """Which pixels any of the runs covers.

    Parameters
    ----------
    top, bottom, drawn : (n_channels, n_columns)
        From `rasterise`.
    height : int

    Returns
    -------
    (height, n_columns) bool
        Union of all runs, by one cumulative sum of run starts and ends.
    """
    n_columns = top.shape[1]
    edges = np.zeros((height + 1, n_columns), np.int16)
    column = np.broadcast_to(np.arange(n_columns), top.shape)[drawn]
    np.add.at(edges, (top[drawn], column), 1)
    np.add.at(edges, (bottom[drawn] + 1, column), -1)
    return np.cumsum(edges[:-1], axis=0, dtype=np.int16) > 0
