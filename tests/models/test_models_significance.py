"""Paired tests against hand-made cases: what differs in every person is found, what differs in none is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from models.evaluation.significance import holm, mcnemar_exact, paired_bootstrap
from models.metrics import NO_ANSWER, reliability_bins, roc_one_vs_rest


def _people(n_subjects: int = 20, each: int = 15, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 3, n_subjects * each), np.repeat(np.arange(n_subjects), each), rng


def _noisy(label: np.ndarray, right: float, rng: np.random.Generator) -> np.ndarray:
    return np.where(rng.random(len(label)) < right, label, (label + 1) % 3)


def test_a_better_system_is_found() -> None:
    label, subject, rng = _people()
    good, poor = _noisy(label, 0.8, rng), _noisy(label, 0.5, rng)
    found = paired_bootstrap(label, good, poor, subject, 3, draws=2000)
    for name in ("accuracy", "uf1", "uar"):
        low, high = found[name].interval
        assert 0 < low < found[name].difference < high
        assert found[name].p < 0.01
    swapped = paired_bootstrap(label, poor, good, subject, 3, draws=2000)["uf1"]
    assert swapped.difference == pytest.approx(-found["uf1"].difference)
    assert swapped.p == found["uf1"].p


def test_equal_systems_are_not_told_apart() -> None:
    label, subject, rng = _people(seed=4)
    one = _noisy(label, 0.6, rng)
    same = paired_bootstrap(label, one, one, subject, 3, draws=500)["uf1"]
    assert (same.difference, same.interval, same.p) == (0.0, (0.0, 0.0), 1.0)


def test_false_alarms_are_as_rare_as_promised() -> None:
    # two systems that are equally good: at 5 %, about one comparison in twenty may differ
    alarms = 0
    for seed in range(60):
        label, subject, rng = _people(30, 8, seed)
        pair = _noisy(label, 0.6, rng), _noisy(label, 0.6, rng)
        alarms += paired_bootstrap(label, *pair, subject, 3, draws=400, seed=seed)["accuracy"].p < 0.05
    assert alarms <= 9


def test_people_are_the_unit_of_chance() -> None:
    # one person of ten answers all the difference: thirty samples of theirs are still one person
    label, subject, _ = _people(10, 30)
    better = label.copy()
    worse = np.where(subject == 0, (label + 1) % 3, label)
    found = paired_bootstrap(label, better, worse, subject, 3, draws=2000)["accuracy"]
    assert found.interval[0] == 0.0
    assert found.p > 0.3
    assert mcnemar_exact(label, better, worse).p < 1e-6


def test_mcnemar_by_hand() -> None:
    label = np.zeros(12, int)
    first = np.array([0] * 8 + [1] * 2 + [0] * 2)
    second = np.array([1] * 7 + [0] + [0] * 1 + [NO_ANSWER] + [0] * 2)
    found = mcnemar_exact(label, first, second)
    assert (found.only_first, found.only_second) == (7, 1)
    assert found.p == pytest.approx(2 * binom.cdf(1, 8, 0.5))
    assert mcnemar_exact(label, first, first).p == 1.0


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_only_ever_raises_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert len(adjusted) == len(p)
    assert all(before <= after <= 1 for before, after in zip(p, adjusted, strict=True))
    assert all(adjusted[i] <= adjusted[j] for i in range(len(p)) for j in range(len(p)) if p[i] < p[j])


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_reliability_and_roc_by_hand() -> None:
    p = np.array([[0.95, 0.05], [0.92, 0.08], [0.45, 0.55], [0.42, 0.58]])
    label = np.array([0, 1, 1, 1])
    low, high = reliability_bins(p, label)
    assert (low["samples"], low["accuracy"], low["confidence"]) == (2, 1.0, pytest.approx(0.565))
    assert (high["samples"], high["accuracy"], high["low"]) == (2, 0.5, 0.9)
    areas = {c: roc.auc for c, roc in roc_one_vs_rest(p, label).items()}
    assert areas == {0: 1.0, 1: 1.0}
    three = np.column_stack([p, np.zeros(4)])
    assert set(roc_one_vs_rest(three, label)) == {0, 1}
    assert roc_one_vs_rest(p, np.ones(4, int)) == {}
