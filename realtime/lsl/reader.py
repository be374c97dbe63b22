"""What all readers share: a thread, the link's state, counters, the search for a lost source."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pylsl

from realtime.config import LslConfig
from realtime.errors import EmostreamError
from realtime.lsl.clock import GapAwareClock, MappedStamps
from realtime.lsl.connection import Connection
from realtime.packets import Float64, GapRecord, StreamHealth, StreamState

PULL_TIMEOUT_S = 0.25
_REOPEN_TIMEOUT_S = 0.5
_RATE_SECONDS = 5
_CLOCK_RESET_S = 1.0
_OTHER_CLOCK_S = 60.0
_GAPS_KEPT = 16


class RateMeter:
    """Samples a second over the last five whole seconds, in bounded memory."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque(maxlen=_RATE_SECONDS + 1)
        self._first: float | None = None

    def begin(self, now_s: float) -> None:
        """Samples come from now on, though they may be counted later."""
        self._first = now_s

    def add(self, now_s: float, count: int) -> None:
        """Count samples that arrived at `now_s`."""
        if self._first is None:
            self._first = now_s
        second = math.floor(now_s)
        if self._seconds and self._seconds[-1][0] == second:
            count += self._seconds.pop()[1]
        self._seconds.append((second, count))

    def rate_hz(self, now_s: float) -> float:
        """Rate over the last five whole seconds, or since the beginning where that is shorter; 0 before."""
        if self._first is None:
            return 0.0
        seconds, end = tuple(self._seconds), math.floor(now_s)
        start = max(float(end - _RATE_SECONDS), self._first)
        # what waited is counted in the second in which it was read
        if end - start < 1.0 or (seconds and seconds[0][0] >= end):
            start, end = self._first, now_s
        total = sum(n for second, n in seconds if math.floor(start) <= second < end)
        return total / (end - start) if end > start else 0.0


