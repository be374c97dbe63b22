"""What band powers are compared with: a span that the operator marks, or a calibration. Pure, no Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gui.messages import BandSample
from realtime.calibrate.baseline import Baseline
from realtime.packets import Float32, Float64

LEAST_S = 2.0
_FEWEST_WINDOWS = 10


@dataclass(frozen=True, slots=True)
class BandBaseline:
    """Mean log band power at rest.

    Parameters
    ----------
    channels, bands : tuple of str
    mean : (n_channels, n_bands) float32
        log10 µV²/Hz; NaN where not known.
    words : str
        Where it comes from.
    start_s, end_s : float
        LSL seconds of the span it was taken from; NaN for a calibration.
    """

    channels: tuple[str, ...]
    bands: tuple[str, ...]
    mean: Float32
    words: str
    start_s: float = math.nan
    end_s: float = math.nan

    @classmethod
    def calibrated(cls, baseline: Baseline, words: str = "calibration") -> BandBaseline:
        """The resting power that a calibration found."""
        return cls(baseline.channels, baseline.bands, baseline.mean, words)

    def change_db(self, sample: BandSample) -> Float32:
        """(n_channels, n_bands) dB of a sample over this baseline, by name; NaN where either is not known."""
        base = np.full(sample.power.shape, np.nan, np.float32)
        rows, columns = ({name: at for at, name in enumerate(names)} for names in (self.channels, self.bands))
        known = [(at, rows[name]) for at, name in enumerate(sample.channels) if name in rows]
        for column, band in enumerate(sample.bands):
            if band in columns and known:
                to, of = np.array(known).T
                base[to, column] = self.mean[of, columns[band]]
        return 10.0 * (sample.power - base)


class BaselineSpan:
    """Collects a baseline between two presses of a key; memory does not grow with its length."""

    def __init__(self, start_s: float) -> None:
        self.start_s = start_s
        self.end_s = start_s
        self._layout: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        self._sum: Float64 = np.zeros((0, 0))
        self._count = np.zeros((0, 0), np.int64)

    @property
    def seconds(self) -> float:
        """Length so far."""
        return self.end_s - self.start_s

    def take(self, sample: BandSample) -> None:
        """Add a window; other channels or bands than before begin the span anew."""
        if (sample.channels, sample.bands) != self._layout:
            if self._layout is not None:
                self.start_s = sample.stamp
            self._layout = (sample.channels, sample.bands)
            self._sum, self._count = np.zeros(sample.power.shape), np.zeros(sample.power.shape, np.int64)
        finite = np.isfinite(sample.power)
        self._sum += np.where(finite, sample.power, 0.0)
        self._count += finite
        self.end_s = max(self.end_s, sample.stamp)

    def finish(self) -> BandBaseline | None:
        """The baseline; None where the span was too short to mean anything."""
        if self._layout is None or self.seconds < LEAST_S:
            return None
        known = self._count >= _FEWEST_WINDOWS
        mean = np.divide(self._sum, self._count, out=np.full(self._sum.shape, np.nan), where=known)
        if not known.any():
            return None
        words = f"baseline of {self.seconds:.0f} s"
        return BandBaseline(*self._layout, mean.astype(np.float32), words, self.start_s, self.end_s)
