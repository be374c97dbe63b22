"""Frozen packets: everything that crosses a boundary between rooms, threads or processes.

Arrays inside a packet are read-only. Stamps are LSL seconds (`pylsl.local_clock`) unless a name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]
UInt8 = NDArray[np.uint8]

Kind = Literal["micro", "macro"]
StreamState = Literal["waiting", "live", "stale", "lost"]


def readonly(array: NDArray, dtype: type | None = None) -> NDArray:
    """Return `array` as a contiguous, read-only array of `dtype`; copies only where it has to."""
    out = np.ascontiguousarray(array, dtype=dtype)
    if out.flags.writeable:
        out = out.view()
        out.flags.writeable = False
    return out


class Quality(IntFlag):
    """Why an EEG channel is not to be trusted; 0 is good."""

    GOOD = 0
    FLAT = 1
    RAILED = 2
    MAINS = 4
    NOISY = 8
    NOT_FINITE = 16


class Evidence(IntEnum):
    """Whether a prediction rests on enough evidence to be read at all."""

    NOT_ENOUGH = 0
    ENOUGH = 1


@dataclass(frozen=True, slots=True)
class EegInfo:
    """What an EEG source says of itself.

    Parameters
    ----------
    name, source_id : str
        LSL stream name and source id, or the file's name for a recording.
    channels : tuple of str
        Channel labels in stream order, as the source spells them.
    sfreq_hz : float
        Nominal sampling rate.
    """

    name: str
    source_id: str
    channels: tuple[str, ...]
    sfreq_hz: float


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What a video source says of itself: size in pixels, 1 (grey) or 3 (RGB) planes, nominal frames a second."""

    name: str
    source_id: str
    width: int
    height: int
    planes: int
    fps: float


@dataclass(frozen=True, slots=True)
class EegChunk:
    """Consecutive EEG samples.

    Parameters
    ----------
    samples : (n_channels, n_times) float32
        Microvolts, in the order of the stream's channels. May hold NaN where the amplifier sent NaN.
    stamps : (n_times,) float64
        LSL seconds on the local clock, strictly increasing.
    stream_id : str
        LSL uid of the outlet (or the file's name): a new one means a restarted source.
    first_index : int
        Running index of the first sample since the stream was opened, lost samples counted in: a jump against
        the previous chunk's end is a gap of that many samples.
    """

    samples: Float32
    stamps: Float64
    stream_id: str
    first_index: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "samples", readonly(self.samples, np.float32))
        object.__setattr__(self, "stamps", readonly(self.stamps, np.float64))


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One camera frame: (height, width) or (height, width, 3) uint8 RGB, stamp at grab, frame index at the camera."""

    image: UInt8
    stamp: float
    index: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "image", readonly(self.image, np.uint8))


@dataclass(frozen=True, slots=True)
class ShownPower:
    """Log power of bands that somebody wants to see; the model does not read them.

    Parameters
    ----------
    bands : tuple of (name, low_hz, high_hz)
    log_power : (n_channels, n_bands) float32
        As that of the `BandPowerWindow` it belongs to.
    """

    bands: tuple[tuple[str, float, float], ...]
    log_power: Float32

    def __post_init__(self) -> None:
        object.__setattr__(self, "log_power", readonly(self.log_power, np.float32))


@dataclass(frozen=True, slots=True)
class BandPowerWindow:
    """Log band power of one sliding window.

    Parameters
    ----------
    log_power : (n_channels, n_bands) float32
        log10 of µV²/Hz, in the model's channel order; 0 where masked, never NaN.
    end_s : float
        Stamp of the window's newest sample.
    mask : (n_channels,) bool
        True where the channel is present and good over the whole window.
    shown : ShownPower, optional
        The same window in other bands, while some are asked for.
    """

    log_power: Float32
    end_s: float
    mask: Bool
    shown: ShownPower | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "log_power", readonly(self.log_power, np.float32))
        object.__setattr__(self, "mask", readonly(self.mask, np.bool_))


@dataclass(frozen=True, slots=True)
class ChannelQuality:
    """Signal quality per source channel: (n_channels,) uint8 of `Quality` flags at `stamp`."""

    flags: UInt8
    stamp: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "flags", readonly(self.flags, np.uint8))


@dataclass(frozen=True, slots=True)
class EegSequence:
    """The newest one-second windows as the network reads them, left-padded.

    Parameters
    ----------
    log_power : (n_windows, n_channels, n_bands) float32
        log10 µV²/Hz, oldest first; zeros where `window_mask` is False.
    channel_mask : (n_windows, n_channels) bool
    window_mask : (n_windows,) bool
        False for windows that do not exist yet or that fell into a gap.
    end_s : float
        Stamp of the newest sample.
    """

    log_power: Float32
    channel_mask: Bool
    window_mask: Bool
    end_s: float


@dataclass(frozen=True, slots=True)
class FaceObservation:
    """What one evaluated frame showed.

    Parameters
    ----------
    stamp : float
        Stamp of the frame.
    score : float
        Probability of a face, 0 to 1; 0 where none was found (then the arrays are None).
    landmarks : (468, 2) float32 px, or None
        MediaPipe face-mesh points in the frame.
    crop : (256, 256) uint8, or None
        Aligned grey face, everything outside the face oval black.
    region_motion : (n_regions,) float32, or None
        Residual motion of each region against 0.2 s earlier, in multiples of the person's own noise; None
        while there is no reference frame.
    eyes_busy : bool
        Whether a blink or a gaze shift is under way; False while there is no reference frame.
    """

    stamp: float
    score: float
    landmarks: Float32 | None = None
    crop: UInt8 | None = None
    region_motion: Float32 | None = None
    eyes_busy: bool = False


@dataclass(frozen=True, slots=True)
class MicroMovement:
    """A facial movement found by the spotter: a candidate with a score, not a verdict.

    Parameters
    ----------
    onset_s, apex_s, offset_s : float
        Stamps of the three frames.
    decided_s : float
        Stamp of the frame at which the spotter decided; the causal moment it may be used from.
    score : float
        Peak motion in multiples of the person's own noise.
    kind : 'micro' or 'macro'
    regions : tuple of str
        Facial regions that moved, strongest first.
    onset_crop, apex_crop : (256, 256) uint8
        Aligned, oval-masked grey faces.
    flow : (256, 256, 2) float32
        Dense flow onset -> apex, px of the aligned crop, head motion removed.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    decided_s: float
    score: float
    kind: Kind
    regions: tuple[str, ...]
    onset_crop: UInt8
    apex_crop: UInt8
    flow: Float32


