"""The recipe: it learns from small sets, repeats itself, reads nothing of the held-out, copes with what is missing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from models_helpers import CLASSES, synthetic_samples
from numpy.typing import NDArray

from models.config import NetworkConfig
from models.metrics import macro_f1
from models.network import HiddenEmotionNet
from models.normaliser import fit_normaliser
from models.recipe import Recipe, chosen_kind, fit
from models.samples import SampleSet
from models.small.eeg_experts import fit_eeg_experts
from models.small.ensemble import Ensemble
from models.small.experts import put_together
from models.small.options import EegOptions
from models.small.pretraining import face_motion_weights
from models.training.train import Trained
from models.views import View
from realtime.errors import ConfigurationError, DataError

QUICK = {"ensemble": {"face": {"networks": 0, "fresh_networks": 0, "kernel_views": 1}}}


def uf1(samples: SampleSet, answers: np.ndarray) -> float:
    there = np.isfinite(answers).all(axis=1)
    return macro_f1(samples.label[there], answers[there].argmax(axis=1), len(samples.classes))


@pytest.fixture(scope="module")
def samples() -> SampleSet:
    return synthetic_samples(n_subjects=7, per_class=5)


def muse(seed: int = 0) -> SampleSet:
    """Four people, four channels, three windows, three states; people differ more than states."""
    rng = np.random.default_rng(seed)
    label = np.tile(np.repeat(np.arange(3), 12), 4)
    subject = np.repeat(np.arange(4), 36)
    n = len(label)
    power = rng.normal(0.0, 0.15, (n, 3, 4, 5)) + rng.normal(0.0, 0.5, (4, 1, 4, 1))[subject]
    power[:, :, :, 2] -= 0.35 * label[:, None, None]
    return SampleSet(
        classes=("relaxed", "neutral", "concentrating"),
        channels=("TP9", "AF7", "AF8", "TP10"),
        bands=(("delta", 0.5, 4), ("theta", 4, 8), ("alpha", 8, 14), ("beta", 14, 30), ("gamma", 30, 47)),
        log_power=power.astype(np.float32),
        channel_mask=np.ones((n, 3, 4), bool),
        window_mask=np.ones((n, 3), bool),
        has_eeg=np.ones(n, bool),
        onset=np.zeros((n, 28, 28), np.uint8),
        apex=np.zeros((n, 28, 28), np.uint8),
        flow=np.zeros((n, 28, 28, 2), np.float16),
        has_face=np.zeros(n, bool),
        label=label,
        subject=subject,
        group=np.arange(n),
        simulated=True,
    )


def test_small_sets_get_the_ensemble_and_large_ones_the_network(samples: SampleSet) -> None:
    assert chosen_kind(samples, Recipe()) == "ensemble"
    assert chosen_kind(samples, Recipe(network_from=len(samples))) == "network"
    assert chosen_kind(samples, Recipe(network_from=len(samples)), samples.subjects[:1]) == "ensemble"


def test_both_beat_either_and_either_beats_the_majority(samples: SampleSet) -> None:
    held_out = samples.subjects[:3]
    fitted = fit(samples, QUICK, held_out)
    testing = samples.of_subjects(held_out)
    found = {view: uf1(testing, p) for view, p in fitted.probabilities(testing).items()}
    assert found["both"] > max(found["eeg"], found["face"]) > min(found["eeg"], found["face"]) > 0.2
    assert found["both"] > 0.45


def test_networks_learn_and_the_same_seed_gives_the_same_answers(samples: SampleSet) -> None:
    faces = samples.only("face")
    recipe = Recipe.model_validate(
        {"ensemble": {"face": {"kernels": [], "networks": 1, "fresh_networks": 1, "epochs": 6, "fresh_epochs": 10}}}
    )
    told: list[str] = []
    first = fit(faces, recipe, faces.subjects[:2], seed=3, progress=told.append)
    again = fit(faces, json.loads(recipe.model_dump_json()), faces.subjects[:2], seed=3)
    testing = faces.of_subjects(faces.subjects[:2])
    a, b = first.probabilities(testing), again.probabilities(testing)
    np.testing.assert_array_equal(a["face"], b["face"])
    assert np.isnan(a["eeg"]).all()
    # two classes each look the same in the face
    assert uf1(testing, a["face"]) > 0.3
    assert told == ["face network 1", "face network 2"] * 2


def test_nothing_of_the_held_out_is_read(samples: SampleSet) -> None:
    held_out = samples.subjects[:2]
    theirs = np.isin(samples.subject, held_out)
    label = samples.label.copy()
    label[theirs] = 0
    power, flow = samples.log_power.copy(), samples.flow.copy()
    power[theirs], flow[theirs] = 99.0, 7.0
    other = replace(samples, label=label, log_power=power, flow=flow)
    testing = samples.of_subjects(samples.subjects[3:5])
    a, b = (fit(each, QUICK, held_out).probabilities(testing)["both"] for each in (samples, other))
    np.testing.assert_array_equal(a, b)


def test_missing_modalities_are_nan_and_both_falls_back(samples: SampleSet) -> None:
    fitted = fit(samples, QUICK, samples.subjects[:2])
    testing = samples.of_subjects(samples.subjects[:2])
    p = fitted.probabilities(testing)
    np.testing.assert_array_equal(np.isnan(p["eeg"]).all(axis=1), ~testing.has_eeg)
    np.testing.assert_array_equal(np.isnan(p["face"]).all(axis=1), ~testing.has_face)
    np.testing.assert_allclose(p["both"][~testing.has_face], p["eeg"][~testing.has_face], rtol=1e-5)
    np.testing.assert_allclose(p["both"].sum(axis=1), 1.0, rtol=1e-5)
    # taught by faces alone, it knows nothing of EEG
    face_only = fit(samples.only("face"), QUICK, samples.subjects[:2]).probabilities(testing)
    assert np.isnan(face_only["eeg"]).all()
    np.testing.assert_array_equal(np.isnan(face_only["both"]).all(axis=1), ~testing.has_face)


def test_channels_are_matched_by_name(samples: SampleSet) -> None:
    fitted = fit(samples.only("eeg"), QUICK, samples.subjects[:2])
    testing = samples.of_subjects(samples.subjects[:2])
    turned = testing.with_channels(tuple(reversed(testing.channels)))
    np.testing.assert_allclose(
        fitted.probabilities(turned)["eeg"], fitted.probabilities(testing)["eeg"], rtol=1e-4, atol=1e-6
    )


def test_four_people_with_four_channels() -> None:
    data = muse()
    answers = np.full((len(data), 3), np.nan, np.float32)
    for subject in data.subjects:
        testing = data.subject == subject
        fitted = fit(data, held_out=(subject,))
        answers[testing] = fitted.probabilities(data.take(testing))["eeg"]
        assert len(fitted.split.training) + len(fitted.split.validation) == 3
    assert uf1(data, answers) > 0.6


def test_told_of_channel_gain_the_experts_do_better_on_the_next_person() -> None:
    found = {}
    for shift in (0.0, 1.0):
        right = []
        for seed in range(6):
            data = muse(seed)
            mine, testing = np.flatnonzero(data.subject != 0), np.flatnonzero(data.subject == 0)
            normaliser = fit_normaliser(data, (1, 2, 3))
            options = EegOptions(channel_shift=shift, kernel=False)
            experts = fit_eeg_experts(data, mine, normaliser, options)
            right.append(experts.log_probabilities(data, testing).argmax(axis=1) == data.label[testing])
        found[shift] = np.mean(right)
    assert found[1.0] > found[0.0]


def test_a_class_that_training_lacks_is_answered_by_nobody(samples: SampleSet) -> None:
    kept = samples.take((samples.label != 2) | (samples.subject == samples.subjects[0]))
    fitted = fit(kept, QUICK, samples.subjects[:1])
    p = fitted.probabilities(kept.of_subjects(samples.subjects[:1]))["both"]
    assert np.isfinite(p).all()
    assert (p.argmax(axis=1) != CLASSES.index("fear")).all()


def test_one_person_to_learn_from_is_enough_and_nobody_is_not() -> None:
    data = muse()
    fitted = fit(data.of_subjects((0, 1)), held_out=(1,))
    assert isinstance(fitted, Ensemble)
    assert fitted.split.validation == ()
    assert set(fitted.temperature.values()) == {1.0}
    with pytest.raises(DataError):
        fit(data.of_subjects((1,)), held_out=(1,))


def test_one_class_is_refused() -> None:
    data = muse()
    with pytest.raises(DataError, match="all 'neutral'"):
        fit(data.take(data.label == 1))


def test_other_classes_are_refused(samples: SampleSet) -> None:
    fitted = fit(samples, QUICK)
    with pytest.raises(DataError, match="classes"):
        fitted.probabilities(replace(samples, classes=("a", "b", "c", "d")))


def test_a_recipe_that_is_none_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"ensemble\.face\.epoch"):
        fit(muse(), {"ensemble": {"face": {"epoch": 3}}})
    faces = synthetic_samples(3, 2).only("face")
    with pytest.raises(ConfigurationError, match="no network"):
        fit(faces, {"ensemble": {"face": {"networks": 0, "fresh_networks": 0, "kernels": []}}})


def test_the_network_is_trained_where_asked_at_the_size_of_the_faces() -> None:
    data = synthetic_samples(3, 2)
    small = {"epochs": 1, "network": {"tcn_width": 8, "tcn_levels": 2, "token_width": 8, "heads": 2, "glimpse_px": 8}}
    fitted = fit(data, {"kind": "network", "network": small}, data.subjects[:1], seed=4)
    assert isinstance(fitted, Trained)
    assert fitted.options.seed == 4
    assert fitted.network.config.face_px == 48


def test_the_network_reads_faces_of_28_px() -> None:
    config = NetworkConfig(n_classes=3, face_px=28, tcn_width=8, tcn_levels=1, token_width=8, heads=2, glimpse_px=8)
    network = HiddenEmotionNet(config).eval()
    tokens, valid = network.face(torch.randn(2, 2, 28, 28), torch.rand(2, 1, 28, 28))
    assert torch.isfinite(tokens).all()
    assert valid.all()


def test_evidence_of_both_adds_up_and_stays_bounded() -> None:
    half = np.log(np.array([[0.8, 0.2], [0.5, 0.5], [1.0 - 1e-12, 1e-12]]))
    alone: dict[View, NDArray[np.float64]] = {"eeg": half, "face": half[::-1].copy()}
    alone["face"][1] = np.nan
    both = np.exp(put_together(alone, {"both": 1.0, "eeg": 1.0, "face": 1.0})["both"])
    np.testing.assert_allclose(both[1], [0.5, 0.5])
    assert both[0, 0] > 0.8
    assert both[0, 1] > 1e-5


def test_the_shipped_weights_fit_the_network() -> None:
    assert {name.split(".")[-1] for name in face_motion_weights()} >= {"weight", "running_mean"}
