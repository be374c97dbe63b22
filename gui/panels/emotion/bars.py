"""A bar a class: what is said now, with what EEG alone and the face alone say as marks on it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt5.QtWidgets import QWidget

from gui.streams.messages import EmotionSample
from gui.theme import Theme, font

_SAMPLE_PX = 34.0
_TALLEST_PX = 48.0


class ClassBars(QWidget):
    """One row a class: line sample, name, probability bar, with what EEG alone and the face alone say as marks."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.classes: tuple[str, ...] = ()
        self.sample: EmotionSample | None = None
        self.dimmed = False
        self.setMinimumHeight(96)
        self.setAccessibleName("Probability of each class")

    def show_sample(self, classes: tuple[str, ...], sample: EmotionSample | None, *, dimmed: bool) -> None:
        """Set what is drawn; `dimmed` where it is not to be read as current."""
        self.classes, self.sample, self.dimmed = classes, sample, dimmed
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint a row a class, and what the marks mean."""
        if not self.classes:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        key = QFontMetricsF(font(10)).height() + 4
        row = min(_TALLEST_PX, (self.height() - key) / len(self.classes))
        painter.setFont(font(self._font_px(row)))
        metrics = QFontMetricsF(painter.font())
        names = min(_widest(metrics, self.classes), 0.4 * self.width())
        values = _widest(metrics, ("100%",))
        left = _SAMPLE_PX + names
        bar = QRectF(left, 0, max(20.0, self.width() - left - values), max(6.0, row * 0.5))
        for index, name in enumerate(self.classes):
            bar.moveTop(index * row + 0.5 * (row - bar.height()))
            self._paint_class(painter, index, name, bar, row)
        self._paint_key(painter, len(self.classes) * row + key - 4)

    def _font_px(self, row: float) -> int:
        """As large as the rows are high, unless that left less than a third of the width to the bars."""
        for size in range(round(min(20.0, max(11.0, 0.4 * row))), 11, -1):
            metrics = QFontMetricsF(font(size))
            if _SAMPLE_PX + _widest(metrics, self.classes) + _widest(metrics, ("100%",)) < 0.67 * self.width():
                return size
        return 11

    def _paint_class(self, painter: QPainter, index: int, name: str, bar: QRectF, row: float) -> None:
        theme, middle = self.theme, bar.center().y()
        painter.setOpacity(0.45 if self.dimmed else 1.0)
        painter.setPen(theme.class_pen(index, 2.5))
        painter.drawLine(QPointF(2, middle), QPointF(_SAMPLE_PX - 6, middle))
        painter.setPen(QColor(theme.text))
        where = QRectF(_SAMPLE_PX, middle - row / 2, bar.left() - _SAMPLE_PX - 4, row)
        shown = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(where.width()))
        painter.drawText(where, Qt.AlignmentFlag.AlignVCenter, shown)
        painter.fillRect(bar, QColor(theme.grid))
        if self.sample is None or not np.isfinite(self.sample.probabilities[index]):
            return
        value = float(self.sample.probabilities[index])
        painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * value, bar.height()), theme.class_color(index))
        painter.drawText(
            QRectF(bar.right(), middle - row / 2, self.width() - bar.right(), row),
            Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
            f"{value:.0%}",
        )
        for alone, shape in ((self.sample.by_eeg[index], "eeg"), (self.sample.by_face[index], "face")):
            if np.isfinite(alone):
                _mark(painter, theme, QPointF(bar.left() + bar.width() * float(alone), bar.bottom()), shape)

    def _paint_key(self, painter: QPainter, baseline: float) -> None:
        """Say what the two marks are, under the last row."""
        painter.setOpacity(1.0)
        painter.setFont(font(10))
        metrics = QFontMetricsF(painter.font())
        right = self.width() - 2.0
        alone = " alone" if metrics.horizontalAdvance("EEG alone face alone") + 36 < right else ""
        for shape, words in (("face", f"face{alone}"), ("eeg", f"EEG{alone}")):
            left = right - metrics.horizontalAdvance(words)
            painter.setPen(QColor(self.theme.muted))
            painter.drawText(QPointF(left, baseline), words)
            _mark(painter, self.theme, QPointF(left - 8, baseline - 4), shape)
            right = left - 24


def _widest(metrics: QFontMetricsF, texts: Sequence[str]) -> float:
    return max(metrics.horizontalAdvance(text) for text in texts) + 8.0


def _mark(painter: QPainter, theme: Theme, at: QPointF, shape: str) -> None:
    painter.setPen(QPen(QColor(theme.panel), 1))
    painter.setBrush(QColor(theme.text))
    if shape == "eeg":
        up = [QPointF(at.x(), at.y() - 4), QPointF(at.x() - 4, at.y() + 4), QPointF(at.x() + 4, at.y() + 4)]
        painter.drawPolygon(QPolygonF(up))
    else:
        painter.drawEllipse(at, 3.5, 3.5)
