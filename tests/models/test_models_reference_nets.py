"""The reference networks learn what they should, repeatably, and answer each sample by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from evaluation_helpers import small_samples

from models.baseline_features import balanced_weights, flow_maps, mean_power, one_hot
from models.evaluation.baselines import flow_svm
from models.evaluation.dgcnn import DgcnnTrainer, DynamicalGraphNet
from models.evaluation.protocol import System, plan_folds, run_fold
from models.evaluation.shallow import ShallowOptions
from models.evaluation.ststnet import ShallowTripleStream, StstnetTrainer
from models.normaliser import fit_normaliser
from models.samples import SampleSet
from realtime.errors import DataError
from realtime.face.flow import optical_strain

QUICK = ShallowOptions(steps=60, batch_size=32, learning_rate=1e-2, weight_decay=0.01)


def _fold(samples: SampleSet, trainer: object, modality: str) -> np.ndarray:
    system = System("net", "net", trainer, modality)  # type: ignore[arg-type]
    return run_fold(samples, (system, plan_folds(samples, "loso")[0])).probabilities["both"]


@pytest.mark.parametrize(
    ("trainer", "modality"), [(DgcnnTrainer(QUICK, filters=8), "eeg"), (StstnetTrainer(QUICK), "face")]
)
def test_reference_networks_learn_their_part(trainer: object, modality: str) -> None:
    samples = small_samples(5, 6, seed=3)
    first = samples.subject == samples.subjects[0]
    has = (samples.has_eeg if modality == "eeg" else samples.has_face)[first]
    answers = _fold(samples, trainer, modality)
    np.testing.assert_array_equal(np.isnan(answers[:, 0]), ~has)
    np.testing.assert_allclose(answers[has].sum(axis=1), 1.0, atol=1e-5)
    label = samples.label[first][has]
    told = answers[has].argmax(axis=1)
    right = (told // 2 == label // 2) if modality == "eeg" else (told % 2 == label % 2)
    assert right.mean() > 0.8
    torch.manual_seed(99)
    np.testing.assert_array_equal(_fold(samples, trainer, modality), answers)


@pytest.mark.parametrize(
    ("trainer", "modality"), [(DgcnnTrainer(QUICK, filters=4), "eeg"), (StstnetTrainer(QUICK), "face")]
)
def test_samples_do_not_influence_each_other(trainer: DgcnnTrainer | StstnetTrainer, modality: str) -> None:
    samples = small_samples(3, 2, missing=False)
    quick = replace(trainer, options=replace(QUICK, steps=2))
    fitted = quick(samples, (samples.subjects[0],), 0)
    together = fitted.probabilities(samples)["both"]
    alone = np.concatenate([fitted.probabilities(samples.take([i]))["both"] for i in range(4)])
    np.testing.assert_allclose(together[:4], alone, atol=1e-6)
    assert fitted.split.held_out == (samples.subjects[0],)
    assert samples.subjects[0] not in fitted.split.training


def test_graph_polynomials_are_chebyshev_s_of_a_bounded_laplacian() -> None:
    torch.manual_seed(0)
    net = DynamicalGraphNet(7, 3, 4, order=4)
    with torch.no_grad():
        basis = [b.double().numpy() for b in net._polynomials()]
    eigenvalues = np.linalg.eigvalsh(basis[1])
    assert np.abs(eigenvalues).max() <= 1 + 1e-6
    np.testing.assert_allclose(basis[1], basis[1].T, atol=1e-7)
    for k, found in enumerate(basis):
        wanted = np.cos(k * np.arccos(np.clip(eigenvalues, -1, 1)))
        np.testing.assert_allclose(np.sort(np.linalg.eigvalsh(found)), np.sort(wanted), atol=1e-5)
    assert net(torch.zeros(5, 7, 3)).shape == (5, 4)


def test_three_streams_of_28_px() -> None:
    net = ShallowTripleStream(3).eval()
    assert net(torch.zeros(2, 3, 28, 28)).shape == (2, 3)
    assert sum(p.numel() for p in net.parameters()) == 16 * 28 + 2 * 16 + 400 * 3 + 3


def test_flow_maps_bring_strain_and_any_size() -> None:
    samples = small_samples(2, 1, missing=False)
    rows = np.arange(3)
    maps = flow_maps(samples, rows, px=12)
    flow = samples.flow[0].astype(np.float32)
    np.testing.assert_array_equal(maps[0, ..., :2], flow)
    np.testing.assert_allclose(maps[0, ..., 2], optical_strain(flow), atol=1e-6)
    three = replace(samples, flow=np.concatenate([samples.flow, 7 * samples.flow[..., :1]], axis=3))
    np.testing.assert_array_equal(flow_maps(three, rows, px=12)[..., 2], 7 * samples.flow[:3, ..., 0])
    assert flow_maps(samples, rows).shape == (3, 28, 28, 3)


def test_flow_svm_learns_its_part_and_refuses_leaks() -> None:
    samples = small_samples(6, 6)
    training, testing = samples.of_subjects((11, 12, 13, 14)), samples.of_subjects((15, 16))
    answers = flow_svm(training, testing)
    there = testing.has_face
    assert np.mean(answers[there] % 2 == testing.label[there] % 2) > 0.75
    assert (answers[~there] == -1).all()
    with pytest.raises(DataError, match=r"flow SVM baseline: subjects \[14\]"):
        flow_svm(training, samples.of_subjects((14, 15)))
    with pytest.raises(DataError, match="no training sample has a face"):
        flow_svm(training.only("eeg"), testing)


def test_mean_power_ignores_what_is_masked() -> None:
    samples = small_samples(2, 2)
    normaliser = fit_normaliser(samples, samples.subjects)
    rows = np.flatnonzero(samples.has_eeg)[:5]
    mask = (samples.channel_mask & samples.window_mask[..., None])[..., None]
    spoiled = replace(samples, log_power=np.where(mask, samples.log_power, np.float32(1e6)))
    np.testing.assert_array_equal(mean_power(samples, rows, normaliser), mean_power(spoiled, rows, normaliser))


def test_class_weights_and_certainty() -> None:
    weight = balanced_weights(np.array([0, 0, 0, 2]), 3)
    np.testing.assert_allclose(weight, [4 / 6, 0, 2.0])
    certain = one_hot(np.array([1, -1]), 2)
    np.testing.assert_array_equal(certain, np.array([[0, 1], [np.nan, np.nan]], np.float32))
