"""Training: subject-disjoint early stopping and calibration, every sample seen with either modality dropped."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import minimize_scalar
from torch import Generator, Tensor, nn

from models.augmentation import AugmentationOptions, augment
from models.inference import VIEWS, Prepared, View, one_thread, predict_logits, prepare, softmax
from models.losses import FocalLoss, class_balanced_alpha
from models.metrics import macro_f1
from models.network import HiddenEmotionNet, NetworkConfig
from models.normaliser import Normaliser, fit_normaliser
from models.samples import SampleSet
from models.splits import Split, inner_split
from realtime.errors import DataError


class TrainingOptions(BaseModel):
    """How to train; with the same options, samples and machine the result is the same to the last bit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    epochs: int = Field(default=30, ge=1, description="at most this many")
    patience: int = Field(default=6, ge=1, description="epochs without a better validation loss before stopping")
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0, description="its peak: rises over the first epoch, then a cosine")
    weight_decay: float = Field(default=0.02, ge=0)
    clip_norm: float = Field(default=1.0, gt=0, description="gradients are scaled down to this norm")
    gamma: float = Field(default=2.0, ge=0, description="of the focal loss")
    balance: float = Field(default=0.999, ge=0, lt=1, description="beta of the class-balanced alpha")
    modality_dropout: float = Field(
        default=0.5, ge=0, description="weight of the views with one modality dropped; the full view weighs 1"
    )
    validation_fraction: float = Field(default=0.2, gt=0, lt=1, description="of the subjects")
    augmentation: AugmentationOptions = AugmentationOptions()
    network: dict[str, Any] = Field(default_factory=dict, description="fields of NetworkConfig other than its shapes")


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What one epoch came to; `uf1` is macro F1 on the validation subjects under each view, NaN where none has it."""

    epoch: int
    epochs: int
    train_loss: float
    validation_loss: float
    uf1: dict[View, float]
    best: bool
    seconds: float


Progress = Callable[[EpochReport], None]


@dataclass(frozen=True, slots=True)
class Trained:
    """The network of the best epoch and everything needed to use it.

    Parameters
    ----------
    network : HiddenEmotionNet
        In evaluation mode.
    normaliser : Normaliser
        Fitted on `split.training` only.
    temperature : dict of view -> float
        Fitted on `split.validation` only.
    split : Split
    history : tuple of EpochReport
    options : TrainingOptions
    classes, channels : tuple of str
        What the network's outputs and EEG inputs are, in order.
    """

    network: HiddenEmotionNet
    normaliser: Normaliser
    temperature: dict[View, float]
    split: Split
    history: tuple[EpochReport, ...]
    options: TrainingOptions
    classes: tuple[str, ...]
    channels: tuple[str, ...]

    def probabilities(self, samples: SampleSet) -> dict[View, NDArray[np.float32]]:
        """Calibrated (n, n_classes) float32 under each view; NaN where a sample lacks the modality.

        EEG channels are matched by name, whatever their order in `samples`.

        Raises
        ------
        DataError
            Other classes, or none of the channels.
        """
        if samples.classes != self.classes:
            raise DataError(f"samples have the classes {samples.classes}, the network {self.classes}")
        samples = samples.with_channels(self.channels)
        with one_thread():
            logits = predict_logits(self.network, prepare(samples, self.normaliser, self.network.config.face_px))
        return {view: softmax(logits[view], self.temperature[view]) for view in VIEWS}


def train(
    samples: SampleSet,
    options: TrainingOptions | None = None,
    progress: Progress | None = None,
    held_out: Sequence[int] = (),
) -> Trained:
    """Train on the subjects that are not held out.

    A part of those subjects is set aside to choose the epoch and to calibrate the temperature; neither they nor the
    held-out ones enter the normaliser, the class balance or a gradient, and the held-out ones are not looked at at all.

    Parameters
    ----------
    samples : SampleSet
    options : TrainingOptions, optional
    progress : callable, optional
        Called after each epoch.
    held_out : sequence of int
        Subjects for testing.

    Raises
    ------
    DataError
        Fewer than two subjects remain, or the loss is no longer finite.
    """
    options = options or TrainingOptions()
    split = inner_split(samples, held_out, options.validation_fraction, options.seed)
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        normaliser = fit_normaliser(samples, split.training)
        network = HiddenEmotionNet(_network_config(samples, options))
        px = network.config.face_px
        training = prepare(samples.of_subjects(split.training), normaliser, px)
        validation = prepare(samples.of_subjects(split.validation), normaliser, px)
        history = _fit(network, training, validation, options, progress)
        temperature = calibrate(predict_logits(network, validation), validation.label.numpy())
    return Trained(
        network.eval(), normaliser, temperature, split, tuple(history), options, samples.classes, samples.channels
    )


def calibrate(logits: dict[View, NDArray[np.float32]], label: NDArray[np.integer]) -> dict[View, float]:
    """Temperature of each view with the smallest negative log-likelihood; 1 where no sample has the view.

    References
    ----------
    Guo et al. (2017), "On calibration of modern neural networks".
    """
    return {view: _temperature(logits[view], label) for view in VIEWS}


def _temperature(logits: NDArray[np.float32], label: NDArray[np.integer]) -> float:
    there = np.isfinite(logits).all(axis=1)
    if not there.any():
        return 1.0
    z, y = logits[there].astype(np.float64), label[there]

    def loss(log_temperature: float) -> float:
        scaled = z / np.exp(log_temperature)
        top = scaled.max(axis=1)
        return float(np.mean(top + np.log(np.exp(scaled - top[:, None]).sum(axis=1)) - scaled[np.arange(len(y)), y]))

    found: Any = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))


def _network_config(samples: SampleSet, options: TrainingOptions) -> NetworkConfig:
    _, n_windows, n_channels, n_bands = samples.log_power.shape
    shapes = {
        "n_classes": len(samples.classes),
        "n_channels": n_channels,
        "n_bands": n_bands,
        "n_windows": n_windows,
    }
    return NetworkConfig.model_validate(options.network | shapes)


def _fit(
    network: HiddenEmotionNet,
    training: Prepared,
    validation: Prepared,
    options: TrainingOptions,
    progress: Progress | None,
) -> list[EpochReport]:
    """Train `network` in place and leave it with the weights of its best epoch."""
    alpha = class_balanced_alpha(training.label.numpy(), network.config.n_classes, options.balance)
    focal = FocalLoss(options.gamma, torch.from_numpy(alpha))
    steps = -(-len(training) // options.batch_size)
    optimiser = torch.optim.AdamW(_groups(network, options.weight_decay), lr=options.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _warm_cosine(steps, options.epochs * steps))
    generator = torch.Generator().manual_seed(options.seed)
    best_loss, best_epoch, best_weights = np.inf, 0, network.state_dict()
    history: list[EpochReport] = []
    for epoch in range(1, options.epochs + 1):
        start_s = time.perf_counter()
        loss = _one_epoch(network, training, focal, optimiser, schedule, generator, options)
        validation_loss, uf1 = _validate(network, validation, options.modality_dropout)
        if not np.isfinite(loss + validation_loss):
            raise DataError(f"training diverged in epoch {epoch}: loss {loss}; use a smaller learning_rate")
        best = validation_loss < best_loss
        if best:
            best_loss, best_epoch, best_weights = validation_loss, epoch, copy.deepcopy(network.state_dict())
        seconds = time.perf_counter() - start_s
        history.append(EpochReport(epoch, options.epochs, loss, validation_loss, uf1, best, seconds))
        if progress is not None:
            progress(history[-1])
        if epoch - best_epoch >= options.patience:
            break
    network.load_state_dict(best_weights)
    return history


def _one_epoch(
    network: HiddenEmotionNet,
    training: Prepared,
    focal: FocalLoss,
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    generator: Generator,
    options: TrainingOptions,
) -> float:
    network.train()
    total = 0.0
    for rows in torch.randperm(len(training), generator=generator).split(options.batch_size):
        batch = augment(training.batch(rows), options.augmentation, generator)
        logits, which, weight = _views(network, batch, options.modality_dropout)
        loss = (focal(logits, training.label[rows][which]) * weight).sum() / weight.sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), options.clip_norm)
        optimiser.step()
        schedule.step()
        total += float(loss.detach()) * len(rows)
    return total / len(training)


def _views(network: HiddenEmotionNet, batch: Any, dropped_weight: float) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of each sample with all it has and, where that is both, with either alone; the encoders run once.

    Returns
    -------
    logits (n, n_classes), the row of the batch each belongs to (n,), its weight (n,)
    """
    encoded = network.encode(batch)
    everything = torch.arange(len(batch.has_eeg))
    both = (batch.has_eeg & batch.has_face).nonzero().squeeze(1)
    which = torch.cat([everything, both, both])
    yes, no = torch.ones(len(both), dtype=torch.bool), torch.zeros(len(both), dtype=torch.bool)
    logits = network.fuse(
        encoded.take(which), torch.cat([batch.has_eeg, yes, no]), torch.cat([batch.has_face, no, yes])
    )
    weight = torch.ones(len(which))
    weight[len(everything) :] = dropped_weight
    return logits, which, weight


