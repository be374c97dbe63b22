"""What is learnt from a camera's pictures alone: their true rate, what is missing among them, and whether they move."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from realtime.packets import UInt8, VideoFrame

_FROZEN_S = 0.4
_SKIPPED = 3  # a camera's first pictures come when they like
_LONGEST_RUN = 100_000  # a driver's counter that jumps by more has begun anew


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture as the driver gave it.

    Parameters
    ----------
    image : (height, width) or (height, width, 3) uint8
        Grey or RGB.
    stamp : float
        LSL seconds: when it was exposed where the driver says so, else when it was taken from the driver.
    sequence : int or None
        The driver's own count, which goes on where it drops a picture; None where there is none.
    """

    image: UInt8
    stamp: float
    sequence: int | None = None


class RateMeter:
    """The true rate of a camera, from the stamps of its pictures.

    Parameters
    ----------
    least_s, most_s : float
        Enough is known after `least_s` with `least` pictures, and in any case after `most_s`.
    least : int
    """

    def __init__(self, least_s: float = 1.0, most_s: float = 3.0, least: int = 30) -> None:
        self._least_s, self._most_s, self._least = least_s, most_s, least
        self._skip = _SKIPPED
        self._first = self._last = math.nan
        self._count = 0

    @property
    def done(self) -> bool:
        """Whether enough is known."""
        span_s = self._last - self._first
        return (span_s >= self._least_s and self._count >= self._least) or (span_s >= self._most_s and self._count > 2)

    @property
    def rate_hz(self) -> float:
        """Pictures a second; NaN before the second one."""
        span_s = self._last - self._first
        return (self._count - 1) / span_s if self._count > 1 and span_s > 0 else math.nan

    def add(self, stamp: float) -> None:
        """Count a picture."""
        if self._skip:
            self._skip -= 1
            return
        if not self._count:
            self._first = stamp
        self._count += 1
        self._last = stamp


class FrameCounter:
    """Numbers a camera's pictures, so that every one that is missing leaves a hole in the numbers.

    What the driver dropped is known exactly where it counts. While the camera was away, its rate tells how many
    pictures it would have made.

    Parameters
    ----------
    fps : float
        Nominal rate.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._index = -1
        self._sequence: int | None = None
        self._stamp = -math.inf
        self._first_s = math.nan
        self._away = False
        self.dropped = 0
        """Pictures that the driver is known to have dropped."""
        self.missed = 0
        """Pictures that would have been made while the camera was away."""

    @property
    def rate_hz(self) -> float:
        """Pictures a second from the first to the newest, missing ones counted in; NaN before the second one."""
        span_s = self._stamp - self._first_s
        return self._index / span_s if span_s > 0 else math.nan

    def lost(self) -> None:
        """The camera is away: the next picture comes after a gap."""
        self._away = True

    def reopened(self) -> None:
        """The driver begins to count anew."""
        self._sequence = None

    def number(self, picture: Picture) -> VideoFrame:
        """The frame of a picture; stamps increase strictly."""
        stamp = picture.stamp
        if self._index >= 0:
            missing = self._missing(picture)
            self._index += missing
            if stamp <= self._stamp:
                stamp = math.nextafter(self._stamp, math.inf)
        else:
            self._first_s = stamp
        self._index += 1
        self._sequence, self._stamp, self._away = picture.sequence, stamp, False
        return VideoFrame(picture.image, stamp, self._index)

    def _missing(self, picture: Picture) -> int:
        if picture.sequence is not None and self._sequence is not None:
            count = picture.sequence - self._sequence - 1
            if 0 <= count <= _LONGEST_RUN:
                self.dropped += count
                return count
        if not self._away:
            return 0
        count = max(1, round((picture.stamp - self._stamp) * self._fps) - 1)
        self.missed += count
        return count


class FrozenWatch:
    """Sees a camera that gives the same picture again and again: sensor noise never repeats itself."""

    def __init__(self, after_s: float = _FROZEN_S) -> None:
        self._after_s = after_s
        self._last: UInt8 | None = None
        self._since_s = math.nan
        self._count = 0
        self.frozen = False
        """Whether the picture stands still."""

    @property
    def since_s(self) -> float:
        """Stamp of the first of the pictures that are all the same."""
        return self._since_s

    def see(self, frame: VideoFrame) -> Literal["frozen", "moving"] | None:
        """What a frame changes, if anything."""
        if self._last is not None and _same(frame.image, self._last):
            self._count += 1
            if not self.frozen and self._count > 1 and frame.stamp - self._since_s >= self._after_s:
                self.frozen = True
                return "frozen"
            return None
        self._last, self._since_s, self._count = frame.image, frame.stamp, 0
        was, self.frozen = self.frozen, False
        return "moving" if was else None


def _same(image: UInt8, other: UInt8) -> bool:
    """Whether two pictures are the same, bit by bit; most are told apart by a few of their points."""
    return np.array_equal(image[::16, ::16], other[::16, ::16]) and np.array_equal(image, other)
