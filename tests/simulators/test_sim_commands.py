"""The commands that make faces: what they write and stream, and how they refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from realtime.errors import EmostreamError
from realtime.face.capture import FileCapture
from simulators.commands import simulate_app
from simulators.portrait import load_portrait
from simulators.recipes import RECIPES
from simulators.testbed import draw_clip

SMALL = ("--size", "160x120")


def simulate(*arguments: object) -> Result:
    return CliRunner().invoke(simulate_app, [str(each) for each in arguments])


def test_a_clip_and_its_truth_are_written(tmp_path: Path) -> None:
    out, truth = tmp_path / "clip.avi", tmp_path / "t.json"
    options = ("--recipe", "macro", "--seed", 3, "--seconds", 5, "--fps", 10, *SMALL)
    done = simulate("face", "--out", out, "--truth", truth, *options)
    assert done.exit_code == 0, done.output
    expected = draw_clip("macro", 3, 5.0, fps=10.0, size=(160, 120))
    assert json.loads(truth.read_text()) == expected.truth()
    assert str(len(expected.truth())) in done.output
    capture = cv2.VideoCapture(str(out))
    assert [capture.get(each) for each in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS)] == [50.0, 10.0]
    capture.release()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.avi", "t.json"]
    assert simulate("face", "--out", out, *options).exit_code == 0
    assert (tmp_path / "clip.truth.json").read_text() == truth.read_text()


def test_a_face_is_streamed_and_its_truth_written(lsl_session: None, tmp_path: Path) -> None:
    truth = tmp_path / "t.json"
    done = simulate("face", "--truth", truth, "--seconds", 0.5, "--recipe", "moderate-free", "--tag", "face-test")
    assert done.exit_code == 0, done.output
    assert "on LSL: video, truth" in done.output
    assert json.loads(truth.read_text()) == []


def test_a_test_bed_is_written(tmp_path: Path) -> None:
    options = ("--seeds", 1, "--held-out", "--recipe", "calm", "--recipe", "nods-free", "--seconds", 0.5, *SMALL)
    done = simulate("testbed", tmp_path / "bed", *options)
    assert done.exit_code == 0, done.output
    names = sorted(path.stem for path in (tmp_path / "bed").glob("*.avi"))
    assert names == ["calm-10000", "nods-free-10000"]
    assert json.loads((tmp_path / "bed" / "nods-free-10000.truth.json").read_text()) == []


def test_recipes_are_listed() -> None:
    done = simulate("recipes")
    assert all(name in done.output and recipe.about in done.output for name, recipe in RECIPES.items())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("face", "--recipe", "none-such"), "no recipe 'none-such'"),
        (("face", "--out", "clip.mp4"), "ends in .avi"),
        (("face", "--out", "no/such/folder/clip.avi"), "there is no folder"),
        (("face", "--size", "large", "--out", "clip.avi"), "--size 'large'"),
        (("face", "--size", "20x20", "--out", "clip.avi"), "at least 160x120"),
        (("face", "--codec", "H265", "--out", "clip.avi"), "no codec 'H265'"),
        (("face", "--codec", "MJPG"), "--codec is for a video file"),
        (("testbed", "bed", "--seeds", "20000"), "too many"),
        (("--seconds", "3", "face"), "write 'emostream simulate face --seconds ...'"),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = simulate(*arguments)
    assert isinstance(done.exception, EmostreamError)
    assert done.exception.exit_code == 2
    assert told in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_the_commands_are_known_without_loading_what_they_need() -> None:
    code = "import sys, simulators.commands; print(sorted({'numpy', 'cv2', 'pylsl', 'torch'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_still_comes_to_life_with_movements_of_known_size(tmp_path: Path) -> None:
    picture = tmp_path / "still.png"
    grey = load_portrait()[20:240, 110:340]
    cv2.imwrite(str(picture), cv2.resize(grey.astype(np.uint8), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
    done = simulate("puppet", picture, tmp_path / "p.avi", "--seconds", 8)
    assert done.exit_code == 0, done.output
    truth = json.loads((tmp_path / "p.truth.json").read_text())
    assert f"{len(truth)} simulated movements" in done.output
    assert truth
    assert sum(1 for _ in FileCapture(tmp_path / "p.avi")) == 240


def test_a_video_without_a_face_gets_no_movements_and_says_so(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (160, 120))
    for _ in range(10):
        writer.write(np.full((120, 160, 3), 90, np.uint8))
    writer.release()
    done = simulate("inject", tmp_path / "v.avi", tmp_path / "o.avi")
    assert "0 simulated movements: no face" in done.output
    assert json.loads((tmp_path / "o.truth.json").read_text()) == []
