"""Trials and movements of a recorded session: from markers, from what explains them, and from a coder's annotations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.data.rows import Problem
from models.data.table import Record, read_table
from realtime.eeg.recording import Recording
from realtime.eeg.xdf import text_of
from realtime.errors import DataError
from realtime.session.recorded import stem_of
from realtime.untrusted import parse_json

TRUTH_STREAM = "emostream-truth"
"""Only simulators send it."""

CANDIDATES_STREAM = "emostream-movements"
"""What the engine found: candidates, no coding."""

KINDS: tuple[str, ...] = ("micro", "macro", "trial")

COUNTING: tuple[str, ...] = ("", "accepted")
"""States of an annotation that is learnt from."""

STATUSES: tuple[str, ...] = (*COUNTING, "rejected", "candidate")


class Meaning(BaseModel):
    """What the texts of other programs' markers mean: the file markers.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: dict[str, str] = Field(default_factory=dict, description="text of a trial's first marker -> its emotion")
    end: tuple[str, ...] = Field(default=(), description="texts that end a trial")
    duration_s: float | None = Field(default=None, gt=0, description="length of a trial without such a text")


@dataclass(frozen=True, slots=True)
class Trial:
    """A stimulus, s from the first EEG sample; `number` counts from 1, `label` is '' where no marker says it."""

    number: int
    start_s: float
    end_s: float
    label: str

    def holds(self, time_s: float) -> bool:
        """Whether a moment lies in it."""
        return self.start_s <= time_s <= self.end_s


@dataclass(frozen=True, slots=True)
class Movement:
    """A micro-movement that somebody coded, s from the first EEG sample; `label` is '' where it has its trial's."""

    onset_s: float
    apex_s: float
    offset_s: float
    label: str


@dataclass(slots=True)
class Annotations:
    """What annotations.tsv says; trials and movements in order of time.

    `rejected` and `candidates` are movements that a coder took out, and those nobody has looked at: neither is among
    the movements.
    """

    movements: list[Movement] = field(default_factory=list)
    trials: list[Trial] = field(default_factory=list)
    rejected: int = 0
    candidates: int = 0


@dataclass(slots=True)
class Marks:
    """Trials and movements of a session, in order of time."""

    trials: list[Trial] = field(default_factory=list)
    movements: list[Movement] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    simulated: bool = False


def read_meaning(*folders: Path) -> Meaning:
    """markers.json of the first folder that has one.

    Raises
    ------
    DataError
        It is no JSON, or says something else.
    """
    file = next((folder / "markers.json" for folder in folders if (folder / "markers.json").is_file()), None)
    if file is None:
        return Meaning()
    try:
        return Meaning.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as err:
        wanted = '{"start": {"text": "emotion"}, "end": ["text"], "duration_s": 60.0}'
        first = err.errors()[0]["msg"] if isinstance(err, ValidationError) else str(err)
        raise DataError(f"cannot use markers.json: {first}; wanted {wanted}") from err


def read_annotations(xdf: Path, where: str) -> tuple[Annotations, list[Problem]]:
    """The annotations beside an XDF file; none where there is no such file."""
    stem = stem_of(xdf)
    files = [xdf.with_name(f"{stem}_annotations{suffix}") for suffix in (".tsv", ".csv")]
    file = next((file for file in files if file.is_file()), None)
    found, problems = Annotations(), []
    if file is None:
        return found, problems
    try:
        table = read_table(file)
        if missing := [name for name in ("onset_s", "offset_s") if name not in table.columns]:
            raise DataError(f"no column '{missing[0]}'; found: {', '.join(table.columns)}")
    except DataError as err:
        return found, [
            Problem(where, "annotations", str(err).replace(str(file), "annotations").replace(file.name, "annotations"))
        ]
    problems += [replace(p, where=p.where.replace(file.name, f"{where} annotations")) for p in table.problems]
    others: Counter[str] = Counter()
    for record in table.records:
        try:
            _take(record, found, others)
        except DataError as err:
            problems.append(Problem(f"{where} annotations row {record.number}", "annotations", str(err)))
    if others:
        told = ", ".join(f"{count} '{kind}'" for kind, count in sorted(others.items()))
        problems.append(Problem(where, "annotations", f"{told}: no micro-movements, left out", "kept"))
    for count, what in ((found.rejected, "rejected"), (found.candidates, "found by the spotter and not reviewed")):
        if count:
            problems.append(Problem(where, "annotations", f"{count} {what}: left out", "kept"))
    found.movements.sort(key=lambda movement: movement.onset_s)
    found.trials = _numbered(found.trials)
    return found, problems


def _take(record: Record, found: Annotations, others: Counter[str]) -> None:
    kind = record.cells.get("kind", "micro").lower()
    if kind not in KINDS:
        raise DataError(f"kind '{kind}', wanted {', '.join(KINDS)}")
    status = record.cells.get("status", "").lower()
    if status not in STATUSES:
        raise DataError(f"status '{status}', wanted nothing, {', '.join(STATUSES[1:])}")
    names = ("onset_s", "offset_s") if kind == "trial" else ("onset_s", "apex_s", "offset_s")
    times: list[float] = []
    for name in names:
        text = record.cells.get(name, "")
        try:
            times.append(float(text))
        except ValueError as err:
            raise DataError(f"{name} is '{text}', wanted seconds from the first EEG sample") from err
    if not all(math.isfinite(time) for time in times) or times[0] < 0 or sorted(set(times)) != times:
        raise DataError(f"{', '.join(names)} are {', '.join(f'{time:g}' for time in times)}: wanted increasing times")
    label = record.cells.get("label", "")
    if status == "rejected":
        found.rejected += 1
    elif status == "candidate":
        found.candidates += 1
    elif kind == "trial":
        found.trials.append(Trial(0, times[0], times[1], label))
    elif kind == "micro":
        found.movements.append(Movement(times[0], times[1], times[2], label))
    else:
        others[kind] += 1


