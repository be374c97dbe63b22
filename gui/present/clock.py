"""Where a film is: a clock that starts with a frame on the screen, holds in pauses and follows the sound."""

from __future__ import annotations

_FOLLOW = 0.05
_LEAP_S = 0.25


class MediaClock:
    """Position within a film, s from its first frame.

    With sound, positions of the sound are told now and then: the clock leans towards them, for they come in steps of
    the sound card's, and leaps where they are far off. Without, it is the screen's clock alone.
    """

    def __init__(self) -> None:
        self._held_s = 0.0
        self._since: float | None = None

    @property
    def running(self) -> bool:
        """Whether time passes."""
        return self._since is not None

    def start(self, stamp: float) -> None:
        """Run from a frame on, at the beginning or after a pause."""
        self._since = stamp

    def pause(self, now: float) -> None:
        """Hold."""
        self._held_s, self._since = self.position_s(now), None

    def position_s(self, now: float) -> float:
        """Where the film is at a moment, LSL seconds; never before its beginning."""
        return self._held_s if self._since is None else max(0.0, self._held_s + now - self._since)

    def follow(self, heard_s: float, now: float) -> None:
        """Take in where the sound is at `now`."""
        if self._since is None:
            return
        ahead_s = heard_s - (self._held_s + now - self._since)
        self._held_s += ahead_s if abs(ahead_s) > _LEAP_S else _FOLLOW * ahead_s
