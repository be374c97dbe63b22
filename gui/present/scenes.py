"""What each scene looks like on the canvas; all sizes follow the height of the window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from PyQt5.QtCore import QPointF, QRect, QRectF, Qt
from PyQt5.QtGui import QColor, QFont, QImage, QPainter, QPen

from gui.present.film import FilmFrame
from gui.theme import font

_PATCH_SHARE = 0.08
_TEXT_SHARE = 1 / 24
_HINT_SHARE = 1 / 42
_NARROW = 0.72


@dataclass(frozen=True, slots=True)
class Look:
    """What is on the canvas, apart from a film's frame.

    Parameters
    ----------
    background : str
        #rrggbb; a flash is a scene whose background is its colour.
    ink : str
        Of text and cross, #rrggbb.
    text : str
        First line larger than the rest.
    hint : str
        Small, at the bottom.
    cross : bool
    patch : bool, optional
        Photodiode patch: white, black, or None where none is wanted.
    """

    background: str
    ink: str
    text: str = ""
    hint: str = ""
    cross: bool = False
    patch: bool | None = None


def paint_look(painter: QPainter, rect: QRect, look: Look, frame: FilmFrame | None = None, ratio: float = 1.0) -> None:
    """Draw a whole scene.

    Parameters
    ----------
    painter : QPainter
    rect : QRect
        The canvas, device-independent px.
    look : Look
    frame : FilmFrame, optional
        In the middle.
    ratio : float
        Device px a device-independent px.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    painter.fillRect(rect, QColor(look.background))
    if frame is not None:
        _paint_frame(painter, rect, frame, ratio)
    if look.cross:
        _paint_cross(painter, rect, look.ink)
    if look.text:
        _paint_text(painter, rect, look)
    if look.hint:
        _paint_hint(painter, rect, look)
    if look.patch is not None:
        side = max(24, round(_PATCH_SHARE * rect.height()))
        corner = QRect(rect.left(), rect.bottom() + 1 - side, side, side)
        painter.fillRect(corner, Qt.GlobalColor.white if look.patch else Qt.GlobalColor.black)


def _paint_frame(painter: QPainter, rect: QRect, frame: FilmFrame, ratio: float) -> None:
    height, width = frame.pixels.shape[:2]
    # the frame's own memory: it outlives the painting
    image = QImage(cast(Any, frame.pixels.data), width, height, 4 * width, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    painter.drawImage(QPointF((rect.width() - width / ratio) / 2, (rect.height() - height / ratio) / 2), image)


def _paint_cross(painter: QPainter, rect: QRect, ink: str) -> None:
    arm = rect.height() / 36
    middle = QPointF(rect.width() / 2, rect.height() / 2)
    painter.setPen(QPen(QColor(ink), max(2.0, arm / 5), Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
    painter.drawLine(middle - QPointF(arm, 0), middle + QPointF(arm, 0))
    painter.drawLine(middle - QPointF(0, arm), middle + QPointF(0, arm))


def _paint_text(painter: QPainter, rect: QRect, look: Look) -> None:
    """Title and body, wrapped, as one block in the middle."""
    title, _, body = look.text.partition("\n")
    pixels = max(14, round(rect.height() * _TEXT_SHARE))
    parts: list[tuple[str, QFont]] = [(title, font(round(1.35 * pixels), bold=True))]
    parts += [(body.strip("\n"), font(pixels))] if body.strip() else []
    across = rect.width() * _NARROW
    left = (rect.width() - across) / 2
    flags = Qt.AlignmentFlag.AlignHCenter | Qt.TextFlag.TextWordWrap
    heights = []
    for text, face in parts:
        painter.setFont(face)
        heights.append(painter.boundingRect(QRectF(0, 0, across, 1e5), int(flags), text).height())
    gap = 0.9 * pixels
    top = (rect.height() - sum(heights) - gap * (len(parts) - 1)) / 2
    painter.setPen(QColor(look.ink))
    for (text, face), height in zip(parts, heights, strict=True):
        painter.setFont(face)
        painter.drawText(QRectF(left, top, across, height + 2), int(flags), text)
        top += height + gap


def _paint_hint(painter: QPainter, rect: QRect, look: Look) -> None:
    pixels = max(12, round(rect.height() * _HINT_SHARE))
    painter.setFont(font(pixels))
    ink = QColor(look.ink)
    ink.setAlphaF(0.8)
    painter.setPen(ink)
    bottom = QRectF(0, rect.height() - 4.0 * pixels, rect.width(), 2.0 * pixels)
    painter.drawText(bottom, int(Qt.AlignmentFlag.AlignCenter), look.hint)
