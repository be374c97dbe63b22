"""The participant's face: live video with the oval, the regions tinted by their motion, and arrows on request."""

from __future__ import annotations

import math

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QFontMetrics, QImage, QKeyEvent, QPainter, QPaintEvent, QPen, QTransform
from PyQt5.QtWidgets import QHBoxLayout, QPushButton, QWidget

from gui.panels.base import Level, Panel, age_text
from gui.panels.choices import choice_style
from gui.panels.face.flow_arrows import flow_arrows, paint_arrows
from gui.panels.face.kept_frames import KeptFrames, over_frame
from gui.panels.face.overlay import FaceShape, MotionLegend
from gui.panels.face.picture_watch import PictureWatch
from gui.streams.messages import FaceSample, MeshSample, MovementPictures
from gui.theme import Theme, font, scaled
from realtime.packets import Float32, UInt8, VideoFrame

STALE_AFTER_S = 1.0
MESH_AGE_S = 0.5
FORGET_FACE_S = 2.0
NO_ARROWS: Float32 = np.empty((0, 4), np.float32)


def picture(image: UInt8) -> QImage:
    """A QImage of a (height, width) or (height, width, 3) uint8 array, which it copies."""
    contiguous = np.ascontiguousarray(image)
    return over_frame(contiguous).copy()


