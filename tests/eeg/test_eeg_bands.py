"""Band power against scipy's Welch, sliding against offline."""

from __future__ import annotations

import numpy as np
import pytest
from eeg_helpers import BANDS, brainlike
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from benchmarks import dsp
from realtime.eeg.bands import BAND_PRESETS, POWER_FLOOR_UV2, Band, BandPowerStream, band_power
from realtime.errors import ConfigurationError


def welch_band_power(x: np.ndarray, sfreq_hz: float, bands: tuple[Band, ...]) -> np.ndarray:
    freqs, density = signal.welch(np.asarray(x, dtype=np.float64), sfreq_hz, nperseg=x.shape[1])
    return np.log10(
        np.stack([density[:, (freqs >= b.low_hz) & (freqs < b.high_hz)].mean(axis=1) for b in bands], axis=1)
    )


@pytest.mark.parametrize("preset", ["default", "classic"])
@pytest.mark.parametrize(
    ("sfreq_hz", "n_times"), [(100.0, 100), (200.0, 200), (256.0, 256), (250.0, 500), (125.0, 125)]
)
def test_definition_is_welch_of_one_segment(sfreq_hz: float, n_times: int, preset: str) -> None:
    x = brainlike(5, n_times)
    expected = welch_band_power(x, sfreq_hz, BAND_PRESETS[preset])
    np.testing.assert_allclose(band_power(x, sfreq_hz, BAND_PRESETS[preset]), expected, atol=1e-6)


def test_a_sine_of_known_amplitude_lies_in_its_band_alone() -> None:
    t = np.arange(200) / 200.0
    power = 10.0 ** band_power(20.0 * np.sin(2 * np.pi * 10.0 * t)[None], 200.0, BANDS)[0].astype(float)
    # a Hann-tapered 1 Hz bin spreads the variance (200 µV²) over an equivalent noise bandwidth of 1.5 Hz;
    # the alpha band averages six bins, which hold all of it
    assert power[2] == pytest.approx(200.0 / 6.0, rel=1e-6)
    assert max(power[[0, 1, 3, 4]]) < 1e-9


def test_default_bands_are_those_of_the_reference() -> None:
    assert [(b.name, b.low_hz, b.high_hz) for b in BAND_PRESETS["default"]] == [
        ("delta", 0.5, 4.0),
        ("theta", 4.0, 8.0),
        ("alpha", 8.0, 14.0),
        ("beta", 14.0, 30.0),
        ("gamma", 30.0, 47.0),
    ]


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 90), min_size=1, max_size=8),
    sfreq_hz=st.sampled_from([100.0, 128.0, 200.0, 250.0, 256.0, 249.875]),
    seed=st.integers(0, 99),
)
def test_sliding_equals_offline_however_it_is_cut(sizes: list[int], sfreq_hz: float, seed: int) -> None:
    x = brainlike(3, int(2.3 * sfreq_hz), seed)
    stream = BandPowerStream(3, sfreq_hz)
    found, start, turn = [], 0, 0
    while start < x.shape[1]:
        found += stream.push(x[:, start : start + sizes[turn % len(sizes)]])
        start, turn = start + sizes[turn % len(sizes)], turn + 1
    ends = [end for end in (round_half_up(k * 0.05 * sfreq_hz) for k in range(1, 47)) if end <= x.shape[1]]
    assert [end for end, _ in found] == [end for end in ends if end >= stream.n_times]
    for end, power in found:
        window = x[:, end - stream.n_times : end]
        np.testing.assert_allclose(power, welch_band_power(window, sfreq_hz, BANDS), atol=1e-5)


@pytest.mark.parametrize("sfreq_hz", [128.0, 200.0, 249.875, 250.0])
@pytest.mark.parametrize(("window_s", "hop_s"), [(1.0, 0.03), (1.0, 0.1), (1.0, 1.0), (2.0, 0.25), (1.0, 1.5)])
def test_windows_of_any_number_of_hops_equal_the_definition(window_s: float, hop_s: float, sfreq_hz: float) -> None:
    x = brainlike(3, int(6.2 * sfreq_hz))
    stream = BandPowerStream(3, sfreq_hz, BANDS, window_s, hop_s)
    found = stream.push(x)
    assert len(found) >= 3
    for end, power in found:
        np.testing.assert_allclose(power, band_power(x[:, end - stream.n_times : end], sfreq_hz, BANDS), atol=1e-5)


