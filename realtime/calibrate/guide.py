"""The live part: tells what to do, phase by phase, and keeps the EEG and the face's noise of each."""

from __future__ import annotations

import time
from collections.abc import Callable

import pylsl

from realtime.calibrate.phases import Timed, schedule
from realtime.config import Config
from realtime.errors import ConfigurationError, DataError
from realtime.face.pipeline import FacePipeline
from realtime.face.spotter import FaceNoise
from realtime.lsl.inlets import EegReader, VideoReader
from realtime.packets import EegChunk, EegInfo, FaceObservation, VideoFrame, VideoInfo

_HEAD_START_S = 1.0
_FIRST_DATA_S = 5.0
_LATE_DATA_S = 5.0
_STEP_S = 0.05
_NEUTRAL = "neutral"


class Guide:
    """Reads a headset and a camera while a person follows the phases.

    EEG and frames are taken in the readers' threads; `step` is called by the command, about every 50 ms.

    Parameters
    ----------
    eeg, video : pylsl.StreamInfo or None
        At least one.
    config : Config
    announce : callable
        Takes each phase when it begins.
    clock : callable
        LSL seconds.

    Raises
    ------
    ConfigurationError
        Neither EEG nor video.
    """

    def __init__(
        self,
        eeg: pylsl.StreamInfo | None,
        video: pylsl.StreamInfo | None,
        config: Config,
        announce: Callable[[Timed], object],
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        if eeg is None and video is None:
            raise ConfigurationError("--no-eeg and --no-video together leave nothing to calibrate: drop one")
        self._announce, self._clock = announce, clock
        self._eeg = EegReader(eeg, self._on_chunk, config.lsl, clock) if eeg is not None else None
        self._video = VideoReader(video, self._on_frame, config.lsl, clock) if video is not None else None
        self._face = FacePipeline(config.face) if video is not None else None
        self._neutral_s = (float("inf"), float("inf"))
        self._announced = 0
        self.chunks: list[EegChunk] = []
        """EEG from the first signal to the end, in order; without a gap."""
        self.phases: tuple[Timed, ...] = ()
        """When each phase was, once `run` has begun."""
        self.frames = self.faces = 0
        """Frames of the neutral phase that were evaluated, and those of them with a face."""

    @property
    def eeg_info(self) -> EegInfo | None:
        """The headset, or None."""
        return self._eeg.info if self._eeg is not None else None

    @property
    def video_info(self) -> VideoInfo | None:
        """The camera, or None."""
        return self._video.info if self._video is not None else None

    def noise(self) -> FaceNoise | None:
        """What the neutral phase taught of the face's noise; None without video."""
        return self._face.noise() if self._face is not None else None

    def run(self, seconds: float) -> None:
        """Go through all phases, `seconds` in all, those of EEG left out where there is none; blocks.

        Raises
        ------
        DataError
            A stream is gone, or lost samples: an ICA over a gap is worth nothing. One that only stood still, and then
            caught up, is as good as any.
        """
        readers = [reader for reader in (self._eeg, self._video) if reader is not None]
        for reader in readers:
            reader.start()
        try:
            self._wait_for_data(readers)
            self.begin(self._clock() + _HEAD_START_S, seconds)
            while self.step(self._clock()):
                for reader in readers:
                    _require_connected(reader)
                time.sleep(_STEP_S)
            self._wait_for_late_data(readers)
        finally:
            for reader in readers:
                reader.stop()
        if self._eeg is not None and (lost := self._eeg.lost):
            raise DataError(f"EEG stream '{self._eeg.name}' lost {lost} samples during calibration: start again")

    def begin(self, start_s: float, seconds: float) -> None:
        """Lay the phases out from `start_s`, LSL s; without EEG only those of the face."""
        self.phases = schedule(start_s, seconds, eeg=self._eeg is not None)
        self._neutral_s = next(timed.used for timed in self.phases if timed.phase.name == _NEUTRAL)

    def step(self, now_s: float) -> bool:
        """Announce the phase that has begun, if one has; False when all are over."""
        while self._announced < len(self.phases) and now_s >= self.phases[self._announced].start_s:
            self._announce(self.phases[self._announced])
            self._announced += 1
        return now_s < self.phases[-1].end_s

    def _wait_for_data(self, readers: list[EegReader | VideoReader]) -> None:
        deadline_s = time.monotonic() + _FIRST_DATA_S
        while any(reader.received == 0 for reader in readers):
            if time.monotonic() > deadline_s:
                silent = next(reader for reader in readers if reader.received == 0)
                raise DataError(f"stream '{silent.name}' sent nothing for {_FIRST_DATA_S:g} s: check its program")
            time.sleep(_STEP_S)

    def _wait_for_late_data(self, readers: list[EegReader | VideoReader]) -> None:
        deadline_s = time.monotonic() + _LATE_DATA_S
        while silent := [reader for reader in readers if reader.state == "stale"]:
            if time.monotonic() > deadline_s:
                raise DataError(f"stream '{silent[0].name}' stalled during calibration: start again")
            time.sleep(_STEP_S)

    def _on_chunk(self, chunk: EegChunk) -> None:
        if self.phases and self.phases[0].start_s <= chunk.stamps[-1] and chunk.stamps[0] <= self.phases[-1].end_s:
            self.chunks.append(chunk)

    def _on_frame(self, frame: VideoFrame) -> None:
        start_s, end_s = self._neutral_s
        if self._face is not None and start_s <= frame.stamp <= end_s:
            for result in self._face.push(frame):
                if isinstance(result, FaceObservation):
                    self.frames += 1
                    self.faces += result.score > 0


def _require_connected(reader: EegReader | VideoReader) -> None:
    if reader.failure is not None:
        raise reader.failure
    if reader.state == "lost":
        raise DataError(f"stream '{reader.name}' was lost during calibration: start again")
