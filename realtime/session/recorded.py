"""A recorded session's files, and where in its films a moment of the recording is.

Film and recording meet through the XDF file alone: its stream of type 'VideoFrameIndex' has one sample a frame, the
frame's number at the camera with the stamp of its grab. The frame of number k lies at (k - first_index) / fps in the
film's own time, where `first_index` is in the JSON file beside a film that began later than its camera. So a camera
that begins late, stops or loses frames on the way shifts nothing, and what the film's writer dropped is a hole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from realtime.eeg.xdf import section_of, text_of
from realtime.errors import DataError
from realtime.face.films import film_facts
from realtime.films.decryption import WrongKeyError, readable
from realtime.films.names import beside_film, film_name, film_order
from realtime.packets import Float64, readonly
from realtime.session.metadata import SessionMetadata
from realtime.untrusted import read_json

INDEX_TYPE = "VideoFrameIndex"
"""Type of the streams that carry the index and stamp of each frame."""

XDF_SUFFIXES = (".xdf", ".xdfz")

NO_DELAYS: Mapping[str, float] = MappingProxyType({})
"""Stamps as they were recorded."""

_NEAR = 1.5  # intervals of the camera between a moment and its frame
_FRAMES = "-frames"  # what the source id of an index stream has more than that of its camera
_PART = re.compile(r"_part-\d+$")
_MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class SessionFiles:
    """One recorded run: the XDF file and what lies beside it under the same stem.

    Parameters
    ----------
    stem : str
        What all its files begin with.
    xdf : Path
    films : tuple of (camera, Path)
        The camera is '' where there is only one.
    metadata, calibration, annotations : Path or None
        '<stem>_session.json', '<stem>_calibration.npz', '<stem>_annotations.tsv' (or .csv), where they are.
    """

    stem: str
    xdf: Path
    films: tuple[tuple[str, Path], ...]
    metadata: Path | None
    calibration: Path | None
    annotations: Path | None

    @property
    def folder(self) -> Path:
        """Where the files lie."""
        return self.xdf.parent


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
        How many it has, dropped ones counted in: its length times its rate.
    first_index : int
        The camera's number of the film's first frame.
    indices : (n,) int64
        Numbers of the frames of the camera, as the recording has them.
    stamps_s : (n,) float64
        When each was grabbed, s from the first EEG sample; increasing.
    planes : int
        1 for a grey camera, 3 for colour.
    stream, source_id : str
        Name and source id of the camera's stream.
    index_name, index_source_id : str
        Those of the stream that carries its frames' numbers.
    device : mapping
        What the camera said of itself (desc/device): mode, exposure.
    """

    path: Path
    camera: str
    fps: float
    frames: int
    first_index: int
    indices: np.ndarray
    stamps_s: Float64
    planes: int = 3
    stream: str = "emostream-video"
    source_id: str = ""
    index_name: str = "emostream-frames"
    index_source_id: str = ""
    device: Mapping[str, str] = field(default_factory=dict)

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


def stem_of(xdf: Path) -> str:
    """What a session's files begin with: the XDF's name, without the '_eeg' LabRecorder may end it with."""
    return xdf.stem.removesuffix("_eeg")


def find_session(path: Path) -> SessionFiles:
    """The files of one recorded run.

    Parameters
    ----------
    path : Path
        Its XDF file, or its stem with the folder before it, or a folder with one XDF file.

    Raises
    ------
    DataError
        There is no such file, or the folder holds more than one.
    """
    if path.suffix.lower() in XDF_SUFFIXES:
        if not path.is_file():
            raise DataError(f"no recording '{path}': there is no such file")
        return _files_of(path)
    if path.is_dir():
        return _files_of(_only(_xdfs(path), f"the folder '{path}'", path))
    found = [xdf for xdf in _xdfs(path.parent) if stem_of(xdf) == path.name]
    return _files_of(_only(found, f"'{path}'", path.parent))


