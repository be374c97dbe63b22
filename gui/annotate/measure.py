"""Measured on an event's frames, by the functions that run live: crops, flow from onset to apex, motion over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gui.annotate.film import FilmFrames
from realtime.errors import DataError
from realtime.face.alignment import CROP_PX, Alignment
from realtime.face.flow import remove_head_motion
from realtime.face.movement import face_flow, movement_between
from realtime.face.regions import REGIONS, RegionMap, region_map
from realtime.face.tracker import FaceTracker
from realtime.packets import Float32, UInt8

_MOST_POINTS = 48
_ARROW_STEP_PX = 14
_ARROW_FLOOR_PX = 0.15
DIFFERENCE_GAIN = 6.0
"""By how much the difference of two pictures is amplified where it is shown."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Onset and apex of an event, as numbers of frames; what a comparison is asked for."""

    number: int
    onset: int
    apex: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Onset and apex under one warp, and the face's own motion between them.

    Parameters
    ----------
    onset, apex : (256, 256) uint8
        Crops, black outside the face.
    flow : (256, 256, 2) float32
        px of the crop, head motion removed.
    alignment : Alignment
        Frame px to crop px.
    regions : RegionMap
    """

    onset: UInt8
    apex: UInt8
    flow: Float32
    alignment: Alignment
    regions: RegionMap

    @property
    def largest(self) -> tuple[str, float]:
        """Region of the largest mean motion, and its px."""
        means = _region_motion(self.flow, self.regions)
        best = int(np.argmax(means))
        return REGIONS[best], float(means[best])


def _region_motion(flow: Float32, regions: RegionMap) -> Float32:
    """(n_regions,) lengths of the regions' mean motion, px; without the openings of the eyes."""
    return np.hypot(*regions.means(flow)[: len(REGIONS)].T)


def compare(frames: FilmFrames, pair: Pair, tracker: FaceTracker) -> Comparison:
    """Crops and flow of one event, exactly as training sees them.

    Raises
    ------
    DataError
        No face in the onset frame, or a damaged film.
    """
    onset, apex = frames.frame(pair.onset), frames.frame(pair.apex)
    tracker.reset()
    face = tracker.track(onset)
    if face is None:
        raise DataError("no face in the onset frame, so no flow")
    alignment = Alignment.fit(face.landmarks)
    images = movement_between(onset, apex, face.landmarks)
    return Comparison(
        images.onset_crop, images.apex_crop, images.flow, alignment, region_map(alignment.apply(face.landmarks))
    )


def motion_curve(
    frames: FilmFrames, pair: Pair, base: Comparison, is_old: Callable[[], bool]
) -> tuple[np.ndarray, Float32]:
    """How far the most moved region is from where it was at the onset, frame by frame.

    Parameters
    ----------
    frames : FilmFrames
    pair : Pair
        From `first` to `last`.
    base : Comparison
    is_old : callable
        Says that nobody waits for it any more.

    Returns
    -------
    indices : (n,) int
        Numbers of frames; at most 48, evenly spread.
    motion : (n,) float32
        Largest regional mean of the flow from the onset, px of the 256 px crop; shorter where it became old.
    """
    count = min(_MOST_POINTS, pair.last - pair.first + 1)
    indices = np.unique(np.rint(np.linspace(pair.first, pair.last, count)).astype(np.int64))
    onset = base.alignment.crop(frames.frame(pair.onset))
    found: list[float] = []
    for index in indices:
        if is_old():
            break
        crop = base.alignment.crop(frames.frame(int(index)))
        flow = remove_head_motion(face_flow(onset, crop, base.regions, "dis"), base.regions.grid)
        found.append(float(_region_motion(flow, base.regions).max()))
    return indices[: len(found)], np.array(found, np.float32)


def difference_picture(onset: UInt8, apex: UInt8) -> UInt8:
    """Apex minus onset around mid-grey, amplified: brighter where the apex is.

    Returns
    -------
    (height, width) uint8
    """
    change = (apex.astype(np.float32) - onset.astype(np.float32)) * DIFFERENCE_GAIN
    return np.clip(128.0 + change, 0, 255).astype(np.uint8)


def arrows(comparison: Comparison) -> Float32:
    """Flow on a grid of the face, as lines in the frame.

    Returns
    -------
    (n, 2, 2) float32
        Start and displacement (not amplified), px of the frame, of the points that moved.
    """
    y, x = np.mgrid[_ARROW_STEP_PX // 2 : CROP_PX : _ARROW_STEP_PX, _ARROW_STEP_PX // 2 : CROP_PX : _ARROW_STEP_PX]
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    moved = comparison.flow[points[:, 1], points[:, 0]]
    kept = np.hypot(moved[:, 0], moved[:, 1]) > _ARROW_FLOOR_PX
    points, moved = points[kept].astype(np.float64), moved[kept].astype(np.float64)
    matrix = np.linalg.inv(comparison.alignment.matrix[:, :2])
    starts = (points - comparison.alignment.matrix[:, 2]) @ matrix.T
    return np.stack([starts, moved @ matrix.T], axis=1).astype(np.float32)
