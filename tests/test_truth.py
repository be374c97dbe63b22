"""Scoring against the truth stream: trials, settling time, answers that were not given."""

from __future__ import annotations

import json

import numpy as np
import pytest

from realtime.packets import Evidence, Marker, Prediction
from realtime.truth import SETTLE_S, Truth, answer_trials, truth_scores

CLASSES = ("happy", "sad")


def tell(truth: Truth, stamp: float, **event: object) -> None:
    truth.push(Marker(json.dumps(event), stamp))


@pytest.fixture
def truth() -> Truth:
    told = Truth()
    told.push(Marker("not json", 0.0))
    told.push(Marker('["neither this"]', 0.0))
    for start, emotion in ((10.0, "happy"), (30.0, "sad")):
        tell(told, start, event="trial_start", emotion=emotion)
        tell(told, start + 10.0, event="trial_end", emotion=emotion)
    tell(told, 16.5, event="movement", onset_s=16.0, apex_s=16.2, offset_s=16.4, kind="micro")
    return told


def predict(stamp: float, p_sad: float, *, face: float | None = None, enough: bool = True) -> Prediction:
    p = np.array([1 - p_sad, p_sad], np.float32)
    alone = {"eeg": p} | ({} if face is None else {"face": np.array([1 - face, face], np.float32)})
    evidence = Evidence.ENOUGH if enough else Evidence.NOT_ENOUGH
    return Prediction(stamp, p, 0.1, tuple(alone), evidence, "fake", 0.0, 0.0, by_modality=alone)


def test_emotion_between_trials_is_none_and_a_running_trial_counts(truth: Truth) -> None:
    assert truth.emotion_at(15.0) == "happy"
    assert truth.emotion_at(11.0, SETTLE_S) is None
    assert truth.emotion_at(25.0) is None
    tell(truth, 50.0, event="trial_start", emotion="sad")
    assert truth.emotion_at(1000.0) == "sad"


def test_a_trial_is_answered_by_its_settled_predictions_alone(truth: Truth) -> None:
    predictions = [
        predict(11.0, 0.99),
        predict(14.0, 0.3),
        predict(15.0, 0.4, face=0.9),
        predict(16.0, 0.9, enough=False),
    ]
    (answer,) = answer_trials(truth, predictions, CLASSES)
    assert (answer.label, answer.fused, answer.eeg, answer.face) == (0, 0, 0, 1)
    (answer,) = answer_trials(truth, [predict(35.0, 0.2)], CLASSES)
    assert (answer.label, answer.fused, answer.face) == (1, 0, -1)


def test_the_fused_answer_of_a_trial_takes_the_predictions_that_had_both(truth: Truth) -> None:
    before = [predict(14.0 + 0.2 * i, 0.1) for i in range(10)]
    (answer,) = answer_trials(truth, [*before, predict(16.5, 0.8, face=0.7), predict(17.0, 0.7, face=0.7)], CLASSES)
    assert (answer.fused, answer.eeg, answer.face) == (1, 0, 1)


def test_scores_say_that_they_are_simulated(truth: Truth) -> None:
    predictions = [predict(14.0, 0.1), predict(15.0, 0.9), predict(35.0, 0.8, face=0.8)]
    scores = truth_scores(truth, predictions, [], CLASSES, 0.0, 60.0)
    assert scores["simulated"] is True
    assert scores["accuracy"] == pytest.approx(2 / 3)
    assert scores["trials"] == 2
    assert scores["chance"] == 0.5
    assert scores["spotting"]["recall"] == 0.0  # type: ignore[index]
    assert scores["spotting"]["false_negatives"] == 1  # type: ignore[index]
