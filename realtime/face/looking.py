"""The first half of the face chain: which frames are evaluated, and where the face is in them.

It hangs on nothing that the second half finds, so that of a film it can run ahead in a thread of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from realtime.config import FaceConfig
from realtime.face.history import neighbourhood
from realtime.face.tracker import FaceTracker, TrackedFace, check_image
from realtime.packets import VideoFrame

_CLOCK_RESET_S = 1.0


@dataclass(slots=True)
class FaceCounters:
    """What happened to the frames: all counts since the pipeline was built.

    `without_pictures` counts movements dropped because their onset was no longer kept.
    """

    frames: int = 0
    evaluated: int = 0
    faces: int = 0
    gaps: int = 0
    out_of_order: int = 0
    clock_resets: int = 0
    frozen: int = 0
    reanchored: int = 0
    without_pictures: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A frame and what the first half made of it.

    Parameters
    ----------
    frame : VideoFrame
    evaluated : bool
        False for one that came too soon after the last, or out of order.
    face : TrackedFace or None
        None where there is none in the picture.
    dropped : bool
        It came out of order.
    afresh : bool
        A hole lies before it, which nothing may span.
    clock_reset : bool
        The source's clock began anew.
    """

    frame: VideoFrame
    evaluated: bool = False
    face: TrackedFace | None = None
    dropped: bool = False
    afresh: bool = False
    clock_reset: bool = False

    @property
    def stamp(self) -> float:
        """Of the frame."""
        return self.frame.stamp

    @property
    def index(self) -> int:
        """Of the frame."""
        return self.frame.index


class FaceLooker:
    """Chooses frames and follows the face through them, in order, from one thread.

    Parameters
    ----------
    config : FaceConfig
    counters : FaceCounters
        Counted into.

    Raises
    ------
    WeightsError
        The face networks' weights are not there.
    """

    def __init__(self, config: FaceConfig, counters: FaceCounters) -> None:
        self._max_gap_s, self._period_s = config.max_gap_s, 1.0 / config.max_rate_hz
        self._tracker = FaceTracker(config.min_score)
        self._counters = counters
        self._last_stamp = self._due = -np.inf

    def look(self, frame: VideoFrame) -> Seen:
        """Take one frame.

        Raises
        ------
        DataError
            Not an 8-bit grey or RGB frame.
        """
        check_image(frame.image)
        self._counters.frames += 1
        clock_reset = frame.stamp < self._last_stamp - _CLOCK_RESET_S
        if clock_reset:
            self._counters.clock_resets += 1
            self._tracker.reset()
            self._last_stamp = self._due = -np.inf
        if not frame.stamp > self._last_stamp:
            self._counters.out_of_order += 1
            return Seen(frame, dropped=True, clock_reset=clock_reset)
        afresh = bool(np.isfinite(self._last_stamp)) and frame.stamp - self._last_stamp > self._max_gap_s
        if afresh:
            self._counters.gaps += 1
            self._tracker.reset()
        self._last_stamp = frame.stamp
        # a quarter of a period of jitter is no reason to skip every second frame of a camera at just this rate
        if frame.stamp < self._due - 0.25 * self._period_s:
            return Seen(frame, afresh=afresh, clock_reset=clock_reset)
        started = np.isfinite(self._due)
        self._due = max(self._due + self._period_s, frame.stamp) if started else frame.stamp + self._period_s
        return Seen(frame, True, self._track(frame), afresh=afresh, clock_reset=clock_reset)

    def _track(self, frame: VideoFrame) -> TrackedFace | None:
        self._counters.evaluated += 1
        face = self._tracker.track(frame.image)
        self._counters.faces += face is not None
        if face is None or neighbourhood(face.landmarks, frame.image.shape) is None:
            self._tracker.reset()
            return None
        return face
