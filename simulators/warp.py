"""Displacement fields over a face and the two warps that tear: eyelids and lips. Pure functions of px of the frame.

Fields are Eulerian: the picture shows at `x` what the face at rest has at `x - field(x)`. The true displacement of the
skin point `p` then is the `f` with `f = field(p + f)` (`forward_flow`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from realtime.packets import Bool, Float32, Float64
from simulators.action_units import ActionUnit, sides_of

LIP_REACH = 34.0
"""How far below the lips a lower lip that goes down carries the skin along, px of the 224 px crop (Gaussian sigma)."""

_NO_MAP = np.empty(0, np.float32)

# region -> (anchor without its side, offset out and down, semi-axes), px of the 224 px crop
_REGIONS: dict[str, tuple[str, tuple[float, float], tuple[float, float]]] = {
    "brow": ("brow_mid", (0.0, -2.0), (34.0, 14.0)),
    "eye": ("iris", (0.0, 0.0), (28.0, 18.0)),
    "nose": ("nose_wing", (0.0, -4.0), (15.0, 18.0)),
    "mouth": ("mouth_corner", (2.0, 0.0), (20.0, 18.0)),
}


def bump(x: NDArray, y: NDArray, at: tuple[float, float], sigma_x: float, sigma_y: float) -> NDArray:
    """Gaussian of height 1 at `at`; the shape and dtype of `x` and `y` broadcast together."""
    return np.exp(-0.5 * (((x - at[0]) / sigma_x) ** 2 + ((y - at[1]) / sigma_y) ** 2))


def sample(
    image: NDArray, where: Float32, *, how: int = cv2.INTER_LINEAR, border: int = cv2.BORDER_REPLICATE
) -> NDArray:
    """`cv2.remap` with one (height, width, 2) map of px of `image`; the dtype of `image` is kept."""
    return cv2.remap(image, where, _NO_MAP, how, borderMode=border)


def invert_points(field: Callable[[NDArray], NDArray], moved: Float64, iterations: int = 40) -> Float64:
    """Solve `p - field(p) = moved` for `p` by fixed-point iteration.

    Parameters
    ----------
    field : callable
        (n, 2) -> (n, 2), a contraction (gradient below 1).
    moved : (n, 2) float64

    Returns
    -------
    (n, 2) float64
    """
    points = np.array(moved, dtype=np.float64)
    for _ in range(iterations):
        points = moved + field(points)
    return points


def unit_field(
    units: Iterable[ActionUnit],
    side: str,
    points: Mapping[str, tuple[float, float]],
    scale: float,
    x: Float32,
    y: Float32,
) -> Float32:
    """Sum of the bumps of some action units, relative height.

    Parameters
    ----------
    units : iterable of ActionUnit
    side : 'both', 'left' or 'right'
        The person's own.
    points : mapping
        'anchor_left' and 'anchor_right' -> (x, y), px of the frame.
    scale : float
        Frame px of one px of the 224 px crop.
    x, y : float32, broadcasting to (height, width)
        Where, px of the frame.

    Returns
    -------
    (height, width, 2) float32
        (dx, dy), largest about 1.
    """
    field = np.zeros((*np.broadcast_shapes(x.shape, y.shape), 2), np.float32)
    for unit in units:
        for each in sides_of(side):
            other = "right" if each == "left" else "left"
            for b in unit.bumps:
                at = points[f"{b.anchor}_{each}"]
                outwards = np.sign(at[0] - points[f"{b.anchor}_{other}"][0])
                height = bump(x, y, at, b.sigma_x * scale, b.sigma_y * scale)
                field[..., 0] += np.float32(outwards * b.out) * height
                field[..., 1] += np.float32(b.down) * height
    return field


def region_masks(points: Mapping[str, tuple[float, float]], scale: float, x: Float32, y: Float32) -> dict[str, Bool]:
    """Where the ten face regions lie: ellipses about anatomical points.

    Parameters
    ----------
    points, scale, x, y
        As for `unit_field`.

    Returns
    -------
    dict
        Region name -> (height, width) bool.
    """
    masks: dict[str, Bool] = {}
    for name, (anchor, (out, down), axes) in _REGIONS.items():
        for side, other in (("left", "right"), ("right", "left")):
            at = np.asarray(points[f"{anchor}_{side}"])
            outwards = np.sign(at[0] - points[f"{anchor}_{other}"][0])
            masks[f"{name}_{side}"] = _ellipse(x, y, at + scale * np.array([outwards * out, down]), axes, scale)
    lips = np.mean([points[f"{lip}_{side}"] for lip in ("upper_lip", "lower_lip") for side in ("left", "right")], 0)
    chin = np.mean([points["chin_left"], points["chin_right"]], axis=0)
    masks["mouth"] = _ellipse(x, y, lips, (26.0, 17.0), scale)
    masks["chin"] = _ellipse(x, y, chin, (28.0, 17.0), scale)
    return masks


def _ellipse(x: Float32, y: Float32, at: Float64, axes: tuple[float, float], scale: float) -> Bool:
    return ((x - at[0]) / (axes[0] * scale)) ** 2 + ((y - at[1]) / (axes[1] * scale)) ** 2 <= 1.0


def region_means(field: Float32, masks: Mapping[str, Bool]) -> dict[str, float]:
    """Mean length of the displacement in each region, in the field's px."""
    length = np.hypot(field[..., 0], field[..., 1])
    return {name: float(length[mask].mean()) for name, mask in masks.items()}


