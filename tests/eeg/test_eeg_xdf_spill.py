"""A large XDF file is read with its numbers on disk, and says the same."""

from __future__ import annotations

import errno
import io
from pathlib import Path

import numpy as np
import pytest

from realtime.eeg import recording as recording_file
from realtime.eeg import xdf, xdf_samples
from realtime.errors import DataError
from simulators.layouts.xdf_file import XdfStream, write_xdf


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    channels = [(name, "volts", "EEG") for name in ("Fp1", "Cz", "Oz")] + [("HEO", "microvolts", "EOG")]
    stamps = 50.0 + np.arange(5000) / 250.0
    eeg = XdfStream("cap", "EEG", stamps, rng.normal(0, 2e-5, (5000, 4)).astype("f4"), "float32", 250.0, channels, "c")
    marks = XdfStream("psy", "Markers", np.array([51.0, 60.0]), ["a", "b"], "string")
    codes = XdfStream("codes", "Trigger", np.array([51.0, 60.0]), np.array([[1], [2]], np.int32), "int32")
    empty = XdfStream("none", "GSR", np.empty(0), np.empty((0, 2), np.float32), "float32", 10.0)
    write_xdf(tmp_path / "x.xdf", [eeg, marks, codes, empty])
    return tmp_path / "x.xdf"


def test_numbers_on_disk_are_the_numbers_in_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small, recording = xdf.load_streams(path)[0], xdf.read_xdf(path)
    monkeypatch.setattr(xdf, "_IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(xdf, "_BLOCK", 999)
    monkeypatch.setattr(recording_file, "_IN_MEMORY_BYTES", 100)
    large, mapped = xdf.load_streams(path)[0], xdf.read_xdf(path)
    for one, other in zip(small, large, strict=True):
        np.testing.assert_array_equal(np.asarray(one["time_series"]), np.asarray(other["time_series"]))
        np.testing.assert_array_equal(one["time_stamps"], other["time_stamps"])
    assert isinstance(large[0]["time_series"], np.memmap)
    assert (large[2]["time_series"].dtype, large[1]["time_series"]) == (np.int32, [["a"], ["b"]])
    np.testing.assert_array_equal(recording.samples_uv, mapped.samples_uv)
    assert recording.eog_uv is not None
    assert mapped.eog_uv is not None
    np.testing.assert_array_equal(recording.eog_uv, mapped.eog_uv)
    assert recording.markers == mapped.markers
    assert not mapped.samples_uv.flags.writeable


def test_a_full_disk_is_told_and_not_taken_for_damage(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, *_: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(xdf, "_IN_MEMORY_BYTES", 100)
    monkeypatch.setattr(xdf_samples.tempfile, "TemporaryFile", Full)
    with pytest.raises(DataError, match="No space left on device"):
        xdf.read_xdf(path)
