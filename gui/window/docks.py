"""The panels as docks: moved, tabbed, floated, hidden; arranged by preset; remembered by the window.

Arranged once, a wall of panels should stay: the docks have no handles until somebody asks to arrange them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from PyQt5.QtCore import QByteArray, QChildEvent, QSize, Qt, QTimer
from PyQt5.QtGui import QShowEvent
from PyQt5.QtWidgets import QAction, QDockWidget, QMainWindow, QTabBar, QTabWidget, QWidget

VERSION = 7
"""Of the layouts: one kept by another version is not restored."""

TABS = {
    "bands": "Bands",
    "topomap": "Maps",
    "spectrogram": "Spectrum",
    "quality": "Quality",
    "traces": "Traces",
    "timeline": "Timeline",
    "health": "Health",
    "motion": "Motion",
}
"""What stands on the tab of a panel whose title is long: five tabs share 400 px where letters are large."""

Row = tuple[tuple[str, ...], int]
"""Panels that share a place, the first one in front, and their share of the column's height."""


@dataclass(frozen=True, slots=True)
class Preset:
    """An arrangement: columns with their share of the width, each a list of rows; every other panel is hidden."""

    title: str
    columns: tuple[tuple[int, tuple[Row, ...]], ...]

    @property
    def shown(self) -> frozenset[str]:
        """Keys of the panels that have a place."""
        return frozenset(key for _, rows in self.columns for keys, _ in rows for key in keys)


PRESETS: dict[str, Preset] = {
    "operator": Preset(
        "Operator: everything at hand",
        (
            (35, ((("eeg",), 66), (("bands", "topomap", "spectrogram", "quality"), 34))),
            (37, ((("state",), 29), (("traces",), 45), (("session", "timeline", "tuning", "health"), 26))),
            (28, ((("video", "motion"), 56), (("movement",), 44))),
        ),
    ),
    "wall": Preset(
        "Wall: state and traces large",
        (
            (64, ((("state",), 42), (("traces",), 44), (("timeline",), 14))),
            (36, ((("video",), 55), (("movement",), 45))),
        ),
    ),
    "laptop": Preset(
        "Laptop: 1280 x 720",
        (
            (38, ((("eeg", "bands", "topomap", "spectrogram", "tuning"), 100),)),
            (35, ((("state",), 36), (("traces", "session", "timeline", "health"), 64))),
            (27, ((("video", "motion"), 52), (("movement",), 48))),
        ),
    ),
    "eeg": Preset(
        "EEG: signals, bands, maps",
        (
            (60, ((("eeg",), 72), (("spectrogram",), 28))),
            (40, ((("bands",), 36), (("topomap",), 34), (("quality", "session", "tuning", "health"), 30))),
        ),
    ),
    "face": Preset(
        "Face: video, motion, movements",
        (
            (58, ((("video",), 72), (("timeline",), 28))),
            (42, ((("motion",), 34), (("movement",), 66))),
        ),
    ),
}


