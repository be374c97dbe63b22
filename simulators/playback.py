"""Workers of a replay: each sends what the timeline has reached, and finds its place again after a jump."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.packets import VideoFrame
from simulators.pushers import FramesOut, Pusher
from simulators.timeline import Stretch, Timeline

_CHUNK_S = 0.01
_MOST_AT_ONCE_S = 0.5
_BEHIND_S = 0.25
_LOOK_S = 0.05  # so often a worker looks whether the timeline was changed
_TELL_S = 0.25


class Track(Pusher):
    """A worker on a shared timeline; its thread lives until the timeline is over.

    Parameters
    ----------
    name : str
    timeline : Timeline
    clock : callable
        LSL seconds.
    """

    def __init__(self, name: str, timeline: Timeline, clock: Callable[[], float] = pylsl.local_clock) -> None:
        super().__init__(name, clock=clock)
        self._timeline = timeline
        self._jumps = -1
        self._stretch = timeline.now
        self._told_end = False

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether everything up to the end was sent."""

    def done(self) -> bool:
        """Whether everything up to the end was sent since the last jump."""
        return self._jumps == self._timeline.now.jumps and self.finished

    @abstractmethod
    def _find(self, position_s: float) -> None:
        """Go to the first that lies at a position or later."""

    @abstractmethod
    def _send(self, stretch: Stretch, now_s: float) -> float:
        """Send what is due; the position of what comes next, infinite where nothing does."""

    def step(self) -> float | None:
        """Send what is due now; the LSL time of the next call, or None when the timeline is over."""
        stretch, now_s = self._timeline.now, self._clock()
        if stretch.over:
            self._state = "ended"
            return None
        if stretch.jumps != self._jumps:
            self._told_end = False
            self._find(stretch.position_s)
            self._jumps = stretch.jumps  # only now: until the place is found, there may be nothing in hand
        self._stretch = stretch
        following_s = self._send(stretch, now_s)
        if self.finished and not self._told_end:
            self._told_end = True
            if self.on_end is not None:
                self.on_end(self._stamp(self._newest_s))
        look_s = self._clock() + _LOOK_S
        return look_s if stretch.speed == 0 else min(stretch.due(following_s), look_s)

    _newest_s = 0.0

    def _due(self, position: float) -> float:
        return self._stretch.due(position)

    def _stamp(self, position: float) -> float:
        return self._stretch.stamp(position)

    def _sent(self, count: int, position: float) -> None:
        self._newest_s = position
        super()._sent(count, position)


class SampleTimes(Protocol):
    """When each sample of a source is due, in positions (s)."""

    def of(self, first: int, n: int) -> NDArray[np.float64]:
        """Positions of `n` samples from index `first` on: (n,) float64."""
        ...

    def reached(self, position: float) -> int:
        """How many samples are due at `position`."""
        ...


@dataclass(frozen=True, slots=True)
class RecordedTimes:
    """Samples at recorded times, gaps included; after `length_s` they come again.

    Parameters
    ----------
    stamps_s : (n_times,) float64
        Seconds since the first sample, strictly increasing.
    length_s : float
        More than the last stamp.
    """

    stamps_s: NDArray[np.float64]
    length_s: float

    def of(self, first: int, n: int) -> NDArray[np.float64]:
        turn, index = np.divmod(np.arange(first, first + n), len(self.stamps_s))
        return turn * self.length_s + self.stamps_s[index]

    def reached(self, position: float) -> int:
        turn, within = divmod(position, self.length_s)
        return int(turn) * len(self.stamps_s) + int(np.searchsorted(self.stamps_s, within, "right"))


@dataclass(frozen=True, slots=True)
class Stamps:
    """Samples at recorded times, (n,) float64 s, in order."""

    positions_s: NDArray[np.float64]

    def of(self, first: int, n: int) -> NDArray[np.float64]:
        return self.positions_s[first : first + n]

    def reached(self, position: float) -> int:
        return int(np.searchsorted(self.positions_s, position, "right"))


