"""The person's EEG while nothing happens: mean and spread of the log band power of each channel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from realtime.config import EegConfig
from realtime.eeg.bands import BAND_PRESETS, Band
from realtime.eeg.calibration import Calibration
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.eeg.pipeline import EegPipeline
from realtime.errors import DataError
from realtime.interfaces import RecognizerSpec
from realtime.packets import BandPowerWindow, EegChunk, EegInfo, Float32, Float64, readonly

_LEAST_WINDOWS = 4
_LEAST_SD = 0.02  # log10 µV²/Hz; less is chance in a short calibration


@dataclass(frozen=True, slots=True)
class Baseline:
    """Log band power at rest.

    Parameters
    ----------
    channels, bands : tuple of str
    mean, sd : (n_channels, n_bands) float32
        log10 µV²/Hz over the one-second windows of the resting phases; NaN where a channel was never good.
    windows : int
        How many windows, half a second apart.
    """

    channels: tuple[str, ...]
    bands: tuple[str, ...]
    mean: Float32
    sd: Float32
    windows: int

    def __post_init__(self) -> None:
        shape = (len(self.channels), len(self.bands))
        if self.mean.shape != shape or self.sd.shape != shape:
            raise DataError(f"baseline holds {self.mean.shape} and {self.sd.shape} for {shape} channels and bands")
        object.__setattr__(self, "mean", readonly(self.mean, np.float32))
        object.__setattr__(self, "sd", readonly(self.sd, np.float32))

    def z(self, log_power: Float32) -> Float32:
        """(..., n_channels, n_bands) log power in standard deviations of the baseline; NaN where that is not known."""
        return np.asarray((log_power - self.mean) / self.sd, np.float32)


def windows_of(
    info: EegInfo, chunks: Iterable[EegChunk], config: EegConfig, calibration: Calibration | None
) -> list[BandPowerWindow]:
    """Every band-power window of a stretch of EEG, cleaned as the engine cleans it."""
    bands = tuple((band.name, band.low_hz, band.high_hz) for band in BAND_PRESETS["default"])
    spec = RecognizerSpec("none", "nothing", False, (), MODEL_CHANNELS, bands)
    pipeline = EegPipeline(info, spec, config, calibration)
    return [result for chunk in chunks for result in pipeline.push(chunk) if isinstance(result, BandPowerWindow)]


def resting_power(baseline: Baseline | None, spec: RecognizerSpec) -> Float32 | None:
    """(n_channels, n_bands) log power at rest in a model's channels and bands; None where nothing of it is known.

    A band of the model with other edges than the calibration's is not known, whatever it is called.
    """
    if baseline is None:
        return None
    found = np.full((len(spec.channels), len(spec.bands)), np.nan, np.float32)
    for column, edges in enumerate(spec.bands):
        if Band(*edges) in BAND_PRESETS["default"] and edges[0] in baseline.bands:
            for row, channel in enumerate(spec.channels):
                if channel in baseline.channels:
                    at = baseline.channels.index(channel), baseline.bands.index(edges[0])
                    found[row, column] = baseline.mean[at]
    return found if np.isfinite(found).any() else None


def rest_baseline(windows: Sequence[BandPowerWindow], spans_s: Sequence[tuple[float, float]]) -> Baseline | None:
    """Mean and spread over the windows that lie wholly in one of the resting spans; None where there are too few.

    Parameters
    ----------
    windows : sequence of BandPowerWindow
        From `windows_of`, at the engine's hop.
    spans_s : sequence of (start, end)
        On the windows' clock.
    """
    inside = [w for w in windows if any(start + 1.0 <= w.end_s <= end for start, end in spans_s)]
    # the engine's hop is 50 ms; windows nearer than half a second say the same thing twice
    kept: list[BandPowerWindow] = []
    for window in inside:
        if not kept or window.end_s >= kept[-1].end_s + 0.5 - 1e-6:
            kept.append(window)
    if len(kept) < _LEAST_WINDOWS:
        return None
    good = np.array([w.mask for w in kept])
    power: Float64 = np.where(good[..., None], np.array([w.log_power for w in kept], np.float64), 0.0)
    count = good.sum(axis=0)[:, None]
    enough = count >= _LEAST_WINDOWS
    mean = power.sum(axis=0) / np.maximum(count, 1)
    squares = (np.where(good[..., None], power - mean, 0.0) ** 2).sum(axis=0)
    sd = np.maximum(np.sqrt(squares / np.maximum(count - 1, 1)), _LEAST_SD)
    names = tuple(band.name for band in BAND_PRESETS["default"])
    return Baseline(
        MODEL_CHANNELS,
        names,
        np.where(enough, mean, np.nan).astype(np.float32),
        np.where(enough, sd, np.nan).astype(np.float32),
        len(kept),
    )