def _validate(
    network: HiddenEmotionNet, validation: Prepared, dropped_weight: float
) -> tuple[float, dict[View, float]]:
    """Cross-entropy over the views, weighted as in training, and macro F1 of each view."""
    logits = predict_logits(network, validation)
    label = validation.label.numpy()
    losses, weights, uf1 = [], [], {}
    for view in VIEWS:
        there = np.isfinite(logits[view]).all(axis=1)
        if not there.any():
            uf1[view] = float("nan")
            continue
        chosen = softmax(logits[view][there])[np.arange(there.sum()), label[there]]
        losses.append(float(-np.log(np.maximum(chosen, 1e-12)).mean()))
        weights.append(1.0 if view == "both" else dropped_weight)
        uf1[view] = macro_f1(label[there], logits[view][there].argmax(axis=1), network.config.n_classes)
    return float(np.average(losses, weights=weights)), uf1


def _groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Decay matrices only: biases, norms and position vectors are left alone."""
    matrices = [p for name, p in network.named_parameters() if p.ndim > 1 and "position" not in name]
    others = [p for name, p in network.named_parameters() if p.ndim <= 1 or "position" in name]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _warm_cosine(warm: int, total: int) -> Callable[[int], float]:
    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1.0 + float(np.cos(np.pi * (step - warm) / max(1, total - warm))))

    return factor
