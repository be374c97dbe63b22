"""Stamps of a stream on the local clock: smoothed, aware of gaps, with the lost samples counted. Pure, no LSL call.

liblsl's own smoothing (`proc_dejitter`) fits one line through everything it saw, so a gap bends it for seconds. Here
the line restarts at each gap and only its slope, the true rate, is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from realtime.packets import Float64

_BLOCK_S = 0.1
_WARM_UP_S = 1.0
_SETTLED_S = 5.0
_FORGET_S = 20.0
_JITTER_HOLD_S = 10.0
_PRIOR_JITTER_S = 5e-3
_PRIOR_RATE = 5e-4
_EXACT = 0.25
_EXACT_AT_ONCE = 0.01
_AT_ONCE_S = 0.3
_STALL_S = 0.1
_LARGEST_THRESHOLD_S = 0.5
_LATE_BLOCKS = 3
_CLOCK_RESET_S = 1.0
_REFUND_S = 2.0
_LEARN_BLOCKS = 8
_LEARN_SIGMA = 20.0  # a step, as of a small loss, looks like a slope of up to 18 in ten seconds
_LEARN_RATE = 1e-3


@dataclass(frozen=True, slots=True)
class Gap:
    """Before sample `at` of the mapped stamps, `lost` samples are missing; `reset` where the source's clock jumped."""

    at: int
    lost: int
    reset: bool = False


@dataclass(frozen=True, slots=True)
class MappedStamps:
    """Stamps on the local clock, strictly increasing between resets, and the gaps among them.

    Parameters
    ----------
    stamps : (n_times,) float64
        LSL seconds.
    gaps : tuple of Gap
    """

    stamps: Float64
    gaps: tuple[Gap, ...]


class StampLine:
    """Least squares line stamp = a + b * index, with exponential forgetting and a prior on the slope.

    Fed one point a block of samples, so what it yields does not depend on how the samples were chunked.
    """

    def __init__(self, slope: float, prior_weight: float, keep: float) -> None:
        self.slope = slope
        self._prior = slope
        self._prior_weight = prior_weight
        self._keep = keep
        self.restart(0.0)

    def restart(self, first: float) -> None:
        """Begin a new segment whose sample 0 is stamped `first`; the slope learnt so far becomes the prior."""
        self._prior = self.slope
        self.origin = first
        self._offset = 0.0
        self._blocks = 0
        self._n = self._x = self._y = self._xx = self._xy = self._yy = 0.0

    def at(self, index: Float64) -> Float64:
        return self.origin + self._offset + self.slope * index

    def add(self, x: float, y: float) -> bool:
        """Take a block's mean index and mean stamp (since `origin`) in; True where the prior was given up for them."""
        for name in ("_n", "_x", "_y", "_xx", "_xy", "_yy"):
            setattr(self, name, self._keep * getattr(self, name))
        self._blocks += 1
        self._n += 1.0
        self._x += x
        self._y += y
        self._xx += x * x
        self._xy += x * y
        self._yy += y * y
        mean_x, mean_y = self._x / self._n, self._y / self._n
        spread = self._xx / self._n - mean_x * mean_x
        joint = self._xy / self._n - mean_x * mean_y
        learnt = self._learn(spread, joint, self._yy / self._n - mean_y * mean_y)
        weight = self._prior_weight / self._n
        self.slope = (joint + weight * self._prior) / (spread + weight)
        self._offset = mean_y - self.slope * mean_x
        return learnt

    def _learn(self, spread: float, joint: float, spread_y: float) -> bool:
        """Give the prior up where the stamps contradict it beyond their own scatter: the rate is not as announced."""
        if self._blocks < _LEARN_BLOCKS:
            return False
        free = joint / spread
        scatter = max(0.0, spread_y - free * joint) / (self._n - 2.0)
        if abs(free - self._prior) <= _LEARN_SIGMA * math.sqrt(scatter / spread) + _LEARN_RATE * self._prior:
            return False
        self._prior = free
        return True


