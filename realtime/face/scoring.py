"""Scores of a spotter over many clips, as in the Micro-Expression Grand Challenge, with intervals over clips.

How kinds are kept apart: micro-movements are matched with true micro-movements only and macro-movements with true
macro-movements only, so a micro-movement found where a macro-movement was made is a false alarm of the one and leaves
a miss of the other. `overall` adds the two kinds' counts up, which is how the challenge ranks; `any_kind` asks only
whether something was found where something was, and matches without looking at the kind.

References
----------
Li et al. (2022), "MEGC2022: ACM Multimedia 2022 micro-expression grand challenge".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from realtime.face.metrics import TimedInterval, match_intervals
from realtime.packets import Kind

_NAN = float("nan")


class KindedInterval(TimedInterval, Protocol):
    """An interval that says which kind of movement it is."""

    @property
    def kind(self) -> Kind: ...


class FoundInterval(KindedInterval, Protocol):
    """An interval that a spotter found, and when it knew."""

    @property
    def decided_s(self) -> float: ...


@dataclass(frozen=True, slots=True)
class ScoredClip:
    """What was found in one clip and what it holds; stamps on one clock.

    Parameters
    ----------
    minutes : float
        Length of the video looked at.
    found : sequence of FoundInterval
        A `decided_s` of NaN is a spotter that looks at the whole clip: it has no delay.
    truth : sequence of KindedInterval
        An `apex_s` of NaN is an apex that nobody knows; it counts for everything but the apex.
    """

    minutes: float
    found: Sequence[FoundInterval]
    truth: Sequence[KindedInterval]

    @property
    def micro_free(self) -> bool:
        """No micro-movement was made."""
        return all(t.kind != "micro" for t in self.truth)

    def pairs(self, kind: Kind) -> list[tuple[int, int]]:
        """Matched (found, truth) indices of one kind."""
        own = [i for i, f in enumerate(self.found) if f.kind == kind]
        true = [i for i, t in enumerate(self.truth) if t.kind == kind]
        pairs = match_intervals([self.found[i] for i in own], [self.truth[i] for i in true])
        return [(own[f], true[t]) for f, t in pairs]


def score_clips(clips: Sequence[ScoredClip], *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Every figure of a spotter over some clips.

    Parameters
    ----------
    clips : sequence of ScoredClip
    resamples : int
        Draws of the bootstrap, clips with replacement; 0 leaves the intervals out.
    seed : int
        Of those draws: the same clips and seed give the same intervals.

    Returns
    -------
    dict
        `micro`, `macro`, `overall`, `any_kind`: each `precision`, `recall`, `f1` (0 where there is nothing to divide
        by), `found`, `true`, `matched`, and `interval`, the 95 % bootstrap interval of each of the three.
        `false_alarms_per_min`: micro-movements found a minute of video that holds none, over all video where there is
        no such video; `false_alarms_over` says which. `false_alarms`: `micro_free` and `all_video`, for micro-movements
        and for both kinds, with counts, minutes and intervals; a rate is None where there is no video.
        `apex_error_ms`: median absolute error over matched micro-movements; `apex_error`: of those its median, p90 and
        count, and of both kinds. `delay_ms`: median time from the true apex to the decision, matched micro-movements;
        `delay`: median, p95 and count of that and of the time from the true offset. None where nothing was matched.

    References
    ----------
    Efron & Tibshirani (1993), "An introduction to the bootstrap".
    """
    counts = np.array([_counts(clip) for clip in clips], np.float64).reshape(len(clips), _COLUMNS)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, len(clips), (resamples, len(clips))) if clips else np.zeros((0, 0), np.int64)
    totals, resampled = counts.sum(axis=0), counts[drawn].sum(axis=1)
    groups = {"micro": _MICRO, "macro": _MACRO, "overall": _OVERALL, "any_kind": _ANY}
    scores: dict[str, Any] = {
        name: _ratios(totals, columns) | {"interval": _ratio_intervals(resampled, columns)}
        for name, columns in groups.items()
    }
    alarms = _false_alarms(totals, resampled)
    over = "micro_free" if alarms["micro_free"]["minutes"] > 0 else "all_video"
    micro_errors, all_errors, after_apex, after_offset = _times(clips)
    apex_error = {"micro": _spread(micro_errors, 90), "both": _spread(all_errors, 90)}
    delay = {"after_apex": _spread(after_apex, 95), "after_offset": _spread(after_offset, 95)}
    return scores | {
        "false_alarms_per_min": alarms[over]["micro_per_min"],
        "false_alarms_over": over,
        "false_alarms": alarms,
        "apex_error_ms": apex_error["micro"]["median"],
        "apex_error": apex_error,
        "delay_ms": delay["after_apex"]["median"],
        "delay": delay,
    }


