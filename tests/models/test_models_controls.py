"""Permuted labels keep the trials' structure; leaky protocols score what they leak; per-subject z-scores."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from evaluation_helpers import blank_samples, small_samples

from models.evaluation.controls import chance_range, leak_table, permute_labels, z_score_subjects
from realtime.errors import ConfigurationError


def test_permuted_labels_keep_trials_whole() -> None:
    subject = np.repeat(np.arange(6), 12)
    group = np.tile(np.repeat(np.arange(4), 3), 6)
    label = np.tile(np.repeat([0, 1, 2, 3], 3), 6)
    samples = blank_samples(label, subject, group)
    drawn = permute_labels(samples, 3)
    assert Counter(drawn.label.tolist()) == Counter(label.tolist())
    trials = drawn.label.reshape(-1, 3)
    assert (trials == trials[:, :1]).all()
    assert (drawn.label != label).mean() > 0.4
    np.testing.assert_array_equal(permute_labels(samples, 3).label, drawn.label)
    assert (permute_labels(samples, 4).label != drawn.label).any()
    np.testing.assert_array_equal(drawn.subject, samples.subject)


def test_trials_that_hold_several_labels_are_permuted_label_by_label() -> None:
    samples = blank_samples([0, 0, 1, 1, 2, 3], [1, 1, 1, 1, 2, 2], [7, 7, 7, 7, 7, 7])
    drawn = permute_labels(samples, 1).label
    assert drawn[0] == drawn[1]
    assert drawn[2] == drawn[3]
    assert sorted({drawn[0], drawn[2], drawn[4], drawn[5]}) == [0, 1, 2, 3]


def test_the_range_of_chance_is_that_of_trials_not_samples() -> None:
    rng = np.random.default_rng(0)
    subject, group = np.repeat(np.arange(8), 15), np.tile(np.repeat(np.arange(5), 3), 8)
    trial_label = rng.integers(0, 4, 40)
    label = np.repeat(trial_label, 3)
    grouped = blank_samples(label, subject, group)
    single = blank_samples(label, subject)
    answer = np.repeat(rng.integers(0, 4, 40), 3)
    wide, p = chance_range(grouped, answer, 0)
    narrow, _ = chance_range(single, answer, 0)
    assert wide[1] - wide[0] > 1.4 * (narrow[1] - narrow[0])
    assert wide[0] < 0.25 < wide[1]
    assert p > 0.01
    assert chance_range(grouped, label, 0)[1] < 0.001
    assert chance_range(grouped, np.full(120, -1), 0) == ((0.0, 0.0), 1.0)


def test_leaks_are_seen_where_there_is_nothing_but_leaks() -> None:
    """Labels by chance, windows of a trial alike, trials of a person alike: only leaky protocols score."""
    rng = np.random.default_rng(0)
    n_subjects, n_trials, n_windows, n_channels = 6, 8, 6, 10
    subject, group = np.repeat(np.arange(n_subjects), n_trials), np.tile(np.arange(n_trials), n_subjects)
    label = np.where(rng.random(len(subject)) < 0.9, rng.integers(0, 3, n_subjects)[subject], 0)
    samples = blank_samples(label, subject, group)
    person = rng.normal(size=(n_subjects, 1, n_channels, 3))[subject]
    trial = rng.normal(size=(len(subject), 1, n_channels, 3))
    power = person + 0.5 * trial + 0.3 * rng.normal(size=(len(subject), n_windows, n_channels, 3))
    mask = np.ones((len(subject), n_windows), bool)
    samples = replace(
        samples,
        log_power=power.astype(np.float32),
        window_mask=mask,
        channel_mask=np.ones((len(subject), n_windows, n_channels), bool),
    )
    table = leak_table(samples)
    accuracy = {row.protocol: row.accuracy for row in table.protocols}
    assert list(accuracy) == ["shuffled", "grouped by trial", "grouped by subject"]
    assert accuracy["shuffled"] > accuracy["grouped by trial"] - 0.02
    assert accuracy["grouped by trial"] > accuracy["grouped by subject"] + 0.2
    assert (table.rows, table.of) == (len(subject) * n_windows, len(subject) * n_windows)
    assert [row.folds for row in table.protocols] == [10, 10, 6]


def test_leaks_of_faces_where_there_is_no_eeg() -> None:
    samples = small_samples(4, 3).only("face")
    table = leak_table(samples, n_folds=3)
    assert "flow maps" in table.what
    assert table.rows == len(samples)
    assert all(0 <= row.accuracy <= 1 for row in table.protocols)


def test_z_scores_of_each_subject() -> None:
    samples = small_samples(4, 6)
    scored = z_score_subjects(samples)
    mask = samples.channel_mask & (samples.window_mask & samples.has_eeg[:, None])[..., None]
    for subject in samples.subjects:
        rows = samples.subject == subject
        values = scored.log_power[rows][mask[rows]]
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=0.2)
        channel = scored.log_power[rows][:, :, 3][mask[rows][:, :, 3]]
        np.testing.assert_allclose(channel.mean(axis=0), 0, atol=1e-4)
        np.testing.assert_allclose(channel.std(axis=0), 1, atol=1e-4)
    with pytest.raises(ConfigurationError, match="no sample has EEG"):
        z_score_subjects(samples.only("face"))
