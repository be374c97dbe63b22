"""What speaks for and against a candidate movement, as named numbers, and how likely they make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from realtime.face.motion import Sample
from realtime.face.profile import Hump

_AROUND_S = 0.1
_NEGLIGIBLE_PX = 0.05
# `python -m benchmarks.spotting.learn`: logistic regression on development clips of the simulated test bed
_WEIGHTS = {"likeness": 1.92, "after": -1.12, "head": -0.70}
_INTERCEPT = -3.20


@dataclass(frozen=True, slots=True)
class Evidence:
    """One candidate, described; nothing here depends on the frame rate or on the size of the face in the picture.

    Parameters
    ----------
    likeness : float
        Share of the lag flow's variation that a rise and a fall explain, as -log(1 - share).
    after : float
        Largest motion of the same regions once it is over, in units of the candidate's score: 0 where they rest.
    head : float
        Log of the largest head motion during the movement over what is usual.
    """

    likeness: float
    after: float
    head: float

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


def weigh(samples: Sequence[Sample], group: Sequence[int], hump: Hump, score: float, lag_s: float) -> Evidence:
    """Describe a candidate.

    Parameters
    ----------
    samples : sequence of Sample
        All that are kept, in order.
    group : sequence of int
        The regions that take part.
    hump : Hump
    score : float
        The candidate's, in multiples of noise.
    lag_s : float
    """
    stamps = np.array([s.stamp for s in samples])
    during = (stamps >= hump.onset_s - _AROUND_S) & (stamps <= hump.offset_s + _AROUND_S)
    later = [s.z[list(group)].max() for s in samples if s.stamp > hump.offset_s + lag_s]
    head = np.array([s.motion.head_px for s in samples]) + _NEGLIGIBLE_PX
    return Evidence(
        likeness=-float(np.log(1.001 - hump.fit)),
        after=float(max(later, default=0.0)) / score,
        head=float(np.log(head[during].max(initial=np.median(head)) / np.median(head))),
    )
