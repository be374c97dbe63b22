"""The session at a glance: the recording and its counters, what the participant does, markers by key."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QColor, QResizeEvent
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.panels.base import NoteLabel, Panel, age_text
from gui.streams.messages import OperatorNote, RecorderState
from gui.streams.session_messages import StimulusEvent, StimulusState, StreamCount
from gui.theme import Theme, font, scaled

QUICK = ("blink", "moved", "talked", "electrode", "distracted", "smiled", "paused", "look here")
"""What the quick markers say until the lab has its own words, F1 to F8."""

SILENT_S = 20.0
_COLUMNS = ("in the recording", "type", "received", "state")
_TYPE = _COLUMNS.index("type")
_ROOMY_PX = 400


class MarkerTexts(QDialog):
    """A form for the texts of the quick markers."""

    def __init__(self, texts: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Quick markers")
        self.edits = [QLineEdit(text) for text in texts]
        form = QFormLayout(self)
        for number, edit in enumerate(self.edits, 1):
            edit.setMaxLength(60)
            form.addRow(f"F{number}", edit)
        buttons = QDialogButtonBox()
        for button in (QDialogButtonBox.StandardButton.Save, QDialogButtonBox.StandardButton.Cancel):
            buttons.addButton(button)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form.addRow(buttons)
        self.setMinimumWidth(360)

    @property
    def texts(self) -> list[str]:
        """Texts as they stand; '' for a key that marks nothing."""
        return [edit.text().strip() for edit in self.edits]


class QuickButton(QPushButton):
    """A button whose words stand beside its key or below it, and end in '…' where there is no room for them."""

    resized = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._key = self._words = ""
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_words(self, key: str, text: str) -> None:
        """Set the key and what it marks."""
        self._key, self._words = key, text
        self.setToolTip(text)
        self.setAccessibleName(f"Marker {key}: {text or 'without text'}")
        self.setEnabled(bool(text))

    @property
    def fits(self) -> bool:
        """Whether there is room for the words beside the key."""
        return self.fontMetrics().horizontalAdvance(f"{self._key}  {self._words}") <= self.width() - scaled(22)

    def show_words(self, *, below: bool) -> None:
        """Write the words below the key, or beside it."""
        words = self.fontMetrics().elidedText(self._words, Qt.TextElideMode.ElideRight, self.width() - scaled(14))
        self.setText(f"{self._key}\n{words}" if below else f"{self._key}  {self._words}")

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Another width may have room for other words."""
        super().resizeEvent(a0)
        self.resized.emit()


