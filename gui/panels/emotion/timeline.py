"""Facial movements over time: what the spotter found, what the simulator made, what the operator noted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from PyQt5.QtCore import QEvent, QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QFontMetricsF, QHelpEvent, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QToolTip, QWidget

from gui.panels.base import Panel, age_text
from gui.panels.emotion.axis import TimeAxis
from gui.panels.emotion.traces import HISTORY_S, TracesPanel
from gui.streams.messages import MovementEvent, OperatorNote
from gui.theme import Theme, font

AXIS_PX = 66
_MIN_PX = 4.0
_NEAR_PX = 6.0
_MAX_EVENTS = 4096
_MAX_NOTES = 512


class TimeStrip(QWidget):
    """A row with a time axis: a label in the gutter, time to its right."""

    def __init__(self, label: str, theme: Theme, padding: int) -> None:
        super().__init__()
        self.label, self.theme = label, theme
        self.left_px, self.right_px = float(AXIS_PX), 0.0
        self.start_s, self.now_s = -HISTORY_S, 0.0
        self.setFixedHeight(round(QFontMetricsF(font(11)).height()) + padding)
        self.setAccessibleName(label)

    @property
    def axis(self) -> TimeAxis:
        """Time on pixels."""
        return TimeAxis(self.start_s, self.now_s, self.left_px, max(1.0, self.width() - self.left_px - self.right_px))

    def x_of(self, stamp: float) -> float:
        """Pixel of a stamp, kept within the axis."""
        return self.axis.x(stamp)

    def begin(self) -> QPainter:
        """A painter with the ground and the label done."""
        painter = QPainter(self)
        painter.setFont(font(11))
        painter.setPen(QColor(self.theme.muted))
        painter.drawText(
            QRectF(0, 0, self.left_px - 6, self.height()),
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
            self.label,
        )
        axis = self.axis
        painter.fillRect(QRectF(axis.left_px, 0, axis.width_px, self.height()), QColor(self.theme.window))
        return painter

    def words_at(self, x_px: float) -> str:
        """What is under the mouse, in words; '' for nothing."""
        return ""

    def event(self, a0: QEvent | None) -> bool:
        """Say what lies under the mouse."""
        if isinstance(a0, QHelpEvent) and a0.type() == QEvent.Type.ToolTip:
            QToolTip.showText(a0.globalPos(), self.words_at(float(a0.pos().x())), self)
            return True
        return super().event(a0)


class MovementRow(TimeStrip):
    """One row of intervals; the score is written where there is room beside the bar."""

    def __init__(self, label: str, theme: Theme, color: str, *, hollow: bool = False) -> None:
        super().__init__(label, theme, 8)
        self.color, self.hollow = color, hollow
        self.events: list[MovementEvent] = []

    def show_events(self, events: Iterable[MovementEvent]) -> None:
        """Set what is drawn, oldest first."""
        self.events = list(events)
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint each movement from onset to offset, its apex and its score."""
        painter = self.begin()
        painter.setFont(font(10))
        color, axis = QColor(self.color), self.axis
        painted_to = 0.0
        lefts = [axis.x(event.onset_s) for event in self.events]
        for index, event in enumerate(self.events):
            following = lefts[index + 1] if index + 1 < len(lefts) else self.width()
            box = QRectF(lefts[index], 4, max(_MIN_PX, axis.x(event.offset_s) - lefts[index]), self.height() - 8)
            if box.right() <= painted_to + 1:
                continue  # hours on a few pixels: one bar stands for what falls together
            painted_to = box.right()
            self._paint_bar(painter, box, axis.x(event.apex_s), color)
            text = f"{event.score:.0f}" if event.score == event.score else ""
            if box.right() + painter.fontMetrics().horizontalAdvance(text) + 5 < following:
                painter.setPen(QColor(self.theme.text))
                where = QRectF(box.right() + 3, 0, 40, self.height())
                painter.drawText(where, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)

    def _paint_bar(self, painter: QPainter, box: QRectF, apex: float, color: QColor) -> None:
        if self.hollow:
            painter.setPen(QPen(color, 1.5))
            painter.drawRect(box)
        else:
            painter.fillRect(box, color)
        painter.setPen(QPen(color, 1))
        painter.drawLine(QPointF(apex, 1), QPointF(apex, self.height() - 1))

    def words_at(self, x_px: float) -> str:
        """The movements near a place, in words."""
        axis = self.axis
        under = [e for e in self.events if axis.x(e.onset_s) - _NEAR_PX <= x_px <= axis.x(e.offset_s) + _NEAR_PX]
        if not under:
            return ""
        nearest = min(under, key=lambda e: abs(axis.x(e.apex_s) - x_px))
        said = [f"{'simulated truth: ' if nearest.true else 'candidate '}{nearest.kind}-movement"]
        said.append(f"apex {age_text(self.now_s - nearest.apex_s)} before the right edge")
        said.append(f"{1000 * (nearest.offset_s - nearest.onset_s):.0f} ms")
        if nearest.score == nearest.score:
            said.append(f"{nearest.score:.1f} x noise")
        if nearest.regions:
            said.append(", ".join(nearest.regions).replace("_", " "))
        return " · ".join(said)


