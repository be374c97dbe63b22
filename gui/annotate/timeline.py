"""Time of the review: the whole recording with its trials and events, and the stretch around one event."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QPolygonF, QResizeEvent
from PyQt5.QtWidgets import QSizePolicy, QWidget

from gui.annotate.style import GLYPHS, status_color
from gui.theme import Theme, font
from realtime.packets import Float32, Float64
from realtime.review.annotations import Annotation

_AXIS_PX = 15
_PAD = 16.0
_STEPS_S = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600)


@dataclass(frozen=True, slots=True)
class Tick:
    """An event on the overview."""

    time_s: float
    status: str
    current: bool


class TimeView(QWidget):
    """A time axis with a playhead; a click asks for that moment."""

    asked = pyqtSignal(float)

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self.theme = theme
        self.span_s = (0.0, 1.0)
        self.now_s = 0.0
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def x_of(self, time_s: float) -> float:
        """Pixel of a moment."""
        start, end = self.span_s
        return _PAD + (self.width() - 2 * _PAD) * (time_s - start) / max(1e-9, end - start)

    def show_now(self, time_s: float) -> None:
        """Move the playhead."""
        self.now_s = time_s
        self.update()

    def _ask(self, a0: QMouseEvent | None) -> None:
        if a0 is not None and int(a0.buttons()) & int(Qt.MouseButton.LeftButton):
            start, end = self.span_s
            share = (a0.x() - _PAD) / max(1.0, self.width() - 2 * _PAD)
            self.asked.emit(start + (end - start) * min(1.0, max(0.0, share)))

    def mousePressEvent(self, a0: QMouseEvent | None) -> None:
        """Ask for the moment under the mouse."""
        self._ask(a0)

    def mouseMoveEvent(self, a0: QMouseEvent | None) -> None:
        """Ask for the moment under the mouse as it is drawn along."""
        self._ask(a0)

    def _ground(self, painter: QPainter) -> QRectF:
        """Paint the ground and the axis; the rectangle above the axis."""
        body = QRectF(0, 0, self.width(), self.height() - _AXIS_PX)
        painter.fillRect(body, QColor(self.theme.window))
        start, end = self.span_s
        step = next((s for s in _STEPS_S if (end - start) / s <= max(2, self.width() / 70)), _STEPS_S[-1])
        painter.setFont(font(10))
        place = math.ceil(start / step) * step
        while place <= end:
            x = self.x_of(place)
            painter.setPen(QPen(QColor(self.theme.grid), 1))
            painter.drawLine(QPointF(x, 0), QPointF(x, body.bottom()))
            painter.setPen(QColor(self.theme.muted))
            box = QRectF(x - 40, body.bottom(), 80, _AXIS_PX)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, _clock(place, step))
            place += step
        return body

    def _playhead(self, painter: QPainter, body: QRectF) -> None:
        x = self.x_of(self.now_s)
        painter.setPen(QPen(QColor(self.theme.text), 1.5))
        painter.drawLine(QPointF(x, 0), QPointF(x, body.bottom()))
        painter.setBrush(QColor(self.theme.text))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawPolygon(QPolygonF([QPointF(x - 5, 0), QPointF(x + 5, 0), QPointF(x, 7)]))


def _clock(time_s: float, step_s: float) -> str:
    if step_s < 1:
        return f"{time_s:.2f}" if step_s < 0.1 else f"{time_s:.1f}"
    minutes, seconds = divmod(round(time_s), 60)
    return f"{minutes}:{seconds:02d}"


class Overview(TimeView):
    """The whole recording: trials as bands, the face's motion, every event with its state."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "whole recording")
        self.setFixedHeight(62)
        self._trials: Sequence[Annotation] = ()
        self._ticks: Sequence[Tick] = ()
        self._motion: tuple[Float64, Float32] = (np.empty(0), np.empty(0, np.float32))
        self._blind = False
        self._still: QPixmap | None = None  # all but the playhead: an hour has thousands of lines

    def show_recording(
        self, span_s: tuple[float, float], trials: Sequence[Annotation], motion: tuple[Float64, Float32], *, blind: bool
    ) -> None:
        """Set what does not change; a blind coder sees no labels of trials."""
        self.span_s, self._trials, self._motion, self._blind = span_s, trials, motion, blind
        self._still = None
        self.update()

    def show_events(self, ticks: Sequence[Tick]) -> None:
        """Set the events."""
        self._ticks = ticks
        self._still = None
        self.update()

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """What was painted for another size is painted anew."""
        self._still = None
        super().resizeEvent(a0)

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the whole recording, and where it is looked at."""
        if self._still is None:
            self._still = self._paint_still()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._still)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._playhead(painter, QRectF(0, 0, self.width(), self.height() - _AXIS_PX))

    def _paint_still(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        still = QPixmap(self.size() * ratio)
        still.setDevicePixelRatio(ratio)
        still.fill(QColor(self.theme.panel))
        painter = QPainter(still)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = self._ground(painter)
        self._paint_motion(painter, body)
        for trial in self._trials:
            box = QRectF(self.x_of(trial.onset_s), body.top() + 1, 0, 14)
            box.setRight(max(box.left() + 2, self.x_of(trial.offset_s)))
            ground = QColor(self.theme.accent)
            ground.setAlpha(50)
            painter.fillRect(box, ground)
            painter.setPen(QColor(self.theme.text))
            painter.setFont(font(10))
            label = "trial" if self._blind else trial.label or "trial"
            text = painter.fontMetrics().elidedText(label, Qt.TextElideMode.ElideRight, int(box.width()) - 4)
            painter.drawText(box.adjusted(3, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)
        self._paint_ticks(painter, body)
        painter.end()
        return still

    def _paint_motion(self, painter: QPainter, body: QRectF) -> None:
        times, values = self._motion
        good = np.isfinite(values)
        if not good.any():
            return
        top = max(4.0, float(np.percentile(values[good], 99)))
        painter.setPen(QPen(QColor(self.theme.trace_bad), 1))
        for time_s, value in zip(times[good].tolist(), values[good].tolist(), strict=True):
            x = self.x_of(time_s)
            painter.drawLine(
                QPointF(x, body.bottom()), QPointF(x, body.bottom() - (body.height() - 16) * min(1.0, value / top))
            )

    def _paint_ticks(self, painter: QPainter, body: QRectF) -> None:
        painter.setFont(font(12, bold=True))
        for tick in sorted(self._ticks, key=lambda tick: tick.current):
            x = self.x_of(tick.time_s)
            color = QColor(status_color(self.theme, tick.status))
            painter.setPen(QPen(color, 3 if tick.current else 1))
            painter.drawLine(QPointF(x, body.top() + 16), QPointF(x, body.bottom()))
            box = QRectF(x - 7, body.bottom() - 16, 14, 15)
            painter.fillRect(box, QColor(self.theme.window))
            painter.setPen(color)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, GLYPHS[tick.status])


class Detail(TimeView):
    """One event: its three marks, every frame, and the motion since the onset where it has been measured."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme, "the event and its marks")
        self.setMinimumHeight(70)
        self._marks: tuple[float, float, float] | None = None
        self._frames: Float64 = np.empty(0)
        self._curve: tuple[Float64, Float32] = (np.empty(0), np.empty(0, np.float32))

    def show_event(
        self, span_s: tuple[float, float], marks: tuple[float, float, float] | None, frames: Float64
    ) -> None:
        """Set the stretch, onset, apex and offset, and the times of the frames in it."""
        self.span_s, self._marks, self._frames = span_s, marks, frames
        self.update()

    def show_curve(self, times_s: Float64, motion: Float32) -> None:
        """Set the motion since the onset, px; empty for none."""
        self._curve = times_s, motion
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the motion and the marks around the present moment."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body = self._ground(painter)
        if self._marks is not None:
            inside = QRectF(self.x_of(self._marks[0]), 0, 0, body.bottom())
            inside.setRight(self.x_of(self._marks[2]))
            ground = QColor(self.theme.accent)
            ground.setAlpha(38)
            painter.fillRect(inside, ground)
        if len(self._frames) < self.width() / 4:
            painter.setPen(QPen(QColor(self.theme.trace_bad), 1))
            for time_s in self._frames.tolist():
                x = self.x_of(time_s)
                painter.drawLine(QPointF(x, body.bottom() - 4), QPointF(x, body.bottom()))
        self._paint_curve(painter, body)
        self._paint_marks(painter, body)
        self._playhead(painter, body)

    def _paint_curve(self, painter: QPainter, body: QRectF) -> None:
        times, values = self._curve
        if not len(times):
            return
        top = max(0.25, 1.1 * float(values.max()))
        points = [
            QPointF(self.x_of(t), body.bottom() - 4 - (body.height() - 20) * v / top)
            for t, v in zip(times.tolist(), values.tolist(), strict=True)
        ]
        painter.setPen(QPen(QColor(self.theme.trace), 1.8))
        painter.drawPolyline(QPolygonF(points))

    def _paint_marks(self, painter: QPainter, body: QRectF) -> None:
        if self._marks is None:
            return
        painter.setFont(font(11, bold=True))
        for letter, time_s in zip("OAF", self._marks, strict=True):
            x = self.x_of(time_s)
            color = QColor(self.theme.warn if letter == "A" else self.theme.accent)
            painter.setPen(QPen(color, 2))
            painter.drawLine(QPointF(x, 15), QPointF(x, body.bottom()))
            box = QRectF(x - 8, 0, 16, 16)
            painter.fillRect(box, color)
            painter.setPen(QColor(self.theme.window))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, letter)
