"""What all panels share: a frame with a title, a short note on the right and a body."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor, QImage, QPainter, QPaintEvent
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget
from PyQt5.sip import voidptr

from gui.theme import Theme, font

Level = Literal["", "warn", "bad"]


class NoteLabel(QWidget):
    """One line of small text that ends in '…' where there is no room; it never widens the window."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.text = ""
        self.level: Level = ""
        self.setMinimumHeight(16)

    def set_theme(self, theme: Theme) -> None:
        """Paint in the colours of a theme from now on."""
        self._theme = theme
        self.update()

    def show_text(self, text: str, level: Level) -> None:
        """Set the text and its level."""
        if (text, level) != (self.text, self.level):
            self.text, self.level = text, level
            self.setToolTip(text)
            self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the words, cut where there is no room."""
        painter = QPainter(self)
        painter.setFont(font(11))
        colors = {"": self._theme.muted, "warn": self._theme.warn, "bad": self._theme.bad}
        painter.setPen(QColor(colors[self.level]))
        text = painter.fontMetrics().elidedText(self.text, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)


class Panel(QFrame):
    """A titled frame. Data come in by `take_*` methods at any time; only `refresh` changes what is on the screen.

    Parameters
    ----------
    title : str
    theme : Theme
    """

    def __init__(self, title: str, theme: Theme) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.theme = theme
        self._title = QLabel(title)
        self._title.setObjectName("title")
        self._note = NoteLabel(theme)
        self._title_row = QHBoxLayout()
        self._title_row.setContentsMargins(0, 0, 0, 0)
        self._title_row.setSpacing(10)
        self._title_row.addWidget(self._title)
        self._title_row.addWidget(self._note, 1)
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(10, 6, 10, 8)
        self._box.setSpacing(4)
        self._box.addLayout(self._title_row)

    @property
    def title(self) -> str:
        """Title as shown."""
        return self._title.text()

    @property
    def note(self) -> str:
        """Note as shown."""
        return self._note.text

    def add(self, widget: QWidget, stretch: int = 1) -> None:
        """Put a widget under what is already in the panel."""
        self._box.addWidget(widget, stretch)

    def set_note(self, text: str, level: Level = "") -> None:
        """Show a short note beside the title, in the colour of its level."""
        self._note.show_text(text, level)


def on_screen(widget: QWidget) -> bool:
    """Whether any of a widget can be seen: Qt calls one behind a tab visible too."""
    return widget.isVisible() and not widget.visibleRegion().isEmpty()


def over_pixels(pixels: NDArray[np.uint32]) -> QImage:
    """A QImage that shows a (height, width) uint32 array of 0xffRRGGBB without copying; the array must outlive it."""
    height, width = pixels.shape
    return QImage(voidptr(pixels.ctypes.data), width, height, 4 * width, QImage.Format.Format_RGB32)


def age_text(seconds: float) -> str:
    """An age as people say it: '0.2 s', '14 s', '3 min'; '-' where it is not known."""
    if not math.isfinite(seconds):
        return "-"
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
