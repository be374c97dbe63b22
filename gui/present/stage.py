"""The participant's window: canvas and self-report, frames in step with the screen, keys of an operator beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from PyQt5.QtCore import QRect, Qt, QTimer
from PyQt5.QtGui import QCloseEvent, QKeyEvent, QPainter, QResizeEvent
from PyQt5.QtWidgets import QStackedLayout, QWidget

from gui.present.canvas import SwapMeter, open_canvas
from gui.present.form import ReportForm
from gui.present.machine import WAITING, Phase, Scene, Step
from gui.present.player import Player
from gui.present.presenter import Presenter
from gui.present.scenes import Look, paint_look
from gui.present.sound import Sound

_PROBED_FRAMES = 40
_LOCKED = (0.7, 1.4)
_PATCH_S = 0.1
_TWICE_S = 2.0
_STALLED_S = 0.5
_SOON_S = 0.003


class Twice:
    """A second press within two seconds counts: nothing that loses data is one keystroke.

    Parameters
    ----------
    clock : callable
        Seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._what = ""
        self._at_s = 0.0

    def press(self, what: str) -> bool:
        """Whether this is the second press for the same thing."""
        confirmed = self.asked == what
        self._what, self._at_s = ("" if confirmed else what), self._clock()
        return confirmed

    @property
    def asked(self) -> str:
        """What a second press would do; '' for nothing."""
        return self._what if self._what and self._clock() - self._at_s <= _TWICE_S else ""


