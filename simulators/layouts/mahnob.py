"""Simulated people in the layout of MAHNOB-HCI; see `models.data.mahnob`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np

from realtime.errors import ConfigurationError
from realtime.packets import Float32
from simulators.cohort_files import CohortOptions, SimulatedClip, SimulatedSession
from simulators.eeg import EegSimulator
from simulators.layouts import over_subjects
from simulators.layouts.bdf_file import write_bdf
from simulators.layouts.deap import EEG_CHANNELS
from simulators.layouts.film_file import faces, write_film

SFREQ_HZ = 256
FILM_HZ = 61.0
MARGIN_S = 2.0
"""Recorded before and after a clip; 30 s in MAHNOB-HCI itself."""

CODES: dict[str, int] = {"angry": 1, "disgust": 2, "fear": 3, "happy": 4, "sad": 5, "surprise": 6, "tense": 12}
"""`feltEmo` of the emotions that simulated people hide."""

_OTHER_CHANNELS = ("EXG1", "GSR1", "Resp", "Temp")
_TRIGGER = 16


def write(options: CohortOptions, out: Path, *, jobs: int = 1, size: tuple[int, int] = (640, 480)) -> Path:
    """Write one folder a clip: session.xml, a .bdf and, with `options.videos`, the film.

    Parameters
    ----------
    options : CohortOptions
    out : Path
        An empty folder.
    jobs : int
        Processes.
    size : (width, height), px
        Of the films.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    ConfigurationError
        A class that `feltEmo` has no code for.
    """
    if unknown := [name for name in options.classes if name not in CODES]:
        raise ConfigurationError(f"MAHNOB-HCI has no code for '{unknown[0]}': wanted some of {', '.join(CODES)}")
    over_subjects(partial(_write_subject, out=out, size=size), options, jobs)
    return out


def _write_subject(session: SimulatedSession, out: Path, size: tuple[int, int]) -> None:
    index, films = session.index, session.options.videos
    eeg, face = session.eeg(float(SFREQ_HZ), EEG_CHANNELS), session.face(size)
    for clip in session.clips:
        # sessions have even numbers in the data set, 130 of them a person
        number = 130 * index + 2 * (clip.number + 1)
        folder = out / "Sessions" / str(number)
        folder.mkdir(parents=True, exist_ok=True)
        recording = f"Part_{index + 1}_S_Trial{clip.number + 1}_emotion.bdf"
        film = f"P{index + 1}-Rec1-2000.01.01.00.00.00_C1 trigger _C_Section_{number}.avi"
        _write_recording(folder / recording, eeg, clip)
        if films:
            write_film(folder / film, faces(face, clip.start_s, clip.end_s, FILM_HZ), FILM_HZ)
        told = _xml(index + 1, number, clip, recording, film if films else "")
        (folder / "session.xml").write_text(told, encoding="utf-8")


def _write_recording(path: Path, eeg: EegSimulator, clip: SimulatedClip) -> None:
    """The clip with a margin, and triggers unless they were lost."""
    begin = max(0, round((clip.start_s - MARGIN_S) * SFREQ_HZ))
    start_s, stop_s = clip.start_s - begin / SFREQ_HZ, clip.end_s - begin / SFREQ_HZ
    seconds = int(np.ceil(stop_s + MARGIN_S))

    def second(k: int) -> Float32:
        brain = eeg.samples(begin + k * SFREQ_HZ, SFREQ_HZ)
        return np.concatenate([brain, np.zeros((len(_OTHER_CHANNELS), SFREQ_HZ), np.float32)])

    triggers = [(start_s, _TRIGGER), (stop_s, _TRIGGER)] if clip.has_eeg else []
    write_bdf(path, [*EEG_CHANNELS, *_OTHER_CHANNELS], SFREQ_HZ, seconds, second, triggers=triggers)


def _xml(subject: int, number: int, clip: SimulatedClip, recording: str, film: str) -> str:
    told = {
        "sessionId": number,
        "isStim": 1,
        "experimentType": "emotion elicitation",
        "feltEmo": CODES[clip.emotion],
        "cutNr": clip.number + 1,
        "cutLenSec": f"{clip.end_s - clip.start_s:.6f}",
        "vidRate": f"{FILM_HZ:g}",
    }
    attributes = " ".join(f"{name}={quoteattr(str(value))}" for name, value in told.items())
    video = f'<track type="Video" color="1" filename={quoteattr(film)}/>' if film else ""
    body = f'<track type="Physiological" filename={quoteattr(recording)}/>'
    return f'<?xml version="1.0"?>\n<session {attributes}><subject id="{subject}"/>{video}{body}</session>\n'