class SampleTrack(Track):
    """Sends samples: those of a regular stream in chunks of 10 ms, others one by one.

    Parameters
    ----------
    push : callable
        ``push(first, n, stamps)`` sends samples `first` to `first + n`, stamped in LSL seconds.
    times : SampleTimes
        When each is due, s of the recording.
    total : int or None
        Samples in all; None for no end.
    rate_hz : float
        Nominal rate; 0 for an irregular stream.
    """

    def __init__(
        self,
        name: str,
        timeline: Timeline,
        push: Callable[[int, int, NDArray[np.float64]], object],
        times: SampleTimes,
        total: int | None,
        rate_hz: float,
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        super().__init__(name, timeline, clock)
        self._push, self._times, self._total, self._rate_hz = push, times, total, rate_hz
        self._next = 0

    @property
    def finished(self) -> bool:
        return self._total is not None and self._next >= self._total

    def _find(self, position_s: float) -> None:
        # what lies exactly there is still to be sent
        first = max(0, self._times.reached(position_s - 1e-9))
        self._next = first if self._total is None else min(first, self._total)

    def _send(self, stretch: Stretch, now_s: float) -> float:
        fast = max(1.0, stretch.speed)
        most = max(1, int(_MOST_AT_ONCE_S * self._rate_hz * fast))
        while (n := min(self._ready(stretch.reached(now_s)), most)) > 0:
            at = self._times.of(self._next, n)
            self._push(self._next, n, stretch.stamp(0.0) + at)
            self._next += n
            self._sent(n, float(at[-1]))
            if self._timeline.now is not stretch or self._stopping.is_set():
                break
        if self.finished:
            return float("inf")
        chunk = max(1, round(_CHUNK_S * self._rate_hz * fast))
        ahead = chunk if self._total is None else min(chunk, self._total - self._next)
        at = self._times.of(self._next, ahead)
        # nothing waits for the end of a gap
        return min(float(at[-1]), float(at[0]) + chunk / self._rate_hz) if self._rate_hz > 0 else float(at[0])

    def _ready(self, position: float) -> int:
        reached = self._times.reached(position) if position > -np.inf else 0
        return (reached if self._total is None else min(reached, self._total)) - self._next


class Frames(Protocol):
    """A film that can be read from any place; stamps are seconds of the recording."""

    def seek(self, time_s: float) -> int:
        """The next frame is the first one at a time or later; how many were left out, where that lies ahead."""
        ...

    def read(self) -> VideoFrame | None:
        """The next frame; None at the end."""
        ...


class FrameTrack(Track):
    """Sends frames, each read before it is due; a machine that is too slow leaves frames out, and counts them."""

    def __init__(
        self,
        name: str,
        timeline: Timeline,
        outlet: FramesOut,
        film: Frames,
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        super().__init__(name, timeline, clock)
        self._outlet, self._film = outlet, film
        self._hand: VideoFrame | None = None
        self._sought = False
        self._seek_s = 0.0  # how long looking for a place took last

    @property
    def finished(self) -> bool:
        return self._hand is None

    def _find(self, position_s: float) -> None:
        self._film.seek(position_s)
        self._hand = self._film.read()

    def _send(self, stretch: Stretch, now_s: float) -> float:
        frame = self._hand
        if frame is None:
            return float("inf")
        # never twice in a row: a film that is slow to search would show nothing at all
        if stretch.speed > 0 and not self._sought and now_s - stretch.due(frame.stamp) > _BEHIND_S:
            # to where the replay will be when that place of the film is found
            self._skipped += 1 + self._film.seek(stretch.position(now_s + self._seek_s))
            self._hand = self._film.read()
            self._seek_s = self._clock() - now_s
            self._sought = True
        elif frame.stamp <= stretch.reached(now_s):
            self._outlet.push(VideoFrame(frame.image, stretch.stamp(frame.stamp), frame.index))
            self._sent(1, frame.stamp)
            self._hand = self._film.read()
            self._sought = False
        return float("inf") if self._hand is None else self._hand.stamp


@dataclass(frozen=True, slots=True)
class TimedSend:
    """Something to send at a position; `send` takes its stamp, LSL s."""

    position_s: float
    send: Callable[[float], object]


class TextTrack(Track):
    """Sends the markers of all streams, in order of time.

    Parameters
    ----------
    markers : sequence of TimedSend
        In order of time.
    every_s : float or None
        With it the markers come again and again, each time so much later.
    """

    def __init__(
        self,
        name: str,
        timeline: Timeline,
        markers: Sequence[TimedSend],
        *,
        every_s: float | None = None,
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        super().__init__(name, timeline, clock)
        self._markers, self._every_s = tuple(markers), every_s
        self._positions = np.array([marker.position_s for marker in markers])
        self._next = 0

    @property
    def finished(self) -> bool:
        return not self._markers or (self._every_s is None and self._next >= len(self._markers))

    def _find(self, position_s: float) -> None:
        turn, within = (0, position_s) if self._every_s is None else divmod(position_s, self._every_s)
        self._next = int(turn) * len(self._markers) + int(np.searchsorted(self._positions, within - 1e-9))

    def _send(self, stretch: Stretch, now_s: float) -> float:
        while not self.finished and self._at(self._next) <= stretch.reached(now_s):
            position_s = self._at(self._next)
            self._markers[self._next % len(self._markers)].send(stretch.stamp(position_s))
            self._next += 1
            self._sent(1, position_s)
        return float("inf") if self.finished else self._at(self._next)

    def _at(self, number: int) -> float:
        turn, index = divmod(number, len(self._markers))
        return float(self._positions[index]) + turn * (self._every_s or 0.0)


class Conductor(Pusher):
    """Says several times a second where the replay is, starts it again or ends it when all is sent.

    Parameters
    ----------
    timeline : Timeline
    tracks : sequence of Track
    tell : callable
        Takes the LSL time; called four times a second, after every change, and once at the end.
    """

    def __init__(
        self,
        timeline: Timeline,
        tracks: Sequence[Track],
        tell: Callable[[float], object],
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        super().__init__("replay", clock=clock)
        self._timeline, self._tracks, self._tell = timeline, tuple(tracks), tell
        self._next_s = float("-inf")
        self._told = timeline.now

    def step(self) -> float | None:
        """See whether all is sent; tell where the replay is, if it is time."""
        now_s = self._clock()
        if self._timeline.now.over:
            return None
        if not self._timeline.paused and all(track.done() for track in self._tracks):
            if not self._timeline.loop:
                self._timeline.finish()
                self._tell(now_s)
                self._state = "ended"
                return None
            self._timeline.seek(self._timeline.first_s)
        if now_s >= self._next_s or self._timeline.now is not self._told:
            self._told = self._timeline.now
            self._tell(now_s)
            self._next_s = now_s + _TELL_S
        return now_s + _LOOK_S
