"""A simulated participant on LSL in real time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Protocol

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.films.filming import FilmOnRequest
from realtime.lsl.listen import MarkerListener
from realtime.lsl.outlets import EegOutlet, MarkerOutlet, VideoOutlet
from realtime.packets import EegInfo, VideoInfo
from realtime.session.events import STIMULUS
from simulators.action_units import regions_of
from simulators.eeg import EegSimulator
from simulators.face import FaceSimulator
from simulators.obedience import Obedience
from simulators.person import Person
from simulators.pushers import EegPusher, MarkerPusher, Pusher, PushHealth, PushState, TimedText, VideoPusher
from simulators.scenario import FacialEvent, Scenario

_HEAD_START_S = 0.3

Clock = Callable[[], float]
Filming = Callable[[VideoOutlet], FilmOnRequest]


class StreamSource(Protocol):
    """What the command line keeps on LSL: a participant, a face, a replay."""

    @property
    def state(self) -> PushState:
        """'running' while anything is still to come."""
        ...

    def start(self) -> None:
        """Open the outlets and start sending."""
        ...

    def stop(self) -> None:
        """Stop sending and withdraw the streams; safe to call twice."""
        ...

    def health(self) -> list[PushHealth]:
        """How each stream is doing."""
        ...


class PushedStreams:
    """Workers that share a start and, at the end, close their outlets.

    Parameters
    ----------
    pushers : sequence of Pusher
    close : sequence of callable
        Called when everything has stopped.
    clock : callable
        LSL seconds.
    """

    def __init__(self, pushers: Sequence[Pusher], close: Sequence[Callable[[], None]], clock: Clock) -> None:
        self._pushers, self._close, self._clock = tuple(pushers), tuple(close), clock
        self.start_s = float("nan")
        """LSL time of position 0 of all streams; NaN before `start`."""

    @property
    def state(self) -> PushState:
        """'failed' where any stream has, else 'running' while any is, else 'ended'; 'idle' before the start."""
        states = {pusher.state for pusher in self._pushers}
        order: tuple[PushState, ...] = ("failed", "running", "idle")
        for state in order:
            if state in states:
                return state
        return "ended"

    def health(self) -> list[PushHealth]:
        """One for each worker. Any thread."""
        return [pusher.health() for pusher in self._pushers]

    def start(self) -> None:
        """Start all threads, on one time."""
        self.start_s = self._clock() + _HEAD_START_S
        for pusher in self._pushers:
            pusher.start(self.start_s)

    def step(self) -> float | None:
        """Step every worker once, without threads; the LSL time of the next call, or None when all is sent."""
        if np.isnan(self.start_s):
            self.start_s = self._clock()
            for pusher in self._pushers:
                pusher.begin(self.start_s)
        due = [when for p in self._pushers if p.state == "running" and (when := p.step()) is not None]
        return min(due, default=None)

    def stop(self) -> None:
        """Stop the threads and withdraw the streams; safe to call twice.

        Raises
        ------
        EmostreamError
            What ended a thread before its time.
        """
        with ExitStack() as stack:
            # run last to first: every worker has stopped before an outlet closes
            for close in self._close:
                stack.callback(close)
            for pusher in self._pushers:
                stack.callback(pusher.stop)


class SimulatedParticipant(PushedStreams):
    """A person's EEG, video, frame index and the truth about them, stamped on one clock.

    Streams 'emostream-eeg', 'emostream-video', 'emostream-frames' and 'emostream-truth'; source ids are `tag` plus
    '-eeg', '-video', '-video-frames', '-truth'. EEG, video and truth have a thread each.

    Parameters
    ----------
    person : Person
    scenario : Scenario
        All streams end with it.
    tag : str
    sfreq_hz, fps : float
    size : (width, height), px
    eeg, video : bool
        Whether that stream is sent; the truth always is.
    film : callable, optional
        Takes the video outlet and gives one in its place that films on request.
    obedient : bool
        Whether the person does what 'emostream calibrate' asks for; see `Obedience`.
    clock : callable
        LSL seconds.
    """

    def __init__(
        self,
        person: Person,
        scenario: Scenario,
        *,
        tag: str = "emostream-simulator",
        sfreq_hz: float = 1000.0,
        fps: float = 30.0,
        size: tuple[int, int] = (640, 480),
        eeg: bool = True,
        video: bool = True,
        film: Filming | None = None,
        obedient: bool = False,
        clock: Clock = pylsl.local_clock,
    ) -> None:
        pushers: list[Pusher] = []
        close: list[Callable[[], None]] = []
        self._listener: MarkerListener | None = None
        if eeg:
            brain = EegSimulator(person, scenario, sfreq_hz)
            brain.prepare(0)
            obedience = Obedience(person, brain.channels, sfreq_hz)

            def samples(first: int, n: int) -> NDArray[np.float32]:
                asked = obedience.response(self.start_s + (first + np.arange(n)) / sfreq_hz)
                return brain.samples(first, n) if asked is None else brain.samples(first, n) + asked

            outlet = EegOutlet(EegInfo("emostream-eeg", f"{tag}-eeg", brain.channels, sfreq_hz))
            total = round(scenario.duration_s * sfreq_hz)
            pushers.append(EegPusher(outlet, samples, sfreq_hz, total, prepare=brain.prepare, clock=clock))
            close.append(outlet.close)
            if obedient:
                self._listener = MarkerListener([STIMULUS], obedience.hear, clock=clock)
                close.append(self._listener.stop)
        if video:
            face = FaceSimulator(person, scenario, fps=fps, size=size)
            bare = VideoOutlet(VideoInfo("emostream-video", f"{tag}-video", size[0], size[1], 1, fps))
            frames = bare if film is None else film(bare)
            count = int(scenario.duration_s * fps)
            pushers.append(
                VideoPusher(
                    frames,
                    lambda i: (i / fps, face.frame(i)) if i < count else None,
                    skip_late_at_hz=fps,
                    clock=clock,
                )
            )
            close.append(frames.close)
        truth = MarkerOutlet("emostream-truth", f"{tag}-truth")
        pushers.append(MarkerPusher(truth, truth_markers(person, scenario), name="truth", clock=clock))
        close.append(truth.close)
        super().__init__(pushers, close, clock)

    def start(self) -> None:
        """Start all threads, on one time."""
        super().start()
        if self._listener is not None:
            self._listener.start()


def truth_markers(person: Person, scenario: Scenario) -> Iterator[TimedText]:
    """The truth stream: 'scenario' at the start, then trials and movements (when over) in order of time.

    Times inside the JSON text are LSL seconds.
    """
    classes = sorted({trial.emotion for trial in scenario.trials})
    found = [TimedText(0.0, _fixed({"event": "scenario", "classes": classes, "person": person.seed}))]
    for trial in scenario.trials:
        found.append(TimedText(trial.start_s, _fixed({"event": "trial_start", "emotion": trial.emotion})))
        found.append(TimedText(trial.end_s, _fixed({"event": "trial_end", "emotion": trial.emotion})))
    found += [TimedText(event.offset_s, _movement_text(event)) for event in scenario.movements]
    found.sort(key=lambda marker: marker.position_s)
    return (marker for marker in found if marker.position_s <= scenario.duration_s)


def _fixed(event: dict[str, Any]) -> Callable[[float], str]:
    text = json.dumps(event)
    return lambda _start_s: text


def _movement_text(event: FacialEvent) -> Callable[[float], str]:
    def text(start_s: float) -> str:
        return json.dumps(
            {
                "event": "movement",
                "onset_s": start_s + event.onset_s,
                "apex_s": start_s + event.apex_s,
                "offset_s": start_s + event.offset_s,
                "kind": event.kind,
                "action_units": list(event.action_units),
                "regions": list(regions_of(event.action_units, event.side)),
            }
        )

    return text


def keep_on_lsl(source: StreamSource, seconds: float | None, say: Callable[[str], object]) -> None:
    """Keep a source on LSL until it ends, the time is over or Ctrl-C."""
    end_s = time.monotonic() + seconds if seconds is not None else float("inf")
    source.start()
    say(f"on LSL: {', '.join(health.name for health in source.health())}; Ctrl-C ends it")
    try:
        while source.state == "running" and time.monotonic() < end_s:
            time.sleep(0.1)
    finally:
        source.stop()
        say(f"sent: {sent_text(source.health())}")


def sent_text(health: Sequence[PushHealth]) -> str:
    """What was sent, in words: '1000 eeg, 30 video (2 left out: this machine was too slow)'."""
    return ", ".join(_sent(one) for one in health)


def _sent(health: PushHealth) -> str:
    skipped = f" ({health.skipped} left out: this machine was too slow)" if health.skipped else ""
    return f"{health.pushed} {health.name}{skipped}"
