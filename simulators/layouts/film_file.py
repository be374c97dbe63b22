"""Small films of simulated faces."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2

from realtime.errors import DataError
from realtime.packets import UInt8
from simulators.face import FaceSimulator


def write_film(path: Path, pictures: Iterable[UInt8], fps: float, *, codec: str = "MJPG") -> int:
    """Write (height, width) or (height, width, 3) uint8 RGB pictures as a film; returns how many there were.

    Raises
    ------
    DataError
        OpenCV cannot write it, or there are no pictures.
    """
    writer: cv2.VideoWriter | None = None
    count = 0
    try:
        for picture in pictures:
            if writer is None:
                size = (picture.shape[1], picture.shape[0])
                writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, size)
                if not writer.isOpened():
                    raise DataError(f"OpenCV cannot write {codec} video to '{path}': try another folder")
            code = cv2.COLOR_GRAY2BGR if picture.ndim == 2 else cv2.COLOR_RGB2BGR
            writer.write(cv2.cvtColor(picture, code))
            count += 1
    finally:
        if writer is not None:
            writer.release()
    if not count:
        raise DataError(f"no pictures for the film '{path}'")
    return count


def faces(face: FaceSimulator, start_s: float, stop_s: float, fps: float) -> Iterable[UInt8]:
    """The face on camera from `start_s` on, `fps` pictures a second."""
    return (face.render(start_s + k / fps) for k in range(int((stop_s - start_s) * fps + 1e-6)))
