"""The participant's face: video with the face oval, and how much each facial region moves."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen, QPolygonF
from PyQt5.QtWidgets import QWidget
from scipy.spatial import ConvexHull, QhullError

from gui.messages import FaceSample, MeshSample
from gui.panels.base import Panel, age_text
from gui.theme import Theme, font
from realtime.packets import Float32, UInt8, VideoFrame

STALE_AFTER_S = 1.0
MESH_AGE_S = 0.5
BAR_FULL = 12.0


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


def picture(image: UInt8) -> QImage:
    """A QImage of a (height, width) or (height, width, 3) uint8 array, which it copies."""
    image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    kind = QImage.Format.Format_Grayscale8 if image.ndim == 2 else QImage.Format.Format_RGB888
    return QImage(image.tobytes(), width, height, image.strides[0], kind)


class VideoCanvas(QWidget):
    """The newest frame, as large as fits, with the oval of the newest face mesh."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.image: UInt8 | None = None
        self.oval: Float32 | None = None
        self.caption = "waiting for a video stream"
        self.alarming = False
        self._picture: QImage | None = None
        self.setMinimumSize(180, 120)

    def show_frame(self, image: UInt8) -> None:
        """Set the picture."""
        self.image = image
        self._picture = picture(image)
        self.update()

    def show_oval(self, oval: Float32 | None) -> None:
        """Set the oval, (n, 2) px of the frame, or None."""
        self.oval = oval

    def set_caption(self, text: str, *, alarming: bool = False) -> None:
        """Words over the picture ('' for none)."""
        if (text, alarming) != (self.caption, self.alarming):
            self.caption, self.alarming = text, alarming
            self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self.theme.window))
        if self._picture is not None:
            size = self._picture.size()
            scale = min(self.width() / size.width(), self.height() / size.height())
            width, height = size.width() * scale, size.height() * scale
            place = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
            painter.drawImage(place, self._picture)
            if self.oval is not None:
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(QPen(QColor(self.theme.good), 2))
                points = [QPointF(place.left() + x * scale, place.top() + y * scale) for x, y in self.oval]
                painter.drawPolygon(QPolygonF(points))
        if self.caption:
            self._paint_caption(painter)

    def _paint_caption(self, painter: QPainter) -> None:
        painter.setFont(font(13, bold=True))
        box = QRectF(painter.fontMetrics().boundingRect(self.caption)).adjusted(-10, -5, 10, 5)
        box.moveCenter(QPointF(self.width() / 2, self.height() / 2 if self._picture is None else 22))
        painter.fillRect(box, QColor(self.theme.panel))
        painter.setPen(QColor(self.theme.bad if self.alarming else self.theme.muted))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.caption)


class VideoPanel(Panel):
    """Video with the face oval; says so where there is no face or no video."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Face", theme)
        self.canvas = VideoCanvas(theme)
        self.add(self.canvas)
        self._frame: VideoFrame | None = None
        self._fresh = False
        self._mesh: MeshSample | None = None
        self._outlined: MeshSample | None = None
        self._face: FaceSample | None = None
        self.rate_hz = 0.0

    def take_frame(self, frame: VideoFrame) -> None:
        """Remember the newest frame."""
        self._frame, self._fresh = frame, True

    def take_mesh(self, mesh: MeshSample) -> None:
        """Remember the newest mesh."""
        self._mesh = mesh

    def take_face(self, face: FaceSample) -> None:
        """Remember the newest face score."""
        self._face = face

    def set_rate(self, rate_hz: float) -> None:
        """Frames a second as they arrive."""
        self.rate_hz = rate_hz

    def _follow_mesh(self, mesh: MeshSample | None) -> None:
        if mesh is not self._outlined:
            self._outlined = mesh
            self.canvas.show_oval(face_outline(mesh.landmarks) if mesh is not None else None)

    def refresh(self, now_s: float) -> None:
        """Show the newest frame."""
        frame, face, mesh = self._frame, self._face, self._mesh
        if frame is None:
            return
        near = mesh is not None and abs(frame.stamp - mesh.stamp) < MESH_AGE_S
        has_face = near and (face is None or face.score > 0)
        self._follow_mesh(mesh if has_face else None)
        if self._fresh:
            self.canvas.show_frame(frame.image)
            self._fresh = False
        age = now_s - frame.stamp
        height, width = frame.image.shape[:2]
        text = f"{width} x {height} at {self.rate_hz:.0f} frames a second"
        if age > STALE_AFTER_S:
            self.canvas.set_caption(f"no video for {age_text(age)}", alarming=True)
        elif face is None or abs(frame.stamp - face.stamp) > 2.0:
            self.canvas.set_caption("")
            text += " · face not evaluated"
        elif has_face:
            self.canvas.set_caption("")
            text += f" · face {face.score:.0%}"
        else:
            self.canvas.set_caption("no face", alarming=True)
        self.set_note(text, "bad" if age > STALE_AFTER_S else "")


class MotionBars(QWidget):
    """Motion by region: paired regions as two bars from the middle outwards, the others as one across it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.rows: list[tuple[str, list[int]]] = []
        self.motion: Float32 = np.empty(0, np.float32)
        self._regions: tuple[str, ...] = ()
        self.setMinimumHeight(84)

    def show_motion(self, regions: tuple[str, ...], motion: Float32) -> None:
        """Set what is drawn: (n_regions,) multiples of noise, NaN where there is none."""
        if regions != self._regions:
            self._regions = regions
            self.rows = motion_rows(regions)
        self.motion = motion
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        if not self.rows:
            return
        painter = QPainter(self)
        painter.setFont(font(11))
        height = self.height() - 14
        row = height / len(self.rows)
        label = 62.0
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
        foot = QRectF(0, height, self.width(), 14)
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom, "their right")
        painter.drawText(
            foot, Qt.AlignmentFlag.AlignCenter | Qt.AlignmentFlag.AlignBottom, f"full bar: {BAR_FULL:.0f} x noise"
        )
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignBottom, "their left")

    def _paint_bar(self, painter: QPainter, box: QRectF, value: float, *, leftwards: bool) -> None:
        painter.fillRect(box, QColor(self.theme.grid))
        if not np.isfinite(value):
            return
        share = min(1.0, max(0.0, value / BAR_FULL))
        width = box.width() * share
        left = box.right() - width if leftwards else box.left()
        color = self.theme.warn if share >= 0.5 else self.theme.accent
        painter.fillRect(QRectF(left, box.top(), width, box.height()), QColor(color))


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

    def take(self, face: FaceSample) -> None:
        """Remember the newest motion."""
        self._face = face

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
