"""Which streams of a session go into its recording, and what must be there before it begins."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pylsl

from realtime.lsl import session
from realtime.recorder.padding import FLUSH

PIXELS, FRAMES = "VideoRaw", "VideoFrameIndex"
FACE_TYPES = ("MovementImages", "FaceMesh")
"""Pictures and shape of the face: recorded with a consent id only."""

MAIN_TYPES = ("EEG", FRAMES)
"""A recording holds at least one of these."""

_FORGET_S = 5.0
_UNWRITABLE = {pylsl.cf_undefined: "undefined", pylsl.cf_int64: "int64"}

Search = Callable[[], list[pylsl.StreamInfo]]


@dataclass(frozen=True, slots=True)
class Choice:
    """What the operator asked for.

    Parameters
    ----------
    require : tuple of str
        Types that must be there, for instance ('EEG', 'VideoFrameIndex'); empty: at least one of these two.
    exclude : tuple of str
        LSL names that are not recorded.
    consent : bool
        Whether the participant agreed to be filmed.
    """

    require: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    consent: bool = False

    def left_out(self, info: pylsl.StreamInfo) -> str:
        """Why a stream is not recorded; '' where it is."""
        if info.name() in self.exclude:
            return "the operator excluded it"
        if info.name() == FLUSH:
            return "padding of a recorder"
        if info.type() == PIXELS:
            return "pixels are filmed by their camera; its frame index is recorded"
        if info.type() in FACE_TYPES and not self.consent:
            return "no consent id, so no picture and no shape of the face is recorded"
        if info.channel_format() in _UNWRITABLE:
            return f"LabRecorder cannot write samples of format {_UNWRITABLE[info.channel_format()]}"
        return ""

    def missing(self, found: Sequence[pylsl.StreamInfo]) -> tuple[str, ...]:
        """Types that are asked for and not among the streams to be recorded."""
        there = {info.type() for info in found if not self.left_out(info)}
        if self.require:
            return tuple(kind for kind in dict.fromkeys(self.require) if kind not in there)
        return () if there.intersection(MAIN_TYPES) else (" or ".join(MAIN_TYPES),)


def key_of(info: pylsl.StreamInfo) -> tuple[object, ...]:
    """What stays the same when a stream's program is started again: LabRecorder then goes on with it by itself."""
    return (
        info.name(),
        info.type(),
        info.source_id() or info.uid(),
        info.channel_count(),
        info.nominal_srate(),
        info.channel_format(),
    )


class Surroundings:
    """The streams that are there at present, sorted, one a key.

    Parameters
    ----------
    search : callable, optional
        Lists them at once; by default a resolver of LSL's that looks all the time.
    """

    def __init__(self, search: Search | None = None) -> None:
        self._search = search
        self._lock = threading.Lock()

    def look(self) -> list[pylsl.StreamInfo]:
        """What is there now. Any thread."""
        with self._lock:
            if self._search is None:
                self._search = pylsl.ContinuousResolver(forget_after=_FORGET_S).results
            found = {key_of(info): info for info in self._search() if session.allows(info)}
        return sorted(found.values(), key=lambda info: (info.name(), info.source_id(), info.uid()))
