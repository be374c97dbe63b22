"""Which channels are shown: by region, by name, good ones only; and where on the cap a name lies."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QSize, Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from gui.panels.choices import MenuButton, add_options, check
from gui.theme import Theme
from realtime.eeg.montage import canonical_name
from realtime.packets import Bool

_SPLIT = re.compile(r"^([A-Za-z]+?)(z|\d+)$", re.IGNORECASE)
_ROWS = ("fp", "af", "f", "fc", "c", "cp", "p", "po", "o")
_SAME_ROW = {"ft": "fc", "t": "c", "tp": "cp", "cb": "o"}
REGIONS: dict[str, tuple[str, ...]] = {
    "frontal": ("fp", "af", "f"),
    "central": ("fc", "c", "cp"),
    "temporal": ("ft", "t", "tp"),
    "parietal": ("p",),
    "occipital": ("po", "o", "cb"),
}


@lru_cache(maxsize=1024)
def cell(label: str) -> tuple[int, int] | None:
    """Row (0 at the forehead) and column (0 on the midline, negative left) on the cap; None for an unknown name."""
    match = _SPLIT.match(canonical_name(label))
    if match is None:
        return None
    letters, number = match.group(1).lower(), match.group(2)
    row = _SAME_ROW.get(letters, letters)
    if row not in _ROWS:
        return None
    side = (int(number) + 1) // 2 if number.isdigit() else 0
    if letters == "cb":
        # the cerebellar electrodes lie far out, beside O1 and O2
        side += 2
    return _ROWS.index(row), -side if number.isdigit() and int(number) % 2 else side


def place(label: str) -> tuple[int, int]:
    """Sort key of a name: front to back, left to right; unknown names come last."""
    return cell(label) or (len(_ROWS), 0)


@lru_cache(maxsize=1024)
def region_of(label: str) -> str:
    """Region of a channel; 'other' for a name that is not on the cap."""
    match = _SPLIT.match(canonical_name(label))
    letters = match.group(1).lower() if match else ""
    return next((name for name, rows in REGIONS.items() if letters in rows), "other")


@dataclass(frozen=True, slots=True)
class ChannelChoice:
    """Which channels of a source are shown.

    Parameters
    ----------
    region : str
        One of `REGIONS`; '' for all.
    names : tuple of str, optional
        Chosen by name, in place of a region.
    good_only : bool
        Leave out those with quality flags.
    """

    region: str = ""
    names: tuple[str, ...] | None = None
    good_only: bool = False

    def rows(self, labels: Sequence[str], good: Bool) -> NDArray[np.intp]:
        """Rows of the source that are shown, in its order; `good` is (n_channels,) bool."""
        wanted = None if self.names is None else set(self.names)
        return np.array(
            [
                row
                for row, label in enumerate(labels)
                if (good[row] or not self.good_only)
                and (self.region in ("", region_of(label)) if wanted is None else label in wanted)
            ],
            np.intp,
        )

    def text(self) -> str:
        """In words: 'all channels', 'frontal, good only'."""
        which = self.region or "all channels" if self.names is None else f"{len(self.names)} chosen"
        return which + (", good only" if self.good_only else "")


class ChannelPicker(QDialog):
    """Channels by name: type a part of the name, tick with Space; every change shows at once.

    Parameters
    ----------
    labels : sequence of str
    chosen : sequence of str
        Ticked at first.
    parent : QWidget
    """

    changed = pyqtSignal(tuple)

    def __init__(self, labels: Sequence[str], chosen: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("EEG channels")
        self.resize(520, 360)
        self.search = QLineEdit()
        self.search.setPlaceholderText("part of a name, such as F or O1; Down goes to the list")
        self.search.setAccessibleName("part of a channel name")
        self.search.textChanged.connect(self._filter)
        self.list = self._make_list(labels, set(chosen))
        self.list.itemChanged.connect(self._tell)
        box = QVBoxLayout(self)
        box.addWidget(self.search)
        box.addWidget(self.list, 1)
        box.addLayout(self._buttons())
        hint = QLabel("Space ticks the channel, Esc closes")
        hint.setObjectName("hint")
        box.addWidget(hint)
        self.search.setFocus()

    def ticked(self) -> tuple[str, ...]:
        """Names that are ticked, in the source's order."""
        items = (self.list.item(row) for row in range(self.list.count()))
        return tuple(item.text() for item in items if item is not None and item.checkState() == Qt.CheckState.Checked)

    def _make_list(self, labels: Sequence[str], chosen: set[str]) -> QListWidget:
        names = QListWidget()
        names.setAccessibleName("channels")
        names.setFlow(QListView.Flow.TopToBottom)
        names.setWrapping(True)
        names.setResizeMode(QListView.ResizeMode.Adjust)
        for label in labels:
            item = QListWidgetItem(label, names)
            item.setCheckState(Qt.CheckState.Checked if label in chosen else Qt.CheckState.Unchecked)
        metrics = names.fontMetrics()
        widest = max((metrics.horizontalAdvance(label) for label in labels), default=0)
        names.setGridSize(QSize(widest + 44, metrics.height() + 6))
        names.setCurrentRow(0)
        return names

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        for text, state in (("&Tick what is listed", Qt.CheckState.Checked), ("&Untick it", Qt.CheckState.Unchecked)):
            button = QPushButton(text)
            button.setAutoDefault(False)
            button.clicked.connect(lambda _=False, state=state: self._tick_listed(state))
            row.addWidget(button)
        row.addStretch(1)
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.reject)
        row.addWidget(close)
        return row

    def _tick_listed(self, state: Qt.CheckState) -> None:
        self.list.blockSignals(True)
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item is not None and not item.isHidden():
                item.setCheckState(state)
        self.list.blockSignals(False)
        self._tell()

    def _filter(self, text: str) -> None:
        for row in range(self.list.count()):
            item = self.list.item(row)
            if item is not None:
                item.setHidden(text.strip().lower() not in item.text().lower())

    def _tell(self) -> None:
        self.changed.emit(self.ticked())


class ChannelButton(MenuButton):
    """Opens the menu of channels; `chosen` says what is to be shown."""

    chosen = pyqtSignal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__("channels shown", theme)
        self.value = ChannelChoice()
        self.labels: tuple[str, ...] = ()
        self.picker: ChannelPicker | None = None
        options = [("&All channels", ""), *((f"{name[0].upper()}{name[1:]}", name) for name in REGIONS)]
        self._regions = add_options(self.choices, options, "", self._pick_region)
        self.choices.addAction("By &name …", self.open_picker)
        self.choices.addSeparator()
        good = self.choices.addAction("&Good channels only")
        assert good is not None
        self._good = good
        self._good.setCheckable(True)
        self._good.triggered.connect(lambda on: self._pick(replace(self.value, good_only=on)))
        self.set_value(self.value)

    def set_value(self, value: ChannelChoice) -> None:
        """Show another choice; emits nothing."""
        self.value = value
        check(self._regions, value.region if value.names is None else None)
        self._good.setChecked(value.good_only)
        self.show_choice(value.text())

    def open_picker(self) -> None:
        """Open the list of names; it does not block the window."""
        rows = self.value.rows(self.labels, np.ones(len(self.labels), bool))
        self.picker = ChannelPicker(self.labels, [self.labels[row] for row in rows], self.window())
        self.picker.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.picker.changed.connect(lambda names: self._pick(replace(self.value, names=names, region="")))
        self.picker.show()

    def _pick_region(self, region: str) -> None:
        self._pick(replace(self.value, region=region, names=None))

    def _pick(self, value: ChannelChoice) -> None:
        self.set_value(value)
        self.chosen.emit(value)
