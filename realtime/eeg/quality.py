"""Signal quality of each raw channel over a sliding second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from realtime.config import EegConfig
from realtime.eeg._sliding import SlidingBuffer, window_length
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
        `railed_uv`, `flat_uv`, `noisy_uv` and `mains_ratio` are used.

    Notes
    -----
    Mean and trend are removed before anything is measured, so an electrode's offset or slow drift is no fault:

    - FLAT, NOISY: standard deviation below `flat_uv` or above `noisy_uv`.
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

    def reset(self) -> None:
        """Forget the past, as after a gap."""
        self._buffer.reset()
        self._pivot[:] = np.nan
        self._since_bad[:] = self._n_times

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
        if raw_uv.shape[1]:
            self._buffer.append(self._centre(np.asarray(raw_uv, dtype=np.float64)))
        x = self._buffer.window()
        flags = _flag(self._since_bad < self._n_times, Quality.NOT_FINITE)
        if x.shape[1]:
            flags |= _flag(self._railed(x), Quality.RAILED)
        if self._buffer.full:
            # what was held over missing samples says nothing of the channel
            flags |= np.where(self._since_bad < self._n_times, np.uint8(0), self._judge_variance(x))
        return flags

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

    def _railed(self, x: Float64) -> Bool:
        high, low = x.max(axis=1), x.min(axis=1)
        rail = self._config.railed_uv
        beyond = np.maximum(np.abs(high + self._pivot), np.abs(low + self._pivot)) > rail
        railed = beyond & (high - low > rail)
        for row in np.flatnonzero(beyond & ~railed):
            extreme = high[row] if high[row] + self._pivot[row] > rail else low[row]
            railed[row] = np.count_nonzero(x[row] == extreme) > _STUCK_FRACTION * x.shape[1]
        return railed

    def _judge_variance(self, x: Float64) -> UInt8:
        projections = x @ self._probes
        squares = np.square(projections)
        variance = np.einsum("ij,ij->i", x, x) / self._n_times - squares[:, 0] - squares[:, 1]
        lines = squares[:, 2:].reshape(len(x), 2, -1).sum(axis=1) * self._line_scale
        line = lines.max(axis=1)
        rest = np.maximum(variance - line, 1e-12)
        hum = (line > self._config.mains_ratio * rest) & (line > self._config.flat_uv**2)
        return (
            _flag(variance < self._config.flat_uv**2, Quality.FLAT)
            | _flag(variance > self._config.noisy_uv**2, Quality.NOISY)
            | _flag(hum, Quality.MAINS)
        )


def _flag(where: Bool, flag: Quality) -> UInt8:
    return where.astype(np.uint8) * np.uint8(flag)


def _probes(n_times: int, sfreq_hz: float) -> tuple[Float64, Float64]:
    """What a window is projected on: (n_times, 2 + 2 n_lines) mean, trend, cosines, sines; (n_lines,) power scale.

    Mains drifts by a tenth of a hertz and aliases at low rates, so each line is probed at its folded frequency and half
    a hertz to either side.
    """
    ramp = np.arange(n_times) - (n_times - 1) / 2
    base = np.stack([np.full(n_times, 1.0 / n_times), ramp / np.linalg.norm(ramp) / np.sqrt(n_times)], axis=1)
    folded = [abs(mains - round(mains / sfreq_hz) * sfreq_hz) for mains in _MAINS_HZ]
    freqs_hz = np.array([centre + offset for centre in folded for offset in (-0.5, 0.0, 0.5)])
    freqs_hz = np.unique(np.minimum(freqs_hz, sfreq_hz / 2))
    taper = hann(n_times) / np.sum(hann(n_times))
    angle = 2.0 * np.pi * np.arange(n_times)[:, None] * freqs_hz / sfreq_hz
    waves = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * taper[:, None]
    unit = base / np.linalg.norm(base, axis=0)
    waves -= unit @ (unit.T @ waves)
    # power of a sinusoid from its half-amplitude projection; at half the sampling rate there is no mirror half
    scale = np.where(freqs_hz > sfreq_hz / 2 - 0.25, 1.0, 2.0)
    return np.concatenate([base, waves], axis=1), scale
