"""Simulated people in the layout of MEs-EEG, with a small share of everything that is odd in it.

Names in the files are invented (`simulators.cohort_files.invented_name`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from realtime.eeg.montage import MODEL_CHANNELS
from realtime.errors import ConfigurationError
from realtime.packets import Float32
from simulators.cohort_files import CohortOptions, SimulatedSession
from simulators.layouts import over_subjects
from simulators.layouts.coding_sheet import ROW_ODDITIES, Cells, clip_times, coded_rows, video_stem, write_sheet
from simulators.layouts.eeglab_file import Event, write_eeglab
from simulators.layouts.film_file import faces, write_film
from simulators.layouts.samples import aligned_movements

CODING = "coding_file_combined.xlsx"

SFREQ_HZ = 1000.0

ODDITIES = (*ROW_ODDITIES, "rerun", "markers", "spare", "half", "samples")
"""Each is met in one session of twenty: the rows of `coding_sheet`; a clip begun twice, markers that mean nothing,
stills without a row, a lost onset picture, a lost `.fdt` file."""

_ONE_IN = 20
_FIRST_DAY = date(2020, 1, 6)
_AUXILIARY = ("HEO", "VEO", "EKG", "EMG")
_EMOTION_OF_ID = ("sad", "disgust", "happy", "fear", "tense", "calm", "angry", "surprise")
# class of clips 101 to 148
_CLIP_IDS = tuple(map(int, "123456781232456781234536781234567481234567856781"))


def write(options: CohortOptions, out: Path, *, jobs: int = 1, every_oddity: bool = False) -> Path:
    """Write recordings, stills, the spreadsheet and, with `options.videos`, the clips' videos.

    Parameters
    ----------
    options : CohortOptions
    out : Path
        An empty folder. A session of 10 minutes takes 160 MB, a minute of 150 Hz video 300 MB.
    jobs : int
        Processes.
    every_oddity : bool
        Every session has all of `ODDITIES` (only the last one lacks its samples): for tests.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    ConfigurationError
        More trials of an emotion than there are clips.
    """
    parts = over_subjects(partial(_write_subject, out=out, every_oddity=every_oddity), options, jobs)
    write_sheet(out / CODING, [row for rows in parts for row in rows])
    return out


def _write_subject(session: SimulatedSession, out: Path, every_oddity: bool) -> list[Cells]:
    oddities = _oddities(session, every_oddity)
    day = f"{_FIRST_DAY + timedelta(days=session.index):%Y%m%d}"
    markers = clip_markers([clip.emotion for clip in session.clips], session.index)
    _write_recording(session, out / "EEG", day, markers, oddities)
    _write_stills(session, out / "stills", day, markers, oddities)
    if session.options.videos:
        _write_videos(session, out / "clips", day, markers)
    return coded_rows(session, day, markers, oddities)


def clip_markers(emotions: Sequence[str], turn: int = 0) -> list[int]:
    """A marker of each emotion in turn, none twice; another `turn` begins with another clip.

    Raises
    ------
    ConfigurationError
        More of an emotion than there are clips of it.
    """
    free: dict[str, list[int]] = {}
    found = []
    for emotion in emotions:
        if emotion not in free:
            fitting = [101 + i for i, number in enumerate(_CLIP_IDS) if _EMOTION_OF_ID[number - 1] == emotion]
            turned = turn % len(fitting)
            free[emotion] = fitting[turned:] + fitting[:turned]
        if not free[emotion]:
            count = sum(number == _EMOTION_OF_ID.index(emotion) + 1 for number in _CLIP_IDS)
            raise ConfigurationError(
                f"{emotions.count(emotion)} clips of '{emotion}': this layout has {count}; ask for fewer trials"
            )
        found.append(free[emotion].pop(0))
    return found


def _oddities(session: SimulatedSession, every: bool) -> tuple[str, ...]:
    if every:
        last = session.index == session.options.subjects - 1
        return ODDITIES if last else tuple(name for name in ODDITIES if name != "samples")
    place = (session.index + session.options.seed) % _ONE_IN
    found = ODDITIES[place : place + 1]
    # of a handful of recordings none is lost
    return () if "samples" in found and session.options.subjects < _ONE_IN // 2 else found


def _write_recording(
    session: SimulatedSession, folder: Path, day: str, markers: Sequence[int], oddities: Sequence[str]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{session.name}_{day}.set"
    names = [name.upper() for name in _scalp()] + list(_AUXILIARY)
    write_eeglab(path, names, SFREQ_HZ, _blocks(session), _events(session, markers, oddities))
    if "samples" in oddities:
        path.with_suffix(".fdt").unlink()


def _events(session: SimulatedSession, markers: Sequence[int], oddities: Sequence[str]) -> list[Event]:
    events: list[Event] = []
    for clip, marker in zip(session.clips, markers, strict=True):
        if clip.has_eeg:
            events += [(clip.start_s, str(marker)), (clip.end_s, "100")]
    if not events:
        return events
    first_s, first = events[0]
    if "rerun" in oddities:
        events += [(first_s - 2.0, first), (first_s - 1.0, "100")]
    if "markers" in oddities:
        events += [(first_s - 2.5, "77"), (first_s - 2.6, "88"), (first_s - 2.7, "255")]
    return sorted(events)


def _scalp() -> tuple[str, ...]:
    """64 electrodes: the model's 62 with the mastoids among them, as the cap's cable has them."""
    place = MODEL_CHANNELS.index("TP7")
    return (*MODEL_CHANNELS[:place], "M1", "M2", *MODEL_CHANNELS[place:])


def _blocks(session: SimulatedSession) -> Iterator[Float32]:
    """The 68 channels, a second at a time, µV."""
    scalp = _scalp()
    eeg = session.eeg(SFREQ_HZ, scalp)
    left, right, above = (scalp.index(name) for name in ("F7", "F8", "Fp1"))
    n = round(SFREQ_HZ)
    rng = np.random.default_rng([session.options.seed, session.person.seed, 93])
    for second in range(int(session.duration_s)):
        samples = eeg.samples(second * n, n)
        times = second + np.arange(n) / SFREQ_HZ
        heart = 900.0 * np.exp(-0.5 * ((times * 1.15 % 1.0 - 0.5) / 0.015) ** 2)
        muscle = rng.normal(0.0, 6.0, n)
        eyes = [samples[left] - samples[right], 1.5 * samples[above]]
        yield np.vstack([samples, *eyes, heart, muscle]).astype(np.float32)


def _write_stills(
    session: SimulatedSession, folder: Path, day: str, markers: Sequence[int], oddities: Sequence[str]
) -> None:
    written: list[Path] = []
    for movement, images in aligned_movements(session):
        if not movement.has_stills or images is None:
            continue
        clip = session.clips[movement.trial]
        times = "_".join(f"{each:.2f}" for each in clip_times(movement, clip))
        place = folder / f"{clip.emotion}_{session.name}{day}_{markers[movement.trial]}_{times}"
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / "onset.png"), images.onset_crop)
        cv2.imwrite(str(place / "apex.png"), images.apex_crop)
        written.append(place)
    if written and "half" in oddities:
        (written[-1] / "onset.png").unlink()
    if written and "spare" in oddities:
        spare = folder / f"{session.clips[0].emotion}_{session.name}{day}_{markers[0]}_0.10_0.30_0.40"
        spare.mkdir(exist_ok=True)
        for name in ("onset.png", "apex.png"):
            (spare / name).write_bytes((written[0] / "apex.png").read_bytes())


def _write_videos(session: SimulatedSession, folder: Path, day: str, markers: Sequence[int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    face, fps = session.face(), session.options.fps
    for clip, marker in zip(session.clips, markers, strict=True):
        path = folder / f"{video_stem(session, clip, marker, day)}.avi"
        write_film(path, faces(face, clip.start_s, clip.end_s, fps), fps)
