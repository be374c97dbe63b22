"""HED: 246 clips of 23 people who hide what they feel; pictures of the face and EEG as arrays.

HED is given for research only; nothing of it belongs into this repository, and the tests read files made in its layout.

What is public (Song and Kim 2021, and the index files and loader of the authors' repository): index files named
`training_<subject>_<initials>.csv` with the columns

    subDirectory_filePath, valence, arousal, eeg
    "01_02_xyz/17.png", "0.3", "0.1", "01_02_eeg/18.npy"

one row a frame, clip 2 of subject 1, valence and arousal from -1 to 1, the same for all frames of a clip. The pictures
lie below `Train` or `Test`. What is not public: the frame rate, and what the EEG is. The loader reads one (8, 444)
array a frame, '8 time steps of 444 features', which are neither volts nor band power by any published account, so
that they are left out here, and said so.

What is read here:

- the first column names a picture in a folder of numbered pictures, which is then read as the clip; or one .npy of
  (frames, height, width[, 3]) uint8 for the whole clip;
- `eeg` names one .npy, .npz or .mat for the whole clip: (windows, channels, bands) of log10 µV²/Hz, or (channels,
  times) where `hed.json` beside the index files or above them says what it is:
  {"fps": 30.0, "eeg": {"sfreq_hz": 250.0, "channels": ["Fp1", ...], "unit": "uV"}};
- several rows of one clip are one sample, one row can be a clip of its own.

Traps: folders and index files carry the initials of people; the header says valence first, while the authors' loader
takes the second column for arousal (the header counts here); pictures and EEG arrays of one row often differ in number
by one; '01_15_xyz' goes with '01_015_eeg'.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from models.data.arrays import ARRAY_SUFFIXES, PICTURE_SUFFIXES, array_shapes, numbered
from models.data.probing import is_simulated
from models.data.rows import Dataset, EegArray, FrameArray, Problem, Row, pseudonyms
from models.data.table import read_table
from realtime.errors import ConfigurationError, DataError
from realtime.untrusted import is_file, read_json

Scheme = Literal["valence", "arousal", "quadrant"]
"""What becomes of the ratings: 'positive', 'negative' or 'neutral'; 'high' or 'low'; both, as 'positive-high'."""

COLUMNS: tuple[str, ...] = ("subdirectory_filepath", "valence", "arousal", "eeg")
ASSUMED_FPS = 30.0

_CLIP = re.compile(r"^(\d{1,4})_0*(\d{1,4})(?:_|\.|$)")
_FOLDERS = (".", "Train", "Test", "train", "test", "data")
_MOST_INDEX_FILES = 1000


@dataclass(slots=True)
class _Clip:
    """Index rows of one clip, gathered."""

    subject: int
    number: int
    pictures: list[str] = field(default_factory=list)
    eeg: list[str] = field(default_factory=list)
    ratings: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Known:
    """What hed.json says."""

    fps: float | None = None
    sfreq_hz: float | None = None
    channels: tuple[str, ...] = ()
    unit: Literal["V", "uV"] | None = None


def recognises(path: Path) -> bool:
    """Whether a folder, or its 'scripts', holds an index file with HED's columns."""
    return bool(_index_files(path))


def read(path: Path, scheme: Scheme = "valence") -> Dataset:
    """Read HED: one row a clip, its pictures with its EEG where that is of a known kind.

    Parameters
    ----------
    path : Path
        Folder of the index files, or the one above 'scripts'.
    scheme : 'valence', 'arousal' or 'quadrant'
        What the label is made of; the sign of the median rating of the clip's rows.

    Raises
    ------
    ConfigurationError
        No such scheme.
    DataError
        No index file, or a hed.json that cannot be used.
    """
    if scheme not in get_args(Scheme):
        raise ConfigurationError(f"no scheme '{scheme}' of HED's labels; wanted {', '.join(get_args(Scheme))}")
    path = path.absolute()
    files = _index_files(path)
    if not files:
        raise DataError(f"no HED in '{path}': wanted a .csv with the columns {', '.join(COLUMNS)}")
    root = files[0].parent.parent if files[0].parent.name == "scripts" else files[0].parent
    known = _known(root, files[0].parent)
    problems: list[Problem] = []
    clips: dict[tuple[int, int], _Clip] = {}
    for number, file in enumerate(files, 1):
        _gather(file, f"index {number}", clips, problems)
    called = pseudonyms([f"{clip.subject:04d}" for clip in clips.values()])
    reader = _Reader(root, known, scheme, problems)
    rows = [reader.row(clips[key], called[f"{key[0]:04d}"]) for key in sorted(clips)]
    reader.summarise()
    return Dataset("hed", tuple(row for row in rows if row is not None), tuple(problems), is_simulated(root))


