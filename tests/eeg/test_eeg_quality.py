"""Flags on channels with known faults, at the rates headsets have."""

from __future__ import annotations

import numpy as np
import pytest
from eeg_helpers import brainlike

from realtime.config import EegConfig
from realtime.eeg.quality import QualityMonitor
from realtime.packets import Quality

RATES_HZ = [100.0, 128.0, 250.0, 500.0, 512.0, 1000.0, 2048.0]


def judged(x: np.ndarray, sfreq_hz: float, size: int = 37) -> list[Quality]:
    monitor = QualityMonitor(len(x), sfreq_hz, EegConfig())
    flags = np.zeros(len(x), dtype=np.uint8)
    for start in range(0, x.shape[1], size):
        flags = monitor.push(x[:, start : start + size])
    return [Quality(int(value)) for value in flags]


@pytest.mark.parametrize("sfreq_hz", RATES_HZ)
@pytest.mark.parametrize("n_channels", [8, 139])
def test_good_channels_stay_good(sfreq_hz: float, n_channels: int) -> None:
    assert set(judged(brainlike(n_channels, int(2 * sfreq_hz)), sfreq_hz)) == {Quality.GOOD}


@pytest.mark.parametrize("sfreq_hz", RATES_HZ)
@pytest.mark.parametrize("mains_hz", [50.0, 50.15, 60.0, 59.9])
def test_mains_is_found_at_every_rate(sfreq_hz: float, mains_hz: float) -> None:
    t = np.arange(int(2 * sfreq_hz)) / sfreq_hz
    x = brainlike(8, len(t))
    x[3] += (80.0 * np.sin(2 * np.pi * mains_hz * t + 0.8)).astype(np.float32)
    found = judged(x, sfreq_hz)
    assert found[3] == Quality.MAINS
    assert set(found[:3] + found[4:]) == {Quality.GOOD}


def test_a_faint_line_and_a_strong_alpha_are_no_mains() -> None:
    t = np.arange(2000) / 1000.0
    x = brainlike(8, 2000)
    x[0] += (3.0 * np.sin(2 * np.pi * 50.0 * t)).astype(np.float32)
    x[1] += (60.0 * np.sin(2 * np.pi * 10.0 * t)).astype(np.float32)
    assert set(judged(x, 1000.0)) == {Quality.GOOD}


@pytest.mark.parametrize("sfreq_hz", RATES_HZ)
def test_faults_are_told_apart(sfreq_hz: float) -> None:
    n = int(2 * sfreq_hz)
    x = brainlike(8, n)
    rng = np.random.default_rng(1)
    x[0] = 8.0
    x[1] = 187_500.0
    x[2] += (rng.normal(size=n) * 500.0).astype(np.float32)
    x[3, -2] = np.nan
    x[4, -2] = -np.inf
    x[5] = np.clip(rng.normal(size=n) * 40_000.0, -15_000.0, 15_000.0)
    x[6] += 25_000.0
    x[7] += (400.0 * np.arange(n) / sfreq_hz).astype(np.float32)
    assert judged(x, sfreq_hz) == [
        Quality.FLAT,
        Quality.FLAT | Quality.RAILED,
        Quality.NOISY,
        Quality.NOT_FINITE,
        Quality.NOT_FINITE,
        Quality.RAILED | Quality.NOISY,
        Quality.GOOD,
        Quality.GOOD,
    ]


def test_flags_go_a_second_after_the_fault() -> None:
    x = brainlike(8, 6000)
    x[2, 2000] = np.nan
    x[4, 2000:2010] = 200_000.0
    monitor = QualityMonitor(8, 1000.0, EegConfig())
    history = np.array([monitor.push(x[:, i : i + 50]) for i in range(0, 6000, 50)])
    assert set(np.flatnonzero(history[:, 2] & Quality.NOT_FINITE)) == set(range(40, 60))
    assert set(np.flatnonzero(history[:, 4] & Quality.RAILED)) == set(range(40, 60))
    assert not history[61:].any()
    assert not history[:, [0, 1, 3, 5, 6, 7]].any()


def test_before_a_whole_second_only_certain_faults_are_raised() -> None:
    x = np.zeros((3, 400))
    x[1, 100] = np.nan
    x[2, 200:] = 90_000.0
    assert judged(x, 1000.0) == [Quality.GOOD, Quality.NOT_FINITE, Quality.RAILED]


def test_flags_do_not_depend_on_how_samples_arrive() -> None:
    x = brainlike(8, 3000)
    x[0] = 3.0
    x[1, 2500:2520] = np.nan
    x[2, 2900] = 1e6
    assert judged(x, 1000.0, 1) == judged(x, 1000.0, 37) == judged(x, 1000.0, 3000)


def test_reset_forgets_the_fault() -> None:
    x = brainlike(2, 1000)
    monitor = QualityMonitor(2, 500.0, EegConfig())
    assert monitor.push(np.full((2, 1000), np.nan)).tolist() == [Quality.NOT_FINITE] * 2
    monitor.reset()
    assert monitor.push(x).tolist() == [0, 0]


