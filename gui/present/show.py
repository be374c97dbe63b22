"""A presentation in its windows, from opening to the summary."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import pylsl
from PyQt5.QtCore import QTimer
from PyQt5.QtGui import QGuiApplication, QScreen
from PyQt5.QtWidgets import QApplication

from gui.application import INTERRUPTED, leaving_on_signals, open_application
from gui.present.canvas import wait_for_screen
from gui.present.machine import Step
from gui.present.operator import OperatorWindow
from gui.present.presenter import Presenter, Session
from gui.present.sending import Markers
from gui.present.sound import open_sound
from gui.present.stage import Stage
from gui.theme import theme_named
from realtime.config import LslConfig
from realtime.errors import ConfigurationError

_TURN_MS = 50
_WINDOWED = (1280, 720)
_OPERATOR = (760, 460)


@dataclass(frozen=True, slots=True)
class Showing:
    """How it is shown.

    Parameters
    ----------
    screen : int, optional
        From 1 on; default the last one, so that the operator's is another where there are two.
    windowed : bool
        In a window, for trying things.
    photodiode : bool
    wait_for_recording : bool
    opengl : bool, optional
        Default: where a graphics card does it.
    seconds : float, optional
        Stop after this long.
    """

    screen: int | None = None
    windowed: bool = False
    photodiode: bool = False
    wait_for_recording: bool = False
    opengl: bool | None = None
    seconds: float | None = None


def run_show(
    session: Session, how: Showing, lsl: LslConfig, say: Callable[[str], object]
) -> tuple[int, dict[str, Any]]:
    """Present a session in a window. Main thread; `session.configure` comes first.

    Parameters
    ----------
    session : Session
    how : Showing
    lsl : LslConfig
    say : callable
        Takes a line for the operator's terminal.

    Returns
    -------
    code : int
        Exit code: 0, or 130 after Ctrl-C.
    summary : dict

    Raises
    ------
    ConfigurationError
        No display, or no such screen.
    """
    wait_for_screen()
    app = open_application(theme_named("dark"), "use --no-window")
    participant, operator = _screens(how)
    with Markers(lsl) as markers, leaving_on_signals(app), _failing(app) as failures:
        show = _Show(session, how, markers, app)
        if any(media.sound for media in session.media.values()):
            say(show.sound.told)
        show.open(participant, operator)
        code = 1
        try:
            code = app.exec_()
        finally:
            show.close()
        if failures:
            raise failures[0]
        return code, show.presenter.summary(show.told, _ended(show.presenter, code))


def _ended(presenter: Presenter, code: int) -> str:
    if presenter.machine.completed:
        return "completed"
    return "interrupted" if code == INTERRUPTED else "stopped"


class _Show:
    """Windows, markers and timers of one presentation."""

    def __init__(self, session: Session, how: Showing, markers: Markers, app: QApplication) -> None:
        self._app, self._how, self._markers = app, how, markers
        clock = pylsl.local_clock
        self.sound = open_sound()
        self.presenter = Presenter(
            session, markers.push, clock, self._could_show, wait_for_recording=how.wait_for_recording
        )
        self.stage = Stage(self.presenter, self.sound, clock, photodiode=how.photodiode, opengl=how.opengl)
        self.operator: OperatorWindow | None = None
        self.told: dict[str, Any] = {}
        self._opened_s = clock()
        self._turn = QTimer()
        self._turn.timeout.connect(self._take_turn)

    def open(self, participant: QScreen, operator: QScreen | None) -> None:
        """Show the windows where they belong."""
        if self._how.windowed:
            self.stage.resize(*_WINDOWED)
            self.stage.show()
        else:
            self.stage.setGeometry(participant.geometry())
            self.stage.showFullScreen()
        if operator is not None:
            self.operator = OperatorWindow(self.presenter, theme_named("dark"), pylsl.local_clock, self._operator_did)
            self.operator.resize(*_OPERATOR)
            frame, space = self.operator.frameGeometry(), operator.availableGeometry()
            frame.moveBottomRight(space.bottomRight())
            self.operator.move(frame.topLeft())
            self.operator.show()
        self.stage.activateWindow()
        self.stage.begin()
        self._turn.start(_TURN_MS)

    def close(self) -> None:
        """End the session if it has not ended, and the windows."""
        self._turn.stop()
        self.presenter.machine.stop()
        self.stage.end()
        self.told = self.stage.told()
        self.sound.close()
        for window in (self.stage, self.operator):
            if window is not None:
                window.close()
                window.deleteLater()

    def _could_show(self, step: Step) -> bool:
        return self.stage.could_show(step)

    def _operator_did(self) -> None:
        self.stage.follow()
        self.stage.activateWindow()

    def _take_turn(self) -> None:
        for name, event in self._markers.heard():
            self.presenter.hear(name, event)
        self.presenter.act(self._markers.listened_to(), self.stage.answer_as)
        self.stage.look_after()
        if self.operator is not None:
            self.operator.refresh(_display_line(self.stage))
        seconds = self._how.seconds
        if seconds is not None and pylsl.local_clock() - self._opened_s >= seconds:
            self.presenter.machine.stop()
        if self.presenter.machine.over:
            self._app.exit(0)


def _display_line(stage: Stage) -> str:
    rate = 1.0 / stage.meter.interval_s
    return f"{stage.canvas.path}, {rate:.0f} frames a second, {stage.meter.late} late · {stage.sound_told}"


def _screens(how: Showing) -> tuple[QScreen, QScreen | None]:
    """The participant's and the operator's screen; the latter None where there is but one and it is full.

    Raises
    ------
    ConfigurationError
        No such screen.
    """
    screens = QGuiApplication.screens()
    number = how.screen if how.screen is not None else len(screens)
    if not 1 <= number <= len(screens):
        found = ", ".join(f"{i} '{s.name()}' {s.size().width()}x{s.size().height()}" for i, s in enumerate(screens, 1))
        raise ConfigurationError(f"no screen {number}; there are: {found}")
    chosen = screens[number - 1]
    others = [screen for screen in screens if screen is not chosen]
    return chosen, others[0] if others else chosen if how.windowed else None


@contextmanager
def _failing(app: QApplication) -> Iterator[list[BaseException]]:
    """What fails in a slot ends the event loop instead of the process, so that the end is still told."""
    failures: list[BaseException] = []

    def take(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        failures.append(error)
        app.exit(1)

    before, sys.excepthook = sys.excepthook, take
    try:
        yield failures
    finally:
        sys.excepthook = before
