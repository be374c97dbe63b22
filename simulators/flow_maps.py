"""Flow maps of faces that do not exist, with the action units in them: what a face network can learn before any person.

No picture is rendered and no flow computed: the fields of `simulators.action_units` are drawn on a canonical face that
is warped, misaligned, moved as a whole and covered with the kind of error that dense flow makes. So little of this is
measured on anybody that all of it varies widely, the units' own fields included: what is learnt must not hang on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from realtime.face.flow import optical_strain
from simulators.action_units import CROP_PX, UNITS, Bump

MAP_PX = 28
MAP_UNITS: tuple[int, ...] = tuple(UNITS)
"""FACS numbers of the columns of `FlowMaps.units`."""

_FINE = 2 * MAP_PX
_HALF_FACE = 1.9 / CROP_PX  # half widths of the map for one px of the units' table
_POPULATION = 40  # maps that share one version of the units' fields
_CROP_PX = 256.0

# the person's left side in half widths of the aligned crop, whose eye line is at y = -0.3
_ANCHORS: dict[str, tuple[float, float]] = {
    "brow_inner": (0.14, -0.50),
    "brow_mid": (0.34, -0.58),
    "brow_outer": (0.54, -0.50),
    "lid_upper": (0.34, -0.36),
    "lid_lower": (0.34, -0.24),
    "eye_outer": (0.54, -0.30),
    "cheek": (0.42, -0.02),
    "nose_root": (0.07, -0.30),
    "nose_wing": (0.16, 0.10),
    "upper_lip": (0.12, 0.34),
    "mouth_corner": (0.28, 0.42),
    "lower_lip": (0.10, 0.52),
    "jaw": (0.32, 0.66),
    "chin": (0.07, 0.74),
}
_OPENING = (Bump("lower_lip", 0.0, 0.8, 26, 16), Bump("chin", 0.0, 0.7, 30, 22))
_BLINK = (Bump("lid_upper", 0.0, 1.0, 22, 11),)

# units that are often seen together; the rest of the combinations are left to chance
_TOGETHER: tuple[tuple[int, ...], ...] = (
    (1, 2),
    (1, 2, 5),
    (1, 2, 25),
    (1, 2, 26),
    (25, 26),
    (1, 4),
    (4, 7),
    (4, 9),
    (4, 14),
    (15, 17),
    (6, 12),
    (12, 14),
    (10, 12),
    (12, 25),
    (6, 7),
    (5, 20),
)


@dataclass(frozen=True, slots=True)
class FlowMaps:
    """Simulated maps.

    Parameters
    ----------
    maps : (n, 28, 28, 3) float16
        u, v in px of the 256 px crop, and their optical strain.
    units : (n, n_units) bool
        Which of `MAP_UNITS` move.
    """

    maps: NDArray[np.float16]
    units: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Field:
    """Bumps of one unit on both sides: (n_bumps, ...) arrays; side 0 is the person's left."""

    centre: NDArray[np.float64]
    motion: NDArray[np.float64]
    extent: NDArray[np.float64]
    side: NDArray[np.int64]


def simulate_flow_maps(count: int, seed: int = 0) -> FlowMaps:
    """Draw `count` maps; 24,000 take 40 s on one core.

    Parameters
    ----------
    count : int
    seed : int
    """
    rng = np.random.default_rng([seed, 28])
    maps = np.empty((count, MAP_PX, MAP_PX, 3), np.float16)
    units = np.zeros((count, len(MAP_UNITS)), np.bool_)
    fields: dict[int, _Field] = {}
    for i in range(count):
        if i % _POPULATION == 0:
            fields = {unit: _varied(_both_sides(_bumps(unit)), rng) for unit in MAP_UNITS}
        shown = _draw_units(rng)
        units[i, [MAP_UNITS.index(unit) for unit in shown]] = True
        maps[i] = _finish(_face(shown, fields, rng) + _head(rng) + _error(rng))
    return FlowMaps(maps, units)


def _bumps(unit: int) -> tuple[Bump, ...]:
    return UNITS[unit].bumps + (_OPENING if UNITS[unit].opening else ())


def _both_sides(bumps: Sequence[Bump]) -> _Field:
    table = np.array([(*_ANCHORS[b.anchor], b.out, b.down, b.sigma_x, b.sigma_y) for b in bumps])
    mirror = np.array([-1.0, 1.0, -1.0, 1.0, 1.0, 1.0])
    both = np.concatenate([table, table * mirror])
    side = np.repeat([0, 1], len(bumps))
    return _Field(both[:, :2], both[:, 2:4], both[:, 4:] * _HALF_FACE, side)


def _varied(field: _Field, rng: np.random.Generator) -> _Field:
    """Another idea of where and how a unit moves the skin, the same on both sides."""
    n = len(field.side) // 2
    sign = np.where(field.side == 0, 1.0, -1.0)
    place = np.tile(rng.normal(0.0, 0.04, (n, 2)), (2, 1))
    place[:, 0] *= sign
    turn = np.tile(rng.normal(0.0, 0.25, n), 2) * sign
    cos, sin = np.cos(turn), np.sin(turn)
    x, y = field.motion.T
    strength = np.tile(np.exp(rng.normal(0.0, 0.3, n)), 2)
    motion = strength[:, None] * np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
    extent = field.extent * np.tile(np.exp(rng.normal(0.0, 0.25, (n, 2))), (2, 1))
    return _Field(field.centre + place, motion, extent, field.side)


