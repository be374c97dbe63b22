"""The operator's window: where the session is, and next, pause and stop, away from the participant's screen."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QCloseEvent
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QProgressBar,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.present.machine import WAITING, Phase
from gui.present.media import shown_s
from gui.present.presenter import Presenter, TrialLog
from gui.present.stage import Twice
from gui.theme import Theme

_COLUMNS = ("#", "emotion", "stimulus", "length", "state")
_RECORDER = {
    "": ("not recorded: no recorder runs", "warn"),
    "recording": ("recording", "good"),
    "lost": ("the recorder went silent", "bad"),
    "failed": ("the recording failed", "bad"),
}


class OperatorWindow(QWidget):
    """Shows and steers one presentation. GUI thread.

    Parameters
    ----------
    presenter : Presenter
    theme : Theme
    clock : callable
        Seconds.
    changed : callable
        Called after the operator did something.
    """

    def __init__(
        self, presenter: Presenter, theme: Theme, clock: Callable[[], float], changed: Callable[[], None]
    ) -> None:
        super().__init__()
        self.setObjectName("page")
        self._presenter, self._machine = presenter, presenter.machine
        self._theme, self._changed = theme, changed
        self._twice = Twice(clock)
        session = presenter.session
        self.setWindowTitle(f"Operator: {session.playlist.title}")
        self.setStyleSheet(_style(theme))
        self._phase, self._left, self._recorder = QLabel(), QLabel(), QLabel()
        self._phase.setObjectName("brand")
        self._progress = QProgressBar()
        self._progress.setRange(0, 1000)
        self._progress.setTextVisible(False)
        self._progress.setFixedHeight(8)
        self._display = QLabel()
        self._display.setObjectName("hint")
        self._display.setWordWrap(True)
        self.next_button = self._button("Next", "Goes on where the session waits; else skips, at the second press")
        self.pause_button = self._button("Pause", "Holds the session, and goes on again")
        self.stop_button = self._button("Stop", "Ends the session at the second press")
        self.next_button.clicked.connect(self._next)
        self.pause_button.clicked.connect(self._pause)
        self.stop_button.clicked.connect(self._stop)
        self._table = self._trials()
        simulated = f"  {session.simulated}" if session.simulated else ""
        who = QLabel(f"sub-{session.run.subject}  ses-{session.run.session}  order: {session.order.kind}{simulated}")
        who.setObjectName("hint")
        self._lay_out(who)
        self.refresh()

    def refresh(self, display: str = "") -> None:
        """Show where it is; a few times a second.

        Parameters
        ----------
        display : str
            What is known of the participant's screen.
        """
        machine, step = self._machine, self._machine.step
        what = "paused" if machine.paused else str(step.phase)
        trial = f" · trial {step.trial.number} of {len(self._presenter.trials)}" if step.trial is not None else ""
        self._phase.setText(f"{what}{trial}")
        left_s = machine.remaining_s
        whole_s = machine.remaining_session_s
        waits = "waits" if left_s is None else f"{left_s:.0f} s left"
        self._left.setText(f"{waits} · at least {int(whole_s // 60)}:{int(whole_s % 60):02d} to the end")
        share = 0.0 if left_s is None or not step.duration_s else 1.0 - left_s / step.duration_s
        self._progress.setValue(round(1000 * share))
        words, kind = _RECORDER[self._presenter.recording]
        self._recorder.setText(words)
        self._recorder.setStyleSheet(f"color: {getattr(self._theme, kind)}; font-weight: 600;")
        self._display.setText(display)
        self._fill()
        asked = self._twice.asked
        self.next_button.setText("Skip? Press again" if asked == "skip" else "Next" if self._waits() else "Skip")
        self.pause_button.setText("Go on" if machine.paused else "Pause")
        self.stop_button.setText("Stop? Press again" if asked == "stop" else "Stop")
        self.next_button.setEnabled(not machine.paused and step.phase is not Phase.REPORT and not machine.over)
        self.pause_button.setEnabled(step.phase not in (Phase.WELCOME, Phase.END) and not machine.over)

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """Closing counts as stopping: the second time."""
        assert a0 is not None
        if not self._machine.over:
            self._stop()
            a0.ignore()

    def _waits(self) -> bool:
        return self._machine.step.phase in WAITING

    def _next(self) -> None:
        if self._waits():
            self._presenter.proceed()
        elif self._twice.press("skip"):
            self._machine.skip()
        self._did()

    def _pause(self) -> None:
        (self._machine.resume if self._machine.paused else self._machine.pause)()
        self._did()

    def _stop(self) -> None:
        if self._twice.press("stop"):
            self._machine.stop()
        self._did()

    def _did(self) -> None:
        self.refresh(self._display.text())
        self._changed()

    def _button(self, text: str, description: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName("action")
        button.setMinimumHeight(44)
        button.setToolTip(description)
        button.setAccessibleDescription(description)
        return button

    def _trials(self) -> QTableWidget:
        session = self._presenter.session
        table = QTableWidget(len(session.planned), len(_COLUMNS))
        table.setAccessibleName("Trials in order of presentation")
        table.setHorizontalHeaderLabels(_COLUMNS)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        header, vertical = table.horizontalHeader(), table.verticalHeader()
        assert header is not None
        assert vertical is not None
        vertical.hide()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for stretched in (2, len(_COLUMNS) - 1):
            header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
        for row, one in enumerate(session.planned):
            length_s = shown_s(one.trial, session.media[one.trial.stimulus])
            told = (str(one.number), one.trial.emotion, one.trial.stimulus, f"{length_s:.0f} s", "")
            for column, text in enumerate(told):
                table.setItem(row, column, QTableWidgetItem(text))
        return table

    def _fill(self) -> None:
        step = self._machine.step
        for row, (number, log) in enumerate(self._presenter.trials.items()):
            item = self._table.item(row, len(_COLUMNS) - 1)
            here = step.trial is not None and step.trial.number == number
            text = ("now: " + step.phase) if here else _state(log)
            if item is not None and item.text() != text:
                item.setText(text)
                if here:
                    self._table.scrollToItem(item)

    def _lay_out(self, who: QLabel) -> None:
        layout = QVBoxLayout(self)
        # words change all the time, the window does not
        layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetNoConstraint)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        top = QGridLayout()
        top.addWidget(self._phase, 0, 0)
        top.addWidget(self._recorder, 0, 1, Qt.AlignmentFlag.AlignRight)
        top.addWidget(self._left, 1, 0)
        top.addWidget(who, 1, 1, Qt.AlignmentFlag.AlignRight)
        layout.addLayout(top)
        layout.addWidget(self._progress)
        layout.addWidget(self._table, 1)
        layout.addWidget(self._display)
        row = QHBoxLayout()
        for button in (self.next_button, self.pause_button, self.stop_button):
            row.addWidget(button, 1)
        layout.addLayout(row)


def _state(log: TrialLog) -> str:
    if log.problem:
        return f"problem: {log.problem}"
    if log.cut_short:
        return "cut short"
    if log.end_s is None:
        return ""
    felt = (log.report or {}).get("emotion")
    return f"done, felt {felt}" if felt else "done"


def _style(theme: Theme) -> str:
    return f"""
    QPushButton#action {{
        background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.border}; border-radius: 6px;
        font-size: 14px; font-weight: 600; padding: 4px 14px;
    }}
    QPushButton#action:hover {{ border-color: {theme.accent}; }}
    QPushButton#action:focus {{ border: 2px solid {theme.accent}; }}
    QPushButton#action:disabled {{ color: {theme.border}; }}
    QProgressBar {{ background: {theme.panel}; border: 1px solid {theme.border}; border-radius: 4px; }}
    QProgressBar::chunk {{ background: {theme.accent}; border-radius: 3px; }}
    """
