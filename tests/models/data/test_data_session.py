"""Recorded sessions: EEG, film, markers and annotations meet on the recording's clock."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layout_files import OPTIONS, cut_short, messages, nobody_is_named, tiny_film, written

from models.data import session
from models.data.rows import Dataset, EegRecording, VideoMoment
from realtime.errors import DataError
from realtime.face.capture import FileCapture
from simulators.cohort_files import SimulatedSession
from simulators.layouts import session as layout
from simulators.layouts.xdf_file import XdfStream, write_xdf

_ORIGIN_S, _SECONDS, _RATE = 700.0, 60, 100
_HEADER = "onset_s\tapex_s\toffset_s\tlabel\tkind"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[SimulatedSession]]:
    out = tmp_path_factory.mktemp("session") / "data"
    return out, written(layout, out)


def _eeg(seconds: float = _SECONDS) -> XdfStream:
    n = round(seconds * _RATE)
    samples = np.random.default_rng(0).normal(0, 20, (n, 8)).astype(np.float32)
    channels = [(name, "microvolts", "EEG") for name in ("Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2")]
    return XdfStream("cap", "EEG", _ORIGIN_S + np.arange(n) / _RATE, samples, "float32", _RATE, channels)


def _texts(*told: tuple[float, Any], name: str = "stimuli") -> XdfStream:
    texts = [said if isinstance(said, str) else json.dumps(said) for _, said in told]
    return XdfStream(name, "Markers", _ORIGIN_S + np.array([time_s for time_s, _ in told]), texts, "string")


def _frames(
    stamps_s: Sequence[float], indices: Sequence[int] | None = None, name: str = "emostream-frames"
) -> XdfStream:
    numbers = np.array(range(len(stamps_s)) if indices is None else indices, np.float64)[:, None]
    return XdfStream(name, "VideoFrameIndex", _ORIGIN_S + np.asarray(stamps_s, np.float64), numbers, "double64", 30.0)


_TRIALS = _texts(
    (5.0, {"event": "trial_start", "emotion": "sad"}),
    (25.0, {"event": "trial_end"}),
    (30.0, {"event": "trial_start", "emotion": "happy"}),
    (50.0, {"event": "trial_end"}),
)


def _write(folder: Path, *streams: XdfStream, annotations: Sequence[str] = (), stem: str = "sub-01_ses-01") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    write_xdf(folder / f"{stem}.xdf", [_eeg(), *streams])
    if annotations:
        text = "\n".join([_HEADER, *(line.replace(" ", "\t") for line in annotations)])
        (folder / f"{stem}_annotations.tsv").write_text(text + "\n", encoding="utf-8")
    return folder / f"{stem}.xdf"


def _spans(found: Dataset) -> list[tuple[str, float, float]]:
    return [
        (row.label, round(row.eeg.start_s, 3), round(row.eeg.stop_s, 3))
        for row in found.rows
        if isinstance(row.eeg, EegRecording)
    ]


def test_every_coded_movement_and_every_trial_without_one_is_a_row(made) -> None:
    root, sessions = made
    assert session.recognises(root)
    found = session.read(root)
    assert found.simulated
    assert not found.problems
    for one in sessions:
        rows = [row for row in found.rows if row.subject == one.pseudonym]
        moved = [row for row in rows if row.face is not None]
        for row, movement in zip(moved, one.movements, strict=True):
            clip = one.clips[movement.trial]
            assert row.label == clip.emotion
            assert row.group == f"{one.pseudonym}_ses-01_trial-{clip.number + 1:02d}"
            assert isinstance(row.eeg, EegRecording)
            assert row.eeg.stop_s == pytest.approx(movement.apex_s + 0.6, abs=1e-3)
        still = [row for row in rows if row.face is None]
        calm = [clip for clip in one.clips if clip.number not in {movement.trial for movement in one.movements}]
        for row, clip in zip(still, calm, strict=True):
            assert row.label == clip.emotion
            assert isinstance(row.eeg, EegRecording)
            assert (row.eeg.start_s, row.eeg.stop_s) == pytest.approx((clip.start_s, clip.end_s), abs=1e-3)
    assert sum(row.face is None for row in found.rows) < len(found.rows)


def test_the_moment_in_the_film_shows_what_the_camera_saw_then(made) -> None:
    root, sessions = made
    one, movement = sessions[0], sessions[0].movements[0]
    row = next(row for row in session.read(root).rows if row.subject == one.pseudonym)
    assert isinstance(row.face, VideoMoment)
    # the camera's clock is another, and it began late: only the recording's own frame index tells
    assert row.face.apex_s == pytest.approx(movement.apex_s - layout.CAMERA_LATE_S, abs=0.5 / OPTIONS.fps + 1e-3)
    frames = {round(frame.stamp, 3): frame.image[..., 0] for frame in FileCapture(row.face.path)}
    shown = frames[round(row.face.apex_s, 3)].astype(float)
    face = one.face((160, 120))
    near = np.abs(shown - face.render(row.face.apex_s + layout.CAMERA_LATE_S)).mean()
    assert near < np.abs(shown - face.render(row.face.apex_s)).mean()


def test_without_annotations_a_simulated_session_has_its_truth(made, tmp_path: Path) -> None:
    one = made[1][0]
    stem = f"{one.pseudonym}_ses-01"
    source = made[0] / one.pseudonym / "ses-01" / f"{stem}.xdf"
    (tmp_path / source.name).write_bytes(source.read_bytes())
    found = session.read(tmp_path)
    assert found.simulated
    micro = [event for event in one.scenario.movements if event.kind == "micro"]
    stops = [row.eeg.stop_s for row in found.rows if isinstance(row.eeg, EegRecording) and "movement" in row.sample]
    assert stops == pytest.approx([event.apex_s + 0.6 for event in micro], abs=1e-3)
    assert "no film beside the recording for its stream 'emostream-frames'" in messages(found, "kept")


def test_eeg_ends_a_decision_after_the_apex_and_is_40_s_long_at_most(tmp_path: Path) -> None:
    _write(
        tmp_path, _TRIALS, annotations=["10 10.2 10.5 sad micro", "48 48.2 48.4 n/a micro", "0.1 0.2 0.3 fear micro"]
    )
    found = session.read(tmp_path)
    assert _spans(found) == [("sad", 0.0, 10.8), ("happy", 8.8, 48.8)]
    said = messages(found)
    assert "kept sub-01_ses-01 movement at 0.200 s eeg: 0.8 s of EEG, wanted 1 s at least" in said
    assert "excluded sub-01_ses-01 movement at 0.200 s row: neither EEG nor film is left of it" in said
    assert not found.simulated


def test_a_still_trial_gives_its_own_eeg_and_no_more(tmp_path: Path) -> None:
    _write(tmp_path, _TRIALS, annotations=["10 10.2 10.5 sad micro", "40 41 42 happy macro"])
    found = session.read(tmp_path)
    assert _spans(found)[1:] == [("happy", 30.0, 50.0)]
    assert "1 'macro': no micro-movements, left out" in messages(found, "kept")


def test_a_trial_shorter_than_a_window_is_told(tmp_path: Path) -> None:
    begin, end = {"event": "trial_start", "emotion": "sad"}, {"event": "trial_end"}
    _write(tmp_path, _texts((5.0, begin), (5.5, end), (8.0, begin), (10.0, end)))
    found = session.read(tmp_path)
    assert _spans(found) == [("sad", 8.0, 10.0)]
    assert "excluded sub-01_ses-01 trial 1 row: no movement, and no EEG is left of it" in messages(found)


def test_a_truth_that_does_not_say_when_is_told(tmp_path: Path) -> None:
    told = _texts((9.0, {"event": "movement", "kind": "micro", "onset_s": 1.0}), (9.5, "[1]"), name="emostream-truth")
    _write(tmp_path, _TRIALS, told)
    found = session.read(tmp_path)
    assert [row.label for row in found.rows] == ["sad", "happy"]
    assert "excluded sub-01_ses-01 truth: a movement at 9.000 s without its times: 'apex_s'" in messages(found)


def test_a_compressed_recording_is_read_like_any_other(tmp_path: Path) -> None:
    path = _write(tmp_path, _TRIALS, _frames(9.0 + np.arange(90) / 30.0), annotations=["10 10.2 10.5 sad micro"])
    tiny_film(tmp_path / "sub-01_ses-01_video.avi", 90)
    wanted = [(row.sample, row.label, row.face) for row in session.read(tmp_path).rows]
    path.with_suffix(".xdfz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert [(row.sample, row.label, row.face) for row in session.read(tmp_path).rows] == wanted


def test_an_annotated_label_counts_before_the_trials_and_outside_of_them(tmp_path: Path) -> None:
    _write(
        tmp_path, _TRIALS, annotations=["10 10.2 10.5 fear micro", "27 27.2 27.5 angry micro", "28 28.2 28.5 n/a micro"]
    )
    found = session.read(tmp_path)
    assert [(row.label, row.group) for row in found.rows] == [
        ("fear", "sub-01_ses-01_trial-01"),
        ("angry", "sub-01_ses-01_movement-002"),
        ("happy", "sub-01_ses-01_trial-02"),
    ]
    said = messages(found)
    assert "annotated 'fear' in a trial of 'sad'; the annotation counts" in said
    assert "excluded sub-01_ses-01 movement at 28.200 s label: in no trial" in said


def test_annotated_trials_replace_those_of_markers(tmp_path: Path) -> None:
    _write(tmp_path, _TRIALS, annotations=["2 n/a 12 angry trial", "14 n/a 20 n/a trial"])
    found = session.read(tmp_path)
    assert _spans(found) == [("angry", 2.0, 12.0)]
    assert "excluded sub-01_ses-01 trial 2 label: its marker names no emotion" in messages(found)


def test_bad_annotations_are_told_by_their_row(tmp_path: Path) -> None:
    lines = ["3 2 4 sad micro", "3 n/a 4 sad micro", "5 6 7 sad wink", "-1 2 3 sad micro", "9 9.2 9.4 sad micro"]
    _write(tmp_path, _TRIALS, annotations=lines)
    found = session.read(tmp_path)
    assert len(found.rows) == 2
    said = messages(found, "excluded")
    assert "annotations row 2 annotations: onset_s, apex_s, offset_s are 3, 2, 4: wanted increasing times" in said
    assert "annotations row 3 annotations: apex_s is ''" in said
    assert "annotations row 4 annotations: kind 'wink', wanted micro, macro, trial" in said
    assert "annotations row 5 annotations: onset_s, apex_s, offset_s are -1, 2, 3" in said


@pytest.mark.parametrize("content", ["onset\tapex\n1\t2\n", "", "\0\0"])
def test_annotations_that_are_no_table_are_told_and_trials_are_kept(content: str, tmp_path: Path) -> None:
    _write(tmp_path, _TRIALS)
    (tmp_path / "sub-01_ses-01_annotations.tsv").write_text(content, encoding="utf-8")
    found = session.read(tmp_path)
    assert [row.label for row in found.rows] == ["sad", "happy"]
    assert "excluded sub-01_ses-01 annotations" in messages(found)


def test_texts_of_other_programs_mean_what_markers_json_says(tmp_path: Path) -> None:
    texts = _texts((5.0, "stim/sad"), (15.0, "off"), (20.0, "stim/joy"), (40.0, "stim/sad"), (41.0, "key"))
    _write(tmp_path / "sub-01", texts)
    assert "no marker that begins a trial; explain them in markers.json; found: 'stim/sad'" in messages(
        session.read(tmp_path)
    )
    meaning: dict[str, Any] = {"start": {"stim/sad": "sad", "stim/joy": "happy"}, "end": ["off"]}
    (tmp_path / "markers.json").write_text(json.dumps(meaning), encoding="utf-8")
    found = session.read(tmp_path)
    assert _spans(found) == [("sad", 5.0, 15.0), ("happy", 20.0, 40.0), ("sad", 40.0, 60.0)]
    said = messages(found, "kept")
    assert "a trial from 20.000 s has no end: taken to last until the next one, 40.000 s" in said
    assert "a trial from 40.000 s has no end: taken to last until the recording's end, 60.000 s" in said
    (tmp_path / "markers.json").write_text(json.dumps(meaning | {"duration_s": 8.0}), encoding="utf-8")
    found = session.read(tmp_path)
    assert _spans(found) == [("sad", 5.0, 15.0), ("happy", 20.0, 28.0), ("sad", 40.0, 48.0)]
    assert not found.problems


@pytest.mark.parametrize("content", ["{", '{"begin": {}}', '{"duration_s": 0}', "[]"])
def test_a_markers_json_that_cannot_be_used_stops_everything(content: str, tmp_path: Path) -> None:
    _write(tmp_path, _TRIALS)
    (tmp_path / "markers.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"cannot use markers\.json") as caught:
        session.read(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_end_without_a_beginning_is_told(tmp_path: Path) -> None:
    _write(
        tmp_path, _texts((3.0, {"event": "trial_end"}), (5.0, {"event": "trial_start"}), (9.0, {"event": "trial_end"}))
    )
    said = messages(session.read(tmp_path))
    assert "kept sub-01_ses-01 trial: a trial ends at 3.000 s that never began" in said
    assert "excluded sub-01_ses-01 trial 1 label: its marker names no emotion" in said


def test_what_the_engine_found_is_not_learnt_from(tmp_path: Path) -> None:
    event = {"event": "movement", "kind": "micro", "onset_s": 710.0, "apex_s": 710.2, "offset_s": 710.4, "score": 8.0}
    _write(tmp_path, _TRIALS, _texts((11.0, event), name="emostream-movements"))
    found = session.read(tmp_path)
    assert _spans(found) == [("sad", 5.0, 25.0), ("happy", 30.0, 50.0)]
    assert "1 movements found by the engine are candidates" in messages(found, "kept")


def _filmed(folder: Path, stamps_s: Sequence[float], frames: int, indices: Sequence[int] | None = None) -> Dataset:
    _write(folder, _TRIALS, _frames(stamps_s, indices), annotations=["10 10.2 10.5 sad micro"])
    tiny_film(folder / "sub-01_ses-01_video.avi", frames, 30.0)
    return session.read(folder)


def test_a_film_is_placed_by_the_stamps_of_its_frames(tmp_path: Path) -> None:
    # 30 a second from 9 s on; in the film they are 30 a second whatever happened
    stamps = 9.0 + np.arange(90) / 30.0
    found = _filmed(tmp_path / "whole", stamps, 90)
    assert isinstance(found.rows[0].face, VideoMoment)
    assert (found.rows[0].face.onset_s, found.rows[0].face.apex_s) == pytest.approx((1.0, 1.2))
    # the camera stood still for a second, and went on with the next number
    held = np.where(np.arange(90) < 20, stamps - 1.0, stamps)
    found = _filmed(tmp_path / "held", held, 90)
    assert isinstance(found.rows[0].face, VideoMoment)
    assert (found.rows[0].face.onset_s, found.rows[0].face.apex_s) == pytest.approx((1.0, 1.2))
    # five frames were lost on the way to the recorder and are in the film
    kept = np.delete(np.arange(90), range(10, 15))
    found = _filmed(tmp_path / "lost", stamps[kept], 90, kept.tolist())
    assert isinstance(found.rows[0].face, VideoMoment)
    assert found.rows[0].face.onset_s == pytest.approx(1.0)


def test_a_moment_that_the_film_does_not_have_is_told_and_the_eeg_is_kept(tmp_path: Path) -> None:
    stamps = 9.0 + np.arange(90) / 30.0
    hole = np.concatenate([np.arange(25), np.arange(45, 90)])
    for i, (found, said) in enumerate(
        (
            (_filmed(tmp_path / "early", stamps + 5.0, 90), "no frame within 0.050 s of 10.000 s"),
            (_filmed(tmp_path / "short", stamps, 20), "frame 30 at 10.000 s is none of the 20 in the film"),
            (_filmed(tmp_path / "hole", stamps[hole], 90, hole.tolist()), "no frame within"),
            (_filmed(tmp_path / "back", stamps, 90, list(range(90))[::-1]), "do not increase"),
        )
    ):
        assert found.rows[0].face is None, i
        assert found.rows[0].eeg is not None, i
        assert said in messages(found, "kept"), i


def test_a_film_may_begin_later_than_its_camera(tmp_path: Path) -> None:
    indices = list(range(500, 590))
    beside = tmp_path / "sub-01_ses-01_video.json"
    tmp_path.joinpath(beside.name).write_text('{"first_frame_index": 500}', encoding="utf-8")
    found = _filmed(tmp_path, 9.0 + np.arange(90) / 30.0, 90, indices)
    assert isinstance(found.rows[0].face, VideoMoment)
    assert found.rows[0].face.onset_s == pytest.approx(1.0)
    assert not found.problems
    for content, said in (("{", "cannot be read"), ('{"first_frame_index": -1}', "is -1"), ("[]", "is None")):
        beside.write_text(content, encoding="utf-8")
        found = session.read(tmp_path)
        assert found.rows[0].face is None
        assert said in messages(found, "kept")


def test_a_film_with_fewer_frames_than_were_counted_is_remarked(tmp_path: Path) -> None:
    found = _filmed(tmp_path, 9.0 + np.arange(90) / 30.0, 60)
    assert found.rows[0].face is not None
    assert "the film has 30 frames less than the camera counted" in messages(found, "kept")


def test_a_film_without_its_stream_and_a_damaged_one_are_told(tmp_path: Path) -> None:
    _write(tmp_path / "a", _TRIALS, annotations=["10 10.2 10.5 sad micro"])
    tiny_film(tmp_path / "a" / "sub-01_ses-01_video.avi")
    said = messages(session.read(tmp_path / "a"), "kept")
    assert "no stream of type 'VideoFrameIndex' belongs to the film, so its time is not known; found: none" in said
    _filmed(tmp_path / "b", 9.0 + np.arange(90) / 30.0, 90)
    cut_short(tmp_path / "b" / "sub-01_ses-01_video.avi", 0.001)
    said = messages(session.read(tmp_path / "b"), "kept")
    assert "the film is not used: 'the film' holds no frame" in said


def test_each_camera_has_its_stream_and_a_movement_the_first_film_that_shows_it(tmp_path: Path) -> None:
    left = _frames(20.0 + np.arange(90) / 30.0, name="left-frames")
    right = _frames(9.0 + np.arange(90) / 30.0, name="right-frames")
    _write(tmp_path, _TRIALS, right, left, annotations=["10 10.2 10.5 sad micro"])
    for camera in ("left", "right", "top"):
        tiny_film(tmp_path / f"sub-01_ses-01_{camera}_video.avi", 90)
    found = session.read(tmp_path)
    assert isinstance(found.rows[0].face, VideoMoment)
    assert found.rows[0].face.path.name == "sub-01_ses-01_right_video.avi"
    said = messages(found, "kept")
    assert "no stream of type 'VideoFrameIndex' belongs to the film of top" in said
    assert "not in the film of left: no frame within" in said


def test_damaged_recordings_leave_out_themselves_only(tmp_path: Path) -> None:
    _write(tmp_path / "sub-01", _TRIALS)
    (tmp_path / "sub-02").mkdir()
    (tmp_path / "sub-02" / "sub-02.xdf").write_bytes(b"no recording at all")
    folder = tmp_path / "sub-03"
    folder.mkdir()
    write_xdf(folder / "sub-03.xdf", [_TRIALS])
    cut_short(_write(tmp_path / "sub-04", _TRIALS, stem="sub-04"), 0.3)
    found = session.read(tmp_path)
    assert {row.subject for row in found.rows} == {"sub-01"}
    said = messages(found)
    assert "excluded sub-02_ses-01 xdf: cannot read recording 'XDF': it does not begin with 'XDF:'" in said
    assert "excluded sub-03_ses-01 xdf: no EEG stream with samples in 'XDF'" in said
    assert "sub-04_ses-01" in said


def test_gaps_of_the_recording_are_remarked(tmp_path: Path) -> None:
    eeg = _eeg()
    stamps = eeg.stamps_s + np.where(np.arange(len(eeg.stamps_s)) > 3000, 0.5, 0.0)
    write_xdf(tmp_path / "a.xdf", [replace(eeg, stamps_s=stamps), _TRIALS])
    assert "50 samples missing, in places: 1" in messages(session.read(tmp_path), "kept")


def test_folders_are_people_and_never_named(tmp_path: Path) -> None:
    _write(tmp_path / "noonebado" / "first", _TRIALS, stem="one")
    _write(tmp_path / "anna", _TRIALS, stem="one")
    _write(tmp_path / "anna", _TRIALS, stem="two_eeg")
    _write(tmp_path / "sub-P001" / "ses-S001" / "eeg", _TRIALS, stem="sub-P001_ses-S001_task-Default_run-001_eeg")
    found = session.read(tmp_path)
    assert found.subjects == ("sub-01", "sub-02", "sub-03")
    assert {row.group for row in found.rows if row.subject == "sub-01"} == {
        f"sub-01_ses-0{k}_trial-0{t}" for k in (1, 2) for t in (1, 2)
    }
    assert nobody_is_named(found, ["noonebado", "anna", "P001"])
    assert len({row.sample for row in found.rows}) == len(found.rows) == 8


def test_one_file_is_a_data_set_too(tmp_path: Path) -> None:
    path = _write(tmp_path, _TRIALS)
    assert session.recognises(path)
    assert len(session.read(path).rows) == 2
    assert not session.recognises(tmp_path / "other.txt")
    (tmp_path / "empty").mkdir()
    assert not session.recognises(tmp_path / "empty")
    with pytest.raises(DataError, match="no recorded session in"):
        session.read(tmp_path / "empty")
