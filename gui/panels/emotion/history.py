"""Memory of the emotion traces: every prediction of the last hours, extremes and means of all that came before.

Two levels, both of fixed size: a ring of single predictions, and bins that double their width when they run out.
Whatever is asked for comes back as columns of time, and a column never speaks for a moment nobody spoke of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gui.streams.messages import EmotionSample
from realtime.packets import Bool, Float32, Float64

Source = Literal["fused", "eeg", "face"]
SOURCES: tuple[Source, ...] = ("fused", "eeg", "face")

STALE_AFTER_S = 1.5
KEPT = 65_536
BINS = 4096
FIRST_BIN_S = 1.0
_EXTRAS = 4
_RAW_LIMIT = 8192


@dataclass(frozen=True, slots=True)
class Columns:
    """What was said in consecutive stretches of time, oldest first; NaN where nothing was claimed.

    Parameters
    ----------
    first_s, last_s : (n,) float64
        Stamps of the first and the last prediction in each column.
    mean, low, high : (3 * n_classes + 4, n) float32
        Fused, EEG alone, face alone, then confidence, use of EEG and of the face (0 to 1), lack of evidence (0 to 1).
    hole_s : (n,) float64
        Longest silence inside each column.
    width_s : float
        Nominal width of a column; 0 where each is one prediction.
    """

    first_s: Float64
    last_s: Float64
    mean: Float32
    low: Float32
    high: Float32
    hole_s: Float64
    width_s: float

    @property
    def single(self) -> bool:
        """True where each column is one prediction."""
        return self.width_s == 0.0

    @property
    def middle_s(self) -> Float64:
        """(n,) float64: the middle of each column."""
        return 0.5 * (self.first_s + self.last_s)

    @property
    def n_classes(self) -> int:
        """Classes behind the rows."""
        return (len(self.mean) - _EXTRAS) // 3

    def rows(self, source: Source) -> slice:
        """Rows of one source."""
        first = SOURCES.index(source) * self.n_classes
        return slice(first, first + self.n_classes)

    @property
    def confidence(self) -> int:
        """Row of the confidence."""
        return 3 * self.n_classes

    @property
    def used_eeg(self) -> int:
        """Row that tells the use of EEG."""
        return self.confidence + 1

    @property
    def used_face(self) -> int:
        """Row that tells the use of the face."""
        return self.confidence + 2

    @property
    def lacking(self) -> Float32:
        """(n,) float32: share of predictions without enough evidence."""
        return self.mean[self.confidence + 3]

    def uncertain(self, below: float) -> Bool:
        """(n,) bool: something was claimed, and its mean confidence is lower than `below`."""
        return self.mean[self.confidence] < below

    def after_silence(self) -> Bool:
        """(n,) bool: predictions had stopped before this column, as before the first."""
        silent = np.ones(len(self.first_s), np.bool_)
        silent[1:] = self.first_s[1:] - self.last_s[:-1] > STALE_AFTER_S
        return silent

    def broken(self) -> Bool:
        """(n,) bool: nothing joins this column to the one before it."""
        broken = self.after_silence()
        uncertain = (self.hole_s > STALE_AFTER_S) | (self.lacking > 0.0)
        broken[1:] |= uncertain[1:] | uncertain[:-1]
        return broken


class EmotionHistory:
    """Predictions of one model. GUI thread.

    Parameters
    ----------
    n_classes : int
    kept : int, optional
        Single predictions held; what is older is in the bins only.
    bins : int, optional
        Even number of bins for the whole session.
    """

    def __init__(self, n_classes: int, kept: int = KEPT, bins: int = BINS) -> None:
        self.n_classes = n_classes
        self.late = 0
        """Predictions passed over because their stamp was not after the one before."""
        self._rows = 3 * n_classes + _EXTRAS
        # written twice, half a ring apart, so that any stretch of time is one contiguous view; filled, so that the
        # memory is taken now and not page by page through the hours
        self._stamps: Float64 = np.full(2 * kept, np.nan)
        self._values = np.full((self._rows, 2 * kept), np.nan, np.float32)
        self._ages = np.full((2, 2 * kept), np.nan, np.float32)
        self._kept, self._pushed = kept, 0
        self._bins = _Bins(self._rows, bins)

    def __len__(self) -> int:
        """Single predictions held."""
        return min(self._pushed, self._kept)

    @property
    def first_s(self) -> float:
        """Stamp of the very first prediction; NaN before."""
        return self._bins.first_s

    @property
    def last_s(self) -> float:
        """Stamp of the newest prediction; NaN before."""
        return float(self._stamps[(self._pushed - 1) % self._kept]) if self._pushed else float("nan")

    @property
    def nbytes(self) -> int:
        """Memory held, whatever comes."""
        return self._stamps.nbytes + self._values.nbytes + self._ages.nbytes + self._bins.nbytes

    def push(self, sample: EmotionSample) -> None:
        """Add the newest prediction."""
        if not sample.stamp > (self.last_s if self._pushed else -np.inf):
            self.late += 1
            return
        hole_s = sample.stamp - self.last_s if self._pushed else 0.0
        column = np.full(self._rows, np.nan, np.float32)
        if sample.enough:
            column[:-_EXTRAS] = np.concatenate([sample.probabilities, sample.by_eeg, sample.by_face])
            column[-_EXTRAS] = sample.confidence
        column[1 - _EXTRAS :] = sample.used_eeg, sample.used_face, not sample.enough
        at = self._pushed % self._kept
        for place in (at, at + self._kept):
            self._stamps[place] = sample.stamp
            self._values[:, place] = column
            self._ages[:, place] = sample.eeg_age_s, sample.face_age_s
        self._pushed += 1
        self._bins.push(sample.stamp, column, hole_s)

    def _held(self) -> slice:
        if self._pushed <= self._kept:
            return slice(0, self._pushed)
        oldest = self._pushed % self._kept
        return slice(oldest, oldest + self._kept)

    def _between(self, start_s: float, end_s: float) -> slice:
        held = self._held()
        first, last = np.searchsorted(self._stamps[held], (start_s, np.nextafter(end_s, np.inf)))
        return slice(held.start + int(first), held.start + int(last))

    def columns(self, start_s: float, end_s: float, n_columns: int, most_single: int = 0) -> Columns:
        """What was said from `start_s` to `end_s` in about `n_columns` columns.

        As single predictions where there are no more than `most_single` of them, or one a column.
        """
        width_s = (end_s - start_s) / max(1, n_columns)
        where = self._between(start_s, end_s)
        oldest = self._stamps[self._held().start] if self._pushed else np.inf
        complete = oldest <= start_s or oldest == self.first_s
        if complete and where.stop - where.start <= max(most_single, n_columns):
            return self._single(where)
        if complete and (where.stop - where.start <= _RAW_LIMIT or self._bins.width_s > width_s):
            return _gather(self._single(where), np.ones_like(self._values[:, where]), width_s)
        part, count = self._bins.columns(start_s, end_s)
        return _gather(part, count, max(width_s, self._bins.width_s))

    def _single(self, where: slice) -> Columns:
        stamps, values = self._stamps[where], self._values[:, where]
        return Columns(stamps, stamps, values, values, values, np.zeros(len(stamps)), 0.0)

    def nearest(self, stamp: float) -> EmotionSample | None:
        """The single prediction closest to `stamp`; None where none is within `STALE_AFTER_S` or held any more."""
        where = self._between(stamp - STALE_AFTER_S, stamp + STALE_AFTER_S)
        if where.start == where.stop:
            return None
        return self._at(where.start + int(np.argmin(np.abs(self._stamps[where] - stamp))))

    def newest(self, end_s: float) -> EmotionSample | None:
        """The newest prediction at `end_s`; None where it was stale by then."""
        where = self._between(end_s - STALE_AFTER_S, end_s)
        return self._at(where.stop - 1) if where.stop > where.start else None

    def samples(self, start_s: float, end_s: float) -> Iterator[EmotionSample]:
        """The single predictions held between two moments, oldest first; probabilities are NaN without evidence.

        They are those held now: another thread may read them.
        """
        where = self._between(start_s, end_s)
        stamps, values, ages = self._stamps[where].copy(), self._values[:, where].copy(), self._ages[:, where].copy()
        return (self._sample(*each) for each in zip(stamps, values.T, ages.T, strict=True))

    def _at(self, index: int) -> EmotionSample:
        return self._sample(self._stamps[index], self._values[:, index], self._ages[:, index])

    def _sample(self, stamp: float, column: Float32, ages: Float32) -> EmotionSample:
        n = self.n_classes
        confidence, used_eeg, used_face, lacking = (float(value) for value in column[-_EXTRAS:])
        return EmotionSample(
            stamp=float(stamp),
            probabilities=column[:n].copy(),
            by_eeg=column[n : 2 * n].copy(),
            by_face=column[2 * n : 3 * n].copy(),
            confidence=confidence,
            used_eeg=used_eeg > 0.5,
            used_face=used_face > 0.5,
            enough=lacking < 0.5,
            eeg_age_s=float(ages[0]),
            face_age_s=float(ages[1]),
        )


class _Bins:
    """Extremes, sums and counts on a grid of time; two neighbours become one when there is no room for another."""

    def __init__(self, n_rows: int, capacity: int) -> None:
        self.width_s = FIRST_BIN_S
        self.first_s = float("nan")
        self._n = 0
        self._keys = np.full(capacity, -1, np.int64)
        self._low, self._high, self._sum, self._count = (
            np.full((n_rows, capacity), np.nan, np.float32) for _ in range(4)
        )
        self._starts, self._ends, self._hole_s = (np.full(capacity, np.nan) for _ in range(3))

    @property
    def nbytes(self) -> int:
        """Memory held."""
        return 4 * self._low.nbytes + 3 * self._starts.nbytes + self._keys.nbytes

    def push(self, stamp: float, column: Float32, hole_s: float) -> None:
        if not self._n:
            self.first_s = stamp
        key = int(stamp // self.width_s)
        if self._n and self._keys[self._n - 1] == key:
            self._join(self._n - 1, stamp, column, hole_s)
            return
        if self._n == len(self._keys):
            self._halve()
            self.push(stamp, column, hole_s)
            return
        i = self._n
        self._keys[i], self._starts[i], self._ends[i], self._hole_s[i] = key, stamp, stamp, 0.0
        self._low[:, i] = self._high[:, i] = column
        self._sum[:, i], self._count[:, i] = np.nan_to_num(column), np.isfinite(column)
        self._n += 1

    def _join(self, i: int, stamp: float, column: Float32, hole_s: float) -> None:
        self._low[:, i] = np.fmin(self._low[:, i], column)
        self._high[:, i] = np.fmax(self._high[:, i], column)
        self._sum[:, i] += np.nan_to_num(column)
        self._count[:, i] += np.isfinite(column)
        self._ends[i], self._hole_s[i] = stamp, max(self._hole_s[i], hole_s)

    def _halve(self) -> None:
        """Make room: bins twice as wide."""
        keys = self._keys[: self._n] // 2
        first = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
        n = len(first)
        self._hole_s[:n] = _holes(self._starts[: self._n], self._ends[: self._n], self._hole_s[: self._n], first)
        self._keys[:n] = keys[first]
        self._starts[:n] = self._starts[: self._n][first]
        self._ends[:n] = self._ends[: self._n][np.append(first[1:], self._n) - 1]
        for array, how in (
            (self._low, np.fmin),
            (self._high, np.fmax),
            (self._sum, np.add),
            (self._count, np.add),
        ):
            array[:, :n] = how.reduceat(array[:, : self._n], first, axis=1)
        self._n, self.width_s = n, 2.0 * self.width_s

    def columns(self, start_s: float, end_s: float) -> tuple[Columns, Float32]:
        """The bins between two moments, and how many predictions each mean rests on."""
        low, high = np.searchsorted(self._starts[: self._n], (start_s - self.width_s, np.nextafter(end_s, np.inf)))
        i = slice(int(low), int(high))
        mean = np.full(self._sum[:, i].shape, np.nan, np.float32)
        np.divide(self._sum[:, i], self._count[:, i], out=mean, where=self._count[:, i] > 0)
        part = Columns(
            self._starts[i], self._ends[i], mean, self._low[:, i], self._high[:, i], self._hole_s[i], self.width_s
        )
        return part, self._count[:, i]


def _gather(part: Columns, count: Float32, width_s: float) -> Columns:
    """Put columns together into wider ones, on a grid that does not move as time goes on."""
    if not len(part.first_s):
        return part
    keys = np.floor(part.first_s / width_s)
    first = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    count = np.where(np.isfinite(part.mean), count, np.float32(0))
    total = np.add.reduceat(np.nan_to_num(part.mean) * count, first, axis=1)
    counts = np.add.reduceat(count, first, axis=1)
    mean = np.full(total.shape, np.nan, np.float32)
    np.divide(total, counts, out=mean, where=counts > 0)
    return Columns(
        part.first_s[first],
        part.last_s[np.append(first[1:], len(keys)) - 1],
        mean,
        np.fmin.reduceat(part.low, first, axis=1),
        np.fmax.reduceat(part.high, first, axis=1),
        _holes(part.first_s, part.last_s, part.hole_s, first),
        width_s,
    )


def _holes(first_s: Float64, last_s: Float64, inside_s: Float64, groups: NDArray[np.intp]) -> Float64:
    """Longest silence inside each group of neighbours, the silences between them counted in."""
    before = np.zeros(len(first_s))
    before[1:] = first_s[1:] - last_s[:-1]
    before[groups] = 0.0
    return np.maximum.reduceat(np.maximum(inside_s, before), groups)
