"""Displacement over time out of lag-k flows, and the onset, apex and offset of the hump in it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

_SMOOTH, _SMOOTH_STEP_S = 0.5, 1 / 30
_REST = 0.2
_RETURNED = 0.4
_LEVEL = 0.2
_SHORTEST_S = 0.05
# a raised cosine reaches `_LEVEL` of its height after this share of its rise
_EARLY = float(np.arccos(1.0 - 2.0 * _LEVEL) / np.pi)


@dataclass(frozen=True, slots=True)
class Hump:
    """A movement that went and returned: stamps in s, height in px, and its likeness to a raised cosine (0 to 1)."""

    onset_s: float
    apex_s: float
    offset_s: float
    height_px: float
    fit: float


def integrate(
    stamps: NDArray[np.float64], before: NDArray[np.int64], steps: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Position from differences: least squares of `p[i] - p[before[i]] = steps[i]`, at rest before the first sample.

    Parameters
    ----------
    stamps : (n,) float64
        s, increasing.
    before : (n,) int64
        Sample each step starts from; -1 where that lies before the window.
    steps : (n,) float64
        px.

    Returns
    -------
    (n,) float64
        px, 0 at rest.
    """
    n = len(stamps)
    rows = np.eye(n)
    inside = before >= 0
    rows[inside, before[inside]] -= 1.0
    weight = np.where(inside, 1.0, _REST)
    # curvature is penalised per s, not per sample: the same smoothing at every frame rate
    smooth = _SMOOTH * (_SMOOTH_STEP_S / np.median(np.diff(stamps))) ** 1.5 if n > 1 else 0.0
    bend = np.zeros((max(n - 2, 0), n))
    index = np.arange(max(n - 2, 0))
    bend[index, index], bend[index, index + 1], bend[index, index + 2] = 1.0, -2.0, 1.0
    design = np.concatenate([rows * weight[:, None], smooth * bend])
    target = np.concatenate([steps * weight, np.zeros(len(bend))])
    return np.linalg.lstsq(design, target, rcond=None)[0].astype(np.float64, copy=False)


def find_hump(stamps: NDArray[np.float64], position: NDArray[np.float64], first_s: float, last_s: float) -> Hump | None:
    """The one hump of the window; None where the position does not rise and fall back.

    Onset and offset are extrapolated from the crossing of a fifth of the height, since the feet of a movement drown in
    noise. What lies before `first_s` and after `last_s` says where rest is; a slow drift between the two is taken out.

    Parameters
    ----------
    stamps, position : (n,) float64
        s and px.
    first_s, last_s : float
        The movement is expected inside.
    """
    before, after = stamps < first_s, stamps > last_s
    inside = np.flatnonzero(~before & ~after)
    if len(inside) < 3 or before.sum() < 2 or after.sum() < 2:
        return None
    level_before, level_after = np.median(position[before]), np.median(position[after])
    middle_before, middle_after = np.median(stamps[before]), np.median(stamps[after])
    height = float(position[inside].max() - level_before)
    if not height > 0 or level_after - level_before > _RETURNED * height:
        return None
    slope = (level_after - level_before) / (middle_after - middle_before)
    position = position - level_before - slope * (stamps - middle_before)
    apex = int(inside[np.argmax(position[inside])])
    height = float(position[apex])
    left, right = np.flatnonzero(position[:apex] < _LEVEL * height), np.flatnonzero(position[apex:] < _LEVEL * height)
    if not height > 0 or len(left) == 0 or len(right) == 0 or apex == len(position) - 1:
        return None
    start = _crossing(stamps, position, int(left[-1]), _LEVEL * height)
    end = _crossing(stamps, position, apex + int(right[0]) - 1, _LEVEL * height)
    top = _vertex(stamps, position, apex)
    onset, offset = top - (top - start) / (1 - _EARLY), top + (end - top) / (1 - _EARLY)
    return Hump(onset, top, offset, height, _likeness(stamps, position, onset, top, offset))


def _crossing(stamps: NDArray[np.float64], position: NDArray[np.float64], i: int, level: float) -> float:
    low, high = position[i], position[i + 1]
    share = (level - low) / (high - low) if high != low else 0.5
    return float(stamps[i] + np.clip(share, 0.0, 1.0) * (stamps[i + 1] - stamps[i]))


def _vertex(stamps: NDArray[np.float64], position: NDArray[np.float64], i: int) -> float:
    a, b, c = position[i - 1], position[i], position[i + 1]
    bend = a - 2 * b + c
    share = float(np.clip(0.5 * (a - c) / bend, -0.5, 0.5)) if bend < 0 else 0.0
    return float(stamps[i] + share * (stamps[i + 1] - stamps[i - 1]) / 2)


def refined(hump: Hump, stamps: NDArray[np.float64], before: NDArray[np.float64], steps: NDArray[np.float64]) -> Hump:
    """The hump whose differences fit the lag flows best: least squares over onset, apex, offset, height and drift.

    Parameters
    ----------
    hump : Hump
        Where to start.
    stamps, before : (n,) float64
        s: each flow's two ends.
    steps : (n,) float64
        px: the flow along the movement's own direction.

    Returns
    -------
    Hump
        Its `fit` is the share of the flows' variation that it explains (0 where it explains none).

    References
    ----------
    Nelder & Mead (1965), "A simplex method for function minimization".
    """
    centred = steps - steps.mean()
    total = float(centred @ centred)

    def solve(parameters: NDArray[np.float64]) -> tuple[float, float]:
        """Height and what stays unexplained."""
        apex, rise, fall = parameters
        if min(rise, fall) < _SHORTEST_S:
            return 0.0, total
        model = _shape(stamps, apex - rise, apex, apex + fall) - _shape(before, apex - rise, apex, apex + fall)
        model -= model.mean()
        height = float(model @ centred) / max(float(model @ model), 1e-12)
        return height, float(np.sum((centred - height * model) ** 2)) if height > 0 else total

    rise, fall = (
        max(hump.apex_s - hump.onset_s, _SHORTEST_S + 0.01),
        max(hump.offset_s - hump.apex_s, _SHORTEST_S + 0.01),
    )
    start = np.array([hump.apex_s, rise, fall]) + np.array([[0, 0, 0], [0.03, 0, 0], [0, 0.05, 0], [0, 0, 0.05]])
    found = minimize(
        lambda parameters: solve(parameters)[1],
        start[0],
        method="Nelder-Mead",
        options={"initial_simplex": start, "maxiter": 60, "xatol": 2e-3, "fatol": 1e-9},
    ).x
    height, left = solve(found)
    apex, rise, fall = (float(each) for each in found)
    fit = 1.0 - left / total if total > 0 else 0.0
    return replace(hump, onset_s=apex - rise, apex_s=apex, offset_s=apex + fall, height_px=height, fit=fit)


def _shape(at: NDArray[np.float64], onset: float, apex: float, offset: float) -> NDArray[np.float64]:
    """Raised cosine from 0 at onset to 1 at apex and back to 0 at offset."""
    rise = np.clip((at - onset) / max(apex - onset, 1e-6), 0.0, 1.0)
    fall = np.clip((offset - at) / max(offset - apex, 1e-6), 0.0, 1.0)
    return 0.5 - 0.5 * np.cos(np.pi * np.minimum(rise, fall))


def _likeness(
    stamps: NDArray[np.float64], position: NDArray[np.float64], onset: float, apex: float, offset: float
) -> float:
    shape = _shape(stamps, onset, apex, offset)
    norm = np.linalg.norm(shape) * np.linalg.norm(position)
    return float(np.clip(shape @ position / norm, 0.0, 1.0)) if norm > 0 else 0.0
