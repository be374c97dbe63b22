"""Whether a camera's picture is too dark, and whether it stands still though frames arrive."""

from __future__ import annotations

import math

import numpy as np

from realtime.packets import UInt8, VideoFrame

FROZEN_AFTER_S = 2.0
_STEP_PX = 16
_DARK, _LIT = 45.0, 55.0
_EVERY_S = 1.0


class PictureWatch:
    """Looks at every 16th pixel of each frame.

    A camera's own noise changes some of them from frame to frame, so equal ones mean that the driver or the stream
    repeats a frame.
    """

    def __init__(self) -> None:
        self.dark = False
        self._sample: UInt8 | None = None
        self._changed_s = math.nan
        self._judged_s = -math.inf

    def push(self, frame: VideoFrame) -> None:
        """Look at a frame."""
        sample = frame.image[::_STEP_PX, ::_STEP_PX].copy()
        if self._sample is None or not np.array_equal(sample, self._sample):
            self._sample, self._changed_s = sample, frame.stamp
        if abs(frame.stamp - self._judged_s) >= _EVERY_S:
            self._judged_s = frame.stamp
            # two limits, so that the hint does not come and go
            self.dark = float(sample.mean()) < (_LIT if self.dark else _DARK)

    def frozen_s(self, stamp: float) -> float:
        """Seconds since the picture last changed; NaN where that is not long enough to say so."""
        still = stamp - self._changed_s
        return still if still >= FROZEN_AFTER_S else math.nan
