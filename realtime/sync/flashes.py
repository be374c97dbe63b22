"""Flashes in a signal, and how much later one device sees them than another. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from realtime.errors import DataError
from realtime.packets import Float64

FEWEST = 5
"""Fewer flashes that both devices saw say nothing of a delay."""

_LEAST_CONTRAST = 5.0  # of a flash against the noise around its levels
_APART_S = 0.15
_TOLERANCE_S = 0.1


@dataclass(frozen=True, slots=True)
class Delay:
    """How much later one device stamps what another saw at the same moment.

    Parameters
    ----------
    delay_s : float
        Median over the flashes.
    spread_s : float
        Robust standard deviation over the flashes (1.4826 times their median absolute deviation).
    matched, flashes : int
        Flashes both saw, and those of the reference.
    """

    delay_s: float
    spread_s: float
    matched: int
    flashes: int


def find_flashes(stamps: ArrayLike, level: ArrayLike, what: str) -> Float64:
    """When a signal rises half way from dark to bright, interpolated between samples.

    Parameters
    ----------
    stamps : (n,) float
        s, increasing.
    level : (n,) float
        Brightness or voltage, in any unit; bright may be negative, as with a photodiode wired the other way round.
    what : str
        Whose signal it is, for the error.

    Returns
    -------
    (n_flashes,) float64
        s.

    Raises
    ------
    DataError
        Nothing flashes in it: two levels do not stand apart from their noise.
    """
    times, values = np.asarray(stamps, np.float64), np.asarray(level, np.float64)
    known = np.isfinite(values)
    times, values = times[known], values[known]
    if len(values) < 3:
        raise DataError(f"{what}: {len(values)} samples, too few to find flashes in")
    # most of the time is dark, so the median is; what lies far from it, on the side where the extremes do, is bright
    dark = float(np.median(values))
    low, high = np.percentile(values, (0.5, 99.5))
    values = (values - dark) * (1.0 if high - dark >= dark - low else -1.0)
    bright = float(np.percentile(values, 99.5))
    noise = 1.4826 * float(np.median(np.abs(values[values < 0.5 * bright]))) if bright > 0 else 0.0
    if not bright > _LEAST_CONTRAST * noise or bright <= 0:
        raise DataError(f"{what}: no flashes in it; let the flashing light fill a good part of what it sees")
    above = values >= 0.5 * bright
    rises = np.flatnonzero(above[1:] & ~above[:-1]) + 1
    span = values[rises] - values[rises - 1]
    share = (0.5 * bright - values[rises - 1]) / span
    found = times[rises - 1] + share * (times[rises] - times[rises - 1])
    return found[np.concatenate(([True], np.diff(found) > _APART_S))] if len(found) else found


def measure_delay(reference_s: ArrayLike, seen_s: ArrayLike, *, most_s: float = 1.0) -> Delay:
    """How much later the flashes were seen than the reference says.

    Flashes come at irregular times, so only one shift fits them all.

    Parameters
    ----------
    reference_s, seen_s : (n,), (m,) float
        Times of the flashes, s, on one clock.
    most_s : float
        A delay beyond this, either way, is not looked for.

    Raises
    ------
    DataError
        Fewer than `FEWEST` of them fit together.
    """
    reference, seen = np.sort(np.asarray(reference_s, np.float64)), np.sort(np.asarray(seen_s, np.float64))
    shifts = (seen[None, :] - reference[:, None]).ravel()
    shifts = np.sort(shifts[np.abs(shifts) <= most_s])
    votes = np.searchsorted(shifts, shifts + _TOLERANCE_S, "right") - np.arange(len(shifts))
    if not len(shifts) or votes.max() < FEWEST:
        best = int(votes.max()) if len(shifts) else 0
        raise DataError(
            f"{len(reference)} flashes by the reference and {len(seen)} seen by the camera, of which {best} fit "
            f"together: at least {FEWEST} are wanted; let both see the light for longer"
        )
    first = int(votes.argmax())
    coarse = float(np.median(shifts[first : first + votes[first]]))
    nearest = np.abs(seen[None, :] - reference[:, None] - coarse).argmin(axis=1)
    delays = seen[nearest] - reference
    delays = delays[np.abs(delays - coarse) <= _TOLERANCE_S]
    middle = float(np.median(delays))
    return Delay(middle, 1.4826 * float(np.median(np.abs(delays - middle))), len(delays), len(reference))
