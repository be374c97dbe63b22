"""The spectrogram of a whole session, from the raw EEG: one spectrum a second, in bounded memory."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from realtime.packets import Bool, ChannelQuality, EegChunk, Float32, Float64, Result

WINDOW_S = 2.0
HIGHEST_HZ = 60.0
_FLOOR = 1e-12


class Spectrogram:
    """Mean log power of the good channels, every second over the two seconds before; a sink, and fed with chunks.

    Parameters
    ----------
    sfreq_hz : float
    n_channels : int
    zero_s : float
        Stamp of the analysis' zero.
    """

    def __init__(self, sfreq_hz: float, n_channels: int, zero_s: float = 0.0) -> None:
        self._zero_s = zero_s
        self._sfreq_hz = sfreq_hz
        self._length = round(WINDOW_S * sfreq_hz)
        self._window: Float32 = np.zeros((n_channels, self._length), np.float32)
        self._good: Bool = np.ones(n_channels, np.bool_)
        self._filled = 0
        self._next_index: int | None = None
        self._second: int | None = None
        freqs_hz = np.fft.rfftfreq(self._length, 1.0 / sfreq_hz)
        self._kept = freqs_hz <= HIGHEST_HZ
        self._freqs_hz = freqs_hz[self._kept]
        self._times_s: list[float] = []
        self._rows: list[Float32] = []

    def write(self, result: Result) -> None:
        """Learn which channels are good."""
        if isinstance(result, ChannelQuality):
            self._good = result.flags == 0

    def push(self, chunk: EegChunk) -> None:
        """Take consecutive samples; a gap begins a new window."""
        if chunk.first_index != self._next_index:
            self._filled = 0
        n = chunk.stamps.size
        self._next_index = chunk.first_index + n
        shown = chunk.samples[:, -self._length :]
        keep = self._length - shown.shape[1]
        if keep:
            self._window[:, :keep] = self._window[:, -keep:]
        self._window[:, keep:] = shown
        self._filled = min(self._length, self._filled + n)
        now_s = float(chunk.stamps[-1]) - self._zero_s
        second = math.floor(now_s)
        if second != self._second and self._filled == self._length:
            self._second = second
            self._times_s.append(now_s)
            self._rows.append(self._spectrum())

    def _spectrum(self) -> Float32:
        from scipy.signal import periodogram

        good = self._good & np.isfinite(self._window).all(axis=1)
        if not good.any():
            return np.full(len(self._freqs_hz), np.nan, np.float32)
        _, power = periodogram(self._window[good], self._sfreq_hz, window="hann", detrend="constant")
        return np.log10(power[:, self._kept] + _FLOOR).mean(axis=0).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write times_s (n,), freqs_hz (f,) and log_power (n, f) float32, log10 of µV²/Hz."""
        times_s: Float64 = np.array(self._times_s)
        rows = np.array(self._rows, np.float32).reshape(len(self._rows), len(self._freqs_hz))
        np.savez_compressed(path, times_s=times_s, freqs_hz=self._freqs_hz, log_power=rows)