def find_recordings(folder: Path) -> list[Path]:
    """All XDF files in a folder and below it, sorted; hidden folders are left out, and what `_xdfs` leaves out."""
    inside = [folder, *(path for path in sorted(folder.rglob("*")) if path.is_dir())]
    seen = [path for path in inside if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    return [xdf for path in seen for xdf in _xdfs(path)]


def _xdfs(folder: Path) -> list[Path]:
    """The recordings of a folder, without the parts that a recorder which was cut off may have left."""
    if not folder.is_dir():
        return []
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in XDF_SUFFIXES)
    return [file for file in files if not _PART.search(file.stem)]


def _only(found: Sequence[Path], where: str, folder: Path) -> Path:
    if len(found) == 1:
        return found[0]
    names = [stem_of(xdf) for xdf in (found or _xdfs(folder))]
    shown = ", ".join(names[:_MOST_SHOWN]) + (", ..." if len(names) > _MOST_SHOWN else "")
    if found:
        raise DataError(f"{where} holds {len(found)} recorded runs, one is wanted: name one of {shown}")
    raise DataError(f"no recorded session in {where}: a .xdf file is wanted; found: {shown or 'none'}")


def _files_of(xdf: Path) -> SessionFiles:
    stem = stem_of(xdf)

    def beside(*endings: str) -> Path | None:
        return next((file for end in endings if (file := xdf.with_name(f"{stem}_{end}")).is_file()), None)

    return SessionFiles(
        stem=stem,
        xdf=xdf,
        films=tuple(_film_files(xdf)),
        metadata=beside("session.json"),
        calibration=beside("calibration.npz"),
        annotations=beside("annotations.tsv", "annotations.csv"),
    )


def is_index_or_markers(head: dict[str, Any]) -> bool:
    """Whether a stream, by its header, is one of a camera's index or of texts."""
    kind = str(head.get("type", ""))
    return kind == INDEX_TYPE or "marker" in kind.lower() or str(head.get("channel_format", "")) == "string"


def measured_delays(xdf: Path) -> Mapping[str, float]:
    """What to take off the stamps of each source id, s, as '<stem>_session.json' says; nothing where there is none.

    Raises
    ------
    DataError
        The file cannot be used.
    """
    told = xdf.with_name(f"{stem_of(xdf)}_session.json")
    return SessionMetadata.load(told).delays_s if told.is_file() else {}


def find_films(
    xdf: Path, streams: Sequence[dict[str, Any]], origin_s: float, delays_s: Mapping[str, float] = NO_DELAYS
) -> tuple[list[Film], list[str]]:
    """The films beside an XDF file, each with the stamps of its frames, and what is wrong with them.

    Parameters
    ----------
    xdf : Path
    streams : sequence of dict
        Of the XDF, with stamps as they were taken (`load_streams` without `dejitter`).
    origin_s : float
        LSL time of the first EEG sample.
    delays_s : mapping of str to float
        What is taken off the stamps of each camera's source id, s: see `measured_delays`. A recording holds raw stamps.

    Raises
    ------
    WrongKeyError
        A film is encrypted, and not for the key in use: see `realtime.films.decryption.unlocked`.
    """
    problems: list[str] = []
    indices = [s for s in streams if text_of(s, "type") == INDEX_TYPE]
    files = _film_files(xdf)
    films: list[Film] = []
    used: set[int] = set()
    for camera, file in files:
        shown = f"the film of {camera}" if camera else "the film"
        told, damage = _beside(file)
        chosen = _stream_of(camera, told, indices, alone=len(files) == 1)
        if chosen is None:
            names = ", ".join(f"'{text_of(s, 'name')}'" for s in indices) or "none"
            message = f"no stream of type '{INDEX_TYPE}' belongs to {shown}, so its time is not known; found: {names}"
            problems.append(message)
            continue
        used.add(chosen)
        try:
            if damage:
                raise DataError(damage)
            film = _film(file, camera, told, indices[chosen], origin_s)
            films.append(replace(film, stamps_s=readonly(film.stamps_s - delays_s.get(film.source_id, 0.0))))
        except WrongKeyError:
            raise
        except DataError as err:
            problems.append(f"{shown} is not used: {str(err).replace(file.name, shown)}")
            continue
        # a writer that tells what it dropped leaves holes for it in the film's time: what is missing is at the end
        if films[-1].missing and "dropped" not in told:
            lacking = f"{shown} has {films[-1].missing} frames less than the camera counted"
            problems.append(f"{lacking}: unless they are those at its end, movements are not where they are looked for")
    for i, stream in enumerate(indices):
        if i not in used:
            problems.append(f"no film beside the recording for its stream '{text_of(stream, 'name')}'")
    return films, problems


