"""When a headset's samples were taken: numbered by the packages they came in, stamped by one line through all of them.

A board's samples arrive in bursts, stamped by the computer's wall clock on arrival. Their number is known better: the
package counter says how many came before and how many were lost. A line through (number, time of arrival) has neither
the bursts' jitter nor a bend at a gap, and a step of the wall clock does not move it.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.lsl.clock import GapAwareClock, StampLine
from realtime.packets import Float64

_MODULI = (101, 128, 201, 256, 65_536, 2**24, 2**32)  # where the counters of boards begin anew
_NEAR = 0.15
_REGULAR = 0.8
_BLOCK_S = 0.1
_FORGET_S = 60.0
_PRIOR_JITTER_S = 20e-3
_PRIOR_RATE = 1e-3
_OFF_S = 0.25
_OFF_BLOCKS = 10


@dataclass(frozen=True, slots=True)
class CounterRule:
    """How a board counts: the number grows by `step` every `repeat` samples, and begins anew at `modulus`, if known."""

    step: int
    repeat: int
    modulus: int | None

    @classmethod
    def learn(cls, numbers: NDArray) -> CounterRule | None:
        """The rule in the numbers of a second or more of samples; None where there is none to rely on."""
        whole = np.rint(np.asarray(numbers, np.float64)).astype(np.int64)
        changes = np.flatnonzero(np.diff(whole)) + 1
        if len(changes) < 3:
            return None
        steps = whole[changes] - whole[changes - 1]
        rising = steps[steps > 0]
        if not rising.size:
            return None
        step = Counter(rising.tolist()).most_common(1)[0][0]
        repeat = Counter(np.diff(changes).tolist()).most_common(1)[0][0]
        regular = int(((steps == step) | (steps < 0)).sum())
        if regular < _REGULAR * len(steps) or not _REGULAR < len(changes) * repeat / len(whole) < 2.0 - _REGULAR:
            return None
        falls = Counter((step - steps[steps < 0]).tolist())
        return cls(step, repeat, falls.most_common(1)[0][0] if falls and falls.most_common(1)[0][1] > 1 else None)


class PackageCounter:
    """Running numbers of samples, lost ones counted in.

    Parameters
    ----------
    rule : CounterRule
    sfreq_hz : float
        By which the time between two samples tells how often the counter went round.
    """

    def __init__(self, rule: CounterRule, sfreq_hz: float) -> None:
        self._rule, self._sfreq_hz = rule, sfreq_hz
        self._modulus = rule.modulus
        self._index = -1
        self._number = 0
        self._stamp = -math.inf
        self._run = 0
        self.lost = 0
        """Samples lost so far."""

    def restart(self) -> None:
        """The board counts anew: what is missing until the next sample is told by time."""
        self._run = -1

    def index(self, numbers: NDArray, stamps: Float64) -> NDArray[np.int64]:
        """Running numbers of the next samples.

        Parameters
        ----------
        numbers : (n_times,)
            The board's package numbers.
        stamps : (n_times,) float64
            Times of arrival, s.
        """
        out = np.empty(len(numbers), np.int64)
        for i, (raw, stamp) in enumerate(zip(np.rint(numbers).astype(np.int64), stamps, strict=True)):
            lost = self._missing(int(raw), float(stamp)) if self._index >= 0 else 0
            self.lost += lost
            self._index += 1 + lost
            self._run = self._run + 1 if raw == self._number and self._run > 0 and lost == 0 else 1
            self._number, self._stamp = int(raw), float(stamp)
            out[i] = self._index
        return out

    def _missing(self, number: int, stamp: float) -> int:
        """Samples lost before this one."""
        rule = self._rule
        by_time = max(0, round((stamp - self._stamp) * self._sfreq_hz) - 1)
        if self._run < 0:
            return by_time
        change = number - self._number
        if change == 0 and self._run < rule.repeat:
            return 0
        if change <= 0:
            change += self._turn(number, by_time)
        lost = max(0, change // rule.step - 1) * rule.repeat
        if self._modulus is not None:
            turn = self._modulus // rule.step * rule.repeat
            lost += max(0, round((by_time - lost) / turn)) * turn
        # a counter that says more than time allows was reset
        return lost if lost <= by_time + 0.5 * self._sfreq_hz else by_time

    def _turn(self, number: int, by_time: int) -> int:
        """Where the counter begins anew, learnt when it first does."""
        if self._modulus is None:
            rule = self._rule
            guess = self._number - number + rule.step * (1 + round(by_time / rule.repeat))
            near = min(_MODULI, key=lambda modulus: abs(modulus - guess))
            self._modulus = near if abs(near - guess) <= _NEAR * near and near > self._number else max(guess, 1)
        return self._modulus


class SampleClock:
    """Stamps of a board's samples on the LSL clock, strictly increasing, a gap where samples were lost.

    Parameters
    ----------
    sfreq_hz : float
        Nominal rate.
    rule : CounterRule or None
        None where the board has no counter to rely on: then gaps are told by time alone.
    """

    def __init__(self, sfreq_hz: float, rule: CounterRule | None) -> None:
        period = 1.0 / sfreq_hz
        self._counter = PackageCounter(rule, sfreq_hz) if rule is not None else None
        self._by_time = GapAwareClock(sfreq_hz)
        prior = (_PRIOR_JITTER_S / (_PRIOR_RATE * period)) ** 2
        self._line = StampLine(period, prior, math.exp(-_BLOCK_S / _FORGET_S))
        self._block = max(1, round(_BLOCK_S * sfreq_hz))
        self._period = period
        self._origin: int | None = None
        self._waiting: list[tuple[float, float]] = []
        self._off = 0
        self._last = -math.inf
        self.resets = 0
        """How often the times of arrival jumped away from the line for good."""

    @property
    def counted(self) -> bool:
        """Whether losses are told by the board's own counter."""
        return self._counter is not None

    @property
    def lost(self) -> int:
        """Samples lost so far."""
        return self._counter.lost if self._counter is not None else self._by_time.lost

    @property
    def rate_hz(self) -> float:
        """Effective rate as learnt."""
        return 1.0 / self._line.slope if self._counter is not None else self._by_time.rate_hz

    def restart(self) -> None:
        """The board was opened anew: its next sample begins a line of its own."""
        if self._counter is not None:
            self._counter.restart()
            self._origin = None

    def map(self, numbers: NDArray, arrived: Float64) -> Float64:
        """Stamps of the next samples.

        Parameters
        ----------
        numbers : (n_times,)
            Package numbers.
        arrived : (n_times,) float64
            Times of arrival on the LSL clock.
        """
        if self._counter is None:
            return self._by_time.map(arrived).stamps
        index = self._counter.index(numbers, arrived)
        if self._origin is None:
            # a burst arrives at once: its middle lies on the line, not its first sample
            self._begin(int(index[0]), float((arrived - (index - index[0]) * self._line.slope).mean()))
        stamps = np.empty(len(index))
        for i, (number, when) in enumerate(zip(index.tolist(), arrived.tolist(), strict=True)):
            stamps[i] = self._next(number, when)
        return stamps

    def _begin(self, index: int, stamp: float) -> None:
        self._origin = index
        self._line.restart(stamp)
        self._waiting.clear()
        self._off = 0

    def _next(self, index: int, arrived: float) -> float:
        assert self._origin is not None
        x = float(index - self._origin)
        self._waiting.append((x, arrived - self._line.origin))
        if len(self._waiting) == self._block:
            self._learn(index, arrived)
            x = float(index - self._origin)
        stamp = self._at(x)
        self._last = stamp if stamp > self._last else math.nextafter(self._last, math.inf)
        return self._last

    def _at(self, x: float) -> float:
        return self._line.at(np.asarray(x, np.float64)).item()

    def _learn(self, index: int, arrived: float) -> None:
        """Take a block in, unless it is far off the line: then it is a stall, or after a second a new beginning."""
        x, y = (sum(part) / len(self._waiting) for part in zip(*self._waiting, strict=True))
        self._waiting.clear()
        away_s = self._line.origin + y - self._at(x)
        if abs(away_s) <= _OFF_S:
            self._off = 0
            self._line.add(x, y)
            return
        self._off += 1
        if self._off == _OFF_BLOCKS:
            self.resets += 1
            self._begin(index, arrived)