def _index_files(path: Path) -> list[Path]:
    for folder in (path / "scripts", path):
        found = sorted(folder.glob("*.csv")) if folder.is_dir() else []
        files = [file for file in found if file.is_file()][:_MOST_INDEX_FILES]
        if wanted := [file for file in files if _header(file) == COLUMNS]:
            return wanted
    return []


def _header(file: Path) -> tuple[str, ...]:
    try:
        with file.open(encoding="utf-8-sig", errors="replace") as lines:
            first = lines.readline(10_000)
    except OSError as err:
        raise DataError(f"cannot read '{file}': {err.strerror or err}") from err
    return tuple(cell.strip().lower() for cell in next(csv.reader([first]), []))


def _known(*folders: Path) -> _Known:
    file = next((folder / "hed.json" for folder in folders if (folder / "hed.json").is_file()), None)
    if file is None:
        return _Known()
    try:
        said: dict[str, Any] = read_json(file)
        eeg = said.get("eeg", {})
        unit = eeg.get("unit")
        if unit not in (None, "V", "uV"):
            raise DataError(f"hed.json: unit is '{unit}', wanted 'V' or 'uV'")
        numbers = {"fps": said.get("fps"), "sfreq_hz": eeg.get("sfreq_hz")}
        for name, value in numbers.items():
            if value is not None and not (np.isfinite(value) and value > 0):
                raise DataError(f"hed.json: {name} is {value}, wanted a positive number")
        return _Known(numbers["fps"], numbers["sfreq_hz"], tuple(str(name) for name in eeg.get("channels", ())), unit)
    except (OSError, ValueError, TypeError, AttributeError) as err:
        raise DataError(f"cannot read hed.json: {err}; wanted {{'fps': 30.0, 'eeg': {{'sfreq_hz': ...}}}}") from err


def _gather(file: Path, where: str, clips: dict[tuple[int, int], _Clip], problems: list[Problem]) -> None:
    """Add an index file's rows to their clips; it is called by its number, as its name holds somebody's initials."""
    try:
        table = read_table(file)
    except DataError as err:
        problems.append(Problem(where, "file", str(err).replace(str(file), where).replace(file.name, where)))
        return
    problems += [Problem(p.where.replace(file.name, where), p.field, p.message, p.kind) for p in table.problems]
    for record in table.records:
        at = f"{where} row {record.number}"
        picture, eeg = record.cells.get(COLUMNS[0], ""), record.cells.get("eeg", "")
        key = _key(picture) or _key(eeg)
        if key is None:
            problems.append(Problem(at, COLUMNS[0], "names no clip: wanted '01_02_.../1.png', subject and clip"))
            continue
        try:
            ratings = float(record.cells["valence"]), float(record.cells["arousal"])
        except (KeyError, ValueError):
            problems.append(Problem(at, "label", "valence and arousal are not both numbers"))
            continue
        if not all(-1.0 <= value <= 1.0 for value in ratings):
            message = f"valence {ratings[0]:g} and arousal {ratings[1]:g}: wanted -1 to 1"
            problems.append(Problem(at, "label", message))
            continue
        clip = clips.setdefault(key, _Clip(*key))
        clip.ratings.append(ratings)
        for names, name in ((clip.pictures, picture), (clip.eeg, eeg)):
            if name and name not in names[-1:]:
                names.append(name)


def _key(name: str) -> tuple[int, int] | None:
    """Subject and clip of '01_02_xyz/17.png' or 'Train/01_02_eeg.npy'."""
    for part in name.replace("\\", "/").split("/"):
        if found := _CLIP.match(part):
            return int(found[1]), int(found[2])
    return None


