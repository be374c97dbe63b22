"""Blinks and gaze shifts, told from the motion inside the eyes' openings."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

from realtime.face.motion import UPPER, Motion, lengths

_WINDOW_S = 5.0
_FAR_PX, _RATIO, _LEAST_PX = 1.0, 3.0, 0.35
_USUAL = 3.0
_CLOSED = 0.72


class EyeWatch:
    """Says whether the eyes move on their own; `push` motions in order, from one thread."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float, float]] = deque()
        self._openness, self._inside = _SortedValues(), _SortedValues()

    def push(self, motion: Motion) -> bool:
        """Whether a blink or a gaze shift is under way.

        The opening moves far, or much more than what surrounds it, and more than it usually does; or it is closed.
        """
        inside = float(lengths(motion.eyes).max())
        around = float(lengths(motion.regions)[UPPER].max())
        openness = float(motion.openness.mean())
        self._seen.append((motion.stamp, openness, inside))
        self._openness.add(openness)
        self._inside.add(inside)
        while self._seen[0][0] < motion.stamp - _WINDOW_S:
            _, gone_openness, gone_inside = self._seen.popleft()
            self._openness.remove(gone_openness)
            self._inside.remove(gone_inside)
        usual_openness, usual_inside = self._openness.median(), self._inside.median()
        # a restless head shakes the eyes' openings too: what is usual is no blink
        unusual = inside > _USUAL * usual_inside
        moved = inside > _FAR_PX or (inside > _LEAST_PX and inside > _RATIO * around)
        return bool((moved and unusual) or openness < _CLOSED * usual_openness)


class _SortedValues:
    """A window's values in order: their median costs no sorting anew."""

    def __init__(self) -> None:
        self._values: list[float] = []

    def add(self, value: float) -> None:
        insort(self._values, value)

    def remove(self, value: float) -> None:
        del self._values[bisect_left(self._values, value)]

    def median(self) -> float:
        n = len(self._values)
        return (self._values[(n - 1) // 2] + self._values[n // 2]) / 2
