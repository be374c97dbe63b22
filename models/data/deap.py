"""DEAP: 32 people, 40 music videos of a minute each, EEG and, for 22 of them, the face on film.

DEAP is licensed: the agreement forbids passing it on and commercial use, and pictures of the participants may be shown
only as far as it allows. Nothing of it belongs into this repository; the tests read files made in its layout.

Layout (Koelstra et al. 2012 and the data set's own readme):

    data_preprocessed_python/s01.dat    pickled {'data': (40, 40, 8064), 'labels': (40, 4)}: video, channel, sample at
                                        128 Hz, the first 3 s before the video; valence, arousal, dominance, liking, 1-9
    data_preprocessed_matlab/s01.mat    the same
    data_original/s01.bdf               the whole session at 512 Hz; trigger 4 where a video starts
    face_video/s01/s01_trial01.avi      50 frames a second
    metadata_csv/participant_ratings.csv    Participant_id, Trial, Experiment_id, ...

Traps: preprocessed data are in the order of `Experiment_id`, the same for everybody, while films and the original
recordings are in the order of presentation (`Trial`), which differs, so that without the ratings file no film belongs
to any EEG; the last films of some people are missing; the trigger channel of the files recorded in Geneva (from s23 on)
carries the amplifier's state in its higher bits and in some has no name; the last 8 of the 40 channels are no EEG. The
preprocessed data give no unit: by their size they are microvolts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from models.data.arrays import array_shapes, load_array
from models.data.probing import is_simulated, recording_facts
from models.data.rows import Dataset, EegArray, EegRecording, EegSource, Problem, Row, VideoSpan, pseudonyms
from models.data.table import read_table
from realtime.errors import ConfigurationError, DataError
from realtime.face.films import film_facts

Scheme = Literal["valence", "arousal", "quadrant"]
"""What becomes of the ratings: 'positive' or 'negative'; 'high' or 'low'; both, as 'positive-high'."""

# fmt: off
CHANNELS: tuple[str, ...] = (
    "Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3", "T7", "CP5", "CP1", "P3", "P7", "PO3", "O1", "Oz", "Pz",
    "Fp2", "AF4", "Fz", "F4", "F8", "FC6", "FC2", "Cz", "C4", "T8", "CP6", "CP2", "P4", "P8", "PO4", "O2",
    "hEOG", "vEOG", "zEMG", "tEMG", "GSR", "Respiration", "Plethysmograph", "Temperature",
)
# fmt: on
"""Channels of the preprocessed data, in their order; the first 32 are EEG."""

RATINGS: tuple[str, ...] = ("valence", "arousal", "dominance", "liking")
SFREQ_HZ = 128.0
BASELINE_S = 3.0
VIDEO_S = 60.0

_START_CODE = 4
_SUBJECT = re.compile(r"^s(\d{2})$", re.IGNORECASE)
_FOLDERS = (".", "data_preprocessed_python", "data_preprocessed_matlab", "data_original")
_SUFFIXES = (".dat", ".mat", ".bdf")
_RATING_FILES = ("participant_ratings.csv", "metadata_csv/participant_ratings.csv", "metadata/participant_ratings.csv")


@dataclass(frozen=True, slots=True)
class _Ratings:
    """One trial: which video it showed and what the person said of it."""

    video: int
    values: tuple[float, ...]


class _Remarks(list[Problem]):
    def add(self, where: str, field: str, message: str, *, kept: bool = False) -> None:
        self.append(Problem(where, field, message, "kept" if kept else "excluded"))


def recognises(path: Path) -> bool:
    """Whether a folder holds DEAP's files of subjects: s01.dat, s01.mat or s01.bdf, there or in their own folders."""
    return bool(_subject_files(path))


