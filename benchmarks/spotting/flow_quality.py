"""How true the flow between onset and apex is that the network sees, and which movements survive the head's motion.

The same movements of simulated people nobody tuned on are rendered under each kind of head motion: what differs between
two rows of the table is the head alone. Lengths are px of the 256 px crop, displacements and head motion px of a face
of 224 px (0.8 px of the crop), as everywhere in the test bed. Blinks and gaze shifts are left out: they are the
spotter's to reject.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from realtime.face.alignment import CROP_PX, Alignment
from realtime.face.flow import FlowMethod
from realtime.face.movement import face_flow, movement_between
from realtime.face.regions import REGIONS, RegionMap, region_map
from realtime.face.tracker import FaceTracker
from realtime.packets import Bool, Float32, UInt8
from simulators.distractors import NONE, HeadGesture
from simulators.events import FacialEvent
from simulators.face import FaceSimulator
from simulators.face_motion import Sway, gesture_pose
from simulators.head_box import STEP, HeadBox
from simulators.recipes import shifts
from simulators.scenario import Scenario
from simulators.testbed import HELD_OUT_SEEDS, Clip, draw_clip, find_recipe
from simulators.warp import sample

SEEDS = HELD_OUT_SEEDS[:8]
SECONDS = 36.0
STILL = "still"
GESTURES = ("nods", "turns", "leans")
HEADS = (STILL, "calm", "moderate", *GESTURES)
"""Recipes whose head motion the movements are shown with; `still` has none, and no muscle that wanders either."""

SEEN = "dis"
"""What the network is given: `realtime.face.movement.movement_between` as it stands."""

LEFT_IN = ", head left in"
NOTHING = "zero field"
_MOVING_PX = 0.1  # a shorter true motion has no direction worth asking for
_ALIKE = 0.7  # cosine between true and measured motion of the regions
_STRONG = 0.5  # of the strongest region's: a movement may be strong in several


@dataclass(frozen=True, slots=True)
class Pair:
    """Onset and apex frame of one movement under one kind of head motion, and what the skin did between them.

    Parameters
    ----------
    movement : str
        The same for one movement under every head motion.
    head : str
        One of `HEADS`.
    size_px : float
        Peak displacement of the strongest region, px of the 224 px face.
    head_px : float
        Mean motion of the face by the head between the two frames, px of the 224 px face.
    onset, apex : (height, width) uint8
    landmarks : (468, 2) float32
        Of the onset frame, as tracked.
    regions : RegionMap
    true : (256, 256, 2) float32
        The skin's own motion, px of the crop, under the alignment of `landmarks`.
    moving : (256, 256) bool
        The regions the movement is in.
    """

    movement: str
    head: str
    size_px: float
    head_px: float
    onset: UInt8
    apex: UInt8
    landmarks: Float32
    regions: RegionMap
    true: Float32
    moving: Bool


def pairs(seeds: Iterable[int] = SEEDS, seconds: float = SECONDS, heads: Sequence[str] = HEADS) -> Iterator[Pair]:
    """Every movement of some clips of the recipe 'ladder', under each kind of head motion; no other frame is rendered.

    A movement whose onset frame shows no face to the tracker is left out.
    """
    tracker = FaceTracker()
    for seed in seeds:
        clip = draw_clip("ladder", seed, seconds)
        skins: dict[FacialEvent, Float32] = {}
        for head in heads:
            rng = np.random.default_rng([seed, HEADS.index(head), 65])
            simulator = replace(clip, scenario=with_head(clip, head, rng)).simulator()
            # the skin moves alike whatever the head does
            skins = skins or {event: _skin(simulator, event) for event in clip.scenario.movements}
            for event, skin in skins.items():
                tracker.reset()
                if (pair := _pair(simulator, event, skin, tracker, head)) is not None:
                    yield pair


def with_head(clip: Clip, head: str, rng: np.random.Generator) -> Scenario:
    """The clip's scenario with another head motion; of a gesture's recipe, one gesture goes on at every movement."""
    scenario, gestures = clip.scenario, ()
    if head in GESTURES:
        (draw,) = find_recipe(head).added
        drawn = [draw(rng, 20.0)["gestures"][0] for _ in scenario.movements]
        gestures = tuple(_over(event, each, rng) for event, each in zip(scenario.movements, drawn, strict=True))
    elif head == "moderate":
        gestures = shifts(rng, scenario.duration_s)["gestures"]
    sway_px = 0.0 if head == STILL else float(rng.uniform(*find_recipe(head).sway_px))
    return replace(scenario, blinks=(), gaze_shifts_s=(), sway_px=sway_px, distractors=replace(NONE, gestures=gestures))


def _over(event: FacialEvent, gesture: HeadGesture, rng: np.random.Generator) -> HeadGesture:
    """The gesture at another time: the movement's rise lies somewhere within it."""
    length_s = gesture.end_s - gesture.start_s
    start_s = 0.5 * (event.onset_s + event.apex_s) - length_s * float(rng.uniform(0.1, 0.9))
    return replace(gesture, start_s=start_s, end_s=start_s + length_s)


def _frames(event: FacialEvent, fps: float) -> tuple[int, int]:
    """The last frame at rest, and the one nearest to the apex."""
    return int(event.onset_s * fps), round(event.apex_s * fps)


def _skin(simulator: FaceSimulator, event: FacialEvent) -> Float32:
    return simulator.displacement(event, _frames(event, simulator.fps)[1] / simulator.fps)


