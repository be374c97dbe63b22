"""Reference for EEG: a graph network over the channels whose adjacency is learnt, on the mean log power of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from models.baseline_features import mean_power
from models.evaluation.shallow import ShallowFitted, ShallowOptions, fit_shallow, training_rows
from models.normaliser import fit_normaliser
from models.samples import SampleSet

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
class DgcnnTrainer:
    """Trains the graph network on every subject that is not held out; no inner validation, nothing is selected."""

    options: ShallowOptions = _OPTIONS
    filters: int = 32
    order: int = 3

    @property
    def recipe(self) -> dict[str, Any]:
        """All choices, for the report."""
        return asdict(self)

    def __call__(
        self, samples: SampleSet, held_out: Sequence[int], seed: int, progress: object = None
    ) -> ShallowFitted:
        normaliser = fit_normaliser(samples, training_rows(samples, "eeg", held_out)[0])
        n_channels, n_bands = normaliser.mean.shape
        n_classes = len(samples.classes)
        return fit_shallow(
            samples,
            "eeg",
            partial(mean_power, normaliser=normaliser),
            lambda: DynamicalGraphNet(n_channels, n_bands, n_classes, self.filters, self.order),
            self.options,
            held_out,
            seed,
        )
