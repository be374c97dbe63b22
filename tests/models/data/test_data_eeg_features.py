"""EEG of a row: units, windows, masks, and the same numbers as live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mne
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.eeg_features import EegFeatures, EegOptions, eeg_features
from models.data.rows import EegArray, EegRecording
from realtime.config import EegConfig
from realtime.eeg.bands import BAND_PRESETS, band_power
from realtime.eeg.files import iter_chunks, read_recording
from realtime.eeg.pipeline import EegPipeline
from realtime.errors import DataError
from realtime.interfaces import RecognizerSpec

BANDS = tuple((band.name, band.low_hz, band.high_hz) for band in BAND_PRESETS["default"])
MUSE = ("TP9", "AF7", "AF8", "TP10")
CAP = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2")


def options(hop_s: float = 0.5, n_windows: int = 40) -> EegOptions:
    return EegOptions(BANDS, n_windows, hop_s)


def noise_uv(n_channels: int, seconds: float, sfreq_hz: float, seed: int = 0) -> np.ndarray:
    """White noise of 20 µV on offsets and drifts as of electrodes."""
    rng = np.random.default_rng(seed)
    n_times = int(seconds * sfreq_hz)
    drift = np.linspace(0, 1, n_times) * rng.normal(0, 30, (n_channels, 1)) + rng.normal(0, 500, (n_channels, 1))
    return rng.normal(0, 20, (n_channels, n_times)) + drift


def saved(folder: Path, array: np.ndarray, **known: Any) -> EegArray:
    np.save(folder / "eeg.npy", array)
    return EegArray(folder / "eeg.npy", **known)


def test_short_pieces_of_four_channels(tmp_path: Path) -> None:
    found = eeg_features(saved(tmp_path, noise_uv(4, 2, 256) * 1e-6, sfreq_hz=256.0, channels=MUSE), options())
    assert found.channels == MUSE
    assert found.log_power.shape == (3, 4, 5)
    assert found.mask.all()
    assert found.remarks == ()
    # white noise of 20 µV at 256 Hz has 400 / 128 µV²/Hz; the mean of a logarithm lies a little below
    assert found.log_power.mean() == pytest.approx(np.log10(400 / 128), abs=0.15)


def test_windows_are_the_definition(tmp_path: Path) -> None:
    """A piece without drift: each window is `band_power`, the last one ending with the piece."""
    t = np.arange(3 * 250) / 250
    x = np.stack([30 * np.sin(2 * np.pi * 10 * t), 5 * np.sin(2 * np.pi * 21 * t), 8 * np.sin(2 * np.pi * 6 * t)])
    found = eeg_features(saved(tmp_path, x, sfreq_hz=250.0, unit="uV"), options(hop_s=0.4))
    ends = [750 - round(k * 100) for k in (5, 4, 3, 2, 1, 0)]
    expected = np.stack([band_power(x[:, end - 250 : end], 250.0, BAND_PRESETS["default"]) for end in ends])
    strong = expected > 0
    np.testing.assert_allclose(found.log_power[strong], expected[strong], atol=0.02)
    assert found.channels == ("ch1", "ch2", "ch3")


@pytest.mark.parametrize("seconds", [4.0, 30.0])
def test_drift_leaves_no_trace(tmp_path: Path, seconds: float) -> None:
    rng = np.random.default_rng(3)
    clean = rng.normal(0, 10, (4, int(seconds * 128)))
    drift = np.linspace(-400, 400, clean.shape[1])
    with_drift = eeg_features(saved(tmp_path, clean + drift, sfreq_hz=128.0, unit="uV"), options(1.0))
    without = eeg_features(saved(tmp_path, clean, sfreq_hz=128.0, unit="uV"), options(1.0))
    np.testing.assert_allclose(with_drift.log_power, without.log_power, atol=0.05)


@settings(max_examples=25, deadline=None)
@given(
    sfreq_hz=st.sampled_from([100.0, 128.0, 200.0, 250.0, 256.0, 333.0, 512.0]),
    seconds=st.floats(1.01, 12.0),
    hop_s=st.sampled_from([0.25, 0.5, 1.0]),
    n_windows=st.integers(1, 12),
)
def test_as_many_windows_as_fit(
    tmp_path_factory: pytest.TempPathFactory, sfreq_hz: float, seconds: float, hop_s: float, n_windows: int
) -> None:
    folder = tmp_path_factory.mktemp("eeg")
    x = noise_uv(2, seconds, sfreq_hz)
    found = eeg_features(saved(folder, x, sfreq_hz=sfreq_hz, unit="uV"), options(hop_s, n_windows))
    fitting = int((x.shape[1] - int(sfreq_hz)) / (hop_s * sfreq_hz) + 1e-6) + 1
    assert len(found.mask) == len(found.log_power) == min(fitting, n_windows)
    assert np.isfinite(found.log_power).all()
    assert any("windows are used" in remark for remark in found.remarks) == (fitting > n_windows)


def test_a_unit_is_told_by_the_size(tmp_path: Path) -> None:
    x = noise_uv(4, 3, 128)
    volts = eeg_features(saved(tmp_path, x * 1e-6, sfreq_hz=128.0), options())
    micro = eeg_features(saved(tmp_path, x, sfreq_hz=128.0), options())
    np.testing.assert_allclose(micro.log_power, volts.log_power, atol=1e-4)
    assert volts.remarks == ()
    assert "taken as µV" in micro.remarks[0]


@pytest.mark.parametrize(("unit", "scale", "words"), [("V", 1.0, "in µV"), ("uV", 1e-6, "in V"), (None, 1e5, "unit")])
def test_an_implausible_unit_is_refused(tmp_path: Path, unit: Any, scale: float, words: str) -> None:
    source = saved(tmp_path, noise_uv(4, 3, 128) * scale, sfreq_hz=128.0, unit=unit)
    with pytest.raises(DataError, match=f"typical standard deviation.*{words}"):
        eeg_features(source, options())


def test_bad_channels_are_masked_and_named(tmp_path: Path) -> None:
    x = noise_uv(5, 3, 200)
    x[0] = 7.0
    x[1, 120:130] = np.nan
    x[2, 420:] = np.inf
    x[3] += 2000 * np.sin(np.arange(600) / 4)
    found = eeg_features(
        saved(tmp_path, x, sfreq_hz=200.0, unit="uV", channels=("a", "b", "c", "d", "e")), options(1.0)
    )
    np.testing.assert_array_equal(
        found.mask,
        [[False, False, True, True, True], [False, True, True, True, True], [False, True, False, True, True]],
    )
    assert (found.log_power[~found.mask] == 0).all()
    assert np.isfinite(found.log_power).all()
    said = "; ".join(found.remarks)
    for words in ("NaN samples: masked (b, c)", "flat: masked (a)", "above 300 µV: kept (d)"):
        assert words in said


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan])
def test_nothing_but_dead_channels(tmp_path: Path, value: float) -> None:
    with pytest.raises(DataError, match=r"no channel is good.*flat|NaN"):
        eeg_features(saved(tmp_path, np.full((4, 512), value), sfreq_hz=256.0), options())


@pytest.mark.parametrize(
    ("shape", "known", "words"),
    [
        ((4, 512), {}, "without sfreq_hz"),
        ((4, 200), {"sfreq_hz": 256.0}, "wanted 1 s"),
        ((512, 4), {"sfreq_hz": 256.0}, r"\(times, channels\)"),
        ((4, 300), {"sfreq_hz": 60.0}, "gamma"),
        ((4, 512), {"sfreq_hz": 256.0, "channels": ("Fz",)}, "1 channel names for 4"),
        ((2, 512), {"sfreq_hz": 256.0, "channels": ("T3", "T7")}, "named 'T7'"),
        ((2, 512), {"sfreq_hz": 256.0, "channels": ("GSR", "zEMG")}, "none of the channels is EEG"),
        ((512,), {"sfreq_hz": 256.0}, "shape"),
        ((6, 4, 3), {}, "3 bands"),
        ((0, 4, 5), {}, "holds nothing"),
        ((6, 4, 5), {"channels": ("Fz",)}, "1 channel names for 4"),
    ],
)
def test_arrays_of_other_shapes(tmp_path: Path, shape: tuple[int, ...], known: dict[str, Any], words: str) -> None:
    array = np.random.default_rng(0).normal(0, 1e-5, shape)
    with pytest.raises(DataError, match=words):
        eeg_features(saved(tmp_path, array, **known), options())


def test_what_is_no_eeg_is_left_out(tmp_path: Path) -> None:
    source = saved(tmp_path, noise_uv(4, 2, 128), sfreq_hz=128.0, unit="uV", channels=("T3", "hEOG", "tEMG", "GSR"))
    found = eeg_features(source, options())
    assert found.channels == ("T7",)
    assert found.remarks == ("left out, as no EEG: hEOG, tEMG, GSR",)


def test_log_power_is_taken_as_it_is(tmp_path: Path) -> None:
    power = np.random.default_rng(0).normal(0, 1, (50, 4, 5))
    power[20, 1, 2] = -np.inf
    power[30, 3, 0] = np.nan
    found = eeg_features(saved(tmp_path, power, channels=MUSE), options())
    assert found.log_power.shape == (40, 4, 5)
    assert (~found.mask).sum() == 2
    assert not found.mask[10, 1]
    assert not found.mask[20, 3]
    np.testing.assert_array_equal(found.log_power[found.mask], power[10:][found.mask].astype(np.float32))
    assert "2 of 160 channel windows" in found.remarks[1]


def test_power_that_is_no_logarithm_is_remarked(tmp_path: Path) -> None:
    found = eeg_features(saved(tmp_path, np.random.default_rng(0).random((6, 4, 5)) * 500), options())
    assert "no log10" in found.remarks[0]
    with pytest.raises(DataError, match="no channel is good"):
        eeg_features(saved(tmp_path, np.full((6, 4, 5), np.nan)), options())


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of ten channels at 250 Hz, one of them flat from the middle on."""
    path = tmp_path_factory.mktemp("recording") / "minute_raw.fif"
    x = noise_uv(len(CAP), 60, 250, seed=5)
    x[3, 30 * 250 :] = 0.0
    info = mne.create_info(list(CAP), 250.0, "eeg", verbose="ERROR")
    mne.io.RawArray(x * 1e-6, info, verbose="ERROR").save(path, verbose="ERROR")
    return path


