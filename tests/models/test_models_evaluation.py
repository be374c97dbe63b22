"""Figures against scikit-learn and against hand-made cases; cross-validation that parts subjects."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from models_helpers import CLASSES, synthetic_samples
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score

from models.demonstration import DEMONSTRATION, as_samples, train_demonstration
from models.evaluation.baselines import log_power_svm
from models.evaluation.sessions import evaluate_answers, render_scores
from models.metrics import bootstrap_intervals, expected_calibration_error, score_answers
from models.recognizer import TorchRecognizer
from models.training.train import TrainingOptions
from realtime.errors import DataError
from realtime.interfaces import RecognizerSpec

SPEC = RecognizerSpec("m", "nobody", True, CLASSES, ("Cz",), (("a", 8.0, 14.0),))


@dataclass(frozen=True)
class Answer:
    label: int
    fused: int
    eeg: int
    face: int


@dataclass(frozen=True)
class Session:
    subject: int
    answers: tuple[Answer, ...]
    spotting: dict[str, float] = field(default_factory=dict)


def test_scores_equal_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    label, answer = rng.integers(0, 4, 200), rng.integers(0, 4, 200)
    scores = score_answers(label, answer, 4)
    assert scores.accuracy == pytest.approx(accuracy_score(label, answer))
    assert scores.uf1 == pytest.approx(f1_score(label, answer, average="macro"))
    assert scores.uar == pytest.approx(recall_score(label, answer, average="macro"))
    np.testing.assert_array_equal(scores.confusion, confusion_matrix(label, answer))


def test_no_answer_counts_as_wrong() -> None:
    scores = score_answers(np.array([0, 0, 1, 1]), np.array([0, -1, 1, 1]), 2)
    assert scores.accuracy == 0.75
    assert scores.uf1 == pytest.approx((2 / 3 + 1.0) / 2)
    assert scores.uar == 0.75
    assert scores.answered == 3


def test_classes_that_do_not_occur_are_left_out() -> None:
    scores = score_answers(np.array([0, 0, 1]), np.array([0, 0, 1]), 5)
    assert (scores.uf1, scores.uar) == (1.0, 1.0)


def test_bootstrap_draws_subjects() -> None:
    subject = np.repeat(np.arange(10), 30)
    label = np.tile(np.arange(3), 100)
    answer = np.where(subject % 2 == 0, label, (label + 1) % 3)
    low, high = bootstrap_intervals(label, answer, subject, 3)["accuracy"]
    # half the subjects wholly right: the spread is that of ten coins, not of 300
    assert low <= 0.3
    assert high >= 0.7
    same = bootstrap_intervals(label, label, subject, 3)
    assert same == {"accuracy": (1.0, 1.0), "uf1": (1.0, 1.0), "uar": (1.0, 1.0)}
    assert bootstrap_intervals(label, answer, subject, 3) == bootstrap_intervals(label, answer, subject, 3)


def test_calibration_error_by_hand() -> None:
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    label = np.array([0, 1, 0, 0])
    assert expected_calibration_error(p, label, bins=10) == pytest.approx(0.5 * 0.4 + 0.5 * 0.4)
    assert expected_calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0.0


def test_engine_answers_to_figures() -> None:
    sessions = [
        Session(1, (Answer(0, 0, 0, -1), Answer(1, 1, 0, 1)), {"f1": 0.5, "precision": float("nan")}),
        Session(2, (Answer(2, 2, 2, 2), Answer(3, 0, 3, -1)), {"f1": 0.7, "precision": 1.0}),
    ]
    result = evaluate_answers(sessions, SPEC)
    json.dumps(result)
    assert result["accuracy"] == 0.75
    assert (result["samples"], result["subjects"]) == (4, 2)
    assert result["ablation"]["face"]["answered"] == 2
    assert result["ablation"]["face"]["uf1_answered"] == 1.0
    assert result["ablation"]["face"]["uf1"] == 0.5
    assert result["majority"]["accuracy"] == 0.25
    assert result["spotting"] == {"f1": pytest.approx(0.6), "precision": 1.0}
    assert result["intervals"]["uf1"][0] <= result["uf1"] <= result["intervals"]["uf1"][1]
    assert np.array(result["confusion"]).sum() == 4
    text = render_scores(result)
    assert "4 samples of 2 subjects" in text
    assert "(simulated people)" in text
    assert "majority" in text


def test_nothing_to_score_is_said() -> None:
    with pytest.raises(DataError, match="1 sessions without one answered trial"):
        evaluate_answers([Session(1, ())], SPEC)


def test_svm_learns_its_part_and_refuses_leaks() -> None:
    samples = synthetic_samples(6, 6)
    training, testing = samples.of_subjects((11, 12, 13, 14)), samples.of_subjects((15, 16))
    answers = log_power_svm(training, testing)
    there = testing.has_eeg
    assert np.mean(answers[there] // 2 == testing.label[there] // 2) > 0.8
    with pytest.raises(DataError, match=r"subjects \[14\] are in the training and in the testing set"):
        log_power_svm(training, samples.of_subjects((14, 15)))
    with pytest.raises(DataError, match="differ in 'channels'"):
        log_power_svm(training, testing.with_channels(testing.channels[::-1]))


def _person(seed: int, px: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    n, channels, bands = 5, len(DEMONSTRATION.channels), len(DEMONSTRATION.bands)
    return {
        "log_power": rng.normal(size=(n, 40, channels, bands)).astype(np.float32),
        "channel_mask": np.ones((n, 40, channels), bool),
        "window_mask": np.ones((n, 40), bool),
        "has_eeg": np.ones(n, bool),
        "onset": np.zeros((n, px, px), np.uint8),
        "apex": np.zeros((n, px, px), np.uint8),
        "flow": np.zeros((n, px, px, 2), np.float16),
        "has_face": np.full(n, px > 1),
        "label": np.arange(n),
        "subject": np.full(n, seed),
        "group": np.arange(n),
    }


def test_demonstration_is_labelled_as_simulated(tmp_path: Path) -> None:
    samples = as_samples([_person(1, 96), _person(2, 1), _person(3, 96)])
    assert samples.apex.shape == (15, 96, 96)
    out = tmp_path / "demonstration.safetensors"
    info = train_demonstration(samples, out, options=TrainingOptions(epochs=1, seed=3))
    assert out.stat().st_size < 5e6
    recognizer = TorchRecognizer.from_checkpoint(out)
    assert recognizer.spec.simulated
    assert "simulated" in recognizer.spec.trained_on
    assert recognizer.spec.model_id == info.model_id
    said = json.loads(out.with_suffix(".json").read_text())
    assert said["training"]["options"]["seed"] == 3
    assert said["training"]["samples"] == 15
    assert said["data_sha256"] == samples.digest()
