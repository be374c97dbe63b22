"""Reader of MEs-EEG as its licence holders have it; every trap of that layout is met here and told.

Names in it are people's: nothing that leaves this module holds one, except the paths of files to be read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path

from models.data.coding import EMOTIONS, CodedRow, clip_emotion, read_coding
from models.data.mes_files import (
    CODING,
    ClipRun,
    Files,
    Marks,
    Pseudonyms,
    Session,
    StillFolder,
    find_files,
    read_marks,
)
from models.data.rows import Dataset, EegRecording, FaceSource, Pictures, Problem, Row, VideoMoment
from realtime.errors import DataError

SEQUENCE_S = 40.0
"""Length of a sample's EEG."""

DECISION_S = 0.6
"""Apex to decision: a movement's EEG ends so long after its apex, as it does live."""

_STILLS_AGREE_S = 0.011  # their folders are named to a hundredth of a second
_SAME_S = 0.02  # two rows that agree to three frames are one movement written twice
_CLIP_ROOM_S = 0.5
_SYNONYMS = {"happiness": "happy", "sadness": "sad", "anger": "angry", "tension": "tense", "calmness": "calm"}


def recognises(path: Path) -> bool:
    """Whether a folder holds the annotation spreadsheet of MEs-EEG, not more than three folders down."""
    if not path.is_dir():
        return False
    return any(next(path.glob("*/" * depth + CODING), None) is not None for depth in range(4))


def read(path: Path, *, eeg_only: bool = False, macro: bool = False) -> Dataset:
    """Read the folder with the spreadsheet, recordings, clips and stills, wherever each lies below it.

    A row is a coded movement. Its EEG is the 40 s that end 0.6 s after the apex, be they in the clip or before it; its
    label is the stimulus's emotion, which nobody rated. Movements of which the coded intervals overlap are all kept,
    and told; a movement written down twice is kept once.

    Parameters
    ----------
    path : Path
    eeg_only : bool
        Also a row for each clip in which no movement was coded: the last 40 s of its EEG.
    macro : bool
        Also rows for coded macro-expressions.

    Raises
    ------
    DataError
        No spreadsheet, or two of them, or one that cannot be read.
    """
    files = find_files(path)
    if len(files.codings) != 1:
        raise DataError(f"{len(files.codings)} files '{CODING}' below '{path.name}'; wanted one")
    coded, bad = read_coding(files.codings[0])
    names = Pseudonyms(files.names | {row.name for row in coded} | {row.name for row in bad if row.name})
    names.know({*files.recordings, *(key for key, _ in files.clips), *((row.name, row.day) for row in coded)})
    problems = [Problem(f"{CODING} row {row.number}", row.field, names.hide(row.message)) for row in bad]
    reader = _Reader(files, names, problems)
    rows = reader.movements(coded, macro)
    if eeg_only:
        rows += reader.quiet_clips(coded)
    reader.finish(coded)
    return Dataset("mes-eeg", tuple(rows), tuple(reader.problems), (path / "simulated.json").is_file())


