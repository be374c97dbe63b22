"""What speaks for and against a candidate movement, as named numbers, and how likely they make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from realtime.face.motion import Sample
from realtime.face.profile import Hump

_AROUND_S = 0.1
_NEGLIGIBLE_PX = 0.05
# `python -m benchmarks.spotting.learn`: logistic regression on development clips of the simulated test bed
_WEIGHTS = {"likeness": 1.80, "opposition": 1.11, "after": -0.52, "head": -0.65, "shut": -8.0}
_INTERCEPT = -3.82


@dataclass(frozen=True, slots=True)
class Evidence:
    """One candidate, described; nothing here depends on the frame rate or on the size of the face in the picture.

    Parameters
    ----------
    likeness : float
        Share of the lag flow's variation that a rise and a fall explain, as -log(1 - share).
    opposition : float
        Cosine between the regions' way there and their way back, negated: 1 where they return as they came.
    after : float
        Largest motion of the same regions once it is over, in units of the candidate's score: 0 where they rest.
    head : float
        Log of the largest head motion during the movement over what is usual.
    shut : float
        Share by which the eyes are narrower during the movement than usual: blinks.
    """

    likeness: float
    opposition: float
    after: float
    head: float
    shut: float

    @property
    def confidence(self) -> float:
        """Probability that this is a movement, 0 to 1, as learned on simulated faces."""
        sum_ = _INTERCEPT + sum(weight * getattr(self, name) for name, weight in _WEIGHTS.items())
        return float(1.0 / (1.0 + np.exp(-sum_)))


def opposition(into: Sample, back: Sample, group: Sequence[int]) -> tuple[float, float]:
    """Cosine between the regions' way there and way back, negated, and the shorter over the longer (0 to 1)."""
    there, again = into.flow[group].ravel(), back.flow[group].ravel()
    far, near = float(np.linalg.norm(there)), float(np.linalg.norm(again))
    if not far * near > 0:
        return 0.0, 0.0
    return -float(there @ again) / (far * near), min(far, near) / max(far, near)


def weigh(
    samples: Sequence[Sample], group: Sequence[int], hump: Hump, opposed: float, score: float, lag_s: float
) -> Evidence:
    """Describe a candidate.

    Parameters
    ----------
    samples : sequence of Sample
        All that are kept, in order.
    group : sequence of int
        The regions that take part.
    hump : Hump
    opposed : float
        See `opposition`.
    score : float
        The candidate's, in multiples of noise.
    lag_s : float
    """
    stamps = np.array([s.stamp for s in samples])
    during = (stamps >= hump.onset_s - _AROUND_S) & (stamps <= hump.offset_s + _AROUND_S)
    later = [s.z[list(group)].max() for s in samples if s.stamp > hump.offset_s + lag_s]
    head = np.array([s.motion.head_px for s in samples]) + _NEGLIGIBLE_PX
    openness = np.array([s.motion.openness.mean() for s in samples])
    return Evidence(
        likeness=-float(np.log(1.001 - hump.fit)),
        opposition=opposed,
        after=float(max(later, default=0.0)) / score,
        head=float(np.log(_largest(head, during) / np.median(head))),
        shut=1.0 - _smallest(openness, during) / max(float(np.median(openness)), 1e-6),
    )


def _largest(values: NDArray, where: NDArray[np.bool_]) -> float:
    return float(values[where].max(initial=float(np.median(values))))


def _smallest(values: NDArray, where: NDArray[np.bool_]) -> float:
    return float(values[where].min(initial=float(np.median(values))))
