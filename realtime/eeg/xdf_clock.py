"""Where a source's clock was set while it was recorded, told by the order of the chunks in an XDF file. Pure.

A recorder writes chunks as they arrive, so what it wrote of other streams, and of its own clock, tells how much time
passed while so many samples of this one came. Where stamps leap and as many samples came as ever, the clock was set;
where samples are missing for as long as the stamps leap, it is a gap. Live, `realtime.lsl.arrival` tells the same by
when samples arrive.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from realtime.packets import Float64

LEAP_S = 1.0
"""Stamps that leave the sample grid by more than this are held against the rest of the file."""

_THIN_S = 0.1
_WINDOW_S = 15.0  # a recorder measures clocks every 5 s
_STEADY_S = 1.5  # recorders write each stream twice a second
_NEAR_S = 0.5
_AHEAD_S, _BEHIND_S = 1.0, 5.0
_FIRST = 3  # measurements of the recorder's that tell how far a stream's stamps are from its clock
_MOST = 100


class Leap(NamedTuple):
    """Before sample `at`, stamps leave the grid by `step_s`; `set_s` of it was taken off. Not `sure`: nothing tells."""

    at: int
    step_s: float
    set_s: float
    sure: bool

    def sentence(self, name: str, at_s: float) -> str:
        """What is said of it, but for a gap, of which others tell: '' for one."""
        if not self.sure:
            taken = "a clock that was set" if self.set_s else "missing samples"
            return (
                f"'{name}': stamps leap by {self.step_s:+.1f} s at {at_s:.1f} s, and nothing in the file tells whether "
                f"the source's clock was set or samples are missing: taken for {taken}"
            )
        if not self.set_s:
            return ""
        return f"'{name}': the source's clock was set by {self.set_s:+.1f} s at {at_s:.1f} s; times were mended"


@dataclass(frozen=True, slots=True)
class Marks:
    """What a file's order tells of time; some ten marks a second of a stream are kept.

    Parameters
    ----------
    samples : dict
        By the stream's number: byte of the chunk, samples of the stream up to its end, stamp of its newest, in a row.
    offsets : dict
        By the stream's number: byte of the chunk, the sender's clock, what the recorder's is ahead, in a row.
    """

    samples: dict[int, array[float]] = field(default_factory=dict)
    offsets: dict[int, array[float]] = field(default_factory=dict)

    def add_samples(self, number: int, place: int, count: int, newest_s: float, rate_hz: float) -> None:
        """Take a chunk in; `count` with those before it, NaN where no sample of it is stamped."""
        row = self.samples.setdefault(number, array("d"))
        if row:
            passed = (count - row[-2]) / rate_hz if rate_hz else 0.0
            stamped = newest_s - row[-1]
            if passed < _THIN_S and (0.0 <= stamped < _THIN_S or not math.isfinite(stamped)):
                return
        row.extend((place, count, newest_s))

    def add_offset(self, number: int, place: int, time_s: float, offset_s: float) -> None:
        """Take a measurement of the recorder's in."""
        self.offsets.setdefault(number, array("d")).extend((place, time_s, offset_s))


def mend_leaps(stamps: Float64, number: int, marks: Marks) -> tuple[Float64, tuple[Leap, ...]]:
    """Take off what a source's clock was set by.

    Parameters
    ----------
    stamps : (n_times,) float64
        Of a regular stream.
    number : int
        The stream's in the file.
    marks : Marks

    Returns
    -------
    stamps : (n_times,) float64
        Going on at the usual interval where the clock was set; a gap stays. Where nothing tells, a leap forward stays,
        and one back is taken for a clock that was set, since time does not go back.
    leaps : tuple of Leap
        All of them, gaps too; of more than 100, none is judged.
    """
    if len(stamps) < 3:
        return stamps, ()
    diffs = np.diff(stamps)
    steps = diffs - float(np.median(diffs))
    leaping = np.abs(steps) > LEAP_S
    at = np.flatnonzero(leaping) + 1
    lasted_s = float(diffs[~leaping].sum())
    if not 0 < at.size <= _MOST or lasted_s <= 0.0:
        return stamps, ()
    judge = _Judge(number, marks, lasted_s / np.count_nonzero(~leaping), len(stamps))
    bounds = [0, *at.tolist(), len(stamps)]
    found, mended = [], stamps.copy()
    for before, here, after in zip(bounds, bounds[1:], bounds[2:], strict=False):
        step_s = float(steps[here - 1])
        leap = _leap(here, step_s, judge.missing_s(before, here, after))
        mended[here:] -= leap.set_s
        found.append(leap)
    return mended, tuple(found)


