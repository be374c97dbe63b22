"""The coder's work on one recording: candidates and annotations in one list, edits that can be taken back, saving.

No window and no thread: the review window and the command line drive the same `Review`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from realtime.errors import DataError
from realtime.review.annotations import Annotation, Kind, read_annotations, save_annotations
from realtime.review.candidates import Candidate
from realtime.review.journal import Journal, digest_of

_MOST_UNDO = 10_000
_SAME_S = 1e-3


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one event; None where it was not there before, or is not after."""

    number: int
    before: Annotation | None
    after: Annotation | None
    action: str


class Review:
    """Events of a recording and what a coder makes of them. One thread.

    Candidates that no row of the table knows yet are added as such. Each edit is in the journal before the call
    returns; `save` writes the table.

    Parameters
    ----------
    table : Path
        '<stem>_annotations.tsv'.
    candidates : sequence of Candidate
    coder : str
        Pseudonym that accepted and rejected rows are signed with.

    Raises
    ------
    DataError
        A table or journal that cannot be read.
    """

    def __init__(self, table: Path, candidates: Sequence[Candidate] = (), coder: str = "") -> None:
        self.table, self.coder = table, coder
        self.notices: list[str] = []
        self._journal = Journal.beside(table)
        self._begun = False
        self._undo: list[Edit] = []
        self._redo: list[Edit] = []
        self._digest = digest_of(table)
        self._events = dict(enumerate(self._read(), 1))
        self.unsaved = 0
        self._restore()
        self._next = max(self._events, default=0) + 1
        self.found: dict[int, Candidate] = {}
        for candidate in candidates:
            self._match(candidate)

    def _read(self) -> Sequence[Annotation]:
        csv = self.table.with_suffix(".csv")
        if not self._digest and csv.is_file():
            self.notices.append(f"read '{csv.name}'; saved as '{self.table.name}', which counts from then on")
            return read_annotations(csv)
        return read_annotations(self.table)

    def _restore(self) -> None:
        left = self._journal.unsaved()
        if left is None:
            return
        if left.digest == self._digest:
            self._events, self.unsaved = left.events, left.edits
            self.notices.append(f"{left.edits} changes of {left.since} were not saved: they are here again")
        else:
            self.notices.append(
                f"{left.edits} unsaved changes of {left.since} belong to another state of the table and are left in "
                f"'{self._journal.path.name}'"
            )

    def _match(self, candidate: Candidate) -> None:
        """Tie a candidate to the event that already knows it, or add it."""
        for number, row in self._events.items():
            same = abs(row.found_apex_s - candidate.apex_s) < _SAME_S
            inside = row.kind != "trial" and row.onset_s <= candidate.apex_s <= row.offset_s
            if number not in self.found and (same or inside):
                self.found[number] = candidate
                return
        self.found[self._next] = candidate
        self._events[self._next] = candidate.annotation()
        self._next += 1

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the movements in order of their apex; trials are not among them."""
        moved = [number for number, row in self._events.items() if row.kind != "trial"]
        return tuple(sorted(moved, key=lambda number: (self._events[number].apex_s, number)))

    @property
    def rows(self) -> tuple[Annotation, ...]:
        """Everything the table would hold."""
        return tuple(self._events.values())

    @property
    def trials(self) -> tuple[Annotation, ...]:
        """Annotated trials."""
        return tuple(row for row in self._events.values() if row.kind == "trial")

    def __getitem__(self, number: int) -> Annotation:
        return self._events[number]

    def __contains__(self, number: int) -> bool:
        return number in self._events

    def count(self, *statuses: str) -> int:
        """How many movements have one of these states."""
        return sum(self._events[number].status in statuses for number in self.numbers)

    def next_candidate(self, after: int) -> int | None:
        """The next unreviewed movement after one, from the start again where none follows; None where none is left."""
        numbers = self.numbers
        place = numbers.index(after) if after in numbers else -1
        for number in (*numbers[place + 1 :], *numbers[: max(place, 0)]):
            if self._events[number].status == "candidate":
                return number
        return None

    def edit(self, number: int, action: str, **changes: Any) -> Annotation:
        """Change fields of an event.

        Raises
        ------
        DataError
            What came out could not be (nothing is changed then), or the journal cannot be written.
        """
        before = self._events[number]
        after = replace(before, **changes)
        if after != before:
            self._do(Edit(number, before, after, action))
        return after

    def accept(self, number: int) -> None:
        """It is a movement: it counts from now on, signed by the coder."""
        self.edit(number, "accept", status="accepted", coder=self.coder)

    def reject(self, number: int) -> None:
        """It is none; the row stays in the table and does not count."""
        self.edit(number, "reject", status="rejected", coder=self.coder)

    def add(self, onset_s: float, apex_s: float, offset_s: float, kind: Kind = "micro") -> int:
        """Add a movement the spotter did not find, unreviewed.

        Returns
        -------
        int
            Its number.
        """
        number = self._next
        row = Annotation(onset_s, apex_s, offset_s, kind=kind, status="candidate", coder=self.coder)
        self._do(Edit(number, None, row, "add"))
        self._next += 1
        return number

    def _do(self, edit: Edit) -> None:
        self._write(edit)
        self._undo.append(edit)
        del self._undo[:-_MOST_UNDO]
        self._redo.clear()

    def _write(self, edit: Edit) -> None:
        """Journal first: what cannot be noted down does not happen."""
        if not self._begun:
            self._journal.begin(self._events, self._digest, self.coder, self.unsaved)
            self._begun = True
        self._journal.edit(edit.number, edit.after, edit.action)
        if edit.after is None:
            self._events.pop(edit.number)
        else:
            self._events[edit.number] = edit.after
        self.unsaved += 1

    def undo(self) -> Edit | None:
        """Take the last edit back; None where there is none."""
        return self._turn(self._undo, self._redo, "undo")

    def redo(self) -> Edit | None:
        """Do the edit again that was taken back last; None where there is none."""
        return self._turn(self._redo, self._undo, "redo")

    def _turn(self, taken: list[Edit], given: list[Edit], word: str) -> Edit | None:
        if not taken:
            return None
        edit = taken[-1]
        back = Edit(edit.number, edit.after, edit.before, f"{word} {edit.action}")
        self._write(back)
        taken.pop()
        given.append(replace(back, action=edit.action))
        return back

    def save(self) -> Path | None:
        """Write the table; the one that was there is kept under a number.

        Returns
        -------
        Path or None
            Where the old one is kept; None where there was none.

        Raises
        ------
        DataError
            It cannot be written; everything is in the journal still.
        """
        if (now := digest_of(self.table)) != self._digest:
            self.notices.append(f"'{self.table.name}' was changed by another program meanwhile: that state is kept too")
        kept = save_annotations(self.table, self.rows)
        if (digest := digest_of(self.table)) != now or self.unsaved:
            self._journal.saved(digest)
        self._digest, self.unsaved = digest, 0
        return kept

    def close(self) -> None:
        """Let the table go, for another window; what is not saved is in the journal."""
        self._journal.close()

    def trial_label(self, time_s: float, trials: Sequence[Annotation] = ()) -> str:
        """Emotion of the trial that holds a moment, annotated trials before those of markers; '' where none does."""
        held = self.trials or trials
        return next((trial.label for trial in held if trial.onset_s <= time_s <= trial.offset_s), "")


def marks_text(row: Annotation) -> str:
    """Times of a movement in words."""
    length_ms = 1000 * (row.offset_s - row.onset_s)
    return f"{row.apex_s:.3f} s, {length_ms:.0f} ms" if math.isfinite(row.apex_s) else f"{row.onset_s:.3f} s"


def require_number(review: Review, place: int) -> int:
    """Number of the `place`-th movement in order of time, counted from 1.

    Raises
    ------
    DataError
        There are fewer.
    """
    numbers = review.numbers
    if not 1 <= place <= len(numbers):
        raise DataError(f"no movement {place}: there are {len(numbers)}; 'emostream annotate --headless' lists them")
    return numbers[place - 1]
