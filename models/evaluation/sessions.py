"""Sessions that went through the engine: answers to figures with intervals. `evaluation_command` does the folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.metrics import (
    NO_ANSWER,
    Scores,
    bootstrap_intervals,
    score_answers,
)
from models.views import VIEWS, View
from realtime.errors import DataError
from realtime.interfaces import RecognizerSpec

Table = dict[str, Any]


class TrialAnswers(Protocol):
    """Class indices of one trial: the truth, the fused answer, each modality's; -1 is no answer."""

    @property
    def label(self) -> int: ...
    @property
    def fused(self) -> int: ...
    @property
    def eeg(self) -> int: ...
    @property
    def face(self) -> int: ...


class SessionAnswers(Protocol):
    """One subject's session through the engine, see `simulators.cohort.SessionScore`."""

    @property
    def subject(self) -> int: ...
    @property
    def answers(self) -> Sequence[TrialAnswers]: ...
    @property
    def spotting(self) -> Mapping[str, float]: ...


def evaluate_answers(sessions: Sequence[SessionAnswers], spec: RecognizerSpec, seed: int = 0) -> Table:
    """Figures of sessions that went through the engine, one answer a trial.

    A trial to which a modality gave no answer counts as wrong for that modality; `ablation` also holds the figures on
    the answered trials alone.

    Parameters
    ----------
    sessions : sequence of SessionAnswers
    spec : RecognizerSpec
        Of the recogniser that answered.
    seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        JSON-ready: accuracy, uf1, uar, samples, subjects, majority, intervals (95 %, bootstrap over subjects),
        confusion, ablation, baselines, spotting (means over sessions), classes, chance, model.

    Raises
    ------
    DataError
        No session with an answered trial.
    """
    rows = [(session.subject, answer) for session in sessions for answer in session.answers]
    if not rows:
        raise DataError(f"nothing to score: {len(sessions)} sessions without one answered trial; make them longer")
    label = np.array([answer.label for _, answer in rows])
    subject = np.array([number for number, _ in rows])
    answers: dict[View, NDArray[np.int64]] = {
        "both": np.array([answer.fused for _, answer in rows]),
        "eeg": np.array([answer.eeg for _, answer in rows]),
        "face": np.array([answer.face for _, answer in rows]),
    }
    most = np.full(len(label), np.bincount(label, minlength=len(spec.classes)).argmax())
    result = _table(label, subject, answers, spec.classes, most, seed)
    names = sorted({name for session in sessions for name in session.spotting})
    result["spotting"] = {name: _mean([s.spotting[name] for s in sessions if name in s.spotting]) for name in names}
    result["simulated"] = spec.simulated
    result["model"] = {"id": spec.model_id, "trained_on": spec.trained_on, "simulated": spec.simulated}
    return result


def render_scores(result: Table) -> str:
    """The figures of `evaluate_answers` as a few lines of text."""
    low, high = result["intervals"]["uf1"]
    lines = [
        f"{result['samples']} samples of {result['subjects']} subjects, {len(result['classes'])} classes"
        + (" (simulated people)" if result["simulated"] else ""),
        f"{'':<14}{'accuracy':>9}{'UF1':>8}{'UAR':>8}{'answered':>10}",
    ]
    named = {"fused": result["ablation"]["both"], "EEG alone": result["ablation"]["eeg"]}
    named["face alone"] = result["ablation"]["face"]
    named |= {name.replace("_", " "): figures for name, figures in result["baselines"].items()}
    for name, figures in named.items():
        lines.append(
            f"{name:<14}{figures['accuracy']:>9.3f}{figures['uf1']:>8.3f}{figures['uar']:>8.3f}{figures['answered']:>10}"
        )
    lines.append(
        f"fused UF1 95 % interval over subjects: {low:.3f} to {high:.3f}; chance accuracy {result['chance']:.3f}"
    )
    if result.get("spotting"):
        lines.append("spotting: " + ", ".join(f"{k} {v:.3f}" for k, v in result["spotting"].items() if v is not None))
    return "\n".join(lines)


def _table(
    label: NDArray[np.integer],
    subject: NDArray[np.integer],
    answers: Mapping[View, NDArray[np.int64]],
    classes: Sequence[str],
    majority: NDArray[np.integer],
    seed: int,
) -> Table:
    n_classes = len(classes)
    fused = score_answers(label, answers["both"], n_classes)
    constant = _short(score_answers(label, majority, n_classes))
    ablation: dict[str, Table] = {}
    for view in VIEWS:
        ablation[view] = _short(score_answers(label, answers[view], n_classes))
        there = answers[view] != NO_ANSWER
        if there.any():
            ablation[view]["uf1_answered"] = score_answers(label[there], answers[view][there], n_classes).uf1
            ablation[view]["uf1_fused_there"] = score_answers(label[there], answers["both"][there], n_classes).uf1
    return {
        "accuracy": fused.accuracy,
        "uf1": fused.uf1,
        "uar": fused.uar,
        "samples": fused.samples,
        "subjects": len(np.unique(subject)),
        "classes": list(classes),
        "chance": 1.0 / n_classes,
        "majority": constant,
        "intervals": {
            k: list(v) for k, v in bootstrap_intervals(label, answers["both"], subject, n_classes, seed=seed).items()
        },
        "confusion": fused.confusion.tolist(),
        "ablation": ablation,
        "baselines": {"majority": constant},
    }


def _short(scores: Scores) -> Table:
    return {"accuracy": scores.accuracy, "uf1": scores.uf1, "uar": scores.uar, "answered": scores.answered}


def _mean(values: Sequence[float]) -> float | None:
    finite = [v for v in values if v is not None and np.isfinite(v)]
    return float(np.mean(finite)) if finite else None
