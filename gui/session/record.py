"""Recording from the screen: a form, a recorder in a process of its own, and how any recorder stands.

What is shown comes from the recorder's own stream, so every screen shows every recorder, whoever started it. It lives
on when the screen dies or is closed, and is stopped by an event that any screen can send.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import IO

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from gui.streams.messages import RecorderState
from gui.theme import Theme
from realtime.errors import ConfigurationError
from realtime.lsl import session
from realtime.session.run import TASK, Run

SILENT_S = 3.0
"""A recorder speaks once a second; after this long without a word it is said to be silent."""

FORGET_S = 20.0
"""After this long it is gone."""

STARTING_S = 90.0
NO_CONSENT = "Without a consent id no film is made, and no picture or shape of the face is recorded."
FILMED = "The participant is filmed."
_LAST_WORDS = 2000


class RecorderLaunch:
    """A recorder started from here; it goes on when this process ends.

    Parameters
    ----------
    arguments : sequence of str
        Of `emostream record`.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        # a file and not a pipe: it is there to be written to when nobody reads any more
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the recorder has ended
        self._process = subprocess.Popen(
            [sys.executable, "-m", "emostream", "record", "--headless", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._said,
            start_new_session=True,
            env={key: value for key, value in os.environ.items() if key != "EMOSTREAM_CHILD"},
        )

    def failure(self) -> str | None:
        """None while it runs, '' when it ended well, else the last line it said."""
        code = self._process.poll()
        if code is None:
            return None
        if code == 0 or self._said.closed:
            self._said.close()
            return ""
        self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, self._said.tell() - _LAST_WORDS))
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        self._said.close()
        return lines[-1].removeprefix("emostream: ") if lines else f"the recorder ended with code {code}"


