"""What comes next, and which markers it sends: the trial machine, without Qt, a screen or LSL.

Whoever shows things asks for the `scene`, tells when its first frame reached the screen (`shown`), and calls `tick`.
Markers about what is seen wait for that frame and carry its stamp: the frame that ends one thing begins the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gui.present.media import Media, shown_s
from gui.present.order import PlannedTrial
from realtime.session.playlist import Playlist

Emit = Callable[[dict[str, Any], float], object]

_HUNG_S = 5.0


class Phase(StrEnum):
    """What the participant sees."""

    WELCOME = "welcome"
    INSTRUCTION = "instruction"
    BASELINE = "baseline"
    REST = "rest"
    STIMULUS = "stimulus"
    BLANK = "blank"
    REPORT = "self-report"
    END = "end"


WAITING = frozenset({Phase.WELCOME, Phase.INSTRUCTION, Phase.END})
"""Phases that last until somebody says go on."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to show.

    Parameters
    ----------
    phase : Phase
    text : str
    duration_s : float, optional
        How long; None for what waits.
    trial : PlannedTrial, optional
        Which one it belongs to.
    whole : bool
        A film shown to its end, whose player says when that is; `duration_s` is what is expected.
    """

    phase: Phase
    text: str = ""
    duration_s: float | None = None
    trial: PlannedTrial | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """What is to be on the screen; `serial` grows with every change."""

    serial: int
    step: Step
    paused: bool = False


def plan_steps(playlist: Playlist, planned: Sequence[PlannedTrial], media: Mapping[str, Media]) -> tuple[Step, ...]:
    """Everything that will be shown, in order."""
    texts = playlist.texts
    steps = [Step(Phase.WELCOME, texts.welcome)]
    if playlist.baseline_s:
        steps += [Step(Phase.INSTRUCTION, texts.baseline)] if texts.baseline else []
        steps.append(Step(Phase.BASELINE, duration_s=playlist.baseline_s))
    for block in playlist.blocks:
        steps += [Step(Phase.INSTRUCTION, block.instruction)] if block.instruction else []
        for one in (one for one in planned if one.block == block.name):
            trial = one.trial
            whole = trial.kind == "video" and trial.duration_s is None
            steps += [Step(Phase.REST, duration_s=playlist.rest_s, trial=one)] if playlist.rest_s else []
            steps.append(Step(Phase.STIMULUS, "", shown_s(trial, media[trial.stimulus]), one, whole))
            steps.append(Step(Phase.BLANK, duration_s=playlist.blank_s, trial=one))
            steps += [Step(Phase.REPORT, trial=one)] if trial.report else []
    return (*steps, Step(Phase.END, texts.thanks))


class TrialMachine:
    """Goes through the steps. One thread.

    Parameters
    ----------
    steps : sequence of Step
    header : mapping
        What 'session_start' says.
    emit : callable
        Takes (event, LSL stamp).
    clock : callable
        LSL seconds.
    ready : callable, optional
        Whether a step could be shown at once; the rest before it lasts until then.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        header: Mapping[str, Any],
        emit: Emit,
        clock: Callable[[], float],
        ready: Callable[[Step], bool] = lambda step: True,
    ) -> None:
        self._steps, self._header = tuple(steps), dict(header)
        self._emit, self._clock, self._ready = emit, clock, ready
        self._index = 0
        self._scene = Scene(1, self._steps[0])
        # what ended waits for the frame that replaces it; what begins waits for its own, which a pause may put off
        self._waiting: list[dict[str, Any]] = []
        self._opening: dict[str, Any] | None = None
        self._closing: dict[str, Any] | None = None
        self._on_screen = 0
        self._held_s = 0.0
        self._since: float | None = None
        self._over = False
        self._completed = False

    @property
    def scene(self) -> Scene:
        """What is to be on the screen now."""
        return self._scene

    @property
    def step(self) -> Step:
        """The step it is at, paused or not."""
        return self._scene.step

    @property
    def paused(self) -> bool:
        """Whether the pause screen is up."""
        return self._scene.paused

    @property
    def upcoming(self) -> Step | None:
        """The step after this one."""
        return self._steps[self._index + 1] if self._index + 1 < len(self._steps) else None

    @property
    def over(self) -> bool:
        """Nothing more will be shown."""
        return self._over

    @property
    def completed(self) -> bool:
        """Every step was shown and 'session_end' says so."""
        return self._completed

    @property
    def visible(self) -> bool:
        """Whether the present scene has reached the screen."""
        return self._on_screen == self._scene.serial

    @property
    def elapsed_s(self) -> float:
        """How long this step has been on the screen, without pauses."""
        return self._held_s + (self._clock() - self._since if self._since is not None else 0.0)

    @property
    def remaining_s(self) -> float | None:
        """What is left of this step; None for one that waits."""
        return None if self.step.duration_s is None else max(0.0, self.step.duration_s - self.elapsed_s)

    @property
    def remaining_session_s(self) -> float:
        """What is left at least: all that has a length."""
        rest = sum(step.duration_s or 0.0 for step in self._steps[self._index + 1 :])
        return rest + (self.remaining_s or 0.0)

    def shown(self, serial: int, stamp: float) -> None:
        """The first frame of a scene reached the screen at `stamp`, LSL seconds; a scene that is gone is ignored."""
        if serial != self._scene.serial or self._on_screen == serial or self._over:
            return
        self._on_screen = serial
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self._emit(event, stamp)
        if self.paused:
            return
        self._since = stamp
        opening, self._opening = self._opening, None
        if opening is not None:
            self._emit(opening, stamp)
        self._completed = self.step.phase is Phase.END

    def tick(self, ahead_s: float = 0.0) -> None:
        """Go on where the time is up, or will be within `ahead_s`: what a new frame needs to reach the screen."""
        step = self.step
        if self._over or self.paused or self._since is None or step.duration_s is None:
            return
        if step.whole:
            if self.elapsed_s > step.duration_s + _HUNG_S:
                self.stimulus_over("it did not end in time")
        elif self.elapsed_s + ahead_s >= step.duration_s and self._can_follow():
            self._next()

    def proceed(self) -> bool:
        """Go on from what waits; False where nothing does."""
        if self._over or self.paused or self.step.phase not in WAITING:
            return False
        if self.step.phase is Phase.END:
            self._over = self._completed
            return self._over
        self._next()
        return True

    def skip(self) -> bool:
        """Cut short what has a length; the marker of its end says so."""
        if self._over or self.paused or self.step.duration_s is None:
            return False
        self._next(cut_short=True)
        return True

    def stimulus_over(self, problem: str = "") -> None:
        """The film has ended; `problem` says why where it ended early."""
        if not self._over and self.step.phase is Phase.STIMULUS:
            self._next(**({"cut_short": True, "problem": problem} if problem else {}))

    def answer(self, answers: Mapping[str, Any], *, simulated: bool = False) -> bool:
        """Take the self-report, stamped now; False where none is asked for."""
        trial = self.step.trial
        if self._over or self.paused or self.step.phase is not Phase.REPORT or trial is None:
            return False
        event = {"event": "self_report", "trial": trial.number, **answers}
        self._emit(event | ({"simulated": True} if simulated else {}), self._clock())
        self._next()
        return True

    def pause(self) -> None:
        """Stop the time and show the pause screen, in the middle of a film too; not at the welcome, nor at the end."""
        if self._over or self.paused or self.step.phase in (Phase.WELCOME, Phase.END):
            return
        self._held_s, self._since = self.elapsed_s, None
        self._waiting.append({"event": "pause"})
        self._show(self.step, paused=True)

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        if self._over or not self.paused:
            return
        self._waiting.append({"event": "resume"})
        self._show(self.step)

    def stop(self) -> None:
        """End now, whatever is on the screen; a second call, and one after the end, does nothing."""
        if self._over:
            return
        self._over = True
        if self._completed:
            return
        now = self._clock()
        for event in self._waiting:
            if event["event"].endswith("_end"):
                self._emit(event, now)
        if self._closing is not None and self._opening is None:
            self._emit(self._closing | {"cut_short": True}, now)
        self._emit({"event": "session_end", "completed": False}, now)

    def _can_follow(self) -> bool:
        return self.upcoming is None or self._ready(self.upcoming)

    def _next(self, **how: object) -> None:
        # what nobody has seen never began, so it does not end
        if self._closing is not None and self._opening is None:
            self._waiting.append(self._closing | how)
        if self.step.phase is Phase.WELCOME:
            self._waiting.append({"event": "session_start", **self._header})
        self._index += 1
        step = self._steps[self._index]
        self._held_s, self._since = 0.0, None
        self._opening, self._closing = _start_of(step), _end_of(step)
        self._show(step)

    def _show(self, step: Step, *, paused: bool = False) -> None:
        self._scene = Scene(self._scene.serial + 1, step, paused)


def _start_of(step: Step) -> dict[str, Any] | None:
    trial = step.trial
    if step.phase is Phase.STIMULUS and trial is not None:
        what = {"trial": trial.number, "emotion": trial.trial.emotion}
        return {"event": "trial_start", **what, "stimulus": trial.trial.stimulus, "block": trial.block}
    if step.phase is Phase.INSTRUCTION:
        return {"event": "instruction", "text": step.text}
    if step.phase is Phase.END:
        return {"event": "session_end", "completed": True}
    return {"event": f"{step.phase}_start"} if step.phase in (Phase.BASELINE, Phase.REST) else None


def _end_of(step: Step) -> dict[str, Any] | None:
    if step.phase is Phase.STIMULUS and step.trial is not None:
        return {"event": "trial_end", "trial": step.trial.number, "emotion": step.trial.trial.emotion}
    return {"event": f"{step.phase}_end"} if step.phase in (Phase.BASELINE, Phase.REST) else None
