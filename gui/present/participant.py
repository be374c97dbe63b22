"""A participant who is not there: reads at once and answers by the dice, for rehearsals and tests."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from gui.present.machine import Phase, TrialMachine
from realtime.session.playlist import SelfReport, Trial

_PATIENCE_S = 0.25
_AGREES = 0.7


class SimulatedParticipant:
    """Answers self-reports and goes on from what waits.

    Parameters
    ----------
    report : SelfReport
        What is asked.
    seed : int
    patience_s : float
        How long something is looked at first.
    """

    def __init__(self, report: SelfReport, seed: int, patience_s: float = _PATIENCE_S) -> None:
        self._report = report
        self._draw = random.Random(seed)
        self._patience_s = patience_s

    def act(self, machine: TrialMachine, may_start: bool, answer: Callable[[dict[str, Any]], object]) -> None:
        """Do what the present scene asks for, if it has been up for long enough.

        Parameters
        ----------
        machine : TrialMachine
        may_start : bool
            Whether the welcome may be left.
        answer : callable
            Takes the self-report.
        """
        step = machine.step
        if machine.over or machine.paused or not machine.visible or machine.elapsed_s < self._patience_s:
            return
        if step.phase is Phase.REPORT and step.trial is not None:
            answer(self.answers(step.trial.trial))
        elif step.phase is not Phase.WELCOME or may_start:
            machine.proceed()

    def answers(self, trial: Trial) -> dict[str, Any]:
        """One self-report: mostly the intended emotion, and ratings around the middle."""
        choices = self._report.emotions
        agrees = trial.emotion in choices and self._draw.random() < _AGREES
        emotion = {"emotion": trial.emotion if agrees else self._draw.choice(choices)} if choices else {}
        ratings = {s.key: 1 + round(self._draw.betavariate(3, 3) * (s.points - 1)) for s in self._report.scales}
        return emotion | ratings
