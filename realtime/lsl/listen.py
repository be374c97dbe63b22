"""Hearing every marker stream of some names, whoever sends it and whenever it appears."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from contextlib import ExitStack, suppress
from typing import Any

import pylsl

from realtime.config import LslConfig
from realtime.errors import EmostreamError
from realtime.lsl import session
from realtime.lsl.inlets import MarkerReader
from realtime.packets import Marker
from realtime.session.events import parse_event

_SEARCH_S = 0.5
_FORGET_S = 5.0

OnEvent = Callable[[str, dict[str, Any], float], object]


class MarkerListener:
    """Joins all marker streams with one of these names, late ones too, and hands on their JSON events.

    `start` looks for streams twice a second in a thread of its own; each stream is read in another. What a sender says
    in the first half second after it appeared may be missed: who wants to be heard waits for its consumers.

    Parameters
    ----------
    names : collection of str
        LSL names of streams of type 'Markers'.
    on_event : callable
        Takes (stream name, event, LSL stamp); never called from two threads at once. What it raises ends the listening
        to that stream and is raised by `stop`.
    config : LslConfig, optional
    clock : callable, optional
        LSL seconds.
    search : callable, optional
        Lists the streams that are there at present, at once; by default a resolver of LSL's that looks all the time.
    """

    def __init__(
        self,
        names: Collection[str],
        on_event: OnEvent,
        config: LslConfig | None = None,
        clock: Callable[[], float] = pylsl.local_clock,
        search: Callable[[], list[pylsl.StreamInfo]] | None = None,
    ) -> None:
        self._names = frozenset(names)
        self._on_event = on_event
        self._config = config or LslConfig()
        self._clock = clock
        self._search = search
        self._readers: dict[str, MarkerReader] = {}
        self._one_at_a_time = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None

    @property
    def heard(self) -> frozenset[str]:
        """Source ids (uids where there are none) of the streams that are listened to. Any thread."""
        return frozenset(self._readers)

    def start(self) -> None:
        """Listen, in threads of its own.

        Raises
        ------
        EmostreamError
            It already listens.
        """
        if self._thread is not None:
            raise EmostreamError("this listener already listens: stop it first")
        self._stopping.clear()
        self._thread = threading.Thread(target=self._discover, name="emostream-listener", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all threads and wait for them; safe to call twice.

        Raises
        ------
        Exception
            What `on_event` raised, if it did.
        """
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        readers, self._readers = self._readers, {}
        with ExitStack() as stack:
            for reader in readers.values():
                stack.callback(reader.stop)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def search_once(self) -> None:
        """Join what is new and leave what is gone. The listener's thread, or a test."""
        if self._search is None:
            self._search = pylsl.ContinuousResolver(pred="type='Markers'", forget_after=_FORGET_S).results
        # by source id: the reader of a restarted program finds it again by itself
        found = {
            i.source_id() or i.uid(): i
            for i in self._search()
            if i.type() == "Markers" and i.name() in self._names and session.allows(i)
        }
        for source in [source for source in self._readers if source not in found]:
            try:
                self._readers.pop(source).stop()
            except Exception as err:  # noqa: BLE001 - kept for `stop`
                self._failure = self._failure or err
        for source, info in found.items():
            if source not in self._readers and not self._stopping.is_set():
                # gone again between the search and now: the next round tells
                with suppress(EmostreamError):
                    reader = MarkerReader(info, self._taker(info.name()), self._config, self._clock)
                    reader.start()
                    self._readers[source] = reader

    def _discover(self) -> None:
        while not self._stopping.is_set():
            self.search_once()
            self._stopping.wait(_SEARCH_S)

    def _taker(self, name: str) -> Callable[[Marker], None]:
        def take(marker: Marker) -> None:
            event = parse_event(marker.text)
            if event is not None:
                with self._one_at_a_time:
                    self._on_event(name, event, marker.stamp)

        return take
