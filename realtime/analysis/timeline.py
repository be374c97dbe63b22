"""What went on in a session, from its markers: trials, baselines, rests, pauses, notes, self reports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from realtime.eeg.xdf import text_of
from realtime.session.events import CONTROL, RECORDER, STIMULUS, TUNING, parse_event
from realtime.tuning_live import TUNE, wish_words

SpanKind = Literal["trial", "baseline", "rest", "pause", "note"]

_TRUTH = "emostream-truth"
_MACHINERY = (
    "emostream-health",
    "emostream-movements",
    "emostream-films",
    "emostream-replay",
    "emostream-flush",
    RECORDER,
    TUNING,
)
"""Streams that tell nothing about the participant."""
_DEVICES = ("emostream-camera", "emostream-headset")
_PAIRS: dict[str, tuple[SpanKind, str]] = {
    "trial_start": ("trial", "trial_end"),
    "baseline_start": ("baseline", "baseline_end"),
    "rest_start": ("rest", "rest_end"),
    "pause": ("pause", "resume"),
}
_ENDS = {end: kind for kind, end in _PAIRS.values()}
_MOST_NOTES = 5_000
_LONGEST_NOTE = 200
_SCALES = ("intensity", "arousal", "valence", "hidden")
_SCALE = re.compile(r"[a-z][a-z0-9_]{0,31}")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the session, s of the analysis; a note has no end."""

    kind: SpanKind
    start_s: float
    end_s: float | None
    label: str = ""
    stimulus: str = ""
    trial: int | None = None


