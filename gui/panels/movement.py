"""The last facial movement in pictures: onset, apex and the flow between them."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QImage, QPainter, QPaintEvent
from PyQt5.QtWidgets import QLabel, QWidget

from gui.messages import MovementEvent, MovementPictures
from gui.panels.base import Panel, age_text
from gui.panels.video import picture
from gui.theme import Theme, font
from realtime.packets import Float32, UInt8


def flow_picture(flow: Float32, floor_px: float = 0.25) -> tuple[UInt8, float]:
    """Flow as colours: hue is direction, brightness is length up to the longest shown.

    Parameters
    ----------
    flow : (height, width, 2) float32 px
    floor_px : float
        Flow shorter than this never fills the scale, so that noise stays dark.

    Returns
    -------
    image : (height, width, 3) uint8 RGB
    full_px : float
        Length at full brightness: the 99th percentile.
    """
    length = np.hypot(flow[..., 0], flow[..., 1])
    full = max(floor_px, float(np.percentile(length, 99)))
    value = np.clip(length / full, 0.0, 1.0)
    hue = (np.arctan2(flow[..., 1], flow[..., 0]) / (2 * np.pi)) % 1.0
    # the three channels of a fully saturated hue are one triangle wave, shifted by thirds
    shifts = np.array([0.0, 4.0, 2.0]) / 6.0
    wave = np.abs(((hue[..., None] + shifts + 0.5) % 1.0) * 6.0 - 3.0) - 1.0
    saturated = 1.0 - np.clip(wave, 0.0, 1.0)
    return np.rint(saturated * value[..., None] * 255).astype(np.uint8), full


class Thumbnails(QWidget):
    """Three pictures in a row, each with its name."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.images: list[tuple[str, QImage]] = []
        self.message = "no movement found yet"
        self.setMinimumHeight(90)

    def show_pictures(self, pictures: MovementPictures) -> None:
        """Set what is drawn."""
        colors, full = flow_picture(pictures.flow)
        named = (("onset", pictures.onset), ("apex", pictures.apex), (f"flow, {full:.1f} px", colors))
        self.images = [(name, picture(image)) for name, image in named]
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setFont(font(11))
        if not self.images:
            painter.setPen(QColor(self.theme.muted))
            painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, self.message)
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        gap = 8.0
        side = min((self.width() - 2 * gap) / 3, self.height() - 18.0)
        left = (self.width() - 3 * side - 2 * gap) / 2
        for index, (name, image) in enumerate(self.images):
            box = QRectF(left + index * (side + gap), 0, side, side)
            painter.drawImage(box, image)
            painter.setPen(QColor(self.theme.muted))
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(side + gap))
            width = painter.fontMetrics().horizontalAdvance(text)
            painter.drawText(QPointF(box.center().x() - width / 2, side + 14), text)


class MovementPanel(Panel):
    """Onset, apex and flow of the last movement: a candidate with a score, not a verdict."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Last movement", theme)
        self.thumbnails = Thumbnails(theme)
        self.add(self.thumbnails)
        self._caption = QLabel()
        self._caption.setWordWrap(True)
        self._caption.setFont(font(12))
        self.add(self._caption, 0)
        self._event: MovementEvent | None = None
        self._pictures: MovementPictures | None = None
        self._fresh = False

    @property
    def caption(self) -> str:
        """Words under the pictures."""
        return self._caption.text()

    def take(self, event: MovementEvent) -> None:
        """Remember the last movement found."""
        self._event = event

    def take_pictures(self, pictures: MovementPictures) -> None:
        """Remember its pictures."""
        self._pictures, self._fresh = pictures, True

    def refresh(self, now_s: float) -> None:
        """Show the last movement and how long ago it was."""
        if self._fresh and self._pictures is not None:
            self.thumbnails.show_pictures(self._pictures)
            self._fresh = False
        event = self._event
        if event is None:
            self.set_note("nothing found yet")
            return
        self.set_note(f"apex {age_text(now_s - event.apex_s)} ago")
        regions = ", ".join(region.replace("_", " ") for region in event.regions[:3])
        length_ms = 1000 * (event.offset_s - event.onset_s)
        self._caption.setText(
            f"candidate {event.kind}-movement, {length_ms:.0f} ms, {event.score:.1f} x noise"
            + (f" · {regions}" if regions else "")
        )
