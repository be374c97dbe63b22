"""The live runner: LSL readers feed the engine, its results go to the sinks.

Two reader threads push into the engine, EEG and video apart; a third hears the truth of a simulated session. The
caller's thread only calls `step` about every 0.2 s, which publishes health once a second.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

import pylsl

from realtime.calibrate.person import PersonCalibration
from realtime.config import Config
from realtime.engine import Engine
from realtime.interfaces import Recognizer, Sink
from realtime.lsl.inlets import EegReader, MarkerReader, VideoReader
from realtime.lsl.now import local_clock
from realtime.packets import (
    Beginning,
    EegChunk,
    EegInfo,
    FaceObservation,
    GapRecord,
    Marker,
    Prediction,
    Result,
    StreamHealth,
    VideoFrame,
    VideoInfo,
)
from realtime.shedding import Shed, Shedding
from realtime.summary import Tally, percentiles_ms
from realtime.truth import Truth

_SHED_KEPT = 256
_CATCH_UP_S = 1.0


class LiveRunner:
    """Runs an engine on live streams.

    Parameters
    ----------
    recognizer : Recognizer
    eeg, video : pylsl.StreamInfo or None
        Resolved streams; at least one of them.
    truth : callable, optional
        Returns the stream of a simulated session's truth, or None. Called here while EEG is kept that arrives already,
        so it may take its time; what it raises ends all.
    sinks : callable
        Called once with the EEG source's info (or None); returns the sinks that take every result. Called here, for
        what is published depends on what was found.
    config, calibration : see `Engine`
    clock : callable
        LSL seconds.

    Raises
    ------
    MontageError, ConfigurationError
        As `Engine`.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        eeg: pylsl.StreamInfo | None,
        video: pylsl.StreamInfo | None,
        truth: Callable[[], pylsl.StreamInfo | None] | None,
        sinks: Callable[[EegInfo | None], Sequence[Sink]],
        config: Config,
        calibration: PersonCalibration | None = None,
        clock: Callable[[], float] = local_clock,
    ) -> None:
        self.tally = Tally(recognizer.spec)
        self.truth = Truth()
        self._at_stop: list[StreamHealth] | None = None
        self._clock = clock
        self._eeg = EegReader(eeg, _nobody, config.lsl, clock) if eeg is not None else None
        self._video: VideoReader | None = None
        self._truth: MarkerReader | None = None
        self._ages_from_s = math.inf
        with ExitStack() as undo:
            if self._eeg is not None:
                undo.callback(self._eeg.stop)
                # the first prediction waits for seconds of signal: they begin here
                self._eeg.subscribe()
            if video is not None:
                self._video = VideoReader(video, _nobody, config.lsl, clock)
                undo.callback(self._video.stop)
            if truth is not None and (found := truth()) is not None:
                self._truth = MarkerReader(found, self._on_truth, config.lsl, clock)
            eeg_info = self._eeg.info if self._eeg else None
            self.engine = Engine(
                recognizer, eeg=eeg_info, has_video=self._video is not None, config=config, calibration=calibration
            )
            self._sinks: tuple[Sink, ...] = tuple(sinks(eeg_info))
            undo.pop_all()
        self._shedding = Shedding(self._video.info.fps if self._video else 0.0, allowed=config.session.shed)
        self._shed: deque[int] = deque(maxlen=_SHED_KEPT)
        self._feed(self.engine)

    def begin_anew(self, from_s: float) -> None:
        """To packets stamped `from_s` or later an engine answers that has seen nothing yet; stamps are smoothed anew.

        So all its answers rest on what a recording that has just begun holds, and 'emostream analyze' gives them
        again. Any thread; the readers go on as if nothing had happened.
        """
        self.engine = self.engine.anew()
        self._feed(self.engine, from_s)

    def _feed(self, engine: Engine, from_s: float = -math.inf) -> None:
        if self._eeg:
            self._eeg.hand_over(partial(self._on_chunk, engine), from_s)
        if self._video:
            self._video.hand_over(partial(self._on_frame, engine), from_s)

    @property
    def beginning(self) -> Beginning:
        """The first inputs of the engine that answers now."""
        return self.engine.beginning

    def missed_frames(self) -> list[tuple[int, int]]:
        """First and last index of the newest holes in the video as it was read here, since the last call."""
        missed = self._video.missed if self._video else ()
        spans = [missed.popleft() for _ in range(len(missed))] if missed else []
        return sorted([*spans, *((index, index) for index in (self._shed.popleft() for _ in range(len(self._shed))))])

    @property
    def shed(self) -> Shed:
        """What is given up at present because the machine is too busy."""
        return self._shedding.now

    def newest_gaps(self) -> list[GapRecord]:
        """The newest gaps found in the inputs."""
        return [gap for reader in self._inputs() for gap in tuple(reader.gap_log)]

    @property
    def eeg_info(self) -> EegInfo | None:
        """The EEG source, or None."""
        return self._eeg.info if self._eeg else None

    @property
    def video_info(self) -> VideoInfo | None:
        """The video source, or None."""
        return self._video.info if self._video else None

    def start(self) -> None:
        """Start the reader threads."""
        # what came while the engine was made is older than the link makes it
        self._ages_from_s = self._clock() + _CATCH_UP_S
        for reader in self._readers():
            reader.start()

    def stop(self) -> None:
        """Stop the reader threads and wait for them; safe to call twice.

        Raises
        ------
        Exception
            What the engine or a sink raised in a reader's thread, if it did.
        """
        before = self.health()
        try:
            with ExitStack() as stack:
                for reader in self._readers():
                    stack.callback(reader.stop)
        finally:
            # links as they were, counts with what the threads still took
            self._at_stop = self._at_stop or [
                replace(was, received=reader.received, lost=reader.lost)
                for was, reader in zip(before, self._inputs(), strict=True)
            ]

    def check(self) -> None:
        """Raise what the engine or a sink raised in a reader's thread, if it did."""
        for reader in self._readers():
            if reader.failure is not None:
                raise reader.failure

    def health(self) -> list[StreamHealth]:
        """Link health of the inputs, EEG first; after `stop`, as it was just before."""
        if self._at_stop is not None:
            return self._at_stop
        return [reader.health() for reader in self._inputs()]

    def latency_ms(self) -> dict[str, float]:
        """Sample stamped -> prediction, newest 200 predictions."""
        return percentiles_ms(self.tally.recent_latency_s)

    def summary(self) -> dict[str, object]:
        """The JSON summary; call it after `stop`."""
        health = self.health()
        eeg = (self._eeg.info, health[0]) if self._eeg else None
        video = (self._video.info, health[-1]) if self._video else None
        notes = [reader.note for reader in self._inputs() if reader.note is not None]
        return self.tally.summary(eeg=eeg, video=video, truth=self.truth if self._truth else None, notes=notes)

    def _inputs(self) -> list[EegReader | VideoReader]:
        return [reader for reader in (self._eeg, self._video) if reader is not None]

    def _readers(self) -> list[EegReader | VideoReader | MarkerReader]:
        return [reader for reader in (self._truth, self._eeg, self._video) if reader is not None]

    def _on_truth(self, marker: Marker) -> None:
        self.truth.push(marker)

    def _on_chunk(self, engine: Engine, chunk: EegChunk) -> None:
        came_s = self._clock()
        if came_s >= self._ages_from_s:
            self.tally.eeg_age_s.append(came_s - float(chunk.stamps[-1]))
        self._publish(engine.push_eeg(chunk))
        now_s = self._clock()
        self._shedding.note(now_s, now_s - float(chunk.stamps[-1]))

    def _on_frame(self, engine: Engine, frame: VideoFrame) -> None:
        self.tally.video_age_s.append(self._clock() - frame.stamp)
        if not self._shedding.evaluates(frame.index):
            self._shed.append(frame.index)
            return
        results = engine.push_frame(frame)
        self._publish(results)
        if any(isinstance(result, FaceObservation) for result in results):
            self.tally.event_latency_s.append(self._clock() - frame.stamp)

    def _publish(self, results: Sequence[Result]) -> None:
        # predictions are waited for: all else, the counting too, comes after them; each kind has a stream of its own
        for result in sorted(results, key=lambda result: not isinstance(result, Prediction)):
            if isinstance(result, Prediction):
                result = replace(result, latency_s=self._clock() - result.stamp)
            if (out := self._shedding.published(result)) is not None:
                for sink in self._sinks:
                    sink.write(out)
            self.tally.write(result)


def _nobody(_packet: object) -> None:
    """Stands in until there is an engine: readers are opened first, for the engine is made for what they found."""
    raise AssertionError("a packet was read before there was an engine")
