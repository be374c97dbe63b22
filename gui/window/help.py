"""Help: every key the window knows, taken from its actions, and a short tour for the first time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PyQt5.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QKeyEvent, QKeySequence, QPainter, QPainterPath, QPaintEvent, QPen, QResizeEvent
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QAction,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.theme import Theme, font, scaled

MORE_KEYS = (
    ("Space", "Pause the display, or go on; streams and recording go on meanwhile"),
    ("Tab, Shift+Tab", "Go from one thing to the next; what has the keyboard is framed"),
    ("Alt+letter", "Open a menu"),
    ("Escape", "Leave a note, the tour or the page of streams"),
)
MEANINGS = (
    "A prediction is what a model makes of EEG and face: a probability, not a fact about a person. "
    "Movements are candidates with a score. What is simulated is called simulated, in violet where only a simulator "
    "can know it. ● is well, ▲ stands still, ✕ is gone."
)


def key_rows(actions: Iterable[QAction]) -> list[tuple[str, str]]:
    """Keys and what they do: every action that has one, then those that are no actions."""
    rows = []
    for action in actions:
        keys = ", ".join(
            sequence.toString(QKeySequence.SequenceFormat.NativeText)
            for sequence in action.shortcuts()
            if not sequence.isEmpty()
        )
        if keys:
            rows.append((keys, action.text().replace("&", "")))
    return rows + list(MORE_KEYS)


class HelpDialog(QDialog):
    """The keys, and how the screen is to be read; the panels go on behind it."""

    def __init__(self, theme: Theme, actions: Iterable[QAction], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Help: keys")
        self.rows = key_rows(actions)
        table = QTableWidget(len(self.rows), 2)
        table.setAccessibleName("Keys and what they do")
        table.setHorizontalHeaderLabels(("key", "what it does"))
        for row, texts in enumerate(self.rows):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setFont(font(12, bold=column == 0))
                table.setItem(row, column, item)
        side, header = table.verticalHeader(), table.horizontalHeader()
        assert side is not None
        assert header is not None
        side.setVisible(False)
        side.setDefaultSectionSize(scaled(22))
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        words = QLabel(MEANINGS)
        words.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        self.setStyleSheet(f"QDialog {{ background: {theme.window}; }}")
        box = QVBoxLayout(self)
        box.addWidget(words)
        box.addWidget(table, 1)
        box.addWidget(buttons)
        self.resize(scaled(620), scaled(600))


@dataclass(frozen=True, slots=True)
class Callout:
    """One stop of the tour: what is pointed at (asked for when its turn comes), and what is said of it."""

    target: Callable[[], QWidget | None]
    title: str
    text: str


class Tour(QWidget):
    """A few callouts over the window, one after the other: Enter goes on, Escape ends it. GUI thread."""

    ended = pyqtSignal()

    def __init__(self, theme: Theme, over: QWidget, stops: Sequence[Callout]) -> None:
        super().__init__(over)
        self.theme = theme
        self._stops, self.at = tuple(stops), 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._box = QFrame(self)
        self._box.setObjectName("panel")
        self._title, self._text, self._count = QLabel(), QLabel(), QLabel()
        self._title.setObjectName("title")
        self._count.setObjectName("hint")
        self._text.setWordWrap(True)
        self.onwards, self.skip = QPushButton("Next"), QPushButton("Skip the tour")
        self.onwards.setDefault(True)
        self.onwards.clicked.connect(self.next)
        self.skip.clicked.connect(self.end)
        row = QHBoxLayout()
        for widget in (self._count, self.skip, self.onwards):
            row.addWidget(widget)
        row.insertStretch(1, 1)
        inside = QVBoxLayout(self._box)
        inside.addWidget(self._title)
        inside.addWidget(self._text)
        inside.addLayout(row)
        self._box.setFixedWidth(scaled(360))
        over.installEventFilter(self)
        self.setGeometry(over.rect())
        self.show()
        self.raise_()
        self._show_stop()

    @property
    def title(self) -> str:
        """Of the callout that is shown."""
        return self._title.text()

    def next(self) -> None:
        """Go to the next callout; after the last one the tour ends."""
        self.at += 1
        if self.at >= len(self._stops):
            self.end()
        else:
            self._show_stop()

    def end(self) -> None:
        """End the tour."""
        over = self.parent()
        if isinstance(over, QObject):
            over.removeEventFilter(self)
        self.hide()
        self.ended.emit()
        self.deleteLater()

    def _show_stop(self) -> None:
        stop = self._stops[self.at]
        self._title.setText(stop.title)
        self._text.setText(stop.text)
        self._count.setText(f"{self.at + 1} of {len(self._stops)}")
        self.onwards.setText("Done" if self.at + 1 == len(self._stops) else "Next")
        self._box.setAccessibleName(f"{stop.title}. {stop.text}")
        self.onwards.setFocus()
        self._place()

    def _hole(self) -> QRect:
        """Where the thing is that is pointed at; empty where it is not on the screen."""
        target = self._stops[min(self.at, len(self._stops) - 1)].target()
        over = self.parentWidget()
        if target is None or over is None or not target.isVisible() or target.window() is not over.window():
            return QRect()
        return QRect(target.mapTo(over, QPoint(0, 0)), target.size()).adjusted(-4, -4, 4, 4)

    def _place(self) -> None:
        self._box.adjustSize()
        hole, box = self._hole(), self._box.size()
        if hole.isEmpty():
            corner = self.rect().center() - QPoint(box.width() // 2, box.height() // 2)
        elif hole.bottom() + 12 + box.height() < self.height():
            corner = QPoint(hole.left(), hole.bottom() + 12)
        elif hole.top() - 12 - box.height() > 0:
            corner = QPoint(hole.left(), hole.top() - 12 - box.height())
        else:
            corner = hole.center() - QPoint(box.width() // 2, box.height() // 2)
        most = QPoint(self.width() - box.width() - 8, self.height() - box.height() - 8)
        self._box.move(max(8, min(corner.x(), most.x())), max(8, min(corner.y(), most.y())))
        self.update()

    def eventFilter(self, a0: QObject | None, a1: QEvent | None) -> bool:
        """Stay as large as the window."""
        if isinstance(a1, QResizeEvent):
            self.setGeometry(QRect(QPoint(0, 0), a1.size()))
            self._place()
        return super().eventFilter(a0, a1)

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Escape ends it, Enter goes on."""
        if a0 is not None and a0.key() == Qt.Key.Key_Escape:
            self.end()
        elif a0 is not None and a0.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.next()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Dim everything but what is pointed at."""
        painter = QPainter(self)
        shade = QPainterPath()
        shade.addRect(QRectF(self.rect()))
        hole = QRectF(self._hole())
        if not hole.isEmpty():
            light = QPainterPath()
            light.addRoundedRect(hole, 6, 6)
            shade = shade.subtracted(light)
            painter.setPen(QPen(QColor(self.theme.accent), 3))
            painter.drawRoundedRect(hole, 6, 6)
        painter.fillPath(shade, QColor(0, 0, 0, 150))
