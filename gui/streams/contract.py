"""What the dashboard reads: the streams of the contract, what is on the network, and what one poll hands over."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pylsl

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
)
from gui.streams.session_messages import ReplayState, StimulusEvent
from gui.streams.tuning_messages import EngineTuning, TuningAnswer
from realtime.lsl.results import SHOWN_POWER_NAME
from realtime.packets import EegChunk, EegInfo, StreamState, VideoFrame
from realtime.session.events import CONTROL, RECORDER, REPLAY, STIMULUS, TUNING

OF_ENGINE = frozenset(
    {"emotions", "band power", "shown bands", "quality", "face", "mesh", "movements", "images", "health"}
)
"""Keys of `WANTED` that an engine sends."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A stream of the contract: what it is called here, its LSL type, its name ('' for any), if silence is news.

    Of one with several `senders` all are read; of any other, one. One that is `passing` comes and goes as somebody
    wants it: that it is gone is no loss.
    """

    key: str
    stream_type: str
    name: str = ""
    steady: bool = False
    senders: bool = False
    passing: bool = False


WANTED: tuple[Wanted, ...] = (
    Wanted("eeg", "EEG", steady=True),
    Wanted("video", "VideoRaw", steady=True),
    Wanted("emotions", "Emotion", "emostream-emotions", steady=True),
    Wanted("band power", "BandPower", "emostream-bandpower", steady=True),
    Wanted("shown bands", "BandPower", SHOWN_POWER_NAME, passing=True),
    Wanted("quality", "SignalQuality", "emostream-quality", steady=True),
    Wanted("face", "FaceMotion", "emostream-face", steady=True),
    Wanted("mesh", "FaceMesh", "emostream-mesh"),
    Wanted("movements", "Markers", "emostream-movements"),
    Wanted("images", "MovementImages", "emostream-movement-images"),
    Wanted("health", "Markers", "emostream-health", steady=True),
    Wanted("truth", "Markers", "emostream-truth"),
    Wanted("control", "Markers", CONTROL, senders=True),
    Wanted("tuning", "Markers", TUNING, senders=True),
    Wanted("recorder", "Markers", RECORDER, senders=True),
    Wanted("stimulus", "Markers", STIMULUS, senders=True),
    Wanted("replay", "Markers", REPLAY, senders=True),
)


@dataclass(frozen=True, slots=True)
class Link:
    """This dashboard's own connection to one stream of the contract."""

    key: str
    name: str
    state: StreamState
    age_s: float = math.nan
    rate_hz: float = 0.0
    received: int = 0
    error: str = ""
    found: bool = False
    uid: str = ""


@dataclass(frozen=True, slots=True)
class FoundStream:
    """A stream on the network, as its short description tells it; a rate of 0 is an irregular one's."""

    uid: str
    name: str
    stream_type: str
    source_id: str
    host: str
    channels: int
    rate_hz: float

    @classmethod
    def of(cls, info: pylsl.StreamInfo) -> FoundStream:
        """What an info says."""
        return cls(
            info.uid(),
            info.name(),
            info.type(),
            info.source_id(),
            info.hostname(),
            info.channel_count(),
            info.nominal_srate(),
        )


@dataclass(frozen=True, slots=True)
class Described:
    """Channel labels and units of a stream; both empty where it describes none, `error` where it did not answer."""

    labels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """What arrived since the last poll, oldest first; None or empty where nothing did."""

    eeg: tuple[tuple[EegInfo, EegChunk], ...] = ()
    frame: VideoFrame | None = None
    emotions: tuple[tuple[EmotionModel, EmotionSample], ...] = ()
    bands: BandSample | None = None
    quality: QualitySample | None = None
    face: FaceSample | None = None
    mesh: MeshSample | None = None
    movements: tuple[MovementEvent, ...] = ()
    pictures: tuple[MovementPictures, ...] = ()
    health: HealthReport | None = None
    truth: tuple[TruthEvent | MovementEvent, ...] = ()
    notes: tuple[OperatorNote, ...] = ()
    recorder: RecorderState | None = None
    stimuli: tuple[StimulusEvent, ...] = ()
    replay: ReplayState | None = None
    tunings: tuple[EngineTuning | TuningAnswer, ...] = ()


def is_of_engine(source_id: str, engine: str) -> bool:
    """Whether that engine ('emostream run --name') has this source id; any has where `engine` is ''."""
    return not engine or source_id.startswith(f"{engine}@")


def choose(
    found: list[pylsl.StreamInfo], wanted: Wanted, preferred: str = "", engine: str = ""
) -> pylsl.StreamInfo | None:
    """The stream to read for `wanted`: the source id that was asked for, else ours before others, by name and id.

    Of an engine's results only those of `engine`, where one is named ('emostream run --name').
    """
    fits = [i for i in found if i.type() == wanted.stream_type and wanted.name in ("", i.name())]
    if wanted.key in OF_ENGINE:
        fits = [i for i in fits if is_of_engine(i.source_id(), engine)]
    return min(
        fits,
        key=lambda i: (
            not (preferred and i.source_id() == preferred),
            not i.name().startswith("emostream"),
            i.name(),
            i.source_id(),
            i.uid(),
        ),
        default=None,
    )
