"""The surface stimuli are shown on, and the moment each frame reached the screen.

With OpenGL the moment is that of the buffer swap, which waits for the screen; without, it is taken right after the
picture was handed to the window system. Neither knows of the delay in the screen itself: the photodiode patch does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol, cast

import numpy as np
from PyQt5.QtCore import QRect, Qt, QTimer, pyqtBoundSignal, pyqtSignal
from PyQt5.QtGui import QOffscreenSurface, QOpenGLContext, QOpenGLVersionProfile, QPainter, QPaintEvent, QSurfaceFormat
from PyQt5.QtWidgets import QOpenGLWidget, QWidget

from realtime.errors import ConfigurationError

Paint = Callable[[QPainter, QRect], int]
"""Draws what is due and tells which scene that was."""

_KEPT = 4096
_GIVEN_HZ = 60.0
_LATE = 1.5
_GL_RENDERER = 0x1F01
_SOFTWARE = ("llvmpipe", "softpipe", "swrast", "swiftshader", "software")


class Canvas(Protocol):
    """A widget that draws on request and says when a frame was on the screen: `swapped(serial, stamp)`."""

    path: str
    renderer: str
    swapped: pyqtBoundSignal

    def refresh(self) -> None:
        """Draw and show a frame as soon as can be."""
        ...


class GlCanvas(QOpenGLWidget):
    """Frames stamped when the buffers were swapped."""

    swapped = pyqtSignal(int, float)
    path = "opengl"
    renderer = ""

    def __init__(self, paint: Paint, clock: Callable[[], float]) -> None:
        super().__init__()
        self._paint, self._clock = paint, clock
        self._serial = 0
        self.frameSwapped.connect(lambda: self.swapped.emit(self._serial, self._clock()))

    def refresh(self) -> None:
        """Draw and show a frame as soon as can be."""
        self.update()

    def paintGL(self) -> None:
        """Draw."""
        painter = QPainter(self)
        self._serial = self._paint(painter, self.rect())
        painter.end()


class RasterCanvas(QWidget):
    """Frames stamped right after they were handed to the window system."""

    swapped = pyqtSignal(int, float)
    path = "raster"
    renderer = ""

    def __init__(self, paint: Paint, clock: Callable[[], float]) -> None:
        super().__init__()
        self._paint, self._clock = paint, clock
        self._serial = 0
        self._asked = False
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def refresh(self) -> None:
        """Draw and show a frame as soon as can be."""
        if not self._asked:
            self._asked = True
            QTimer.singleShot(0, self._flush)

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Draw."""
        painter = QPainter(self)
        self._serial = self._paint(painter, self.rect())
        painter.end()

    def _flush(self) -> None:
        self._asked = False
        if self.isVisible():
            # draws and flushes before it returns
            self.repaint()
            self.swapped.emit(self._serial, self._clock())


def open_canvas(paint: Paint, clock: Callable[[], float], opengl: bool | None = None) -> Canvas:
    """The surface for this screen. GUI thread, after the application was opened.

    Parameters
    ----------
    paint : callable
    clock : callable
        LSL seconds.
    opengl : bool, optional
        Default: where a graphics card does it; in software it is slower than raster and waits for no screen.

    Raises
    ------
    ConfigurationError
        OpenGL was asked for and does not work here.
    """
    renderer = opengl_renderer() if opengl is not False else ""
    if opengl and not renderer:
        raise ConfigurationError("OpenGL does not work on this display: leave --opengl out")
    software = any(name in renderer.lower() for name in _SOFTWARE)
    kind = GlCanvas if renderer and (opengl or not software) else RasterCanvas
    made = kind(paint, clock)
    made.renderer = renderer
    return cast(Canvas, made)


def opengl_renderer() -> str:
    """What draws OpenGL here; '' where no context can be made: the widget itself would fail without a word."""
    context = QOpenGLContext()
    context.setFormat(QSurfaceFormat.defaultFormat())
    if not context.create():
        return ""
    surface = QOffscreenSurface()
    surface.setFormat(context.format())
    surface.create()
    name = ""
    if surface.isValid() and context.makeCurrent(surface):
        profile = QOpenGLVersionProfile()
        profile.setVersion(2, 0)
        functions = context.versionFunctions(profile)
        if functions is not None and functions.initializeOpenGLFunctions():
            name = functions.glGetString(_GL_RENDERER) or "unknown"
        context.doneCurrent()
    surface.destroy()
    return name


def wait_for_screen() -> None:
    """Ask that swaps wait for the screen's refresh; before the application is opened."""
    wanted = QSurfaceFormat.defaultFormat()
    wanted.setSwapInterval(1)
    wanted.setSwapBehavior(QSurfaceFormat.SwapBehavior.DoubleBuffer)
    QSurfaceFormat.setDefaultFormat(wanted)


class SwapMeter:
    """Interval between frames while they follow each other without a break.

    Parameters
    ----------
    refresh_hz : float
        What the screen says of itself; what it does not say is taken to be 60.
    """

    def __init__(self, refresh_hz: float) -> None:
        self.refresh_hz = refresh_hz if refresh_hz > 1.0 else _GIVEN_HZ
        self._intervals: deque[float] = deque(maxlen=_KEPT)
        self._last: float | None = None
        self.late = 0
        """Frames that came a refresh or more too late."""

    @property
    def interval_s(self) -> float:
        """Median interval, s; the screen's own word where there are too few."""
        recent = list(self._intervals)[-120:]
        return float(np.median(recent)) if len(recent) >= 20 else 1.0 / self.refresh_hz

    def swapped(self, stamp: float) -> None:
        """A frame was on the screen."""
        if self._last is not None:
            self._intervals.append(stamp - self._last)
            self.late += stamp - self._last > _LATE * self.interval_s
        self._last = stamp

    def rest(self) -> None:
        """The next frame does not follow at once."""
        self._last = None

    def told(self) -> dict[str, object]:
        """For the summary: ms."""
        if not self._intervals:
            return {"refresh_hz": self.refresh_hz, "frames": 0, "late_frames": 0, "swap_interval_ms": None}
        p50, p99 = (1e3 * float(value) for value in np.percentile(list(self._intervals), (50, 99)))
        return {
            "refresh_hz": self.refresh_hz,
            "frames": len(self._intervals) + 1,
            "late_frames": self.late,
            "swap_interval_ms": {"p50": p50, "p99": p99},
        }
