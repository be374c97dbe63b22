"""What a coder says of a recording's movements: the table `<stem>_annotations.tsv`, read, checked and saved.

Times are seconds since the first EEG sample of the XDF, of a loose film since its first frame. The table is replaced
whole or not at all, and what it held before is kept beside it as `<stem>_annotations.tsv.~1~`, `.~2~` and so on.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, cast, get_args

from realtime.errors import DataError
from realtime.review.facs import parse_units, units_text
from realtime.untrusted import read_within

Kind = Literal["micro", "macro", "trial"]
Status = Literal["", "accepted", "rejected", "candidate"]

KINDS: tuple[str, ...] = get_args(Kind)
STATUSES: tuple[str, ...] = get_args(Status)
COUNTING: tuple[str, ...] = ("", "accepted")
"""Of the states of a row, those that are learnt from and counted."""

_NUMBERS = ("onset_s", "apex_s", "offset_s", "found_apex_s")
_MISSING = frozenset({"", "nan", "n/a", "none"})
_MOST_ROWS, _MOST_COLUMNS = 100_000, 100
_MOST_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Annotation:
    """One row: a movement, or a trial.

    Parameters
    ----------
    onset_s, apex_s, offset_s : float
        Increasing, s of the recording; a trial's apex is NaN.
    label : str
        Emotion; '' is the trial's.
    kind : 'micro', 'macro' or 'trial'
    action_units : str
        'AU4+AU7'; '' where not coded.
    status : '', 'accepted', 'rejected' or 'candidate'
        The first two count; a candidate was found by the spotter and is unreviewed.
    coder : str
        Who decided, a pseudonym.
    comment : str
    found_apex_s : float
        Where the spotter had the apex; NaN for an event that a coder found.

    Raises
    ------
    DataError
        A time, kind, status or action unit that cannot be.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    label: str = ""
    kind: Kind = "micro"
    action_units: str = ""
    status: Status = ""
    coder: str = ""
    comment: str = ""
    found_apex_s: float = math.nan

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise DataError(f"kind '{self.kind}', wanted {', '.join(KINDS)}")
        if self.status not in STATUSES:
            raise DataError(f"status '{self.status}', wanted nothing, {', '.join(STATUSES[1:])}")
        names = ("onset_s", "offset_s") if self.kind == "trial" else ("onset_s", "apex_s", "offset_s")
        times = [getattr(self, name) for name in names]
        if not all(math.isfinite(time) for time in times) or times[0] < 0 or sorted(set(times)) != times:
            told = ", ".join(f"{time:g}" for time in times)
            raise DataError(f"{', '.join(names)} are {told}: wanted increasing times from 0 on")
        if units_text(parse_units(self.action_units)) != self.action_units:
            raise DataError(f"action units '{self.action_units}', wanted like AU4+AU7")
        for name in ("label", "coder", "comment"):
            if not getattr(self, name).isprintable():
                raise DataError(f"{name} {getattr(self, name)!r} holds a tab or a line's end: wanted one line of text")

    @property
    def counts(self) -> bool:
        """Whether it is learnt from and counted."""
        return self.status in COUNTING


COLUMNS: tuple[str, ...] = tuple(one.name for one in fields(Annotation))


def annotations_path(recording: Path) -> Path:
    """Where the annotations of an XDF file or a film lie."""
    return recording.with_name(f"{recording.stem.removesuffix('_eeg')}_annotations.tsv")


