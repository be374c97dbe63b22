"""Features of rows, kept in a folder under what they were made of, so that a build that was killed goes on."""

from __future__ import annotations

import hashlib
import os
import re
import zipfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from models.data.eeg_features import EegFeatures, EegOptions, eeg_features
from models.data.face_features import FaceFeatures, FaceOptions, face_features
from models.data.rows import EegArray, EegRecording, FrameArray, Problem, Row, VideoMoment, VideoSpan
from realtime.eeg.files import EEG_SUFFIXES
from realtime.errors import DataError, WeightsError
from realtime.face._cv import cv2
from realtime.npz_file import ZLIB_TIMES, open_npz

_COMPANIONS = frozenset({".fdt", ".eeg", ".vmrk", ".dat", ".dpa", ".dpo", ".ceo", ".cef"})
_BATCH = 8

_F = TypeVar("_F", EegFeatures, FaceFeatures)


@dataclass(frozen=True, slots=True)
class RowFeatures:
    """What could be read of a row; both parts are None where it was left out."""

    eeg: EegFeatures | None
    face: FaceFeatures | None
    problems: tuple[Problem, ...]


def batches(rows: Sequence[Row]) -> list[list[int]]:
    """Positions of rows in batches for one process each: rows of one large file together, so that it is read once."""
    by_file: dict[Path, list[int]] = defaultdict(list)
    single: list[int] = []
    for i, row in enumerate(rows):
        shared = _shared_file(row)
        if shared is None:
            single.append(i)
        else:
            by_file[shared].append(i)
    together = [sorted(part, key=lambda i: _start_s(rows[i])) for part in by_file.values()]
    return together + [single[k : k + _BATCH] for k in range(0, len(single), _BATCH)]


def _start_s(row: Row) -> float:
    """Films are read forwards."""
    if isinstance(row.face, VideoMoment):
        return row.face.onset_s
    return row.face.start_s if isinstance(row.face, VideoSpan) else 0.0


def _shared_file(row: Row) -> Path | None:
    if isinstance(row.eeg, EegRecording) or (isinstance(row.eeg, EegArray) and row.eeg.index is not None):
        return row.eeg.path
    if isinstance(row.face, VideoMoment | VideoSpan | FrameArray):
        return row.face.path
    return None


def extract(
    rows: Sequence[Row], eeg_options: EegOptions, face_options: FaceOptions, cache: Path | None
) -> list[RowFeatures]:
    """Features of some rows, from the cache where they are there; runs in any process."""
    return [_extract(row, eeg_options, face_options, cache) for row in rows]


def _extract(row: Row, eeg_options: EegOptions, face_options: FaceOptions, cache: Path | None) -> RowFeatures:
    failures: list[tuple[str, str]] = []
    eeg = face = None
    if row.eeg is not None:
        eeg, failure = _kept(cache, "eeg", row.eeg, eeg_options, eeg_features, EegFeatures)
        failures += [("eeg", failure)] if failure else []
    if row.face is not None:
        face, failure = _kept(cache, "face", row.face, face_options, face_features, FaceFeatures)
        failures += [("face", failure)] if failure else []
    lost = eeg is None and face is None
    end = "" if lost else "; the sample goes on without it"
    problems = [Problem(row.where, part, text + end, "excluded" if lost else "kept") for part, text in failures]
    for part, found in (("eeg", eeg), ("face", face)):
        problems += [Problem(row.where, part, remark, "kept") for remark in (found.remarks if found else ())]
    return RowFeatures(eeg, face, tuple(problems))


