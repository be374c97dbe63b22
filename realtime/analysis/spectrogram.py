"""The spectrogram of a whole session, from the raw EEG: one spectrum a second, in bounded memory."""

from __future__ import annotations

import itertools
import math
from collections import deque
from pathlib import Path

import numpy as np
from scipy.fft import rfft

from realtime.eeg._sliding import SlidingBuffer
from realtime.eeg.bands import hann
from realtime.packets import Bool, ChannelQuality, EegChunk, Float32, Float64, Result

WINDOW_S = 2.0
HIGHEST_HZ = 60.0
_FLOOR = 1e-12
_MOST_DUE = 32


class Spectrogram:
    """Mean log power of the good channels, every second over the two seconds before; a sink, and fed with chunks.

    Channels are averaged when the qualities of the chunk a spectrum ends in are known, so it does not depend on the
    chunks.

    Parameters
    ----------
    sfreq_hz : float
    n_channels : int
    zero_s : float
        Stamp of the analysis' zero.
    """

    def __init__(self, sfreq_hz: float, n_channels: int, zero_s: float = 0.0) -> None:
        self._zero_s = zero_s
        self._length = round(WINDOW_S * sfreq_hz)
        self._taper = hann(self._length).astype(np.float32)
        self._buffer = SlidingBuffer(n_channels, self._length, np.float32)
        self._good: Bool = np.ones(n_channels, np.bool_)
        self._next_index: int | None = None
        self._second: int | None = None
        self._tapered: Float32 = np.empty((n_channels, self._length), np.float32)
        self._due: deque[tuple[float, Float32, Bool]] = deque()
        freqs_hz = np.fft.rfftfreq(self._length, 1.0 / sfreq_hz)
        self._freqs_hz = freqs_hz[freqs_hz <= HIGHEST_HZ]
        # one-sided density: the bins in between hold their mirror images, too
        both = np.where((freqs_hz > 0) & (freqs_hz < sfreq_hz / 2), 2.0, 1.0)[: self._freqs_hz.size]
        self._scale = (both / (sfreq_hz * np.sum(np.square(self._taper, dtype=np.float64)))).astype(np.float32)
        self._times_s: list[float] = []
        self._rows: list[Float32] = []

    def write(self, result: Result) -> None:
        """Learn which channels are good; in order of time."""
        if isinstance(result, ChannelQuality):
            self._settle(result.stamp)
            self._good = result.flags == 0

    def push(self, chunk: EegChunk) -> None:
        """Take consecutive samples; a gap begins a new window."""
        if chunk.first_index != self._next_index:
            self._buffer.reset()
        self._next_index = chunk.first_index + chunk.stamps.size
        seconds = np.floor(chunk.stamps - self._zero_s)
        starts = [0, *(np.flatnonzero(np.diff(seconds)) + 1).tolist(), chunk.stamps.size]
        for start, stop in itertools.pairwise(starts):
            if seconds[start] != self._second and start < stop:
                # the first sample of a second ends the window
                self._buffer.append(chunk.samples[:, start : start + 1])
                if self._buffer.full:
                    self._second = int(seconds[start])
                    self._due.append((float(chunk.stamps[start]) - self._zero_s, *self._spectra()))
                start += 1
            self._buffer.append(chunk.samples[:, start:stop])

    def _settle(self, until_s: float) -> None:
        """Average the spectra of windows that end before `until_s` over the channels that are good now."""
        while self._due and (self._due[0][0] < until_s or len(self._due) > _MOST_DUE):
            time_s, log_power, finite = self._due.popleft()
            good = self._good & finite
            self._times_s.append(time_s)
            # the mean of no channel is a hole
            empty = np.full(self._freqs_hz.size, np.nan, np.float32)
            self._rows.append(log_power[good].mean(axis=0) if good.any() else empty)

    def _spectra(self) -> tuple[Float32, Bool]:
        """(n_channels, n_freqs) log power of the window, and which channels hold finite samples alone."""
        window = self._buffer.window()
        with np.errstate(invalid="ignore", over="ignore"):
            mean = window.mean(axis=1, keepdims=True)
            # of a channel that holds a sample that is not finite, the mean is not finite either
            finite = np.isfinite(mean).ravel()
            if not finite.all():
                finite = np.asarray(np.isfinite(window).all(axis=1))
            np.subtract(window, mean, out=self._tapered)
            self._tapered *= self._taper
            spectrum = np.asarray(rfft(self._tapered, axis=1), np.complex64)[:, : self._freqs_hz.size]
            power = np.square(np.abs(spectrum)) * self._scale
            return np.log10(power + np.float32(_FLOOR)).astype(np.float32), finite

    def save(self, path: Path) -> None:
        """Write times_s (n,), freqs_hz (f,) and log_power (n, f) float32, log10 of µV²/Hz."""
        self._settle(math.inf)
        times_s: Float64 = np.array(self._times_s)
        rows = np.array(self._rows, np.float32).reshape(len(self._rows), len(self._freqs_hz))
        np.savez_compressed(path, times_s=times_s, freqs_hz=self._freqs_hz, log_power=rows)
