"""DEAP's layout, read back from files made in it."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from layout_files import OPTIONS, cut_short, messages, tiny_bdf, tiny_film, written
from scipy.io import savemat

from models.data import deap
from models.data.arrays import load_array
from models.data.rows import EegArray, EegRecording, VideoSpan
from realtime.errors import ConfigurationError, DataError
from simulators.cohort_files import SimulatedSession
from simulators.layouts import deap as layout

_RATINGS = "Participant_id,Trial,Experiment_id,Start_time,Valence,Arousal,Dominance,Liking,Familiarity"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[SimulatedSession]]:
    out = tmp_path_factory.mktemp("deap") / "data"
    return out, written(layout, out)


@pytest.fixture
def copy(made, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / "copy"))


def _small(root: Path, name: str = "s01", trials: int = 2, n_times: int = 8064, **other: object) -> Path:
    """A subject's .dat with ratings of its own."""
    folder = root / "data_preprocessed_python"
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.tile([[7.0, 2.0, 5.0, 5.0], [2.0, 8.0, 5.0, 5.0]], (trials, 1))[:trials]
    content = {"data": np.zeros((trials, 40, n_times), np.float32), "labels": labels} | other
    (folder / f"{name}.dat").write_bytes(pickle.dumps(content, protocol=2))
    return folder / f"{name}.dat"


def test_every_trial_is_a_row_with_its_own_film(made) -> None:
    root, sessions = made
    assert deap.recognises(root)
    found = deap.read(root)
    assert found.simulated
    assert found.subjects == ("sub-01", "sub-02")
    assert len(found.rows) == OPTIONS.subjects * OPTIONS.trials
    for session in sessions:
        rows = [row for row in found.rows if row.subject == session.pseudonym]
        # videos are numbered by their emotions, films by their place in the session
        shown = sorted(session.clips, key=lambda clip: (clip.emotion, clip.number))
        for row, clip in zip(rows, shown, strict=True):
            assert row.label == ("positive" if clip.emotion == "happy" else "negative")
            assert isinstance(row.face, VideoSpan)
            assert row.face.path.name == f"s{session.index + 1:02d}_trial{clip.number + 1:02d}.avi"
            assert (row.face.start_s, row.face.stop_s) == (0.0, pytest.approx(6.0, abs=0.03))
            assert row.group == row.sample


def test_the_array_of_a_row_is_the_eeg_of_its_clip_after_three_seconds(made) -> None:
    root, sessions = made
    session = sessions[0]
    shown = sorted(session.clips, key=lambda clip: (clip.emotion, clip.number))
    row = deap.read(root).rows[0]
    assert isinstance(row.eeg, EegArray)
    assert (row.eeg.sfreq_hz, row.eeg.unit, len(row.eeg.channels)) == (128.0, "uV", 40)
    x = load_array(row.eeg.path, row.eeg.key, row.eeg.index)
    truth = session.eeg(128.0, deap.CHANNELS[:32]).samples(round(shown[0].start_s * 128), 6 * 128)
    assert np.corrcoef(x[5, 384:], truth[5])[0, 1] == pytest.approx(1.0, abs=1e-6)
    assert not x[32:].any()


def test_labels_are_made_as_asked_for(tmp_path: Path) -> None:
    _small(tmp_path)
    labels = {
        scheme: [row.label for row in deap.read(tmp_path, scheme).rows] for scheme in ("valence", "arousal", "quadrant")
    }
    assert labels == {
        "valence": ["positive", "negative"],
        "arousal": ["low", "high"],
        "quadrant": ["positive-low", "negative-high"],
    }
    assert [row.label for row in deap.read(tmp_path, threshold=7.0).rows] == ["negative", "negative"]
    with pytest.raises(ConfigurationError, match="no scheme 'liking'"):
        deap.read(tmp_path, "liking")  # type: ignore[arg-type]


