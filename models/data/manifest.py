"""The plain manifest: a CSV or Parquet table with one row a sample, for data in no layout of their own."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from models.data.rows import (
    Dataset,
    EegArray,
    EegRecording,
    EegSource,
    FaceSource,
    FlowMap,
    Pictures,
    Problem,
    Row,
    VideoMoment,
    VideoSpan,
    pseudonyms,
)
from models.data.table import Record, Table, read_table
from realtime.errors import DataError
from realtime.untrusted import is_file

COLUMNS: dict[str, str] = {
    "sample": "name of the sample, unique; 'row-N' where the column is missing",
    "subject": "the person, replaced by a pseudonym unless all are 'sub-NN' already",
    "group": "trial or recording the sample comes from, never parted over folds; the sample itself where missing",
    "label": "emotion, mapped to the class list when the data are built",
    "eeg": ".npy of (windows, channels, bands) log10 µV²/Hz or of (channels, times); or a recording",
    "sfreq_hz": "rate of a (channels, times) array, Hz",
    "unit": "V or uV, of a (channels, times) array; volts where missing, unless they can only be microvolts",
    "channels": "names of an array's channels, separated by spaces, semicolons or commas",
    "start_s": "where the sample starts in a recording (or in a video without onset_s), s from its first sample",
    "stop_s": "where it ends; 40 s after start_s where neither this nor duration_s is given",
    "duration_s": "its length, instead of stop_s",
    "onset": "picture of the face before it moves",
    "apex": "picture of the face where it has moved most",
    "aligned": "yes: onset and apex are crops of one size under one warp",
    "flow": "motion from onset to apex, (px, px, 2 or 3) u, v, strain: .npy or a 3-channel picture, from 28 px",
    "video": "film of the face, with onset_s and apex_s, or with start_s and stop_s for the spotter to search",
    "onset_s": "where the movement starts in the video, s from its first frame",
    "apex_s": "where it is at its strongest",
    "simulated": "yes: no real person is in this row",
}
"""Every column a manifest may have; it must have `subject`, `label` and one of `eeg`, `flow`, `apex`, `video`."""

DEFAULT_SPAN_S = 40.0
"""Length of a sample from a recording where the manifest gives its start alone: a whole sequence."""

MIN_FLOW_PX = 28

_PSEUDONYM = re.compile(r"^sub-\d+$")
_REWRITTEN = re.compile(
    r"^\d+(?:[.,]\d+)?E\+\d+$|^\d{1,2}[-./ ](?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*$", re.I
)
_SPREADSHEET_ERROR = re.compile(r"^#(?:REF!|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|N/A)$", re.I)
_THOUSANDS = re.compile(r"^\d{1,3}(?:,\d{3})+$")
_SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
_YES, _NO = {"yes", "true", "1", "y"}, {"no", "false", "0", "n"}


def recognises(path: Path) -> bool:
    """Whether a path is a manifest by its name: a .csv, .tsv or .parquet file, or a folder with manifest.csv or so."""
    return _table_in(path) is not None


def read(path: Path) -> Dataset:
    """Read a manifest; file names in it are relative to it. See `COLUMNS`.

    Raises
    ------
    DataError
        No such file, or not a table. What is wrong with its content is a problem of the data set returned.
    """
    where = _table_in(path)
    if where is None or not where.is_file():
        raise DataError(f"no manifest '{path}': wanted a .csv, .tsv or .parquet file, or a folder with manifest.csv")
    table = read_table(where)
    problems = list(table.problems)
    missing = [name for name in ("subject", "label") if name not in table.columns]
    if not {"eeg", "flow", "onset", "apex", "video"} & set(table.columns):
        missing.append("eeg' or 'flow' or 'apex' or 'video")
    if missing:
        found = ", ".join(table.columns)
        problems += [Problem(where.name, name, f"no column '{name}'; found: {found}", "fatal") for name in missing]
        return Dataset("manifest", (), tuple(problems))
    problems += _about_columns(table, where.name)
    return _Reader(where, table, problems).dataset()


def write_manifest(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    """Write a manifest, whole or not at all; Parquet where the name ends so, CSV otherwise.

    Parameters
    ----------
    path : Path
    rows : iterable of mappings
        Column -> value; columns that no row has are left out. Paths are written relative to the manifest where they
        lie below its folder. Names of channels may be a sequence.

    Raises
    ------
    DataError
        A column that is none, no row at all, or the file cannot be written.
    """
    cells = [{name: _cell(value, path.parent) for name, value in row.items()} for row in rows]
    if not cells:
        raise DataError(f"no row to write to '{path}'")
    used = {name for row in cells for name in row}
    if unknown := sorted(used - set(COLUMNS)):
        raise DataError(f"no manifest column '{unknown[0]}'; there are: {', '.join(COLUMNS)}")
    columns = [name for name in COLUMNS if name in used]
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            import pyarrow
            import pyarrow.parquet as parquet

            # the names are given, as no row need have every column
            arrays = {name: pyarrow.array([row.get(name) for row in cells], pyarrow.string()) for name in columns}
            parquet.write_table(pyarrow.table(arrays), partial)
        else:
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(cells)
            partial.write_text(text.getvalue(), encoding="utf-8")
        partial.replace(path)
    except OSError as err:
        raise DataError(f"cannot write the manifest '{path}': {err.strerror or err}") from err
    finally:
        partial.unlink(missing_ok=True)


def _cell(value: object, folder: Path) -> str:
    if value is None:
        return ""
    if isinstance(value, Path):
        inside = value.is_absolute() and value.is_relative_to(folder.absolute())
        return (value.relative_to(folder.absolute()) if inside else value).as_posix()
    if isinstance(value, list | tuple):
        return ";".join(str(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else str(value)


def _table_in(path: Path) -> Path | None:
    if path.is_dir():
        return next((path / f"manifest{s}" for s in _SUFFIXES if (path / f"manifest{s}").is_file()), None)
    return path if path.suffix.lower() in _SUFFIXES else None


def _about_columns(table: Table, name: str) -> list[Problem]:
    remarks = []
    if unknown := [column for column in table.columns if column not in COLUMNS]:
        shown = ", ".join(f"'{column}'" for column in unknown)
        remarks.append(Problem(name, "columns", f"{shown}: not used; known are {', '.join(COLUMNS)}", "kept"))
    if "sample" not in table.columns:
        remarks.append(Problem(name, "sample", "no column 'sample': samples are named by their rows", "kept"))
    if "group" not in table.columns:
        message = "no column 'group': each sample is its own; give the trial or recording where several come from one"
        remarks.append(Problem(name, "group", message, "kept"))
    return remarks


class _RowError(Exception):
    """What is wrong with one row: the column and the message."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def _finder(names: set[str]) -> re.Pattern[str] | None:
    """What finds people's names in a text. Short ones only as words of their own; codes such as '07' are no names."""
    worded = sorted((n for n in names if re.search(r"[^\W\d_]{2}", n)), key=len, reverse=True)
    alone = (rf"(?<![^\W\d_]){re.escape(n)}(?![^\W\d_])" if len(n) < 4 else re.escape(n) for n in worded)
    return re.compile("|".join(alone), re.IGNORECASE) if worded else None