def _kept(
    cache: Path | None, part: str, source: Any, options: Any, make: Callable[[Any, Any], _F], kind: type[_F]
) -> tuple[_F | None, str]:
    """Features, or why there are none. Failures are kept as well: they lie in the same bytes."""
    try:
        path = None if cache is None else cache / f"{part}-{content_key(source, options)}.npz"
    except OSError as err:
        return None, f"cannot be read: {err.strerror or type(err).__name__}"
    if path is not None and (stored := _load(path, kind)) is not None:
        return stored
    try:
        made = make(source, options)
        remarks = tuple(_without_paths(remark, source) for remark in made.remarks)
        found, failure = replace(made, remarks=remarks), ""
    except WeightsError:
        raise  # this machine lacks something; the data are not at fault
    except DataError as err:
        found, failure = None, _without_paths(str(err), source)
    if path is not None:
        _save(path, found, failure)
    return found, failure


def _without_paths(message: str, source: Any) -> str:
    """A message that names the row's files by what they are: their names may be people's."""
    for part in fields(source):
        value = getattr(source, part.name)
        if isinstance(value, Path):
            place = f"(?:{re.escape(str(value.parent))}/)?"
            message = re.sub(
                rf"{place}{re.escape(value.name)}|{place}\b{re.escape(value.stem)}\.\w+", "its file", message
            )
        elif is_dataclass(value):
            message = _without_paths(message, value)
    return message


def content_key(source: Any, options: Any) -> str:
    """SHA-256 of the content of a source's files, of what is asked of them, and of the code that does it.

    Raises
    ------
    OSError
        A file is not there, or may not be read.
    """
    text = f"{code_digest()} {_content(source)} {options!r}"
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_digest() -> str:
    """SHA-256 of the modules that features come from: a change of them makes what was cached before void."""
    root = Path(__file__).parents[2]
    total = hashlib.sha256(cv2.__version__.encode())
    for folder in ("models/data", "realtime/eeg", "realtime/face"):
        for file in sorted((root / folder).glob("*.py")):
            total.update(file.read_bytes())
    return total.hexdigest()


def _content(value: Any) -> str:
    if isinstance(value, Path):
        files = sorted(value.iterdir()) if value.is_dir() else [value, *_companions(value)]
        return " ".join(_digest(file, *_stamp(file)) for file in files if file.is_file() or file == value)
    if is_dataclass(value):
        parts = (f"{part.name}={_content(getattr(value, part.name))}" for part in fields(value))
        return f"{type(value).__name__}({', '.join(parts)})"
    return repr(value)


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


@lru_cache(maxsize=4096)
def _digest(path: Path, _size: int, _changed_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _companions(path: Path) -> list[Path]:
    """Files that belong to a recording in several: .set and .fdt, .vhdr with .eeg and .vmrk, .cdt and .cdt.dpo."""
    if path.suffix.lower() not in EEG_SUFFIXES:
        return []
    beside = path.parent.glob(f"{_literal(path.stem)}.*")
    return sorted(file for file in beside if file != path and file.suffix.lower() in _COMPANIONS)


def _literal(name: str) -> str:
    """A file's name as a pattern that matches it alone."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _save(path: Path, found: EegFeatures | FaceFeatures | None, failure: str) -> None:
    """Whole or not at all: a build may be killed at any time, and two may share a cache."""
    arrays: dict[str, Any] = {"failure": np.array(failure)}
    if found is not None:
        arrays |= {part.name: np.asarray(getattr(found, part.name)) for part in fields(found)}
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            np.savez(file, **arrays)
        partial.replace(path)
    except OSError as err:
        raise DataError(f"cannot write the feature cache '{path.parent}': {err.strerror or err}") from err
    finally:
        partial.unlink(missing_ok=True)


def _load(path: Path, kind: type[_F]) -> tuple[_F | None, str] | None:
    """What `_save` wrote; None where there is nothing whole."""
    try:
        with open_npz(path, ZLIB_TIMES) as archive:
            stored = {name: archive[name] for name in archive.files}
            failure = str(stored.pop("failure"))
            texts = [name for name in ("channels", "remarks") if name in stored]
            names = {name: tuple(str(text) for text in stored[name]) for name in texts}
        return (None, failure) if failure else (kind(**{**stored, **names}), "")
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None
