"""A film in a camera's place, in its own timing."""

from __future__ import annotations

import time
from collections.abc import Callable

import pylsl

from realtime.devices.frames import Picture
from realtime.devices.sources import CameraMode, Capture, Request
from realtime.devices.supervision import EndOfSource
from realtime.errors import ConfigurationError
from realtime.face._cv import bytes_of, cv2
from realtime.face.capture import FileCapture
from realtime.packets import UInt8, VideoFrame

_WAIT_S = 0.25


class FilmPlayer(Capture):
    """The frames of a film, each when it is due; the next one is decoded meanwhile.

    Parameters
    ----------
    path : str
        Any video OpenCV reads.
    request : Request
        A film has the size and rate it has.
    clock : callable
        LSL seconds.
    sleep : callable
        Waits so many seconds.

    Raises
    ------
    ConfigurationError
        A size or a rate is asked for.
    DataError
        No such film, or no picture in it.
    """

    stamped = "film"
    controls = None

    def __init__(
        self,
        path: str,
        request: Request,
        clock: Callable[[], float] = pylsl.local_clock,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        if request.size is not None or request.fps is not None:
            raise ConfigurationError(f"size and rate cannot be chosen for a film: '{path}' has its own")
        film = FileCapture(path)
        self._clock, self._sleep = clock, sleep
        grey = film.info.planes == 1
        change = cv2.COLOR_RGB2GRAY if request.grey else cv2.COLOR_GRAY2RGB
        self._convert = None if request.grey in (None, grey) else change
        self.name = film.info.name
        self.mode = CameraMode(film.info.width, film.info.height, film.fps, "film")
        self._frames = iter(film)
        self._next: VideoFrame | None = next(self._frames, None)
        self._start_s: float | None = None

    def read(self) -> Picture | None:
        """The next frame when it is due; None where that is more than a quarter of a second away.

        Raises
        ------
        EndOfSource
            The film is over.
        """
        if self._next is None:
            raise EndOfSource
        if self._start_s is None:
            self._start_s = self._clock() - self._next.stamp
        due_s = self._start_s + self._next.stamp
        wait_s = due_s - self._clock()
        if wait_s > 0:
            self._sleep(min(wait_s, _WAIT_S))
        if wait_s > _WAIT_S:
            return None
        frame, self._next = self._next, next(self._frames, None)
        return Picture(self._planes(frame.image), due_s)

    def close(self) -> None:
        """Nothing is kept open but the file, which goes with the object."""

    def _planes(self, image: UInt8) -> UInt8:
        return image if self._convert is None else bytes_of(cv2.cvtColor(image, self._convert))
