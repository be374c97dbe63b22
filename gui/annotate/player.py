"""Where in the film the coder is: frame by frame, or moving at a speed, round an event where it is to loop."""

from __future__ import annotations

import time
from collections.abc import Callable

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from gui.annotate.film import nearest
from realtime.packets import Float64

SPEEDS = (0.1, 0.25, 1.0)
_TICK_MS = 15


class Player(QObject):
    """A position in a film. GUI thread.

    Parameters
    ----------
    times_s : (n,) float64
        Of the frames, increasing.
    ready : callable
        Whether a frame can be shown at once; playing waits for the others rather than skip them.
    clock : callable
        Seconds, for playing.
    """

    moved = pyqtSignal(int)
    """Number of the frame that is to be seen now."""

    turned = pyqtSignal(bool)
    """Playing began or ended."""

    def __init__(
        self, times_s: Float64, ready: Callable[[int], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._times_s, self._ready, self._clock = times_s, ready, clock
        self.index = 0
        self.speed = 0.25
        self.loop: tuple[int, int] | None = None
        self._begun = (0.0, 0.0)
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self.tick)

    @property
    def playing(self) -> bool:
        """Whether it moves by itself."""
        return self._timer.isActive()

    @property
    def time_s(self) -> float:
        """Moment of the frame, s of the recording."""
        return float(self._times_s[self.index])

    def go(self, index: int) -> None:
        """Stop, and go to a frame or the nearest end."""
        self.stop()
        self._show(index)

    def go_time(self, time_s: float) -> None:
        """Stop, and go to the frame nearest to a moment."""
        self.go(nearest(self._times_s, time_s))

    def step(self, frames: int) -> None:
        """Stop, and go so many frames on."""
        self.go(self.index + frames)

    def _show(self, index: int) -> None:
        self.index = min(max(index, 0), len(self._times_s) - 1)
        self.moved.emit(self.index)

    def play(self) -> None:
        """Begin at this frame; at the loop's start where it is outside of it, at the film's where it is at its end."""
        first, last = self.loop or (0, len(self._times_s) - 1)
        if not first <= self.index < last:
            self._show(first)
        self._begin()
        self._timer.start()
        self.turned.emit(True)

    def stop(self) -> None:
        """Stay where it is."""
        if self.playing:
            self._timer.stop()
            self.turned.emit(False)

    def set_speed(self, speed: float) -> None:
        """Set how fast it plays, times real time."""
        self.speed = speed
        self._begin()

    def _begin(self) -> None:
        self._begun = (self._clock(), self.time_s)

    def tick(self) -> None:
        """Move to where it should be by now, one frame after the other where they are slower than that."""
        first, last = self.loop or (0, len(self._times_s) - 1)
        if self.index >= last:
            if self.loop is None:
                self.stop()
                return
            self._show(first)
            self._begin()
            return
        now_s, from_s = self._clock(), self._begun
        wanted = min(nearest(self._times_s, from_s[1] + (now_s - from_s[0]) * self.speed), last)
        if wanted <= self.index:
            return
        if self._ready(wanted):
            self._show(wanted)
        else:
            # the decoder is behind: it sets the pace
            self._show(self.index + 1 if self._ready(self.index) else self.index)
            self._begin()
