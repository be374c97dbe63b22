"""The last half minute of the face, kept for slow motion: grey and small, but of the camera's own pixels."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from PyQt5.QtCore import QRect, Qt
from PyQt5.QtGui import QImage
from PyQt5.sip import voidptr

from realtime.packets import Float32, UInt8, VideoFrame

KEEP_S = 30.0
CAPACITY = 1024
SIDE_PX = 256
_ROOM = 1.1
_DRIFT = 0.06
_RESIZE = 0.2


def over_frame(image: UInt8) -> QImage:
    """A QImage that shows a (height, width) or (height, width, 3) uint8 array without copying it.

    The array must be contiguous and outlive the picture.
    """
    height, width = image.shape[:2]
    kind = QImage.Format.Format_Grayscale8 if image.ndim == 2 else QImage.Format.Format_RGB888
    return QImage(voidptr(image.ctypes.data), width, height, image.strides[0], kind)


@dataclass(frozen=True, slots=True)
class KeptFrame:
    """A frame as it is kept: its stamp, its number at the camera, and a grey picture of the face."""

    stamp: float
    index: int
    image: QImage


class KeptFrames:
    """The newest frames, each cut to the face, 256 px at most; the oldest go first.

    A face of up to 256 px is kept pixel by pixel, a larger one is averaged down; without a face it is the whole picture
    averaged down. At most 1024 frames of 64 KiB, and none older than half a minute.
    """

    def __init__(self, keep_s: float = KEEP_S, capacity: int = CAPACITY) -> None:
        self._keep_s = keep_s
        self._frames: deque[KeptFrame] = deque(maxlen=capacity)
        self._box: QRect | None = None

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def bytes(self) -> int:
        """Memory the pictures take."""
        return sum(frame.image.sizeInBytes() for frame in self._frames)

    def adopt(self, before: KeptFrames) -> None:
        """Keep what another keeps; the pictures are shared, not copied."""
        self._frames.extend(before._frames)
        self._box = before._box

    def follow(self, landmarks: Float32 | None) -> None:
        """Cut out this face from now on, (468, 2) px of the frame; None for the whole picture.

        The box stands still while the face stays about where it was: a picture that follows every pixel of the head
        would hide how it moves.
        """
        if landmarks is None:
            self._box = None
            return
        low, high = landmarks.min(axis=0), landmarks.max(axis=0)
        if not np.isfinite(low).all() or not np.isfinite(high).all():
            return
        (x, y), side = (low + high) / 2, float(_ROOM * (high - low).max())
        side = max(side, float(SIDE_PX))
        if (box := self._box) is not None:
            middle = box.center()
            drift = max(abs(x - middle.x()), abs(y - middle.y()))
            if drift < _DRIFT * box.width() and abs(side - box.width()) < _RESIZE * box.width():
                return
        self._box = QRect(round(x - side / 2), round(y - side / 2), round(side), round(side))

    def push(self, frame: VideoFrame) -> None:
        """Keep a frame. A stamp that runs backwards is another session: what was kept before it goes."""
        if self._frames and frame.stamp <= self._frames[-1].stamp:
            if frame.stamp == self._frames[-1].stamp:
                return
            self._frames.clear()
        whole = over_frame(frame.image)
        box = whole.rect() if self._box is None else self._box.intersected(whole.rect())
        cut = whole.copy(whole.rect() if box.isEmpty() else box).convertToFormat(QImage.Format.Format_Grayscale8)
        if max(cut.width(), cut.height()) > SIDE_PX:
            kept, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            cut = cut.scaled(SIDE_PX, SIDE_PX, kept, smooth).convertToFormat(QImage.Format.Format_Grayscale8)
        self._frames.append(KeptFrame(frame.stamp, frame.index, cut))
        while frame.stamp - self._frames[0].stamp > self._keep_s:
            self._frames.popleft()

    def between(self, start_s: float, end_s: float) -> tuple[KeptFrame, ...]:
        """Frames of that time that are still kept, oldest first; they stay whole for whoever holds them."""
        return tuple(frame for frame in self._frames if start_s <= frame.stamp <= end_s)
