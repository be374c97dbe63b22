"""Signal quality of each raw channel over a sliding second."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from realtime.config import EegConfig
from realtime.eeg._sliding import HopSums, SlidingBuffer, Turns, hops_a_window, waves, window_length
from realtime.eeg.bands import hann
from realtime.packets import Bool, Float64, Quality, UInt8

WINDOW_S = 1.0
"""Length of the window that is judged."""

_MAINS_HZ = (50.0, 60.0)
_STUCK_FRACTION = 0.1


class QualityMonitor:
    """Flags every channel over the newest second of raw samples. Called from one thread.

    Parameters
    ----------
    n_channels : int
    sfreq_hz : float
    config : EegConfig
        `railed_uv`, `flat_uv`, `noisy_uv`, `mains_ratio` and `hop_s` are used.
    dtype : dtype
        Of the samples that are kept: float32 where samples come as such.

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

    def __init__(
        self, n_channels: int, sfreq_hz: float, config: EegConfig, *, dtype: type[np.floating] = np.float64
    ) -> None:
        self._config = config
        n_times = window_length(WINDOW_S, sfreq_hz)
        self._n_times = n_times
        self._buffer = SlidingBuffer(n_channels, n_times, dtype)
        self._projections = _Projections(n_channels, n_times, sfreq_hz, config.hop_s)
        self._pivot = np.zeros(n_channels)
        self._since_bad = np.full(n_channels, n_times)
        self._since_beyond = np.full(n_channels, n_times)
        # samples since any channel was bad, or beyond the rail: mostly nothing needs to be looked at
        self._sound_for = self._calm_for = n_times

    def reset(self) -> None:
        """Forget the past, as after a gap."""
        self._buffer.reset()
        self._projections.forget()
        for since in (self._since_bad, self._since_beyond):
            since[:] = self._n_times
        self._sound_for = self._calm_for = self._n_times

    def set_limits(self, config: EegConfig) -> None:
        """Judge by the limits of another configuration from the next push on."""
        self._config = config
        self._look_for_rails()

    def _look_for_rails(self) -> None:
        self._since_beyond[:] = self._calm_for = 0

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
        self._projections.forget()
        if raw_uv.shape[1]:
            self._append(raw_uv, bool(np.isfinite(raw_uv).all()))
        x = self._centred()
        flags = _flag(self._since_bad < self._n_times, Quality.NOT_FINITE)
        if x.shape[1]:
            flags |= _flag(self._railed(x, self._pivot), Quality.RAILED)
            self._look_for_rails()
        if self._buffer.full:
            # what was held over missing samples says nothing of the channel
            judged = self._judge(self._projections.plain(x)) | _flag(self._still(x, raw_uv.shape[1]), Quality.FLAT)
            flags |= np.where(self._since_bad < self._n_times, np.uint8(0), judged)
        return flags

    def push_hops(self, raw_uv: NDArray[np.floating], lengths: Sequence[int]) -> UInt8:
        """Judge the newest second at the end of each hop, as `push` of one hop after the other would.

        What a hop adds is summed once and not in every second that holds it; no flag changes but where rounding could
        turn it.

        Parameters
        ----------
        raw_uv : (n_channels, sum(lengths)) float
        lengths : sequence of int
            Samples of each hop of `config.hop_s`. The first since a reset may be shorter.

        Returns
        -------
        (n_hops, n_channels) uint8
        """
        n = raw_uv.shape[1]
        # NaN is passed on by both
        high, low = float(raw_uv.max()), float(raw_uv.min())
        finite, rail = math.isfinite(high - low), self._config.railed_uv
        kept = n <= 2 * self._n_times
        if len(lengths) > 1 and not (finite and kept and self._buffer.full):
            hops = np.split(raw_uv, np.cumsum(lengths)[:-1], axis=1)
            return np.concatenate([self.push_hops(x, [x.shape[1]]) for x in hops])
        if not kept:
            # a hop so long brings each window whole
            return self.push(raw_uv)[None]
        ends, before, sound = list(accumulate(lengths)), self._since_bad, self._sound_for >= self._n_times
        self._append(raw_uv, finite)
        x = self._buffer.newest(n)
        flags = self._railed_hops(x, ends, beyond=not (finite and -rail <= low <= high <= rail))
        found = self._projections.advance(x, self._pivot, lengths, self._centred if self._buffer.full else None)
        judged = None if found is None else self._judge(found) | self._still_hops(x, lengths, ends)
        if not (sound and finite):
            since = np.minimum(before + np.array(ends)[:, None], self._n_times) if finite else self._since_bad[None]
            unknown = since < self._n_times
            flags[unknown] |= np.uint8(Quality.NOT_FINITE)
            if judged is not None:
                # what was held over missing samples says nothing of the channel
                judged[unknown] = 0
        return flags if judged is None else flags | judged

    def _centred(self, back: int = 0, rows: NDArray[np.intp] | slice = slice(None)) -> Float64:
        """The newest second `back` samples ago, less each channel's first sample, as large offsets cost digits."""
        return self._buffer.window(back)[rows] - self._pivot[rows, None]

    def _railed_hops(self, x: NDArray[np.floating], ends: Sequence[int], *, beyond: bool) -> UInt8:
        """(n_hops, n_channels): only channels with a sample beyond the rail in these seconds are looked at."""
        n, rail = ends[-1], self._config.railed_uv
        railed = np.zeros((len(ends), len(x)), np.bool_)
        self._calm_for = 0 if beyond else self._calm_for + n
        if self._calm_for < self._n_times + n:
            self._since_beyond += n
            if beyond:
                self._since_beyond[(x.max(axis=1) > rail) | (x.min(axis=1) < -rail)] = 0
            rows = np.flatnonzero(self._since_beyond < self._n_times + n)
            for hop, end in enumerate(ends if rows.size else ()):
                railed[hop, rows] = self._railed(self._centred(n - end, rows), self._pivot[rows])
        return _flag(railed, Quality.RAILED)

    def _still_hops(self, x: NDArray[np.floating], lengths: Sequence[int], ends: Sequence[int]) -> UInt8:
        """(n_hops, n_channels): a few samples of each hop say of most channels that they move."""
        some = x.T[np.array(ends) - 1 - np.outer(np.arange(4), lengths) // 4]
        maybe = some.max(axis=0) - some.min(axis=0) < self._config.flat_uv
        still = np.zeros(maybe.shape, np.bool_)
        for hop in np.flatnonzero(maybe.any(axis=1)).tolist():
            rows = np.flatnonzero(maybe[hop])
            still[hop, rows] = self._still(self._centred(ends[-1] - ends[hop], rows), lengths[hop])
        return _flag(still, Quality.FLAT)

    def _append(self, raw_uv: NDArray[np.floating], finite: bool) -> None:
        """Keep new samples, values held over missing ones."""
        x = raw_uv if finite else self._held(np.asarray(raw_uv, np.float64))
        if not finite:
            self._sound_for = 0
        elif self._sound_for < self._n_times:
            self._since_bad = np.minimum(self._since_bad + raw_uv.shape[1], self._n_times)
            self._sound_for += raw_uv.shape[1]
        if not self._buffer.count:
            self._pivot = x[:, 0].astype(np.float64)
        self._buffer.append(x)

    def _held(self, x: Float64) -> Float64:
        """Fill what is not finite with the channel's last finite sample; its next one, or 0, where none was yet."""
        n = x.shape[1]
        finite = np.isfinite(x)
        index = np.where(finite, np.arange(n), -1)
        np.maximum.accumulate(index, axis=1, out=index)
        first = np.take_along_axis(x, np.argmax(finite, axis=1)[:, None], axis=1)[:, 0]
        known = self._buffer.count > 0
        start = self._buffer.newest(1)[:, 0] if known else np.where(finite.any(axis=1), first, 0.0)
        held = np.take_along_axis(x, np.maximum(index, 0), axis=1)
        run, clean = np.argmax(~finite[:, ::-1], axis=1), finite.all(axis=1)
        self._since_bad = np.minimum(np.where(clean, self._since_bad + n, run), self._n_times)
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

    def _judge(self, found: Float64) -> UInt8:
        """Flags of (..., n_channels) windows from what `_Projections` found in them."""
        squares = np.square(found[:-1])
        variance = found[-1] - squares[0]
        variance -= squares[1]
        n_lines = len(squares) // 2 - 1
        line = (squares[2 : 2 + n_lines] + squares[2 + n_lines :]).max(axis=0)
        still_uv2, loud_uv2 = self._config.flat_uv**2, self._config.noisy_uv**2
        hum = line > self._config.mains_ratio * np.maximum(variance - line, 1e-12)
        hum &= line > still_uv2
        flags = _flag(variance < still_uv2, Quality.FLAT)
        flags |= _flag(variance > loud_uv2, Quality.NOISY)
        flags |= _flag(hum, Quality.MAINS)
        return flags


class _Projections:
    """Mean, trend, lines and mean square of a sliding window of (n_channels, n_times) samples.

    What a window is projected on are sums of a ramp and of waves of few frequencies, and those of hops make those of
    windows. Where a window is no whole number of hops each is projected by itself.

    Parameters
    ----------
    n_channels, n_times : int
    sfreq_hz, hop_s : float
    """

    def __init__(self, n_channels: int, n_times: int, sfreq_hz: float, hop_s: float) -> None:
        self._n_times = n_times
        self._probes = _probes(n_times, sfreq_hz)
        # the Hann taper spreads a line to a bin on either side; 0 stands for the mean
        lines = np.concatenate([_line_freqs_hz(sfreq_hz) * n_times / sfreq_hz + bins for bins in (-1.0, 0.0, 1.0)])
        cycles = np.unique(np.concatenate([[0.0], lines.round(9)]))
        self._constant = 2 * int(np.flatnonzero(cycles == 0.0)[0])
        index = np.arange(n_times)
        # a ramp of one keeps all columns of one size
        basis = np.concatenate([waves(index, cycles, n_times), index[:, None] / n_times], axis=1)
        self._to_probes = np.linalg.lstsq(basis, self._probes, rcond=1e-12)[0]
        self._turns, self._back = Turns(cycles, n_times), np.exp(2j * np.pi * cycles)
        self._matrices: dict[int, Float64] = {}
        n_hops = hops_a_window(n_times, hop_s * sfreq_hz)
        self._sums = HopSums(n_channels, n_hops, basis, move_back=self._move_back, squares=True) if n_hops else None
        self._window = np.empty((n_channels, basis.shape[1] + 1))

    def forget(self) -> None:
        """The window goes on without these sums: start anew."""
        if self._sums is not None:
            self._sums.forget()

    def plain(self, x: Float64) -> Float64:
        """(n_probes + 1, n_channels): projections, and as the last row the mean square, of a window: the definition."""
        return np.concatenate([self._probes.T @ x.T, np.vecdot(x, x)[None] / self._n_times])

    def advance(
        self,
        x: NDArray[np.floating],
        pivot: Float64,
        lengths: Sequence[int],
        window: Callable[[int], Float64] | None,
    ) -> Float64 | None:
        """Both at the end of each of the newest hops.

        Parameters
        ----------
        x : (n_channels, sum(lengths)) float
        pivot : (n_channels,) float64
            Taken off first.
        lengths : sequence of int
        window : callable, optional
            The whole window so many samples ago, `pivot` taken off; None while there is none.

        Returns
        -------
        (n_probes + 1, n_hops, n_channels) float64
        """
        found = np.empty((self._probes.shape[1] + 1, len(lengths), len(x)))
        new, back = x.astype(np.float64), x.shape[1]
        new -= pivot[:, None]
        for hop, length in enumerate(lengths):
            start, back = x.shape[1] - back, back - length
            end = 0
            if self._sums is not None:
                end = self._sums.add(new[:, start : start + length], self._window)
            if end:
                np.matmul(self._matrix(end), self._window.T, out=found[:, hop])
            elif window is not None:
                found[:, hop] = self.plain(window(back))
        return None if window is None else found

    def _matrix(self, end: int) -> Float64:
        """(n_probes + 1, n_columns): what is found in a window that ends there in a period, from the sums over it."""
        if end not in self._matrices:
            turn = self._turns(end)[:, None]
            real, imaginary, ramp = self._to_probes[0:-1:2], self._to_probes[1:-1:2], self._to_probes[-1:]
            pairs = [turn.real * real + turn.imag * imaginary, turn.real * imaginary - turn.imag * real]
            matrix = np.zeros((len(self._to_probes) + 1, ramp.shape[1] + 1))
            matrix[:-2, :-1] = np.stack(pairs, axis=1).reshape(-1, ramp.shape[1])
            matrix[self._constant, :-1] -= (end / self._n_times - 1.0) * ramp[0]
            matrix[-2, :-1], matrix[-1, -1] = ramp, 1.0 / self._n_times
            self._matrices[end] = np.ascontiguousarray(matrix.T)
        return self._matrices[end]

    def _move_back(self, sums: Float64) -> None:
        n_waves = 2 * len(self._back)
        sums[..., n_waves] -= sums[..., self._constant]
        turned = sums[..., :n_waves].view(np.complex128)
        turned *= self._back


def _flag(where: Bool, flag: Quality) -> UInt8:
    return where.view(np.uint8) * np.uint8(flag)


def _probes(n_times: int, sfreq_hz: float) -> Float64:
    """What a window is projected on: (n_times, 2 + 2 n_lines) mean, trend, cosines, sines; their squares are powers.

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
    waves *= np.sqrt(np.tile(np.where(freqs_hz > sfreq_hz / 2 - 0.25, 1.0, 2.0), 2))
    return np.concatenate([base, waves], axis=1)


def _line_freqs_hz(sfreq_hz: float) -> Float64:
    folded = [abs(mains - round(mains / sfreq_hz) * sfreq_hz) for mains in _MAINS_HZ]
    freqs_hz = np.array([centre + offset for centre in folded for offset in (-0.5, 0.0, 0.5)])
    return np.unique(np.minimum(freqs_hz, sfreq_hz / 2))
