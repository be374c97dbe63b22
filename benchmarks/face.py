"""The face chain on a simulated person: an evaluated frame of 640 x 480, and a fast camera live."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count

import numpy as np
from numpy.typing import NDArray

from benchmarks import face_live
from benchmarks.face_frames import FPS, back_and_forth, simulated_frames
from benchmarks.measure import interleave
from benchmarks.report import Goal, Row
from realtime.face.alignment import Alignment
from realtime.face.flow import FlowMethod, dense_flow, remove_head_motion
from realtime.face.movement import face_flow
from realtime.face.pipeline import FacePipeline
from realtime.face.regions import RegionMap, region_map
from realtime.face.tracker import FaceTracker
from realtime.packets import Float32, UInt8, VideoFrame

LEAD_IN = 30
LAG = 6  # frames between the two pictures of a flow
DENSE: dict[FlowMethod, str] = {
    "dis": "tracker, dense DIS flow averaged over the regions",
    "farneback": "the same with Farneback flow",
}
PER_REGION = "tracker, Farneback in each region's box, head motion left in"
_ROOM_PX = 8  # around a region's box: half of Farneback's window
Motion = Callable[[UInt8, UInt8], Float32]


def run(seconds: float) -> list[Row]:
    """Measure for `seconds`."""
    frames = simulated_frames()
    pipeline, push = _pusher(frames)
    tracker, pictures = FaceTracker(), back_and_forth(frames)
    calls: dict[str, Callable[[], object]] = {"ours": push, "floor": lambda: tracker.track(next(pictures))}
    calls |= peers(frames)
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
            peers={name: timings[name] for name in (*DENSE.values(), PER_REGION)},
            goals=(Goal("median", 5.0),),
            note=f"face found in {counters.faces} of {counters.evaluated} frames, all evaluated; the peers do not spot",
        ),
        face_live.run(seconds),
    ]


def _pusher(frames: list[UInt8]) -> tuple[FacePipeline, Callable[[], object]]:
    pipeline, pictures, index = FacePipeline(), back_and_forth(frames), count()

    def push() -> object:
        i = next(index)
        return pipeline.push(VideoFrame(next(pictures), i / FPS, i))

    return pipeline, push


def peers(frames: list[UInt8]) -> dict[str, Callable[[], object]]:
    """Other ways with a frame, each a call: the first two over the whole face, the third where the regions are."""
    found = {name: _peer(frames, partial(dense, method=method)) for method, name in DENSE.items()}
    return found | {PER_REGION: _peer(frames, per_region)}


def _peer(frames: list[UInt8], method: Callable[[RegionMap], Motion]) -> Callable[[], object]:
    """Landmarks, one aligned crop a frame, and the motion of the regions over the lag."""
    tracker, pictures = FaceTracker(), back_and_forth(frames)
    first = tracker.track(frames[0])
    assert first is not None
    alignment = Alignment.fit(first.landmarks)
    motion = method(region_map(alignment.apply(first.landmarks)))
    crops = deque([alignment.crop(frames[0])] * LAG, maxlen=LAG)

    def step() -> object:
        picture = next(pictures)
        tracker.track(picture)
        crop = alignment.crop(picture)
        found = motion(crops[0], crop)
        crops.append(crop)
        return found

    return step


def dense(regions: RegionMap, method: FlowMethod) -> Motion:
    """Flow of the whole face, head motion removed, averaged over regions and eyes' openings: (12, 2) float32 px."""

    def motion(a: UInt8, b: UInt8) -> Float32:
        return regions.means(remove_head_motion(face_flow(a, b, regions, method), regions.grid))

    return motion


def per_region(regions: RegionMap) -> Motion:
    """Farneback flow of each region by itself, averaged over it: (10, 2) float32 px."""
    boxes = [_box(mask) for mask in regions.masks]
    inside = [mask[box] for mask, box in zip(regions.masks, boxes, strict=True)]

    def motion(a: UInt8, b: UInt8) -> Float32:
        flows = [dense_flow(np.ascontiguousarray(a[box]), np.ascontiguousarray(b[box]), "farneback") for box in boxes]
        return np.stack([flow[mask].mean(axis=0) for flow, mask in zip(flows, inside, strict=True)])

    return motion


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Rows and columns of a region, and what flow looks at around it."""
    places = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return tuple(slice(max(int(at[0]) - _ROOM_PX, 0), int(at[-1]) + _ROOM_PX + 1) for at in places)
