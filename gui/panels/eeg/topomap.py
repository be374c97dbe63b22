"""A map of the head for every band: power, or its change against a baseline; blank where channels are bad."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QBrush, QColor, QImage, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF
from PyQt5.QtWidgets import QWidget
from PyQt5.sip import voidptr

from gui.panels.base import Panel, age_text, over_pixels
from gui.panels.eeg.bands import EXPORTED, power_rows
from gui.panels.eeg.scalp_map import FEWEST, SIDE, ScalpMap
from gui.streams.band_baseline import BandBaseline
from gui.streams.messages import BandSample
from gui.theme import Theme, font
from realtime.packets import Bool, Float32

STALE_AFTER_S = 2.0
POWER_COLOURS = "viridis"
_LEAST_CHANGE_DB = 3.0
_LEAST_RANGE = 0.3
_SLOWLY = 0.05


def colour_table(name: str) -> np.ndarray:
    """A colour map as (256,) uint32 0xffRRGGBB."""
    found = pg.colormap.get(name)
    assert found is not None
    table = np.asarray(found.getLookupTable(0.0, 1.0, 256, alpha=False), np.uint32)
    return 0xFF000000 | table[:, 0] << 16 | table[:, 1] << 8 | table[:, 2]


def change_table(theme: Theme) -> np.ndarray:
    """Blue for less, the ground for no change, orange for more, safe for colour-blind readers: as `colour_table`."""
    stops = [QColor(name) for name in (theme.accent, theme.panel, theme.warn)]
    parts = ([color.red(), color.green(), color.blue()] for color in stops)
    red, green, blue = (
        np.rint(np.interp(np.linspace(-1, 1, 256), (-1, 0, 1), part)).astype(np.uint32)
        for part in zip(*parts, strict=True)
    )
    return 0xFF000000 | red << 16 | green << 8 | blue


def cells(count: int, width: float, height: float, caption: float) -> list[QRectF]:
    """Places for `count` maps: as many rows as make the heads largest."""

    def size(rows: int) -> float:
        return min(width / math.ceil(count / rows), height / rows - caption)

    rows = max(range(1, count + 1), key=size)
    columns = math.ceil(count / rows)
    wide, high = width / columns, height / rows
    return [QRectF(index % columns * wide, index // columns * high, wide, high) for index in range(count)]


class HeadMaps(QWidget):
    """The maps, each with its band, its electrodes and the ends of its colour scale."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.bands: tuple[str, ...] = ()
        self.maps: Float32 = np.empty((0, SIDE, SIDE), np.float32)
        self.limits: Float32 = np.empty((0, 2), np.float32)
        self.scalp: ScalpMap | None = None
        self.relative = False
        self.dimmed = False
        self._channels: tuple[str, ...] = ()
        self.bad: Bool = np.zeros(0, bool)
        self._pixels = np.empty((0, SIDE, SIDE), np.uint32)
        self._tables = {True: change_table(theme), False: colour_table(POWER_COLOURS)}
        self.setMinimumHeight(110)
        self.setAccessibleName("maps of band power over the head")

    def show_values(
        self, channels: tuple[str, ...], bands: tuple[str, ...], values: Float32, *, relative: bool
    ) -> None:
        """Set what is drawn.

        Parameters
        ----------
        channels, bands : tuple of str
        values : (n_channels, n_bands) float32
            log10 µV²/Hz, or dB against the baseline; NaN where masked.
        relative : bool
            Whether it is the latter.
        """
        if self.scalp is None or channels != self._channels:
            self.scalp, self._channels = ScalpMap(channels), channels
        if relative != self.relative or bands != self.bands:
            self.limits = np.full((len(bands), 2), np.nan, np.float32)
        self.bands, self.relative = bands, relative
        placed = values[self.scalp.rows]
        self.bad = ~np.asarray(np.isfinite(placed).all(axis=1), bool)
        self._follow(placed)
        self.maps = self.scalp.spread(placed)
        self._pixels = self._coloured()
        self.update()

    def set_dimmed(self, dimmed: bool) -> None:
        """Pale, where the values are old."""
        if dimmed != self.dimmed:
            self.dimmed = dimmed
            self.update()

    def _follow(self, values: Float32) -> None:
        """Let the ends of the scales follow slowly: colours stay comparable over seconds."""
        for band, column in enumerate(values.T):
            known = column[np.isfinite(column)]
            if not known.size:
                continue
            low, high = np.percentile(known, (2, 98))
            if self.relative:
                high = max(_LEAST_CHANGE_DB, abs(low), abs(high))
                low = -high
            elif high - low < _LEAST_RANGE:
                low, high = 0.5 * (low + high) + np.array([-0.5, 0.5]) * _LEAST_RANGE
            newest = np.array([low, high], np.float32)
            old = self.limits[band]
            self.limits[band] = newest if np.isnan(old).any() else old + _SLOWLY * (newest - old)
        if self.relative and np.isfinite(self.limits).any():
            # one scale for all bands: changes are compared between them
            self.limits[:] = np.array([-1.0, 1.0]) * np.nanmax(self.limits)

    def _coloured(self) -> np.ndarray:
        low, high = self.limits[:, :1, None], self.limits[:, 1:, None]
        share = np.nan_to_num((self.maps - low) / (high - low))
        colours = self._tables[self.relative][(np.clip(share, 0, 1) * 255).astype(np.intp)]
        return np.ascontiguousarray(np.where(np.isfinite(self.maps), colours, 0).astype(np.uint32))

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint a head a band, with its scale of colours."""
        if self.scalp is None or not self.bands:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setFont(font(11))
        line = painter.fontMetrics().height()
        for index, box in enumerate(cells(len(self.bands), self.width(), self.height(), 2 * line + 10)):
            head = QRectF(box.left() + 8, box.top() + line + 7, box.width() - 16, box.height() - 2 * line - 10)
            side = max(20.0, min(head.width(), head.height()))
            round_ = QRectF(head.center().x() - side / 2, head.center().y() - side / 2, side, side)
            painter.setPen(QColor(self.theme.muted if self.dimmed else self.theme.text))
            painter.setFont(font(11, bold=True))
            name = QRectF(box.left(), round_.top() - line - 7, box.width(), line)
            painter.drawText(name, Qt.AlignmentFlag.AlignCenter, self.bands[index])
            self._paint_head(painter, round_, index)
            self._paint_scale(painter, QRectF(box.left(), round_.bottom() + 3, box.width(), line), index)

    def _paint_head(self, painter: QPainter, head: QRectF, index: int) -> None:
        assert self.scalp is not None
        middle, radius = head.center(), head.width() / 2
        outline = QPen(QColor(self.theme.muted), 1.5)
        painter.setPen(outline)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        nose = [QPointF(middle.x() + x * radius, middle.y() - y * radius) for x, y in _NOSE]
        painter.drawPolyline(QPolygonF(nose))
        disk = QPainterPath()
        disk.addEllipse(head)
        painter.save()
        painter.setClipPath(disk)
        painter.fillPath(disk, QColor(self.theme.panel))
        # where the picture is see-through, nothing is known
        painter.fillPath(disk, QBrush(QColor(self.theme.trace_bad), Qt.BrushStyle.BDiagPattern))
        painter.setOpacity(0.35 if self.dimmed else 1.0)
        painter.drawImage(head, _see_through(self._pixels[index]))
        painter.restore()
        painter.setPen(outline)
        painter.drawEllipse(head)
        self._paint_electrodes(painter, head)

    def _paint_electrodes(self, painter: QPainter, head: QRectF) -> None:
        assert self.scalp is not None
        middle, radius = head.center(), head.width() / 2
        size = max(1.4, min(3.2, radius / 22))
        at = self.scalp.places * np.array([radius, -radius]) + np.array([middle.x(), middle.y()])
        painter.setPen(QPen(QColor(0, 0, 0, 150), size, cap=Qt.PenCapStyle.RoundCap))
        painter.drawPoints(QPolygonF([QPointF(x, y) for x, y in at[~self.bad]]))
        arm = 1.1 * size + 1
        painter.setPen(QPen(QColor(self.theme.bad), 1.6))
        for x, y in at[self.bad]:
            painter.drawLine(QPointF(x - arm, y - arm), QPointF(x + arm, y + arm))
            painter.drawLine(QPointF(x - arm, y + arm), QPointF(x + arm, y - arm))

    def _paint_scale(self, painter: QPainter, box: QRectF, index: int) -> None:
        low, high = self.limits[index]
        if not np.isfinite(low):
            return
        style = "+.0f" if self.relative else ".1f"
        painter.setFont(font(11))
        painter.setPen(QColor(self.theme.muted))
        metrics = painter.fontMetrics()
        texts = (f"{low:{style}}", f"{high:{style}}")
        widths = [metrics.horizontalAdvance(text) for text in texts]
        bar = min(70.0, box.width() - sum(widths) - 20)
        left = box.center().x() - bar / 2
        painter.drawText(QRectF(left - widths[0] - 5, box.top(), widths[0], box.height()), 0, texts[0])
        painter.drawText(QRectF(left + bar + 5, box.top(), widths[1] + 1, box.height()), 0, texts[1])
        table = np.ascontiguousarray(self._tables[self.relative][None])
        painter.drawImage(QRectF(left, box.center().y() - 3, bar, 6), over_pixels(table))


_NOSE = ((-0.11, 0.99), (0.0, 1.11), (0.11, 0.99))


def _see_through(pixels: np.ndarray) -> QImage:
    """A QImage over (side, side) uint32 0xAARRGGBB, which must outlive it."""
    height, width = pixels.shape
    return QImage(voidptr(pixels.ctypes.data), width, height, 4 * width, QImage.Format.Format_ARGB32)


class TopomapPanel(Panel):
    """Newest band powers over the head, a map a band."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Topography", theme)
        self.maps = HeadMaps(theme)
        self.add(self.maps)
        self.baseline: BandBaseline | None = None
        self._sample: BandSample | None = None
        self._fresh = False

    def take(self, sample: BandSample) -> None:
        """Remember the newest windows."""
        self._sample, self._fresh = sample, True

    def set_baseline(self, baseline: BandBaseline | None) -> None:
        """Show changes against a baseline, or, with None, power as it is."""
        self.baseline, self._fresh = baseline, True

    def adopt(self, before: TopomapPanel) -> None:
        """Take over the baseline."""
        self.set_baseline(before.baseline)

    def export_rows(self) -> list[Sequence[str | float]]:
        """The newest window of all channels: a header, then a row a channel and band; NaN where masked."""
        sample = self._sample
        return [EXPORTED] if sample is None else power_rows(sample, self.baseline, range(len(sample.channels)))

    def refresh(self, now_s: float) -> None:
        """Show the newest window."""
        if not self.isVisible():
            return
        sample = self._sample
        if sample is None:
            self.set_note("waiting for the engine")
            return
        if self._fresh:
            relative = self.baseline is not None and self.baseline.knows(sample)
            values = self.baseline.change_db(sample) if self.baseline is not None and relative else sample.power
            self.maps.show_values(sample.channels, sample.bands, values, relative=relative)
            self._fresh = False
        age = now_s - sample.stamp
        self.maps.set_dimmed(age > STALE_AFTER_S)
        if age > STALE_AFTER_S:
            self.set_note(f"stale: {age_text(age)} old", "bad")
            return
        scalp = self.maps.scalp
        if scalp is None or not scalp.enough:
            self.set_note(f"at least {FEWEST} electrodes with 10-20 names are wanted", "warn")
            return
        known = self.baseline is not None and self.baseline.knows(sample)
        unit = f"dB against the {self.baseline.words}" if self.baseline is not None and known else "log10 µV²/Hz"
        masked = int(self.maps.bad.sum())
        self.set_note(unit + (f" · {masked} bad (✕, hatched)" if masked else ""), "warn" if masked else "")
