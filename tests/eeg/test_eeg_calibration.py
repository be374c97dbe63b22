"""ICA on signals whose blinks are known."""

from __future__ import annotations

import warnings
from pathlib import Path

import mne
import numpy as np
import pytest
from eeg_helpers import chunks, make_info, make_spec, windows
from scipy import signal
from sklearn.exceptions import ConvergenceWarning

from realtime.config import EegConfig
from realtime.eeg import _ica
from realtime.eeg.calibration import MIN_CALIBRATION_S, Calibration, fit_ica
from realtime.eeg.cleaning import CausalCleaner
from realtime.eeg.files import read_recording
from realtime.eeg.pipeline import EegPipeline
from realtime.errors import DataError, MontageError

NAMES = ("Fp1", "Fp2", "F3", "F4", "Fz", "C3", "C4", "Cz", "P3", "P4", "Pz", "O1", "O2")
BLINK = np.array([1.0, 1.0, 0.35, 0.35, 0.4, 0.1, 0.1, 0.12, 0.04, 0.04, 0.04, 0.01, 0.01])
SFREQ_HZ = 250.0
N_BLINKS = 16


class Ground:
    """A minute of independent sources with an occipital alpha, and blinks known sample by sample."""

    def __init__(self, seed: int = 0, seconds: float = 60.0) -> None:
        rng = np.random.default_rng(seed)
        n = int(seconds * SFREQ_HZ)
        pink = signal.lfilter([1.0], [1.0, -0.95], rng.laplace(size=(len(NAMES), n)), axis=1)
        mixing = np.eye(len(NAMES)) + 0.25 * rng.normal(size=(len(NAMES), len(NAMES)))
        t = np.arange(n) / SFREQ_HZ
        waxing = np.clip(np.sin(2 * np.pi * 0.13 * t), 0, None)
        alpha = 25.0 * waxing * np.sin(2 * np.pi * 10.0 * t)
        spread = np.array([0, 0, 0, 0, 0, 0.1, 0.1, 0.1, 0.5, 0.5, 0.6, 1.0, 1.0])
        self.brain = mixing @ pink * 2.0 + spread[:, None] * alpha
        self.blinking = np.zeros(n)
        shape = np.hanning(int(0.3 * SFREQ_HZ))
        for start in np.linspace(2 * SFREQ_HZ, n - 2 * SFREQ_HZ, N_BLINKS):
            at = int(start + rng.integers(-100, 100))
            self.blinking[at : at + len(shape)] += shape * rng.uniform(120, 220)
        self.eog = 1.3 * self.blinking + 0.3 * self.brain[0] + rng.normal(size=n)
        self.raw = self.brain + BLINK[:, None] * self.blinking + rng.normal(size=(len(NAMES), 1)) * 3000.0


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground()


@pytest.fixture(scope="module")
def fitted(ground: Ground) -> Calibration:
    return fit_ica(ground.raw, SFREQ_HZ, NAMES)


def cleaned(x: np.ndarray, matrix: np.ndarray | None = None) -> np.ndarray:
    return CausalCleaner(len(x), SFREQ_HZ, EegConfig(), matrix).process(x).samples_uv


def alpha_power(x: np.ndarray) -> float:
    freqs, density = signal.welch(x, SFREQ_HZ, nperseg=500)
    return float(density[(freqs >= 8) & (freqs < 14)].mean())


def test_blinks_fall_tenfold_at_frontal_channels_and_alpha_stays(ground: Ground, fitted: Calibration) -> None:
    assert fitted.channels == ("Fp1", "Fp2", "F3", "Fz", "F4", "C3", "Cz", "C4", "P3", "Pz", "P4", "O1", "O2")
    rows = [NAMES.index(name) for name in fitted.channels]
    before = cleaned(BLINK[rows, None] * ground.blinking)
    blinks = fitted.matrix @ before
    for channel in ("Fp1", "Fp2"):
        row = fitted.channels.index(channel)
        assert np.var(before[row]) > 10.0 * np.var(blinks[row])
    o1 = fitted.channels.index("O1")
    with_blinks = fitted.matrix @ cleaned(ground.raw[rows])
    alone = cleaned(ground.brain[rows])
    assert alpha_power(with_blinks[o1]) == pytest.approx(alpha_power(alone[o1]), rel=0.1)
    assert len(fitted.correlations) == 1
    assert fitted.correlations[0] > 0.9
    assert fitted.seconds == pytest.approx(60.0, abs=0.1)


