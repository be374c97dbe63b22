"""Simulated people in the layout of HED, with EEG as one array a clip; see `models.data.hed`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from realtime.errors import DataError
from simulators.cohort_files import CohortOptions, SimulatedSession
from simulators.layouts import over_subjects
from simulators.layouts.deap import ratings_of
from simulators.layouts.film_file import faces

SFREQ_HZ = 250
CHANNELS: tuple[str, ...] = ("Fp1", "Fp2", "C3", "C4", "T7", "T8", "O1", "O2")


def write(options: CohortOptions, out: Path, *, jobs: int = 1, size: tuple[int, int] = (640, 480)) -> Path:
    """Write the index files, one EEG array a clip and, with `options.videos`, a folder of pictures a clip.

    Parameters
    ----------
    options : CohortOptions
    out : Path
        An empty folder.
    jobs : int
        Processes.
    size : (width, height), px
        Of the pictures.

    Returns
    -------
    Path
        `out`.
    """
    (out / "scripts").mkdir()
    known = {"fps": options.fps, "eeg": {"sfreq_hz": SFREQ_HZ, "channels": CHANNELS, "unit": "uV"}}
    (out / "hed.json").write_text(json.dumps(known, indent=1), encoding="utf-8")
    over_subjects(partial(_write_subject, out=out, size=size), options, jobs)
    return out


def _write_subject(session: SimulatedSession, out: Path, size: tuple[int, int]) -> None:
    options, index = session.options, session.index
    eeg, face = session.eeg(float(SFREQ_HZ), CHANNELS), session.face(size)
    lines = ['"subDirectory_filePath","valence","arousal","eeg"']
    for clip in session.clips:
        key = f"{index + 1:02d}_{clip.number + 1:02d}"
        first, last = round(clip.start_s * SFREQ_HZ), round(clip.end_s * SFREQ_HZ)
        samples = f"{key}_eeg/eeg.npy"
        (out / "Train" / f"{key}_eeg").mkdir(parents=True, exist_ok=True)
        np.save(out / "Train" / samples, eeg.samples(first, last - first))
        pictures = [""]
        if options.videos:
            folder = out / "Train" / f"{key}_{session.name}"
            folder.mkdir(exist_ok=True)
            pictures = []
            for k, picture in enumerate(faces(face, clip.start_s, clip.end_s, options.fps), 1):
                if not cv2.imwrite(str(folder / f"{k}.png"), picture):
                    raise DataError(f"cannot write pictures to '{folder}': try another folder")
                pictures.append(f"{folder.name}/{k}.png")
        # ratings of 1 to 9 as HED's of -1 to 1
        valence, arousal = ((rating - 5.0) / 4.0 for rating in ratings_of(clip.emotion))
        lines += [f'"{picture}","{valence:.3f}","{arousal:.3f}","{samples}"' for picture in pictures]
    file = out / "scripts" / f"training_{index + 1:02d}_{session.name}.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
