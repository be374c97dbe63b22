"""The start page: what is on the network, what is missing, which EEG and which camera to show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QColor
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.settings import Settings
from gui.start.rows import CHOOSABLE, COLUMNS, NEEDED, Need, StreamLine, channel_text, choices, lines, needs
from gui.streams.contract import Described, FoundStream, Link
from gui.theme import Theme, scaled

_USUAL = "the usual one"
_INTRODUCTION = (
    "Everything here comes from streams on the network. They are joined as they appear; this page gives way to the "
    "panels as soon as all that is needed is there."
)


class StartPage(QWidget):
    """A table of all streams, what is needed, and a choice where there are several. GUI thread.

    Parameters
    ----------
    theme : Theme
    settings : Settings
        Remembers what is needed here, and what is shown.
    prefer : callable
        Takes (key, source id): which stream to show.
    ask : callable
        Takes the uid of a stream whose channels are to be asked for.
    """

    left = pyqtSignal()
    """The panels are wanted."""

    def __init__(
        self,
        theme: Theme,
        settings: Settings,
        prefer: Callable[[str, str], None],
        ask: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setAccessibleName("Streams on the network")
        self.theme = theme
        self._settings, self._prefer, self._ask = settings, prefer, ask
        self.needs: tuple[Need, ...] = ()
        self.lines: tuple[StreamLine, ...] = ()
        self._described: Mapping[str, Described] = {}
        self._choices: dict[str, tuple[FoundStream, ...]] = {}
        self.table = self._make_table()
        self.channels = QLabel("Choose a stream to see its channels.")
        self.channels.setObjectName("hint")
        self.channels.setWordWrap(True)
        self.channels.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.go = QPushButton("Show the panels")
        self.go.setAccessibleDescription("Leaves this page; streams that are missing are joined when they appear")
        self.go.clicked.connect(self.left)
        self.required = {key: self._required(key) for key in NEEDED}
        self.told = {key: QLabel() for key in NEEDED}
        self.combos = {key: self._combo(key) for key in CHOOSABLE}
        for key in CHOOSABLE:
            self._prefer(key, settings.text(f"streams/{key}"))
        self._lay_out()

    def set_theme(self, theme: Theme) -> None:
        """Show everything in the colours of a theme."""
        self.theme = theme
        self.refresh()

    @property
    def complete(self) -> bool:
        """Whether all that is needed here is there."""
        return all(need.met for need in self.needs)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        table.setAccessibleName("Streams")
        table.setHorizontalHeaderLabels(COLUMNS)
        rows, header = table.verticalHeader(), table.horizontalHeader()
        assert rows is not None
        assert header is not None
        rows.setVisible(False)
        rows.setDefaultSectionSize(scaled(24))
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setHighlightSections(False)
        table.itemSelectionChanged.connect(self._selected)
        return table

    def _required(self, key: str) -> QCheckBox:
        box = QCheckBox("needed here")
        box.setAccessibleName(f"{NEEDED[key][0]} is needed here")
        box.setChecked(self._settings.flag(f"required/{key}", True))
        box.toggled.connect(lambda on: self._settings.keep(f"required/{key}", bool(on)))
        return box

    def _combo(self, key: str) -> QComboBox:
        combo = QComboBox()
        combo.setAccessibleName(f"{NEEDED[key][0]} to show")
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        combo.activated.connect(lambda index: self._chosen(key, index))
        return combo

    def _lay_out(self) -> None:
        self.title = QLabel("Streams on the network")
        self.title.setObjectName("large")
        words = QLabel(_INTRODUCTION)
        words.setWordWrap(True)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        for row, key in enumerate(NEEDED):
            self.told[key].setWordWrap(True)
            grid.addWidget(self.told[key], row, 0)
            grid.addWidget(self.required[key], row, 1)
            if key in self.combos:
                grid.addWidget(self.combos[key], row, 2)
        grid.setColumnStretch(0, 1)
        foot = QHBoxLayout()
        foot.addWidget(self.channels, 1)
        foot.addWidget(self.go)
        box = QVBoxLayout(self)
        box.setContentsMargins(24, 16, 24, 16)
        box.setSpacing(10)
        box.addWidget(self.title)
        box.addWidget(words)
        box.addLayout(grid)
        box.addWidget(self.table, 1)
        box.addLayout(foot)

    def take(self, found: Sequence[FoundStream], links: Sequence[Link], described: Mapping[str, Described]) -> None:
        """Take how things stand; nothing is drawn here."""
        wanted = [key for key, box in self.required.items() if box.isChecked()]
        self.needs = needs(links, found, wanted)
        self.lines = lines(found, links, described)
        self._described = described
        self._choices = {key: choices(found, key) for key in CHOOSABLE}
        for stream in self.lines:
            if stream.key == "eeg" and stream.uid not in described:
                self._ask(stream.uid)

    def refresh(self) -> None:
        """Show what was taken."""
        met = {need.key: need for need in self.needs}
        for key, label in self.told.items():
            need = met.get(key)
            text = need.text if need is not None else f"○ {NEEDED[key][0]}: not needed here"
            color = self.theme.muted if need is None else self.theme.good if need.met else self.theme.bad
            label.setText(text)
            label.setStyleSheet(f"color: {color}; font-weight: 600;")
        remarks = sum(bool(line.problem) for line in self.lines)
        counted = f"Streams on the network: {len(self.lines)}"
        self.title.setText(counted + (f", {remarks} with a remark" if remarks else ""))
        self._fill_combos()
        self._fill_table()
        self.go.setText("Show the panels" if self.complete else "Show the panels without what is missing")

    def _fill_combos(self) -> None:
        for key, combo in self.combos.items():
            streams, preferred = self._choices.get(key, ()), self._settings.text(f"streams/{key}")
            offered = [("", _USUAL), *((s.source_id, f"{s.name}  ({s.source_id}, {s.host})") for s in streams)]
            if preferred and preferred not in [source for source, _ in offered]:
                offered.append((preferred, f"{preferred}  (remembered, not there)"))
            combo.setVisible(len(offered) > 2 or bool(preferred))
            if [(combo.itemData(i), combo.itemText(i)) for i in range(combo.count())] == offered:
                continue
            combo.clear()
            for source, text in offered:
                combo.addItem(text, source)
            combo.setCurrentIndex([source for source, _ in offered].index(preferred))

    def _chosen(self, key: str, index: int) -> None:
        source = str(self.combos[key].itemData(index))
        self._settings.keep(f"streams/{key}", source)
        self._prefer(key, source)

    def _fill_table(self) -> None:
        table = self.table
        selected = self._selected_uid()
        table.blockSignals(True)
        table.setRowCount(len(self.lines))
        for row, line in enumerate(self.lines):
            color = self.theme.text if line.key else self.theme.muted
            for column, text in enumerate(line.cells):
                item = table.item(row, column)
                if item is None:
                    item = QTableWidgetItem()
                    table.setItem(row, column, item)
                item.setText(text)
                item.setData(Qt.ItemDataRole.UserRole, line.uid)
                warned = bool(line.problem) and column == len(COLUMNS) - 1
                tone = self.theme.warn if warned else self.theme.good if column == 0 else color
                item.setForeground(QColor(tone))
            if line.uid == selected:
                table.selectRow(row)
        table.blockSignals(False)
        if selected:
            self.channels.setText(channel_text(self._described.get(selected)))

    def _selected_uid(self) -> str:
        rows = self.table.selectedItems()
        return str(rows[0].data(Qt.ItemDataRole.UserRole)) if rows else ""

    def _selected(self) -> None:
        uid = self._selected_uid()
        if uid:
            self._ask(uid)
            self.channels.setText(channel_text(self._described.get(uid)))