def test_the_folder_of_the_files_themselves_is_recognised_too(made) -> None:
    inner = made[0] / "data_preprocessed_python"
    assert deap.recognises(inner)
    rows = deap.read(inner).rows
    assert len(rows) == 4
    assert all(row.face is not None for row in rows)


def test_matlab_files_are_read_where_there_are_no_others(tmp_path: Path) -> None:
    folder = tmp_path / "data_preprocessed_matlab"
    folder.mkdir()
    savemat(folder / "s03.mat", {"data": np.zeros((2, 40, 8064), np.float32), "labels": np.full((2, 4), 6.0)})
    found = deap.read(tmp_path)
    assert [(row.subject, row.label) for row in found.rows] == [("sub-01", "positive")] * 2
    assert not found.problems


def test_original_recordings_have_the_same_rows_as_preprocessed_ones(made, tmp_path: Path) -> None:
    out = tmp_path / "original"
    sessions = written(layout, out, replace(OPTIONS, videos=False), original=True)
    found, wanted = deap.read(out), deap.read(made[0])
    assert not found.problems
    assert {row.sample: row.label for row in found.rows} == {row.sample: row.label for row in wanted.rows}
    starts = sorted(
        row.eeg.start_s for row in found.rows if row.subject == "sub-02" and isinstance(row.eeg, EegRecording)
    )
    assert starts == pytest.approx([clip.start_s for clip in sessions[1].clips], abs=1 / 256)


@pytest.mark.parametrize("name", ["Status", "-1"])
def test_triggers_are_found_below_the_amplifiers_own_bits_and_without_a_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "data_original").mkdir()
    told = [(0.5, 1), (1.0, 4), (2.0, 4)]
    tiny_bdf(tmp_path / "data_original" / "s24.bdf", 6, told, trigger_bits=0x18FF00, trigger_name=name)
    (tmp_path / "participant_ratings.csv").write_text(
        f"{_RATINGS}\n24,1,2,0,8,8,5,5,3\n24,2,1,0,2,2,5,5,3\n", encoding="utf-8"
    )
    rows = deap.read(tmp_path).rows
    assert [(row.sample, row.label) for row in rows] == [
        ("sub-01_video-02", "positive"),
        ("sub-01_video-01", "negative"),
    ]
    assert [row.eeg.start_s for row in rows if isinstance(row.eeg, EegRecording)] == [1.0, 2.0]


def test_original_recordings_that_cannot_be_told_apart_are_left_out_by_name(tmp_path: Path) -> None:
    (tmp_path / "data_original").mkdir()
    tiny_bdf(tmp_path / "data_original" / "s01.bdf", 4, [(1.0, 4)])
    tiny_bdf(tmp_path / "data_original" / "s02.bdf", 4, [(1.0, 4)])
    cut_short(tiny_bdf(tmp_path / "data_original" / "s03.bdf"), 0.001)
    lines = [f"{person},{trial},{trial},0,8,8,5,5,3" for person in (1, 3) for trial in (1, 2)]
    (tmp_path / "participant_ratings.csv").write_text("\n".join([_RATINGS, *lines]), encoding="utf-8")
    found = deap.read(tmp_path)
    assert not found.rows
    said = messages(found, "excluded")
    assert "sub-01 eeg: 1 triggers '4' for 2 rated trials" in said
    assert "sub-02 label: an original recording without its rows in participant_ratings.csv" in said
    assert "sub-03 eeg: cannot read 's03.bdf'" in said


def test_without_ratings_films_are_left_out_and_eeg_is_kept(copy: Path) -> None:
    shutil.rmtree(copy / "metadata_csv")
    found = deap.read(copy)
    assert len(found.rows) == 4
    assert all(row.face is None for row in found.rows)
    assert "data set ratings: no participant_ratings.csv" in messages(found, "kept")