class DockArea(QMainWindow):
    """All panels in docks. GUI thread.

    Parameters
    ----------
    panels : mapping of str to (str, QWidget)
        Title and panel by key.
    """

    def __init__(self, panels: Mapping[str, tuple[str, QWidget]]) -> None:
        super().__init__()
        self.setWindowFlags(Qt.WindowType.Widget)
        self.setDockNestingEnabled(True)
        self.setAnimated(False)
        self.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        self.arranging = False
        self.docks: dict[str, QDockWidget] = {key: self._dock(key, *panel) for key, panel in panels.items()}
        self._shares: tuple[tuple[list[QDockWidget], list[int], Qt.Orientation], ...] = ()

    def _dock(self, key: str, title: str, panel: QWidget) -> QDockWidget:
        dock = QDockWidget(TABS.get(key, title), self)
        dock.setObjectName(f"dock-{key}")
        dock.setWidget(panel)
        dock.setAccessibleName(title)
        dock.topLevelChanged.connect(lambda _floating: self._show_handles(dock))
        self._show_handles(dock)
        return dock

    def panel(self, key: str) -> QWidget:
        """The panel in a dock."""
        panel = self.docks[key].widget()
        assert panel is not None
        return panel

    def replace_panel(self, key: str, panel: QWidget) -> None:
        """Put another panel in a dock's place; the one before is gone."""
        before = self.panel(key)
        self.docks[key].setWidget(panel)
        before.setParent(None)
        before.deleteLater()

    def toggle_action(self, key: str) -> QAction:
        """Shows and hides a dock."""
        action = self.docks[key].toggleViewAction()
        assert action is not None
        return action

    def arrange(self, arranging: bool) -> None:
        """Give the docks handles to be moved, floated and closed by, or take them away."""
        self.arranging = arranging
        for dock in self.docks.values():
            self._show_handles(dock)

    def _show_handles(self, dock: QDockWidget) -> None:
        # a floating dock keeps its handle: without one it could never be moved or closed again
        handles = self.arranging or dock.isFloating()
        bare = dock.titleBarWidget()
        if handles and bare is not None:
            dock.setTitleBarWidget(None)  # type: ignore[arg-type]  # Qt's way to the usual title bar
            bare.deleteLater()
        elif not handles and bare is None:
            dock.setTitleBarWidget(_NoTitle(dock))

    def apply(self, preset: Preset) -> None:
        """Arrange the docks as a preset says."""
        for dock in self.docks.values():
            dock.setFloating(False)
            self.removeDockWidget(dock)
        firsts = [self.docks[rows[0][0][0]] for _, rows in preset.columns]
        for column, first in enumerate(firsts):
            if column == 0:
                self.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, first)
            else:
                self.splitDockWidget(firsts[column - 1], first, Qt.Orientation.Horizontal)
        shares = [(firsts, [weight for weight, _ in preset.columns], Qt.Orientation.Horizontal)]
        for _, rows in preset.columns:
            fronts = [self.docks[keys[0]] for keys, _ in rows]
            for above, below in pairwise(fronts):
                self.splitDockWidget(above, below, Qt.Orientation.Vertical)
            for keys, _ in rows:
                for key in keys[1:]:
                    self.tabifyDockWidget(self.docks[keys[0]], self.docks[key])
            shares.append((fronts, [weight for _, weight in rows], Qt.Orientation.Vertical))
        self._shares = tuple(shares)
        for key, dock in self.docks.items():
            if key not in preset.shown:
                # a hidden dock has a place too: there it appears when somebody asks for it
                self.tabifyDockWidget(firsts[0], dock)
            dock.setVisible(key in preset.shown)
        self._raise_fronts(preset)
        QTimer.singleShot(0, self.share_out)

    def _raise_fronts(self, preset: Preset) -> None:
        for _, rows in preset.columns:
            for keys, _ in rows:
                self.docks[keys[0]].raise_()

    def share_out(self) -> None:
        """Give the rows and columns of a preset that was just applied their shares of the present size, once."""
        if not self.isVisible():
            return
        for docks, weights, orientation in self._shares:
            whole = self.width() if orientation == Qt.Orientation.Horizontal else self.height()
            self.resizeDocks(docks, [max(1, whole * weight // sum(weights)) for weight in weights], orientation)
        self._shares = ()

    def childEvent(self, a0: QChildEvent | None) -> None:
        """The bars of tabs come and go with the arrangement: each can be reached and used by keys."""
        super().childEvent(a0)
        bar = a0.child() if a0 is not None and a0.polished() else None
        if isinstance(bar, QTabBar):
            bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            bar.setAccessibleName("Panels that share a place")

    def showEvent(self, a0: QShowEvent | None) -> None:
        """A preset that was applied unseen gets its shares when there is a size to share out."""
        super().showEvent(a0)
        QTimer.singleShot(0, self.share_out)

    def kept(self) -> QByteArray:
        """The present arrangement, for `restore`."""
        return self.saveState(VERSION)

    def restore(self, kept: QByteArray) -> bool:
        """Arrange the docks as they were; False where `kept` is of another version, or no arrangement."""
        self._shares = ()
        restored = self.restoreState(kept, VERSION)
        for dock in self.docks.values():
            self._show_handles(dock)
        return restored


class _NoTitle(QWidget):
    """A title bar of no height."""

    def sizeHint(self) -> QSize:
        return QSize(0, 0)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, 0)