class Stage(QWidget):
    """Shows what the presenter's machine wants and tells it when that was on the screen. GUI thread.

    Parameters
    ----------
    presenter : Presenter
        `ready` of its machine is `Stage.could_show`.
    sound : Sound
    clock : callable
        LSL seconds.
    photodiode : bool
        A square in the lower left corner, white during the first tenth of a second of a stimulus, else black.
    opengl : bool, optional
        Default: where a graphics card does it.
    """

    def __init__(
        self,
        presenter: Presenter,
        sound: Sound,
        clock: Callable[[], float],
        *,
        photodiode: bool = False,
        opengl: bool | None = None,
    ) -> None:
        super().__init__()
        self._presenter, self._machine = presenter, presenter.machine
        self._sound, self._clock, self._photodiode = sound, clock, photodiode
        self._player: Player | None = None
        self._player_step: Step | None = None
        self._form: ReportForm | None = None
        self._entered: Scene | None = None
        self._twice = Twice(clock)
        self._hinted = False
        self._frames = 0
        self._locked = False
        self._due_s = self._last_s = clock()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.setWindowTitle("emostream present")
        self.canvas = open_canvas(self._paint, clock, opengl)
        self.canvas.swapped.connect(self._swapped)
        self._timer.timeout.connect(self.canvas.refresh)
        self._pages = QStackedLayout(self)
        self._pages.setContentsMargins(0, 0, 0, 0)
        # the form fits what there is: the window's size is the screen's
        self._pages.setSizeConstraint(QStackedLayout.SizeConstraint.SetNoConstraint)
        self._pages.addWidget(self._canvas_widget)
        self.meter = SwapMeter(0.0)

    @property
    def _canvas_widget(self) -> QWidget:
        return cast(QWidget, self.canvas)

    @property
    def sound_told(self) -> str:
        """What there is of sound."""
        return self._sound.told

    def begin(self) -> None:
        """Start to draw, once the window is on its screen."""
        handle = self.windowHandle()
        screen = handle.screen() if handle is not None else None
        self.meter = SwapMeter(screen.refreshRate() if screen is not None else 0.0)
        self.follow()

    def could_show(self, step: Step) -> bool:
        """Whether a step's first frame is decoded, if it has one."""
        if step.phase is not Phase.STIMULUS or not _is_file(step):
            return True
        self._prepare(step)
        return self._player is not None and self._player.ready

    def follow(self) -> None:
        """Show the machine's scene if it is a new one. Called after everything that may have changed it."""
        scene = self._machine.scene
        if self._machine.over or (self._entered is not None and scene.serial == self._entered.serial):
            return
        before, self._entered = self._entered, scene
        if before is not None and before.step is not scene.step:
            if before.step is self._player_step:
                self._drop_player()
            self._drop_form()
        if scene.paused and self._player is not None and scene.step is self._player_step:
            self._player.pause()
        for step in (scene.step, self._machine.upcoming):
            if step is not None and step.phase is Phase.STIMULUS:
                self._prepare(step)
                break
        if scene.step.phase is Phase.REPORT and not scene.paused:
            self._show_form(scene)
        else:
            self._show_canvas(scene)

    def look_after(self) -> None:
        """Twenty times a second: a simulated participant's turn, and frames that never came are asked for again."""
        self.follow()
        if self._hinted and not self._twice.asked:
            self._hinted = False
            self.canvas.refresh()
        if self._clock() - self._last_s > _STALLED_S and self._pages.currentWidget() is self._canvas_widget:
            self._last_s = self._clock()
            self.canvas.refresh()

    def answer_as(self, answers: dict[str, Any]) -> None:
        """Fill in the form and send it, for a simulated participant."""
        if self._form is not None:
            self._form.fill(answers)
            self._form.submit()

    def go_on(self) -> None:
        """The next page, where one waits."""
        self._presenter.proceed()
        self.follow()

    def toggle_pause(self) -> None:
        """Pause or go on."""
        (self._machine.resume if self._machine.paused else self._machine.pause)()
        self.follow()

    def ask_stop(self) -> None:
        """Stop at the second call within two seconds."""
        if self._twice.press("stop"):
            self._machine.stop()
        self._hinted = True
        self.canvas.refresh()

    def end(self) -> None:
        """End the player's threads."""
        self._drop_player()

    def told(self) -> dict[str, Any]:
        """For the summary: how frames reached the screen."""
        handle = self.windowHandle()
        screen = handle.screen() if handle is not None else None
        return {
            "path": self.canvas.path,
            "renderer": self.canvas.renderer,
            "stamped": "at the buffer swap" if self.canvas.path == "opengl" else "after the flush",
            "waits_for_screen": self._locked,
            "screen": screen.name() if screen is not None else "",
            "size": [self.width(), self.height()],
            **self.meter.told(),
            "photodiode": self._photodiode,
            "sound": self._sound.told,
        }

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Space goes on, P pauses, Escape twice stops."""
        assert a0 is not None
        if a0.key() in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.go_on()
        elif a0.key() == Qt.Key.Key_P:
            self.toggle_pause()
        elif a0.key() == Qt.Key.Key_Escape and not a0.isAutoRepeat():
            self.ask_stop()
        else:
            super().keyPressEvent(a0)

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """Closing counts as stopping: the second time."""
        assert a0 is not None
        if not self._machine.over:
            self.ask_stop()
            a0.ignore()

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Draw anew."""
        super().resizeEvent(a0)
        self.canvas.refresh()

    def _paint(self, painter: QPainter, rect: QRect) -> int:
        scene = self._machine.scene
        step = scene.step
        frame = None
        serial = scene.serial
        if step.phase is Phase.STIMULUS and not scene.paused and _is_file(step):
            frame = self._player.frame(self._paint_ahead_s()) if self._player is not None else None
            # not decoded yet, or not at all: what is on the screen is not this scene
            serial = 0 if frame is None else serial
        paint_look(painter, rect, self._look(scene), frame, self.devicePixelRatioF())
        return serial

    def _look(self, scene: Scene) -> Look:
        playlist, step = self._presenter.session.playlist, scene.step
        screen, trial = playlist.screen, step.trial.trial if step.trial is not None else None
        kind = trial.kind if trial is not None and step.phase is Phase.STIMULUS else None
        onset = kind is not None and not scene.paused and self._machine.elapsed_s < _PATCH_S
        return Look(
            background=trial.color if trial is not None and kind == "flash" and not scene.paused else screen.background,
            ink=screen.text,
            text=playlist.texts.pause if scene.paused else step.text,
            hint=self._hint(scene),
            cross=not scene.paused and (step.phase in (Phase.BASELINE, Phase.REST) or kind == "fixation"),
            patch=onset if self._photodiode else None,
        )

    def _hint(self, scene: Scene) -> str:
        if self._twice.asked == "stop":
            return "Press Escape again to stop the session"
        if scene.paused:
            return "P goes on"
        simulated = self._presenter.session.simulated
        said = f"{simulated.capitalize()} · " if simulated and scene.step.phase is Phase.WELCOME else ""
        if scene.step.phase is Phase.WELCOME and not self._presenter.may_start:
            return f"{said}Waiting for the recording to start"
        return f"{said}Space goes on" if scene.step.phase in WAITING else ""

    def _swapped(self, serial: int, stamp: float) -> None:
        self._machine.shown(serial, stamp)
        scene = self._machine.scene
        if self._player is not None and scene.step is self._player_step and serial == scene.serial and not scene.paused:
            self._player.swapped(stamp)
        self._last_s = stamp
        self._frames += 1
        self.meter.swapped(stamp)
        self._probe()
        # what is drawn next is on the screen one frame from now, and nearer to its time than the frame after it
        ahead_s = 1.5 * self.meter.interval_s
        self._machine.tick(ahead_s)
        if scene.step is self._player_step and scene.step.phase is Phase.STIMULUS and not scene.paused:
            self._end_film(scene.step, ahead_s)
        self.follow()
        self._next_frame()

    def _probe(self) -> None:
        """The first frames follow each other as fast as can be: does the swap wait for the screen?"""
        if self._frames == _PROBED_FRAMES and self.canvas.path == "opengl":
            # much slower than the screen is no waiting either, only slow
            self._locked = _LOCKED[0] < self.meter.interval_s * self.meter.refresh_hz < _LOCKED[1]
            if not self._locked:
                self.meter = SwapMeter(self.meter.refresh_hz)

    def _end_film(self, step: Step, ahead_s: float) -> None:
        player = self._player
        if player is None or step.trial is None or not player.over(ahead_s) or not (step.whole or not player.started):
            return
        if not player.started:
            self._presenter.trials[step.trial.number].problem = player.failure or "no picture in it"
        self._machine.stimulus_over(player.failure)

    def _next_frame(self) -> None:
        """Where swaps wait for the screen, the next frame at once; else in the screen's rhythm, by a timer."""
        scene = self._machine.scene
        probing = self.canvas.path == "opengl" and self._frames < _PROBED_FRAMES
        if self._machine.over or self._pages.currentWidget() is not self._canvas_widget:
            self.meter.rest()
        elif self._locked or probing:
            self.canvas.refresh()
        elif scene.step.phase not in WAITING and not scene.paused:
            if not self._timer.isActive():
                now, period_s = self._clock(), 1.0 / self.meter.refresh_hz
                self._due_s = max(self._due_s + period_s, now)
                self._timer.start(round(1e3 * (self._due_s - now)))
        elif not self._machine.visible:
            self.canvas.refresh()
        else:
            self.meter.rest()

    def _paint_ahead_s(self) -> float:
        period_s = self.meter.interval_s
        return (period_s if self._locked else _SOON_S) + period_s / 2

    def _prepare(self, step: Step) -> None:
        if step is self._player_step or not _is_file(step):
            return
        self._drop_player()
        assert step.trial is not None
        ratio = self.devicePixelRatioF()
        within = (round(self.width() * ratio), round(self.height() * ratio))
        media = self._presenter.session.media[step.trial.trial.stimulus]
        self._player, self._player_step = Player(media, within, self._sound, self._clock), step

    def _drop_player(self) -> None:
        player, step = self._player, self._player_step
        self._player = self._player_step = None
        if player is not None and step is not None and step.trial is not None:
            player.stop()
            if player.started:
                self._presenter.film(step.trial.number, player.told())

    def _drop_form(self) -> None:
        if self._form is not None:
            self._pages.removeWidget(self._form)
            self._form.deleteLater()
            self._form = None

    def _show_canvas(self, scene: Scene) -> None:
        self._pages.setCurrentWidget(self._canvas_widget)
        self._canvas_widget.setAccessibleName(self._look(scene).text.replace("\n", " "))
        self.setCursor(Qt.CursorShape.BlankCursor if self.isFullScreen() else Qt.CursorShape.ArrowCursor)
        self.setFocus()
        self._next_frame()

    def _show_form(self, scene: Scene) -> None:
        if self._form is None:
            playlist = self._presenter.session.playlist
            self._form = ReportForm(playlist.self_report, playlist.screen)
            self._form.submitted.connect(self._take)
            self._pages.addWidget(self._form)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self._pages.setCurrentWidget(self._form)
        self._form.begin()
        self._form.repaint()
        self._machine.shown(scene.serial, self._clock())

    def _take(self, answers: dict[str, Any]) -> None:
        self._machine.answer(answers, simulated=self._presenter.session.auto)
        self.follow()


def _is_file(step: Step) -> bool:
    return step.trial is not None and step.trial.trial.kind in ("video", "image")
