"""What the programs of a session say of it: the stimulus, the recorder's counters, a replay. No Qt, no LSL, no threads.

Stamps are LSL seconds on this machine's clock. Any program may write markers: what does not read is passed over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LONGEST = 200


@dataclass(frozen=True, slots=True)
class StimulusEvent:
    """One event of a presentation or a calibration.

    Parameters
    ----------
    stamp : float
    event : str
        'trial_start', 'calibration_phase', 'self_report' and so on; docs/streams.md lists them.
    trial : str
        Number of the trial, '' where none is meant.
    text : str
        Emotion, phase or instruction, in the sender's words.
    detail : str
        Stimulus of a trial, answers of a self-report, playlist of a session.
    seconds : float
        How long it lasts; NaN where it did not say.
    """

    stamp: float
    event: str
    trial: str = ""
    text: str = ""
    detail: str = ""
    seconds: float = math.nan


def stimulus_from(record: Mapping[str, Any], stamp: float) -> StimulusEvent | None:
    """Read an event of the stimulus stream; None where it names none."""
    event = _text(record, "event")
    if not event:
        return None
    if event == "self_report":
        detail = ", ".join(
            f"{key} {_text(record, key)}" for key in ("intensity", "arousal", "valence", "hidden") if key in record
        )
    else:
        detail = next((_text(record, key) for key in ("stimulus", "playlist") if _text(record, key)), "")
    words = next((_text(record, key) for key in ("emotion", "phase", "text") if _text(record, key)), "")
    return StimulusEvent(stamp, event, _text(record, "trial"), words, detail, _number(record, "seconds"))


class StimulusState:
    """What the participant is doing, put together from the events as they come."""

    def __init__(self) -> None:
        self._now: StimulusEvent | None = None
        self._paused = False
        self._trials = 0
        self.report = ""
        """The last self-report in words; '' before."""

    @property
    def trials(self) -> int:
        """Trials begun since the session began."""
        return self._trials

    def push(self, event: StimulusEvent) -> None:
        """Take one event."""
        match event.event:
            case "self_report":
                self.report = f"trial {event.trial or '?'}: {event.text or 'no emotion'}" + (
                    f" ({event.detail})" if event.detail else ""
                )
            case "pause" | "resume":
                self._paused = event.event == "pause"
            case "session_start":
                self._now, self._paused, self._trials, self.report = event, False, 0, ""
            case name if name.endswith("_end") or name in _STATES:
                self._now = event
                self._trials += name == "trial_start"

    def lines(self, now_s: float) -> tuple[str, str]:
        """What happens now, and a line of detail, as of `now_s`; two empty texts before anything did."""
        event = self._now
        if event is None:
            return "", ""
        words, detail = _words(event), event.detail
        if self._paused:
            return f"paused: {words}", detail
        for_s = max(0.0, now_s - event.stamp)
        if event.event in _LASTING:
            left = event.seconds - for_s
            clock = f"{max(0.0, left):.0f} s left" if math.isfinite(left) else f"for {for_s:.0f} s"
            return f"{words}, {clock}", detail
        return words, detail


_STATES = {
    "calibration_phase": "calibration",
    "trial_start": "trial",
    "baseline_start": "baseline",
    "rest_start": "rest",
    "instruction": "instruction",
}
_LASTING = frozenset(_STATES) - {"instruction"}


def _words(event: StimulusEvent) -> str:
    said = event.text.replace("_", " ")
    if event.event == "trial_start":
        return f"trial {event.trial or '?'}: {said or 'no emotion named'}"
    if event.event in _STATES:
        return f"{_STATES[event.event]}: {said}" if said else _STATES[event.event]
    if event.event == "trial_end":
        return f"trial {event.trial or '?'} over"
    return event.event.replace("_", " ").replace(" end", " over")


@dataclass(frozen=True, slots=True)
class StreamCount:
    """One stream in a recording: how much of it was received (None where not said), and if it stands still."""

    name: str
    stream_type: str
    received: int | None
    stalled: bool


def counts_from(streams: object) -> tuple[StreamCount, ...]:
    """Read the counters of a 'recording' event."""
    if not isinstance(streams, dict):
        return ()
    counts = []
    for name, said in streams.items():
        entry = said if isinstance(said, dict) else {}
        received = _number(entry, "received")
        counts.append(
            StreamCount(
                str(name)[:_LONGEST],
                _text(entry, "type"),
                int(received) if math.isfinite(received) else None,
                entry.get("stalled") is True,
            )
        )
    return tuple(counts)


@dataclass(frozen=True, slots=True)
class ReplayState:
    """Where a replay is: positions in seconds of the recording; `last_s` is inf where it has no end."""

    stamp: float
    session: str
    position_s: float
    first_s: float
    last_s: float
    speed: float
    paused: bool
    loop: bool
    simulated: bool
    ended: bool

    def position_at(self, now_s: float) -> float:
        """Position as of `now_s`, carried on from the last word of the replay."""
        if self.paused or self.ended:
            return self.position_s
        return min(self.last_s, self.position_s + self.speed * max(0.0, now_s - self.stamp))


def replay_from(record: Mapping[str, Any], stamp: float) -> ReplayState | None:
    """Read an event of a replay; None for one without a position."""
    position, first, last, speed = (_number(record, key) for key in ("position_s", "first_s", "duration_s", "speed"))
    if record.get("event") != "replay" or not math.isfinite(position):
        return None
    return ReplayState(
        stamp,
        _text(record, "session"),
        position,
        first if math.isfinite(first) else 0.0,
        last if math.isfinite(last) else math.inf,
        speed if speed > 0 else 1.0,
        record.get("paused") is True,
        record.get("loop") is True,
        record.get("simulated") is True,
        record.get("ended") is True,
    )


def time_code(seconds: float) -> str:
    """'1:02:03.4', hours only where there are any."""
    tenths = round(abs(seconds) * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if seconds < 0 and tenths else ""
    return f"{sign}{f'{hours}:' if hours else ''}{minutes:02d}:{rest // 10:02d}.{rest % 10}"


def _text(record: Mapping[str, Any], key: str) -> str:
    value = record.get(key)
    return str(value)[:_LONGEST] if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _number(record: Mapping[str, Any], key: str) -> float:
    value = record.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
