"""What personalisation brings: each person held out once, calibrated on their first trials, tested on the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from models.evaluation.significance import Difference, paired_bootstrap
from models.metrics import draw_subjects, score_answers
from models.samples import SampleSet
from models.training.calibration import Calibrated
from models.training.personalise import PersonalisationOptions, first_trials, personalise
from models.views import VIEWS, View
from realtime.errors import DataError

Train = Callable[[SampleSet, Sequence[int]], Calibrated]
"""Samples and the subjects that are held out -> a network that never saw them."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """One person's answers to the trials after the calibration.

    Parameters
    ----------
    subject : int
    label : (n,) int
    probabilities : dict of number of calibration trials -> view -> (n, n_classes)
        0 is the base.
    """

    subject: int
    label: NDArray[np.int64]
    probabilities: dict[int, dict[View, NDArray[np.float32]]]


def answers_after_calibration(
    base: Calibrated, person: SampleSet, trials: Sequence[int], options: PersonalisationOptions | None = None
) -> HeldOut:
    """Ask the base, and the base personalised on the first so many trials, about the trials after the longest of these.

    All are asked about the same trials, none of which any of them has seen.

    Raises
    ------
    DataError
        The person has no trial beyond the calibration.
    """
    calibrating = first_trials(person, max(trials))
    if calibrating.all():
        raise DataError(
            f"{person.subject_name(person.subjects[0])} has {len(np.unique(person.group))} trials, none is left to "
            f"test on after {max(trials)} of calibration; ask for fewer"
        )
    testing = person.take(~calibrating)
    found = {0: base.probabilities(testing)}
    for k in trials:
        found[k] = personalise(base, person.take(first_trials(person, k)), options).probabilities(testing)
    return HeldOut(person.subjects[0], testing.label, found)


def measure_gain(
    samples: SampleSet,
    train: Train,
    trials: Sequence[int] = (5, 10, 15),
    options: PersonalisationOptions | None = None,
    *,
    jobs: int = 1,
    seed: int = 0,
) -> dict[str, Any]:
    """Leave one subject out, with and without personalisation.

    Parameters
    ----------
    samples : SampleSet
        `group` counts up in time within a subject.
    train : callable
        Trains without the subjects that it is given.
    trials : sequence of int
        How many of a person's first trials to calibrate on; the test trials are those after the largest.
    options : PersonalisationOptions, optional
    jobs : int
        Subjects at a time.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        JSON-ready: subjects, samples, simulated, options, and for each number of trials and view the scores of base
        and personalised and the gain in accuracy, uf1, uar and mean negative log-likelihood (the less the better), with
        95 % interval and p by bootstrap over subjects.

    Raises
    ------
    DataError
        Nobody has trials beyond the calibration.
    """
    options = options or PersonalisationOptions()
    enough = [s for s in samples.subjects if not first_trials(samples.of_subjects((s,)), max(trials)).all()]
    if len(enough) < 2:
        raise DataError(
            f"{len(enough)} of {len(samples.subjects)} subjects have more than {max(trials)} trials; wanted 2"
        )

    def one(subject: int) -> HeldOut:
        return answers_after_calibration(train(samples, (subject,)), samples.of_subjects((subject,)), trials, options)

    everyone: list[HeldOut] = joblib.Parallel(n_jobs=jobs)(joblib.delayed(one)(s) for s in enough)  # type: ignore[assignment]
    return summarise_gain(everyone, samples, options, seed)


def summarise_gain(
    everyone: Sequence[HeldOut], samples: SampleSet, options: PersonalisationOptions, seed: int = 0
) -> dict[str, Any]:
    """Pool held-out people's answers and compare base and personalised, see `measure_gain`."""
    label = np.concatenate([person.label for person in everyone])
    subject = np.concatenate([np.full(len(person.label), person.subject) for person in everyone])
    pooled = {
        k: {view: np.concatenate([person.probabilities[k][view] for person in everyone]) for view in VIEWS}
        for k in everyone[0].probabilities
    }
    rows = [
        _compare(label, subject, pooled[0][view], pooled[k][view], seed) | {"trials": k, "view": view}
        for k in pooled
        if k > 0
        for view in VIEWS
        if np.isfinite(pooled[0][view]).any()
    ]
    left_out = sorted(set(samples.subjects) - {person.subject for person in everyone})
    return {
        "simulated": samples.simulated,
        "subjects": len(everyone),
        "left_out": [samples.subject_name(s) for s in left_out],
        "samples": len(label),
        "classes": list(samples.classes),
        "options": options.model_dump(),
        "gain": rows,
    }


def _compare(
    label: NDArray[np.int64],
    subject: NDArray[np.int64],
    base: NDArray[np.float32],
    own: NDArray[np.float32],
    seed: int,
) -> dict[str, Any]:
    there = np.isfinite(base).all(axis=1)
    label, subject, base, own = label[there], subject[there], base[there], own[there]
    n_classes = base.shape[1]
    answers = [p.argmax(axis=1).astype(np.int64) for p in (base, own)]
    scores = [score_answers(label, answer, n_classes) for answer in answers]
    gains = paired_bootstrap(label, answers[1], answers[0], subject, n_classes, seed=seed)
    return {
        "samples": len(label),
        "base": {name: getattr(scores[0], name) for name in gains} | {"nll": float(_losses(base, label).mean())},
        "personalised": {name: getattr(scores[1], name) for name in gains} | {"nll": float(_losses(own, label).mean())},
        "gain": {name: asdict(difference) for name, difference in gains.items()}
        | {"nll": asdict(_nll_gain(label, subject, base, own, seed))},
    }


def _nll_gain(
    label: NDArray[np.int64],
    subject: NDArray[np.int64],
    base: NDArray[np.float32],
    own: NDArray[np.float32],
    seed: int,
    draws: int = 10_000,
) -> Difference:
    """Personalised less base, so that below zero is better; by bootstrap over subjects as the other figures."""
    change = _losses(own, label) - _losses(base, label)
    subjects, of = np.unique(subject, return_inverse=True)
    each = np.stack([np.bincount(of, weights=change), np.bincount(of)], axis=1)
    drawn = draw_subjects(len(subjects), draws, seed) @ each
    values = drawn[:, 0] / drawn[:, 1]
    low, high = np.quantile(values, (0.025, 0.975))
    smaller = min(np.sum(values <= 0), np.sum(values >= 0))
    return Difference(float(change.mean()), (float(low), float(high)), float(min(1.0, 2 * (smaller + 1) / (draws + 1))))


def _losses(probabilities: NDArray[np.float32], label: NDArray[np.int64]) -> NDArray[np.float64]:
    return -np.log(np.maximum(probabilities[np.arange(len(label)), label].astype(np.float64), 1e-12))
