"""Signals and packets shared by the EEG tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from realtime.eeg.bands import BAND_PRESETS
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.eeg.pipeline import EegPipeline
from realtime.interfaces import RecognizerSpec
from realtime.packets import BandPowerWindow, ChannelQuality, EegChunk, EegInfo

BANDS = BAND_PRESETS["default"]


def make_spec(channels: Sequence[str] = MODEL_CHANNELS, n_windows: int = 40) -> RecognizerSpec:
    bands = tuple((band.name, band.low_hz, band.high_hz) for band in BANDS)
    return RecognizerSpec("test", "nothing", True, ("a", "b"), tuple(channels), bands, n_windows)


def make_info(channels: Sequence[str] = MODEL_CHANNELS, sfreq_hz: float = 1000.0) -> EegInfo:
    return EegInfo("cap", "cap-1", tuple(channels), sfreq_hz)


def brainlike(n_channels: int, n_times: int, seed: int = 0) -> NDArray[np.float32]:
    """Reddish noise of some tens of µV on electrode offsets of some mV."""
    rng = np.random.default_rng(seed)
    white = rng.normal(size=(n_channels, n_times + 64))
    red = np.cumsum(white, axis=1)
    red[:, 64:] -= 0.98 * red[:, :-64]
    x = red[:, 64:] + 2.0 * white[:, 64:]
    return (x + rng.normal(size=(n_channels, 1)) * 2000.0).astype(np.float32)


def chunks(
    samples: NDArray[np.float32], sfreq_hz: float, sizes: Sequence[int], first: int = 0, stream_id: str = "uid-1"
) -> list[EegChunk]:
    """Cut samples into chunks whose sizes go round `sizes`."""
    out, start, turn = [], 0, 0
    while start < samples.shape[1]:
        stop = min(start + sizes[turn % len(sizes)], samples.shape[1])
        stamps = (first + np.arange(start, stop)) / sfreq_hz
        out.append(EegChunk(samples[:, start:stop], stamps, stream_id, first + start))
        start, turn = stop, turn + 1
    return out


def windows(pipeline: EegPipeline, parts: Sequence[EegChunk]) -> list[BandPowerWindow]:
    return [item for part in parts for item in pipeline.push(part) if isinstance(item, BandPowerWindow)]


def qualities(pipeline: EegPipeline, parts: Sequence[EegChunk]) -> list[ChannelQuality]:
    return [item for part in parts for item in pipeline.push(part) if isinstance(item, ChannelQuality)]
