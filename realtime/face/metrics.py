"""Scores of a spotter against the truth, as in the Micro-Expression Grand Challenge; many clips: `scoring`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment


class TimedInterval(Protocol):
    """Anything with an onset, an apex and an offset in s: `MicroMovement`, `Spotted`, a simulator's event."""

    @property
    def onset_s(self) -> float: ...
    @property
    def apex_s(self) -> float: ...
    @property
    def offset_s(self) -> float: ...


def interval_iou(a: TimedInterval, b: TimedInterval) -> float:
    """Intersection over union of two intervals, 0 to 1."""
    inner = min(a.offset_s, b.offset_s) - max(a.onset_s, b.onset_s)
    outer = max(a.offset_s, b.offset_s) - min(a.onset_s, b.onset_s)
    return max(inner, 0.0) / outer if outer > 0 else 0.0


def match_intervals(
    found: Sequence[TimedInterval], truth: Sequence[TimedInterval], iou: float = 0.5
) -> list[tuple[int, int]]:
    """Pair found with true intervals, one to one.

    Parameters
    ----------
    found, truth : sequences with `onset_s`, `apex_s`, `offset_s`
    iou : float
        Least overlap of a pair.

    Returns
    -------
    list of (found index, truth index)
        The most pairs possible, and of those the ones that overlap most; ordered by found index.

    References
    ----------
    Li et al. (2022), "MEGC2022: ACM Multimedia 2022 micro-expression grand challenge".
    """
    if not found or not truth:
        return []
    overlap = np.array([[interval_iou(f, t) for t in truth] for f in found])
    gain = np.where(overlap >= iou, 1.0 + overlap / (1.0 + len(truth) * len(found)), 0.0)
    rows, columns = linear_sum_assignment(-gain)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if overlap[r, c] >= iou]


def spotting_scores(
    found: Sequence[TimedInterval], truth: Sequence[TimedInterval], minutes: float, iou: float = 0.5
) -> dict[str, float]:
    """Precision, recall, F1, false alarms a minute and apex error of one recording (or of several laid end to end).

    Parameters
    ----------
    minutes : float
        Length of the video looked at.

    Returns
    -------
    dict
        'precision', 'recall', 'f1' (0 where nothing was found or nothing is true), 'false_alarms_per_min',
        'apex_error_ms' (median absolute, NaN without a match), 'true_positives', 'false_positives', 'false_negatives'.
    """
    pairs = match_intervals(found, truth, iou)
    hits = len(pairs)
    errors = [abs(found[f].apex_s - truth[t].apex_s) * 1e3 for f, t in pairs]
    return {
        "precision": hits / len(found) if found else 0.0,
        "recall": hits / len(truth) if truth else 0.0,
        "f1": 2 * hits / (len(found) + len(truth)) if found or truth else 0.0,
        "false_alarms_per_min": (len(found) - hits) / minutes if minutes > 0 else 0.0,
        "apex_error_ms": float(np.median(errors)) if errors else float("nan"),
        "true_positives": float(hits),
        "false_positives": float(len(found) - hits),
        "false_negatives": float(len(truth) - hits),
    }
