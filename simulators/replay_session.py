"""A recorded session's streams as workers of a replay: its EEG and other inputs, every marker stream, its films."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from realtime.eeg.recording import release
from realtime.eeg.xdf import increasing, load_streams, text_of
from realtime.errors import DataError
from realtime.films.film_reader import FilmReader
from realtime.lsl.outlets import VideoOutlet
from realtime.lsl.results import HEALTH_NAME, MOVEMENTS_NAME
from realtime.packets import Float64, VideoInfo
from realtime.recorder.padding import FLUSH
from realtime.session.events import CONTROL, FILMS, RECORDER, REPLAY, TUNING, parse_event
from realtime.session.recorded import INDEX_TYPE, SessionFiles, film_of, find_films, is_index_or_markers
from realtime.untrusted import read_json
from simulators.playback import FrameTrack, SampleTrack, Stamps, TextTrack, TimedSend, Track
from simulators.recorded_streams import RecordedOutlet, recorded_info
from simulators.timeline import Timeline

RESULT_TYPES = frozenset({"BandPower", "SignalQuality", "FaceMotion", "FaceMesh", "MovementImages", "Emotion"})
RESULT_NAMES = frozenset({MOVEMENTS_NAME, HEALTH_NAME, TUNING})
"""What the engine made, and makes anew from what is replayed."""

TRUTH_NAME = "emostream-truth"
"""Only simulators send it."""

_MACHINERY = frozenset({RECORDER, FILMS, REPLAY, FLUSH})
_RELEASED = 1 << 16  # after so many samples, the memory of what was read from disk is given back
_TIMES = ("onset_s", "apex_s", "offset_s", "decided_s", "at_s")

Stream = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """What of a session is replayed, read but not yet on LSL.

    Parameters
    ----------
    name : str
        The session's stem.
    origin_s : float
        LSL time, on the recorder's clock, of position 0: the first EEG sample, or the first of all where there is none.
    numbers, texts : tuple of dict
        Streams as pyxdf gives them; stamps increase.
    films : tuple of FilmReader
    simulated : bool
        Whether nobody real is in it.
    notes : tuple of str
        What is lacking or odd.
    """

    name: str
    origin_s: float
    numbers: tuple[Stream, ...]
    texts: tuple[Stream, ...]
    films: tuple[FilmReader, ...]
    simulated: bool
    notes: tuple[str, ...]

    @property
    def first_s(self) -> float:
        """Position of the first sample, marker or frame."""
        return min(self._edges(0, [film.first_s for film in self.films]))

    @property
    def last_s(self) -> float:
        """Position of the last sample, marker or frame."""
        return max(self._edges(-1, [film.last_s for film in self.films]))

    def _edges(self, end: int, films: list[float]) -> list[float]:
        stamps = [s["time_stamps"] for s in (*self.numbers, *self.texts) if len(s["time_stamps"])]
        return [float(each[end]) - self.origin_s for each in stamps] + films

    def remarks(self) -> list[str]:
        """What was seen to be lacking while it was replayed."""
        return [f"{film.absent} frames were not in '{film.film.path.name}'" for film in self.films if film.absent]

    def close(self) -> None:
        """Close the films."""
        for film in self.films:
            film.close()


def read_run(files: SessionFiles, *, results: bool = False, video: Path | None = None) -> RecordedRun:
    """Read what of a session is to be replayed.

    Parameters
    ----------
    files : SessionFiles
    results : bool
        Also what the engine had made of it.
    video : Path, optional
        The film, where it does not lie beside the recording under its name.

    Raises
    ------
    DataError
        Damaged, or nothing in it can be replayed.
    """
    heard = partial(_is_replayed, results=results)
    marks, remarks = load_streams(files.xdf, dejitter=False, wanted=lambda h: is_index_or_markers(h) and heard(h))
    numbers, more = load_streams(files.xdf, wanted=lambda h: not is_index_or_markers(h) and heard(h))
    for stream in (*numbers, *marks):
        _mend(stream, files.xdf)
        recorded_info(stream, "")  # one that LSL cannot send is refused before any other is on it
    if not any(len(stream["time_stamps"]) for stream in (*numbers, *marks)):
        raise DataError(f"nothing in '{files.xdf}' can be replayed: no stream of inputs or markers holds any sample")
    origin_s = _origin_s(numbers, marks)
    indices = [s for s in marks if text_of(s, "type") == INDEX_TYPE]
    if video is not None and len(indices) != 1:
        raise DataError(
            f"--video '{video}' belongs to no stream of '{files.xdf}': one of type '{INDEX_TYPE}' is wanted in it, "
            f"found {len(indices)}"
        )
    found, told = ([film_of(video, indices[0], origin_s)], []) if video else find_films(files.xdf, marks, origin_s)
    with ExitStack() as opened:
        films = tuple(opened.enter_context(FilmReader(film)) for film in found)
        opened.pop_all()
    filmed = {(film.index_name, film.index_source_id) for film in found}
    unseen = [s for s in indices if (text_of(s, "name"), text_of(s, "source_id")) not in filmed]
    return RecordedRun(
        name=files.stem,
        origin_s=origin_s,
        numbers=(*numbers, *unseen, *(s for s in marks if s not in indices and not _is_text(s))),
        texts=tuple(s for s in marks if _is_text(s)),
        films=films,
        simulated=_said_simulated(files.metadata) or any(text_of(s, "name") == TRUTH_NAME for s in marks),
        notes=(*dict.fromkeys((*remarks, *more)), *told, *_uncovered(films)),
    )


def session_tracks(
    run: RecordedRun, timeline: Timeline, tag: str, clock: Callable[[], float]
) -> tuple[list[Track], list[Callable[[], None]]]:
    """Open the outlets of a run; workers that feed them, and what closes them.

    Parameters
    ----------
    run : RecordedRun
    timeline : Timeline
    tag : str
        What the source ids of streams that had none begin with. The others keep theirs: the measured delays of
        devices go by them.
    clock : callable
        LSL seconds.
    """
    opened: dict[tuple[str, ...], RecordedOutlet] = {}
    tracks: list[Track] = []
    close: list[Callable[[], None]] = [run.close]
    for stream in run.numbers:
        outlet = _outlet(stream, tag, opened)
        tracks.append(_number_track(stream, outlet, run.origin_s, timeline, clock))
    markers = [send for stream in run.texts for send in _sends(stream, _outlet(stream, tag, opened), run.origin_s)]
    if run.texts:
        markers.sort(key=lambda marker: marker.position_s)
        tracks.append(TextTrack("markers", timeline, markers, clock=clock))
    for film in run.films:
        info = film.info
        source_id = info.source_id or f"{tag}-{info.name}"
        video = VideoInfo(info.name, source_id, info.width, info.height, info.planes, info.fps)
        sections = {"device": film.film.device} if film.film.device else None
        frames = VideoOutlet(video, frames_name=film.film.index_name, sections=sections)
        tracks.append(FrameTrack(info.name, timeline, frames, film, clock))
        close.append(frames.close)
    return tracks, close + [outlet.close for outlet in opened.values()]


def _is_replayed(head: Stream, *, results: bool) -> bool:
    name, kind = str(head.get("name", "")), str(head.get("type", ""))
    if name in _MACHINERY or kind == "VideoRaw":
        return False
    return results or not (kind in RESULT_TYPES or name in RESULT_NAMES)


def _uncovered(films: Sequence[FilmReader]) -> list[str]:
    return [
        f"'{film.film.path.name}' holds {film.frames} of the {len(film.film.indices)} recorded frames"
        for film in films
        if film.frames < len(film.film.indices)
    ]


def _said_simulated(metadata: Path | None) -> bool:
    """Whether the session's own file says so; what it says of the rest is not needed here."""
    if metadata is None:
        return False
    try:
        said = read_json(metadata)
    except (OSError, ValueError) as err:
        raise DataError(f"cannot read '{metadata}': {err}") from err
    return isinstance(said, dict) and said.get("simulated") is True


