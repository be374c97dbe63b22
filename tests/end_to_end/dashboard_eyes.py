"""Eyes of the tests on the dashboard: what a widget shows, what a stream carries, and how alike the two are."""

from __future__ import annotations

import numpy as np
import pylsl
from pylsl.util import LostError
from PyQt5.QtGui import QColor, QImage
from PyQt5.QtWidgets import QWidget

from gui.theme import DARK


class Witness:
    """Reads a stream as any other program would; asked from the event loop, never waits."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._inlet: pylsl.StreamInlet | None = None
        self._uid, self._gone = "", set[str]()
        self._resolver = pylsl.ContinuousResolver(prop="name", value=name)
        self.values: list[np.ndarray] = []
        self.stamps: list[float] = []

    def look(self) -> None:
        if self._inlet is None:
            found = [info for info in self._resolver.results() if info.uid() not in self._gone]
            if not found:
                return
            self._uid = found[0].uid()
            self._inlet = pylsl.StreamInlet(found[0], max_buflen=60, recover=False)
        try:
            values, stamps = self._inlet.pull_chunk(timeout=0.0, max_samples=4096)
        except LostError:
            self._gone.add(self._uid)
            self._inlet = None
            return
        self.values += [np.asarray(value, np.float32) for value in values]
        self.stamps += stamps


def pixels(widget: QWidget) -> np.ndarray:
    """(height, width) uint32, 0xffRRGGBB, as painted now."""
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    bits = image.constBits()
    assert bits is not None
    bits.setsize(image.sizeInBytes())
    return np.frombuffer(bits, np.uint32).reshape(image.height(), image.width()).copy()


def painted_trace(canvas: QWidget) -> np.ndarray:
    """Height of the one trace on the canvas, in pixels upwards, a number a column; NaN where a column has no ink."""
    ink = pixels(canvas) == QColor(DARK.trace).rgb()
    rows = np.arange(ink.shape[0], dtype=float)[:, None]
    low = np.where(ink, rows, np.inf).min(axis=0)
    high = np.where(ink, rows, -np.inf).max(axis=0)
    inked = ink.any(axis=0)
    return np.where(inked, -0.5 * (np.where(inked, low, 0) + np.where(inked, high, 0)), np.nan)


def seen_at(painted: np.ndarray, values: np.ndarray, stamps: np.ndarray, column_s: float) -> tuple[float, float]:
    """When the newest painted column was sent, and how like what was sent the painted line is (correlation)."""
    columns = np.floor(stamps / column_s).astype(np.int64)
    starts = np.flatnonzero(np.diff(columns, prepend=columns[0] - 1))
    sent = 0.5 * (np.minimum.reduceat(values, starts) + np.maximum.reduceat(values, starts))
    sent = sent[1:-1]
    at = columns[starts][1:-1]
    drawn = painted[np.isfinite(painted).argmax() :]
    best = (0.0, -1.0)
    for last in range(len(sent) - len(drawn) // 2, len(sent) + 1):
        n = min(last, len(drawn) - 8)
        ours, theirs = drawn[-n:], sent[last - n : last]
        fine = np.isfinite(ours)
        # changes from column to column: the slow drift is taken off for display
        moved, meant = np.diff(ours)[fine[1:] & fine[:-1]], np.diff(theirs)[fine[1:] & fine[:-1]]
        alike = float(np.corrcoef(moved, meant)[0, 1])
        if alike > best[1]:
            best = (float(at[last - 1] * column_s), alike)
    return best
