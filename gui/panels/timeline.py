"""Facial movements of the last minute: what the spotter found, what the simulator made, what the operator noted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QPaintEvent, QPen

from gui.messages import MovementEvent, OperatorNote
from gui.panels.base import Panel
from gui.panels.traces import AXIS_PX, HISTORY_S, TimeStrip
from gui.theme import Theme, font

_MIN_PX = 4.0


class MovementRow(TimeStrip):
    """One row of intervals; the score is written where there is room beside the bar."""

    def __init__(self, label: str, theme: Theme, color: str, *, hollow: bool = False) -> None:
        super().__init__(label, theme, 22)
        self.color, self.hollow = color, hollow
        self.events: list[MovementEvent] = []

    def show_events(self, events: Iterable[MovementEvent], now_s: float) -> None:
        """Set what is drawn."""
        self.events, self.now_s = list(events), now_s
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        painter = self.begin()
        painter.setFont(font(10))
        color = QColor(self.color)
        free_from = 0.0
        for event in self.events:
            left, right = self.x_of(event.onset_s), self.x_of(event.offset_s)
            box = QRectF(left, 4, max(_MIN_PX, right - left), self.height() - 8)
            if self.hollow:
                painter.setPen(QPen(color, 1.5))
                painter.drawRect(box)
            else:
                painter.fillRect(box, color)
            apex = self.x_of(event.apex_s)
            painter.setPen(QPen(color, 1))
            painter.drawLine(QPointF(apex, 1), QPointF(apex, self.height() - 1))
            if event.score == event.score and box.right() + 3 >= free_from:
                text = f"{event.score:.0f}"
                painter.setPen(QColor(self.theme.text))
                where = QRectF(box.right() + 3, 0, 26, self.height())
                painter.drawText(where, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
                free_from = where.left() + painter.fontMetrics().horizontalAdvance(text) + 3


class NoteRow(TimeStrip):
    """The operator's notes, each a flag with its text."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("notes", theme, 18)
        self.notes: list[OperatorNote] = []

    def show_notes(self, notes: Iterable[OperatorNote], now_s: float) -> None:
        """Set what is drawn."""
        self.notes, self.now_s = list(notes), now_s
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        painter = self.begin()
        painter.setFont(font(10))
        lefts = [self.x_of(note.stamp) for note in self.notes]
        for index, (note, left) in enumerate(zip(self.notes, lefts, strict=True)):
            end = lefts[index + 1] if index + 1 < len(lefts) else self.width()
            painter.setPen(QPen(QColor(self.theme.accent), 2))
            painter.drawLine(QPointF(left, 2), QPointF(left, self.height() - 2))
            painter.setPen(QColor(self.theme.text))
            room = max(0, int(end - left - 8))
            text = painter.fontMetrics().elidedText(note.text, Qt.TextElideMode.ElideRight, room)
            painter.drawText(
                QRectF(left + 5, 0, room, self.height()),
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft,
                text,
            )


class TimelinePanel(Panel):
    """Micro- and macro-movements found, true ones below them where a simulator tells them, and notes."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Facial movements", theme)
        self.found: deque[MovementEvent] = deque(maxlen=256)
        self.true: deque[MovementEvent] = deque(maxlen=256)
        self.notes: deque[OperatorNote] = deque(maxlen=64)
        self.simulated = False
        self.micro_row = MovementRow("micro", theme, theme.warn)
        self.macro_row = MovementRow("macro", theme, theme.accent, hollow=True)
        self.true_row = MovementRow("true micro", theme, theme.truth)
        self.note_row = NoteRow(theme)
        for row in (self.micro_row, self.macro_row, self.true_row, self.note_row):
            self.add(row, 0)
        self.true_row.setVisible(False)
        self.note_row.setVisible(False)

    def take(self, event: MovementEvent) -> None:
        """Add a movement, found or true."""
        (self.true if event.true else self.found).append(event)

    def take_note(self, note: OperatorNote) -> None:
        """Add an operator's note."""
        self.notes.append(note)

    def set_simulated(self, simulated: bool) -> None:
        """Show the row of true movements, or not."""
        self.simulated = simulated

    def refresh(self, now_s: float) -> None:
        """Draw the minute that ends at `now_s`."""
        since = now_s - HISTORY_S
        found = [event for event in self.found if event.offset_s > since]
        true = [event for event in self.true if event.offset_s > since and event.kind == "micro"]
        notes = [note for note in self.notes if note.stamp > since]
        micro = [event for event in found if event.kind == "micro"]
        macro = [event for event in found if event.kind != "micro"]
        self.micro_row.show_events(micro, now_s)
        self.macro_row.show_events(macro, now_s)
        self.true_row.setVisible(self.simulated)
        self.true_row.show_events(true, now_s)
        self.note_row.setVisible(bool(notes))
        self.note_row.show_notes(notes, now_s)
        self.set_note(f"candidates: {len(micro)} micro, {len(macro)} macro; numbers: x noise")


__all__ = ["AXIS_PX", "MovementRow", "NoteRow", "TimelinePanel"]
