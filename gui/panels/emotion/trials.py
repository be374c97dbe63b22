"""Stretches of time with a name: trials as they were presented, and the truth that only a simulator knows."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from gui.streams.messages import TruthEvent

_MAX_TRIALS = 2048


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, LSL seconds, and what it is."""

    start_s: float
    end_s: float
    text: str = ""


class TrialBand:
    """Trials over time, as markers tell their starts and ends."""

    def __init__(self) -> None:
        self._spans: deque[Span] = deque(maxlen=_MAX_TRIALS)
        self._running: Span | None = None
        self._heard_s = -np.inf

    def _is_news(self, stamp: float) -> bool:
        """False for what was told before: a panel made anew is told all of it again."""
        news = stamp >= self._heard_s
        self._heard_s = max(self._heard_s, stamp)
        return news

    def begin(self, stamp: float, text: str) -> None:
        """A trial starts; one that runs ends."""
        if self._is_news(stamp):
            self.end(stamp)
            self._running = Span(stamp, np.inf, text)

    def finish(self, stamp: float) -> None:
        """A trial is told to be over; without one nothing happens."""
        if self._is_news(stamp):
            self.end(stamp)

    def end(self, stamp: float) -> None:
        """Nothing is known of the running trial from `stamp` on."""
        if self._running is not None:
            if stamp > self._running.start_s:
                self._spans.append(Span(self._running.start_s, stamp, self._running.text))
            self._running = None

    def current(self) -> str:
        """Name of the running trial; '' between trials."""
        return self._running.text if self._running else ""

    def spans(self, start_s: float, end_s: float) -> list[Span]:
        """Trials that reach into a stretch of time, the running one up to its end."""
        running = [self._running] if self._running else []
        inside = [span for span in (*self._spans, *running) if span.end_s > start_s and span.start_s < end_s]
        return [Span(span.start_s, min(span.end_s, end_s), span.text) for span in inside]


class TruthBand(TrialBand):
    """The simulated participant's hidden emotion over time, as the truth markers tell it."""

    def __init__(self) -> None:
        super().__init__()
        self.present = False
        """True while a simulator is there."""

    def push(self, event: TruthEvent) -> None:
        """Take a trial's start or end; the end of a trial whose start was missed tells nothing."""
        self.present = True
        if event.event == "trial_start":
            self.begin(event.stamp, event.emotion)
        elif event.event == "trial_end":
            self.finish(event.stamp)
