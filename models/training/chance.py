"""Whether a base knows anything of a participant: what personalisation starts from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from models.samples import SampleSet
from models.views import View

_LEVEL = 0.05


class Asked(Protocol):
    """Anything that answers for samples."""

    def probabilities(self, samples: SampleSet) -> Mapping[View, NDArray[np.float32]]:
        """(n, n_classes) under each view; NaN where a sample lacks the modality."""
        ...


def chance_warning(base: Asked, calibration: SampleSet) -> str | None:
    """Words where the base's answers to the calibration trials are not told from chance; None where they are.

    A trial counts once. Chance is what answers as frequent as these, given blindly, would have right; the test is the
    exact one-sided binomial at 5 %.

    Parameters
    ----------
    base : Asked
    calibration : SampleSet
        Trials that the base has not seen.
    """
    right, trials, chance = _count(base.probabilities(calibration)["both"], calibration)
    if trials == 0:
        return "the base answers none of the calibration trials: nothing tells whether it knows this participant"
    if float(binomtest(right, trials, chance, alternative="greater").pvalue) <= _LEVEL:
        return None
    return (
        f"the base has {right} of {trials} calibration trials right, by chance it would have {chance * trials:.1f}: "
        "what is fitted here may rest on nothing; see what 'emostream evaluate' says of the base, or record more trials"
    )


def _count(probabilities: NDArray[np.float32], samples: SampleSet) -> tuple[int, int, float]:
    """Trials answered rightly, trials answered at all, and the share that blind answers would have right."""
    there = np.isfinite(probabilities).all(axis=1)
    if not there.any():
        return 0, 0, 0.0
    logs = np.log(np.maximum(probabilities[there].astype(np.float64), 1e-12))
    _, first, trial = np.unique(samples.group[there], return_index=True, return_inverse=True)
    total = np.zeros((len(first), logs.shape[1]))
    np.add.at(total, trial, logs)
    answer, label = total.argmax(axis=1), samples.label[there][first]
    n_classes = logs.shape[1]
    blind = np.bincount(answer, minlength=n_classes) @ np.bincount(label, minlength=n_classes) / len(label) ** 2
    return int((answer == label).sum()), len(label), float(min(blind, 1.0))