def lip_field(x: NDArray, y: NDArray, lips_x: Float64, lips_y: Float64, opening_px: float, scale: float) -> Float32:
    """Downward displacement of what lies below the parting lips.

    Parameters
    ----------
    x, y : same shape
        Px of the frame.
    lips_x, lips_y : (n,) float64
        The line where closed lips meet.
    opening_px : float
        How far the lower lip has left the upper one in the middle, px of the frame.
    scale : float
        Frame px of one px of the 224 px crop.

    Returns
    -------
    float32, the shape of `x`
        0 above the lower lip's edge: it jumps there, as lips do.
    """
    below = y - (np.interp(x, lips_x, lips_y) + opening_px * _lip_profile(x, lips_x))
    moved = opening_px * _lip_profile(x, lips_x) * np.exp(-0.5 * (below / (LIP_REACH * scale)) ** 2)
    return np.where(below >= 0.0, moved, 0.0).astype(np.float32)


def _lip_profile(x: NDArray, lips_x: Float64) -> NDArray:
    """1 in the middle of the mouth, 0 at its corners and beyond, with no kink there."""
    at = (x - 0.5 * (lips_x[0] + lips_x[-1])) / (0.5 * (lips_x[-1] - lips_x[0]))
    return np.clip(1.0 - at**2, 0.0, 1.0) ** 1.5


def mouth_interior(
    x: NDArray, y: NDArray, lips_x: Float64, lips_y: Float64, teeth_y: Float64, opening_px: float
) -> tuple[Float32, Float32]:
    """What shows between parted lips.

    Returns
    -------
    inside, dark : float32, the shape of `x`
        Share of each px that is inside the mouth (edges soft over 1.5 px), and share of that which lies below the
        teeth.
    """
    upper = np.interp(x, lips_x, lips_y)
    lower = upper + opening_px * _lip_profile(x, lips_x)
    inside = np.clip((y - upper) / 1.5 + 0.5, 0.0, 1.0) * np.clip((lower - y) / 1.5 + 0.5, 0.0, 1.0)
    # a slit narrower than its soft edges must fade in, not pop up at half strength
    inside = inside * np.clip((lower - upper) / 1.5, 0.0, 1.0)
    dark = np.clip((y - np.interp(x, lips_x, teeth_y)) / 3.0 + 0.5, 0.0, 1.0)
    return inside.astype(np.float32), dark.astype(np.float32)


def close_lid(y: Float64, upper: Float64, lower: Float64, top: Float64, closure: float) -> Float64:
    """Where the picture takes its rows from while the upper lid comes down over the eye.

    Parameters
    ----------
    y : (n,) float64
        Rows of the picture, px of the frame.
    upper, lower, top : (n,) float64
        Lid margins and beginning of the moving skin in the columns of `y`.
    closure : float
        0 open to 1 shut.

    Returns
    -------
    (n,) float64
        Rows in the open eye. The lashes ride on the lid; the skin between `top` and them is stretched.
    """
    margin = upper + closure * (lower - upper)
    skin = np.maximum(upper - top, 1e-3)
    share = np.clip((y - top) / np.maximum(margin - top, 1e-3), 0.0, 1.0)
    # this power leaves the lid's edge unstretched, so that lashes stay as thin as they are
    stretched = top + skin * share ** ((margin - top) / skin)
    return np.where((y > top) & (y <= margin), stretched, y)


def gaze_weight(x: Float64, y: Float64, upper: Float64, lower: Float64, ends: tuple[float, float]) -> Float64:
    """How much of a gaze shift each px of the eye takes: 1 in the middle of the opening, 0 at its edges and outside."""
    centre, half = 0.5 * (ends[0] + ends[1]), 0.5 * (ends[1] - ends[0])
    across = np.clip(1.0 - ((x - centre) / half) ** 2, 0.0, 1.0) ** 0.75
    return across * np.clip((y - upper + 0.5) / 1.5, 0.0, 1.0) * np.clip((lower + 0.5 - y) / 1.5, 0.0, 1.0)


def field_size(field: Float32, masks: Mapping[str, Bool]) -> float:
    """What an amplitude counts: the largest region mean, or half the largest displacement where that is more.

    The second keeps a movement that fills little of its region (an upper lid) from tearing the skin.
    """
    peak = float(np.sqrt(np.max(np.sum(field**2, axis=-1))))
    return max(*region_means(field, masks).values(), 0.5 * peak)


def forward_flow(field: Float32, iterations: int = 40) -> Float32:
    """Turn an Eulerian field into the true motion of the skin.

    Parameters
    ----------
    field : (height, width, 2) float32
        (dx, dy) px on the px grid.

    Returns
    -------
    (height, width, 2) float32
        Displacement (dx, dy) in px of the point that lies at each px when the face is at rest: what a perfect optical
        flow from rest to now would give.
    """
    height, width = field.shape[:2]
    grid = np.stack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)), -1)
    flow = field
    for _ in range(iterations):
        # half steps: where skin is squeezed the field's gradient passes 1 and full steps would swing
        flow = 0.5 * (flow + sample(field, grid + flow, border=cv2.BORDER_CONSTANT))
    return flow


def add_scaled(total: Float32 | None, field: Float32, size: float) -> Float32:
    """`total + size * field`; `total` is written to, and None is nothing yet."""
    if total is None:
        return field * np.float32(size)
    return np.asarray(cv2.scaleAdd(field, size, total, dst=total), np.float32)
