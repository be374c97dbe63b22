"""EEG in the Brain Imaging Data Structure (BIDS-EEG): one sample an event that names an emotion.

What a BIDS data set may be used for is in its README, LICENSE and dataset_description.json: read them first.

Layout (Pernet et al. 2019, "EEG-BIDS", and the specification, bids-specification.readthedocs.io):

    dataset_description.json, participants.tsv
    sub-01[/ses-01]/eeg/sub-01[_ses-01]_task-films[_run-1]_eeg.{vhdr,edf,bdf,set}
    ..._events.tsv      onset, duration in s from the recording's start; trial_type, value, or a column of the data
                        set's own; what codes mean is in ..._events.json under 'Levels'
    ..._channels.tsv    names, types, 'good' or 'bad'

The label is the column 'emotion' where there is one, and then anything it says; else 'trial_type', else 'value', where
an event counts if one word of it, or of its level's description, is an emotion's name. Films of the face have no place
in BIDS-EEG yet; a file `..._video.mp4` of the same entities in the session's 'beh' or 'eeg' folder is read, with its
'StartTime' from the JSON file beside it, s from the recording's start.

Traps: events without a duration ('n/a' or 0), which last until the next one that counts here; channels marked bad,
which are read all the same; side files that lie above the recording and hold for many (found by mne-bids).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from models.data.classes import class_list
from models.data.probing import RecordingFacts, is_simulated, recording_facts
from models.data.rows import Dataset, EegRecording, Problem, Row, VideoSpan, pseudonyms
from models.data.table import Record, read_table
from realtime.errors import DataError
from realtime.face.films import FILM_SUFFIXES, film_facts
from realtime.untrusted import read_json

if TYPE_CHECKING:
    from mne_bids import BIDSPath

COLUMNS: tuple[str, ...] = ("emotion", "trial_type", "value")
"""Where a label is looked for, the first that is there and says anything."""

LONGEST_S = 60.0
"""An event without a duration lasts no longer."""

SHORTEST_S = 1.0

_EXTENSIONS = [".vhdr", ".edf", ".bdf", ".set"]
_MORE_EMOTIONS = {
    "neutral",
    "amusement",
    "anxiety",
    "contempt",
    "relaxed",
    "boredom",
    "tenderness",
    "inspiration",
    "pride",
}
_WORDS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class _Event:
    """An event that counts: s from the recording's start, NaN where it has no duration."""

    number: int
    onset_s: float
    duration_s: float
    label: str


@dataclass(frozen=True, slots=True)
class _Film:
    """A film, when it begins on the recording's clock, and how long it is."""

    path: Path
    begin_s: float
    length_s: float


def recognises(path: Path) -> bool:
    """Whether a folder has a dataset_description.json and a subject's folder with EEG.

    A recordings root of this project is none: its BIDS is a copy of its sessions without films and annotations.
    """
    if not (path / "dataset_description.json").is_file() or any(path.glob("sourcedata/sub-*/ses-*/*_session.json")):
        return False
    return any(next(path.glob(pattern), None) for pattern in ("sub-*/eeg", "sub-*/ses-*/eeg"))


def read(path: Path) -> Dataset:
    """Read a BIDS-EEG data set: one row an event with an emotion.

    Raises
    ------
    DataError
        No such data set, or mne-bids is not installed.
    """
    try:
        from mne_bids import find_matching_paths
    except ImportError as err:
        raise DataError("BIDS needs mne-bids: pip install emostream[train]") from err
    path = path.absolute()
    if not recognises(path):
        raise DataError(f"no BIDS-EEG in '{path}': wanted dataset_description.json and sub-01/eeg or sub-01/ses-01/eeg")
    found = find_matching_paths(
        path, suffixes="eeg", datatypes="eeg", extensions=_EXTENSIONS, ignore_json=True, ignore_nosub=True
    )
    recordings = sorted(found, key=lambda one: one.fpath)
    problems: list[Problem] = []
    if not recordings:
        problems.append(Problem("data set", "eeg", f"no recording: wanted {', '.join(_EXTENSIONS)}", "fatal"))
    called = pseudonyms([str(one.subject) for one in recordings])
    _check_participants(path, {str(one.subject) for one in recordings}, problems)
    rows: list[Row] = []
    for one in recordings:
        rows += _Recording(one, path, called[str(one.subject)], problems).rows()
    return Dataset("bids", tuple(rows), tuple(problems), is_simulated(path))


