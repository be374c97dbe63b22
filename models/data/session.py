"""Sessions this project recorded: XDF by LabRecorder, a film for each camera, and a coder's annotations.

A session is one XDF file and what lies beside it under the same stem, in one folder or in folders `sub-xx/ses-yy`:

    sub-01/ses-01/sub-01_ses-01.xdf                 EEG, frame index, markers: see docs/streams.md
    sub-01/ses-01/sub-01_ses-01_video.avi           the film; with several cameras '<stem>_<camera>_video.avi', where
                                                    <camera> is in the name or source id of the camera's stream
    sub-01/ses-01/sub-01_ses-01_annotations.tsv     onset_s, apex_s, offset_s, label, kind
    markers.json                                    what other programs' markers mean, at the top or beside the XDF

Film and EEG meet through the XDF file alone: its stream of type 'VideoFrameIndex' has one sample a frame, the frame's
index with its stamp, and frame k of the film is the one of index k (or k less where a JSON file beside the film, of the
same name, has a `first_frame_index` k: a film that began later than its camera). So a camera that begins late, stops or
loses frames on the way shifts nothing. What has no frame within a frame and a half of the time wanted has no picture.

Trials are told by markers: JSON {"event": "trial_start", "emotion": "sad"} and {"event": "trial_end"}, as
`emostream simulate` sends them; or by texts that markers.json explains, {"start": {"stim_sad": "sad"}, "end":
["stim_off"], "duration_s": 60}, either of the last two; or by annotations of kind 'trial'. Other kinds are 'micro' and
'macro'. Annotated times are seconds since the first EEG sample. A movement of no label has its trial's; its own label
counts where it has one. Rows whose status is 'rejected' or 'candidate' (found, and reviewed by nobody) are left out.

A sample is a coded micro-movement with the 40 s of EEG that end 0.6 s after its apex, as the engine has them when it
uses the movement; a trial without one gives its last 40 s of EEG alone. What the engine itself found
('emostream-movements') are candidates and no coding, and nothing is learnt from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from models.data.probing import is_simulated
from models.data.rows import Dataset, EegRecording, Problem, Row, VideoMoment, pseudonyms
from models.data.session_films import find_films
from models.data.session_marks import Meaning, Movement, Trial, read_annotations, read_meaning, trials_and_movements
from realtime.eeg.xdf import damage_in, load_streams, read_xdf
from realtime.errors import DataError
from realtime.session.recorded import Film, is_index_or_markers

SEQUENCE_S = 40.0
"""Length of a sample's EEG."""

DECISION_S = 0.6
"""A sample's EEG ends so long after its movement's apex, as the engine uses a movement no earlier."""

SHORTEST_S = 1.0
"""Less EEG than one window is none."""

_XDF = (".xdf", ".xdfz")
_MOST_SESSIONS = 10_000


@dataclass(frozen=True, slots=True)
class _Found:
    """One XDF file and whose it is, in the words of its folders."""

    xdf: Path
    subject: str
    session: str


def recognises(path: Path) -> bool:
    """Whether a path is an XDF file, or a folder with one in it or up to three folders below."""
    return bool(_sessions(path))


def read(path: Path) -> Dataset:
    """Read recorded sessions: one row a coded micro-movement, and one a trial without any.

    Raises
    ------
    DataError
        No XDF file, or a markers.json that cannot be used.
    """
    path = path.absolute()
    found = _sessions(path)
    if not found:
        raise DataError(f"no recorded session in '{path}': wanted a .xdf file in it, or in its sub-xx/ses-yy")
    root = path if path.is_dir() else path.parent
    called = pseudonyms([one.subject for one in found])
    rows: list[Row] = []
    problems: list[Problem] = []
    simulated = []
    for one in found:
        of_subject = [other.session for other in found if other.subject == one.subject]
        name = f"{called[one.subject]}_ses-{of_subject.index(one.session) + 1:02d}"
        session = _Session(one, called[one.subject], name, read_meaning(one.xdf.parent, root))
        rows += session.rows()
        problems += session.problems
        simulated.append(session.simulated)
    return Dataset("session", tuple(rows), tuple(problems), is_simulated(root) or (bool(simulated) and all(simulated)))


def _sessions(path: Path) -> list[_Found]:
    if path.is_file():
        return [_Found(path, _part(path, "sub-") or path.stem, path.stem)] if path.suffix.lower() in _XDF else []
    if not path.is_dir():
        return []
    files = [file for pattern in ("*", "*/*", "*/*/*", "*/*/*/*") for file in path.glob(f"{pattern}.xdf*")]
    files = sorted(file for file in files if file.is_file() and file.suffix.lower() in _XDF)[:_MOST_SESSIONS]
    return [_Found(f, _part(f, "sub-") or _folder(f, path), str(f.relative_to(path))) for f in files]


