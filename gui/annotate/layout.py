"""Where everything is in the review window, and the few labels that are set from one place."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import (
    QAbstractButton,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from gui.annotate.canvas import FilmCanvas, Tiles
from gui.annotate.events import EventList
from gui.annotate.form import DEFAULT_CLASSES, CodingForm
from gui.annotate.measure import Comparison
from gui.annotate.player import SPEEDS
from gui.annotate.sources import Target
from gui.annotate.style import GLYPHS, WORDS
from gui.annotate.timeline import Detail, Overview
from gui.panels.base import NoteLabel, Panel
from gui.theme import Theme
from realtime.packets import Float32, Float64
from realtime.review.annotations import Annotation
from realtime.review.candidates import Candidate

_VIEW_WORDS = {"film": "film", "arrows": "film + motion", "compare": "onset | apex"}


@dataclass(slots=True)
class Widgets:
    """The window's parts."""

    theme: Theme
    blind: bool
    events: EventList
    canvas: FilmCanvas
    large: Tiles
    stack: QStackedWidget
    form: CodingForm
    overview: Overview
    detail: Detail
    time_panel: Panel
    tiles: Tiles
    buttons: dict[str, QAbstractButton]
    place: QLabel
    progress: QProgressBar
    counts: QLabel
    saved: QLabel
    message: NoteLabel
    list_panel: Panel
    film_panel: Panel
    form_panel: Panel
    pair_panel: Panel

    def say(self, text: str, level: str) -> None:
        """Show a line; screen readers hear it as the line's description."""
        self.message.show_text(text, level)  # type: ignore[arg-type]
        self.message.setAccessibleDescription(text)

    def show_progress(self, done: int, total: int, unsaved: int) -> None:
        """How far the coder is."""
        self.progress.setMaximum(max(1, total))
        self.progress.setValue(done)
        self.counts.setText(f"{done} of {total} reviewed")
        self.saved.setText("saved" if not unsaved else f"{unsaved} unsaved, in the journal")
        self.saved.setStyleSheet(f"color: {self.theme.warn if unsaved else self.theme.muted}")

    def show_event(
        self, number: int | None, row: Annotation | None, candidate: Candidate | None, trial_label: str
    ) -> None:
        """The titles of the panels."""
        if row is None or number is None:
            self.form_panel.set_note("no event chosen")
            return
        coder = f" by {row.coder}" if row.coder else ""
        self.form_panel.set_note(f"{GLYPHS[row.status]} {WORDS[row.status]}{coder}")
        self.form.show_blank(trial_label)
        length_ms = 1000 * (row.offset_s - row.onset_s)
        told = f"{row.kind}, {length_ms:.0f} ms"
        if candidate is None:
            told += " · found by a coder"
        elif not self.blind:
            score = f" {candidate.score:.1f} × noise" if math.isfinite(candidate.score) else ""
            told += f" · candidate{score} at {', '.join(candidate.regions).replace('_', ' ') or 'the face'}"
        self.film_panel.set_note(told)

    def show_curve(self, times_s: Float64, motion: Float32) -> None:
        """Motion since the onset, frame by frame; empty for none."""
        self.detail.show_curve(times_s, motion)
        if len(motion):
            told = f"line: motion since the onset of the region that moves most, {float(motion.max()):.2f} px at most"
        else:
            told = "measuring motion" if self.form.isEnabled() else ""
        self.time_panel.set_note(told)

    def show_motion(self, comparison: Comparison | None) -> None:
        """What was measured between onset and apex."""
        if comparison is None or self.blind:
            self.pair_panel.set_note("")
            return
        region, px = comparison.largest
        self.pair_panel.set_note(f"most at {region.replace('_', ' ')}, {px:.2f} px")

    def show_transport(self, place: str, *, playing: bool, speed: int, looping: bool, view: str, zoomed: bool) -> None:
        """The buttons under the film."""
        self.place.setText(place)
        self.buttons["play"].setText("❚❚" if playing else "▶")
        self.buttons["speed"].setText(f"{SPEEDS[speed]:g}×")
        self.buttons["loop"].setChecked(looping)
        self.buttons["view"].setText(_VIEW_WORDS[view])
        self.buttons["zoom"].setChecked(zoomed)


_TRANSPORT = (
    ("back_ten", "−10", "ten frames back, key Shift+Left", 34),
    ("back", "◀", "one frame back, key Left", 30),
    ("play", "▶", "play or stop, key Space", 34),
    ("forward", "▶|", "one frame on, key Right", 34),
    ("forward_ten", "+10", "ten frames on, key Shift+Right", 34),
    ("speed", "0.25×", "speed, key S", 48),
    ("loop", "loop", "loop over the event, key L", 42),
    ("view", "film", "what is shown, key V", 92),
    ("zoom", "face", "the face alone, key Z", 42),
)
_MARKS = (
    ("set_onset", "Onset  O", "set the onset at this frame, key O"),
    ("set_apex", "Apex  A", "set the apex at this frame, key A"),
    ("set_offset", "Offset  F", "set the offset at this frame, key F"),
)


