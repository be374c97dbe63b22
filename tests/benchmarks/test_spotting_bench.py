"""The tuning bench on a small folder, end to end; never how long anything takes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.spotting.baselines import BASELINES
from benchmarks.spotting.clips import Clip
from benchmarks.spotting.examine import ClipResult, examine
from benchmarks.spotting.folder import CONTENTS
from benchmarks.spotting.report import summarise
from benchmarks.spotting.simulated import held_out_clips
from benchmarks.spotting.truth import TrueMovement
from realtime.face.regions import REGIONS
from simulators.clips import write_clip
from simulators.cohort import unseen_person
from simulators.events import FacialEvent
from simulators.scenario import make_scenario
from simulators.testbed import HELD_OUT_SEEDS, recipe_names

CONTRACT = {
    "micro",
    "macro",
    "overall",
    "false_alarms_per_min",
    "apex_error_ms",
    "delay_ms",
    "baselines",
    "clips",
}


@dataclass(frozen=True)
class Run:
    code: int
    summary: dict[str, Any]
    out: str
    err: str
    folder: Path

    def clip(self, name: str) -> dict[str, Any]:
        return next(clip for clip in self.summary["clips"] if clip["name"] == name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A micro-movement nobody could overlook, a calm face, and a file that is no video."""
    clips = tmp_path_factory.mktemp("clips")
    (clips / "sub").mkdir()
    person = unseen_person(4)
    calm = make_scenario(person, 7.0, 1, artifacts=False)
    event = FacialEvent(5.0, 5.2, 5.4, "micro", (1, 2), "both", 1.0)
    write_clip(clips / "micro.avi", person, replace(calm, movements=(event,)), fps=25.0, codec="MJPG")
    free = replace(calm, duration_s=2.0, movements=())
    write_clip(clips / "sub" / "free.avi", person, free, fps=25.0, size=(320, 240), codec="MJPG")
    (clips / "sub" / "free.truth.json").unlink()
    (clips / "broken.mp4").write_text("not a video")
    return clips


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run over the folder, everything on."""
    place = tmp_path_factory.mktemp("out")
    with pytest.MonkeyPatch.context() as patch, _captured(patch) as said:
        code = main(["spotting", "--clips", str(folder), "--summary", str(place / "s.json"), "--jobs", "1"])
    summary = json.loads((place / "s.json").read_text(encoding="utf-8"))
    return Run(code, summary, *said(), place / "spotting-report")


class _captured:
    """stdout and stderr for a fixture that outlives one test."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        import io
        import sys

        self._streams = io.StringIO(), io.StringIO()
        patch.setattr(sys, "stdout", self._streams[0])
        patch.setattr(sys, "stderr", self._streams[1])

    def __enter__(self) -> Any:
        return lambda: tuple(stream.getvalue() for stream in self._streams)

    def __exit__(self, *_: object) -> None:
        return None


def test_the_summary_keeps_the_contract(run: Run):
    assert run.summary.keys() >= CONTRACT
    for kind in ("micro", "macro", "overall"):
        assert run.summary[kind].keys() >= {"precision", "recall", "f1"}
    assert run.summary["simulated"] is False
    for name in (*(b.name for b in BASELINES), *(f"{b.name}_tuned" for b in BASELINES)):
        entry = run.summary["baselines"][name]
        assert entry.keys() >= {"micro", "macro", "overall", "false_alarms_per_min", "apex_error_ms", "source"}
        assert entry["delay_ms"] is None


def test_the_movement_is_found_and_nothing_else(run: Run):
    clip = run.clip("micro.avi")
    (made,) = clip["truth"]
    assert (made["kind"], made["displacement_px"]) == ("micro", 1.0)
    assert made["matched_by"] == 0
    assert clip["found"][0]["matches"] == 0
    assert set(clip["found"][0]["regions"]) <= set(REGIONS)
    assert run.summary["micro"]["f1"] == 1.0
    assert run.summary["apex_error_ms"] < 80
    assert run.summary["delay_ms"] > 0
    assert run.summary["recall_by_displacement"] == [
        {"from_px": 1.0, "to_px": 1.5, "true": 1, "matched": 1, "recall": 1.0}
    ]


def test_a_clip_without_a_truth_counts_for_false_alarms(run: Run):
    clip = run.clip("sub/free.avi")
    assert clip["micro_free"]
    assert clip["duration_s"] == pytest.approx(2.0)
    assert run.summary["false_alarms_over"] == "micro_free"
    assert run.summary["false_alarms"]["micro_free"]["minutes"] == pytest.approx(2.0 / 60)


