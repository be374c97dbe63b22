"""The guided calibration: what is learnt from known signals, what is said of bad ones, and the file it is kept in."""

from __future__ import annotations

import stat
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from realtime.calibrate.baseline import Baseline, rest_baseline, windows_of
from realtime.calibrate.command import calibrate
from realtime.calibrate.person import PersonCalibration
from realtime.calibrate.phases import PHASES, SETTLE_S, schedule
from realtime.calibrate.report import blinks_in, channel_quality, face_report, power_change_db, verdicts
from realtime.calibrate.store import load_newest, new_calibration
from realtime.config import EegConfig
from realtime.eeg.calibration import Calibration
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.errors import ConfigurationError, DataError
from realtime.face.noise import LearnedNoise, MotionNoise
from realtime.face.regions import REGIONS
from realtime.face.spotter import FaceNoise
from realtime.packets import EegChunk, EegInfo

RATE = 200.0
INFO = EegInfo("amp", "amp", ("Fp1", "Fp2", "C3", "C4", "O1", "O2", "P3", "P4"), RATE)
ALPHA = 2


def _rest(seconds: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 8.0, (8, round(seconds * RATE))).astype(np.float32)


def _chunks(samples: np.ndarray) -> list[EegChunk]:
    stamps = np.arange(samples.shape[1]) / RATE
    return [EegChunk(samples[:, i : i + 10], stamps[i : i + 10], "amp", i) for i in range(0, samples.shape[1], 10)]


def _noise(n: int = 90) -> FaceNoise:
    sizes = np.random.default_rng(3).gamma(2.0, 0.02, (n, len(REGIONS))).astype(np.float32)
    return FaceNoise(LearnedNoise(sizes, n / 30), LearnedNoise(0.5 * sizes, n / 30))


def _person() -> PersonCalibration:
    eeg = Calibration(("Fp1", "Cz"), np.array([[0.5, 0.1], [0.0, 1.0]]), 250.0, 40.0, (0.9,), True)
    power = np.arange(6, dtype=np.float32).reshape(2, 3)
    return PersonCalibration(
        eeg, Baseline(("Fp1", "Cz"), ("a", "b", "c"), power, power + 1, 9), _noise(), {"verdicts": []}
    )


def test_the_phases_fill_the_minute_and_their_first_moments_are_not_used() -> None:
    timed = schedule(100.0, 60.0)
    assert [t.phase.name for t in timed] == ["eyes_open", "eyes_closed", "blink", "neutral", "clench"]
    assert sum(phase.share for phase in PHASES) == pytest.approx(1.0)
    assert (timed[0].start_s, timed[-1].end_s) == (100.0, pytest.approx(160.0))
    assert all(a.end_s == b.start_s for a, b in pairwise(timed))
    assert timed[1].used == (timed[1].start_s + SETTLE_S, timed[1].end_s)


def test_without_eeg_only_the_neutral_face_is_asked_for() -> None:
    (only,) = schedule(100.0, 60.0, eeg=False)
    assert (only.phase.name, only.start_s, only.end_s) == ("neutral", 100.0, pytest.approx(115.0))


def test_a_file_that_is_there_is_not_replaced_without_a_word(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    path.write_bytes(b"an older one")
    with pytest.raises(ConfigurationError, match="is there already: choose another file, or --force to replace it"):
        calibrate(path)
    with pytest.raises(ConfigurationError, match="leave nothing to calibrate"):
        calibrate(path, no_eeg=True, no_video=True, force=True)
    assert path.read_bytes() == b"an older one"


def test_the_noise_of_a_calibration_is_known_from_the_first_frame_and_ages() -> None:
    learnt = _noise(300).motion
    fresh, known = MotionNoise(len(REGIONS)), MotionNoise(len(REGIONS), learnt)
    for noise in (fresh, known):
        noise.add(50.0, learnt.sizes_px[0])
    spread = 1.4826 * np.median(np.abs(learnt.sizes_px - np.median(learnt.sizes_px, axis=0)), axis=0)
    loud = np.full(len(REGIONS), 1.0, np.float32)
    expected = (loud - np.median(learnt.sizes_px, axis=0)) / np.maximum(spread, 0.01)
    assert known.z(loud) == pytest.approx(expected, rel=0.02)
    assert (known.learned_s, fresh.learned_s) == (pytest.approx(learnt.seconds, abs=0.1), 0.0)
    calm = np.zeros(len(REGIONS), np.float32)
    for i in range(1, 400):
        known.add(50.0 + 0.1 * i, calm)
    assert known.z(loud) == pytest.approx(np.full(len(REGIONS), 100.0)), "30 s later the calibration is forgotten"


def test_a_calibration_is_kept_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    person = _person()
    person.save(path)
    again = PersonCalibration.load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert again.eeg is not None
    assert again.baseline is not None
    assert again.face is not None
    assert person.eeg is not None
    assert again.eeg.describe() == person.eeg.describe()
    assert np.array_equal(again.eeg.matrix, person.eeg.matrix)
    assert np.array_equal(again.baseline.mean, person.baseline.mean)
    assert np.array_equal(again.face.returned.sizes_px, _noise().returned.sizes_px)
    assert again.report == person.report
    assert [p.name for p in tmp_path.iterdir()] == ["c.npz"]


def test_an_ica_alone_as_older_versions_saved_it_is_read(tmp_path: Path) -> None:
    eeg = _person().eeg
    assert eeg is not None
    eeg.save(tmp_path / "old.npz")
    again = PersonCalibration.load(tmp_path / "old.npz")
    assert again.eeg is not None
    assert again.eeg.channels == eeg.channels
    assert (again.baseline, again.face) == (None, None)


@pytest.mark.parametrize("damage", ["truncate", "text", "regions", "negative", "absent"])
def test_what_is_no_calibration_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "c.npz"
    face = _noise()
    if damage == "negative":
        face = FaceNoise(face.motion, LearnedNoise(-face.motion.sizes_px, 1.0))
    if damage == "regions":
        face = FaceNoise(LearnedNoise(face.motion.sizes_px[:, :3], 1.0), face.returned)
    if damage != "absent":
        PersonCalibration(face=face).save(path)
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[:-200])
    if damage == "text":
        path.write_text("hello", encoding="utf-8")
    with pytest.raises(DataError) as refused:
        PersonCalibration.load(path)
    assert "\n" not in str(refused.value)


