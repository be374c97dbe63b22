"""Looking at every stream of the session for two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pylsl
from pylsl.util import LostError
from pylsl.util import TimeoutError as LslTimeoutError

from realtime.doctor.streams import SeenStream
from realtime.lsl import session
from realtime.lsl.description import read_channels, read_section
from realtime.lsl.discovery import list_streams

MOST_STREAMS = 64
"""More are listed and not read."""

_OPEN_S = 3.0
_PAUSE_S = 0.02
_LARGEST = 4096  # channels; what has more is pictures
_MOST_BYTES = 64 * 2**20
_DEVICE_KEYS = ("camera", "mode", "exposure", "gain", "white_balance", "focus", "stamps", "dropped_frames")


class Watched:
    """One stream that is read for a while."""

    def __init__(self, info: pylsl.StreamInfo) -> None:
        self._info = info
        self._inlet: pylsl.StreamInlet | None = None
        self._values: list[np.ndarray] = []
        self._stamps: list[np.ndarray] = []
        self._offsets: list[float] = []
        self._problem = ""
        texts = info.channel_format() == pylsl.cf_string
        self._is_read = not texts and info.channel_count() <= _LARGEST
        rows = _MOST_BYTES // max(1, 8 * info.channel_count())
        self._room = min(rows, 1_000_000) if self._is_read else 0

    def open(self) -> None:
        """Connect, read the description and begin to listen."""
        try:
            self._inlet = pylsl.StreamInlet(self._info, max_buflen=10, recover=False)
            self._info = self._inlet.info(_OPEN_S)
            if self._is_read:
                self._inlet.open_stream(_OPEN_S)
            self._measure()
        except (LostError, LslTimeoutError) as err:
            self._inlet, self._problem = None, " ".join(str(err).split()) or type(err).__name__

    def pull(self) -> None:
        """Take what has come."""
        if self._inlet is None or not self._is_read or self._room <= 0:
            return
        try:
            values, stamps = self._inlet.pull_chunk(timeout=0.0, max_samples=4096, as_numpy=True)
        except LostError:
            self._problem = "it went away while it was read"
            self._inlet = None
            return
        if len(stamps):
            self._values.append(np.asarray(values))
            self._stamps.append(np.asarray(stamps, np.float64))
            self._room -= len(stamps)

    def close(self, watched_s: float) -> SeenStream:
        """What was seen."""
        if self._inlet is not None:
            self._measure()
        info, described = self._info, self._inlet is not None or not self._problem
        self._inlet = None
        return SeenStream(
            name=info.name(),
            type=info.type(),
            source_id=info.source_id(),
            hostname=info.hostname(),
            channel_count=info.channel_count(),
            rate_hz=info.nominal_srate(),
            texts=info.channel_format() == pylsl.cf_string,
            channels=read_channels(info) if described else (),
            video=read_section(info, "video", ("stream", "width", "height")) if described else {},
            device=read_section(info, "device", _DEVICE_KEYS) if described else {},
            stamps=np.concatenate(self._stamps) if self._stamps else np.empty(0),
            values=np.concatenate(self._values) if self._values else None,
            watched_s=watched_s,
            offsets_s=tuple(self._offsets),
            problem=self._problem,
        )

    def _measure(self) -> None:
        """Note the sender's clock against ours, where it is another machine's."""
        if self._inlet is None or session.is_local():
            return
        try:
            self._offsets.append(self._inlet.time_correction(_OPEN_S))
        except LslTimeoutError:
            self._problem = "its clock does not answer (UDP blocked?)"


def watch_streams(
    seconds: float,
    search_s: float = 1.5,
    search: Callable[[float], Sequence[pylsl.StreamInfo]] = list_streams,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> list[SeenStream]:
    """Find all streams and read each for `seconds`; pictures and texts are only described.

    Parameters
    ----------
    seconds, search_s : float
    search : callable
        Lists the streams that answer within a time.
    clock, sleep : callable
    """
    watched = [Watched(info) for info in list(search(search_s))[:MOST_STREAMS]]
    for each in watched:
        each.open()
    begun_s = clock()
    while watched and (now_s := clock()) < begun_s + seconds:
        for each in watched:
            each.pull()
        sleep(min(_PAUSE_S, max(0.0, begun_s + seconds - now_s)))
    for each in watched:
        each.pull()
    return [each.close(clock() - begun_s) for each in watched]
