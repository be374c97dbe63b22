"""The network's view of a movement, live and in training: aligned crops and the flow between them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from realtime.errors import DataError
from realtime.face.alignment import CROP_PX, Alignment, masked
from realtime.face.flow import FlowMethod, dense_flow, fit_head_motion, remove_curved_motion, remove_head_motion
from realtime.face.regions import RegionMap, region_map
from realtime.face.tracker import FaceTracker, check_image
from realtime.packets import Float32, UInt8, readonly

_FAR_PX = 2.0  # beyond, what a similarity leaves of the head is as large as a micro-movement


class MovementImages(NamedTuple):
    """(256, 256) uint8 onset and apex crop, black outside the face; (256, 256, 2) float32 px flow, 0 outside it."""

    onset_crop: UInt8
    apex_crop: UInt8
    flow: Float32


def movement_between(
    onset_image: UInt8,
    apex_image: UInt8,
    landmarks: Float32 | None = None,
    *,
    method: FlowMethod = "dis",
) -> MovementImages:
    """Crops of two frames of one face under one warp, and the face's own motion from the first to the second.

    Both frames are aligned by the *onset* frame's landmarks, so that nothing the landmarks do between the two gets into
    the flow; head motion is then removed from the flow by a RANSAC similarity. Where the head moved by more than 2 px,
    it is undone in the later frame and the flow is taken again. The spotter's movements and the training data come out
    of this one function.

    Parameters
    ----------
    onset_image, apex_image : (height, width) or (height, width, 3) uint8
        Grey or RGB, of one size.
    landmarks : (468, 2) float32 or None
        Px of the onset frame; None has the tracker look for them.
    method : 'dis' or 'farneback'

    Returns
    -------
    MovementImages
        `onset_crop`, `apex_crop`, `flow`; unpacks as a tuple.

    Raises
    ------
    DataError
        The frames differ in size, or there is no face in the onset frame.
    """
    check_image(onset_image)
    check_image(apex_image)
    if onset_image.shape[:2] != apex_image.shape[:2]:
        raise DataError(
            f"onset frame is {onset_image.shape[:2]} px, apex frame {apex_image.shape[:2]}; wanted one size"
        )
    if landmarks is None:
        face = FaceTracker().track(onset_image)
        if face is None:
            raise DataError("no face in the onset frame; wanted one face, seen from the front")
        landmarks = face.landmarks
    alignment = Alignment.fit(landmarks)
    regions = region_map(alignment.apply(landmarks))
    onset, apex = alignment.crop(onset_image), alignment.crop(apex_image)
    flow = _own_motion(onset, apex, apex_image, alignment, regions, method)
    flow[~regions.oval] = 0.0
    return MovementImages(
        readonly(masked(onset, regions.oval)), readonly(masked(apex, regions.oval)), readonly(flow, np.float32)
    )


def _own_motion(
    onset: UInt8, apex: UInt8, apex_image: UInt8, alignment: Alignment, regions: RegionMap, method: FlowMethod
) -> Float32:
    flow = face_flow(onset, apex, regions, method)
    head = fit_head_motion(flow, regions.grid)
    if np.hypot(*head.at(regions.grid).T).mean() <= _FAR_PX:
        return remove_head_motion(flow, regions.grid)
    still = alignment.following(head.factor, head.shift - head.factor * head.centre).crop(apex_image)
    finer: FlowMethod = "fine-dis" if method == "dis" else method
    return remove_curved_motion(face_flow(onset, still, regions, finer), regions.grid)


def face_flow(a: UInt8, b: UInt8, regions: RegionMap, method: FlowMethod) -> Float32:
    """Flow between two crops, computed on the face's box only: (256, 256, 2) float32 px, 0 outside the box."""
    flow = np.zeros((CROP_PX, CROP_PX, 2), np.float32)
    box = regions.box
    flow[box] = dense_flow(np.ascontiguousarray(a[box]), np.ascontiguousarray(b[box]), method)
    return flow
