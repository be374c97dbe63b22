"""The causal chain against scipy and against what a lab expects of it."""

from __future__ import annotations

import numpy as np
import pytest
from eeg_helpers import brainlike
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from realtime.config import EegConfig
from realtime.eeg.cleaning import CausalCleaner, decimation_factor
from realtime.errors import ConfigurationError, DataError

RATES_HZ = [100.0, 128.0, 250.0, 500.0, 512.0, 1000.0, 2048.0, 4000.0]


@pytest.mark.parametrize(
    ("sfreq_hz", "factor"),
    [(100, 1), (128, 1), (250, 1), (400, 2), (500, 2), (512, 2), (1000, 5), (2000, 10), (2048, 8), (4000, 20)],
)
def test_decimation_keeps_the_target_and_whole_samples_a_second(sfreq_hz: int, factor: int) -> None:
    assert decimation_factor(float(sfreq_hz), 200.0) == factor
    assert float(sfreq_hz / factor).is_integer()


@pytest.mark.parametrize("sfreq_hz", [0.0, 64.0, float("nan")])
def test_slow_or_irregular_sources_are_refused(sfreq_hz: float) -> None:
    with pytest.raises(DataError, match="at least 100 Hz, regularly sampled"):
        CausalCleaner(8, sfreq_hz, EegConfig())


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(0, 70), min_size=1, max_size=6).filter(any), sfreq_hz=st.sampled_from(RATES_HZ))
def test_output_is_the_same_to_the_bit_however_it_is_cut(sizes: list[int], sfreq_hz: float) -> None:
    x = brainlike(2, int(1.1 * sfreq_hz))
    whole = CausalCleaner(2, sfreq_hz, EegConfig()).process(x).samples_uv
    cleaner, parts, start, turn = CausalCleaner(2, sfreq_hz, EegConfig()), [], 0, 0
    while start < x.shape[1]:
        size = sizes[turn % len(sizes)]
        parts.append(cleaner.process(x[:, start : start + size]).samples_uv)
        start, turn = start + size, turn + 1
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), whole)
    assert whole.shape[1] == x.shape[1] // cleaner.factor


@pytest.mark.parametrize("sfreq_hz", RATES_HZ)
def test_an_electrode_offset_does_not_ring(sfreq_hz: float) -> None:
    x = np.full((3, int(sfreq_hz)), [[20_000.0], [-187_500.0], [0.0]])
    assert np.abs(CausalCleaner(3, sfreq_hz, EegConfig()).process(x).samples_uv).max() < 1e-3


def gain_db(sfreq_hz: float, tone_hz: float, config: EegConfig) -> float:
    t = np.arange(int(8 * sfreq_hz)) / sfreq_hz
    cleaner = CausalCleaner(1, sfreq_hz, config)
    y = cleaner.process(np.sin(2 * np.pi * tone_hz * t)[None]).samples_uv[0]
    settled = y[int(5 * cleaner.sfreq_out_hz) :]
    return float(20 * np.log10(np.std(settled) / np.sqrt(0.5)))


@pytest.mark.parametrize("sfreq_hz", [500.0, 512.0, 1000.0, 2048.0, 4000.0])
def test_bands_pass_and_what_would_fold_into_them_does_not(sfreq_hz: float) -> None:
    config = EegConfig(notch_hz=0)
    rate = sfreq_hz / decimation_factor(sfreq_hz, 200.0)
    for tone_hz in (2.0, 10.0, 30.0, 46.0):
        assert gain_db(sfreq_hz, tone_hz, config) == pytest.approx(0.0, abs=0.15)
    for tone_hz in (rate - 46.0, rate - 10.0, rate + 10.0):
        if tone_hz < sfreq_hz / 2:
            assert gain_db(sfreq_hz, tone_hz, config) < -75.0


@pytest.mark.parametrize("sfreq_hz", [128.0, 250.0, 1000.0])
@pytest.mark.parametrize("mains_hz", [50, 60])
def test_the_notch_takes_the_mains_and_leaves_gamma(sfreq_hz: float, mains_hz: int) -> None:
    config = EegConfig.model_validate({"notch_hz": mains_hz})
    assert gain_db(sfreq_hz, float(mains_hz), config) < -50.0
    assert gain_db(sfreq_hz, 44.0, config) == pytest.approx(0.0, abs=0.4)