class _Reader:
    """Turns gathered clips into rows, and counts what is the same for all of them."""

    def __init__(self, root: Path, known: _Known, scheme: Scheme, problems: list[Problem]) -> None:
        self._root, self._known, self._scheme, self._problems = root, known, scheme, problems
        self._without_rate = self._unknown_eeg = 0

    def row(self, clip: _Clip, called: str) -> Row | None:
        sample = f"{called}_clip-{clip.number:02d}"
        face = self._face(clip, sample)
        eeg = self._eeg(clip, sample)
        if face is None and eeg is None:
            self._problems.append(Problem(sample, "row", "neither pictures nor EEG of a known kind"))
            return None
        return Row(sample, called, sample, self._label(clip, sample), eeg, face, sample)

    def summarise(self) -> None:
        """Say once what holds for many clips."""
        if self._without_rate:
            message = f"{self._without_rate} clips: HED's frame rate is not published, {ASSUMED_FPS:g} is taken"
            self._problems.append(Problem("data set", "fps", f"{message}; give it in hed.json", "kept"))
        if self._unknown_eeg:
            message = (
                f"{self._unknown_eeg} clips have one array a frame, whose meaning is not published: used without EEG; "
                "wanted one array a clip, (windows, channels, bands) or, described in hed.json, (channels, times)"
            )
            self._problems.append(Problem("data set", "eeg", message, "kept"))

    def _label(self, clip: _Clip, where: str) -> str:
        if len(set(clip.ratings)) > 1:
            self._problems.append(
                Problem(where, "label", "ratings change within the clip; their median counts", "kept")
            )
        valence, arousal = np.median(np.array(clip.ratings), axis=0)
        sign = "positive" if valence > 0 else "negative" if valence < 0 else "neutral"
        height = "high" if arousal > 0 else "low"
        return {"valence": sign, "arousal": height, "quadrant": f"{sign}-{height}"}[self._scheme]

    def _face(self, clip: _Clip, where: str) -> FrameArray | None:
        if not clip.pictures:
            return None
        file = self._found(clip.pictures[0])
        if file is None or (file.suffix.lower() in PICTURE_SUFFIXES and not numbered(file.parent)):
            self._tell(where, "video", "the pictures that the index names are not there; used without them")
            return None
        fps = self._known.fps or ASSUMED_FPS
        self._without_rate += self._known.fps is None
        if file.suffix.lower() in PICTURE_SUFFIXES:
            there = len(numbered(file.parent))
            if there != len(clip.pictures):
                self._tell(where, "video", f"{there} pictures in the folder, {len(clip.pictures)} in the index")
            return FrameArray(file.parent, None, None, fps)
        try:
            key, shape = next(iter(array_shapes(file).items()))
            if len(shape) not in (3, 4):
                raise DataError(f"frames of shape {shape}, wanted (frames, height, width[, 3])")
        except DataError as err:
            self._tell(where, "video", f"{err}; used without it")
            return None
        return FrameArray(file, None, None, fps, key)

    def _eeg(self, clip: _Clip, where: str) -> EegArray | None:
        if not clip.eeg:
            return None
        if len(clip.eeg) > 1:
            self._unknown_eeg += 1
            return None
        file = self._found(clip.eeg[0])
        try:
            if file is None or file.suffix.lower() not in ARRAY_SUFFIXES:
                raise DataError("the EEG array that the index names is not there")
            shapes = array_shapes(file)
            if len(shapes) != 1:
                raise DataError(f"{len(shapes)} arrays in '{file.name}', wanted one")
            ((key, shape),) = shapes.items()
            if len(shape) == 3:
                return EegArray(file, None, self._known.channels, key)
            if len(shape) != 2 or self._known.sfreq_hz is None:
                raise DataError(f"array of shape {shape}: without 'sfreq_hz' in hed.json nobody can tell what it is")
        except DataError as err:
            self._tell(where, "eeg", f"{err}; used without it")
            return None
        return EegArray(file, self._known.sfreq_hz, self._known.channels, key, None, self._known.unit)

    def _found(self, name: str) -> Path | None:
        """A file the index names, below one of the usual folders and nowhere else."""
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        if ".." in parts:
            return None
        candidates = (self._root.joinpath(folder, *parts) for folder in _FOLDERS)
        return next((file for file in candidates if is_file(file)), None)

    def _tell(self, where: str, name: str, message: str) -> None:
        self._problems.append(Problem(where, name, message, "kept"))