def read(path: Path, scheme: Scheme = "valence", threshold: float = 5.0) -> Dataset:
    """Read DEAP: one row a trial, its EEG with the film of the face where there is one.

    Preprocessed files are preferred to original ones.

    Parameters
    ----------
    path : Path
        The data set's folder, or the one that holds the subjects' files.
    scheme : 'valence', 'arousal' or 'quadrant'
        What the label is made of.
    threshold : float
        A rating above it is positive or high; those that are equal are negative or low.

    Raises
    ------
    ConfigurationError
        No such scheme.
    DataError
        No file of any subject.
    """
    if scheme not in get_args(Scheme):
        raise ConfigurationError(f"no scheme '{scheme}' of DEAP's labels; wanted {', '.join(get_args(Scheme))}")
    path = path.absolute()
    files = _subject_files(path)
    if not files:
        raise DataError(f"no DEAP in '{path}': wanted s01.dat, s01.mat or s01.bdf in it or in data_preprocessed_python")
    root = path.parent if path.name in _FOLDERS else path
    problems = _Remarks()
    trials = _read_ratings(root, problems)
    called = pseudonyms(list(files))
    rows: list[Row] = []
    for name, file in files.items():
        person = _Person(called[name], name, file, trials.get(int(name[1:]), {}), problems)
        films = root / "face_video" / name
        found = person.original_rows(films) if file.suffix.lower() == ".bdf" else person.preprocessed_rows(films)
        rows += [_labelled(row, ratings, scheme, threshold) for row, ratings in found]
    return Dataset("deap", tuple(rows), tuple(problems), is_simulated(root) or is_simulated(path))


def _subject_files(path: Path) -> dict[str, Path]:
    """'s01' -> its file, of the first kind there is any of."""
    for suffix in _SUFFIXES:
        for folder in (path / name for name in _FOLDERS):
            found = sorted(folder.glob(f"s*{suffix}")) if folder.is_dir() else []
            if named := {file.stem.lower(): file for file in found if _SUBJECT.match(file.stem)}:
                return named
    return {}


def _read_ratings(root: Path, problems: _Remarks) -> dict[int, dict[int, _Ratings]]:
    """Participant -> trial in the order of presentation -> what was shown and said; empty where there is no file."""
    file = next((root / name for name in _RATING_FILES if (root / name).is_file()), None)
    if file is None:
        if (root / "face_video").is_dir():
            message = "no participant_ratings.csv, so no film can be told to belong to any EEG: all are left out"
            problems.add("data set", "ratings", message, kept=True)
        return {}
    table = read_table(file)
    wanted = ("participant_id", "trial", "experiment_id", *RATINGS)
    if missing := [name for name in wanted if name not in table.columns]:
        raise DataError(f"'{file.name}' lacks the column '{missing[0]}'; found: {', '.join(table.columns)}")
    found: dict[int, dict[int, _Ratings]] = {}
    problems.extend(table.problems)
    for record in table.records:
        try:
            subject, trial, video = (int(float(record.cells[name])) for name in wanted[:3])
            ratings = _Ratings(video, tuple(float(record.cells[name]) for name in RATINGS))
        except (KeyError, ValueError, OverflowError) as err:
            problems.add(f"{file.name} row {record.number}", "ratings", f"no number where one is wanted: {err}")
            continue
        if found.setdefault(subject, {}).setdefault(trial, ratings) is not ratings:
            problems.add(f"{file.name} row {record.number}", "trial", f"trial {trial} is given twice; the first counts")
    return found


