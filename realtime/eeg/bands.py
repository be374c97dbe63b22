"""Band power: the offline definition, and the sliding form that equals it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.eeg._sliding import Complex128, HopSums, SlidingBuffer, Turns, hops_a_window, waves, window_length
from realtime.errors import ConfigurationError
from realtime.packets import Float32, Float64

POWER_FLOOR_UV2 = 1e-12
"""Power below this (µV²/Hz) is reported as this, so that the logarithm of a dead channel is finite."""


@dataclass(frozen=True, slots=True)
class Band:
    """A frequency band, `low_hz` included and `high_hz` excluded.

    Parameters
    ----------
    name : str
    low_hz, high_hz : float
        Edges in Hz.
    """

    name: str
    low_hz: float
    high_hz: float


_TAPERED = -4.0

BAND_PRESETS: dict[str, tuple[Band, ...]] = {
    "default": (
        Band("delta", 0.5, 4.0),
        Band("theta", 4.0, 8.0),
        Band("alpha", 8.0, 14.0),
        Band("beta", 14.0, 30.0),
        Band("gamma", 30.0, 47.0),
    ),
    "classic": (
        Band("delta", 1.0, 4.0),
        Band("theta", 4.0, 8.0),
        Band("alpha", 8.0, 13.0),
        Band("beta", 13.0, 30.0),
        Band("gamma", 30.0, 47.0),
    ),
}
"""'default' is the set of the MEs-EEG reference; 'classic' is the common textbook set."""


def band_bins(n_times: int, sfreq_hz: float, bands: Sequence[Band]) -> list[NDArray[np.intp]]:
    """DFT bins of each band: those with low <= frequency < high.

    Parameters
    ----------
    n_times : int
        Window length in samples.
    sfreq_hz : float
    bands : sequence of Band

    Returns
    -------
    list of (n_bins,) intp
        One array a band.

    Raises
    ------
    ConfigurationError
        A band reaches beyond half the sampling rate, or holds no bin of so short a window.
    """
    freqs_hz = np.arange(n_times // 2 + 1) * (sfreq_hz / n_times)
    # a bin that sits on an edge must not change sides through rounding
    tolerance_hz = 1e-9 * sfreq_hz
    bins = []
    for band in bands:
        if not 0 <= band.low_hz < band.high_hz <= sfreq_hz / 2 + tolerance_hz:
            raise ConfigurationError(
                f"band '{band.name}' is {band.low_hz:g}-{band.high_hz:g} Hz; at {sfreq_hz:g} Hz a band must rise and "
                f"stay within 0-{sfreq_hz / 2:g} Hz. Use a faster source or other bands."
            )
        inside = (freqs_hz >= band.low_hz - tolerance_hz) & (freqs_hz < band.high_hz - tolerance_hz)
        found = np.flatnonzero(inside)
        if not found.size:
            raise ConfigurationError(
                f"band '{band.name}' ({band.low_hz:g}-{band.high_hz:g} Hz) holds no frequency of a window of {n_times} "
                f"samples at {sfreq_hz:g} Hz; use a longer window or a wider band."
            )
        bins.append(found)
    return bins


def hann(n_times: int) -> Float64:
    """Periodic Hann window of `n_times` samples, as `scipy.signal.get_window('hann', n_times)`."""
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_times) / n_times)


def band_power(x_uv: NDArray[np.floating], sfreq_hz: float, bands: Sequence[Band]) -> Float32:
    """Log band power of one window: the definition that everything else is held to.

    A one-segment Hann periodogram (density scaling, constant detrend, one-sided), averaged over the bins
    low <= f < high of each band: `scipy.signal.welch(x, fs, nperseg=n_times)`.

    Parameters
    ----------
    x_uv : (n_channels, n_times) float
        One window, µV.
    sfreq_hz : float
    bands : sequence of Band

    Returns
    -------
    (n_channels, n_bands) float32
        log10 of µV²/Hz, never below log10 of `POWER_FLOOR_UV2`.

    Raises
    ------
    ConfigurationError
        A band does not fit the rate or the window.

    References
    ----------
    Welch (1967), "The use of fast Fourier transform for the estimation of power spectra".
    """
    x = np.asarray(x_uv, dtype=np.float64)
    n_times = x.shape[-1]
    bins = band_bins(n_times, sfreq_hz, bands)
    taper = hann(n_times)
    spectrum = np.fft.rfft((x - x.mean(axis=-1, keepdims=True)) * taper, axis=-1)
    density = np.abs(spectrum) ** 2 * (_one_sided(n_times) / (sfreq_hz * np.sum(taper**2)))
    power = np.stack([density[..., b].mean(axis=-1) for b in bins], axis=-1)
    return log_power(power)


class SpectralKernel:
    """The band-limited DFT of one window as a real matrix product, detrend, taper and scaling folded in.

    Coefficients are linear in the signal, so a spatial matrix (interpolation, a reference) may be applied to them
    instead of to the samples: `kernel.log_power(matrix @ kernel.coefficients(x))`.

    Parameters
    ----------
    n_times : int
        Window length in samples.
    sfreq_hz : float
    bands : sequence of Band

    Raises
    ------
    ConfigurationError
        A band does not fit the rate or the window.
    """

    def __init__(self, n_times: int, sfreq_hz: float, bands: Sequence[Band]) -> None:
        bins = band_bins(n_times, sfreq_hz, bands)
        used = np.unique(np.concatenate(bins))
        taper = hann(n_times)
        # reduce k*n modulo n_times in integers: a large angle loses digits
        angle = 2.0 * np.pi * ((np.arange(n_times)[:, None] * used[None, :]) % n_times) / n_times
        scale = np.sqrt(_one_sided(n_times)[used] / (sfreq_hz * np.sum(taper**2)))
        matrix = np.concatenate([np.cos(angle) * scale, np.sin(angle) * scale], axis=1) * taper[:, None]
        # x minus its mean, times the matrix, is x times the matrix minus its column means
        self._matrix = np.ascontiguousarray(matrix - matrix.mean(axis=0))
        self._averages = np.zeros((2 * used.size, len(bins)))
        for column, found in enumerate(bins):
            rows = np.searchsorted(used, found)
            self._averages[rows, column] = 1.0 / found.size
            self._averages[used.size + rows, column] = 1.0 / found.size
        self.n_times = n_times
        self.n_bands = len(bins)

    def coefficients(self, x_uv: Float64) -> Float64:
        """DFT coefficients of a window: (n_channels, n_times) µV -> (n_channels, 2 n_bins) µV/sqrt(Hz)."""
        return x_uv @ self._matrix

    def log_power(self, coefficients: Float64) -> Float32:
        """Band powers of coefficients: (n_channels, 2 n_bins) -> (n_channels, n_bands) float32 log10 µV²/Hz."""
        return log_power(np.square(coefficients) @ self._averages)


class SlidingSpectrum:
    """The band powers of a window that slides: `SpectralKernel`'s numbers at the cost of the new samples.

    Fourier sums of the bare window move on with the hops; without the one at 0 Hz they are those of the window less its
    mean, and the Hann taper is a sum over three neighbours. Where the window is no whole number of hops the sums are
    taken from its samples each time. Called from one thread.

    Parameters
    ----------
    n_channels, n_times : int
        Channels, and window length in samples.
    sfreq_hz : float
    bands : sequence of Band
    hop_s : float
        Time between two hops.

    Attributes
    ----------
    n_times, n_bands : int

    Raises
    ------
    ConfigurationError
        A band does not fit the rate or the window.

    References
    ----------
    Jacobsen and Lyons (2003), "The sliding DFT".
    """

    def __init__(self, n_channels: int, n_times: int, sfreq_hz: float, bands: Sequence[Band], hop_s: float) -> None:
        bins = band_bins(n_times, sfreq_hz, bands)
        first, last = min(int(found[0]) for found in bins), max(int(found[-1]) for found in bins)
        # one more on either side for the taper; those below 0 Hz and beyond Nyquist are what mirrors them
        cycles = np.arange(first - 1.0, last + 2.0)
        self._waves, self._turns = waves(np.arange(n_times), cycles, n_times), Turns(cycles, n_times)
        # without the sum at 0 Hz, and what mirrors it, the mean is taken off
        self._waves.view(np.complex128)[:, cycles % n_times == 0] = 0.0
        n_hops = hops_a_window(n_times, hop_s * sfreq_hz)
        self._sums = HopSums(n_channels, n_hops, self._waves) if n_hops else None
        self.n_times, self.n_bands = n_times, len(bins)
        scale = _one_sided(n_times) / (_TAPERED**2 * sfreq_hz * np.sum(hann(n_times) ** 2))
        averages = np.zeros((len(cycles), len(bins)))
        for column, found in enumerate(bins):
            averages[found - first, column] = scale[found] / found.size
        # cosines and sines alternate, as in a complex number
        self._averages = np.repeat(averages, 2, axis=0)
        # used anew at each hop: they stay in the processor's cache
        self._sum, self._tapered = np.zeros((2, n_channels, len(cycles)), np.complex128)
        self._parts, out = self._sum.view(np.float64), self._tapered.view(np.float64).reshape(-1)
        # real numbers in one row subtract fastest; what runs over a channel's end is not used
        row, steps = self._parts.reshape(-1), np.zeros(2 * self._sum.size)
        self._differences = (row[2:], row[:-2], steps[:-2]), (steps[2:], steps[:-2], out[:-2])

    def forget(self) -> None:
        """The window goes on without these sums: start anew."""
        if self._sums is not None:
            self._sums.forget()

    def advance(self, buffer: SlidingBuffer, lengths: Sequence[int]) -> Iterator[Complex128]:
        """Tapered spectrum at the end of each of the hops of `lengths` samples that were appended last.

        Yields
        ------
        (n_channels, n_bins + 2) complex128
            Times -4, which `power` undoes; the last two are of no use. Valid until the next. Linear in the samples, so
            that a spatial matrix may be applied here. Nothing is yielded while there is no whole window.
        """
        back = sum(lengths)
        new = buffer.newest(back)
        for length in lengths:
            start, back = new.shape[1] - back, back - length
            end = self._sums.add(new[:, start : start + length], self._parts) if self._sums is not None else 0
            if not buffer.full:
                continue
            if end:
                self._sum *= self._turns(end)
            else:
                np.matmul(buffer.window(back), self._waves, out=self._parts)
            yield self._under_taper()

    def _under_taper(self) -> Complex128:
        """Spectrum under a Hann taper: half a bin less a quarter of either neighbour, times -4."""
        for later, earlier, out in self._differences:
            np.subtract(later, earlier, out=out)
        return self._tapered

    def power(self, spectrum: Complex128, out: Float64 | None = None) -> Float64:
        """What `advance` yields -> (n_channels, n_bands) float64 µV²/Hz."""
        return np.matmul(np.square(spectrum.view(np.float64)), self._averages, out=out)


def log_power(power: Float64) -> Float32:
    """float32 log10 of µV²/Hz, never below that of `POWER_FLOOR_UV2`; `power` is written over."""
    return np.log10(np.maximum(power, POWER_FLOOR_UV2, out=power), out=power).astype(np.float32)


class BandPowerStream:
    """Sliding band power: at every hop of the sample grid, the band power of the newest whole window.

    The result depends on the samples only, never on how they were cut into pushes. Nothing is reported before a whole
    window is there. Called from one thread.

    Parameters
    ----------
    n_channels : int
    sfreq_hz : float
    bands : sequence of Band
    window_s, hop_s : float
        The window holds floor(window_s * sfreq_hz) samples; hop k ends at sample round(k * hop_s * sfreq_hz).

    Raises
    ------
    ConfigurationError
        A band does not fit, or a hop is shorter than a sample.
    """

    def __init__(
        self,
        n_channels: int,
        sfreq_hz: float,
        bands: Sequence[Band] = BAND_PRESETS["default"],
        window_s: float = 1.0,
        hop_s: float = 0.05,
    ) -> None:
        self._grid = HopGrid(hop_s, sfreq_hz)
        n_times = window_length(window_s, sfreq_hz)
        self._spectrum = SlidingSpectrum(n_channels, n_times, sfreq_hz, bands, hop_s)
        self._buffer = SlidingBuffer(n_channels, n_times)
        self._hop = 1
        self._begun = 0

    @property
    def n_times(self) -> int:
        """Window length in samples."""
        return self._spectrum.n_times

    def push(self, x_uv: NDArray[np.floating]) -> list[tuple[int, Float32]]:
        """Add samples and return the windows they complete.

        Parameters
        ----------
        x_uv : (n_channels, n) float
            µV, finite; n may be anything from 0.

        Returns
        -------
        list of (end, log_power)
            `end` is the number of samples since the last reset up to the window's end; `log_power` is
            (n_channels, n_bands) float32 log10 µV²/Hz.
        """
        out: list[tuple[int, Float32]] = []
        taken = 0
        while taken < x_uv.shape[1]:
            end = self._grid.end(self._hop)
            take = min(x_uv.shape[1] - taken, end - self._buffer.count)
            self._buffer.append(x_uv[:, taken : taken + take])
            taken += take
            if self._buffer.count == end:
                spectra = self._spectrum.advance(self._buffer, [end - self._begun])
                out += [(end, log_power(self._spectrum.power(spectrum))) for spectrum in spectra]
                self._hop, self._begun = self._hop + 1, end
        return out

    def reset(self) -> None:
        """Forget every sample; the next window is reported after a whole window of new ones."""
        self._buffer.reset()
        self._spectrum.forget()
        self._hop = 1
        self._begun = 0


class HopGrid:
    """Where hops end on the sample grid: hop k >= 1 ends at sample round(k * hop_s * sfreq_hz).

    Rounding each end (and not the hop) keeps twenty hops of 50 ms one second long at any rate, 128 Hz included.

    Raises
    ------
    ConfigurationError
        A hop is shorter than a sample.
    """

    def __init__(self, hop_s: float, sfreq_hz: float) -> None:
        if hop_s * sfreq_hz < 1.0:
            raise ConfigurationError(
                f"eeg.hop_s is {hop_s:g} s, less than one sample at {sfreq_hz:g} Hz; "
                f"use at least {1.0 / sfreq_hz:.3g} s"
            )
        self._hop_samples = hop_s * sfreq_hz

    def end(self, hop: int) -> int:
        """Number of samples before the end of hop `hop`."""
        return math.floor(hop * self._hop_samples + 0.5)

    def next_hop(self, index: int) -> int:
        """First hop that ends after sample count `index`."""
        hop = max(1, int(index / self._hop_samples))
        while self.end(hop) <= index:
            hop += 1
        return hop


def _one_sided(n_times: int) -> Float64:
    """(n_times // 2 + 1,) weights that fold negative frequencies in: 2, but 1 for 0 Hz and for Nyquist."""
    weights = np.full(n_times // 2 + 1, 2.0)
    weights[0] = 1.0
    if n_times % 2 == 0:
        weights[-1] = 1.0
    return weights
