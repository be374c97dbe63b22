"""What the bench found, as the summary that is written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeVar

import numpy as np

from benchmarks.spotting.baselines import BASELINES, Measured, spot_clips
from benchmarks.spotting.examine import ClipResult
from benchmarks.spotting.ours import Found
from benchmarks.spotting.truth import TrueMovement
from realtime.face.metrics import interval_iou
from realtime.face.scoring import ScoredClip, recall_by_displacement, score_clips

Interval = Found | TrueMovement
_Other = TypeVar("_Other", Found, TrueMovement)

DISPLACEMENT_EDGES_PX = (0.0, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 4.0, 8.0, 16.0, 1000.0)


def summarise(results: Sequence[ClipResult], *, simulated: bool, seed: int = 0) -> dict[str, Any]:
    """The summary that is written: our figures at the top, the baselines' under `baselines`, then every clip.

    Parameters
    ----------
    results : sequence of ClipResult
    simulated : bool
        The clips show simulated people.
    seed : int
        Of the bootstrap.
    """
    good = [r for r in results if r.error is None]
    clips = [r.scored for r in good]
    minutes = sum(c.minutes for c in clips)
    scores = score_clips(clips, seed=seed)
    return {
        "simulated": simulated,
        **scores,
        "recall_by_displacement": recall_by_displacement(
            clips, [[t.displacement_px for t in r.truth] for r in good], DISPLACEMENT_EDGES_PX
        ),
        "minutes": minutes,
        "cpu_ms_per_frame": 1e3 * sum(r.cpu_s for r in good) / max(sum(r.evaluated for r in good), 1),
        "unreadable": len(results) - len(good),
        "baselines": _baselines(good, clips, seed),
        "groups": _groups(good),
        "clips": [_clip_json(r) for r in results],
    }


def _groups(results: Sequence[ClipResult]) -> dict[str, Any]:
    """Figures of clips that are named alike but for a number at the end; empty where no two are."""
    members: dict[str, list[ScoredClip]] = {}
    for result in results:
        members.setdefault(_group_of(result.name), []).append(result.scored)
    if len(members) in (1, len(results)):
        return {}
    wanted = ("micro", "macro", "overall", "false_alarms")
    return {
        name: {"clips": len(own), **{k: v for k, v in score_clips(own, resamples=0).items() if k in wanted}}
        for name, own in members.items()
    }


def _group_of(name: str) -> str:
    return re.sub(r"[-_. ]*\d+$", "", name.rsplit(".", 1)[0]) or name


def _baselines(results: Sequence[ClipResult], clips: Sequence[ScoredClip], seed: int) -> dict[str, Any]:
    measured: list[Measured] = [r.measured for r in results if r.measured is not None]
    if not measured or len(measured) != len(results):
        return {}
    out: dict[str, Any] = {}
    for baseline in BASELINES:
        runs = spot_clips(baseline, measured, clips)
        variants = (
            (baseline.name, runs.published, [baseline.published]),
            (f"{baseline.name}_tuned", runs.tuned, sorted(set(runs.thresholds))),
        )
        for name, found, thresholds in variants:
            scored = [ScoredClip(c.minutes, f, c.truth) for c, f in zip(clips, found, strict=True)]
            out[name] = {
                "title": baseline.title,
                "source": baseline.source,
                "threshold": thresholds[0] if len(thresholds) == 1 else thresholds,
                "chosen": "on the other clips" if name.endswith("_tuned") else "as published",
                "causal": False,
                **score_clips(scored, seed=seed),
            }
    return out


def _clip_json(result: ClipResult) -> dict[str, Any]:
    if result.error is not None:
        return {"name": result.name, "error": result.error}
    scored = result.scored
    pairs = scored.pairs("micro") + scored.pairs("macro")
    match = dict(pairs)
    seen = {t: f for f, t in pairs}
    return {
        "name": result.name,
        "duration_s": result.duration_s,
        "fps": result.fps,
        "face_share": result.face_share,
        "evaluated": result.evaluated,
        "cpu_ms_per_frame": 1e3 * result.cpu_s / max(result.evaluated, 1),
        "micro_free": scored.micro_free,
        "found": [
            asdict(f) | {"matches": match.get(i), "why": None if i in match else _why_false(result, i)}
            for i, f in enumerate(result.found)
        ],
        "truth": [
            asdict(t) | {"matched_by": seen.get(i), "why": None if i in seen else _why_missed(result, i)}
            for i, t in enumerate(result.truth)
        ],
    }


def _why_missed(result: ClipResult, index: int) -> str:
    """In words what stood in the place of a movement that was missed."""
    truth = result.truth[index]
    best = _closest(truth, result.found)
    if best is not None:
        return f"IoU {interval_iou(best, truth):.2f} with a {best.kind} found at {_span(best)}"
    peak = peak_within(result, truth.onset_s, truth.offset_s)
    return "no motion measured" if peak is None else f"nothing found; motion score reached {peak:.1f}"


def _why_false(result: ClipResult, index: int) -> str:
    """In words what was really there where a movement was found."""
    found = result.found[index]
    best = _closest(found, result.truth)
    if best is None:
        return "nothing was made there"
    return f"IoU {interval_iou(found, best):.2f} with a true {best.kind} at {_span(best)}"


def _closest(one: Interval, others: Sequence[_Other]) -> _Other | None:
    """The one that overlaps most; None where none does."""
    best = max(others, key=lambda other: interval_iou(one, other), default=None)
    return best if best is not None and interval_iou(one, best) > 0 else None


def _span(interval: Interval) -> str:
    return f"{interval.onset_s:.2f} to {interval.offset_s:.2f} s"


def peak_within(result: ClipResult, start_s: float, end_s: float) -> float | None:
    """Largest motion score from a start to a lag flow's time after an end; None where none was measured."""
    if result.trace is None:
        return None
    inside = (result.trace.stamps >= start_s) & (result.trace.stamps <= end_s + 0.2)
    score = result.trace.score[inside]
    return float(np.nanmax(score)) if np.isfinite(score).any() else None
