"""Small reference networks: one training loop of a length fixed beforehand, so that nothing is tuned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from models.baseline_features import balanced_weights
from models.inference import one_thread


@dataclass(frozen=True, slots=True)
class ShallowOptions:
    """How a reference network is trained; chosen once, before any test subject was looked at.

    Parameters
    ----------
    steps : int
        Optimiser steps, so that the cost does not grow with the data.
    batch_size : int
    learning_rate : float
        Of the first step; falls linearly to zero.
    weight_decay : float
    """

    steps: int
    batch_size: int
    learning_rate: float
    weight_decay: float


def train_shallow(
    network: nn.Module,
    inputs: NDArray[np.float32],
    label: NDArray[np.integer],
    n_classes: int,
    options: ShallowOptions,
    seed: int,
) -> None:
    """Train in place with class-balanced cross-entropy; leaves the network in evaluation mode.

    The caller seeds torch before it makes the network; `seed` draws the order of the samples.
    """
    x, y = torch.from_numpy(inputs), torch.from_numpy(label.astype(np.int64))
    weight = torch.from_numpy(balanced_weights(label, n_classes))
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, foreach=True
    )
    order = torch.Generator().manual_seed(seed)
    network.train()
    for step, rows in zip(range(options.steps), _batches(len(x), options.batch_size, order), strict=False):
        optimiser.param_groups[0]["lr"] = options.learning_rate * (1.0 - step / options.steps)
        loss = F.cross_entropy(network(x[rows]), y[rows], weight=weight)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    network.eval()


def _batches(n: int, size: int, order: torch.Generator) -> Iterator[Tensor]:
    """Rows of one batch after the other, shuffled in every round; no batch of one, which has no variance."""
    while n > 1:
        yield from (rows for rows in torch.randperm(n, generator=order).split(size) if len(rows) > 1)


def ask_shallow(network: nn.Module, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, n_classes) probabilities; rows do not influence each other."""
    with one_thread(), torch.inference_mode():
        parts: list[Tensor] = [network(part).softmax(dim=1) for part in torch.from_numpy(inputs).split(256)]
    return torch.cat(parts).numpy()
