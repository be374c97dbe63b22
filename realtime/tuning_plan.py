"""Which tuning is in force at which moment of the inputs' own time: what makes a tuned session repeatable.

A change takes effect at a stamp, never at a moment of the wall clock. A hop of the EEG, a frame and a prediction each
follow the tuning in force at their own stamp, so live and offline agree whatever the threads did. A change is entered
only for stamps that no input has reached yet; the engine says for which, and a recording holds what it said.
"""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from realtime.config import Config
from realtime.tuning import Tuning

DELAY_S = 0.25
"""A change takes effect this long after it was asked for: longer than both inputs usually take to arrive."""

_OTHER_CLOCK_S = 60.0
_MOST = 1024


@dataclass(frozen=True, slots=True)
class Change:
    """A tuning and the stamp from which it is in force, LSL s; -inf: from the beginning."""

    at_s: float
    tuning: Tuning


class TuningPlan:
    """The tunings of a session by the stamps from which they are in force. Any thread.

    Parameters
    ----------
    config : Config
        Everything that is not tuned, and the tuning at the beginning unless `changes` say otherwise.
    changes : iterable of Change, optional
        Of a recorded session.

    Raises
    ------
    ConfigurationError
        The configuration holds what a tuning may not.
    """

    def __init__(self, config: Config, changes: Iterable[Change] = ()) -> None:
        self._lock = threading.Lock()
        self._config = config
        self._changes: list[Change] = [Change(-math.inf, Tuning.from_config(config))]
        self._configs: list[Config] = [config]
        self._reached_s: dict[str, float] = {}
        for change in sorted(changes, key=lambda change: change.at_s):
            self._enter(change)

    def config_at(self, stamp_s: float, reader: str) -> Config:
        """The configuration in force at a stamp, which `reader` (one of the engine's chains) has reached by asking."""
        with self._lock:
            self._reached_s[reader] = stamp_s
            return self._configs[self._place(stamp_s)]

    def schedule(self, tuning: Tuning, asked_s: float, delay_s: float = DELAY_S) -> float:
        """Enter a tuning that was asked for at `asked_s`; returns the stamp from which it is in force.

        `delay_s` later, or just after what the inputs have reached where that is later still. Inputs that are more than
        a minute behind are on a clock of their own, or silent: then it is `delay_s` after what they have reached.
        """
        with self._lock:
            reached_s = max(self._reached_s.values(), default=-math.inf)
            at_s = asked_s + delay_s
            if math.isfinite(reached_s) and reached_s < asked_s - _OTHER_CLOCK_S:
                at_s = reached_s + delay_s
            # never before a change that was entered earlier: the last word counts
            at_s = max(at_s, math.nextafter(reached_s, math.inf), math.nextafter(self._changes[-1].at_s, math.inf))
            self._enter(Change(at_s, tuning))
            return at_s

    @property
    def start(self) -> Tuning:
        """What the session began with."""
        return Tuning.from_config(self._config)

    @property
    def beginning(self) -> Config:
        """The configuration in force before all changes."""
        with self._lock:
            return self._configs[0]

    @property
    def newest(self) -> Tuning:
        """What was asked for last, in force or about to be."""
        with self._lock:
            return self._changes[-1].tuning

    def standing(self, back_s: float = 0.0) -> tuple[Change, ...]:
        """What is in force at what the inputs have reached (or was, `back_s` earlier), then what comes after it."""
        with self._lock:
            reached_s = max(self._reached_s.values(), default=-math.inf)
            return tuple(self._changes[self._place(reached_s - back_s) :])

    @property
    def changes(self) -> tuple[Change, ...]:
        """All of them, the one from the beginning first."""
        with self._lock:
            return tuple(self._changes)

    def _place(self, stamp_s: float) -> int:
        if len(self._changes) == 1:
            return 0
        return max(0, bisect_right(self._changes, stamp_s, key=lambda change: change.at_s) - 1)

    def _enter(self, change: Change) -> None:
        config = change.tuning.applied_to(self._config)
        if change.at_s <= self._changes[-1].at_s:
            self._changes[-1], self._configs[-1] = change, config
            return
        self._changes.append(change)
        self._configs.append(config)
        if len(self._changes) > _MOST:
            del self._changes[0], self._configs[0]
