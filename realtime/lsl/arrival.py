"""Keeping a source's own clock on ours, by when its samples arrive. Pure, no LSL call.

LSL measures how far the clocks of two computers are apart, but nobody measures a device that stamps with a clock of its
own: it may drift, and it may be set. What tells is the lag, arrival minus stamp. It grows while samples wait somewhere,
so only its minimum over many samples counts; a clock that drifts moves that minimum steadily, one that is set moves it
at once, and neither the source nor LSL says a word.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from realtime.packets import Float64

JUMP_S = 0.5
"""Stamps that leave the sample grid by more than this are held against their arrival."""

_BACK_S = 1.0
_SLACK_S = 0.25
_WATCHED_S = 1.0
_LOOK_S = 0.1
_AHEAD = 0.2
_SPAN_S = 10.0
_STEP_S = 5e-3
_DEAD_BAND_S = 5e-3
_SLEW = 2.5e-4
_KEPT = 64


@dataclass(frozen=True, slots=True)
class ClockJump:
    """At a stamp (on our clock) the source's clock was set by so many seconds, which were taken off again."""

    at_s: float
    by_s: float


class ArrivalClock:
    """Takes jumps and drift of a source's clock off its stamps.

    A step of the stamps of more than half a second forward (a second back) is a jump of the clock where the samples
    could not have arrived when they did if it were not: stamps from the future, or from before what was already sent.
    A step forward that fits the arrival is a gap, and stays. Stamps that do not go with the time, such as those of a
    recording that is sent as fast as it goes or at another speed, tell nothing and are left alone. Drift is followed
    from 5 ms on, at 250 ppm at most; a lag that changes within ten seconds by more than 5 ms is the transport's and is
    not followed.

    Parameters
    ----------
    period_s : float
        Nominal sample period.

    Attributes
    ----------
    offset_s : float
        What is added to the source's stamps now.
    jumps : int
        Jumps so far.
    log : deque of ClockJump
        The newest ones that nobody has taken yet.

    Notes
    -----
    One thread. A source whose clock is ours and steady gets its stamps back unchanged, bit for bit.
    """

    def __init__(self, period_s: float) -> None:
        self._period = period_s
        self.jumps = 0
        self.log: deque[ClockJump] = deque(maxlen=_KEPT)
        self.restart()

    def restart(self) -> None:
        """The next samples come from another outlet: nothing is known of its clock."""
        self.offset_s = self._drift = 0.0
        self._last = math.nan
        self._lag = math.nan
        self._since = math.inf
        self._looked, self._usual = -math.inf, math.nan
        self._base = math.nan
        self._span_end = -math.inf
        # of two spans: one may begin while what a stalled reader left is worked off
        self._least = self._least_before = math.inf
        self._before = math.nan
        self._now = math.nan

    def follow(self, raw: Float64, now_s: float) -> Float64:
        """Put the stamps of samples that arrived together on our clock.

        Parameters
        ----------
        raw : (n_times,) float64
            As the source stamped them.
        now_s : float
            When they arrived.
        """
        if raw.size == 0:
            return raw
        self._steady(now_s)
        steps = np.empty_like(raw)
        steps[0] = raw[0] - (self._last if math.isfinite(self._last) else raw[0] - self._period)
        np.subtract(raw[1:], raw[:-1], out=steps[1:])
        steps -= self._period
        out = raw if self.offset_s + self._drift == 0.0 else raw + (self.offset_s + self._drift)
        leaves = steps.max() > JUMP_S or steps.min() < -_BACK_S
        for place in np.flatnonzero((steps > JUMP_S) | (steps < -_BACK_S)) if leaves else ():
            moved = self._jump(float(steps[place]), float(out[-1]), now_s)
            if moved:
                out = np.concatenate([out[:place], out[place:] + moved])
                self.offset_s += moved
                self.jumps += 1
                self.log.append(ClockJump(float(out[place]), -moved))
        self._last = float(raw[-1])
        self._measure(now_s - float(out[-1]), now_s)
        return out

    def _jump(self, step_s: float, newest: float, now_s: float) -> float:
        """What to add to the stamps from a step on: 0 where it is a gap."""
        usual = min(self._least, self._least_before)
        steady = now_s - self._since >= _WATCHED_S and abs(self._lag - usual) < _SLACK_S
        lag = now_s - newest
        if not steady or (step_s > 0 and lag > usual - _SLACK_S):
            return 0.0
        # without the step; what is then late beyond what it was before is really missing
        late = lag + step_s - self._lag
        return float(-step_s + (late if late > JUMP_S else 0.0))

    def _measure(self, lag_s: float, now_s: float) -> None:
        """Take the lag of the newest sample in; every ten seconds the least of them tells how the clock drifts."""
        self._lag = lag_s
        if self._span_end == -math.inf:
            self._span_end = now_s + _SPAN_S
        self._least = min(self._least, lag_s)
        if now_s - self._looked >= _LOOK_S:
            usual = min(self._least, self._least_before)
            # a clock's least lag stays; where it sinks, stamps run ahead of the time, as a fast replay's do
            sinks = self._usual - usual > _AHEAD * (now_s - self._looked)
            self._since = math.inf if sinks else min(self._since, now_s)
            self._looked, self._usual = now_s, usual
        if now_s < self._span_end:
            return
        # as if nothing had been followed, so that what was followed cannot feed back
        least = self._least + self._drift
        if math.isfinite(self._before) and abs(least - self._before) > _STEP_S:
            self._base += least - self._before
        if not math.isfinite(self._base):
            self._base = least
        self._before = least
        self._least_before, self._least = self._least, lag_s
        self._span_end = now_s + _SPAN_S

    def _steady(self, now_s: float) -> None:
        """Move the correction towards the drift seen, slowly."""
        passed = 0.0 if math.isnan(self._now) else max(0.0, now_s - self._now)
        self._now = now_s
        if not math.isfinite(self._base):
            return
        wanted = self._before - self._base
        if abs(wanted - self._drift) > _DEAD_BAND_S or self._drift != 0.0:
            most = _SLEW * passed
            self._drift += min(max(wanted - self._drift, -most), most)