def apart_s(stamps: Float64, number: int, marks: Marks) -> float:
    """How far a stream's stamps are ahead of the recorder's clock from the start; 0 where it is not much or not known.

    Parameters
    ----------
    stamps : (n_times,) float64
        On the recorder's clock, by what LSL knows of it.
    number : int
    marks : Marks
    """
    own = np.array(marks.samples.get(number, ()), np.float64).reshape(-1, 3)
    told = np.array(marks.offsets.get(number, ()), np.float64).reshape(-1, 3)
    came = np.r_[0.0, own[:, 1]][np.searchsorted(own[:, 0], told[:, 0], "left")].astype(int)
    known = np.flatnonzero((came > 0) & (came <= len(stamps)))[:_FIRST]
    if not known.size:
        return 0.0
    newest = stamps[came[known] - 1]
    # recorders differ in whose clock the time of a measurement is by
    time_s, offset_s = told[known, 1], told[known, 2]
    late = min((float((now - newest).min()) for now in (time_s, time_s + offset_s)), key=abs)
    return 0.0 if -_AHEAD_S < late < _BEHIND_S else -late


def sentences(name: str, info: Mapping[str, Any], stamps: Float64) -> list[str]:
    """What is to be said of a stream's clock, by what `load_streams` found, in s from its first stamp."""
    found = []
    if apart := info.get("clock_apart_s", 0.0):
        found.append(
            f"'{name}': its stamps are {abs(apart):.1f} s {'ahead of' if apart > 0 else 'behind'} the recorder's clock "
            f"from the start: its source has a clock of its own, and film and markers may be as far from it"
        )
    leaps: Sequence[Leap] = info.get("clock_leaps", ())
    told = (leap.sentence(name, float(stamps[leap.at] - stamps[0])) for leap in leaps)
    return found + [text for text in told if text]


def _leap(at: int, step_s: float, missing_s: float | None) -> Leap:
    if missing_s is None:
        return Leap(at, step_s, min(step_s, 0.0), False)
    if abs(missing_s) <= _NEAR_S:
        return Leap(at, step_s, step_s, True)
    if abs(missing_s - step_s) <= _NEAR_S:
        return Leap(at, step_s, 0.0, True)
    return Leap(at, step_s, step_s - missing_s, True)


class _Judge:
    """How much time is missing among the samples of one stream, by all else in the file."""

    def __init__(self, number: int, marks: Marks, interval_s: float, count: int) -> None:
        own = np.array(marks.samples.get(number, ()), np.float64).reshape(-1, 3)
        self._place, self._n = own[:, 0], own[:, 1]
        self._came = np.r_[0.0, self._n]
        self._interval_s = interval_s
        # samples that are not where the file was measured cannot be placed in it
        self._placed = bool(len(own)) and count - self._n[-1] < max(2.0, _STEADY_S / interval_s)
        self._series = list(_series(number, marks))

    def missing_s(self, before: int, here: int, after: int) -> float | None:
        """Seconds without samples before sample `here`, the leaps next to it given; None where nothing tells."""
        first, last = (int(np.searchsorted(self._n, i, "right")) for i in (before, here))
        end = int(np.searchsorted(self._n, after, "right")) - 1
        if not self._placed or last == 0 or last >= len(self._n) or end < last:
            return None
        # chunks that ended before the leap, and those after the one that ended beyond it
        early, late = (self._place[min(first, last - 1)], self._place[last - 1]), (self._place[last], self._place[end])
        if before == 0:
            early = (-math.inf, early[1])
        if end == len(self._n) - 1:
            late = (late[0], math.inf)
        told = [self._by(places, times, early, late, dense) for places, times, dense in self._series]
        found = [missing for missing in told if missing is not None and missing > -_NEAR_S]
        if not found or max(found) - min(found) > 2 * _NEAR_S:
            return None
        return float(np.median(found))

    def _by(
        self, places: Float64, times: Float64, early: tuple[float, float], late: tuple[float, float], dense: bool
    ) -> float | None:
        """The same by one series of marks."""
        a, b = np.searchsorted(places, early, "left")
        c, d = np.searchsorted(places, late, "left")
        if a == b or c == d:
            return None
        a += int(np.argmax(times[a:b] >= times[b - 1] - _WINDOW_S))
        d = c + int(np.count_nonzero(times[c:d] <= times[c] + _WINDOW_S))
        passed = np.diff(times[a:d])
        # a series that stands still, or whose own clock is set, tells nothing
        if passed.size and (passed.min() < 0.0 or (dense and passed.max() > _STEADY_S)):
            return None
        before, after = self._behind(places[a:b], times[a:b]), self._behind(places[c:d], times[c:d])
        if np.ptp(before) > _STEADY_S or np.ptp(after) > _STEADY_S:
            return None
        # what waits somewhere comes late; only the least delay counts
        return float(after.min() - before.min())

    def _behind(self, places: Float64, times: Float64) -> Float64:
        """How far the samples that had come by each mark are behind its time, but for a constant."""
        return times - self._came[np.searchsorted(self._place, places, "left")] * self._interval_s


def _series(number: int, marks: Marks) -> Iterator[tuple[Float64, Float64, bool]]:
    """Places and times of all that tells the time beside a stream's own samples, and whether they must be dense."""
    for other, row in marks.samples.items():
        if other != number:
            table = np.array(row, np.float64).reshape(-1, 3)
            table = table[np.isfinite(table[:, 2])]
            yield table[:, 0], table[:, 2], True
    for row in marks.offsets.values():
        table = np.array(row, np.float64).reshape(-1, 3)
        yield table[:, 0], table[:, 1] + table[:, 2], False