def test_a_recording_gives_what_the_live_chain_gives(recording: Path) -> None:
    """The whole minute goes through the live pipeline; the sample's windows are its last ones, to the filters' tail."""
    found = eeg_features(EegRecording(recording, 30.0, 55.0), options(1.0))
    spec = RecognizerSpec("", "", False, (), CAP, BANDS)
    whole = read_recording(recording)
    pipeline = EegPipeline(whole.info, spec, EegConfig(hop_s=0.25))
    for chunk in iter_chunks(whole, chunk_s=1.0):
        if chunk.stamps[-1] < 55.0:
            pipeline.push(chunk)
    live = pipeline.sequence()
    assert found.log_power.shape == (25, 10, 5)
    np.testing.assert_array_equal(found.mask, live.channel_mask[-25:])
    np.testing.assert_allclose(found.log_power, live.log_power[-25:], atol=1e-4)
    assert not found.mask[-1, 3]
    assert "bad quality" in found.remarks[-1]


def test_arrays_and_recordings_agree(recording: Path, tmp_path: Path) -> None:
    """Arrays are filtered without delay and recordings as live: single windows differ, no band does on the whole."""
    whole = read_recording(recording)
    piece = whole.samples_uv[:, 5 * 250 : 29 * 250]
    array = eeg_features(saved(tmp_path, piece, sfreq_hz=250.0, unit="uV", channels=CAP), options(0.5, 60))
    live = eeg_features(EegRecording(recording, 5.0, 29.0), options(0.5, 60))
    assert array.mask.all()
    assert live.mask.all()
    assert np.abs((array.log_power - live.log_power).mean(axis=(0, 1))).max() < 0.02


