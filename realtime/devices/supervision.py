"""Watching a device that is read in a thread of its own: drivers block, throw and vanish, and none may hang a program.

A thread that is stuck in a driver cannot be ended. It is left behind instead: whatever it still brings is not taken,
it closes its device as soon as the driver lets it go, and as a daemon it never keeps the program from ending.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

import pylsl

from realtime.errors import DataError, EmostreamError

Item = TypeVar("Item")
Produced = TypeVar("Produced", covariant=True)

LinkState = Literal["opening", "live", "lost", "ended", "failed"]

_MOST_STUCK = 8
_JOIN_S = 1.0


class EndOfSource(Exception):
    """There is no more to come: a file is over."""


class Link(Protocol[Produced]):
    """An open device. All calls come from one thread."""

    def read(self) -> Produced | None:
        """Wait for the next item; None where none came within a moment.

        Raises
        ------
        EndOfSource
            There is no more to come.
        Exception
            The device failed.
        """
        ...

    def close(self) -> None:
        """Give the device back."""
        ...


@dataclass(frozen=True, slots=True)
class Incident:
    """A device that is 'lost' (`reason`; `away_s` since its last item), or 'back' after `away_s`."""

    kind: Literal["lost", "back"]
    reason: str
    away_s: float


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what is waited for.

    Parameters
    ----------
    stall_s : float
        A device is lost when nothing came for this long.
    replace_s : float
        It is opened anew when nothing came for this long.
    retry_s : float
        Between two attempts to open it.
    open_s : float
        An attempt that took this long is given up; at the start, so is the device.
    """

    stall_s: float = 0.8
    replace_s: float = 2.0
    retry_s: float = 0.5
    open_s: float = 15.0


