"""What is done to the EEG for the eye alone: average reference, high-pass, low-pass, notch. Causal, chunk by chunk.

Nothing filtered here leaves the screen: the engine and the recorder read the stream, not this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from realtime.packets import Bool, Float32, Float64

_ORDER = 2
_NOTCH_QUALITY = 30.0


@dataclass(frozen=True, slots=True)
class DisplayFilters:
    """Filters for display; 0 is off.

    Parameters
    ----------
    highpass_hz, lowpass_hz, notch_hz : float
    average : bool
        Refer every channel to the mean of the good ones.
    """

    highpass_hz: float = 0.0
    lowpass_hz: float = 0.0
    notch_hz: float = 0.0
    average: bool = False

    def fitting(self, sfreq_hz: float) -> DisplayFilters:
        """These filters without those that a stream of this rate cannot have."""
        half = 0.49 * sfreq_hz
        kept = {name: value if (value := getattr(self, name)) < half else 0.0 for name in _EDGES}
        return replace(self, **kept)

    def text(self) -> str:
        """In words: 'filters off', or what is on, such as '1-45 Hz, notch 50, avg ref'."""
        words = []
        if self.highpass_hz and self.lowpass_hz:
            words.append(f"{self.highpass_hz:g}-{self.lowpass_hz:g} Hz")
        elif self.highpass_hz:
            words.append(f"above {self.highpass_hz:g} Hz")
        elif self.lowpass_hz:
            words.append(f"below {self.lowpass_hz:g} Hz")
        if self.notch_hz:
            words.append(f"notch {self.notch_hz:g}")
        if self.average:
            words.append("avg ref")
        return ", ".join(words) or "filters off"


_EDGES = ("highpass_hz", "lowpass_hz", "notch_hz")


class DisplayChain:
    """Channels picked from a source, re-referenced and filtered with state; what comes out rests on the past only.

    Filters start settled on a channel's first finite sample, and afresh after a gap. A sample that is not finite
    never enters a filter and stays NaN in the output.

    Parameters
    ----------
    rows : (n_shown,) intp
        Rows of the source that are shown.
    sfreq_hz : float
    filters : DisplayFilters
    max_hole_s : float
        Longest hole between samples that is not a gap.
    """

    def __init__(self, rows: NDArray[np.intp], sfreq_hz: float, filters: DisplayFilters, max_hole_s: float) -> None:
        self._rows = rows
        self._average = filters.average
        self._max_hole_s = max_hole_s
        self._sos = _sections(filters.fitting(sfreq_hz), sfreq_hz)
        self._settled = signal.sosfilt_zi(self._sos) if len(self._sos) else np.zeros((0, 2))
        self._state: Float64 = np.zeros((len(self._sos), len(rows), 2))
        self._last: Float64 = np.full(len(rows), np.nan)
        self._last_stamp = -np.inf

    def process(self, samples: Float32, stamps: Float64, good: Bool) -> Float32:
        """Prepare consecutive samples for the eye.

        Parameters
        ----------
        samples : (n_channels, n_times) float32
            All channels of the source.
        stamps : (n_times,) float64
        good : (n_channels,) bool
            Channels that the average rests on.

        Returns
        -------
        (n_shown, n_times) float32
        """
        shown = samples[self._rows]
        if self._average:
            shown = shown - _mean(samples[good])
        if not len(self._sos):
            return shown
        ends = np.flatnonzero(np.diff(stamps, prepend=self._last_stamp) > self._max_hole_s)
        pieces = []
        for start, stop in zip([0, *ends], [*ends, len(stamps)], strict=True):
            if start in ends:
                self._last[:] = np.nan
            pieces.append(self._filter(shown[:, start:stop]))
        self._last_stamp = float(stamps[-1])
        return np.concatenate(pieces, axis=1)

    def _filter(self, x: Float32) -> Float32:
        if not x.shape[1]:
            return x
        finite = np.isfinite(x)
        held = x.astype(np.float64) if finite.all() else self._held(x, finite)
        fresh = np.isnan(self._last)
        self._state[:, fresh] = self._settled[:, None, :] * np.nan_to_num(held[fresh, 0])[:, None]
        y, self._state = signal.sosfilt(self._sos, np.nan_to_num(held), zi=self._state)
        self._last = held[:, -1]
        return np.where(finite, y, np.nan).astype(np.float32)

    def _held(self, x: Float32, finite: Bool) -> Float64:
        """Samples with the last finite one in place of each that is not; NaN only where a channel had none so far."""
        newest = np.maximum.accumulate(np.where(finite, np.arange(x.shape[1]), -1), axis=1)
        held = np.take_along_axis(x.astype(np.float64), np.maximum(newest, 0), axis=1)
        first = np.where(finite.any(axis=1), x[np.arange(len(x)), finite.argmax(axis=1)], np.nan)
        before = np.where(np.isnan(self._last), first, self._last)
        return np.where(newest < 0, before[:, None], held)


def _mean(x: Float32) -> Float32:
    """Mean over channels of what is finite; 0 where nothing is."""
    finite = np.isfinite(x)
    return np.where(finite, x, 0.0).sum(axis=0, dtype=np.float32) / np.maximum(finite.sum(axis=0), 1)


def _sections(filters: DisplayFilters, sfreq_hz: float) -> Float64:
    sections: list[Float64] = []
    if filters.highpass_hz:
        sections.append(np.asarray(signal.butter(_ORDER, filters.highpass_hz, "highpass", fs=sfreq_hz, output="sos")))
    if filters.lowpass_hz:
        sections.append(np.asarray(signal.butter(_ORDER, filters.lowpass_hz, "lowpass", fs=sfreq_hz, output="sos")))
    if filters.notch_hz:
        numerator, denominator = signal.iirnotch(filters.notch_hz, _NOTCH_QUALITY, fs=sfreq_hz)
        sections.append(np.hstack([numerator, denominator]).astype(np.float64)[None])
    return np.concatenate(sections) if sections else np.zeros((0, 6))