@pytest.mark.parametrize("sfreq_hz", [128.0, 333.0, 499.7, 500.0, 512.0])
@pytest.mark.parametrize(("start_s", "stop_s"), [(0.0, 4.0), (1.1, 5.35), (2.0, 6.25)])
def test_windows_lie_within_the_sample_at_any_rate(
    tmp_path: Path, sfreq_hz: float, start_s: float, stop_s: float
) -> None:
    """Loud outside the sample, quiet inside: every window is quiet, and as many are there as fit."""
    x = np.random.default_rng(0).normal(0, 1, (len(CAP), int(8 * sfreq_hz)))
    t = np.arange(x.shape[1]) / sfreq_hz
    x[:, (t < start_s - 0.01) | (t > stop_s + 0.02)] *= 50
    info = mne.create_info(list(CAP), sfreq_hz, "eeg", verbose="ERROR")
    mne.io.RawArray(x * 1e-6, info, verbose="ERROR").save(tmp_path / "x_raw.fif", verbose="ERROR")
    found = eeg_features(EegRecording(tmp_path / "x_raw.fif", start_s, stop_s), options(0.5))
    assert len(found.mask) == int((stop_s - start_s - 1.0) / 0.5 + 1e-6) + 1
    assert found.mask.all()
    loud = np.log10(2500 / (sfreq_hz / 2))
    assert found.log_power[:, :, 3:].max() < loud - 1.5


