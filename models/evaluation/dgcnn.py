"""Reference for EEG: a graph network over the channels whose adjacency is learnt, on the mean log power of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.baseline_features import mean_power
from models.evaluation.shallow import ShallowOptions, ask_shallow, train_shallow
from models.inference import one_thread
from models.normaliser import Normaliser, fit_normaliser
from models.samples import SampleSet
from models.splits import Split
from models.views import View

_OPTIONS = ShallowOptions(steps=400, batch_size=64, learning_rate=3e-3, weight_decay=0.01)


class DynamicalGraphNet(nn.Module):
    """Chebyshev graph convolution over EEG channels with a learnt adjacency, then a linear classifier.

    Parameters
    ----------
    n_channels, n_bands, n_classes : int
    filters : int
        Of the graph convolution.
    order : int
        Chebyshev polynomials, the identity included.
    dropout : float

    References
    ----------
    Song et al. (2018), "EEG emotion recognition using dynamical graph convolutional neural networks".
    Defferrard, Bresson and Vandergheynst (2016), "Convolutional neural networks on graphs with fast localized spectral
    filtering".
    """

    def __init__(
        self, n_channels: int, n_bands: int, n_classes: int, filters: int = 32, order: int = 3, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.order = order
        self.adjacency = nn.Parameter(torch.rand(n_channels, n_channels) * 0.1 + 1.0 / n_channels)
        self.norm = nn.BatchNorm1d(n_bands)
        self.convolve = nn.Linear(order * n_bands, filters)
        self.classify = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(n_channels * filters, n_classes))

    def forward(self, power: Tensor) -> Tensor:
        """(batch, n_channels, n_bands) z-scores -> (batch, n_classes) logits."""
        signal = self.norm(power.transpose(1, 2)).transpose(1, 2)
        features = torch.cat([basis @ signal for basis in self._polynomials()], dim=2)
        return self.classify(torch.relu(self.convolve(features)))

    def _polynomials(self) -> list[Tensor]:
        """T_0 ... of the Laplacian, scaled as if its largest eigenvalue were 2, which bounds it."""
        weights = torch.relu(self.adjacency)
        weights = 0.5 * (weights + weights.T)
        scale = weights.sum(dim=1).clamp_min(1e-6).rsqrt()
        shifted = -scale[:, None] * weights * scale[None, :]
        basis = [torch.eye(len(weights)), shifted]
        while len(basis) < self.order:
            basis.append(2.0 * shifted @ basis[-1] - basis[-2])
        return basis[: self.order]


@dataclass(frozen=True, slots=True)
class DgcnnFitted:
    """A trained graph network; see `models.evaluation.protocol.Fitted`."""

    network: DynamicalGraphNet
    normaliser: Normaliser
    split: Split

    def probabilities(self, samples: SampleSet) -> dict[View, NDArray[np.float32]]:
        """(n, n_classes) under 'both' and 'eeg', NaN where a sample has no EEG."""
        answers = np.full((len(samples), len(samples.classes)), np.nan, np.float32)
        rows = np.flatnonzero(samples.has_eeg)
        if rows.size:
            answers[rows] = ask_shallow(self.network, mean_power(samples, rows, self.normaliser))
        return {"both": answers, "eeg": answers}


@dataclass(frozen=True, slots=True)
class DgcnnTrainer:
    """Trains the graph network on every subject that is not held out; no inner validation, nothing is selected."""

    options: ShallowOptions = _OPTIONS
    filters: int = 32
    order: int = 3

    @property
    def recipe(self) -> dict[str, Any]:
        """All choices, for the report."""
        return asdict(self)

    def __call__(self, samples: SampleSet, held_out: Sequence[int], seed: int, progress: object = None) -> DgcnnFitted:
        subjects = tuple(s for s in samples.subjects if s not in set(held_out))
        rows = np.flatnonzero(samples.has_eeg & np.isin(samples.subject, subjects))
        normaliser = fit_normaliser(samples, subjects)
        n_channels, n_bands = normaliser.mean.shape
        with one_thread(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = DynamicalGraphNet(n_channels, n_bands, len(samples.classes), self.filters, self.order)
            inputs = mean_power(samples, rows, normaliser)
            train_shallow(network, inputs, samples.label[rows], len(samples.classes), self.options, seed)
        return DgcnnFitted(network, normaliser, Split(subjects, (), tuple(held_out), seed))
