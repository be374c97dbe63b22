"""Simulated people as a BIDS-EEG data set; see `models.data.bids`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from simulators.cohort_files import CohortOptions, SimulatedSession
from simulators.layouts import over_subjects
from simulators.layouts.bdf_file import write_bdf
from simulators.layouts.deap import EEG_CHANNELS
from simulators.layouts.film_file import faces, write_film

TASK = "films"
SFREQ_HZ = 256
FILM_BEGINS_S = 0.5


def write(options: CohortOptions, out: Path, *, jobs: int = 1, size: tuple[int, int] = (640, 480)) -> Path:
    """Write a data set of one recording a subject, with its side files and, with `options.videos`, a film.

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
    """
    told = {"Name": "Simulated people who hide emotions", "BIDSVersion": "1.10.0", "DatasetType": "raw"}
    _json(out / "dataset_description.json", told | {"License": "CC0", "Authors": ["nobody"]})
    (out / "README").write_text("Nobody in this data set is real.\n", encoding="utf-8")
    names = over_subjects(partial(_write_subject, out=out, size=size), options, jobs)
    lines = ["participant_id\tage", *(f"{name}\tn/a" for name in names)]
    (out / "participants.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return out


def _write_subject(session: SimulatedSession, out: Path, size: tuple[int, int]) -> str:
    name = session.pseudonym
    folder = out / name / "eeg"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{name}_task-{TASK}"
    eeg = session.eeg(float(SFREQ_HZ), EEG_CHANNELS)
    seconds = round(session.duration_s)
    write_bdf(
        folder / f"{stem}_eeg.bdf", EEG_CHANNELS, SFREQ_HZ, seconds, lambda k: eeg.samples(k * SFREQ_HZ, SFREQ_HZ)
    )
    sidecar = {
        "TaskName": TASK,
        "SamplingFrequency": SFREQ_HZ,
        "EEGReference": "n/a",
        "PowerLineFrequency": 50,
        "SoftwareFilters": "n/a",
        "RecordingDuration": seconds,
        "EEGChannelCount": len(EEG_CHANNELS),
        "TriggerChannelCount": 1,
    }
    _json(folder / f"{stem}_eeg.json", sidecar)
    channels = [f"{channel}\tEEG\tµV\tgood" for channel in EEG_CHANNELS]
    lines = ["name\ttype\tunits\tstatus", *channels, "Status\tTRIG\tn/a\tn/a"]
    (folder / f"{stem}_channels.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    _write_events(folder / f"{stem}_events.tsv", session)
    if session.options.videos:
        _write_film(out / name / "beh", stem, session, size)
    return name


def _write_events(path: Path, session: SimulatedSession) -> None:
    shown = [clip for clip in session.clips if clip.has_eeg]
    events = [(clip.start_s, f"{clip.end_s - clip.start_s:.4f}", f"stimulus/{clip.emotion}") for clip in shown]
    events += [(clip.start_s - 0.5, "0.5", "fixation") for clip in session.clips]
    lines = [f"{onset_s:.4f}\t{duration}\t{kind}" for onset_s, duration, kind in sorted(events)]
    path.write_text("\n".join(["onset\tduration\ttrial_type", *lines]) + "\n", encoding="utf-8")


def _write_film(folder: Path, stem: str, session: SimulatedSession, size: tuple[int, int]) -> None:
    folder.mkdir(exist_ok=True)
    fps = session.options.fps
    pictures = faces(session.face(size), FILM_BEGINS_S, session.duration_s, fps)
    write_film(folder / f"{stem}_video.avi", pictures, fps)
    _json(folder / f"{stem}_video.json", {"StartTime": FILM_BEGINS_S})


def _json(path: Path, told: dict[str, Any]) -> None:
    path.write_text(json.dumps(told, indent=1), encoding="utf-8")