class SessionPanel(Panel):
    """Recording, stimulus and markers. GUI thread.

    Parameters
    ----------
    theme : Theme
    texts : sequence of str
        Of the quick markers.
    """

    marked = pyqtSignal(str)
    """A quick marker was pressed."""

    noting = pyqtSignal()
    """A note is to be written."""

    edited = pyqtSignal(list)
    """The quick markers have these texts now."""

    def __init__(self, theme: Theme, texts: Sequence[str] = QUICK) -> None:
        super().__init__("Session", theme)
        self.recorder: RecorderState | None = None
        self._heard_s = -math.inf
        self.stimulus = StimulusState()
        self.truth: str | None = None
        self.last: OperatorNote | None = None
        self.dialog: MarkerTexts | None = None
        self._shown: tuple[StreamCount, ...] = ()
        self._elapsed, self._task = QLabel(), QLabel()
        self._size, self._detail = NoteLabel(theme), NoteLabel(theme)
        self.buttons = [QuickButton() for _ in texts]
        self.table = _table()
        self._lay_out()
        self.set_texts(texts)

    def _lay_out(self) -> None:
        self._elapsed.setFont(font(20, bold=True))
        self._task.setFont(font(14, bold=True))
        self._task.setAccessibleName("What the participant does")
        self._elapsed.setAccessibleName("Recording")
        for label in (self._elapsed, self._task):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        recording, task = QVBoxLayout(), QVBoxLayout()
        for box, labels in ((recording, (self._elapsed, self._size)), (task, (self._task, self._detail))):
            box.setSpacing(0)
            for label in labels:
                box.addWidget(label)
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addLayout(recording, 2)
        top.addLayout(task, 3)
        quick = QGridLayout()
        quick.setSpacing(4)
        for index, button in enumerate(self.buttons):
            button.clicked.connect(lambda _checked, at=index: self.press(at))
            button.resized.connect(self._fit_buttons)
            quick.addWidget(button, index // 4, index % 4)
        note, edit = QPushButton("N  note …"), QPushButton("Texts …")
        edit.setAccessibleName("Edit the texts of the quick markers")
        note.clicked.connect(lambda _checked: self.noting.emit())
        edit.clicked.connect(lambda _checked: self._edit())
        for row, button in enumerate((note, edit)):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            quick.addWidget(button, row, 4)
        body = QWidget()
        box = QVBoxLayout(body)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(5)
        box.addLayout(top)
        box.addLayout(quick)
        box.addWidget(self.table, 1)
        box.addStretch()
        self.table.setVisible(False)
        self.add(body)

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Where there is little room, a stream's name is worth more than its type."""
        super().resizeEvent(a0)
        self.table.setColumnHidden(_TYPE, self.width() < scaled(_ROOMY_PX))

    @property
    def texts(self) -> tuple[str, ...]:
        """Texts of the quick markers."""
        return self._texts

    def set_texts(self, texts: Sequence[str]) -> None:
        """Give the quick markers other texts."""
        self._texts = tuple(texts)
        for number, (button, text) in enumerate(zip(self.buttons, texts, strict=True), 1):
            button.set_words(f"F{number}", text)
        self._fit_buttons()

    def _fit_buttons(self) -> None:
        """All alike: where one has no room beside its key, all have their words below."""
        below = not all(button.fits for button in self.buttons)
        for button in self.buttons:
            button.show_words(below=below)

    def press(self, index: int) -> None:
        """Set the quick marker `index`, counted from 0; one without a text marks nothing."""
        if self._texts[index]:
            self.marked.emit(self._texts[index])

    def _edit(self) -> None:
        self.dialog = MarkerTexts(self._texts, self.window())
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.accepted.connect(self._take_texts)
        self.dialog.finished.connect(self._closed)
        self.dialog.open()

    def _take_texts(self) -> None:
        assert self.dialog is not None
        self.set_texts(self.dialog.texts)
        self.edited.emit(list(self._texts))

    def _closed(self) -> None:
        self.dialog = None

    def take_recorder(self, state: RecorderState, now_s: float) -> None:
        """Take what a recorder said; a failure alone says nothing of the counters, so those before it stay."""
        self._heard_s = now_s
        before = self.recorder
        if state.failure and not state.counts and before is not None and before.run == state.run:
            return
        self.recorder = state

    def take_stimulus(self, event: StimulusEvent) -> None:
        """Take what the participant sees or answers."""
        self.stimulus.push(event)

    def take_note(self, note: OperatorNote) -> None:
        """Take a note or a marker, from whichever screen."""
        self.last = note

    def set_truth(self, emotion: str | None) -> None:
        """A simulated participant's true emotion: '' where none is told, None without a simulator."""
        self.truth = emotion

    def adopt(self, before: SessionPanel) -> None:
        """Take over what the panel before this one knew."""
        self.recorder, self._heard_s, self.stimulus = before.recorder, before._heard_s, before.stimulus
        self.truth, self.last = before.truth, before.last
        self.set_texts(before.texts)

    @property
    def elapsed(self) -> str:
        """The recording's line, as shown."""
        return self._elapsed.text()

    @property
    def size_line(self) -> str:
        """The line below it, as shown."""
        return self._size.text

    @property
    def task(self) -> str:
        """What the participant does, as shown."""
        return self._task.text()

    @property
    def detail(self) -> str:
        """The line below it, as shown."""
        return self._detail.text

    def refresh(self, now_s: float) -> None:
        """Show how things stand as of `now_s`."""
        self._show_recording(now_s)
        task, detail = self.stimulus.lines(now_s)
        if not task and self.truth is not None:
            task, detail = f"simulated: {self.truth or 'between trials'}", "what the simulator says of its participant"
        elif self.truth:
            detail = f"simulated participant: {self.truth}" + (f" · {detail}" if detail else "")
        report = self.stimulus.report
        self._task.setText(task or "no stimulus program")
        self._task.setToolTip(task)
        self._detail.show_text(" · ".join(filter(None, (detail, report and f"answered {report}"))), "")
        if self.last is not None:
            self.set_note(f"last marker {age_text(now_s - self.last.stamp)} ago: {self.last.text}")

    def _show_recording(self, now_s: float) -> None:
        state = self.recorder
        if state is None or not state.recording or now_s - self._heard_s > SILENT_S:
            self._elapsed.setText("not recorded")
            self._elapsed.setStyleSheet(f"color: {self.theme.muted};")
            ended = state is not None and not state.recording
            self._size.show_text(f"{state.run} has ended" if ended and state is not None else "Ctrl+R records", "")
            self._fill(())
            return
        elapsed = state.elapsed_s + now_s - self._heard_s if math.isfinite(state.elapsed_s) else 0.0
        wrong = bool(state.failure or state.alarms)
        self._elapsed.setText(f"{'▲' if wrong else '●'} {clock_text(elapsed)}")
        self._elapsed.setStyleSheet(f"color: {self.theme.bad if wrong else self.theme.good};")
        room = f"{size_text(state.free_bytes)} free" if state.free_bytes else ""
        words = (size_text(state.bytes), room, "" if state.film else "no film", state.run)
        self._size.show_text(" · ".join(filter(None, words)), "bad" if wrong else "")
        self._fill(state.counts)

    def _fill(self, counts: tuple[StreamCount, ...]) -> None:
        if counts == self._shown:
            return
        self._shown = counts
        self.table.setVisible(bool(counts))
        self.table.setRowCount(len(counts))
        for row, count in enumerate(counts):
            received = "-" if count.received is None else f"{count.received:,}"
            cells = (count.name, count.stream_type, received, "▲ stalled" if count.stalled else "● written")
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setFont(font(12))
                color = self.theme.bad if count.stalled else self.theme.good if column == 3 else self.theme.text
                item.setForeground(QColor(color))
                side = Qt.AlignmentFlag.AlignRight if column == 2 else Qt.AlignmentFlag.AlignLeft
                item.setTextAlignment(Qt.AlignmentFlag.AlignVCenter | side)
                self.table.setItem(row, column, item)

    def export_rows(self) -> list[Sequence[object]]:
        """The counters of the recording, the header first."""
        rows: list[Sequence[object]] = [("stream", "type", "received", "stalled")]
        rows += [(count.name, count.stream_type, count.received, int(count.stalled)) for count in self._shown]
        return rows


def _table() -> QTableWidget:
    table = QTableWidget(0, len(_COLUMNS))
    table.setAccessibleName("Streams in the recording")
    table.setHorizontalHeaderLabels(_COLUMNS)
    rows, header = table.verticalHeader(), table.horizontalHeader()
    assert rows is not None
    assert header is not None
    rows.setVisible(False)
    rows.setDefaultSectionSize(scaled(19))
    table.setShowGrid(False)
    table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setMinimumHeight(0)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    header.setTextElideMode(Qt.TextElideMode.ElideRight)
    return table


def clock_text(seconds: float) -> str:
    """'1:02:03'."""
    whole = max(0, int(seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def size_text(size: int) -> str:
    """'12.3 MB', '4.1 GB'."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"