class GapAwareClock:
    """Smooths the stamps of one regular stream and counts the samples lost in its gaps.

    A stamp later than the fitted line by more than the stream's own jitter explains is a gap: the line restarts there,
    and the distance in sample periods is the number lost. Where stamps come from a sample clock one lost sample shows
    at once. Where they are made on arrival a stall looks the same at first, so a step counts at once beyond 0.1 s, and
    otherwise when no sample caught up for 0.3 s; stamps that do catch up later give the samples back to the counter.
    An irregular stream (rate 0) passes through, made increasing.

    Parameters
    ----------
    rate_hz : float
        Nominal rate; 0 for an irregular stream.

    Notes
    -----
    One thread. Up to rounding, the result depends on the stamps alone, not on how they were cut into chunks.
    """

    def __init__(self, rate_hz: float) -> None:
        if not (math.isfinite(rate_hz) and rate_hz >= 0):
            raise ValueError(f"rate_hz is {rate_hz}: 0 or a positive number is wanted")
        self._nominal_hz = rate_hz
        self.lost = 0
        """Samples lost in gaps so far."""
        self.gaps = 0
        """Gaps so far."""
        self.resets = 0
        """Backward jumps of the source's clock so far."""
        self._last = -math.inf
        self._jitter = self._ripple = 0.0
        self._seen = 0
        self._started = False
        self._refundable: tuple[float, int] = (-math.inf, 0)
        if rate_hz > 0:
            period = 1.0 / rate_hz
            self._period = period
            self._block = max(1, round(_BLOCK_S * rate_hz))
            prior = (_PRIOR_JITTER_S / (_PRIOR_RATE * period)) ** 2
            keep = math.exp(-self._block * period / _FORGET_S)
            self._line = StampLine(period, prior, keep)
            self._hold = math.exp(-self._block * period / _JITTER_HOLD_S)
            self._index = 0
            self._in_block = self._late_blocks = self._owed = 0
            self._clear_block()

    @property
    def jitter_s(self) -> float:
        """Largest deviation of a stamp from the line in the last seconds."""
        return self._jitter

    @property
    def rate_hz(self) -> float:
        """Effective rate as fitted; the nominal one before anything was seen; 0 for an irregular stream."""
        return 1.0 / self._line.slope if self._nominal_hz > 0 else 0.0

    @property
    def exact(self) -> bool:
        """Whether stamps come from a sample clock, not from when samples arrived somewhere; False until known."""
        if self._nominal_hz == 0:
            return False
        seen_s = self._seen * self._period
        if seen_s < _WARM_UP_S:
            return seen_s >= _AT_ONCE_S and self._jitter < _EXACT_AT_ONCE * self._period
        return self._jitter < _EXACT * self._period

    @property
    def settled(self) -> bool:
        """Whether the rate rests on enough to be compared with the announced one."""
        return self._nominal_hz > 0 and self._seen * self._period >= _SETTLED_S

    @property
    def threshold_s(self) -> float:
        """A stamp later than the line by more than this is a gap."""
        if self.exact:
            return 0.6 * self._period
        if self._seen * self._period < _WARM_UP_S:
            return max(_STALL_S, 5.0 * self._period)
        largest = max(_LARGEST_THRESHOLD_S, 2.0 * self._period)
        return max(_STALL_S, 1.5 * self._period, min(3.0 * self._jitter, largest))

    def restart(self) -> None:
        """The next sample comes from a restarted source: what is missing is counted, going back in time is allowed."""
        self._last = -math.inf

    def map(self, stamps: ArrayLike) -> MappedStamps:
        """Smooth the next stamps.

        Parameters
        ----------
        stamps : (n_times,) float64
            Local-clock seconds, as the source stamped them.
        """
        raw = np.asarray(stamps, np.float64)
        if raw.size == 0:
            return MappedStamps(raw, ())
        if self._nominal_hz == 0:
            return MappedStamps(self._increasing(raw.copy(), 1e-9), ())
        out = np.empty_like(raw)
        gaps: list[Gap] = []
        done = 0
        while done < raw.size:
            done = self._advance(raw, out, done, gaps)
        return MappedStamps(out, tuple(gaps))

    def _advance(self, raw: Float64, out: Float64, start: int, gaps: list[Gap]) -> int:
        """Map samples from `start` to the end of the block or to the next jump; returns where it stopped."""
        if not self._started:
            self._started = True
            self._begin(raw[start])
        if self._owed:
            gaps.append(self._count(start, self._owed, float(raw[start])))
            self._owed = 0
            self._begin(raw[start])
        stop = min(raw.size, start + self._block - self._in_block)
        index = np.arange(self._index, self._index + stop - start, dtype=np.float64)
        line = self._line.at(index)
        residual = raw[start:stop] - line
        threshold_s = self.threshold_s
        if not max(residual.max(), -residual.min()) > threshold_s:
            self._take(raw[start:stop], line, residual, out[start:stop])
            return stop
        first = int(np.flatnonzero(np.abs(residual) > threshold_s)[0])
        if first > 0:
            self._take(raw[start : start + first], line[:first], residual[:first], out[start : start + first])
        at = start + first
        if gap := self._jump(at, float(residual[first]), float(raw[at])):
            gaps.append(gap)
        return at

    def _jump(self, at: int, residual: float, stamp: float) -> Gap | None:
        """Restart the line at a sample that is off it; positive is a gap, negative a catch-up or a clock reset."""
        expected = stamp - residual
        self._begin(stamp)
        if residual > 0:
            return self._count(at, max(1, round(residual / self._period)), stamp)
        if residual < -_CLOCK_RESET_S:
            self.resets += 1
            self._last = -math.inf
            return Gap(at, 0, reset=True)
        when, lost = self._refundable
        back = min(lost, round(-residual / self._period))
        if lost and expected - when < _REFUND_S:
            self.lost -= back
            self.gaps -= int(back == lost)
            self._refundable = (when, lost - back)
        return None

    def _count(self, at: int, lost: int, stamp: float) -> Gap:
        self.lost += lost
        self.gaps += 1
        self._refundable = (stamp, lost)
        return Gap(at, lost)

    def _begin(self, stamp: float) -> None:
        self._line.restart(stamp)
        self._index = 0
        self._late_blocks = 0
        self._clear_block()

    def _clear_block(self) -> None:
        self._in_block = 0
        self._residuals: list[Float64] = []
        self._sum_index = self._sum_stamp = self._worst = 0.0
        self._least = math.inf

    def _take(self, raw: Float64, line: Float64, residual: Float64, out: Float64) -> None:
        """Emit samples that lie on the line, and refit it when a block is full."""
        out[:] = self._increasing(line, 1e-3 * self._period)
        n = raw.size
        self._sum_index += n * (self._index + 0.5 * (n - 1))
        self._sum_stamp += float((raw - self._line.origin).sum())
        self._index += n
        self._seen += n
        self._in_block += n
        self._residuals.append(residual)
        least = float(residual.min())
        self._worst = max(self._worst, float(residual.max()), -least)
        self._least = min(self._least, least)
        if self._in_block == self._block:
            self._finish_block()

    def _finish_block(self) -> None:
        """Refit the line, unless the whole block was late: that is either a stall or a loss."""
        warm = self._seen * self._period >= _WARM_UP_S
        if warm and self._least > max(0.6 * self._period, 2.0 * self._jitter):
            self._late_blocks += 1
            if self._late_blocks == _LATE_BLOCKS:
                self._owed = max(1, round(self._least / self._period))
        else:
            self._late_blocks = 0
            learnt = self._line.add(self._sum_index / self._block, self._sum_stamp / self._block)
            # deviations from a line of the wrong rate say nothing about the stamps; those within a block do
            self._ripple = max(_ripple(np.concatenate(self._residuals)), self._ripple * self._hold)
            self._jitter = self._ripple if learnt else max(self._worst, self._jitter * self._hold)
        self._clear_block()

    def _increasing(self, stamps: Float64, step: float) -> Float64:
        """Push stamps up where they would not follow the one before by at least `step`."""
        if stamps[0] < self._last + step or (stamps.size > 1 and (stamps[1:] - stamps[:-1]).min() < step):
            ramp = step * np.arange(stamps.size)
            stamps = np.asarray(np.maximum(np.maximum.accumulate(stamps - ramp), self._last + step) + ramp, np.float64)
        self._last = float(stamps[-1])
        return stamps


