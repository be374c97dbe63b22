"""XDF and BDF files of our own making, read back by pyxdf and MNE."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import pyxdf

from realtime.eeg.files import read_recording
from realtime.errors import DataError
from simulators.layouts.bdf_file import write_bdf
from simulators.layouts.film_file import write_film
from simulators.layouts.xdf_file import XdfStream, write_xdf


def _eeg(n: int = 2500, rate_hz: float = 250.0, **more: object) -> XdfStream:
    samples = np.random.default_rng(0).normal(0, 20, (n, 3)).astype(np.float32)
    channels = [(name, "microvolts", "EEG") for name in ("Fp1", "Cz", "O2")]
    stamps = 100.0 + np.arange(n) / rate_hz
    return XdfStream("cap", "EEG", stamps, samples, "float32", rate_hz, channels, "cap-1", **more)  # type: ignore[arg-type]


def _read(path: Path) -> dict[str, dict]:
    streams, _ = pyxdf.load_xdf(path, dejitter_timestamps=False)
    return {stream["info"]["name"][0]: stream for stream in streams}


def test_numbers_texts_and_descriptions_come_back(tmp_path: Path) -> None:
    eeg = _eeg(desc={"cap": {"manufacturer": "nobody & co"}})
    counter = XdfStream("counter", "Count", np.arange(3) + 100.0, np.arange(3, dtype=np.int32)[:, None], "int32")
    index = XdfStream("frames", "VideoFrameIndex", np.arange(2) + 100.5, np.array([[0.0], [7.0]]), "double64", 30.0)
    texts = ["short", "", "é" * 300, '{"event": "trial_start"}']
    markers = XdfStream("marks", "Markers", 100.0 + np.arange(4), texts, "string")
    write_xdf(tmp_path / "a.xdf", [eeg, counter, index, markers])
    found = _read(tmp_path / "a.xdf")
    assert np.array_equal(found["cap"]["time_series"], eeg.samples)
    assert found["cap"]["time_stamps"] == pytest.approx(eeg.stamps_s, abs=1e-9)
    assert found["cap"]["info"]["desc"][0]["cap"][0]["manufacturer"] == ["nobody & co"]
    assert found["counter"]["time_series"][:, 0].tolist() == [0, 1, 2]
    assert found["frames"]["time_series"][:, 0].tolist() == [0.0, 7.0]
    assert [row[0] for row in found["marks"]["time_series"]] == texts
    assert found["cap"]["footer"]["info"]["sample_count"] == ["2500"]


def test_offsets_bring_all_streams_to_the_recorders_clock(tmp_path: Path) -> None:
    late = XdfStream("far", "Markers", np.array([1.0, 2.0]), ["a", "b"], "string", clock_offset_s=99.5)
    write_xdf(tmp_path / "a.xdf", [_eeg(), late])
    assert _read(tmp_path / "a.xdf")["far"]["time_stamps"] == pytest.approx([100.5, 101.5], abs=1e-6)


def test_the_reader_of_recordings_takes_it_for_labrecorders(tmp_path: Path) -> None:
    eeg = _eeg()
    write_xdf(tmp_path / "a.xdf", [eeg, XdfStream("marks", "Markers", np.array([101.0]), ["x"], "string")])
    recording = read_recording(tmp_path / "a.xdf")
    assert recording.info.channels == ("Fp1", "Cz", "O2")
    assert np.array_equal(recording.samples_uv, np.asarray(eeg.samples).T)
    assert recording.markers == ((pytest.approx(1.0, abs=1e-6), "x"),)
    assert recording.origin_s == pytest.approx(100.0, abs=1e-6)
    assert not recording.warnings


def test_stamps_and_samples_that_differ_in_number_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="2 stamps for 1 samples"):
        write_xdf(tmp_path / "a.xdf", [XdfStream("a", "Markers", np.arange(2.0), ["x"], "string")])


def test_a_bdf_comes_back_to_the_last_step_with_its_triggers(tmp_path: Path) -> None:
    import mne

    rng = np.random.default_rng(0)
    x = rng.normal(0, 50, (2, 3 * 128))
    x[0, 0] = 1e6
    told = [(0.5, 4), (2.0, 16)]
    write_bdf(
        tmp_path / "a.bdf",
        ("Cz", "Pz"),
        128,
        3,
        lambda k: x[:, k * 128 : (k + 1) * 128],
        triggers=told,
        trigger_bits=0x100,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = mne.io.read_raw_bdf(tmp_path / "a.bdf", preload=True, verbose="ERROR")
        events = mne.find_events(raw, mask=0xFF, mask_type="and", shortest_event=1, verbose="ERROR")
    read_uv = np.asarray(raw.get_data(picks=["Cz", "Pz"])) * 1e6
    assert read_uv[:, 1:] == pytest.approx(x[:, 1:], abs=0.032)
    assert read_uv[0, 0] == pytest.approx(262_143.0, abs=1.0)
    assert [(sample / 128, code) for sample, _, code in events] == [(0.5, 4), (2.0, 16)]


def test_a_film_of_nothing_or_nowhere_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no pictures"):
        write_film(tmp_path / "a.avi", [], 25.0)
    with pytest.raises(DataError, match="OpenCV cannot write MJPG video"):
        write_film(tmp_path / "nowhere" / "a.avi", [np.zeros((8, 8), np.uint8)], 25.0)
    assert write_film(tmp_path / "a.avi", [np.zeros((8, 8, 3), np.uint8)] * 3, 25.0) == 3
