"""The top-percent region rule: where a small region has gone far from where it was, with thresholds in px.

References
----------
He (2021), "Research on micro-expression spotting method based on optical flow features" (first of MEGC 2021).
Zhao et al. (2022), "Rethinking optical flow methods for micro-expression spotting" (MEGC 2022), whose thresholds these
are, for a face crop in which the inner eye corners are 64 px apart. Its second check, on the sum of the empirical
modes, is made here on the distance without its quadratic trend: it is there to take slow drift out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.spotting.aligned import PERIOD_S
from benchmarks.spotting.features import RegionWindow
from benchmarks.spotting.ours import Found

_FPS = round(1 / PERIOD_S)
_SCALE = 49.4 / 64.0
_BASE_PX, _RISE_PX, _TREND_FREE_PX, _SPLIT_PX = 1.4 * _SCALE, 1.8 * _SCALE, 0.8 * _SCALE, 0.7 * _SCALE
_REACH, _SPLIT, _SPLIT_EDGE = _FPS, 2 * _FPS // 3, 4 * _FPS // 15
_FOOT = 0.33
_JOIN = 3
_SAME = 0.34
_LONGEST, _MICRO = 200, _FPS // 2
_CUTOFF_HZ = 5.0

SHORTEST, SHORTER = 12, 6
"""Frames of the shortest movement, as published and for movements as short as most micro-movements are: its ends lie
at a third of the height, so that one of 0.4 s lasts 8 frames."""

Interval = tuple[int, int]


def spot_windows(windows: Sequence[RegionWindow], scale: float = 1.0, shortest: int = SHORTEST) -> list[Found]:
    """Movements of a clip.

    Parameters
    ----------
    windows : sequence of RegionWindow
        May overlap; what is found in two of them is one movement.
    scale : float
        All px thresholds times this; 1 is as published.
    shortest : int
        Frames; what is shorter is dropped.
    """
    found: list[tuple[float, float, float, float]] = []
    for window in windows:
        own: list[tuple[int, int]] = []
        distances = [low_passed(d) for d in window.distance_px.T.astype(np.float64)]
        for distance in distances:
            own += region_intervals(distance, scale)
        strongest = np.max(distances, axis=0)
        for start, end in merged(own):
            apex = start + int(strongest[start : end + 1].argmax())
            stamps = window.stamps
            found.append((float(stamps[start]), float(stamps[apex]), float(stamps[end]), float(strongest[apex])))
    return _movements(found, shortest)


def _movements(found: list[tuple[float, float, float, float]], shortest: int) -> list[Found]:
    out: list[Found] = []
    for onset, apex, offset, size in sorted(found, key=lambda f: -f[3]):
        frames = round((offset - onset) / PERIOD_S)
        if not shortest <= frames <= _LONGEST:
            continue
        if any(_overlap((onset, offset), (o.onset_s, o.offset_s)) > _SAME for o in out):
            continue
        out.append(Found(onset, apex, offset, "micro" if frames <= _MICRO else "macro", score=size))
    return sorted(out, key=lambda f: f.onset_s)


def low_passed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Everything above 5 Hz cut off."""
    spectrum = np.fft.rfft(values)
    spectrum[np.fft.rfftfreq(len(values), PERIOD_S) > _CUTOFF_HZ] = 0
    return np.fft.irfft(spectrum, len(values))


def region_intervals(distance: NDArray[np.float64], scale: float) -> list[Interval]:
    """First and last index of each movement of one region."""
    trend = np.polynomial.Polynomial.fit(np.arange(len(distance)), distance, 2)
    free = distance - trend(np.arange(len(distance)))
    raised = distance - distance.min() >= _BASE_PX * scale
    low, low_free = _running_minimum(distance), _running_minimum(free)
    picked = raised & (distance - low > _RISE_PX * scale) & (free - low_free > _TREND_FREE_PX * scale)
    grown = [_grown(distance, start, end) for start, end in _joined(np.flatnonzero(picked))]
    return [part for start, end in grown for part in _split(distance, start, end, scale)]


def _running_minimum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(values, _REACH, constant_values=np.inf)
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * _REACH + 1).min(axis=1)


def _joined(points: NDArray[np.int64]) -> list[Interval]:
    if not len(points):
        return []
    breaks = np.flatnonzero(np.diff(points) >= _JOIN)
    starts, ends = np.concatenate([[0], breaks + 1]), np.concatenate([breaks, [len(points) - 1]])
    return [(int(points[a]), int(points[b])) for a, b in zip(starts, ends, strict=True)]


def _grown(values: NDArray[np.float64], start: int, end: int) -> Interval:
    """Both ends moved down the slopes to a third of the height, or to where the slope turns."""
    peak = values[start : end + 1].max()
    first, last = max(start - _REACH, 0), min(end + _REACH, len(values) - 1)
    left_foot, right_foot = values[first : start + 1].min(), values[end : last + 1].min()
    while start > first and values[start] - left_foot > _FOOT * (peak - left_foot):
        if values[start - 1] > values[start]:
            break
        start -= 1
    while end < last and values[end] - right_foot > _FOOT * (peak - right_foot):
        if values[end + 1] > values[end]:
            break
        end += 1
    return start, end


def _split(values: NDArray[np.float64], start: int, end: int, scale: float) -> list[Interval]:
    """In two at the valley between two peaks, where a long interval has one."""
    if end - start < max(_SPLIT, 2 * _SPLIT_EDGE + 1):
        return [(start, end)]
    valley = start + _SPLIT_EDGE + int(values[start + _SPLIT_EDGE : end - _SPLIT_EDGE].argmin())
    peaks = values[start:valley].max(), values[valley : end + 1].max()
    if all(peak - values[valley] > max(_SPLIT_PX * scale, _FOOT * peak) for peak in peaks):
        return [(start, valley - 1), (valley + 1, end)]
    return [(start, end)]


def merged(intervals: Sequence[Interval]) -> list[Interval]:
    """Intervals of different regions that share a third of the shorter one are one movement."""
    out = [(int(start), int(end)) for start, end in sorted(intervals)]
    # what was merged may now overlap what was not: twice is what the paper does, and all that it takes in practice
    for _ in range(2):
        out = _merged_once(out)
    return out


def _merged_once(intervals: Sequence[Interval]) -> list[Interval]:
    out: list[Interval] = []
    for new in intervals:
        for i, old in enumerate(out):
            if _overlap(old, new) > _SAME:
                out[i] = min(old[0], new[0]), max(old[1], new[1])
                break
        else:
            out.append(new)
    return out


def _overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Common length over the shorter one's."""
    shorter = min(a[1] - a[0], b[1] - b[0])
    return max(min(a[1], b[1]) - max(a[0], b[0]), 0) / shorter if shorter > 0 else 0.0
