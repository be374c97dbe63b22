"""Training learns, stays deterministic, and looks at nobody it must not look at."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from models_helpers import CHANNELS, SMALL, synthetic_samples

from models.augmentation import AugmentationOptions, augment, drop_channels, mask_windows, mirror_face
from models.inference import predict_logits, prepare, softmax
from models.losses import class_balanced_alpha
from models.metrics import macro_f1
from models.network import Batch, HiddenEmotionNet
from models.normaliser import fit_normaliser
from models.samples import SampleSet, concatenate
from models.splits import Split, inner_split, load_splits, save_splits, subject_folds
from models.training.train import EpochReport, Trained, TrainingOptions, calibrate, train
from realtime.errors import DataError

QUICK = TrainingOptions(epochs=2, batch_size=32, network=SMALL)
NO_AUGMENTATION = AugmentationOptions(
    channel_dropout=0, short_history=0, time_masking=0, band_offset_sd=0, channel_offset_sd=0, mirror=0, flow_gain=0
)


def _weights(trained: Trained) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in trained.network.parameters()])


def _spoil(samples: SampleSet, subjects: tuple[int, ...]) -> SampleSet:
    """Everything about these subjects changed: powers, flow, labels."""
    theirs = np.isin(samples.subject, subjects)
    power, flow, label = samples.log_power.copy(), samples.flow.copy(), samples.label.copy()
    power[theirs] += 100.0
    flow[theirs] *= -3.0
    label[theirs] = 0
    return replace(samples, log_power=power, flow=flow, label=label)


def test_fused_learns_what_neither_modality_tells_alone() -> None:
    samples = synthetic_samples(8, 8, missing=False)
    held_out = (11, 12)
    options = TrainingOptions(epochs=12, batch_size=32, learning_rate=3e-3, network=SMALL, patience=12)
    options = options.model_copy(update={"augmentation": AugmentationOptions(channel_dropout=0.2, short_history=0.2)})
    trained = train(samples, options, held_out=held_out)
    testing = samples.of_subjects(held_out)
    answers = {view: p.argmax(axis=1) for view, p in trained.probabilities(testing).items()}
    uf1 = {view: macro_f1(testing.label, answer, 4) for view, answer in answers.items()}
    assert uf1["both"] > 0.8
    assert 0.25 < uf1["eeg"] < 0.7
    assert 0.25 < uf1["face"] < 0.7
    np.testing.assert_array_less(0.8, np.mean(answers["eeg"] // 2 == testing.label // 2))
    np.testing.assert_array_less(0.8, np.mean(answers["face"] % 2 == testing.label % 2))


def test_answers_do_not_depend_on_the_order_of_channels() -> None:
    samples = synthetic_samples(3, 3)
    trained = train(samples, QUICK)
    shuffled = samples.with_channels(("Cz", *CHANNELS[::-1]))
    for view, expected in trained.probabilities(samples).items():
        np.testing.assert_array_equal(trained.probabilities(shuffled)[view], expected)
    with pytest.raises(DataError, match="samples have the classes"):
        trained.probabilities(replace(samples, classes=("a", "b", "c", "d")))


def test_overfits_32_samples() -> None:
    samples = synthetic_samples(4, 8, noise=3.0).of_subjects((11, 12))
    rng = np.random.default_rng(0)
    chosen = samples.take(np.r_[0:64:2])
    chosen = replace(chosen, label=rng.permutation(chosen.label), subject=np.full(32, 1))
    twin = replace(chosen, subject=np.full(32, 2))
    joined = concatenate([chosen, twin])
    options = TrainingOptions(
        epochs=100, patience=100, batch_size=32, learning_rate=5e-3, weight_decay=0, augmentation=NO_AUGMENTATION,
        network=SMALL | {"dropout": 0.0}, validation_fraction=0.5,
    )  # fmt: skip
    trained = train(joined, options)
    answer = trained.probabilities(chosen)["both"].argmax(axis=1)
    assert np.mean(answer == chosen.label) == 1.0


def test_same_seed_same_weights() -> None:
    samples = synthetic_samples(3, 3)
    first, second = train(samples, QUICK), train(samples, QUICK)
    assert torch.equal(_weights(first), _weights(second))
    assert first.temperature == second.temperature
    other = train(samples, QUICK.model_copy(update={"seed": 1}))
    assert not torch.equal(_weights(first), _weights(other))


def test_training_leaves_global_state_alone() -> None:
    torch.manual_seed(5)
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    train(synthetic_samples(3, 2), QUICK)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_training_minimises_the_focal_loss_of_every_view() -> None:
    samples = synthetic_samples(4, 4)
    samples = samples.take((samples.label != 0) | (np.arange(len(samples)) % 3 == 0))
    options = TrainingOptions(
        epochs=1, batch_size=len(samples), augmentation=NO_AUGMENTATION, network=SMALL | {"dropout": 0.0}
    )
    trained = train(samples, options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        untrained = HiddenEmotionNet(trained.network.config)
    theirs = samples.of_subjects(trained.split.training)
    logits = predict_logits(untrained, prepare(theirs, trained.normaliser, SMALL["face_px"]))
    alpha = class_balanced_alpha(theirs.label, 4, options.balance)
    assert alpha[0] > 1.2 * alpha[1:].max()
    loss = weight = 0.0
    both = theirs.has_eeg & theirs.has_face
    for view, rows, share in (("both", both | True, 1.0), ("eeg", both, 0.5), ("face", both, 0.5)):
        label = theirs.label[rows]
        p = softmax(logits[view][rows])[np.arange(len(label)), label].astype(np.float64)
        loss += share * float(np.sum(alpha[label] * (1.0 - p) ** 2 * -np.log(p)))
        weight += share * len(label)
    # the first epoch is one step, so its loss is that of the weights it began with
    assert trained.history[0].train_loss == pytest.approx(loss / weight, rel=1e-4)


def test_held_out_subject_is_never_looked_at() -> None:
    samples = synthetic_samples(4, 3)
    clean = train(samples, QUICK, held_out=(12,))
    spoilt = train(_spoil(samples, (12,)), QUICK, held_out=(12,))
    assert torch.equal(_weights(clean), _weights(spoilt))
    assert clean.temperature == spoilt.temperature
    assert [e.validation_loss for e in clean.history] == [e.validation_loss for e in spoilt.history]
    np.testing.assert_array_equal(clean.normaliser.mean, spoilt.normaliser.mean)
    assert 12 not in clean.split.training + clean.split.validation


def test_early_stopping_reads_the_validation_subjects_only() -> None:
    samples = synthetic_samples(5, 3)
    clean = train(samples, QUICK)
    split = clean.split
    assert not set(split.training) & set(split.validation)
    theirs = np.isin(samples.subject, split.validation)
    label = samples.label.copy()
    label[theirs] = label[theirs][np.random.default_rng(0).permutation(theirs.sum())]
    shuffled = train(replace(samples, label=label), QUICK)
    assert [e.train_loss for e in clean.history] == [e.train_loss for e in shuffled.history]
    assert [e.validation_loss for e in clean.history] != [e.validation_loss for e in shuffled.history]


def test_stops_early_and_keeps_the_best_epoch() -> None:
    samples = synthetic_samples(3, 3)
    seen: list[EpochReport] = []
    trained = train(samples, TrainingOptions(epochs=40, patience=2, learning_rate=0.02, network=SMALL), seen.append)
    assert len(seen) < 40
    best = min(seen, key=lambda report: report.validation_loss)
    assert best.best
    assert seen[-1].epoch - best.epoch == 2
    assert trained.history == tuple(seen)


def test_normaliser_is_fitted_on_training_subjects_only() -> None:
    samples = synthetic_samples(4, 3)
    fitted = fit_normaliser(samples, (11, 13))
    spoilt = fit_normaliser(_spoil(samples, (12, 14)), (11, 13))
    np.testing.assert_array_equal(fitted.mean, spoilt.mean)
    np.testing.assert_array_equal(fitted.sd, spoilt.sd)
    assert fitted.flow_scale_px == spoilt.flow_scale_px
    assert np.abs(fit_normaliser(_spoil(samples, (12, 14)), (11, 12)).mean - fitted.mean).max() > 1


def test_normaliser_equals_its_definition_and_skips_masked_values() -> None:
    samples = synthetic_samples(2, 3)
    mask = samples.channel_mask & (samples.window_mask & samples.has_eeg[:, None])[..., None]
    dirty = np.where(mask[..., None], samples.log_power, 1e6).astype(np.float32)
    fitted = fit_normaliser(replace(samples, log_power=dirty), samples.subjects)
    for channel in range(len(CHANNELS)):
        values = samples.log_power[:, :, channel][mask[:, :, channel]].astype(np.float64)
        np.testing.assert_allclose(fitted.mean[channel], values.mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(fitted.sd[channel], values.std(axis=0), atol=1e-5)
    z = fitted.log_power(dirty, mask)
    assert not z[~mask].any()
    np.testing.assert_allclose(z[mask], ((samples.log_power - fitted.mean) / fitted.sd)[mask], atol=1e-5)


def test_a_channel_nobody_has_takes_the_others_mean() -> None:
    samples = synthetic_samples(2, 3)
    mask = samples.channel_mask.copy()
    mask[:, :, 4] = False
    fitted = fit_normaliser(replace(samples, channel_mask=mask), samples.subjects)
    np.testing.assert_allclose(fitted.mean[4], np.delete(fitted.mean, 4, axis=0).mean(axis=0), atol=1e-6)


def test_unknown_training_subjects_are_refused() -> None:
    with pytest.raises(DataError, match=r"no sample of the training subjects \(99,\)"):
        fit_normaliser(synthetic_samples(2, 2), (99,))


def test_every_window_of_a_trial_and_subject_is_in_one_fold() -> None:
    samples = synthetic_samples(7, 3)
    folds = subject_folds(samples.subject, 3, seed=4)
    held = [set(fold) for fold in folds]
    assert sorted(s for fold in folds for s in fold) == list(samples.subjects)
    for fold in held:
        inside = np.isin(samples.subject, list(fold))
        trials = set(zip(samples.subject[inside], samples.group[inside], strict=True))
        assert not trials & set(zip(samples.subject[~inside], samples.group[~inside], strict=True))
        split = inner_split(samples, tuple(fold), seed=1)
        assert set(split.held_out) == fold
        assert not fold & set(split.training)
        assert not fold & set(split.validation)
        assert not set(split.training) & set(split.validation)
        assert set(split.training) | set(split.validation) | fold == set(samples.subjects)


def test_leave_one_subject_out_is_the_default() -> None:
    assert sorted(subject_folds(np.array([3, 3, 1, 2]))) == [(1,), (2,), (3,)]


def test_splits_that_overlap_or_cannot_be_made_are_refused() -> None:
    with pytest.raises(DataError, match=r"subjects \[2\] are in 'training' and in 'held_out'"):
        Split((1, 2), (3,), (2,), 0)
    with pytest.raises(DataError, match="needs 2 subjects"):
        inner_split(synthetic_samples(2, 2), held_out=(11,))
    with pytest.raises(DataError, match="9 folds asked of 2 subjects"):
        subject_folds(np.array([1, 2]), 9)


def test_splits_are_saved_and_belong_to_their_data(tmp_path) -> None:
    splits = [Split((1, 2), (3,), (4,), 7), Split((1, 4), (2,), (3,), 7)]
    save_splits(tmp_path / "splits.json", splits, "a" * 64)
    assert load_splits(tmp_path / "splits.json", "a" * 64) == splits
    with pytest.raises(DataError, match="are for data aaaaaaaaaaaa, got data bbbbbbbbbbbb"):
        load_splits(tmp_path / "splits.json", "b" * 64)
    (tmp_path / "splits.json").write_text("{}")
    with pytest.raises(DataError, match="cannot read splits"):
        load_splits(tmp_path / "splits.json")


def _batch() -> Batch:
    samples = synthetic_samples(3, 4, missing=False)
    return prepare(samples, fit_normaliser(samples, samples.subjects), 32).batch(torch.arange(len(samples)))


def test_augmentation_only_ever_masks_more() -> None:
    batch = _batch()
    options = AugmentationOptions(channel_dropout=1, short_history=1, time_masking=1, min_channels=3, longest_mask=2)
    changed = augment(batch, options, torch.Generator().manual_seed(0))
    assert not (changed.channel_mask & ~batch.channel_mask).any()
    assert not (changed.window_mask & ~batch.window_mask).any()
    assert changed.channel_mask.sum() < 0.8 * batch.channel_mask.sum()
    assert torch.equal(changed.window_mask[:, -3:], batch.window_mask[:, -3:])
    full = torch.ones(200, 8, 10, dtype=torch.bool)
    kept = drop_channels(full, options, torch.Generator().manual_seed(0))[:, 0].sum(dim=1)
    assert (kept.min(), kept.max()) == (3, 10)
    windows = mask_windows(full[..., 0], options, torch.Generator().manual_seed(0))
    assert windows.sum(dim=1).min() == 3


def test_no_augmentation_changes_nothing() -> None:
    batch = _batch()
    same = augment(batch, NO_AUGMENTATION, torch.Generator().manual_seed(0))
    for name in Batch.__slots__:
        assert torch.equal(getattr(same, name), getattr(batch, name)), name


def test_mirroring_turns_flow_and_apex_together() -> None:
    flow = torch.zeros(2, 2, 4, 4)
    flow[:, 0, 1, 0], flow[:, 1, 1, 0] = 0.5, 0.25
    apex = torch.zeros(2, 1, 4, 4)
    apex[:, 0, 1, 0] = 1.0
    mirrored, image = mirror_face(flow, apex, torch.tensor([True, False]))
    assert mirrored[0, 0, 1, 3] == -0.5
    assert mirrored[0, 1, 1, 3] == 0.25
    assert image[0, 0, 1, 3] == 1.0
    assert mirrored[0].count_nonzero() == 2
    assert torch.equal(mirrored[1], flow[1])
    assert torch.equal(image[1], apex[1])
    twice, again = mirror_face(mirrored, image, torch.tensor([True, False]))
    assert torch.equal(twice, flow)
    assert torch.equal(again, apex)


def test_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    honest = rng.normal(0, 1.5, (4000, 3))
    p = np.exp(honest) / np.exp(honest).sum(axis=1, keepdims=True)
    label = np.array([rng.choice(3, p=row) for row in p])
    nothing = np.full_like(honest, np.nan).astype(np.float32)
    logits = {"both": (5 * honest).astype(np.float32), "eeg": (0.5 * honest).astype(np.float32), "face": nothing}
    found = calibrate(logits, label)
    assert found["both"] == pytest.approx(5.0, rel=0.1)
    assert found["eeg"] == pytest.approx(0.5, rel=0.1)
    assert found["face"] == 1.0
