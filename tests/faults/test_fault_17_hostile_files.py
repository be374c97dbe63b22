"""Row 17: files that somebody built to do harm; and each thing that was found so, kept from coming back."""

from __future__ import annotations

import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.faults.fault_17_hostile_files import FULL, ROW
from benchmarks.fuzz.hostile import hostile
from benchmarks.fuzz.targets import TARGETS
from realtime.errors import ConfigurationError, DataError, EmostreamError


def _require(full: bool, cases: int) -> None:
    figures = ROW.ours(full).figures
    assert figures["first_finding"] == ""
    assert int(figures["cases"]) >= cases
    assert figures["code_run"] == 0
    assert figures["crashes"] == 0
    assert figures["out_of_memory"] == 0
    assert float(figures["slowest_s"]) < 1.0
    assert float(figures["grown_mb"]) < 1024.0
    assert int(figures["read"]) + int(figures["refused"]) == figures["cases"]


def test_hostile_recordings_arrays_and_settings_are_refused() -> None:
    _require(full=False, cases=2000)


@pytest.mark.slow
@pytest.mark.timeout(14_400)
def test_a_hundred_thousand_of_every_kind() -> None:
    _require(full=True, cases=100_000)


def test_the_whole_length_has_every_reader() -> None:
    assert FULL.keys() == TARGETS.keys()


_QUICK = (
    "npy", "npz", "pickle", "playlist", "preset", "training", "xlsx", "csv", "annotations", "parquet", "calibration",
    "session", "film-notes", "delays", "journal", "markers", "picture", "xdf-streams", "xdf-chunks",
    "mahnob", "hed-index", "hed-facts", "ratings", "meaning", "sheet", "analysis", "movements", "motion", "columns",
    "flow", "face", "still", "fold", "features", "training-data", "state", "view",
    "sound", "stimulus-sound",
)  # fmt: skip
"""Readers whose hostile files are read in this process: none of them needs its limits."""


@pytest.mark.parametrize("target", _QUICK)
def test_what_an_attacker_would_build_is_refused_by_name(target: str, tmp_path: Path) -> None:
    one, mark = TARGETS[target], tmp_path / "ran"
    path = tmp_path / one.file
    path.write_bytes(one.seeds(tmp_path)[0])
    with suppress(EmostreamError):  # some readers make what lies beside the file of the first one
        one.read(path)
    built = hostile(target, mark)
    assert built
    for what, content in built:
        path.write_bytes(content)
        told = ""
        try:
            one.read(path)
        except EmostreamError as err:
            told = str(err)
        assert "\n" not in told, what
        assert len(told) < 2000, what
        assert not mark.exists(), what


