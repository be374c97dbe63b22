"""Outlets of sources: EEG, video, markers. Simulators, replay, camera and headset nodes use these."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pylsl
from numpy.typing import ArrayLike, NDArray

from realtime.errors import DataError
from realtime.lsl.base import Outlet
from realtime.lsl.codecs import HEADER_BYTES, encode_video_sample, video_sample_size
from realtime.lsl.description import ChannelDescription, default_source_id, make_info
from realtime.packets import EegInfo, VideoFrame, VideoInfo

_EEG_BUFFER_S = 60.0
_VIDEO_BUFFER_S = 2.0
_MARKER_BUFFER = 4096

FRAMES_NAME = "emostream-frames"


class EegOutlet(Outlet):
    """EEG in microvolts as an LSL stream of type 'EEG'.

    Parameters
    ----------
    info : EegInfo
        Name, source id ('' gives '<name>@<host>'), channel labels, nominal rate.
    types : sequence of str, optional
        XDF type of each channel, default 'EEG' for all.
    clock : callable, optional
        Stamps samples that are pushed without stamps; LSL seconds.

    Raises
    ------
    DataError
        No channels, a rate that is not positive, or `types` of another length.
    """

    def __init__(
        self, info: EegInfo, *, types: Sequence[str] | None = None, clock: Callable[[], float] = pylsl.local_clock
    ) -> None:
        if not (math.isfinite(info.sfreq_hz) and info.sfreq_hz > 0):
            raise DataError(f"EEG stream '{info.name}' with a rate of {info.sfreq_hz} Hz: a positive rate is wanted")
        if types is not None and len(types) != len(info.channels):
            raise DataError(f"EEG stream '{info.name}': {len(types)} types for {len(info.channels)} channels")
        kinds = types if types is not None else ["EEG"] * len(info.channels)
        channels = [
            ChannelDescription(label, "microvolts", kind) for label, kind in zip(info.channels, kinds, strict=True)
        ]
        lsl_info = make_info(
            info.name,
            "EEG",
            channels,
            rate_hz=info.sfreq_hz,
            channel_format="float32",
            source_id=info.source_id or None,
        )
        super().__init__(lsl_info, max_buffered=math.ceil(_EEG_BUFFER_S * info.sfreq_hz))
        self._clock = clock
        self._sfreq_hz = info.sfreq_hz

    def push(self, samples_uv: NDArray, stamps: ArrayLike | None = None) -> None:
        """Send samples.

        Parameters
        ----------
        samples_uv : (n_channels, n_times)
            Microvolts.
        stamps : (n_times,) float64 or float, optional
            LSL seconds of each sample; a single number is the newest sample's and the others follow from the rate;
            default: the newest sample is taken to be now.

        Raises
        ------
        DataError
            Wrong number of channels or stamps.
        """
        samples = np.asarray(samples_uv)
        if samples.ndim != 2 or samples.shape[0] != self._count:
            raise DataError(f"EEG stream '{self._name}' takes ({self._count}, n) samples, got {samples.shape}")
        n_times = samples.shape[1]
        if n_times == 0:
            return
        when = np.asarray(self._clock() if stamps is None else stamps, np.float64)
        if when.ndim == 0:
            when = when + (np.arange(n_times) - (n_times - 1)) / self._sfreq_hz
        if when.shape != (n_times,):
            raise DataError(f"EEG stream '{self._name}': {when.size} stamps for {n_times} samples")
        self._push_rows(np.ascontiguousarray(samples.T, np.float32), when)


class VideoOutlet:
    """Frames as the raw stream and, with the same stamps, their indices as a small stream that recorders keep.

    Parameters
    ----------
    info : VideoInfo
        Name of the raw stream, source id ('' gives '<name>@<host>'), size and rate.
    frames_name : str
        Name of the index stream; its source id is the raw one's plus '-frames'.
    sections : mapping of mapping, optional
        Further elements of the description of both streams, for instance ``{"device": {"exposure": "locked"}}``.

    Raises
    ------
    DataError
        A size or a rate that is not positive, or planes that are not 1 or 3.
    """

    def __init__(
        self,
        info: VideoInfo,
        *,
        frames_name: str = FRAMES_NAME,
        sections: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        if min(info.width, info.height) < 1 or info.planes not in (1, 3) or not info.fps > 0:
            raise DataError(
                f"video stream '{info.name}' of {info.width}x{info.height}x{info.planes} at {info.fps} Hz: "
                "a positive size and rate and 1 or 3 planes are wanted"
            )
        source_id = info.source_id or default_source_id(info.name)
        size = video_sample_size(info)
        video = {
            "width": str(info.width),
            "height": str(info.height),
            "planes": str(info.planes),
            "header_bytes": str(HEADER_BYTES),
        }
        buffered = max(2, math.ceil(_VIDEO_BUFFER_S * info.fps))
        self._frames = Outlet(
            make_info(
                info.name,
                "VideoRaw",
                size,
                rate_hz=info.fps,
                channel_format="int8",
                source_id=source_id,
                sections={"video": video, **(sections or {})},
            ),
            max_buffered=buffered,
        )
        size_of = {"stream": info.name, "width": str(info.width), "height": str(info.height)}
        self._indices = Outlet(
            make_info(
                frames_name,
                "VideoFrameIndex",
                [ChannelDescription("frame_index", "frames", "FrameIndex")],
                rate_hz=info.fps,
                channel_format="double64",
                source_id=f"{source_id}-frames",
                sections={"video": size_of, **(sections or {})},
            ),
            max_buffered=math.ceil(_EEG_BUFFER_S * info.fps),
        )
        self._info = info
        self._buffer = np.empty((1, size), np.int8)

    @property
    def info(self) -> VideoInfo:
        """Name, source id, size, planes and rate as they were given."""
        return self._info

    @property
    def name(self) -> str:
        """Name of the raw stream."""
        return self._frames.name

    @property
    def source_id(self) -> str:
        """Source id of the raw stream."""
        return self._frames.source_id

    @property
    def pushed(self) -> int:
        """Frames pushed since the outlet was opened."""
        return self._frames.pushed

    def push(self, frame: VideoFrame) -> None:
        """Send a frame with its own stamp and index, from one thread.

        Raises
        ------
        DataError
            The picture's size is not the stream's.
        """
        encode_video_sample(frame, self._info, self._buffer[0])
        self._frames._push_rows(self._buffer, frame.stamp)
        self._indices._push_rows(np.array([[frame.index]], np.float64), frame.stamp)

    def have_consumers(self) -> bool:
        """True while somebody reads the raw stream."""
        return self._frames.have_consumers()

    def wait_for_consumers(self, timeout_s: float) -> bool:
        """Wait until somebody reads the raw stream; False where nobody does within `timeout_s`."""
        return self._frames.wait_for_consumers(timeout_s)

    def close(self) -> None:
        """Withdraw both streams."""
        self._frames.close()
        self._indices.close()

    def __enter__(self) -> VideoOutlet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class MarkerOutlet(Outlet):
    """Text markers as an LSL stream of type 'Markers', irregular rate.

    Parameters
    ----------
    name : str
    source_id : str, optional
        Default '<name>@<host>'.
    clock : callable, optional
        Stamps markers that are pushed without a stamp; LSL seconds.
    """

    def __init__(
        self, name: str, source_id: str | None = None, *, clock: Callable[[], float] = pylsl.local_clock
    ) -> None:
        channel = ChannelDescription(name, "", "Marker")
        info = make_info(name, "Markers", [channel], rate_hz=0.0, channel_format="string", source_id=source_id)
        super().__init__(info, max_buffered=_MARKER_BUFFER)
        self._clock = clock

    def push(self, text: str, stamp: float | None = None) -> None:
        """Send a text, stamped now unless a stamp (LSL seconds) is given."""
        self._push_text(text, self._clock() if stamp is None else stamp)

    def push_json(self, event: Mapping[str, Any], stamp: float | None = None) -> None:
        """Send an object as JSON text.

        Raises
        ------
        ValueError
            A value that strict JSON cannot hold (NaN, infinity).
        """
        self.push(json.dumps(event, allow_nan=False), stamp)