def test_an_unreadable_file_is_a_row_and_an_exit_code(run: Run):
    assert run.code == 4
    assert set(run.clip("broken.mp4")) == {"name", "error"}
    assert run.summary["unreadable"] == 1
    assert any("broken.mp4" in line for line in run.err.splitlines())
    assert "broken.mp4" in run.out


def test_the_table_names_everything(run: Run):
    for text in ("ours", "mdmd", "lbp_peaks", "top_percent", "micro.avi", "Moilanen"):
        assert text in run.out


def test_figures_can_be_opened(run: Run):
    names = json.loads((run.folder / CONTENTS).read_text(encoding="utf-8"))["figures"]
    assert "traces-01.png" in names
    assert [Path(path).name for path in run.summary["figures"]] == names
    for name in names:
        picture = cv2.imread(str(run.folder / name))
        assert picture is not None
        assert picture.std() > 5


def test_misses_and_false_alarms_have_pictures(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    own = tmp_path / "clips"
    own.mkdir()
    (own / "a.avi").write_bytes((folder / "micro.avi").read_bytes())
    elsewhere = {"onset_s": 1.0, "offset_s": 1.4, "kind": "macro", "apex_s": None}
    (own / "a.truth.json").write_text(json.dumps([elsewhere]), encoding="utf-8")
    out, summary = tmp_path / "figures", tmp_path / "s.json"
    arguments = ["--clips", str(own), "--out", str(out), "--summary", str(summary), "--jobs", "1", "--no-baselines"]
    assert main(["spotting", *arguments]) == 0
    written = json.loads(summary.read_text(encoding="utf-8"))
    assert written["baselines"] == {}
    (clip,) = written["clips"]
    assert clip["truth"][0]["matched_by"] is None
    assert clip["truth"][0]["apex_s"] is None
    assert "nothing found" in clip["truth"][0]["why"]
    assert [(f["matches"], f["why"]) for f in clip["found"]] == [(None, "nothing was made there")]
    assert (out / "misses-01.png").is_file()
    assert (out / "false-alarms-01.png").is_file()
    assert "3 figures" in capsys.readouterr().out


def test_no_video_leaves_with_4_and_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "empty").mkdir()
    assert main(["spotting", "--clips", str(tmp_path / "empty"), "--out", str(tmp_path / "report")]) == 4
    said = capsys.readouterr().err
    assert "no video" in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    "arguments",
    [["dsp", "--clips", "x"], ["all", "--no-baselines"], ["face", "--jobs", "2"], ["spotting", "--jobs", "0"]],
)
def test_options_of_another_suite_are_wrong_usage(arguments: list[str]):
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    assert raised.value.code == 2


def test_in_the_wrong_kind_and_place_is_said_in_words(folder: Path):
    result = examine(Clip("micro.avi", folder / "micro.avi"), baselines=False, pictures=False)
    macro = TrueMovement(4.6, 5.2, 6.4, "macro")
    (clip,) = summarise([replace(result, truth=(macro,))], simulated=True)["clips"]
    assert "with a micro found at" in clip["truth"][0]["why"]
    assert "with a true macro at 4.60 to 6.40 s" in clip["found"][0]["why"]


def test_clips_named_alike_are_a_group():
    results = [ClipResult(name, duration_s=60.0) for name in ("nods-00001", "nods-00002", "s1/calm_1.avi")]
    groups = summarise(results, simulated=True)["groups"]
    assert {name: group["clips"] for name, group in groups.items()} == {"nods": 2, "s1/calm": 1}
    assert summarise(results[1:], simulated=True)["groups"] == {}


@pytest.mark.real_data
def test_nothing_is_found_where_nobody_is(data_dir: Path):
    result = examine(Clip("no_face.mp4", data_dir / "face" / "no_face.mp4"), baselines=True, pictures=True)
    assert result.error is None
    assert (result.face_share, result.found, result.evaluated) == (0.0, (), 95)
    assert result.measured is not None
    assert all(baseline.spot(result.measured, baseline.published) == [] for baseline in BASELINES)


def test_what_is_rendered_without_a_folder_is_held_out():
    clips = held_out_clips(12.0)
    assert {clip.recipe for clip in clips} >= set(recipe_names())
    assert all(clip.seed in HELD_OUT_SEEDS for clip in clips)
    assert any(clip.recipe.endswith("-free") for clip in clips)
    assert {clip.seconds for clip in clips} == {12.0}
    assert len(np.unique([clip.recipe for clip in clips])) == len(clips)
