"""The plain manifest: what is read, what is refused, and that nothing goes missing unsaid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.data.manifest import COLUMNS, read, recognises, write_manifest
from models.data.rows import Dataset, EegArray, EegRecording, FlowMap, Pictures, VideoMoment, VideoSpan
from realtime.errors import DataError

HEADER = "sample,subject,group,label,eeg,sfreq_hz,channels\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of every kind a manifest names; what is in them is nobody's business here."""
    np.save(tmp_path / "eeg.npy", np.zeros((2, 300)))
    for name in ("rec.edf", "onset.png", "apex.png", "flow.npy", "clip.avi"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def written(folder: Path, text: str, name: str = "manifest.csv", encoding: str = "utf-8") -> Dataset:
    (folder / name).write_bytes(text.encode(encoding))
    return read(folder / name)


def told(dataset: Dataset, kind: str = "excluded") -> list[tuple[str, str]]:
    return [(problem.where, problem.field) for problem in dataset.problems if problem.kind == kind]


def one(folder: Path, **cells: Any) -> Dataset:
    write_manifest(folder / "one.csv", [{"sample": "s", "subject": "sub-01", "group": "g", "label": "happy", **cells}])
    return read(folder / "one.csv")


def test_every_kind_of_source(folder: Path) -> None:
    assert one(folder, eeg="eeg.npy").rows[0].eeg == EegArray(folder / "eeg.npy")
    volts = one(folder, eeg="eeg.npy", sfreq_hz=256.0, unit="µV", channels=["Fz", "Cz"]).rows[0].eeg
    assert volts == EegArray(folder / "eeg.npy", 256.0, ("Fz", "Cz"), unit="uV")
    assert one(folder, eeg="rec.edf", start_s=5.0).rows[0].eeg == EegRecording(folder / "rec.edf", 5.0, 45.0)
    assert one(folder, eeg="rec.edf", start_s=5, duration_s=7.5).rows[0].eeg == EegRecording(
        folder / "rec.edf", 5.0, 12.5
    )
    pictures = Pictures(folder / "onset.png", folder / "apex.png")
    assert one(folder, onset="onset.png", apex="apex.png").rows[0].face == pictures
    both = one(folder, onset="onset.png", apex="apex.png", flow="flow.npy").rows[0].face
    assert both == FlowMap(folder / "flow.npy", pictures)
    moment = one(folder, video="clip.avi", onset_s=1.0, apex_s=1.2).rows[0].face
    assert moment == VideoMoment(folder / "clip.avi", 1.0, 1.2)
    assert one(folder, video="clip.avi", start_s=1, stop_s=9).rows[0].face == VideoSpan(folder / "clip.avi", 1.0, 9.0)


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"eeg": "gone.npy"}, "eeg"),
        ({"eeg": "rec.edf"}, "start_s"),
        ({"eeg": "rec.edf", "start_s": "soon"}, "start_s"),
        ({"eeg": "rec.edf", "start_s": -1}, "start_s"),
        ({"eeg": "rec.edf", "start_s": 3, "stop_s": 3}, "start_s"),
        ({"eeg": "rec.edf", "start_s": 1, "stop_s": 3, "duration_s": 3}, "stop_s"),
        ({"eeg": "eeg.npy", "sfreq_hz": "fast"}, "sfreq_hz"),
        ({"eeg": "eeg.npy", "sfreq_hz": "inf"}, "sfreq_hz"),
        ({"eeg": "eeg.npy", "sfreq_hz": 0}, "sfreq_hz"),
        ({"eeg": "eeg.npy", "unit": "mV"}, "unit"),
        ({"eeg": "#REF!"}, "eeg"),
        ({"eeg": "eeg.npy", "sfreq_hz": 100, "start_s": 2}, "start_s"),
        ({"onset": "onset.png"}, "apex"),
        ({"apex": "apex.png"}, "onset"),
        ({"onset": "onset.png", "apex": "apex.png", "aligned": "perhaps"}, "aligned"),
        ({"video": "clip.avi"}, "start_s"),
        ({"video": "clip.avi", "start_s": 1}, "stop_s"),
        ({"video": "clip.avi", "onset_s": 2, "apex_s": 1}, "apex_s"),
        ({"video": "clip.avi", "onset_s": 2}, "apex_s"),
        ({"eeg": ""}, "eeg"),
        ({"label": "", "eeg": "eeg.npy"}, "label"),
        ({"label": "NaN", "eeg": "eeg.npy"}, "label"),
        ({"subject": "", "eeg": "eeg.npy"}, "subject"),
    ],
)
def test_a_bad_row_is_named(folder: Path, cells: dict[str, Any], field: str) -> None:
    dataset = one(folder, **cells)
    assert not dataset.rows
    assert told(dataset) == [("one.csv row 2", field)]


