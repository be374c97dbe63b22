"""The widget of the emotion traces: paints a picture anew only where it would look different, the cursor on top."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PyQt5.QtCore import QEvent, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QKeyEvent, QMouseEvent, QPaintEngine, QPainter, QPaintEvent, QPen, QPixmap
from PyQt5.QtWidgets import QWidget

from gui.panels.emotion.history import Source
from gui.panels.emotion.picture import Layout, Picture, gutters, lay_out, paint_now, paint_past
from gui.panels.emotion.readout import Readout, paint_readout, read_moment
from gui.theme import Theme, font
from realtime.packets import Float32


class EmotionCanvas(QWidget):
    """Paints a `Picture` and reads it out under the mouse or the arrow keys."""

    read = pyqtSignal(str)
    """What is under the cursor, in words; '' when the cursor leaves."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.waiting = "waiting for predictions"
        self._picture: Picture | None = None
        self._base: QPixmap | None = None
        self._based_on: Picture | None = None
        self._last: Mapping[Source, Float32] = {}
        self._cursor_s: float | None = None
        self._follows_mouse_px: float | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(110)
        self.setAccessibleName("Emotion traces")

    def sizeHint(self) -> QSize:
        """Room for lines and strips."""
        return QSize(480, 320)

    @property
    def picture(self) -> Picture | None:
        """What is shown."""
        return self._picture

    def show_picture(self, picture: Picture | None) -> None:
        """Set what is painted; nothing is computed before it is seen."""
        self._picture = picture
        self.update()

    def gutters(self, classes: Sequence[str]) -> tuple[float, float]:
        """Pixels left and right of the time axis."""
        return gutters(classes, float(self.width()))

    def layout_of(self, picture: Picture) -> Layout:
        """Where the parts of a picture lie in this widget."""
        return lay_out(picture, float(self.width()), float(self.height()))

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the past, where it looks different now, the present, and the cursor."""
        painter = QPainter(self)
        if self._picture is None:
            painter.setFont(font(13))
            painter.setPen(QColor(self.theme.muted))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.waiting)
        else:
            layout = self.layout_of(self._picture)
            self._paint_past(painter, self._picture, layout)
            paint_now(painter, self.theme, self._picture, layout, self._last)
            self._paint_cursor(painter, self._picture)
        if self.hasFocus():
            painter.setPen(QPen(QColor(self.theme.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _paint_past(self, painter: QPainter, picture: Picture, layout: Layout) -> None:
        engine = painter.paintEngine()
        if engine is not None and engine.type() == QPaintEngine.Type.SVG:
            self._last = paint_past(painter, self.theme, picture, layout)
            return
        # an hour on a few hundred pixels moves by one of them in seconds: until then it is the same picture
        if not self._is_current(picture, layout.plots[0].width()):
            self._base, self._based_on = self._render(picture, layout), picture
        if self._base is not None:
            painter.drawPixmap(0, 0, self._base)

    def _is_current(self, picture: Picture, width_px: float) -> bool:
        if self._base is None or self._based_on is None:
            return False
        same_size = self._base.size() == self.size() * self.devicePixelRatioF()
        return same_size and picture.looks_like(self._based_on, width_px)

    def _render(self, picture: Picture, layout: Layout) -> QPixmap:
        ratio = self.devicePixelRatioF()
        base = QPixmap(self.size() * ratio)
        base.setDevicePixelRatio(ratio)
        base.fill(QColor(self.theme.panel))
        painter = QPainter(base)
        self._last = paint_past(painter, self.theme, picture, layout)
        painter.end()
        return base

    # -- the cursor -----------------------------------------------------------------------------------------------

    def readout(self) -> Readout | None:
        """What is under the cursor; None without one."""
        picture = self._picture
        if picture is None:
            return None
        axis = self.layout_of(picture).axis(picture.start_s, picture.end_s)
        if self._follows_mouse_px is not None:
            stamp = axis.stamp(self._follows_mouse_px)
        elif self._cursor_s is not None:
            stamp = min(max(self._cursor_s, axis.start_s), axis.end_s)
        else:
            return None
        width_s = max(axis.span_s / axis.width_px, 1e-3)
        below = picture.uncertain_below
        return read_moment(picture.history, stamp, picture.end_s, picture.wall_s, width_s, below)

    def _paint_cursor(self, painter: QPainter, picture: Picture) -> None:
        readout = self.readout()
        if readout is None:
            return
        layout = self.layout_of(picture)
        area = QRectF(layout.plots[0].left(), 0.0, layout.plots[0].width(), layout.strips["time"].top())
        x = layout.axis(picture.start_s, picture.end_s).x(readout.stamp)
        paint_readout(painter, self.theme, area, x, readout, picture.model.names)

    def put_cursor(self, stamp: float | None) -> None:
        """Read out a moment, LSL seconds; None takes the cursor away."""
        self._cursor_s, self._follows_mouse_px = stamp, None
        self._said()

    def _said(self) -> None:
        readout = self.readout()
        words = readout.spoken(self._picture.model.names) if readout and self._picture else ""
        self.setAccessibleDescription(words)
        self.read.emit(words)
        self.update()

    def mouseMoveEvent(self, a0: QMouseEvent | None) -> None:
        """Read out the moment under the mouse."""
        if a0 is None or self._picture is None:
            return
        plot = self.layout_of(self._picture).plots[0]
        inside = plot.left() <= a0.localPos().x() <= plot.right()
        self._cursor_s, self._follows_mouse_px = None, a0.localPos().x() if inside else None
        self._said()

    def leaveEvent(self, a0: QEvent | None) -> None:
        """Take the cursor away with the mouse."""
        if self._follows_mouse_px is not None:
            self.put_cursor(None)

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Arrows move the cursor, Home and End take it to the edges, Escape takes it away."""
        if a0 is None or self._picture is None or a0.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            super().keyPressEvent(a0)
            return
        picture, key = self._picture, a0.key()
        readout = self.readout()
        at = readout.stamp if readout else picture.end_s
        step = max((picture.end_s - picture.start_s) / 120.0, 0.2)
        places = {
            int(Qt.Key.Key_Left): at - step,
            int(Qt.Key.Key_Right): at + step,
            int(Qt.Key.Key_Home): picture.start_s,
            int(Qt.Key.Key_End): picture.end_s,
        }
        if key in places:
            self.put_cursor(min(max(places[key], picture.start_s), picture.end_s))
        elif key == Qt.Key.Key_Escape and readout is not None:
            self.put_cursor(None)
        else:
            super().keyPressEvent(a0)