def _is_text(stream: Stream) -> bool:
    return isinstance(stream["time_series"], list)


def _mend(stream: Stream, path: Path) -> None:
    """Make a stream's stamps increase.

    Raises
    ------
    DataError
        They are no times.
    """
    stamps = np.asarray(stream["time_stamps"], np.float64)
    if not np.isfinite(stamps).all():
        raise DataError(f"stamps of the stream '{text_of(stream, 'name')}' of '{path}' are no times: it is damaged")
    # a marker may come with another, at one time
    stream["time_stamps"] = np.maximum.accumulate(stamps) if _is_text(stream) else increasing(stamps)[0]


def _origin_s(numbers: Sequence[Stream], marks: Sequence[Stream]) -> float:
    """First stamp of the longest EEG stream, as analyses count from; else of the first frame; else of anything."""
    eeg = [s for s in numbers if text_of(s, "type").upper() == "EEG" and len(s["time_stamps"]) > 1]
    if eeg:
        return float(max(eeg, key=lambda s: len(s["time_stamps"]))["time_stamps"][0])
    frames = [s for s in marks if text_of(s, "type") == INDEX_TYPE and len(s["time_stamps"])]
    return min(float(s["time_stamps"][0]) for s in (frames or (*numbers, *marks)) if len(s["time_stamps"]))


