"""Where a replay is: a position that passes with time, stands still, jumps and goes faster, and what stamps it has.

Positions are seconds of the recording. Stamps are LSL seconds, keep the recorded distances while nothing is changed,
and never go back: after a pause or a jump they go on with real time, so a receiver sees a gap.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

SLOWEST, FASTEST = 0.1, 20.0
"""Speeds, times real time."""

JUMP_GAP_S = 0.5
"""So long nothing is sent before a jump: longer than any receiver takes for jitter, so that it sees a gap."""

_LEFT_S = 1.0
_ROUNDING_S = 1e-8  # LSL seconds are large: what is due exactly now must not miss its time by a rounding error


@dataclass(frozen=True, slots=True)
class Stretch:
    """A time in which nothing is changed.

    Parameters
    ----------
    clock_s, position_s, stamp_s : float
        At that LSL time the position was this, and what lies there is stamped so.
    speed : float
        Seconds of the recording a second; 0 while paused.
    jumps : int
        How often the position has jumped until now: a worker that sees another number looks for its place anew.
    over : bool
        Nothing more will be sent.
    """

    clock_s: float
    position_s: float
    stamp_s: float
    speed: float
    jumps: int = 0
    over: bool = False

    def position(self, now_s: float) -> float:
        """Position at an LSL time."""
        return self.position_s + max(0.0, now_s - self.clock_s + _ROUNDING_S) * self.speed

    def reached(self, now_s: float) -> float:
        """What lies at this position or before is due; nothing is before the beginning."""
        if now_s + _ROUNDING_S < self.clock_s:
            return -math.inf
        # while paused, what lies just there waits for the resumption
        return self.position(now_s) if self.speed > 0 else self.position_s - _ROUNDING_S

    def due(self, position_s: float) -> float:
        """LSL time at which a position is or was reached; while paused, that of the pause."""
        return self.clock_s + (position_s - self.position_s) / self.speed if self.speed > 0 else self.clock_s

    def stamp(self, position_s: float) -> float:
        """Stamp of what lies at a position."""
        return self.stamp_s + position_s - self.position_s


class Timeline:
    """The position of a replay; any thread may ask and change it.

    Parameters
    ----------
    first_s, last_s : float
        Positions of the first and the last that is sent; `last_s` may be infinite.
    speed : float
    loop : bool
        Whether the end is followed by the beginning.
    clock : callable
        LSL seconds.
    """

    def __init__(
        self, first_s: float, last_s: float, *, speed: float = 1.0, loop: bool = False, clock: Callable[[], float]
    ) -> None:
        self.first_s, self.last_s, self.loop = first_s, last_s, loop
        self._clock, self._speed = clock, _allowed(speed)
        self._lock = threading.Lock()
        self._now = Stretch(math.nan, first_s, math.nan, 0.0)
        self._paused = False

    @property
    def now(self) -> Stretch:
        """What holds at present."""
        return self._now

    @property
    def speed(self) -> float:
        """Seconds of the recording a second, when it is not paused."""
        return self._speed

    @property
    def paused(self) -> bool:
        """Whether it stands still."""
        return self._paused

    @property
    def position_s(self) -> float:
        """Where it is."""
        return min(self._now.position(self._clock()), self.last_s) if self._begun else self._now.position_s

    def begin(self, start_s: float, position_s: float | None = None, *, paused: bool = False) -> None:
        """Start at an LSL time, at a position or the first."""
        with self._lock:
            self._paused = paused
            at = self._inside(self.first_s if position_s is None else position_s)
            self._now = Stretch(start_s, at, start_s, 0.0 if paused else self._speed, self._now.jumps + 1)

    def pause(self) -> None:
        """Stand still."""
        with self._lock:
            if self._begun and not self._paused:
                self._paused = True
                self._go_on(0.0)

    def resume(self) -> None:
        """Go on; stamps with real time."""
        with self._lock:
            if self._begun and self._paused:
                self._paused = False
                self._go_on(self._speed)

    def set_speed(self, speed: float) -> None:
        """Go faster or slower, from 0.1 to 20 times real time; other speeds are brought within."""
        with self._lock:
            self._speed = _allowed(speed)
            if self._begun and not self._paused:
                self._go_on(self._speed)

    def seek(self, position_s: float) -> None:
        """Jump to a position, brought between the first and a second before the last."""
        with self._lock:
            if not self._begun or math.isnan(position_s):
                return
            clock_s = self._clock() + JUMP_GAP_S
            stamp_s = max(clock_s, self._newest() + JUMP_GAP_S)
            speed = 0.0 if self._paused else self._speed
            at = min(self._inside(position_s), max(self.first_s, self.last_s - _LEFT_S))
            self._now = Stretch(clock_s, at, stamp_s, speed, self._now.jumps + 1)

    def finish(self) -> None:
        """Nothing more is to be sent."""
        with self._lock:
            self._now = replace(self._now, over=True)

    @property
    def _begun(self) -> bool:
        return not math.isnan(self._now.clock_s)

    def _newest(self) -> float:
        """No stamp so far was later."""
        now_s = self._clock()
        if now_s < self._now.clock_s:  # nothing of this stretch was sent
            return self._now.stamp_s - JUMP_GAP_S
        return self._now.stamp(self._now.position(now_s))

    def _go_on(self, speed: float) -> None:
        now_s = self._clock()
        if now_s < self._now.clock_s:  # still before the start, or in the silence before a jump
            self._now = replace(self._now, speed=speed)
            return
        at = self._now.position(now_s)
        self._now = replace(
            self._now, clock_s=now_s, position_s=at, stamp_s=max(now_s, self._now.stamp(at)), speed=speed
        )

    def _inside(self, position_s: float) -> float:
        return min(max(position_s, self.first_s), self.last_s)


def _allowed(speed: float) -> float:
    return min(max(speed, SLOWEST), FASTEST)
