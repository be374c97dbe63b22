"""Frames of a recorded film with the stamps and numbers the recording has for them."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np

from realtime.errors import DataError
from realtime.face._cv import bytes_of, cv2, open_film
from realtime.packets import UInt8, VideoFrame, VideoInfo
from realtime.session.recorded import Film

_SEEK_BEYOND_S = 2.0  # of film: reading on is quicker than looking for a place that is nearer


class FilmReader:
    """Reads a film forward, frame by frame; each comes once, in order, with the camera's stamp and number.

    Only frames that are both in the film and in the recording come. One thread.

    Parameters
    ----------
    film : Film

    Raises
    ------
    DataError
        The film cannot be read, or no frame of it is in the recording.
    """

    def __init__(self, film: Film) -> None:
        self._film = film
        places = film.indices - film.first_index
        inside = (places >= 0) & (places < film.frames)
        if not inside.any():
            raise DataError(
                f"none of the {film.frames} frames of '{film.path.name}' is among those of the recording "
                f"(numbers {film.indices[0]} to {film.indices[-1]}, the film begins at {film.first_index})"
            )
        self._places, self._stamps = places[inside], film.stamps_s[inside]
        self._capture = open_film(film.path)
        self._next = 0
        self._behind = -1  # place of the frame that was taken from the file last
        self._ended = False
        self.absent = 0
        """Frames the recording knows of and the film does not hold, so far."""
        first = self._picture(int(self._places[0]))
        if first is None:
            self.close()
            raise DataError(f"'{film.path.name}' holds no frame that OpenCV can read; it is damaged or no film")
        height, width = first.shape[:2]
        self.info = VideoInfo(film.stream, film.source_id, width, height, film.planes, film.fps)
        self._rewind(0)

    @property
    def film(self) -> Film:
        """What is read."""
        return self._film

    @property
    def frames(self) -> int:
        """How many frames of the recording fall into the film."""
        return len(self._places)

    @property
    def first_s(self) -> float:
        """Stamp of the first frame."""
        return float(self._stamps[0])

    @property
    def last_s(self) -> float:
        """Stamp of the last frame."""
        return float(self._stamps[-1])

    def seek(self, time_s: float) -> int:
        """The next frame will be the first one stamped `time_s` or later; returns how many that leaves out."""
        before = self._next
        self._next = int(np.searchsorted(self._stamps, time_s - 1e-9))
        if self._next < before:
            self._rewind(self._next)
        return max(0, self._next - before)

    def read(self) -> VideoFrame | None:
        """The next frame; None at the end."""
        while self._next < len(self._places):
            place, stamp = int(self._places[self._next]), float(self._stamps[self._next])
            self._next += 1
            picture = self._picture(place)
            if picture is not None:
                return VideoFrame(picture, stamp, place + self._film.first_index)
            self.absent += 1
        return None

    def __iter__(self) -> Iterator[VideoFrame]:
        """Every frame from where the reader is to the end."""
        while (frame := self.read()) is not None:
            yield frame

    def close(self) -> None:
        """Close the file. A second call does nothing."""
        self._capture.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _rewind(self, number: int) -> None:
        """Make the file begin again, unless the frame is still to come."""
        if number < len(self._places) and int(self._places[number]) <= self._behind:
            self._capture.release()
            self._capture = open_film(self._film.path)
            self._behind, self._ended = -1, False

    def _picture(self, place: int) -> UInt8 | None:
        """The picture at a place; None where the film has a hole there or ends before. Places must grow."""
        if place - self._behind > _SEEK_BEYOND_S * self._film.fps and self._capture.set(cv2.CAP_PROP_POS_FRAMES, place):
            self._behind = place - 1
        while self._behind < place and not self._ended:
            if not self._capture.grab():
                self._ended = True
                break
            self._behind = round(float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1e3 * self._film.fps)
        if self._ended or self._behind != place:
            return None
        done, image = self._capture.retrieve()
        return self._in_planes(image) if done else None

    def _in_planes(self, image: np.ndarray) -> UInt8:
        grey = image.ndim == 2
        if self._film.planes == 1:
            return bytes_of(image if grey else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))
        return bytes_of(cv2.cvtColor(image, cv2.COLOR_GRAY2RGB if grey else cv2.COLOR_BGR2RGB))
