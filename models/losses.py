"""Class-balanced focal loss."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime.errors import DataError


def class_balanced_alpha(labels: NDArray[np.integer], n_classes: int, beta: float = 0.999) -> NDArray[np.float32]:
    """Weight of each class from its effective number of samples.

    alpha_c is proportional to (1 - beta) / (1 - beta**n_c); the mean over the classes that occur is 1, and a class
    that never occurs gets 0.

    Parameters
    ----------
    labels : (n,) int
        Class of each training sample.
    n_classes : int
    beta : float
        0 weighs all classes alike; towards 1 it becomes the inverse frequency.

    Returns
    -------
    (n_classes,) float32

    Raises
    ------
    DataError
        No label at all.

    References
    ----------
    Cui et al. (2019), "Class-balanced loss based on effective number of samples".
    """
    counts = np.bincount(np.asarray(labels), minlength=n_classes).astype(np.float64)
    if not counts.any():
        raise DataError("class balance needs at least one label, got none")
    seen = counts > 0
    weight = np.zeros(n_classes)
    weight[seen] = (1.0 - beta) / (1.0 - beta ** counts[seen])
    return (weight / weight[seen].mean()).astype(np.float32)


class FocalLoss(nn.Module):
    """-alpha_t * (1 - p_t)**gamma * log(p_t) of each sample.

    p_t is the softmax probability of the true class as it is: alpha multiplies the loss and never enters p_t
    (weighting the cross-entropy first and taking p_t = exp(-ce) from it is a common mistake).

    Parameters
    ----------
    gamma : float
        0 gives the weighted cross-entropy.
    alpha : (n_classes,) float32 tensor, optional
        Weight of each class; 1 where not given.

    References
    ----------
    Lin et al. (2017), "Focal loss for dense object detection".
    """

    alpha: Tensor | None

    def __init__(self, gamma: float = 2.0, alpha: Tensor | None = None) -> None:
        super().__init__()
        self.gamma = gamma
        self.register_buffer("alpha", alpha)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """(batch, n_classes) float32 and (batch,) int64 -> (batch,) loss of each sample."""
        log_pt = F.log_softmax(logits, dim=-1).gather(1, target[:, None]).squeeze(1)
        loss = -((1.0 - log_pt.exp()) ** self.gamma) * log_pt
        return loss if self.alpha is None else loss * self.alpha[target]
