"""A recorded session as the source of an analysis: as its live engine met it where there was one, else mended."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from realtime.analysis.integrity import require_whole, require_whole_film
from realtime.analysis.live_answers import LiveAnswers, live_answers
from realtime.analysis.source import Source
from realtime.analysis.timeline import timeline_of
from realtime.analysis.tracks import FilmTrack, XdfEeg
from realtime.config import Config
from realtime.eeg.xdf import XdfFile, damage_in, eeg_stream, open_xdf, text_of
from realtime.errors import ConfigurationError, DataError
from realtime.packets import Beginning
from realtime.session.metadata import SessionMetadata
from realtime.session.recorded import (
    XDF_SUFFIXES,
    Film,
    SessionFiles,
    find_films,
    find_session,
    is_index_or_markers,
)
from realtime.settings import configured

_ONE_CLOCK_S = 1e-3
_NETWORK_S = 0.02
_SLACK_S = 1e-6
_LONGEST_S = 7 * 86_400.0

Streams = Sequence[dict[str, Any]]


def find_analysable(files: Sequence[Path]) -> SessionFiles | None:
    """The recorded session that is meant: its folder, XDF file or stem, or its XDF file and film; None for others.

    Raises
    ------
    DataError
        A folder with no session in it, or several.
    """
    if len(files) == 1:
        path = files[0]
        is_session = path.is_dir() or path.suffix.lower() in XDF_SUFFIXES or not (path.exists() or path.suffix)
        return find_session(path) if is_session else None
    xdfs = [file for file in files if file.suffix.lower() in XDF_SUFFIXES and file.is_file()]
    if len(xdfs) != 1:
        return None
    session = find_session(xdfs[0])
    films = {path.resolve() for _, path in session.films}
    return session if all(file in xdfs or file.resolve() in films for file in files) else None


@dataclass(frozen=True, slots=True)
class Wish:
    """What of a session is wanted.

    Parameters
    ----------
    eeg, video : bool
    camera : str, optional
        Which of several.
    as_live : bool
        As its live engine met it, where there was one.
    partial : bool
        What is left of files that are missing, cut short or changed, too.
    """

    eeg: bool = True
    video: bool = True
    camera: str | None = None
    as_live: bool = True
    partial: bool = False


def open_session(session: SessionFiles, wish: Wish = Wish()) -> Source:
    """A recorded session.

    Raises
    ------
    DataError
        Damaged, or neither EEG nor film is left.
    ConfigurationError
        No such camera.
    """
    metadata = SessionMetadata.load(session.metadata) if session.metadata else None
    if not wish.partial:
        require_whole(session, metadata, video=wish.video)
    why: tuple[str, ...] = ()
    with open_xdf(session.xdf) as xdf:
        if wish.as_live:
            source, why = _as_live(session, xdf, wish)
            if source is not None:
                return replace(source, metadata=metadata)
        delays_s = metadata.delays_s if metadata is not None else {}
        return replace(_mended(session, xdf, wish, delays_s, why), metadata=metadata)


def _mended(
    session: SessionFiles, xdf: XdfFile, wish: Wish, delays_s: Mapping[str, float], notes: tuple[str, ...]
) -> Source:
    """On the recorder's clock, with resets of the senders' clocks mended, from the first sample."""
    streams, remarks = xdf.load(dejitter=False, wanted=_is_index_marker_or_answer)
    eeg = _eeg(session, xdf, wish, delays_s, synchronize=True, as_live=False)
    video, problems = _video(session, streams, wish, delays_s)
    problems += damage_in(remarks)
    zero_s = _zero_s(session, xdf, eeg, video, problems, delays_s, synchronize=True)
    live = live_answers(streams)
    return Source(
        stem=session.stem,
        files=_files(session, video),
        eeg=eeg,
        video=video,
        zero_s=zero_s,
        lsl_zero_s=zero_s,
        timeline=timeline_of(streams, zero_s),
        warnings=tuple(problems),
        notes=notes,
        session=session,
        tunings=live.events_moved(_engine_offset(streams)).tunings if live is not None else (),
    )


def _eeg(
    session: SessionFiles,
    xdf: XdfFile,
    wish: Wish,
    delays_s: Mapping[str, float],
    *,
    synchronize: bool,
    as_live: bool,
) -> XdfEeg | None:
    """The EEG that is wanted; None where there is none and video will do."""
    if not wish.eeg:
        return None
    found, _ = xdf.load(dejitter=False, synchronize=synchronize, wanted=_is_eeg)
    if wish.video and session.films and not any(len(stream["time_stamps"]) > 1 for stream in found):
        return None
    if not found:
        # names what there is instead
        found, _ = xdf.load(dejitter=False)
    return XdfEeg(eeg_stream(found, session.xdf)[0], session.xdf, delays_s, as_live=as_live)


def _zero_s(
    session: SessionFiles,
    xdf: XdfFile,
    eeg: XdfEeg | None,
    video: FilmTrack | None,
    problems: Sequence[str],
    delays_s: Mapping[str, float],
    *,
    synchronize: bool,
) -> float:
    """The analysis' zero: the first EEG sample, or the first frame where there is no EEG.

    EEG that is not wanted counts, too: what a coder says of a session is in seconds from its first sample.
    """
    if eeg is not None:
        return eeg.first_s
    if video is None:
        raise DataError(f"neither EEG nor a film is left of '{session.xdf}'" + (f": {problems[0]}" if problems else ""))
    found, _ = xdf.load(dejitter=False, synchronize=synchronize, wanted=_is_eeg)
    if any(len(stream["time_stamps"]) > 1 for stream in found):
        stream = eeg_stream(found, session.xdf)[0]
        first_s = float(stream["time_stamps"][0]) - delays_s.get(text_of(stream, "source_id"), 0.0)
        # a damaged stamp is no time to count from
        if video.last_s - _LONGEST_S < first_s < video.last_s:
            return first_s
    return video.first_s


def _as_live(session: SessionFiles, xdf: XdfFile, wish: Wish) -> tuple[Source | None, tuple[str, ...]]:
    """The session as the live engine met it; None, and why, where its answers cannot be given again."""
    streams, remarks = xdf.load(dejitter=False, synchronize=False, wanted=_is_index_marker_or_answer)
    one_clock = len({text_of(s, "hostname") for s in streams} - {""}) <= 1
    shift_s = 0.0
    if not one_clock:
        shift_s = _engine_offset(streams)
        streams, _ = xdf.load(dejitter=False, wanted=_is_index_marker_or_answer)
    live = live_answers(streams)
    if live is None:
        return None, ()
    live = live.events_moved(shift_s)
    delays_s = configured(live.settings, Config()).lsl.delays
    eeg = _eeg(session, xdf, wish, delays_s, synchronize=not one_clock, as_live=True)
    video, problems = _video(session, streams, wish, delays_s)
    problems += damage_in(remarks)
    zero_s = _zero_s(session, xdf, eeg, video, problems, delays_s, synchronize=not one_clock)
    beginning, until_s, why = _beginning(live, eeg, video)
    if beginning is not None and eeg is not None and not eeg.set_as(live.clocks_set):
        beginning, why = None, "its clock of EEG was not set back where it is here"
    if beginning is None:
        return None, (f"what the live engine answered is not given again: {why}",)
    if live.tunings and live.tunings[0].at_s > (beginning.video_s if eeg is None else beginning.eeg_s):
        return None, ("what the live engine answered is not given again: it did not say what it was tuned to first",)
    if eeg is not None:
        eeg.begin_at(beginning.eeg_s)
    if video is not None and beginning.video_index is not None:
        video.begin_at(beginning.video_index, live.missed)
        # a recording goes on for a moment after its films: what the engine saw then is not kept
        until_s = min(until_s, video.last_s)
    source = Source(
        stem=session.stem,
        files=_files(session, video),
        eeg=eeg,
        video=video,
        zero_s=zero_s,
        timeline=timeline_of(streams, zero_s),
        lsl_zero_s=zero_s,
        warnings=tuple(problems),
        session=session,
        live=live.moved(-zero_s),
        live_from_s=(beginning.eeg_s if eeg is not None else beginning.video_s) - zero_s,
        live_until_s=until_s - zero_s,
        live_saw=beginning.video_index is not None,
        same_s=_ONE_CLOCK_S if one_clock else _NETWORK_S,
        tunings=live.tunings,
    )
    return source, ()


def _beginning(live: LiveAnswers, eeg: XdfEeg | None, video: FilmTrack | None) -> tuple[Beginning | None, float, str]:
    """Where the live engine's state began within the recording, until when it went on, or why none fits."""

    def fits(beginning: Beginning) -> str:
        if (eeg is None) != math.isnan(beginning.eeg_s):
            return f"it answered {'from EEG too' if eeg is None else 'without EEG'}"
        if eeg is not None and not eeg.first_s - _SLACK_S <= beginning.eeg_s <= eeg.last_s:
            return "it had begun before the recording did"
        if video is None:
            # without its film, only what it answered from EEG alone can be given again
            return "" if eeg is not None else "there is nothing it answered from"
        if beginning.video_index is None:
            return "it answered without video"
        if not video.first_index <= beginning.video_index <= video.last_index:
            return "it had seen frames that the film does not hold"
        return ""

    def starts_s(beginning: Beginning) -> float:
        return beginning.video_s if math.isnan(beginning.eeg_s) else beginning.eeg_s

    why = "it did not say where its state began"
    for place, beginning in enumerate(live.beginnings):
        why = fits(beginning)
        if not why:
            later = live.beginnings[place + 1 :]
            return beginning, starts_s(later[0]) if later else math.inf, ""
    return None, math.inf, why


