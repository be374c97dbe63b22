"""What band powers are compared with: a span that the operator marks, or a calibration. Pure, no Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gui.streams.messages import BandSample
from realtime.packets import Float32, Float64

CALIBRATED = "calibration"
"""Words of a baseline that the engine's calibration found."""

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
    def calibrated(cls, sample: BandSample) -> BandBaseline | None:
        """The resting power that the engine's calibration found; None where it has none."""
        return None if sample.rest is None else cls(sample.channels, sample.bands, sample.rest, CALIBRATED)

    def same_as(self, other: BandBaseline) -> bool:
        """Whether another says the same of the same channels and bands."""
        layout = (self.channels, self.bands) == (other.channels, other.bands)
        return layout and np.array_equal(self.mean, other.mean, equal_nan=True)

    def knows(self, sample: BandSample) -> bool:
        """Whether it holds any of a sample's bands: other ones may be shown than were at rest."""
        return not set(self.bands).isdisjoint(sample.bands)

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


def rest_from(text: str, shape: tuple[int, int]) -> Float32 | None:
    """Read what a band power stream's description says of rest; None where it says nothing that fits its channels."""
    try:
        values = np.array([float(value) for value in text.split(",")], np.float32)
    except ValueError:
        return None
    return values.reshape(shape) if values.size == math.prod(shape) else None
