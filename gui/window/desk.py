"""What menus, keys and the tour may ask of the window."""

from __future__ import annotations

from abc import abstractmethod

from PyQt5.QtWidgets import QMainWindow

from gui.session.record import RecordControl
from gui.session.replay_bar import ReplayBar
from gui.start.page import StartPage
from gui.theme import Theme
from gui.window.docks import DockArea
from gui.window.header import Header
from gui.window.panel_set import PanelSet


class Desk(QMainWindow):
    """A window with panels in docks, a header with a menu, a page of streams and a replay bar."""

    header: Header
    docks: DockArea
    panels: PanelSet
    start: StartPage
    record: RecordControl
    replay: ReplayBar
    theme: Theme

    @abstractmethod
    def show_streams(self) -> None:
        """Show what is on the network."""

    @abstractmethod
    def begin_note(self) -> None:
        """Open the line for a note about this moment."""

    @abstractmethod
    def mark_baseline(self) -> None:
        """Begin a baseline of the band powers, or end the one that was begun."""

    @abstractmethod
    def set_look(self, theme: Theme, scale: float) -> None:
        """Change theme and size of letters."""

    @abstractmethod
    def step_font(self, by: int) -> None:
        """Larger letters, smaller ones, or with 0 the usual ones."""

    @abstractmethod
    def export(self, key: str = "") -> None:
        """Save what is on the screen, or one panel."""

    @abstractmethod
    def choose_export_root(self) -> None:
        """Ask where exports go."""

    @abstractmethod
    def show_help(self) -> None:
        """Show all keys."""

    @abstractmethod
    def show_tour(self) -> None:
        """Show the window around."""
