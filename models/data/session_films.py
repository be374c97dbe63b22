"""Films of a recorded session, and where in them a moment of the recording is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.data.probing import FILM_SUFFIXES, film_facts
from models.data.rows import Problem
from realtime.eeg.xdf import text_of
from realtime.errors import DataError
from realtime.packets import Float64

INDEX_TYPE = "VideoFrameIndex"
"""Type of the streams that carry the index and stamp of each frame."""

_NEAR = 1.5  # intervals of the camera between a moment and its frame


@dataclass(frozen=True, slots=True)
class Film:
    """A film and the stamps of its frames.

    Parameters
    ----------
    path : Path
    camera : str
        '' where there is only one.
    fps : float
        Nominal rate of the film, by which its reader stamps frames.
    frames : int
        How many it has.
    first_index : int
        The camera's number of the film's first frame.
    indices : (n,) int
        Numbers of the frames of the camera, as the recording has them.
    stamps_s : (n,) float64
        When each was grabbed, s from the first EEG sample; increasing.
    """

    path: Path
    camera: str
    fps: float
    frames: int
    first_index: int
    indices: np.ndarray
    stamps_s: Float64

    def at(self, time_s: float) -> float:
        """Where in the film the frame nearest to a moment of the recording is, s from its first frame.

        Raises
        ------
        DataError
            No frame was grabbed near it, or the film ends before.
        """
        nearest = int(np.abs(self.stamps_s - time_s).argmin())
        interval_s = float(np.median(np.diff(self.stamps_s))) if len(self.stamps_s) > 1 else 1.0 / self.fps
        away_s = abs(float(self.stamps_s[nearest]) - time_s)
        if away_s > _NEAR * interval_s:
            raise DataError(
                f"no frame within {_NEAR * interval_s:.3f} s of {time_s:.3f} s; the nearest is {away_s:.3f} s away"
            )
        place = int(self.indices[nearest]) - self.first_index
        if not 0 <= place < self.frames:
            raise DataError(f"frame {place} at {time_s:.3f} s is none of the {self.frames} in the film")
        return place / self.fps

    @property
    def missing(self) -> int:
        """How many frames the film has less than the camera counted."""
        return max(0, int(self.indices[-1]) - self.first_index + 1 - self.frames)


def is_index_or_markers(head: dict[str, Any]) -> bool:
    """Whether a stream, by its header, is one of a camera's index or of texts."""
    kind = str(head.get("type", ""))
    return kind == INDEX_TYPE or "marker" in kind.lower() or str(head.get("channel_format", "")) == "string"


def stem_of(xdf: Path) -> str:
    """What a session's files begin with: the XDF's name, without the '_eeg' LabRecorder may end it with."""
    return xdf.stem.removesuffix("_eeg")


def find_films(
    xdf: Path, streams: Sequence[dict[str, Any]], origin_s: float, where: str
) -> tuple[list[Film], list[Problem]]:
    """The films beside an XDF file, each with the stream of its frames' stamps.

    Parameters
    ----------
    xdf : Path
    streams : sequence of dict
        Of the XDF, with stamps as they were taken.
    origin_s : float
        LSL time of the first EEG sample.
    where : str
        The session, for messages.
    """
    problems: list[Problem] = []
    indices = [s for s in streams if text_of(s, "type") == INDEX_TYPE]
    files = _film_files(xdf)
    films: list[Film] = []
    used: set[int] = set()
    for camera, file in files:
        chosen = _stream_of(camera, indices, alone=len(files) == 1)
        shown = f"the film of {camera}" if camera else "the film"
        if chosen is None:
            names = ", ".join(f"'{text_of(s, 'name')}'" for s in indices) or "none"
            message = f"no stream of type '{INDEX_TYPE}' belongs to {shown}, so its time is not known; found: {names}"
            problems.append(Problem(where, "video", message, "kept"))
            continue
        used.add(chosen)
        try:
            films.append(_film(file, camera, indices[chosen], origin_s))
            if films[-1].missing:
                lacking = f"{shown} has {films[-1].missing} frames less than the camera counted"
                message = f"{lacking}: unless they are those at its end, movements are not where they are looked for"
                problems.append(Problem(where, "video", message, "kept"))
        except DataError as err:
            problems.append(
                Problem(where, "video", f"{shown} is not used: {str(err).replace(file.name, shown)}", "kept")
            )
    for i, stream in enumerate(indices):
        if i not in used:
            message = f"no film beside the recording for its stream '{text_of(stream, 'name')}'"
            problems.append(Problem(where, "video", message, "kept"))
    return films, problems


def _film_files(xdf: Path) -> list[tuple[str, Path]]:
    """(camera, file) in order of the cameras' names, one file a camera."""
    stem, found = stem_of(xdf), {}
    for file in sorted(xdf.parent.iterdir()):
        if file.suffix.lower() in FILM_SUFFIXES and file.stem.startswith(f"{stem}_") and file.stem.endswith("_video"):
            camera = file.stem[len(stem) + 1 :].removesuffix("video").strip("_")
            best = found.get(camera)
            order = FILM_SUFFIXES.index(file.suffix.lower())
            if best is None or order < FILM_SUFFIXES.index(best.suffix.lower()):
                found[camera] = file
    return sorted(found.items())


def _stream_of(camera: str, streams: Sequence[dict[str, Any]], *, alone: bool) -> int | None:
    if alone and len(streams) == 1:
        return 0
    named = [
        i
        for i, stream in enumerate(streams)
        if camera and any(camera.lower() in text_of(stream, key).lower() for key in ("name", "source_id"))
    ]
    return named[0] if len(named) == 1 else None


def _film(file: Path, camera: str, stream: dict[str, Any], origin_s: float) -> Film:
    facts = film_facts(file)
    stamps = np.asarray(stream["time_stamps"], np.float64) - origin_s
    values = np.asarray(stream["time_series"], np.float64)
    if values.ndim != 2 or not len(stamps):
        raise DataError("its stream of frame indices is empty")
    good = np.isfinite(values[:, 0]) & np.isfinite(stamps)
    stamps, indices = stamps[good], np.rint(values[good, 0]).astype(np.int64)
    if not len(stamps) or (np.diff(indices) <= 0).any() or (np.diff(stamps) <= 0).any():
        raise DataError("its frame indices or their stamps do not increase")
    return Film(file, camera, facts.fps, facts.frames, _first_index(file), indices, stamps)


def _first_index(file: Path) -> int:
    """`first_frame_index` of the JSON file beside a film that began later than its camera; 0 where there is none."""
    beside = file.with_suffix(".json")
    if not beside.is_file():
        return 0
    try:
        said = json.loads(beside.read_text(encoding="utf-8"))
        first = said.get("first_frame_index", 0) if isinstance(said, dict) else None
    except (OSError, ValueError) as err:
        raise DataError(f"the JSON file beside it cannot be read: {err}") from err
    if not isinstance(first, int) or isinstance(first, bool) or first < 0:
        raise DataError(f"first_frame_index beside it is {first!r}, wanted a whole number from 0 on")
    return first
