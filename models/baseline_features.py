"""What the baselines read: mean log power of a sequence, and small flow maps with their strain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.normaliser import Normaliser
from models.samples import SampleSet, resize_by_area
from realtime.errors import DataError
from realtime.face.flow import optical_strain


def mean_power(samples: SampleSet, rows: NDArray[np.intp], normaliser: Normaliser) -> NDArray[np.float32]:
    """(n_rows, n_channels, n_bands): z-scores averaged over the windows that count; 0 where a channel has none."""
    features = np.empty((len(rows), *normaliser.mean.shape), np.float32)
    for i, row in enumerate(rows):
        mask = samples.channel_mask[row] & samples.window_mask[row][:, None]
        z = normaliser.log_power(samples.log_power[row], mask)
        features[i] = z.sum(axis=0) / np.maximum(mask.sum(axis=0), 1)[:, None]
    return features


def flow_maps(samples: SampleSet, rows: NDArray[np.intp], px: int = 28) -> NDArray[np.float32]:
    """(n_rows, px, px, 3): u, v and optical strain, resized by area; strain is computed first where it is not given."""
    maps = np.empty((len(rows), px, px, 3), np.float32)
    for i, row in enumerate(rows):
        maps[i] = flow_map(samples.flow[row], px)
    return maps


def flow_map(flow: NDArray[np.float16], px: int = 28) -> NDArray[np.float32]:
    """(any, any, 2 or 3) flow of one sample -> (px, px, 3), see `flow_maps`."""
    planes = flow.astype(np.float32)
    if planes.shape[2] == 2:
        planes = np.concatenate([planes, optical_strain(planes)[..., None]], axis=2)
    return resize_by_area(planes, px)


def require_disjoint(training: SampleSet, testing: SampleSet, what: str) -> None:
    """Refuse sets that share a subject, or whose channels differ.

    Raises
    ------
    DataError
        They do.
    """
    if shared := sorted(set(training.subjects) & set(testing.subjects)):
        raise DataError(f"{what}: subjects {shared} are in the training and in the testing set")
    if training.channels != testing.channels:
        raise DataError(f"{what}: the sets differ in 'channels'; use SampleSet.with_channels first")


def thinned(rows: NDArray[np.intp], at_most: int) -> NDArray[np.intp]:
    """Evenly spaced rows, where there are more than `at_most`."""
    return rows[np.linspace(0, len(rows) - 1, min(at_most, len(rows))).round().astype(int)]


def one_hot(answers: NDArray[np.integer], n_classes: int) -> NDArray[np.float32]:
    """(n, n_classes) certainty of each answer, NaN where it is -1: for methods that give no probabilities."""
    certain = np.full((len(answers), n_classes), np.nan, np.float32)
    there = answers >= 0
    certain[there] = np.eye(n_classes, dtype=np.float32)[answers[there]]
    return certain


def balanced_weights(label: NDArray[np.integer], n_classes: int) -> NDArray[np.float32]:
    """(n_classes,): inverse class frequency, mean 1 over the samples; 0 for a class that does not occur."""
    count = np.bincount(label, minlength=n_classes)
    occurring = int((count > 0).sum())
    return np.where(count > 0, len(label) / (occurring * np.maximum(count, 1)), 0.0).astype(np.float32)
