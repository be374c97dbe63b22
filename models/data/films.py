"""Frames of a film by their times, so that many rows of one film take one pass through it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain
from pathlib import Path

from realtime.errors import DataError
from realtime.face.capture import FileCapture
from realtime.packets import UInt8, VideoFrame

_KEPT_BYTES = 96 * 2**20
_NEAR_S = 0.1


class Film:
    """A film that remembers where it is: asked for later and later times, it is decoded once.

    The newest frames, 96 MiB of them, are kept for times that overlap; going back further starts it anew.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        Not there, or no film.
    """

    def __init__(self, path: Path) -> None:
        self._capture = FileCapture(path)
        info = self._capture.info
        self._recent: deque[VideoFrame] = deque(maxlen=max(2, _KEPT_BYTES // (3 * info.width * info.height)))
        self._rest = iter(self._capture)
        self.decoded = 0

    def since(self, start_s: float) -> Iterator[VideoFrame]:
        """Frames from the newest one at or before `start_s` on; only the last iterator asked for may be used."""
        if self._recent and self._recent[0].index > 0 and self._recent[0].stamp > start_s:
            self._recent.clear()
            self._rest = iter(self._capture)
        before: VideoFrame | None = None
        for frame in chain(tuple(self._recent), self._next()):
            if frame.stamp <= start_s:
                before = frame
                continue
            if before is not None:
                yield before
                before = None
            yield frame
        if before is not None:
            yield before

    def _next(self) -> Iterator[VideoFrame]:
        for frame in self._rest:
            self.decoded += 1
            self._recent.append(frame)
            yield frame


@lru_cache(maxsize=1)
def open_film(path: Path, _stamp: tuple[int, int]) -> Film:
    """The film of a file with this size and time of change; one is kept open."""
    return Film(path)


def film_of(path: Path) -> Film:
    """Open a film, or go on with the one that is open.

    Raises
    ------
    DataError
        Not there, or no film.
    """
    if not path.is_file():
        raise DataError("no such video")
    stat = path.stat()
    return open_film(path, (stat.st_size, stat.st_mtime_ns))


def frames_at(path: Path, onset_s: float, apex_s: float) -> tuple[UInt8, UInt8]:
    """The frames nearest to two moments of a film.

    Raises
    ------
    DataError
        The film ends before, or both fall on one frame.
    """
    onset = apex = None
    last_s = 0.0
    for frame in film_of(path).since(onset_s):
        last_s = frame.stamp
        if onset is None or abs(frame.stamp - onset_s) < abs(onset.stamp - onset_s):
            onset = frame
        if apex is None or abs(frame.stamp - apex_s) < abs(apex.stamp - apex_s):
            apex = frame
        if frame.stamp > apex_s:
            break
    if onset is None or apex is None or abs(onset.stamp - onset_s) > _NEAR_S or abs(apex.stamp - apex_s) > _NEAR_S:
        raise DataError(f"no frames at onset {onset_s:g} s and apex {apex_s:g} s: the video ends at {last_s:.6g} s")
    if onset.index == apex.index:
        raise DataError(f"onset {onset_s:g} s and apex {apex_s:g} s fall on one frame of the video")
    return onset.image, apex.image