def test_high_pass_is_off_at_zero_and_refused_beyond_half_the_rate() -> None:
    config = EegConfig(highpass_hz=0.0, notch_hz=0)
    np.testing.assert_allclose(CausalCleaner(1, 250.0, config).process(np.full((1, 50), 7.0)).samples_uv, 7.0)
    with pytest.raises(ConfigurationError, match=r"eeg\.highpass_hz is 150 Hz"):
        CausalCleaner(1, 1000.0, EegConfig(highpass_hz=150.0))


def test_equals_plain_scipy_at_a_rate_without_decimation() -> None:
    x = brainlike(3, 1000).astype(np.float64)
    sos = signal.butter(2, 0.5, "highpass", fs=250.0, output="sos")
    expected = signal.sosfilt(sos, x, zi=signal.sosfilt_zi(sos)[:, None, :] * x[:, :1])[0]
    numerator, denominator = signal.iirnotch(50.0, 30.0, fs=250.0)
    expected = signal.lfilter(numerator, denominator, expected)
    np.testing.assert_allclose(CausalCleaner(3, 250.0, EegConfig()).process(x).samples_uv, expected, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_touches_its_own_channel_only(value: float) -> None:
    x = brainlike(4, 3000)
    spoiled = x.copy()
    spoiled[2, 1004] = value
    clean = CausalCleaner(4, 1000.0, EegConfig()).process(x)
    block = CausalCleaner(4, 1000.0, EegConfig()).process(spoiled)
    assert np.isfinite(block.samples_uv).all()
    np.testing.assert_array_equal(block.samples_uv[[0, 1, 3]], clean.samples_uv[[0, 1, 3]])
    np.testing.assert_array_equal(block.samples_uv[2, :200], clean.samples_uv[2, :200])
    # sample 1004 belongs to output sample 200, which carries inputs 1000 to 1004
    assert np.argwhere(block.bad).tolist() == [[2, 200]]
    alone = CausalCleaner(4, 1000.0, EegConfig()).process(x[:, 1005:]).samples_uv
    np.testing.assert_allclose(block.samples_uv[2, 201:], alone[2], atol=1e-9)


def test_a_channel_restarts_on_its_first_finite_sample() -> None:
    x = brainlike(1, 2000)
    x[0, :700] = np.nan
    x[0, 700:] += 50_000.0
    block = CausalCleaner(1, 1000.0, EegConfig()).process(x)
    alone = CausalCleaner(1, 1000.0, EegConfig()).process(x[:, 700:])
    assert block.bad[0, :140].all()
    assert not block.bad[0, 140:].any()
    np.testing.assert_allclose(block.samples_uv[0, 140:], alone.samples_uv[0], atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 599)), max_size=25),
    st.lists(st.integers(1, 50), min_size=1, max_size=5),
)
def test_bad_samples_in_any_place_and_cut_mark_the_same_windows(
    places: list[tuple[int, int]], sizes: list[int]
) -> None:
    """Chunks may differ in which samples between two bad ones they call bad, never in what a whole window sees."""
    x = brainlike(3, 600)
    for channel, index in places:
        x[channel, index] = np.nan
    whole = CausalCleaner(3, 250.0, EegConfig(target_sfreq_hz=100.0)).process(x)
    cleaner, parts, start, turn = CausalCleaner(3, 250.0, EegConfig(target_sfreq_hz=100.0)), [], 0, 0
    while start < x.shape[1]:
        parts.append(cleaner.process(x[:, start : start + sizes[turn % len(sizes)]]))
        start, turn = start + sizes[turn % len(sizes)], turn + 1
    samples = np.concatenate([p.samples_uv for p in parts], axis=1)
    bad = np.concatenate([p.bad for p in parts], axis=1)
    assert np.isfinite(samples).all()
    expected = np.isnan(x).reshape(3, -1, cleaner.factor).any(axis=2)
    assert (bad | ~expected).all()
    for channel in range(3):
        ends = np.flatnonzero(expected[channel])
        tail = ends[-1] + 1 if ends.size else 0
        assert not bad[channel, tail:].any()
        assert not whole.bad[channel, tail:].any()
        np.testing.assert_allclose(samples[channel, tail:], whole.samples_uv[channel, tail:], atol=1e-8)


