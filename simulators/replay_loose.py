"""Loose files as workers of a replay: an EEG recording, a video, or both, that begin together."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.eeg.recording import Recording
from realtime.errors import DataError
from realtime.face.capture import FileCapture
from realtime.face.films import film_facts
from realtime.lsl.outlets import EegOutlet, MarkerOutlet, VideoOutlet
from realtime.packets import EegInfo, Float64, VideoFrame, VideoInfo
from simulators.playback import FrameTrack, RecordedTimes, SampleTrack, TextTrack, TimedSend, Track
from simulators.timeline import Timeline

MARKERS_NAME = "emostream-markers"


class LooseFilm:
    """A video in its own timing, from 0 on; frames are numbered as they come in it.

    Parameters
    ----------
    path : Path
        Any video OpenCV reads.
    loop : bool
        Begin again at the end, without a pause, and count on.

    Raises
    ------
    DataError
        No such file, or no video.
    """

    def __init__(self, path: Path, *, loop: bool = False) -> None:
        self._capture, self._loop = FileCapture(path), loop
        self.info = self._capture.info
        self._frames = iter(self._capture)
        self._hand: VideoFrame | None = None
        self._begin_s, self._first = 0.0, 0  # stamp and number of the first frame of this turn
        self._turn: tuple[float, int] | None = None  # a turn's length in s and frames, once it is known
        self._newest: VideoFrame | None = None

    def read(self) -> VideoFrame | None:
        """The next frame; None at the end."""
        frame, self._hand = self._hand, None
        if frame is not None:
            return frame
        frame = next(self._frames, None)
        if frame is None and self._loop and self._newest is not None:
            self._turn = (self._newest.stamp + 1.0 / self.info.fps, self._newest.index + 1)
            self._restart(self._begin_s + self._turn[0], self._first + self._turn[1])
            frame = next(self._frames, None)
        if frame is None:
            return None
        self._newest = frame
        return VideoFrame(frame.image, self._begin_s + frame.stamp, self._first + frame.index)

    def seek(self, time_s: float) -> int:
        """The next frame is the first one at a time or later; how many were left out on the way there."""
        at_s = self._begin_s if self._newest is None else self._begin_s + self._newest.stamp
        if time_s <= at_s:
            turns = int(time_s // self._turn[0]) if self._turn is not None else 0
            length_s, count = self._turn or (0.0, 0)
            self._restart(turns * length_s, turns * count)
        left_out = -1
        while True:
            frame, left_out = self.read(), left_out + 1
            if frame is None or frame.stamp >= time_s - 1e-9:
                self._hand = frame
                return left_out

    def close(self) -> None:
        """Close the file."""
        self._frames = iter(())

    def _restart(self, begin_s: float, first: int) -> None:
        self._begin_s, self._first = begin_s, first
        self._frames, self._hand, self._newest = iter(self._capture), None, None


def loose_length_s(eeg: Recording | None, video: Path | None) -> float:
    """Seconds to the last sample or frame, as far as the video's header is right."""
    ends = [float(eeg.stamps_s[-1])] if eeg is not None else []
    if video is not None:
        try:
            facts = film_facts(video)
            ends.append((facts.frames - 1) / facts.fps)
        except DataError:
            pass  # a stream of frames without a length: where it ends is seen when it does
    return max(ends, default=0.0)


def loose_tracks(
    eeg: Recording | None,
    film: LooseFilm | None,
    timeline: Timeline,
    tag: str,
    clock: Callable[[], float],
    *,
    loop: bool,
) -> tuple[list[Track], list[Callable[[], None]]]:
    """Open the outlets of loose files; workers that feed them, and what closes them.

    'emostream-eeg', 'emostream-markers' (with one ``{"event": "end_of_file", "stream": ...}`` when a file is over),
    'emostream-video', 'emostream-frames'; source ids are `tag` plus '-eeg', '-markers', '-video', '-video-frames'.
    """
    texts = _SharedMarkers(MarkerOutlet(MARKERS_NAME, f"{tag}-markers"))
    tracks: list[Track] = []
    close: list[Callable[[], None]] = [texts.close]
    if eeg is not None:
        samples = EegOutlet(EegInfo("emostream-eeg", f"{tag}-eeg", eeg.info.channels, eeg.info.sfreq_hz))
        tracks.append(_eeg_track(eeg, samples, timeline, clock, loop=loop))
        tracks[-1].on_end = texts.announcer("emostream-eeg")
        close.append(samples.close)
        markers = [TimedSend(at_s, texts.sender(text)) for at_s, text in sorted(eeg.markers)]
        every_s = eeg.duration_s if loop else None
        tracks.append(TextTrack("markers", timeline, markers, every_s=every_s, clock=clock))
    if film is not None:
        info = film.info
        frames = VideoOutlet(
            VideoInfo("emostream-video", f"{tag}-video", info.width, info.height, info.planes, info.fps)
        )
        tracks.append(FrameTrack("video", timeline, frames, film, clock))
        tracks[-1].on_end = texts.announcer("emostream-video")
        close += [frames.close, film.close]
    return tracks, close


def _eeg_track(
    eeg: Recording, outlet: EegOutlet, timeline: Timeline, clock: Callable[[], float], *, loop: bool
) -> SampleTrack:
    samples_uv = eeg.samples_uv
    length = samples_uv.shape[1]

    def push(first: int, n: int, stamps: Float64) -> None:
        start = first % length
        if start + n <= length:
            outlet.push(samples_uv[:, start : start + n], stamps)
        else:
            outlet.push(_wrapped(samples_uv, start, n), stamps)

    times = RecordedTimes(eeg.stamps_s, eeg.duration_s)
    return SampleTrack("eeg", timeline, push, times, None if loop else length, eeg.info.sfreq_hz, clock)


def _wrapped(samples_uv: NDArray, start: int, n: int) -> NDArray:
    return np.take(samples_uv, np.arange(start, start + n), axis=1, mode="wrap")


class _SharedMarkers:
    """A marker outlet that all workers of a replay may push to, each from its thread."""

    def __init__(self, outlet: MarkerOutlet) -> None:
        self._outlet = outlet
        self._lock = threading.Lock()

    def push(self, text: str, stamp: float, /) -> None:
        with self._lock:
            self._outlet.push(text, stamp)

    def sender(self, text: str) -> Callable[[float], None]:
        return lambda stamp: self.push(text, stamp)

    def announcer(self, stream: str) -> Callable[[float], None]:
        return self.sender(json.dumps({"event": "end_of_file", "stream": stream}))

    def close(self) -> None:
        self._outlet.close()