def _check_participants(root: Path, subjects: set[str], problems: list[Problem]) -> None:
    file = root / "participants.tsv"
    if not file.is_file():
        problems.append(Problem("data set", "participants", "no participants.tsv", "kept"))
        return
    try:
        table = read_table(file)
    except DataError as err:
        problems.append(Problem("participants.tsv", "file", str(err).replace(str(file), file.name), "kept"))
        return
    listed = {record.cells.get("participant_id", "").removeprefix("sub-") for record in table.records} - {""}
    for missing, where in ((subjects - listed, "participants.tsv"), (listed - subjects, "the folders")):
        if missing:
            message = f"{len(missing)} of {len(subjects | listed)} subjects are missing in {where}"
            problems.append(Problem("data set", "participants", message, "kept"))


class _Recording:
    """One recording and its side files -> rows."""

    def __init__(self, path: BIDSPath, root: Path, called: str, problems: list[Problem]) -> None:
        self._path, self._file, self._root = path, Path(path.fpath), root
        self._called, self._problems = called, problems
        entities = {"ses": path.session, "task": path.task, "acq": path.acquisition, "run": path.run}
        self._name = "_".join([called, *(f"{key}-{value}" for key, value in entities.items() if value)])

    def rows(self) -> list[Row]:
        """The recording's samples; none, with a problem, where it or its events cannot be read."""
        try:
            facts = recording_facts(self._file)
            events = self._events()
        except DataError as err:
            self._tell("events", self._clean(str(err)), kept=False)
            return []
        self._about_channels()
        film = self._film()
        rows = []
        for i, event in enumerate(events):
            following_s = events[i + 1].onset_s if i + 1 < len(events) else math.inf
            eeg = self._span(event, following_s, facts)
            if eeg is not None:
                where = f"{self._name} event {event.number}"
                face = self._face(film, eeg, where)
                sample = f"{self._name}_event-{event.number:03d}"
                rows.append(Row(sample, self._called, sample, event.label, eeg, face, where))
        undated = sum(not event.duration_s > 0 for event in events)
        if undated:
            message = f"{undated} of {len(events)} events have no duration: until the next, {LONGEST_S:g} s at most"
            self._tell("duration", message)
        return rows

    def _events(self) -> list[_Event]:
        file = self._path.find_matching_sidecar(suffix="events", extension=".tsv", on_error="ignore")
        if file is None:
            raise DataError("no events.tsv, so no label")
        table = read_table(Path(file))
        if missing := [name for name in ("onset", "duration") if name not in table.columns]:
            raise DataError(f"events.tsv lacks the column '{missing[0]}'; found: {', '.join(table.columns)}")
        self._problems += [Problem(self._name, p.field, self._clean(p.message), p.kind) for p in table.problems]
        column = next((name for name in COLUMNS if any(name in record.cells for record in table.records)), None)
        if column is None:
            raise DataError(f"events.tsv has no label: wanted {', '.join(COLUMNS)}; found: {', '.join(table.columns)}")
        levels = self._levels(column)
        events, others = [], Counter[str]()
        for record in table.records:
            said = record.cells.get(column, "")
            label = said if column == "emotion" else _emotion_in(said) or _emotion_in(levels.get(said, ""))
            if not label:
                others[said or "nothing"] += 1
            elif (event := self._dated(record, label)) is not None:
                events.append(event)
        if others:
            told = ", ".join(f"{count} '{name}'" for name, count in others.most_common(6))
            more = f" and {len(others) - 6} others" if len(others) > 6 else ""
            self._tell("label", f"{others.total()} events whose '{column}' names no emotion: {told}{more}", kept=False)
        return sorted(events, key=lambda event: event.onset_s)

    def _dated(self, record: Record, label: str) -> _Event | None:
        where = f"{self._name} event {record.number - 1}"
        try:
            onset_s = float(record.cells.get("onset", ""))
            duration_s = float(record.cells.get("duration", "nan"))
        except ValueError:
            onset_s = duration_s = math.nan
        if not math.isfinite(onset_s):
            self._problems.append(Problem(where, "onset", "onset or duration is no number"))
            return None
        return _Event(record.number - 1, onset_s, duration_s, label)

    def _levels(self, column: str) -> dict[str, str]:
        """Code -> description of a column, from events.json."""
        file = self._path.find_matching_sidecar(suffix="events", extension=".json", on_error="ignore")
        if file is None:
            return {}
        said = self._json(Path(file)).get(column)
        levels = said.get("Levels") if isinstance(said, dict) else None
        return {str(code): str(text) for code, text in levels.items()} if isinstance(levels, dict) else {}

    def _json(self, file: Path) -> dict[str, Any]:
        try:
            said = read_json(file)
        except (OSError, ValueError) as err:
            self._tell("file", f"a side file cannot be read as JSON: {err}")
            return {}
        return said if isinstance(said, dict) else {}

    def _span(self, event: _Event, following_s: float, facts: RecordingFacts) -> EegRecording | None:
        where = f"{self._name} event {event.number}"
        if not 0.0 <= event.onset_s < facts.duration_s:
            message = f"begins at {event.onset_s:g} s of a recording of {facts.duration_s:.6g} s"
            self._problems.append(Problem(where, "onset", message))
            return None
        duration_s = event.duration_s if event.duration_s > 0 else min(following_s - event.onset_s, LONGEST_S)
        stop_s = min(event.onset_s + duration_s, facts.duration_s)
        if stop_s - event.onset_s < SHORTEST_S:
            message = f"{stop_s - event.onset_s:.3g} s long, wanted {SHORTEST_S:g} s at least"
            self._problems.append(Problem(where, "duration", message))
            return None
        if event.duration_s > 0 and stop_s < event.onset_s + duration_s - 1e-6:
            message = (
                f"lasts {duration_s:g} s from {event.onset_s:g} s on, the recording ends at {facts.duration_s:.6g} s"
            )
            self._problems.append(Problem(where, "duration", message, "kept"))
        return EegRecording(self._file, event.onset_s, stop_s)

    def _about_channels(self) -> None:
        file = self._path.find_matching_sidecar(suffix="channels", extension=".tsv", on_error="ignore")
        if file is None:
            self._tell("channels", "no channels.tsv: types and bad channels are not known")
            return
        try:
            bad = [r.cells.get("name", "?") for r in read_table(Path(file)).records if r.cells.get("status") == "bad"]
        except DataError as err:
            self._tell("channels", self._clean(str(err)))
            return
        if bad:
            shown = ", ".join(bad[:12])
            self._tell("channels", f"{len(bad)} channels are marked bad, and read all the same: {shown}")

    def _film(self) -> _Film | None:
        stem = self._file.stem.removesuffix("_eeg")
        folders = (self._file.parent.parent / "beh", self._file.parent)
        files = [folder / f"{stem}_video{suffix}" for folder in folders for suffix in FILM_SUFFIXES]
        file = next((file for file in files if file.is_file()), None)
        if file is None:
            return None
        told = self._json(file.with_suffix(".json")) if file.with_suffix(".json").is_file() else {}
        begin_s = told.get("StartTime")
        if not isinstance(begin_s, int | float) or not math.isfinite(begin_s):
            self._tell("video", "no 'StartTime' of the film: taken to begin with the recording")
            begin_s = 0.0
        try:
            return _Film(file, float(begin_s), film_facts(file).duration_s)
        except DataError as err:
            self._tell("video", f"{self._clean(str(err))}; used without it")
            return None

    def _face(self, film: _Film | None, eeg: EegRecording, where: str) -> VideoSpan | None:
        if film is None:
            return None
        start_s, stop_s = max(0.0, eeg.start_s - film.begin_s), min(eeg.stop_s - film.begin_s, film.length_s)
        if stop_s - start_s < SHORTEST_S:
            self._problems.append(Problem(where, "video", "the film does not cover it; used without it", "kept"))
            return None
        return VideoSpan(film.path, start_s, stop_s)

    def _clean(self, message: str) -> str:
        """A message without the folders and the subject's own label, which may be a name."""
        for folder in (self._file.parent, self._file.parent.parent, self._root):
            message = message.replace(f"{folder}/", "")
        return message.replace(f"sub-{self._path.subject}", self._called)

    def _tell(self, name: str, message: str, *, kept: bool = True) -> None:
        self._problems.append(Problem(self._name, name, message, "kept" if kept else "excluded"))


def _emotion_in(text: str) -> str:
    """The one word of a text that is an emotion's name; '' where none or several are."""
    found = {word for word in (w.casefold() for w in _WORDS.findall(text)) if _is_emotion(word)}
    return found.pop() if len(found) == 1 else ""


def _is_emotion(word: str) -> bool:
    return word in _MORE_EMOTIONS or any(class_list(preset).index(word) is not None for preset in ("8", "3"))
