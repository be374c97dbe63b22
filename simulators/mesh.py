"""A real face's 468-point mesh as a puppet's skeleton: which way each of its points goes in an action unit.

Displacements are worked out at the mesh's points and are linear inside each triangle between them. All of
it happens in the canonical 256 px frame of `realtime.face.alignment`, so that a field made once serves every frame of
a video.

References
----------
Kartynnik et al. (2019), "Real-time facial surface geometry from monocular video on mobile GPUs" (the mesh).
Delaunay (1934), "Sur la sphère vide" (the triangles).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from realtime.errors import DataError
from realtime.face.alignment import CROP_PX as CANONICAL_PX
from realtime.face.alignment import Alignment
from realtime.face.regions import REGIONS, region_map
from realtime.packets import Bool, Float32, Float64
from simulators.action_units import CROP_PX, units_of
from simulators.warp import sample, unit_field

MARGIN_PX = 64
"""Fields reach this far beyond the canonical frame on every side."""

GRID_PX = CANONICAL_PX + 2 * MARGIN_PX
"""Side of the square on which fields are kept, canonical px."""

# anchor -> (person's right, person's left): mesh points whose mean it is
_ANCHORS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "cheek_edge": ((234,), (454,)),
    "brow_inner": ((107, 55), (336, 285)),
    "brow_mid": ((105, 52), (334, 282)),
    "brow_outer": ((70, 46), (300, 276)),
    "iris": ((33, 133, 159, 145), (263, 362, 386, 374)),
    "lid_upper": ((159,), (386,)),
    "lid_lower": ((145,), (374,)),
    "eye_outer": ((33,), (263,)),
    "cheek": ((118, 50), (347, 280)),
    "nose_root": ((193,), (417,)),
    "nose_wing": ((129, 64), (358, 294)),
    "upper_lip": ((39,), (269,)),
    "mouth_corner": ((61,), (291,)),
    "lower_lip": ((181,), (405,)),
    "jaw": ((210, 204), (430, 424)),
    "chin": ((208, 171), (428, 396)),
}
_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
_RING = 1.3  # the still ring around the face, in units of the oval: no triangle outside it moves
_LIP_UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_LIP_LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_LIDS = (
    (
        (33, 246, 161, 160, 159, 158, 157, 173, 133),
        (33, 7, 163, 144, 145, 153, 154, 155, 133),
        (33, 247, 30, 29, 27, 28, 56, 190, 133),
    ),
    (
        (263, 466, 388, 387, 386, 385, 384, 398, 362),
        (263, 249, 390, 373, 374, 380, 381, 382, 362),
        (263, 467, 260, 259, 257, 258, 286, 414, 362),
    ),
)
_SMALL_PX = 1.5  # movements below leave the skin's gradient far from 1, parting lips aside
_LIP_REACH_PX = 34.0  # how far below the lips a falling jaw carries the skin along, px of the 224 px crop


def anchors(landmarks: Float32) -> dict[str, tuple[float, float]]:
    """Anatomical points of the action units, from the mesh.

    Parameters
    ----------
    landmarks : (468, 2) float32
        Any px.

    Returns
    -------
    dict
        'name_left' and 'name_right' (the person's own) -> (x, y), the landmarks' px.
    """
    found: dict[str, tuple[float, float]] = {}
    for name, sides in _ANCHORS.items():
        for side, indices in zip(("right", "left"), sides, strict=True):
            x, y = landmarks[list(indices)].mean(axis=0).tolist()
            found[f"{name}_{side}"] = (x, y)
    return found


def oval(landmarks: Float32) -> Float32:
    """The face's outline, (36, 2) float32, in order around it; the landmarks' px."""
    return landmarks[list(_OVAL)]


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """One face at rest, triangulated in the canonical frame.

    Parameters
    ----------
    rest : (468, 2) float32
        Canonical px.
    scale : float
        Canonical px of one px of the face crop in which the cheek edges are 224 px apart.
    """

    rest: Float32
    scale: float
    _corners: NDArray[np.int32]
    _shares: Float32
    _inside: Bool
    _regions: Bool

    @classmethod
    def of(cls, rest: Float32) -> FaceMesh:
        """Triangulate one face.

        Parameters
        ----------
        rest : (468, 2) float32
            Landmarks in canonical px (`Alignment.apply`).

        Raises
        ------
        DataError
            The points are not finite or span no face.
        """
        rest = np.asarray(rest, np.float32)
        if rest.shape != (468, 2) or not np.isfinite(rest).all() or np.ptp(rest, axis=0).min() < 40.0:
            raise DataError("these landmarks are no face: wanted (468, 2) finite px in the canonical frame")
        centre = oval(rest).mean(axis=0)
        # 36 still points around the face and the square's corners carry the field to nothing outside
        ring = centre + _RING * (oval(rest) - centre)
        square = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]]) * 1e3 + centre
        points = np.concatenate([rest, ring, square]).astype(np.float64)
        triangles = Delaunay(points)
        y, x = np.mgrid[0:GRID_PX, 0:GRID_PX].reshape(2, -1)
        at = np.stack([x, y], axis=1) - float(MARGIN_PX)
        found = triangles.find_simplex(at)
        affine = triangles.transform[found]
        two = np.einsum("nij,nj->ni", affine[:, :2], at - affine[:, 2])
        shares = np.concatenate([two, 1.0 - two.sum(axis=1, keepdims=True)], axis=1)
        regions = region_map(rest).masks
        width = float(np.hypot(*(rest[454] - rest[234])))
        return cls(
            rest,
            width / CROP_PX,
            triangles.simplices[found].astype(np.int32),
            shares.astype(np.float32),
            found >= 0,
            regions,
        )

    @classmethod
    def of_frame(cls, landmarks: Float32) -> tuple[FaceMesh, Alignment]:
        """The mesh of a face in a frame, and where the frame's px lie in the canonical frame.

        Parameters
        ----------
        landmarks : (468, 2) float32
            Px of the frame.
        """
        alignment = Alignment.fit(landmarks)
        return cls.of(alignment.apply(landmarks)), alignment

    def dense(self, at_points: Float64) -> Float32:
        """Spread displacements of the mesh's points over the canonical square, linearly in each triangle.

        Parameters
        ----------
        at_points : (468, 2) float64
            Canonical px.

        Returns
        -------
        (GRID_PX, GRID_PX, 2) float32
            Canonical px; 0 outside the face and its ring.
        """
        still = np.zeros((len(_OVAL) + 4, 2))
        values = np.concatenate([at_points, still]).astype(np.float32)
        field = np.einsum("nk,nkd->nd", self._shares, values[self._corners])
        field[~self._inside] = 0.0
        return np.ascontiguousarray(field.reshape(GRID_PX, GRID_PX, 2), np.float32)

    def movement(self, action_units: Iterable[int], side: str = "both") -> Float32:
        """Displacement field of some action units, of amplitude 1.

        Parameters
        ----------
        action_units : iterable of int
            FACS numbers.
        side : 'both', 'left' or 'right'
            The person's own.

        Returns
        -------
        (GRID_PX, GRID_PX, 2) float32
            Where each px at rest goes, canonical px, for an amplitude of 1 px of the 224 px crop: that is the mean
            length over the face region where that is largest, but no point moves more than twice that far.

        Raises
        ------
        ConfigurationError
            An unknown unit or side.
        """
        units = units_of(action_units)
        points = anchors(self.rest)
        x, y = self.rest[:, 0], self.rest[:, 1]
        moved = unit_field(units, side, points, self.scale, x, y).astype(np.float64)
        opening = max(unit.opening for unit in units)
        if opening:
            moved[:, 1] += opening * self._jaw(x, y)
        field = self.dense(moved)
        return field * np.float32(self.scale / self._size(field))

    def region_means(self, field: Float32) -> dict[str, float]:
        """Mean length of a field in each face region, in the field's px."""
        inner = slice(MARGIN_PX, MARGIN_PX + CANONICAL_PX)
        length = np.hypot(field[inner, inner, 0], field[inner, inner, 1])
        return {
            name: float(length[mask].mean()) if mask.any() else 0.0
            for name, mask in zip(REGIONS, self._regions, strict=True)
        }

    def _size(self, field: Float32) -> float:
        peak = float(np.sqrt(np.max(np.sum(field**2, axis=-1))))
        return max(*self.region_means(field).values(), 0.5 * peak, 1e-6)

    def _jaw(self, x: Float32, y: Float32) -> Float64:
        """Share of the jaw's fall that each point takes: all of the lower lip's middle, none above the lips."""
        upper, lower = lips(self.rest)
        line = np.interp(x, lower[:, 0], lower[:, 1])
        half = 0.5 * (upper[-1, 0] - upper[0, 0])
        across = np.clip(1.0 - ((x - 0.5 * (upper[-1, 0] + upper[0, 0])) / half) ** 2, 0.0, 1.0) ** 1.5
        below = y - line
        fall = np.exp(-0.5 * (np.maximum(below, 0.0) / (_LIP_REACH_PX * self.scale)) ** 2)
        # the mesh's inner lip points touch where the mouth is shut: tell them apart by name, not by place
        under = below >= 0.5
        under[list(_LIP_LOWER)], under[list(_LIP_UPPER)] = True, False
        return np.where(under, across * fall, 0.0)


def lips(rest: Float32) -> tuple[Float32, Float32]:
    """Inner edges of the upper and the lower lip, (11, 2) float32 each, x increasing."""
    return _rightwards(rest[list(_LIP_UPPER)]), _rightwards(rest[list(_LIP_LOWER)])


def backward(field: Float32) -> Float32:
    """What to subtract from a place to find what it shows: solves `b(x) = field(x - b(x))` by iteration.

    Parameters
    ----------
    field : (height, width, 2) float32
        Where each px at rest goes.

    Returns
    -------
    (height, width, 2) float32
    """
    height, width = field.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), -1)
    # half steps where skin is squeezed or lips part: with a gradient near 1 full ones would swing
    steps, share = (3, 1.0) if np.max(np.abs(field)) < _SMALL_PX else (10, 0.5)
    b = field
    for _ in range(steps):
        found = sample(field, grid - b, border=cv2.BORDER_CONSTANT)
        b = found if share == 1.0 else np.asarray((1.0 - share) * b + share * found, np.float32)
    return b


