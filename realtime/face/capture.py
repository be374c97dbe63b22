"""Video frames from a file, as `VideoFrame` packets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from realtime.errors import DataError
from realtime.face._cv import bytes_of, cv2, open_film
from realtime.face.pictures import require_pixels
from realtime.packets import UInt8, VideoFrame, VideoInfo

_LONGEST_STEP_S = 10.0
_TIMED_FRAME_BY_FRAME = (".mkv",)  # where a camera was away, the hole in the film is as long as that


class FileCapture:
    """Frames of a video file, stamped by their own times in the file; iterate as often as you like.

    A film that was written in grey comes as (height, width), any other as RGB.

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
        self._longest_s = np.inf if self._path.suffix.lower() in _TIMED_FRAME_BY_FRAME else _LONGEST_STEP_S
        self.info = VideoInfo(self._path.name, self._path.name, width, height, 1 if first.ndim == 2 else 3, self.fps)

    def __iter__(self) -> Iterator[VideoFrame]:
        """Every frame once; stamps strictly increase even where the file's own times do not."""
        capture = self._open()
        try:
            index, stamp = 0, -np.inf
            while (image := _read(capture)) is not None:
                own = float(capture.get(cv2.CAP_PROP_POS_MSEC)) / 1e3
                stamp = next_stamp(own, stamp, index, self.fps, longest_s=self._longest_s)
                yield VideoFrame(image, self._start_s + stamp, index)
                index += 1
        finally:
            capture.release()

    def _open(self) -> cv2.VideoCapture:
        if not self._path.is_file():
            raise DataError(f"no video file '{self._path}'; give the path of a video that OpenCV reads")
        capture = open_film(self._path)
        if not capture.isOpened():
            capture.release()
            raise DataError(
                f"cannot read '{self._path}' as a video; wanted a file that OpenCV opens (mp4, avi, mov, ...)"
            )
        require_pixels(capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        return capture


def next_stamp(own_s: float, last_s: float, index: int, fps: float, *, longest_s: float = _LONGEST_STEP_S) -> float:
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
    longest_s : float
        A longer step is taken for nonsense.
    """
    if own_s > last_s and own_s - max(last_s, 0.0) < longest_s:
        return own_s
    return max(index / fps, last_s + 0.5 / fps)


def _read(capture: cv2.VideoCapture) -> UInt8 | None:
    done, image = capture.read()
    if not done:
        return None
    return bytes_of(image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
