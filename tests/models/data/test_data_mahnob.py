"""MAHNOB-HCI's layout, read back from files made in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from layout_files import OPTIONS, cut_short, messages, tiny_bdf, tiny_film, written

from models.data import mahnob
from models.data.rows import EegRecording, VideoSpan
from realtime.errors import ConfigurationError, DataError
from simulators.cohort_files import CohortOptions, SimulatedSession
from simulators.layouts import mahnob as layout

_FILM = "P1-Rec1-2000.01.01.00.00.00_C1 trigger _C_Section_{}.avi"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[SimulatedSession]]:
    out = tmp_path_factory.mktemp("mahnob") / "data"
    return out, written(layout, out)


def _session(
    root: Path,
    number: int = 2,
    *,
    subject: str = "1",
    attributes: str = 'isStim="1" feltEmo="5" cutLenSec="1.0"',
    triggers: tuple[tuple[float, int], ...] = ((1.0, 16), (2.0, 16)),
    fps: float = 61.0,
    sfreq_hz: int = 256,
    tracks: str = "",
) -> Path:
    folder = root / "Sessions" / str(number)
    folder.mkdir(parents=True)
    told = f'<session {attributes}><subject id="{subject}"/>{tracks}</session>'
    (folder / "session.xml").write_text(told, encoding="utf-8")
    tiny_bdf(folder / f"Part_{subject}_S_Trial1_emotion.bdf", 4, triggers, sfreq_hz)
    tiny_film(folder / _FILM.format(number), 122, fps)
    return folder


def test_every_session_is_a_row_from_trigger_to_trigger(made) -> None:
    root, sessions = made
    assert mahnob.recognises(root)
    assert mahnob.recognises(root / "Sessions")
    found = mahnob.read(root)
    assert found.simulated
    assert not found.problems
    assert len(found.rows) == OPTIONS.subjects * OPTIONS.trials
    names = {layout.CODES[name]: name for name in layout.CODES}
    for session in sessions:
        rows = [row for row in found.rows if row.subject == session.pseudonym]
        for row, clip in zip(rows, session.clips, strict=True):
            felt = next(code for code, name in mahnob.FELT_EMOTIONS.items() if name == row.label)
            assert names[felt] == clip.emotion
            assert isinstance(row.eeg, EegRecording)
            assert row.eeg.start_s == pytest.approx(layout.MARGIN_S, abs=1 / 128)
            assert row.eeg.stop_s - row.eeg.start_s == pytest.approx(6.0, abs=1 / 128)
            assert isinstance(row.face, VideoSpan)
            assert (row.face.start_s, row.face.stop_s) == (0.0, pytest.approx(6.0, abs=0.02))


def test_lost_triggers_are_written_as_such(tmp_path: Path) -> None:
    written(layout, tmp_path / "data", CohortOptions(subjects=1, trials=1, seconds=6.0, rest_s=1.0, lost=1.0))
    found = mahnob.read(tmp_path / "data")
    assert not found.rows
    assert "0 triggers on its Status channel, wanted 2" in messages(found, "kept")
    assert "neither EEG nor film is left of it" in messages(found, "excluded")


def test_a_class_without_a_code_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no code for 'calm'"):
        layout.write(CohortOptions(subjects=1, classes=("calm", "sad")), tmp_path)


def test_subjects_are_numbered_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number, subject in ((2, "10"), (4, "9"), (10, "2")):
        _session(tmp_path, number, subject=subject)
    rows = mahnob.read(tmp_path).rows
    assert [(row.sample, row.subject) for row in rows] == [
        ("sub-03_session-2", "sub-03"),
        ("sub-02_session-4", "sub-02"),
        ("sub-01_session-10", "sub-01"),
    ]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ('isStim="1" feltEmo="42"', "feltEmo is 42, wanted one of 0 to 12"),
        ('isStim="1" feltEmo="4.5"', "feltEmo is 4.5, wanted one of 0 to 12"),
        ('isStim="1" feltEmo="10"', "'unknown': no label"),
        ('isStim="1" feltEmo="joy"', "feltEmo is 'joy', wanted a number"),
        ('isStim="1" feltEmo="4" cutLenSec="long"', "cutLenSec is 'long', wanted a number"),
        ('isStim="0" feltEmo="4"', "1 sessions are no emotion trials"),
        ('isStim="1"', "1 sessions are no emotion trials"),
    ],
)
def test_sessions_without_a_usable_emotion_are_left_out(attributes: str, said: str, tmp_path: Path) -> None:
    _session(tmp_path, attributes=attributes)
    _session(tmp_path, 4)
    found = mahnob.read(tmp_path)
    assert [(row.sample, row.label) for row in found.rows] == [("sub-01_session-4", "sadness")]
    assert said in messages(found, "excluded")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("<session", "cannot be read"),
        ("<other/>", "its root is <other>, wanted <session>"),
        ('<session feltEmo="4"/>', "names no subject"),
        ('<session feltEmo="4"><subject id=" "/></session>', "names no subject"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><session feltEmo="4"/>', "entities of its own"),
    ],
)
def test_damaged_xml_leaves_out_its_session(content: str, said: str, tmp_path: Path) -> None:
    (_session(tmp_path) / "session.xml").write_text(content, encoding="utf-8")
    _session(tmp_path, 4)
    found = mahnob.read(tmp_path)
    assert len(found.rows) == 1
    assert "excluded session 2 session.xml: " in messages(found)
    assert said in messages(found)


def test_a_session_goes_on_with_what_is_left_of_it(tmp_path: Path) -> None:
    cut_short(_session(tmp_path, 2) / "Part_1_S_Trial1_emotion.bdf", 0.001)
    (_session(tmp_path, 4) / _FILM.format(4)).unlink()
    cut_short(_session(tmp_path, 6) / _FILM.format(6), 0.001)
    _session(tmp_path, 8, fps=25.0)
    _session(tmp_path, 10, sfreq_hz=128)
    _session(tmp_path, 12, triggers=((1.0, 16),))
    folder = _session(tmp_path, 14)
    for file in folder.glob("P*"):
        file.unlink()
    found = mahnob.read(tmp_path)
    left = {row.sample: (row.eeg is not None, row.face is not None) for row in found.rows}
    assert left == {
        "sub-01_session-2": (False, True),
        "sub-01_session-4": (True, False),
        "sub-01_session-6": (True, False),
        "sub-01_session-8": (True, False),
        "sub-01_session-10": (False, True),
        "sub-01_session-12": (False, True),
    }
    said = messages(found)
    assert "session 4 (sub-01) video: no film of the colour camera" in said
    assert "has 25 frames a second, wanted about 61" in said
    assert "sampled at 128 Hz, wanted 250 to 2100 Hz" in said
    assert "1 triggers on its Status channel" in said
    assert "excluded session 14 (sub-01) row: neither EEG nor film" in said


def test_more_triggers_and_another_length_are_remarked(tmp_path: Path) -> None:
    _session(
        tmp_path,
        attributes='isStim="1" feltEmo="5" cutLenSec="60"',
        triggers=((0.5, 16), (1.0, 16), (3.0, 16)),
    )
    found = mahnob.read(tmp_path)
    assert isinstance(found.rows[0].eeg, EegRecording)
    assert (found.rows[0].eeg.start_s, found.rows[0].eeg.stop_s) == (0.5, 3.0)
    said = messages(found, "kept")
    assert "3 triggers, wanted 2" in said
    assert "2.5 s between its triggers, 60 s by session.xml" in said


def test_files_are_taken_by_the_names_that_session_xml_gives_but_never_from_elsewhere(tmp_path: Path) -> None:
    track = '<track type="Video" color="1" filename="../4/other.avi"/>'
    folder = _session(tmp_path, 2, tracks=track)
    shutil.copy(folder / _FILM.format(2), folder / _FILM.format(3))
    tiny_film(_session(tmp_path, 4) / "other.avi", 61, 61.0)
    found = mahnob.read(tmp_path)
    assert found.rows[0].face is None
    assert "session.xml names '../4/other.avi', 2 files look like one" in messages(found, "kept")
    tiny_film(folder / "other.avi", 61, 61.0)
    face = mahnob.read(tmp_path).rows[0].face
    assert isinstance(face, VideoSpan)
    assert face.path == folder / "other.avi"


def test_anything_else_is_no_mahnob(tmp_path: Path) -> None:
    assert not mahnob.recognises(tmp_path)
    assert not mahnob.recognises(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no MAHNOB-HCI in"):
        mahnob.read(tmp_path)