def test_reset_forgets_everything() -> None:
    x = brainlike(2, 903)
    cleaner = CausalCleaner(2, 1000.0, EegConfig())
    first = cleaner.process(x).samples_uv
    cleaner.process(np.full((2, 77), 90_000.0))
    cleaner.reset()
    np.testing.assert_array_equal(cleaner.process(x).samples_uv, first)


def test_reseed_starts_a_channel_afresh_and_marks_it() -> None:
    x = np.concatenate([np.zeros((2, 500)), np.full((2, 500), 3000.0)], axis=1)
    cleaner = CausalCleaner(2, 500.0, EegConfig())
    cleaner.process(x[:, :500])
    cleaner.reseed(np.array([True, False]))
    block = cleaner.process(x[:, 500:])
    assert np.abs(block.samples_uv[0]).max() < 1e-3
    assert np.abs(block.samples_uv[1]).max() > 1000.0
    assert np.argwhere(block.bad).tolist() == [[0, 0]]


def test_the_matrix_is_applied_last_and_never_spreads_bad_channels() -> None:
    x = brainlike(3, 1000)
    matrix = np.array([[1.0, -0.5, 0.0], [0.0, 1.0, 0.0], [0.2, 0.0, 1.0]])
    plain = CausalCleaner(3, 250.0, EegConfig()).process(x).samples_uv
    mixed = CausalCleaner(3, 250.0, EegConfig(), matrix)
    np.testing.assert_allclose(mixed.process(x).samples_uv, matrix @ plain, atol=1e-9)
    spoiled = x.copy()
    spoiled[1, 300:] = np.nan
    block = CausalCleaner(3, 250.0, EegConfig(), matrix).process(spoiled)
    np.testing.assert_allclose(block.samples_uv[0, 300:], plain[0, 300:], atol=1e-9)
    left_out = CausalCleaner(3, 250.0, EegConfig(), matrix).process(x, np.array([False, True, False]))
    np.testing.assert_allclose(left_out.samples_uv[0], plain[0], atol=1e-9)
    with pytest.raises(DataError, match=r"the spatial matrix is \(3, 3\), wanted \(4, 4\)"):
        CausalCleaner(4, 250.0, EegConfig(), matrix)


@pytest.mark.parametrize("sfreq_hz", [100.0, 512.0, 1000.0, 2048.0, 4000.0])
def test_a_push_of_an_expected_length_is_what_the_filters_give(sfreq_hz: float) -> None:
    plain, stepped, hops = (CausalCleaner(6, sfreq_hz, EegConfig()) for _ in range(3))
    length = plain.factor * 11
    x = brainlike(6, length * 64) + np.float32(1e5)
    for cleaner in (stepped, hops):
        cleaner.expect([length])
    want = plain.process(x).samples_uv
    got = [stepped.process(x[:, i : i + length]).samples_uv for i in range(0, x.shape[1], length)]
    np.testing.assert_allclose(np.concatenate(got, axis=1), want, atol=1e-6)
    left_out = np.zeros((16, 6), dtype=np.bool_)
    parts = [hops.process_hops(x[:, i : i + 16 * length], [length] * 16, left_out).samples_uv for i in _sixteenths(x)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), want, atol=1e-6)


@pytest.mark.parametrize(("sfreq_hz", "lengths"), [(250.0, [13, 12, 12, 13]), (1000.0, [50, 55, 45, 50, 50])])
def test_hops_of_several_expected_lengths_are_what_the_filters_give(sfreq_hz: float, lengths: list[int]) -> None:
    n = sum(lengths)
    x = brainlike(6, 20 * n)
    matrix = np.eye(6) + 0.1 * np.random.default_rng(2).normal(size=(6, 6))
    plain, stepped = (CausalCleaner(6, sfreq_hz, EegConfig(), matrix) for _ in range(2))
    stepped.expect(sorted(set(lengths)))
    left_out = np.zeros((len(lengths), 6), dtype=np.bool_)
    left_out[1, 2] = True
    for start in range(0, x.shape[1], n):
        part, ends = x[:, start : start + n], np.cumsum(lengths)
        cut = zip(ends - lengths, ends, left_out, strict=True)
        want = np.concatenate([plain.process(part[:, a:b], leave).samples_uv for a, b, leave in cut], axis=1)
        np.testing.assert_allclose(stepped.process_hops(part, lengths, left_out).samples_uv, want, atol=1e-6)


def _sixteenths(x: np.ndarray) -> range:
    return range(0, x.shape[1], x.shape[1] // 4)
