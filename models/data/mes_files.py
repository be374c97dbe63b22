"""The files of MEs-EEG: recordings, clips and stills, found by their names wherever they lie below a folder."""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from models.data.coding import CLIP_END, INVALID_MARKERS, clip_emotion
from models.data.rows import pseudonyms
from realtime.eeg.recording import UNREADABLE

CODING = "coding_file_combined.xlsx"

_RECORDING = re.compile(r"^(?P<name>.+?)_?(?P<day>\d{8})(?:_\d+)?\.(?P<kind>set|cdt)$", re.IGNORECASE)
_CLIP = re.compile(
    r"^(?P<emotion>[^\W\d_]+)_(?P<number>\d+)_(?P<marker>\d+)_(?P<name>.+?)_?(?P<day>\d{8})\.(?:avi|mp4)$",
    re.IGNORECASE,
)
_STILLS = re.compile(
    r"^(?P<emotion>[^\W\d_]+)_(?P<name>.+?)_?(?P<day>\d{8})_(?P<marker>\d+)"
    r"_(?P<onset>\d+(?:\.\d+)?)_(?P<apex>\d+(?:\.\d+)?)_(?P<offset>\d+(?:\.\d+)?)$"
)
_DIGITS = re.compile(r"(?<!\d)(\d{1,3})(?:\.0+)?(?!\d)")

Session = tuple[str, str]
"""A subject's name, lower case, and the day, 'yyyymmdd'."""


@dataclass(frozen=True, slots=True)
class StillFolder:
    """Onset and apex pictures of a coded movement; times into the clip, to a hundredth of a second."""

    path: Path
    session: Session
    marker: int
    onset_s: float
    apex_s: float


@dataclass(slots=True)
class Files:
    """What was found.

    Parameters
    ----------
    codings : list of Path
    recordings : session -> paths, EEGLAB before Curry
    clips : (session, marker) -> video
    stills : (session, marker) -> folders
    """

    codings: list[Path] = field(default_factory=list)
    recordings: dict[Session, list[Path]] = field(default_factory=lambda: defaultdict(list))
    clips: dict[tuple[Session, int], list[Path]] = field(default_factory=lambda: defaultdict(list))
    stills: dict[tuple[Session, int], list[StillFolder]] = field(default_factory=lambda: defaultdict(list))

    @property
    def names(self) -> set[str]:
        """Every subject's name in a file's name, lower case."""
        sessions = {*self.recordings, *(key for key, _ in self.clips), *(key for key, _ in self.stills)}
        return {name for name, _ in sessions}


def find_files(folder: Path) -> Files:
    """Go through a folder and all below it."""
    found = Files()
    for path in sorted(folder.rglob("*")):
        name = path.name
        if path.is_dir():
            if matched := _STILLS.match(name):
                session = matched["name"].lower(), matched["day"]
                times = float(matched["onset"]), float(matched["apex"])
                still = StillFolder(path, session, int(matched["marker"]), *times)
                found.stills[session, still.marker].append(still)
        elif name.lower() == CODING:
            found.codings.append(path)
        elif matched := _CLIP.match(name):
            found.clips[(matched["name"].lower(), matched["day"]), int(matched["marker"])].append(path)
        elif matched := _RECORDING.match(name):
            found.recordings[matched["name"].lower(), matched["day"]].append(path)
    for paths in found.recordings.values():
        paths.sort(key=lambda path: (path.suffix.lower() != ".set", path.name))
    return found


@dataclass(frozen=True, slots=True)
class ClipRun:
    """A clip as it was shown during a recording; seconds from the recording's first sample."""

    marker: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Marks:
    """What a recording's header tells, without its samples.

    Parameters
    ----------
    path : Path
    duration_s : float
    runs : tuple of ClipRun
        In order of time.
    invalid, unknown : int
        Markers 77 and 88, and those that are neither a clip nor its end.
    unended : int
        Clips without a marker for their end: they end where the next one starts, or the recording.
    """

    path: Path
    duration_s: float
    runs: tuple[ClipRun, ...]
    invalid: int
    unknown: int
    unended: int


def read_marks(path: Path) -> Marks | str:
    """The clips in a recording; or, in a few words without the file's name, why it cannot be read."""
    import mne

    with warnings.catch_warnings():
        # what MNE remarks names the file, and so a person; `dataset build` reads it again and tells
        warnings.simplefilter("ignore")
        try:
            raw = mne.io.read_raw(path, preload=False, verbose="ERROR")
            rate = float(raw.info["sfreq"])
            first_s = raw.first_samp / rate if raw.info["meas_date"] is not None else 0.0
            texts = zip(raw.annotations.onset, raw.annotations.description, strict=True)
            events = sorted((float(onset) - first_s, str(text)) for onset, text in texts)
            return _marks(path, float(raw.n_times / rate), events)
        except ImportError as err:
            needed = "curryreader" if path.suffix.lower() == ".cdt" else err.name
            return f"needs the package '{needed}': pip install {needed}"
        except FileNotFoundError:
            return "the file with its samples is missing"
        except UNREADABLE as err:
            return f"cannot be read ({type(err).__name__})"


def _marks(path: Path, duration_s: float, events: Iterable[tuple[float, str]]) -> Marks:
    runs: list[ClipRun] = []
    open_run: tuple[int, float] | None = None
    invalid = unknown = unended = 0
    for onset_s, text in events:
        matched = _DIGITS.search(text)
        code = int(matched[1]) if matched else -1
        if code in INVALID_MARKERS:
            invalid += 1
        elif code == CLIP_END or clip_emotion(code) is not None:
            if open_run is not None:
                runs.append(ClipRun(*open_run, onset_s))
                unended += code != CLIP_END
            open_run = None if code == CLIP_END else (code, onset_s)
        elif "boundary" not in text.lower():
            unknown += 1
    if open_run is not None:
        runs.append(ClipRun(*open_run, duration_s))
        unended += 1
    return Marks(path, duration_s, tuple(runs), invalid, unknown, unended)


class Pseudonyms:
    """Replaces people's names in anything that is told about a data set.

    Parameters
    ----------
    names : iterable of str
        All of them; they are compared without regard to case.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._of = pseudonyms(sorted({name.lower() for name in names}))
        self._days: dict[str, dict[str, int]] = defaultdict(dict)
        ordered = sorted((name for name in self._of if name), key=len, reverse=True)
        # not inside other words: a name of two letters is in many
        either = "|".join(map(re.escape, ordered))
        self._pattern = re.compile(rf"(?<![^\W\d_])(?:{either})(?![^\W\d_])", re.IGNORECASE) if ordered else None

    def know(self, sessions: Iterable[Session]) -> None:
        """Number each subject's sessions in order of their days: a day says when somebody was there."""
        for name, day in sorted(set(sessions)):
            self._days[name].setdefault(day, len(self._days[name]) + 1)

    def subject(self, name: str) -> str:
        """'sub-01'."""
        return self._of[name]

    def session(self, session: Session) -> str:
        """'sub-01_ses-1'."""
        name, day = session
        return f"{self._of[name]}_ses-{self._days[name][day]}"

    def hide(self, text: str) -> str:
        """The text with every name in it replaced."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: self._of[found.group().lower()], text)
