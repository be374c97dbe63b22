"""MEs-EEG as it lies on a licence holder's disk: every trap of the layout, and no name that gets out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from curry_files import write_curry

from models.data import mes_eeg
from models.data.build import build_samples
from models.data.readers import open_dataset
from models.data.rows import Dataset, EegRecording, Pictures, VideoMoment
from realtime.analysis.coding_sheet import COLUMNS
from realtime.errors import ConfigurationError, DataError
from simulators.cohort_files import CohortOptions, SimulatedSession, cohort, invented_name
from simulators.dataset import write_cohort
from simulators.layouts import mes_eeg as layout
from simulators.layouts.coding_sheet import write_sheet
from simulators.layouts.eeglab_file import Event, write_eeglab

CODING = "coding_file_combined.xlsx"
CHANNELS = ("FP1", "FZ", "CZ", "CB2", "HEO")
CURRY_CHANNELS = ("FP1", "FZ", "CZ", "C3", "C4", "PZ", "O1", "OZ", "O2", "CB2", "HEO")
SHOWN: tuple[Event, ...] = ((10.0, "101"), (70.0, "100"), (75.0, "103"), (100.0, "100"))
OPTIONS = CohortOptions(subjects=3, trials=4, seconds=6.0, rest_s=2.0, seed=4, macros=0.3, lost=0.1)


def recording(
    folder: Path, name: str = "nooneba_20200106", events: Sequence[Event] = SHOWN, seconds: int = 110
) -> Path:
    """A recording of silence: only its header is looked at."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.set"
    write_eeglab(path, CHANNELS, 100.0, (np.zeros((len(CHANNELS), 100), np.float32) for _ in range(seconds)), events)
    return path


def stills(folder: Path, name: str, pictures: Iterable[str] = ("onset.png", "apex.png")) -> Path:
    path = folder / "stills" / name
    path.mkdir(parents=True)
    for picture in pictures:
        cv2.imwrite(str(path / picture), np.full((256, 256), 90, np.uint8))
    return path


def row(**changes: Any) -> dict[str, Any]:
    cells = ("nooneba", None, 101, 30.0, 30.2, 30.5, None, None, None, None, "sad", "Micro", 20200106, None)
    return dict(zip(COLUMNS, cells, strict=True)) | {name.replace("_", " "): value for name, value in changes.items()}


def coded(folder: Path, *rows: dict[str, Any]) -> Path:
    write_sheet(folder / CODING, rows or [row()])
    return folder


def told(data: Dataset, kind: str | None = None) -> list[str]:
    return [f"{p.where}: {p.field}: {p.message}" for p in data.problems if kind in (None, p.kind)]


def test_a_movement_is_paired_by_subject_date_marker_and_time(tmp_path: Path) -> None:
    path = recording(tmp_path / "EEG")
    recording(tmp_path / "EEG", "nooneba_20200107", [(1.0, "101"), (90.0, "100")])
    recording(tmp_path / "EEG", "noonebo_20200106", [(1.0, "101"), (90.0, "100")])
    place = stills(tmp_path, "sad_nooneba20200106_101_30.00_30.20_30.50")
    stills(tmp_path, "sad_nooneba20200106_101_31.00_31.20_31.50")
    data = mes_eeg.read(coded(tmp_path))
    (sample,) = data.rows
    assert sample.eeg == EegRecording(path, pytest.approx(0.8), pytest.approx(40.8))  # type: ignore[arg-type]
    assert sample.face == Pictures(place / "onset.png", place / "apex.png", aligned=True)
    assert (sample.subject, sample.label) == ("sub-01", "sad")
    assert sample.group == "sub-01_ses-1_clip-101"
    assert told(data) == ["stills of sub-01, clip 101: apex: no row in use at these times; passed over"]


def test_eeg_goes_back_before_the_clip_but_not_before_the_recording(tmp_path: Path) -> None:
    recording(tmp_path)
    early = row(OnsetTime=2.0, ApexTime=2.2, OffsetTime=2.2)
    happy = row(Marker=103, OnsetTime=5.0, ApexTime=5.4, OffsetTime=6.0, Estimated_Emotion="happy")
    data = mes_eeg.read(coded(tmp_path, early, happy))
    spans = [(r.eeg.start_s, r.eeg.stop_s) for r in data.rows if isinstance(r.eeg, EegRecording)]
    assert np.allclose(spans, [(0.0, 12.8), (41.0, 81.0)])


