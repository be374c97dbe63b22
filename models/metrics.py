"""Figures of merit: accuracy, macro F1 (UF1), macro recall (UAR), calibration, intervals over subjects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NO_ANSWER = -1


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
    subjects = np.unique(subject)
    each = np.stack([_counts(label[subject == s], answer[subject == s], n_classes) for s in subjects])
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(len(subjects), np.full(len(subjects), 1.0 / len(subjects)), size=draws)
    figures = _figures(np.tensordot(drawn.astype(np.float64), each.astype(np.float64), axes=1))
    names = ("accuracy", "uf1", "uar")
    return {
        name: (float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975)))
        for name, values in zip(names, figures, strict=True)
    }


def majority_scores(label: NDArray[np.integer], n_classes: int, training: NDArray[np.integer] | None = None) -> Scores:
    """What always answering the most frequent class of `training` (of `label` where not given) scores."""
    most = int(np.bincount(label if training is None else training, minlength=n_classes).argmax())
    return score_answers(label, np.full(len(label), most), n_classes)


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
