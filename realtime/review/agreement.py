"""How far two coders of one recording agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from realtime.review.annotations import Annotation

_MARKS = ("onset_s", "apex_s", "offset_s")
_NEAR_S = 1e-3


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float:
    """Agreement of two coders on named judgements beyond chance, -1 to 1; NaN where both always say one thing.

    References
    ----------
    Cohen (1960), "A coefficient of agreement for nominal scales".
    """
    if not first:
        return math.nan
    names = sorted({*first, *second})
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
    chance = sum(first.count(name) * second.count(name) for name in names) / len(first) ** 2
    return math.nan if chance == 1.0 else (observed - chance) / (1.0 - chance)


def intraclass_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """ICC(2,1) of two coders' measurements: absolute agreement of single ratings; NaN for fewer than two events.

    References
    ----------
    Shrout and Fleiss (1979), "Intraclass correlations: uses in assessing rater reliability".
    """
    n = len(first)
    if n < 2:
        return math.nan
    table = np.array([first, second], np.float64).T
    grand = table.mean()
    rows = 2.0 * float(((table.mean(axis=1) - grand) ** 2).sum()) / (n - 1)
    columns = n * float(((table.mean(axis=0) - grand) ** 2).sum())
    residual = table - table.mean(axis=1, keepdims=True) - table.mean(axis=0, keepdims=True) + grand
    error = float((residual**2).sum()) / (n - 1)
    bottom = rows + error + 2.0 * (columns - error) / n
    return (rows - error) / bottom if bottom > 0 else math.nan


def pair_events(
    first: Sequence[Annotation], second: Sequence[Annotation]
) -> tuple[list[tuple[Annotation, Annotation]], list[Annotation], list[Annotation]]:
    """Events of two tables that are the same one: of one candidate, else those that overlap most.

    Returns
    -------
    pairs : list of (Annotation, Annotation)
    only_first, only_second : list of Annotation
    """
    left, right = ([row for row in rows if row.kind != "trial"] for rows in (first, second))
    offers = sorted(
        ((_likeness(a, b), i, j) for i, a in enumerate(left) for j, b in enumerate(right) if _likeness(a, b) > 0),
        key=lambda offer: (-offer[0], offer[1], offer[2]),
    )
    taken_left: set[int] = set()
    taken_right: set[int] = set()
    pairs = []
    for _, i, j in offers:
        if i not in taken_left and j not in taken_right:
            taken_left.add(i)
            taken_right.add(j)
            pairs.append((left[i], right[j]))
    return (
        pairs,
        [row for i, row in enumerate(left) if i not in taken_left],
        [row for j, row in enumerate(right) if j not in taken_right],
    )


def _likeness(a: Annotation, b: Annotation) -> float:
    if abs(a.found_apex_s - b.found_apex_s) < _NEAR_S:
        return 2.0
    shared = min(a.offset_s, b.offset_s) - max(a.onset_s, b.onset_s)
    return max(0.0, shared) / (max(a.offset_s, b.offset_s) - min(a.onset_s, b.onset_s))


def agreement_of(first: Sequence[Annotation], second: Sequence[Annotation]) -> dict[str, Any]:
    """Figures of two coders' tables.

    Events that only one of them has count as rejected by the other where they are accepted, and are left out where
    nobody accepted them; events that one of them has not reviewed are left out and counted. Marks, emotions and action
    units are compared where both accepted.

    Returns
    -------
    dict
        `events`, `unreviewed`, `decision` {percent, kappa, both_accepted, both_rejected, only_first, only_second},
        `label` and `action_units` {n, ...}, `marks` {onset|apex|offset: {n, mean_absolute_s, bias_s, icc}}.
    """
    pairs, only_first, only_second = pair_events(first, second)
    judged = [(a, b) for a, b in pairs if "candidate" not in (a.status, b.status)]
    unreviewed = len(pairs) - len(judged)
    unreviewed += sum(row.status == "candidate" for row in (*only_first, *only_second))
    said = [("yes" if a.counts else "no", "yes" if b.counts else "no") for a, b in judged]
    said += [("yes", "no") for row in only_first if row.counts]
    said += [("no", "yes") for row in only_second if row.counts]
    both = [(a, b) for a, b in judged if a.counts and b.counts]
    labels = [(a.label, b.label) for a, b in both if a.label and b.label]
    units = [_jaccard(a, b) for a, b in both if a.action_units or b.action_units]
    return {
        "events": len(said),
        "unreviewed": unreviewed,
        "decision": {
            "percent": 100.0 * sum(a == b for a, b in said) / len(said) if said else math.nan,
            "kappa": cohen_kappa([a for a, _ in said], [b for _, b in said]),
            "both_accepted": said.count(("yes", "yes")),
            "both_rejected": said.count(("no", "no")),
            "only_first": said.count(("yes", "no")),
            "only_second": said.count(("no", "yes")),
        },
        "label": {
            "n": len(labels),
            "percent": 100.0 * sum(a == b for a, b in labels) / len(labels) if labels else math.nan,
            "kappa": cohen_kappa([a for a, _ in labels], [b for _, b in labels]),
        },
        "action_units": {"n": len(units), "mean_jaccard": float(np.mean(units)) if units else math.nan},
        "marks": {name.removesuffix("_s"): _mark(both, name) for name in _MARKS},
    }


def _jaccard(a: Annotation, b: Annotation) -> float:
    one, other = ({*row.action_units.split("+")} - {""} for row in (a, b))
    return len(one & other) / len(one | other)


def _mark(both: Sequence[tuple[Annotation, Annotation]], name: str) -> dict[str, Any]:
    one, other = [getattr(a, name) for a, _ in both], [getattr(b, name) for _, b in both]
    apart = np.array(other) - np.array(one)
    return {
        "n": len(both),
        "mean_absolute_s": float(np.abs(apart).mean()) if both else math.nan,
        "bias_s": float(apart.mean()) if both else math.nan,
        "icc": intraclass_correlation(one, other),
    }


def render_agreement(result: dict[str, Any], fps: float) -> str:
    """The figures as lines for people; `fps` turns differences into frames."""

    def number(value: float, digits: int = 2) -> str:
        return f"{value:.{digits}f}" if math.isfinite(value) else "-"

    decision, label, units = result["decision"], result["label"], result["action_units"]
    lines = [
        f"{result['events']} events judged by both, {result['unreviewed']} not reviewed by one of them",
        f"accepted or not: {number(decision['percent'], 1)} % the same, Cohen's kappa {number(decision['kappa'])} "
        f"(both {decision['both_accepted']}, neither {decision['both_rejected']}, only the first "
        f"{decision['only_first']}, only the second {decision['only_second']})",
        f"emotion: {number(label['percent'], 1)} % the same, kappa {number(label['kappa'])} (n {label['n']})",
        f"action units: mean Jaccard index {number(units['mean_jaccard'])} (n {units['n']})",
    ]
    for name, mark in result["marks"].items():
        apart_s = mark["mean_absolute_s"]
        lines.append(
            f"{name}: {number(1000 * apart_s, 0)} ms apart on average, {number(apart_s * fps, 1)} frames "
            f"at {fps:g} Hz; ICC(2,1) {number(mark['icc'], 3)} (n {mark['n']})"
        )
    return "\n".join(lines)
