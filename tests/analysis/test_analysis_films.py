"""A session's film goes into the analysis frame by frame as recorded, and one that is cut short does not."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from live_run import FIRST_S, STEM, LiveRun, record, texts

from realtime.analysis.exports import Exports
from realtime.analysis.session_source import Wish, find_analysable, open_session
from realtime.analysis.tracks import FilmTrack
from realtime.errors import ConfigurationError, DataError
from realtime.review.annotations import Annotation, annotations_path, save_annotations
from realtime.session.recorded import find_session
from simulators.layouts.xdf_file import XdfStream, write_xdf

_FPS, _FRAMES, _FIRST = 20.0, 120, 7


def _picture(index: int) -> np.ndarray:
    return np.full((48, 64, 3), 2 * (index % 100), np.uint8)


def _film(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), _FPS, (64, 48))
    for i in range(_FRAMES):
        writer.write(_picture(i))
    writer.release()
    path.with_suffix(".json").write_text(json.dumps({"first_frame_index": _FIRST}), encoding="utf-8")


def _frames(name: str = "emostream-frames") -> XdfStream:
    indices = np.delete(np.arange(_FIRST, _FIRST + _FRAMES), [30, 31])
    stamps = FIRST_S + 0.5 + (indices - _FIRST) / _FPS
    source = name.replace("frames", "video") + "-frames"
    return XdfStream(name, "VideoFrameIndex", stamps, indices[:, None] * 1.0, "double64", _FPS, source_id=source)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> LiveRun:
    run = record(tmp_path_factory.mktemp("filmed"), _frames(), seconds=7.0)
    _film(run.xdf.with_name(f"{STEM}_video.avi"))
    return run


def test_frames_come_with_the_recording_s_stamps_and_holes(made: LiveRun) -> None:
    source = open_session(find_session(made.xdf), Wish(as_live=False))
    assert isinstance(source.video, FilmTrack)
    frames = list(source.video.frames())
    assert [f.index for f in frames[28:32]] == [_FIRST + i for i in (28, 29, 32, 33)]
    assert frames[40].image.mean() == pytest.approx(2 * (frames[40].index - _FIRST), abs=3)
    # to the first EEG sample, which no hole further on has moved
    assert frames[0].stamp - source.zero_s == pytest.approx(FIRST_S + 0.5 - made.stamps[0], abs=1e-6)
    health = source.video.health()
    assert (health.received, health.lost, health.gaps) == (_FRAMES - 2, 2, 1)


def test_what_the_live_engine_was_not_given_is_left_out(made: LiveRun) -> None:
    source = open_session(find_session(made.xdf), Wish(as_live=False))
    assert isinstance(source.video, FilmTrack)
    source.video.begin_at(_FIRST + 5, [(_FIRST + 10, _FIRST + 19)])
    indices = [frame.index for frame in source.video.frames()]
    assert indices[:6] == [_FIRST + i for i in (5, 6, 7, 8, 9, 20)]


def test_video_alone_counts_from_the_first_eeg_sample_as_with_it(made: LiveRun) -> None:
    source = open_session(find_session(made.xdf), Wish(eeg=False))
    assert source.eeg is None
    assert source.video is not None
    first = next(iter(source.video.frames()))
    assert source.zero_s == source.lsl_zero_s == pytest.approx(made.stamps[0], abs=1e-6)
    assert first.stamp - source.zero_s == pytest.approx(FIRST_S + 0.5 - made.stamps[0], abs=1e-6)
    assert source.duration_s == pytest.approx(0.5 + (_FRAMES - 1) / _FPS, abs=2e-3)
    assert open_session(find_session(made.xdf), Wish(as_live=False)).zero_s == source.zero_s
    # the live engine had EEG, which is not wanted here
    assert source.live is None
    assert "it answered from EEG too" in source.notes[-1] or source.notes == ()


def test_without_eeg_in_the_session_time_begins_with_the_film(tmp_path: Path) -> None:
    write_xdf(tmp_path / f"{STEM}.xdf", [_frames()])
    _film(tmp_path / f"{STEM}_video.avi")
    source = open_session(find_session(tmp_path))
    assert source.video is not None
    assert next(iter(source.video.frames())).stamp == source.zero_s
    assert source.duration_s == pytest.approx((_FRAMES - 1) / _FPS)


@pytest.mark.parametrize("eeg", [True, False])
def test_what_a_coder_said_keeps_its_place_without_the_eeg(tmp_path: Path, eeg: bool) -> None:
    trial = texts("emostream-stimulus", (FIRST_S + 2.0, {"event": "trial_start", "trial": 1, "emotion": "sad"}))
    run = record(tmp_path, _frames(), trial, seconds=7.0)
    _film(run.xdf.with_name(f"{STEM}_video.avi"))
    save_annotations(annotations_path(run.xdf), [Annotation(3.0, 3.2, 3.4, "sad", status="accepted")])
    (folder := tmp_path / "out").mkdir()
    Exports(open_session(find_session(run.xdf), Wish(eeg=eeg)), {"sheet"}, None).write(folder)
    with (folder / "coding_sheet.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["Marker"] == "101"
    assert float(row["OnsetTime"]) == pytest.approx(1.0, abs=2e-3)
    (_, line) = (folder / "movements_events.tsv").read_text(encoding="utf-8").splitlines()
    assert line.split("\t")[:3] == ["3.0000", "0.4000", "micro"]


def test_an_engine_without_video_is_not_repeated_with_it(made: LiveRun) -> None:
    source = open_session(find_session(made.xdf))
    assert source.live is None
    assert "it answered without video" in source.notes[-1]
    assert open_session(find_session(made.xdf), Wish(video=False)).live is not None


def test_a_film_that_is_cut_short_or_gone_is_refused_unless_wanted(made: LiveRun, tmp_path: Path) -> None:
    for file in made.xdf.parent.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    session = find_session(tmp_path)
    film = tmp_path / f"{STEM}_video.avi"
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    with pytest.raises(DataError):
        open_session(session)
    assert open_session(session, Wish(video=False)).eeg is not None
    session.xdf.write_bytes(session.xdf.read_bytes()[:-40_000])
    with pytest.raises(DataError, match="is cut short in the middle of a chunk"):
        open_session(session, Wish(video=False))
    assert open_session(session, Wish(video=False, partial=True)).eeg is not None


def test_which_of_several_cameras_is_asked_for(tmp_path: Path) -> None:
    run = record(tmp_path, _frames("emostream-frames-left"), _frames("emostream-frames-right"), seconds=6.0)
    for camera in ("left", "right"):
        _film(tmp_path / f"{STEM}_{camera}_video.avi")
    session = find_session(run.xdf)
    source = open_session(session, Wish(as_live=False))
    assert "of several cameras 'left' was analysed; the others, with --camera: right" in source.warnings
    right = open_session(session, Wish(as_live=False, camera="right"))
    assert right.files[-1].name == f"{STEM}_right_video.avi"
    with pytest.raises(ConfigurationError, match=r"--camera 'top'.* has films of: 'left', 'right'"):
        open_session(session, Wish(as_live=False, camera="top"))


def test_what_is_meant_by_the_arguments(made: LiveRun, tmp_path: Path) -> None:
    film = made.xdf.with_name(f"{STEM}_video.avi")
    for files in ([made.xdf], [made.xdf.parent], [made.xdf.with_suffix("")], [made.xdf, film], [film, made.xdf]):
        session = find_analysable(files)
        assert session is not None
        assert session.xdf == made.xdf
    other = tmp_path / "other.avi"
    other.write_bytes(b"")
    assert find_analysable([made.xdf, other]) is None
    assert find_analysable([film]) is None
