"""Markers of a presentation on LSL, and what other programs say to it. No Qt."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import pylsl

from realtime.config import LslConfig
from realtime.lsl.listen import MarkerListener
from realtime.lsl.outlets import MarkerOutlet
from realtime.session.events import CONTROL, RECORDER, STIMULUS, own_source_id

_MOST_WAITING = 1000
_LISTENERS_S = 2.0
_FAREWELL_S = 0.4


class Markers:
    """The outlet of 'emostream-stimulus', and events of operators and recorders. A context manager; one thread.

    Parameters
    ----------
    config : LslConfig
    """

    def __init__(self, config: LslConfig) -> None:
        self._outlet = MarkerOutlet(STIMULUS, own_source_id("present"))
        self._waiting: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue(_MOST_WAITING)
        self._listener = MarkerListener((CONTROL, RECORDER), self._hear, config)
        self._opened_s = pylsl.local_clock()

    def push(self, event: dict[str, Any], stamp: float) -> None:
        """Send an event, stamped as given."""
        self._outlet.push_json(event, stamp)

    def listened_to(self) -> bool:
        """Whether anybody reads the markers, or nobody has come for a while."""
        return self._outlet.have_consumers() or pylsl.local_clock() - self._opened_s > _LISTENERS_S

    def heard(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Events of others since the last call."""
        while True:
            try:
                yield self._waiting.get_nowait()
            except queue.Empty:
                return

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # an outlet that closes takes with it what is still on its way
            if self._outlet.have_consumers():
                time.sleep(_FAREWELL_S)
        finally:
            self._outlet.close()
            self._listener.stop()

    def _hear(self, name: str, event: dict[str, Any], _stamp: float) -> None:
        try:
            self._waiting.put_nowait((name, event))
        except queue.Full:
            # the recorder's once-a-second words, while the window hangs: the newest will come again
            return