def test_missing_and_damaged_films_are_told_and_their_eeg_is_kept(copy: Path) -> None:
    films = copy / "face_video" / "s01"
    (films / "s01_trial01.avi").unlink()
    cut_short(films / "s01_trial02.avi", 0.001)
    found = deap.read(copy)
    assert [row.face is None for row in found.rows] == [True, True, False, False]
    said = messages(found, "kept")
    assert "no film 's01_trial01.avi'" in said
    assert "'s01_trial02.avi' holds no frame" in said


def test_people_who_were_not_filmed_are_no_problem(copy: Path) -> None:
    shutil.rmtree(copy / "face_video" / "s02")
    found = deap.read(copy)
    assert [row.face is None for row in found.rows] == [False, False, True, True]
    assert "video" not in messages(found)


def test_damaged_and_foreign_files_leave_out_their_subject_only(tmp_path: Path) -> None:
    _small(tmp_path, "s01")
    cut_short(_small(tmp_path, "s02"))
    _small(tmp_path, "s03", data=np.zeros((2, 32, 8064), np.float32))
    _small(tmp_path, "s04", labels=np.zeros((2, 3)))
    _small(tmp_path, "s05", labels=[1, 2])
    _small(tmp_path, "s06", n_times=300)
    found = deap.read(tmp_path)
    assert {row.subject for row in found.rows} == {"sub-01"}
    said = messages(found, "excluded")
    assert "sub-02 eeg: cannot read 's02.dat'" in said
    assert "sub-03 eeg: 'data' (2, 32, 8064) and 'labels' (2, 4)" in said
    assert "sub-04 eeg: 'data' (2, 40, 8064) and 'labels' (2, 3)" in said
    assert "sub-05 eeg: 's05.dat' holds" in said
    assert "sub-06 eeg: 300 samples a trial, wanted 8064" in said


def test_another_length_than_63_s_is_remarked(tmp_path: Path) -> None:
    _small(tmp_path, n_times=4032)
    found = deap.read(tmp_path)
    assert len(found.rows) == 2
    assert "4032 samples a trial, wanted 8064" in messages(found, "kept")


def test_ratings_outside_their_scale_are_left_out(tmp_path: Path) -> None:
    labels = np.array([[7.0, 2.0, 5.0, 5.0], [np.nan, 2.0, 5.0, 5.0], [5.0, 0.0, 5.0, 5.0]])
    _small(tmp_path, trials=3, labels=labels)
    found = deap.read(tmp_path)
    assert [row.sample for row in found.rows] == ["sub-01_video-01"]
    assert "sub-01 video 2 label: valence nan" in messages(found, "excluded")
    assert "sub-01 video 3 label: valence 5 and arousal 0: wanted 1 to 9" in messages(found, "excluded")


def test_bad_rows_of_the_ratings_are_told_by_their_number(tmp_path: Path) -> None:
    _small(tmp_path)
    films = tmp_path / "face_video" / "s01"
    films.mkdir(parents=True)
    tiny_film(films / "s01_trial02.avi", 25, 50.0)
    lines = ["1,1,x,0,7,2,5,5,3", "1,2,1,0,7,2,5,5,3", "1,2,2,0,7,2,5,5,3"]
    (tmp_path / "participant_ratings.csv").write_text("\n".join([_RATINGS, *lines]), encoding="utf-8")
    found = deap.read(tmp_path)
    said = messages(found, "excluded")
    assert "participant_ratings.csv row 2 ratings: no number where one is wanted" in said
    assert "participant_ratings.csv row 4 trial: trial 2 is given twice" in said
    assert [row.face for row in found.rows] == [VideoSpan(films / "s01_trial02.avi", 0.0, 0.5), None]
    (tmp_path / "participant_ratings.csv").write_text("Participant_id,Trial\n1,1\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"'participant_ratings.csv' lacks the column 'experiment_id'"):
        deap.read(tmp_path)


def test_anything_else_is_no_deap(tmp_path: Path) -> None:
    (tmp_path / "s1.dat").write_bytes(b"")
    assert not deap.recognises(tmp_path)
    assert not deap.recognises(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no DEAP in"):
        deap.read(tmp_path)