def test_the_last_40_s_are_for_clips_in_which_nothing_was_coded(tmp_path: Path) -> None:
    path = recording(tmp_path, events=[*SHOWN, (102.0, "105"), (108.0, "100")])
    assert len(mes_eeg.read(coded(tmp_path)).rows) == 1
    rows = mes_eeg.read(tmp_path, eeg_only=True).rows
    assert [(r.label, r.group, r.eeg, r.face) for r in rows[1:]] == [
        ("happy", "sub-01_ses-1_clip-103", EegRecording(path, 75.0, 100.0), None),
        ("tense", "sub-01_ses-1_clip-105", EegRecording(path, 102.0, 108.0), None),
    ]
    recording(tmp_path, events=SHOWN[:2])
    quiet = mes_eeg.read(coded(tmp_path, row(Marker=103, Estimated_Emotion="happy")), eeg_only=True).rows
    assert [r.eeg for r in quiet] == [EegRecording(path, 30.0, 70.0)]


def test_of_a_clip_that_was_shown_again_the_last_run_with_the_apex_counts(tmp_path: Path) -> None:
    recording(tmp_path, events=[(1.0, "101"), (6.0, "100"), (10.0, "101"), (70.0, "100"), (80.0, "101"), (84.0, "100")])
    data = mes_eeg.read(coded(tmp_path), eeg_only=True)
    assert [r.eeg.stop_s for r in data.rows if isinstance(r.eeg, EegRecording)] == [pytest.approx(40.8)]
    assert any("101 more than once" in line for line in told(data, "kept"))


def test_a_clip_without_an_end_ends_where_the_next_begins(tmp_path: Path) -> None:
    recording(tmp_path, events=[(10.0, "101"), (20.0, "77"), (42.0, "103"), (50.0, "hello"), (60.0, "88")])
    second = row(Marker=103, Estimated_Emotion="happy")
    data = mes_eeg.read(coded(tmp_path, row(), second, row(OnsetTime=40.0, ApexTime=40.2)))
    assert len(data.rows) == 2
    assert told(data, "excluded") == [f"{CODING} row 4: apex: 40.2 s into a clip that was shown for 32.0 s"]
    said = "\n".join(told(data, "kept"))
    for words in ("(77, 88) passed over: 2", "neither a clip nor its end passed over: 1", "without a marker for their"):
        assert words in said


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"Date": 20200107}, "no readable EEG of sub-01 of this date"),
        ({"Subject": "noonebo"}, "no readable EEG of sub-02"),
        ({"Marker": 109}, "marker 109 is not in the EEG of sub-01_ses-1"),
    ],
)
def test_what_has_no_eeg_goes_on_with_its_face_alone(tmp_path: Path, change: dict[str, Any], where: str) -> None:
    recording(tmp_path)
    cells = row(**change)
    stills(tmp_path, f"sad_{cells['Subject']}{cells['Date']}_{cells['Marker']}_30.00_30.20_30.20")
    (sample,) = (data := mes_eeg.read(coded(tmp_path, cells))).rows
    assert sample.eeg is None
    assert isinstance(sample.face, Pictures)
    assert any(where in line and "goes on without it" in line for line in told(data, "kept"))
    for picture in (tmp_path / "stills").rglob("*.png"):
        picture.unlink()
    data = mes_eeg.read(tmp_path)
    assert not data.rows
    assert [line for line in told(data, "excluded") if where in line and "no onset and no apex still" in line]


def test_without_stills_the_movement_is_taken_from_the_video(tmp_path: Path) -> None:
    recording(tmp_path)
    clip = tmp_path / "clips" / "sad_1_101_nooneba_20200106.avi"
    clip.parent.mkdir()
    clip.touch()
    stills(tmp_path, "sad_nooneba20200106_101_30.00_30.20_30.20", ["apex.png"])
    (sample,) = (data := mes_eeg.read(coded(tmp_path))).rows
    assert sample.face == VideoMoment(clip, 30.0, 30.2)
    assert "no onset still; taken from the clip's video" in told(data, "kept")[-1]


def test_intervals_that_overlap_are_kept_and_a_movement_written_twice_is_not(tmp_path: Path) -> None:
    recording(tmp_path)
    inside = row(OnsetTime=30.3, ApexTime=30.4, OffsetTime=30.6)
    apart = row(OnsetTime=30.7, ApexTime=30.9, OffsetTime=31.0)
    again = row(OnsetTime=30.01, ApexTime=30.21, OffsetTime=30.4)
    data = mes_eeg.read(coded(tmp_path, row(), inside, apart, again))
    assert [r.where[-5:] for r in data.rows] == ["row 2", "row 3", "row 4"]
    assert told(data, "excluded") == [f"{CODING} row 5: onset: the movement of row 2 written again"]
    overlaps = [line for line in told(data, "kept") if "overlaps" in line]
    assert overlaps == [f"{CODING} row 3: onset: its interval overlaps that of row 2; both are kept"]


