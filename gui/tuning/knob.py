"""One number of a tuning: its title, a slider, a field with its unit, and what is in force."""

from __future__ import annotations

import math

from PyQt5.QtCore import QObject, QSignalBlocker, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QPalette, QWheelEvent
from PyQt5.QtWidgets import QDoubleSpinBox, QGridLayout, QLabel, QSizePolicy, QSlider

from gui.theme import Theme, scaled
from realtime.tuning import Knob

_LOG_TICKS = 60


class QuietSlider(QSlider):
    """A slider that the wheel turns only while it has the focus: else a page that is scrolled would tune."""

    def wheelEvent(self, e: QWheelEvent | None) -> None:
        """Leave the wheel to the page, unless this is what is being worked on."""
        if self.hasFocus() or e is None:
            super().wheelEvent(e)
        else:
            e.ignore()


class QuietSpin(QDoubleSpinBox):
    """A field with the same manners."""

    def wheelEvent(self, e: QWheelEvent | None) -> None:
        """Leave the wheel to the page, unless this is what is being worked on."""
        if self.hasFocus() or e is None:
            super().wheelEvent(e)
        else:
            e.ignore()


class KnobRow(QObject):
    """Turns one number; `turned` carries its name and value. What the engine says never emits. GUI thread.

    Parameters
    ----------
    name : str
        Of the value in a `Tuning`.
    knob : Knob
    theme : Theme
    grid : QGridLayout
        Whose row `row` it fills: title, slider, field, what is in force.
    row : int
    """

    turned = pyqtSignal(str, float)

    def __init__(self, name: str, knob: Knob, theme: Theme, grid: QGridLayout, row: int) -> None:
        super().__init__()
        self.name, self._knob, self._theme = name, knob, theme
        self.title, self.slider, self.field, self.force = QLabel(knob.title), QuietSlider(), QuietSpin(), QLabel()
        self._fill_slider()
        self._fill_field()
        self._dim()
        self.title.setBuddy(self.field)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.title.setMinimumWidth(scaled(114))
        for widget in (self.title, self.slider, self.field):
            widget.setToolTip(f"{knob.title}: {knob.told}")
        self.force.setMinimumWidth(scaled(66))
        for column, widget in enumerate((self.title, self.slider, self.field, self.force)):
            grid.addWidget(widget, row, column)

    def _dim(self) -> None:
        """What cannot be turned looks it: the style draws the letters of a field that is off as those of any other."""
        palette = self.field.palette()
        palette.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Text, QColor(self._theme.muted))
        self.field.setPalette(palette)

    def _fill_slider(self) -> None:
        self.slider.setOrientation(Qt.Orientation.Horizontal)
        # a tick of the slider is a step of the field: one press of a key always turns something
        knob = self._knob
        self._ticks = _LOG_TICKS if knob.log else round((knob.high - knob.low) / knob.step)
        self.slider.setRange(0, self._ticks)
        self.slider.setPageStep(max(1, self._ticks // 10))
        self.slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.slider.setMinimumWidth(scaled(56))
        self.slider.setAccessibleName(f"{knob.title}, slider")
        self.slider.valueChanged.connect(lambda place: self.field.setValue(self._value_at(place)))

    def _fill_field(self) -> None:
        knob = self._knob
        self.field.setDecimals(max(0, math.ceil(-math.log10(knob.step) - 1e-9)))
        self.field.setRange(knob.low, knob.high)
        self.field.setSingleStep(knob.step)
        self.field.setStepType(
            QDoubleSpinBox.StepType.AdaptiveDecimalStepType if knob.log else QDoubleSpinBox.StepType.DefaultStepType
        )
        self.field.setSuffix(f" {knob.unit}" if knob.unit else "")
        self.field.setKeyboardTracking(False)
        self.field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.field.setAccessibleName(f"{knob.title}{f', {knob.unit}' if knob.unit else ''}")
        self.field.valueChanged.connect(self._turn)

    @property
    def value(self) -> float:
        """As it stands on the screen."""
        return self.field.value()

    def set_value(self, value: float) -> None:
        """Show a value; emits nothing. One beyond the field's usual ends moves them."""
        with QSignalBlocker(self.field), QSignalBlocker(self.slider):
            self.field.setRange(min(self._knob.low, value), max(self._knob.high, value))
            if not math.isclose(self.field.value(), value):
                self.field.setValue(value)
            self.slider.setValue(self._place_of(value))

    def show_force(self, in_force: float | None, waiting: bool) -> None:
        """Say what is in force beside what is set; None: nobody knows."""
        if in_force is None:
            text, color = "?", self._theme.muted
        elif waiting:
            text, color = f"… now {self._text(in_force)}", self._theme.warn
        else:
            text, color = f"● {self._text(in_force)}", self._theme.good
        if text != self.force.text():
            self.force.setText(text)
            self.force.setStyleSheet(f"color: {color};")
            said = "nobody says what is in force" if in_force is None else f"in force: {self._text(in_force)}"
            self.field.setAccessibleDescription(said)
            self.force.setToolTip(said)

    def set_enabled(self, enabled: bool) -> None:
        """Whether it can be turned."""
        for widget in (self.slider, self.field):
            widget.setEnabled(enabled)

    def _text(self, value: float) -> str:
        return f"{value:.{self.field.decimals()}f}"

    def _turn(self, value: float) -> None:
        with QSignalBlocker(self.slider):
            self.slider.setValue(self._place_of(value))
        self.turned.emit(self.name, round(value, self.field.decimals()))

    def _value_at(self, place: int) -> float:
        low, high, share = self._knob.low, self._knob.high, place / self._ticks
        return low * (high / low) ** share if self._knob.log else low + share * (high - low)

    def _place_of(self, value: float) -> int:
        low, high = self._knob.low, self._knob.high
        value = min(max(value, low), high)
        share = math.log(value / low) / math.log(high / low) if self._knob.log else (value - low) / (high - low)
        return round(self._ticks * share)
