"""Class-balanced least squares with a Gaussian kernel: as good as a support vector machine here, solved in one step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve

from models.views import log_softmax

_GAIN = 4.0  # least-squares scores of a sure answer differ by about one


@dataclass(frozen=True, slots=True)
class KernelMachine:
    """Fitted by `fit_kernel_machine`.

    Parameters
    ----------
    support : (n, n_features) float64
    weight : (n, n_classes) float64
    gamma : float
        Of exp(-gamma * squared distance).
    """

    support: NDArray[np.float64]
    weight: NDArray[np.float64]
    gamma: float

    def log_probabilities(self, x: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n, n_features) -> (n, n_classes), uncalibrated; classes as frequent as one another are assumed."""
        return log_softmax(_GAIN * _kernel(np.asarray(x, np.float64), self.support, self.gamma) @ self.weight)


def fit_kernel_machine(
    x: NDArray[np.floating],
    label: NDArray[np.integer],
    weight: NDArray[np.floating],
    n_classes: int,
    *,
    ridge: float = 1.0,
    width: float = 1.0,
) -> KernelMachine:
    """Fit.

    Parameters
    ----------
    x : (n, n_features) float
    label : (n,) int
    weight : (n,) float
        Of each sample, mean 1.
    n_classes : int
        A class without a sample is never answered with more than what is left by the others.
    ridge : float
        Variance of the labels' noise against that of the function.
    width : float
        1 makes gamma one over the variance summed over features.

    References
    ----------
    Suykens and Vandewalle (1999), "Least squares support vector machine classifiers".
    """
    x = np.asarray(x, np.float64)
    gamma = width / max(float(x.var(axis=0).sum()), 1e-12)
    gram = _kernel(x, x, gamma)
    gram[np.diag_indices_from(gram)] += ridge / np.maximum(weight, 1e-6)
    target = np.eye(n_classes)[label] - 1.0 / n_classes
    return KernelMachine(x, solve(gram, target, assume_a="pos"), gamma)


def _kernel(a: NDArray[np.float64], b: NDArray[np.float64], gamma: float) -> NDArray[np.float64]:
    squared = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2.0 * a @ b.T
    return np.exp(-gamma * np.maximum(squared, 0.0))