class RecordForm(QDialog):
    """Who is recorded, and where to; Record can be pressed when the labels are valid."""

    def __init__(self, parent: QWidget | None = None, root: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle("Record a session")
        self.setModal(True)
        self.subject, self.session, self.task = QLineEdit(), QLineEdit("01"), QLineEdit(TASK)
        self.consent, self.root = QLineEdit(), QLineEdit(root)
        self.subject.setPlaceholderText("a pseudonym such as 01, never a name")
        self.consent.setPlaceholderText("none: no film")
        self.root.setPlaceholderText("the configuration's folder: recordings")
        self.told = QLabel()
        self.told.setObjectName("hint")
        self.told.setWordWrap(True)
        browse = QPushButton("Choose …")
        browse.setAutoDefault(False)
        browse.clicked.connect(self._choose_root)
        folder = QHBoxLayout()
        folder.addWidget(self.root, 1)
        folder.addWidget(browse)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        begin = buttons.addButton("Record", QDialogButtonBox.ButtonRole.AcceptRole)
        assert begin is not None
        self.begin: QPushButton = begin
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        for label, field in (
            ("Subject", self.subject),
            ("Session", self.session),
            ("Task", self.task),
            ("Consent id", self.consent),
        ):
            form.addRow(label, field)
            field.textChanged.connect(self._check)
        form.addRow("Folder", folder)
        form.addRow(self.told)
        form.addRow(buttons)
        self.setMinimumWidth(460)
        self._check()

    def arguments(self) -> list[str]:
        """What `emostream record` is given."""
        chosen = ["--subject", self.subject.text().strip(), "--session", self.session.text().strip()]
        chosen += ["--task", self.task.text().strip()]
        for option, field in (("--consent", self.consent), ("--root", self.root)):
            if text := field.text().strip():
                chosen += [option, text]
        return chosen + ([] if session.is_local() else ["--network"])

    def _check(self) -> None:
        fault = ""
        try:
            Run(self.subject.text().strip(), self.session.text().strip(), self.task.text().strip())
        except ConfigurationError as err:
            fault = str(err) if self.subject.text().strip() else "Who is recorded?"
        self.begin.setEnabled(not fault)
        self.told.setText(fault or (FILMED if self.consent.text().strip() else NO_CONSENT))

    def _choose_root(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder of all recordings", self.root.text())
        if folder:
            self.root.setText(folder)


class RecordControl(QWidget):
    """The button that starts and stops a recording, and beside it how the recording stands. GUI thread.

    Parameters
    ----------
    theme : Theme
    clock : callable
        LSL seconds.
    send : callable
        Sends an operator's action: (JSON text, LSL stamp).
    launch : callable
        Starts `emostream record` with these arguments.
    """

    def __init__(
        self,
        theme: Theme,
        clock: Callable[[], float],
        send: Callable[[str, float], None],
        launch: Callable[[list[str]], RecorderLaunch] = RecorderLaunch,
    ) -> None:
        super().__init__()
        self._theme, self._clock, self._send, self._launch = theme, clock, send, launch
        self._state: RecorderState | None = None
        self._heard_s = -math.inf
        self._started: RecorderLaunch | None = None
        self._started_s = -math.inf
        self._stopping = ""
        self._root = ""
        self._shown = ("", "", "", "")
        self.dialog: QDialog | None = None
        """The form or question that is open."""
        self.label, self.banner, self.button = QLabel(), QLabel(), QPushButton()
        for badge in (self.label, self.banner):
            badge.setObjectName("badge")
        self.label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.banner.setWordWrap(True)
        self.banner.setVisible(False)
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # no key that is meant for the window presses it
        self.button.clicked.connect(self._press)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.label)
        row.addWidget(self.button)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Show everything in the colours of a theme."""
        self._theme, self._shown = theme, ("", "", "", "")
        self.banner.setStyleSheet(f"color: {theme.window}; background: {theme.bad};")
        self.refresh()

    def take(self, state: RecorderState) -> None:
        """Take what a recorder said; a failure alone says nothing of the figures, so those before it stay."""
        self._heard_s = self._clock()
        before = self._state
        if state.failure and before is not None and before.run == state.run and before.recording:
            state = replace(before, stamp=state.stamp, failure=state.failure, alarms=state.alarms)
        self._state = state
        if not state.recording:
            self._stopping = ""
        else:
            self._started_s = -math.inf

    def refresh(self) -> None:
        """Show how things stand now."""
        now = self._clock()
        if self._started is not None and (failure := self._started.failure()) is not None:
            self._started, self._started_s = None, -math.inf
            if failure:
                self._warn(f"The recorder has ended: {failure}")
        if self._state is not None and now - self._heard_s > FORGET_S:
            self._state, self._stopping = None, ""
        text, color, wrong, tip = shown = self._told(now)
        if shown == self._shown:
            return
        self._shown = shown
        self.banner.setText(wrong)
        self.banner.setVisible(bool(wrong))
        self.label.setText(text)
        self.label.setToolTip(tip)
        self.label.setStyleSheet(f"color: {color}; border: 1px solid {color};")
        self.label.setVisible(bool(text))
        self.button.setText("Stop …" if self._recording else "Record …")
        self.button.setEnabled(not self._stopping and not self._starting(now))

    @property
    def busy(self) -> bool:
        """Whether there is something to show beside the button."""
        return bool(self._shown[0])

    @property
    def _recording(self) -> bool:
        return self._state is not None and self._state.recording

    def _starting(self, now_s: float) -> bool:
        return not self._recording and now_s - self._started_s < STARTING_S

    def _told(self, now_s: float) -> tuple[str, str, str, str]:
        """Text of the badge and its colour, what is wrong, tool tip."""
        state, theme = self._state, self._theme
        if state is None or not state.recording:
            return ("RECORDER STARTS" if self._starting(now_s) else "", theme.warn, "", "")
        tip = f"{state.run}\n{', '.join(state.streams)}" + ("" if state.film else f"\n{NO_CONSENT}")
        if (silent_s := now_s - self._heard_s) > SILENT_S:
            wrong = f"the recorder of {state.run} has said nothing for {silent_s:.0f} s"
            return "RECORDER SILENT", theme.bad, wrong, tip
        wrong = "; ".join(dict.fromkeys(filter(None, (state.failure, *state.alarms))))
        if state.failure:
            return "NOT RECORDING", theme.bad, wrong, tip
        elapsed = _clock_text(state.elapsed_s) if math.isfinite(state.elapsed_s) else "0:00:00"
        figures = f"{elapsed}  {state.bytes / 1e6:.1f} MB" + ("" if state.film else "  no film")
        word = "STOPPING" if self._stopping else "REC"
        return f"{word} {figures}", theme.bad if wrong else theme.good, wrong, tip

    def _press(self) -> None:
        if self.dialog is not None:
            self.dialog.raise_()
        elif self._recording:
            self._ask_to_stop()
        else:
            form = RecordForm(self.window(), self._root)
            form.accepted.connect(lambda: self._begin(form))
            self._open(form)

    def _begin(self, form: RecordForm) -> None:
        self._root = form.root.text().strip()
        try:
            self._started = self._launch(form.arguments())
        except OSError as err:
            self._warn(f"The recorder cannot be started: {err.strerror or err}")
            return
        self._started_s = self._clock()
        self.refresh()

    def _ask_to_stop(self) -> None:
        assert self._state is not None
        run = self._state.run
        question = QMessageBox(QMessageBox.Icon.Question, "Stop recording?", f"Stop recording {run}?", parent=self)
        stop = question.addButton("Stop recording", QMessageBox.ButtonRole.DestructiveRole)
        go_on = question.addButton("Go on recording", QMessageBox.ButtonRole.RejectRole)
        question.setDefaultButton(go_on)
        question.setEscapeButton(go_on)
        question.buttonClicked.connect(lambda pressed: self._stop(run) if pressed is stop else None)
        self._open(question)

    def _stop(self, run: str) -> None:
        self._stopping = run
        self._send(json.dumps({"event": "record_stop", "run": run}), self._clock())
        self._shown = ("", "", "", "")
        self.refresh()

    def _warn(self, text: str) -> None:
        self._open(QMessageBox(QMessageBox.Icon.Warning, "Recording", text, parent=self))

    def _open(self, dialog: QDialog) -> None:
        """Show a dialog; the screen behind it goes on."""
        if self.dialog is not None:
            self.dialog.close()
        self.dialog = dialog
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(self._closed)
        dialog.open()

    def _closed(self) -> None:
        self.dialog = None


def _clock_text(seconds: float) -> str:
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
