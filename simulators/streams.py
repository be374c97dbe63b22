"""A simulated participant, or a camera, on LSL in real time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Protocol

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.face.capture import DeviceCapture, FileCapture
from realtime.lsl.outlets import EegOutlet, MarkerOutlet, VideoOutlet
from realtime.packets import EegInfo, VideoInfo
from simulators.action_units import regions_of
from simulators.eeg import EegSimulator
from simulators.face import FaceSimulator
from simulators.person import Person
from simulators.pushers import EegPusher, MarkerPusher, Pusher, PushHealth, PushState, TimedText, VideoPusher
from simulators.scenario import FacialEvent, Scenario

_HEAD_START_S = 0.3

Clock = Callable[[], float]


class StreamSource(Protocol):
    """What the command line keeps on LSL: a participant, a camera, a replay."""

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
        clock: Clock = pylsl.local_clock,
    ) -> None:
        pushers: list[Pusher] = []
        close: list[Callable[[], None]] = []
        if eeg:
            brain = EegSimulator(person, scenario, sfreq_hz)
            brain.prepare(0)
            outlet = EegOutlet(EegInfo("emostream-eeg", f"{tag}-eeg", brain.channels, sfreq_hz))
            total = round(scenario.duration_s * sfreq_hz)
            pushers.append(EegPusher(outlet, brain.samples, sfreq_hz, total, prepare=brain.prepare, clock=clock))
            close.append(outlet.close)
        if video:
            face = FaceSimulator(person, scenario, fps=fps, size=size)
            frames = VideoOutlet(VideoInfo("emostream-video", f"{tag}-video", size[0], size[1], 1, fps))
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


class CameraSource(PushedStreams):
    """A camera, or a video file in its own timing, as 'emostream-video' and 'emostream-frames'.

    Parameters
    ----------
    source : str
        Device number, or the path of a video file.
    tag : str
        Source ids are `tag` plus '-video' and '-video-frames'.
    clock : callable
        LSL seconds.

    Raises
    ------
    DataError
        No such camera or file, or no picture in it.
    """

    def __init__(self, source: str, *, tag: str = "emostream-camera", clock: Clock = pylsl.local_clock) -> None:
        if source.isdecimal():
            camera = DeviceCapture(int(source), clock=clock)
            outlet = VideoOutlet(_video_info(camera.info, tag))
            pusher: Pusher = _CameraPusher(outlet, camera, clock=clock)
            super().__init__([pusher], [outlet.close, camera.close], clock)
        else:
            film = FileCapture(source)
            outlet = VideoOutlet(_video_info(film.info, tag))
            super().__init__([film_pusher(outlet, film, clock=clock)], [outlet.close], clock)


def _video_info(info: VideoInfo, tag: str) -> VideoInfo:
    return VideoInfo("emostream-video", f"{tag}-video", info.width, info.height, info.planes, info.fps)


def film_pusher(
    outlet: VideoOutlet, film: FileCapture, *, loop: bool = False, speed: float = 1.0, clock: Clock = pylsl.local_clock
) -> VideoPusher:
    """A worker that sends a film's frames at their own times; with `loop` it starts again at its end."""
    frames = _endless(film) if loop else ((frame.stamp, frame.image) for frame in film)
    return VideoPusher(outlet, lambda _index: next(frames, None), speed=speed, clock=clock)


def _endless(film: FileCapture) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    begin = 0.0
    while True:
        end = begin
        for frame in film:
            end = begin + frame.stamp
            yield end, frame.image
        begin = end + 1.0 / film.fps


class _CameraPusher(Pusher):
    """Sends a camera's frames as they come, with the stamps of their grabbing."""

    def __init__(self, outlet: VideoOutlet, camera: DeviceCapture, *, clock: Clock) -> None:
        super().__init__("video", clock=clock)
        self._outlet, self._camera = outlet, camera
        self._frames = iter(camera)

    def step(self) -> float | None:
        """Wait for the next frame and send it."""
        frame = next(self._frames, None)
        if frame is None:
            self._end(self._clock() - self._start_s)
            return None
        self._outlet.push(frame)
        self._sent(1, frame.stamp - self._start_s)
        return self._clock()


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
        say(f"sent: {', '.join(_sent(health) for health in source.health())}")


def _sent(health: PushHealth) -> str:
    skipped = f" ({health.skipped} left out: this machine was too slow)" if health.skipped else ""
    return f"{health.pushed} {health.name}{skipped}"