def recall_by_displacement(
    clips: Sequence[ScoredClip], displacement_px: Sequence[Sequence[float]], edges_px: Sequence[float]
) -> list[dict[str, float]]:
    """Recall of micro-movements by how far they move.

    Parameters
    ----------
    clips : sequence of ScoredClip
    displacement_px : sequence of sequences
        For each clip, one value a true movement, in the clip's order; NaN where nobody knows.
    edges_px : sequence of float
        Ascending; a bin holds its lower edge.

    Returns
    -------
    list of dict
        For each bin that holds a true movement: `from_px`, `to_px`, `true`, `matched`, `recall`.
    """
    sizes: list[float] = []
    hits: list[bool] = []
    for clip, own in zip(clips, displacement_px, strict=True):
        matched = {t for _, t in clip.pairs("micro")}
        micro = [i for i, t in enumerate(clip.truth) if t.kind == "micro" and np.isfinite(own[i])]
        sizes += [own[i] for i in micro]
        hits += [i in matched for i in micro]
    bins = np.digitize(sizes, edges_px) if sizes else np.zeros(0, np.int64)
    rows = []
    for index in range(1, len(edges_px)):
        inside = [hit for hit, which in zip(hits, bins, strict=True) if which == index]
        if inside:
            rows.append(
                {
                    "from_px": float(edges_px[index - 1]),
                    "to_px": float(edges_px[index]),
                    "true": len(inside),
                    "matched": sum(inside),
                    "recall": sum(inside) / len(inside),
                }
            )
    return rows


# columns of a clip's counts: matched, found, true of each group; minutes, and false alarms of micro and of both kinds,
# over all video and then over video without micro-movements
_MICRO, _MACRO, _ANY, _OVERALL = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 12)
_ALL_VIDEO, _FREE_VIDEO = slice(12, 15), slice(15, 18)
_COLUMNS = 18


def _counts(clip: ScoredClip) -> list[float]:
    kinds: tuple[Kind, Kind] = ("micro", "macro")
    per_kind = [
        (len(clip.pairs(kind)), sum(f.kind == kind for f in clip.found), sum(t.kind == kind for t in clip.truth))
        for kind in kinds
    ]
    any_kind = (len(match_intervals(clip.found, clip.truth)), len(clip.found), len(clip.truth))
    overall = tuple(sum(column) for column in zip(*per_kind, strict=True))
    false = [found - hits for hits, found, _ in per_kind]
    video = (clip.minutes, false[0], sum(false))
    return [*per_kind[0], *per_kind[1], *any_kind, *overall, *video, *(video if clip.micro_free else (0.0, 0.0, 0.0))]


def _divide(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(a, b, out=np.zeros_like(np.asarray(a, np.float64)), where=b > 0)


_RATIOS: dict[str, Callable[[NDArray, NDArray, NDArray], NDArray]] = {
    "precision": lambda hits, found, _: _divide(hits, found),
    "recall": lambda hits, _, true: _divide(hits, true),
    "f1": lambda hits, found, true: _divide(2 * hits, found + true),
}


def _ratios(totals: NDArray, columns: slice) -> dict[str, Any]:
    hits, found, true = totals[columns]
    out: dict[str, Any] = {name: float(ratio(hits, found, true)) for name, ratio in _RATIOS.items()}
    return out | {"found": int(found), "true": int(true), "matched": int(hits)}


def _ratio_intervals(resampled: NDArray, columns: slice) -> dict[str, list[float]]:
    return {name: _interval(ratio(*resampled[:, columns].T)) for name, ratio in _RATIOS.items()}


def _interval(values: NDArray[np.float64]) -> list[float]:
    known = values[np.isfinite(values)]
    return [float(v) for v in np.percentile(known, [2.5, 97.5])] if known.size else [_NAN, _NAN]


def _false_alarms(totals: NDArray, resampled: NDArray) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, columns in (("micro_free", _FREE_VIDEO), ("all_video", _ALL_VIDEO)):
        minutes, micro, both = totals[columns]
        drawn_minutes, drawn_micro, drawn_both = resampled[:, columns].T
        there = drawn_minutes > 0
        out[name] = {
            "minutes": float(minutes),
            "micro": int(micro),
            "both": int(both),
            "micro_per_min": float(micro / minutes) if minutes > 0 else None,
            "both_per_min": float(both / minutes) if minutes > 0 else None,
            "interval": {
                "micro_per_min": _interval(drawn_micro[there] / drawn_minutes[there]),
                "both_per_min": _interval(drawn_both[there] / drawn_minutes[there]),
            },
        }
    return out


def _times(clips: Sequence[ScoredClip]) -> tuple[list[float], list[float], list[float], list[float]]:
    """Apex errors of micro- and of all movements, delays after the apex and after the offset of micro-movements; ms."""
    micro_errors: list[float] = []
    all_errors: list[float] = []
    after_apex: list[float] = []
    after_offset: list[float] = []
    for clip in clips:
        for kind in ("micro", "macro"):
            for f, t in clip.pairs(kind):
                found, true = clip.found[f], clip.truth[t]
                error_ms = 1e3 * abs(found.apex_s - true.apex_s)
                all_errors.append(error_ms)
                if kind == "micro":
                    micro_errors.append(error_ms)
                    after_apex.append(1e3 * (found.decided_s - true.apex_s))
                    after_offset.append(1e3 * (found.decided_s - true.offset_s))
    return micro_errors, all_errors, after_apex, after_offset


def _spread(values_ms: Sequence[float], percent: int) -> dict[str, float | int | None]:
    known = [v for v in values_ms if np.isfinite(v)]
    median, high = np.percentile(known, [50, percent]) if known else (None, None)
    return {
        "median": None if median is None else float(median),
        f"p{percent}": None if high is None else float(high),
        "count": len(known),
    }
