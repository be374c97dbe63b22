"""What really happened in a simulated session, heard over the truth marker stream, and how well it was recognised.

Only simulated input has a truth; every figure from here is a figure about simulated people.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from realtime.face.metrics import spotting_scores
from realtime.packets import Evidence, Float32, Marker, MicroMovement, Prediction
from realtime.untrusted import parse_json

SETTLE_S = 3.0
"""Predictions in a trial's first seconds still rest mostly on the seconds before it and are not scored."""


@dataclass(frozen=True, slots=True)
class TruthTrial:
    """One stimulus, LSL seconds; `end_s` is infinite while it runs."""

    start_s: float
    end_s: float
    emotion: str


@dataclass(frozen=True, slots=True)
class TruthMovement:
    """A facial movement that was really made, LSL seconds."""

    onset_s: float
    apex_s: float
    offset_s: float
    kind: str


@dataclass(slots=True)
class Truth:
    """Trials and movements, filled marker by marker; called from one thread."""

    trials: list[TruthTrial] = field(default_factory=list)
    movements: list[TruthMovement] = field(default_factory=list)

    def push(self, marker: Marker) -> None:
        """Take one marker of the truth stream; other texts, and events that lack something, are ignored."""
        with suppress(ValueError, KeyError, TypeError):
            said = parse_json(marker.text)
            if isinstance(said, dict):
                self._take(said, marker.stamp)

    def _take(self, said: dict[str, Any], stamp: float) -> None:
        event = said.get("event")
        if event == "trial_start":
            self.trials.append(TruthTrial(stamp, float("inf"), str(said["emotion"])))
        elif event == "trial_end" and self.trials:
            last = self.trials[-1]
            self.trials[-1] = TruthTrial(last.start_s, stamp, last.emotion)
        elif event == "movement":
            times = (float(said[key]) for key in ("onset_s", "apex_s", "offset_s"))
            self.movements.append(TruthMovement(*times, kind=str(said["kind"])))

    def emotion_at(self, stamp: float, settle_s: float = 0.0) -> str | None:
        """The hidden emotion at `stamp`, or None between trials."""
        for trial in reversed(self.trials):
            if trial.start_s + settle_s <= stamp <= trial.end_s:
                return trial.emotion
        return None


@dataclass(frozen=True, slots=True)
class TrialAnswer:
    """What was answered to one trial: class indices, -1 where a modality gave no answer."""

    label: int
    fused: int
    eeg: int
    face: int


def answer_trials(truth: Truth, predictions: Sequence[Prediction], classes: Sequence[str]) -> list[TrialAnswer]:
    """Pool each finished trial's predictions into one answer: the mean of their probabilities after `SETTLE_S`.

    The fused answer takes the best informed predictions: those with both modalities where there are any, since the
    ones before the movement know less and are many. A trial without any settled prediction (cut off at the session's
    start or end) gives no answer.
    """
    answers = []
    for trial in truth.trials:
        inside = [p for p in predictions if trial.start_s + SETTLE_S <= p.stamp <= trial.end_s]
        settled = [p for p in inside if p.evidence is Evidence.ENOUGH]
        if not settled or trial.emotion not in classes:
            continue
        most = max(len(p.modalities) for p in settled)
        answers.append(
            TrialAnswer(
                label=list(classes).index(trial.emotion),
                fused=_pooled([p.probabilities for p in settled if len(p.modalities) == most]),
                eeg=_pooled([p.by_modality["eeg"] for p in settled if "eeg" in p.by_modality]),
                face=_pooled([p.by_modality["face"] for p in settled if "face" in p.by_modality]),
            )
        )
    return answers


def _pooled(probabilities: Sequence[Float32]) -> int:
    return int(np.mean(probabilities, axis=0).argmax()) if len(probabilities) else -1


def truth_scores(
    truth: Truth,
    predictions: Sequence[Prediction],
    movements: Sequence[MicroMovement],
    classes: Sequence[str],
    start_s: float,
    end_s: float,
) -> dict[str, object]:
    """Score one simulated session between two stamps.

    Returns
    -------
    dict
        `accuracy` and `macro_f1` over settled predictions, the trial-wise accuracy `by_trial` of the fused answer and
        of each modality alone, `trials`, and `spotting` (micro-movements, interval IoU >= 0.5).
    """
    pairs = [
        (classes.index(emotion), int(p.probabilities.argmax()))
        for p in predictions
        if p.evidence is Evidence.ENOUGH
        and (emotion := truth.emotion_at(p.stamp, SETTLE_S)) is not None
        and emotion in classes
    ]
    answers = answer_trials(truth, predictions, classes)
    labels = np.array([a.label for a in answers])
    real = [m for m in truth.movements if m.kind == "micro" and m.onset_s >= start_s and m.offset_s <= end_s]
    found = [m for m in movements if m.kind == "micro"]
    return {
        "simulated": True,
        "accuracy": _accuracy(np.array([p for p, _ in pairs]), np.array([q for _, q in pairs])),
        "macro_f1": _macro_f1(pairs),
        "eeg_only": _accuracy(labels, np.array([a.eeg for a in answers])),
        "face_only": _accuracy(labels, np.array([a.face for a in answers])),
        "by_trial": _accuracy(labels, np.array([a.fused for a in answers])),
        "trials": len(answers),
        "chance": 1.0 / len(classes),
        "spotting": spotting_scores(found, real, minutes=(end_s - start_s) / 60.0),
    }


def _macro_f1(pairs: Sequence[tuple[int, int]]) -> float | None:
    """Mean over the classes that occurred of F1; None without a prediction."""
    if not pairs:
        return None
    # sklearn takes a second to load, and only simulated input has a truth
    from sklearn.metrics import f1_score

    labels, answers = (np.array(column) for column in zip(*pairs, strict=True))
    return float(f1_score(labels, answers, labels=np.unique(labels), average="macro", zero_division=0))  # pyright: ignore[reportArgumentType]


def _accuracy(labels: np.ndarray, answers: np.ndarray) -> float | None:
    return float(np.mean(labels == answers)) if labels.size else None
