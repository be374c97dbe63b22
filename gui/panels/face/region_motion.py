"""How much each facial region moves, as bars: the person's right on the left, as in the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent
from PyQt5.QtWidgets import QWidget

from gui.panels.base import Panel, age_text
from gui.panels.face.overlay import MOTION_FROM, MOTION_FULL, TICKS, strength, tint
from gui.streams.messages import FaceSample
from gui.theme import Theme, font, scaled
from realtime.packets import Float32

STALE_AFTER_S = 1.0


class MotionBars(QWidget):
    """Motion by region: paired regions as two bars from the middle outwards, the others as one across it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.rows: list[tuple[str, list[int]]] = []
        self.motion: Float32 = np.empty(0, np.float32)
        self._regions: tuple[str, ...] = ()
        self.setMinimumHeight(scaled(84))
        self.setAccessibleName("motion of each facial region, right and left")

    def show_motion(self, regions: tuple[str, ...], motion: Float32) -> None:
        """Set what is drawn: (n_regions,) multiples of noise, NaN where there is none."""
        if regions != self._regions:
            self._regions = regions
            self.rows = motion_rows(regions)
        self.motion = motion
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint a row of two bars a pair of regions."""
        if not self.rows:
            return
        painter = QPainter(self)
        painter.setFont(font(11))
        foot_height = scaled(14)
        height = self.height() - foot_height
        row = height / len(self.rows)
        label = float(scaled(62))
        half = (self.width() - label) / 2
        for index, (name, members) in enumerate(self.rows):
            top = index * row
            painter.setPen(QColor(self.theme.text))
            painter.drawText(QRectF(half, top, label, row), Qt.AlignmentFlag.AlignCenter, name)
            for side, member in enumerate(members if len(members) == 2 else members * 2):
                box = QRectF(0 if side == 0 else half + label, top + 0.2 * row, half, 0.6 * row)
                self._paint_bar(painter, box, float(self.motion[member]), leftwards=side == 0)
        painter.setPen(QColor(self.theme.muted))
        painter.setFont(font(10))
        foot = QRectF(0, height, self.width(), foot_height)
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, "their right")
        scale = f"bars {MOTION_FROM:.0f} to {MOTION_FULL:.0f} x noise, lines {', '.join(map(str, TICKS[1:]))}"
        painter.drawText(foot, Qt.AlignmentFlag.AlignCenter | Qt.AlignmentFlag.AlignBottom, scale)
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, "their left")

    def _paint_bar(self, painter: QPainter, box: QRectF, value: float, *, leftwards: bool) -> None:
        painter.fillRect(box, QColor(self.theme.grid))
        if not np.isfinite(value):
            return
        width = box.width() * strength(value)
        left = box.right() - width if leftwards else box.left()
        painter.setPen(QColor(self.theme.muted))
        if width > 0:
            # the outline tells the bright end of the ramp from a light ground
            painter.setBrush(tint(value))
            painter.drawRect(QRectF(left, box.top(), width, box.height() - 1))
        for tick in TICKS[1:]:
            away = box.width() * strength(tick)
            x = box.right() - away if leftwards else box.left() + away
            painter.drawLine(QPointF(x, box.top()), QPointF(x, box.bottom()))


def motion_rows(regions: tuple[str, ...]) -> list[tuple[str, list[int]]]:
    """Rows of the chart: (name, [right, left]) for paired regions, (name, [index]) for the others.

    The participant faces the camera: their right is on the left of the picture, and so it is here.
    """
    where = {name: index for index, name in enumerate(regions)}
    rows: list[tuple[str, list[int]]] = []
    for name, index in where.items():
        stem, _, side = name.rpartition("_")
        if side == "left" and f"{stem}_right" in where:
            rows.append((f"{stem}s" if stem in ("brow", "eye") else stem, [where[f"{stem}_right"], index]))
        elif side != "right" or f"{stem}_left" not in where:
            rows.append((name, [index]))
    names = [name for name, _ in rows]
    return [("corners" if len(members) == 2 and names.count(name) > 1 else name, members) for name, members in rows]


class MotionPanel(Panel):
    """Motion of each facial region against the person's own noise."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Region motion", theme)
        self.bars = MotionBars(theme)
        self.add(self.bars)
        self._face: FaceSample | None = None

    def adopt(self, before: MotionPanel) -> None:
        """Show what another panel shows."""
        self._face = before._face

    def take(self, face: FaceSample) -> None:
        """Remember the newest motion."""
        self._face = face

    def export_rows(self) -> list[Sequence[str | float]]:
        """The newest motion: a header, then a row a region, in multiples of the person's own noise."""
        rows: list[Sequence[str | float]] = [("time_s", "region", "motion_x_noise")]
        if (face := self._face) is not None:
            told = zip(face.regions, face.motion.tolist(), strict=True)
            rows += [(face.stamp, region, motion) for region, motion in told]
        return rows

    def refresh(self, now_s: float) -> None:
        """Show the newest motion; empty bars where it is old."""
        if self._face is None:
            self.set_note("waiting for the engine")
            return
        age = now_s - self._face.stamp
        stale = age > STALE_AFTER_S
        motion = np.full_like(self._face.motion, np.nan) if stale else self._face.motion
        self.bars.show_motion(self._face.regions, motion)
        if stale:
            self.set_note(f"stale: {age_text(age)} old", "bad")
        elif self._face.score <= 0:
            self.set_note("no face")
        else:
            self.set_note("" if np.isfinite(motion).any() else "no reference frame yet")