def _engine_offset(streams: Streams) -> float:
    """What the recorder's clock is ahead of that of the engine's machine, s: the texts of its events are in its own."""
    engine = next((s for s in streams if text_of(s, "type") == "Emotion"), None)
    values = engine.get("clock_values") if engine is not None else None
    return float(np.median(values)) if values else 0.0


def _video(
    session: SessionFiles, streams: Streams, wish: Wish, delays_s: Mapping[str, float]
) -> tuple[FilmTrack | None, list[str]]:
    """The film that is wanted, and what is wrong with the films."""
    if not wish.video:
        return None, []
    films, problems = find_films(session.xdf, streams, 0.0, delays_s)
    film = _chosen(films, wish.camera, session)
    if film is not None and len(films) > 1 and wish.camera is None:
        others = ", ".join(other.camera for other in films if other is not film)
        problems.append(f"of several cameras '{film.camera}' was analysed; the others, with --camera: {others}")
    if film is None:
        if session.films and not wish.partial:
            raise DataError(f"{problems[0] if problems else 'no film is usable'}; --no-video leaves films out")
        return None, problems
    if not wish.partial:
        require_whole_film(film)
    return FilmTrack(film), problems


def _chosen(films: Sequence[Film], camera: str | None, session: SessionFiles) -> Film | None:
    if camera is None:
        return films[0] if films else None
    for film in films:
        if film.camera == camera:
            return film
    names = ", ".join(f"'{film.camera}'" for film in films) or "none"
    raise ConfigurationError(f"--camera '{camera}': '{session.stem}' has films of: {names}")


def _files(session: SessionFiles, video: FilmTrack | None) -> tuple[Path, ...]:
    return (session.xdf, *([video.path] if video is not None else []))


def _is_index_marker_or_answer(head: dict[str, Any]) -> bool:
    return is_index_or_markers(head) or str(head.get("type", "")) == "Emotion"


def _is_eeg(head: dict[str, Any]) -> bool:
    return str(head.get("type", "")).upper() == "EEG"
