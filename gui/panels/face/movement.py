"""Facial movements as pictures: a strip of cards, and one of them again in slow motion."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QImage, QKeyEvent
from PyQt5.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton

from gui.panels.base import NoteLabel, Panel, age_text
from gui.panels.choices import choice_style
from gui.panels.face.event_strip import MOST_PICTURES, Entry, EventStrip, Filter, StripModel, named_pictures, overlap
from gui.panels.face.flow_arrows import flow_picture
from gui.panels.face.kept_frames import KEEP_S, KeptFrames
from gui.panels.face.slow_motion import CONTEXT_S, SlowMotion
from gui.panels.face.video import roomy
from gui.streams.messages import MovementEvent, MovementPictures
from gui.theme import Theme

FILTERS: tuple[Filter, ...] = ("all", "micro", "macro")
TRUTH_WAIT_S = 5.0
"""The spotter needs a while: after this long, what it has not found counts as not found."""

MOST_FRAMES = 600
"""That all movements on the strip hold together: 38 MiB, about fifteen micro-movements."""

_WAITING = 64
_COLUMNS = ("what", "kind", "onset_s", "apex_s", "offset_s", "score_x_noise", "regions", "time", "simulated_truth")


class MovementPanel(Panel):
    """The movements found, newest first: candidates with a score, not verdicts.

    Parameters
    ----------
    theme : Theme
    frames : KeptFrames, optional
        Of the video panel; without them only onset and apex can be shown again.
    wall : callable, optional
        Seconds since the epoch, for the time of day on the cards.
    """

    def __init__(self, theme: Theme, frames: KeptFrames | None = None, wall: Callable[[], float] = time.time) -> None:
        super().__init__("Movements", theme)
        self.setAccessibleName("facial movements")
        self._frames = frames
        self.strip_model = StripModel(wall)
        self.strip = EventStrip(theme, self.strip_model)
        self.strip.opened.connect(self.open_entry)
        self._box.addLayout(self._head())
        self.add(self.strip)
        self.slow_motion: SlowMotion | None = None
        self._opened: Entry | None = None
        self._events: deque[MovementEvent] = deque(maxlen=_WAITING)
        self._pictures: deque[MovementPictures] = deque(maxlen=_WAITING)
        self._truth: deque[MovementEvent] = deque(maxlen=_WAITING)
        self._simulated = False

    def _head(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        self.filters = QButtonGroup(self)
        for name in FILTERS:
            button = QPushButton(name)
            button.setCheckable(True)
            button.setChecked(name == "all")
            button.setStyleSheet(choice_style(self.theme))
            roomy(button)
            button.setAccessibleName(f"show {name} movements")
            button.setToolTip(f"show {name} movements  (M changes it)")
            self.filters.addButton(button, FILTERS.index(name))
            row.addWidget(button)
        self.filters.idClicked.connect(lambda number: self.set_filter(FILTERS[number]))
        hint = NoteLabel(self.theme)
        hint.show_text("candidates, not verdicts · Enter: slow motion", "")
        row.addSpacing(6)
        row.addWidget(hint, 1)
        return row

    @property
    def newest_pictures(self) -> list[tuple[str, QImage]]:
        """Onset, apex and flow of the newest movement that has pictures, whole."""
        pictures = next((entry.pictures for entry in self.strip_model.entries if entry.pictures is not None), None)
        return named_pictures(pictures) if pictures is not None else []

    def adopt(self, before: MovementPanel) -> None:
        """Take over the strip of another panel with its pictures, frames and filter."""
        self.strip_model.adopt(before.strip_model.entries)
        self.set_filter(before.strip_model.filter)
        for mine, other in ((self._events, before._events), (self._truth, before._truth)):
            mine.extend(other)
        self._pictures.extend(before._pictures)
        self._simulated = before._simulated
        if before.slow_motion is not None and before.slow_motion.isVisible() and before._opened is not None:
            self.open_entry(before._opened)

    def take(self, event: MovementEvent) -> None:
        """Remember a movement, found or known to the simulator; one that is told again is known already."""
        (self._truth if event.true else self._events).append(event)

    def take_pictures(self, pictures: MovementPictures) -> None:
        """Remember a movement's pictures; they find their movement by their stamp."""
        self._pictures.append(pictures)

    def set_simulated(self, simulated: bool) -> None:
        """Say whether a simulator tells its movements: then a candidate that meets none of them is marked."""
        self._simulated = simulated

    def set_filter(self, chosen: Filter) -> None:
        """Show all movements or those of one kind."""
        button = self.filters.button(FILTERS.index(chosen))
        assert button is not None
        button.setChecked(True)
        self.strip_model.set_filter(chosen)

    def next_filter(self) -> None:
        """All, micro, macro, all again."""
        self.set_filter(FILTERS[(FILTERS.index(self.strip_model.filter) + 1) % len(FILTERS)])

    def refresh(self, now_s: float) -> None:
        """Put what arrived on the strip."""
        while self._events:
            event = self._events.popleft()
            if not self.strip_model.knows(event):
                self._meet_truth(self.strip_model.add(event, now_s))
        for pictures in list(self._pictures):
            owner = self.strip_model.entry_of(pictures)
            if owner is not None:
                owner.take_pictures(pictures)
                self.strip_model.changed(owner)
            if owner is not None or now_s - pictures.stamp > TRUTH_WAIT_S:
                self._pictures.remove(pictures)
        self._settle_truth(now_s)
        self._hold_frames(now_s)
        self._tell(now_s)

    def _tell(self, now_s: float) -> None:
        newest = next((entry.event for entry in self.strip_model.entries if not entry.event.true), None)
        self.set_note("nothing found yet" if newest is None else f"apex {age_text(now_s - newest.apex_s)} ago")

    def _hold_frames(self, now_s: float) -> None:
        """Let the newest movements hold the frames of their time, which else are gone in half a minute."""
        if self._frames is None:
            return
        room = MOST_FRAMES
        for entry in self.strip_model.entries[:MOST_PICTURES]:
            start, end = _span(entry)
            if room > 0 and not entry.frames and end <= now_s <= end + KEEP_S:
                entry.frames = self._frames.between(start, end)
            room -= len(entry.frames)
            if room < 0:
                entry.frames = ()

    def _meet_truth(self, entry: Entry) -> None:
        """Let a new candidate have the simulated movement that it overlaps."""
        truth = next((true for true in self._truth if overlap(true, entry.event)), None)
        if truth is not None:
            self._truth.remove(truth)
            entry.truth = truth

    def _settle_truth(self, now_s: float) -> None:
        """Match simulated movements that came late; show those that nobody found; mark candidates that met none."""
        for true in [true for true in self._truth if self.strip_model.knows(true)]:
            self._truth.remove(true)
        for true in list(self._truth):
            entry = next(
                (
                    e
                    for e in self.strip_model.entries
                    if not e.event.true and e.truth is None and overlap(true, e.event)
                ),
                None,
            )
            if entry is not None:
                entry.truth, entry.judged = true, False
                self.strip_model.changed(entry)
            elif now_s - true.offset_s > TRUTH_WAIT_S:
                self.strip_model.add(true, now_s)
            else:
                continue
            self._truth.remove(true)
        if not self._simulated:
            return
        for entry in self.strip_model.entries[:_WAITING]:
            known = entry.event.true or entry.truth is not None or entry.judged
            if not known and now_s - entry.event.offset_s > TRUTH_WAIT_S:
                entry.judged = True
                self.strip_model.changed(entry)

    def open_entry(self, entry: Entry) -> None:
        """Show a movement again, large and slow, in a window beside the dashboard."""
        self._opened = entry
        if self.slow_motion is None:
            self.slow_motion = SlowMotion(self.theme, self)
        frames = entry.frames
        if not frames and self._frames is not None:
            # too fresh to hold its own: those until now
            frames = self._frames.between(*_span(entry))
        self.slow_motion.show_entry(entry, frames)
        self.slow_motion.show()
        self.slow_motion.raise_()
        self.slow_motion.activateWindow()

    def close_slow_motion(self) -> None:
        """Close that window, as when the dashboard closes."""
        if self.slow_motion is not None:
            self.slow_motion.close()

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Take the key of the filter."""
        if a0 is not None and a0.modifiers() == Qt.KeyboardModifier.NoModifier and a0.key() == Qt.Key.Key_M:
            self.next_filter()
            return
        super().keyPressEvent(a0)

    def export_rows(self) -> list[list[str]]:
        """All movements on the strip, oldest first, below a row of column names; times in LSL seconds."""
        rows: list[list[str]] = [list(_COLUMNS)]
        for entry in reversed(self.strip_model.entries):
            event = entry.event
            truth = entry.truth_text if not event.true else "this is the simulated truth; not found"
            rows.append(
                [
                    "simulated truth" if event.true else "candidate",
                    event.kind,
                    *(f"{seconds:.4f}" for seconds in (event.onset_s, event.apex_s, event.offset_s)),
                    f"{event.score:.3f}" if math.isfinite(event.score) else "",
                    " ".join(event.regions),
                    entry.at,
                    truth,
                ]
            )
        return rows


def _span(entry: Entry) -> tuple[float, float]:
    return entry.event.onset_s - CONTEXT_S, entry.event.offset_s + CONTEXT_S


__all__ = ["MovementPanel", "flow_picture"]
