"""The annotation spreadsheet of MEs-EEG for simulated people, with a small share of all that goes wrong in one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from realtime.analysis.coding_sheet import COLUMNS
from simulators.cohort_files import CodedMovement, SimulatedClip, SimulatedSession

ROW_ODDITIES = ("invalid", "date", "twice", "overlap", "outside", "emotion", "text")
"""Rows that are added: an invalid marker, another date, a movement again, one that overlaps another, an apex after the
clip's end, an emotion that is not the clip's, words in place of a number."""

_MS_ONLY = 269 / 944  # shares of the public spreadsheet
_UNCODED_OFFSET = 433 / 944
_FPS = 150.0
_MORNING = datetime(2020, 1, 1, 9, 30)

Cells = dict[str, Any]
"""Column -> value."""


def coded_rows(
    session: SimulatedSession, day: str, markers: Sequence[int], oddities: Sequence[str] = ()
) -> list[Cells]:
    """The rows of one session: its coded movements, then those that are odd.

    Parameters
    ----------
    session : SimulatedSession
    day : str
        'yyyymmdd'.
    markers : sequence of int
        Of each clip.
    oddities : sequence of str
        Out of `ROW_ODDITIES`; others are passed over.
    """
    rng = np.random.default_rng([session.options.seed, session.person.seed, 92])
    rows = [_row(session, movement, day, markers, rng) for movement in session.movements]
    micro = [(row, m) for row, m in zip(rows, session.movements, strict=True) if m.kind == "micro"]
    if not micro:
        return rows
    for place, oddity in enumerate(name for name in ROW_ODDITIES if name in oddities):
        row, movement = micro[place % len(micro)]
        rows.append(_odd(dict(row), oddity, session.clips[movement.trial]))
    return rows


def write_sheet(path: Path, rows: Sequence[Cells]) -> None:
    """Write rows to an .xlsx file under `COLUMNS`."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("coding")
    sheet.append(list(COLUMNS))
    for row in rows:
        sheet.append([row[name] for name in COLUMNS])
    book.save(path)


def clip_times(movement: CodedMovement, clip: SimulatedClip) -> tuple[float, float, float]:
    """Onset, apex and offset into the clip, to a hundredth of a second, as coders write them."""
    onset_s, apex_s, offset_s = (
        round(t - clip.start_s, 2) for t in (movement.onset_s, movement.apex_s, movement.offset_s)
    )
    return onset_s, max(apex_s, round(onset_s + 0.02, 2)), offset_s


def video_stem(session: SimulatedSession, clip: SimulatedClip, marker: int, day: str) -> str:
    """Name of a clip's video, without its ending."""
    return f"{clip.emotion}_{clip.number + 1}_{marker}_{session.name}_{day}"


def _row(
    session: SimulatedSession, movement: CodedMovement, day: str, markers: Sequence[int], rng: np.random.Generator
) -> Cells:
    clip = session.clips[movement.trial]
    marker = markers[movement.trial]
    onset_s, apex_s, offset_s = clip_times(movement, clip)
    ms_only = bool(rng.random() < _MS_ONLY)
    if rng.random() < _UNCODED_OFFSET:
        offset_s = apex_s
    rise_s = apex_s - onset_s
    cells = (
        session.name,
        video_stem(session, clip, marker, day) + ".avi",
        marker,
        onset_s,
        apex_s,
        offset_s,
        *(_stamp(clip.start_s + t, ms_only) for t in (onset_s, apex_s, offset_s)),
        "+".join(f"AU{unit}" for unit in movement.action_units),
        clip.emotion,
        movement.kind.capitalize(),
        int(day),
        round(rise_s * 1000.0) if ms_only else round(rise_s * _FPS),
    )
    return dict(zip(COLUMNS, cells, strict=True))


def _stamp(since_start_s: float, ms_only: bool) -> str:
    time = _MORNING + timedelta(seconds=since_start_s)
    ms, us = divmod(time.microsecond, 1000)
    return f"{time:%H-%M-%S}-{ms:03d}" + ("" if ms_only else f"-{us:03d}")


def _odd(row: Cells, oddity: str, clip: SimulatedClip) -> Cells:
    match oddity:
        case "invalid":
            row["Marker"] = 77
        case "date":
            row["Date"] += 1
        case "overlap":
            for name in ("OnsetTime", "ApexTime"):
                row[name] = round(row[name] + 0.05, 2)
            row["OffsetTime"] = round(row["ApexTime"] + 0.2, 2)
            row |= dict.fromkeys(("OnsetFrame", "ApexFrame", "OffsetFrame", "dif"))
        case "outside":
            for name in ("OnsetTime", "ApexTime", "OffsetTime"):
                row[name] = round(row[name] + clip.end_s - clip.start_s, 2)
        case "emotion":
            row["Estimated Emotion"] = "angry" if clip.emotion != "angry" else "happy"
            for name in ("OnsetTime", "ApexTime", "OffsetTime"):
                row[name] = round(row[name] - 1.0, 2)
        case "text":
            row["ApexTime"] = f"see {row['Subject']}"
    return row