def _outlet(stream: Stream, tag: str, opened: dict[tuple[str, ...], RecordedOutlet]) -> RecordedOutlet:
    """The outlet of a stream. One that was restarted is twice in the recording, one after the other, and has one."""
    kept = ("name", "type", "channel_count", "nominal_srate", "channel_format", "source_id")
    identity = tuple(text_of(stream, key) for key in kept)
    if identity not in opened:
        source_id = text_of(stream, "source_id") or f"{tag}-{text_of(stream, 'name')}"
        if text_of(stream, "name") == CONTROL:
            # the screen on which it was recorded may be the one that shows the replay, and must still be heard
            source_id = f"{source_id}-replayed"
        twins = sum(other[-1] == identity[-1] for other in opened)
        opened[identity] = RecordedOutlet(stream, f"{source_id}-{twins + 1}" if twins else source_id)
    return opened[identity]


def _number_track(
    stream: Stream, outlet: RecordedOutlet, origin_s: float, timeline: Timeline, clock: Callable[[], float]
) -> SampleTrack:
    rows, times = stream["time_series"], stream["time_stamps"] - origin_s

    def push(first: int, n: int, stamps: Float64) -> None:
        outlet.push(rows[first : first + n], stamps)
        if first // _RELEASED != (first + n) // _RELEASED:
            release(rows)

    rate_hz = float(text_of(stream, "nominal_srate") or 0.0)
    return SampleTrack(outlet.name, timeline, push, Stamps(times), len(times), rate_hz, clock)


def _sends(stream: Stream, outlet: RecordedOutlet, origin_s: float) -> list[TimedSend]:
    """A marker stream's texts. Of what operators did only notes: commands of then must not be obeyed now."""
    offsets = stream.get("clock_values") or [0.0]
    offset_s = float(np.median(offsets))
    notes_only = text_of(stream, "name") == CONTROL
    found = []
    for stamp, texts in zip(stream["time_stamps"], stream["time_series"], strict=True):
        said = [parse_event(text) for text in texts]
        if notes_only and not all(event and event["event"] == "note" for event in said):
            continue
        if not any(event and any(key in event for key in _TIMES) for event in said):
            send = partial(_send_plain, outlet, list(texts))
        else:
            send = partial(_send_shifted, outlet, list(texts), float(stamp) - offset_s)
        found.append(TimedSend(float(stamp) - origin_s, send))
    return found


def _send_plain(outlet: RecordedOutlet, texts: list[str], stamp: float) -> None:
    outlet.push_texts(texts, stamp)


def _send_shifted(outlet: RecordedOutlet, texts: list[str], recorded_s: float, stamp: float) -> None:
    """Send texts whose JSON has times of its own, LSL s on the sender's clock as was its stamp then, as of now."""
    outlet.push_texts([shifted(text, stamp - recorded_s) for text in texts], stamp)


def shifted(text: str, by_s: float) -> str:
    """A marker's JSON with its own absolute times moved; any other text as it is."""
    event = parse_event(text)
    if event is None:
        return text
    times = {key: event[key] for key in _TIMES if isinstance(event.get(key), int | float)}
    return json.dumps(event | {key: time_s + by_s for key, time_s in times.items()})
