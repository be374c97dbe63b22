"""A screen that flashes at irregular times and marks each flash at the frame that reached the screen.

One flash in 0.6 to 1.4 s: fewer than the three a second from which flashing is a danger to some people (WCAG 2.3.1).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import cast

import pylsl
from PyQt5.QtCore import QRect, Qt, QTimer
from PyQt5.QtGui import QColor, QGuiApplication, QKeyEvent, QPainter
from PyQt5.QtWidgets import QVBoxLayout, QWidget

from gui.application import leaving_on_signals, open_application
from gui.present.canvas import open_canvas, wait_for_screen
from gui.theme import theme_named
from realtime.errors import ConfigurationError
from realtime.lsl.outlets import MarkerOutlet
from realtime.session.events import own_source_id

STREAM = "emostream-flash"
"""Name of the marker stream."""

LIT_S = 0.2
_DARK_S = (0.4, 1.2)
_LIGHT, _BLACK = QColor("white"), QColor("black")


class FlashScreen(QWidget):
    """Dark, and now and then white for a fifth of a second. Escape closes it.

    Parameters
    ----------
    mark : callable
        Takes the LSL stamp of the first white frame of each flash.
    clock : callable
        LSL seconds.
    opengl : bool, optional
        Default: where a graphics card does it.
    """

    def __init__(
        self,
        mark: Callable[[float], object],
        clock: Callable[[], float] = pylsl.local_clock,
        opengl: bool | None = None,
    ) -> None:
        super().__init__()
        self.setWindowTitle("emostream flash")
        self._mark = mark
        self._lit = self._marked = False
        self.canvas = open_canvas(self._paint, clock, opengl)
        self.canvas.swapped.connect(self._swapped)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(cast(QWidget, self.canvas))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.turn)
        self._timer.start(1000)

    def turn(self) -> None:
        """From dark to white, or back; the timer calls it."""
        self._lit, self._marked = not self._lit, False
        self.canvas.refresh()
        self._timer.start(round(1000 * (LIT_S if self._lit else random.uniform(*_DARK_S))))

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Escape closes the window."""
        if a0 is not None and a0.key() == Qt.Key.Key_Escape:
            self.close()

    def _paint(self, painter: QPainter, rect: QRect) -> int:
        painter.fillRect(rect, _LIGHT if self._lit else _BLACK)
        return int(self._lit)

    def _swapped(self, lit: int, stamp: float) -> None:
        if lit and not self._marked:
            self._marked = True
            self._mark(stamp)


def run_flash(seconds: float | None, screen: int | None, windowed: bool) -> int:
    """Flash until Escape, Ctrl-C or the end of the time. Main thread; `session.configure` comes first.

    Returns
    -------
    int
        Exit code: 0, or 130 after Ctrl-C.

    Raises
    ------
    ConfigurationError
        No display, or no such screen.
    """
    wait_for_screen()
    app = open_application(theme_named("dark"), "use a light that a photodiode sees")
    screens = QGuiApplication.screens()
    if screen is not None and screen > len(screens):
        raise ConfigurationError(f"no screen {screen}: there are {len(screens)}")
    markers = MarkerOutlet(STREAM, own_source_id("flash"))
    window = FlashScreen(lambda stamp: markers.push_json({"event": "flash"}, stamp))
    try:
        with leaving_on_signals(app):
            if windowed:
                window.resize(800, 600)
                window.show()
            else:
                window.setGeometry(screens[(screen or len(screens)) - 1].geometry())
                window.showFullScreen()
            if seconds is not None:
                QTimer.singleShot(round(1000 * seconds), app.quit)
            return app.exec_()
    finally:
        window.close()
        markers.close()
