"""Frames of a film, decoded a little ahead in a thread and taken by their own time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gui.present.media import open_film
from realtime.errors import DataError

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_AHEAD_BYTES = 96 * 2**20
_AHEAD_FRAMES = (3, 24)


@dataclass(frozen=True, slots=True)
class FilmFrame:
    """A picture, when it is due, and until when; s from the film's first frame.

    `pixels` is (height, width, 4) uint8, blue first, the fourth byte unused; already of the size it is shown in.
    """

    due_s: float
    until_s: float
    pixels: NDArray[np.uint8]


def fit(width: float, height: float, within: tuple[int, int]) -> tuple[int, int]:
    """Largest size of that shape within a screen, px; even, as scalers like it."""
    scale = min(within[0] / width, within[1] / height)
    return max(2, round(width * scale) // 2 * 2), max(2, round(height * scale) // 2 * 2)


class FilmReader:
    """Decodes and scales in a thread of its own, never more than a few frames ahead.

    Parameters
    ----------
    path : Path
        A video, or an image: a film of one frame.
    within : (width, height)
        Screen to fill, px.
    """

    def __init__(self, path: Path, within: tuple[int, int]) -> None:
        self._path, self._within = path, within
        self._frames: deque[FilmFrame] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._done = False
        self._failure = ""
        self._thread = threading.Thread(target=self._run, name="emostream-film", daemon=True)

    def start(self) -> None:
        """Begin to decode."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and forget all frames; safe to call twice."""
        with self._changed:
            self._stopping = True
            self._frames.clear()
            self._changed.notify_all()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def ready(self) -> bool:
        """Whether there is a first frame to show, or there will never be one."""
        return bool(self._frames) or self._done

    @property
    def ended(self) -> bool:
        """Whether every frame was taken."""
        return self._done and not self._frames

    @property
    def failure(self) -> str:
        """Why decoding ended before the film did; '' where it did not."""
        return self._failure

    def take(self, time_s: float) -> tuple[FilmFrame | None, int]:
        """The newest frame that is due, and how many older ones were due and will never be seen.

        Returns
        -------
        frame : FilmFrame or None
            None where no new one is due.
        dropped : int
        """
        taken: FilmFrame | None = None
        dropped = -1
        with self._changed:
            while self._frames and self._frames[0].due_s <= time_s:
                taken = self._frames.popleft()
                dropped += 1
            self._changed.notify_all()
        return taken, max(0, dropped)

    def _run(self) -> None:
        from av.error import FFmpegError

        try:
            for frame in self._decode():
                most = min(max(_AHEAD_BYTES // frame.pixels.nbytes, _AHEAD_FRAMES[0]), _AHEAD_FRAMES[1])
                with self._changed:
                    self._changed.wait_for(lambda most=most: self._stopping or len(self._frames) < most)
                    if self._stopping:
                        return
                    self._frames.append(frame)
        except (FFmpegError, DataError, ValueError, MemoryError) as err:
            self._failure = str(getattr(err, "strerror", None) or err) or type(err).__name__
        finally:
            self._done = True

    def _decode(self) -> Iterator[FilmFrame]:
        with open_film(self._path) as container:
            if not container.streams.video:
                raise DataError("it holds no picture")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            aspect = float(stream.sample_aspect_ratio or 1)
            usual_s = float(1 / stream.average_rate) if stream.average_rate else 0.04
            first_s: float | None = None
            last_s = -usual_s
            for frame in container.decode(stream):
                # a frame without a time of its own comes one frame after the one before
                at_s = float(frame.time) if frame.time is not None else (first_s or 0.0) + last_s + usual_s
                first_s = at_s if first_s is None else first_s
                last_s = at_s - first_s
                lasts_s = float(frame.duration * frame.time_base) if frame.duration and frame.time_base else usual_s
                yield FilmFrame(last_s, last_s + lasts_s, self._pixels(frame, aspect))

    def _pixels(self, frame: VideoFrame, aspect: float) -> NDArray[np.uint8]:
        turns = round(frame.rotation / 90) % 4
        across, down = self._within
        within = (across, down) if turns % 2 == 0 else (down, across)
        width, height = fit(frame.width * aspect, frame.height, within)
        scaled = frame.reformat(width, height, format="bgra", interpolation="BICUBIC").to_ndarray()
        return np.ascontiguousarray(np.rot90(scaled, turns), np.uint8)