def read_annotations(path: Path) -> tuple[Annotation, ...]:
    """Rows of a table in order of time; none where there is no such file.

    Columns beyond ours are refused, since saving would lose them; of ours, only the three times are needed.

    Raises
    ------
    DataError
        Unreadable, or a row that cannot be; it names the row as a spreadsheet counts.
    """
    try:
        text = read_within(path, _MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as err:
        raise DataError(f"cannot read '{path}': {err}; wanted a UTF-8 table of tab-separated columns") from err
    return parse_annotations(text, path.name)


def parse_annotations(text: str, name: str) -> tuple[Annotation, ...]:
    """Rows of a table's text; `name` is for messages.

    Raises
    ------
    DataError
        As for `read_annotations`.
    """
    try:
        first = text.split("\n", 1)[0]
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=max("\t;,", key=first.count), strict=True))
    except csv.Error as err:
        raise DataError(f"cannot read '{name}' as a table: {err}") from err
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    if len(header) > _MOST_COLUMNS:
        raise DataError(f"'{name}' has {len(header)} columns; wanted {len(COLUMNS)} at most")
    if missing := [column for column in ("onset_s", "apex_s", "offset_s") if column not in header]:
        raise DataError(f"'{name}' has no column '{missing[0]}'; found: {', '.join(header) or 'nothing'}")
    if unknown := [column for column in header if column not in COLUMNS]:
        raise DataError(f"'{name}' has the column '{unknown[0]}', which saving would lose; keep it in another file")
    if len(set(header)) < len(header):
        raise DataError(f"'{name}' has a column twice: {', '.join(header)}")
    if len(rows) > _MOST_ROWS:
        raise DataError(f"'{name}' has {len(rows)} rows; wanted {_MOST_ROWS} at most")
    found = []
    for number, cells in enumerate(rows[1:], 2):
        if any(cell.strip() for cell in cells):
            found.append(_row(header, cells, f"'{name}' row {number}"))
    return in_order(found)


def in_order(rows: Sequence[Annotation]) -> tuple[Annotation, ...]:
    """Rows in order of time, trials before the movements in them."""
    return tuple(sorted(rows, key=lambda row: (row.onset_s, row.kind != "trial", row.offset_s)))


def _row(header: Sequence[str], cells: Sequence[str], where: str) -> Annotation:
    if len(cells) > len(header):
        raise DataError(f"{where} has {len(cells)} cells for {len(header)} columns")
    said: dict[str, object] = {}
    for column, cell in zip(header, (cell.strip() for cell in cells), strict=False):
        if column in _NUMBERS:
            said[column] = _seconds(cell, f"{where}: {column}")
        elif cell.lower() not in ("", "n/a"):
            said[column] = cell.lower() if column in ("kind", "status") else cell
    try:
        if "action_units" in said:
            said["action_units"] = units_text(parse_units(cast("str", said["action_units"])))
        times = {name: said.pop(name, math.nan) for name in ("onset_s", "apex_s", "offset_s")}
        return Annotation(**times, **said)  # type: ignore[arg-type]
    except DataError as err:
        raise DataError(f"{where}: {err}") from err


def _seconds(cell: str, where: str) -> float:
    if cell.lower() in _MISSING:
        return math.nan
    try:
        return float(cell)
    except ValueError as err:
        raise DataError(f"{where} is '{cell}', wanted seconds") from err


def render_annotations(rows: Sequence[Annotation]) -> str:
    """The table as text: one line a row in order of time, times to the microsecond, 'n/a' for none."""

    def cell(row: Annotation, column: str) -> str:
        value = getattr(row, column)
        if isinstance(value, float):
            return f"{value:.6f}" if math.isfinite(value) else "n/a"
        return value or "n/a"

    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([cell(row, column) for column in COLUMNS] for row in in_order(rows))
    return text.getvalue()


def save_annotations(path: Path, rows: Sequence[Annotation]) -> Path | None:
    """Write a table, whole or not at all and for the owner alone; what was there is kept under a number.

    Returns
    -------
    Path or None
        Where the old table is kept; None where there was none, or where it says the same.

    Raises
    ------
    DataError
        The folder cannot be written to.
    """
    text = render_annotations(rows)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.is_file() and path.read_bytes() == text.encode():
            return None
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        kept = _keep(path)
        part.replace(path)
    except OSError as err:
        raise DataError(f"cannot save '{path}': {err.strerror or err}; free space or choose another --table") from err
    finally:
        part.unlink(missing_ok=True)
    return kept


def _keep(path: Path) -> Path | None:
    """Copy what is there to the next free number, never over another copy."""
    try:
        old = path.read_bytes()
    except FileNotFoundError:
        return None
    number = 1
    while True:
        kept = path.with_name(f"{path.name}.~{number}~")
        try:
            descriptor = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            number += 1
            continue
        with os.fdopen(descriptor, "wb") as file:
            file.write(old)
            file.flush()
            os.fsync(file.fileno())
        return kept
