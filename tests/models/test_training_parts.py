"""Bad data: what training refuses, and what it reports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from models_helpers import CLASSES, SMALL, synthetic_samples

from models.samples import SampleSet
from models.training.options import TrainingOptions, load_training_options
from models.training.train import train
from realtime.errors import ConfigurationError, DataError

QUICK = TrainingOptions(epochs=1, batch_size=32, network=SMALL)


def _relabelled(samples: SampleSet, where: np.ndarray, label: int) -> SampleSet:
    return replace(samples, label=np.where(where, label, samples.label))


def test_options_are_read_and_what_is_given_comes_first(tmp_path: Path) -> None:
    path = tmp_path / "training.toml"
    path.write_text("epochs = 4\ngamma = 1.0\n[augmentation]\nmixup = 0.2\n")
    options = load_training_options(path, epochs=2, seed=None)
    assert (options.epochs, options.gamma, options.augmentation.mixup, options.seed) == (2, 1.0, 0.2, 0)
    assert load_training_options(None) == TrainingOptions()
    path.write_text("epoks = 4\n")
    with pytest.raises(ConfigurationError, match="training options: epoks"):
        load_training_options(path)
    path.write_text("epochs =")
    with pytest.raises(ConfigurationError, match="cannot read training options"):
        load_training_options(path)


def test_nan_power_counts_only_where_the_mask_says_so() -> None:
    samples = synthetic_samples(3, 2)
    hidden = ~(samples.channel_mask & (samples.window_mask & samples.has_eeg[:, None])[..., None])
    power = np.where(hidden[..., None], np.float32(np.nan), samples.log_power)
    spoilt = replace(samples, log_power=power)
    clean, other = train(samples, QUICK), train(spoilt, QUICK)
    for name, value in clean.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name]), name
    power[~hidden[..., None] & np.ones_like(power, bool)] = np.nan
    with pytest.raises(DataError, match="'log_power' is not finite under a True mask near sample 0"):
        replace(samples, log_power=power)


def test_a_class_without_training_samples_is_reported_and_never_answered() -> None:
    samples = synthetic_samples(4, 4)
    fearful = samples.label == 2
    samples = _relabelled(samples, fearful & (samples.subject != 11), 3)
    trained = train(samples, QUICK.model_copy(update={"epochs": 4}), held_out=(11,))
    assert trained.warnings == ("class 'fear' has no training sample: it cannot be learnt",)
    answers = trained.probabilities(samples.of_subjects((11,)))["both"]
    assert answers.shape[1] == len(CLASSES)
    assert not (answers.argmax(axis=1) == 2).any()


def test_a_class_without_validation_samples_is_reported() -> None:
    samples = synthetic_samples(2, 3)
    first = samples.subject == 11
    samples = _relabelled(samples, first & (samples.label == 0), 2)
    samples = _relabelled(samples, ~first & (samples.label == 1), 2)
    trained = train(samples, QUICK)
    unlearnt, unchecked = ("happy", "sad") if trained.split.training == (11,) else ("sad", "happy")
    assert trained.warnings == (
        f"class '{unlearnt}' has no training sample: it cannot be learnt",
        f"class '{unchecked}' has no validation sample: early stopping and temperature do not see it",
    )


def test_too_little_to_train_on_is_refused_by_name() -> None:
    samples = synthetic_samples(3, 2)
    with pytest.raises(DataError, match="needs 2 subjects that are not held out, got 1"):
        train(samples.of_subjects((11,)), QUICK)
    with pytest.raises(DataError, match=r"none of the 0 samples to train on .* 24 are held out"):
        train(samples, QUICK, held_out=samples.subjects)
    with pytest.raises(DataError, match="are all of class 'sad'; wanted two classes"):
        train(_relabelled(samples, np.ones(len(samples), bool), 1), QUICK)
    faceless = replace(samples.take(samples.has_eeg), has_face=np.zeros(samples.has_eeg.sum(), bool))
    with pytest.raises(DataError, match="has the modality 'face'"):
        train(faceless, QUICK.model_copy(update={"modality": "face"}))


@pytest.mark.parametrize(("modality", "other"), [("eeg", "face"), ("face", "eeg")])
def test_one_modality_alone_never_sees_the_other(modality: str, other: str) -> None:
    samples = synthetic_samples(4, 4)
    lacking = int((~(samples.has_eeg if modality == "eeg" else samples.has_face)).sum())
    options = QUICK.model_copy(update={"modality": modality, "epochs": 2})
    trained = train(samples, options)
    assert trained.warnings == (
        f"{lacking} of {len(samples)} samples lack the modality '{modality}' and were left out",
    )
    if other == "face":
        spoilt = replace(samples, flow=-3 * samples.flow, apex=255 - samples.apex)
    else:
        spoilt = replace(samples, log_power=samples.log_power[::-1] + 7)
    again = train(spoilt, options)
    for name, value in trained.network.state_dict().items():
        assert torch.equal(value, again.network.state_dict()[name]), name
    answers = trained.probabilities(samples)
    assert np.isnan(answers[other]).all()
    np.testing.assert_array_equal(answers["both"], answers[modality])
    has = samples.has_eeg if modality == "eeg" else samples.has_face
    np.testing.assert_array_equal(np.isfinite(answers["both"]).all(axis=1), has)


def test_a_modality_that_no_training_subject_has_is_not_asked_about() -> None:
    samples = synthetic_samples(4, 3, missing=False)
    trained = train(replace(samples, has_face=samples.subject == 11), QUICK, held_out=(11,))
    assert trained.modality == "eeg"
    assert trained.warnings == ("no training sample has the other modality: the network learns 'eeg' alone",)
    assert np.isnan(trained.probabilities(samples)["face"]).all()


def test_a_validation_set_without_a_modality_keeps_its_temperature() -> None:
    samples = synthetic_samples(3, 3, missing=False)
    split = train(samples, QUICK).split
    trained = train(replace(samples, has_eeg=~np.isin(samples.subject, split.validation)), QUICK)
    assert trained.warnings == ("no validation sample has the modality EEG: its temperature stays at 1",)
    assert trained.temperature["eeg"] == 1.0
    assert np.isnan(trained.history[0].uf1["eeg"])


def test_a_gpu_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigurationError, match="'cuda' number 0 is wanted, this machine has 0"):
        train(synthetic_samples(3, 2), QUICK.model_copy(update={"device": "cuda"}))


def test_a_network_that_cannot_be_is_refused_by_the_option_s_name() -> None:
    samples = synthetic_samples(3, 2)
    for network, message in (({"glimpse_px": 2}, "network option 'glimpse_px': .*, got 2"), ({"depth": 3}, "'depth'")):
        with pytest.raises(ConfigurationError, match=message):
            train(samples, QUICK.model_copy(update={"network": network}))


@pytest.mark.parametrize(("px", "expected"), [(28, 32), (48, 48), (128, 96)])
def test_the_network_s_faces_are_as_large_as_the_samples_between_bounds(px: int, expected: int) -> None:
    samples = synthetic_samples(2, 1, missing=False)
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 255, (len(samples), px, px), np.uint8)
    flow = rng.normal(0, 1, (len(samples), px, px, 3)).astype(np.float16)
    samples = replace(samples, onset=faces, apex=faces, flow=flow)
    small = {name: value for name, value in SMALL.items() if name != "face_px"}
    trained = train(samples, QUICK.model_copy(update={"network": small}))
    assert trained.network.config.face_px == expected
    # the third plane, strain, is what the network computes itself
    blank = flow.copy()
    blank[..., 2] = 9.0
    answers = trained.probabilities(replace(samples, flow=blank))["face"]
    np.testing.assert_array_equal(answers, trained.probabilities(samples)["face"])


def test_mixing_within_a_class_changes_the_training() -> None:
    samples = synthetic_samples(3, 4)
    mixing = QUICK.augmentation.model_copy(update={"mixup": 1.0})
    plain, mixed = train(samples, QUICK), train(samples, QUICK.model_copy(update={"augmentation": mixing}))
    assert np.isfinite(mixed.history[0].train_loss)
    assert mixed.history[0].train_loss != plain.history[0].train_loss
