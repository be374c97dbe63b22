"""What is to be reviewed: a recorded session, its XDF file or a loose film, and what is known of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gui.annotate.film import FilmFrames
from realtime.eeg.xdf import damage_in, eeg_stream, load_streams, text_of
from realtime.errors import ConfigurationError, DataError
from realtime.face.films import FILM_SUFFIXES
from realtime.packets import Float64, readonly
from realtime.review.annotations import annotations_path
from realtime.review.candidates import Known, read_analysis, read_markers
from realtime.session.recorded import (
    XDF_SUFFIXES,
    Film,
    find_films,
    find_session,
    is_index_or_markers,
    measured_delays,
)
from realtime.session.run import Run

_CODER = re.compile(r"[0-9A-Za-z-]{1,32}")


@dataclass(frozen=True, slots=True)
class Target:
    """A recording to review.

    Parameters
    ----------
    name : str
        Stem of its files.
    table : Path
        Where its annotations are, or will be.
    film : Path or None
    camera : Film or None
        Ties the film's frames to the recording, whose time 0 is its first EEG sample, without EEG the first frame;
        None for a loose film, whose time 0 is its first frame.
    known : Known
    notices : tuple of str
    """

    name: str
    table: Path
    film: Path | None
    camera: Film | None
    known: Known
    notices: tuple[str, ...] = ()

    def times_of(self, frames: FilmFrames) -> Float64:
        """(n,) s of the recording of each frame of the film, increasing.

        A frame that the recording has no stamp of lies between its neighbours, by the camera's count of frames.

        Raises
        ------
        DataError
            The recording has the stamps of fewer than two frames.
        """
        if self.camera is None:
            return frames.times_s
        numbers = np.rint(frames.times_s * self.camera.fps).astype(np.int64) + self.camera.first_index
        return readonly(_stamps_at(numbers, self.camera))


def _stamps_at(numbers: np.ndarray, camera: Film) -> Float64:
    indices, stamps = camera.indices, camera.stamps_s
    if len(indices) < 2:
        raise DataError(f"the recording has {len(indices)} stamp of the film's frames; wanted two at least")
    found = np.interp(numbers, indices, stamps)
    step = (stamps[-1] - stamps[0]) / (indices[-1] - indices[0])
    early, late = numbers < indices[0], numbers > indices[-1]
    found[early] = stamps[0] + (numbers[early] - indices[0]) * step
    found[late] = stamps[-1] + (numbers[late] - indices[-1]) * step
    return found


def open_target(
    path: Path,
    *,
    analysis: Path | None = None,
    camera: str | None = None,
    table: Path | None = None,
    coder: str = "",
    blind: bool = False,
) -> Target:
    """Find what belongs to a session folder, an XDF file or a film.

    Parameters
    ----------
    path : Path
    analysis : Path, optional
        Folder of `emostream analyze`; default the one in the recordings root, then what was found live.
    camera : str, optional
        Which film of several.
    table : Path, optional
        Default '<stem>_annotations.tsv' beside the recording; a blind coder has one of their own, with their name.
    coder : str
    blind : bool

    Raises
    ------
    ConfigurationError
        No such camera, or a blind coder without a name.
    DataError
        Nothing there, or unreadable.
    """
    if coder and not _CODER.fullmatch(coder):
        raise ConfigurationError(f"--coder '{coder}': letters, digits and '-' are wanted, a pseudonym such as c1")
    if blind and not coder:
        raise ConfigurationError("--blind needs --coder ID, such as --coder c2: each blind coder has a table")
    if path.is_file() and path.suffix.lower() not in XDF_SUFFIXES:
        target = _loose(path, analysis)
    else:
        target = _session(path, analysis, camera)
    if table is None and blind:
        table = target.table.with_name(f"{target.table.stem}_{coder}.tsv")
    return target if table is None else replace(target, table=table)


def _loose(path: Path, analysis: Path | None) -> Target:
    if path.suffix.lower() not in (*FILM_SUFFIXES, ".webm", ".mpg", ".m4v", ".wmv"):
        raise DataError(f"'{path}' is neither a recording (.xdf) nor a film ({', '.join(FILM_SUFFIXES)})")
    known = read_analysis(analysis) if analysis is not None else Known()
    notices = () if analysis is not None else ("no --analysis: nothing was looked for; N adds a movement",)
    return Target(path.stem, annotations_path(path), path, None, known, notices)


def _session(path: Path, analysis: Path | None, camera: str | None) -> Target:
    files = find_session(path)
    # stamps as they are: taken at the grab, and smoothing would smear what lost frames leave out
    streams, remarks = load_streams(files.xdf, dejitter=False, wanted=is_index_or_markers)
    delays_s = measured_delays(files.xdf)
    films, problems = find_films(files.xdf, streams, 0.0, delays_s)
    film = _chosen(films, camera)
    origin_s, end_s = _span(files.xdf, film, delays_s)
    film = None if film is None else replace(film, stamps_s=readonly(film.stamps_s - origin_s))
    known = read_markers(streams, origin_s, end_s)
    folder = analysis or _derivatives(files.xdf, files.stem)
    notices = [*damage_in(remarks), *problems]
    if folder is not None:
        found = read_analysis(folder, origin_s)
        known = replace(found, trials=found.trials or known.trials, simulated=found.simulated or known.simulated)
    elif known.candidates:
        notices.append("not analysed yet: these are the movements found live; 'emostream analyze' finds them again")
    else:
        notices.append("not analysed yet: 'emostream analyze' finds movements; N adds one")
    if len(films) > 1 and film is not None:
        notices.append(f"{len(films)} films: this is '{film.camera}'; --camera chooses another")
    return Target(files.stem, annotations_path(files.xdf), film.path if film else None, film, known, tuple(notices))


def _span(xdf: Path, film: Film | None, delays_s: Mapping[str, float]) -> tuple[float, float]:
    """LSL time of the recording's time 0 and its length, s: of the EEG, of the film's frames where there is none."""
    eeg, _ = load_streams(xdf, wanted=lambda head: str(head.get("type", "")).upper() == "EEG")
    if any(len(stream["time_stamps"]) > 1 for stream in eeg):
        stream = eeg_stream(eeg, xdf)[0]
        stamps = np.asarray(stream["time_stamps"], np.float64) - delays_s.get(text_of(stream, "source_id"), 0.0)
    else:
        stamps = np.empty(0) if film is None else film.stamps_s[film.indices >= film.first_index]
    if not len(stamps):
        raise DataError(f"'{xdf}' holds neither EEG nor a film with the stamps of its frames")
    return float(stamps[0]), float(stamps[-1] - stamps[0])


def _chosen(films: Sequence[Film], camera: str | None) -> Film | None:
    if camera is None:
        return films[0] if films else None
    for film in films:
        if film.camera == camera:
            return film
    names = ", ".join(f"'{film.camera}'" for film in films) or "none"
    raise ConfigurationError(f"no film of a camera '{camera}'; there are: {names}")


def _derivatives(xdf: Path, stem: str) -> Path | None:
    """Where `emostream analyze` puts the tables of a run, if it did."""
    try:
        run = Run.parse(stem)
    except ConfigurationError:
        return None
    folders = xdf.absolute().parents
    root = folders[len(run.folder.parts)] if len(folders) > len(run.folder.parts) else xdf.parent
    folder = root / run.derivatives
    return folder if (folder / "movements.csv").is_file() else None
