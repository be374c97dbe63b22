"""The annotation spreadsheet of MEs-EEG: coded movements, clip markers, and frame stamps in two formats.

Nothing here is shown to anyone: names are replaced by pseudonyms in `models.data.mes_eeg` before a problem is told.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal

from realtime.eeg.recording import UNREADABLE
from realtime.errors import DataError

EMOTIONS: tuple[str, ...] = ("sad", "disgust", "happy", "fear", "tense", "calm", "angry", "surprise")
"""Emotions of the stimuli; class id 1 is the first."""

CLIP_END = 100
"""Marker of a clip's end."""

INVALID_MARKERS = frozenset({77, 88})

_MOST_BYTES = 32 * 2**20
_MOST_CELLS = 1_000_000
"""Markers that stand for nothing."""

_FIRST_CLIP = 101
_CLASS_IDS = "123456781232456781234536781234567481234567856781"
_VIDEO_FPS = 150.0
_DAY_S = 86_400.0
_AGREE_S = 0.05  # seven frames: coders typed times and stamps by hand

COLUMNS: dict[str, str] = {
    "subject": "subject",
    "filename": "filename",
    "marker": "marker",
    "onsettime": "onset",
    "apextime": "apex",
    "offsettime": "offset",
    "onsetframe": "onset stamp",
    "apexframe": "apex stamp",
    "offsetframe": "offset stamp",
    "actionunits": "action units",
    "estimatedemotion": "emotion",
    "macro/micro": "kind",
    "date": "date",
    "dif": "dif",
}
"""Columns of the spreadsheet, without blanks and in lower case, and what messages call them."""

_NEEDED = ("subject", "marker", "onsettime", "apextime", "macro/micro", "date")


def clip_emotion(marker: int) -> str | None:
    """Emotion of the clip that a marker stands for; None where it stands for none."""
    place = marker - _FIRST_CLIP
    return EMOTIONS[int(_CLASS_IDS[place]) - 1] if 0 <= place < len(_CLASS_IDS) else None


def clip_markers(emotion: str) -> tuple[int, ...]:
    """Markers of the clips that a dataset holder showed for an emotion, ascending."""
    last = _FIRST_CLIP + len(_CLASS_IDS)
    return tuple(marker for marker in range(_FIRST_CLIP, last) if clip_emotion(marker) == emotion)


@dataclass(frozen=True, slots=True)
class FrameStamp:
    """Time of day of a video frame.

    Parameters
    ----------
    time_s : float
        Since midnight.
    has_us : bool
        True in the format HH-MM-SS-mmm-uuu, False in HH-MM-SS-mmm.
    """

    time_s: float
    has_us: bool

    def until(self, later: FrameStamp) -> float:
        """Seconds to a later stamp, over midnight if need be."""
        return (later.time_s - self.time_s) % _DAY_S

    def dif_s(self, dif: float) -> float:
        """The column `dif` of this stamp's row in seconds: it counts frames of 150 Hz video, or milliseconds."""
        return dif / _VIDEO_FPS if self.has_us else dif / 1000.0


_STAMP = re.compile(r"^(\d{1,2})-(\d{1,2})-(\d{1,2})-(\d{1,3})(?:-(\d{1,3}))?$")


def parse_stamp(text: str) -> FrameStamp | None:
    """Read a stamp, HH-MM-SS-mmm-uuu or HH-MM-SS-mmm, with or without a picture's ending; None where it is neither."""
    found = _STAMP.match(re.sub(r"\.(?:png|jpe?g|bmp)$", "", text.strip(), flags=re.IGNORECASE))
    if found is None:
        return None
    hours, minutes, seconds, ms = (int(part) for part in found.groups()[:4])
    if hours > 23 or minutes > 59 or seconds > 59:
        return None
    us = int(found[5]) if found[5] is not None else 0
    return FrameStamp(hours * 3600.0 + minutes * 60.0 + seconds + ms / 1e3 + us / 1e6, found[5] is not None)


