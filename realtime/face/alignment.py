"""Canonical face crop: one similarity transform from points of the face that do not move with its expression."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.errors import DataError
from realtime.face._cv import bytes_of, cv2
from realtime.face.layout import CROP_PX, EYE_LINE_PX, EYE_SPAN_PX
from realtime.packets import Bool, Float32, UInt8

INTEROCULAR_PX = 0.69 * EYE_SPAN_PX

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
_TEMPLATE = np.array(list(_STABLE.values())) * EYE_SPAN_PX + [CROP_PX / 2, EYE_LINE_PX]
_INDEX = np.array(STABLE_POINTS)
_TARGET = _TEMPLATE[:, 0] + 1j * _TEMPLATE[:, 1]
_TARGET_MEAN = complex(_TARGET.mean())
_TARGET_CENTRED = _TARGET - _TARGET_MEAN


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
        points = landmarks[_INDEX].astype(np.float64)
        source = points[:, 0] + 1j * points[:, 1]
        mean = complex(source.mean())
        centred = source - mean
        spread = float(np.sum(np.abs(centred) ** 2))
        if not spread > 1e-6:
            raise DataError("the face landmarks coincide or are not finite; wanted a tracked face")
        factor = complex(np.sum(np.conj(centred) * _TARGET_CENTRED)) / spread
        shift = _TARGET_MEAN - factor * mean
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
        origin, forth = complex(self.tx, self.ty), complex(self.a, self.b)
        back = [(corner - origin) / forth for corner in (complex(x, y) for x in (low, high) for y in (low, high))]
        left, right = min(z.real for z in back), max(z.real for z in back)
        top, bottom = min(z.imag for z in back), max(z.imag for z in back)
        return (
            max(math.floor(left), 0),
            max(math.floor(top), 0),
            min(math.ceil(right) + 1, shape[1]),
            min(math.ceil(bottom) + 1, shape[0]),
        )


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
    return crop * mask.view(np.uint8)