def to_frame(field: Float32, alignment: Alignment, size: tuple[int, int]) -> Float32:
    """Lay a canonical field over a frame.

    Parameters
    ----------
    field : (GRID_PX, GRID_PX, 2) float32
        Canonical px.
    alignment : Alignment
        Frame px to canonical px.
    size : (width, height)
        Of the frame, px.

    Returns
    -------
    (height, width, 2) float32
        Frame px; 0 where the field does not reach.
    """
    matrix = alignment.matrix + np.array([[0.0, 0.0, MARGIN_PX], [0.0, 0.0, MARGIN_PX]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(field, matrix, size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
    back = np.array([[alignment.a, alignment.b], [-alignment.b, alignment.a]]) / alignment.scale**2
    return np.asarray(cv2.transform(laid, back), np.float32)


def eyelids(rest: Float32) -> tuple[tuple[Float32, Float32, Float32], ...]:
    """Lid curves of both eyes: edge of the upper lid, edge of the lower one, crease above.

    Returns
    -------
    tuple of (upper, lower, crease)
        Each (n, 2) float32, x increasing, from corner to corner.
    """
    found = []
    for upper, lower, crease in _LIDS:
        curves = []
        for indices in (upper, lower, crease):
            points = rest[list(indices)]
            curves.append(_rightwards(points))
        found.append(tuple(curves))
    return tuple(found)


def _rightwards(points: Float32) -> Float32:
    points = points[::-1].copy() if points[0, 0] > points[-1, 0] else points.copy()
    points[:, 0] = np.maximum.accumulate(points[:, 0] + 1e-3 * np.arange(len(points)))
    return points