def lay_out(window: QMainWindow, theme: Theme, target: Target, *, blind: bool) -> Widgets:
    """Build the window's parts and put them in their places."""
    buttons: dict[str, QAbstractButton] = {}
    page = QWidget()
    page.setObjectName("page")
    rows = QVBoxLayout(page)
    rows.setContentsMargins(10, 8, 10, 10)
    rows.setSpacing(8)
    classes = target.known.classes or tuple(dict.fromkeys(t.label for t in target.known.trials if t.label))
    trial_classes = () if blind else classes
    w = Widgets(
        theme=theme,
        blind=blind,
        events=EventList(theme, blind=blind),
        canvas=FilmCanvas(theme),
        large=Tiles(theme, large=True),
        stack=QStackedWidget(),
        form=CodingForm(trial_classes or DEFAULT_CLASSES, blind=blind),
        overview=Overview(theme),
        detail=Detail(theme),
        time_panel=Panel("Time", theme),
        tiles=Tiles(theme),
        buttons=buttons,
        place=QLabel(),
        progress=QProgressBar(),
        counts=QLabel(),
        saved=QLabel(),
        message=NoteLabel(theme),
        list_panel=Panel("Events", theme),
        film_panel=Panel("Film", theme),
        form_panel=Panel("Coding", theme),
        pair_panel=Panel("Onset → apex", theme),
    )
    rows.addLayout(_header(w, target))
    middle = QHBoxLayout()
    middle.setSpacing(8)
    middle.addWidget(_list(w))
    middle.addWidget(_film(w), 1)
    middle.addWidget(_form(w))
    rows.addLayout(middle, 5)
    foot = QHBoxLayout()
    foot.setSpacing(8)
    foot.addWidget(_time(w), 1)
    foot.addWidget(_pair(w))
    rows.addLayout(foot, 1)
    window.setCentralWidget(page)
    window.setMinimumSize(1100, 640)
    return w


def _button(w: Widgets, name: str, text: str, told: str, width: int = 0) -> QPushButton:
    button = QPushButton(text)
    button.setAccessibleName(told)
    button.setToolTip(told)
    if width:
        button.setObjectName("tight")
        button.setFixedWidth(width)
    w.buttons[name] = button
    return button


def _header(w: Widgets, target: Target) -> QHBoxLayout:
    box = QHBoxLayout()
    box.setSpacing(10)
    brand = QLabel("Review")
    brand.setObjectName("brand")
    box.addWidget(brand)
    box.addWidget(QLabel(target.name))
    for shown, text, kind in ((target.known.simulated, "SIMULATED PARTICIPANT", "truth"), (w.blind, "BLIND", "model")):
        if shown:
            badge = QLabel(text)
            badge.setObjectName("badge")
            badge.setProperty("kind", kind)
            box.addWidget(badge)
    w.message.setAccessibleName("message")
    w.message.setMinimumWidth(80)
    box.addWidget(w.message, 1)
    box.addWidget(w.saved)
    box.addWidget(_button(w, "save", "Save", "save, key Ctrl+S"))
    box.addWidget(_button(w, "undo", "Undo", "take the last change back, key U"))
    box.addWidget(_button(w, "help", "? Keys", "what every key does, key ?"))
    return box


def _list(w: Widgets) -> Panel:
    panel = w.list_panel
    panel.setFixedWidth(290 if not w.blind else 246)
    panel.add(w.events)
    foot = QHBoxLayout()
    foot.addWidget(w.counts, 1)
    foot.addWidget(_button(w, "add", "New  N", "new event at this frame, key N"))
    holder = QWidget()
    holder.setLayout(foot)
    foot.setContentsMargins(0, 0, 0, 0)
    w.progress.setTextVisible(False)
    w.progress.setFixedHeight(5)
    w.progress.setAccessibleName("events reviewed")
    w.progress.setStyleSheet(
        f"QProgressBar {{ background: {w.theme.grid}; border: none; border-radius: 2px; }}"
        f"QProgressBar::chunk {{ background: {w.theme.good}; border-radius: 2px; }}"
    )
    panel.add(w.progress, 0)
    panel.add(holder, 0)
    return panel


def _film(w: Widgets) -> Panel:
    panel = w.film_panel
    w.stack.addWidget(w.canvas)
    w.stack.addWidget(w.large)
    panel.add(w.stack)
    line = QHBoxLayout()
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(4)
    for name, text, told, width in _TRANSPORT:
        line.addWidget(_button(w, name, text, told, width))
    for name in ("loop", "zoom"):
        w.buttons[name].setCheckable(True)
    line.addStretch(1)
    for name, text, told in _MARKS:
        line.addWidget(_button(w, name, text, told))
    holder = QWidget()
    holder.setLayout(line)
    w.place.setObjectName("place")
    w.place.setAccessibleName("place in the film")
    w.place.setAlignment(Qt.AlignmentFlag.AlignCenter)
    panel.add(w.place, 0)
    panel.add(holder, 0)
    return panel


def _form(w: Widgets) -> Panel:
    w.form_panel.setFixedWidth(272)
    w.form_panel.add(w.form)
    return w.form_panel


def _time(w: Widgets) -> Panel:
    w.time_panel.add(w.detail, 1)
    w.time_panel.add(w.overview, 0)
    return w.time_panel


def _pair(w: Widgets) -> Panel:
    w.pair_panel.add(w.tiles)
    w.pair_panel.setFixedWidth(500)
    return w.pair_panel
