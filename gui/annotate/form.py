"""What the coder says of one event: emotion, kind, action units by a check list, a comment."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QKeyEvent
from PyQt5.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.theme import font
from realtime.errors import DataError
from realtime.review.annotations import Annotation
from realtime.review.facs import ACTION_UNITS, number_of, parse_units, units_text

DEFAULT_CLASSES = ("sad", "disgust", "happy", "fear", "tense", "calm", "angry", "surprise")
"""Emotions of the published coding, where neither an analysis nor a trial names others."""

_LEAVING = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)


class UnitList(QListWidget):
    """Check list of action units; Space checks, other keys but Up and Down are the window's."""

    toggled = pyqtSignal(int, bool)

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("action units")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._filling = False
        for number, name in ACTION_UNITS.items():
            item = QListWidgetItem(f"AU{number}  {name}", self)
            item.setFlags(Qt.ItemFlags(item.flags()) | Qt.ItemFlag.ItemIsUserCheckable)
            item.setData(Qt.ItemDataRole.UserRole, number)
            item.setCheckState(Qt.CheckState.Unchecked)
        self.itemChanged.connect(self._item_changed)

    def show_units(self, units: Sequence[str]) -> None:
        """Check these, and no others."""
        chosen = {number_of(unit) for unit in units}
        self._filling = True
        for item in self._items():
            wanted = item.data(Qt.ItemDataRole.UserRole) in chosen
            item.setFont(font(12, bold=wanted))
            item.setCheckState(Qt.CheckState.Checked if wanted else Qt.CheckState.Unchecked)
        self._filling = False

    def check(self, number: int, *, checked: bool) -> None:
        """Check one, as a click would."""
        for item in self._items():
            if item.data(Qt.ItemDataRole.UserRole) == number:
                item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)

    def _items(self) -> list[QListWidgetItem]:
        return [item for row in range(self.count()) if (item := self.item(row)) is not None]

    def _item_changed(self, item: QListWidgetItem) -> None:
        if not self._filling:
            self.toggled.emit(item.data(Qt.ItemDataRole.UserRole), item.checkState() == Qt.CheckState.Checked)

    def keyPressEvent(self, e: QKeyEvent | None) -> None:
        """Space checks a unit, up and down move; every other key is the window's."""
        if e is None:
            return
        if e.key() == Qt.Key.Key_Space and (item := self.currentItem()) is not None:
            checked = item.checkState() == Qt.CheckState.Checked
            item.setCheckState(Qt.CheckState.Unchecked if checked else Qt.CheckState.Checked)
        elif e.key() in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            super().keyPressEvent(e)
        else:
            e.ignore()