class VideoCanvas(QWidget):
    """The newest frame, as large as fits, with what is known of the face in it."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.image: UInt8 | None = None
        self.shape: FaceShape | None = None
        self.motion: dict[str, float] = {}
        self.arrows: Float32 = NO_ARROWS
        self.regions_shown = True
        self.caption = "waiting for a video stream"
        self.alarming = False
        self.dimmed = False
        self.hint = ""
        self._picture: QImage | None = None
        self.setMinimumSize(180, 120)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("live video of the face")
        self.setAccessibleDescription(self.caption)

    @property
    def oval(self) -> Float32 | None:
        """Outline of the face, (n, 2) px of the frame, where there is one."""
        return self.shape.oval if self.shape is not None else None

    def show_frame(self, image: UInt8) -> None:
        """Set the picture; the array is read while it is painted, not copied."""
        self.image = image
        self._picture = over_frame(image)
        self.update()

    def show_shape(self, shape: FaceShape | None) -> None:
        """Set oval and regions, or None where there is no face."""
        if shape is not self.shape:
            self.shape = shape
            self.update()

    def show_motion(self, motion: dict[str, float]) -> None:
        """Set the motion by region, in multiples of noise."""
        self.motion = motion

    def set_caption(self, text: str, *, alarming: bool = False, dimmed: bool = False) -> None:
        """Words over the picture ('' for none); a picture that is not of now is dimmed."""
        if (text, alarming, dimmed) != (self.caption, self.alarming, self.dimmed):
            self.caption, self.alarming, self.dimmed = text, alarming, dimmed
            self.setAccessibleDescription(text or "a face is in the picture")
            self.update()

    def set_hint(self, text: str) -> None:
        """Words at the foot of the picture ('' for none)."""
        if text != self.hint:
            self.hint = text
            self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the newest frame, and on it what was found in the face."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self.theme.window))
        if self._picture is not None:
            size = self._picture.size()
            scale = min(self.width() / size.width(), self.height() / size.height())
            width, height = size.width() * scale, size.height() * scale
            place = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(place, self._picture)
            if self.dimmed:
                painter.fillRect(place, QColor(0, 0, 0, 130))
            if self.shape is not None:
                painter.save()
                painter.setClipRect(place)
                frame = QTransform(scale, 0, 0, scale, place.left(), place.top())
                self._paint_face(painter, self.shape, frame, scale)
                painter.restore()
        if self.caption:
            color = self.theme.bad if self.alarming else self.theme.muted
            self._paint_words(painter, self.caption, color, 13, self.height() / 2 if self._picture is None else 22)
        if self.hint:
            self._paint_words(painter, self.hint, self.theme.warn, 11, self.height() - 16)
        if self.hasFocus():
            painter.setPen(QPen(QColor(self.theme.accent), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))

    def _paint_face(self, painter: QPainter, shape: FaceShape, frame: QTransform, scale: float) -> None:
        painter.setTransform(frame, True)
        shape.paint(painter, self.motion, scale, regions=self.regions_shown)
        if len(self.arrows) and shape.placement is not None:
            painter.setTransform(shape.placement, True)
            paint_arrows(painter, self.arrows)

    def _paint_words(self, painter: QPainter, text: str, color: str, pixels: int, middle: float) -> None:
        painter.setFont(font(pixels, bold=True))
        text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, self.width() - 24)
        box = QRectF(painter.fontMetrics().boundingRect(text)).adjusted(-10, -5, 10, 5)
        box.moveCenter(QPointF(self.width() / 2, middle))
        painter.fillRect(box, QColor(self.theme.panel))
        painter.setPen(QColor(color))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def roomy(button: QPushButton) -> None:
    """Make a button wide enough for its text in bold, which it is while it is checked."""
    button.setMinimumWidth(QFontMetrics(font(12, bold=True)).horizontalAdvance(button.text()) + scaled(18))


class VideoPanel(Panel):
    """Video with the face in it; says so where there is no face, no video, too little light or a frozen picture."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Face", theme)
        self.setAccessibleName("face")
        self.canvas = VideoCanvas(theme)
        self.add(self.canvas)
        self.legend = MotionLegend(theme)
        self.regions_button = self._switch("Regions (R)", "tint the regions of the face by their motion")
        self.regions_button.setChecked(True)
        self.arrows_button = self._switch("Arrows (A)", "arrows of the newest movement's flow, onset to apex")
        self.regions_button.toggled.connect(self._show_regions)
        self.arrows_button.toggled.connect(self._show_arrows)
        self._box.addLayout(self._foot())
        self.kept = KeptFrames()
        self.rate_hz = 0.0
        self._watch = PictureWatch()
        self._frame: VideoFrame | None = None
        self._fresh = False
        self._mesh: MeshSample | None = None
        self._outlined: MeshSample | None = None
        self._face: FaceSample | None = None
        self._pictures: MovementPictures | None = None
        self._arrows: tuple[Float32, float] = NO_ARROWS, 1.0

    def _switch(self, text: str, told: str) -> QPushButton:
        button = QPushButton(text)
        button.setCheckable(True)
        button.setToolTip(told)
        button.setAccessibleName(text)
        button.setAccessibleDescription(told)
        button.setStyleSheet(choice_style(self.theme))
        roomy(button)
        return button

    def _foot(self) -> QHBoxLayout:
        foot = QHBoxLayout()
        foot.setSpacing(6)
        foot.addWidget(self.legend, 1)
        foot.addWidget(self.regions_button)
        foot.addWidget(self.arrows_button)
        return foot

    def adopt(self, before: VideoPanel) -> None:
        """Show what another panel shows, as it shows it."""
        self.kept.adopt(before.kept)
        self.rate_hz, self._watch, self._pictures = before.rate_hz, before._watch, before._pictures
        self._frame, self._fresh = before._frame, before._frame is not None
        self._mesh, self._face = before._mesh, before._face
        self.regions_button.setChecked(before.regions_button.isChecked())
        self.arrows_button.setChecked(before.arrows_button.isChecked())

    def take_frame(self, frame: VideoFrame) -> None:
        """Remember the newest frame, and keep a small one for slow motion."""
        self._frame, self._fresh = frame, True
        if self._mesh is None or frame.stamp - self._mesh.stamp > FORGET_FACE_S:
            self.kept.follow(None)
        self.kept.push(frame)
        self._watch.push(frame)

    def take_mesh(self, mesh: MeshSample) -> None:
        """Remember the newest mesh."""
        self._mesh = mesh
        self.kept.follow(mesh.landmarks)

    def take_face(self, face: FaceSample) -> None:
        """Remember the newest face score and motion."""
        self._face = face

    def take_pictures(self, pictures: MovementPictures) -> None:
        """Remember the newest movement's flow, for the arrows."""
        self._pictures = pictures
        if self.arrows_button.isChecked():
            self._show_arrows(True)

    def set_rate(self, rate_hz: float) -> None:
        """Frames a second as they arrive."""
        self.rate_hz = rate_hz

    def toggle_regions(self) -> None:
        """Tint the regions, or not."""
        self.regions_button.toggle()

    def toggle_arrows(self) -> None:
        """Show the newest movement's flow on the face, or not."""
        self.arrows_button.toggle()

    def _show_regions(self, shown: bool) -> None:
        self.canvas.regions_shown = shown
        self.legend.setVisible(shown)
        self.canvas.update()

    def _show_arrows(self, shown: bool) -> None:
        here = shown and self._pictures is not None
        self._arrows = flow_arrows(self._pictures.flow) if here and self._pictures else (NO_ARROWS, 1.0)
        self.canvas.arrows = self._arrows[0]
        self.canvas.update()

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Take the keys of regions and arrows."""
        plain = a0 is not None and a0.modifiers() == Qt.KeyboardModifier.NoModifier
        match a0.key() if a0 is not None and plain else None:
            case Qt.Key.Key_R:
                self.toggle_regions()
            case Qt.Key.Key_A:
                self.toggle_arrows()
            case _:
                super().keyPressEvent(a0)

    def _follow_mesh(self, mesh: MeshSample | None) -> None:
        if mesh is not self._outlined:
            self._outlined = mesh
            self.canvas.show_shape(FaceShape.of(mesh.landmarks) if mesh is not None else None)

    def refresh(self, now_s: float) -> None:
        """Show the newest frame."""
        frame, face, mesh = self._frame, self._face, self._mesh
        if frame is None:
            return
        near = mesh is not None and abs(frame.stamp - mesh.stamp) < MESH_AGE_S
        has_face = near and (face is None or face.score > 0)
        self._follow_mesh(mesh if has_face else None)
        moving = has_face and face is not None and abs(frame.stamp - face.stamp) < MESH_AGE_S
        self.canvas.show_motion(dict(zip(face.regions, face.motion.tolist(), strict=True)) if moving and face else {})
        if self._fresh:
            self.canvas.show_frame(frame.image)
            self._fresh = False
        self._tell(frame, face, now_s, has_face=has_face)

    def _tell(self, frame: VideoFrame, face: FaceSample | None, now_s: float, *, has_face: bool) -> None:
        """Caption, hint and note: the worst thing first."""
        age, frozen = now_s - frame.stamp, self._watch.frozen_s(frame.stamp)
        height, width = frame.image.shape[:2]
        text = f"{width} x {height} at {self.rate_hz:.0f} frames a second"
        level: Level = ""
        caption = ""
        if age > STALE_AFTER_S:
            caption, level = f"no video for {age_text(age)}", "bad"
        elif math.isfinite(frozen):
            caption, level = f"frozen: the same picture for {age_text(frozen)}", "bad"
        elif face is None or abs(frame.stamp - face.stamp) > 2.0:
            text += " · face not evaluated"
        elif has_face:
            text += f" · face {face.score:.0%}"
        else:
            caption = "no face"
        self.canvas.set_caption(caption, alarming=bool(caption), dimmed=level == "bad")
        self.canvas.set_hint(self._hint(now_s))
        self.set_note(text, level)

    def _hint(self, now_s: float) -> str:
        if self._watch.dark:
            return "dark picture: more light on the face helps"
        if self.arrows_button.isChecked():
            if self._pictures is None:
                return "arrows: no movement found yet"
            return f"arrows: movement {age_text(now_s - self._pictures.stamp)} ago, x {self._arrows[1]:.0f}"
        return ""