class Supervisor(Generic[Item]):
    """Reads a device for as long as it gives anything, and takes it up again when it comes back.

    `start` opens the device in a thread; `step`, called a few times a second, watches. A device that fails before it
    gave anything is not waited for: the state is 'failed', and `stop` raises.

    Parameters
    ----------
    name : str
        What the device is called, for instance ``camera 'left'``.
    open_link : callable
        Opens it; called in a new thread for every attempt.
    take : callable
        Takes each item, in the reading thread; never from two threads at once, never after `stop`.
    report : callable
        Takes each `Incident`, from any thread, never from two at once.
    patience : Patience
    clock : callable
        LSL seconds.
    """

    def __init__(
        self,
        name: str,
        open_link: Callable[[], Link[Item]],
        take: Callable[[Item], object],
        report: Callable[[Incident], object] = lambda _incident: None,
        *,
        patience: Patience = Patience(),
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        self.name = name
        self._open, self._take, self._report = open_link, take, report
        self._patience, self._clock = patience, clock
        self._lock = threading.RLock()
        self._attempt: _Attempt[Item] | None = None
        self._threads: list[threading.Thread] = []
        self._state: LinkState = "opening"
        self._reason = ""
        self._last_s = self._retry_at = float("nan")
        self._failure: Exception | None = None
        self._stopped = False
        self.attempts = 0
        """How often the device was opened, or tried to be."""

    @property
    def state(self) -> LinkState:
        """'opening' until the first item, 'live', 'lost', 'ended' with the source, 'failed'."""
        return self._state

    @property
    def reason(self) -> str:
        """Why the device is lost or cannot be opened again, as was learnt last; '' while it is live."""
        return self._reason

    def start(self) -> None:
        """Open the device in a thread and begin to read.

        Raises
        ------
        EmostreamError
            It was started before.
        """
        with self._lock:
            if self.attempts or self._stopped:
                raise EmostreamError(f"{self.name} was started before: make a new one")
            self._last_s = self._clock()
            self._begin()

    def step(self) -> None:
        """Look whether the device still gives something; try to open it again where it is time."""
        now = self._clock()
        with self._lock:
            if self._stopped or self._state in ("ended", "failed"):
                return
            away_s = now - self._last_s
            if self._state == "opening":
                if away_s > self._patience.open_s:
                    self._fail(DataError(f"{self.name} gives nothing within {self._patience.open_s:g} s: look at it"))
                return
            if self._state == "live" and away_s > self._patience.stall_s:
                self._lose(f"nothing came for {away_s:.1f} s", now)
            if self._state == "lost":
                self._try_again(now)

    def stop(self) -> None:
        """End the reading and wait a moment for the device to be closed; safe to call twice.

        Raises
        ------
        EmostreamError
            The device failed for good.
        """
        with self._lock:
            self._stopped = True
            self._attempt = None
            threads, self._threads = self._threads, []
        end_s = time.monotonic() + _JOIN_S
        for thread in threads:
            thread.join(max(0.0, end_s - time.monotonic()))  # one that is stuck in the driver is left behind
        failure, self._failure = self._failure, None
        if isinstance(failure, EmostreamError):
            raise failure
        if failure is not None:
            raise DataError(f"{self.name}: {_one_line(failure)}") from failure

    def _begin(self) -> None:
        self.attempts += 1
        self._attempt = _Attempt(self, self._open, self._clock())
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._threads.append(self._attempt.thread)
        self._attempt.thread.start()

    def _try_again(self, now: float) -> None:
        attempt = self._attempt
        if attempt is not None:
            waited_s = now - max(attempt.since_s, self._last_s)
            if waited_s < (self._patience.replace_s if attempt.opened else self._patience.open_s):
                return
            self._attempt = None
            self._retry_at = now
        if now < self._retry_at:
            return
        if sum(thread.is_alive() for thread in self._threads) >= _MOST_STUCK:
            self._fail(DataError(f"the driver of {self.name} hangs: unplug it, or restart this machine"))
            return
        self._begin()

    def accept(self, attempt: _Attempt[Item], item: Item | None) -> bool:
        """Take an item of an attempt; False where the attempt was given up. The reading thread."""
        with self._lock:
            if attempt is not self._attempt:
                return False
            if item is None:
                return True
            now = self._clock()
            if self._state == "lost":
                self._report(Incident("back", self._reason, now - self._last_s))
            self._state, self._reason, self._last_s = "live", "", now
            self._take(item)
            return True

    def over(self, attempt: _Attempt[Item], error: Exception | None) -> None:
        """Take note of an attempt's end: the source's (None), or an error. The reading thread."""
        now = self._clock()
        with self._lock:
            if attempt is not self._attempt:
                return
            self._attempt = None
            if error is None:
                self._state = "ended"
            elif isinstance(error, _Consumer):
                self._fail(error.cause)
            elif self._state == "opening":
                self._fail(error)
            else:
                self._lose(_one_line(error), now)
                self._retry_at = now + self._patience.retry_s

    def _lose(self, reason: str, now: float) -> None:
        first, self._reason = self._state != "lost", reason
        self._state = "lost"
        if first:
            self._report(Incident("lost", reason, now - self._last_s))

    def _fail(self, error: Exception) -> None:
        self._attempt = None
        self._failure, self._state = error, "failed"


class _Consumer(Exception):
    """What the taker of the items raised: not the device's fault, so nothing is tried again."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Attempt(Generic[Item]):
    """One thread that opens the device and reads it until it fails or is given up."""

    def __init__(self, owner: Supervisor[Item], open_link: Callable[[], Link[Item]], since_s: float) -> None:
        self._owner, self._open = owner, open_link
        self.since_s = since_s
        self.opened = False
        self.thread = threading.Thread(target=self._run, name="emostream-device", daemon=True)

    def _run(self) -> None:
        link: Link[Item] | None = None
        try:
            link = self._open()
            self.opened = True
            while self._hand_over(link.read()):
                pass
        except EndOfSource:
            self._owner.over(self, None)
        except Exception as err:  # noqa: BLE001  told by the supervisor
            self._owner.over(self, err)
        finally:
            if link is not None:
                with suppress(Exception):  # a device that is gone cannot be closed
                    link.close()

    def _hand_over(self, item: Item | None) -> bool:
        try:
            return self._owner.accept(self, item)
        except Exception as err:
            raise _Consumer(err) from err


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
