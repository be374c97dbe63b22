"""Canonical face crop: one similarity transform from points of the face that do not move with its expression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.errors import DataError
from realtime.face._cv import bytes_of, cv2
from realtime.packets import Bool, Float32, UInt8

CROP_PX = 256
EYE_SPAN_PX = 128.0
INTEROCULAR_PX = 0.69 * EYE_SPAN_PX
_EYE_LINE_PX = 87.0

# Mean of several real faces tracked with this mesh, mirrored and averaged: x, y from the middle between the outer eye
# corners, in units of their distance. Eye corners, bridge of the nose, temples: points that no action unit moves much.
_STABLE = {
    33: (-0.5, 0.0),
    263: (0.5, 0.0),
    133: (-0.193, 0.015),
    362: (0.193, 0.015),
    168: (0.0, -0.061),
    6: (0.0, 0.036),
    197: (0.0, 0.110),
    195: (0.0, 0.176),
    127: (-0.718, 0.045),
    356: (0.718, 0.045),
    234: (-0.718, 0.186),
    454: (0.718, 0.186),
}
STABLE_POINTS = tuple(_STABLE)
_TEMPLATE = np.array(list(_STABLE.values())) * EYE_SPAN_PX + [CROP_PX / 2, _EYE_LINE_PX]


@dataclass(frozen=True, slots=True)
class Alignment:
    """Similarity transform between a frame and the 256 px crop.

    Parameters
    ----------
    a, b, tx, ty : float
        `x' = a x - b y + tx`, `y' = b x + a y + ty`, frame px to crop px.
    """

    a: float
    b: float
    tx: float
    ty: float

    @classmethod
    def fit(cls, landmarks: Float32) -> Alignment:
        """Least-squares similarity that puts the stable landmarks of one face at their canonical places.

        Parameters
        ----------
        landmarks : (468, 2) float32
            Px of the frame.

        Raises
        ------
        DataError
            The landmarks are not finite or coincide.

        References
        ----------
        Umeyama (1991), "Least-squares estimation of transformation parameters between two point patterns".
        """
        points = landmarks[list(STABLE_POINTS)].astype(np.float64)
        source = points[:, 0] + 1j * points[:, 1]
        target = _TEMPLATE[:, 0] + 1j * _TEMPLATE[:, 1]
        centred = source - source.mean()
        spread = float(np.sum(np.abs(centred) ** 2))
        if not spread > 1e-6:
            raise DataError("the face landmarks coincide or are not finite; wanted a tracked face")
        factor = complex(np.sum(np.conj(centred) * (target - target.mean())) / spread)
        shift = complex(target.mean() - factor * source.mean())
        return cls(factor.real, factor.imag, shift.real, shift.imag)

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(2, 3) float64, frame px to crop px."""
        return np.array([[self.a, -self.b, self.tx], [self.b, self.a, self.ty]])

    @property
    def scale(self) -> float:
        """Crop px per frame px."""
        return float(np.hypot(self.a, self.b))

    def apply(self, points: NDArray) -> Float32:
        """(n, 2) frame px to (n, 2) float32 crop px."""
        matrix = self.matrix
        return (np.asarray(points, dtype=np.float64) @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)

    def moved(self, dx: float, dy: float) -> Alignment:
        """The same crop out of a picture whose origin lies at (dx, dy) of the frame."""
        return Alignment(self.a, self.b, self.tx + self.a * dx - self.b * dy, self.ty + self.b * dx + self.a * dy)

    def following(self, factor: complex, shift: complex) -> Alignment:
        """The same crop out of a later frame, in which every crop point z has gone to z + factor z + shift."""
        to_crop = complex(self.a, self.b) / (1.0 + factor)
        origin = (complex(self.tx, self.ty) - shift) / (1.0 + factor)
        return Alignment(to_crop.real, to_crop.imag, origin.real, origin.imag)

    def crop(self, image: UInt8) -> UInt8:
        """(256, 256) uint8 grey crop, nothing masked; black where the frame ends.

        Parameters
        ----------
        image : (height, width) or (height, width, 3) uint8
            Grey or RGB. A face more than twice the crop's size is averaged down first, since bilinear sampling aliases.
        """
        grey, matrix = to_grey(image), self.matrix
        factor = int(1.0 / self.scale)
        height, width = grey.shape[0] // max(factor, 1) * factor, grey.shape[1] // max(factor, 1) * factor
        if factor >= 2 and height > 0 and width > 0:
            size = (width // factor, height // factor)
            grey = cv2.resize(grey[:height, :width], size, interpolation=cv2.INTER_AREA)
            matrix = matrix @ np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])
        return bytes_of(cv2.warpAffine(grey, matrix, (CROP_PX, CROP_PX), flags=cv2.INTER_LINEAR, borderValue=0))

    def bounds(self, margin: float, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
        """Upright box (left, top, right, bottom) of the frame around the crop and `margin` of its side more."""
        low, high = -margin * CROP_PX, (1 + margin) * CROP_PX
        corners = np.array([[low, low], [high, low], [low, high], [high, high]]) - [self.tx, self.ty]
        back = corners @ np.array([[self.a, -self.b], [self.b, self.a]]) / self.scale**2
        left, top = np.floor(back.min(axis=0)).astype(int)
        right, bottom = np.ceil(back.max(axis=0)).astype(int) + 1
        return max(left, 0), max(top, 0), min(right, shape[1]), min(bottom, shape[0])


def to_grey(image: UInt8) -> UInt8:
    """(height, width) uint8 luma of a grey or RGB picture."""
    return image if image.ndim == 2 else bytes_of(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def oval_mask(points: Float32) -> Bool:
    """(256, 256) bool, True inside the face oval: the convex hull of the landmarks.

    Parameters
    ----------
    points : (468, 2) float32
        Landmarks in crop px (`Alignment.apply`).
    """
    return hull_mask(points)


def hull_mask(points: Float32) -> Bool:
    """(256, 256) bool, True inside the convex hull of (n, 2) points in crop px."""
    mask = np.zeros((CROP_PX, CROP_PX), np.uint8)
    hull = cv2.convexHull(np.round(points).astype(np.int32).reshape(-1, 1, 2))
    cv2.fillConvexPoly(mask, hull, 1)
    return mask.astype(bool)


def masked(crop: UInt8, mask: Bool) -> UInt8:
    """The crop with everything outside `mask` black."""
    return np.where(mask, crop, np.uint8(0))