def test_the_label_is_the_clips_emotion(tmp_path: Path) -> None:
    recording(tmp_path)
    rows = [
        row(OnsetTime=20.0 + i, ApexTime=20.2 + i, Estimated_Emotion=e)
        for i, e in enumerate(("Sadness", "angry", "nooneba?", None))
    ]
    data = mes_eeg.read(coded(tmp_path, *rows))
    assert [r.label for r in data.rows] == ["sad"] * 3
    assert told(data, "excluded") == [
        f"{CODING} row 3: emotion: 'angry', but clip 101 is 'sad': one of the two is wrong"
    ]
    assert sum("emotion: no emotion" in line for line in told(data, "kept")) == 2


def test_macro_expressions_are_read_where_asked_for(tmp_path: Path) -> None:
    recording(tmp_path)
    coded(tmp_path, row(), row(OnsetTime=40.0, ApexTime=40.6, OffsetTime=41.0, **{"Macro/Micro": "Macro"}))
    data = mes_eeg.read(tmp_path)
    assert len(data.rows) == 1
    assert any("1 macro-expressions left out" in line for line in told(data, "kept"))
    assert len(mes_eeg.read(tmp_path, macro=True).rows) == 2


@pytest.mark.parametrize("suffix", [".set", ".cdt"])
def test_a_damaged_recording_is_told_and_the_other_kind_used(tmp_path: Path, suffix: str) -> None:
    path = recording(tmp_path)
    if suffix == ".set":
        path.write_bytes(b"MATLAB 5.0 nooneba, but cut off")
    else:
        path.with_suffix(".cdt").write_bytes(b"nooneba")
    data = mes_eeg.read(coded(tmp_path))
    assert len(data.rows) == (suffix == ".cdt")
    said = "\n".join(told(data))
    assert (
        ".set file left out: cannot be read" if suffix == ".set" else "a second file of the same name left out (.cdt)"
    ) in said
    assert "nooneba" not in said


def test_a_curry_recording_is_read_like_any_other(tmp_path: Path) -> None:
    pytest.importorskip("curryreader")
    rng = np.random.default_rng(0)
    noise = rng.normal(0.0, 20.0, (len(CURRY_CHANNELS), 20_000))
    events = [(10.0, 101), (70.0, 100)]
    path = write_curry(tmp_path / "nooneba_20200106.cdt", CURRY_CHANNELS, 200.0, noise, events)
    data = mes_eeg.read(coded(tmp_path))
    assert [r.eeg for r in data.rows] == [EegRecording(path, pytest.approx(0.8), pytest.approx(40.8))]  # type: ignore[arg-type]
    samples = build_samples(data, jobs=1, progress=False).samples
    assert samples.window_mask.sum() == 40
    # the middle of each band of white noise has the density of all of it: 20² µV² over 100 Hz
    assert np.median(samples.log_power[..., 1:4]) == pytest.approx(np.log10(4.0), abs=0.1)


def test_a_recording_without_its_samples_is_told(tmp_path: Path) -> None:
    recording(tmp_path).with_suffix(".fdt").unlink()
    data = mes_eeg.read(coded(tmp_path))
    assert not data.rows
    assert "EEG of sub-01_ses-1: eeg: .set file left out: the file with its samples is missing" in told(data, "kept")


