"""Tuning over LSL: an engine hears what is asked for on the control stream, and says what is really in force.

Asked: ``tune {set, engine?, request?}`` on 'emostream-control', with all values of a `Tuning` or some of them.
Answered on 'emostream-tuning': ``tuning_accepted``, ``tuning_refused`` and, once a second and whenever something
changes, ``tuning``. A recording holds the answers, and an analysis goes by them alone (`tunings_of`).
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pylsl

from realtime.errors import ConfigurationError, DataError
from realtime.interfaces import RecognizerSpec
from realtime.tuning import Tuning
from realtime.tuning_plan import Change, TuningPlan

TUNE = "tune"
STATE, ACCEPTED, REFUSED = "tuning", "tuning_accepted", "tuning_refused"

_EVERY_S = 1.0
_BACK_S = 5.0
"""What was in force this long ago is told, too: a recording that has just begun shall not miss a change."""

_AHEAD_S = 60.0


class _Tells(Protocol):
    def push_json(self, event: Mapping[str, Any], stamp: float | None = None) -> None: ...


class TuningDesk:
    """Takes an operator's wishes and answers them.

    `hear` is called from the thread that listens, `tell` from the one that steps.

    Parameters
    ----------
    plan : TuningPlan
        The engine's.
    spec : RecognizerSpec
        Its classes may be given other names; its bands are told.
    engine : str
        Who answers: a wish may be meant for one of several engines.
    check : callable
        Raises ConfigurationError or DataError for a tuning the engine cannot take.
    outlet : MarkerOutlet
    clock : callable
        LSL seconds.
    """

    def __init__(
        self,
        plan: TuningPlan,
        spec: RecognizerSpec,
        engine: str,
        check: Callable[[Tuning], object],
        outlet: _Tells,
        clock: Callable[[], float] = pylsl.local_clock,
    ) -> None:
        self._plan, self._spec, self._engine = plan, spec, engine
        self._check, self._outlet, self._clock = check, outlet, clock
        self._telling = threading.Lock()
        self._next_s = -math.inf
        self._told: tuple[Change, ...] | None = None

    def hear(self, event: Mapping[str, Any], stamp: float) -> None:
        """Take an event of the control stream; those that are no wish for this engine are passed over."""
        if event.get("event") != TUNE or event.get("engine") not in (None, self._engine):
            return
        said = {"engine": self._engine, "request": str(event.get("request", ""))[:100]}
        try:
            tuning = self._wanted(event, stamp)
        except (DataError, ConfigurationError) as err:
            self._say({"event": REFUSED, **said, "reason": str(err)[:500]})
            return
        at_s = self._plan.schedule(tuning, stamp)
        self._say({"event": ACCEPTED, **said, "at_s": at_s, "values": tuning.values})
        self.tell(self._clock(), at_once=True)

    def _wanted(self, event: Mapping[str, Any], stamp: float) -> Tuning:
        ahead_s = stamp - self._clock()
        if ahead_s > _AHEAD_S:
            raise DataError(f"stamped {ahead_s:.0f} s ahead of the engine's clock: the sender's clock is another")
        changes = event.get("set")
        if not isinstance(changes, dict) or not changes:
            raise DataError('nothing to change: wanted "set" with names and values')
        tuning = self._plan.newest.changed(changes)
        tuning.require_classes(self._spec.classes)
        self._check(tuning)
        return tuning

    def tell(self, now_s: float, *, at_once: bool = False) -> None:
        """Say what is in force, and what is about to be: once a second, and when that has changed."""
        standing = self._plan.standing()
        changed = standing != self._told
        if not (changed or at_once or now_s >= self._next_s):
            return
        self._next_s, self._told = now_s + _EVERY_S, standing
        in_force, *later = standing
        self._say(
            {
                "event": STATE,
                "engine": self._engine,
                "values": in_force.tuning.values,
                "pending": later[-1].tuning.values if later else None,
                "start": self._plan.start.values,
                "classes": list(self._spec.classes),
                "model_bands": [list(band) for band in self._spec.bands],
                "changes": [_as_json(change) for change in self._plan.standing(_BACK_S)],
            }
        )

    def _say(self, event: Mapping[str, Any]) -> None:
        with self._telling:
            self._outlet.push_json(event)


def _as_json(change: Change) -> dict[str, Any]:
    return {"at_s": change.at_s if math.isfinite(change.at_s) else None, "values": change.tuning.values}


def tunings_of(told: Sequence[Mapping[str, Any]]) -> tuple[Change, ...]:
    """The changes that an engine told of, in order of their stamps, each once.

    Parameters
    ----------
    told : sequence of dict
        Events of its 'emostream-tuning' stream.

    Raises
    ------
    DataError
        A tuning that is not one of ours.
    """
    found: dict[float, Change] = {}
    for event in told:
        entries = event.get("changes") if event.get("event") == STATE else None
        for entry in [event] if event.get("event") == ACCEPTED else entries or ():
            values, at = entry.get("values"), entry.get("at_s")
            at_s = float(at) if isinstance(at, int | float) else -math.inf
            if at_s not in found and isinstance(values, dict):
                found[at_s] = Change(at_s, Tuning.of(values))
    return tuple(found[at_s] for at_s in sorted(found))


def wish_words(record: Mapping[str, Any]) -> str:
    """An event of the control stream in words: 'tune smoothing_s 2'; of many values, the first three."""
    changes = record.get("set")
    changes = changes if isinstance(changes, dict) else {}
    said = [f"{str(name)[:30]} {_value(value)}".strip() for name, value in itertools.islice(changes.items(), 3)]
    more = f" and {len(changes) - 3} more" if len(changes) > 3 else ""
    return f"tune {', '.join(said)}{more}".strip()


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else ""
