"""Collects what a camera and a headset, or markers, show of the flashes, live."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pylsl

from realtime.config import LslConfig
from realtime.errors import DataError
from realtime.lsl.inlets import MarkerReader, SampleChunk, SampleReader, VideoReader
from realtime.lsl.reader import Reader
from realtime.packets import Float64, Marker, VideoFrame
from realtime.session.events import parse_event
from realtime.sync.flashes import Delay, find_flashes, measure_delay

_STEP_S = 0.1
_THUMB = 4  # every fourth pixel is enough for the mean of a picture


class SyncMeter:
    """Hears a camera and a reference for some seconds; `delay` then says how late the camera is.

    Parameters
    ----------
    video : pylsl.StreamInfo
    reference : pylsl.StreamInfo
        A stream of samples, of which `channel` sees the light; or of markers, with an event "flash" each.
    channel : str or None
        Label of the photodiode's channel; None where the reference is a marker stream.
    clock : callable
        LSL seconds.

    Raises
    ------
    DataError
        The reference has no such channel.
    """

    def __init__(
        self,
        video: pylsl.StreamInfo,
        reference: pylsl.StreamInfo,
        channel: str | None,
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        raw = LslConfig()  # stamps as they are: a delay that was measured before must not be taken off
        self._video = VideoReader(video, self._on_frame, raw, clock)
        self._channel = 0
        self._reference: Reader
        if channel is None:
            self._reference = MarkerReader(reference, self._on_marker, raw, clock)
        else:
            self._reference = samples = SampleReader(reference, self._on_samples, raw, clock)
            if channel not in samples.labels:
                samples.stop()
                raise DataError(
                    f"LSL stream '{reference.name()}' has no channel '{channel}': it has {', '.join(samples.labels)}"
                )
            self._channel = samples.labels.index(channel)
        self._frames: list[tuple[float, float]] = []
        self._samples: list[tuple[Float64, Float64]] = []
        self._flashes: list[float] = []

    @property
    def source_id(self) -> str:
        """The camera's."""
        return self._video.info.source_id

    def run(self, seconds: float, tick: Callable[[float], object]) -> None:
        """Listen for some seconds; `tick` is called with what is left, about ten times a second."""
        readers = (self._video, self._reference)
        for reader in readers:
            reader.start()
        try:
            end_s = time.monotonic() + seconds
            while (left_s := end_s - time.monotonic()) > 0:
                tick(left_s)
                time.sleep(min(_STEP_S, left_s))
        finally:
            for reader in readers:
                reader.stop()

    def delay(self) -> Delay:
        """How much later the camera stamps a flash than the reference.

        Raises
        ------
        DataError
            No flashes, or too few that both saw.
        """
        stamps, brightness = np.array(self._frames).reshape(-1, 2).T
        return measure_delay(self._reference_s(), find_flashes(stamps, brightness, f"camera '{self._video.name}'"))

    def _reference_s(self) -> Float64:
        if isinstance(self._reference, MarkerReader):
            return np.array(self._flashes)
        if not self._samples:
            raise DataError(f"LSL stream '{self._reference.name}' sent nothing: check its program")
        stamps, level = (np.concatenate(parts) for parts in zip(*self._samples, strict=True))
        return find_flashes(stamps, level, f"channel of '{self._reference.name}'")

    def _on_frame(self, frame: VideoFrame) -> None:
        self._frames.append((frame.stamp, float(frame.image[::_THUMB, ::_THUMB].mean())))

    def _on_samples(self, chunk: SampleChunk) -> None:
        self._samples.append((chunk.stamps, chunk.values[:, self._channel].astype(np.float64)))

    def _on_marker(self, marker: Marker) -> None:
        event = parse_event(marker.text)
        if event is not None and event["event"] == "flash":
            self._flashes.append(marker.stamp)
