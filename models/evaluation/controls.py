"""Controls of an evaluation: permuted labels, the range of chance, leaky protocols, per-subject normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut
from threadpoolctl import threadpool_limits

from models.baseline_features import flow_maps, thinned
from models.evaluation.baselines import svm_on_maps, svm_on_power
from models.metrics import NO_ANSWER, figures_of_counts, score_answers
from models.samples import SampleSet
from realtime.errors import ConfigurationError

_MIN_SD = 0.05
LEAK_ROWS = 4000


def permute_labels(samples: SampleSet, seed: int) -> SampleSet:
    """Labels drawn anew from themselves, trial by trial: what carries no information must score at chance.

    All samples of a trial with the same label keep sharing one, so that the permuted data are as dependent as
    the real ones. Labels move over the whole set, not within a person, whose class shares would otherwise survive.

    Parameters
    ----------
    samples : SampleSet
    seed : int
    """
    label_of_trial, trial = _trials(samples)
    drawn = np.random.default_rng(seed).permutation(label_of_trial)
    return replace(samples, label=drawn[trial].astype(samples.label.dtype))


def chance_range(
    samples: SampleSet, answer: NDArray[np.integer], seed: int, draws: int = 2000
) -> tuple[tuple[float, float], float]:
    """Mean recall (UAR) that the same answers would reach if labels were drawn at random, trial by trial.

    Parameters
    ----------
    samples : SampleSet
    answer : (n,) int
        -1 where there is none.
    seed : int
    draws : int

    Returns
    -------
    (low, high), p
        The middle 95 % of the draws, and the share of draws that do at least as well as the true labels, the true
        ones counted among them.

    References
    ----------
    Ojala and Garriga (2010), "Permutation tests for studying classifier performance".
    """
    k = len(samples.classes)
    label_of_trial, trial = _trials(samples)
    answers = np.zeros((len(label_of_trial), k + 1))
    np.add.at(answers, (trial, np.where(answer == NO_ANSWER, k, answer)), 1.0)
    rng = np.random.default_rng(seed)
    drawn = np.stack([np.eye(k)[:, rng.permutation(label_of_trial)] @ answers for _ in range(draws)])
    uar = figures_of_counts(drawn.reshape(draws, -1))[2]
    reached = score_answers(samples.label, answer, k).uar
    low, high = np.quantile(uar, (0.025, 0.975))
    return (float(low), float(high)), float((np.sum(uar >= reached - 1e-12) + 1) / (draws + 1))


def z_score_subjects(samples: SampleSet) -> SampleSet:
    """Log power as z-scores within each subject, test subjects too: 'transductive', for it reads all of their trials.

    Raises
    ------
    ConfigurationError
        No sample has EEG.
    """
    if not samples.has_eeg.any():
        raise ConfigurationError("the option 'transductive' z-scores the EEG of each subject; no sample has EEG")
    power = samples.log_power.copy()
    for subject in samples.subjects:
        rows = np.flatnonzero((samples.subject == subject) & samples.has_eeg)
        if rows.size == 0:
            continue
        there = (samples.channel_mask[rows] & samples.window_mask[rows][..., None])[..., None]
        values = np.where(there, samples.log_power[rows], 0.0).astype(np.float64)
        count = np.maximum(there.sum(axis=(0, 1)), 1)
        mean = values.sum(axis=(0, 1)) / count
        spread = np.sqrt(np.where(there, np.square(values - mean), 0.0).sum(axis=(0, 1)) / count)
        power[rows] = np.where(there, (values - mean) / np.maximum(spread, _MIN_SD), 0.0)
    return replace(samples, log_power=power)


@dataclass(frozen=True, slots=True)
class LeakRow:
    """One protocol's figures for the same support vector machine on the same rows.

    Parameters
    ----------
    protocol : str
    leak : str
        What test rows share with training rows.
    accuracy, uf1, uar : float
    folds : int
    """

    protocol: str
    leak: str
    accuracy: float
    uf1: float
    uar: float
    folds: int


@dataclass(frozen=True, slots=True)
class LeakTable:
    """The same classifier under protocols that leak and under the one that does not.

    Parameters
    ----------
    what : str
        Features and unit: 'log power of single windows'.
    rows : int
        Windows or samples used.
    of : int
        Windows or samples there are; more than `rows` were thinned evenly.
    protocols : tuple of LeakRow
    """

    what: str
    rows: int
    of: int
    protocols: tuple[LeakRow, ...]


def leak_table(samples: SampleSet, seed: int = 0, n_folds: int = 10) -> LeakTable:
    """Score an SVM with shuffled windows, grouped by trial, and leaving subjects out.

    EEG where there is any, single windows; else 28 px flow maps, single movements.

    Parameters
    ----------
    samples : SampleSet
    seed : int
        Of the shuffle.
    n_folds : int
        At most, of each protocol; leaving one subject out where there are no more subjects than this.
    """
    if samples.has_eeg.any():
        features, row, of = _windows(samples)
        what, classify = "log power of single windows", svm_on_power
    else:
        rows = np.flatnonzero(samples.has_face)
        row, of = thinned(rows, LEAK_ROWS), len(rows)
        features = flow_maps(samples, row)
        what, classify = "28 px flow maps of single movements", svm_on_maps
    label, subject = samples.label[row], samples.subject[row]
    _, trial = np.unique(np.stack([subject, samples.group[row]], axis=1), axis=0, return_inverse=True)
    protocols = []
    for name, leak, folds in _leaky_folds(subject, trial.ravel(), n_folds, seed):
        answer = np.full(len(row), NO_ANSWER, np.int64)
        with threadpool_limits(1):
            for training, testing in folds:
                answer[testing] = classify(features[training], label[training], features[testing])
        scores = score_answers(label, answer, len(samples.classes))
        protocols.append(LeakRow(name, leak, scores.accuracy, scores.uf1, scores.uar, len(folds)))
    return LeakTable(what, len(row), of, tuple(protocols))


def _trials(samples: SampleSet) -> tuple[NDArray[np.integer], NDArray[np.intp]]:
    """Label of each trial, (n_trials,), and each sample's trial; one that holds several labels counts as several."""
    keys = np.stack([samples.subject, samples.group, samples.label], axis=1)
    distinct, trial = np.unique(keys, axis=0, return_inverse=True)
    return distinct[:, 2], trial.ravel()


