"""Small drawings for ratings: a face from frown to smile, and a figure from still to bursting. Drawn here, anew."""

from __future__ import annotations

import math

from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap

from realtime.session.playlist import Pictures

_SIDE = 96


def rating_picture(kind: Pictures, share: float, color: str) -> QPixmap:
    """The picture of one point of a scale. GUI thread.

    Parameters
    ----------
    kind : {'valence', 'arousal'}
    share : float
        Where on the scale, from 0 to 1.
    color : str
        Of the lines, #rrggbb.
    """
    pixmap = QPixmap(_SIDE, _SIDE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(color), 5.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    (_face if kind == "valence" else _burst)(painter, share)
    painter.end()
    return pixmap


def _face(painter: QPainter, share: float) -> None:
    middle = _SIDE / 2
    painter.drawEllipse(QPointF(middle, middle), 40.0, 40.0)
    painter.setBrush(painter.pen().color())
    for x in (-14.0, 14.0):
        painter.drawEllipse(QPointF(middle + x, middle - 10.0), 2.5, 2.5)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    bend = 34.0 * (share - 0.5)
    mouth = QPainterPath(QPointF(middle - 19.0, middle + 18.0 - bend / 2))
    mouth.quadTo(QPointF(middle, middle + 18.0 + bend), QPointF(middle + 19.0, middle + 18.0 - bend / 2))
    painter.drawPath(mouth)


def _burst(painter: QPainter, share: float) -> None:
    middle = _SIDE / 2
    painter.drawRoundedRect(QRectF(middle - 15.0, middle - 15.0, 30.0, 30.0), 8.0, 8.0)
    painter.setBrush(painter.pen().color())
    core = 2.5 + 8.0 * share
    painter.drawEllipse(QPointF(middle, middle), core, core)
    length = 20.0 * share
    if length < 1.0:
        return
    for ray in range(8):
        turn = ray * math.pi / 4
        along = QPointF(math.cos(turn), math.sin(turn))
        # rays from the corners begin further out, past the rounded square
        begin = 24.0 if ray % 2 == 0 else 27.0
        painter.drawLine(QPointF(middle, middle) + along * begin, QPointF(middle, middle) + along * (begin + length))
