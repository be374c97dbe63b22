"""What engines say of their tuning, decoded; no Qt, no LSL, no threads. Stamps are LSL seconds on this clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from realtime.errors import DataError
from realtime.tuning import Tuning
from realtime.tuning_live import ACCEPTED, REFUSED, STATE

_LONGEST = 500


@dataclass(frozen=True, slots=True)
class EngineTuning:
    """What an engine said it is tuned to.

    Parameters
    ----------
    stamp : float
    engine : str
        Who said so.
    in_force : Tuning
    pending : Tuning or None
        What its inputs have not reached yet.
    start : Tuning
        What it began with.
    classes : tuple of str
        Of its model.
    model_bands : tuple of (name, low_hz, high_hz)
        What its model reads.
    """

    stamp: float
    engine: str
    in_force: Tuning
    pending: Tuning | None
    start: Tuning
    classes: tuple[str, ...]
    model_bands: tuple[tuple[str, float, float], ...]

    @property
    def newest(self) -> Tuning:
        """What was asked of it last, in force or about to be."""
        return self.pending or self.in_force


@dataclass(frozen=True, slots=True)
class TuningAnswer:
    """What an engine answered to a wish; `reason` is '' where it took it."""

    stamp: float
    engine: str
    request: str
    reason: str


def tuning_from(record: Mapping[str, Any], stamp: float) -> EngineTuning | TuningAnswer | None:
    """Read an event of a tuning stream; None for one that is not ours."""
    engine = str(record.get("engine", ""))[:_LONGEST]
    match record.get("event"):
        case name if name in (ACCEPTED, REFUSED):
            reason = str(record.get("reason", "no reason was given"))[:_LONGEST] if name == REFUSED else ""
            return TuningAnswer(stamp, engine, str(record.get("request", ""))[:_LONGEST], reason)
        case name if name == STATE:
            return _state(record, engine, stamp)
        case _:
            return None


def _state(record: Mapping[str, Any], engine: str, stamp: float) -> EngineTuning | None:
    try:
        pending = record.get("pending")
        return EngineTuning(
            stamp,
            engine,
            Tuning.of(record["values"]),
            None if pending is None else Tuning.of(pending),
            Tuning.of(record["start"]),
            tuple(str(name) for name in record["classes"]),
            tuple((str(name), float(low), float(high)) for name, low, high in record["model_bands"]),
        )
    except (DataError, KeyError, TypeError, ValueError):
        return None
