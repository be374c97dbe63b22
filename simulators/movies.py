"""Video files with their ground truth beside them, from any pictures; and short videos played for longer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from realtime.errors import DataError
from realtime.face.capture import FileCapture
from realtime.packets import UInt8, VideoFrame
from simulators.clips import truth_json, truth_path
from simulators.events import FacialEvent
from simulators.scenario import Scenario


class BackAndForth:
    """A video's frames at even times, a short one played forth and back; iterate as often as you like.

    Parameters
    ----------
    video : FileCapture
    at_least_s : float
        How long to play; a video that lasts longer is played once, whole.
    """

    MOST_BYTES = 800_000_000
    """What a video that is played more than once may take up in memory."""

    def __init__(self, video: FileCapture, at_least_s: float) -> None:
        self._video, self._at_least_s = video, at_least_s
        self.fps, self.info = video.fps, video.info

    def __iter__(self) -> Iterator[VideoFrame]:
        """Frames stamped with their index over the frame rate.

        Raises
        ------
        DataError
            The video is too large to be played back.
        """
        wanted = int(np.ceil(self._at_least_s * self.fps))
        kept: list[VideoFrame] = []
        index = 0
        for frame in self._video:
            if index < wanted:
                kept.append(frame)
            if len(kept) * frame.image.nbytes > self.MOST_BYTES:
                raise DataError(
                    f"cannot play '{self.info.name}' for {self._at_least_s:.0f} s: more than "
                    f"{self.MOST_BYTES // 1_000_000} MB of frames; ask for less time, or a smaller picture"
                )
            yield replace(frame, stamp=index / self.fps, index=index)
            index += 1
        place, step = len(kept) - 1, -1
        while index < wanted and len(kept) > 1:
            if not 0 <= place + step < len(kept):
                step = -step
            place += step  # the frame at the turn is not shown twice: a frozen frame has no noise
            yield replace(kept[place], stamp=index / self.fps, index=index)
            index += 1


def write_movie(
    path: Path, pictures: Iterable[UInt8], fps: float, movements: Sequence[FacialEvent], *, codec: str = "FFV1"
) -> Path:
    """Write pictures as a video and the truth of the movements in them beside it.

    Parameters
    ----------
    path : Path
    pictures : iterable of (height, width) or (height, width, 3) uint8, RGB
    fps : float
    movements : sequence of FacialEvent
    codec : str
        Four characters that OpenCV knows.

    Returns
    -------
    Path
        The truth file. Neither file is there before both are whole.

    Raises
    ------
    DataError
        The folder cannot be written to, OpenCV has no such codec, or there are no pictures.
    """
    if not path.parent.is_dir():
        raise DataError(f"cannot write a clip into '{path.parent}': no such folder")
    video, truth = path.with_name(f".{path.stem}.part{path.suffix}"), path.with_name(f".{path.stem}.part.json")
    try:
        _write(video, pictures, fps, codec)
        scenario = Scenario(1.0, (), tuple(movements), (), (), (), (), (), 0.0, 0.0)
        truth.write_text(json.dumps(truth_json(scenario), indent=1), encoding="utf-8")
        truth.replace(truth_path(path))
        video.replace(path)
    except OSError as err:
        raise DataError(f"cannot write the clip '{path}': {err}") from err
    finally:
        video.unlink(missing_ok=True)
        truth.unlink(missing_ok=True)
    return truth_path(path)


def _write(path: Path, pictures: Iterable[UInt8], fps: float, codec: str) -> None:
    writer: cv2.VideoWriter | None = None
    try:
        for picture in pictures:
            if writer is None:
                size = (picture.shape[1], picture.shape[0])
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, size, picture.ndim == 3)
                if not writer.isOpened():
                    raise DataError(f"OpenCV cannot write {codec} video to '{path}': try another codec, or folder")
            writer.write(picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    finally:
        if writer is not None:
            writer.release()
    if writer is None:
        raise DataError(f"cannot write the clip '{path}': there are no pictures")