@dataclass(frozen=True, slots=True)
class CodedRow:
    """A coded movement.

    Parameters
    ----------
    number : int
        Row of the spreadsheet; its header is row 1.
    name : str
        The subject's, lower case.
    day : str
        'yyyymmdd'.
    marker : int
        Of the clip.
    onset_s, apex_s : float
        Into the clip.
    offset_s : float or None
        None where it was not coded.
    kind : 'micro' or 'macro'
    emotion : str
        Of the stimulus, as the spreadsheet has it; lower case.
    filename : str
        Of the clip's video, without its ending.
    remarks : tuple of (field, message)
        What does not fit together, though the row can be used.
    """

    number: int
    name: str
    day: str
    marker: int
    onset_s: float
    apex_s: float
    offset_s: float | None
    kind: Literal["micro", "macro"]
    emotion: str
    filename: str
    remarks: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be used: which, the field and why. `name` is empty where the row has none."""

    number: int
    name: str
    field: str
    message: str


def read_coding(path: Path) -> tuple[list[CodedRow], list[BadRow]]:
    """Read the spreadsheet's first sheet.

    Raises
    ------
    DataError
        Unreadable, or without the columns wanted; names the file only.
    """
    header, body = _cells(path)
    columns = [_folded(name) if _folded(name) in COLUMNS else "" for name in header]
    if missing := [name for name in _NEEDED if name not in columns]:
        named = ", ".join(f"'{name}'" for name in missing)
        found = ", ".join(str(name) for name in header if name is not None)
        raise DataError(f"'{path.name}' lacks the columns {named}; found: {found}")
    rows: list[CodedRow] = []
    bad: list[BadRow] = []
    for number, cells in enumerate(body, 2):
        if not any(cell not in (None, "") for cell in cells):
            continue
        named = {column: cell for column, cell in zip(columns, cells, strict=False) if column}
        try:
            rows.append(_row(number, named))
        except _CellError as err:
            bad.append(BadRow(number, _name(named), err.field, str(err)))
    return rows, bad


class _CellError(Exception):
    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.field = COLUMNS[column]


def _cells(path: Path) -> tuple[list[Any], list[tuple[Any, ...]]]:
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        _require_small(path)
        # read whole: a workbook read row by row keeps its file open
        book = load_workbook(path, data_only=True)
        sheet = book.worksheets[0]
        if sheet.max_row * sheet.max_column > _MOST_CELLS:
            raise ValueError(f"{sheet.max_row} rows of {sheet.max_column} cells")
        rows = list(sheet.iter_rows(values_only=True))
    except (*UNREADABLE, zipfile.BadZipFile, InvalidFileException) as err:
        raise DataError(f"cannot read the spreadsheet '{path.name}': {type(err).__name__}; save it as .xlsx") from err
    if len(rows) < 2:
        raise DataError(f"the spreadsheet '{path.name}' has {len(rows)} rows; wanted a header and one row a movement")
    return list(rows[0]), rows[1:]


def _require_small(path: Path) -> None:
    """A workbook is a zip of XML: refuse what unpacks to far more than a table of movements, or declares entities."""
    with zipfile.ZipFile(path) as book:
        members = book.infolist()
        if sum(member.file_size for member in members) > _MOST_BYTES:
            raise ValueError(f"it unpacks to more than {_MOST_BYTES} bytes")
        for member in members:
            # a member may hold more than its head says: it is read no further than that
            if b"<!DOCTYPE" in book.read(member):
                raise ValueError("it has a document type")


def _row(number: int, cells: Mapping[str, Any]) -> CodedRow:
    name = _name(cells)
    if not name:
        raise _CellError("subject", "no subject; every row needs one")
    marker = _whole(cells, "marker")
    if marker in INVALID_MARKERS:
        raise _CellError("marker", f"{marker} is an invalid marker; a clip's is 101 to 148")
    if clip_emotion(marker) is None:
        raise _CellError("marker", f"{marker} is no clip's marker; wanted 101 to 148")
    remarks: list[tuple[str, str]] = []
    onset_s, apex_s = _seconds(cells, "onsettime"), _seconds(cells, "apextime")
    if not 0 <= onset_s < apex_s:
        raise _CellError("apextime", f"onset {onset_s:g} s, apex {apex_s:g} s: wanted 0 <= onset < apex")
    return CodedRow(
        number=number,
        name=name,
        day=_day(cells),
        marker=marker,
        onset_s=onset_s,
        apex_s=apex_s,
        offset_s=_offset(cells, apex_s, remarks),
        kind=_kind(cells),
        emotion=str(cells.get("estimatedemotion") or "").strip().lower(),
        filename=re.sub(r"\.\w{3}$", "", str(cells.get("filename") or "").strip()),
        remarks=(*remarks, *_stamp_remarks(cells, onset_s, apex_s)),
    )


def _name(cells: Mapping[str, Any]) -> str:
    """The subject, without the date that some files carry behind the name."""
    text = cells.get("subject")
    text = str(int(text)) if isinstance(text, float) and text.is_integer() else str(text or "")
    return re.sub(r"_?\d{8}$", "", text.strip()).lower()


def _kind(cells: Mapping[str, Any]) -> Literal["micro", "macro"]:
    text = str(cells.get("macro/micro") or "").strip().lower()
    kinds: tuple[Literal["micro", "macro"], ...] = ("micro", "macro")
    for kind in kinds:
        if text.startswith(kind):
            return kind
    raise _CellError("macro/micro", "neither micro nor macro")


def _offset(cells: Mapping[str, Any], apex_s: float, remarks: list[tuple[str, str]]) -> float | None:
    """The offset, None where it was not coded: empty, or the apex written again."""
    if cells.get("offsettime") in (None, ""):
        return None
    try:
        offset_s = _seconds(cells, "offsettime")
    except _CellError as err:
        remarks.append(("offset", f"{err}; taken as not coded"))
        return None
    if offset_s < apex_s:
        remarks.append(("offset", f"{offset_s:g} s lies before the apex at {apex_s:g} s; taken as not coded"))
    return offset_s if offset_s > apex_s else None


def _stamp_remarks(cells: Mapping[str, Any], onset_s: float, apex_s: float) -> list[tuple[str, str]]:
    """Where stamps or `dif` tell another length than the times do, which count."""
    remarks: list[tuple[str, str]] = []
    stamps: dict[str, FrameStamp] = {}
    for column in ("onsetframe", "apexframe", "offsetframe"):
        text = cells.get(column)
        if text in (None, ""):
            continue
        if (stamp := parse_stamp(str(text))) is None:
            remarks.append((COLUMNS[column], "neither HH-MM-SS-mmm-uuu nor HH-MM-SS-mmm; passed over"))
        else:
            stamps[column] = stamp
    onset, apex, offset = (stamps.get(column) for column in ("onsetframe", "apexframe", "offsetframe"))
    if onset is None or apex is None:
        return remarks
    if onset.has_us != apex.has_us:
        remarks.append(("apex stamp", "onset and apex are stamped in two formats"))
    length_s = onset.until(apex)
    if abs(length_s - (apex_s - onset_s)) > _AGREE_S:
        remarks.append(("apex stamp", f"{length_s:.3f} s after the onset's, but {apex_s - onset_s:.3f} s by the times"))
    dif = cells.get("dif")
    if isinstance(dif, int | float) and math.isfinite(dif):
        meant_s = onset.dif_s(float(dif))
        lengths_s = [length_s] if offset is None else [length_s, onset.until(offset)]
        if min(abs(meant_s - each) for each in lengths_s) > _AGREE_S:
            unit = "frames" if onset.has_us else "ms"
            remarks.append(("dif", f"{dif:g} {unit} is neither the rise nor the length of the movement"))
    elif dif not in (None, ""):
        remarks.append(("dif", "no number; passed over"))
    return remarks


def _whole(cells: Mapping[str, Any], column: str) -> int:
    value = _seconds(cells, column)
    if not value.is_integer():
        raise _CellError(column, f"{value:g} is no whole number")
    return int(value)


def _seconds(cells: Mapping[str, Any], column: str) -> float:
    cell = cells.get(column)
    if cell in (None, ""):
        raise _CellError(column, f"no {COLUMNS[column]}; every row needs one")
    try:
        value = float(cell) if not isinstance(cell, bool) else math.nan
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        # what the cell says instead may be a name
        raise _CellError(column, f"a {type(cell).__name__} that is no number; wanted seconds or a marker")
    return value


def _day(cells: Mapping[str, Any]) -> str:
    cell = cells.get("date")
    if isinstance(cell, datetime | date):
        return f"{cell:%Y%m%d}"
    text = str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell if cell is not None else "")
    digits = re.sub(r"[-./\s]", "", text.strip())
    if not re.fullmatch(r"\d{8}", digits):
        raise _CellError("date", "no date; wanted yyyymmdd")
    return digits


def _folded(name: Any) -> str:
    return re.sub(r"[\s_]+", "", str(name if name is not None else "")).lower()
