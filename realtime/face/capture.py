"""Video frames from a file or a camera, as `VideoFrame` packets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pylsl

from realtime.errors import DataError
from realtime.face._cv import bytes_of, cv2
from realtime.packets import UInt8, VideoFrame, VideoInfo

_LONGEST_STEP_S = 10.0


class FileCapture:
    """Frames of a video file, stamped by their own times in the file; iterate as often as you like.

    Parameters
    ----------
    path : Path
        Anything OpenCV reads.
    start_s : float
        Stamp of the first frame.

    Raises
    ------
    DataError
        No such file, not a video, or a video without frames.
    """

    def __init__(self, path: Path | str, start_s: float = 0.0) -> None:
        self._path = Path(path)
        self._start_s = start_s
        capture = self._open()
        try:
            first = _read(capture)
            if first is None:
                raise DataError(f"video '{self._path}' holds no frames that OpenCV can read; wanted at least one")
            fps = float(capture.get(cv2.CAP_PROP_FPS))
        finally:
            capture.release()
        height, width = first.shape[:2]
        self.fps = fps if np.isfinite(fps) and 0 < fps <= 1000 else 30.0
        self.info = VideoInfo(self._path.name, self._path.name, width, height, 3, self.fps)

    def __iter__(self) -> Iterator[VideoFrame]:
        """Every frame once; stamps strictly increase even where the file's own times do not."""
        capture = self._open()
        try:
            index, stamp = 0, -np.inf
            while (image := _read(capture)) is not None:
                own = float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1e3
                stamp = next_stamp(own, stamp, index, self.fps)
                yield VideoFrame(image, self._start_s + stamp, index)
                index += 1
        finally:
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        if not self._path.is_file():
            raise DataError(f"no video file '{self._path}'; give the path of a video that OpenCV reads")
        capture = cv2.VideoCapture(str(self._path))
        if not capture.isOpened():
            capture.release()
            raise DataError(
                f"cannot read '{self._path}' as a video; wanted a file that OpenCV opens (mp4, avi, mov, ...)"
            )
        return capture


def next_stamp(own_s: float, last_s: float, index: int, fps: float) -> float:
    """Time of a film's frame: the file's own where it goes on from the last one, else by the nominal rate.

    Parameters
    ----------
    own_s : float
        What the file says; some say nothing, or nonsense.
    last_s : float
        Time of the frame before, minus infinity for the first.
    index : int
        Number of the frame.
    fps : float
        Nominal rate. Films of varying rate (browsers, telephones) state one that has little to do with their frames.
    """
    if own_s > last_s and own_s - max(last_s, 0.0) < _LONGEST_STEP_S:
        return own_s
    return max(index / fps, last_s + 0.5 / fps)


class DeviceCapture:
    """Frames of a camera, stamped with the LSL clock at grab; blocks while it waits for the next one.

    Parameters
    ----------
    index : int
        OpenCV's camera number.
    clock : callable
        Returns LSL seconds.

    Raises
    ------
    DataError
        No such camera, or it gives no picture.
    """

    def __init__(self, index: int = 0, clock: Callable[[], float] = pylsl.local_clock) -> None:
        self._clock = clock
        self._capture = cv2.VideoCapture(index)
        self._index = 0
        image = _read(self._capture) if self._capture.isOpened() else None
        if image is None:
            self._capture.release()
            raise DataError(f"camera {index} gives no picture; is it plugged in, and free of other programs?")
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if np.isfinite(fps) and 0 < fps <= 1000 else 30.0
        height, width = image.shape[:2]
        self.info = VideoInfo(f"camera {index}", f"camera-{index}", width, height, 3, self.fps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the camera back."""
        self._capture.release()

    def __iter__(self) -> Iterator[VideoFrame]:
        """Frames until the camera stops giving any."""
        while self._capture.grab():
            stamp = self._clock()
            done, image = self._capture.retrieve()
            if not done:
                return
            yield VideoFrame(bytes_of(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)), stamp, self._index)
            self._index += 1


def _read(capture: cv2.VideoCapture) -> UInt8 | None:
    done, image = capture.read()
    return bytes_of(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)) if done else None
