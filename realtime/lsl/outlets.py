"""All outlets and what decodes their samples, under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from realtime.errors import DataError
from realtime.lsl.base import Outlet
from realtime.lsl.codecs import (
    EmotionSample,
    MovementImages,
    decode_emotion,
    decode_event,
    decode_movement_images,
    decode_video_sample,
)
from realtime.lsl.description import read_channels, read_section
from realtime.lsl.results import (
    BandPowerOutlet,
    ControlOutlet,
    EmotionOutlet,
    FaceOutlet,
    HealthOutlet,
    MovementOutlet,
    QualityOutlet,
)
from realtime.lsl.sink import LslSink
from realtime.lsl.sources import EegOutlet, MarkerOutlet, VideoOutlet

if TYPE_CHECKING:
    import pylsl

__all__ = [
    "BandPowerOutlet",
    "ControlOutlet",
    "EegOutlet",
    "EmotionOutlet",
    "EmotionSample",
    "FaceOutlet",
    "HealthOutlet",
    "LslSink",
    "MarkerOutlet",
    "MovementImages",
    "MovementOutlet",
    "Outlet",
    "QualityOutlet",
    "VideoOutlet",
    "decode_emotion",
    "decode_event",
    "decode_movement_images",
    "decode_video_sample",
    "emotion_labels",
    "emotion_model",
]


def emotion_labels(info: pylsl.StreamInfo) -> tuple[str, ...]:
    """Class names of an emotion stream, in the order of its first channels.

    `info` must be a full one (`StreamInlet.info()` or a reader's `lsl_info`).

    Raises
    ------
    DataError
        The stream's description names no emotion.
    """
    labels = tuple(c.label for c in read_channels(info) if c.type == "Emotion")
    if not labels:
        raise DataError(f"LSL stream '{info.name()}' describes no emotion channels: emostream did not write it")
    return labels


def emotion_model(info: pylsl.StreamInfo) -> dict[str, str]:
    """The model behind an emotion stream: 'id', 'trained_on', 'simulated' ('1' or '0')."""
    return read_section(info, "model", ("id", "trained_on", "simulated"))
