"""Simulated people in the layout of DEAP; see `models.data.deap`.

Numbers of trials and their length are as asked for, not DEAP's 40 and 60 s, and there are 32 simulated channels of EEG
beside 8 that hold nothing.
"""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from simulators.cohort_files import CohortOptions, SimulatedSession
from simulators.layouts import over_subjects
from simulators.layouts.bdf_file import write_bdf
from simulators.layouts.film_file import faces, write_film

SFREQ_HZ = 128
BASELINE_S = 3.0
FILM_HZ = 50.0
ORIGINAL_HZ = 512

# fmt: off
EEG_CHANNELS: tuple[str, ...] = (
    "Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3", "T7", "CP5", "CP1", "P3", "P7", "PO3", "O1", "Oz", "Pz",
    "Fp2", "AF4", "Fz", "F4", "F8", "FC6", "FC2", "Cz", "C4", "T8", "CP6", "CP2", "P4", "P8", "PO4", "O2",
)
# fmt: on
"""The order of the preprocessed data."""

VALENCE: dict[str, float] = {"happy": 8.0, "calm": 6.5, "surprise": 5.5}
AROUSAL: dict[str, float] = {"sad": 3.0, "calm": 2.0}
_OTHER_VALENCE, _OTHER_AROUSAL = 2.5, 7.0


def ratings_of(emotion: str) -> tuple[float, float]:
    """Valence and arousal, 1 to 9, that simulated people give a clip of an emotion, before their own deviation."""
    return VALENCE.get(emotion, _OTHER_VALENCE), AROUSAL.get(emotion, _OTHER_AROUSAL)


def write(
    options: CohortOptions, out: Path, *, jobs: int = 1, size: tuple[int, int] = (640, 480), original: bool = False
) -> Path:
    """Write one .dat file a subject, the table of ratings and, with `options.videos`, one film a trial.

    Parameters
    ----------
    options : CohortOptions
    out : Path
        An empty folder.
    jobs : int
        Processes.
    size : (width, height), px
        Of the films.
    original : bool
        Whether data_original/sXX.bdf is written instead of the .dat files.

    Returns
    -------
    Path
        `out`.
    """
    lines = over_subjects(partial(_write_subject, out=out, size=size, original=original), options, jobs)
    folder = out / "metadata_csv"
    folder.mkdir()
    header = "Participant_id,Trial,Experiment_id,Start_time,Valence,Arousal,Dominance,Liking,Familiarity"
    table = [header, *(line for of_subject in lines for line in of_subject)]
    (folder / "participant_ratings.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    return out


def _write_subject(session: SimulatedSession, out: Path, size: tuple[int, int], original: bool) -> list[str]:
    """Write a subject's files; returns their lines of the table of ratings."""
    options, index = session.options, session.index
    rng = np.random.default_rng([options.seed, index, 17])
    name = f"s{index + 1:02d}"
    # videos are numbered by what they show, and shown to each person in an order of their own
    order = _numbers(session)
    ratings = np.array([[*ratings_of(clip.emotion), 5.0, 5.0] for clip in session.clips])
    ratings = np.clip(ratings + rng.normal(0.0, 0.4, ratings.shape), 1.0, 9.0)
    if original:
        _write_original(out / "data_original", name, session)
    else:
        _write_preprocessed(out / "data_preprocessed_python", name, session, order, ratings)
    if options.videos:
        folder = out / "face_video" / name
        folder.mkdir(parents=True, exist_ok=True)
        face = session.face(size)
        for clip in session.clips:
            film = folder / f"{name}_trial{clip.number + 1:02d}.avi"
            write_film(film, faces(face, clip.start_s, clip.end_s, FILM_HZ), FILM_HZ)
    return [
        f"{index + 1},{clip.number + 1},{order[clip.number]},{round(clip.start_s * 1e6)},"
        + ",".join(f"{value:.2f}" for value in ratings[clip.number])
        + ",3"
        for clip in session.clips
    ]


def _numbers(session: SimulatedSession) -> list[int]:
    """Number of the video of each clip: clips in alphabetical order of their emotions, then of their showing."""
    shown = sorted(session.clips, key=lambda clip: (clip.emotion, clip.number))
    place = {clip.number: i for i, clip in enumerate(shown, 1)}
    return [place[clip.number] for clip in session.clips]


def _write_preprocessed(
    folder: Path, name: str, session: SimulatedSession, order: list[int], ratings: NDArray[np.float64]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    before, n_times = round(BASELINE_S * SFREQ_HZ), round((BASELINE_S + session.options.seconds) * SFREQ_HZ)
    data = np.zeros((len(session.clips), len(EEG_CHANNELS) + 8, n_times))
    labels = np.zeros((len(session.clips), 4))
    whole = session.eeg(float(SFREQ_HZ), EEG_CHANNELS).samples(0, round(session.duration_s * SFREQ_HZ))
    for clip in session.clips:
        place, first = order[clip.number] - 1, round(clip.start_s * SFREQ_HZ) - before
        part = whole[:, first : first + n_times]
        data[place, : len(EEG_CHANNELS), : part.shape[1]] = part - part.mean(axis=1, keepdims=True)
        labels[place] = ratings[clip.number]
    with (folder / f"{name}.dat").open("wb") as file:
        pickle.dump({"data": data, "labels": labels}, file, protocol=2)


def _write_original(folder: Path, name: str, session: SimulatedSession) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    eeg = session.eeg(float(ORIGINAL_HZ), EEG_CHANNELS)
    told = [(0.5, 1), (1.5, 1)]
    for clip in session.clips:
        told += [(clip.start_s, 4), (min(clip.end_s, session.duration_s - 0.2), 5)]
    write_bdf(
        folder / f"{name}.bdf",
        EEG_CHANNELS,
        ORIGINAL_HZ,
        round(session.duration_s),
        lambda k: eeg.samples(k * ORIGINAL_HZ, ORIGINAL_HZ),
        triggers=told,
    )
