"""Movements in the columns of the published coding spreadsheet of MEs-EEG, as CSV and as XLSX."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from realtime.analysis.timeline import Timeline
from realtime.errors import DataError
from realtime.packets import MicroMovement
from realtime.review.annotations import Annotation

COLUMNS: tuple[str, ...] = (
    "Subject",
    "Filename",
    "Marker",
    "OnsetTime",
    "ApexTime",
    "OffsetTime",
    "OnsetFrame",
    "ApexFrame",
    "OffsetFrame",
    "Action Units",
    "Estimated Emotion",
    "Macro/Micro",
    "Date",
    "dif",
)

# the published list of clips: which emotion the clips of the markers from 101 on are meant to raise
_EMOTIONS = ("sad", "disgust", "happy", "fear", "tense", "calm", "angry", "surprise")
_CLIPS = "123456781232456781234536781234567481234567856781"
_FIRST_MARKER = 101
_FORMULA = re.compile(r"^[=+\-@\t\r]")


@dataclass(frozen=True, slots=True)
class Coded:
    """A movement, found or reviewed; s of the analysis."""

    onset_s: float
    apex_s: float
    offset_s: float
    kind: str
    label: str = ""
    action_units: str = ""

    @classmethod
    def found(cls, movement: MicroMovement) -> Coded:
        """A candidate of the spotter."""
        return cls(movement.onset_s, movement.apex_s, movement.offset_s, movement.kind)

    @classmethod
    def reviewed(cls, annotations: Iterable[Annotation]) -> list[Coded]:
        """What a coder let count."""
        return [
            cls(a.onset_s, a.apex_s, a.offset_s, a.kind, a.label, a.action_units)
            for a in annotations
            if a.counts and a.kind != "trial"
        ]


def coding_rows(
    movements: Sequence[Coded], timeline: Timeline, *, subject: str, film: str, started: datetime | None
) -> list[dict[str, Any]]:
    """Rows of the sheet, in order of time.

    Times are seconds into the trial the movement's apex lies in, whose marker is that of a published clip of its
    emotion, the k-th for the k-th such trial; outside trials they are seconds into the recording and there is no
    marker. Frames are stamped HH-MM-SS-mmm, UTC, or since the recording's beginning where nobody said when that was;
    `dif` is the movement's length in ms.

    Parameters
    ----------
    movements : sequence of Coded
    timeline : Timeline
    subject, film : str
    started : datetime or None
        Of the recording.
    """
    markers = _markers(timeline)
    rows = []
    for movement in sorted(movements, key=lambda m: m.onset_s):
        trial = timeline.trial_at(movement.apex_s)
        zero_s = trial.start_s if trial is not None and trial.start_s <= movement.onset_s else 0.0
        inside = trial if zero_s else None
        times = (movement.onset_s, movement.apex_s, movement.offset_s)
        rows.append(
            dict(
                zip(
                    COLUMNS,
                    (
                        subject,
                        film,
                        markers.get(inside.start_s, "") if inside else "",
                        *(round(time_s - zero_s, 3) for time_s in times),
                        *(_stamp(time_s, started) for time_s in times),
                        movement.action_units,
                        movement.label or (trial.label if trial else ""),
                        movement.kind,
                        f"{started:%Y%m%d}" if started else "",
                        round(1e3 * (movement.offset_s - movement.onset_s)),
                    ),
                    strict=True,
                )
            )
        )
    return rows


def _markers(timeline: Timeline) -> dict[float, int]:
    """Marker of each trial, by its start."""
    found: dict[float, int] = {}
    seen: dict[str, int] = {}
    for span in timeline.spans:
        if span.kind != "trial" or span.label not in _EMOTIONS:
            continue
        clips = [i for i, clip in enumerate(_CLIPS) if _EMOTIONS[int(clip) - 1] == span.label]
        place = seen.get(span.label, 0)
        seen[span.label] = place + 1
        if place < len(clips):
            found[span.start_s] = _FIRST_MARKER + clips[place]
    return found


def _stamp(time_s: float, started: datetime | None) -> str:
    moment = (started or datetime(2000, 1, 1, tzinfo=UTC)) + timedelta(seconds=round(time_s, 3))
    return f"{moment:%H-%M-%S}-{moment.microsecond // 1000:03d}"


def write_coding_sheet(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write coding_sheet.csv and coding_sheet.xlsx.

    Raises
    ------
    DataError
        The disk refuses it.
    """
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "coding"
    sheet.append(list(COLUMNS))
    for row in rows:
        sheet.append([_harmless(row[column]) for column in COLUMNS])
    try:
        with (folder / "coding_sheet.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows({column: _harmless(row[column]) for column in COLUMNS} for row in rows)
        book.save(folder / "coding_sheet.xlsx")
    except OSError as err:
        raise DataError(f"cannot write the coding sheet: {err.strerror or err}; choose another --out") from err


def _harmless(cell: object) -> object:
    """A spreadsheet takes text that begins like a formula for one."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell
