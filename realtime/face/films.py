"""Film files: which there are, and what has to be known of one that others will read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from realtime.errors import DataError
from realtime.face._cv import cv2
from realtime.face.pictures import require_pixels
from realtime.films.names import FILM_SUFFIXES

__all__ = ["FILM_SUFFIXES", "FilmFacts", "film_facts"]


@dataclass(frozen=True, slots=True)
class FilmFacts:
    """A film's nominal rate and number of frames, as its header says."""

    fps: float
    frames: int

    @property
    def duration_s(self) -> float:
        """Frames over rate."""
        return self.frames / self.fps


def film_facts(path: Path) -> FilmFacts:
    """Open a film and see that its first frame can be decoded.

    Raises
    ------
    DataError
        No such file, no film, no frame or no rate; the message names the file without its folders.
    """
    if not path.is_file():
        raise DataError(f"no film '{path.name}' in its folder")
    capture = cv2.VideoCapture(str(path))
    try:
        require_pixels(capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        opened, (found, _) = capture.isOpened(), capture.read()
        fps, frames = float(capture.get(cv2.CAP_PROP_FPS)), int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()
    if not opened or not found:
        raise DataError(f"'{path.name}' holds no frame that OpenCV can read; it is damaged or no film")
    if frames < 1 and found:
        frames = _count(path, fps)
    if not (np.isfinite(fps) and 0.0 < fps <= 1000.0) or frames < 1:
        raise DataError(f"'{path.name}' says {fps:g} frames a second and {frames} frames; copy it into a whole .avi")
    return FilmFacts(fps, frames)


def _count(path: Path, fps: float) -> int:
    """Frames of a film whose writer was killed before it could say: up to the newest one's time, without decoding."""
    import av
    from av.error import FFmpegError

    newest = -1
    try:
        # what else the film says of itself may be damaged, and is of no use here
        with av.open(str(path), metadata_errors="replace") as film:
            for packet in film.demux(video=0):
                if packet.pts is not None:
                    newest = max(newest, round(float(packet.pts * packet.time_base) * fps))
    except (FFmpegError, OSError, ValueError, ArithmeticError) as err:
        raise DataError(f"'{path.name}' is damaged: {err}; copy it into a whole .avi") from err
    return newest + 1
