"""One pinned connection to one outlet: opens, pulls, notices the loss, finds a restarted source again."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pylsl
from numpy.typing import ArrayLike, NDArray
from pylsl.util import LostError
from pylsl.util import TimeoutError as LslTimeoutError

from realtime.errors import StreamNotFoundError
from realtime.lsl import session
from realtime.lsl.clock import OffsetTracker
from realtime.lsl.description import read_channels
from realtime.lsl.discovery import xpath_literal
from realtime.packets import Float64

_INFO_TIMEOUT_S = 5.0
_FIRST_OFFSET_TIMEOUT_S = 3.0
_OFFSET_EVERY_S = 2.0
_PRESENCE_AFTER_S = 3.0
_PRESENCE_TIMEOUT_S = 1.0

_DTYPES: dict[int, type[np.generic]] = {
    pylsl.cf_float32: np.float32,
    pylsl.cf_double64: np.float64,
    pylsl.cf_int8: np.int8,
    pylsl.cf_int16: np.int16,
    pylsl.cf_int32: np.int32,
    pylsl.cf_int64: np.int64,
}


@dataclass(frozen=True, slots=True)
class Layout:
    """What must stay the same when a source restarts."""

    channels: int
    rate_hz: float
    channel_format: int
    labels: tuple[str, ...]

    @classmethod
    def of(cls, info: pylsl.StreamInfo) -> Layout:
        """Layout of a full stream info."""
        labels = tuple(channel.label for channel in read_channels(info))
        return cls(info.channel_count(), info.nominal_srate(), info.channel_format(), labels)

    def difference(self, other: Layout) -> str | None:
        """First difference in words, '<what> <now> instead of <before>', or None where there is none."""
        if other.channels != self.channels:
            return f"{other.channels} channels instead of {self.channels}"
        if not math.isclose(other.rate_hz, self.rate_hz, rel_tol=1e-6, abs_tol=1e-9):
            return f"a rate of {other.rate_hz:g} Hz instead of {self.rate_hz:g} Hz"
        if other.channel_format != self.channel_format:
            return "another number format"
        if other.labels != self.labels:
            now, before = next(
                ((n, b) for n, b in zip(other.labels, self.labels, strict=False) if n != b),
                (f"{len(other.labels)} labels", f"{len(self.labels)}"),
            )
            return f"channel {now!r} instead of {before!r}"
        return None


class Connection:
    """Numbers or texts of one outlet, with stamps on the local clock.

    The outlet's uid is pinned: liblsl's own recovery, which silently goes over to any stream of the same source id, is
    off. When the source is gone, `reopen` looks for its source id and takes the restarted outlet only where it is
    alone and has the same layout.

    Parameters
    ----------
    info : pylsl.StreamInfo
        From `realtime.lsl.discovery`.
    buffer_s : float
        What the inlet holds while nobody pulls, s; for an irregular stream, hundreds of samples.
    clock : callable
        LSL seconds.

    Raises
    ------
    StreamNotFoundError
        The outlet does not answer any more, or is on a machine that is not allowed.
    """

    def __init__(self, info: pylsl.StreamInfo, *, buffer_s: float, clock: Callable[[], float]) -> None:
        if not session.allows(info):
            raise StreamNotFoundError(
                f"LSL stream '{info.name()}' is on another machine, {info.hostname()!r}, and nobody allowed it: "
                "name that machine in lsl.allow if it is yours"
            )
        self._buffer_s = max(1, math.ceil(buffer_s))
        self._clock = clock
        self._refused: set[str] = set()
        self._inlet: pylsl.StreamInlet | None = None
        self.error: str | None = None
        """Why the source is not read at the moment, in one line; None while it is."""
        try:
            self._inlet, self.info = self._connect(info)
        except (LslTimeoutError, LostError) as err:
            raise StreamNotFoundError(
                f"LSL stream '{info.name()}' (source_id {info.source_id() or 'none'}) was found but does not answer: "
                "start its program again"
            ) from err
        self.layout = Layout.of(self.info)
        dtype = _DTYPES.get(info.channel_format())
        self.dtype: np.dtype | None = None if dtype is None else np.dtype(dtype)
        """Number type of the samples; None for texts."""
        self.synchronised = False
        """True once the offset between the source's clock and ours was measured."""
        self._opened = False
        self._offset = OffsetTracker()
        self._next_offset = self._next_presence = -math.inf
        self._last_alive = clock()

    @property
    def uid(self) -> str:
        """LSL uid of the outlet that is read, or that was read last."""
        return self.info.uid()

    @property
    def connected(self) -> bool:
        """False once the outlet is gone, until `reopen` succeeds."""
        return self._inlet is not None

    def close(self) -> None:
        """Close the inlet; what it still held is dropped."""
        self._inlet = None

    def subscribe(self) -> None:
        """Have the outlet send from now on: what comes is kept until it is pulled."""
        if self._inlet is not None:
            # the first pull says what is wrong
            with suppress(LostError, LslTimeoutError):
                self._inlet.open_stream(_INFO_TIMEOUT_S)

    def pull(self, buffer: NDArray, timeout_s: float) -> Float64:
        """Wait for a sample, then take what is there, up to the buffer's rows.

        Parameters
        ----------
        buffer : (max_samples, n_channels) of `dtype`
            Filled from the first row.

        Returns
        -------
        (n_times,) float64
            Stamps on the local clock as the source made them; empty on timeout or loss.
        """
        inlet = self._ready()
        if inlet is None:
            return np.empty(0)
        try:
            _, stamps = inlet.pull_chunk(
                timeout=timeout_s, max_samples=len(buffer), min_samples=1, dest_obj=buffer, as_numpy=True
            )
        except LostError:
            self._lose()
            return np.empty(0)
        return self._mapped(stamps)

    def pull_rows(self, max_samples: int, timeout_s: float) -> tuple[list[list[str]], Float64]:
        """Like `pull`, for samples as lists of text (numbers are spelled out; text that is not UTF-8 is Latin-1)."""
        inlet = self._ready()
        if inlet is None:
            return [], np.empty(0)
        try:
            rows, stamps = inlet.pull_chunk(timeout=timeout_s, max_samples=max_samples, min_samples=1, as_numpy=True)
        except LostError:
            self._lose()
            return [], np.empty(0)
        return [[_text(value) for value in row] for row in (() if rows is None else rows)], self._mapped(stamps)

    def available(self) -> int:
        """Samples that wait in the inlet."""
        return int(self._inlet.samples_available()) if self._inlet else 0

    def reopen(self, timeout_s: float) -> bool:
        """Look for the restarted source once, for at most about `timeout_s`; True where it is read again.

        Where it is not, `error` says why: still gone, started twice, or back with another layout.
        """
        source_id = self.info.source_id()
        if not source_id:
            self.error = f"LSL stream '{self.info.name()}' is gone and has no source_id to find it by: start over"
            return False
        # two are asked for, so that a second one is waited for
        found = {i.uid(): i for i in pylsl.resolve_bypred(f"source_id={xpath_literal(source_id)}", 2, timeout_s)}
        own = (self.info.name(), self.info.type())
        same = [i for i in found.values() if (i.name(), i.type()) == own and session.allows(i)]
        if len(same) > 1:
            self.error = (
                f"{len(same)} LSL streams share the source_id {source_id!r}, one is wanted: "
                "close the program that was started twice"
            )
            return False
        if not same or same[0].uid() in self._refused:
            return False
        if self._was_there_before(same[0]):
            self.error = (
                f"LSL stream '{self.info.name()}' (source_id {source_id}) is gone, and the other one of that source_id "
                "was there before: start over to use it"
            )
            return False
        try:
            inlet, full = self._connect(same[0])
        except (LslTimeoutError, LostError):
            return False
        if difference := self.layout.difference(Layout.of(full)):
            self._refused.add(full.uid())
            self.error = (
                f"LSL stream '{full.name()}' (source_id {source_id}) came back with {difference}: "
                "set its program up as before, or start over"
            )
            return False
        self._inlet, self.info, self.error = inlet, full, None
        self._refused.clear()
        self._opened = False
        self._last_alive = self._clock()
        self._ready()
        return True

    def _was_there_before(self, other: pylsl.StreamInfo) -> bool:
        """True where `other` sent beside our outlet, or comes from another machine: a duplicate, not a restart."""
        if other.uid() == self.uid:
            return False
        if other.hostname() != self.info.hostname():
            return True
        return other.created_at() + self._offset.at(self._clock()) < self._last_alive

    def check_presence(self, silent_s: float) -> None:
        """Give the outlet up where it is silent and does not answer a look-up: a dead link breaks no TCP connection."""
        now = self._clock()
        if self._inlet is None or silent_s < _PRESENCE_AFTER_S or now < self._next_presence:
            return
        self._next_presence = now + _PRESENCE_AFTER_S
        if not pylsl.resolve_bypred(f"uid={xpath_literal(self.uid)}", 1, _PRESENCE_TIMEOUT_S):
            self._lose()

    def _mapped(self, stamps: ArrayLike) -> Float64:
        """Stamps on the local clock; remembers when the outlet last gave a sign of life."""
        now = self._clock()
        out = np.asarray(stamps, np.float64)
        if out.size:
            self._last_alive = now
        return out + self._offset.at(now)

    def _connect(self, info: pylsl.StreamInfo) -> tuple[pylsl.StreamInlet, pylsl.StreamInfo]:
        inlet = pylsl.StreamInlet(info, max_buflen=self._buffer_s, recover=False)
        return inlet, inlet.info(_INFO_TIMEOUT_S)

    def _ready(self) -> pylsl.StreamInlet | None:
        """The inlet, subscribed and with a current clock offset; None while the source is gone."""
        if self._inlet is None:
            return None
        now = self._clock()
        try:
            if not self._opened:
                # subscribe first: what arrives while the clock offset is measured is kept
                self._inlet.open_stream(_INFO_TIMEOUT_S)
                self._opened = True
                self._offset = OffsetTracker()
                self.synchronised = False
                self._next_presence = now
                self._measure(_FIRST_OFFSET_TIMEOUT_S)
            elif now >= self._next_offset:
                self._measure(0.01)
        except LostError:
            self._lose()
        except LslTimeoutError:
            return None
        return self._inlet

    def _measure(self, timeout_s: float) -> None:
        inlet = self._inlet
        assert inlet is not None
        if session.is_local():
            # one machine, one clock: the first measurement would take 0.6 s
            self.synchronised, self._next_offset = True, math.inf
            return
        try:
            estimate = inlet.time_correction(timeout_s)
            self.synchronised = True
        except LslTimeoutError:
            # the source's clock is ours on this machine; a remote one stays as it was until it answers
            estimate = self._offset.at(self._clock())
        now = self._clock()
        self._offset.update(estimate, now)
        self._next_offset = now + _OFFSET_EVERY_S

    def _lose(self) -> None:
        self._inlet = None
        self.error = (
            f"LSL stream '{self.info.name()}' (source_id {self.info.source_id() or 'none'}) is gone: "
            "waiting for it to come back"
        )


def _text(value: object) -> str:
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
