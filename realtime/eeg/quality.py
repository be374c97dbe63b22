"""Signal quality of each raw channel over a sliding second."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from realtime.config import EegConfig
from realtime.eeg._sliding import SlidingBuffer, SlidingDft, window_length
from realtime.eeg.bands import hann
from realtime.packets import Bool, Float64, Quality, UInt8

WINDOW_S = 1.0
"""Length of the window that is judged."""

_MAINS_HZ = (50.0, 60.0)
_STUCK_FRACTION = 0.1
_LOUD_UV = 1e6


class QualityMonitor:
    """Flags every channel over the newest second of raw samples. Called from one thread.

    Parameters
    ----------
    n_channels : int
    sfreq_hz : float
    config : EegConfig
        `railed_uv`, `flat_uv`, `noisy_uv` and `mains_ratio` are used.

    Notes
    -----
    Mean and trend are removed before anything is measured, so an electrode's offset or slow drift is no fault:

    - FLAT, NOISY: standard deviation below `flat_uv` or above `noisy_uv`; FLAT also where the newest half second spans
      less than `flat_uv`.
    - MAINS: a 50 or 60 Hz line (or its alias, at low rates) with more than `mains_ratio` times the power of all else.
    - RAILED: |sample| above `railed_uv`, and the window spans more than that or a tenth of it sits on its extreme.
      A steady offset beyond `railed_uv`, as DC-coupled amplifiers have, is thereby allowed.
    - NOT_FINITE: a NaN or infinite sample in the window; then FLAT, NOISY and MAINS are not judged.

    Until a whole second was seen, only RAILED and NOT_FINITE are raised.
    """

    def __init__(self, n_channels: int, sfreq_hz: float, config: EegConfig) -> None:
        self._config = config
        n_times = window_length(WINDOW_S, sfreq_hz)
        self._n_times = n_times
        self._buffer = SlidingBuffer(n_channels, n_times)
        self._probes, self._line_scale = _probes(n_times, sfreq_hz)
        self._pivot = np.full(n_channels, np.nan)
        self._last = np.zeros(n_channels)
        self._since_bad = np.full(n_channels, n_times)
        self._since_beyond = np.full(n_channels, n_times)
        self._since_loud = n_times
        self._sums = _WindowSums(n_times, sfreq_hz, self._probes)

    def reset(self) -> None:
        """Forget the past, as after a gap."""
        self._buffer.reset()
        self._pivot[:] = np.nan
        self._since_bad[:] = self._n_times
        self._sums.forget()

    def set_limits(self, config: EegConfig) -> None:
        """Judge by the limits of another configuration from the next push on."""
        self._config = config
        self._since_beyond[:] = 0

    def push(self, raw_uv: NDArray[np.floating]) -> UInt8:
        """Add raw samples and judge the newest second.

        Parameters
        ----------
        raw_uv : (n_channels, n) float
            µV as the amplifier sent them, NaN and infinity included; n may be anything from 0.

        Returns
        -------
        (n_channels,) uint8
            `Quality` flags.
        """
        self._sums.forget()
        if raw_uv.shape[1]:
            self._buffer.append(self._centre(np.asarray(raw_uv, dtype=np.float64)))
        x = self._buffer.window()
        flags = _flag(self._since_bad < self._n_times, Quality.NOT_FINITE)
        if x.shape[1]:
            flags |= _flag(self._railed(x, self._pivot), Quality.RAILED)
            self._since_beyond[:] = 0
        if self._buffer.full:
            # what was held over missing samples says nothing of the channel
            judged = self._judge(*self._sums.plain(x)) | _flag(self._still(x, raw_uv.shape[1]), Quality.FLAT)
            flags |= np.where(self._since_bad < self._n_times, np.uint8(0), judged)
        return flags

    def push_hops(self, raw_uv: NDArray[np.floating], lengths: Sequence[int]) -> UInt8:
        """Judge the newest second at the end of each hop, as `push` of one hop after the other would.

        Sums over the second are carried on from hop to hop; no flag changes but where rounding could turn it. While the
        second holds what is a million times the least that counts, nothing is carried: rounding would outlast it.

        Parameters
        ----------
        raw_uv : (n_channels, sum(lengths)) float
        lengths : sequence of int
            Samples of each hop, in all at most a second.

        Returns
        -------
        (n_hops, n_channels) uint8
        """
        n = raw_uv.shape[1]
        x = np.asarray(raw_uv, dtype=np.float64)
        ends = np.cumsum(lengths)
        high, low = x.max(axis=1), x.min(axis=1)
        # NaN is not within any bounds
        within = np.all(np.maximum(high - self._pivot, self._pivot - low) < _LOUD_UV)
        self._since_loud = self._since_loud + n if within else 0
        if not (self._buffer.full and self._since_loud >= self._n_times + n and max(lengths) < self._n_times):
            return np.stack([self.push(x[:, end - length : end]) for length, end in zip(lengths, ends, strict=True)])
        if not self._sums.known:
            self._sums.start(self._buffer.window())
        since_bad = np.minimum(self._since_bad + ends[:, None], self._n_times)
        self._buffer.append(self._centre(x))
        recent = since_bad < self._n_times
        flags = _flag(recent, Quality.NOT_FINITE) | _flag(self._railed_hops(high, low, ends), Quality.RAILED)
        windows = (self._buffer.window(n - end) for end in ends.tolist())
        still = [self._still(window, length) for window, length in zip(windows, lengths, strict=True)]
        judged = self._judge(*self._sums.advance(self._buffer.span(n), lengths)) | _flag(np.stack(still), Quality.FLAT)
        flags |= np.where(recent, np.uint8(0), judged)
        if self._sums.carried >= self._n_times:
            self._sums.start(self._buffer.window())
        return flags

    def _railed_hops(self, high: Float64, low: Float64, ends: NDArray[np.integer]) -> Bool:
        """(n_hops, n_channels): only channels with a sample beyond the rail in these seconds are looked at."""
        n = int(ends[-1])
        beyond = np.maximum(high, -low) > self._config.railed_uv
        self._since_beyond = np.where(beyond, 0, np.minimum(self._since_beyond + n, self._n_times + n))
        rows = np.flatnonzero(self._since_beyond < self._n_times + n)
        railed = np.zeros((len(ends), len(high)), np.bool_)
        if rows.size:
            for hop, end in enumerate(ends.tolist()):
                railed[hop, rows] = self._railed(self._buffer.window(n - end)[rows], self._pivot[rows])
        return railed

    def _centre(self, x: Float64) -> Float64:
        """Hold values over what is not finite; subtract each channel's first sample, as large offsets cost digits."""
        n = x.shape[1]
        finite = np.isfinite(x)
        if finite.all():
            self._since_bad = np.minimum(self._since_bad + n, self._n_times)
        else:
            x = self._hold(x, finite)
            last_good_run = np.argmax(~finite[:, ::-1], axis=1)
            clean = finite.all(axis=1)
            self._since_bad = np.minimum(np.where(clean, self._since_bad + n, last_good_run), self._n_times)
        fresh = np.isnan(self._pivot)
        if fresh.any():
            self._pivot[fresh] = x[fresh, 0]
        self._last = x[:, -1].copy()
        return x - self._pivot[:, None]

    def _hold(self, x: Float64, finite: Bool) -> Float64:
        """Fill what is not finite with the channel's last finite sample; its next one, or 0, where none was yet."""
        index = np.where(finite, np.arange(x.shape[1]), -1)
        np.maximum.accumulate(index, axis=1, out=index)
        first = np.take_along_axis(x, np.argmax(finite, axis=1)[:, None], axis=1)[:, 0]
        start = np.where(np.isnan(self._pivot), np.where(finite.any(axis=1), first, 0.0), self._last)
        held = np.take_along_axis(x, np.maximum(index, 0), axis=1)
        return np.where(index < 0, start[:, None], held)

    def _railed(self, x: Float64, pivot: Float64) -> Bool:
        high, low = x.max(axis=1), x.min(axis=1)
        rail = self._config.railed_uv
        beyond = np.maximum(np.abs(high + pivot), np.abs(low + pivot)) > rail
        railed = beyond & (high - low > rail)
        for row in np.flatnonzero(beyond & ~railed):
            extreme = high[row] if high[row] + pivot[row] > rail else low[row]
            railed[row] = np.count_nonzero(x[row] == extreme) > _STUCK_FRACTION * x.shape[1]
        return railed

    def _still(self, x: Float64, hop: int) -> Bool:
        """Channels that stood still for half a second: to wait for a whole one would be to tell of it too late.

        Only those that stood still in the window's newest `hop` samples are looked at closely.
        """
        newest = x[:, -max(1, hop) :]
        still = newest.max(axis=1) - newest.min(axis=1) < self._config.flat_uv
        if still.any():
            half = x[still, -(self._n_times // 2) :]
            still[still] = half.max(axis=1) - half.min(axis=1) < self._config.flat_uv
        return still

    def _judge(self, projections: Float64, power: Float64) -> UInt8:
        """Flags of (..., n_channels) windows from what `_WindowSums` knows of them."""
        squares = np.square(projections)
        variance = power - squares[..., 0] - squares[..., 1]
        lines = squares[..., 2:]
        n_lines = lines.shape[-1] // 2
        line = ((lines[..., :n_lines] + lines[..., n_lines:]) * self._line_scale).max(axis=-1)
        rest = np.maximum(variance - line, 1e-12)
        hum = (line > self._config.mains_ratio * rest) & (line > self._config.flat_uv**2)
        return (
            _flag(variance < self._config.flat_uv**2, Quality.FLAT)
            | _flag(variance > self._config.noisy_uv**2, Quality.NOISY)
            | _flag(hum, Quality.MAINS)
        )


class _WindowSums:
    """Projections on probes, and mean square, of a sliding window of (n_channels, n_times) samples.

    The probes are sums of a ramp and of waves of few frequencies, and so they are of sums that slide.

    Parameters
    ----------
    n_times : int
    sfreq_hz : float
    probes : (n_times, n_probes) float64
    """

    def __init__(self, n_times: int, sfreq_hz: float, probes: Float64) -> None:
        self._n_times, self._probes = n_times, probes
        # the Hann taper spreads a line to a bin on either side; 0 stands for the mean
        lines = np.concatenate([_line_freqs_hz(sfreq_hz) * n_times / sfreq_hz + bins for bins in (-1.0, 0.0, 1.0)])
        cycles = np.unique(np.concatenate([[0.0], lines.round(9)]))
        self._dft = SlidingDft(n_times, cycles)
        self._constant = int(np.flatnonzero(cycles == 0.0)[0])
        self._index = np.arange(2.0 * n_times)
        waves = np.exp(-2j * np.pi / n_times * np.outer(np.arange(n_times), cycles))
        basis = np.concatenate([waves.view(np.float64), self._index[:n_times, None]], axis=1)
        # dividing the ramp keeps all columns of one size
        self._ramp_scale = 1.0 / n_times
        basis[:, -1] *= self._ramp_scale
        self._to_probes = np.linalg.lstsq(basis, probes, rcond=1e-12)[0]
        self._ramp = self._squares = np.zeros(0)
        self.known = False
        self.carried = 0
        """Samples since the sums were taken from the samples themselves."""

    def forget(self) -> None:
        """The window goes on without these sums: start anew."""
        self.known = False

    def plain(self, x: Float64) -> tuple[Float64, Float64]:
        """(n_channels, n_probes) projections and (n_channels,) mean square of a window: the definition."""
        return x @ self._probes, np.einsum("ij,ij->i", x, x) / self._n_times

    def start(self, window: Float64) -> None:
        """Take the sums over a whole window."""
        self._dft.start(window)
        self._ramp = window @ self._index[: self._n_times]
        self._squares = np.einsum("ij,ij->i", window, window)
        self.known = True
        self.carried = 0

    def advance(self, span: Float64, lengths: Sequence[int]) -> tuple[Float64, Float64]:
        """Move on by hops: (n_hops, n_channels, n_probes) projections and (n_hops, n_channels) mean squares.

        Parameters
        ----------
        span : (n_channels, n_times + sum(lengths)) float64
            The window so far and the new samples.
        lengths : sequence of int
            Each shorter than a window.
        """
        n_times = self._n_times
        sums = self._dft.advance(span, lengths)
        old, new = span[:, :-n_times], span[:, n_times:]
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        change = np.square(new)
        change -= np.square(old)
        squares = self._squares + np.cumsum(np.add.reduceat(change, starts, axis=1), axis=1).T
        ramps = np.empty((len(lengths), len(span)))
        ramp = self._ramp
        for hop, (start, length) in enumerate(zip(starts.tolist(), lengths, strict=True)):
            part = slice(start, start + length)
            ramp = ramp + new[:, part] @ self._index[n_times : n_times + length] - old[:, part] @ self._index[:length]
            ramp -= length * sums[hop, :, self._constant].real
            ramps[hop] = ramp
        self._ramp, self._squares = ramp, squares[-1]
        self.carried += new.shape[1]
        to_probes = self._to_probes
        projections = sums.view(np.float64) @ to_probes[:-1]
        projections += (ramps * self._ramp_scale)[..., None] * to_probes[-1]
        return projections, squares / n_times


def _flag(where: Bool, flag: Quality) -> UInt8:
    return where.astype(np.uint8) * np.uint8(flag)


def _probes(n_times: int, sfreq_hz: float) -> tuple[Float64, Float64]:
    """What a window is projected on: (n_times, 2 + 2 n_lines) mean, trend, cosines, sines; (n_lines,) power scale.

    Mains drifts by a tenth of a hertz and aliases at low rates, so each line is probed at its folded frequency and half
    a hertz to either side.
    """
    ramp = np.arange(n_times) - (n_times - 1) / 2
    base = np.stack([np.full(n_times, 1.0 / n_times), ramp / np.linalg.norm(ramp) / np.sqrt(n_times)], axis=1)
    freqs_hz = _line_freqs_hz(sfreq_hz)
    taper = hann(n_times) / np.sum(hann(n_times))
    angle = 2.0 * np.pi * np.arange(n_times)[:, None] * freqs_hz / sfreq_hz
    waves = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * taper[:, None]
    unit = base / np.linalg.norm(base, axis=0)
    waves -= unit @ (unit.T @ waves)
    # power of a sinusoid from its half-amplitude projection; at half the sampling rate there is no mirror half
    scale = np.where(freqs_hz > sfreq_hz / 2 - 0.25, 1.0, 2.0)
    return np.concatenate([base, waves], axis=1), scale


def _line_freqs_hz(sfreq_hz: float) -> Float64:
    folded = [abs(mains - round(mains / sfreq_hz) * sfreq_hz) for mains in _MAINS_HZ]
    freqs_hz = np.array([centre + offset for centre in folded for offset in (-0.5, 0.0, 0.5)])
    return np.unique(np.minimum(freqs_hz, sfreq_hz / 2))