@pytest.mark.parametrize("key", [".".join("a" * 300), "'x'." + ".".join("a" * 300), "b = {" + ".".join("a" * 99)])
def test_a_key_of_very_many_parts_is_refused_before_it_takes_all_memory(key: str, tmp_path: Path) -> None:
    """tomllib keeps every beginning of a key: 100,000 parts are 40 GB."""
    from realtime.config import load_config

    path = tmp_path / "c.toml"
    path.write_text(f"{key} = 1\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="more than 16 parts"):
        load_config(path)


def test_dots_in_texts_and_comments_are_no_key(tmp_path: Path) -> None:
    from realtime.config import load_config

    path, dots = tmp_path / "c.toml", "a." * 50
    path.write_text(f'# {dots}\n[lsl]\nsession_id = "{dots}" # {dots}\n', encoding="utf-8")
    assert load_config(path).lsl.session_id == dots


def test_a_workbook_with_a_cell_at_its_far_corner_is_refused(tmp_path: Path) -> None:
    from models.data.coding import read_coding

    path = tmp_path / "s.xlsx"
    path.write_bytes(dict(hostile("xlsx", tmp_path / "ran"))["far cell"])
    with pytest.raises(DataError, match="cannot read the spreadsheet"):
        read_coding(path)


def test_an_archive_may_not_say_more_than_it_holds(tmp_path: Path) -> None:
    from realtime.npz_file import npz_shapes

    path = tmp_path / "a.npz"
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
    with pytest.raises(ValueError, match="and is not"):
        npz_shapes(path)


def test_matlab_files_of_every_honest_kind_pass(tmp_path: Path) -> None:
    import numpy as np
    import scipy.sparse
    from scipy.io import savemat

    from realtime.mat_file import check_mat

    kinds = {
        "x": np.arange(6.0).reshape(2, 3), "c": np.array([[1 + 2j]]), "s": "µV", "lines": ["abc", "de"], "empty": "",
        "cell": np.array([1, "a", np.zeros((0, 0))], dtype=object), "part": {"n": 2.0, "in": {"z": np.int16(3)}},
        "sparse": scipy.sparse.csc_matrix(np.eye(3)), "flags": np.array([True]), "nd": np.zeros((2, 3, 4), np.float32),
    }  # fmt: skip
    for packed in (False, True):
        savemat(tmp_path / "a.mat", kinds, do_compression=packed, oned_as="row")
        assert check_mat(tmp_path / "a.mat").scalars.items() >= {("part.n", 2.0), ("part.in.z", 3.0)}


def test_a_type_that_scipy_does_not_know_is_refused_before_it_goes_astray(tmp_path: Path) -> None:
    """SciPy looks such a type up beyond its table, and the process is gone."""
    from models.data.arrays import load_array

    path = tmp_path / "s.mat"
    path.write_bytes(dict(hostile("mat", tmp_path / "ran"))["type 65535"])
    with pytest.raises(DataError, match="type 65535"):
        load_array(path)


@pytest.mark.parametrize("packed", [True, False])
def test_a_variable_that_says_it_is_empty_and_is_not_is_refused(packed: bool, tmp_path: Path) -> None:
    """SciPy reads on regardless, with whatever types it meets; found by mutation."""
    import zlib

    from realtime.mat_file import check_mat

    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    empty = struct.pack("<II", 14, 0) + struct.pack("<IIII", 6, 8, 6, 0) + bytes(32)
    body = zlib.compress(empty)
    path = tmp_path / "s.mat"
    path.write_bytes(head + (struct.pack("<II", 15, len(body)) + body if packed else empty))
    with pytest.raises(ValueError, match=r"element|cut off"):
        check_mat(path)


def test_a_film_whose_title_is_no_text_is_read(tmp_path: Path) -> None:
    """Found by the fuzzer: what a film says of itself may be in any encoding."""
    from benchmarks.fuzz.seeds import film
    from gui.annotate.film import FilmFrames
    from realtime.face.films import film_facts

    (content,) = film(".mkv")(tmp_path)
    path = tmp_path / "f.mkv"
    for name in (b"first_frame_index", b"FIRST_FRAME_INDEX"):
        content = content.replace(name, b"\x87\xa3" + name[2:])
    path.write_bytes(content)
    assert film_facts(path).fps == 20.0
    frames = FilmFrames(path)
    assert len(frames) == 5
    frames.close()


def test_tags_of_a_fif_file_that_go_in_a_circle_are_refused(tmp_path: Path) -> None:
    """MNE follows them for ever; found by mutation."""
    from benchmarks.fuzz.seeds import fif
    from realtime.eeg.files import read_recording

    (content,) = fif(tmp_path)
    path = tmp_path / "s_eeg.fif"
    path.write_bytes(content[:12] + struct.pack(">i", 0) + content[16:])
    assert read_recording(path).samples_uv.shape == (4, 200)
    second = 16 + struct.unpack(">i", content[8:12])[0]
    path.write_bytes(content[: second + 12] + struct.pack(">i", second) + content[second + 16 :])
    with pytest.raises(DataError, match="followed by itself"):
        read_recording(path)


def test_names_that_no_file_can_have_are_those_of_none(tmp_path: Path) -> None:
    """Of a manifest, of a list of checksums; found by the fuzzer."""
    from models.data.manifest import read
    from realtime.recorder.checksums import verify
    from realtime.session.files import RunFiles

    table = tmp_path / "manifest.csv"
    table.write_text(f"subject,label,eeg,start_s\na,b,{'x' * 400},0\n", encoding="utf-8")
    assert any("no file" in problem.message for problem in read(table).problems)
    (tmp_path / "s_checksums.sha256").write_text(f"{'0' * 64}  s{'µ' * 250}\n", encoding="utf-8")
    assert len(verify(RunFiles(tmp_path, "s")).missing) == 1


def test_what_a_message_quotes_is_one_line_that_no_terminal_obeys(tmp_path: Path) -> None:
    from realtime.review.annotations import read_annotations

    path = tmp_path / "s_annotations.tsv"
    path.write_bytes(b"\x1b[2J\x0f\t" * 40 + b"x" * 5000 + b"\n")
    with pytest.raises(DataError) as found:
        read_annotations(path)
    assert str(found.value).isprintable()
    assert len(str(found.value)) <= 1000


def test_markers_that_lack_what_they_should_have_are_passed_over() -> None:
    from realtime.packets import Marker
    from realtime.truth import Truth

    truth = Truth()
    for text in ('{"event": "trial_start"}', '{"event": "movement", "onset_s": "x"}', "[" * 100_000, "9" * 10_000):
        truth.push(Marker(text, 1.0))
    assert (truth.trials, truth.movements) == ([], [])


def test_a_marker_nested_too_deep_or_with_a_number_too_long_is_no_event() -> None:
    from realtime.lsl.codecs import decode_event

    for text in ("[" * 100_000, '{"event": ' + "9" * 10_000 + "}"):
        with pytest.raises(DataError, match="is not JSON"):
            decode_event(text)


def test_an_emotion_sample_of_no_known_evidence_is_refused() -> None:
    import numpy as np

    from realtime.lsl.codecs import decode_emotion

    for evidence in (7.0, 0.5, float("nan"), float("inf")):
        row = np.zeros(3 * 2 + 6, np.float32)
        row[-3] = evidence
        with pytest.raises(DataError, match="evidence"):
            decode_emotion(row, 2)
