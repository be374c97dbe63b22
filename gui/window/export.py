"""What is on the screen, saved: a PNG of the window, PNG and SVG of each panel, CSV of what the panels show.

One folder an export, there as a whole or not at all, for its owner's eyes alone, never over another one. What only the
GUI thread may do, it does at once (`draw`); tables are written in a thread (`write`): ten seconds of 64 channels are
640 000 cells.
"""

from __future__ import annotations

import csv
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from PyQt5.QtCore import QObject, QRect, pyqtSignal
from PyQt5.QtGui import QPainter
from PyQt5.QtSvg import QSvgGenerator
from PyQt5.QtWidgets import QWidget

from realtime.errors import DataError

_TRIES = 100
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Draft:
    """An export with its pictures, in a hidden folder; its tables are to follow.

    Parameters
    ----------
    root, part : Path
        Where exports go, and the folder as long as it is not whole.
    stem : str
        What the folder is to be called.
    tables : dict of str to iterable of rows
        By the names of their files, the header first; any thread may read them, once.
    """

    root: Path
    part: Path
    stem: str
    tables: dict[str, Iterable[Sequence[object]]] = field(default_factory=dict)


class Exporter(QObject):
    """One export at a time: its pictures when it is asked for, its tables in a thread. GUI thread."""

    done = pyqtSignal(object)
    """The folder (`Path`), or why there is none (`DataError`); in the GUI thread."""

    _written = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None
        self._written.connect(self._end)

    @property
    def busy(self) -> bool:
        """Whether an export is being written."""
        return self._thread is not None

    def start(self, root: Path, window: QWidget | None, panels: Mapping[str, QWidget], at: datetime) -> None:
        """Export as `draw` says, unless it is `busy`; `done` tells how it ended."""
        if self.busy:
            return
        try:
            draft = draw(root, window, panels, at)
        except DataError as err:
            self.done.emit(err)
            return
        self._thread = threading.Thread(target=self._write, args=(draft,), name="emostream-export", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Let what is being written be written."""
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)

    def _write(self, draft: Draft) -> None:
        result: object = DataError("the export ended half-way: what the terminal says tells why")
        try:
            result = write(draft)
        except DataError as err:
            result = err
        finally:
            self._written.emit(result)

    def _end(self, result: object) -> None:
        self.close()
        self._thread = None
        self.done.emit(result)


def draw(root: Path, window: QWidget | None, panels: Mapping[str, QWidget], at: datetime) -> Draft:
    """Save pictures of panels, and of the window where one is given, and take what the tables are made of. GUI thread.

    Parameters
    ----------
    root : Path
        Made where it is not there.
    window : QWidget or None
    panels : mapping of str to QWidget
        By the names their files are to have. One with a method `export_rows` gives a CSV file too: an iterable of rows,
        the header first, of what the panel shows when it is called; another thread reads it.
    at : datetime
        For the folder's name.

    Raises
    ------
    DataError
        It cannot be written; nothing is left behind.
    """
    stem = f"emostream-{at:%Y%m%dT%H%M%S}"
    part = root / f".{stem}.{os.getpid()}.part"
    draft = Draft(root, part, stem)
    with _whole_or_nothing(draft):
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.mkdir(mode=0o700)
        if window is not None:
            _save(part / "window.png", lambda path: save_png(window, path))
        for name, panel in panels.items():
            _save(part / f"{name}.png", lambda path, panel=panel: save_png(panel, path))
            _save(part / f"{name}.svg", lambda path, panel=panel, name=name: save_svg(panel, path, name))
            rows = getattr(panel, "export_rows", None)
            if rows is not None:
                draft.tables[name] = rows()
    return draft


def write(draft: Draft) -> Path:
    """Write the tables of a draft and give the folder its name, which is returned. Any thread.

    Raises
    ------
    DataError
        It cannot be written; nothing is left behind.
    """
    with _whole_or_nothing(draft):
        for name, rows in draft.tables.items():
            _save(draft.part / f"{name}.csv", lambda path, rows=rows: save_csv(rows, path))
        return _keep(draft.part, draft.root, draft.stem)


@contextmanager
def _whole_or_nothing(draft: Draft) -> Iterator[None]:
    """Take the part away again where something fails."""
    try:
        yield
    except BaseException as err:
        with suppress(OSError):
            shutil.rmtree(draft.part)
        if not isinstance(err, OSError):
            raise
        raise DataError(
            f"cannot export to '{draft.root}': {err.strerror or err}; choose a folder that may be written to"
        ) from err


def _save(path: Path, save: Callable[[Path], None]) -> None:
    # made with its rights before anything is in it
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    save(path)
    path.chmod(0o600)


def _keep(part: Path, root: Path, stem: str) -> Path:
    """Give the folder its name: one that nothing has."""
    for number in range(_TRIES):
        folder = root / (f"{stem}-{number + 1}" if number else stem)
        try:
            # an empty folder made by somebody else in between would be replaced: so it is made here first
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        part.replace(folder)
        return folder
    raise FileExistsError(f"{_TRIES} exports of this second are there already")


def save_png(widget: QWidget, path: Path) -> None:
    """Save a widget as it is drawn now.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    if not widget.grab().save(str(path), "PNG"):
        raise OSError(f"{path.name} cannot be written")


def save_svg(widget: QWidget, path: Path, title: str) -> None:
    """Save a widget as an SVG: lines and words as such, pictures as pictures.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(widget.size())
    generator.setViewBox(QRect(0, 0, widget.width(), widget.height()))
    generator.setTitle(f"emostream: {title}")
    painter = QPainter()
    if not painter.begin(generator):
        raise OSError(f"{path.name} cannot be written")
    widget.render(painter)
    painter.end()


def save_csv(rows: Iterable[Sequence[object]], path: Path) -> None:
    """Save rows, the header first; what is not known (None, NaN) as an empty cell.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        for row in rows:
            writer.writerow(["" if cell is None or cell != cell else cell for cell in row])
        file.flush()
        os.fsync(file.fileno())