def _part(file: Path, prefix: str) -> str:
    """The 'sub-xx' of a file's name or folders; '' where there is none."""
    parts = [*file.stem.split("_"), *(part for part in reversed(file.parts[:-1]))]
    return next((part for part in parts if part.startswith(prefix)), "")


def _folder(file: Path, root: Path) -> str:
    """A folder is a person where there are folders; else every file is one."""
    return file.parent.name if file.parent != root else file.stem


class _Session:
    """One session's files -> rows and problems."""

    def __init__(self, found: _Found, subject: str, name: str, meaning: Meaning) -> None:
        self._xdf, self._subject, self._name, self._meaning = found.xdf, subject, name, meaning
        self.problems: list[Problem] = []
        self.simulated = False

    def rows(self) -> list[Row]:
        """The session's samples; none, with a problem, where its XDF file cannot be used."""
        try:
            recording = read_xdf(self._xdf)
            # stamps as they are: taken at the grab, and smoothing would smear what lost frames leave out
            streams, _ = load_streams(self._xdf, dejitter=False, wanted=is_index_or_markers)
            films, problems = find_films(self._xdf, streams, recording.origin_s, self._name)
        except DataError as err:
            self._tell("xdf", str(err).replace(str(self._xdf), self._xdf.suffix[1:].upper()), kept=False)
            return []
        self.problems += problems
        for warning in (*damage_in(recording.notes), *recording.warnings):
            self._tell("eeg", warning)
        annotations, problems = read_annotations(self._xdf, self._name)
        self.problems += problems
        marks = trials_and_movements(streams, recording, annotations, self._meaning, self._name)
        self.problems += marks.problems
        self.simulated = marks.simulated
        length_s = recording.duration_s
        rows: list[Row] = []
        for movement in marks.movements:
            row = self._moved(movement, marks.trials, films, length_s, len(rows) + 1)
            rows += [row] if row is not None else []
        still = [t for t in marks.trials if not any(t.holds(m.apex_s) for m in marks.movements)]
        for trial in still:
            row = self._still(trial, length_s)
            rows += [row] if row is not None else []
        return rows

    def _moved(
        self, movement: Movement, trials: Sequence[Trial], films: Sequence[Film], length_s: float, number: int
    ) -> Row | None:
        where = f"{self._name} movement at {movement.apex_s:.3f} s"
        trial = next((t for t in trials if t.holds(movement.apex_s)), None)
        label = movement.label or (trial.label if trial is not None else "")
        if not label:
            self._tell("label", "in no trial, and its annotation has no label", where, kept=False)
            return None
        if trial is not None and movement.label and movement.label != trial.label:
            message = f"annotated '{movement.label}' in a trial of '{trial.label}'; the annotation counts"
            self._tell("label", message, where)
        group = f"{self._name}_trial-{trial.number:02d}" if trial is not None else f"{self._name}_movement-{number:03d}"
        eeg = self._eeg(movement.apex_s + DECISION_S, length_s, where)
        face = self._face(movement, films, where)
        if eeg is None and face is None:
            self._tell("row", "neither EEG nor film is left of it", where, kept=False)
            return None
        return Row(f"{self._name}_movement-{number:03d}", self._subject, group, label, eeg, face, where)

    def _still(self, trial: Trial, length_s: float) -> Row | None:
        where = f"{self._name} trial {trial.number}"
        if not trial.label:
            self._tell("label", "its marker names no emotion", where, kept=False)
            return None
        group = f"{self._name}_trial-{trial.number:02d}"
        # no more than the trial: unlike a movement, it says nothing about what was before it
        eeg = self._eeg(trial.end_s, length_s, where, trial.start_s)
        if eeg is None:
            self._tell("row", "no movement, and no EEG is left of it", where, kept=False)
            return None
        return Row(group, self._subject, group, trial.label, eeg, None, where)

    def _eeg(self, stop_s: float, length_s: float, where: str, earliest_s: float = 0.0) -> EegRecording | None:
        stop_s = min(stop_s, length_s)
        start_s = max(earliest_s, 0.0, stop_s - SEQUENCE_S)
        if stop_s - start_s < SHORTEST_S:
            message = f"{max(stop_s - start_s, 0.0):.3g} s of EEG, wanted {SHORTEST_S:g} s at least"
            self._tell("eeg", message, where)
            return None
        return EegRecording(self._xdf, start_s, stop_s)

    def _face(self, movement: Movement, films: Sequence[Film], where: str) -> VideoMoment | None:
        """The movement in the first film that has it."""
        for film in films:
            try:
                return VideoMoment(film.path, film.at(movement.onset_s), film.at(movement.apex_s))
            except DataError as err:
                self._tell("video", f"not in the film of {film.camera or 'the camera'}: {err}", where)
        return None

    def _tell(self, field: str, message: str, where: str = "", *, kept: bool = True) -> None:
        self.problems.append(Problem(where or self._name, field, message, "kept" if kept else "excluded"))
