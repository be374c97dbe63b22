"""The list of events: time, kind, score and state of each; the keys of the film work in it too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QColor, QKeyEvent
from PyQt5.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from gui.annotate.style import GLYPHS, WORDS, status_color
from gui.theme import Theme

_OWN_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Tab, Qt.Key.Key_Backtab)


@dataclass(frozen=True, slots=True)
class EventLine:
    """One row of the list."""

    number: int
    apex_s: float
    kind: str
    score: float
    status: str
    label: str


class EventList(QTableWidget):
    """Events in order of time; choosing one with mouse or arrow keys asks for it."""

    chosen = pyqtSignal(int)

    def __init__(self, theme: Theme, *, blind: bool) -> None:
        self._columns = ("#", "apex", "kind", *(() if blind else ("score",)), "state")
        super().__init__(0, len(self._columns))
        self._theme, self._blind = theme, blind
        self._lines: list[EventLine] = []
        self.setHorizontalHeaderLabels(list(self._columns))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setAccessibleName("events")
        rows, head = self.verticalHeader(), self.horizontalHeader()
        assert rows is not None
        assert head is not None
        rows.hide()
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        rows.setDefaultSectionSize(24)
        head.setMinimumSectionSize(20)
        for column in range(len(self._columns) - 1):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        head.setSectionResizeMode(len(self._columns) - 1, QHeaderView.ResizeMode.Stretch)
        self.currentCellChanged.connect(self._changed)

    def show_lines(self, lines: Sequence[EventLine], current: int | None) -> None:
        """Set the rows and the chosen one. GUI thread."""
        self.blockSignals(True)
        if len(lines) != self.rowCount():
            self.setRowCount(len(lines))
        for row, line in enumerate(lines):
            if row >= len(self._lines) or self._lines[row] != line or self.item(row, 0) is None:
                self._fill(row, line)
            if line.number == current:
                self.setCurrentCell(row, 0)
        self._lines = list(lines)
        self.blockSignals(False)

    def _fill(self, row: int, line: EventLine) -> None:
        score = f"{line.score:.1f}" if math.isfinite(line.score) else "–"
        told = f"{GLYPHS[line.status]} {WORDS[line.status]}"
        told += f" · {line.label}" if line.label else ""
        cells = [str(row + 1), f"{line.apex_s:.2f} s", line.kind, *(() if self._blind else (score,)), told]
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            if column in (0, 1) or (column == 3 and not self._blind):
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            if column == len(cells) - 1:
                item.setForeground(QColor(status_color(self._theme, line.status)))
                item.setToolTip(text)
            self.setItem(row, column, item)

    def _changed(self, row: int, _column: int, before: int, _before_column: int) -> None:
        if row != before and 0 <= row < len(self._lines):
            self.chosen.emit(self._lines[row].number)

    def keyPressEvent(self, e: QKeyEvent | None) -> None:
        """Take the keys that choose a row."""
        # everything but the choice of a row is the window's: Left and Home are frames here too
        if e is not None and e.key() in _OWN_KEYS:
            super().keyPressEvent(e)
        elif e is not None:
            e.ignore()