def trials_and_movements(
    streams: Sequence[dict[str, Any]], recording: Recording, annotations: Annotations, meaning: Meaning, where: str
) -> Marks:
    """Put together what markers and annotations say.

    Annotated trials count before those of markers. Movements are the annotated ones; where nobody accepted or rejected
    any, those of the truth stream, which only simulators send.

    Parameters
    ----------
    streams : sequence of dict
        Of the XDF file, without smoothing.
    recording : Recording
        The EEG, whose first sample is the time 0 of all trials and movements.
    annotations : Annotations
    meaning : Meaning
    where : str
        The session, for messages.
    """
    marks = Marks()
    texts = sorted(_texts(streams, recording.origin_s), key=lambda text: text[0])
    marks.simulated = any(text_of(stream, "name") == TRUTH_STREAM for stream in streams)
    marks.trials = annotations.trials or _numbered(_trials(texts, recording.duration_s, meaning, where, marks.problems))
    reviewed = bool(annotations.movements or annotations.rejected)
    marks.movements = annotations.movements if reviewed else _true_movements(texts, where, marks.problems)
    candidates = sum(stream == CANDIDATES_STREAM for _, stream, _ in texts)
    if candidates and not marks.movements and not reviewed:
        message = f"{candidates} movements found by the engine are candidates, and no annotations say which are true"
        marks.problems.append(Problem(where, "annotations", message, "kept"))
    if not marks.trials and not marks.movements:
        said = list(dict.fromkeys(text[:40] for _, _, text in texts))[:6]
        shown = ", ".join(f"'{text}'" for text in said) or "none"
        message = f"no annotations, and no marker that begins a trial; explain them in markers.json; found: {shown}"
        marks.problems.append(Problem(where, "label", message))
    return marks


def _texts(streams: Sequence[dict[str, Any]], origin_s: float) -> Iterator[tuple[float, str, str]]:
    """(time, stream, text) of all markers."""
    for stream in streams:
        if isinstance(stream["time_series"], list):
            for stamp, values in zip(stream["time_stamps"], stream["time_series"], strict=True):
                for text in values:
                    if str(text):
                        yield float(stamp) - origin_s, text_of(stream, "name"), str(text)


def _event(text: str) -> dict[str, Any]:
    """JSON of one of this project's markers; empty for any other text."""
    try:
        said = parse_json(text)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _trials(
    texts: Sequence[tuple[float, str, str]], length_s: float, meaning: Meaning, where: str, problems: list[Problem]
) -> list[Trial]:
    trials: list[Trial] = []
    begun: tuple[float, str] | None = None

    def close(end_s: float, why: str = "") -> None:
        nonlocal begun
        assert begun is not None
        start_s, label = begun
        if why and meaning.duration_s is not None:
            end_s, why = min(end_s, start_s + meaning.duration_s), ""
        if why:
            message = f"a trial from {start_s:.3f} s has no end: taken to last until {why}, {end_s:.3f} s"
            problems.append(Problem(where, "trial", message, "kept"))
        trials.append(Trial(0, start_s, end_s, label))
        begun = None

    for time_s, _, text in texts:
        said = _event(text)
        if said.get("event") == "trial_start" or text in meaning.start:
            if begun is not None:
                close(time_s, "the next one")
            label = meaning.start.get(text, "") or str(said.get("emotion") or "")
            begun = (time_s, label)
        elif said.get("event") == "trial_end" or text in meaning.end:
            if begun is not None:
                close(time_s)
            else:
                problems.append(Problem(where, "trial", f"a trial ends at {time_s:.3f} s that never began", "kept"))
    if begun is not None:
        close(length_s, "the recording's end")
    return trials


def _numbered(trials: Sequence[Trial]) -> list[Trial]:
    in_order = sorted(trials, key=lambda trial: trial.start_s)
    return [replace(trial, number=i) for i, trial in enumerate(in_order, 1)]


def _true_movements(texts: Sequence[tuple[float, str, str]], where: str, problems: list[Problem]) -> list[Movement]:
    found = []
    for stamp_s, stream, text in texts:
        said = _event(text) if stream == TRUTH_STREAM else {}
        if said.get("event") != "movement" or said.get("kind") != "micro":
            continue
        try:
            onset_s, apex_s, offset_s = (float(said[name]) for name in ("onset_s", "apex_s", "offset_s"))
        except (KeyError, TypeError, ValueError) as err:
            problems.append(Problem(where, "truth", f"a movement at {stamp_s:.3f} s without its times: {err}"))
            continue
        # its own times are on the sender's clock; the marker is stamped with the offset
        shift_s = stamp_s - offset_s
        found.append(Movement(onset_s + shift_s, apex_s + shift_s, stamp_s, ""))
    return sorted(found, key=lambda movement: movement.onset_s)
