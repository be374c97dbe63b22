"""One presentation without its window: the machine, its markers, the recorder it watches, and the summary."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pylsl

from gui.present.machine import Emit, Phase, Step, TrialMachine, plan_steps
from gui.present.media import Media, check_stimuli, shown_s
from gui.present.order import Order, PlannedTrial, arrange
from gui.present.participant import SimulatedParticipant
from realtime.session.events import CONTROL, RECORDER
from realtime.session.playlist import Playlist, load_playlist
from realtime.session.run import Run

Recording = Literal["", "recording", "lost", "failed"]

_RECORDER_SILENT_S = 5.0


@dataclass(frozen=True, slots=True)
class Session:
    """What is presented to whom.

    Parameters
    ----------
    playlist : Playlist
    file : Path
        The playlist's file.
    run : Run
        Subject and session.
    order : Order
    planned : tuple of PlannedTrial
        All trials in order of presentation.
    media : dict
        From `Trial.stimulus` to what is known of it.
    sha256 : str
        Of the playlist's file.
    auto : bool
        Nobody sits there: a simulated participant answers.
    """

    playlist: Playlist
    file: Path
    run: Run
    order: Order
    planned: tuple[PlannedTrial, ...]
    media: dict[str, Media]
    sha256: str
    auto: bool = False

    @property
    def expected_s(self) -> float:
        """How long it takes at least: all that has a length."""
        return sum(step.duration_s or 0.0 for step in plan_steps(self.playlist, self.planned, self.media))

    @property
    def simulated(self) -> str:
        """What of it is simulated, in words; '' where nothing is."""
        parts = [*(["patterns"] if self.playlist.simulated else []), *(["participant"] if self.auto else [])]
        return f"simulated {' and '.join(parts)}" if parts else ""

    def header(self) -> dict[str, Any]:
        """What 'session_start' says."""
        said = {
            "playlist": self.playlist.title,
            "subject": self.run.subject,
            "session": self.run.session,
            "order": self.order.kind,
            "seed": self.order.seed,
            "participant_number": self.order.participant_number,
            "trials": len(self.planned),
        }
        return said | ({"simulated": True} if self.simulated else {})


def open_session(file: Path, run: Run, order: Callable[[Playlist], Order], *, auto: bool = False) -> Session:
    """Read a playlist, put its trials in order and look into every stimulus.

    Raises
    ------
    DataError
        The playlist or a stimulus cannot be used.
    ConfigurationError
        An order that cannot be.
    """
    playlist = load_playlist(file)
    chosen = order(playlist)
    planned = arrange(playlist, chosen)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return Session(playlist, file, run, chosen, planned, check_stimuli(file.parent, planned), sha256, auto)


@dataclass(slots=True)
class TrialLog:
    """What became of one trial; stamps in LSL seconds."""

    start_s: float | None = None
    end_s: float | None = None
    cut_short: bool = False
    problem: str = ""
    report: dict[str, Any] | None = None
    film: dict[str, Any] = field(default_factory=dict)


class Presenter:
    """Runs one session; a window, or `run_unseen`, shows it. One thread.

    Parameters
    ----------
    session : Session
    push : callable
        Sends (event, LSL stamp) to whoever listens.
    clock : callable, optional
        LSL seconds.
    ready : callable, optional
        Whether a step could be shown at once.
    wait_for_recording : bool
        The welcome stays until a recorder says that it records.
    """

    def __init__(
        self,
        session: Session,
        push: Emit,
        clock: Callable[[], float] = pylsl.local_clock,
        ready: Callable[[Step], bool] = lambda step: True,
        *,
        wait_for_recording: bool = False,
    ) -> None:
        self.session = session
        self.markers = 0
        """Sent so far."""
        self.trials = {one.number: TrialLog() for one in session.planned}
        self._push, self._clock = push, clock
        self._wait = wait_for_recording
        self._recording: Recording = ""
        self._recorder_s = 0.0
        self._opened_s = clock()
        steps = plan_steps(session.playlist, session.planned, session.media)
        self.machine = TrialMachine(steps, session.header(), self._emit, clock, ready)
        self.participant = (
            SimulatedParticipant(session.playlist.self_report, session.order.seed) if session.auto else None
        )

    @property
    def recording(self) -> Recording:
        """What a recorder says: nothing, that it records, that it failed, or nothing any more."""
        if self._recording == "recording" and self._clock() - self._recorder_s > _RECORDER_SILENT_S:
            return "lost"
        return self._recording

    @property
    def may_start(self) -> bool:
        """Whether the welcome may be left."""
        return not self._wait or self.recording == "recording"

    def proceed(self) -> bool:
        """Go on from what waits; False where nothing does, or where a recording is waited for."""
        if self.machine.step.phase is Phase.WELCOME and not self.may_start:
            return False
        return self.machine.proceed()

    def hear(self, name: str, event: dict[str, Any]) -> None:
        """Take an event of another program: an operator elsewhere, or the recorder."""
        kind = event["event"]
        if name == CONTROL:
            if kind == "present_pause":
                self.machine.pause()
            elif kind == "present_resume":
                self.machine.resume()
            elif kind == "present_stop":
                self.machine.stop()
        elif name == RECORDER:
            self._recorder_s = self._clock()
            if kind in ("recording_started", "recording"):
                self._recording = "recording"
            elif kind in ("recording_stopped", "recording_failed"):
                self._recording = "" if kind == "recording_stopped" else "failed"

    def act(self, listened_to: bool, answer: Callable[[dict[str, Any]], object]) -> None:
        """Let the simulated participant do something, if there is one.

        Parameters
        ----------
        listened_to : bool
            Whether anybody reads the markers, or that need not be waited for.
        answer : callable
            Takes the self-report.
        """
        if self.participant is not None:
            self.participant.act(self.machine, listened_to and self.may_start, answer)

    def film(self, number: int, told: dict[str, Any]) -> None:
        """Keep how a trial's film was shown."""
        self.trials[number].film = told

    def summary(self, display: dict[str, Any], how: str) -> dict[str, Any]:
        """What happened, as JSON values.

        Parameters
        ----------
        display : dict
            How the screen was driven.
        how : str
            How it ended.
        """
        session, machine = self.session, self.machine
        return {
            "playlist": {"title": session.playlist.title, "file": session.file.name, "sha256": session.sha256},
            "subject": session.run.subject,
            "session": session.run.session,
            "order": {
                "kind": session.order.kind,
                "seed": session.order.seed,
                "participant_number": session.order.participant_number,
            },
            "simulated": bool(session.simulated),
            "completed": machine.completed,
            "ended": how,
            "wall_s": self._clock() - self._opened_s,
            "markers": self.markers,
            "trials": [self._trial(one) for one in session.planned],
            "display": display,
        }

    def _trial(self, one: PlannedTrial) -> dict[str, Any]:
        log = self.trials[one.number]
        return {
            "trial": one.number,
            "block": one.block,
            "emotion": one.trial.emotion,
            "stimulus": one.trial.stimulus,
            "expected_s": shown_s(one.trial, self.session.media[one.trial.stimulus]),
            "start_s": log.start_s,
            "end_s": log.end_s,
            "cut_short": log.cut_short,
            "problem": log.problem,
            "self_report": log.report,
            "film": log.film or None,
        }

    def _emit(self, event: dict[str, Any], stamp: float) -> None:
        self._push(event, stamp)
        self.markers += 1
        kind, number = event["event"], event.get("trial")
        if number is None:
            return
        log = self.trials[number]
        if kind == "trial_start":
            log.start_s = stamp
        elif kind == "trial_end":
            log.end_s, log.cut_short = stamp, bool(event.get("cut_short"))
            log.problem = event.get("problem", "")
        elif kind == "self_report":
            log.report = {key: value for key, value in event.items() if key not in ("event", "trial")}
