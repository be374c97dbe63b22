"""Published spotting rules, each written anew from its paper's description, on the same aligned faces as ours.

All of them look at a whole clip before they decide, which no live system can: an advantage over ours. Each is shown
with its published threshold and again with the threshold that does best on the folder's other clips.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from benchmarks.spotting.aligned import PERIOD_S
from benchmarks.spotting.features import (
    LBP_LAG_S,
    MDMD_MACRO_LAG_S,
    MDMD_MICRO_LAG_S,
    Features,
    Series,
)
from benchmarks.spotting.ours import Found
from benchmarks.spotting.windows import SHORTER, spot_windows
from realtime.face.scoring import ScoredClip, score_clips
from realtime.packets import Kind

_MICRO_HALF_S, _MACRO_HALF_S = 6 / 30, 18 / 30
_SCALES = (0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 1.0)
_SHARES = tuple(round(0.05 * i, 2) for i in range(1, 20))


@dataclass(frozen=True, slots=True)
class Measured:
    """What the rules read of one clip: the baselines' features, and our own motion score."""

    features: Features
    motion: Series


@dataclass(frozen=True, slots=True)
class Baseline:
    """A rule with one threshold.

    Parameters
    ----------
    name : str
        Key in the summary.
    title : str
        Row of the table.
    source : str
    published : float
        The paper's threshold.
    grid : sequence of float
        Thresholds to choose from where it is chosen on other clips.
    spot : callable
        Movements of a clip at a threshold.
    """

    name: str
    title: str
    source: str
    published: float
    grid: tuple[float, ...]
    spot: Callable[[Measured, float], list[Found]]


def evenly(series: Series) -> Series:
    """The series at thirty values a second; what is missing is the least that was seen."""
    known = np.isfinite(series.values)
    if known.sum() < 2:
        return Series(np.zeros(0), np.zeros(0))
    stamps, values = series.stamps[known], series.values[known]
    grid = np.arange(stamps[0], stamps[-1] + 1e-9, PERIOD_S)
    out = np.interp(grid, stamps, values)
    nearest = np.abs(grid - stamps[np.clip(np.searchsorted(stamps, grid), 0, len(stamps) - 1)])
    before = np.abs(grid - stamps[np.clip(np.searchsorted(stamps, grid) - 1, 0, len(stamps) - 1)])
    out[np.minimum(nearest, before) > 2 * PERIOD_S] = values.min()
    return Series(grid, out)


def contrast(values: NDArray[np.float64], lag: int, *, keep_negative: bool = False) -> NDArray[np.float64]:
    """A value less the mean of those `lag` before and after; 0 near the ends and, unless told, where negative."""
    out = np.zeros_like(values)
    if len(values) > 2 * lag:
        out[lag:-lag] = values[lag:-lag] - (values[: -2 * lag] + values[2 * lag :]) / 2
    return out if keep_negative else np.maximum(out, 0.0)


def height(values: NDArray[np.float64], share: float) -> float:
    """The threshold that all of these rules use: mean + share (max - mean)."""
    return float(values.mean() + share * (values.max() - values.mean()))


def peaks_rule(series: Series, share: float, half_s: float, kind: Kind) -> list[Found]:
    """Peaks above the threshold, `half_s` apart at least, each taken `half_s` to both sides.

    References
    ----------
    Moilanen et al. (2014), see `pattern_difference`; Liong et al. (2021), "Shallow optical flow three-stream CNN for
    macro- and micro-expression spotting from long videos", where the interval around the peak comes from.
    """
    if not len(series.values):
        return []
    distance = max(round(half_s / PERIOD_S), 1)
    peaks, _ = find_peaks(series.values, height=height(series.values, share), distance=distance)
    at = series.stamps[peaks]
    return [
        Found(float(t - half_s), float(t), float(t + half_s), kind, score=float(series.values[i]))
        for t, i in zip(at, peaks, strict=True)
    ]


def _smoothed(series: Series, half_s: float) -> Series:
    """Mean over `half_s` to both sides."""
    width = 2 * round(half_s / PERIOD_S) + 1
    if len(series.values) < width:
        return Series(np.zeros(0), np.zeros(0))
    return Series(series.stamps, np.convolve(series.values, np.ones(width) / width, mode="same"))


def _patterns(measured: Measured, share: float) -> list[Found]:
    even = evenly(measured.features.patterns)
    values = contrast(even.values, round(LBP_LAG_S / PERIOD_S))
    return peaks_rule(Series(even.stamps, values), share, _MICRO_HALF_S, "micro")


def _motion(measured: Measured, share: float) -> list[Found]:
    even = evenly(measured.motion)
    return [
        *peaks_rule(_smoothed(even, _MICRO_HALF_S), share, _MICRO_HALF_S, "micro"),
        *peaks_rule(_smoothed(even, _MACRO_HALF_S), share, _MACRO_HALF_S, "macro"),
    ]


