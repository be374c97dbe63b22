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


@dataclass(frozen=True, slots=True)
class Prepared:
    """A crop as `RegionFlow` wants it.

    Parameters
    ----------
    fine : (256, 256) float32
        Slightly blurred, so that gradients are defined.
    coarse : (64, 64) float32
        A quarter of its resolution.
    """

    fine: Float32
    coarse: Float32


def prepared(crop: UInt8) -> Prepared:
    """Blur a (256, 256) crop; each picture once, for it is compared with an earlier and with a later one."""
    fine = np.asarray(cv2.GaussianBlur(crop.astype(np.float32), (5, 5), _BLUR_PX), np.float32)
    return Prepared(fine, _quarter(fine))


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
        self._coarse_box = (
            slice(rows.start // _COARSE, rows.start // _COARSE + self._rows * _CELL // _COARSE),
            slice(columns.start // _COARSE, columns.start // _COARSE + self._columns * _CELL // _COARSE),
        )
        y, x = np.mgrid[0 : self._rows, 0 : self._columns] * _CELL + (_CELL - 1) / 2
        x, y = x.ravel() + columns.start, y.ravel() + rows.start
        oval, eyes = self._shares(regions.oval), self._shares(np.asarray(regions.apertures.any(axis=0)))
        self._weights = np.stack([self._shares(mask) for mask in (*regions.masks, *regions.apertures)])
        self._weight_sums = self._weights.sum(axis=1)
        inside = np.flatnonzero((oval > 0.9) & (eyes < 0.01))
        # a face that is hardly in the picture has no cell to measure the head by: every cell has to do
        inside = inside if inside.size >= 8 else np.arange(oval.size)
        self._centre = np.array([x[inside].mean(), y[inside].mean()])
        # what the head's similarity moves in x and in y, in every cell
        self._basis = _similarity_basis((x - self._centre[0]) / _RADIUS_PX, (y - self._centre[1]) / _RADIUS_PX)
        self._inside = inside
        along_x, along_y = self._basis[:, inside]
        cross = _outer(along_x, along_y)
        self._inside_basis = np.concatenate([along_x, along_y])
        self._products = np.concatenate(
            [_outer(along_x, along_x), cross + cross[:, _TRANSPOSED], _outer(along_y, along_y)]
        )

    def _shares(self, mask: Bool) -> NDArray[np.float64]:
        return self._cells(mask[self._box].astype(np.float32)).astype(np.float64)

    def _cells(self, image: NDArray) -> Float32:
        """(n_cells,) means of an image of the box's size, or of a whole fraction of it."""
        size = (self._columns, self._rows)
        return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32).reshape(-1)

    def between(self, a: Prepared, b: Prepared) -> RegionMotion:
        """Motion from crop `a` to crop `b`.

        Parameters
        ----------
        a, b : Prepared
            Earlier and later, under one warp.
        """
        head = self._coarse_head(a, b)
        moved = _unmoved_by(head, self._centre, b.fine)
        normal = self._normal_equations(a.fine[self._box], moved[self._box])
        step = self._head(normal, 5)
        xx, xy, yy, along_x, along_y = normal
        by_x, by_y = self._basis @ step
        left = np.stack([along_x - (xx * by_x + xy * by_y), along_y - (xy * by_x + yy * by_y)])
        fine = self._regional(normal[:3], left)
        large = np.hypot(fine[:, 0], fine[:, 1]) > _LARGE_PX
        if large.any():
            whole = self._coarse_equations(a.coarse, _quarter(moved))
            fine[large] = (self._regional(whole[:3], whole[3:]) - self._regional_head(step))[large]
        head = head + step
        size_px = float(np.hypot(head[0], head[1]) + np.hypot(head[2], head[3]))
        n = len(self._weights) - 2
        return RegionMotion(fine[:n].astype(np.float32), fine[n:].astype(np.float32), size_px)

    def _regional_head(self, head: NDArray[np.float64]) -> NDArray[np.float64]:
        field = (self._basis @ head).T
        return self._weights @ field / np.maximum(self._weight_sums, 1e-9)[:, None]

    def _regional(self, matrix: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
        """(12, 2) translation of each region and eye that explains its cells best; 0 where a region is empty."""
        xx, xy, yy, along_x, along_y = (self._weights @ np.concatenate([matrix, right]).T).T
        ridge = _REGION_RIDGE * self._weight_sums + 1e-9
        total = np.stack([xx + ridge, xy, xy, yy + ridge], axis=-1).reshape(-1, 2, 2)
        return np.linalg.solve(total, np.stack([along_x, along_y], axis=-1)[..., None])[..., 0]

    def _coarse_head(self, a: Prepared, b: Prepared) -> NDArray[np.float64]:
        """Head motion to a few tenths of a px, from a quarter of the resolution."""
        head, later = np.zeros(4), b.coarse
        for again in range(3):
            if again:
                later = _quarter(_unmoved_by(head, self._centre, b.fine))
            step = self._head(self._coarse_equations(a.coarse, later), 2)
            head += step
            if np.abs(step).max() < 0.5:
                break
        return head

    def _head(self, normal: NDArray[np.float64], rounds: int) -> NDArray[np.float64]:
        """(4,) similarity that most cells follow (Tukey weights), from the cells' normal equations."""
        inside = normal[:, self._inside]
        matrix, right = inside[:3], inside[3:]
        n, (xx, xy, yy) = matrix.shape[1], matrix
        xx, yy = xx + _TEXTURE_RIDGE, yy + _TEXTURE_RIDGE
        own = np.stack([yy * right[0] - xy * right[1], xx * right[1] - xy * right[0]]) / (xx * yy - xy * xy)
        weight, head = np.ones(n), np.zeros(4)
        for _ in range(rounds):
            # of each cell xx, xy and yy times what its place contributes to the similarity's normal equations
            whole = ((weight * matrix).reshape(-1) @ self._products).reshape(4, 4)
            head = np.linalg.solve(whole + _RIDGE, (weight * right).reshape(-1) @ self._inside_basis)
            residual = np.hypot(*(own - (self._inside_basis @ head).reshape(2, n)))
            spread = max(1.4826 * median(residual) / 1.1774, _MIN_SPREAD_PX)
            weight = np.maximum(1.0 - (residual / (4.685 * spread)) ** 2, 0.0) ** 2
        return np.asarray(head, np.float64)

    def _normal_equations(self, a: Float32, b: Float32) -> NDArray[np.float64]:
        """(5, n) xx, xy, yy and right-hand sides of each cell's translation, gain and offset eliminated."""
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
        found = (xx - xm * xm * gain, xy - xm * ym * gain, yy - ym * ym * gain, xm * mt - xt, ym * mt - yt)
        return np.array(found, np.float64)

    def _coarse_equations(self, a: Float32, b: Float32) -> NDArray[np.float64]:
        """The same from (64, 64) pictures, with one change of brightness for all cells; in px of the crop."""
        a, b = a[self._coarse_box], b[self._coarse_box]
        mean, change = 0.5 * (a + b), b - a
        change = change - np.float32(median(change))
        dx = cv2.Sobel(mean, cv2.CV_32F, 1, 0, ksize=3, scale=1 / (8 * _COARSE))
        dy = cv2.Sobel(mean, cv2.CV_32F, 0, 1, ksize=3, scale=1 / (8 * _COARSE))
        products = (dx * dx, dx * dy, dy * dy, -dx * change, -dy * change)
        return np.array([self._cells(product) for product in products], np.float64)


def median(values: NDArray) -> float:
    """`np.median` of finite numbers, without what its generality costs: 20 us, forty times a frame."""
    middle = (values.size - 1) // 2, values.size // 2
    found = np.partition(values, middle, axis=None)
    return float((found[middle[0]] + found[middle[1]]) / 2)


def _quarter(fine: Float32) -> Float32:
    size = (CROP_PX // _COARSE, CROP_PX // _COARSE)
    return np.asarray(cv2.resize(fine, size, interpolation=cv2.INTER_AREA), np.float32)


def _outer(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 16) outer products of (n, 4) rows."""
    return (a[:, :, None] * b[:, None, :]).reshape(len(a), 16)


def _similarity_basis(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, n, 4): what shifts in x and y, growth and rotation move at n points, in x and in y."""
    one, zero = np.ones_like(x), np.zeros_like(x)
    return np.stack([np.stack([one, zero, x, -y], axis=-1), np.stack([zero, one, y, x], axis=-1)])


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
