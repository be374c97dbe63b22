"""Pooled answers to the figures of a report: scores with intervals, ablation, baselines, paired comparisons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.evaluation.protocol import Pooled
from models.evaluation.significance import holm, mcnemar_exact, paired_bootstrap
from models.metrics import (
    NO_ANSWER,
    bootstrap_intervals,
    expected_calibration_error,
    reliability_bins,
    roc_one_vs_rest,
    score_answers,
)
from models.samples import SampleSet
from models.views import VIEWS, View

Table = dict[str, Any]
Bools = NDArray[np.bool_]
Integers = NDArray[np.int64]

OURS = "emostream"
"""Name of the evaluated system; `trained_alone(view)` are its fits on one modality."""

FEW_SUBJECTS = 6
"""With fewer, intervals that draw subjects say little, and the report says so."""


def trained_alone(view: View) -> str:
    """Name of the system that is our fit on one modality only."""
    return f"{OURS}_{view}"


def answers_of(probabilities: NDArray[np.floating]) -> Integers:
    """(n,) most probable class, -1 where there are no probabilities."""
    there = np.isfinite(probabilities).all(axis=1)
    return np.where(there, np.nan_to_num(probabilities).argmax(axis=1), NO_ANSWER)


def score_system(samples: SampleSet, answer: Integers, seed: int, rows: Bools | None = None) -> Table:
    """Scores with 95 % intervals over subjects, on all rows or on some; -1 counts as wrong.

    Returns
    -------
    dict
        accuracy, uf1, uar, samples, answered, intervals, confusion.
    """
    use = np.ones(len(samples), np.bool_) if rows is None else rows
    label, given, subject, k = samples.label[use], answer[use], samples.subject[use], len(samples.classes)
    scores = score_answers(label, given, k)
    return {
        "accuracy": scores.accuracy,
        "uf1": scores.uf1,
        "uar": scores.uar,
        "samples": scores.samples,
        "answered": scores.answered,
        "intervals": {n: list(v) for n, v in bootstrap_intervals(label, given, subject, k, seed=seed).items()},
        "confusion": scores.confusion.tolist(),
    }


def summarise(samples: SampleSet, pooled: Pooled, titles: Mapping[str, str], modality: View, seed: int) -> Table:
    """Everything that follows from the pooled answers; JSON-ready.

    Parameters
    ----------
    samples : SampleSet
        As evaluated.
    pooled : Pooled
        With the system `OURS`; the others are its fits on one modality and baselines.
    titles : mapping of system -> title
        Of every system.
    modality : 'both', 'eeg' or 'face'
        What ours was shown; the ablation has entries for the views that this leaves.
    seed : int
        Of the bootstrap.
    """
    here: dict[View, bool] = {"both": True, "eeg": bool(samples.has_eeg.any()), "face": bool(samples.has_face.any())}
    views: list[View] = [v for v in VIEWS if v == modality or (modality == "both" and here[v])]
    ours = pooled.probabilities[OURS]
    answers = {name: answers_of(views_of["both"]) for name, views_of in pooled.probabilities.items()}
    asked: dict[View, View] = {view: view if modality == "both" else "both" for view in views}
    shown: dict[View, Integers] = {view: answers_of(ours[asked[view]]) for view in views}
    headline = score_system(samples, answers[OURS], seed)
    both = samples.has_eeg & samples.has_face
    alone: list[View] = [view for view in views if view != "both" and trained_alone(view) in answers]
    others = [n for n in answers if n != OURS and n not in {trained_alone(view) for view in alone}]
    ablation: Table = dict.fromkeys(VIEWS)
    for view in views:
        ablation[view] = _with_both(samples, shown[view], seed, both)
    for view in alone:
        ablation[view]["trained_alone"] = _with_both(samples, answers[trained_alone(view)], seed, both)
    baselines = {n: {"title": titles[n], **_with_both(samples, answers[n], seed, both)} for n in others}
    rivals = {f"ablation:{view}": (f"the same fit, {_NAMES[view]} alone", shown[view]) for view in views[1:]}
    rivals |= {name: (titles[name], answers[name]) for name in answers if name != OURS}
    return {
        **headline,
        "subjects": len(samples.subjects),
        "classes": list(samples.classes),
        "chance": 1.0 / len(samples.classes),
        "majority": baselines.get("majority"),
        "ablation": ablation,
        "baselines": baselines,
        "comparisons": compare(samples, answers[OURS], rivals, both, seed),
        **calibration(ours["both"], samples),
        "per_subject": per_subject(samples, shown, answers[OURS]),
        "rows": {
            "all": len(samples),
            "eeg": int(samples.has_eeg.sum()),
            "face": int(samples.has_face.sum()),
            "both": int(both.sum()),
        },
    }


_NAMES: dict[View, str] = {"eeg": "EEG", "face": "face", "both": "both"}


def compare(
    samples: SampleSet, answer: Integers, rivals: Mapping[str, tuple[str, Integers]], both: Bools, seed: int
) -> list[Table]:
    """Ours against each rival, paired: on all rows, and on those with both modalities where that differs.

    p-values of UF1 are also given adjusted (Holm) for the number of rivals.
    """
    found: list[Table] = []
    chosen = {"all": np.ones(len(samples), np.bool_)}
    if both.any() and not both.all():
        chosen["with_both"] = both
    for name, rows in chosen.items():
        label, subject = samples.label[rows], samples.subject[rows]
        part: list[Table] = []
        for key, (title, other) in rivals.items():
            paired = paired_bootstrap(label, answer[rows], other[rows], subject, len(samples.classes), seed=seed)
            part.append(
                {
                    "against": key,
                    "title": title,
                    "rows": name,
                    "samples": int(rows.sum()),
                    **{figure: _listed(asdict(difference)) for figure, difference in paired.items()},
                    "mcnemar": asdict(mcnemar_exact(label, answer[rows], other[rows])),
                }
            )
        for entry, adjusted in zip(part, holm([entry["uf1"]["p"] for entry in part]), strict=True):
            entry["uf1"]["p_holm"] = adjusted
        found += part
    return found


def calibration(probabilities: NDArray[np.floating], samples: SampleSet) -> Table:
    """ece, reliability and auc of the answered rows; nulls where there are none."""
    there = np.isfinite(probabilities).all(axis=1)
    if not there.any():
        return {"ece": None, "reliability": [], "auc": {"macro": None, "per_class": {}}}
    p, label = probabilities[there], samples.label[there]
    areas = {samples.classes[c]: roc.auc for c, roc in roc_one_vs_rest(p, label).items()}
    return {
        "ece": expected_calibration_error(p, label),
        "reliability": reliability_bins(p, label),
        "auc": {"macro": float(np.mean(list(areas.values()))) if areas else None, "per_class": areas},
    }


def per_subject(samples: SampleSet, shown: Mapping[View, Integers], answer: Integers) -> list[Table]:
    """Figures and class counts of each subject; UF1 and UAR over the classes that the subject shows."""
    k = len(samples.classes)
    table = []
    for subject in samples.subjects:
        rows = samples.subject == subject
        scores = score_answers(samples.label[rows], answer[rows], k)
        counts = np.bincount(samples.label[rows], minlength=k)
        table.append(
            {
                "subject": samples.subject_name(subject),
                "samples": scores.samples,
                "accuracy": scores.accuracy,
                "uf1": scores.uf1,
                "uar": scores.uar,
                "accuracy_by_view": {
                    view: score_answers(samples.label[rows], given[rows], k).accuracy for view, given in shown.items()
                },
                "classes": dict(zip(samples.classes, counts.tolist(), strict=True)),
            }
        )
    return table


def cautions(samples: SampleSet, notes: Sequence[str]) -> list[str]:
    """What a reader must know before trusting the figures, beside the notes of the folds."""
    found = list(notes)
    if len(samples.subjects) < FEW_SUBJECTS:
        found.insert(
            0, f"{len(samples.subjects)} subjects only: intervals and tests that draw subjects are rough at best"
        )
    if absent := [name for c, name in enumerate(samples.classes) if not np.any(samples.label == c)]:
        found.append(f"no sample of {', '.join(absent)}: left out of UF1 and UAR unless answered")
    return found


def _with_both(samples: SampleSet, answer: Integers, seed: int, both: Bools) -> Table:
    """Scores on all rows and, where that differs, on the rows that have both modalities."""
    table = score_system(samples, answer, seed)
    if both.any() and not both.all():
        table["with_both"] = score_system(samples, answer, seed, both)
    return table


def _listed(difference: Table) -> Table:
    return difference | {"interval": list(difference["interval"])}
