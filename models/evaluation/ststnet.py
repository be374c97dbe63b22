"""Reference for the face: a shallow three-stream network on 28 px maps of flow and strain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.baseline_features import flow_maps
from models.evaluation.shallow import ShallowFitted, ShallowOptions, fit_shallow, training_rows
from models.samples import SampleSet

_PX = 28
_STREAMS = (3, 5, 8)
_OPTIONS = ShallowOptions(steps=400, batch_size=64, learning_rate=1e-3, weight_decay=0.01)


class ShallowTripleStream(nn.Module):
    """Three streams of 3, 5 and 8 filters over u, v and strain, pooled and classified.

    Every stream is a filter bank that reads the same three planes and each filter is treated alike afterwards, so the
    streams are computed as one convolution with the sum of their filters.

    Parameters
    ----------
    n_classes : int
    dropout : float

    References
    ----------
    Liong et al. (2019), "Shallow triple stream three-dimensional CNN (STSTNet) for micro-expression recognition".
    """

    def __init__(self, n_classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        filters = sum(_STREAMS)
        convolve = nn.Conv2d(3, filters, 3, padding=1)
        # half the time on one core, together with input in the same layout
        convolve.weight.data = convolve.weight.data.contiguous(memory_format=torch.channels_last)
        self.streams = nn.Sequential(
            convolve,
            # pooled at once: the maximum commutes with ReLU, and the rest is then done on an eighth of the pixels
            nn.MaxPool2d(3, stride=3, padding=1),
            nn.ReLU(),
            nn.BatchNorm2d(filters),
            nn.AvgPool2d(2, stride=2),
            nn.Dropout(dropout),
        )
        self.classify = nn.Linear(filters * 25, n_classes)

    def forward(self, maps: Tensor) -> Tensor:
        """(batch, 3, 28, 28) scaled flow and strain -> (batch, n_classes) logits."""
        return self.classify(self.streams(maps.contiguous(memory_format=torch.channels_last)).flatten(1))


@dataclass(frozen=True, slots=True)
class StstnetTrainer:
    """Trains the network on every subject that is not held out; no inner validation, nothing is selected."""

    options: ShallowOptions = _OPTIONS

    @property
    def recipe(self) -> dict[str, Any]:
        """All choices, for the report."""
        return asdict(self)

    def __call__(
        self, samples: SampleSet, held_out: Sequence[int], seed: int, progress: object = None
    ) -> ShallowFitted:
        maps = _planes(samples, training_rows(samples, "face", held_out)[1], np.ones((3, 1, 1), np.float32))
        scale = np.maximum(maps.std(axis=(0, 2, 3), keepdims=True)[0], 1e-6).astype(np.float32)
        read, n_classes = partial(_planes, scale=scale), len(samples.classes)
        return fit_shallow(samples, "face", read, lambda: ShallowTripleStream(n_classes), self.options, held_out, seed)


def _planes(samples: SampleSet, rows: NDArray[np.intp], scale: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(flow_maps(samples, rows, _PX).transpose(0, 3, 1, 2)) / scale