class Field(QLineEdit):
    """A line of text; Enter and Escape go back to the film, Escape without keeping what was typed."""

    left = pyqtSignal()

    def __init__(self, name: str, hint: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(hint)
        self.setMaxLength(500)
        self.kept = ""

    def show_text(self, text: str) -> None:
        """Set what is kept."""
        self.kept = text
        self.setText(text)

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Leave the field with Enter, or with Escape."""
        if a0 is not None and a0.key() in _LEAVING:
            if a0.key() == Qt.Key.Key_Escape:
                self.setText(self.kept)
            self.left.emit()
            return
        super().keyPressEvent(a0)


class CodingForm(QWidget):
    """Fields of one event. Each change is told at once; nothing is kept here."""

    changed = pyqtSignal(str, str)
    """Field ('label', 'kind', 'action_units', 'comment') and what it is now."""

    left = pyqtSignal()
    """The coder is done with a field."""

    accepted = pyqtSignal()
    rejected = pyqtSignal()
    failed = pyqtSignal(str)
    """What was typed cannot be: why."""

    def __init__(self, classes: Sequence[str], *, blind: bool) -> None:
        super().__init__()
        self._row: Annotation | None = None
        self._number: int | None = None
        self.blank = "not coded" if blind else "the trial's"
        self.label = QComboBox()
        self.label.setEditable(True)
        self.label.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.label.addItems(["", *classes])
        self.label.setAccessibleName("emotion")
        self._text = Field("emotion, typed", self.blank)
        self.label.setLineEdit(self._text)
        self.kind = QComboBox()
        self.kind.addItems(["micro", "macro"])
        self.kind.setAccessibleName("kind of movement")
        self.units = Field("action units, typed", "4+7, or L10 for the left side")
        self.unit_list = UnitList()
        self.comment = Field("comment", "what you saw")
        self.accept = QPushButton("Accept  ⏎")
        self.accept.setObjectName("accept")
        self.accept.setAccessibleName("accept, key Enter")
        self.reject = QPushButton("Reject  ⌫")
        self.reject.setObjectName("reject")
        self.reject.setAccessibleName("reject, key Backspace or X")
        self._lay_out()
        self.label.activated.connect(self._chose_label)
        self.kind.activated.connect(self._chose_kind)
        self._text.left.connect(self._leave)
        self.units.left.connect(self._leave)
        self.comment.left.connect(self._leave)
        for field in (self._text, self.units, self.comment):
            field.editingFinished.connect(self._finish)
        self.unit_list.toggled.connect(self._toggle)
        self.accept.clicked.connect(self.accepted)
        self.reject.clicked.connect(self.rejected)

    def _lay_out(self) -> None:
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(4)
        grid = QGridLayout()
        grid.setSpacing(4)
        for column, (name, widget) in enumerate((("&Emotion  (E)", self.label), ("&Kind  (K)", self.kind))):
            grid.addWidget(_named(name, widget), 0, column)
            grid.addWidget(widget, 1, column)
        grid.setColumnStretch(0, 3)
        grid.setColumnStretch(1, 2)
        box.addLayout(grid)
        box.addWidget(_named("Action &units  (I)", self.units))
        box.addWidget(self.units)
        box.addWidget(self.unit_list, 1)
        box.addWidget(_named("&Comment  (C)", self.comment))
        box.addWidget(self.comment)
        buttons = QGridLayout()
        buttons.addWidget(self.accept, 0, 0)
        buttons.addWidget(self.reject, 0, 1)
        box.addLayout(buttons)

    def show_row(self, row: Annotation | None, number: int | None) -> None:
        """Fill the fields; None where no event is chosen."""
        same = number is not None and number == self._number
        self._row, self._number = row, number
        self.setEnabled(row is not None)
        if row is None:
            for field in (self._text, self.units, self.comment):
                field.show_text("")
            return
        for field, text in ((self._text, row.label), (self.units, row.action_units), (self.comment, row.comment)):
            # text that is being typed stays: an edit of another field refreshes all of them
            if not (same and field.text().strip() != field.kept):
                field.show_text(text)
        self.kind.setCurrentText(row.kind)
        self.unit_list.show_units(parse_units(row.action_units))

    def show_blank(self, trial_label: str) -> None:
        """What an event without an emotion of its own has, in its empty field."""
        self._text.setPlaceholderText(f"the trial's: {trial_label}" if trial_label else self.blank)

    def commit(self) -> bool:
        """Tell what was typed and not told yet.

        Returns
        -------
        bool
            Whether all of it can be; what cannot stays in its field.
        """
        if self._row is None:
            return True
        good = True
        for name, field in (("label", self._text), ("action_units", self.units), ("comment", self.comment)):
            text = field.text().strip()
            if text == field.kept:
                continue
            if name == "action_units":
                try:
                    text = units_text(parse_units(text))
                except DataError as err:
                    self.failed.emit(str(err))
                    good = False
                    continue
            field.show_text(text)
            self.changed.emit(name, text)
        return good

    def _finish(self) -> None:
        self.commit()

    def _leave(self) -> None:
        if self.commit():
            self.left.emit()

    def _chose_label(self, _place: int) -> None:
        self.commit()
        self.left.emit()

    def _chose_kind(self, _place: int) -> None:
        if self._row is not None and self.kind.currentText() != self._row.kind:
            self.changed.emit("kind", self.kind.currentText())
        self.left.emit()

    def _toggle(self, number: int, checked: bool) -> None:
        if self._row is None:
            return
        held = [unit for unit in parse_units(self._row.action_units) if number_of(unit) != number]
        self.changed.emit(
            "action_units", units_text(parse_units("+".join([*held, *([str(number)] if checked else [])])))
        )


def _named(text: str, widget: QWidget) -> QLabel:
    label = QLabel(text.replace("&", ""))
    label.setObjectName("field")
    label.setBuddy(widget)
    return label
