"""What the spotter looks at: one frame's motion, rated against the person's noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from realtime.face.regions import REGIONS
from realtime.packets import Float32

UPPER = [i for i, name in enumerate(REGIONS) if name.startswith(("brow", "eye"))]
"""Regions that a blink drags along."""

LOWER = [i for i, name in enumerate(REGIONS) if name.startswith(("mouth", "chin"))]
"""Regions that speech moves."""

_SINGLE = 0.75
_MOST_REGIONS = 4
_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True, slots=True)
class Motion:
    """What moved in one evaluated frame against the frame a lag before it, head motion removed; px of the 256 px crop.

    Parameters
    ----------
    stamp, before_s : float
        Stamps of the two frames.
    regions : (10, 2) float32
        Mean displacement of each region.
    eyes : (2, 2) float32
        Mean displacement inside each eye's opening: blinks and gaze shifts.
    head_px : float
        Size of the head motion that was removed.
    light : float
        Relative change of the face's mean brightness.
    openness : (2,) float32
        Height over width of each eye.
    """

    stamp: float
    before_s: float
    regions: Float32
    eyes: Float32
    head_px: float
    light: float
    openness: Float32


def _no_z() -> NDArray[np.float64]:
    return np.zeros(len(REGIONS))


def _no_flow() -> Float32:
    return np.zeros((len(REGIONS), 2), np.float32)


@dataclass(slots=True)
class Sample:
    """A motion, what makes it unusable, and how far its regions stand above noise.

    `flow` is the regions' lag flow, smoothed over neighbouring samples. `back` is how far a region was, a lag ago, from
    where it was a lag before that and is now: half of the lag flow into that moment minus the lag flow out of it. Drift
    and sway, which go on, cancel. `z` and `back_z` rate the two, the scores sum them up; all are 0 until the noise is
    known, and where a blink or a disturbance makes them meaningless.
    """

    motion: Motion
    own_back: Float32 | None
    eyes_busy: bool
    eyes_were_busy: bool
    disturbed: bool
    was_disturbed: bool
    flow: Float32 = field(default_factory=_no_flow)
    back: Float32 = field(default_factory=_no_flow)
    z: NDArray[np.float64] = field(default_factory=_no_z)
    score: float = 0.0
    back_z: NDArray[np.float64] = field(default_factory=_no_z)
    back_score: float = 0.0

    @property
    def stamp(self) -> float:
        return self.motion.stamp

    def smooth(self, near: Sequence[Sample], reach_s: float) -> None:
        """Average flow and return over neighbours (this sample among them), those at `reach_s` weighing nothing."""
        away = np.array([s.stamp for s in near]) - self.stamp
        weights = 0.5 + 0.5 * np.cos(np.pi * away / reach_s)
        self.flow = _mean([s.motion.regions for s in near], weights)
        known = [i for i, s in enumerate(near) if s.own_back is not None]
        weights = weights[known]
        if weights.sum() > _LEAST_WEIGHT:
            self.back = _mean([back for s in near if (back := s.own_back) is not None], weights)

    def rate(self, z: NDArray[np.float64], back_z: NDArray[np.float64]) -> None:
        """Take the (10,) ratings of `flow` and `back`."""
        self.z = _gated(z, not self.disturbed, self.eyes_busy)
        usable = not (self.disturbed or self.was_disturbed)
        self.back_z = _gated(back_z, usable, self.eyes_busy or self.eyes_were_busy)
        self.score, self.back_score = score(self.z), score(self.back_z)


def score(z: NDArray[np.float64]) -> float:
    """Mean of the two strongest regions; one that stands out alone counts for three quarters of itself."""
    second, first = np.sort(z)[-2:]
    return float(max((first + second) / 2, _SINGLE * first))


def strongest(z: NDArray[np.float64]) -> list[int]:
    """Regions that take part, strongest first: at most four, at least half as far above noise as the strongest."""
    order = np.argsort(-z, kind="stable")[:_MOST_REGIONS]
    return [int(i) for i in order if z[i] > 0 and z[i] >= 0.5 * z[order[0]]]


def lengths(flow: Float32) -> Float32:
    """(n,) lengths of (n, 2) displacements."""
    return np.hypot(flow[:, 0], flow[:, 1])


def _mean(flows: Sequence[Float32], weights: NDArray[np.float64]) -> Float32:
    return (np.tensordot(weights, np.array(flows), 1) / weights.sum()).astype(np.float32)


def _gated(z: NDArray[np.float64], usable: bool, eyes_busy: bool) -> NDArray[np.float64]:
    z = z.copy() if usable else np.zeros_like(z)
    if eyes_busy:
        z[UPPER] = 0.0
    return z
