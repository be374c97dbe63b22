"""A recording on LSL: in its own timing, faster or slower, with pauses and jumps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pylsl

from realtime.eeg.files import MNE_SUFFIXES, read_recording
from realtime.errors import ConfigurationError
from realtime.lsl.outlets import MarkerOutlet
from realtime.session.events import REPLAY
from realtime.session.recorded import XDF_SUFFIXES, find_session
from simulators.playback import Conductor, Track
from simulators.pushers import PushHealth
from simulators.replay_loose import LooseFilm, loose_length_s, loose_tracks
from simulators.replay_session import read_run, session_tracks
from simulators.streams import PushedStreams
from simulators.timeline import Timeline

_HEAD_START_S = 0.3

Clock = Callable[[], float]


class Replay(PushedStreams):
    """Streams of a recording, which nothing tells from live ones, and where it is as 'emostream-replay'.

    `timeline` pauses, jumps and changes the speed, from any thread.

    Parameters
    ----------
    timeline : Timeline
    tracks : sequence of Track
    close : sequence of callable
        Called when everything has stopped.
    name : str
        What is replayed.
    simulated : bool
        Whether nobody real is in it.
    notes : sequence of str
        What is lacking in it.
    remarks : callable
        What was seen to be lacking meanwhile.
    start_s : float or None
        Position to begin at; None for the first.
    paused : bool
        Begin paused.
    tag : str
        Source id of 'emostream-replay'.
    clock : callable
        LSL seconds.
    """

    def __init__(
        self,
        timeline: Timeline,
        tracks: Sequence[Track],
        close: Sequence[Callable[[], None]],
        *,
        name: str,
        simulated: bool = False,
        notes: Sequence[str] = (),
        remarks: Callable[[], Sequence[str]] = tuple,
        start_s: float | None = None,
        paused: bool = False,
        tag: str = "emostream-replay",
        clock: Clock = pylsl.local_clock,
    ) -> None:
        self.timeline, self.name, self.notes, self.remarks = timeline, name, tuple(notes), remarks
        self.simulated, self._begin_s, self._begin_paused = simulated, start_s, paused
        self._outlet = MarkerOutlet(REPLAY, tag, clock=clock)
        conductor = Conductor(timeline, tracks, self._tell, clock)
        super().__init__([*tracks, conductor], [*close, self._outlet.close], clock)

    def start(self) -> None:
        """Start all threads, on one time."""
        self._begin(self._clock() + _HEAD_START_S)
        for pusher in self._pushers:
            pusher.start(self.start_s)

    def step(self) -> float | None:
        """Step every worker once, without threads; the LSL time of the next call, or None when all is sent."""
        if np.isnan(self.start_s):
            self._begin(self._clock())
        return super().step()

    def health(self) -> list[PushHealth]:
        """One for each worker that sends something of the recording. Any thread."""
        return super().health()[:-1]

    def _begin(self, start_s: float) -> None:
        self.start_s = start_s
        self.timeline.begin(start_s, self._begin_s, paused=self._begin_paused)
        for pusher in self._pushers:
            pusher.begin(start_s)

    def state_event(self) -> dict[str, Any]:
        """Where the replay is, as 'emostream-replay' says it."""
        line = self.timeline
        endless = line.last_s == float("inf")
        return {
            "event": "replay",
            "session": self.name,
            "position_s": round(line.position_s, 3),
            "first_s": round(line.first_s, 3),
            "duration_s": None if endless else round(line.last_s, 3),
            "speed": line.speed,
            "paused": line.paused,
            "loop": line.loop or endless,
            "simulated": self.simulated,
            "ended": line.now.over,
        }

    def _tell(self, now_s: float) -> None:
        self._outlet.push_json(self.state_event(), now_s)


def open_replay(
    recording: Path | None,
    video: Path | None = None,
    *,
    speed: float = 1.0,
    loop: bool = False,
    start_s: float | None = None,
    paused: bool = False,
    results: bool = False,
    tag: str = "emostream-replay",
    clock: Clock = pylsl.local_clock,
) -> Replay:
    """Read a recording whole and open its streams; a file that fails leaves no stream behind.

    A session (an XDF file, its stem or its folder) comes as it was: every stream under its own name. Another recording
    comes as 'emostream-eeg' and 'emostream-markers' (with its markers and one ``{"event": "end_of_file", "stream":
    ...}`` when a file is over), a video as 'emostream-video' and 'emostream-frames'; they begin together.

    Parameters
    ----------
    recording : Path or None
        Anything `realtime.session.recorded.find_session` or `realtime.eeg.files.read_recording` reads.
    video : Path or None
        Any video OpenCV reads.
    speed : float
        Times real time, 0.1 to 20. Stamps keep the recorded distances.
    loop : bool
        Start again at the end; loose files each at its own, without a pause.
    start_s : float, optional
        Position to begin at, s.
    paused : bool
    results : bool
        Also what the engine had made of a session.
    tag : str
        What the source ids begin with.
    clock : callable
        LSL seconds.

    Raises
    ------
    ConfigurationError
        Neither recording nor video, or a speed that is not positive.
    DataError
        A file that cannot be read.
    """
    if recording is None and video is None:
        raise ConfigurationError("nothing to replay: give a session or an EEG recording, a video with --video, or both")
    if not speed > 0:
        raise ConfigurationError(f"cannot replay at {speed} times real time: wanted a positive speed")
    common: dict[str, Any] = {"start_s": start_s, "paused": paused, "tag": tag, "clock": clock}
    if recording is not None and _is_session(recording):
        run = read_run(find_session(recording), results=results, video=video)
        _require_inside(start_s, run.first_s, run.last_s)
        timeline = Timeline(run.first_s, run.last_s, speed=speed, loop=loop, clock=clock)
        tracks, close = session_tracks(run, timeline, tag, clock)
        told: dict[str, Any] = {"name": run.name, "simulated": run.simulated, "notes": run.notes}
        return Replay(timeline, tracks, close, remarks=run.remarks, **told, **common)
    eeg = read_recording(recording) if recording is not None else None
    film = LooseFilm(video, loop=loop) if video is not None else None
    length_s = loose_length_s(eeg, video)
    _require_inside(start_s, 0.0, length_s)
    length_s = float("inf") if loop else length_s
    timeline = Timeline(0.0, length_s, speed=speed, clock=clock)
    tracks, close = loose_tracks(eeg, film, timeline, tag, clock, loop=loop)
    name = (recording or video or Path()).stem
    notes = (*eeg.warnings, *eeg.notes) if eeg is not None else ()
    return Replay(timeline, tracks, close, name=name, notes=notes, **common)


def _require_inside(start_s: float | None, first_s: float, last_s: float) -> None:
    if start_s is not None and not first_s <= start_s <= last_s:
        raise ConfigurationError(f"--start {start_s:g}: the recording goes from {first_s:.3f} to {last_s:.3f} s")


def _is_session(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in XDF_SUFFIXES or (suffix not in MNE_SUFFIXES and not path.is_file())