def test_what_is_not_used_is_said(folder: Path) -> None:
    assert told(one(folder, eeg="rec.edf", start_s=1, sfreq_hz=100), "kept") == [("one.csv row 2", "sfreq_hz")]
    assert told(one(folder, flow="flow.npy", video="clip.avi"), "kept") == [("one.csv row 2", "video")]


def test_a_sample_twice_and_a_row_too_long(folder: Path) -> None:
    text = HEADER + "a,sub-01,g,x,eeg.npy,256,\n" * 2 + "b,sub-01,g,x,eeg.npy,256,Fz,Cz\n\n,,,,,,\n"
    dataset = written(folder, text)
    assert [row.sample for row in dataset.rows] == ["a"]
    assert sorted(told(dataset)) == [("manifest.csv row 3", "sample"), ("manifest.csv row 4", "row")]
    assert any("2 blank rows" in problem.message for problem in dataset.problems)


@pytest.mark.parametrize("missing", ["subject", "label", "eeg"])
def test_a_missing_column_is_fatal(folder: Path, missing: str) -> None:
    columns = [name for name in ("sample", "subject", "group", "label", "eeg") if name != missing]
    dataset = written(folder, ",".join(columns) + "\n" + ",".join("x" for _ in columns) + "\n")
    assert not dataset.rows
    [(where, field)] = told(dataset, "fatal")
    assert where == "manifest.csv"
    assert field.startswith(missing)


def test_columns_that_may_be_missing_are_remarked(folder: Path) -> None:
    dataset = written(folder, "subject,label,eeg,mood\nsub-01,x,eeg.npy,good\n")
    assert [(row.sample, row.group) for row in dataset.rows] == [("row-2", "row-2")]
    assert {field for _, field in told(dataset, "kept")} == {"sample", "group", "columns"}


@pytest.mark.parametrize(
    ("encoding", "delimiter", "first"),
    [
        ("utf-8-sig", ",", ""),
        ("utf-16", "\t", ""),
        ("utf-8", ";", "sep=;\n"),
        ("utf-8-sig", ";", ""),
        ("cp1252", ";", ""),
    ],
)
def test_what_spreadsheets_write(folder: Path, encoding: str, delimiter: str, first: str) -> None:
    rows = [
        [" Sample ", "SUBJECT", "group", "label", "eeg", "sfreq_hz"],
        ["é-1", "sub-01", "g", "x", "eeg.npy", "256,5" if delimiter == ";" else "256.5"],
    ]
    text = first + "\r\n".join(delimiter.join(row) for row in rows) + "\r\n"
    dataset = written(folder, text, encoding=encoding)
    [row] = dataset.rows
    assert row.sample == "é-1"
    assert row.where == f"manifest.csv row {3 if first else 2}"
    assert isinstance(row.eeg, EegArray)
    assert row.eeg.sfreq_hz == 256.5
    assert any("UTF-8" in problem.message for problem in dataset.problems) == (encoding == "cp1252")


def test_rewritten_names_are_remarked(folder: Path) -> None:
    dataset = written(folder, HEADER + "1.2E+05,sub-01,03-Jan,x,eeg.npy,256,\n")
    assert len(dataset.rows) == 1
    assert told(dataset, "kept") == [("manifest.csv row 2", "sample"), ("manifest.csv row 2", "group")]


def test_names_of_people_never_come_out(folder: Path) -> None:
    (folder / "Erika_1.npy").write_bytes(b"x")
    text = (
        HEADER
        + "Erika_1,Erika,erika-a,x,Erika_1.npy,256,\nmax_1,Max,g,x,max_gone.npy,256,\nErika_1,Erika,g,x,eeg.npy,1,\n"
    )
    dataset = written(folder, text)
    assert [(row.sample, row.subject, row.group) for row in dataset.rows] == [("sub-01_1", "sub-01", "sub-01-a")]
    said = repr([(problem.where, problem.message) for problem in dataset.problems]).lower()
    assert "sub-02_gone.npy" in said
    assert "erika" not in said
    assert "max" not in said


def test_short_names_are_words_and_codes_are_none(folder: Path) -> None:
    text = HEADER + "on_1,on,song,x,eeg.npy,256,\n7-a,7,g7,x,eeg.npy,256,\nc,on,g,x,son_gone.npy,1,\n"
    dataset = written(folder, text)
    assert [(row.sample, row.group) for row in dataset.rows] == [("sub-02_1", "song"), ("7-a", "g7")]
    assert [p.message for p in dataset.problems] == ["no file 'son_gone.npy' (relative to the manifest)"]


def test_pseudonyms_are_kept_only_where_all_are(folder: Path) -> None:
    same = written(folder, HEADER + "a,sub-07,g,x,eeg.npy,256,\nb,sub-3,g,x,eeg.npy,256,\n")
    assert same.subjects == ("sub-07", "sub-3")
    mixed = written(folder, HEADER + "a,sub-07,g,x,eeg.npy,256,\nb,bob,g,x,eeg.npy,256,\n")
    assert mixed.subjects == ("sub-01", "sub-02")


