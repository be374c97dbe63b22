"""Readers: one thread each, that waits for the next sample, maps its stamp and hands it on at once."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.config import LslConfig
from realtime.errors import DataError
from realtime.lsl.arrival import ArrivalClock
from realtime.lsl.chunks import ChunkCutter
from realtime.lsl.codecs import HEADER_BYTES, decode_video_sample, video_sample_size
from realtime.lsl.description import read_channels, read_section
from realtime.lsl.now import local_clock
from realtime.lsl.reader import Reader
from realtime.lsl.sequence import Sequencer
from realtime.lsl.units import described_channels, microvolts_per_unit, require_unique, scale_to_microvolts
from realtime.packets import (
    EegChunk,
    EegInfo,
    Float64,
    GapRecord,
    Marker,
    StreamHealth,
    VideoFrame,
    VideoInfo,
    readonly,
)

_VIDEO_BUFFER_S = 2.0
_VIDEO_ROWS = 4
_MARKER_ROWS = 64
_MISSED = 256
_RATE_TOLERANCE = 5e-3

__all__ = ["EegReader", "MarkerReader", "SampleChunk", "SampleReader", "VideoReader", "microvolts_per_unit"]


@dataclass(frozen=True, slots=True)
class SampleChunk:
    """Samples of any numeric stream.

    Parameters
    ----------
    values : (n_times, n_channels)
        Numbers as the stream sends them.
    stamps : (n_times,) float64
        LSL seconds on the local clock, strictly increasing unless the source restarted or reset its clock.
    stream_id : str
        LSL uid of the outlet.
    """

    values: NDArray
    stamps: Float64
    stream_id: str


class EegReader(Reader):
    """EEG chunks in µV from an LSL stream of type 'EEG'.

    Where the description gives channels a type, only those of type EEG (or none) are kept; `others` names the rest
    (EOG, triggers). A gap splits a chunk, so within one chunk samples are consecutive. Samples that were sent twice or
    out of order are dropped and counted; a clock of the source that is set or drifts is followed (`ArrivalClock`).

    Parameters
    ----------
    info : pylsl.StreamInfo
    on_chunk : callable
        Takes each `EegChunk`, in the reader's thread.
    config : LslConfig, optional
    clock : callable, optional
        LSL seconds.

    Raises
    ------
    DataError
        A stream of texts, without rate, without EEG channels, with labels that are not unique, or in a unit that is
        no voltage.
    StreamNotFoundError
        The outlet does not answer any more.
    """

    def __init__(
        self,
        info: pylsl.StreamInfo,
        on_chunk: Callable[[EegChunk], None],
        config: LslConfig | None = None,
        clock: Callable[[], float] = local_clock,
    ) -> None:
        config = config or LslConfig()
        super().__init__(info, config, config.buffer_s, clock)
        rate = info.nominal_srate()
        if self._connection.dtype is None or not rate > 0:
            raise DataError(
                f"LSL stream '{info.name()}' is not regular numeric EEG (rate {rate:g} Hz, "
                f"{'texts' if self._connection.dtype is None else 'numbers'}): choose another stream"
            )
        described = described_channels(self._connection.info)
        picks = [i for i, c in enumerate(described) if c.type.lower() in ("eeg", "")]
        if not picks:
            kinds = ", ".join(sorted({c.type for c in described}))
            raise DataError(
                f"LSL stream '{info.name()}' has no channel of type EEG, only {kinds}: choose another stream"
            )
        self.info = EegInfo(info.name(), info.source_id(), tuple(described[i].label for i in picks), rate)
        """Name, source id, labels of the kept channels and nominal rate."""
        require_unique(self.info)
        self.others = tuple(c for i, c in enumerate(described) if i not in picks)
        """Channels of the stream that are not EEG."""
        self._picks = None if len(picks) == len(described) else np.array(picks)
        self._scale = scale_to_microvolts(info.name(), [described[i] for i in picks])
        rows = max(32, math.ceil(0.25 * rate))
        self._buffer = np.empty((rows, info.channel_count()), self._connection.dtype)
        self._on_chunk = on_chunk
        self._cutter = ChunkCutter()
        self._arrival = ArrivalClock(1.0 / rate)
        self._sequencer = Sequencer(1.0 / rate)

    @property
    def note(self) -> str | None:
        """Why nothing is read, or that the rate is not the announced one; None while all is well."""
        rate, announced = self._stamps.rate_hz, self.info.sfreq_hz
        if self.error is not None or not self._stamps.settled or abs(rate / announced - 1.0) <= _RATE_TOLERANCE:
            return self.error
        return (
            f"LSL stream '{self.name}' sends {rate:.2f} Hz and announces {announced:g} Hz: frequencies are read "
            f"{100.0 * (announced / rate - 1.0):+.1f} % off; set its program up for the device's true rate"
        )

    def health(self) -> StreamHealth:
        """As of every reader, with the rate that the stamps tell, and with what was dropped. Any thread."""
        health = super().health()
        rate = self._stamps.rate_hz if health.state == "live" and self._stamps.settled else health.rate_hz
        return replace(
            health,
            rate_hz=rate,
            repeated=self._sequencer.repeated,
            late=self._sequencer.late,
            clock_jumps=self._arrival.jumps,
        )

    def _restarted(self) -> None:
        super()._restarted()
        self._arrival.restart()
        self._sequencer.restart()

    def _pull(self, timeout_s: float) -> int:
        raw = self._connection.pull(self._buffer, timeout_s)
        if raw.size == 0:
            return 0
        rows = self._buffer[: raw.size]
        stamps = self._arrival.follow(raw, self._clock())
        while self._arrival.log:
            jump = self._arrival.log.popleft()
            self.gap_log.append(GapRecord(self.name, jump.at_s - self._delay_s, 0, jump.by_s))
        kept = self._sequencer.keep(stamps, rows, self._stamps.exact)
        if kept is not None:
            rows, stamps = rows[kept], stamps[kept]
        if stamps.size == 0:
            return 0
        picked = rows if self._picks is None else rows[:, self._picks]
        samples = np.empty((picked.shape[1], stamps.size), np.float32)
        np.multiply(picked.T, self._scale, out=samples, casting="unsafe")
        self._on_chunk = self._taker(self._on_chunk, float(stamps[0]))
        for chunk in self._cutter.cut(samples, self._map(stamps), self.uid):
            self._on_chunk(chunk)
        return stamps.size


class VideoReader(Reader):
    """Frames from an LSL stream of type 'VideoRaw', in order; what is older than `max_backlog_s` is skipped.

    Lost frames are those whose index never came, skipped ones included (`skipped` counts these).

    Parameters
    ----------
    info : pylsl.StreamInfo
    on_frame : callable
        Takes each `VideoFrame`, in the reader's thread.
    config : LslConfig, optional
    clock : callable, optional
        LSL seconds.
    max_backlog_s : float, optional
        A consumer that is further behind than this gets the newest frame next.

    Raises
    ------
    DataError
        Not a raw video stream as `realtime.lsl.outlets.VideoOutlet` describes it.
    StreamNotFoundError
        The outlet does not answer any more.
    """

    def __init__(
        self,
        info: pylsl.StreamInfo,
        on_frame: Callable[[VideoFrame], None],
        config: LslConfig | None = None,
        clock: Callable[[], float] = local_clock,
        *,
        max_backlog_s: float = 0.5,
    ) -> None:
        super().__init__(info, config or LslConfig(), _VIDEO_BUFFER_S, clock)
        self.info = _video_info(self._connection.info)
        """Name, source id, size, planes and nominal rate."""
        self._buffer = np.empty((_VIDEO_ROWS, info.channel_count()), np.int8)
        self._max_backlog = max(_VIDEO_ROWS, math.ceil(max_backlog_s * self.info.fps))
        self._on_frame = on_frame
        self._last_index: int | None = None
        self._last_uid = self.uid
        self.skipped = 0
        """Frames skipped because the consumer was behind."""
        self.missed: deque[tuple[int, int]] = deque(maxlen=_MISSED)
        """First and last index of each of the newest holes among the frames handed on."""

    def _pull(self, timeout_s: float) -> int:
        raw = self._connection.pull(self._buffer, timeout_s)
        count, first = raw.size, 0
        if count and self._connection.available() > self._max_backlog:
            raw, count = self._drain(raw)
            first = raw.size - 1
            self.skipped += count - 1
        if count == 0:
            return 0
        self._on_frame = self._taker(self._on_frame, float(raw[first]))
        stamps = self._increase(raw)
        for row, stamp in zip(self._buffer[first : raw.size], stamps[first:], strict=True):
            frame = decode_video_sample(row, self.info, float(stamp))
            self._account(frame.index)
            self._on_frame(frame)
        return count

    def _drain(self, raw: Float64) -> tuple[Float64, int]:
        """Pull until nothing waits; returns the last pull's stamps and the count of all, the first pull's included."""
        count = raw.size
        while self._connection.available():
            newer = self._connection.pull(self._buffer, 0.0)
            if newer.size == 0:
                break
            raw = newer
            count += raw.size
        return raw, count

    def _account(self, index: int) -> None:
        if self.uid != self._last_uid:
            self._last_uid, self._last_index = self.uid, None
        if self._last_index is not None and index > self._last_index + 1:
            self._lost += index - self._last_index - 1
            self._gaps += 1
            self.missed.append((self._last_index + 1, index - 1))
        self._last_index = index


class SampleReader(Reader):
    """Samples of any numeric stream: band powers, quality, motion, emotions, images.

    Parameters
    ----------
    info : pylsl.StreamInfo
    on_samples : callable
        Takes each `SampleChunk`, in the reader's thread.
    config : LslConfig, optional
    clock : callable, optional
        LSL seconds.

    Raises
    ------
    DataError
        A stream of texts: `MarkerReader` reads these.
    StreamNotFoundError
        The outlet does not answer any more.
    """

    def __init__(
        self,
        info: pylsl.StreamInfo,
        on_samples: Callable[[SampleChunk], None],
        config: LslConfig | None = None,
        clock: Callable[[], float] = local_clock,
    ) -> None:
        config = config or LslConfig()
        regular = info.nominal_srate() > 0
        # an irregular stream is buffered by hundreds of samples: one is enough
        super().__init__(info, config, config.buffer_s if regular else 1.0, clock)
        if self._connection.dtype is None:
            raise DataError(f"LSL stream '{info.name()}' carries texts, numbers are wanted: read it as markers")
        self.labels = tuple(c.label for c in read_channels(self._connection.info))
        """Channel labels; empty where the stream describes none (images)."""
        large = info.channel_count() * self._connection.dtype.itemsize > 65536
        rows = 2 if large else max(32, math.ceil(0.25 * info.nominal_srate()))
        self._buffer = np.empty((rows, info.channel_count()), self._connection.dtype)
        self._on_samples = on_samples

    def _pull(self, timeout_s: float) -> int:
        raw = self._connection.pull(self._buffer, timeout_s)
        if raw.size == 0:
            return 0
        values = self._buffer[: raw.size].copy()
        self._on_samples(SampleChunk(readonly(values), readonly(self._increase(raw)), self.uid))
        return raw.size


class MarkerReader(Reader):
    """Text markers; numeric marker streams are spelled out.

    Parameters
    ----------
    info : pylsl.StreamInfo
    on_marker : callable
        Takes each `Marker`, in the reader's thread: one for each channel of a sample that is not empty.
    config : LslConfig, optional
    clock : callable, optional
        LSL seconds.

    Raises
    ------
    StreamNotFoundError
        The outlet does not answer any more.
    """

    def __init__(
        self,
        info: pylsl.StreamInfo,
        on_marker: Callable[[Marker], None],
        config: LslConfig | None = None,
        clock: Callable[[], float] = local_clock,
    ) -> None:
        config = config or LslConfig()
        super().__init__(info, config, config.buffer_s, clock)
        self._regular = False  # silence says nothing about markers
        self._on_marker = on_marker

    def _pull(self, timeout_s: float) -> int:
        rows, stamps = self._connection.pull_rows(_MARKER_ROWS, timeout_s)
        for row, stamp in zip(rows, stamps, strict=True):
            self._newest = float(stamp)
            for text in row:
                if text:
                    self._on_marker(Marker(text, float(stamp)))
        return len(rows)


def _video_info(info: pylsl.StreamInfo) -> VideoInfo:
    values = read_section(info, "video", ("width", "height", "planes", "header_bytes"))
    try:
        width, height, planes, header = (int(values[key]) for key in ("width", "height", "planes", "header_bytes"))
    except ValueError as err:
        raise DataError(
            f"LSL stream '{info.name()}' does not describe its pictures (desc/video): it is not a video stream of ours"
        ) from err
    found = VideoInfo(info.name(), info.source_id(), width, height, planes, info.nominal_srate())
    fits = header == HEADER_BYTES and info.channel_count() == video_sample_size(found)
    if not fits or info.channel_format() != pylsl.cf_int8 or not found.fps > 0:
        raise DataError(
            f"LSL stream '{info.name()}' says {width}x{height}x{planes} and sends {info.channel_count()} bytes: "
            f"{video_sample_size(found)} of int8 at a positive rate are wanted"
        )
    return found
