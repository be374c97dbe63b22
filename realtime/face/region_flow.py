"""Mean motion of each facial region between two aligned crops, head motion and changes of light taken out.

One least-squares fit a region instead of the mean of a dense flow field: texture weighs by what it says about motion,
smooth skin and the camera's noise weigh little, and it costs less (`docs/decisions/0008`). For the shape of a movement,
where each px went, the dense field is better (`movement`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.face._cv import cv2
from realtime.face.alignment import CROP_PX
from realtime.face.regions import RegionMap
from realtime.packets import Bool, Float32, UInt8

_CELL = 8
_COARSE = 4
_BLUR_PX = 1.0
_RADIUS_PX = 80.0  # the head's rotation and scale are measured by what they move at this distance
_GAIN_RIDGE = 4.0  # grey levels squared: how much contrast a region must have before a change of gain is believed
_TEXTURE_RIDGE = 0.5
_REGION_RIDGE = 1e-3
_MIN_SPREAD_PX = 0.01
_RIDGE = 1e-6 * np.eye(4)
_TRANSPOSED = np.arange(16).reshape(4, 4).T.ravel()
_LARGE_PX = 1.2  # a larger residual is beyond the linear range of the fine fit


@dataclass(frozen=True, slots=True)
class RegionMotion:
    """What moved between two crops.

    Parameters
    ----------
    regions : (10, 2) float32
        Displacement (dx, dy) of each region, px of the crop, without head motion.
    eyes : (2, 2) float32
        The same inside each eye's opening.
    head_px : float
        Largest displacement by the head's motion on the face.
    """

    regions: Float32
    eyes: Float32
    head_px: float


def prepared(crop: UInt8) -> Float32:
    """(256, 256) float32 crop as `RegionFlow` wants it: slightly blurred, so that gradients are defined."""
    return np.asarray(cv2.GaussianBlur(crop.astype(np.float32), (5, 5), _BLUR_PX), np.float32)


class RegionFlow:
    """Motion of the regions of one aligned face; one thread.

    Brightness constancy is solved for a translation, a gain and an offset of the brightness in cells of 8 px. A robust
    similarity of all cells is the head; each region's motion is the least-squares translation of what is left in it.

    Parameters
    ----------
    regions : RegionMap

    References
    ----------
    Lucas & Kanade (1981), "An iterative image registration technique with an application to stereo vision".
    Negahdaripour (1998), "Revised definition of optical flow: integration of radiometric and geometric cues".
    """

    def __init__(self, regions: RegionMap) -> None:
        rows, columns = regions.box
        self._rows = (rows.stop - rows.start) // _CELL
        self._columns = (columns.stop - columns.start) // _CELL
        self._box = (
            slice(rows.start, rows.start + self._rows * _CELL),
            slice(columns.start, columns.start + self._columns * _CELL),
        )
        y, x = np.mgrid[0 : self._rows, 0 : self._columns] * _CELL + (_CELL - 1) / 2
        x, y = x.ravel() + columns.start, y.ravel() + rows.start
        oval, eyes = self._shares(regions.oval), self._shares(np.asarray(regions.apertures.any(axis=0)))
        self._head_cells = ((oval > 0.9) & (eyes < 0.01)).astype(np.float64)
        self._weights = np.stack([self._shares(mask) for mask in (*regions.masks, *regions.apertures)])
        inside = self._head_cells > 0
        # a face that is hardly in the picture has no cell to measure the head by: every cell has to do
        self._head_cells = self._head_cells if inside.sum() >= 8 else np.ones_like(self._head_cells)
        self._centre = np.array([x[self._head_cells > 0].mean(), y[self._head_cells > 0].mean()])
        self._basis = _similarity_basis((x - self._centre[0]) / _RADIUS_PX, (y - self._centre[1]) / _RADIUS_PX)
        along_x, along_y = self._basis[:, 0], self._basis[:, 1]
        self._flat_basis = np.concatenate([along_x, along_y])
        self._inside = np.flatnonzero(self._head_cells > 0)
        cross = _outer(along_x, along_y)
        self._products = np.concatenate(
            [_outer(along_x, along_x), cross + cross[:, _TRANSPOSED], _outer(along_y, along_y)]
        )

    def _shares(self, mask: Bool) -> NDArray[np.float64]:
        return self._cells(mask[self._box].astype(np.float32)).astype(np.float64)

    def _cells(self, image: NDArray) -> Float32:
        """(n_cells,) means of an image of the box's size, or of a whole fraction of it."""
        size = (self._columns, self._rows)
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32).reshape(-1)

    def between(self, a: Float32, b: Float32) -> RegionMotion:
        """Motion from crop `a` to crop `b`.

        Parameters
        ----------
        a, b : (256, 256) float32
            `prepared` crops, earlier and later, under one warp.
        """
        head = self._coarse_head(a, b)
        moved = _unmoved_by(head, self._centre, b)
        matrix, right = self._normal_equations(a[self._box], moved[self._box])
        step = self._head(matrix, right, 5)
        left = right - np.einsum("nij,nj->ni", matrix, self._basis @ step)
        fine = self._regional(matrix, left)
        large = np.hypot(fine[:, 0], fine[:, 1]) > _LARGE_PX
        if large.any():
            coarse_matrix, coarse_right = self._coarse_equations(a, moved)
            coarse = self._regional(coarse_matrix, coarse_right) - self._regional_head(step)
            fine[large] = coarse[large]
        head = head + step
        size_px = float(np.hypot(head[0], head[1]) + np.hypot(head[2], head[3]))
        n = len(self._weights) - 2
        return RegionMotion(fine[:n].astype(np.float32), fine[n:].astype(np.float32), size_px)

    def _regional_head(self, head: NDArray[np.float64]) -> NDArray[np.float64]:
        field = self._basis @ head
        return self._weights @ field / np.maximum(self._weights.sum(axis=1), 1e-9)[:, None]

    def _regional(self, matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        """(12, 2) translation of each region and eye that explains its cells best; 0 where a region is empty."""
        total = np.einsum("rn,nij->rij", self._weights, matrix)
        total += np.eye(2) * (_REGION_RIDGE * self._weights.sum(axis=1) + 1e-9)[:, None, None]
        return np.linalg.solve(total, (self._weights @ right)[..., None])[..., 0]

    def _coarse_head(self, a: Float32, b: Float32) -> NDArray[np.float64]:
        """Head motion to a few tenths of a px, from a quarter of the resolution."""
        head = np.zeros(4)
        for _ in range(3):
            matrix, right = self._coarse_equations(a, _unmoved_by(head, self._centre, b))
            step = self._head(matrix, right, 2)
            head += step
            if np.abs(step).max() < 0.5:
                break
        return head

    def _head(self, matrix: NDArray[np.float64], right: NDArray[np.float64], rounds: int) -> NDArray[np.float64]:
        """(4,) similarity that most cells follow (Tukey weights)."""
        n = len(matrix)
        # of each cell xx, xy and yy times what its place contributes to the similarity's normal equations
        own_products = np.concatenate([matrix[:, 0, 0], matrix[:, 0, 1], matrix[:, 1, 1]]).reshape(3, n)
        own_sums = right.T.copy()
        a, b, d = own_products[0] + _TEXTURE_RIDGE, own_products[1], own_products[2] + _TEXTURE_RIDGE
        own = np.stack([d * own_sums[0] - b * own_sums[1], a * own_sums[1] - b * own_sums[0]])
        own /= a * d - b * b
        weight, head = self._head_cells, np.zeros(4)
        for _ in range(rounds):
            normal = ((weight * own_products).reshape(-1) @ self._products).reshape(4, 4)
            head = np.linalg.solve(normal + _RIDGE, (weight * own_sums).reshape(-1) @ self._flat_basis)
            residual = np.hypot(*(own - (self._flat_basis @ head).reshape(2, n)))
            spread = max(1.4826 * float(np.median(residual[self._inside])) / 1.1774, _MIN_SPREAD_PX)
            weight = self._head_cells * np.clip(1.0 - (residual / (4.685 * spread)) ** 2, 0.0, None) ** 2
        return np.asarray(head, np.float64)

    def _normal_equations(self, a: Float32, b: Float32) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n, 2, 2) and (n, 2): normal equations of each cell's translation, gain and offset eliminated."""
        mean, change = 0.5 * (a + b), b - a
        dx = cv2.Sobel(mean, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
        dy = cv2.Sobel(mean, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
        images = (dx, dy, mean, change)
        first = [self._cells(image) for image in images]

        def covariance(i: int, j: int) -> NDArray[np.float32]:
            return np.asarray(self._cells(images[i] * images[j]) - first[i] * first[j], np.float32)

        xx, xy, xm, xt = (covariance(0, j) for j in range(4))
        yy, ym, yt = (covariance(1, j) for j in (1, 2, 3))
        gain = 1.0 / (covariance(2, 2) + _GAIN_RIDGE)
        mt = covariance(2, 3) * gain
        matrix = np.stack([xx - xm * xm * gain, xy - xm * ym * gain, xy - xm * ym * gain, yy - ym * ym * gain], axis=-1)
        right = -np.stack([xt - xm * mt, yt - ym * mt], axis=-1)
        return matrix.reshape(-1, 2, 2).astype(np.float64), right.astype(np.float64)

    def _coarse_equations(self, a: Float32, b: Float32) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The same at a quarter of the resolution, in px of the crop."""
        rows, columns = self._box
        box = (
            slice(rows.start // _COARSE, rows.start // _COARSE + self._rows * _CELL // _COARSE),
            slice(columns.start // _COARSE, columns.start // _COARSE + self._columns * _CELL // _COARSE),
        )
        size = (CROP_PX // _COARSE, CROP_PX // _COARSE)
        small = [cv2.resize(image, size, interpolation=cv2.INTER_AREA)[box] for image in (a, b)]
        mean, change = 0.5 * (small[0] + small[1]), small[1] - small[0]
        change = change - np.median(change)
        dx = cv2.Sobel(mean, cv2.CV_32F, 1, 0, ksize=3, scale=1 / (8 * _COARSE))
        dy = cv2.Sobel(mean, cv2.CV_32F, 0, 1, ksize=3, scale=1 / (8 * _COARSE))
        xx, xy, yy = self._cells(dx * dx), self._cells(dx * dy), self._cells(dy * dy)
        right = -np.stack([self._cells(dx * change), self._cells(dy * change)], axis=-1)
        return np.stack([xx, xy, xy, yy], axis=-1).reshape(-1, 2, 2).astype(np.float64), right.astype(np.float64)


def _outer(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 16) outer products of (n, 4) rows."""
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), 16)


def _similarity_basis(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2, 4): what shifts in x and y, growth and rotation move at n points."""
    one, zero = np.ones_like(x), np.zeros_like(x)
    return np.stack([np.stack([one, zero, x, -y], axis=-1), np.stack([zero, one, y, x], axis=-1)], axis=1)


def _unmoved_by(head: NDArray[np.float64], centre: NDArray[np.float64], image: Float32) -> Float32:
    """The picture with a head motion undone."""
    if not head.any():
        return image
    dx, dy, grow, turn = head[0], head[1], head[2] / _RADIUS_PX, head[3] / _RADIUS_PX
    matrix = np.array(
        [
            [1 + grow, -turn, dx - grow * centre[0] + turn * centre[1]],
            [turn, 1 + grow, dy - turn * centre[0] - grow * centre[1]],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (CROP_PX, CROP_PX)
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)
