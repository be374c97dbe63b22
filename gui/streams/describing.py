"""Channels and units of streams, asked for one by one: a short description, as searches bring it, has neither."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pylsl
from pylsl.util import LostError
from pylsl.util import TimeoutError as LslTimeoutError

from gui.streams.contract import Described
from realtime.lsl.description import read_channels
from realtime.ring import BoundedQueue

TIMEOUT_S = 2.0
MOST = 64
"""Descriptions kept; the oldest goes first."""


class Descriptions:
    """What was asked of streams, and what they answered. Any thread asks and reads, one answers."""

    def __init__(self) -> None:
        self._asked: BoundedQueue[str] = BoundedQueue(MOST)
        self._known: dict[str, Described] = {}

    def ask(self, uid: str) -> None:
        """Ask for the channels of the stream with this uid; never waits."""
        if uid not in self._known:
            self._asked.put(uid)

    def known(self) -> Mapping[str, Described]:
        """By uid, what has answered so far."""
        return dict(self._known)

    def answer(self, infos: Sequence[pylsl.StreamInfo], stopping: Callable[[], bool]) -> None:
        """Ask the streams among `infos` that somebody asked for; waits for each, at most two seconds."""
        for uid in dict.fromkeys(self._asked.drain()):
            info = next((info for info in infos if info.uid() == uid), None)
            if info is None or uid in self._known or stopping():
                continue
            while len(self._known) >= MOST:
                self._known.pop(next(iter(self._known)))
            self._known[uid] = _described(info)


def _described(info: pylsl.StreamInfo) -> Described:
    inlet = pylsl.StreamInlet(info, max_buflen=1, recover=False)
    try:
        channels = read_channels(inlet.info(TIMEOUT_S))
    except (LostError, LslTimeoutError, RuntimeError):
        return Described(error="it does not answer")
    finally:
        inlet.close_stream()
    return Described(tuple(c.label for c in channels), tuple(c.unit for c in channels))
