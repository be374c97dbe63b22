"""Drawing on a face: its oval, its regions tinted by how much they move, and a legend for the tint.

The regions lie where the engine's `realtime.face.regions` puts them, which needs OpenCV; the dashboard never loads it.
A test holds the two together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QLinearGradient, QPainter, QPainterPath, QPaintEvent, QPen, QPolygonF, QTransform
from PyQt5.QtWidgets import QWidget
from scipy.spatial import ConvexHull, QhullError

from gui.theme import Theme, font, scaled
from realtime.face.layout import (
    APERTURES,
    CORNER_RADIUS_PX,
    CORNERS,
    CROP_PX,
    EYE_LINE_PX,
    EYE_SPAN_PX,
    HULLS,
    MARGIN_PX,
)
from realtime.packets import Float32

EYE_CORNERS = (33, 263)

MOTION_FROM, MOTION_FULL = 2.0, 64.0
"""Multiples of the person's own noise at the ends of the ramp, which is logarithmic.

Noise alone reaches the lower end, a broad smile the upper one; a micro-movement lies between them.
"""

TICKS = (2, 8, 32)

_DISC: Float32 = np.stack([np.cos(turn := np.arange(8) * np.pi / 4), np.sin(turn)], axis=1).astype(np.float32)
_OVAL = QColor("#5bd0a0")
_RAMP = ("#3b4cc0", "#8a4fc0", "#d9566b", "#f79540", "#f9ec5e")
"""Dark to bright as well as blue to yellow: in order for every kind of colour vision, and in grey."""


def strength(multiple: float) -> float:
    """Place of a motion on the ramp, 0 to 1; 0 where it is not known."""
    if not multiple > MOTION_FROM:
        return 0.0
    return min(math.log(multiple / MOTION_FROM) / math.log(MOTION_FULL / MOTION_FROM), 1.0)


def tint(multiple: float) -> QColor:
    """Colour of a motion in multiples of noise; the ends of the ramp hold beyond them."""
    place = strength(multiple) * (len(_RAMP) - 1)
    low = min(int(place), len(_RAMP) - 2)
    share = place - low
    first, second = QColor(_RAMP[low]), QColor(_RAMP[low + 1])
    pairs = ((first.red(), second.red()), (first.green(), second.green()), (first.blue(), second.blue()))
    return QColor(*(round(a + share * (b - a)) for a, b in pairs))


def face_outline(landmarks: Float32) -> Float32 | None:
    """Convex hull of the face mesh, the oval that the engine keeps of a face.

    Parameters
    ----------
    landmarks : (n_points, 2) float32 px

    Returns
    -------
    (n_corners, 2) float32 px in order, or None where the points span no area.
    """
    try:
        return landmarks[ConvexHull(landmarks).vertices]
    except (QhullError, ValueError):
        return None


def crop_placement(landmarks: Float32) -> QTransform | None:
    """Where the engine's aligned 256 px crop lies in the frame, from the outer corners of the eyes.

    Parameters
    ----------
    landmarks : (468, 2) float32 px of the frame

    Returns
    -------
    QTransform or None
        Crop px to frame px; None where the eyes' corners coincide or there are fewer points than a face mesh has.
    """
    if len(landmarks) <= max(EYE_CORNERS):
        return None
    right, left = (complex(*landmarks[index].tolist()) for index in EYE_CORNERS)
    turn = (left - right) / EYE_SPAN_PX
    if not 1e-3 < abs(turn) < math.inf:
        return None
    start = right - turn * complex((CROP_PX - EYE_SPAN_PX) / 2, EYE_LINE_PX)
    return QTransform(turn.real, turn.imag, -turn.imag, turn.real, start.real, start.imag)


def _polygon(points: Float32) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in points.tolist()])


def region_paths(landmarks: Float32) -> dict[str, QPainterPath]:
    """Outline of each region in frame px, the openings of the eyes left out; empty where it is no face mesh."""
    placement = crop_placement(landmarks)
    if placement is None:
        return {}
    scale = math.hypot(placement.m11(), placement.m12())
    paths: dict[str, QPainterPath] = {}
    for name, points in HULLS.items():
        # the hull of a disc around each point is the hull of the points, grown on all sides
        discs = landmarks[list(points), None] + _DISC * np.float32(MARGIN_PX * scale)
        hull = face_outline(discs.reshape(-1, 2).astype(np.float32))
        if hull is None:
            continue
        path = QPainterPath()
        path.addPolygon(_polygon(hull))
        path.closeSubpath()
        if name in APERTURES:
            # the odd-even rule cuts the opening out of the ring around it
            path.addPolygon(_polygon(landmarks[list(APERTURES[name])]))
            path.closeSubpath()
        paths[name] = path
    for name, point in CORNERS.items():
        path = QPainterPath()
        radius = CORNER_RADIUS_PX * scale
        path.addEllipse(QPointF(*landmarks[point].tolist()), radius, radius)
        paths[name] = path
    return paths


@dataclass(frozen=True, slots=True)
class FaceShape:
    """What is drawn of one face mesh, in frame px."""

    oval: Float32 | None
    paths: dict[str, QPainterPath]
    placement: QTransform | None

    @classmethod
    def of(cls, landmarks: Float32) -> FaceShape:
        """Shape of (468, 2) float32 landmarks."""
        return cls(face_outline(landmarks), region_paths(landmarks), crop_placement(landmarks))

    def paint(self, painter: QPainter, motion: dict[str, float], zoom: float, *, regions: bool = True) -> None:
        """Draw oval and regions with a painter whose unit is a px of the frame.

        Parameters
        ----------
        painter : QPainter
        motion : dict
            Multiples of noise by region, NaN or absent where there is none.
        zoom : float
            Screen px a frame px.
        regions : bool
            False for the oval alone.
        """
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if regions:
            for name, path in self.paths.items():
                _paint_region(painter, path, motion.get(name, math.nan))
        if self.oval is not None:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for color, width in ((QColor(0, 0, 0, 120), 3.5), (_OVAL, 1.8)):
                painter.setPen(QPen(color, width / zoom))
                painter.drawPolygon(_polygon(self.oval))


def _paint_region(painter: QPainter, path: QPainterPath, multiple: float) -> None:
    """Fill and outline grow with the motion: strength is told by width and opacity too, not by hue alone."""
    share = strength(multiple)
    line = tint(multiple) if share > 0 else QColor(255, 255, 255, 90)
    pen = QPen(line, 1.0 + 2.0 * share)
    pen.setCosmetic(True)
    if not math.isfinite(multiple):
        pen.setStyle(Qt.PenStyle.DotLine)
    fill = tint(multiple)
    fill.setAlphaF((0.2 + 0.35 * share) if share > 0 else 0.0)
    painter.setPen(pen)
    painter.setBrush(fill)
    painter.drawPath(path)


class MotionLegend(QWidget):
    """The ramp with its numbers, and what it measures."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.setFixedHeight(scaled(26))
        self.setMinimumWidth(scaled(90))
        self.setAccessibleName("legend of the region tint")
        self.setAccessibleDescription(
            f"untinted is below {MOTION_FROM:.0f} times the person's own noise, blue and faint is little more, "
            f"yellow and strong is {MOTION_FULL:.0f} times or more"
        )
        self.setToolTip("Motion of a region against 0.2 s earlier, in multiples of the person's own noise")

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the scale of colours and its numbers."""
        painter = QPainter(self)
        painter.setFont(font(10))
        painter.setPen(QColor(self.theme.muted))
        words = "motion, x noise" if self.width() > scaled(190) else "x noise"
        left = painter.fontMetrics().horizontalAdvance(words) + 8.0
        bar = QRectF(left, 3, max(10.0, self.width() - left - 8), scaled(9))
        painter.drawText(QRectF(0, 0, left, bar.height() + 6), Qt.AlignmentFlag.AlignVCenter, words)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for index, color in enumerate(_RAMP):
            gradient.setColorAt(index / (len(_RAMP) - 1), QColor(color))
        painter.fillRect(bar, gradient)
        painter.drawRect(bar)
        for tick in TICKS:
            x = bar.left() + strength(tick) * bar.width()
            painter.drawLine(QPointF(x, bar.bottom()), QPointF(x, bar.bottom() + 2))
            below = QRectF(x - 20, bar.bottom() + 1, 40, self.height() - bar.bottom())
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, str(tick))