def _directional(measured: Measured, share: float) -> list[Found]:
    features = measured.features
    micro = runs_rule(features.directional_micro, share, MDMD_MICRO_LAG_S, "micro", (7, 16))
    return micro + runs_rule(features.directional_macro, share, MDMD_MACRO_LAG_S, "macro", (16, 120))


def runs_rule(series: Series, share: float, lag_s: float, kind: Kind, length: tuple[int, int]) -> list[Found]:
    """Runs of frames above the threshold, of a length that fits the kind.

    References
    ----------
    He et al. (2020), "Spotting macro- and micro-expression intervals in long video sequences": the intervals that MEGC
    2020 made of Wang et al. (2017), see `directional_difference`.
    """
    even = evenly(series)
    values = contrast(even.values, round(lag_s / PERIOD_S) - 1, keep_negative=True)
    if not len(values):
        return []
    above = np.concatenate([[False], values > height(values, share), [False]])
    starts, ends = np.flatnonzero(~above[:-1] & above[1:]), np.flatnonzero(above[:-1] & ~above[1:])
    found = []
    for start, end in zip(starts, ends, strict=True):
        if length[0] <= end - start <= length[1]:
            apex = start + int(values[start:end].argmax())
            onset_s, apex_s, offset_s = (float(even.stamps[at]) for at in (start, apex, end - 1))
            found.append(Found(onset_s, apex_s, offset_s, kind, score=float(values[apex])))
    return found


def _windows(measured: Measured, scale: float) -> list[Found]:
    return spot_windows(measured.features.windows, scale)


def _short_windows(measured: Measured, scale: float) -> list[Found]:
    return spot_windows(measured.features.windows, scale, SHORTER)


BASELINES = (
    Baseline(
        "lbp_peaks",
        "LBP chi-square difference, peaks above mean + p (max - mean)",
        "Moilanen et al. 2014; p and interval of Liong et al. 2021 (SOFTNet)",
        0.55,
        _SHARES,
        _patterns,
    ),
    Baseline(
        "motion_peaks",
        "our motion score, peaks above mean + p (max - mean)",
        "rule of Moilanen et al. 2014 and Liong et al. 2021 (SOFTNet)",
        0.55,
        _SHARES,
        _motion,
    ),
    Baseline(
        "mdmd",
        "main directional maximal difference",
        "Liu et al. 2016 (MDMO), Wang et al. 2017 (MDMD), He et al. 2020 (MEGC 2020 baseline)",
        0.01,
        (0.0, 0.01, 0.02, 0.03, 0.04, *_SHARES),
        _directional,
    ),
    Baseline(
        "top_percent",
        "top-percent region flow, fixed px thresholds",
        "He 2021 (MEGC 2021), Zhao et al. 2022 (MEGC 2022)",
        1.0,
        _SCALES,
        _windows,
    ),
    Baseline(
        "top_percent_short",
        "the same, movements from 0.2 s on instead of 0.4 s",
        "ours, to the rule's advantage where movements are short",
        1.0,
        _SCALES,
        _short_windows,
    ),
)


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a rule finds in each clip, as published and with the threshold that is best on the other clips."""

    published: list[list[Found]]
    tuned: list[list[Found]]
    thresholds: list[float]


def spot_clips(baseline: Baseline, measured: Sequence[Measured], clips: Sequence[ScoredClip]) -> Tuned:
    """Run a rule over all clips.

    Parameters
    ----------
    baseline : Baseline
    measured, clips : sequences
        One of each a clip; of the second, truth and length are read.

    Returns
    -------
    Tuned
        A threshold is chosen for each clip on all the others, for micro F1, of equals for overall F1, then the
        highest; on a single clip there is nothing to choose on and it is the published one.
    """
    table = {t: [baseline.spot(m, t) for m in measured] for t in {*baseline.grid, baseline.published}}
    counts = {t: _counts(found, clips) for t, found in table.items()}
    chosen = [_best(counts, left_out, baseline.published) for left_out in range(len(clips))]
    return Tuned(table[baseline.published], [table[t][i] for i, t in enumerate(chosen)], chosen)


def _counts(found: Sequence[list[Found]], clips: Sequence[ScoredClip]) -> NDArray[np.float64]:
    """(n_clips, 2, 2) matched, and found plus true; of micro-movements, and of both kinds."""
    rows = []
    for own, clip in zip(found, clips, strict=True):
        scores = score_clips([ScoredClip(clip.minutes, own, clip.truth)], resamples=0)
        groups = (scores["micro"], scores["overall"])
        rows.append([[g["matched"], g["found"] + g["true"]] for g in groups])
    return np.array(rows, np.float64).reshape(len(clips), 2, 2)


def _best(counts: dict[float, NDArray[np.float64]], left_out: int, published: float) -> float:
    best, chosen = (-1.0, -1.0), published
    for threshold in sorted(counts):
        others = np.delete(counts[threshold], left_out, axis=0)
        if not len(others):
            return published
        micro, both = (2 * hits / max(total, 1) for hits, total in others.sum(axis=0))
        if (micro, both) >= best:
            best, chosen = (micro, both), threshold
    return chosen
