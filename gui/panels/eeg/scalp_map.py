"""Values of electrodes spread over the head: one matrix from electrodes to pixels, made once. Pure, no Qt.

References
----------
Perrin, Pernier, Bertrand, Echallier (1989), "Spherical splines for scalp potential and current density mapping".
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from realtime.eeg.montage import canonical_name, electrode_positions
from realtime.errors import MontageError
from realtime.packets import Bool, Float32, Float64

FEWEST = 6
SIDE = 64
_CENTRE_M = (0.0, 0.0, 0.04)
_STIFFNESS = 4
_TERMS = 24
_SMOOTHING = 1e-5
_RIM_RAD = 0.08
_MOST_MATRICES = 8


class ScalpMap:
    """Electrodes on the template head seen from above, and their interpolation to a picture of `SIDE` pixels.

    Distances from the vertex are true to angle, so the head is a disk; the nose is up.

    Parameters
    ----------
    names : sequence of str
        Channel labels; those without a place on the head are left out.

    Attributes
    ----------
    rows : list of int
        Of `names`, which have a place.
    places : (n_placed, 2) float64
        x right, y front, in units of the disk's radius.
    inside : (SIDE, SIDE) bool
        Pixels of the disk.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.rows: list[int] = []
        directions = []
        seen: set[str] = set()
        for row, name in enumerate(names):
            canonical = canonical_name(name)
            direction = _direction(canonical)
            if direction is not None and canonical not in seen:
                seen.add(canonical)
                self.rows.append(row)
                directions.append(direction)
        self._directions = _upright(np.array(directions).reshape(-1, 3))
        polar = np.arccos(np.clip(self._directions[:, 2], -1, 1))
        self._rim = float(polar.max(initial=1.5)) + _RIM_RAD
        across = np.hypot(self._directions[:, 0], self._directions[:, 1])
        flat = self._directions[:, :2] / np.maximum(across, 1e-9)[:, None]
        self.places: Float64 = flat * (polar / self._rim)[:, None]
        axis = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
        self._x, self._y = np.meshgrid(axis, -axis)
        # a pixel more than the disk, so that smoothing at its edge mixes no ground in
        self.inside: Bool = np.hypot(self._x, self._y) <= 1 + 3 / SIDE
        pixels = self._pixels() @ self._directions.T
        self._nearest = pixels.argmax(axis=1) if self.rows else np.zeros(len(pixels), np.intp)
        self._among = bending(self._directions @ self._directions.T)
        self._from = bending(pixels)
        self._matrices: dict[bytes, Float32] = {}

    @property
    def enough(self) -> bool:
        """Whether there are electrodes enough for a map."""
        return len(self.rows) >= FEWEST

    def spread(self, values: Float32) -> Float32:
        """Interpolate over the head.

        Parameters
        ----------
        values : (n_placed, n_maps) float32
            NaN in a whole row for a bad electrode, which has no say.

        Returns
        -------
        (n_maps, SIDE, SIDE) float32
            NaN outside the disk, nearest to a bad electrode, and everywhere with fewer than `FEWEST` good ones.
        """
        good = np.asarray(np.isfinite(values).all(axis=1), bool)
        out = np.full((values.shape[1], SIDE, SIDE), np.nan, np.float32)
        if good.sum() >= FEWEST:
            out[:, self.inside] = (self._matrix(good) @ values[good]).T
            out[:, self.masked(good)] = np.nan
        return out

    def masked(self, good: Bool) -> Bool:
        """(SIDE, SIDE) bool: pixels of the disk that lie nearest to a bad electrode; `good` is (n_placed,) bool."""
        out = np.zeros((SIDE, SIDE), bool)
        if not good.all():
            out[self.inside] = ~good[self._nearest]
        return out

    def _matrix(self, good: Bool) -> Float32:
        """Weights from the good electrodes to the pixels of the disk, kept for the sets met last."""
        key = good.tobytes()
        found = self._matrices.pop(key, None)
        if found is None:
            found = spline_weights(self._among[np.ix_(good, good)], self._from[:, good])
        self._matrices[key] = found
        while len(self._matrices) > _MOST_MATRICES:
            del self._matrices[next(iter(self._matrices))]
        return found

    def _pixels(self) -> Float64:
        """Directions on the sphere of the pixels of the disk, (n_pixels, 3)."""
        x, y = self._x[self.inside], self._y[self.inside]
        radius = np.hypot(x, y)
        polar = radius * self._rim
        ring = np.sin(polar) / np.maximum(radius, 1e-9)
        return np.stack([x * ring, y * ring, np.cos(polar)], axis=1)


def spline_weights(among: Float64, reading: Float64) -> Float32:
    """Weights of a spherical spline through values at sources, read off at targets.

    Parameters
    ----------
    among : (n_sources, n_sources) float64
        `bending` between the sources.
    reading : (n_targets, n_sources) float64
        `bending` from targets to sources.

    Returns
    -------
    (n_targets, n_sources) float32
        Every row sums to 1: what is equal everywhere stays so.
    """
    n = len(among)
    system = np.ones((n + 1, n + 1))
    system[:n, :n] = among + _SMOOTHING * np.eye(n)
    system[n, n] = 0.0
    inverse = np.linalg.inv(system)[:, :n]
    return (reading @ inverse[:n] + inverse[n]).astype(np.float32)


def bending(cosine: NDArray[np.float64]) -> Float64:
    """The spline's kernel between directions, from the cosine of the angle between them; any shape."""
    order = np.arange(1, _TERMS + 1)
    terms = (2 * order + 1) / (order * (order + 1.0)) ** _STIFFNESS / (4 * np.pi)
    return np.asarray(legendre.legval(np.clip(cosine, -1, 1), np.concatenate([[0.0], terms])), np.float64)


def _direction(name: str) -> Float64 | None:
    """Unit vector from the head's centre to an electrode; None for a name without a place."""
    try:
        place = electrode_positions([name])[0] - _CENTRE_M
    except MontageError:
        return None
    return (place / np.linalg.norm(place)).astype(np.float64) if np.isfinite(place).all() else None


def _upright(directions: Float64) -> Float64:
    """Turn the head so that its front and its back lie equally far from the vertex."""
    front, back = (_direction(name) for name in ("Fpz", "Oz"))
    assert front is not None
    assert back is not None
    tilt = 0.5 * (np.arctan2(front[1], front[2]) + np.arctan2(back[1], back[2]))
    turn = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    return directions @ turn.T
