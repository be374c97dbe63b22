"""A button that shows a choice and opens a menu of the others: small enough for a panel's head, whole by keyboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import QAction, QActionGroup, QMenu, QPushButton, QWidget

from gui.theme import Theme, scaled

Option = tuple[str, Any]


def choice_style(theme: Theme) -> str:
    """Style of the small buttons in a panel's head; the focus is a frame of two pixels."""
    return f"""
    QPushButton {{
        background: {theme.panel}; color: {theme.text}; border: 1px solid {theme.muted}; border-radius: 4px;
        padding: 1px 7px; margin: 1px; font-size: {scaled(11)}px;
    }}
    QPushButton[menu="true"] {{ padding: 1px 16px 1px 7px; }}
    QPushButton:hover {{ border-color: {theme.text}; }}
    QPushButton:focus {{ border: 2px solid {theme.accent}; margin: 0px; }}
    QPushButton:checked {{ background: {theme.accent}; color: {theme.window}; }}
    QPushButton::menu-indicator {{ width: 8px; subcontrol-position: right center; right: 4px; }}
    """


class MenuButton(QPushButton):
    """A button with a menu, spoken of as `name`.

    Parameters
    ----------
    name : str
        What screen readers call it, and what its tool tip begins with.
    theme : Theme
    """

    def __init__(self, name: str, theme: Theme) -> None:
        super().__init__()
        self.choices = QMenu(self)
        self.setMenu(self.choices)
        self.setProperty("menu", "true")
        self.setStyleSheet(choice_style(theme))
        # where room is short its text is cut: the tool tip has it whole
        self.setMinimumWidth(48)
        self.setAccessibleName(name)

    def show_choice(self, text: str) -> None:
        """Write what is chosen on the button."""
        self.setText(text)
        self.setAccessibleDescription(text)
        self.setToolTip(f"{self.accessibleName()}: {text}")


class ChoiceButton(MenuButton):
    """A `MenuButton` for one of several values.

    Parameters
    ----------
    name : str
    theme : Theme
    options : sequence of (text, value)
    value : object
        Chosen at first.
    """

    chosen = pyqtSignal(object)

    def __init__(self, name: str, theme: Theme, options: Sequence[Option], value: object) -> None:
        super().__init__(name, theme)
        self._group: QActionGroup | None = None
        self.value: Any = value
        self.set_options(options, value)

    def set_options(self, options: Sequence[Option], value: object) -> None:
        """Offer other values; emits nothing."""
        self.choices.clear()
        self._group = add_options(self.choices, options, value, self._pick)
        self.set_value(value)

    def set_value(self, value: object) -> None:
        """Show another choice; emits nothing."""
        self.value = value
        check(self._group, value)
        if self._group is not None and (action := self._group.checkedAction()) is not None:
            self.show_choice(action.text())

    def _pick(self, value: object) -> None:
        self.set_value(value)
        self.chosen.emit(value)


def add_options(
    menu: QMenu, options: Sequence[Option], value: object, pick: Callable[[Any], object], parent: QWidget | None = None
) -> QActionGroup:
    """Put exclusive, checkable options into a menu; `pick` is called with the value that the user takes."""
    group = QActionGroup(parent or menu)
    for text, option in options:
        action = QAction(text, group)
        action.setCheckable(True)
        action.setData(option)
        menu.addAction(action)
    check(group, value)

    def take(action: QAction) -> None:
        pick(action.data())

    group.triggered.connect(take)
    return group


def check(group: QActionGroup | None, value: object) -> None:
    """Check the option that holds `value`, if one does."""
    for action in group.actions() if group is not None else ():
        action.setChecked(action.data() == value)
