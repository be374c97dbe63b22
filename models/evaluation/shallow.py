"""Small reference networks: one training loop of a length fixed beforehand, so that nothing is tuned."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from models.baseline_features import balanced_weights
from models.inference import one_thread
from models.samples import SampleSet
from models.splits import Split
from models.views import View

Reader = Callable[[SampleSet, NDArray[np.intp]], NDArray[np.float32]]


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


@dataclass(frozen=True, slots=True)
class ShallowFitted:
    """A trained reference network of one modality; see `models.evaluation.protocol.Fitted`.

    Parameters
    ----------
    network : Module
    read : callable
        (samples, rows) -> the network's input.
    modality : 'eeg' or 'face'
    split : Split
    """

    network: nn.Module
    read: Reader
    modality: Literal["eeg", "face"]
    split: Split

    def probabilities(self, samples: SampleSet) -> dict[View, NDArray[np.float32]]:
        """(n, n_classes) under 'both' and the modality, NaN where a sample does not have it."""
        answers = np.full((len(samples), len(samples.classes)), np.nan, np.float32)
        rows = np.flatnonzero(_has(samples, self.modality))
        if rows.size:
            answers[rows] = ask_shallow(self.network, self.read(samples, rows))
        return {"both": answers, self.modality: answers}


def training_rows(
    samples: SampleSet, modality: Literal["eeg", "face"], held_out: Sequence[int]
) -> tuple[tuple[int, ...], NDArray[np.intp]]:
    """Subjects that are not held out, and their samples that have the modality."""
    subjects = tuple(s for s in samples.subjects if s not in set(held_out))
    return subjects, np.flatnonzero(_has(samples, modality) & np.isin(samples.subject, subjects))


def fit_shallow(
    samples: SampleSet,
    modality: Literal["eeg", "face"],
    read: Reader,
    make: Callable[[], nn.Module],
    options: ShallowOptions,
    held_out: Sequence[int],
    seed: int,
) -> ShallowFitted:
    """Train on every subject that is not held out; no inner validation, nothing is selected.

    Parameters
    ----------
    read : callable
        (samples, rows) -> the network's input, by what it was told of the training subjects alone.
    make : callable
        The network, its weights drawn by torch's own generator, which is seeded here.
    """
    subjects, rows = training_rows(samples, modality, held_out)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make()
        train_shallow(network, read(samples, rows), samples.label[rows], len(samples.classes), options, seed)
    return ShallowFitted(network, read, modality, Split(subjects, (), tuple(held_out), seed))


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


def _has(samples: SampleSet, modality: Literal["eeg", "face"]) -> NDArray[np.bool_]:
    return samples.has_eeg if modality == "eeg" else samples.has_face
