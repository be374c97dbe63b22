"""The folder an analysis is written into: whole or not at all, and nothing of anybody else's is touched."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from realtime.errors import ConfigurationError, DataError
from realtime.session.folder import FILE_MODE, FOLDER_MODE
from realtime.session.recorded import stem_of
from realtime.session.run import Run

FACTS = "analysis.json"
# a file system's clock may lag behind by some milliseconds
_COARSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run lies: its recordings root, and which it is."""

    root: Path
    run: Run

    @property
    def derivatives(self) -> Path:
        """The folder of its analysis."""
        return self.root / self.run.derivatives


_OURS = frozenset(
    {
        FACTS,
        "summary.json",
        "report.html",
        "spectrogram.npz",
        "coding_sheet.csv",
        "coding_sheet.xlsx",
        "movements_events.tsv",
        "movements_events.json",
        "movements",
        "eeg",
        *(f"{name}.{end}" for end in ("parquet", "csv") for name in ("predictions", "movements", "band_power")),
        *(f"{name}.{end}" for end in ("parquet", "csv") for name in ("quality", "face")),
    }
)


def place_of(xdf: Path) -> Place | None:
    """Which run of which recordings root an XDF file is; None for one that lies in none."""
    try:
        run = Run.parse(stem_of(xdf))
    except ConfigurationError:
        return None
    folder = xdf.absolute().parent
    root = folder.parents[len(run.folder.parts) - 1]
    return Place(root, run) if folder == root / run.folder else None


def require_free(out: Path, *, force: bool) -> None:
    """Refuse a folder that an analysis may not take.

    Raises
    ------
    ConfigurationError
        It holds files, and `force` was not asked for or they are not all of an analysis; or it cannot be made.
    """
    if out.exists() and not out.is_dir():
        raise ConfigurationError(f"--out '{out}' is a file: a folder is wanted")
    held = sorted(entry.name for entry in out.iterdir()) if out.is_dir() else []
    if held and not force:
        raise ConfigurationError(f"'{out}' holds files already: choose another --out, or --force to replace them")
    foreign = [name for name in held if name not in _OURS]
    if foreign or (held and FACTS not in held):
        shown = foreign[0] if foreign else held[0]
        raise ConfigurationError(f"'{out}' holds '{shown}', which no analysis has made: choose another --out")
    there = next(folder for folder in (out.absolute(), *out.absolute().parents) if folder.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        raise ConfigurationError(f"cannot make '{out}': '{there}' may not be written to; choose another --out")


@contextmanager
def whole_folder(out: Path, *, force: bool) -> Iterator[Path]:
    """A hidden folder beside `out` that takes its place at the end; on any error, and on Ctrl-C, it is removed.

    Raises
    ------
    ConfigurationError
        As `require_free`.
    DataError
        The disk refuses it.
    """
    require_free(out, force=force)
    out = out.absolute()
    made = [folder for folder in (out.parent, *out.parent.parents) if not folder.exists()]
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        part.mkdir(mode=FOLDER_MODE)
        yield part
        _make_private(part)
        _take_place(part, out)
    except OSError as err:
        raise DataError(f"cannot write '{out}': {err.strerror or err}; free space or choose another --out") from err
    finally:
        shutil.rmtree(part, ignore_errors=True)
        for folder in made:
            # what was made on the way and holds nothing after all
            try:
                folder.rmdir()
            except OSError:
                break


def sweep(out: Path, since_s: float) -> None:
    """Remove what processes that were killed had written of `out`, since a moment (`time.time`)."""
    for part in out.absolute().parent.glob(f".{glob.escape(out.name)}.*.part"):
        number = part.name.removesuffix(".part").rpartition(".")[2]
        if number.isdecimal() and not psutil.pid_exists(int(number)) and part.stat().st_ctime > since_s - _COARSE_S:
            shutil.rmtree(part, ignore_errors=True)


def _take_place(part: Path, out: Path) -> None:
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    if out.is_dir():
        out.rename(old)
    part.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _make_private(folder: Path) -> None:
    for path in folder.rglob("*"):
        path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
    folder.chmod(FOLDER_MODE)
