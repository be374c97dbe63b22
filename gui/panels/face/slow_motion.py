"""A movement again, large and slow: the frames that were kept, or its onset and apex in turn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PyQt5.QtCore import QRectF, Qt, QTimer
from PyQt5.QtGui import QColor, QHideEvent, QImage, QKeyEvent, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from gui.panels.face.event_strip import Entry, named_pictures
from gui.panels.face.flow_arrows import flow_arrows, paint_arrows
from gui.panels.face.kept_frames import KEEP_S, KeptFrame
from gui.panels.face.scrubber import Scrubber
from gui.panels.face.video import roomy
from gui.streams.messages import MovementEvent
from gui.theme import Theme, font
from realtime.packets import Float32

CONTEXT_S = 0.4
"""Shown before the onset and after the offset."""

SPEEDS = (1.0, 0.5, 0.25, 0.125)
FLICKER_MS = 500
"""Onset and apex change once a second, far below what could harm a photosensitive person."""

_HOLD_MS = 700
_LEAST_MS, _MOST_MS = 15, 2000
NO_ARROWS: Float32 = np.empty((0, 4), np.float32)


@dataclass(frozen=True, slots=True)
class Still:
    """One picture of the player, its time against the apex, and how long it is shown at full speed."""

    image: QImage
    from_apex_s: float
    shown_s: float


def stills_of(frames: tuple[KeptFrame, ...], event: MovementEvent) -> list[Still]:
    """Pictures to play of kept frames, each as long as the camera took to the next."""
    stamps = [frame.stamp for frame in frames]
    usual = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 1 / 30
    lengths = [*np.diff(stamps).tolist(), usual]
    return [
        Still(frame.image, frame.stamp - event.apex_s, length) for frame, length in zip(frames, lengths, strict=True)
    ]


def covers(frames: tuple[KeptFrame, ...], event: MovementEvent) -> bool:
    """True where the kept frames show the movement from before its onset to its apex and on."""
    return len(frames) > 2 and frames[0].stamp <= event.onset_s and frames[-1].stamp >= event.apex_s


def missing(frames: tuple[KeptFrame, ...]) -> int:
    """Camera frames between the first and the last that the screen was not given."""
    return max(0, frames[-1].index - frames[0].index + 1 - len(frames)) if frames else 0


class BigPicture(QWidget):
    """One picture as large as fits, with a word in its corner and, on request, arrows."""

    def __init__(self, theme: Theme, name: str, side: int) -> None:
        super().__init__()
        self.theme = theme
        self.image: QImage | None = None
        self.tag, self.color = "", theme.muted
        self.arrows: Float32 = NO_ARROWS
        self.message = ""
        self.setMinimumSize(side, side)
        self.setAccessibleName(name)

    def show_image(self, image: QImage | None, tag: str, color: str, arrows: Float32 = NO_ARROWS) -> None:
        """Set what is drawn."""
        self.image, self.tag, self.color, self.arrows = image, tag, color, arrows
        self.setAccessibleDescription(tag)
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the frame as large as there is room for."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self.theme.window))
        if self.hasFocus():
            painter.setPen(QPen(QColor(self.theme.accent), 2))
            painter.drawRect(self.rect().adjusted(1, 1, -1, -1))
        if self.image is None:
            painter.setPen(QColor(self.theme.muted))
            painter.setFont(font(12))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(QRectF(self.rect()).adjusted(8, 8, -8, -8), flags, self.message)
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        scale = min(self.width() / self.image.width(), self.height() / self.image.height())
        width, height = self.image.width() * scale, self.image.height() * scale
        place = QRectF((self.width() - width) / 2, (self.height() - height) / 2, width, height)
        painter.drawImage(place, self.image)
        if len(self.arrows):
            painter.save()
            painter.setClipRect(place)
            painter.translate(place.topLeft())
            painter.scale(width / 256, height / 256)
            paint_arrows(painter, self.arrows, min(1.6, max(0.9, width / 256)))
            painter.restore()
        if self.tag:
            painter.setPen(QPen(QColor(self.color), 3))
            painter.drawRect(place.adjusted(1.5, 1.5, -1.5, -1.5))
            painter.setFont(font(12 if width < 240 else 15, bold=True))
            words = QRectF(painter.fontMetrics().boundingRect(self.tag)).adjusted(-8, -4, 8, 4)
            words.moveTopLeft(place.topLeft())
            painter.fillRect(words, QColor(self.theme.panel))
            painter.drawText(words, Qt.AlignmentFlag.AlignCenter, self.tag)


class SlowMotion(QDialog):
    """A window of its own beside the dashboard, that plays one movement over and over. Space stops, arrows step.

    Parameters
    ----------
    theme : Theme
    parent : QWidget, optional
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = theme
        self.setWindowTitle("Movement in slow motion")
        self.setAccessibleName("movement in slow motion")
        self.setModal(False)
        self.stills: list[Still] = []
        self.position = 0
        self.flickering = False
        self.arrows_shown = True
        self._speed = SPEEDS.index(0.25)
        self._event: MovementEvent | None = None
        self._frames: tuple[KeptFrame, ...] = ()
        self._kept_of = ""
        self._crops: list[tuple[str, QImage]] = []
        self._arrows, self._gain = NO_ARROWS, 1.0
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._advance)
        self._playing = False
        self.main = BigPicture(theme, "picture of the face", 320)
        self.main.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.main.setFocus()
        self.sides = [BigPicture(theme, name, 130) for name in ("onset", "apex", "flow from onset to apex")]
        self.scrubber = Scrubber(theme)
        self.scrubber.sought.connect(self._seek)
        self.heading, self.told = QLabel(), QLabel()
        self._build()
        self.resize(760, 660)

    @property
    def playing(self) -> bool:
        """True while the pictures change by themselves."""
        return self._playing

    @property
    def speed(self) -> float:
        """1 is the speed of life."""
        return SPEEDS[self._speed]

    def _build(self) -> None:
        self.heading.setFont(font(16, bold=True))
        self.heading.setWordWrap(True)
        self.told.setWordWrap(True)
        self.told.setFont(font(12))
        pictures = QGridLayout()
        pictures.setSpacing(8)
        pictures.addWidget(self.main, 0, 0, 3, 1)
        for row, side in enumerate(self.sides):
            pictures.addWidget(side, row, 1)
        pictures.setColumnStretch(0, 3)
        pictures.setColumnStretch(1, 1)
        self.play_button = self._button("Pause  (Space)", self.toggle_playing)
        self.speed_button = self._button("", self._next_speed)
        self.flicker_button = self._button("", self.toggle_flicker)
        self.arrow_button = self._button("Arrows  (A)", self.toggle_arrows)
        self.arrow_button.setCheckable(True)
        row = QHBoxLayout()
        for button in (self.play_button, self.speed_button, self.flicker_button, self.arrow_button):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self._button("Close  (Esc)", self.close))
        box = QVBoxLayout(self)
        box.setContentsMargins(14, 12, 14, 12)
        box.setSpacing(8)
        box.addWidget(self.heading)
        box.addLayout(pictures, 1)
        box.addWidget(self.scrubber)
        box.addWidget(self.told)
        box.addLayout(row)

    def _button(self, text: str, act: object) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        roomy(button)
        # a click leaves the keys with the picture: Space would press the button again
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.clicked.connect(lambda _checked=False: act())  # type: ignore[operator]
        return button

    def show_entry(self, entry: Entry, frames: tuple[KeptFrame, ...]) -> None:
        """Play a movement.

        Parameters
        ----------
        entry : Entry
        frames : tuple of KeptFrame
            What is kept of its time; where that does not show the movement, onset and apex are shown in turn.
        """
        self._event = entry.event
        whole = covers(frames, entry.event)
        self._frames = frames if whole else ()
        self._kept_of = (
            ""
            if whole
            else f"no frames of its time are kept (those of the last {KEEP_S:.0f} s and of the newest movements are)"
        )
        self._crops = named_pictures(entry.pictures) if entry.pictures is not None else []
        self._arrows, self._gain = flow_arrows(entry.pictures.flow) if entry.pictures is not None else (NO_ARROWS, 1.0)
        verdict = "known to the simulator alone" if entry.event.true else "a candidate, not a verdict"
        self.heading.setText(f"{entry.event.kind.capitalize()}-movement: {verdict}")
        self._words = " · ".join(
            text for text in (entry.score_text, entry.regions_text, entry.time_text, entry.truth_text) if text
        )
        self.flickering = not whole
        self._start()

    def _start(self) -> None:
        event = self._event
        assert event is not None
        if self.flickering:
            times = (event.onset_s - event.apex_s, 0.0)
            self.stills = [Still(image, t, 0.0) for (_, image), t in zip(self._crops[:2], times, strict=False)]
        else:
            self.stills = stills_of(self._frames, event)
        marks = (("onset", event.onset_s), ("apex", event.apex_s), ("offset", event.offset_s))
        told = tuple((name, at - event.apex_s) for name, at in marks[: 2 if self.flickering else 3])
        self.scrubber.set_times([still.from_apex_s for still in self.stills], told)
        self.main.message = "neither frames nor pictures of this movement are kept"
        self._show_sides()
        self._seek(0)
        self._play(len(self.stills) > 1)

    def _show_sides(self) -> None:
        for index, side in enumerate(self.sides):
            side.message = "no picture kept"
            name, image = self._crops[index] if index < len(self._crops) else ("", None)
            arrows = self._arrows if index == 2 and self.arrows_shown else NO_ARROWS
            side.show_image(image, name, self.theme.muted, arrows)
        self.arrow_button.setChecked(self.arrows_shown)
        self.arrow_button.setEnabled(len(self._arrows) > 0)
        self.flicker_button.setText("Slow motion  (F)" if self.flickering else "Onset / apex  (F)")
        self.flicker_button.setEnabled(len(self._crops) > 1 and len(self._frames) > 1)
        self.speed_button.setText(f"Speed 1/{1 / self.speed:.0f}  (S)" if self.speed < 1 else "Speed 1  (S)")
        self.speed_button.setEnabled(not self.flickering)
        self._tell()

    def _tell(self) -> None:
        if not self.stills:
            source = f"{self._kept_of}, nor its pictures"
        elif self.flickering:
            source = "onset and apex in turn" + (f": {self._kept_of}" if self._kept_of else "")
        else:
            lost = missing(self._frames)
            source = f"{len(self._frames)} kept frames, grey, {self._frames[0].image.width()} px wide" + (
                f", {lost} of the camera's not kept" if lost else ""
            )
        gain = f" · arrows {self._gain:.0f} x the motion" if len(self._arrows) and self.arrows_shown else ""
        self.told.setText(f"{self._words}\n{source}{gain}")

    def _seek(self, position: int) -> None:
        """Show one picture."""
        self.position = min(max(0, position), max(0, len(self.stills) - 1))
        if not self.stills:
            self.main.show_image(None, "", self.theme.muted)
            return
        still = self.stills[self.position]
        tag, color = self._tag_of(self.position)
        arrows = self._arrows if self.flickering and self.arrows_shown and self.position == 1 else NO_ARROWS
        self.main.show_image(still.image, tag, color, arrows)
        self.scrubber.show_position(self.position)

    def _tag_of(self, position: int) -> tuple[str, str]:
        """The mark that lies on a picture, which is the nearest one to it, or where in the movement it is."""
        event, theme = self._event, self.theme
        assert event is not None
        times = np.array([still.from_apex_s for still in self.stills])
        for name, at, color in (
            ("apex", event.apex_s, theme.warn),
            ("onset", event.onset_s, theme.accent),
            ("offset", event.offset_s, theme.accent),
        ):
            if int(np.argmin(np.abs(times - (at - event.apex_s)))) == position:
                return name, color
        return f"{1000 * times[position]:+.0f} ms", theme.muted

    def _play(self, playing: bool) -> None:
        self._playing = playing
        self.play_button.setText("Pause  (Space)" if playing else "Play  (Space)")
        self.play_button.setEnabled(len(self.stills) > 1)
        if playing:
            self._timer.start(self._wait_ms())
        else:
            self._timer.stop()

    def _wait_ms(self) -> int:
        if self.flickering:
            return FLICKER_MS
        last = self.position == len(self.stills) - 1
        wait = 1000 * self.stills[self.position].shown_s / self.speed + (_HOLD_MS if last else 0)
        return round(min(max(_LEAST_MS, wait if math.isfinite(wait) else _MOST_MS), _MOST_MS))

    def _advance(self) -> None:
        self._seek((self.position + 1) % len(self.stills))
        self._timer.start(self._wait_ms())

    def toggle_playing(self) -> None:
        """Stop at this picture, or go on."""
        self._play(not self._playing and len(self.stills) > 1)

    def step(self, by: int) -> None:
        """Stop, and show the picture `by` further."""
        self._play(False)
        self._seek(self.position + by)

    def toggle_flicker(self) -> None:
        """Onset and apex in turn, or the frames."""
        if self.flicker_button.isEnabled():
            self.flickering = not self.flickering
            self._start()

    def toggle_arrows(self) -> None:
        """Show the flow as arrows, or not."""
        self.arrows_shown = not self.arrows_shown
        self._show_sides()
        self._seek(self.position)

    def _next_speed(self) -> None:
        self._speed = (self._speed + 1) % len(SPEEDS)
        self._show_sides()

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Take the keys of playing and stepping."""
        if a0 is None:
            return
        match a0.key():
            case Qt.Key.Key_Space:
                self.toggle_playing()
            case Qt.Key.Key_Left | Qt.Key.Key_Right:
                self.step(1 if a0.key() == Qt.Key.Key_Right else -1)
            case Qt.Key.Key_Home | Qt.Key.Key_End:
                self.step(len(self.stills) if a0.key() == Qt.Key.Key_End else -len(self.stills))
            case Qt.Key.Key_S:
                self._next_speed()
            case Qt.Key.Key_F:
                self.toggle_flicker()
            case Qt.Key.Key_A:
                self.toggle_arrows()
            case _:
                super().keyPressEvent(a0)

    def hideEvent(self, a0: QHideEvent | None) -> None:
        """Stop playing where nobody sees it."""
        self._play(False)
        super().hideEvent(a0)

    def done(self, a0: int) -> None:
        """Let go of the frames with the window."""
        # the frames of a whole movement are megabytes: nobody looks at them now
        self._frames, self.stills = (), []
        super().done(a0)
