"""What is given up while the machine cannot keep up: the screen's streams first, then video, EEG never.

The measure is how late EEG samples are when they arrive here, against the least late of the last half minute: a
headset's own delay is no load. What is given up is said with the engine's health.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

from realtime.packets import BandPowerWindow, FaceObservation, Result

LATE_S = 0.03
"""Samples that come this much later than the quickest are late: predictions are wanted within 50 ms."""

_WINDOW_S = 0.5
_LATE_SHARE = 0.05
_CALM_S = 5.0
_QUICKEST_S = 30.0
_OTHER_CLOCK_S = 5.0  # a source that is that far off runs on a time of its own, such as a slow replay
_POWERS_EVERY = 4
_LONGEST_PERIOD_S = 0.1  # of evaluated frames: flow is taken between frames 0.2 s apart


@dataclass(frozen=True, slots=True)
class Shed:
    """What is given up.

    Parameters
    ----------
    screen : bool
        Band powers come at a quarter of their rate, the mesh of the face not at all.
    video_every : int
        One frame of so many is evaluated; 1 is all of them.
    """

    screen: bool = False
    video_every: int = 1


class Shedding:
    """Decides what is given up; `note` is called from the EEG thread, the rest from any.

    Parameters
    ----------
    fps : float
        Nominal rate of the camera; 0 without one.
    allowed : bool
        Without, nothing is ever given up, however late it gets.
    """

    def __init__(self, fps: float = 0.0, *, allowed: bool = True) -> None:
        slowest = max(1, int(_LONGEST_PERIOD_S * fps))
        steps = [every for every in (2, 4, 8, 16) if every < slowest] + ([slowest] if slowest > 1 else [])
        levels = (Shed(), Shed(screen=True), *(Shed(screen=True, video_every=every) for every in steps))
        self._levels = levels if allowed else levels[:1]
        self._level = 0
        self._window_s = self._calm_s = math.nan
        self._noted = self._late = self._powers = 0
        self._least: deque[tuple[float, float]] = deque()

    @property
    def now(self) -> Shed:
        """What is given up at present."""
        return self._levels[self._level]

    def note(self, now_s: float, age_s: float) -> None:
        """Take note of how old the newest sample was when it had been worked on."""
        if math.isnan(self._window_s):
            self._window_s = self._calm_s = now_s
        late_s = age_s - self._quickest(now_s, age_s)
        self._noted += 1
        self._late += LATE_S < late_s < _OTHER_CLOCK_S
        if now_s - self._window_s >= _WINDOW_S:
            self._decide(now_s)

    def published(self, result: Result) -> Result | None:
        """What of a result goes out; None where nothing does."""
        if not self.now.screen:
            return result
        if isinstance(result, BandPowerWindow):
            self._powers += 1
            return result if self._powers % _POWERS_EVERY == 0 else None
        if isinstance(result, FaceObservation):
            return replace(result, landmarks=None, crop=None)
        return result

    def evaluates(self, index: int) -> bool:
        """Whether a frame of this number is looked at."""
        return index % self.now.video_every == 0

    def _decide(self, now_s: float) -> None:
        busy = self._late > _LATE_SHARE * self._noted
        self._window_s, self._noted, self._late = now_s, 0, 0
        if busy:
            self._calm_s = now_s
            self._level = min(self._level + 1, len(self._levels) - 1)
        elif now_s - self._calm_s >= _CALM_S:
            self._calm_s = now_s
            self._level = max(self._level - 1, 0)

    def _quickest(self, now_s: float, age_s: float) -> float:
        """The least age of the last half minute, in bounded memory: one entry a window."""
        if not self._least or now_s - self._least[-1][0] >= _WINDOW_S:
            self._least.append((now_s, age_s))
        elif age_s < self._least[-1][1]:
            self._least[-1] = (self._least[-1][0], age_s)
        while now_s - self._least[0][0] > _QUICKEST_S:
            self._least.popleft()
        return min(least for _, least in self._least)
