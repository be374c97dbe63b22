"""The annotation spreadsheet of MEs-EEG: its table of markers, two formats of stamps, and cells that are wrong."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.data.coding import (
    EMOTIONS,
    CodedRow,
    FrameStamp,
    clip_emotion,
    clip_markers,
    parse_stamp,
    read_coding,
)
from realtime.analysis.coding_sheet import COLUMNS
from realtime.errors import DataError
from simulators.layouts.coding_sheet import write_sheet

PUBLISHED = "1 2 3 4 5 6 7 8 1 2 3 2 4 5 6 7 8 1 2 3 4 5 3 6 7 8 1 2 3 4 5 6 7 4 8 1 2 3 4 5 6 7 8 5 6 7 8 1"
ROW: dict[str, Any] = {
    "Subject": "nooneba",
    "Filename": "sad_1_101_nooneba_20200106.avi",
    "Marker": 101,
    "OnsetTime": 3.0,
    "ApexTime": 3.2,
    "OffsetTime": 3.5,
    "OnsetFrame": "09-30-03-000-000",
    "ApexFrame": "09-30-03-200-000",
    "OffsetFrame": "09-30-03-500-000",
    "Action Units": "AU4",
    "Estimated Emotion": "sad",
    "Macro/Micro": "Micro",
    "Date": 20200106,
    "dif": 30,
}


def written(tmp_path: Path, *changes: dict[str, Any]) -> Path:
    path = tmp_path / "coding_file_combined.xlsx"
    write_sheet(path, [ROW | change for change in changes])
    return path


def test_a_marker_stands_for_the_published_emotion() -> None:
    ids = [EMOTIONS.index(emotion) + 1 for marker in range(101, 149) if (emotion := clip_emotion(marker)) is not None]
    assert ids == [int(number) for number in PUBLISHED.split()]
    for marker in (-1, 0, 77, 88, 100, 149):
        assert clip_emotion(marker) is None
    assert sorted(marker for emotion in EMOTIONS for marker in clip_markers(emotion)) == list(range(101, 149))


@settings(deadline=None)
@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999), st.integers(0, 999) | st.none())
def test_both_formats_of_stamps_are_read(h: int, m: int, s: int, ms: int, us: int | None) -> None:
    text = f"{h:02d}-{m:02d}-{s:02d}-{ms:03d}" + ("" if us is None else f"-{us:03d}")
    for name in (text, f" {text} ", f"{text}.png"):
        stamp = parse_stamp(name)
        assert stamp is not None
        assert stamp.time_s == pytest.approx(h * 3600 + m * 60 + s + ms / 1e3 + (us or 0) / 1e6, abs=1e-9)
        assert stamp.has_us == (us is not None)


@settings(deadline=None)
@given(st.text(max_size=24))
def test_any_text_is_a_stamp_within_the_day_or_none(text: str) -> None:
    stamp = parse_stamp(text)
    assert stamp is None or 0 <= stamp.time_s < 86_400


@settings(deadline=None)
@given(st.floats(0, 86_399), st.floats(0, 3_600))
def test_time_between_stamps_goes_over_midnight(start_s: float, length_s: float) -> None:
    later = FrameStamp((start_s + length_s) % 86_400.0, True)
    apart_s = FrameStamp(start_s, True).until(later)
    assert apart_s == pytest.approx(length_s, abs=1e-6) or apart_s == pytest.approx(86_400.0, abs=1e-6)


def test_dif_counts_frames_in_the_long_format_and_milliseconds_in_the_short_one() -> None:
    assert FrameStamp(0.0, True).dif_s(30) == pytest.approx(0.2)
    assert FrameStamp(0.0, False).dif_s(200) == pytest.approx(0.2)


def test_rows_of_either_stamp_format_agree_with_their_dif(tmp_path: Path) -> None:
    short = {"OnsetFrame": "09-30-03-000", "ApexFrame": "09-30-03-200", "OffsetFrame": "09-30-03-500"}
    rows, bad = read_coding(written(tmp_path, {}, short | {"dif": 200}, short | {"dif": 500}, {"dif": 75}))
    assert not bad
    assert [row.remarks for row in rows] == [()] * 4
    assert {(row.onset_s, row.apex_s, row.offset_s) for row in rows} == {(3.0, 3.2, 3.5)}


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"dif": 200}, "dif", "200 frames"),
        ({"OnsetFrame": "09-30-03-000", "ApexFrame": "09-30-03-200", "dif": 30}, "dif", "30 ms"),
        ({"dif": "thirty"}, "dif", "no number"),
        ({"ApexFrame": "09-30-04-200-000", "dif": None}, "apex stamp", "1.200 s after the onset's, but 0.200"),
        ({"ApexFrame": "09-30-03-200"}, "apex stamp", "two formats"),
        ({"OnsetFrame": "IMG_0231.png"}, "onset stamp", "neither"),
        ({"OffsetTime": 3.1}, "offset", "before the apex"),
        ({"OffsetTime": "late"}, "offset", "taken as not coded"),
    ],
)
def test_what_does_not_fit_is_remarked_and_the_times_count(
    tmp_path: Path, change: dict[str, Any], field: str, said: str
) -> None:
    (row,), bad = read_coding(written(tmp_path, change))
    assert not bad
    assert (row.onset_s, row.apex_s) == (3.0, 3.2)
    assert [name for name, _ in row.remarks] == [field]
    assert said in row.remarks[0][1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"Marker": 77}, "marker"),
        ({"Marker": 88}, "marker"),
        ({"Marker": 100}, "marker"),
        ({"Marker": 149}, "marker"),
        ({"Marker": 101.5}, "marker"),
        ({"Marker": True}, "marker"),
        ({"Marker": None}, "marker"),
        ({"Subject": None}, "subject"),
        ({"Date": None}, "date"),
        ({"Date": "last Monday"}, "date"),
        ({"OnsetTime": None}, "onset"),
        ({"OnsetTime": datetime(2020, 1, 6)}, "onset"),
        ({"OnsetTime": -1.0}, "apex"),
        ({"ApexTime": "nooneba"}, "apex"),
        ({"ApexTime": 3.0}, "apex"),
        ({"Macro/Micro": "unsure"}, "kind"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    rows, bad = read_coding(written(tmp_path, {}, change))
    assert len(rows) == 1
    assert [(row.number, row.field) for row in bad] == [(3, field)]
    assert "nooneba" not in bad[0].message


def test_cells_are_understood_as_spreadsheets_change_them(tmp_path: Path) -> None:
    changes = (
        {"Marker": 101.0, "Date": datetime(2020, 1, 6), "Subject": " NooneBA "},
        {"Marker": "101", "Date": "2020-01-06", "Subject": "nooneba20200106"},
        {"Date": 20200106.0, "OnsetTime": "3.0", "Macro/Micro": "micro-expression"},
    )
    rows, bad = read_coding(written(tmp_path, *changes))
    assert not bad
    assert {(row.name, row.day, row.marker, row.onset_s, row.kind) for row in rows} == {
        ("nooneba", "20200106", 101, 3.0, "micro")
    }


def test_an_offset_at_the_apex_was_not_coded(tmp_path: Path) -> None:
    rows, _ = read_coding(written(tmp_path, {"OffsetTime": 3.2}, {"OffsetTime": None}, {"Macro/Micro": "Macro"}))
    assert [row.offset_s for row in rows] == [None, None, 3.5]
    assert [row.kind for row in rows] == ["micro", "micro", "macro"]
    assert all(isinstance(row, CodedRow) for row in rows)


def test_blank_rows_are_no_rows(tmp_path: Path) -> None:
    rows, bad = read_coding(written(tmp_path, {}, dict.fromkeys(COLUMNS), {}))
    assert [row.number for row in rows] == [2, 4]
    assert not bad


def test_a_spreadsheet_without_its_columns_says_which(tmp_path: Path) -> None:
    from openpyxl import Workbook

    path = tmp_path / "coding_file_combined.xlsx"
    book = Workbook()
    for row in (["Subject", "Marker", "Onset"], ["nooneba", 101, 3.0]):
        book.active.append(row)  # type: ignore[union-attr]
    book.save(path)
    with pytest.raises(DataError, match="lacks the columns 'onsettime', 'apextime', 'macro/micro', 'date'"):
        read_coding(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"Subject,Marker\n"])
def test_a_file_that_is_no_spreadsheet_is_an_error_of_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "coding_file_combined.xlsx"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"coding_file_combined\.xlsx") as caught:
        read_coding(path)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)