def test_an_eog_channel_finds_the_same_component(ground: Ground, fitted: Calibration) -> None:
    order = np.random.default_rng(0).permutation(len(NAMES))
    raw = np.concatenate([ground.eog[None], ground.raw[order]])
    found = fit_ica(raw, SFREQ_HZ, ["VEOG", *(NAMES[i] for i in order)])
    assert found.channels == fitted.channels
    np.testing.assert_allclose(found.matrix, fitted.matrix, atol=0.05)


def test_the_folded_matrix_is_what_mne_applies(ground: Ground) -> None:
    x = cleaned(ground.raw)
    frontal = x[:2]
    removal = _ica.find_eye_components(x, SFREQ_HZ, np.zeros((0, x.shape[1])), frontal, correlation=0.6)
    raw = mne.io.RawArray(x * 1e-6, mne.create_info(list(NAMES), SFREQ_HZ, "eeg"), verbose="ERROR")
    ica = mne.preprocessing.ICA(len(NAMES), random_state=97, max_iter=200, verbose="ERROR")
    with warnings.catch_warnings():
        # near-Gaussian sources go on turning; the blinks stand
        warnings.simplefilter("ignore", ConvergenceWarning)
        ica.fit(raw, verbose="ERROR")
    sources = ica.get_sources(raw).get_data()
    ica.exclude = [int(np.argmax(np.abs(np.corrcoef(sources, ground.blinking)[-1, :-1])))]
    expected = ica.apply(raw.copy(), verbose="ERROR").get_data() * 1e6
    mean = x.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(x - mean - removal.matrix @ (x - mean), expected - mean, atol=1e-6)


def test_the_calibrated_pipeline_no_longer_sees_the_blinks(ground: Ground, fitted: Calibration) -> None:
    spec = make_spec(NAMES)

    def delta(raw: np.ndarray, calibration: Calibration | None) -> float:
        pipeline = EegPipeline(make_info(NAMES, SFREQ_HZ), spec, EegConfig(), calibration)
        found = windows(pipeline, chunks(raw.astype(np.float32), SFREQ_HZ, [25]))
        return float(np.mean([window.log_power[0, 0] for window in found]))

    blinked, true = delta(ground.raw, None), delta(ground.brain, None)
    assert blinked - true > 0.3
    assert abs(delta(ground.raw, fitted) - true) < 0.15


def test_without_blinks_nothing_is_taken_away(ground: Ground) -> None:
    found = fit_ica(ground.brain, SFREQ_HZ, NAMES)
    assert found.correlations == ()
    np.testing.assert_array_equal(found.matrix, np.eye(len(NAMES)))


def test_a_bad_channel_is_left_as_it_is_and_missing_samples_are_cut_out(ground: Ground) -> None:
    raw = ground.raw.copy()
    raw[NAMES.index("Cz")] = 187_500.0
    raw[NAMES.index("P3"), 5000:5100] = np.nan
    found = fit_ica(raw, SFREQ_HZ, NAMES)
    cz = found.channels.index("Cz")
    np.testing.assert_array_equal(found.matrix[cz], np.eye(len(NAMES))[cz])
    np.testing.assert_array_equal(found.matrix[:, cz], np.eye(len(NAMES))[:, cz])
    assert len(found.correlations) == 1
    assert found.seconds < 60.0 - 100 / SFREQ_HZ + 0.1