class _Reader:
    """Pairs coded movements with recordings, stills and clips; one use."""

    def __init__(self, files: Files, names: Pseudonyms, problems: list[Problem]) -> None:
        self.problems = problems
        self._files = files
        self._names = names
        self._used: set[Path] = set()
        self._marks: dict[Session, list[Marks]] = defaultdict(list)
        self._days: dict[str, set[str]] = defaultdict(set)
        for session in sorted(files.recordings):
            self._open(session)

    # what is told

    def _tell(self, where: str, part: str, message: str, *, lost: bool = False) -> None:
        self.problems.append(Problem(where, part, self._names.hide(message), "excluded" if lost else "kept"))

    # recordings

    def _open(self, session: Session) -> None:
        name, day = session
        self._days[name].add(day)
        where = f"EEG of {self._names.session(session)}"
        seen: set[str] = set()
        for path in self._files.recordings[session]:
            if path.stem.lower() in seen:
                self._tell(
                    where,
                    "eeg",
                    f"a second file of the same name left out ({path.suffix.lower()}); EEGLAB goes before Curry",
                )
                continue
            marks = read_marks(path)
            if isinstance(marks, str):
                self._tell(where, "eeg", f"{path.suffix.lower()} file left out: {marks}")
                continue
            seen.add(path.stem.lower())
            self._marks[session].append(marks)
            self._about(where, marks)

    def _about(self, where: str, marks: Marks) -> None:
        for count, what in (
            (marks.invalid, "invalid markers (77, 88) passed over"),
            (marks.unknown, "markers that are neither a clip nor its end passed over"),
            (marks.unended, "clips without a marker for their end, which end where the next one starts"),
        ):
            if count:
                self._tell(where, "marker", f"{what}: {count}")
        twice = sorted(marker for marker, times in Counter(run.marker for run in marks.runs).items() if times > 1)
        if twice:
            shown = ", ".join(map(str, twice))
            self._tell(where, "marker", f"{shown} more than once: the last run that holds a movement's apex is used")

    def _runs(self, session: Session, marker: int) -> list[tuple[Marks, ClipRun]]:
        return [(marks, run) for marks in self._marks[session] for run in marks.runs if run.marker == marker]

    # coded movements

    def movements(self, coded: list[CodedRow], macro: bool) -> list[Row]:
        wanted = [row for row in coded if macro or row.kind == "micro"]
        if len(wanted) < len(coded):
            self._tell(
                CODING, "kind", f"{len(coded) - len(wanted)} macro-expressions left out: an option of the reader"
            )
        uncoded = sum(row.offset_s is None for row in wanted)
        if uncoded:
            self._tell(CODING, "offset", f"{uncoded} of {len(wanted)} offsets equal the apex or are empty: not coded")
        once = self._once(wanted)
        self._overlaps(once)
        return [made for row in once if (made := self._movement(row)) is not None]

    def _once(self, rows: list[CodedRow]) -> list[CodedRow]:
        kept: list[CodedRow] = []
        for row in rows:
            same = next((other for other in kept if _same(row, other)), None)
            if same is None:
                kept.append(row)
            else:
                self._tell(_where(row), "onset", f"the movement of row {same.number} written again", lost=True)
        return kept

    def _overlaps(self, rows: list[CodedRow]) -> None:
        by_clip: dict[tuple[str, str, int], list[CodedRow]] = defaultdict(list)
        for row in rows:
            by_clip[row.name, row.day, row.marker].append(row)
        pairs = []
        for clip in by_clip.values():
            clip.sort(key=lambda row: row.onset_s)
            for i, row in enumerate(clip):
                pairs += [(row, later) for later in clip[i + 1 :] if later.onset_s < (row.offset_s or row.apex_s)]
        for row, later in pairs:
            self._tell(_where(later), "onset", f"its interval overlaps that of row {row.number}; both are kept")

    def _movement(self, row: CodedRow) -> Row | None:
        for part, message in row.remarks:
            self._tell(_where(row), part, message)
        label = clip_emotion(row.marker)
        assert label is not None, "rows of other markers are bad rows"
        if not self._emotion_fits(row, label):
            return None
        session = row.name, row.day
        late = self._after_clip(row, session)
        if late:
            self._tell(_where(row), "apex", late, lost=True)
            return None
        eeg, face = self._eeg(row, session), self._face(row, session)
        if isinstance(eeg, str) and isinstance(face, str):
            self._tell(_where(row), "eeg", f"{eeg}; {face}: nothing is left of it", lost=True)
            return None
        for part, found in (("eeg", eeg), ("apex", face)):
            if isinstance(found, str):
                self._tell(_where(row), part, f"{found}; the sample goes on without it")
        alias = self._names.session(session)
        return Row(
            sample=f"{alias}_clip-{row.marker}_row-{row.number}",
            subject=self._names.subject(row.name),
            group=f"{alias}_clip-{row.marker}",
            label=label,
            eeg=None if isinstance(eeg, str) else eeg,
            face=None if isinstance(face, str) else face,
            where=_where(row),
        )

    def _emotion_fits(self, row: CodedRow, label: str) -> bool:
        told = _SYNONYMS.get(row.emotion, row.emotion)
        if told == label:
            return True
        if told in EMOTIONS:
            message = f"'{told}', but clip {row.marker} is '{label}': one of the two is wrong"
            self._tell(_where(row), "emotion", message, lost=True)
            return False
        # a word nobody knows may be anything, a name too: it is not repeated
        what = "no emotion that is known" if told else "no emotion"
        self._tell(_where(row), "emotion", f"{what}; clip {row.marker} is '{label}'")
        return True

    def _after_clip(self, row: CodedRow, session: Session) -> str:
        """Why a movement cannot be in its clip as it was shown; '' where it can, or where no recording tells."""
        runs = self._runs(session, row.marker)
        if not runs or any(_holds(run, row) for _, run in runs):
            return ""
        longest_s = max(run.end_s - run.start_s for _, run in runs)
        return f"{row.apex_s:g} s into a clip that was shown for {longest_s:.1f} s"

    def _eeg(self, row: CodedRow, session: Session) -> EegRecording | str:
        """The 40 s before the decision, whether in the clip or before it; or why there are none."""
        if not self._marks[session]:
            other = " of this date" if self._days[row.name] - {row.day} else ""
            return f"no readable EEG of {self._names.subject(row.name)}{other}"
        holding = [(marks, run) for marks, run in self._runs(session, row.marker) if _holds(run, row)]
        if not holding:
            return f"marker {row.marker} is not in the EEG of {self._names.session(session)}"
        marks, run = holding[-1]
        stop_s = min(run.start_s + row.apex_s + DECISION_S, marks.duration_s)
        return EegRecording(marks.path, max(0.0, stop_s - SEQUENCE_S), stop_s)

    def _face(self, row: CodedRow, session: Session) -> FaceSource | str:
        """Its stills or, where there are none, its place in the clip's video; or why there is neither."""
        folders = self._files.stills.get((session, row.marker), [])
        fitting = [still for still in folders if _apart_s(row, still) <= _STILLS_AGREE_S]
        lacking = "no stills of it"
        if fitting:
            still = min(fitting, key=lambda each: _apart_s(row, each))
            self._used.add(still.path)
            found = {name: still.path / f"{name}.png" for name in ("onset", "apex")}
            missing = [name for name, path in found.items() if not path.is_file()]
            if not missing:
                return Pictures(found["onset"], found["apex"], aligned=True)
            lacking = f"no {' and no '.join(missing)} still"
        videos = self._files.clips.get((session, row.marker), [])
        if not videos:
            return f"{lacking} and no video of its clip"
        again = f", the last of {len(videos)}" if len(videos) > 1 else ""
        self._tell(_where(row), "apex", f"{lacking}; taken from the clip's video{again}")
        return VideoMoment(videos[-1], row.onset_s, row.apex_s)

    # the rest

    def quiet_clips(self, coded: list[CodedRow]) -> list[Row]:
        """A row for the last 40 s of each clip in which nothing was coded."""
        moved = {(row.name, row.day, row.marker) for row in coded}
        rows = []
        for session, recordings in self._marks.items():
            alias = self._names.session(session)
            runs = [(marks, run) for marks in recordings for run in marks.runs]
            for marks, run in runs:
                label = clip_emotion(run.marker)
                if (*session, run.marker) in moved or label is None:
                    continue
                if (marks, run) != next(pair for pair in reversed(runs) if pair[1].marker == run.marker):
                    continue  # shown again later: that run counts, and it was told
                source = EegRecording(marks.path, max(run.start_s, run.end_s - SEQUENCE_S), run.end_s)
                group = f"{alias}_clip-{run.marker}"
                subject = self._names.subject(session[0])
                rows.append(Row(f"{group}_eeg", subject, group, label, source, None, f"EEG of {alias}"))
        return rows

    def finish(self, coded: list[CodedRow]) -> None:
        """Tell of stills and recordings that no row asked for."""
        spare = [s for folders in self._files.stills.values() for s in folders if s.path not in self._used]
        kinds = {(row.name, row.day, row.marker) for row in coded}
        for still in spare:
            known = (*still.session, still.marker) in kinds
            what = "at these times" if known else "of this clip"
            alias = self._names.subject(still.session[0])
            self._tell(f"stills of {alias}, clip {still.marker}", "apex", f"no row in use {what}; passed over")


def _where(row: CodedRow) -> str:
    return f"{CODING} row {row.number}"


def _holds(run: ClipRun, row: CodedRow) -> bool:
    return run.start_s + row.apex_s <= run.end_s + _CLIP_ROOM_S


def _same(a: CodedRow, b: CodedRow) -> bool:
    if (a.name, a.day, a.marker) != (b.name, b.day, b.marker):
        return False
    return abs(a.onset_s - b.onset_s) <= _SAME_S and abs(a.apex_s - b.apex_s) <= _SAME_S


def _apart_s(row: CodedRow, still: StillFolder) -> float:
    return max(abs(row.onset_s - still.onset_s), abs(row.apex_s - still.apex_s))
