"""One number that makes probabilities as sure as they are right."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from models.views import log_softmax


def fit_temperature(
    scores: NDArray[np.floating],
    label: NDArray[np.integer],
    *,
    within: tuple[float, float] = (0.05, 20.0),
    floor: float = -np.inf,
    worth: float = 1.0,
    caution: float = 0.0,
) -> float:
    """What scores are divided by for the smallest negative log-likelihood; 1 where there is none.

    Parameters
    ----------
    scores : (n, n_classes) float
        Logits or log-probabilities; rows that are not finite do not count.
    label : (n,) int
    within : (float, float)
        Smallest and largest temperature.
    floor : float
        No answer counts as less likely than this logarithm: one that was sure and wrong does not decide alone.
    worth : float
        Independent samples that these amount to.
    caution : float
        Samples' worth of belief that the scores are calibrated as they are.

    References
    ----------
    Guo et al. (2017), "On calibration of modern neural networks".
    """
    there = np.isfinite(scores).all(axis=1)
    if not there.any():
        return 1.0
    z, y = scores[there].astype(np.float64), label[there]

    def loss(log_temperature: float) -> float:
        right = log_softmax(z / np.exp(log_temperature))[np.arange(len(y)), y]
        return float(-worth * np.maximum(right, floor).mean() + caution * log_temperature**2)

    found: Any = minimize_scalar(loss, bounds=(np.log(within[0]), np.log(within[1])), method="bounded")
    return float(np.exp(found.x))