def _ripple(residual: Float64) -> float:
    """Largest deviation of a block's residuals from their own straight line."""
    ramp = np.arange(residual.size) - (residual.size - 1) / 2
    slope = float(ramp @ residual) / max(1.0, float(ramp @ ramp))
    return float(np.abs(residual - residual.mean() - slope * ramp).max())


class OffsetTracker:
    """Slews the clock offset of a remote source, so that a new estimate never looks like a gap.

    Parameters
    ----------
    slew : float
        Largest change, seconds a second; 5e-4 is several times the drift of two computers' clocks.
    step_s : float
        A difference beyond this is a real reset of the remote clock and is taken over at once.
    """

    def __init__(self, slew: float = 5e-4, step_s: float = 0.05) -> None:
        self._slew = slew
        self._step_s = step_s
        self._target: float | None = None
        self._offset = 0.0
        self._at = 0.0

    def update(self, estimate_s: float, now_s: float) -> None:
        """Take a new estimate in."""
        if self._target is None or abs(estimate_s - self._offset) > self._step_s:
            self._offset, self._at = estimate_s, now_s
        self._target = estimate_s

    def at(self, now_s: float) -> float:
        """What to add to the source's stamps that arrive at `now_s`, s; 0 before the first estimate."""
        if self._target is not None:
            most = self._slew * max(0.0, now_s - self._at)
            self._offset += min(max(self._target - self._offset, -most), most)
            self._at = now_s
        return self._offset
