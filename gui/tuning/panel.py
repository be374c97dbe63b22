"""The panel that tunes an engine while it runs: what is asked for on the left, what is really in force on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PyQt5.QtCore import QSignalBlocker, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QResizeEvent
from PyQt5.QtWidgets import (
    QComboBox,
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QWidget,
)

from gui.panels.base import NoteLabel, Panel
from gui.panels.choices import choice_style
from gui.streams.messages import EmotionModel, EmotionSample
from gui.streams.tuning_messages import EngineTuning, TuningAnswer
from gui.theme import Theme, scaled
from gui.tuning.dialogs import BandsForm, NamesForm
from gui.tuning.files import PresetFiles
from gui.tuning.knob import KnobRow
from gui.tuning.wishes import Wishes
from realtime.tuning import KNOBS, Tuning

DEBOUNCE_MS = 300
_LEAST_PX = 400
NOBODY = "no engine answers: start 'emostream run'"
_GROUPS: dict[tuple[str, ...], str] = {
    ("face", "spotter"): "Spotter",
    ("engine",): "Answers",
    ("eeg",): "Signal quality",
}
_WAYS = "Names and bands change what screens show, never what the model reads."


class TuningPanel(Panel):
    """Turns what may be changed live. Nothing here is believed before the engine has said it. GUI thread."""

    wished = pyqtSignal(dict)
    """An event for the control stream."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Tuning", theme)
        self.setAccessibleName("Tuning")
        self._now_s = 0.0
        self.wishes = Wishes()
        self.form: QDialog | None = None
        self.files = PresetFiles(self, self._say)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(DEBOUNCE_MS)
        self._pause.timeout.connect(self.send)
        self.engines = QComboBox()
        self.engines.setAccessibleName("engine that is tuned")
        self.engines.currentIndexChanged.connect(self._choose)
        self.engines.setVisible(False)
        self.add(self.engines, 0)
        self.rows: dict[str, KnobRow] = {}
        self._nobody = QLabel(NOBODY)
        self._nobody.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._nobody.setWordWrap(True)
        self._lists = QLabel()
        self._values = self._grid()
        self.add(self._nobody)
        self.add(self._values)
        honest = NoteLabel(theme)
        honest.show_text(_WAYS, "")
        self.add(honest, 0)
        self.add(self._foot(), 0)
        self._show()

    def _grid(self) -> QScrollArea:
        body = QWidget()
        body.setObjectName("tuning")
        body.setStyleSheet(f"QWidget#tuning {{ background: {self.theme.panel}; }}")
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, 6, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(3)
        for column, share in enumerate((3, 4, 0, 0)):
            grid.setColumnStretch(column, share)
        heading = ""
        grid.addWidget(_hint("in force"), 0, 3)
        for name, knob in KNOBS.items():
            group = _GROUPS.get(knob.section, heading)
            if group != heading:
                grid.addWidget(_hint(group), grid.rowCount() if heading else 0, 0, 1, 3)
                heading = group
            self.rows[name] = KnobRow(name, knob, self.theme, grid, grid.rowCount())
            self.rows[name].turned.connect(self._turned)
        self._lists.setWordWrap(True)
        self._lists.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        grid.addWidget(_hint("On screens"), grid.rowCount(), 0, 1, 4)
        grid.addWidget(self._lists, grid.rowCount(), 0, 1, 4)
        grid.setRowStretch(grid.rowCount(), 1)
        area = QScrollArea()
        area.setWidget(body)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setMinimumHeight(scaled(60))
        return area

    def _foot(self) -> QWidget:
        self.names, self.bands = QPushButton("Names …"), QPushButton("Bands …")
        self.reset, self.save, self.load = QPushButton("Reset"), QPushButton("Save …"), QPushButton("Load …")
        told = {
            self.names: ("Names of classes", "What screens call the model's classes", self._open_names),
            self.bands: ("Bands that are shown", "Which bands of the EEG screens show", self._open_bands),
            self.reset: ("Reset the tuning", "Back to what the engine began with", self._reset),
            self.save: ("Save the tuning as a preset", "What is in force, as a TOML file", self._save),
            self.load: ("Load a preset", "Ask the engine for what a file says", self._load),
        }
        foot = QWidget()
        line = QHBoxLayout(foot)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(4)
        for button, (name, tip, do) in told.items():
            off = f"QPushButton:disabled {{ color: {self.theme.muted}; border: 1px dashed {self.theme.border}; }}"
            button.setStyleSheet(choice_style(self.theme) + off)
            button.setAccessibleName(name)
            button.setAccessibleDescription(tip)
            button.setToolTip(tip)
            button.clicked.connect(lambda _checked, do=do: do())
            line.addWidget(button)
            if button is self.bands:
                line.addStretch(1)
        return foot

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Where room is short the sliders go: the fields do the same, and what is in force must be seen."""
        super().resizeEvent(a0)
        for row in self.rows.values():
            row.slider.setVisible(self.width() >= scaled(_LEAST_PX))

    # -- what comes in --------------------------------------------------------------------------------------------

    def take(self, said: EngineTuning | TuningAnswer, now_s: float) -> None:
        """Take what an engine said."""
        self._now_s = now_s
        self.wishes.take(said, now_s)

    def named(self, rows: Sequence[tuple[EmotionModel, EmotionSample]]) -> list[tuple[EmotionModel, EmotionSample]]:
        """Predictions with the names of classes that are in force."""
        shown = self.wishes.shown()
        names = shown.class_names if shown is not None else {}
        if not names:
            return list(rows)
        return [
            (replace(model, shown=tuple(names.get(name, name) for name in model.classes)), sample)
            for model, sample in rows
        ]

    @property
    def uncertain_below(self) -> float:
        """The confidence below which a state is called uncertain, as it is in force."""
        shown = self.wishes.shown()
        return shown.uncertain_below if shown is not None else 0.0

    def adopt(self, before: TuningPanel) -> None:
        """Take over what the panel before this one knew, wanted and was about to send."""
        self._now_s, self.wishes, self.files.folder = before._now_s, before.wishes, before.files.folder
        if self.wishes.edits:
            self._pause.start()
        self._show()

    def refresh(self, now_s: float) -> None:
        """Show what is in force as of `now_s`."""
        self._now_s = now_s
        self.wishes.look(now_s)
        self._show()

    # -- what goes out --------------------------------------------------------------------------------------------

    def _turned(self, name: str, value: float) -> None:
        self.wishes.edits[name] = value
        self._pause.start()
        self._show()

    def send(self) -> None:
        """Ask the engine for what was turned since the last time."""
        self._pause.stop()
        edits, self.wishes.edits = self.wishes.edits, {}
        if edits:
            self.ask(edits)

    def ask(self, changes: dict[str, Any]) -> None:
        """Ask the engine for some values, or all."""
        if not self.wishes.answers(self._now_s):
            self._say(NOBODY, True)
            return
        self.wished.emit(self.wishes.wish(changes, self._now_s))
        self._show()

    def _ask_for(self, tuning: Tuning) -> None:
        self.wishes.edits = {}
        self.ask(tuning.values)

    def _reset(self) -> None:
        if (engine := self.wishes.engine) is not None:
            self._ask_for(engine.start)

    def _save(self) -> None:
        if (engine := self.wishes.engine) is not None:
            self.files.ask_to_save(engine.in_force)

    def _load(self) -> None:
        if (engine := self.wishes.engine) is not None:
            self.files.ask_to_load(engine.newest, self._ask_for)

    def _open_names(self) -> None:
        if (engine := self.wishes.engine) is not None:
            form = NamesForm(engine.classes, engine.newest.class_names, self.window())
            self._open(form, lambda: self.ask({"class_names": form.names()}))

    def _open_bands(self) -> None:
        if (engine := self.wishes.engine) is not None:
            form = BandsForm(engine.model_bands, engine.newest.bands, self.window())
            self._open(form, lambda: self.ask({"bands": [list(band) for band in form.bands()]}))

    def _open(self, form: QDialog, accepted: Any) -> None:
        self.form = form
        form.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        form.accepted.connect(accepted)
        form.finished.connect(self._closed)
        form.open()

    def _closed(self) -> None:
        self.form = None

    def _choose(self, index: int) -> None:
        self.wishes.target = self.engines.itemText(index)
        self.wishes.edits = {}
        self._show()

    def _say(self, text: str, bad: bool) -> None:
        self.wishes.say(text, bad)
        self._show()

    # -- what is shown --------------------------------------------------------------------------------------------

    def _show(self) -> None:
        engine, alive = self.wishes.engine, self.wishes.answers(self._now_s)
        self._show_engines()
        self._nobody.setVisible(engine is None)
        self._values.setVisible(engine is not None)
        for name, row in self.rows.items():
            row.set_enabled(alive)
            if engine is None:
                row.show_force(None, False)
                continue
            asked, newest = self.wishes.asks(name), getattr(engine.newest, name)
            row.set_value(newest if asked is None else asked)
            in_force = getattr(engine.in_force, name)
            row.show_force(in_force if alive else None, asked is not None or newest != in_force)
        for button in (self.names, self.bands, self.reset, self.load):
            button.setEnabled(alive)
        self.save.setEnabled(engine is not None)
        self._tell(engine, alive)

    def _show_engines(self) -> None:
        names = sorted(self.wishes.engines)
        self.engines.setVisible(len(names) > 1)
        with QSignalBlocker(self.engines):
            if names != [self.engines.itemText(at) for at in range(self.engines.count())]:
                self.engines.clear()
                self.engines.addItems(names)
            self.engines.setCurrentText(self.wishes.target)

    def _tell(self, engine: EngineTuning | None, alive: bool) -> None:
        if engine is None:
            words, bad = "waiting for an engine", False
        elif not alive:
            words, bad = NOBODY, True
        elif self.wishes.told:
            words, bad = self.wishes.told, self.wishes.bad
        else:
            words, bad = "● in force; every change is in the recording", False
        self.set_note(words, "bad" if bad else "")
        self.setAccessibleDescription(words)
        if engine is not None:
            self._lists.setText(_lists(engine))

    def export_rows(self) -> list[Sequence[object]]:
        """Every value: what is in force, what was asked for last, what the engine began with."""
        rows: list[Sequence[object]] = [("name", "unit", "in_force", "asked_for", "start")]
        if (engine := self.wishes.engine) is not None:
            for name in Tuning.model_fields:
                unit = KNOBS[name].unit if name in KNOBS else ""
                rows.append((name, unit, *(t.values[name] for t in (engine.in_force, engine.newest, engine.start))))
        return rows


def _hint(text: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("hint")
    return label


def _lists(engine: EngineTuning) -> str:
    """Bands and names in force, in words."""
    tuning = engine.in_force
    bands = ", ".join(f"{name} {low:g}-{high:g} Hz" for name, low, high in tuning.bands or engine.model_bands)
    names = ", ".join(f"{name} → {text}" for name, text in tuning.class_names.items())
    whose = "for display only" if tuning.bands else "the model's own"
    return f"Bands, {whose}: {bands}\nNames, {names or 'those of the model'}"