class Reader(ABC):
    """One stream, one thread.

    `start` runs `step` in a thread named 'emostream-<stream>' until `stop`; a test or another loop may call `step`
    itself instead. The callback runs in that thread. If it raises, the thread ends, `state` is 'lost' and `failure`
    holds the exception, which `stop` raises.

    Parameters
    ----------
    info : pylsl.StreamInfo
        From `realtime.lsl.discovery`.
    config : LslConfig
    buffer_s : float
        Capacity of the inlet, s.
    clock : callable
        LSL seconds.

    Raises
    ------
    StreamNotFoundError
        The outlet does not answer any more.
    """

    def __init__(self, info: pylsl.StreamInfo, config: LslConfig, buffer_s: float, clock: Callable[[], float]) -> None:
        self._config = config
        self._clock = clock
        self._connection = Connection(info, buffer_s=buffer_s, clock=clock)
        self._regular = info.nominal_srate() > 0
        self._stamps = GapAwareClock(info.nominal_srate())
        self._delay_s = config.delays.get(info.source_id(), 0.0)
        self._rate = RateMeter()
        self._received = 0
        self._lost = 0
        self._gaps = 0
        self._before = (0, 0)
        self._successor: tuple[Callable[[Any], None], float] | None = None
        self._newest = math.nan
        self._arrived = math.nan
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self.gap_log: deque[GapRecord] = deque(maxlen=_GAPS_KEPT)
        """The newest gaps."""
        self.failure: Exception | None = None
        """What the callback raised, if it did."""

    @property
    def name(self) -> str:
        """Name of the LSL stream."""
        return self._connection.info.name()

    @property
    def uid(self) -> str:
        """LSL uid of the outlet that is read, or that was read last."""
        return self._connection.uid

    @property
    def lsl_info(self) -> pylsl.StreamInfo:
        """Full description of the stream."""
        return self._connection.info

    @property
    def error(self) -> str | None:
        """Why nothing is read, in one line; None while all is well."""
        if self.failure is not None:
            return f"the consumer of LSL stream '{self.name}' failed: {self.failure}"
        return self._connection.error

    @property
    def note(self) -> str | None:
        """What is wrong with the stream, read or not, in one line; None while all is well."""
        return self.error

    @property
    def received(self) -> int:
        """Samples received."""
        return self._received

    @property
    def lost(self) -> int:
        """Samples known to be lost."""
        return self._lost

    @property
    def state(self) -> StreamState:
        """'waiting' for the first sample, 'live', 'stale' when a regular stream is silent, 'lost' when it is gone."""
        if self.failure is not None or not self._connection.connected:
            return "lost"
        if self._received == 0:
            return "waiting"
        if self._regular and self._clock() - self._arrived > self._config.stale_after_s:
            return "stale"
        return "live"

    def health(self) -> StreamHealth:
        """Counts, age of the newest sample (NaN before the first) and effective rate. Any thread."""
        now = self._clock()
        return StreamHealth(
            self.name,
            self.state,
            self.received,
            self.lost,
            self._gaps,
            now - self._newest,
            self._rate.rate_hz(now),
            note=self.note or "",
        )

    def subscribe(self) -> None:
        """Have the source send from now on, before the first `step`: what comes is kept, up to the inlet's capacity."""
        self._connection.subscribe()
        self._rate.begin(self._clock())

    def start(self) -> None:
        """Read in a thread.

        Raises
        ------
        EmostreamError
            It already runs.
        """
        if self._thread is not None:
            raise EmostreamError(f"the reader of LSL stream '{self.name}' already runs: stop it first")
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name=f"emostream-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, wait for it and close the inlet. A second call does nothing.

        Raises
        ------
        Exception
            What the callback raised, if it did.
        """
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._connection.close()
        if self.failure is not None:
            failure, self.failure = self.failure, None
            raise failure

    def step(self, timeout_s: float = PULL_TIMEOUT_S) -> int:
        """Wait at most `timeout_s` for samples, hand on what is there, return how many; look for a lost source."""
        if not self._connection.connected:
            before = self._connection.uid
            if not self._connection.reopen(min(timeout_s, _REOPEN_TIMEOUT_S)):
                return 0
            if self._connection.uid != before:
                self._restarted()
        count = self._pull(timeout_s)
        now = self._clock()
        if count:
            self._received += count
            self._arrived = now
            self._rate.add(now, count)
        elif self._regular and self._received:
            self._connection.check_presence(now - self._arrived)
        return count

    def _restarted(self) -> None:
        """The next samples come from another outlet of the same source."""
        self._stamps.restart()

    @abstractmethod
    def _pull(self, timeout_s: float) -> int:
        """Pull once and call back; returns the number of samples."""

    def hand_over(self, take: Callable[[Any], None], from_s: float = -math.inf) -> None:
        """Give what is stamped `from_s` or later to another consumer, by a clock that begins anew with it. Any thread.

        So what that consumer is given depends on nothing before its first packet, and a recording can repeat it.
        """
        self._successor = (take, from_s)

    def _taker(self, take: Callable[[Any], None], first_s: float) -> Callable[[Any], None]:
        """Who is given what was just pulled, first stamped `first_s`: `take`, or its successor."""
        if self._successor is None:
            return take
        successor, from_s = self._successor
        # a source that is that far behind is on another clock, and has no such moment
        if from_s - _OTHER_CLOCK_S < first_s < from_s:
            return take
        self._successor = None
        self._before = (self._lost, self._gaps)
        self._stamps = GapAwareClock(self._connection.info.nominal_srate())
        self._newest = math.nan
        return successor

    def _map(self, raw: Float64) -> MappedStamps:
        """Take off what the device is late by, smooth, and take the gaps into the counters and the log."""
        mapped = self._stamps.map(raw - self._delay_s)
        self.gap_log.extend(GapRecord(self.name, float(mapped.stamps[g.at]), g.lost) for g in mapped.gaps if g.lost)
        self._lost, self._gaps = self._before[0] + self._stamps.lost, self._before[1] + self._stamps.gaps
        self._newest = float(mapped.stamps[-1])
        return mapped

    def _increase(self, raw: Float64) -> Float64:
        """Take off what the device is late by and make stamps increase strictly, without smoothing.

        A step back of more than a second is believed: the source reset its clock, or is a replay that ran ahead of time
        and was started again.
        """
        out = np.empty_like(raw)
        last = self._newest
        for i, stamp in enumerate(raw - self._delay_s):
            late = last - _CLOCK_RESET_S < stamp <= last
            last = float(np.nextafter(last, math.inf)) if late else float(stamp)
            out[i] = last
        self._newest = last
        return out

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self.step()
        except Exception as err:  # noqa: BLE001 - kept in `failure`, raised by `stop`
            self.failure = err
