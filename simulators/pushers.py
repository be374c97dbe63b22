"""Workers that put something on LSL at its own time: one thread each, on an absolute schedule, so nothing drifts.

Each worker has one timeline; position 0 is its first sample.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.errors import EmostreamError
from realtime.packets import VideoFrame

PushState = Literal["idle", "running", "ended", "failed"]

_CHUNK_S = 0.01
_MOST_AT_ONCE_S = 0.5
_BEHIND_S = 0.25
_ROUNDING_S = 1e-8  # LSL seconds are large: what is due exactly now must not miss its time by a rounding error


class SamplesOut(Protocol):
    """Where EEG goes: `realtime.lsl.outlets.EegOutlet`."""

    def push(self, samples_uv: NDArray, stamps: NDArray[np.float64], /) -> None: ...


class FramesOut(Protocol):
    """Where frames go: `realtime.lsl.outlets.VideoOutlet`."""

    def push(self, frame: VideoFrame, /) -> None: ...


class TextOut(Protocol):
    """Where markers go: `realtime.lsl.outlets.MarkerOutlet`."""

    def push(self, text: str, stamp: float, /) -> None: ...


@dataclass(frozen=True, slots=True)
class PushHealth:
    """How a worker is doing: items sent, items left out because it was too late, and its worst and latest lateness."""

    name: str
    state: PushState
    pushed: int
    skipped: int
    late_s: float
    worst_late_s: float


class Pusher(ABC):
    """One worker.

    `begin` sets the timeline; `step` sends what is due and says when to come back. `start` does both in a thread named
    'emostream-<name>'; tests and other loops call them directly.

    Parameters
    ----------
    name : str
    clock : callable
        LSL seconds.
    """

    def __init__(self, name: str, *, clock: Callable[[], float] = pylsl.local_clock) -> None:
        self.name = name
        self._clock = clock
        self._start_s = float("nan")
        self._state: PushState = "idle"
        self._pushed = self._skipped = 0
        self._late_s = self._worst_late_s = 0.0
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._failure: Exception | None = None
        self.on_end: Callable[[float], None] | None = None
        """Called in the worker's thread with the newest stamp when there is no more to send."""

    @property
    def state(self) -> PushState:
        """'idle' before `begin`, 'running', 'ended' when there is no more to send, 'failed'."""
        return self._state

    def health(self) -> PushHealth:
        """Counters and lateness. Any thread."""
        return PushHealth(self.name, self._state, self._pushed, self._skipped, self._late_s, self._worst_late_s)

    def begin(self, start_s: float) -> None:
        """Set the LSL time of position 0."""
        self._start_s = start_s
        self._state = "running"

    @abstractmethod
    def step(self) -> float | None:
        """Send what is due now; the LSL time of the next call, or None when there is no more to send."""

    def start(self, start_s: float) -> None:
        """Run in a thread from `start_s` (LSL s) on.

        Raises
        ------
        EmostreamError
            It was started before.
        """
        if self._thread is not None or self._stopping.is_set():
            raise EmostreamError(f"'{self.name}' was started before: make a new one to send it again")
        self.begin(start_s)
        self._thread = threading.Thread(target=self._run, name=f"emostream-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop and wait for the thread; a second call does nothing.

        Raises
        ------
        EmostreamError
            What ended the thread, if it failed.
        """
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._state == "running":
            self._state = "ended"
        if self._failure is not None:
            failure, self._failure = self._failure, None
            if isinstance(failure, EmostreamError):
                raise failure
            raise EmostreamError(f"sending '{self.name}' failed: {failure}") from failure

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                due_s = self.step()
                if due_s is None:
                    return
                self._stopping.wait(max(0.0, due_s - self._clock()))
        except Exception as failure:  # noqa: BLE001  raised by stop, in the thread that can report it
            self._failure = failure
            self._state = "failed"

    def _position(self) -> float:
        return self._clock() - self._start_s + _ROUNDING_S

    def _due(self, position: float) -> float:
        return self._start_s + position

    def _stamp(self, position: float) -> float:
        return self._start_s + position

    def _end(self, position: float) -> None:
        self._state = "ended"
        if self.on_end is not None:
            self.on_end(self._stamp(position))

    def _sent(self, count: int, position: float) -> None:
        self._pushed += count
        self._late_s = self._clock() - self._due(position)
        self._worst_late_s = max(self._worst_late_s, self._late_s)


@dataclass(frozen=True, slots=True)
class RegularTimes:
    """Samples at a constant rate."""

    sfreq_hz: float

    def of(self, first: int, n: int) -> NDArray[np.float64]:
        return np.arange(first, first + n) / self.sfreq_hz

    def reached(self, position: float) -> int:
        return int(np.floor(position * self.sfreq_hz)) + 1


class EegPusher(Pusher):
    """Sends samples in chunks of 10 ms.

    Parameters
    ----------
    outlet : SamplesOut
    read : callable
        ``read(first, n)`` gives (n_channels, n) µV.
    sfreq_hz : float
    total : int or None
        Samples in all; None for no end.
    prepare : callable, optional
        ``prepare(index)`` is called in the pause after each chunk with the index of the sample a second ahead, so
        that slow work is done before it is due.
    """

    def __init__(
        self,
        outlet: SamplesOut,
        read: Callable[[int, int], NDArray],
        sfreq_hz: float,
        total: int | None,
        *,
        prepare: Callable[[int], None] | None = None,
        name: str = "eeg",
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        super().__init__(name, clock=clock)
        self._outlet, self._read, self._prepare = outlet, read, prepare
        self._sfreq_hz, self._total = sfreq_hz, total
        self._times = RegularTimes(sfreq_hz)
        self._chunk = max(1, round(_CHUNK_S * sfreq_hz))
        self._patience_s = self._chunk / sfreq_hz

    def step(self) -> float | None:
        """Send the whole chunks that are due, half a second's worth at most; a partial one before a gap or the end."""
        first, position = self._pushed, self._position()
        ready = self._times.reached(position) - first
        if self._total is not None:
            ready = min(ready, self._total - first)
        if ready > 0:
            at = self._times.of(first, min(ready, self._at_once()))
            patient = position < float(at[0]) + self._patience_s and first + ready != self._total
            count = len(at) // self._chunk * self._chunk if patient else len(at)
            if count > 0:
                self._outlet.push(self._read(first, count), self._stamp(0.0) + at[:count])
                self._sent(count, float(at[count - 1]))
                if self._prepare is not None:
                    self._prepare(self._pushed + int(self._sfreq_hz))
        if self._total is not None and self._pushed >= self._total:
            self._end(float(self._times.of(self._total - 1, 1)[0]))
            return None
        ahead = self._chunk if self._total is None else min(self._chunk, self._total - self._pushed)
        at = self._times.of(self._pushed, ahead)
        return self._due(min(float(at[-1]), float(at[0]) + self._patience_s))

    def _at_once(self) -> int:
        most = int(_MOST_AT_ONCE_S * self._sfreq_hz)
        return max(self._chunk, most // self._chunk * self._chunk)


class VideoPusher(Pusher):
    """Sends frames; each is made or read before it is due, so that it leaves on time.

    Parameters
    ----------
    outlet : FramesOut
    make : callable
        ``make(index)`` gives (position_s, picture), or None at the end. Called with growing indices.
    skip_late_at_hz : float or None
        Frame rate of a source that can leave frames out: what is more than a quarter of a second late is
        skipped and counted, as a camera would. None sends every frame, however late.
    """

    def __init__(
        self,
        outlet: FramesOut,
        make: Callable[[int], tuple[float, NDArray[np.uint8]] | None],
        *,
        skip_late_at_hz: float | None = None,
        name: str = "video",
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        super().__init__(name, clock=clock)
        self._outlet, self._make, self._skip_hz = outlet, make, skip_late_at_hz
        self._next: tuple[float, NDArray[np.uint8]] | None = None
        self._index = 0
        self._newest = 0.0

    def step(self) -> float | None:
        """Send the frame in hand if it is due, make the next one."""
        if self._next is None:
            self._next = self._make(self._index)
        if self._next is not None and self._next[0] <= self._position():
            position, picture = self._next
            self._outlet.push(VideoFrame(picture, self._stamp(position), self._index))
            self._sent(1, position)
            self._newest = position
            self._index += 1 + self._left_out()
            self._next = self._make(self._index)
        if self._next is None:
            self._end(self._newest)
            return None
        return self._due(self._next[0])

    def _left_out(self) -> int:
        if self._skip_hz is None or self._clock() - self._due((self._index + 1) / self._skip_hz) < _BEHIND_S:
            return 0
        count = max(0, int(self._position() * self._skip_hz) - self._index - 1)
        self._skipped += count
        return count


@dataclass(frozen=True, slots=True)
class TimedText:
    """A marker at a position of the timeline; `text` is worked out from the LSL time of position 0."""

    position_s: float
    text: Callable[[float], str]


class MarkerPusher(Pusher):
    """Sends markers at their times.

    Parameters
    ----------
    outlet : TextOut
    markers : iterator of TimedText
        In order of time; may go on for ever.
    """

    def __init__(
        self,
        outlet: TextOut,
        markers: Iterator[TimedText],
        *,
        name: str = "markers",
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        super().__init__(name, clock=clock)
        self._outlet, self._markers = outlet, markers
        self._next = next(markers, None)
        self._newest = 0.0

    def step(self) -> float | None:
        """Send every marker that is due."""
        while self._next is not None and self._next.position_s <= self._position():
            marker = self._next
            self._outlet.push(marker.text(self._start_s), self._stamp(marker.position_s))
            self._sent(1, marker.position_s)
            self._newest = marker.position_s
            self._next = next(self._markers, None)
        if self._next is None:
            self._end(self._newest)
            return None
        return self._due(self._next.position_s)
