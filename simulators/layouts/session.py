"""Simulated people in the layout of this project's own recordings; see `models.data.session`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from simulators.cohort_files import CohortOptions, SimulatedSession
from simulators.layouts import over_subjects
from simulators.layouts.film_file import faces, write_film
from simulators.layouts.xdf_file import XdfStream, write_xdf

CLOCK_S = 5000.0
"""LSL time of a session's first EEG sample, on the recorder's clock."""

CAMERA_OFFSET_S = 1234.5
"""The camera's machine has a clock of its own: what is added to its stamps."""

CAMERA_LATE_S = 0.5
"""The film begins so long after the EEG."""


def write(options: CohortOptions, out: Path, *, jobs: int = 1, size: tuple[int, int] = (640, 480)) -> Path:
    """Write one XDF file, one annotation table and, with `options.videos`, one film a subject.

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
    over_subjects(partial(_write_subject, out=out, size=size), options, jobs)
    return out


def _write_subject(session: SimulatedSession, out: Path, size: tuple[int, int]) -> None:
    options = session.options
    folder = out / session.pseudonym / "ses-01"
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{session.pseudonym}_ses-01"
    streams = [_eeg(session), _truth(session)]
    if options.videos:
        film = folder / f"{stem}_video.avi"
        pictures = faces(session.face(size), CAMERA_LATE_S, session.duration_s, options.fps)
        streams.append(_frames(write_film(film, pictures, options.fps), options.fps))
    write_xdf(folder / f"{stem}.xdf", streams)
    _write_annotations(folder / f"{stem}_annotations.tsv", session)


def _eeg(session: SimulatedSession) -> XdfStream:
    eeg = session.eeg()
    n = round(session.duration_s * eeg.sfreq_hz)
    return XdfStream(
        "emostream-eeg",
        "EEG",
        CLOCK_S + np.arange(n) / eeg.sfreq_hz,
        eeg.samples(0, n).T,
        "float32",
        eeg.sfreq_hz,
        [(name, "microvolts", "EEG") for name in eeg.channels],
        f"{session.pseudonym}-eeg",
    )


def _frames(count: int, fps: float) -> XdfStream:
    stamps = CLOCK_S + CAMERA_LATE_S + np.arange(count) / fps - CAMERA_OFFSET_S
    return XdfStream(
        "emostream-frames",
        "VideoFrameIndex",
        stamps,
        np.arange(count, dtype=np.float64)[:, None],
        "double64",
        fps,
        [("frame_index", "", "VideoFrameIndex")],
        "camera",
        hostname="camera",
        clock_offset_s=CAMERA_OFFSET_S,
    )


def _truth(session: SimulatedSession) -> XdfStream:
    told: list[tuple[float, dict[str, Any]]] = []
    for clip in (clip for clip in session.clips if clip.has_eeg):
        told.append((clip.start_s, {"event": "trial_start", "emotion": clip.emotion}))
        told.append((clip.end_s, {"event": "trial_end", "emotion": clip.emotion}))
    for event in session.scenario.movements:
        times = {key: CLOCK_S + getattr(event, key) for key in ("onset_s", "apex_s", "offset_s")}
        told.append((event.offset_s, {"event": "movement", "kind": event.kind, **times}))
    told.sort(key=lambda one: one[0])
    stamps = CLOCK_S + np.array([time_s for time_s, _ in told])
    return XdfStream("emostream-truth", "Markers", stamps, [json.dumps(said) for _, said in told], "string")


def _write_annotations(path: Path, session: SimulatedSession) -> None:
    lines = ["onset_s\tapex_s\toffset_s\tlabel\tkind"]
    for movement in session.movements:
        times = "\t".join(f"{t:.6f}" for t in (movement.onset_s, movement.apex_s, movement.offset_s))
        lines.append(f"{times}\t{session.clips[movement.trial].emotion}\tmicro")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