def _leaky_folds(
    subject: NDArray[np.integer], trial: NDArray[np.integer], n_folds: int, seed: int
) -> Iterator[tuple[str, str, list[Any]]]:
    blank = np.zeros((len(subject), 1))
    k = min(n_folds, len(subject))
    yield "shuffled", "person and trial", list(KFold(k, shuffle=True, random_state=seed).split(blank))
    k = min(n_folds, len(np.unique(trial)))
    yield "grouped by trial", "person", list(GroupKFold(k).split(blank, groups=trial))
    k = len(np.unique(subject))
    last = LeaveOneGroupOut() if k <= n_folds else GroupKFold(n_folds)
    yield "grouped by subject", "nothing", list(last.split(blank, groups=subject))


def _windows(samples: SampleSet) -> tuple[NDArray[np.float32], NDArray[np.intp], int]:
    """Log power of windows (n_rows, n_channels * n_bands), NaN where masked; the sample of each; how many there are."""
    counts = samples.window_mask & samples.has_eeg[:, None] & samples.channel_mask.any(axis=2)
    row, window = np.nonzero(counts)
    kept = thinned(np.arange(len(row)), LEAK_ROWS)
    power = samples.log_power[row[kept], window[kept]]
    there = samples.channel_mask[row[kept], window[kept]][..., None]
    return np.where(there, power, np.nan).reshape(len(kept), -1).astype(np.float32), row[kept], len(row)
