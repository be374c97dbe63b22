"""Band powers: five bands by all channels as a colour picture, channels from front to back."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QWidget

from gui.messages import BandSample
from gui.panels.base import Panel, age_text, over_pixels
from gui.theme import Theme, font
from realtime.packets import Float32

STALE_AFTER_S = 2.0
_LEFT_PX = 48
_RIGHT_PX = 62
_SPLIT = re.compile(r"^([A-Za-z]+?)(z|\d*)$", re.IGNORECASE)
_GROUPS = (
    ("frontal", ("fp", "af", "f")),
    ("central", ("fc", "ft", "c", "t", "cp", "tp")),
    ("parietal", ("p",)),
    ("occipital", ("po", "o", "cb")),
)


def place(label: str) -> tuple[int, int, int]:
    """Sort key of a 10-10 name: group from front to back, row within it, left to right; unknown names come last."""
    match = _SPLIT.match(label)
    if match is None:
        return (len(_GROUPS), 0, 0)
    row, number = match.group(1).lower(), match.group(2)
    for group, (_, rows) in enumerate(_GROUPS):
        if row in rows:
            side = int(number) if number.isdigit() else 0
            # odd numbers are left of the midline, growing outwards; even ones right of it
            return (group, rows.index(row), -side if side % 2 else side)
    return (len(_GROUPS), 0, 0)


def group_name(label: str) -> str:
    """Region of a channel, as written under the picture."""
    group = place(label)[0]
    return _GROUPS[group][0] if group < len(_GROUPS) else "other"


class BandCanvas(QWidget):
    """The picture, its band names, its regions, and the range of each row."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.setMinimumHeight(96)
        self.order: list[int] = []
        self.groups: list[tuple[str, int, int]] = []
        self.bands: tuple[str, ...] = ()
        self.power: Float32 = np.empty((0, 0), np.float32)
        self.ranges: Float32 = np.empty((0, 2), np.float32)
        self._channels: tuple[str, ...] = ()
        viridis = pg.colormap.get("viridis")
        assert viridis is not None
        table = np.asarray(viridis.getLookupTable(0.0, 1.0, 256, alpha=False), np.uint32)
        self._colors = 0xFF000000 | table[:, 0] << 16 | table[:, 1] << 8 | table[:, 2]
        self._masked = QColor(theme.trace_bad).rgb()
        self._image: QImage | None = None
        self._pixels = np.empty((0, 0), np.uint32)

    def show_power(self, channels: Sequence[str], bands: Sequence[str], power: Float32) -> None:
        """Set what is drawn.

        Parameters
        ----------
        channels, bands : sequence of str
        power : (n_channels, n_bands) float32
            log10 µV²/Hz, NaN where masked.
        """
        if tuple(channels) != self._channels or tuple(bands) != self.bands:
            self._open(tuple(channels), tuple(bands))
        self.power = power[self.order].T
        self._follow_ranges()
        self._pixels = self._colored()
        self._image = over_pixels(self._pixels)
        self.update()

    def _open(self, channels: tuple[str, ...], bands: tuple[str, ...]) -> None:
        self._channels, self.bands = channels, bands
        self.order = sorted(range(len(channels)), key=lambda i: place(channels[i]))
        self.ranges = np.full((len(bands), 2), np.nan, np.float32)
        self.groups = []
        for column, index in enumerate(self.order):
            name = group_name(channels[index])
            if self.groups and self.groups[-1][0] == name:
                self.groups[-1] = (name, self.groups[-1][1], column + 1)
            else:
                self.groups.append((name, column, column + 1))

    def _follow_ranges(self) -> None:
        """Let each row's colour range follow its values slowly: colours stay comparable over seconds."""
        for row, values in enumerate(self.power):
            finite = values[np.isfinite(values)]
            if finite.size:
                newest = np.percentile(finite, (5, 95)).astype(np.float32)
                old = self.ranges[row]
                self.ranges[row] = newest if np.isnan(old).any() else 0.97 * old + 0.03 * newest

    def _colored(self) -> np.ndarray:
        low, high = self.ranges[:, :1], self.ranges[:, 1:]
        share = (self.power - low) / np.maximum(high - low, 0.2)
        masked = ~np.isfinite(share)
        level = (np.clip(np.where(masked, 0, share), 0, 1) * 255).astype(np.intp)
        return np.ascontiguousarray(np.where(masked, self._masked, self._colors[level]).astype(np.uint32))

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        if self._image is None:
            return
        painter = QPainter(self)
        plot = QRectF(_LEFT_PX, 0, max(1, self.width() - _LEFT_PX - _RIGHT_PX), max(1, self.height() - 18))
        painter.drawImage(plot, self._image)
        row = plot.height() / len(self.bands)
        painter.setFont(font(11))
        for index, band in enumerate(self.bands):
            low, high = self.ranges[index]
            painter.setPen(QColor(self.theme.text))
            painter.drawText(
                QRectF(0, index * row, _LEFT_PX - 6, row),
                Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
                band,
            )
            painter.setPen(QColor(self.theme.muted))
            text = f"{low:.1f} – {high:.1f}" if np.isfinite(low) else "-"
            painter.drawText(
                QRectF(plot.right() + 5, index * row, _RIGHT_PX - 5, row), Qt.AlignmentFlag.AlignVCenter, text
            )
        self._paint_grid(painter, plot, row)

    def _paint_grid(self, painter: QPainter, plot: QRectF, row: float) -> None:
        painter.setPen(QPen(QColor(self.theme.panel), 1))
        for index in range(1, len(self.bands)):
            painter.drawLine(QPointF(plot.left(), index * row), QPointF(plot.right(), index * row))
        column = plot.width() / max(1, len(self.order))
        painter.setFont(font(11))
        for name, start, stop in self.groups:
            left, right = plot.left() + start * column, plot.left() + stop * column
            painter.setPen(QPen(QColor(self.theme.panel), 3))
            painter.drawLine(QPointF(right, 0), QPointF(right, plot.bottom()))
            painter.setPen(QColor(self.theme.muted))
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(right - left))
            painter.drawText(QRectF(left, plot.bottom() + 1, right - left, 17), Qt.AlignmentFlag.AlignCenter, text)


class BandPanel(Panel):
    """Newest band powers of all channels."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Band power", theme)
        self.canvas = BandCanvas(theme)
        self.add(self.canvas)
        self._sample: BandSample | None = None
        self._fresh = False

    def take(self, sample: BandSample) -> None:
        """Remember the newest windows."""
        self._sample, self._fresh = sample, True

    def refresh(self, now_s: float) -> None:
        """Show the newest window."""
        if self._sample is None:
            self.set_note("waiting for the engine")
            return
        if self._fresh:
            self.canvas.show_power(self._sample.channels, self._sample.bands, self._sample.power)
            self._fresh = False
        age = now_s - self._sample.stamp
        masked = int((~np.isfinite(self._sample.power).any(axis=1)).sum())
        if age > STALE_AFTER_S:
            self.set_note(f"stale: {age_text(age)} old", "bad")
        else:
            text = "log10 µV²/Hz, dark is low"
            self.set_note(text + (f" · {masked} masked (grey)" if masked else ""), "warn" if masked else "")
