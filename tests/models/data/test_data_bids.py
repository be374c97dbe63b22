"""BIDS-EEG, read back from data sets made in it and from side files of every kind."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path

import pytest
from layout_files import OPTIONS, cut_short, messages, tiny_bdf, tiny_film, written

from models.data import bids
from models.data.rows import EegRecording, VideoSpan
from realtime.errors import DataError
from simulators.cohort_files import SimulatedSession
from simulators.layouts import bids as layout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[SimulatedSession]]:
    out = tmp_path_factory.mktemp("bids") / "data"
    return out, written(layout, out)


def _data_set(root: Path, *subjects: str) -> Path:
    root.mkdir(exist_ok=True)
    (root / "dataset_description.json").write_text('{"Name": "a", "BIDSVersion": "1.10.0"}', encoding="utf-8")
    lines = ["participant_id", *(f"sub-{name}" for name in subjects)]
    (root / "participants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def _recording(root: Path, subject: str, events: str, *, seconds: int = 20, task: str = "films") -> Path:
    folder = root / f"sub-{subject}" / "eeg"
    folder.mkdir(parents=True, exist_ok=True)
    file = tiny_bdf(folder / f"sub-{subject}_task-{task}_eeg.bdf", seconds)
    if events:
        (folder / f"sub-{subject}_task-{task}_events.tsv").write_text(events.replace(" ", "\t"), encoding="utf-8")
    return file


def _labels(root: Path) -> list[str]:
    return [row.label for row in bids.read(root).rows]


def test_every_stimulus_is_a_row_with_its_stretch_of_film(made) -> None:
    root, sessions = made
    assert bids.recognises(root)
    found = bids.read(root)
    assert found.simulated
    assert len(found.rows) == OPTIONS.subjects * OPTIONS.trials
    for session in sessions:
        rows = [row for row in found.rows if row.subject == session.pseudonym]
        for row, clip in zip(rows, session.clips, strict=True):
            assert row.label == clip.emotion
            assert isinstance(row.eeg, EegRecording)
            assert (row.eeg.start_s, row.eeg.stop_s) == pytest.approx((clip.start_s, clip.end_s), abs=1e-3)
            assert isinstance(row.face, VideoSpan)
            assert row.face.start_s == pytest.approx(clip.start_s - layout.FILM_BEGINS_S, abs=1e-3)
    said = messages(found)
    assert said.count("2 events whose 'trial_type' names no emotion: 2 'fixation'") == 2
    assert said.count("\n") == 1


def test_mne_bids_reads_what_the_simulator_writes(made) -> None:
    from mne_bids import BIDSPath, read_raw_bids

    path = BIDSPath(subject="01", task=layout.TASK, datatype="eeg", root=made[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = read_raw_bids(path, verbose="ERROR")
    assert raw.info["sfreq"] == layout.SFREQ_HZ
    assert raw.get_channel_types().count("eeg") == 32
    assert {text.split("/")[-1] for text in raw.annotations.description} >= {c.emotion for c in made[1][0].clips}


@pytest.mark.parametrize(
    ("events", "labels"),
    [
        ("onset duration emotion trial_type\n1 2 awe happy\n4 2 n/a sad\n", ["awe"]),
        ("onset duration trial_type\n1 2 video_happy\n4 2 Sad/1\n8 2 rest\n", ["happy", "sad"]),
        ("onset duration trial_type\n1 2 happy-or-sad\n4 2 unhappy\n8 2 neutral\n", ["neutral"]),
        ("onset duration value\n1 2 disgust\n4 2 7\n", ["disgust"]),
    ],
)
def test_labels_come_from_the_first_column_that_says_anything(events: str, labels: list[str], tmp_path: Path) -> None:
    _recording(_data_set(tmp_path, "01"), "01", events)
    assert _labels(tmp_path) == labels


def test_codes_mean_what_their_levels_say_wherever_the_side_file_lies(tmp_path: Path) -> None:
    _recording(_data_set(tmp_path, "01"), "01", "onset duration trial_type\n1 2 11\n4 2 12\n8 2 13\n")
    levels = {"trial_type": {"Levels": {"11": "a happy film", "12": "a fearful film", "13": "a pause"}}}
    (tmp_path / "task-films_events.json").write_text(json.dumps(levels), encoding="utf-8")
    assert _labels(tmp_path) == ["happy", "fearful"]
    (tmp_path / "task-films_events.json").write_text("{", encoding="utf-8")
    found = bids.read(tmp_path)
    assert not found.rows
    assert "a side file cannot be read as JSON" in messages(found, "kept")


def test_events_without_a_duration_last_until_the_next_one_that_counts(tmp_path: Path) -> None:
    events = "onset duration trial_type\n1 n/a happy\n3 0 fixation\n9 0 sad\n"
    _recording(_data_set(tmp_path, "01"), "01", events)
    found = bids.read(tmp_path)
    spans = [(row.eeg.start_s, row.eeg.stop_s) for row in found.rows if isinstance(row.eeg, EegRecording)]
    assert spans == [(1.0, 9.0), (9.0, 20.0)]
    assert "2 of 2 events have no duration" in messages(found, "kept")


def test_events_that_do_not_fit_the_recording_are_told_one_by_one(tmp_path: Path) -> None:
    events = "onset duration trial_type\n-1 2 happy\n25 2 happy\n19.5 2 happy\n18 5 sad\nsoon 2 sad\n3 .5 sad\n"
    _recording(_data_set(tmp_path, "01"), "01", events)
    found = bids.read(tmp_path)
    spans = [(row.sample, row.eeg.stop_s) for row in found.rows if isinstance(row.eeg, EegRecording)]
    assert spans == [("sub-01_task-films_event-004", 20.0)]
    said = messages(found)
    for line in (
        "excluded sub-01_task-films event 1 onset: begins at -1 s of a recording of 20 s",
        "excluded sub-01_task-films event 2 onset: begins at 25 s",
        "excluded sub-01_task-films event 3 duration: 0.5 s long, wanted 1 s at least",
        "kept sub-01_task-films event 4 duration: lasts 5 s from 18 s on",
        "excluded sub-01_task-films event 5 onset: onset or duration is no number",
        "excluded sub-01_task-films event 6 duration: 0.5 s long",
    ):
        assert line in said


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ("", "no events.tsv, so no label"),
        ("onset trial_type\n1 happy\n", "events.tsv lacks the column 'duration'"),
        ("onset duration response\n1 1 2\n", "events.tsv has no label: wanted emotion, trial_type, value"),
    ],
)
def test_recordings_without_usable_events_are_left_out(events: str, said: str, tmp_path: Path) -> None:
    _recording(_data_set(tmp_path, "01", "02"), "01", events)
    _recording(tmp_path, "02", "onset duration trial_type\n1 2 sad\n")
    found = bids.read(tmp_path)
    assert [row.subject for row in found.rows] == ["sub-02"]
    assert f"excluded sub-01_task-films events: {said}" in messages(found)


def test_a_damaged_recording_leaves_out_itself_only(tmp_path: Path) -> None:
    events = "onset duration trial_type\n1 2 sad\n"
    cut_short(_recording(_data_set(tmp_path, "01", "02"), "01", events), 0.001)
    _recording(tmp_path, "02", events)
    found = bids.read(tmp_path)
    assert [row.subject for row in found.rows] == ["sub-02"]
    assert "excluded sub-01_task-films events: cannot read" in messages(found)


def test_labels_of_subjects_are_never_shown(tmp_path: Path) -> None:
    for name in ("Noone", "Anna"):
        cut_short(_recording(_data_set(tmp_path, "Noone", "Berta"), name, "onset duration value\n1 2 sad\n"), 0.001)
    _recording(tmp_path, "Noone", "onset duration trial_type\n1 2 sad\n", task="more")
    found = bids.read(tmp_path)
    assert [row.sample for row in found.rows] == ["sub-02_task-more_event-001"]
    said = messages(found)
    assert not any(name in said for name in ("Noone", "Anna", "Berta"))
    assert "1 of 3 subjects are missing in participants.tsv" in said
    assert "1 of 3 subjects are missing in the folders" in said


def test_bad_channels_are_remarked(tmp_path: Path) -> None:
    file = _recording(_data_set(tmp_path, "01"), "01", "onset duration trial_type\n1 2 sad\n")
    assert "no channels.tsv" in messages(bids.read(tmp_path), "kept")
    channels = file.with_name("sub-01_task-films_channels.tsv")
    channels.write_text("name\ttype\tunits\tstatus\nFp1\tEEG\tuV\tbad\nC3\tEEG\tuV\tgood\n", encoding="utf-8")
    assert "1 channels are marked bad, and read all the same: Fp1" in messages(bids.read(tmp_path), "kept")


def test_films_are_placed_by_their_start(tmp_path: Path) -> None:
    _recording(_data_set(tmp_path, "01"), "01", "onset duration trial_type\n1 2 sad\n4 2 happy\n12 2 fear\n")
    folder = tmp_path / "sub-01" / "beh"
    folder.mkdir()
    film = tiny_film(folder / "sub-01_task-films_video.avi", 135, 30.0)
    found = bids.read(tmp_path)
    assert [row.face for row in found.rows] == [VideoSpan(film, 1.0, 3.0), None, None]
    assert "no 'StartTime' of the film" in messages(found, "kept")
    film.with_suffix(".json").write_text('{"StartTime": 2.5}', encoding="utf-8")
    found = bids.read(tmp_path)
    assert [row.face for row in found.rows] == [None, VideoSpan(film, 1.5, 3.5), None]
    assert "kept sub-01_task-films event 1 video: the film does not cover it" in messages(found)
    cut_short(film, 0.001)
    found = bids.read(tmp_path)
    assert [row.face for row in found.rows] == [None, None, None]
    assert "holds no frame that OpenCV can read" in messages(found, "kept")


def test_a_data_set_without_any_recording_is_fatal(tmp_path: Path) -> None:
    (_data_set(tmp_path) / "sub-01" / "eeg").mkdir(parents=True)
    found = bids.read(tmp_path)
    assert "fatal data set eeg: no recording" in messages(found)


def test_anything_else_is_no_bids(made, tmp_path: Path) -> None:
    assert not bids.recognises(tmp_path)
    assert not bids.recognises(_data_set(tmp_path / "data"))
    with pytest.raises(DataError, match="no BIDS-EEG in"):
        bids.read(tmp_path)
    copy = Path(shutil.copytree(made[0], tmp_path / "copy", ignore=shutil.ignore_patterns("*.avi")))
    (copy / "participants.tsv").unlink()
    assert "no participants.tsv" in messages(bids.read(copy), "kept")


def test_a_recordings_root_is_read_by_its_originals(tmp_path: Path) -> None:
    root = _data_set(tmp_path / "recordings")
    (root / "sub-01" / "ses-01" / "eeg").mkdir(parents=True)
    session = root / "sourcedata" / "sub-01" / "ses-01"
    session.mkdir(parents=True)
    assert bids.recognises(root)
    (session / "sub-01_ses-01_task-suppression_run-01_session.json").write_text("{}", encoding="utf-8")
    assert not bids.recognises(root)
