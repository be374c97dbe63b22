"""The causal cleaning chain: anti-aliased decimation, high-pass, notch, one spatial matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from realtime.config import EegConfig
from realtime.errors import ConfigurationError, DataError
from realtime.packets import Bool, Float64

MIN_SFREQ_HZ = 100.0
"""Slower sources cannot carry the gamma band."""

_NOTCH_QUALITY = 30.0
_PASS_RIPPLE_DB = 0.1
_STOP_DB = 80.0


def decimation_factor(sfreq_hz: float, target_sfreq_hz: float) -> int:
    """Largest whole factor that keeps at least `target_sfreq_hz`, with a whole number of samples a second if one can.

    Parameters
    ----------
    sfreq_hz, target_sfreq_hz : float

    Returns
    -------
    int
        At least 1. For 200 Hz: 1000 -> 5, 512 -> 2, 2048 -> 8 (256 Hz, not 204.8 Hz).

    Raises
    ------
    DataError
        The rate is below `MIN_SFREQ_HZ` or is none.
    """
    if not np.isfinite(sfreq_hz) or sfreq_hz < MIN_SFREQ_HZ:
        raise DataError(
            f"EEG at {sfreq_hz:g} Hz: at least {MIN_SFREQ_HZ:g} Hz, regularly sampled, is wanted; "
            f"set the amplifier to a faster rate"
        )
    largest = max(1, int(sfreq_hz / target_sfreq_hz))
    for factor in range(largest, 0, -1):
        rate = sfreq_hz / factor
        if abs(rate - round(rate)) < 1e-9 * rate:
            return factor
    return largest


@dataclass(frozen=True, slots=True)
class CleanBlock:
    """Output of the chain.

    Parameters
    ----------
    samples_uv : (n_channels, n) float64
        Cleaned µV at the decimated rate, always finite; 0 where `bad`.
    bad : (n_channels, n) bool
        True where one of the `factor` input samples was not finite, or lay between two such of one push.
    """

    samples_uv: Float64
    bad: Bool


_BLOCK_FIELDS = ("samples_uv", "bad")


class CausalCleaner:
    """Decimation, high-pass, notch and spatial matrix, with state; every output sample depends on the past only.

    Output sample j carries input sample `(j + 1) * factor - 1`, the newest of its `factor`. Filters start settled on
    the first sample, so that an electrode's offset does not ring. A sample that is not finite never enters a filter:
    its channel is bad until the next finite one, on which its filters start afresh. Called from one thread.

    Parameters
    ----------
    n_channels : int
    sfreq_hz : float
        Of the input.
    config : EegConfig
        `target_sfreq_hz`, `highpass_hz` and `notch_hz` are used.
    unmixing : (n_channels, n_channels) float, optional
        Applied last: for instance ICA unmixing, rejection and mixing folded into one matrix.

    Attributes
    ----------
    factor : int
        Input samples per output sample.
    sfreq_out_hz : float

    Raises
    ------
    DataError
        The rate is below 100 Hz, or the matrix is not (n_channels, n_channels).
    ConfigurationError
        The high-pass is beyond half the output rate.

    Notes
    -----
    The anti-aliasing filter is flat within 0.1 dB up to 0.4 of the output rate and 80 dB down from 0.6 of it, so what
    folds over lies above 0.4. The notch takes the mains' fundamental; where that is not below half the output rate
    (100 Hz streams) there is none, since the amplifier's own anti-aliasing filter had to remove it.
    """

    def __init__(
        self, n_channels: int, sfreq_hz: float, config: EegConfig, unmixing: NDArray[np.floating] | None = None
    ) -> None:
        self.factor = decimation_factor(sfreq_hz, config.target_sfreq_hz)
        self.sfreq_out_hz = sfreq_hz / self.factor
        if unmixing is not None and unmixing.shape != (n_channels, n_channels):
            raise DataError(
                f"the spatial matrix is {unmixing.shape}, wanted ({n_channels}, {n_channels}); calibrate again"
            )
        self._unmixing = None if unmixing is None else np.ascontiguousarray(unmixing, dtype=np.float64)
        self._sections = _antialias(sfreq_hz, self.factor), _highpass_and_notch(self.sfreq_out_hz, config)
        self._state, self._before, self._after = self._filters(n_channels)
        # of each length: the matrix, and room for what it multiplies and for what comes out
        self._steps: dict[int, tuple[Float64, Float64, Float64]] = {}
        self._seeded = np.zeros(n_channels, dtype=np.bool_)
        self._pending_bad = np.zeros(n_channels, dtype=np.bool_)
        self._phase = 0

    def expect(self, lengths: Sequence[int]) -> None:
        """Filter pushes of these lengths, whole multiples of `factor`, as one matrix product each.

        What comes out equals the filters' but for rounding (tested: 1e-12 of the largest sample), five times sooner.
        """
        for length in lengths:
            step = self._step(length)
            n_channels, (n_in, n_out) = len(self._state), step.shape
            self._steps[length] = step, np.empty((n_channels, n_in)), np.empty((n_channels, n_out))

    def reset(self) -> None:
        """Forget the past, as after a gap: every filter starts on the next sample."""
        self._seeded[:] = False
        self._pending_bad[:] = False
        self._phase = 0

    def reseed(self, channels: Bool) -> None:
        """Start the filters of some channels afresh on their next sample, and call their next output sample bad.

        Parameters
        ----------
        channels : (n_channels,) bool
        """
        self._seeded[channels] = False
        self._pending_bad |= channels

    def process(self, x_uv: NDArray[np.floating], left_out: Bool | None = None) -> CleanBlock:
        """Clean the next samples.

        Parameters
        ----------
        x_uv : (n_channels, n) float
            Raw µV; n may be anything from 0. NaN and infinity are allowed.
        left_out : (n_channels,) bool, optional
            Channels that the spatial matrix must not spread into others; it sees 0 for them.

        Returns
        -------
        CleanBlock
            floor(samples since the last reset / factor) output samples in all.
        """
        x, n = x_uv, x_uv.shape[1]
        first = (self.factor - 1 - self._phase) % self.factor
        self._phase = (self._phase + n) % self.factor
        leave = left_out[:, None] if left_out is not None and left_out.any() else None
        if not _all_finite(x):
            clean, bad = self._filter_around_bad(np.asarray(x, np.float64), np.isfinite(x), first)
            return self._mix(clean, bad, leave)
        bad = np.zeros((len(x), len(range(first, n, self.factor))), dtype=np.bool_)
        if bad.shape[1] and self._pending_bad.any():
            bad[:, 0] = self._pending_bad
            self._pending_bad[:] = False
        return self._mix(self._filter(x, first), bad, leave)

    def process_hops(self, x_uv: NDArray[np.floating], lengths: Sequence[int], left_out: Bool) -> CleanBlock:
        """Clean several hops, as `process` would one after the other.

        Parameters
        ----------
        x_uv : (n_channels, sum(lengths)) float
        lengths : sequence of int
            Samples of each hop.
        left_out : (n_hops, n_channels) bool
            As in `process`, for each hop.
        """
        if len(lengths) == 1:
            return self.process(x_uv, left_out[0])
        ready = not self._phase and self._seeded.all() and not self._pending_bad.any()
        if not (ready and self._steps.keys() >= set(lengths) and _all_finite(x_uv)):
            ends = np.cumsum(lengths).tolist()
            pieces = zip(lengths, ends, left_out, strict=True)
            done = [self.process(x_uv[:, end - n : end], leave) for n, end, leave in pieces]
            return CleanBlock(*(np.concatenate([getattr(d, name) for d in done], axis=1) for name in _BLOCK_FIELDS))
        clean = self._stepped(x_uv, lengths)
        bad = np.zeros(clean.shape, dtype=np.bool_)
        n_out = [length // self.factor for length in lengths]
        return self._mix(clean, bad, np.repeat(left_out.T, n_out, axis=1) if left_out.any() else None)

    def _filter_around_bad(self, x: Float64, finite: Bool, first: int) -> tuple[Float64, Bool]:
        """A block with samples that are not finite; each channel's filters restart after its last one.

        What lies between two of them is called bad as well: a whole window that holds it holds one of them too.
        """
        n = x.shape[1]
        index = np.arange(n)
        resume = np.where(finite.all(axis=1), 0, n - np.argmax(~finite[:, ::-1], axis=1))
        stop = np.where(finite.all(axis=1), n, np.argmax(~finite, axis=1))
        bad_in = (index >= stop[:, None]) & (index < resume[:, None])
        clean = self._filter(np.where(bad_in, 0.0, x), first)
        # channels that restart together are filtered together
        for start in np.unique(resume[resume > 0]):
            rows = np.flatnonzero(resume == start)
            self._seeded[rows] = False
            if start < n:
                skipped = len(range(first, start, self.factor))
                tail_first = first + skipped * self.factor - start
                clean[rows, skipped:] = self._filter(x[rows, start:], tail_first, rows)
        starts = np.concatenate([[0], np.arange(first + 1, n, self.factor)])
        bad = np.logical_or.reduceat(bad_in, starts, axis=1)
        bad[:, 0] |= self._pending_bad
        n_out = clean.shape[1]
        self._pending_bad = bad[:, n_out].copy() if bad.shape[1] > n_out else np.zeros_like(self._pending_bad)
        return clean, bad[:, :n_out]

    def _filter(self, x: NDArray[np.floating], first: int, rows: NDArray[np.intp] | None = None) -> Float64:
        """Run both filters over finite samples of all channels, or of `rows`, keeping every factor-th from `first`."""
        if x.shape[1] and not self._seeded.all():
            picked = np.arange(len(self._seeded)) if rows is None else rows
            fresh = ~self._seeded[picked]
            level = x[fresh, 0].astype(np.float64)
            self._before.settle(picked[fresh], level)
            self._after.settle(picked[fresh], level * self._before.gain)
            self._seeded[picked] = True
        if rows is None and first == self.factor - 1 and x.shape[1] in self._steps:
            return self._stepped(x, [x.shape[1]])
        x = np.asarray(x, np.float64)
        return self._after.apply(self._before.apply(x, rows)[:, first :: self.factor], rows)

    def _filters(self, n_channels: int) -> tuple[Float64, _Filter, _Filter]:
        """(n_channels, n_states) state, and both filters on it."""
        sizes = [2 * len(sos) for sos in self._sections]
        state = np.zeros((n_channels, sum(sizes)))
        before, after = self._sections
        return state, _Filter(before, state[:, : sizes[0]]), _Filter(after, state[:, sizes[0] :])

    def _step(self, length: int) -> Float64:
        """(length + n_states, n_out + n_states): what `length` samples and the state become, for both are linear."""
        n_states = self._state.shape[1]
        state, before, after = self._filters(length + n_states)
        state[length:] = np.eye(n_states)
        x = np.eye(length + n_states, length)
        out = after.apply(before.apply(x, None)[:, self.factor - 1 :: self.factor], None)
        return np.concatenate([out, state], axis=1)

    def _stepped(self, x: NDArray[np.floating], lengths: Sequence[int]) -> Float64:
        """Filter pushes of expected lengths, one after the other: finite samples of all channels, seeded, in phase."""
        out = np.empty((len(x), x.shape[1] // self.factor))
        stop = 0
        for length in lengths:
            start, stop = stop, stop + length
            step, joined, found = self._steps[length]
            joined[:, :length] = x[:, start:stop]
            joined[:, length:] = self._state
            np.matmul(joined, step, out=found)
            n_out = length // self.factor
            out[:, start // self.factor : stop // self.factor] = found[:, :n_out]
            self._state[:] = found[:, n_out:]
        return out

    def _mix(self, clean: Float64, bad: Bool, left_out: Bool | None) -> CleanBlock:
        zeroed = bad if left_out is None else bad | left_out
        if zeroed.any():
            clean = np.where(zeroed, 0.0, clean)
        return CleanBlock(clean if self._unmixing is None else self._unmixing @ clean, bad)


class _Filter:
    """Second-order sections with a state for every channel; without sections it passes everything.

    Parameters
    ----------
    sos : (n_sections, 6) float64
    state : (n_channels, 2 * n_sections) float64
        Kept up to date in place.
    """

    def __init__(self, sos: Float64, state: Float64) -> None:
        self._sos = sos
        self._state = state.reshape(len(state), len(sos), 2).transpose(1, 0, 2)
        self._settled = signal.sosfilt_zi(sos) if len(sos) else np.zeros((0, 2))
        self.gain = float(np.prod(sos[:, :3].sum(axis=1) / sos[:, 3:].sum(axis=1)))

    def settle(self, rows: NDArray[np.intp], level: Float64) -> None:
        """Set the state of some channels to what a constant `level` would have left."""
        self._state[:, rows] = self._settled[:, None, :] * level[:, None]

    def apply(self, x: Float64, rows: NDArray[np.intp] | None) -> Float64:
        """Filter (n_rows, n) samples of all channels or of `rows`."""
        if not len(self._sos) or not x.shape[1]:
            return x
        picked = slice(None) if rows is None else rows
        y, self._state[:, picked] = signal.sosfilt(self._sos, x, zi=self._state[:, picked])
        return np.asarray(y)


def _all_finite(x: NDArray[np.floating]) -> bool:
    # no array of the size of x; both extremes pass NaN on
    return not x.size or math.isfinite(float(x.max()) - float(x.min()))


def _antialias(sfreq_hz: float, factor: int) -> Float64:
    if factor == 1:
        return np.zeros((0, 6))
    rate = sfreq_hz / factor
    order, edge_hz = signal.ellipord(0.4 * rate, 0.6 * rate, _PASS_RIPPLE_DB, _STOP_DB, fs=sfreq_hz)
    return np.asarray(signal.ellip(order, _PASS_RIPPLE_DB, _STOP_DB, edge_hz, output="sos", fs=sfreq_hz))


def _highpass_and_notch(sfreq_hz: float, config: EegConfig) -> Float64:
    sections: Float64 = np.zeros((0, 6))
    if config.highpass_hz >= sfreq_hz / 2:
        raise ConfigurationError(
            f"eeg.highpass_hz is {config.highpass_hz:g} Hz, wanted below half the cleaned rate, {sfreq_hz / 2:g} Hz"
        )
    if config.highpass_hz > 0:
        sections = np.asarray(signal.butter(2, config.highpass_hz, "highpass", fs=sfreq_hz, output="sos"))
    half_width_hz = config.notch_hz / _NOTCH_QUALITY / 2
    if config.notch_hz and config.notch_hz + half_width_hz < sfreq_hz / 2:
        numerator, denominator = signal.iirnotch(config.notch_hz, _NOTCH_QUALITY, fs=sfreq_hz)
        notch = np.hstack([numerator, denominator]).astype(np.float64)
        sections = np.concatenate([sections, notch[None]])
    return sections
