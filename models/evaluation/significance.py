"""Is one system better than another? Paired tests on the same samples, with the person as the unit of chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from models.metrics import FIGURES, counts_by_subject, draw_subjects, figures_of_counts, score_answers


@dataclass(frozen=True, slots=True)
class Difference:
    """First minus second, with its 95 % interval and two-sided p, both from drawing subjects with replacement."""

    difference: float
    interval: tuple[float, float]
    p: float


@dataclass(frozen=True, slots=True)
class McNemar:
    """How often only one of two systems is right, and the exact two-sided p; treats samples as independent."""

    only_first: int
    only_second: int
    p: float


def paired_bootstrap(
    label: NDArray[np.integer],
    first: NDArray[np.integer],
    second: NDArray[np.integer],
    subject: NDArray[np.integer],
    n_classes: int,
    *,
    draws: int = 10_000,
    seed: int = 0,
) -> dict[str, Difference]:
    """Differences in accuracy, uf1 and uar between two systems' answers to the same samples.

    The p-value is twice the smaller share of draws on either side of zero, each share with one draw added, so that it
    is never zero.

    Parameters
    ----------
    label, first, second, subject : (n,) int
        Answers of -1 are none and count as wrong.
    n_classes : int
    draws : int
    seed : int

    References
    ----------
    Efron and Tibshirani (1993), "An introduction to the bootstrap", chapter 16.
    """
    drawn = draw_subjects(len(np.unique(subject)), draws, seed)
    sides = [figures_of_counts(drawn @ counts_by_subject(label, a, subject, n_classes)) for a in (first, second)]
    here = [score_answers(label, a, n_classes) for a in (first, second)]
    found = {}
    for name, one, other in zip(FIGURES, *sides, strict=True):
        change = one - other
        low, high = np.quantile(change, (0.025, 0.975))
        below, above = (np.sum(change <= 0) + 1) / (draws + 1), (np.sum(change >= 0) + 1) / (draws + 1)
        difference = getattr(here[0], name) - getattr(here[1], name)
        found[name] = Difference(float(difference), (float(low), float(high)), float(min(1.0, 2 * min(below, above))))
    return found


def mcnemar_exact(label: NDArray[np.integer], first: NDArray[np.integer], second: NDArray[np.integer]) -> McNemar:
    """Exact McNemar test on the samples that exactly one of the two answers correctly.

    References
    ----------
    McNemar (1947), "Note on the sampling error of the difference between correlated proportions or percentages".
    """
    right, other = first == label, second == label
    only_first, only_second = int(np.sum(right & ~other)), int(np.sum(other & ~right))
    discordant = only_first + only_second
    p = float(binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
    return McNemar(only_first, only_second, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted for their number, so that the chance of any false alarm among them stays what each p says.

    References
    ----------
    Holm (1979), "A simple sequentially rejective multiple test procedure".
    """
    order = np.argsort(p_values, kind="stable")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted
