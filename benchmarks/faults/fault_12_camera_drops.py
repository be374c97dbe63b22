"""Row 12: a camera drops pictures, then stands still. What was lost is counted, and no flow is taken across it.

A fake driver under the product's camera program, on LSL, read by the product's reader into the engine. Time is the
driver's: nothing waits, and every figure is exact.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from benchmarks.checkpoint import PATH
from benchmarks.faults.lab import unique
from benchmarks.faults.peers.fake_camera import Bench, ManualClock
from benchmarks.faults.row import Outcome, Row
from models.recognizer import load_recognizer
from realtime.config import Config
from realtime.devices.camera import CameraNode, CameraOptions
from realtime.devices.frames import Picture
from realtime.devices.supervision import EndOfSource, Patience
from realtime.engine import Engine
from realtime.errors import EmostreamError
from realtime.lsl.discovery import find_stream
from realtime.lsl.inlets import VideoReader
from realtime.packets import FaceObservation, MicroMovement, UInt8, VideoFrame
from simulators.face import FaceSimulator
from simulators.person import make_person
from simulators.scenario import make_scenario

FPS = 20.0
DROPS = (1, 2, 5, 1, 40)
"""Pictures that the driver leaves out, one run after another."""

FROZEN_S = 1.5
MOST_FROZEN_S = 0.5

_BETWEEN = 25
_LEAD_IN = 40
_SIZE = (320, 240)
_WAIT_S = 20.0


@dataclass
class _Stage:
    """The driver's side, the engine's side, and what came out."""

    clock: ManualClock = field(default_factory=ManualClock)
    bench: Bench = field(default_factory=lambda: Bench(FPS))
    frames: list[VideoFrame] = field(default_factory=list)
    observed: list[FaceObservation] = field(default_factory=list)
    moved: list[MicroMovement] = field(default_factory=list)
    sequence: int = 0

    def __post_init__(self) -> None:
        person = make_person(12)
        self._face = FaceSimulator(person, make_scenario(person, 60.0, 12), FPS, _SIZE)
        self._rng = np.random.default_rng(12)
        self._image: UInt8 = self._shown()
        self.engine = Engine(load_recognizer(PATH), eeg=None, has_video=True)
        options = CameraOptions("0", tag=unique("row12"))
        patience = Patience(stall_s=1e9)
        self.node = CameraNode(options, opener=self.bench.open, patience=patience, clock=self.clock)
        self.reader: VideoReader | None = None

    def _shown(self) -> UInt8:
        return self._face.frame(self.sequence % self._face.n_frames)

    def take(self, frame: VideoFrame) -> None:
        self.frames.append(frame)
        for result in self.engine.push_frame(frame):
            if isinstance(result, FaceObservation):
                self.observed.append(result)
            elif isinstance(result, MicroMovement):
                self.moved.append(result)

    def shoot(self, count: int, *, frozen: bool = False) -> None:
        """Pictures as a driver gives them; each has arrived in the engine before the next."""
        for _ in range(count):
            self.clock.now_s += 1.0 / FPS
            if not frozen:
                self._image = self._shown()
            known = len(self.frames)
            self.bench.steps.put(Picture(self._image.copy(), self.clock.now_s, self.sequence))
            self.sequence += 1
            if self.frames and self.reader is not None:
                end_s = time.monotonic() + _WAIT_S
                while len(self.frames) == known:
                    self.reader.step(0.2)
                    if time.monotonic() > end_s:
                        raise EmostreamError("a picture did not arrive")
            else:
                _until(self.bench.steps.empty)

    def drop(self, count: int) -> None:
        self.sequence += count
        self.clock.now_s += count / FPS

    def begin(self) -> None:
        self.node.start()
        _until(lambda: bool(self.bench.cameras))
        while self.node.info is None:
            self.shoot(1)
            time.sleep(0.002)  # the measured rate is settled in another thread
        found = find_stream(source_id=self.node.info.source_id, timeout_s=_WAIT_S)
        self.reader = VideoReader(found, self.take, clock=self.clock)
        end_s = time.monotonic() + _WAIT_S
        while not self.frames and time.monotonic() < end_s:  # what is sent before the reader is connected is not for it
            self.shoot(1)
            self.reader.step(0.05)
        while self.reader.step(0.2):
            pass
        self.shoot(_LEAD_IN)

    def end(self) -> None:
        for camera in self.bench.cameras:
            camera.steps.put(EndOfSource())
        if self.reader is not None:
            self.reader.stop()
        self.node.stop()


def _until(condition: Callable[[], bool]) -> None:
    end_s = time.monotonic() + _WAIT_S
    while not condition():
        if time.monotonic() > end_s:
            raise EmostreamError("the fake camera is not read")
        time.sleep(0.001)


def ours(_full: bool) -> Outcome:
    """Runs of dropped pictures, then a picture that stands still; it takes seconds at any length."""
    stage = _Stage()
    try:
        stage.begin()
        lost = stage.reader.lost if stage.reader is not None else 0
        for count in DROPS:
            stage.drop(count)
            stage.shoot(_BETWEEN)
        still_s = stage.clock.now_s
        stage.shoot(round(FROZEN_S * FPS), frozen=True)
        told = [incident for incident in stage.node.incidents if incident["event"] == "camera_frozen"]
        flagged_s = told[0]["at_s"] - still_s if told else float("inf")
        stage.shoot(_BETWEEN)
        counted = stage.node.summary()["video"]["dropped"]
        seen = stage.reader.lost - lost if stage.reader is not None else -1
    finally:
        stage.end()
    figures = {
        "dropped": sum(DROPS),
        "counted_by_camera": counted,
        "counted_by_engine": seen,
        "frozen_flagged_s": flagged_s,
        "faces": sum(each.score > 0 for each in stage.observed),
        "flows": sum(each.region_motion is not None for each in stage.observed),
        "flows_across_gaps": _across(stage),
        "gaps": len(_gaps(stage)),
    }
    met = counted == seen == sum(DROPS) and flagged_s <= MOST_FROZEN_S and figures["flows_across_gaps"] == 0
    met = met and figures["flows"] > 0 and figures["gaps"] > 2
    said = (
        f"{counted} of {sum(DROPS)} dropped pictures counted by the camera, {seen} by the engine; frozen told after "
        f"{flagged_s:.2f} s; {figures['flows_across_gaps']} of {figures['flows']} flows across {figures['gaps']} gaps "
        "(simulated face, fake driver)"
    )
    return Outcome(said, met, figures)


def _gaps(stage: _Stage) -> list[tuple[float, float]]:
    """Begin and end of holes longer than the longest that flow may span; a picture that stands still is one, too."""
    longest_s = Config().face.max_gap_s
    new = [stage.frames[0], *(b for a, b in pairwise(stage.frames) if not _same(a, b))]
    return [(a.stamp, b.stamp) for a, b in pairwise(new) if b.stamp - a.stamp > longest_s + 1e-6]


def _same(a: VideoFrame, b: VideoFrame) -> bool:
    return np.array_equal(a.image, b.image)


def _across(stage: _Stage) -> int:
    """Flows and movements of which one end lies before a gap and the other behind it."""
    lag_s, slack_s = Config().face.spotter.lag_s, 0.06
    spans = [(each.stamp - lag_s + slack_s, each.stamp) for each in stage.observed if each.region_motion is not None]
    spans += [(each.onset_s, each.offset_s) for each in stage.moved]
    return sum(begin <= before and end >= behind for begin, end in spans for before, behind in _gaps(stage))


ROW = Row(
    12,
    "camera frames dropped or frozen",
    "exact count; frozen flagged within 0.5 s; flow never spans a gap",
    ours,
)
