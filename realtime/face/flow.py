"""Dense motion between two aligned crops: flow, head motion taken out of it, optical strain."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from realtime.errors import ConfigurationError
from realtime.face._cv import cv2
from realtime.packets import Float32, UInt8

FlowMethod = Literal["dis", "fine-dis", "farneback"]
_HYPOTHESES = 96
_TOLERANCE_PX = 0.25
_MIN_SCALE_PX = 0.02


@dataclass(frozen=True, slots=True)
class HeadMotion:
    """Similarity motion `displacement = factor * (z - centre) + shift` of complex points z = x + iy.

    Parameters
    ----------
    factor, shift : complex
        Scale and rotation minus identity; px of the crop.
    centre : complex
        Mean of the points it was fitted to.
    inliers : float
        Share of the points that follow it, 0 to 1.
    """

    factor: complex
    shift: complex
    centre: complex
    inliers: float

    def at(self, points: NDArray) -> Float32:
        """(..., 2) displacement at (..., 2) points x, y."""
        z = np.asarray(points[..., 0]) + 1j * np.asarray(points[..., 1])
        moved = self.factor * (z - self.centre) + self.shift
        return np.stack([moved.real, moved.imag], axis=-1).astype(np.float32)


def dense_flow(a: UInt8, b: UInt8, method: FlowMethod = "dis") -> Float32:
    """Dense optical flow from `a` to `b`.

    Parameters
    ----------
    a, b : (height, width) uint8
        Earlier and later picture, of one size.
    method : 'dis', 'fine-dis' or 'farneback'
        Dense inverse search (medium preset), the same down to single pixels with four times the refinement, or
        polynomial expansion.

    Returns
    -------
    (height, width, 2) float32
        Displacement (dx, dy) in px.

    Raises
    ------
    ConfigurationError
        No such method.

    References
    ----------
    Kroeger et al. (2016), "Fast optical flow using dense inverse search"; Farnebäck (2003), "Two-frame motion
    estimation based on polynomial expansion".
    """
    if method in ("dis", "fine-dis"):
        # a fresh start every time: the result must not depend on the pair before
        return _dis(method == "fine-dis").calc(a, b, None)  # type: ignore[call-overload]
    if method == "farneback":
        start = np.zeros((*a.shape, 2), np.float32)
        return cv2.calcOpticalFlowFarneback(a, b, start, 0.5, 4, 15, 3, 7, 1.5, 0).astype(np.float32, copy=False)
    raise ConfigurationError(f"no optical flow named '{method}'; there are: 'dis', 'fine-dis', 'farneback'")


@cache
def _dis(fine: bool) -> cv2.DISOpticalFlow:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if fine:
        search.setFinestScale(0)
        search.setVariationalRefinementIterations(20)
    return search


def fit_head_motion(flow: Float32, points: NDArray[np.int64]) -> HeadMotion:
    """RANSAC similarity of a flow field, polished by Tukey-weighted least squares; deterministic.

    Parameters
    ----------
    flow : (height, width, 2) float32
        px.
    points : (n, 2) int
        Where the field is read: x, y of about a hundred points of the face.

    References
    ----------
    Fischler & Bolles (1981), "Random sample consensus"; Beaton & Tukey (1974), "The fitting of power series".
    """
    values = flow[points[:, 1], points[:, 0]].astype(np.float64)
    z = points[:, 0] + 1j * points[:, 1]
    d = values[:, 0] + 1j * values[:, 1]
    if len(z) < 3:
        return HeadMotion(0j, 0j, 0j, 0.0)
    first, second = _pairs(len(z))
    factor = (d[second] - d[first]) / (z[second] - z[first])
    shift = d[first] - factor * z[first]
    residual = np.abs(d - factor[:, None] * z - shift[:, None])
    best = int(np.argmin(np.minimum(residual, _TOLERANCE_PX).sum(axis=1)))
    return _polish(z, d, residual[best])


def _polish(z: NDArray[np.complex128], d: NDArray[np.complex128], residual: NDArray[np.float64]) -> HeadMotion:
    factor = shift = centre = 0j
    for _ in range(4):
        reach = 4.685 * max(1.4826 * float(np.median(residual)) / 1.1774, _MIN_SCALE_PX)
        weights = np.clip(1.0 - (residual / reach) ** 2, 0.0, None) ** 2
        total = weights.sum()
        centre = complex((weights * z).sum() / total)
        shift = complex((weights * d).sum() / total)
        offset = z - centre
        factor = complex((weights * np.conj(offset) * (d - shift)).sum() / (weights * np.abs(offset) ** 2).sum())
        residual = np.abs(d - factor * offset - shift)
    return HeadMotion(factor, shift, centre, float(np.mean(residual < _TOLERANCE_PX)))


@cache
def _pairs(n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same pairs for every frame: a detector that draws lots cannot be replayed."""
    rng = np.random.default_rng(468)
    first = rng.integers(0, n, _HYPOTHESES)
    return first, (first + rng.integers(1, n, _HYPOTHESES)) % n