class NoteRow(TimeStrip):
    """The operator's notes, each a flag with its text."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("notes", theme, 4)
        self.notes: list[OperatorNote] = []

    def show_notes(self, notes: Iterable[OperatorNote]) -> None:
        """Set what is drawn, oldest first."""
        self.notes = list(notes)
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint a stroke a note, and its words where there is room."""
        painter = self.begin()
        painter.setFont(font(10))
        axis = self.axis
        lefts = [axis.x(note.stamp) for note in self.notes]
        for index, (note, left) in enumerate(zip(self.notes, lefts, strict=True)):
            end = lefts[index + 1] if index + 1 < len(lefts) else axis.right_px
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

    def words_at(self, x_px: float) -> str:
        """The notes near a place, in words."""
        axis = self.axis
        near = [note for note in self.notes if axis.x(note.stamp) - _NEAR_PX <= x_px]
        return near[-1].text if near else ""


class TimelinePanel(Panel):
    """Micro- and macro-movements found, true ones below them where a simulator tells them, and notes.

    By itself it shows the last minute; `follow` gives it the time axis of the emotion traces.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__("Facial movements", theme)
        self.found: deque[MovementEvent] = deque(maxlen=_MAX_EVENTS)
        self.true: deque[MovementEvent] = deque(maxlen=_MAX_EVENTS)
        self.notes: deque[OperatorNote] = deque(maxlen=_MAX_NOTES)
        self.simulated = False
        self._traces: TracesPanel | None = None
        self._now_s = 0.0
        self.micro_row = MovementRow("micro", theme, theme.warn)
        self.macro_row = MovementRow("macro", theme, theme.accent, hollow=True)
        self.true_row = MovementRow("true micro", theme, theme.truth)
        self.note_row = NoteRow(theme)
        self._rows: Sequence[TimeStrip] = (self.micro_row, self.macro_row, self.true_row, self.note_row)
        for row in self._rows:
            self.add(row, 0)
        self._box.addStretch(1)
        self.true_row.setVisible(False)
        self.note_row.setVisible(False)
        self.setAccessibleName("Facial movements over time")

    def take(self, event: MovementEvent) -> None:
        """Add a movement, found or true; one that is told again counts once."""
        held = self.true if event.true else self.found
        if not held or event.onset_s > held[-1].onset_s or event not in held:
            held.append(event)

    def take_note(self, note: OperatorNote) -> None:
        """Add an operator's note; one that is told again counts once."""
        if note not in self.notes:
            self.notes.append(note)

    def set_simulated(self, simulated: bool) -> None:
        """Show the row of true movements, or not."""
        self.simulated = simulated

    def follow(self, traces: TracesPanel) -> None:
        """Share the time axis of the emotion traces from now on: span, moment and place on the screen."""
        self._traces = traces
        traces.axis_changed.connect(self._show)

    def adopt(self, before: TimelinePanel) -> None:
        """Go on with the memory of the panel this one replaces."""
        self.found, self.true, self.notes = before.found, before.true, before.notes
        self.simulated, self._now_s = before.simulated, before._now_s

    def refresh(self, now_s: float) -> None:
        """Draw the time that ends at `now_s`, or where the traces are held."""
        self._now_s = now_s
        self._show()

    def _show(self) -> None:
        start_s, end_s = self._now_s - HISTORY_S, self._now_s
        if self._traces is not None:
            start_s, end_s, _ = self._traces.axis_now
            left_px, right_px = self._traces.gutters()
            for row in self._rows:
                row.left_px, row.right_px = left_px, right_px
        for row in self._rows:
            row.start_s, row.now_s = start_s, end_s
        found = _within(self.found, start_s, end_s)
        micro = [event for event in found if event.kind == "micro"]
        macro = [event for event in found if event.kind != "micro"]
        notes = [note for note in self.notes if start_s < note.stamp <= end_s]
        self.micro_row.show_events(micro)
        self.macro_row.show_events(macro)
        self.true_row.setVisible(self.simulated)
        self.true_row.show_events(event for event in _within(self.true, start_s, end_s) if event.kind == "micro")
        self.note_row.setVisible(bool(notes))
        self.note_row.show_notes(notes)
        self.set_note(f"candidates: {len(micro)} micro, {len(macro)} macro; numbers: x noise")

    def export_rows(self) -> Iterable[tuple[str | float, ...]]:
        """The movements and notes on the screen, for a CSV file: a header, then a row each, by time."""
        rows: list[tuple[str | float, ...]] = [
            (e.onset_s, e.apex_s, e.offset_s, e.kind, e.score, " ".join(e.regions), _source(e), "")
            for row in (self.micro_row, self.macro_row, self.true_row)
            for e in row.events
        ]
        rows += [(n.stamp, n.stamp, n.stamp, "note", float("nan"), "", "operator", n.text) for n in self.note_row.notes]
        header = ("onset_s", "apex_s", "offset_s", "kind", "score", "regions", "source", "text")
        return (header, *sorted(rows, key=lambda row: float(row[0])))


def _within(events: Iterable[MovementEvent], start_s: float, end_s: float) -> list[MovementEvent]:
    return [event for event in events if event.offset_s > start_s and event.onset_s <= end_s]


def _source(event: MovementEvent) -> str:
    return "simulated truth" if event.true else "spotter"