@dataclass(frozen=True, slots=True)
class Recognition:
    """A recogniser's answer to one question.

    Parameters
    ----------
    probabilities : (n_classes,) float32
        Calibrated, sums to 1; uniform where `evidence` is NOT_ENOUGH.
    evidence : Evidence
    by_modality : mapping
        'eeg' and 'face' -> (n_classes,) float32: what each modality alone says, where it was there.
    """

    probabilities: Float32
    evidence: Evidence
    by_modality: Mapping[str, Float32] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prediction:
    """One published prediction.

    Parameters
    ----------
    stamp : float
        Stamp of the newest input it rests on.
    probabilities : (n_classes,) float32
        Finite, sums to 1.
    confidence : float
        1 - normalised entropy, 0 to 1; 0 without evidence.
    modalities : tuple of str
        'eeg', 'face', in the order used.
    evidence : Evidence
    model_id : str
    eeg_age_s, face_age_s : float
        Age of the newest EEG sample and of the movement's apex at `stamp`; NaN where not used.
    latency_s : float
        Newest sample stamped -> prediction published, on the local clock; NaN offline.
    by_modality : mapping
        'eeg' and 'face' -> (n_classes,) float32.
    """

    stamp: float
    probabilities: Float32
    confidence: float
    modalities: tuple[str, ...]
    evidence: Evidence
    model_id: str
    eeg_age_s: float
    face_age_s: float
    latency_s: float = float("nan")
    by_modality: Mapping[str, Float32] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StreamHealth:
    """Link health of one stream: counts since it was opened, age of its newest sample in s, effective rate in Hz.

    Parameters
    ----------
    repeated, late : int
        Samples dropped because they had been sent before, or came out of order.
    clock_jumps : int
        How often the source's clock was set while it sent.
    note : str
        What is wrong, in one line; '' where nothing is.
    """

    name: str
    state: StreamState
    received: int
    lost: int
    gaps: int
    age_s: float
    rate_hz: float
    repeated: int = 0
    late: int = 0
    clock_jumps: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class GapRecord:
    """A break in a stream's stamps as it was found.

    Parameters
    ----------
    name : str
        Of the stream.
    at_s : float
        Stamp of the first sample after it.
    lost : int
        Samples missing.
    clock_set_s : float
        By how much the source's clock was set there, which was taken off its stamps; 0 where it was not.
    """

    name: str
    at_s: float
    lost: int
    clock_set_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first inputs that an engine's state rests on; of what came before them it knows nothing.

    Parameters
    ----------
    eeg_s, video_s : float
        LSL seconds of the first sample and frame; NaN before.
    video_index : int or None
        The camera's number of that frame.
    """

    eeg_s: float = float("nan")
    video_s: float = float("nan")
    video_index: int | None = None


@dataclass(frozen=True, slots=True)
class Marker:
    """A string marker at an LSL stamp; JSON text where emostream wrote it."""

    text: str
    stamp: float


Result = BandPowerWindow | ChannelQuality | FaceObservation | MicroMovement | Prediction
