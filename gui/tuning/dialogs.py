"""Forms for what of a tuning is more than a number: names of classes, bands to show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PyQt5.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.theme import scaled

Bands = tuple[tuple[str, float, float], ...]

MOST_BANDS = 8
NAMES_TOLD = "On screens only: the streams, the recording and the model keep the names on the left."
BANDS_TOLD = (
    "For display only. The model reads its own bands, on which it was trained, whatever is shown: {own}. "
    "The engine sends the bands below as a stream of their own."
)


class _Form(QDialog):
    """A dialog with words at the top, Apply and Cancel at the bottom."""

    def __init__(self, title: str, told: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.box = QVBoxLayout(self)
        words = QLabel(told)
        words.setObjectName("hint")
        words.setWordWrap(True)
        self.box.addWidget(words)
        self.setMinimumWidth(scaled(420))

    def close_with(self, usual: str) -> QPushButton:
        """Add the buttons; returns the one that brings back what is usual, called `usual`."""
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        apply = buttons.addButton("&Apply", QDialogButtonBox.ButtonRole.AcceptRole)
        back = buttons.addButton(usual, QDialogButtonBox.ButtonRole.ResetRole)
        assert apply is not None
        assert back is not None
        apply.setDefault(True)
        back.setAutoDefault(False)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.box.addWidget(buttons)
        return back


class NamesForm(_Form):
    """What screens call each class of the model."""

    def __init__(self, classes: Sequence[str], names: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__("Names of classes", NAMES_TOLD, parent)
        self.edits = {name: QLineEdit(names.get(name, "")) for name in classes}
        form = QFormLayout()
        for name, edit in self.edits.items():
            edit.setMaxLength(40)
            edit.setPlaceholderText(name)
            edit.setAccessibleName(f"shown in place of {name}")
            form.addRow(name, edit)
        self.box.addLayout(form)
        self.close_with("&The model's own").clicked.connect(self._clear)

    def names(self) -> dict[str, str]:
        """Names by class; classes that keep theirs are left out."""
        written = {name: edit.text().strip() for name, edit in self.edits.items()}
        return {name: text for name, text in written.items() if text and text != name}

    def _clear(self) -> None:
        for edit in self.edits.values():
            edit.clear()


class BandsForm(_Form):
    """Which bands are shown, at most eight; a line without a name is none."""

    def __init__(self, own: Bands, shown: Bands, parent: QWidget | None = None) -> None:
        said = ", ".join(f"{name} {low:g}-{high:g} Hz" for name, low, high in own)
        super().__init__("Bands that are shown", BANDS_TOLD.format(own=said), parent)
        self._own = own
        self.rows = [(QLineEdit(), _hertz(0.0), _hertz(0.0)) for _ in range(MOST_BANDS)]
        grid = QGridLayout()
        for column, head in enumerate(("Name", "From", "Below")):
            grid.addWidget(QLabel(head), 0, column)
        for number, (name, low, high) in enumerate(self.rows, 1):
            name.setMaxLength(40)
            name.setAccessibleName(f"name of band {number}")
            low.setAccessibleName(f"band {number} from, Hz")
            high.setAccessibleName(f"band {number} below, Hz")
            for column, widget in enumerate((name, low, high)):
                grid.addWidget(widget, number, column)
        self.box.addLayout(grid)
        self.close_with("&The model's own").clicked.connect(lambda _checked: self.set_bands(self._own))
        self.set_bands(shown or own)

    def set_bands(self, bands: Bands) -> None:
        """Write bands into the lines."""
        for number, (name, low, high) in enumerate(self.rows):
            told = bands[number] if number < len(bands) else ("", 0.0, 0.0)
            name.setText(told[0])
            low.setValue(told[1])
            high.setValue(told[2])

    def bands(self) -> Bands:
        """As they stand; () for exactly the model's own."""
        rows = [(name.text().strip(), low.value(), high.value()) for name, low, high in self.rows]
        named = tuple(row for row in rows if row[0])
        return () if named == self._own else named


def _hertz(value: float) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setDecimals(1)
    field.setRange(0.0, 500.0)
    field.setSingleStep(0.5)
    field.setSuffix(" Hz")
    field.setValue(value)
    return field
