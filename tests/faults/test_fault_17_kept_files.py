"""Row 17: data sets, analyses and what training keeps for itself, damaged; found by the fuzzer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fuzz import folders
from benchmarks.fuzz.hostile import hostile
from benchmarks.fuzz.targets import TARGETS
from realtime.errors import DataError, EmostreamError

_ENTRY = b"PK\x01\x02"
"""Where what an archive says of its first file begins."""


@pytest.mark.parametrize("target", ["calibration", "training-data", "fold"])
@pytest.mark.parametrize(
    ("place", "value"), [(8, 1), (10, 99), (6, 99)], ids=["encrypted", "an unknown packer", "a later version"]
)
def test_an_archive_with_a_changed_byte_is_refused_by_name(target: str, place: int, value: int, tmp_path: Path) -> None:
    one = TARGETS[target]
    content = bytearray(one.seeds(tmp_path)[0])
    path = tmp_path / one.file
    path.write_bytes(content)
    one.read(path)
    content[content.index(_ENTRY) + place] = value
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"damaged, or packed as no .npz is"):
        one.read(path)


def test_packed_numbers_with_a_changed_byte_are_refused_by_name(tmp_path: Path) -> None:
    from realtime.npz_file import open_npz

    path = tmp_path / "a.npz"
    np.savez_compressed(path, data=np.arange(5000.0))
    content = bytearray(path.read_bytes())
    begin = content.index(b"data.npy") + len("data.npy") + 20  # what zip writes beside a name of 64-bit sizes
    content[begin : begin + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"), open_npz(path) as archive:
        _ = archive["data"]


def test_arrays_that_are_no_sample_set_are_refused_by_name(tmp_path: Path) -> None:
    from models.samples import load_samples

    path = tmp_path / "t.npz"
    path.write_bytes(folders.samples(tmp_path)[0])
    honest = dict(np.load(path))
    letter = np.array([0x110000, 65], "<u4").view("<U1")
    wrong = {"hop_s": np.zeros(2), "band_edges_hz": np.zeros(()), "label": np.int64(0), "classes": letter}
    for name, value in wrong.items():
        np.savez(path, **{**honest, name: value})
        with pytest.raises(DataError, match=r"is not a sample set|must have shape"):
            load_samples(path)


def test_features_that_were_not_kept_whole_are_made_anew(tmp_path: Path) -> None:
    from models.data.eeg_features import EegFeatures
    from models.data.features import _load

    path = tmp_path / "k.npz"
    mask, letter = np.ones((2, 1), bool), np.array([0x110000], "<u4").view("<U1")
    np.savez(path, mask=mask)
    assert _load(path, EegFeatures) is None
    np.savez(path, mask=mask, failure=np.array(""))
    assert _load(path, EegFeatures) is None
    np.savez(path, mask=mask, failure=np.array(""), log_power=mask, channels=letter)
    assert _load(path, EegFeatures) is None


@pytest.mark.parametrize("facts", [{"training": [], "facts": {}}, {"training": {}, "facts": "x"}])
def test_a_state_of_another_form_is_refused_by_name(facts: dict[str, object], tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save

    from models.training.resume import _FORMAT, StateFile

    state = StateFile(tmp_path, {"seed": 1})
    state.path.write_bytes(save({"a": torch.zeros(1)}, {"state": json.dumps({"format": _FORMAT, **facts})}))
    with pytest.raises(DataError, match="no JSON objects"):
        state.load()


@pytest.mark.parametrize("change", [("comment", None), ("label", 3), ("action_units", 4), ("onset_s", 10**400)])
def test_an_edit_that_is_none_of_ours_is_refused_by_name(change: tuple[str, object], tmp_path: Path) -> None:
    from realtime.review.journal import Journal

    path = tmp_path / "s_journal.jsonl"
    begin, edit = TARGETS["journal"].seeds(tmp_path)[0].splitlines()
    said = json.loads(edit)
    said["row"][change[0]] = change[1]
    path.write_bytes(begin + b"\n" + json.dumps(said).encode() + b"\n")
    with pytest.raises(DataError, match="is no journal of ours"):
        Journal(path).unsaved()


@pytest.mark.parametrize("what", ["in no", "in rot13", "entities in UTF-16", "nested"])
def test_a_session_in_xml_that_cannot_be_is_left_out(what: str, tmp_path: Path) -> None:
    """An encoding that Python does not know was a traceback; entities in UTF-16 went past the check."""
    from models.data import mahnob

    folder = tmp_path / "Sessions" / "2"
    folder.mkdir(parents=True)
    (folder / "session.xml").write_bytes(dict(hostile("mahnob", tmp_path / "ran"))[what])
    found = mahnob.read(tmp_path)
    assert not found.rows
    assert "cannot be read as MAHNOB-HCI writes it" in found.problems[0].message


@pytest.mark.parametrize("cells", ["inf,2,18", "1,1e400,18"])
def test_a_rating_of_a_trial_without_number_is_told_of(cells: str, tmp_path: Path) -> None:
    path = tmp_path / "participant_ratings.csv"
    path.write_bytes(folders.ratings(tmp_path)[0].replace(b"1,2,18", cells.encode()))
    folders.read_ratings(path)


def test_a_folder_called_as_a_table_is_no_index_of_hed(tmp_path: Path) -> None:
    from models.data import hed

    (tmp_path / "index.csv").mkdir()
    assert not hed.recognises(tmp_path)


@pytest.mark.parametrize(
    ("rows", "words"), [("0.0,1,2,3\n", "more cells than"), ("0.0,1\n", "wanted time_s"), ("x,1,2\n", "time_s")]
)
def test_a_table_of_motion_that_does_not_fit_its_header_is_refused(rows: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "face.csv"
    path.write_text("motion_brow_px,motion_mouth_px,time_s\n" + rows, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        folders.read_movements(path)


def test_an_analysis_whose_time_is_no_number_of_this_machine_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "analysis.json"
    said = json.loads(folders.analysis(tmp_path)[0])
    said["timeline"][0]["start_s"] = 10**400
    path.write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(DataError, match=r"analysis.json"):
        folders.read_analysis(path)


@pytest.mark.parametrize("shape", ["(0, 1180591620717411303424)", "(1099511627776,)"])
def test_a_flow_that_says_what_it_cannot_be_is_refused(shape: str, tmp_path: Path) -> None:
    from realtime.report.folder import read_flow

    path = tmp_path / "f.npy"
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".encode()
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    with pytest.raises(DataError, match="cannot read"):
        read_flow(path)


def test_columns_of_no_name_and_of_endless_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "movements.parquet"
    content = folders.columns(tmp_path)[0]
    for spoiled in (content.replace(b"onset_s", b"\xffnset_s"), hostile("columns", tmp_path / "ran")[0][1]):
        path.write_bytes(spoiled)
        with pytest.raises(DataError, match="cannot read"):
            folders.read_columns(path)


@pytest.mark.parametrize("read", [folders.read_still, folders.read_face])
def test_a_picture_that_would_take_all_memory_is_refused_before_it_is_decoded(read: object, tmp_path: Path) -> None:
    path = tmp_path / "s.png"
    for what, content in hostile("still", tmp_path / "ran"):
        path.write_bytes(content)
        with pytest.raises(EmostreamError) as found:
            read(path)  # type: ignore[operator]
        assert "px" in str(found.value) or "cannot be read" in str(found.value), what
