"""Aligned faces for the baselines: the tracker, the crop and the flow of our own chain, thirty times a second.

So that rules are compared, not trackers: every baseline reads the same 256 px faces, found by the same landmarks, and
the same dense flow (the papers used FACE++ or dlib landmarks and RLOF, TV-L1 or Farneback flow).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from realtime.face.alignment import CROP_PX, Alignment, to_grey
from realtime.packets import Float32, UInt8, VideoFrame

PERIOD_S = 1 / 30
"""The papers' parameters are for 30 frames a second (CAS(ME)2; one of them thins its 200 Hz videos out to that)."""

_MARGIN = 0.3


@dataclass(frozen=True, slots=True)
class AlignedFrame:
    """A face's neighbourhood in one frame, kept to be cropped under any warp."""

    stamp: float
    landmarks: Float32
    alignment: Alignment
    _patch: UInt8
    _left: int
    _top: int

    def crop(self, alignment: Alignment) -> UInt8:
        """(256, 256) uint8 under a warp of the whole frame."""
        return alignment.moved(self._left, self._top).crop(self._patch)

    def box(self, alignment: Alignment) -> tuple[slice, slice]:
        """Rows and columns of the crop that the face fills: the papers cut their faces out without background."""
        points = alignment.apply(self.landmarks)
        low = np.clip(np.floor(points.min(axis=0)), 0, CROP_PX - 48).astype(int)
        high = np.clip(np.ceil(points.max(axis=0)) + 1, low + 48, CROP_PX).astype(int)
        return slice(low[1], high[1]), slice(low[0], high[0])

    @property
    def own_crop(self) -> UInt8:
        """(256, 256) uint8 under its own warp."""
        return self.crop(self.alignment)


def align(frame: VideoFrame, landmarks: Float32) -> AlignedFrame | None:
    """Cut the face out; None where it lies outside the frame."""
    grey, alignment = to_grey(frame.image), Alignment.fit(landmarks)
    left, top, right, bottom = alignment.bounds(_MARGIN, grey.shape)
    if right <= left or bottom <= top:
        return None
    return AlignedFrame(frame.stamp, landmarks, alignment, grey[top:bottom, left:right].copy(), left, top)


class Thinned:
    """Lets frames through at thirty a second at most."""

    def __init__(self) -> None:
        self._due_s = -np.inf

    def take(self, stamp: float) -> bool:
        # a quarter of a period of jitter is no reason to skip every second frame of a 30 Hz camera
        if stamp < self._due_s - 0.25 * PERIOD_S:
            return False
        self._due_s = max(self._due_s + PERIOD_S, stamp) if np.isfinite(self._due_s) else stamp + PERIOD_S
        return True


class Recent:
    """The frames of the last seconds.

    Parameters
    ----------
    length_s : float
    """

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._frames: deque[AlignedFrame] = deque()

    def add(self, frame: AlignedFrame) -> None:
        self._frames.append(frame)
        while self._frames[0].stamp < frame.stamp - self._length_s:
            self._frames.popleft()

    def clear(self) -> None:
        """Forget all: no feature spans a lost face."""
        self._frames.clear()

    def at(self, stamp: float) -> AlignedFrame | None:
        """The frame within a frame's time of a stamp."""
        best = min(self._frames, key=lambda f: abs(f.stamp - stamp), default=None)
        return best if best is not None and abs(best.stamp - stamp) < PERIOD_S else None