class _Reader:
    """Turns a table's records into rows; one use."""

    def __init__(self, path: Path, table: Table, problems: list[Problem]) -> None:
        self._path = path
        self._table = table
        self._problems = problems
        names = {record.cells["subject"] for record in table.records if "subject" in record.cells}
        known = all(_PSEUDONYM.match(name) for name in names)
        self._subjects = {name: name for name in names} if known else pseudonyms(sorted(names))
        self._names = None if known else _finder(names)

    def dataset(self) -> Dataset:
        rows: list[Row] = []
        seen: Counter[str] = Counter()
        simulated: list[bool] = []
        for record in self._table.records:
            try:
                row = self._row(record)
                seen[row.sample] += 1
                if seen[row.sample] > 1:
                    raise _RowError("sample", f"'{row.sample}' is in an earlier row already; names must be unique")
                simulated.append(self._flag(record, "simulated") or False)
                rows.append(row)
            except _RowError as err:
                self._say(record, err.field, str(err), "excluded")
        if simulated and any(simulated) and not all(simulated):
            message = f"{sum(simulated)} of {len(simulated)} rows are simulated; real and simulated people do not mix"
            self._problems.append(Problem(self._path.name, "simulated", message, "fatal"))
        return Dataset("manifest", tuple(rows), tuple(self._problems), bool(simulated) and all(simulated))

    def _say(self, record: Record, field: str, message: str, kind: str = "kept") -> None:
        assert kind in ("kept", "excluded")
        problem = Problem(self._where(record), field, self._hidden(message), "kept" if kind == "kept" else "excluded")
        self._problems.append(problem)

    def _where(self, record: Record) -> str:
        return f"{self._path.name} row {record.number}"

    def _hidden(self, text: str) -> str:
        """The text with every subject's name replaced by the pseudonym."""
        if self._names is None:
            return text
        folded = {name.casefold(): alias for name, alias in self._subjects.items()}
        return self._names.sub(lambda found: folded.get(found.group().casefold(), "sub-??"), text)

    def _row(self, record: Record) -> Row:
        for name, value in record.cells.items():
            if _SPREADSHEET_ERROR.match(value):
                raise _RowError(name, f"'{value}' is an error of the spreadsheet; give the value itself")
        for name in ("subject", "label"):
            if name not in record.cells:
                raise _RowError(name, f"no {name}; every row needs one")
        for name in ("sample", "subject", "group"):
            if _REWRITTEN.match(record.cells.get(name, "")):
                message = f"'{record.cells[name]}' looks like a number or date a spreadsheet has rewritten; check it"
                self._say(record, name, message)
        sample = self._hidden(record.cells.get("sample", f"row-{record.number}"))
        if "group" in self._table.columns and "group" not in record.cells:
            self._say(record, "group", "no group: the sample is its own")
        eeg, face = self._eeg(record), self._face(record)
        if eeg is None and face is None:
            raise _RowError("eeg", "neither EEG nor a face: give one of eeg, flow, onset and apex, video")
        return Row(
            sample=sample,
            subject=self._subjects[record.cells["subject"]],
            group=self._hidden(record.cells.get("group", sample)),
            label=record.cells["label"],
            eeg=eeg,
            face=face,
            where=self._where(record),
        )

    def _eeg(self, record: Record) -> EegSource | None:
        path = self._file(record, "eeg")
        if path is None:
            return None
        if path.suffix.lower() == ".npy":
            unit = record.cells.get("unit", "").replace("µ", "u").replace("μ", "u")
            known = {"": None, "v": "V", "uv": "uV"}
            if unit.lower() not in known:
                raise _RowError("unit", f"'{unit}' is no unit of EEG here; wanted V or uV")
            sfreq_hz = self._number(record, "sfreq_hz")
            if sfreq_hz is not None and sfreq_hz <= 0:
                raise _RowError("sfreq_hz", f"{sfreq_hz:g} Hz is no sampling rate; wanted more than 0")
            if "start_s" in record.cells and "video" not in record.cells:
                raise _RowError("start_s", "an array of EEG is one sample: cut it, or give the recording")
            names = tuple(name for name in re.split(r"[;,\s]+", record.cells.get("channels", "")) if name)
            return EegArray(path, sfreq_hz, names, unit=known[unit.lower()])
        if unused := [name for name in ("sfreq_hz", "unit", "channels") if name in record.cells]:
            self._say(record, unused[0], "not used: the recording says it itself")
        return EegRecording(path, *self._span(record, DEFAULT_SPAN_S))

    def _span(self, record: Record, default_s: float | None) -> tuple[float, float]:
        start_s, stop_s = self._number(record, "start_s"), self._number(record, "stop_s")
        duration_s = self._number(record, "duration_s")
        if start_s is None:
            raise _RowError("start_s", "a recording or video needs start_s, seconds from its start")
        if stop_s is None:
            length_s = duration_s if duration_s is not None else default_s
            if length_s is None:
                raise _RowError("stop_s", "a video needs onset_s and apex_s, or start_s and stop_s")
            stop_s = start_s + length_s
        elif duration_s is not None and abs(start_s + duration_s - stop_s) > 1e-3:
            raise _RowError("stop_s", f"{stop_s:g} s is not start_s {start_s:g} s + duration_s {duration_s:g} s")
        if not 0 <= start_s < stop_s:
            raise _RowError("start_s", f"from {start_s:g} s to {stop_s:g} s: wanted 0 <= start < stop")
        return start_s, stop_s

    def _face(self, record: Record) -> FaceSource | None:
        flow, onset, apex = (self._file(record, name) for name in ("flow", "onset", "apex"))
        video = self._file(record, "video")
        if (onset is None) != (apex is None):
            lacking = "onset" if onset is None else "apex"
            raise _RowError(lacking, f"no {lacking} picture, but the other one; a movement needs both")
        pictures = None
        if onset is not None and apex is not None:
            pictures = Pictures(onset, apex, self._flag(record, "aligned") or False)
        if video is not None and (flow is not None or pictures is not None):
            self._say(record, "video", "not used: the row has pictures or a flow map of the movement")
        if flow is not None:
            return FlowMap(flow, pictures)
        if pictures is not None or video is None:
            return pictures
        onset_s, apex_s = self._number(record, "onset_s"), self._number(record, "apex_s")
        if onset_s is None and apex_s is None:
            return VideoSpan(video, *self._span(record, None))
        if onset_s is None or apex_s is None or not 0 <= onset_s < apex_s:
            raise _RowError("apex_s", f"onset {onset_s} s, apex {apex_s} s: wanted 0 <= onset_s < apex_s")
        return VideoMoment(video, onset_s, apex_s)

    def _file(self, record: Record, name: str) -> Path | None:
        text = record.cells.get(name)
        if text is None:
            return None
        path = self._path.parent / Path(text.replace("\\", "/"))
        if not is_file(path):
            raise _RowError(name, f"no file '{text:.200}' (relative to the manifest)")
        return path

    def _number(self, record: Record, name: str) -> float | None:
        text = record.cells.get(name)
        if text is None:
            return None
        if _THOUSANDS.match(text):
            raise _RowError(name, f"'{text}' may be a thousand or a fraction; write it without a comma")
        try:
            value = float(text.replace(",", ".") if self._table.decimal_comma else text)
        except ValueError:
            raise _RowError(name, f"'{text}' is no number") from None
        if not math.isfinite(value):
            raise _RowError(name, f"'{text}' is no finite number")
        return value

    def _flag(self, record: Record, name: str) -> bool | None:
        text = record.cells.get(name, "").lower()
        if text and text not in _YES | _NO:
            raise _RowError(name, f"'{text}' is neither yes nor no")
        return (text in _YES) if text else None