def film_of(file: Path, stream: dict[str, Any], origin_s: float) -> Film:
    """A film, wherever it lies, with the index stream it belongs to; see `find_films`.

    Raises
    ------
    DataError
        The film, the JSON file beside it or the stream cannot be used.
    """
    told, damage = _beside(file)
    if damage:
        raise DataError(f"film '{file}': {damage}")
    return _film(file, "", told, stream, origin_s)


def _film_files(xdf: Path) -> list[tuple[str, Path]]:
    """(camera, file) in order of the cameras' names, one file a camera."""
    stem, found = stem_of(xdf), {}
    for file in sorted(xdf.parent.iterdir()):
        name = film_name(file) or ""
        if name.startswith(f"{stem}_") and name.endswith("_video"):
            camera = name[len(stem) + 1 :].removesuffix("video").strip("_")
            if camera not in found or film_order(file) < film_order(found[camera]):
                found[camera] = file
    return sorted(found.items())


def _stream_of(camera: str, told: dict[str, Any], streams: Sequence[dict[str, Any]], *, alone: bool) -> int | None:
    """Which index stream is a film's: by the source id in its JSON file, else the only one, else by the camera."""
    if source_id := told.get("source_id"):
        for i, stream in enumerate(streams):
            if text_of(stream, "source_id").removesuffix(_FRAMES) == str(source_id).removesuffix(_FRAMES):
                return i
    if alone and len(streams) == 1:
        return 0
    named = [
        i
        for i, stream in enumerate(streams)
        if camera and any(camera.lower() in text_of(stream, key).lower() for key in ("name", "source_id"))
    ]
    return named[0] if len(named) == 1 else None


def _film(file: Path, camera: str, told: dict[str, Any], stream: dict[str, Any], origin_s: float) -> Film:
    path = readable(file)
    facts = film_facts(path)
    stamps = np.asarray(stream["time_stamps"], np.float64) - origin_s
    values = np.asarray(stream["time_series"], np.float64)
    if values.ndim != 2 or not len(stamps):
        raise DataError("its stream of frame indices is empty")
    good = np.isfinite(values[:, 0]) & np.isfinite(stamps)
    stamps, indices = stamps[good], np.rint(values[good, 0]).astype(np.int64)
    if not len(stamps) or (np.diff(indices) <= 0).any() or (np.diff(stamps) <= 0).any():
        raise DataError("its frame indices or their stamps do not increase")
    video = section_of(stream, "video")
    planes = told.get("planes") or video.get("planes", "")
    return Film(
        path=path,
        camera=camera,
        fps=facts.fps,
        frames=facts.frames,
        first_index=_first_index(told),
        indices=readonly(indices),
        stamps_s=readonly(stamps),
        planes=1 if str(planes) == "1" else 3,
        stream=video.get("stream") or "emostream-video",
        source_id=text_of(stream, "source_id").removesuffix(_FRAMES),
        index_name=text_of(stream, "name"),
        index_source_id=text_of(stream, "source_id"),
        device=section_of(stream, "device"),
    )


def _beside(file: Path) -> tuple[dict[str, Any], str]:
    """What the JSON file beside a film says, and why it cannot be used; both empty where there is none."""
    beside = beside_film(file)
    if not beside.is_file():
        return {}, ""
    try:
        said = read_json(beside)
    except (OSError, ValueError) as err:
        return {}, f"the JSON file beside it cannot be read: {err}"
    return (said, "") if isinstance(said, dict) else ({"first_frame_index": None}, "")


def _first_index(told: dict[str, Any]) -> int:
    """`first_frame_index` of the JSON file beside a film that began later than its camera; 0 where it says nothing."""
    first = told.get("first_frame_index", 0)
    if not isinstance(first, int) or isinstance(first, bool) or first < 0:
        raise DataError(f"first_frame_index beside it is {first!r}, wanted a whole number from 0 on")
    return first
