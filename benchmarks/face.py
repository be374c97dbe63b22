"""The face chain on a simulated person: an evaluated frame of 640 x 480, and a fast camera live."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import count

import cv2

from benchmarks import face_live
from benchmarks.measure import interleave
from benchmarks.report import Goal, Row
from realtime.face.alignment import Alignment
from realtime.face.flow import FlowMethod, remove_head_motion
from realtime.face.movement import face_flow
from realtime.face.pipeline import FacePipeline
from realtime.face.regions import region_map
from realtime.face.tracker import FaceTracker
from realtime.packets import UInt8, VideoFrame
from simulators.cohort import unseen_person
from simulators.face import FaceSimulator
from simulators.scenario import make_scenario

FPS, N_FRAMES, LEAD_IN = 30.0, 150, 30
LAG = 6  # frames between the two pictures of a flow
DENSE: dict[FlowMethod, str] = {
    "dis": "tracker, dense DIS flow averaged over the regions",
    "farneback": "the same with Farneback flow",
}


def run(seconds: float) -> list[Row]:
    """Measure for `seconds`."""
    frames = simulated_frames()
    pipeline, push = _pusher(frames)
    tracker, pictures = FaceTracker(), back_and_forth(frames)
    calls: dict[str, Callable[[], object]] = {"ours": push, "floor": lambda: tracker.track(next(pictures))}
    calls |= {name: dense(frames, method) for method, name in DENSE.items()}
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
            peers={name: timings[name] for name in DENSE.values()},
            goals=(Goal("median", 5.0),),
            note=f"face found in {counters.faces} of {counters.evaluated} frames, all evaluated; the peers do not spot",
        ),
        face_live.run(seconds),
    ]


def simulated_frames(fps: float = FPS, n: int = N_FRAMES) -> list[UInt8]:
    """A simulated face from ten seconds into a session on, grey."""
    cv2.setNumThreads(1)
    person = unseen_person(3)
    simulator = FaceSimulator(person, make_scenario(person, 60.0, 3), fps=fps)
    first = round(10.0 * fps)
    return [simulator.frame(index) for index in range(first, first + n)]


def back_and_forth(frames: list[UInt8]) -> Iterator[UInt8]:
    """To the end and back again, for ever, so that the head never jumps."""
    path = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    return (frames[path[i % len(path)]] for i in count())


def _pusher(frames: list[UInt8]) -> tuple[FacePipeline, Callable[[], object]]:
    pipeline, pictures, index = FacePipeline(), back_and_forth(frames), count()

    def push() -> object:
        i = next(index)
        return pipeline.push(VideoFrame(next(pictures), i / FPS, i))

    return pipeline, push


def dense(frames: list[UInt8], method: FlowMethod) -> Callable[[], object]:
    """Landmarks, one aligned crop a frame, dense flow over the lag, head motion removed, region means."""
    tracker, pictures = FaceTracker(), back_and_forth(frames)
    first = tracker.track(frames[0])
    assert first is not None
    alignment = Alignment.fit(first.landmarks)
    regions = region_map(alignment.apply(first.landmarks))
    crops = deque([alignment.crop(frames[0])] * LAG, maxlen=LAG)

    def step() -> object:
        picture = next(pictures)
        tracker.track(picture)
        crop = alignment.crop(picture)
        flow = remove_head_motion(face_flow(crops[0], crop, regions, method), regions.grid)
        crops.append(crop)
        return regions.means(flow)

    return step
