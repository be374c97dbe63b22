"""The review window: list of events, film, coding form, timeline and onset beside apex; every action has a key."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

from PyQt5.QtCore import QEvent, QObject, Qt, QTimer
from PyQt5.QtGui import QCloseEvent, QKeyEvent
from PyQt5.QtWidgets import QAbstractButton, QApplication, QLineEdit, QMainWindow, QWidget

from gui.annotate.controller import Controller
from gui.annotate.events import EventLine
from gui.annotate.film import FilmFrames
from gui.annotate.keys import ACTIONS, WITH_CONTROL, HelpDialog
from gui.annotate.layout import Widgets, lay_out
from gui.annotate.measure import Comparison, Pair, compare, motion_curve
from gui.annotate.player import SPEEDS, Player
from gui.annotate.sources import Target
from gui.annotate.style import style_sheet
from gui.annotate.timeline import Tick
from gui.annotate.worker import Latest
from gui.theme import Theme
from realtime.face.tracker import FaceTracker
from realtime.packets import UInt8
from realtime.review.review import Review

_AHEAD = 12  # frames decoded beyond the one wanted, so that steps and slow motion find them in memory
_PULSE_MS = 200
_OTHERS = int(Qt.KeyboardModifier.ControlModifier) | int(Qt.KeyboardModifier.AltModifier)
_VIEWS = ("film", "arrows", "compare")


class AnnotateWindow(QMainWindow):
    """Review of one recording. GUI thread; decoding and optical flow have threads of their own.

    Parameters
    ----------
    target : Target
    frames : FilmFrames
        The window closes it.
    review : Review
    theme : Theme
    blind : bool
        No score, no label of a trial.
    """

    def __init__(
        self, target: Target, frames: FilmFrames, review: Review, theme: Theme, *, blind: bool = False
    ) -> None:
        super().__init__()
        self.target, self.frames, self.review, self.theme, self.blind = target, frames, review, theme, blind
        times_s = target.times_of(frames)
        self.player = Player(times_s, lambda index: frames.cached(index) is not None)
        self.controller = Controller(review, self.player, times_s, target.known.trials)
        self.shown_index = -1
        self.comparison: Comparison | None = None
        self._measured: Pair | None = None
        self._view = "film"
        self._tracker: FaceTracker | None = None
        self._decoder: Latest[int] = Latest("film", self._decode)
        self._measurer: Latest[tuple[Pair, Comparison | None]] = Latest("flow", self._measure)
        self.w: Widgets = lay_out(self, theme, target, blind=blind)
        self.setStyleSheet(style_sheet(theme))
        self.setWindowTitle(f"{target.name} · review of movements")
        self._connect()
        known = target.known
        trials = review.trials or known.trials
        self.w.overview.show_recording(
            (min(0.0, float(times_s[0])), float(times_s[-1])), trials, (known.motion_s, known.motion), blind=blind
        )
        if notices := (*target.notices, *review.notices):
            self.say(" · ".join(notices), "warn")
        self._heartbeat = QTimer(self)  # Python sees signals only while Qt's loop turns
        self._heartbeat.start(_PULSE_MS)
        self._heartbeat.timeout.connect(lambda: None)
        numbers = review.numbers
        first = review.next_candidate(0) or (numbers[0] if numbers else None)
        self.controller.choose(first)
        if first is None:
            self.player.go(0)
        self.w.canvas.setFocus()

    def _connect(self) -> None:
        w, controller = self.w, self.controller
        controller.changed.connect(self.refresh)
        controller.said.connect(self.say)
        self.player.moved.connect(self._moved)
        self.player.turned.connect(lambda _: self._show_transport())
        self._decoder.done.connect(self._decoded)
        self._measurer.done.connect(self._measured_pair)
        w.events.chosen.connect(self._choose)
        w.overview.asked.connect(self.player.go_time)
        w.detail.asked.connect(self.player.go_time)
        w.form.changed.connect(lambda field, value: controller.change(field.replace("_", " "), **{field: value}))
        w.form.left.connect(self.to_film)
        w.form.failed.connect(partial(self.say, level="bad"))
        for name, button in w.buttons.items():
            button.clicked.connect(partial(self._press, name))
        w.form.accepted.connect(partial(self._press, "accept"))
        w.form.rejected.connect(partial(self._press, "reject"))
        if (app := QApplication.instance()) is not None:
            app.installEventFilter(self)

    # -- what keys and buttons do

    def _press(self, name: str, *_: object) -> None:
        self.act(name)
        if name != "help":
            self.to_film()

    def act(self, name: str, *, many: bool = False) -> None:
        """Do what the key or button of this name does; `many` is ten frames instead of one."""
        own: dict[str, Callable[[], object]] = {
            "back": lambda: self.player.step(-10 if many else -1),
            "forward": lambda: self.player.step(10 if many else 1),
            "back_ten": lambda: self.player.step(-10),
            "forward_ten": lambda: self.player.step(10),
            "set_onset": lambda: self.controller.set_mark("onset_s"),
            "set_apex": lambda: self.controller.set_mark("apex_s"),
            "set_offset": lambda: self.controller.set_mark("offset_s"),
            "accept": lambda: self._decide("accepted"),
            "reject": lambda: self._decide("rejected"),
            "view": self.turn_view,
            "zoom": self.turn_zoom,
            "to_emotion": lambda: self._to_field(self.w.form.label.lineEdit()),
            "to_units": lambda: self._to_field(self.w.form.units),
            "to_comment": lambda: self._to_field(self.w.form.comment),
            "to_film": self.to_film,
            "help": self.show_help,
            "save": self.save,
        }
        (own.get(name) or getattr(self.controller, name))()

    def _decide(self, status: Literal["accepted", "rejected"]) -> None:
        if self.w.form.commit():
            self.controller.decide(status)

    def _choose(self, number: int) -> None:
        if self.w.form.commit():
            self.controller.choose(number)
        else:
            self.refresh()

    def _to_field(self, field: QLineEdit | None) -> None:
        if field is not None and field.isEnabled():
            field.setFocus()
            field.selectAll()

    def to_film(self) -> None:
        """Give the keys back to the film, or to what is shown in its place."""
        if (shown := self.w.stack.currentWidget()) is not None:
            shown.setFocus()

    def save(self) -> None:
        """Write the table, with what is being typed."""
        if self.w.form.commit():
            self.controller.save()

    def turn_view(self) -> None:
        """Film, film with arrows, onset beside apex; and round again."""
        self._view = _VIEWS[(_VIEWS.index(self._view) + 1) % len(_VIEWS)]
        self.w.canvas.arrows_shown = self._view == "arrows"
        self.w.stack.setCurrentIndex(1 if self._view == "compare" else 0)
        self.w.canvas.update()
        self.to_film()
        self._show_transport()

    def turn_zoom(self) -> None:
        """The face alone, or the whole picture."""
        self.w.canvas.zoomed = not self.w.canvas.zoomed
        self.w.canvas.update()
        self._show_transport()

    def show_help(self) -> None:
        """Show what every key does."""
        HelpDialog(self.theme, self).show()

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Do what the key stands for."""
        # keys come here where no field wants them
        name = None
        if a0 is not None and not int(a0.modifiers()) & _OTHERS:
            name = ACTIONS.get(Qt.Key(a0.key()))
        if name == "accept" and self._leaves_control():
            return
        # a key held down decides once
        if a0 is None or name is None or (a0.isAutoRepeat() and name in ("accept", "reject", "add")):
            super().keyPressEvent(a0)
            return
        self.act(name, many=bool(int(a0.modifiers()) & int(Qt.KeyboardModifier.ShiftModifier)))

    def _leaves_control(self) -> bool:
        """Enter on a button presses it, in a list of the form it goes back to the film: it decides nothing there."""
        focused = self.focusWidget()
        if isinstance(focused, QAbstractButton):
            focused.click()
        elif focused is not None and self.w.form.isAncestorOf(focused):
            self.to_film()
        else:
            return False
        return True

    def eventFilter(self, a0: QObject | None, a1: QEvent | None) -> bool:
        """Ctrl+S, Ctrl+Z and Ctrl+Y are the window's while text is being typed too."""
        if isinstance(a1, QKeyEvent) and a1.type() in (QEvent.Type.ShortcutOverride, QEvent.Type.KeyPress):
            name = WITH_CONTROL.get(Qt.Key(a1.key()))
            held = a1.modifiers() == Qt.KeyboardModifier.ControlModifier
            ours = a0 is self.windowHandle() or (isinstance(a0, QWidget) and a0.window() is self)
            if name is not None and held and ours:
                if a1.type() == QEvent.Type.KeyPress:
                    self.act(name)
                a1.accept()
                return True
        return super().eventFilter(a0, a1)

    # -- what is shown

    def refresh(self) -> None:
        """Show the events and the chosen one as they are now."""
        review, controller = self.review, self.controller
        found = review.found
        lines, ticks = [], []
        for number in review.numbers:
            row = review[number]
            score = found[number].score if number in found else float("nan")
            lines.append(EventLine(number, row.apex_s, row.kind, score, row.status, row.label))
            ticks.append(Tick(row.apex_s, row.status, number == controller.number))
        self.w.events.show_lines(lines, controller.number)
        self.w.overview.show_events(ticks)
        row = controller.row
        self.w.form.show_row(row, controller.number)
        marks = None if row is None else (row.onset_s, row.apex_s, row.offset_s)
        self.w.detail.show_event(controller.around_s, marks, controller.frames_around())
        self.w.show_event(controller.number, row, controller.candidate, self._trial_label())
        left = review.count("candidate")
        self.w.show_progress(len(lines) - left, len(lines), review.unsaved)
        self._show_transport()
        self._want_comparison()

    def _trial_label(self) -> str:
        row = self.controller.row
        if self.blind or row is None:
            return ""
        return self.review.trial_label(row.apex_s, self.target.known.trials)

    def _show_transport(self) -> None:
        self.w.show_transport(
            self.controller.place_text(),
            playing=self.player.playing,
            speed=SPEEDS.index(self.player.speed),
            looping=self.controller.looping,
            view=self._view,
            zoomed=self.w.canvas.zoomed,
        )

    def say(self, text: str, level: str = "") -> None:
        """A line for the coder."""
        self.w.say(text, level)

    def _moved(self, index: int) -> None:
        time_s = self.player.time_s
        self.w.overview.show_now(time_s)
        start, end = self.w.detail.span_s
        if self.controller.row is None or not start <= time_s <= end:
            self.w.detail.now_s = time_s
            row = self.controller.row
            if row is None:
                self.w.detail.show_event(self.controller.around_s, None, self.controller.frames_around())
        self.w.detail.show_now(time_s)
        self._show_transport()
        image = self.frames.cached(index)
        if image is not None:
            self._show_frame(index, image)
        self._decoder.ask(index)

    def _show_frame(self, index: int, image: UInt8) -> None:
        self.shown_index = index
        self.w.canvas.show_frame(image)
        mark = self.controller.mark_here()
        color = self.theme.warn if mark == "apex" else self.theme.accent
        self.w.canvas.set_tag(mark, color)

    # -- the two threads

    def _decode(self, index: int, is_old: Callable[[], bool]) -> UInt8:
        image = self.frames.frame(index)
        for ahead in range(index + 1, min(index + _AHEAD, len(self.frames))):
            if is_old():
                break
            self.frames.frame(ahead)
        return image

    def _decoded(self, index: int, result: object) -> None:
        if index != self.player.index or index == self.shown_index:
            return
        if isinstance(result, Exception):
            self.w.canvas.set_caption(str(result))
            self.say(str(result), "bad")
        else:
            self._show_frame(index, result)  # type: ignore[arg-type]

    def _want_comparison(self) -> None:
        pair = self.controller.pair
        if pair == self._measured:
            return
        before, self._measured = self._measured, pair
        if pair is None or before is None or pair.number != before.number:
            nothing = "no movement chosen" if self.controller.row is None else "onset and apex are one frame"
            self._show_comparison(None, "measuring" if pair is not None else nothing)
            self.w.show_curve(self.controller.times_s[:0], self.target.known.motion[:0])
        if pair is not None:
            self._measurer.ask((pair, None))

    def _measure(self, job: tuple[Pair, Comparison | None], is_old: Callable[[], bool]) -> object:
        pair, comparison = job
        if comparison is not None:
            return motion_curve(self.frames, pair, comparison, is_old)
        self._tracker = self._tracker or FaceTracker()
        return compare(self.frames, pair, self._tracker)

    def _measured_pair(self, job: tuple[Pair, Comparison | None], result: object) -> None:
        pair, _ = job
        if pair != self._measured:
            return
        if isinstance(result, Exception):
            self._show_comparison(None, str(result))
        elif isinstance(result, Comparison):
            self._show_comparison(result, "")
            self._measurer.ask((pair, result))
        elif isinstance(result, tuple):
            indices, motion = result
            self.w.show_curve(self.controller.times_s[indices], motion)

    def _show_comparison(self, comparison: Comparison | None, message: str) -> None:
        self.comparison = comparison
        self.w.canvas.show_comparison(comparison)
        self.w.tiles.show_comparison(comparison, message)
        self.w.large.show_comparison(comparison, message)
        self.w.show_motion(comparison)

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """Save what is not saved; where that fails the journal has it, and the window says so on stderr's one line."""
        self.w.form.commit()
        self.player.stop()
        if (app := QApplication.instance()) is not None:
            app.removeEventFilter(self)
        if self.review.unsaved:
            self.controller.save()
        self._decoder.stop()
        self._measurer.stop()
        self._heartbeat.stop()
        self.frames.close()
        super().closeEvent(a0)