def _draw_units(rng: np.random.Generator) -> list[int]:
    """None to four units, half the time begun with some that go together."""
    count = int(rng.choice(5, p=[0.05, 0.3, 0.35, 0.2, 0.1]))
    shown: list[int] = []
    if count and rng.random() < 0.5:
        shown = list(_TOGETHER[rng.integers(len(_TOGETHER))])
    while len(shown) < count:
        unit = int(rng.choice(MAP_UNITS))
        if unit not in shown:
            shown.append(unit)
    return shown


def _face(shown: Sequence[int], fields: dict[int, _Field], rng: np.random.Generator) -> NDArray[np.float64]:
    """(2, fine, fine): the units, and now and then a blink, on one person's misaligned face."""
    sides = np.exp(rng.normal(0.0, 0.3, 2))
    if rng.random() < 0.3:
        sides[rng.integers(2)] *= rng.choice([0.0, 0.3])
    place = _draw_place(rng)
    total = np.zeros((2, _FINE, _FINE))
    for unit in shown:
        total += 0.6 * rng.lognormal(0.0, 0.4) * _drawn(fields[unit], sides, place)
    if rng.random() < 0.15:
        down = rng.uniform(0.2, 0.7) * rng.choice([1.0, -1.0], p=[0.7, 0.3])
        total += down * _drawn(_both_sides(_BLINK), np.ones(2), place)
    return total


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a face's points lie in the map: x -> matrix @ (shape applied to x) + shift."""

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    shape: NDArray[np.float64]

    def __call__(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        own = points * (1.0 + np.array([0.06, 0.05]) * self.shape[:2])
        own[:, 1] += 0.03 * np.where(points[:, 1] < 0, self.shape[2], self.shape[3] * (points[:, 1] > 0.2))
        return own @ self.matrix.T + self.shift


def _draw_place(rng: np.random.Generator) -> _Place:
    spread = rng.uniform(0.03, 0.15)
    angle = 0.8 * spread * rng.normal()
    zoom = np.exp(spread * rng.normal(0.0, 0.9) + 0.05 * rng.normal(0.0, 1.0, 2))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return _Place(turn * zoom, spread * rng.normal(0.0, 1.0, 2), rng.normal(0.0, 1.0, 4))


def _drawn(field: _Field, sides: NDArray[np.float64], place: _Place) -> NDArray[np.float64]:
    centre = place(field.centre)
    along = _grid()
    # a Gaussian bump is the product of one in x and one in y
    x = np.exp(-0.5 * np.square((along - centre[:, :1]) / field.extent[:, :1]))
    y = np.exp(-0.5 * np.square((along - centre[:, 1:]) / field.extent[:, 1:]))
    return np.einsum("bc,by,bx->cyx", field.motion * sides[field.side][:, None], y, x, optimize=True)


def _head(rng: np.random.Generator) -> NDArray[np.float64]:
    """(2, fine, fine): what is left of the head's motion, smooth over the face and stronger where it is nearer."""
    x, y = _grid()[None, :], _grid()[:, None]
    strength = rng.lognormal(-1.5, 0.8)
    shift, linear = 0.6 * strength * rng.normal(0, 1, 2), 0.15 * strength * rng.normal(0, 1, 4)
    depth = 1.0 + 0.4 * (rng.normal() * x + rng.normal() * y) - 0.4 * rng.random() * (x**2 + y**2)
    return np.stack(
        [
            shift[0] * depth + linear[0] * x + linear[1] * y,
            shift[1] * depth + linear[2] * y + (0.3 * linear[3] - linear[1]) * x,
        ]
    )


def _error(rng: np.random.Generator) -> NDArray[np.float64]:
    """(2, fine, fine): errors of dense flow, smooth at two scales, and a little from pixel to pixel."""
    scale_px = np.exp(rng.uniform(np.log(1.3), np.log(10.0)))
    strength = rng.lognormal(np.log(0.08), 0.6)
    total = np.zeros((2, _FINE, _FINE))
    for sigma in (scale_px, 2.0 * scale_px):
        smooth = gaussian_filter(rng.standard_normal((2, _FINE, _FINE)), (0.0, sigma, sigma), mode="wrap")
        total += strength / np.sqrt(2.0) * smooth / max(float(smooth.std()), 1e-9)
    fine = gaussian_filter(rng.standard_normal((2, _FINE, _FINE)), (0.0, 0.7, 0.7))
    return total + rng.uniform(0.0, 0.06) * fine


def _finish(flow: NDArray[np.float64]) -> NDArray[np.float32]:
    """(2, fine, fine) relative to a typical movement -> (28, 28, 3) px of the crop, strain computed first."""
    px = (0.02 * _CROP_PX * flow.transpose(1, 2, 0)).astype(np.float32)
    planes = np.concatenate([px, optical_strain(px)[..., None]], axis=2)
    return planes.reshape(MAP_PX, 2, MAP_PX, 2, 3).mean(axis=(1, 3))


def _grid() -> NDArray[np.float64]:
    return (2.0 * np.arange(_FINE) + 1.0) / _FINE - 1.0
