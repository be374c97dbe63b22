"""What a coder decided about the movements found: accepted, rejected, or added where the spotter saw nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime.errors import ConfigurationError
from realtime.face.metrics import match_intervals
from realtime.report.folder import FoundMovement
from realtime.review.annotations import Annotation, read_annotations

_SAME_APEX_S = 0.05  # a coder counts from the first EEG sample with the jitter of its stamp taken off


@dataclass(frozen=True, slots=True)
class Review:
    """A coder's rows beside the movements of the analysis.

    Parameters
    ----------
    decided : mapping of movement number -> Annotation
        Only what was accepted or rejected.
    added : sequence of Annotation
        Accepted movements that the analysis does not have.
    name : str
        File name of the table.
    """

    decided: Mapping[int, Annotation]
    added: Sequence[Annotation]
    name: str

    @property
    def accepted(self) -> int:
        """How many of the movements found were accepted."""
        return sum(row.counts for row in self.decided.values())

    @property
    def rejected(self) -> int:
        """How many of the movements found were rejected."""
        return len(self.decided) - self.accepted


@dataclass(frozen=True, slots=True)
class CodedRows:
    """Reviewed rows of a table, and the table's name."""

    rows: tuple[Annotation, ...]
    name: str


def read_review(path: Path) -> CodedRows:
    """The movements of a coder's table that were decided on.

    Raises
    ------
    ConfigurationError
        There is no such file.
    DataError
        It is no table of annotations.
    """
    if not path.is_file():
        raise ConfigurationError(f"no annotations '{path}': give the table that 'emostream annotate' saved")
    rows = tuple(row for row in read_annotations(path) if row.kind != "trial" and row.status != "candidate")
    return CodedRows(rows, path.name)


def match_review(movements: Sequence[FoundMovement], coded: CodedRows) -> Review:
    """Find each reviewed row among the movements.

    A row that says where the spotter had the apex is that movement's; any other is that of the movement it overlaps by
    half or more (intersection over union).
    """
    decided: dict[int, Annotation] = {}
    rest: list[Annotation] = []
    for row in coded.rows:
        near = [m for m in movements if abs(m.apex_s - row.found_apex_s) < _SAME_APEX_S and m.number not in decided]
        if near:
            decided[min(near, key=lambda m: abs(m.apex_s - row.found_apex_s)).number] = row
        else:
            rest.append(row)
    open_ = [movement for movement in movements if movement.number not in decided]
    pairs = match_intervals(open_, rest)
    decided |= {open_[found].number: rest[row] for found, row in pairs}
    matched = {row for _, row in pairs}
    added = [row for index, row in enumerate(rest) if index not in matched and row.counts]
    return Review(decided, added, coded.name)