def remove_head_motion(flow: Float32, points: NDArray[np.int64]) -> Float32:
    """The field without the similarity motion of the head: (height, width, 2) float32 px.

    Parameters
    ----------
    flow : (height, width, 2) float32
    points : (n, 2) int
        Where head motion is read (`RegionMap.grid`).
    """
    motion = fit_head_motion(flow, points)
    y, x = np.mgrid[0 : flow.shape[0], 0 : flow.shape[1]]
    return flow - motion.at(np.stack([x, y], axis=-1))


def remove_curved_motion(flow: Float32, points: NDArray[np.int64]) -> Float32:
    """The field without the motion that a second-order polynomial of place explains: (height, width, 2) float32 px.

    A head that nods or turns moves its curved front by more than a similarity says; the polynomial is fitted by
    Tukey-weighted least squares, so that what a few regions do does not bend it.

    Parameters
    ----------
    flow : (height, width, 2) float32
    points : (n, 2) int
        Where head motion is read (`RegionMap.grid`); x, y.
    """
    values = flow[points[:, 1], points[:, 0]].astype(np.float64)
    centre, reach = points.mean(axis=0), max(float(points.std()), 1.0)
    terms = _second_order((points - centre) / reach)
    factors = np.linalg.lstsq(terms, values, rcond=None)[0]
    for _ in range(5):
        residual = np.hypot(*(values - terms @ factors).T)
        scale = max(1.4826 * float(np.median(residual)) / 1.1774, _MIN_SCALE_PX)
        root = np.clip(1.0 - (residual / (4.685 * scale)) ** 2, 0.0, None)[:, None]  # of Tukey's weight
        factors = np.linalg.lstsq(terms * root, values * root, rcond=None)[0]
    y, x = np.mgrid[0 : flow.shape[0], 0 : flow.shape[1]]
    explained = _second_order((np.stack([x, y], axis=-1) - centre) / reach) @ factors
    return (flow - explained).astype(np.float32)


def _second_order(at: NDArray) -> NDArray[np.float64]:
    x, y = at[..., 0], at[..., 1]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def optical_strain(flow: Float32) -> Float32:
    """Magnitude of the infinitesimal strain tensor of a flow field.

    Parameters
    ----------
    flow : (height, width, 2) float32
        Displacement (dx, dy) in pixels.

    Returns
    -------
    (height, width) float32
        Strain, dimensionless, non-negative.

    References
    ----------
    Shreve et al. (2011), "Macro- and micro-expression spotting in long videos using spatio-temporal strain".
    """
    du_dy, du_dx = np.gradient(flow[..., 0])
    dv_dy, dv_dx = np.gradient(flow[..., 1])
    shear = 0.5 * (du_dy + dv_dx)
    return np.sqrt(du_dx**2 + dv_dy**2 + 2.0 * shear**2)
