"""Pictures of the review: the film with its overlays, and the tiles that set onset and apex side by side."""

from __future__ import annotations

import math

import numpy as np
from PyQt5.QtCore import QLineF, QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QFocusEvent, QImage, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QWidget

from gui.annotate.measure import DIFFERENCE_GAIN, Comparison, arrows, difference_picture
from gui.panels.face.movement import flow_picture
from gui.panels.face.video import picture
from gui.theme import Theme, font
from realtime.face.alignment import CROP_PX
from realtime.packets import Float32, UInt8

_ARROW_PX = 18.0  # of the crop, for the longest arrows
_GAINS = (2.0, 40.0)
_MARGIN = -0.05  # of the crop's side, around the face where the view is zoomed
_CAPTION_PX = 17


class FilmCanvas(QWidget):
    """A frame of the film as large as fits, or the face alone; arrows show where the skin goes from onset to apex."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.caption = "opening the film"
        self.tag = ""
        self.tag_color = theme.muted
        self.zoomed = False
        self.arrows_shown = False
        self._picture: QImage | None = None
        self._face: QRectF | None = None
        self._arrows: Float32 = np.empty((0, 2, 2), np.float32)
        self._gain = _GAINS[0]
        self.setMinimumSize(320, 200)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("film")

    def show_frame(self, image: UInt8) -> None:
        """Set the picture."""
        self._picture = picture(image)
        self.caption = ""
        self.update()

    def show_comparison(self, comparison: Comparison | None) -> None:
        """Set the arrows and the place of the face; None for none."""
        if comparison is None:
            self._arrows = np.empty((0, 2, 2), np.float32)
        else:
            self._arrows = arrows(comparison)
            self._face = face_box(comparison)
            longest = float(np.percentile(np.hypot(comparison.flow[..., 0], comparison.flow[..., 1]), 99))
            self._gain = float(np.clip(round(_ARROW_PX / max(longest, 0.01)), *_GAINS))
        self.update()

    def set_tag(self, text: str, color: str) -> None:
        """A word in the corner: which mark lies on this frame."""
        if (text, color) != (self.tag, self.tag_color):
            self.tag, self.tag_color = text, color
            self.update()

    def set_caption(self, text: str) -> None:
        """Words over the picture."""
        self.caption = text
        self.update()

    def focusInEvent(self, a0: QFocusEvent | None) -> None:
        """Show the frame of the focus."""
        super().focusInEvent(a0)
        self.update()

    def focusOutEvent(self, a0: QFocusEvent | None) -> None:
        """Take the frame of the focus away."""
        super().focusOutEvent(a0)
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the frame, what is drawn on it, and the focus."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self.theme.window))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self._picture is not None:
            source = self._source()
            scale = min(self.width() / source.width(), self.height() / source.height())
            width, height = source.width() * scale, source.height() * scale
            place = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
            painter.drawImage(place, self._picture, source)
            if self.arrows_shown:
                painter.setClipRect(place)
                self._paint_arrows(painter, place, source, scale)
                painter.setClipping(False)
        self._paint_words(painter)
        if self.hasFocus():
            painter.setPen(QPen(QColor(self.theme.accent), 2))
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))

    def _source(self) -> QRectF:
        assert self._picture is not None
        whole = QRectF(self._picture.rect())
        if self.zoomed and self._face is not None and not (part := self._face & whole).isEmpty():
            return part
        return whole

    def _paint_arrows(self, painter: QPainter, place: QRectF, source: QRectF, scale: float) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for color, width in ((QColor(0, 0, 0, 150), 3.5), (QColor("#ffe45c"), 1.6)):
            painter.setPen(QPen(color, width, cap=Qt.PenCapStyle.RoundCap))
            for (x, y), (dx, dy) in self._arrows.tolist():
                start = QPointF(place.left() + (x - source.left()) * scale, place.top() + (y - source.top()) * scale)
                step = QPointF(dx * scale * self._gain, dy * scale * self._gain)
                end = start + step
                painter.drawLine(start, end)
                if (length := math.hypot(step.x(), step.y())) > 4:
                    back = step / length * min(6.0, 0.5 * length)
                    for side in (0.5, -0.5):
                        painter.drawLine(end, end - back + QPointF(-back.y(), back.x()) * side)

    def _paint_words(self, painter: QPainter) -> None:
        if self.arrows_shown:
            told = f"arrows: motion onset → apex × {self._gain:.0f}" if len(self._arrows) else "no motion to show"
            self._word(painter, told, self.theme.muted, right=True)
        if self.tag:
            self._word(painter, self.tag, self.tag_color, right=False)
        if self.caption:
            painter.setFont(font(13, bold=True))
            painter.setPen(QColor(self.theme.muted))
            painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.caption)

    def _word(self, painter: QPainter, text: str, color: str, *, right: bool) -> None:
        painter.setFont(font(12, bold=True))
        box = QRectF(painter.fontMetrics().boundingRect(text)).adjusted(-8, -4, 8, 4)
        box.moveTop(8)
        if right:
            box.moveRight(self.width() - 8)
        else:
            box.moveLeft(8)
        ground = QColor(self.theme.panel)
        ground.setAlpha(225)
        painter.fillRect(box, ground)
        painter.setPen(QColor(color))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def face_box(comparison: Comparison) -> QRectF:
    """Upright box of the face in the frame, with a little room, px."""
    alignment = comparison.alignment
    side = CROP_PX / alignment.scale
    middle = np.linalg.solve(alignment.matrix[:, :2], np.array([CROP_PX / 2, CROP_PX / 2]) - alignment.matrix[:, 2])
    side *= 1 + 2 * _MARGIN
    return QRectF(float(middle[0] - side / 2), float(middle[1] - side / 2), side, side)


class Tiles(QWidget):
    """Onset, apex, their difference and, where there is room for all, the flow, side by side."""

    def __init__(self, theme: Theme, *, large: bool = False) -> None:
        super().__init__()
        self.theme = theme
        self._count = 3 if large else 4
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus if large else Qt.FocusPolicy.NoFocus)
        self.tiles: list[tuple[str, QImage, str]] = []
        self.message = "no movement chosen"
        self.setMinimumSize(300, 100)
        self.setAccessibleName("onset, apex, difference and flow")

    def show_comparison(self, comparison: Comparison | None, message: str = "") -> None:
        """Set what is drawn; a message where there is nothing."""
        self.tiles, self.message = [], message
        if comparison is not None:
            colors, full = flow_picture(comparison.flow)
            region, px = comparison.largest
            change = difference_picture(comparison.onset, comparison.apex)
            change[~comparison.regions.oval] = 0
            self.tiles = [
                ("onset", picture(comparison.onset), self.theme.accent),
                ("apex", picture(comparison.apex), self.theme.warn),
                (f"apex − onset, × {DIFFERENCE_GAIN:.0f}", picture(change), self.theme.muted),
                (f"flow, up to {full:.1f} px", picture(colors), self.theme.muted),
            ][: self._count]
            self.setAccessibleDescription(f"largest motion {px:.2f} px at {region.replace('_', ' ')}")
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint onset, apex and what lies between them, side by side."""
        painter = QPainter(self)
        painter.setFont(font(11))
        if self.hasFocus():
            painter.setPen(QPen(QColor(self.theme.accent), 2))
            painter.drawRect(QRectF(self.rect()).adjusted(1, 1, -1, -1))
        if not self.tiles:
            painter.setPen(QColor(self.theme.muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self.rect()), flags, self.message)
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        gap = 6.0
        count = len(self.tiles)
        side = min((self.width() - (count + 1) * gap) / count, self.height() - _CAPTION_PX)
        left = (self.width() - count * side - (count - 1) * gap) / 2
        top = (self.height() - side - _CAPTION_PX) / 2
        for place, (name, image, color) in enumerate(self.tiles):
            box = QRectF(left + place * (side + gap), top, side, side)
            painter.drawImage(box, image)
            painter.setPen(QPen(QColor(color), 2))
            painter.drawLine(QLineF(box.bottomLeft(), box.bottomRight()))
            painter.setPen(QColor(self.theme.text))
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(side))
            painter.drawText(
                QRectF(box.left(), box.bottom() + 1, side, _CAPTION_PX), Qt.AlignmentFlag.AlignCenter, text
            )