def _pair(simulator: FaceSimulator, event: FacialEvent, skin: Float32, tracker: FaceTracker, head: str) -> Pair | None:
    first, last = _frames(event, simulator.fps)
    onset = simulator.frame(first)
    face = tracker.track(onset)
    if face is None:
        return None
    alignment = Alignment.fit(face.landmarks)
    regions = region_map(alignment.apply(face.landmarks))
    true, head_px = true_motion(simulator, skin, alignment, (first / simulator.fps, last / simulator.fps))
    moving = regions.masks[[REGIONS.index(name) for name in simulator.truth_regions(event)]].any(axis=0)
    return Pair(
        movement=f"{simulator.scenario.seed} at {event.onset_s:.2f} s",
        head=head,
        size_px=event.amplitude_px,
        head_px=float(head_px[regions.oval].mean()),
        onset=onset,
        apex=simulator.frame(last),
        landmarks=face.landmarks,
        regions=regions,
        true=true,
        moving=np.asarray(moving, np.bool_),
    )


def true_motion(
    simulator: FaceSimulator, skin: Float32, alignment: Alignment, times_s: tuple[float, float]
) -> tuple[Float32, Float32]:
    """What a perfect flow of the skin alone would be in the crop, and how far the head takes each px of it.

    Parameters
    ----------
    simulator : FaceSimulator
    skin : (height, width, 2) float32
        `FaceSimulator.displacement` at the apex, px of the frame at rest.
    alignment : Alignment
        Of the onset frame.
    times_s : (onset, apex)

    Returns
    -------
    motion : (256, 256, 2) float32
        px of the crop, by the movement alone, at the place each point has in the onset frame.
    head : (256, 256) float32
        px of the 224 px face.
    """
    person, scenario = simulator.person, simulator.scenario
    sway = Sway.draw(scenario.sway_px, (person.seed, scenario.seed))
    box = HeadBox.around(simulator.look, simulator.size)
    corner = np.array([box.x[0, 0], box.y[0, 0]], np.float32)

    def back_to_rest(places: Float32, t_s: float) -> Float32:
        pose = np.add(sway.pose(t_s), gesture_pose(scenario.distractors.gestures, t_s))
        dx, dy, turn, grow, yaw, pitch = pose.tolist()
        shift = box.motion((dx, dy, turn, grow, yaw, pitch))
        return sample(shift, ((places - corner) / STEP).astype(np.float32))

    y, x = np.mgrid[0:CROP_PX, 0:CROP_PX]
    turn = np.array([[alignment.a, -alignment.b], [alignment.b, alignment.a]])
    offset = np.stack([x, y], axis=-1) - np.array([alignment.tx, alignment.ty])
    places = (offset @ turn / alignment.scale**2).astype(np.float32)
    rest = back_to_rest(places, times_s[0])
    moved = sample(skin, places + rest)
    # the head at onset carries the skin's motion along: turned and scaled as the head is
    moved = moved - (back_to_rest(places + moved, times_s[0]) - rest)
    head = np.linalg.norm(back_to_rest(places, times_s[1]) - rest, axis=-1) / simulator.look.px_per_crop_px
    return (moved @ turn.T).astype(np.float32), head.astype(np.float32)


def flows(pair: Pair) -> dict[str, Float32]:
    """The flow the network sees, its peers, and no flow at all: (256, 256, 2) float32 px of the crop each."""
    alignment = Alignment.fit(pair.landmarks)
    onset, apex = alignment.crop(pair.onset), alignment.crop(pair.apex)
    found: dict[str, Float32] = {}
    methods: tuple[FlowMethod, ...] = ("dis", "farneback")
    for method in methods:
        found[method] = movement_between(pair.onset, pair.apex, pair.landmarks, method=method).flow
        found[method + LEFT_IN] = face_flow(onset, apex, pair.regions, method)
    found[NOTHING] = np.zeros_like(pair.true)
    return found


def compare(flow: Float32, pair: Pair) -> dict[str, float]:
    """Figures of one flow against the truth, in the movement's regions and over the whole face."""
    figures: dict[str, float] = {}
    for name, where in (("regions", pair.moving & pair.regions.oval), ("oval", pair.regions.oval)):
        measured, true = flow[where].astype(np.float64), pair.true[where].astype(np.float64)
        error = measured - true
        size = np.hypot(*true.T)
        cross = true[:, 0] * measured[:, 1] - true[:, 1] * measured[:, 0]
        angle = np.degrees(np.abs(np.arctan2(cross, (true * measured).sum(axis=1))))[size > _MOVING_PX]
        figures[f"{name}_error_px"] = float(np.hypot(*error.T).mean())
        figures[f"{name}_u_px"], figures[f"{name}_v_px"] = (float(each) for each in np.abs(error).mean(axis=0))
        figures[f"{name}_angle_deg"] = float(angle.mean()) if angle.size and measured.any() else float("nan")
        figures[f"{name}_gain"] = float((measured * true).sum() / max((true**2).sum(), 1e-12))
    measured, true = (pair.regions.means(field)[: len(REGIONS)] for field in (flow, pair.true))
    return figures | {"cosine": cosine(measured, true), "recognisable": float(recognisable(measured, true))}


def cosine(a: Float32, b: Float32) -> float:
    """Of the angle between two (10, 2) motions of the regions; 0 where one of them is nothing."""
    return float((a * b).sum() / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))


def recognisable(measured: Float32, true: Float32) -> bool:
    """Whether (10, 2) means of the regions are the true ones, but for their length.

    The cosine is 0.7 or more, and the region that moves most is one that truly moves, at least half as far as any.
    """
    size = np.hypot(*true.T)
    strongest = int(np.argmax(np.hypot(*measured.T)))
    return cosine(measured, true) >= _ALIKE and bool(size[strongest] >= _STRONG * size.max())