def test_without_one_spreadsheet_there_is_no_data_set(tmp_path: Path) -> None:
    recording(tmp_path)
    assert not mes_eeg.recognises(tmp_path)
    with pytest.raises(DataError, match="0 files"):
        mes_eeg.read(tmp_path)
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        coded(tmp_path / place)
    assert mes_eeg.recognises(tmp_path)
    assert not mes_eeg.recognises(tmp_path / CODING)
    with pytest.raises(DataError, match="2 files"):
        mes_eeg.read(tmp_path)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small simulated data set in which every session has everything that is odd."""
    out = tmp_path_factory.mktemp("mes") / "data"
    out.mkdir()
    layout.write(OPTIONS, out, every_oddity=True)
    (out / "simulated.json").write_text(json.dumps({"simulated": True}))
    return out


@pytest.fixture(scope="module")
def sessions() -> list[SimulatedSession]:
    return list(cohort(OPTIONS))


def test_what_was_simulated_is_read_back(simulated: Path, sessions: list[SimulatedSession]) -> None:
    data = open_dataset(simulated)
    assert (data.name, data.simulated) == ("mes-eeg", True)
    assert data.subjects == tuple(session.pseudonym for session in sessions)
    for session in sessions:
        mine = {r.sample: r for r in data.rows if r.subject == session.pseudonym}
        fitting = 0
        for movement in session.micros:
            clip = session.clips[movement.trial]
            end_s = movement.apex_s + mes_eeg.DECISION_S
            found = [
                r
                for r in mine.values()
                if isinstance(r.eeg, EegRecording) and abs(r.eeg.stop_s - end_s) < 0.011 and r.label == clip.emotion
            ]
            has_eeg = clip.has_eeg and session is not sessions[-1]
            assert bool(found) == has_eeg
            fitting += len(found)
            if found and movement.has_stills and movement is not session.micros[-1]:
                assert any(isinstance(r.face, Pictures) for r in found)
        extra = sum(r.eeg is not None for r in mine.values()) - fitting
        assert extra <= 1, "beside the coded movements there is the one that overlaps another"


def test_samples_are_built_and_nothing_is_lost_without_a_word(simulated: Path) -> None:
    data = open_dataset(simulated)
    built = build_samples(data, jobs=1, progress=False)
    samples = built.samples
    assert samples.simulated
    assert len(samples) + sum(p.kind == "excluded" for p in built.problems[len(data.problems) :]) == len(data.rows)
    assert 0 < samples.has_eeg.sum() < len(samples)
    assert 0 < samples.has_face.sum() < len(samples)
    assert set(samples.channels) >= {"CB1", "CB2", "Oz"}
    assert not set(samples.channels) & {"HEO", "VEO", "EKG", "EMG"}
    both = samples.has_eeg & samples.has_face
    assert np.abs(samples.flow[both]).max() > 0.1


def test_clips_without_a_movement_and_macro_expressions_are_there_when_asked(simulated: Path) -> None:
    plain = open_dataset(simulated)
    more = open_dataset(simulated, eeg_only=True, macro=True)
    added = {row.sample for row in more.rows} - {row.sample for row in plain.rows}
    assert added
    assert len(more.rows) == len(plain.rows) + len(added)
    assert any(row.face is None for row in more.rows if row.sample in added)
    with pytest.raises(ConfigurationError, match="for mes-eeg, got 'manifest'"):
        open_dataset(simulated / "simulated.json", kind="manifest", macro=True)


def test_no_name_gets_out(simulated: Path, sessions: list[SimulatedSession], capfd: pytest.CaptureFixture[str]) -> None:
    data = open_dataset(simulated)
    built = build_samples(data, jobs=1, progress=True)
    for path in simulated.rglob("*.set"):
        path.with_suffix(".fdt").write_bytes(b"")  # cut off: now every reading fails
    broken = build_samples(mes_eeg.read(simulated, eeg_only=True, macro=True), jobs=1, progress=True)
    parts = [*data.problems, *built.problems, *broken.problems, built.samples.subject_names, built.samples.sample]
    parts += [(r.sample, r.subject, r.group, r.label, r.where) for r in data.rows]
    said = " ".join(map(repr, parts)).lower() + "".join(capfd.readouterr()).lower()
    assert "sub-01" in said
    for session in sessions:
        assert session.name not in said
    assert "noone" not in said


def test_each_session_of_twenty_has_another_oddity(tmp_path: Path) -> None:
    names = {invented_name(i) for i in range(256)}
    assert len(names) == 256
    assert sorted(names) == [invented_name(i) for i in range(256)]
    written = write_cohort(CohortOptions(subjects=1, trials=2, seconds=6.0, seed=2), tmp_path / "out", "mes-eeg")
    data = open_dataset(written)
    assert data.simulated
    assert any("written again" in line for line in told(data)), "seed 2, subject 0: the third of the list"


def test_where_all_stills_and_markers_are_lost_the_films_are_left(tmp_path: Path) -> None:
    options = CohortOptions(
        subjects=1, trials=1, seconds=6.0, seed=12, leaks=(0.0, 1.0), lost=1.0, macros=0.0, videos=True, fps=50.0
    )
    data = open_dataset(write_cohort(options, tmp_path / "out", "mes-eeg"))
    assert [(r.eeg, type(r.face)) for r in data.rows] == [(None, VideoMoment)]
    samples = build_samples(data, jobs=1, progress=False).samples
    assert not samples.has_eeg.any()
    assert 0.1 < np.abs(samples.flow.astype(np.float32)).max() < 20.0