def test_saved_and_loaded_it_is_the_same(fitted: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "person.npz"
    fitted.save(path)
    found = Calibration.load(path)
    assert found.channels == fitted.channels
    np.testing.assert_array_equal(found.matrix, fitted.matrix)
    assert (found.sfreq_hz, found.seconds, found.correlations, found.converged) == (
        fitted.sfreq_hz,
        fitted.seconds,
        fitted.correlations,
        fitted.converged,
    )
    assert [entry.name for entry in tmp_path.iterdir()] == ["person.npz"]
    with np.load(path, allow_pickle=False) as file:
        assert set(file) == {"meta", "matrix"}


def test_what_cannot_be_saved_leaves_nothing_behind(fitted: Calibration, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot write calibration .*choose another folder"):
        fitted.save(tmp_path / "absent" / "person.npz")
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_no_calibrations(tmp_path: Path) -> None:
    text, pickled, foreign = tmp_path / "text.npz", tmp_path / "pickled.npz", tmp_path / "foreign.npz"
    text.write_text("not an archive")
    np.savez(pickled, meta=np.array([{"a": 1}], dtype=object), matrix=np.eye(2))
    np.savez(foreign, weights=np.eye(2))
    for path in (text, pickled, foreign):
        with pytest.raises(DataError, match=r"is no calibration \(.*make one with 'emostream calibrate'") as caught:
            Calibration.load(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match=r"cannot read calibration .*No such file"):
        Calibration.load(tmp_path / "absent.npz")


def test_it_is_matched_by_name_and_refused_on_other_channels() -> None:
    matrix = np.arange(9.0).reshape(3, 3)
    calibration = Calibration(("Fp1", "Cz", "O1"), matrix, 250.0, 60.0, (), True)
    np.testing.assert_array_equal(
        calibration.matrix_for(["o1", "FP1", "EEG Cz-REF"]), matrix[np.ix_([2, 0, 1], [2, 0, 1])]
    )
    with pytest.raises(DataError) as caught:
        calibration.matrix_for(["Fp1", "Cz", "Oz"])
    assert str(caught.value) == (
        "calibration was made on 3 channels, the stream has 3: the stream lacks O1; it does not know Oz. "
        "Calibrate again with this montage."
    )
    with pytest.raises(DataError, match=r"matrix \(2, 2\) for 3 channels"):
        Calibration(("Fp1", "Cz", "O1"), np.eye(2), 250.0, 60.0, (), True)


def test_what_cannot_be_calibrated_says_why(ground: Ground) -> None:
    with pytest.raises(DataError, match=rf"holds 8\.0 s of clean signal .* at least {MIN_CALIBRATION_S:g} s"):
        fit_ica(ground.raw[:, :2000], SFREQ_HZ, NAMES)
    with pytest.raises(DataError, match="on 0 good channels"):
        fit_ica(np.zeros((13, 10_000)), SFREQ_HZ, NAMES)
    with pytest.raises(DataError, match=r"no EOG and no good frontal channel \(Fp1, .*run without a calibration"):
        fit_ica(ground.raw[2:], SFREQ_HZ, NAMES[2:])
    with pytest.raises(DataError, match="no channel EOG9 in the calibration recording; it has Fp1"):
        fit_ica(ground.raw, SFREQ_HZ, NAMES, ["EOG9"])
    with pytest.raises(MontageError, match="at least 8 wanted"):
        fit_ica(ground.raw[:5], SFREQ_HZ, NAMES[:5])


@pytest.mark.real_data
def test_real_blinks_leave_the_forehead_and_real_alpha_stays(data_dir: Path) -> None:
    recording = read_recording(data_dir / "eeg" / "eeglab_data.set")
    rate = recording.info.sfreq_hz
    found = fit_ica(recording.samples_uv[:, : int(100 * rate)], rate, recording.info.channels)
    assert len(found.correlations) == 1
    rest = recording.samples_uv[:, int(100 * rate) :]
    plain = CausalCleaner(len(rest), rate, EegConfig()).process(rest).samples_uv
    matrix = found.matrix_for(recording.info.channels)
    after = matrix @ plain
    fpz, oz = recording.info.channels.index("FPz"), recording.info.channels.index("Oz")
    blinks = np.abs(plain[fpz]) > 4.0 * np.median(np.abs(plain[fpz])) / 0.6745
    assert blinks.mean() > 0.01
    assert np.var(plain[fpz][blinks]) > 4.0 * np.var(after[fpz][blinks])
    freqs, (before, since) = signal.welch(np.stack([plain[oz], after[oz]]), rate, nperseg=256)
    alpha = (freqs >= 8) & (freqs < 14)
    assert since[alpha].mean() == pytest.approx(before[alpha].mean(), rel=0.1)
