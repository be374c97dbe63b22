"""What is on the screen, saved: a PNG of the window, PNG and SVG of each panel, CSV of what the panels show.

One folder an export, there as a whole or not at all, for its owner's eyes alone, never over another one.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from PyQt5.QtCore import QRect
from PyQt5.QtGui import QPainter
from PyQt5.QtSvg import QSvgGenerator
from PyQt5.QtWidgets import QWidget

from realtime.errors import DataError

_TRIES = 100


def export_screen(root: Path, window: QWidget | None, panels: Mapping[str, QWidget], at: datetime) -> Path:
    """Save panels, and the window where one is given, into a new folder below `root`. GUI thread.

    Parameters
    ----------
    root : Path
        Made where it is not there.
    window : QWidget or None
    panels : mapping of str to QWidget
        By the names their files are to have. One with a method `export_rows` gives a CSV file too: an iterable of rows,
        the header first.
    at : datetime
        For the folder's name.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        It cannot be written; nothing is left behind.
    """
    stem = f"emostream-{at:%Y%m%dT%H%M%S}"
    part = root / f".{stem}.{os.getpid()}.part"
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.mkdir(mode=0o700)
        if window is not None:
            _save(part / "window.png", lambda path: save_png(window, path))
        for name, panel in panels.items():
            _save(part / f"{name}.png", lambda path, panel=panel: save_png(panel, path))
            _save(part / f"{name}.svg", lambda path, panel=panel, name=name: save_svg(panel, path, name))
            rows = getattr(panel, "export_rows", None)
            if rows is not None:
                _save(part / f"{name}.csv", lambda path, rows=rows: save_csv(rows(), path))
        return _keep(part, root, stem)
    except OSError as err:
        raise DataError(
            f"cannot export to '{root}': {err.strerror or err}; choose a folder that may be written to"
        ) from err
    finally:
        with suppress(OSError):
            shutil.rmtree(part)


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
