"""Facial regions: where landmarks place them in the canonical 256 px crop.

Left and right are the person's own: `brow_left` is on the right side of an unmirrored picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.face._cv import cv2
from realtime.face.alignment import hull_mask, oval_mask
from realtime.face.layout import APERTURES, CORNER_RADIUS_PX, CORNERS, CROP_PX, HULLS, MARGIN_PX, REGIONS
from realtime.packets import Bool, Float32

_LIPS = (61, 291, 0, 17, 40, 270, 91, 321)
_GRID_STEP_PX = 16


@dataclass(frozen=True, slots=True)
class RegionMap:
    """Regions of one aligned face.

    Parameters
    ----------
    oval : (256, 256) bool
        The face.
    masks : (10, 256, 256) bool
        One mask a region, in the order of `REGIONS`.
    apertures : (2, 256, 256) bool
        The openings of the left and the right eye: what blinks and gaze shifts move.
    grid : (n, 2) int64
        About a hundred points x, y spread over the face, none on eyes or lips: what head motion is fitted to.
    """

    oval: Bool
    masks: Bool
    apertures: Bool
    grid: NDArray[np.int64]
    _index: NDArray[np.int64]
    _starts: NDArray[np.int64]
    _counts: NDArray[np.int64]

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the face in the crop, with a little room: where flow is worth computing."""
        return _box(self.oval)

    def means(self, field: Float32) -> Float32:
        """(12, 2) float32 means of a (256, 256, 2) field over the regions, then the eyes' openings; 0 where empty."""
        values = field.reshape(-1, 2).take(self._index, axis=0)
        sums = np.add.reduceat(values, self._starts, axis=0)
        return np.where(self._counts[:, None] > 1, sums / self._counts[:, None], 0).astype(np.float32)


def region_map(points: Float32) -> RegionMap:
    """Place every region from one face's landmarks.

    Parameters
    ----------
    points : (468, 2) float32
        Landmarks in crop px (`Alignment.apply`).
    """
    oval = oval_mask(points)
    apertures = np.stack([_grown(hull_mask(points[list(ring)]), 2) for ring in APERTURES.values()])
    eyes = np.asarray(apertures.any(axis=0), np.bool_)
    masks = np.stack([_region(name, points) & oval & ~eyes for name in REGIONS])
    lips = _grown(hull_mask(points[list(_LIPS)]), 4)
    index = [np.flatnonzero(mask) for mask in (*masks, *apertures)]
    # reduceat cannot sum nothing: an empty region reads one pixel and is told by its count of 1
    index = [i if len(i) > 1 else np.zeros(1, np.int64) for i in index]
    counts = np.array([len(i) for i in index])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    grid = _grid(oval, _grown(eyes, 4) | lips)
    return RegionMap(oval, masks, apertures, grid, np.concatenate(index), starts, counts)


def _region(name: str, points: Float32) -> Bool:
    if name in CORNERS:
        disc = np.zeros((CROP_PX, CROP_PX), np.uint8)
        x, y = np.round(points[CORNERS[name]]).astype(int)
        cv2.circle(disc, (int(x), int(y)), round(CORNER_RADIUS_PX), 1, -1)
        return disc.astype(bool)
    return _grown(hull_mask(points[list(HULLS[name])]), MARGIN_PX)


def _grown(mask: Bool, radius: int) -> Bool:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask.astype(np.uint8), kernel).astype(bool)


def _grid(oval: Bool, excluded: Bool) -> NDArray[np.int64]:
    inner = cv2.erode(oval.astype(np.uint8), np.ones((13, 13), np.uint8)).astype(bool) & ~excluded
    y, x = np.mgrid[_GRID_STEP_PX // 2 : CROP_PX : _GRID_STEP_PX, _GRID_STEP_PX // 2 : CROP_PX : _GRID_STEP_PX]
    keep = inner[y, x]
    return np.stack([x[keep], y[keep]], axis=1)


def _box(oval: Bool) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(oval.any(axis=1)), np.flatnonzero(oval.any(axis=0))
    room = 4
    return (
        slice(max(int(rows[0]) - room, 0), min(int(rows[-1]) + room + 1, CROP_PX)),
        slice(max(int(columns[0]) - room, 0), min(int(columns[-1]) + room + 1, CROP_PX)),
    )