@pytest.mark.parametrize("at_once", [1, 7, 20, 35, 60])
@pytest.mark.parametrize("sfreq_hz", [*RATES_HZ, 249.875])
def test_hops_carried_on_are_judged_as_whole_windows(sfreq_hz: float, at_once: int) -> None:
    n = int(12 * sfreq_hz) + 2
    x, t, rng = brainlike(9, n), np.arange(n) / sfreq_hz, np.random.default_rng(2)
    x[0] += (60.0 * np.sin(2 * np.pi * 50.1 * t) * (t > 4)).astype(np.float32)
    x[1] = 8.0
    x[2, int(5 * sfreq_hz) : int(5 * sfreq_hz) + 5] = 187_000.0
    x[3] = np.clip(rng.normal(size=n) * 40_000.0, -15_000.0, 15_000.0)
    x[4] += 187_500.0
    x[5, int(6.1 * sfreq_hz)] = np.nan
    x[6] += (400.0 * t).astype(np.float32)
    x[7, int(7 * sfreq_hz)] = 3e38
    x[8, int(8 * sfreq_hz) :] = x[8, int(8 * sfreq_hz)]
    ends = np.floor(np.arange(241) * 0.05 * sfreq_hz + 0.5).astype(int)
    lengths = np.diff(ends).tolist()
    plain, carried = (QualityMonitor(9, sfreq_hz, EegConfig()) for _ in range(2))
    want = [plain.push(x[:, end - length : end]) for end, length in zip(ends[1:], lengths, strict=True)]
    got = [
        carried.push_hops(x[:, ends[i] : ends[min(i + at_once, 240)]], lengths[i : i + at_once])
        for i in range(0, 240, at_once)
    ]
    np.testing.assert_array_equal(np.concatenate(got), np.array(want))


@pytest.mark.parametrize("hop", [1, 2, 3, 5, 50])
def test_short_hops_tell_of_the_same_standstill(hop: int) -> None:
    """Steps far apart: most hops stand still, but no half second does."""
    x = brainlike(3, 600)
    x[1] = np.repeat(np.arange(600 // 20, dtype=np.float32), 20)
    x[2, 300:] = x[2, 300]
    config = EegConfig(hop_s=hop / 100.0)
    plain, carried = (QualityMonitor(3, 100.0, config) for _ in range(2))
    want = np.array([plain.push(x[:, i : i + hop]) for i in range(0, 600, hop)])
    n_hops = min(10, 200 // hop)
    got = [carried.push_hops(x[:, i : i + n_hops * hop], [hop] * n_hops) for i in range(0, 600, n_hops * hop)]
    np.testing.assert_array_equal(np.concatenate(got), want)
    assert want[-1].tolist() == [0, 0, Quality.FLAT]


def test_what_was_loud_leaves_nothing_behind() -> None:
    x = brainlike(4, 6000).astype(np.float64)
    x[0, 2000:2050] = 3e38
    x[1, 2000:2050] *= 1e12
    x[2] = 5.0
    x[2, 2000] = 1e30
    monitor = QualityMonitor(4, 1000.0, EegConfig())
    flags = np.array([monitor.push_hops(x[:, i : i + 50], [50])[0] for i in range(0, 6000, 50)])
    assert not flags[61:, [0, 1, 3]].any()
    assert set(flags[61:, 2].tolist()) == {Quality.FLAT}


def test_samples_kept_as_float32_are_judged_as_they_came() -> None:
    x = brainlike(9, 5000) + np.float32(187_000.0)
    x[1], x[2, 2000:2600], x[3, 3000] = np.float32(8.1), np.float32(12_345.678), np.nan
    double, single = QualityMonitor(9, 1000.0, EegConfig()), QualityMonitor(9, 1000.0, EegConfig(), dtype=np.float32)
    for start in range(0, 5000, 1000):
        part = x[:, start : start + 1000]
        want = double.push_hops(part.astype(np.float64), [50] * 20)
        np.testing.assert_array_equal(single.push_hops(part, [50] * 20), want)


def test_hops_that_do_not_fit_the_second_are_judged_all_the_same() -> None:
    x = brainlike(3, 8000)
    x[1, 3000:4500], x[2, 5000:] = x[1, 3000], x[2, 5000:] + 500.0 * np.sin(np.arange(3000))
    lengths = [50] * 31 + [51, 49, 50, 52] * 10 + [50] * 50
    plain, carried = (QualityMonitor(3, 1000.0, EegConfig()) for _ in range(2))
    for end, length in zip(np.cumsum(lengths), lengths, strict=True):
        part = x[:, end - length : end]
        np.testing.assert_array_equal(carried.push_hops(part, [length])[0], plain.push(part))


def test_hops_longer_than_what_is_kept_are_judged_by_their_newest_second() -> None:
    x = brainlike(4, 10_000)
    x[1, 2000:2400] = np.nan
    x[2, 1600:] = x[2, 1600]
    x[3, 9990] = 1e6
    plain, long = (QualityMonitor(4, 1000.0, EegConfig(hop_s=2.5)) for _ in range(2))
    want = [plain.push(x[:, start : start + 2500]) for start in range(0, 10_000, 2500)]
    np.testing.assert_array_equal(long.push_hops(x, [2500] * 4), want)
