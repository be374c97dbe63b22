"""A rehearsal without a window: every scene counts as shown at once. No Qt."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pylsl

from gui.present.machine import Phase
from gui.present.presenter import Presenter, Session
from gui.present.sending import Markers
from realtime.config import LslConfig

_TURN_S = 0.01
_INTERRUPTED = 130


def run_unseen(
    session: Session, lsl: LslConfig, seconds: float | None, *, wait_for_recording: bool
) -> tuple[int, dict[str, Any]]:
    """Go through a session with a simulated participant; markers are stamped without a screen, and the summary says so.

    Returns
    -------
    code : int
        Exit code: 0, or 130 after Ctrl-C.
    summary : dict
    """
    assert session.auto
    with Markers(lsl) as markers:
        presenter = Presenter(session, markers.push, wait_for_recording=wait_for_recording)
        began_s = pylsl.local_clock()
        how = "interrupted"
        try:
            while not presenter.machine.over:
                turn(presenter, markers.listened_to(), pylsl.local_clock)
                for name, event in markers.heard():
                    presenter.hear(name, event)
                if seconds is not None and pylsl.local_clock() - began_s >= seconds:
                    presenter.machine.stop()
                time.sleep(_TURN_S)
            how = "completed" if presenter.machine.completed else "stopped"
        except KeyboardInterrupt:
            pass
        finally:
            presenter.machine.stop()
        summary = presenter.summary({"path": "none", "stamped": "no screen"}, how)
        return (_INTERRUPTED if how == "interrupted" else 0), summary


def turn(presenter: Presenter, listened_to: bool, clock: Callable[[], float]) -> None:
    """Show what there is to show and let time and the participant do their part."""
    machine = presenter.machine
    machine.shown(machine.scene.serial, clock())
    step = machine.step
    if step.phase is Phase.STIMULUS and step.whole and not machine.paused and machine.remaining_s == 0.0:
        machine.stimulus_over()
    machine.tick()
    presenter.act(listened_to, lambda answers: machine.answer(answers, simulated=True))