def test_the_baseline_is_the_resting_power_and_leaves_bad_channels_out() -> None:
    samples = _rest(12.0)
    samples[2] = 0.0  # flat
    windows = windows_of(INFO, _chunks(samples), EegConfig(notch_hz=0), None)
    baseline = rest_baseline(windows, [(1.0, 6.0), (7.0, 12.0)])
    assert baseline is not None
    row = MODEL_CHANNELS.index("C4")
    assert baseline.mean[row, ALPHA] == pytest.approx(np.log10(64.0 / 100.0), abs=0.15), (
        "white noise of 64 µV² in 100 Hz"
    )
    assert np.isnan(baseline.mean[MODEL_CHANNELS.index("C3")]).all()
    assert np.isnan(baseline.z(baseline.mean)[MODEL_CHANNELS.index("Cz")]).all()
    assert baseline.z(baseline.mean)[row] == pytest.approx(np.zeros(5))
    assert rest_baseline(windows, [(1.0, 2.0)]) is None, "one window is no baseline"


def test_blinks_alpha_and_bad_electrodes_are_seen() -> None:
    samples = _rest(25.0)
    times = np.arange(samples.shape[1]) / RATE
    phases = schedule(0.0, 25.0)
    closed, blink = phases[1], phases[2]
    samples[4:6] += np.where((times > closed.start_s) & (times < closed.end_s), 30.0 * np.sin(20 * np.pi * times), 0.0)
    for at_s in np.arange(blink.start_s + 0.3, blink.end_s - 0.3, 1.0):
        samples[:2] += 150.0 * np.exp(-(((times - at_s) / 0.08) ** 2)).astype(np.float32)
    samples[6] = 3.0
    inside = (times >= blink.start_s) & (times <= blink.end_s)
    assert blinks_in(INFO, samples[:, inside]) == 4
    assert blinks_in(EegInfo("x", "x", ("C3",), RATE), samples[2:3]) is None
    quality = channel_quality(INFO, samples, EegConfig())
    assert quality["P3"]["flat"] > 0.9
    assert quality["C3"]["bad"] == 0.0
    windows = windows_of(INFO, _chunks(samples), EegConfig(notch_hz=0), None)
    change = power_change_db(windows, phases, "eyes_closed", "eyes_open", MODEL_CHANNELS, ALPHA, ("O1", "O2"))
    assert change is not None
    assert change > 8.0
    said = verdicts({"eeg": {"channels": quality, "blinks": 1, "alpha_closed_db": 0.2, "eye_components": 0}})
    assert [sentence.split()[0] for sentence in said] == ["check", "1", "closing", "the"]
    assert "P3" in said[0]


def test_a_face_out_of_sight_is_told() -> None:
    report = {"face": face_report(_noise(30), frames=100, faces=40)}
    assert [sentence.split(" ")[0] for sentence in verdicts(report)] == ["a", "only"]
    assert verdicts({"face": face_report(_noise(300), frames=100, faces=99)}) == []


def test_the_newest_calibration_of_a_participant_counts(tmp_path: Path) -> None:
    from datetime import datetime

    root = tmp_path / "recordings"
    with pytest.raises(DataError, match="no calibration of subject '07'"):
        load_newest(root, "07")
    for day in (3, 5, 4):
        _person().save(new_calibration(root, "07", datetime(2026, 1, day)))
    path, person = load_newest(root, "07")
    assert path.name == "sub-07_20260105T000000.npz"
    assert person.face is not None
    with pytest.raises(DataError, match="this very second"):
        new_calibration(root, "07", datetime(2026, 1, 5))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
