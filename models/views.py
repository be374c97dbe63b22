"""The views a network is asked under, and its logits as probabilities. No torch here."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

View = Literal["both", "eeg", "face"]
"""Which modalities the network is shown: both, EEG alone, face alone."""

VIEWS: tuple[View, ...] = get_args(View)


def softmax(logits: NDArray[np.floating], temperature: float | NDArray[np.float64] = 1.0) -> NDArray[np.float32]:
    """Probabilities of logits / temperature over the last axis, float32."""
    scaled = logits.astype(np.float64) / temperature
    raised = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return (raised / raised.sum(axis=-1, keepdims=True)).astype(np.float32)


def log_softmax(scores: NDArray[np.floating]) -> NDArray[np.float64]:
    """Logarithm of the probabilities of scores over the last axis, float64."""
    z = np.asarray(scores, np.float64) - scores.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))
