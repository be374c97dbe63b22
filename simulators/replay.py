"""A recording and a video on LSL, in their own timing or faster."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.eeg.files import Recording, read_recording
from realtime.errors import ConfigurationError
from realtime.face.capture import FileCapture
from realtime.lsl.outlets import EegOutlet, MarkerOutlet, VideoOutlet
from realtime.packets import EegInfo, VideoInfo
from simulators.pushers import EegPusher, MarkerPusher, Pusher, RecordedTimes, TimedText
from simulators.streams import PushedStreams, film_pusher

MARKERS_NAME = "emostream-markers"


class Replay(PushedStreams):
    """Streams of a recorded session, which nothing tells from a live one.

    'emostream-eeg' and, as a stream of type 'Markers', 'emostream-markers' with the recording's markers and one
    ``{"event": "end_of_file", "stream": ...}`` when a file is over; 'emostream-video' and 'emostream-frames'. Recording
    and video begin together. When a file is over its stream stays, silent, until `stop`.

    Parameters
    ----------
    recording : Path or None
        Anything `realtime.eeg.files.read_recording` reads.
    video : Path or None
        Any video OpenCV reads.
    speed : float
        Times real time. Stamps keep the recorded distances.
    loop : bool
        Start again at the end; each file at its own, without a pause.
    tag : str
        Source ids are `tag` plus '-eeg', '-markers', '-video', '-video-frames'.
    clock : callable
        LSL seconds.

    Raises
    ------
    ConfigurationError
        Neither recording nor video, or a speed that is not positive.
    DataError
        A file that cannot be read.
    """

    def __init__(
        self,
        recording: Path | None,
        video: Path | None = None,
        *,
        speed: float = 1.0,
        loop: bool = False,
        tag: str = "emostream-replay",
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        if recording is None and video is None:
            raise ConfigurationError("nothing to replay: give an EEG recording, or a video with --video, or both")
        if not speed > 0:
            raise ConfigurationError(f"cannot replay at {speed} times real time: wanted a positive speed")
        # everything is read before anything is on LSL: a file that fails leaves no stream behind
        eeg = read_recording(recording) if recording is not None else None
        film = FileCapture(video) if video is not None else None
        texts = _SharedMarkers(MarkerOutlet(MARKERS_NAME, f"{tag}-markers"))
        pushers: list[Pusher] = []
        close: list[Callable[[], None]] = [texts.close]
        if eeg is not None:
            rate = eeg.info.sfreq_hz
            samples = EegOutlet(EegInfo("emostream-eeg", f"{tag}-eeg", eeg.info.channels, rate))
            total = None if loop else eeg.samples_uv.shape[1]
            times = RecordedTimes(eeg.stamps_s, eeg.duration_s)
            pushers.append(
                EegPusher(samples, _reader(eeg.samples_uv), rate, total, times=times, speed=speed, clock=clock)
            )
            pushers[-1].on_end = texts.announcer("emostream-eeg")
            close.append(samples.close)
            markers = replay_markers(eeg, loop=loop)
            pushers.append(MarkerPusher(texts, markers, speed=speed, clock=clock))
        if film is not None:
            info = film.info
            frames = VideoOutlet(
                VideoInfo("emostream-video", f"{tag}-video", info.width, info.height, info.planes, info.fps)
            )
            pushers.append(film_pusher(frames, film, loop=loop, speed=speed, clock=clock))
            pushers[-1].on_end = texts.announcer("emostream-video")
            close.append(frames.close)
        super().__init__(pushers, close, clock)


def replay_markers(eeg: Recording, *, loop: bool) -> Iterator[TimedText]:
    """A recording's markers in order of time; with `loop` again and again, each time a recording's length later."""
    markers = sorted(eeg.markers)
    for turn in count() if loop and markers else range(1):
        for onset_s, text in markers:
            yield TimedText(turn * eeg.duration_s + onset_s, _constant(text))


def _constant(text: str) -> Callable[[float], str]:
    return lambda _start_s: text


class _SharedMarkers:
    """A marker outlet that all workers of a replay may push to, each from its thread."""

    def __init__(self, outlet: MarkerOutlet) -> None:
        self._outlet = outlet
        self._lock = threading.Lock()

    def push(self, text: str, stamp: float, /) -> None:
        with self._lock:
            self._outlet.push(text, stamp)

    def announcer(self, stream: str) -> Callable[[float], None]:
        text = json.dumps({"event": "end_of_file", "stream": stream})
        return lambda stamp: self.push(text, stamp)

    def close(self) -> None:
        self._outlet.close()


def _reader(samples_uv: NDArray) -> Callable[[int, int], NDArray]:
    length = samples_uv.shape[1]

    def read(first: int, n: int) -> NDArray:
        start = first % length
        if start + n <= length:
            return samples_uv[:, start : start + n]
        return np.take(samples_uv, np.arange(start, start + n), axis=1, mode="wrap")

    return read
