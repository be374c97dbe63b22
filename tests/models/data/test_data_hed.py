"""HED's layout, read back from files made in it, and what is not published about it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from layout_files import OPTIONS, messages, nobody_is_named, written

from models.data import hed
from models.data.arrays import load_array
from models.data.rows import EegArray, FrameArray
from realtime.errors import ConfigurationError, DataError
from simulators.cohort_files import SimulatedSession
from simulators.layouts import hed as layout

_HEADER = '"subDirectory_filePath","valence","arousal","eeg"'


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[SimulatedSession]]:
    out = tmp_path_factory.mktemp("hed") / "data"
    return out, written(layout, out)


def _index(root: Path, *lines: str, name: str = "training_01_xyz") -> Path:
    folder = root / "scripts"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.csv"
    file.write_text("\n".join([_HEADER, *lines]) + "\n", encoding="utf-8")
    return file


def _clip(root: Path, key: str, pictures: int = 3, eeg: tuple[int, ...] | None = (8, 444)) -> list[str]:
    """A clip as published: a folder of pictures and one of EEG arrays; returns its lines of the index."""
    for folder in (f"{key}_xyz", f"{key}_eeg"):
        (root / "Test" / folder).mkdir(parents=True)
    lines = []
    for k in range(1, pictures + 1):
        cv2.imwrite(str(root / "Test" / f"{key}_xyz" / f"{k}.png"), np.full((8, 8, 3), k, np.uint8))
        if eeg is not None:
            np.save(root / "Test" / f"{key}_eeg" / f"{k}.npy", np.zeros(eeg, np.float32))
        lines.append(f'"{key}_xyz/{k}.png","0.3","-0.1","{key}_eeg/{k}.npy"')
    return lines


def test_every_clip_is_a_row(made) -> None:
    root, sessions = made
    assert hed.recognises(root)
    assert hed.recognises(root / "scripts")
    found = hed.read(root)
    assert found.simulated
    assert not found.problems
    assert nobody_is_named(found, [session.name for session in sessions])
    assert len(found.rows) == OPTIONS.subjects * OPTIONS.trials
    for session in sessions:
        rows = [row for row in found.rows if row.subject == session.pseudonym]
        for row, clip in zip(rows, session.clips, strict=True):
            assert row.label == ("positive" if clip.emotion == "happy" else "negative")
            assert isinstance(row.face, FrameArray)
            assert row.face.fps == OPTIONS.fps
            assert len(load_array(row.face.path)) == 150
            assert isinstance(row.eeg, EegArray)
            assert (row.eeg.sfreq_hz, row.eeg.channels, row.eeg.unit) == (250, layout.CHANNELS, "uV")
            assert load_array(row.eeg.path).shape == (8, 1500)


def test_labels_are_made_as_asked_for(made, tmp_path: Path) -> None:
    labels = {row.label for row in hed.read(made[0], "quadrant").rows}
    assert labels <= {"positive-high", "negative-high", "negative-low"}
    assert {row.label for row in hed.read(made[0], "arousal").rows} <= {"high", "low"}
    _index(tmp_path, *(line.replace("0.3", "0") for line in _clip(tmp_path, "01_01")))
    assert [row.label for row in hed.read(tmp_path).rows] == ["neutral"]
    with pytest.raises(ConfigurationError, match="no scheme 'liking'"):
        hed.read(made[0], "liking")  # type: ignore[arg-type]


def test_the_published_form_gives_faces_and_says_why_no_eeg(tmp_path: Path) -> None:
    _index(tmp_path, *_clip(tmp_path, "01_02"), *_clip(tmp_path, "02_15"))
    found = hed.read(tmp_path)
    assert [(row.sample, row.label, row.eeg) for row in found.rows] == [
        ("sub-01_clip-02", "positive", None),
        ("sub-02_clip-15", "positive", None),
    ]
    assert found.rows[0].face == FrameArray(tmp_path / "Test" / "01_02_xyz", None, None, 30.0)
    said = messages(found, "kept")
    assert "2 clips have one array a frame, whose meaning is not published" in said
    assert "2 clips: HED's frame rate is not published, 30 is taken" in said
    assert "xyz" not in said


def test_oddly_padded_names_go_together_and_pairs_need_not_agree_in_number(tmp_path: Path) -> None:
    lines = _clip(tmp_path, "01_15")
    lines[0], lines[1] = (line.replace("15_eeg", "015_eeg") for line in (lines[1], lines[0]))
    _index(tmp_path, *lines)
    found = hed.read(tmp_path)
    assert [row.sample for row in found.rows] == ["sub-01_clip-15"]
    assert "excluded" not in messages(found)


def test_one_array_a_clip_is_read_where_it_can_be_told_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "Train").mkdir()
    np.save(tmp_path / "Train" / "01_01_face.npy", np.zeros((4, 8, 8), np.uint8))
    np.save(tmp_path / "Train" / "01_01_eeg.npy", np.zeros((5, 8, 5), np.float32))
    np.save(tmp_path / "Train" / "01_02_eeg.npy", np.zeros((8, 500), np.float32))
    _index(tmp_path, '"01_01_face.npy","0.1","0.1","01_01_eeg.npy"', '"","-0.1","0.1","01_02_eeg.npy"')
    found = hed.read(tmp_path)
    assert [row.sample for row in found.rows] == ["sub-01_clip-01"]
    assert found.rows[0].face == FrameArray(tmp_path / "Train" / "01_01_face.npy", None, None, 30.0)
    assert found.rows[0].eeg == EegArray(tmp_path / "Train" / "01_01_eeg.npy")
    assert "without 'sfreq_hz' in hed.json nobody can tell what it is" in messages(found, "kept")
    (tmp_path / "hed.json").write_text(json.dumps({"fps": 20, "eeg": {"sfreq_hz": 250, "unit": "V"}}), encoding="utf-8")
    rows = hed.read(tmp_path).rows
    assert rows[1].eeg == EegArray(tmp_path / "Train" / "01_02_eeg.npy", 250, unit="V")
    assert isinstance(rows[0].face, FrameArray)
    assert rows[0].face.fps == 20


def test_what_is_missing_or_damaged_is_told(tmp_path: Path) -> None:
    lines = _clip(tmp_path, "01_01")
    (tmp_path / "Test" / "01_01_xyz" / "3.png").unlink()
    (tmp_path / "Train").mkdir()
    (tmp_path / "Train" / "01_03_eeg.npy").write_bytes(b"\x93NUMPY")
    np.save(tmp_path / "Train" / "01_04_face.npy", np.zeros((8, 8), np.uint8))
    lines += [
        '"01_02_xyz/1.png","0.3","0.1",""',
        '"01_03_xyz/1.png","0.3","0.1","01_03_eeg.npy"',
        '"01_04_face.npy","0.3","0.1","01_04_eeg.npy"',
        '"../../01_05_face.npy","0.3","0.1",""',
    ]
    _index(tmp_path, *lines)
    found = hed.read(tmp_path)
    assert [row.sample for row in found.rows] == ["sub-01_clip-01"]
    said = messages(found)
    assert "kept sub-01_clip-01 video: 2 pictures in the folder, 3 in the index" in said
    assert "kept sub-01_clip-03 eeg: cannot read '01_03_eeg.npy'" in said
    assert "kept sub-01_clip-04 video: frames of shape (8, 8)" in said
    assert "kept sub-01_clip-04 eeg: the EEG array that the index names is not there" in said
    for clip in (2, 3, 4, 5):
        assert f"excluded sub-01_clip-0{clip} row: neither pictures nor EEG" in said


def test_bad_rows_of_an_index_are_told_by_number_and_without_initials(tmp_path: Path) -> None:
    lines = _clip(tmp_path, "01_01")
    lines += [
        '"face/1.png","0.3","0.1","eeg/1.npy"',
        '"01_02_xyz/1.png","high","0.1",""',
        '"01_02_xyz/2.png","3","0.1",""',
        '"01_01_xyz/4.png","0.5","0.1",""',
    ]
    _index(tmp_path, *lines)
    _index(tmp_path, name="training_02_abc").write_bytes(_HEADER.encode() + b"\n\x00\x00")
    found = hed.read(tmp_path)
    assert len(found.rows) == 1
    said = messages(found)
    assert "excluded index 1 row 5 subdirectory_filepath: names no clip" in said
    assert "excluded index 1 row 6 label: valence and arousal are not both numbers" in said
    assert "excluded index 1 row 7 label: valence 3 and arousal 0.1: wanted -1 to 1" in said
    assert "kept sub-01_clip-01 label: ratings change within the clip" in said
    assert "excluded index 2 file: 'index 2' is no text" in said
    assert not any(name in said for name in ("xyz", "abc"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot read hed.json"),
        ("[1]", "cannot read hed.json"),
        ('{"fps": 0}', "fps is 0, wanted a positive number"),
        ('{"fps": "fast"}', "cannot read hed.json"),
        ('{"eeg": {"sfreq_hz": -1}}', "sfreq_hz is -1"),
        ('{"eeg": {"unit": "mV"}}', "unit is 'mV', wanted 'V' or 'uV'"),
    ],
)
def test_a_description_that_cannot_be_used_stops_everything(content: str, said: str, tmp_path: Path) -> None:
    _index(tmp_path, *_clip(tmp_path, "01_01"))
    (tmp_path / "hed.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        hed.read(tmp_path)


def test_anything_else_is_no_hed(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sample,label\n1,2\n", encoding="utf-8")
    (tmp_path / "empty.csv").write_text("", encoding="utf-8")
    assert not hed.recognises(tmp_path)
    assert not hed.recognises(tmp_path / "nowhere")
    with pytest.raises(DataError, match="no HED in"):
        hed.read(tmp_path)
