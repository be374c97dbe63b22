"""The face chain, an evaluated frame of 640 x 480 from a simulated person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import cv2

from benchmarks.measure import interleave
from benchmarks.report import Goal, Row
from realtime.config import FaceConfig
from realtime.face.pipeline import FacePipeline
from realtime.face.tracker import FaceTracker
from realtime.packets import UInt8, VideoFrame
from simulators.cohort import unseen_person
from simulators.face import FaceSimulator
from simulators.scenario import make_scenario

FPS, N_FRAMES, LEAD_IN = 30.0, 150, 30
FARNEBACK = "the same chain with Farneback flow"


def run(seconds: float) -> list[Row]:
    """Measure for `seconds`."""
    frames = _frames()
    pipeline, push = _pusher(frames, FaceConfig())
    _, push_farneback = _pusher(frames, FaceConfig(flow="farneback"))
    tracker, pictures = FaceTracker(), _back_and_forth(frames)
    calls: dict[str, Callable[[], object]] = {
        "ours": push,
        "floor": lambda: tracker.track(next(pictures)),
        FARNEBACK: push_farneback,
    }
    for _ in range(LEAD_IN):
        for call in calls.values():
            call()
    timings = interleave(calls, seconds)
    counters = pipeline.counters
    return [
        Row(
            name="face chain, a 640 x 480 frame: landmarks, alignment, flow, spotter",
            ours=timings["ours"],
            floor=timings["floor"],
            floor_name="the tracker alone",
            peers={FARNEBACK: timings[FARNEBACK]},
            goals=(Goal("median", 5.0),),
            note=f"face found in {counters.faces} of {counters.evaluated} frames, all evaluated",
        )
    ]


def _frames() -> list[UInt8]:
    """Five seconds of a simulated face, grey, from the middle of a session."""
    cv2.setNumThreads(1)
    person = unseen_person(3)
    simulator = FaceSimulator(person, make_scenario(person, 60.0, 3), fps=FPS)
    return [simulator.frame(index) for index in range(300, 300 + N_FRAMES)]


def _back_and_forth(frames: list[UInt8]) -> Iterator[UInt8]:
    """To the end and back again, for ever, so that the head never jumps."""
    path = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    return (frames[path[i % len(path)]] for i in count())


def _pusher(frames: list[UInt8], config: FaceConfig) -> tuple[FacePipeline, Callable[[], object]]:
    pipeline, pictures, index = FacePipeline(config), _back_and_forth(frames), count()

    def push() -> object:
        i = next(index)
        return pipeline.push(VideoFrame(next(pictures), i / FPS, i))

    return pipeline, push