class _Person:
    """One subject's file and what is known of the trials in it."""

    def __init__(self, pseudonym: str, name: str, file: Path, trials: dict[int, _Ratings], problems: _Remarks) -> None:
        self._called, self._name, self._file, self._trials, self._problems = pseudonym, name, file, trials, problems

    def preprocessed_rows(self, films: Path) -> list[tuple[Row, tuple[float, ...]]]:
        """One row a video of a .dat or .mat file; the file is opened, not kept."""
        try:
            labels = self._checked()
        except DataError as err:
            self._problems.add(self._called, "eeg", str(err))
            return []
        shown_in = {ratings.video: trial for trial, ratings in self._trials.items()}
        rows = []
        for index, ratings in enumerate(labels):
            eeg = EegArray(self._file, SFREQ_HZ, CHANNELS, "data", index, "uV")
            row = self._row(index + 1, shown_in.get(index + 1), films, eeg, ratings)
            rows += [row] if row is not None else []
        return rows

    def original_rows(self, films: Path) -> list[tuple[Row, tuple[float, ...]]]:
        """One row a trial of a .bdf file, found by the trigger at its start."""
        if not self._trials:
            self._problems.add(
                self._called, "label", "an original recording without its rows in participant_ratings.csv"
            )
            return []
        try:
            facts = recording_facts(self._file, triggers=True)
        except DataError as err:
            self._problems.add(self._called, "eeg", str(err))
            return []
        starts = [time_s for time_s, code in facts.triggers if code == _START_CODE]
        if len(starts) != len(self._trials):
            message = f"{len(starts)} triggers '{_START_CODE}' for {len(self._trials)} rated trials"
            self._problems.add(self._called, "eeg", f"{message}: which is which cannot be told")
            return []
        rows = []
        for (trial, ratings), start_s in zip(sorted(self._trials.items()), starts, strict=True):
            stop_s = min(start_s + VIDEO_S, facts.duration_s)
            eeg = EegRecording(self._file, start_s, stop_s)
            row = self._row(ratings.video, trial, films, eeg, ratings.values)
            rows += [row] if row is not None else []
        return rows

    def _checked(self) -> NDArray[np.float64]:
        """(n_trials, 4) ratings of a preprocessed file whose arrays are what they should be."""
        shapes = array_shapes(self._file)
        data, labels = shapes.get("data", ()), shapes.get("labels", ())
        if len(data) != 3 or data[1] != len(CHANNELS) or labels != (data[0], len(RATINGS)):
            wanted = f"(trials, {len(CHANNELS)}, samples) and (trials, {len(RATINGS)})"
            raise DataError(f"'data' {data} and 'labels' {labels} in '{self._file.name}': wanted {wanted}")
        usual = round((BASELINE_S + VIDEO_S) * SFREQ_HZ)
        if data[2] <= BASELINE_S * SFREQ_HZ:
            raise DataError(
                f"{data[2]} samples a trial, wanted {usual}: nothing is left after the {BASELINE_S:g} s before"
            )
        if data[2] != usual:
            message = f"{data[2]} samples a trial, wanted {usual}; taken to be at {SFREQ_HZ:g} Hz all the same"
            self._problems.add(self._called, "eeg", message, kept=True)
        return np.asarray(load_array(self._file, "labels"), np.float64)

    def _row(
        self,
        video: int,
        trial: int | None,
        films: Path,
        eeg: EegSource,
        ratings: NDArray[np.float64] | tuple[float, ...],
    ) -> tuple[Row, tuple[float, ...]] | None:
        where = f"{self._called} video {video}"
        values = tuple(float(value) for value in ratings)
        if not all(np.isfinite(value) and 1.0 <= value <= 9.0 for value in values[:2]):
            self._problems.add(where, "label", f"valence {values[0]:g} and arousal {values[1]:g}: wanted 1 to 9")
            return None
        sample = f"{self._called}_video-{video:02d}"
        return Row(sample, self._called, sample, "", eeg, self._film(films, trial, where), where), values

    def _film(self, films: Path, trial: int | None, where: str) -> VideoSpan | None:
        if trial is None or not films.is_dir():
            return None  # ten people were not filmed; that the ratings are missing was said once
        file = films / f"{self._name}_trial{trial:02d}.avi"
        try:
            facts = film_facts(file)
        except DataError as err:
            self._problems.add(where, "video", f"{err}; the EEG is used without it", kept=True)
            return None
        return VideoSpan(file, 0.0, min(VIDEO_S, facts.duration_s))


def _labelled(row: Row, ratings: tuple[float, ...], scheme: Scheme, threshold: float) -> Row:
    valence = "positive" if ratings[0] > threshold else "negative"
    arousal = "high" if ratings[1] > threshold else "low"
    label = {"valence": valence, "arousal": arousal, "quadrant": f"{valence}-{arousal}"}[scheme]
    return Row(row.sample, row.subject, row.group, label, row.eeg, row.face, row.where)
