"""What a key or a button does: events, marks, decisions and the place in the film, without any widget."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from PyQt5.QtCore import QObject, pyqtSignal

from gui.annotate.film import nearest
from gui.annotate.measure import Pair
from gui.annotate.player import SPEEDS, Player
from realtime.errors import DataError
from realtime.packets import Float64
from realtime.review.annotations import Annotation, Status
from realtime.review.candidates import Candidate
from realtime.review.review import Edit, Review

_AROUND_S = 0.3
"""What is shown and looped over before and after an event."""

_NEW_S = 0.2
"""Onset to apex, and apex to offset, of a new event."""


class Controller(QObject):
    """One coder at one recording. GUI thread.

    Parameters
    ----------
    review : Review
    player : Player
    times_s : (n,) float64
        Of the film's frames, s of the recording.
    trials : sequence of Annotation
        Those of markers.
    """

    changed = pyqtSignal()
    """Events, their order or the chosen one are others now."""

    said = pyqtSignal(str, str)
    """A line for the coder, and its level: '', 'warn' or 'bad'."""

    def __init__(self, review: Review, player: Player, times_s: Float64, trials: Sequence[Annotation] = ()) -> None:
        super().__init__()
        self.review, self.player, self.times_s, self.trials = review, player, times_s, trials
        self.number: int | None = None
        self.looping = True

    @property
    def row(self) -> Annotation | None:
        """The chosen event."""
        return self.review[self.number] if self.number is not None and self.number in self.review else None

    @property
    def candidate(self) -> Candidate | None:
        """What the spotter said of it."""
        return self.review.found.get(self.number) if self.number is not None else None

    def frame_of(self, time_s: float) -> int:
        """Number of the frame nearest to a moment."""
        return nearest(self.times_s, time_s)

    @property
    def marks(self) -> tuple[int, int, int] | None:
        """Frames of onset, apex and offset of the chosen event."""
        row = self.row
        return None if row is None else tuple(self.frame_of(t) for t in (row.onset_s, row.apex_s, row.offset_s))  # type: ignore[return-value]

    @property
    def around_s(self) -> tuple[float, float]:
        """The stretch around the chosen event, or around this frame."""
        row = self.row
        start, end = (row.onset_s, row.offset_s) if row is not None else (self.player.time_s, self.player.time_s)
        return start - _AROUND_S, end + _AROUND_S

    @property
    def pair(self) -> Pair | None:
        """What to measure of the chosen event; None where onset and apex are one frame."""
        marks = self.marks
        if marks is None or self.number is None or marks[0] == marks[1]:
            return None
        first, last = (self.frame_of(time_s) for time_s in self.around_s)
        return Pair(self.number, marks[0], marks[1], first, last)

    def choose(self, number: int | None, *, go: bool = True) -> None:
        """Turn to an event and its apex."""
        self.number = number
        row = self.row
        self._set_loop()
        if row is not None and go:
            self.player.go_time(row.apex_s)
        self.changed.emit()

    def _set_loop(self) -> None:
        if not self.looping or self.row is None:
            self.player.loop = None
            return
        first, last = (self.frame_of(time_s) for time_s in self.around_s)
        self.player.loop = (first, last) if first < last else None

    def _step_event(self, step: int) -> None:
        numbers = self.review.numbers
        if not numbers:
            self.said.emit("no events: N adds one at this frame", "")
            return
        if self.number in numbers:
            place = numbers.index(self.number) + step
            if not 0 <= place < len(numbers):
                self.said.emit("this is the last event" if step > 0 else "this is the first event", "")
                return
        else:
            place = 0 if step > 0 else len(numbers) - 1
        self.choose(numbers[place])

    def previous(self) -> None:
        """Turn to the event before."""
        self._step_event(-1)

    def next(self) -> None:
        """Turn to the event after."""
        self._step_event(1)

    def go_onset(self) -> None:
        """Show the onset."""
        if self.row is not None:
            self.player.go_time(self.row.onset_s)

    def go_offset(self) -> None:
        """Show the offset."""
        if self.row is not None:
            self.player.go_time(self.row.offset_s)

    def blink(self) -> None:
        """Show the onset where the apex is shown, else the apex."""
        if self.marks is not None:
            self.player.go(self.marks[0] if self.player.index == self.marks[1] else self.marks[1])

    def set_mark(self, field: str) -> None:
        """Put 'onset_s', 'apex_s' or 'offset_s' at this frame."""
        if self.row is None or self.number is None:
            self.said.emit("no event chosen: N adds one at this frame", "warn")
            return
        name, time_s = field.removesuffix("_s"), self.player.time_s
        wanted = {**{one: getattr(self.row, one) for one in ("onset_s", "apex_s", "offset_s")}, field: time_s}
        if not wanted["onset_s"] < wanted["apex_s"] < wanted["offset_s"]:
            marks = self.marks or (0, 0, 0)
            places = f"onset {marks[0]}, apex {marks[1]}, offset {marks[2]}"
            order = "onset, apex, offset follow one another"
            self.said.emit(f"no {name} at frame {self.player.index}: {order} ({places}); set the others first", "warn")
            return
        if self.change(f"set {name}", **{field: time_s}):
            self.said.emit(f"{name} at frame {self.player.index}, {time_s:.3f} s", "")

    def change(self, action: str, **changes: object) -> bool:
        """Change fields of the chosen event; says why where that cannot be.

        Returns
        -------
        bool
            Whether it could.
        """
        if self.number is None:
            return False
        try:
            self.review.edit(self.number, action, **changes)
        except DataError as err:
            self.said.emit(str(err), "bad")
            return False
        self._set_loop()
        self.changed.emit()
        return True

    def decide(self, status: Status) -> None:
        """Accept or reject, and go on to the next event to review."""
        if self.row is None or self.number is None:
            self.said.emit("no event chosen: [ and ] choose one, N adds one", "warn")
            return
        done = self.number
        word = "accept" if status == "accepted" else "reject"
        if not self.change(word, status=status, coder=self.review.coder):
            return
        following = self.review.next_candidate(done)
        place = self.review.numbers.index(done) + 1
        if following is None:
            self.said.emit(f"event {place} {status}; none is left to review. U takes it back", "")
        else:
            self.said.emit(f"event {place} {status}; U takes it back", "")
            self.choose(following)

    def kind(self) -> None:
        """Micro to macro and back."""
        if self.row is not None:
            self.change("kind", kind="macro" if self.row.kind == "micro" else "micro")

    def add(self) -> None:
        """A new event with its apex at this frame."""
        apex = self.player.index
        onset = min(self.frame_of(self.times_s[apex] - _NEW_S), apex - 1)
        offset = max(self.frame_of(self.times_s[apex] + _NEW_S), apex + 1)
        if onset < 0 or offset >= len(self.times_s) or self.times_s[onset] < 0:
            self.said.emit("no room for an event here: frames before and after its apex are wanted", "warn")
            return
        try:
            number = self.review.add(*(float(self.times_s[place]) for place in (onset, apex, offset)), kind="micro")
        except DataError as err:
            self.said.emit(str(err), "bad")
            return
        self.choose(number)
        self.said.emit("new event: set O, A and F, then Enter", "")

    def undo(self) -> None:
        """Take the last change back and show its event."""
        self._turn(self.review.undo, "nothing to take back")

    def redo(self) -> None:
        """Do again what was taken back."""
        self._turn(self.review.redo, "nothing to do again")

    def _turn(self, turn: Callable[[], Edit | None], nothing: str) -> None:
        try:
            edit = turn()
        except DataError as err:
            self.said.emit(str(err), "bad")
            return
        if edit is None:
            self.said.emit(nothing, "")
            return
        numbers = self.review.numbers
        self.choose(edit.number if edit.number in self.review else (numbers[0] if numbers else None))
        self.said.emit(edit.action, "")

    def save(self) -> bool:
        """Write the table.

        Returns
        -------
        bool
            Whether it could.
        """
        try:
            kept = self.review.save()
        except DataError as err:
            self.said.emit(str(err), "bad")
            return False
        told = f"saved {len(self.review.rows)} rows in '{self.review.table.name}'"
        self.said.emit(told + (f", the former is kept as '{kept.name}'" if kept else ""), "")
        self.changed.emit()
        return True

    def speed(self) -> None:
        """The next speed."""
        place = SPEEDS.index(self.player.speed) if self.player.speed in SPEEDS else 0
        self.player.set_speed(SPEEDS[(place + 1) % len(SPEEDS)])
        self.changed.emit()

    def loop(self) -> None:
        """Loop over the event, or not."""
        self.looping = not self.looping
        self._set_loop()
        self.changed.emit()

    def play(self) -> None:
        """Play or stop."""
        if self.player.playing:
            self.player.stop()
        else:
            self._set_loop()
            self.player.play()

    def place_text(self) -> str:
        """Where in the film, and how far from the apex, in words."""
        index, time_s = self.player.index, self.player.time_s
        text = f"frame {index} of {len(self.times_s)}   {time_s:.3f} s"
        row = self.row
        if row is not None and math.isfinite(row.apex_s) and abs(time_s - row.apex_s) < 10:
            text += f"   apex {round(1000 * (time_s - row.apex_s)):+d} ms"
        return text

    def mark_here(self) -> str:
        """Which mark of the event lies on this frame; '' for none."""
        marks = self.marks
        if marks is None or self.player.index not in marks:
            return ""
        return ("onset", "apex", "offset")[marks.index(self.player.index)]

    def frames_around(self) -> Float64:
        """Times of the frames of the stretch around the event."""
        start, end = np.searchsorted(self.times_s, self.around_s)
        return self.times_s[start:end]