@dataclass(frozen=True, slots=True)
class SelfReport:
    """What the participant said after a trial; `others` are the scales of a playlist of one's own."""

    trial: int | None
    time_s: float
    emotion: str
    intensity: float | None = None
    arousal: float | None = None
    valence: float | None = None
    hidden: float | None = None
    others: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Timeline:
    """Spans and self reports in order of time.

    Parameters
    ----------
    spans : tuple of Span
    self_reports : tuple of SelfReport
    simulated : bool
        Whether simulators told what they did.
    truth : tuple of (stamp, text)
        What they told.
    left_out : int
        Notes beyond those kept.
    """

    spans: tuple[Span, ...] = ()
    self_reports: tuple[SelfReport, ...] = ()
    simulated: bool = False
    truth: tuple[tuple[float, str], ...] = ()
    left_out: int = 0

    def trial_at(self, time_s: float) -> Span | None:
        """The trial that is on at a time."""
        for span in self.spans:
            if span.kind == "trial" and span.start_s <= time_s and (span.end_s is None or time_s <= span.end_s):
                return span
        return None

    def as_json(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Spans and self reports as plain data."""
        return [asdict(span) for span in self.spans], [asdict(report) for report in self.self_reports]


def timeline_of(streams: Sequence[dict[str, Any]], zero_s: float) -> Timeline:
    """The timeline of a recorded session.

    Parameters
    ----------
    streams : sequence of dict
        As `load_streams` gives them.
    zero_s : float
        LSL time of the analysis' zero.
    """
    events: list[tuple[float, str, dict[str, Any]]] = []
    notes: list[Span] = []
    truth: list[tuple[float, str]] = []
    for stream in streams:
        name = text_of(stream, "name")
        if "marker" not in text_of(stream, "type").lower() and text_of(stream, "channel_format") != "string":
            continue
        if name in _MACHINERY:
            continue
        for stamp, row in zip(stream["time_stamps"], stream["time_series"], strict=True):
            texts = [str(value) for value in row if str(value)]
            time_s = float(stamp) - zero_s
            truth += [(time_s, text) for text in texts if name == _TRUTH]
            for text in texts:
                event = parse_event(text)
                if event is not None:
                    events.append((time_s, name, event))
                else:
                    notes.append(Span("note", time_s, None, text[:_LONGEST_NOTE]))
    return _timeline(events, notes, truth, zero_s)


def timeline_of_markers(markers: Iterable[tuple[float, str]]) -> Timeline:
    """The timeline of a loose recording: its markers are notes, unless they are events of ours."""
    events, notes = [], []
    for time_s, text in markers:
        event = parse_event(text)
        if event is not None:
            events.append((time_s, STIMULUS, event))
        else:
            notes.append(Span("note", time_s, None, text[:_LONGEST_NOTE]))
    return _timeline(events, notes, [], 0.0)


def _timeline(
    events: list[tuple[float, str, dict[str, Any]]], notes: list[Span], truth: list[tuple[float, str]], zero_s: float
) -> Timeline:
    events.sort(key=lambda timed: timed[0])
    # a simulator tells trials, too; where somebody presented any, those count
    presented = any(name != _TRUTH and event["event"] == "trial_start" for _, name, event in events)
    book = _Book(zero_s)
    for time_s, name, event in events:
        if name == _TRUTH and presented:
            continue
        book.take(time_s, name, event)
    notes = sorted([*notes, *book.notes], key=lambda span: span.start_s)
    spans = sorted([*book.closed(), *notes[:_MOST_NOTES]], key=lambda span: (span.start_s, span.kind != "trial"))
    left_out = max(0, len(notes) - _MOST_NOTES)
    return Timeline(tuple(spans), tuple(book.reports), bool(truth), tuple(sorted(truth)), left_out)


@dataclass(slots=True)
class _Book:
    """Events in order of time -> spans; one span of a kind is open at a time."""

    zero_s: float = 0.0
    notes: list[Span] = field(default_factory=list)
    reports: list[SelfReport] = field(default_factory=list)
    _open: dict[str, Span] = field(default_factory=dict)
    _done: list[Span] = field(default_factory=list)
    _trials: int = 0

    def take(self, time_s: float, stream: str, event: dict[str, Any]) -> None:
        what = str(event["event"])
        if what in _PAIRS:
            self._begin(_PAIRS[what][0], time_s, event)
        elif what in _ENDS:
            self._end(_ENDS[what], time_s)
        elif what == "session_end":
            for kind in tuple(self._open):
                self._end(kind, time_s)
        elif what == "self_report":
            self.reports.append(_self_report(time_s, event))
        elif what in ("note", "instruction") and (stream == CONTROL or what == "instruction"):
            # a note is about the moment its writing began
            about_s = _number(event.get("at_s"))
            when_s = time_s if about_s is None else about_s - self.zero_s
            self.notes.append(Span("note", when_s, None, _text(event.get("text"))))
        elif what == TUNE and stream == CONTROL:
            self.notes.append(Span("note", time_s, None, wish_words(event)[:_LONGEST_NOTE]))
        elif stream in _DEVICES:
            self.notes.append(Span("note", time_s, None, _text(f"{what} {event.get('reason') or ''}")))

    def _begin(self, kind: SpanKind, time_s: float, event: dict[str, Any]) -> None:
        self._end(kind, time_s)
        number = None
        if kind == "trial":
            self._trials += 1
            number = _whole(event.get("trial")) or self._trials
        label = _text(event.get("emotion") or event.get("label") or event.get("text"))
        self._open[kind] = Span(kind, time_s, None, label, _text(event.get("stimulus")), number)

    def _end(self, kind: str, time_s: float) -> None:
        span = self._open.pop(kind, None)
        if span is not None:
            self._done.append(Span(span.kind, span.start_s, time_s, span.label, span.stimulus, span.trial))

    def closed(self) -> list[Span]:
        return [*self._done, *self._open.values()]


def _self_report(time_s: float, event: dict[str, Any]) -> SelfReport:
    rated = {name: value for name, said in event.items() if name != "trial" and (value := _number(said)) is not None}
    usual = {name: rated.get(name) for name in _SCALES}
    others = {name: value for name, value in rated.items() if name not in _SCALES and _SCALE.fullmatch(name)}
    return SelfReport(_whole(event.get("trial")), time_s, _text(event.get("emotion")), **usual, others=others)


def _text(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())[:_LONGEST_NOTE]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
