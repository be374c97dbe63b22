"""Every decision of a coder, appended to a file as it is made: what a crash or a full disk would lose is in it.

One JSON object a line: `begin` with all events as they were when the table was opened, `edit` with one event as it
became, `saved` with the table's digest. Nothing is ever taken out of it.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Any

from realtime.errors import DataError
from realtime.review.annotations import Annotation
from realtime.untrusted import parse_json, read_within

_MOST_BYTES = 64 * 2**20

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


@dataclass(frozen=True, slots=True)
class Unsaved:
    """What a journal holds beyond the table.

    Parameters
    ----------
    events : dict of int -> Annotation
        As they were at the last edit.
    edits : int
        How many were made since the table was saved.
    since : str
        Time of the first of them, UTC.
    digest : str
        Of the table on which they were made; '' where there was none.
    """

    events: dict[int, Annotation]
    edits: int
    since: str
    digest: str


def digest_of(path: Path) -> str:
    """SHA-256 of a file; '' where there is none.

    Raises
    ------
    DataError
        It cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as err:
        raise DataError(f"cannot read '{path}': {err.strerror or err}") from err


class Journal:
    """An append-only file beside a table; each line is on the disk before the call returns.

    Parameters
    ----------
    path : Path
        Made for the owner alone at the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: FileIO | None = None

    def close(self) -> None:
        """Let the file go, for another window."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @classmethod
    def beside(cls, table: Path) -> Journal:
        """The journal of a table."""
        return cls(table.with_name(f"{table.stem}_journal.jsonl"))

    def begin(self, events: Mapping[int, Annotation], digest: str, coder: str, pending: int = 0) -> None:
        """Say what the edits to come are made on; `pending` of those before are in `events`, but not in the table."""
        rows = {str(number): _plain(row) for number, row in events.items()}
        self._append({"event": "begin", "coder": coder, "digest": digest, "pending": pending, "events": rows})

    def edit(self, number: int, row: Annotation | None, action: str) -> None:
        """Note one event as it is now; None where it is gone."""
        said = None if row is None else _plain(row)
        self._append({"event": "edit", "action": action, "number": number, "row": said})

    def saved(self, digest: str) -> None:
        """Note that the table holds everything."""
        self._append({"event": "saved", "digest": digest})

    def _append(self, said: dict[str, Any]) -> None:
        line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **said}) + "\n"
        try:
            if self._file is None:
                self._file = self._open()
            size = self._file.seek(0, os.SEEK_END)
            # a line cut off by a crash must not swallow this one
            torn = size and (self._file.seek(size - 1), self._file.read(1))[1] != b"\n"
            self._file.write((b"\n" if torn else b"") + line.encode())
            os.fsync(self._file.fileno())
        except BlockingIOError as err:
            raise DataError(f"'{self.path.name}' is in use: another window edits this table; close that one") from err
        except OSError as err:
            raise DataError(f"cannot write '{self.path}': {err.strerror or err}; free space or choose --table") from err

    def _open(self) -> FileIO:
        """The file for one writer alone; released by the system where the program dies."""
        file = FileIO(os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+")
        if fcntl is not None:
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                raise
        return file

    def unsaved(self) -> Unsaved | None:
        """Edits that never reached the table; None where there are none.

        Raises
        ------
        DataError
            The journal cannot be read.
        """
        try:
            lines = read_within(self.path, _MOST_BYTES).decode("utf-8").split("\n")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as err:
            raise DataError(f"cannot read '{self.path}': {err}") from err
        events: dict[int, Annotation] = {}
        edits, since, digest = 0, "", ""
        for line in lines:
            said = _line(line)
            try:
                if said.get("event") == "begin":
                    events = {int(number): _annotation(row) for number, row in said["events"].items()}
                    edits, since, digest = int(said["pending"]), said["at"], said["digest"]
                elif said.get("event") == "edit":
                    since = since if edits else said["at"]
                    edits += 1
                    _apply(events, int(said["number"]), said["row"])
                elif said.get("event") == "saved":
                    edits, digest = 0, said["digest"]
            except (AttributeError, KeyError, TypeError, ValueError, OverflowError, DataError) as err:
                raise DataError(f"'{self.path}' is no journal of ours ({err}); move it elsewhere to go on") from err
        return Unsaved(events, edits, since, digest) if edits else None


def _plain(row: Annotation) -> dict[str, Any]:
    """Fields of a row; NaN, which JSON does not have, is null."""
    return {name: None if value != value else value for name, value in asdict(row).items()}


def _annotation(said: Mapping[str, Any]) -> Annotation:
    values: dict[str, Any] = {name: math.nan if value is None else value for name, value in said.items()}
    return Annotation(**values)


def _line(line: str) -> dict[str, Any]:
    """One line; a line that a crash cut off says nothing."""
    try:
        said = parse_json(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _apply(events: dict[int, Annotation], number: int, row: dict[str, Any] | None) -> None:
    if row is None:
        events.pop(number, None)
    else:
        events[number] = _annotation(row)
