"""The time axis under a movement that is played again."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QWidget

from gui.theme import Theme, font, scaled


class Scrubber(QWidget):
    """The time axis of what is played: a tick a frame, onset, apex and offset marked, and where the picture is."""

    sought = pyqtSignal(int)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.times: list[float] = []
        self.marks: tuple[tuple[str, float], ...] = ()
        self.position = 0
        self.setFixedHeight(scaled(44))
        self.setAccessibleName("time of the picture")

    def set_times(self, times: list[float], marks: tuple[tuple[str, float], ...]) -> None:
        """Seconds from the apex, of each picture and of each mark."""
        self.times, self.marks = times, marks
        self.update()

    def show_position(self, position: int) -> None:
        """Which picture is shown."""
        self.position = position
        self.update()

    def x_of(self, seconds: float) -> float:
        """Place of a time on the widget."""
        first, last = self.times[0], self.times[-1]
        return 12 + (self.width() - 24) * (seconds - first) / max(last - first, 1e-6)

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the time line, its marks and the place."""
        if len(self.times) < 2:
            return
        painter = QPainter(self)
        painter.setFont(font(11))
        middle = 15.0
        painter.fillRect(QRectF(12, middle - 3, self.width() - 24, 6), QColor(self.theme.grid))
        if len(self.marks) == 3:
            left, right = self.x_of(self.marks[0][1]), self.x_of(self.marks[2][1])
            painter.fillRect(QRectF(left, middle - 3, right - left, 6), QColor(self.theme.warn))
        painter.setPen(QColor(self.theme.muted))
        for seconds in self.times:
            x = self.x_of(seconds)
            painter.drawLine(QPointF(x, middle + 4), QPointF(x, middle + 8))
        free = 0.0
        for name, seconds in self.marks:
            x = self.x_of(seconds)
            painter.setPen(QPen(QColor(self.theme.text), 1.5))
            painter.drawLine(QPointF(x, middle - 9), QPointF(x, middle + 10))
            words = name if name == "apex" else f"{name} {1000 * seconds:+.0f} ms"
            width = painter.fontMetrics().horizontalAdvance(words) + 6.0
            start = max(free, min(x - width / 2, self.width() - width))
            painter.drawText(QRectF(start, middle + 12, width, scaled(15)), Qt.AlignmentFlag.AlignCenter, words)
            free = start + width
        x = self.x_of(self.times[self.position])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(self.theme.panel), 1.5))
        painter.setBrush(QColor(self.theme.accent))
        painter.drawEllipse(QPointF(x, middle), 6.5, 6.5)

    def mousePressEvent(self, a0: QMouseEvent | None) -> None:
        """Go to the frame nearest to the mouse."""
        if a0 is not None and len(self.times) > 1:
            places = np.array([self.x_of(seconds) for seconds in self.times])
            self.sought.emit(int(np.argmin(np.abs(places - a0.x()))))

    def mouseMoveEvent(self, a0: QMouseEvent | None) -> None:
        """Go along with the mouse."""
        self.mousePressEvent(a0)
