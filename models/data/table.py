"""Tables on disk as records of text: CSV as spreadsheets write it, and Parquet."""

from __future__ import annotations

import csv
import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from models.data.rows import Problem
from realtime.errors import DataError
from realtime.untrusted import read_within

_DELIMITERS = ",;\t|"
_MOST_BYTES = 64 * 2**20
_MOST_CELLS = 5_000_000
_MOST_COLUMNS = 1000
_MISSING = {"", "nan", "n/a", "#n/a", "<na>"}


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a table: its number as a spreadsheet counts (the header is row 1) and its non-empty cells by column."""

    number: int
    cells: dict[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table's columns (lower case), its rows that are not blank, and what was odd about the file.

    `decimal_comma` is True where cells are not separated by commas, so that '0,5' may be a number.
    """

    columns: tuple[str, ...]
    records: tuple[Record, ...]
    problems: tuple[Problem, ...]
    decimal_comma: bool = False


def read_table(path: Path) -> Table:
    """Read a CSV (comma, semicolon, tab; UTF-8, UTF-16, Windows-1252) or a Parquet file.

    Cells that say nothing ('', 'NaN', 'None', '#N/A', ...) are left out of the records.

    Raises
    ------
    DataError
        Unreadable, of another kind, empty, or with a column twice.
    """
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".txt"):
        return _read_csv(path)
    if suffix in (".parquet", ".pq"):
        return _read_parquet(path)
    fix = "save it as 'CSV UTF-8'" if suffix in (".xlsx", ".xls", ".ods") else "wanted .csv or .parquet"
    raise DataError(f"'{path}' is not a table that can be read: {fix}")


def _read_csv(path: Path) -> Table:
    text, problems = _decode(path)
    lines = text.split("\n", 1)
    hint = lines[0].strip().lower()
    skipped = 0
    if hint.startswith("sep=") and len(hint) == 5:  # Excel's own way to name the delimiter
        text, skipped = (lines[1] if len(lines) > 1 else ""), 1
    first = text.lstrip("\n").split("\n", 1)[0]
    delimiter = hint[4] if skipped else max(_DELIMITERS, key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as err:
        raise DataError(f"cannot read '{path.name}' as CSV: {err}; a quotation mark may not be closed") from err
    if not any(cell.strip() for row in rows for cell in row):
        raise DataError(f"'{path.name}' is empty; wanted a header row and one row a sample")
    while not any(cell.strip() for cell in rows[0]):
        rows, skipped = rows[1:], skipped + 1
    table = _assemble(path, rows[0], rows[1:], 2 + skipped, problems)
    return replace(table, decimal_comma=delimiter != ",")


def _decode(path: Path) -> tuple[str, list[Problem]]:
    try:
        raw = read_within(path, _MOST_BYTES)
    except OSError as err:
        raise DataError(f"cannot read '{path}': {err.strerror or err}") from err
    except ValueError as err:
        raise DataError(f"cannot read '{path.name}': {err}") from err
    if b"\0" in raw and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"'{path.name}' is no text: it holds zero bytes; save it as 'CSV UTF-8'")
    try:
        encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
        return _newlines(raw.decode(encoding)), []
    except UnicodeDecodeError:
        remark = "not UTF-8; read as Windows-1252: check letters with accents, or save it as 'CSV UTF-8'"
        return _newlines(raw.decode("cp1252", errors="replace")), [Problem(path.name, "file", remark, "kept")]


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _assemble(
    path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], first_number: int, problems: list[Problem]
) -> Table:
    columns = [name.strip().lower() for name in header]
    named = [name for name in columns if name]
    if len(columns) > _MOST_COLUMNS:
        raise DataError(f"'{path.name}' has {len(columns)} columns; wanted {_MOST_COLUMNS} at most")
    if doubled := sorted(name for name, count in Counter(named).items() if count > 1):
        raise DataError(f"'{path.name}' has the column '{doubled[0]}' twice; rename or remove one")
    records, blank = [], 0
    for number, row in enumerate(rows, first_number):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            blank += 1
            continue
        beyond = [cell for cell in cells[len(columns) :] if cell]
        beyond += [cell for cell, name in zip(cells, columns, strict=False) if cell and not name]
        if beyond:
            message = (
                f"has {len(cells)} cells for {len(named)} named columns; a separator in a text needs quotation marks"
            )
            problems.append(Problem(f"{path.name} row {number}", "row", message))
            continue
        filled = zip(columns, cells, strict=False)
        records.append(Record(number, {name: cell for name, cell in filled if cell.lower() not in _MISSING}))
    if blank:
        problems.append(Problem(path.name, "row", f"{blank} blank rows were passed over", "kept"))
    return Table(tuple(named), tuple(records), tuple(problems))


def _read_parquet(path: Path) -> Table:
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        with parquet.ParquetFile(path) as file:
            said = file.metadata
            # a column of one value packs a thousand million rows into a few bytes
            if said.num_rows * said.num_columns > _MOST_CELLS:
                raise ValueError(f"{said.num_rows} rows of {said.num_columns} columns are more than a table has")
            table = file.read()
        rows = table.to_pylist()
    except (OSError, ValueError, pyarrow.ArrowException) as err:
        raise DataError(f"cannot read '{path}' as Parquet: {' '.join(str(err).split())[:200]}") from err
    if not rows:
        raise DataError(f"'{path.name}' is empty; wanted one row a sample")
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    cells = [[_as_text(row[name]) for name in names] for row in rows]
    return _assemble(path, names, cells, 2, [])


def _as_text(value: object) -> str:
    if value is None:
        return ""
    # a column of whole numbers with a hole in it comes back as floats
    if isinstance(value, float) and math.isfinite(value) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, list | tuple):
        return ";".join(str(item) for item in value)
    return str(value)
