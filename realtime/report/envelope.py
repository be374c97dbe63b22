"""Long series made small: no more points than a screen can show, and nothing that stands out is lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime.packets import Float64

_GAP_FACTOR = 3.0


@dataclass(frozen=True, slots=True)
class Series:
    """Values over time; NaN where there were none, so that a line breaks there.

    Parameters
    ----------
    time_s : (n,) float64
    low, mean, high : (n, k) float64
        Equal where nothing was thinned.
    """

    time_s: Float64
    low: Float64
    mean: Float64
    high: Float64

    @property
    def thinned(self) -> bool:
        """Whether a point stands for several samples."""
        return not np.array_equal(self.low, self.high, equal_nan=True)


def series(time_s: ArrayLike, values: ArrayLike, most: int = 1500) -> Series:
    """A series of at most about `most` points: each sample, or the least, mean and largest of each of `most` bins.

    Parameters
    ----------
    time_s : (n,) s
        Rising.
    values : (n,) or (n, k)
        May hold NaN.
    most : int

    Returns
    -------
    Series
        With a NaN wherever more than three usual steps have no sample.
    """
    time = np.asarray(time_s, np.float64)
    data = np.asarray(values, np.float64)
    data = data[:, None] if data.ndim == 1 else data
    if len(time) <= most:
        return _broken(time, data)
    width_s = max((time[-1] - time[0]) / most, 1e-9)
    index = np.minimum(((time - time[0]) / width_s).astype(np.intp), most - 1)
    filled = np.unique(index)
    starts = np.searchsorted(index, filled)
    finite = np.isfinite(data)
    low, high = np.full((2, most, data.shape[1]), np.nan)
    mean = low.copy()
    count = np.add.reduceat(finite, starts, axis=0)
    with np.errstate(invalid="ignore"):
        mean[filled] = np.add.reduceat(np.where(finite, data, 0.0), starts, axis=0) / count
    low[filled] = np.minimum.reduceat(np.where(finite, data, np.inf), starts, axis=0)
    high[filled] = np.maximum.reduceat(np.where(finite, data, -np.inf), starts, axis=0)
    none = ~np.isfinite(mean)
    low[none] = high[none] = np.nan
    return Series(time[0] + (np.arange(most) + 0.5) * width_s, low, mean, high)


def stepped(found: Series) -> Series:
    """Each sample as a step as long as the usual distance between samples; a thinned series as it is."""
    known = np.asarray(np.isfinite(found.mean).any(axis=1), np.bool_)
    steps = np.diff(found.time_s)[known[1:] & known[:-1]]
    if found.thinned or not steps.size:
        return found
    half_s = float(np.median(steps)) / 2
    time_s = np.stack([found.time_s - half_s, found.time_s + half_s], axis=1).ravel()
    values = np.repeat(found.mean, 2, axis=0)
    return Series(time_s, values, values, values)


def _broken(time: Float64, data: NDArray[np.float64]) -> Series:
    """Every sample, with a NaN in each hole between them."""
    if len(time) > 2:
        steps = np.diff(time)
        holes = np.flatnonzero(steps > _GAP_FACTOR * np.median(steps)) + 1
        time = np.insert(time, holes, time[holes - 1] + steps[holes - 1] / 2)
        data = np.insert(data, holes, np.nan, axis=0)
    return Series(time, data, data, data)


def runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last index of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]
