"""Experts for small sets of EEG: classifiers on a sequence's summary that are told how people's EEG differs.

A handful of people do not show how far the next one will be from them, so the experts are told: a channel's power is
raised or lowered in all bands by skull, hair and electrode. That direction is added to the spread within a class, which
makes the experts lean on what it leaves alone: the shape of the spectrum, and how restless each band is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.normaliser import Normaliser
from models.samples import SampleSet
from models.small.kernel_machine import KernelMachine, fit_kernel_machine
from models.small.options import EegOptions
from models.views import log_softmax

_SD_FLOOR = 0.03  # log10 units: no window repeats another better than that
_NEVER = -30.0


@dataclass(frozen=True, slots=True)
class Summary:
    """Features of sequences.

    Parameters
    ----------
    x : (n, n_features) float64
    channel : (n_features,) int
        Channel of each feature that moves with its gain; -1 for those that do not.
    """

    x: NDArray[np.float64]
    channel: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EegExperts:
    """What was fitted on the training subjects, and how their sequences are summarised."""

    options: EegOptions
    normaliser: Normaliser
    mean: NDArray[np.float64]
    whiten: NDArray[np.float64]
    slope: NDArray[np.float64]
    offset: NDArray[np.float64]
    machine: KernelMachine | None

    def log_probabilities(self, samples: SampleSet, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """(n_rows, n_classes) of the samples at `rows`, which have EEG; not calibrated yet."""
        return self.answer(*sequences(samples, rows))

    def answer(self, log_power: NDArray[np.floating], there: NDArray[np.bool_]) -> NDArray[np.float64]:
        """(n, n_classes) of sequences as `summarise` reads them; not calibrated yet."""
        x = (summarise(log_power, there, self.normaliser, self.options).x - self.mean) @ self.whiten
        found = []
        if self.options.linear:
            found.append(log_softmax(x @ self.slope + self.offset))
        if self.machine is not None:
            found.append(self.machine.log_probabilities(x))
        return log_softmax(np.mean(np.maximum(found, _NEVER), axis=0))


def sequences(samples: SampleSet, rows: NDArray[np.intp]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(n, n_windows, n_channels, n_bands) log power of samples, (n, n_windows, n_channels) what counts of it."""
    return samples.log_power[rows], samples.channel_mask[rows] & samples.window_mask[rows][:, :, None]


def contrasts(n_windows: int, options: EegOptions) -> list[int]:
    """Which of `options.recent` a sequence of this length is long enough for."""
    return [k for k in options.recent if n_windows >= 2 * k + 2]


def summarise(
    log_power: NDArray[np.floating], there: NDArray[np.bool_], normaliser: Normaliser, options: EegOptions
) -> Summary:
    """Mean log power, how much it varies over the windows, and how the newest windows differ from those before.

    A channel without a window takes the training mean; a spread over fewer than two windows is taken for none.

    Parameters
    ----------
    log_power : (n, n_windows, n_channels, n_bands) float
        log10 µV²/Hz, oldest window first; anything where masked.
    there : (n, n_windows, n_channels) bool
    normaliser : Normaliser
    options : EegOptions
    """
    n, n_windows, n_channels, n_bands = log_power.shape
    z = normaliser.log_power(log_power, there)
    weight = there[..., None].astype(np.float64)
    mean = _average(z, weight)
    spread = np.sqrt(_average(np.square(z - mean[:, None]), weight)) * normaliser.sd
    parts = [mean, np.log(spread + _SD_FLOOR)]
    for k in contrasts(n_windows, options):
        newest, before = weight.copy(), weight.copy()
        newest[:, :-k] = 0.0
        before[:, -k:] = 0.0
        known = (newest.sum(axis=1) > 0) & (before.sum(axis=1) > 0)
        parts.append(np.where(known, _average(z, newest) - _average(z, before), 0.0))
    channel = np.full((len(parts), n_channels, n_bands), -1)
    channel[0] = np.arange(n_channels)[:, None]
    return Summary(np.stack(parts, axis=1).reshape(n, -1), channel.ravel())


def fit_eeg_experts(
    samples: SampleSet, rows: NDArray[np.intp], normaliser: Normaliser, options: EegOptions
) -> EegExperts:
    """Fit on the samples at `rows`.

    Each person counts as much as another in each class, however many samples they have.

    References
    ----------
    Friedman (1989), "Regularized discriminant analysis".
    """
    summary = summarise(*sequences(samples, rows), normaliser, options)
    label, n_classes = samples.label[rows], len(samples.classes)
    weight = _equal_say(label, samples.subject[rows])
    mean, scale = summary.x.mean(axis=0), np.maximum(summary.x.std(axis=0), 1e-6)
    x = (summary.x - mean) / scale
    present = np.unique(label)
    centre = np.zeros((n_classes, x.shape[1]))
    for c in present:
        centre[c] = np.average(x[label == c], axis=0, weights=weight[label == c])
    rest = x - centre[label]
    within = (rest * (weight / weight.sum())[:, None]).T @ rest
    moved = (summary.channel[:, None] == summary.channel[None]) & (summary.channel[:, None] >= 0)
    # the more people, the more of their differences the data show themselves
    shift = options.channel_shift**2 * min(1.0, 3.0 / len(np.unique(samples.subject[rows])))
    spread, direction = np.linalg.eigh(within + shift * moved + options.shrinkage * np.eye(x.shape[1]))
    turn = direction / np.sqrt(spread)
    white, means = x @ turn, centre @ turn
    offset = np.full(n_classes, _NEVER)
    offset[present] = -0.5 * np.square(means[present]).sum(axis=1)
    machine = (
        fit_kernel_machine(white, label, weight, n_classes, ridge=options.ridge, width=options.width)
        if options.kernel
        else None
    )
    return EegExperts(options, normaliser, mean, turn / scale[:, None], means.T, offset, machine)


def _average(values: NDArray[np.floating], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over the windows, axis 1; 0 where there is none."""
    return (values * weight).sum(axis=1) / np.maximum(weight.sum(axis=1), 1.0)


def _equal_say(label: NDArray[np.integer], subject: NDArray[np.integer]) -> NDArray[np.float64]:
    """Weight of each sample, mean 1: classes weigh alike, and within a class its people do."""
    weight = np.zeros(len(label))
    for c in np.unique(label):
        people, of, count = np.unique(subject[label == c], return_inverse=True, return_counts=True)
        weight[label == c] = 1.0 / (len(people) * count[of])
    return weight * len(label) / weight.sum()
