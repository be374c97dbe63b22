"""Blinks and gaze shifts, told from the motion inside the eyes' openings."""

from __future__ import annotations

from collections import deque

import numpy as np

from realtime.face.motion import UPPER, Motion, lengths

_WINDOW_S = 5.0
_FAR_PX, _RATIO, _LEAST_PX = 1.0, 3.0, 0.35
_USUAL = 3.0
_CLOSED = 0.72


class EyeWatch:
    """Says whether the eyes move on their own; `push` motions in order, from one thread."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float, float]] = deque()

    def push(self, motion: Motion) -> bool:
        """Whether a blink or a gaze shift is under way.

        The opening moves far, or much more than what surrounds it, and more than it usually does; or it is closed.
        """
        inside = float(lengths(motion.eyes).max())
        around = float(lengths(motion.regions)[UPPER].max())
        openness = float(motion.openness.mean())
        self._seen.append((motion.stamp, openness, inside))
        while self._seen[0][0] < motion.stamp - _WINDOW_S:
            self._seen.popleft()
        _, usual_openness, usual_inside = np.median(np.array(self._seen), axis=0)
        # a restless head shakes the eyes' openings too: what is usual is no blink
        unusual = inside > _USUAL * usual_inside
        moved = inside > _FAR_PX or (inside > _LEAST_PX and inside > _RATIO * around)
        return bool((moved and unusual) or openness < _CLOSED * usual_openness)
