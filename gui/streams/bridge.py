"""From LSL to the screen: one reader thread a stream, bounded slots in between, one poll from the GUI's timer.

The GUI thread never touches an inlet. A discovery thread looks for the streams of the contract twice a second,
opens each when it appears and opens it anew when its source comes back different.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import pylsl

from gui.streams.band_baseline import rest_from
from gui.streams.contract import WANTED, Batch, FoundStream, Link, Wanted, choose, is_of_engine
from gui.streams.describing import Descriptions
from gui.streams.messages import (
    BandSample,
    EmotionModel,
    EmotionSample,
    FaceSample,
    HealthReport,
    MeshSample,
    MovementEvent,
    MovementPictures,
    OperatorNote,
    QualitySample,
    RecorderState,
    TruthEvent,
    band_layout,
    emotion_from,
    found_from,
    health_from,
    note_from,
    recorder_from,
    truth_from,
)
from gui.streams.session_messages import ReplayState, StimulusEvent, replay_from, stimulus_from
from gui.streams.tuning_messages import EngineTuning, TuningAnswer, tuning_from
from realtime.config import LslConfig
from realtime.errors import DataError, EmostreamError, StreamNotFoundError
from realtime.lsl import session
from realtime.lsl.description import read_section
from realtime.lsl.inlets import EegReader, MarkerReader, SampleChunk, SampleReader, VideoReader
from realtime.lsl.listen import MarkerListener
from realtime.lsl.outlets import decode_movement_images, emotion_labels, emotion_model
from realtime.lsl.reader import Reader
from realtime.packets import EegChunk, EegInfo, Marker, VideoFrame
from realtime.ring import BoundedQueue

__all__ = ["WANTED", "Batch", "Bridge", "FoundStream", "Link", "Wanted", "choose"]

T = TypeVar("T")

SEARCH_S = 0.5
FORGET_S = 5.0
SILENT_AFTER_S = 2.0


class Bridge:
    """Joins the streams of the session, late ones too, and keeps what the screen has not shown yet.

    Parameters
    ----------
    config : LslConfig, optional
    clock : callable, optional
        LSL seconds.
    search : callable, optional
        Lists the streams that are there at present, at once; by default a resolver of LSL's that looks all the time.
    engine : str
        Name of the engine whose results are read, where there are several; '' for whichever is there.
    """

    def __init__(
        self,
        config: LslConfig | None = None,
        clock: Callable[[], float] = pylsl.local_clock,
        search: Callable[[], list[pylsl.StreamInfo]] | None = None,
        engine: str = "",
    ) -> None:
        self._config = config or LslConfig()
        self._clock = clock
        self._search = search
        self._engine = engine
        self._readers: dict[str, Reader] = {}
        self._lock = threading.Lock()
        self._lost_for: dict[str, int] = {}
        self._refused: dict[str, tuple[str, str]] = {}
        self._preferred: dict[str, str] = {}
        self._found: tuple[FoundStream, ...] = ()
        self.descriptions = Descriptions()
        self._heard = {wanted.key: 0 for wanted in WANTED if wanted.senders}
        self._infos: list[pylsl.StreamInfo] = []
        names = {wanted.name: wanted.key for wanted in WANTED if wanted.senders}
        self._listener = MarkerListener(
            names, lambda name, event, stamp: self._hear(names[name], event, stamp), config, clock, lambda: self._infos
        )
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._eeg: BoundedQueue[tuple[EegInfo, EegChunk]] = BoundedQueue(4096)
        self._frames: BoundedQueue[VideoFrame] = BoundedQueue(1)
        self._emotions: BoundedQueue[tuple[EmotionModel, EmotionSample]] = BoundedQueue(1024)
        self._bands: BoundedQueue[BandSample] = BoundedQueue(1)
        self._quality: BoundedQueue[QualitySample] = BoundedQueue(1)
        self._faces: BoundedQueue[FaceSample] = BoundedQueue(1)
        self._meshes: BoundedQueue[MeshSample] = BoundedQueue(1)
        self._movements: BoundedQueue[MovementEvent] = BoundedQueue(256)
        self._pictures: BoundedQueue[MovementPictures] = BoundedQueue(8)
        self._health: BoundedQueue[HealthReport] = BoundedQueue(1)
        self._truth: BoundedQueue[TruthEvent | MovementEvent] = BoundedQueue(256)
        self._notes: BoundedQueue[OperatorNote] = BoundedQueue(256)
        self._recorder: BoundedQueue[RecorderState] = BoundedQueue(1)
        self._stimuli: BoundedQueue[StimulusEvent] = BoundedQueue(256)
        self._replay: BoundedQueue[ReplayState] = BoundedQueue(1)
        self._tunings: BoundedQueue[EngineTuning | TuningAnswer] = BoundedQueue(64)

    def start(self) -> None:
        """Look for streams and read them, in threads of their own.

        Raises
        ------
        EmostreamError
            It already runs.
        """
        if self._thread is not None:
            raise EmostreamError("the dashboard's bridge already runs: stop it first")
        self._stopping.clear()
        self._thread = threading.Thread(target=self._discover, name="emostream-gui-discovery", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all threads and wait for them. A second call does nothing."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        with self._lock:
            readers, self._readers = list(self._readers.values()), {}
        # each waits out its own pull: together, so that closing the window takes a quarter of a second and not three
        stoppers = [threading.Thread(target=_stop, args=(reader,), name="emostream-gui-stop") for reader in readers]
        stoppers.append(threading.Thread(target=self._listener.stop, name="emostream-gui-stop"))
        for stopper in stoppers:
            stopper.start()
        for stopper in stoppers:
            stopper.join()

    def poll(self) -> Batch:
        """Take what arrived since the last call. GUI thread; never waits for a stream."""
        return Batch(
            eeg=tuple(self._eeg.drain()),
            frame=self._frames.get(),
            emotions=tuple(self._emotions.drain()),
            bands=self._bands.get(),
            quality=self._quality.get(),
            face=self._faces.get(),
            mesh=self._meshes.get(),
            movements=tuple(self._movements.drain()),
            pictures=tuple(self._pictures.drain()),
            health=self._health.get(),
            truth=tuple(self._truth.drain()),
            notes=tuple(self._notes.drain()),
            recorder=self._recorder.get(),
            stimuli=tuple(self._stimuli.drain()),
            replay=self._replay.get(),
            tunings=tuple(self._tunings.drain()),
        )

    def links(self) -> tuple[Link, ...]:
        """State of every stream of the contract, whether it is there or not. Any thread."""
        with self._lock:
            readers = dict(self._readers)
        return tuple(
            self._senders(wanted) if wanted.senders else self._link(wanted, readers.get(wanted.key))
            for wanted in WANTED
        )

    def found(self) -> tuple[FoundStream, ...]:
        """Every stream on the network as of the last search, sorted by name. Any thread."""
        return self._found

    def prefer(self, key: str, source_id: str) -> None:
        """Read the stream with this source id for `key`, as soon as it is there; '' for the usual one. Any thread."""
        self._preferred[key] = source_id

    def _senders(self, wanted: Wanted) -> Link:
        found = any(stream.name == wanted.name and stream.stream_type == wanted.stream_type for stream in self._found)
        received = self._heard[wanted.key]
        return Link(wanted.key, wanted.name, "live" if found else "waiting", received=received, found=found)

    def _link(self, wanted: Wanted, reader: Reader | None) -> Link:
        if reader is None:
            why = self._refused.get(wanted.key, ("", ""))[1]
            return Link(wanted.key, wanted.name or wanted.stream_type, "lost" if why else "waiting", error=why)
        health = reader.health()
        state = health.state
        if state == "waiting" and not wanted.steady:
            state = "live"
        if state == "live" and wanted.steady and health.age_s > SILENT_AFTER_S:
            state = "stale"
        why = reader.error or ""
        return Link(
            wanted.key, reader.name, state, health.age_s, health.rate_hz, health.received, why, True, reader.uid
        )

    def _discover(self) -> None:
        while not self._stopping.is_set():
            self.search_once()
            self._stopping.wait(SEARCH_S)

    def search_once(self) -> None:
        """Look for streams once and open those that are new. The discovery thread, or a test."""
        self._infos = found = self._visible()
        self._found = tuple(
            sorted((FoundStream.of(i) for i in found), key=lambda s: (s.name, s.source_id, s.host, s.uid))
        )
        for wanted in WANTED:
            if self._stopping.is_set():
                return
            preferred = self._preferred.get(wanted.key, "")
            if wanted.passing:
                self._leave_if_gone(wanted.key)
            left = self._refused.get(wanted.key, ("", ""))[0] if wanted.passing else ""
            there = [info for info in found if info.uid() != left] if left else found
            info = None if wanted.senders else choose(there, wanted, preferred, self._engine)
            if info is not None and self._may_open(wanted, info, preferred):
                self._open(wanted, info)
        self._listener.search_once()
        self.descriptions.answer(found, self._stopping.is_set)

    def _leave_if_gone(self, key: str) -> None:
        """Close the reader of a passing stream that has gone, and look at that stream no more."""
        reader = self._readers.get(key)
        if reader is None or reader.state != "lost":
            return
        self._refused[key] = (reader.uid, "")
        with self._lock:
            self._readers.pop(key)
        _stop(reader)

    def _hear(self, key: str, event: dict[str, Any], stamp: float) -> None:
        """Take what one of several senders says; one of the listener's threads at a time."""
        self._heard[key] += 1
        match key:
            case "control":
                _put(self._notes, note_from(event, stamp))
            case "recorder":
                _put(self._recorder, recorder_from(event, stamp))
            case "stimulus":
                _put(self._stimuli, stimulus_from(event, stamp))
            case "tuning":
                said = tuning_from(event, stamp)
                if said is not None and is_of_engine(said.engine, self._engine):
                    _put(self._tunings, said)
            case _:
                _put(self._replay, replay_from(event, stamp))

    def _visible(self) -> list[pylsl.StreamInfo]:
        if self._search is None:
            self._search = pylsl.ContinuousResolver(forget_after=FORGET_S).results
        return [info for info in self._search() if session.allows(info)]

    def _may_open(self, wanted: Wanted, info: pylsl.StreamInfo, preferred: str) -> bool:
        """True for a stream without reader, for the one that was asked for where another is read, and for one whose
        reader gave its restarted source two rounds in vain."""
        reader = self._readers.get(wanted.key)
        if reader is None:
            return self._refused.get(wanted.key, ("", ""))[0] != info.uid()
        if reader.state != "lost":
            self._lost_for[wanted.key] = 0
            asked_for = bool(preferred) and info.source_id() == preferred != reader.lsl_info.source_id()
            return asked_for and self._refused.get(wanted.key, ("", ""))[0] != info.uid()
        self._lost_for[wanted.key] = self._lost_for.get(wanted.key, 0) + 1
        return self._lost_for[wanted.key] > 2 and (reader.uid != info.uid() or reader.failure is not None)

    def _open(self, wanted: Wanted, info: pylsl.StreamInfo) -> None:
        with self._lock:
            old = self._readers.pop(wanted.key, None)
        if old is not None:
            _stop(old)
        try:
            reader = self._make_reader(wanted.key, info)
        except EmostreamError as err:
            # shown in the panel of the links until another stream of that kind appears
            gone = wanted.passing and isinstance(err, StreamNotFoundError)
            self._refused[wanted.key] = (info.uid(), "" if gone else str(err))
            return
        self._refused.pop(wanted.key, None)
        self._lost_for[wanted.key] = 0
        reader.start()
        with self._lock:
            self._readers[wanted.key] = reader

    def _make_reader(self, key: str, info: pylsl.StreamInfo) -> Reader:
        config, clock = self._config, self._clock
        match key:
            case "eeg":
                return self._eeg_reader(info)
            case "video":
                return VideoReader(info, _into(self._frames), config, clock)
            case "emotions":
                return self._emotion_reader(info)
            case "band power" | "shown bands":
                return self._band_reader(key, info)
            case "quality" | "face" | "mesh" | "images":
                return self._sample_reader(key, info)
            case _:
                return MarkerReader(info, self._marker_taker(key), config, clock)

    def _eeg_reader(self, info: pylsl.StreamInfo) -> EegReader:
        def take(chunk: EegChunk) -> None:
            self._eeg.put((reader.info, chunk))

        reader = EegReader(info, take, self._config, self._clock)
        return reader

    def _emotion_reader(self, info: pylsl.StreamInfo) -> SampleReader:
        def take(chunk: SampleChunk) -> None:
            nonlocal model, told_by
            if chunk.stream_id != told_by:
                # a restarted engine keeps its classes, or it is opened anew, but may run another model
                model, told_by = _model_behind(reader.lsl_info), chunk.stream_id
            for values, stamp in zip(chunk.values, chunk.stamps, strict=True):
                self._emotions.put((model, emotion_from(values, len(model.classes), float(stamp))))

        reader = SampleReader(info, take, self._config, self._clock)
        model, told_by = _model_behind(reader.lsl_info), reader.uid
        return reader

    def _band_reader(self, key: str, info: pylsl.StreamInfo) -> SampleReader:
        def take(chunk: SampleChunk) -> None:
            other = self._readers.get("shown bands") if key == "band power" else None
            if other is not None and other.state == "live":
                return  # somebody wants other bands on the screens than the model's
            power = chunk.values[-1].reshape(len(channels), len(bands))
            self._bands.put(BandSample(float(chunk.stamps[-1]), channels, bands, power, rest))

        reader = SampleReader(info, take, self._config, self._clock)
        channels, bands = band_layout(reader.labels)
        rest = rest_from(read_section(reader.lsl_info, "bandpower", ("rest",))["rest"], (len(channels), len(bands)))
        return reader

    def _sample_reader(self, key: str, info: pylsl.StreamInfo) -> SampleReader:
        def take(chunk: SampleChunk) -> None:
            values, stamp = chunk.values[-1], float(chunk.stamps[-1])
            if key == "quality":
                flags = {label: int(flag) for label, flag in zip(reader.labels, values, strict=True)}
                self._quality.put(QualitySample(stamp, flags))
            elif key == "face":
                self._faces.put(FaceSample(stamp, float(values[0]), regions, values[1:]))
            elif key == "mesh":
                self._meshes.put(MeshSample(stamp, values.reshape(-1, 2)))
            else:
                images = decode_movement_images(values)
                self._pictures.put(MovementPictures(stamp, images.onset_crop, images.apex_crop, images.flow))

        reader = SampleReader(info, take, self._config, self._clock)
        regions = tuple(label.removeprefix("motion_") for label in reader.labels[1:])
        if key == "mesh" and info.channel_count() % 2:
            raise DataError(f"face mesh stream with {info.channel_count()} numbers: x and y of each point are wanted")
        return reader

    def _marker_taker(self, key: str) -> Callable[[Marker], None]:
        def take(marker: Marker) -> None:
            match key:
                case "movements":
                    _put(self._movements, found_from(marker.text, marker.stamp))
                case "health":
                    _put(self._health, health_from(marker.text, marker.stamp))
                case _:
                    _put(self._truth, truth_from(marker.text, marker.stamp))

        return take


def _model_behind(info: pylsl.StreamInfo) -> EmotionModel:
    """What an emotion stream's full description says of its model."""
    said = emotion_model(info)
    return EmotionModel(emotion_labels(info), said["id"], said["trained_on"], said["simulated"].strip() == "1")


def _into(queue: BoundedQueue[T]) -> Callable[[T], None]:
    def take(item: T) -> None:
        queue.put(item)

    return take


def _put(queue: BoundedQueue[T], item: T | None) -> None:
    if item is not None:
        queue.put(item)


def _stop(reader: Reader) -> None:
    # what a callback raised was shown as the link's error; raising it again here would end the discovery thread
    with suppress(Exception):
        reader.stop()
