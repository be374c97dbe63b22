"""What an operator wants of an engine and what became of it. Pure, no Qt, no LSL, no clock of its own."""

from __future__ import annotations

import itertools
import math
import uuid
from collections.abc import Mapping
from typing import Any

from gui.streams.tuning_messages import EngineTuning, TuningAnswer
from realtime.tuning import Tuning
from realtime.tuning_live import TUNE

SILENT_S = 3.5
"""An engine speaks once a second; after this long it does not answer any more."""

ANSWER_S = 3.0
"""A wish that has no answer by then is given up, and said to be."""

FORGET_S = 20.0
TOLD_S = 15.0


class Wishes:
    """The engines that speak, the one that is meant, and the wishes that have no answer yet."""

    def __init__(self) -> None:
        self.engines: dict[str, EngineTuning] = {}
        self.target = ""
        self.edits: dict[str, Any] = {}
        self.told = ""
        self.bad = False
        self._told_s = math.nan
        self._heard_s: dict[str, float] = {}
        self._open: dict[str, tuple[dict[str, Any], float]] = {}
        self._name = uuid.uuid4().hex[:8]
        self._numbers = itertools.count(1)

    @property
    def engine(self) -> EngineTuning | None:
        """What the engine that is meant said last; None where none speaks."""
        return self.engines.get(self.target)

    def answers(self, now_s: float) -> bool:
        """Whether the engine that is meant speaks."""
        return now_s - self._heard_s.get(self.target, -math.inf) <= SILENT_S

    def take(self, said: EngineTuning | TuningAnswer, now_s: float) -> None:
        """Take what an engine said."""
        if isinstance(said, TuningAnswer):
            if self._open.pop(said.request, None) is not None:
                self.say(f"refused: {said.reason}" if said.reason else "", bool(said.reason))
            return
        self.engines[said.engine], self._heard_s[said.engine] = said, now_s
        if not self.answers(now_s):
            self.target = said.engine

    def look(self, now_s: float) -> None:
        """Give up what nobody answered, forget engines that are gone and words that stood long enough."""
        if self.told and math.isnan(self._told_s):
            self._told_s = now_s
        elif now_s - self._told_s > TOLD_S:
            self.say("", False)
        for request, (_, sent_s) in list(self._open.items()):
            if now_s - sent_s > ANSWER_S:
                del self._open[request]
                self.say("no engine answered: nothing was changed", True)
        for engine in [name for name, heard_s in self._heard_s.items() if now_s - heard_s > FORGET_S]:
            if engine != self.target:
                del self.engines[engine], self._heard_s[engine]

    def asks(self, name: str) -> Any:
        """The value that is wanted and not answered yet; None where there is none."""
        if name in self.edits:
            return self.edits[name]
        return next((values[name] for values, _ in reversed(self._open.values()) if name in values), None)

    def wish(self, changes: Mapping[str, Any], now_s: float) -> dict[str, Any]:
        """The event that asks the engine for these values."""
        request = f"{self._name}-{next(self._numbers)}"
        self._open[request] = dict(changes), now_s
        self.say("", False)
        return {"event": TUNE, "engine": self.target, "request": request, "set": dict(changes)}

    def say(self, text: str, bad: bool) -> None:
        """A line for the operator."""
        self.told, self.bad, self._told_s = text, bad, math.nan

    def shown(self) -> Tuning | None:
        """By what the screen goes: what is in force, never what was merely asked for."""
        return self.engine.in_force if self.engine is not None else None
