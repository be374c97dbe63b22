"""Folders of clips and their truth files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.spotting.clips import Clip, ClipFrames, find_clips, is_simulated
from benchmarks.spotting.examine import examine
from benchmarks.spotting.folder import CONTENTS, ReportFolder
from benchmarks.spotting.truth import read_truth
from realtime.errors import ConfigurationError, DataError

MICRO = {"onset_s": 1.0, "apex_s": 1.2, "offset_s": 1.4, "kind": "micro", "regions": ["chin"]}


def _write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_truth_in_order_of_time(tmp_path: Path):
    macro = {"onset_s": 0.1, "offset_s": 0.9, "kind": "macro", "displacement_px": 2.5, "subject": "s01"}
    first, second = read_truth(_write(tmp_path / "a.truth.json", [MICRO, macro]))
    assert (first.kind, first.displacement_px, first.regions) == ("macro", 2.5, ())
    assert first.apex_s != first.apex_s
    assert (second.onset_s, second.apex_s, second.offset_s, second.regions) == (1.0, 1.2, 1.4, ("chin",))
    assert second.displacement_px != second.displacement_px


def test_nulls_are_as_good_as_nothing(tmp_path: Path):
    (only,) = read_truth(_write(tmp_path / "a.truth.json", [MICRO | {"apex_s": None, "regions": None}]))
    assert only.apex_s != only.apex_s
    assert only.regions == ()


def test_a_byte_order_mark_and_an_apex_a_frame_late(tmp_path: Path):
    path = _write(tmp_path / "a.truth.json", [MICRO | {"apex_s": 1.43}])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [movement.apex_s for movement in read_truth(path)] == [1.43]


def test_no_truth_and_an_empty_one_are_the_same(tmp_path: Path):
    assert read_truth(tmp_path / "none.truth.json") == ()
    assert read_truth(_write(tmp_path / "a.truth.json", [])) == ()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([MICRO, {**MICRO, "kind": "mini"}], "movement 1: kind"),
        ([{k: v for k, v in MICRO.items() if k != "offset_s"}], "movement 0: offset_s: Field required"),
        ([{**MICRO, "onset_s": "soon"}], "movement 0: onset_s"),
        ([{**MICRO, "offset_s": 0.5}], "offset_s must come after onset_s, got 1 to 0.5 s"),
        ([{**MICRO, "apex_s": 3.0}], "apex_s must lie within"),
        ([{**MICRO, "onset_s": -1.0}], "movement 0: onset_s"),
        ([{**MICRO, "displacement_px": -1.0}], "movement 0: displacement_px"),
        ({"movements": []}, "valid array"),
    ],
)
def test_what_is_wrong_with_a_truth_is_named(tmp_path: Path, content: object, said: str):
    path = _write(tmp_path / "a.truth.json", content)
    with pytest.raises(DataError) as raised:
        read_truth(path)
    assert said in str(raised.value)
    assert "a.truth.json" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_truth_that_is_no_json(tmp_path: Path):
    (tmp_path / "a.truth.json").write_bytes(b"\xff{")
    with pytest.raises(DataError, match=r"a\.truth\.json"):
        read_truth(tmp_path / "a.truth.json")


def test_videos_of_nested_folders_by_name(tmp_path: Path):
    for name in ("b.MP4", "sub/deep/a.avi", "sub/c.webm", "odd.raw", "notes.txt", ".hidden/d.avi", "sub/.e.avi"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    for name in ("odd", "gone", "b"):
        _write(tmp_path / f"{name}.truth.json", [])
    names = [clip.name for clip in find_clips(tmp_path)]
    assert names == ["b.MP4", "odd.raw", "sub/c.webm", "sub/deep/a.avi", "gone.truth.json"]


def test_a_truth_without_a_video_is_a_clip_that_cannot_be_read(tmp_path: Path):
    _write(tmp_path / "gone.truth.json", [MICRO])
    (clip,) = find_clips(tmp_path)
    result = examine(clip, baselines=False, pictures=False)
    assert result.error is not None
    assert "gone.truth.json" in result.error


@pytest.mark.parametrize("name", ["", "missing"])
def test_no_video_and_no_folder(tmp_path: Path, name: str):
    with pytest.raises(DataError, match="video"):
        find_clips(tmp_path / name)


def test_a_file_that_is_no_video_is_a_result(tmp_path: Path):
    (tmp_path / "broken.avi").write_text("not a video")
    with pytest.raises(DataError):
        ClipFrames(Clip("broken.avi", tmp_path / "broken.avi"))
    result = examine(Clip("broken.avi", tmp_path / "broken.avi"), baselines=True, pictures=True)
    assert result.error is not None
    assert "broken.avi" in result.error
    assert result.found == ()


def test_a_test_bed_says_that_it_is_simulated(tmp_path: Path):
    assert not is_simulated(tmp_path)
    _write(tmp_path / "testbed.json", {"simulated": True})
    assert is_simulated(tmp_path)
    _write(tmp_path / "testbed.json", ["simulated"])
    assert not is_simulated(tmp_path)


def test_a_report_replaces_its_own_files_only(tmp_path: Path):
    folder = tmp_path / "report"
    with ReportFolder(folder) as report:
        report.path("traces-01.png").touch()
        report.path("misses-01.png").touch()
    (folder / "mine.png").touch()
    with ReportFolder(folder) as report:
        report.path("traces-01.png").touch()
        with pytest.raises(DataError, match=r"mine\.png"):
            report.path("mine.png")
    assert {path.name for path in folder.iterdir()} == {"traces-01.png", "mine.png", CONTENTS}


def test_a_report_reaches_no_file_elsewhere(tmp_path: Path):
    (tmp_path / "kept.png").touch()
    folder = tmp_path / "report"
    folder.mkdir()
    _write(folder / CONTENTS, {"figures": ["../kept.png", 3]})
    with ReportFolder(folder):
        pass
    assert (tmp_path / "kept.png").exists()


def test_a_folder_that_is_not_a_report_is_left_alone(tmp_path: Path):
    (tmp_path / "mine.png").touch()
    with pytest.raises(ConfigurationError, match="not of an earlier run"):
        ReportFolder(tmp_path)
    with pytest.raises(ConfigurationError, match="is a file"):
        ReportFolder(tmp_path / "mine.png")
    with pytest.raises(ConfigurationError, match="there is no folder"):
        ReportFolder(tmp_path / "no" / "such")
