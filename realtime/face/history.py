"""The newest frames of one face, kept small: what flow looks back to and what a movement's pictures are made of."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from realtime.face.alignment import CROP_PX, Alignment
from realtime.packets import Float32, UInt8

_MARGIN = 0.3


@dataclass(slots=True)
class StoredFrame:
    """The face's neighbourhood in one frame, where it lay, and its crop under the newest warp it was asked for.

    `evaluated` is False for frames between two evaluated ones: they carry the landmarks of the one before.
    """

    stamp: float
    patch: UInt8
    left: int
    top: int
    landmarks: Float32
    evaluated: bool
    _segment: int = -1
    _crop: UInt8 = field(default_factory=lambda: np.zeros((0, 0), np.uint8))

    def crop(self, alignment: Alignment, segment: int) -> UInt8:
        """(256, 256) uint8 crop under the warp of a segment; computed once a segment."""
        if self._segment != segment:
            self._crop = alignment.moved(self.left, self.top).crop(self.patch)
            self._segment = segment
        return self._crop

    def same_as(self, grey: UInt8) -> bool:
        """Whether a picture shows, pixel by pixel, what this one did: a frozen or repeated frame."""
        height, width = self.patch.shape
        patch = grey[self.top : self.top + height, self.left : self.left + width]
        row = slice(height // 2, height // 2 + 1)
        # a camera's noise differs in every row: the whole is compared where one is the same
        return np.array_equal(patch[row], self.patch[row]) and np.array_equal(patch, self.patch)


class FrameHistory:
    """Frames of the last `length_s` seconds in at most `max_bytes`; the oldest go first.

    Parameters
    ----------
    length_s : float
    max_bytes : int
    """

    def __init__(self, length_s: float, max_bytes: int) -> None:
        self._frames: deque[StoredFrame] = deque()
        self._length_s, self._max_bytes = length_s, max_bytes
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def newest(self) -> StoredFrame | None:
        return self._frames[-1] if self._frames else None

    def clear(self) -> None:
        """Forget every frame."""
        self._frames.clear()
        self._bytes = 0

    def add(self, grey: UInt8, stamp: float, landmarks: Float32, *, evaluated: bool) -> StoredFrame | None:
        """Keep one (height, width) uint8 frame; None where the face lies outside it."""
        box = neighbourhood(landmarks, grey.shape)
        if box is None:
            return None
        left, top, right, bottom = box
        stored = StoredFrame(stamp, grey[top:bottom, left:right].copy(), left, top, landmarks, evaluated)
        self._frames.append(stored)
        self._bytes += _size(stored)
        while self._frames[0].stamp < stamp - self._length_s or (self._bytes > self._max_bytes and len(self) > 1):
            self._bytes -= _size(self._frames.popleft())
        return stored

    def nearest(self, stamp: float, *, evaluated_only: bool = False) -> StoredFrame | None:
        """The frame whose stamp is closest; of two as close, the earlier."""
        closest: StoredFrame | None = None
        # from the newest on, for it is never far from there
        for frame in reversed(self._frames):
            if evaluated_only and not frame.evaluated:
                continue
            if closest is not None and abs(frame.stamp - stamp) > abs(closest.stamp - stamp):
                break
            closest = frame
        return closest


def neighbourhood(landmarks: Float32, shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what is kept of a picture of this shape; None where the face lies outside it."""
    left, top, right, bottom = Alignment.fit(landmarks).bounds(_MARGIN, shape[:2])
    return None if right <= left or bottom <= top else (left, top, right, bottom)


def on_one_canvas(a: StoredFrame, b: StoredFrame) -> tuple[UInt8, UInt8, Float32]:
    """Two patches in the same place of two pictures of one size, and the first one's landmarks there.

    The face's neighbourhood may have moved between the two frames; what one of them lacks stays black.
    """
    left, top = min(a.left, b.left), min(a.top, b.top)
    right = max(a.left + a.patch.shape[1], b.left + b.patch.shape[1])
    bottom = max(a.top + a.patch.shape[0], b.top + b.patch.shape[0])
    pictures = []
    for stored in (a, b):
        canvas = np.zeros((bottom - top, right - left), np.uint8)
        y, x = stored.top - top, stored.left - left
        canvas[y : y + stored.patch.shape[0], x : x + stored.patch.shape[1]] = stored.patch
        pictures.append(canvas)
    return pictures[0], pictures[1], a.landmarks - np.array([left, top], np.float32)


def _size(stored: StoredFrame) -> int:
    return stored.patch.nbytes + CROP_PX**2
