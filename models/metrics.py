"""Figures of merit: accuracy, macro F1 (UF1), macro recall (UAR), calibration, intervals over subjects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_ANSWER = -1

FIGURES = ("accuracy", "uf1", "uar")


@dataclass(frozen=True, slots=True)
class Scores:
    """How well answers agree with labels.

    Parameters
    ----------
    accuracy : float
    uf1 : float
        Mean over classes of 2 TP / (2 TP + FP + FN), classes that neither occur nor are answered left out.
    uar : float
        Mean over the classes that occur of TP / (TP + FN).
    confusion : (n_classes, n_classes) int64
        Rows are labels, columns answers; unanswered samples are in none.
    samples : int
    answered : int
    """

    accuracy: float
    uf1: float
    uar: float
    confusion: NDArray[np.int64]
    samples: int
    answered: int


def score_answers(label: NDArray[np.integer], answer: NDArray[np.integer], n_classes: int) -> Scores:
    """Score (n,) answers against (n,) labels; an answer of -1 is none and counts as wrong."""
    counts = _counts(label, answer, n_classes)
    accuracy, uf1, uar = _figures(counts.astype(np.float64))
    confusion = counts[:, :n_classes]
    return Scores(float(accuracy), float(uf1), float(uar), confusion, len(label), int(confusion.sum()))


def macro_f1(label: NDArray[np.integer], answer: NDArray[np.integer], n_classes: int) -> float:
    """`Scores.uf1` alone."""
    return float(_figures(_counts(label, answer, n_classes).astype(np.float64))[1])


def bootstrap_intervals(
    label: NDArray[np.integer],
    answer: NDArray[np.integer],
    subject: NDArray[np.integer],
    n_classes: int,
    *,
    draws: int = 2000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """95 % intervals of accuracy, uf1 and uar by drawing subjects, not samples, with replacement."""
    each = counts_by_subject(label, answer, subject, n_classes)
    figures = figures_of_counts(draw_subjects(len(each), draws, seed) @ each)
    return {
        name: (float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975)))
        for name, values in zip(FIGURES, figures, strict=True)
    }


def counts_by_subject(
    label: NDArray[np.integer], answer: NDArray[np.integer], subject: NDArray[np.integer], n_classes: int
) -> NDArray[np.float64]:
    """(n_subjects, n_classes * (n_classes + 1)): confusion and unanswered samples of each subject, ascending."""
    subjects = np.unique(subject)
    return np.stack([_counts(label[subject == s], answer[subject == s], n_classes).ravel() for s in subjects]).astype(
        np.float64
    )


def draw_subjects(n_subjects: int, draws: int, seed: int) -> NDArray[np.float64]:
    """(draws, n_subjects): how often each subject is in each draw of as many subjects, with replacement."""
    share = np.full(n_subjects, 1.0 / n_subjects)
    return np.random.default_rng(seed).multinomial(n_subjects, share, size=draws).astype(np.float64)


def figures_of_counts(counts: NDArray[np.float64]) -> tuple[NDArray, NDArray, NDArray]:
    """Accuracy, UF1 and UAR, each (...), of (..., n_classes * (n_classes + 1)) counts."""
    n_classes = round((np.sqrt(4 * counts.shape[-1] + 1) - 1) / 2)
    return _figures(counts.reshape(*counts.shape[:-1], n_classes, n_classes + 1))


def expected_calibration_error(
    probabilities: NDArray[np.floating], label: NDArray[np.integer], bins: int = 15
) -> float:
    """Mean over samples of |accuracy - confidence| of the sample's confidence bin.

    Parameters
    ----------
    probabilities : (n, n_classes) float
    label : (n,) int
    bins : int
        Of equal width between 0 and 1.

    References
    ----------
    Naeini, Cooper and Hauskrecht (2015), "Obtaining well calibrated probabilities using Bayesian binning".
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == label
    at = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(at, weights=right.astype(float) - confidence, minlength=bins)
    return float(np.abs(gap).sum() / len(label))


def reliability_bins(
    probabilities: NDArray[np.floating], label: NDArray[np.integer], bins: int = 10
) -> list[dict[str, float]]:
    """How often the answer is right where the confidence is what: one entry a bin that holds a sample.

    Returns
    -------
    list of {"low", "high", "confidence", "accuracy", "samples"}
        Confidence and accuracy are means over the bin's samples.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == label
    at = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "low": i / bins,
            "high": (i + 1) / bins,
            "confidence": float(confidence[at == i].mean()),
            "accuracy": float(right[at == i].mean()),
            "samples": int(np.sum(at == i)),
        }
        for i in range(bins)
        if np.any(at == i)
    ]


@dataclass(frozen=True, slots=True)
class Roc:
    """One class against the rest: false and true alarm rates along the threshold, (n_points,) each, and the area."""

    false_rate: NDArray[np.float64]
    true_rate: NDArray[np.float64]
    auc: float


def roc_one_vs_rest(probabilities: NDArray[np.floating], label: NDArray[np.integer]) -> dict[int, Roc]:
    """Receiver operating characteristic of each class that occurs and does not always occur."""
    from sklearn.metrics import auc, roc_curve  # slow to import, and training imports this module

    found = {}
    for c in range(probabilities.shape[1]):
        positive = label == c
        if positive.all() or not positive.any():
            continue
        false_rate, true_rate, _ = roc_curve(positive, probabilities[:, c])
        found[c] = Roc(false_rate, true_rate, float(auc(false_rate, true_rate)))
    return found


def _counts(label: NDArray[np.integer], answer: NDArray[np.integer], n_classes: int) -> NDArray[np.int64]:
    """(n_classes, n_classes + 1): confusion, and in the last column what was not answered."""
    column = np.where(np.asarray(answer) == NO_ANSWER, n_classes, answer)
    flat = np.bincount(np.asarray(label) * (n_classes + 1) + column, minlength=n_classes * (n_classes + 1))
    return flat.reshape(n_classes, n_classes + 1)


def _figures(counts: NDArray[np.float64]) -> tuple[NDArray, NDArray, NDArray]:
    """Accuracy, UF1 and UAR of (..., n_classes, n_classes + 1) counts."""
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    occurs = counts.sum(axis=-1)
    answered = counts[..., :-1].sum(axis=-2)
    accuracy = right.sum(axis=-1) / np.maximum(occurs.sum(axis=-1), 1.0)
    f1 = 2.0 * right / np.maximum(occurs + answered, 1.0)
    uf1 = f1.sum(axis=-1) / np.maximum((occurs + answered > 0).sum(axis=-1), 1)
    recall = right / np.maximum(occurs, 1.0)
    return accuracy, uf1, recall.sum(axis=-1) / np.maximum((occurs > 0).sum(axis=-1), 1)
