"""Personalisation learns from a participant's first trials, and from nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from models_helpers import CLASSES, SMALL, synthetic_samples

from models.inference import prepare
from models.samples import SampleSet
from models.training.calibration import Calibrated
from models.training.gain import answers_after_calibration, measure_gain
from models.training.personalise import PersonalisationOptions, first_trials, personalise, shrink_normaliser
from models.training.train import TrainingOptions, train
from realtime.errors import DataError

STILL = PersonalisationOptions(mean_prior_trials=1e9, spread_prior_trials=1e9, freedom=0)


def _in_time(samples: SampleSet) -> SampleSet:
    """Every sample a trial of its own, the classes in turn."""
    order = np.concatenate([np.arange(24).reshape(4, 6).T.ravel() + 24 * i for i in range(len(samples) // 24)])
    samples = samples.take(order)
    return replace(samples, group=np.tile(np.arange(24), len(samples) // 24))


def _turned(samples: SampleSet, subject: int) -> SampleSet:
    """One subject's brain and face say the opposite of everybody else's."""
    theirs = samples.subject == subject
    return replace(samples, label=np.where(theirs, 3 - samples.label, samples.label))


@pytest.fixture(scope="module")
def base() -> Calibrated:
    options = TrainingOptions(epochs=6, batch_size=32, learning_rate=4e-3, network=SMALL, patience=6)
    return train(_in_time(synthetic_samples(5, 6, missing=False)), options)


@pytest.fixture(scope="module")
def person() -> SampleSet:
    return _in_time(_turned(synthetic_samples(1, 6, seed=5, missing=False), 11))


def _accuracy(model: Calibrated, samples: SampleSet) -> float:
    return float(np.mean(model.probabilities(samples)["both"].argmax(axis=1) == samples.label))


def test_a_few_trials_turn_the_answers_round(base: Calibrated, person: SampleSet) -> None:
    testing = person.take(~first_trials(person, 12))
    before = _accuracy(base, testing)
    own = personalise(base, person.take(first_trials(person, 12)), PersonalisationOptions(freedom=10.0))
    assert before < 0.35
    assert _accuracy(own, testing) > before + 0.4
    assert own.temperature == base.temperature
    assert (own.subject, own.trials, own.warnings) == (11, 12, ())
    assert own.calibration == tuple(str(i) for i in person.sample[:12])


def test_only_the_classifier_and_the_normaliser_change(base: Calibrated, person: SampleSet) -> None:
    before = {name: value.clone() for name, value in base.network.state_dict().items()}
    own = personalise(base, person)
    changed = {n for n, value in own.network.state_dict().items() if not torch.equal(value, before[n])}
    assert changed == {"fusion.classify.2.weight", "fusion.classify.2.bias"}
    freer = personalise(base, person, PersonalisationOptions(norm_freedom=0.2))
    changed = {n for n, value in freer.network.state_dict().items() if not torch.equal(value, before[n])}
    assert changed == {f"fusion.classify.{layer}.{part}" for layer in (0, 2) for part in ("weight", "bias")}
    for name, value in base.network.state_dict().items():
        assert torch.equal(value, before[name]), "the base is left as it is"
    assert own.normaliser.flow_scale_px == base.normaliser.flow_scale_px


def test_a_prior_without_end_leaves_the_base(base: Calibrated, person: SampleSet) -> None:
    own = personalise(base, person, STILL)
    for view, expected in base.probabilities(person).items():
        np.testing.assert_allclose(own.probabilities(person)[view], expected, atol=1e-5)
    pulled = personalise(base, person, STILL.model_copy(update={"freedom": 1e-4}))
    np.testing.assert_allclose(pulled.probabilities(person)["both"], base.probabilities(person)["both"], atol=1e-3)


def test_the_mean_moves_as_far_as_the_trials_weigh(base: Calibrated, person: SampleSet) -> None:
    options = PersonalisationOptions(mean_prior_trials=4, spread_prior_trials=8)
    power = np.full_like(person.log_power, 2.0)
    power[:, ::2] += 0.5
    power[:, 1::2] -= 0.5
    everything = replace(
        person,
        log_power=power,
        channel_mask=np.ones_like(person.channel_mask),
        window_mask=np.ones_like(person.window_mask),
    )
    four = everything.take(first_trials(everything, 4))
    found = shrink_normaliser(base.normaliser, four, options)
    np.testing.assert_allclose(found.mean, 0.5 * base.normaliser.mean + 0.5 * 2.0, atol=1e-5)
    np.testing.assert_allclose(found.sd**2, (2 / 3) * base.normaliser.sd**2 + (1 / 3) * 0.25, atol=1e-5)
    masked = four.channel_mask.copy()
    masked[:, :, 3] = False
    found = shrink_normaliser(base.normaliser, replace(four, channel_mask=masked), options)
    np.testing.assert_array_equal(found.mean[3], base.normaliser.mean[3])
    np.testing.assert_allclose(found.sd[3], base.normaliser.sd[3], rtol=1e-6)


def test_trials_and_classes_count_alike_however_many_samples_they_have(base: Calibrated, person: SampleSet) -> None:
    options = PersonalisationOptions(mean_prior_trials=1)
    eight = person.take(first_trials(person, 8))
    once = shrink_normaliser(base.normaliser, eight, options)
    again = shrink_normaliser(base.normaliser, eight.take(np.r_[0, 0, 0, 0, 1:8]), options)
    np.testing.assert_allclose(again.mean, once.mean, atol=1e-6)


def test_nothing_after_the_calibration_is_looked_at(base: Calibrated, person: SampleSet) -> None:
    late = ~first_trials(person, 8)
    power, flow, label = person.log_power.copy(), person.flow.copy(), person.label.copy()
    power[late] += 50
    flow[late] *= -9
    label[late] = 0
    spoilt = replace(person, log_power=power, flow=flow, label=label)
    mine, theirs = (personalise(base, s.take(first_trials(s, 8))) for s in (person, spoilt))
    for name, value in mine.network.state_dict().items():
        assert torch.equal(value, theirs.network.state_dict()[name]), name
    np.testing.assert_array_equal(mine.normaliser.mean, theirs.normaliser.mean)


def test_one_trial_and_absent_classes_are_enough_and_reported(base: Calibrated, person: SampleSet) -> None:
    own = personalise(base, person.take(first_trials(person, 1)))
    seen = CLASSES[person.label[0]]
    assert own.warnings == tuple(f"class '{name}' has no calibration trial" for name in CLASSES if name != seen)
    assert np.isfinite(own.probabilities(person)["both"]).all()
    faces = replace(person, has_eeg=np.zeros(len(person), bool))
    own = personalise(base, faces.take(first_trials(faces, 4)))
    np.testing.assert_array_equal(own.normaliser.mean, base.normaliser.mean)


def test_what_cannot_be_personalised_on_is_refused(base: Calibrated, person: SampleSet) -> None:
    two = synthetic_samples(2, 2)
    with pytest.raises(DataError, match="must be one participant's, got those of person 11, person 12"):
        personalise(base, two)
    with pytest.raises(DataError, match="got those of nobody"):
        personalise(base, two.take(np.zeros(0, int)))
    with pytest.raises(DataError, match="calibration samples have the classes"):
        personalise(base, replace(person, classes=("a", "b", "c", "d")))
    with pytest.raises(DataError, match="has 24 trials, none is left to test on after 24"):
        answers_after_calibration(base, person, (4, 24))


def test_a_modality_that_the_base_never_learnt_is_not_calibrated(base: Calibrated, person: SampleSet) -> None:
    options = TrainingOptions(epochs=1, batch_size=32, network=SMALL, modality="eeg")
    deaf = train(synthetic_samples(3, 3), options)
    spoilt = replace(person, flow=-5 * person.flow)
    mine, theirs = personalise(deaf, person), personalise(deaf, spoilt)
    for name, value in mine.network.state_dict().items():
        assert torch.equal(value, theirs.network.state_dict()[name]), name
    assert np.isnan(mine.probabilities(person)["face"]).all()


def test_the_gain_is_measured_on_the_same_unseen_trials() -> None:
    samples = _in_time(synthetic_samples(4, 6, missing=False))
    options = TrainingOptions(epochs=3, batch_size=32, learning_rate=4e-3, network=SMALL)
    asked: list[tuple[int, ...]] = []

    def without(everyone: SampleSet, held_out: tuple[int, ...]) -> Calibrated:
        asked.append(tuple(held_out))
        return train(everyone, options, held_out=held_out)

    result = measure_gain(samples, without, (4, 8))
    assert asked == [(11,), (12,), (13,), (14,)]
    json.dumps(result, allow_nan=False)
    assert result["simulated"]
    assert result["samples"] == 4 * (24 - 8)
    assert [(row["trials"], row["view"]) for row in result["gain"]] == [
        (k, view) for k in (4, 8) for view in ("both", "eeg", "face")
    ]
    first, *_ = result["gain"]
    for name in ("accuracy", "uf1", "uar", "nll"):
        assert first["gain"][name]["difference"] == pytest.approx(first["personalised"][name] - first["base"][name])
    assert result["gain"][0]["base"] == result["gain"][3]["base"]
    with pytest.raises(DataError, match="0 of 4 subjects have more than 24 trials"):
        measure_gain(samples, without, (24,))


def test_people_with_too_few_trials_are_named() -> None:
    samples = _in_time(synthetic_samples(4, 6, missing=False))
    samples = samples.take((samples.subject != 12) | (samples.group < 4))
    options = TrainingOptions(epochs=1, batch_size=32, network=SMALL)
    result = measure_gain(samples, lambda everyone, held_out: train(everyone, options, held_out=held_out), (4,))
    assert result["left_out"] == ["person 12"]
    assert result["subjects"] == 3


def test_pooling_is_what_the_classifier_reads(base: Calibrated, person: SampleSet) -> None:
    network = base.network
    batch = prepare(person, base.normaliser, SMALL["face_px"]).batch(torch.arange(6))
    with torch.no_grad():
        e = network.encode(batch)
        pooled = network.fusion.pool(e.eeg, e.eeg_valid, e.face, e.face_valid, batch.has_eeg, batch.has_face)
        assert torch.equal(network.fusion.classify(pooled), network(batch))
