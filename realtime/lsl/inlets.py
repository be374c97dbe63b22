"""Readers: one thread each, that waits for the next sample, maps its stamp and hands it on at once."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.config import LslConfig
from realtime.errors import DataError
from realtime.lsl.chunks import ChunkCutter
from realtime.lsl.codecs import HEADER_BYTES, decode_video_sample, video_sample_size
from realtime.lsl.description import ChannelDescription, read_channels, read_section
from realtime.lsl.reader import Reader
from realtime.packets import EegChunk, EegInfo, Float64, Marker, VideoFrame, VideoInfo, readonly

_VIDEO_BUFFER_S = 2.0
_VIDEO_ROWS = 4
_MARKER_ROWS = 64
_MISSED = 256

_MICROVOLTS = {
    **dict.fromkeys(("", "unknown", "none", "n/a", "microvolts", "microvolt", "uv", "µv", "μv", "-6"), 1.0),
    **dict.fromkeys(("millivolts", "millivolt", "mv", "-3"), 1e3),
    **dict.fromkeys(("volts", "volt", "v", "0"), 1e6),
    **dict.fromkeys(("nanovolts", "nanovolt", "nv", "-9"), 1e-3),
}

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


def microvolts_per_unit(unit: str) -> float:
    """Factor from a declared unit to µV; an absent unit is µV, as is usual on LSL.

    Raises
    ------
    DataError
        Not a unit of voltage.
    """
    factor = _MICROVOLTS.get(unit.strip().lower())
    if factor is None:
        raise DataError(f"unit {unit!r} is not a voltage: V, mV, uV or nV is wanted, or no unit for uV")
    return factor


class EegReader(Reader):
    """EEG chunks in µV from an LSL stream of type 'EEG'.

    Where the description gives channels a type, only those of type EEG (or none) are kept; `others` names the rest
    (EOG, triggers). A gap splits a chunk, so within one chunk samples are consecutive.

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
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        config = config or LslConfig()
        super().__init__(info, config, config.buffer_s, clock)
        rate = info.nominal_srate()
        if self._connection.dtype is None or not rate > 0:
            raise DataError(
                f"LSL stream '{info.name()}' is not regular numeric EEG (rate {rate:g} Hz, "
                f"{'texts' if self._connection.dtype is None else 'numbers'}): choose another stream"
            )
        described = _described(self._connection.info)
        picks = [i for i, c in enumerate(described) if c.type.lower() in ("eeg", "")]
        if not picks:
            kinds = ", ".join(sorted({c.type for c in described}))
            raise DataError(
                f"LSL stream '{info.name()}' has no channel of type EEG, only {kinds}: choose another stream"
            )
        self.info = EegInfo(info.name(), info.source_id(), tuple(described[i].label for i in picks), rate)
        """Name, source id, labels of the kept channels and nominal rate."""
        _require_unique(self.info)
        self.others = tuple(c for i, c in enumerate(described) if i not in picks)
        """Channels of the stream that are not EEG."""
        self._picks = None if len(picks) == len(described) else np.array(picks)
        self._scale = _scale(info.name(), [described[i] for i in picks])
        rows = max(32, math.ceil(0.25 * rate))
        self._buffer = np.empty((rows, info.channel_count()), self._connection.dtype)
        self._on_chunk = on_chunk
        self._cutter = ChunkCutter()

    def _pull(self, timeout_s: float) -> int:
        raw = self._connection.pull(self._buffer, timeout_s)
        n = raw.size
        if n == 0:
            return 0
        rows = self._buffer[:n] if self._picks is None else self._buffer[:n, self._picks]
        samples = np.empty((rows.shape[1], n), np.float32)
        np.multiply(rows.T, self._scale, out=samples, casting="unsafe")
        self._on_chunk = self._taker(self._on_chunk, float(raw[0]))
        for chunk in self._cutter.cut(samples, self._map(raw), self.uid):
            self._on_chunk(chunk)
        return n


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
        clock: Callable[[], float] = pylsl.local_clock,
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
        clock: Callable[[], float] = pylsl.local_clock,
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
        clock: Callable[[], float] = pylsl.local_clock,
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


def _described(info: pylsl.StreamInfo) -> tuple[ChannelDescription, ...]:
    """Description of all channels; where a stream has none, EEG001, EEG002 and so on, in µV."""
    count = info.channel_count()
    described = read_channels(info)
    if not described:
        return tuple(ChannelDescription(f"EEG{i + 1:03d}") for i in range(count))
    if len(described) != count:
        raise DataError(
            f"LSL stream '{info.name()}' describes {len(described)} channels and sends {count}: "
            "set its program up to name each channel"
        )
    return tuple(ChannelDescription(c.label or f"EEG{i + 1:03d}", c.unit, c.type) for i, c in enumerate(described))


def _require_unique(info: EegInfo) -> None:
    doubled = sorted({label for label in info.channels if info.channels.count(label) > 1})
    if doubled:
        raise DataError(f"LSL stream '{info.name}' has several channels named {', '.join(doubled)}: name each once")


def _scale(name: str, channels: list[ChannelDescription]) -> NDArray[np.float64]:
    """(n_channels, 1) factors to µV."""
    factors = []
    for channel in channels:
        try:
            factors.append(microvolts_per_unit(channel.unit))
        except DataError as err:
            raise DataError(f"LSL stream '{name}', channel '{channel.label}': {err}") from err
    return np.array(factors)[:, None]


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