@pytest.mark.parametrize(
    ("window_s", "hop_s", "sfreq_hz"), [(1.0, 1 / 30, 103.0), (2.0, 0.02, 102.5), (1.0, 0.02, 205.0)]
)
def test_an_end_that_rounding_moves_in_some_windows_spoils_none(window_s: float, hop_s: float, sfreq_hz: float) -> None:
    """A whole number of hops makes a window, but ends half a sample off the grid fall to either side of it."""
    x = brainlike(2, 3000)
    stream = BandPowerStream(2, sfreq_hz, BANDS, window_s, hop_s)
    found = stream.push(x)
    assert len({b - a for (a, _), (b, _) in zip(found, found[round(window_s / hop_s) :], strict=False)}) > 1
    for end, power in found:
        np.testing.assert_allclose(power, band_power(x[:, end - stream.n_times : end], sfreq_hz, BANDS), atol=1e-5)


def round_half_up(value: float) -> int:
    return int(np.floor(value + 0.5))


def test_weak_gamma_under_strong_delta_keeps_its_digits() -> None:
    rng = np.random.default_rng(5)
    t = np.arange(200) / 200.0
    x = 500.0 * np.sin(2 * np.pi * 2.0 * t) + 0.01 * rng.normal(size=(4, 200)) + 8000.0
    _, power = BandPowerStream(4, 200.0).push(x)[-1]
    np.testing.assert_allclose(power, welch_band_power(x, 200.0, BANDS), atol=1e-5)


def test_every_sample_of_the_window_counts() -> None:
    """The reference code read the first 512 of 1000 samples; here each inner sample changes the result."""
    x = brainlike(1, 200)
    plain = band_power(x, 200.0, BANDS)
    for index in (1, 50, 102, 103, 150, 199):
        touched = x.copy()
        touched[0, index] += 50.0
        assert np.abs(band_power(touched, 200.0, BANDS) - plain).max() > 1e-4, index


def test_nothing_is_reported_before_a_whole_window_nor_after_a_reset() -> None:
    stream = BandPowerStream(2, 200.0)
    assert stream.push(brainlike(2, 199)) == []
    assert [end for end, _ in stream.push(brainlike(2, 1))] == [200]
    stream.reset()
    assert stream.push(brainlike(2, 199)) == []
    assert len(stream.push(brainlike(2, 11))) == 2


def test_a_push_longer_than_the_window_reports_all_its_hops() -> None:
    assert len(BandPowerStream(2, 200.0).push(brainlike(2, 2000))) == 1 + 9 * 20


def test_dead_channel_gives_the_floor_and_no_infinity() -> None:
    power = band_power(np.zeros((1, 200)), 200.0, BANDS)
    np.testing.assert_allclose(power, np.log10(POWER_FLOOR_UV2))


@pytest.mark.parametrize(
    ("band", "text"),
    [
        (Band("high", 60.0, 90.0), "band 'high' is 60-90 Hz; at 128 Hz"),
        (Band("odd", 8.0, 4.0), "band 'odd' is 8-4 Hz"),
        (Band("thin", 8.2, 8.4), "holds no frequency of a window of 128 samples"),
    ],
)
def test_a_band_that_does_not_fit_is_named(band: Band, text: str) -> None:
    with pytest.raises(ConfigurationError, match=text) as caught:
        band_power(np.zeros((1, 128)), 128.0, [band])
    assert "\n" not in str(caught.value)


def test_a_hop_below_one_sample_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"eeg\.hop_s is 0\.005 s, less than one sample at 100 Hz"):
        BandPowerStream(1, 100.0, hop_s=0.005)


@pytest.mark.parametrize("bands", [BANDS, (Band("all", 0.0, 64.0), Band("top", 50.0, 64.0), Band("odd", 3.0, 5.0))])
def test_sliding_does_not_drift(bands: tuple[Band, ...]) -> None:
    """Twenty thousand hops of loud and soft."""
    rng = np.random.default_rng(4)
    stream = BandPowerStream(2, 128.0, bands)
    loud = np.concatenate([1e4 * rng.normal(size=(2, 6400)), 1e-2 * rng.normal(size=(2, 6400))], axis=1)
    for _ in range(10):
        found = stream.push(loud)
        np.testing.assert_allclose(found[-1][1], band_power(loud[:, -128:], 128.0, bands), atol=1e-5)


@pytest.mark.slow
def test_sliding_does_not_drift_in_a_million_hops() -> None:
    row = dsp.drift_row(seconds=50.0)
    assert "1000000 hops" in row.name
    assert row.max_difference is not None
    assert row.max_difference < 1e-5