def test_numbers_of_people_keep_their_order(folder: Path) -> None:
    rows = "".join(f"s{n},{n},g,x,eeg.npy,256,\n" for n in (10, 9, 1, 100))
    dataset = written(folder, HEADER + rows)
    assert [row.subject for row in dataset.rows] == ["sub-03", "sub-02", "sub-01", "sub-04"]


@pytest.mark.parametrize(
    ("delimiter", "text", "sfreq_hz"),
    [(",", '"1,000"', None), (",", '"1,5"', None), (";", "1,000", None), (";", "1,5", 1.5)],
)
def test_a_comma_in_a_number(folder: Path, delimiter: str, text: str, sfreq_hz: float | None) -> None:
    lines = [["subject", "group", "label", "eeg", "sfreq_hz"], ["sub-01", "g", "x", "eeg.npy", text]]
    dataset = written(folder, "\n".join(delimiter.join(line) for line in lines))
    assert [row.eeg.sfreq_hz for row in dataset.rows if isinstance(row.eeg, EegArray)] == [sfreq_hz] * bool(sfreq_hz)
    assert told(dataset) == ([] if sfreq_hz else [("manifest.csv row 2", "sfreq_hz")])


def test_real_and_simulated_people_do_not_mix(folder: Path) -> None:
    header = "sample,subject,group,label,eeg,simulated\n"
    assert written(folder, header + "a,sub-01,g,x,eeg.npy,yes\nb,sub-02,g,x,eeg.npy,yes\n").simulated
    mixed = written(folder, header + "a,sub-01,g,x,eeg.npy,yes\nb,sub-02,g,x,eeg.npy,\n")
    assert told(mixed, "fatal") == [("manifest.csv", "simulated")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"subject,label,subject\n", "twice"),
        (b'subject,label\n"a,b\n', "quotation mark"),
        (b"PK\x03\x04\x00\x00", "no text"),
    ],
)
def test_no_table_at_all(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "manifest.csv").write_bytes(content)
    with pytest.raises(DataError, match=words):
        read(tmp_path)


def test_other_files(tmp_path: Path) -> None:
    assert not recognises(tmp_path)
    with pytest.raises(DataError, match="no manifest"):
        read(tmp_path)
    with pytest.raises(DataError, match="no manifest"):
        read(tmp_path / "gone.csv")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 or so")
    assert recognises(tmp_path / "broken.parquet")
    with pytest.raises(DataError, match="Parquet"):
        read(tmp_path / "broken.parquet")


def test_writing_refuses_what_reading_would(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no row"):
        write_manifest(tmp_path / "m.csv", [])
    with pytest.raises(DataError, match="'mood'"):
        write_manifest(tmp_path / "m.csv", [{"subject": "sub-01", "mood": "good"}])
    with pytest.raises(DataError, match="cannot write"):
        write_manifest(tmp_path / "gone" / "m.csv", [{"subject": "sub-01"}])
    assert not list(tmp_path.iterdir())


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=12).map(
    lambda text: "x" + " ".join(text.split())
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(TEXT, st.integers(1, 40), TEXT, TEXT, st.floats(1, 5000), st.lists(st.sampled_from(["Fz", "Cz"]))),
        min_size=1,
        max_size=6,
        unique_by=lambda row: row[0],
    ),
    suffix=st.sampled_from(["csv", "parquet"]),
)
def test_what_was_written_is_read(folder: Path, rows: list[tuple[Any, ...]], suffix: str) -> None:
    path = folder / f"m.{suffix}"
    names = ("sample", "subject", "group", "label", "sfreq_hz", "channels")
    cells = [dict(zip(names, row, strict=True)) | {"eeg": folder / "eeg.npy"} for row in rows]
    for cell in cells:
        cell["subject"] = f"sub-{cell['subject']:02d}"
    write_manifest(path, cells)
    dataset = read(path)
    assert not [problem for problem in dataset.problems if problem.kind != "kept"]
    assert len(dataset.rows) == len(rows)
    for row, cell in zip(dataset.rows, cells, strict=True):
        assert (row.sample, row.subject, row.group, row.label) == tuple(cell[name] for name in names[:4])
        assert row.eeg == EegArray(folder / "eeg.npy", cell["sfreq_hz"], tuple(cell["channels"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet='ab,;"\n\r\tsubject label eeg=0.5µ', max_size=80))
def test_any_text_gives_a_data_set_or_a_named_error(folder: Path, text: str) -> None:
    path = folder / "any.csv"
    path.write_text("subject,label,eeg\n" + text, encoding="utf-8")
    try:
        dataset = read(path)
    except DataError as err:
        message = str(err)
    else:
        message = "".join(problem.message or "\n" for problem in dataset.problems)
        assert len({row.sample for row in dataset.rows}) == len(dataset.rows)
    assert "\n" not in message


def test_every_column_is_explained() -> None:
    assert all(len(text) > 10 for text in COLUMNS.values())
