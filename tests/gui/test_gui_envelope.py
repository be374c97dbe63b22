"""The EEG picture's arithmetic against plain definitions."""

from __future__ import annotations

import numpy as np
import pytest

from gui.panels.eeg.envelope import ColumnEnvelope, covered, rasterise


def _signal(n_channels: int = 5, n_times: int = 4000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 20, (n_channels, n_times)).astype(np.float32), 100.0 + np.arange(n_times) / 1000.0


def test_columns_hold_the_lowest_and_highest_sample_of_their_time() -> None:
    samples, stamps = _signal()
    envelope = ColumnEnvelope(5, 200, 4.0)
    envelope.push(samples, stamps)
    column = np.floor(stamps / envelope.column_s).astype(int)
    for wanted in range(envelope.head - 150, envelope.head + 1):
        inside = samples[:, column == wanted]
        np.testing.assert_array_equal(envelope.low[:, wanted % 200], inside.min(axis=1))
        np.testing.assert_array_equal(envelope.high[:, wanted % 200], inside.max(axis=1))


@pytest.mark.parametrize("sizes", [(1,), (7, 33, 2), (1000,)])
def test_the_picture_does_not_depend_on_the_chunks(sizes: tuple[int, ...]) -> None:
    samples, stamps = _signal()
    whole, cut = ColumnEnvelope(5, 160, 4.0), ColumnEnvelope(5, 160, 4.0)
    whole.push(samples, stamps)
    at, turn = 0, 0
    while at < len(stamps):
        end = at + sizes[turn % len(sizes)]
        cut.push(samples[:, at:end], stamps[at:end])
        at, turn = end, turn + 1
    np.testing.assert_array_equal(whole.low, cut.low)
    np.testing.assert_array_equal(whole.high, cut.high)
    np.testing.assert_array_equal(whole.drift, cut.drift)
    assert whole.head == cut.head


def test_a_gap_stays_empty_and_a_slow_stream_is_joined_up() -> None:
    samples, stamps = _signal(2, 1000)
    stamps[500:] += 0.8
    envelope = ColumnEnvelope(2, 400, 4.0)
    envelope.push(samples, stamps)
    first_missing = int(np.floor(stamps[499] / 0.01)) + 1
    last_missing = int(np.floor(stamps[500] / 0.01)) - 1
    low, _ = envelope.columns(first_missing, last_missing)
    assert low.shape == (2, 80)
    assert np.isnan(low).all()

    slow = ColumnEnvelope(1, 400, 4.0)
    slow.push(np.array([[0.0, 10.0]], np.float32), np.array([1.0, 1.05]))
    assert not np.isnan(slow.low[0, 100:106]).any()
    np.testing.assert_allclose(slow.low[0, 100:106], [0, 2, 4, 6, 8, 10], atol=1e-5)


def test_drift_is_taken_off_and_nan_does_not_spread() -> None:
    samples, stamps = _signal(2, 10_000)
    samples += 5000.0
    samples[1, 3000:3100] = np.nan
    envelope = ColumnEnvelope(2, 500, 5.0)
    envelope.push(samples, stamps)
    low, high = envelope.columns(envelope.head - 499, envelope.head)
    middle = 0.5 * (low + high)
    assert np.abs(np.nanmean(middle, axis=1)).max() < 5.0
    assert not np.isnan(low[0]).any()
    assert not np.isnan(low[1, -300:]).any()


def test_samples_older_than_the_newest_column_are_dropped() -> None:
    envelope = ColumnEnvelope(1, 10, 1.0)
    envelope.push(np.array([[1.0]], np.float32), np.array([5.0]))
    before = envelope.low.copy()
    envelope.push(np.array([[99.0]], np.float32), np.array([4.0]))
    np.testing.assert_array_equal(envelope.low, before)


def test_runs_cover_the_same_pixels_as_a_loop() -> None:
    rng = np.random.default_rng(1)
    low = rng.normal(-20, 10, (6, 30)).astype(np.float32)
    high = low + rng.uniform(0, 30, low.shape).astype(np.float32)
    low[2, 5:9] = high[2, 5:9] = np.nan
    nothing = np.full(6, np.nan, np.float32)
    centres = (np.arange(6) + 0.5) * 20.0
    top, bottom, drawn = rasterise(low, high, (nothing, nothing), centres, 0.4, 120)
    wanted = np.zeros((120, 30), bool)
    for channel in range(6):
        for column in range(30):
            if drawn[channel, column]:
                wanted[top[channel, column] : bottom[channel, column] + 1, column] = True
    np.testing.assert_array_equal(covered(top, bottom, drawn, 120), wanted)
    assert not drawn[2, 5:9].any()
    # neighbouring columns of one channel touch: the line has no holes
    for column in range(1, 30):
        if drawn[0, column] and drawn[0, column - 1]:
            assert top[0, column] <= bottom[0, column - 1]
            assert bottom[0, column] >= top[0, column - 1]


def test_an_artefact_does_not_reach_beyond_the_neighbouring_lanes() -> None:
    low = np.full((3, 4), -1e5, np.float32)
    nothing = np.full(3, np.nan, np.float32)
    top, bottom, _ = rasterise(low, -low, (nothing, nothing), np.array([10.0, 30.0, 50.0]), 1.0, 60)
    assert top[1].min() == 0
    assert bottom[0].max() == 40
