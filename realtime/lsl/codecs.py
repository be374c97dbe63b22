"""Payloads of our streams as plain functions: what a sample's numbers or text mean. No LSL call is made here."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from realtime.errors import DataError
from realtime.packets import Evidence, Float32, Marker, MicroMovement, Prediction, UInt8, VideoFrame, VideoInfo
from realtime.untrusted import parse_json

HEADER_BYTES = 8
"""Bytes after the pixels of a video sample: the frame index, little-endian int64."""
IMAGE_SIDE = 256
"""Side of the square images of a movement, px."""
FLOW_SCALE = 32.0
"""Flow is sent as int8 in steps of 1/32 px."""
N_LANDMARKS = 468
EMOTION_EXTRAS = ("confidence", "used_eeg", "used_face", "evidence", "eeg_age_s", "face_age_s")


@dataclass(frozen=True, slots=True)
class MovementImages:
    """Images of a movement.

    Parameters
    ----------
    onset_crop, apex_crop : (256, 256) uint8
    flow : (256, 256, 2) float32
        px of the crop, in steps of 1/32 px, clipped to [-4, 3.97].
    """

    onset_crop: UInt8
    apex_crop: UInt8
    flow: Float32


@dataclass(frozen=True, slots=True)
class EmotionSample:
    """One sample of the emotion stream.

    Parameters
    ----------
    probabilities : (n_classes,) float32
    by_modality : mapping
        'eeg' and 'face' -> (n_classes,) float32, where available.
    confidence : float
    modalities : tuple of str
    evidence : Evidence
    eeg_age_s, face_age_s : float
        NaN where not used.
    """

    probabilities: Float32
    by_modality: Mapping[str, Float32]
    confidence: float
    modalities: tuple[str, ...]
    evidence: Evidence
    eeg_age_s: float
    face_age_s: float


def video_sample_size(info: VideoInfo) -> int:
    """Channels of the video stream: one per byte of the picture, plus the header."""
    return info.width * info.height * info.planes + HEADER_BYTES


def encode_video_sample(frame: VideoFrame, info: VideoInfo, out: NDArray[np.int8]) -> None:
    """Write a frame into `out`, the (video_sample_size,) int8 buffer of its stream.

    Raises
    ------
    DataError
        The picture's size is not the stream's.
    """
    shape = (info.height, info.width) if info.planes == 1 else (info.height, info.width, info.planes)
    if frame.image.shape != shape:
        raise DataError(
            f"frame {frame.index} is {frame.image.shape}, the video stream '{info.name}' takes {shape}: "
            "resize the picture or open another stream"
        )
    raw = out.view(np.uint8)
    raw[:-HEADER_BYTES] = frame.image.reshape(-1)
    raw[-HEADER_BYTES:] = np.frombuffer(int(frame.index).to_bytes(HEADER_BYTES, "little", signed=True), np.uint8)


def decode_video_sample(sample: NDArray[np.int8], info: VideoInfo, stamp: float) -> VideoFrame:
    """Frame of one video sample; the picture is a copy, so the sample's buffer may be reused.

    Parameters
    ----------
    sample : (video_sample_size,) int8
    info : VideoInfo
    stamp : float
        LSL seconds.

    Raises
    ------
    DataError
        The sample's length does not fit `info`.
    """
    if sample.shape != (video_sample_size(info),):
        raise DataError(
            f"video sample of {sample.size} bytes does not fit {info.width}x{info.height}x{info.planes}: "
            f"{video_sample_size(info)} wanted"
        )
    raw = np.ascontiguousarray(sample).view(np.uint8)
    shape = (info.height, info.width) if info.planes == 1 else (info.height, info.width, info.planes)
    index = int.from_bytes(raw[-HEADER_BYTES:].tobytes(), "little", signed=True)
    return VideoFrame(raw[:-HEADER_BYTES].reshape(shape).copy(), stamp, index)


def encode_movement_images(movement: MicroMovement) -> NDArray[np.int8]:
    """(4 * 256 * 256,) int8: onset crop and apex crop (uint8 bytes), flow u and flow v in 1/32 px."""
    planes = np.empty((4, IMAGE_SIDE, IMAGE_SIDE), np.int8)
    planes[0] = movement.onset_crop.view(np.int8)
    planes[1] = movement.apex_crop.view(np.int8)
    scaled = np.rint(np.nan_to_num(movement.flow, nan=0.0) * FLOW_SCALE)
    planes[2:] = np.clip(scaled, -128, 127).astype(np.int8).transpose(2, 0, 1)
    return planes.reshape(-1)


def decode_movement_images(sample: NDArray[np.int8]) -> MovementImages:
    """Images of one sample of the stream 'emostream-movement-images'.

    Raises
    ------
    DataError
        The sample is not 4 planes of 256 x 256.
    """
    if sample.size != 4 * IMAGE_SIDE * IMAGE_SIDE:
        raise DataError(f"movement images of {sample.size} bytes: {4 * IMAGE_SIDE * IMAGE_SIDE} wanted")
    planes = np.array(sample, np.int8).reshape(4, IMAGE_SIDE, IMAGE_SIDE)
    flow = np.ascontiguousarray(planes[2:].transpose(1, 2, 0), np.float32) / np.float32(FLOW_SCALE)
    return MovementImages(planes[0].view(np.uint8), planes[1].view(np.uint8), flow)


def movement_json(movement: MicroMovement) -> str:
    """Marker text of a movement; times are LSL seconds."""
    return json.dumps(
        {
            "event": "movement",
            "kind": movement.kind,
            "onset_s": movement.onset_s,
            "apex_s": movement.apex_s,
            "offset_s": movement.offset_s,
            "decided_s": movement.decided_s,
            "score": movement.score,
            "regions": list(movement.regions),
        }
    )


def decode_event(marker: Marker | str) -> dict[str, Any]:
    """JSON object of one of our markers.

    Raises
    ------
    DataError
        The text is not a JSON object with an 'event' or a 'streams' key (another program's marker).
    """
    text = marker if isinstance(marker, str) else marker.text
    try:
        event = parse_json(text)
    except ValueError as err:
        raise DataError(f"marker {text[:60]!r} is not JSON ({err}): it was not written by emostream") from err
    if not isinstance(event, dict) or not ({"event", "streams"} & event.keys()):
        raise DataError(f"marker {text[:60]!r} has no 'event': it was not written by emostream")
    return event


def encode_emotion(prediction: Prediction, n_classes: int) -> Float32:
    """(3 * n_classes + 6,) float32: fused, EEG-only and face-only probabilities, then `EMOTION_EXTRAS`.

    Raises
    ------
    DataError
        The prediction has another number of classes.
    """
    if prediction.probabilities.shape != (n_classes,):
        raise DataError(
            f"prediction with {prediction.probabilities.size} classes for a stream of {n_classes}: "
            "open the emotion stream with the same recogniser"
        )
    unknown = [math.nan] * n_classes
    alone = [prediction.by_modality.get(modality) for modality in ("eeg", "face")]
    row = prediction.probabilities.tolist()
    for answer in alone:
        row += unknown if answer is None else answer.tolist()
    row += (
        prediction.confidence,
        "eeg" in prediction.modalities,
        "face" in prediction.modalities,
        int(prediction.evidence),
        prediction.eeg_age_s,
        prediction.face_age_s,
    )
    return np.array(row, np.float32)


def decode_emotion(values: ArrayLike, n_classes: int) -> EmotionSample:
    """Inverse of `encode_emotion` for one sample, (3 * n_classes + 6,) numbers.

    Raises
    ------
    DataError
        The sample has another length.
    """
    row = np.array(values, np.float32)
    if row.shape != (3 * n_classes + len(EMOTION_EXTRAS),):
        raise DataError(
            f"emotion sample of {row.size} numbers, {n_classes} classes take {3 * n_classes + len(EMOTION_EXTRAS)}: "
            "read the labels of the stream it came from"
        )
    confidence, used_eeg, used_face, evidence, eeg_age, face_age = (float(v) for v in row[3 * n_classes :])
    if evidence not in set(Evidence):
        raise DataError(f"emotion sample whose evidence is {evidence:g}: it was not written by emostream")
    alone = {"eeg": row[n_classes : 2 * n_classes], "face": row[2 * n_classes : 3 * n_classes]}
    return EmotionSample(
        row[:n_classes],
        {name: values for name, values in alone.items() if not np.isnan(values).any()},
        confidence,
        tuple(name for name, used in (("eeg", used_eeg), ("face", used_face)) if used > 0.5),
        Evidence(int(evidence)),
        eeg_age,
        face_age,
    )


def emotion_channel_labels(classes: Sequence[str]) -> tuple[str, ...]:
    """Labels of the emotion stream's channels, in order."""
    return (*classes, *(f"{c}_eeg" for c in classes), *(f"{c}_face" for c in classes), *EMOTION_EXTRAS)