def test_nothing_from_before_the_sample_comes_in(recording: Path, tmp_path: Path) -> None:
    raw = mne.io.read_raw_fif(recording, preload=True, verbose="ERROR")
    samples = raw.get_data()
    samples[:, : 20 * 250] = np.random.default_rng(1).normal(0, 1e-4, (len(CAP), 20 * 250))
    other = tmp_path / "other_raw.fif"
    mne.io.RawArray(samples, raw.info, verbose="ERROR").save(other, verbose="ERROR")
    same = [eeg_features(EegRecording(path, 20.0, 24.0), options(1.0)) for path in (recording, other)]
    assert same[0].mask.shape == (4, 10)
    # the causal filters' memory of what was before fades; their slowest is 0.5 Hz
    assert np.abs(same[0].log_power[2:, :, 1:] - same[1].log_power[2:, :, 1:]).max() < 0.01


def test_a_recording_of_few_channels_is_a_piece(tmp_path: Path) -> None:
    x = noise_uv(4, 20, 256)
    info = mne.create_info(list(MUSE), 256.0, "eeg", verbose="ERROR")
    mne.io.RawArray(x * 1e-6, info, verbose="ERROR").save(tmp_path / "few_raw.fif", verbose="ERROR")
    found = eeg_features(EegRecording(tmp_path / "few_raw.fif", 4.0, 12.0), options(1.0))
    expected = eeg_features(
        saved(tmp_path, x[:, 4 * 256 : 12 * 256], sfreq_hz=256.0, unit="uV", channels=MUSE), options(1.0)
    )
    assert found.channels == MUSE
    np.testing.assert_allclose(found.log_power, expected.log_power, atol=1e-3)


@pytest.mark.parametrize(
    ("start_s", "stop_s", "words"),
    [(80.0, 90.0, "ends at 60 s"), (59.5, 70.0, "ends at 60 s"), (5.0, 5.5, "wanted 1 s")],
)
def test_beyond_the_recording(recording: Path, start_s: float, stop_s: float, words: str) -> None:
    with pytest.raises(DataError, match=words):
        eeg_features(EegRecording(recording, start_s, stop_s), options(1.0))


def test_a_recording_cut_short_is_remarked(recording: Path) -> None:
    found: EegFeatures = eeg_features(EegRecording(recording, 50.0, 70.0), options(1.0))
    assert len(found.mask) == 10
    assert "wanted up to 70 s" in found.remarks[0]


def test_a_damaged_recording(tmp_path: Path) -> None:
    (tmp_path / "broken.edf").write_bytes(b"0       no recording")
    with pytest.raises(DataError, match="cannot read recording"):
        eeg_features(EegRecording(tmp_path / "broken.edf", 0.0, 5.0), options(1.0))
    with pytest.raises(DataError, match="no such recording"):
        eeg_features(EegRecording(tmp_path / "gone.edf", 0.0, 5.0), options(1.0))
