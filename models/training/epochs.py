"""The course of a training, epoch by epoch."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.augmentation import augment
from models.inference import Prepared, predict_logits
from models.losses import FocalLoss, class_balanced_alpha
from models.metrics import macro_f1
from models.network import Batch, HiddenEmotionNet
from models.training.devices import choose_precision, mixed_precision
from models.training.distributed import Workers
from models.training.options import TrainingOptions
from models.training.resume import State
from models.views import VIEWS, View, softmax
from realtime.errors import DataError


@dataclass(frozen=True, slots=True)
class EpochReport:
    """What one epoch came to; `uf1` is macro F1 on the validation subjects under each view, NaN where none has it.

    Of `seconds`, `data_s` were spent on getting batches ready: picking the samples, changing them at random.
    """

    epoch: int
    epochs: int
    train_loss: float
    validation_loss: float
    uf1: dict[View, float]
    best: bool
    seconds: float
    data_s: float = 0.0


Progress = Callable[[EpochReport], None]


class Source(Protocol):
    """Where training batches come from: `Prepared` in memory, or something slower."""

    @property
    def label(self) -> Tensor:
        """(n,) int64."""
        ...

    def __len__(self) -> int: ...

    def batch(self, rows: Tensor) -> Batch:
        """Network input of the samples at `rows`, (batch,) int64."""
        ...


class Course:
    """A training under way: after any epoch its whole state can be taken out, and put into another one to go on there.

    Parameters
    ----------
    network : HiddenEmotionNet
        On `workers.device`; trained in place.
    training : Source
    validation : Prepared
    options : TrainingOptions
    workers : Workers
        The processes that part the batches between them.

    Attributes
    ----------
    history : list of EpochReport
    """

    def __init__(
        self,
        network: HiddenEmotionNet,
        training: Source,
        validation: Prepared,
        options: TrainingOptions,
        workers: Workers,
    ) -> None:
        self._network, self._training, self._validation = network, training, validation
        self._options, self._workers = options, workers
        self._parameters = list(network.parameters())
        alpha = class_balanced_alpha(training.label.numpy(), network.config.n_classes, options.balance)
        self._focal = FocalLoss(options.gamma, torch.from_numpy(alpha)).to(workers.device)
        groups = _groups(network, options.weight_decay)
        self._optimiser = torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)
        self._precision = choose_precision(options.precision, workers.device)
        # float16 loses small gradients unless the loss is scaled up first
        self._scaler = torch.amp.GradScaler(workers.device.type, enabled=self._precision is torch.float16)
        self._generator = torch.Generator().manual_seed(options.seed)
        self._steps = 0
        self._best_loss, self._best_epoch = np.inf, 0
        self._best_weights: dict[str, Tensor] = copy.deepcopy(network.state_dict())
        self.history: list[EpochReport] = []
        if workers.rank > 0:
            # the processes began with one seed, hence the same weights; their dropout must differ
            torch.manual_seed(options.seed + 1_000_003 * workers.rank)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done, or the last `patience` of them brought nothing better."""
        done = len(self.history)
        return done >= self._options.epochs or (done > 0 and done - self._best_epoch >= self._options.patience)

    def epoch(self) -> EpochReport:
        """Train once through the samples, then validate.

        Raises
        ------
        DataError
            The loss is no longer finite.
        """
        start_s = time.perf_counter()
        number = len(self.history) + 1
        loss, data_s = self._train()
        found = [0.0] * (1 + len(VIEWS))
        if self._workers.rank == 0:
            found = _validate(self._network, self._validation, self._options.modality_dropout)
        validation_loss, *uf1 = self._workers.from_first(found)
        if not np.isfinite(loss + validation_loss):
            raise DataError(f"training diverged in epoch {number}: loss {loss}; use a smaller learning_rate")
        best = validation_loss < self._best_loss
        if best:
            self._best_loss, self._best_epoch = validation_loss, number
            self._best_weights = copy.deepcopy(self._network.state_dict())
        seconds = time.perf_counter() - start_s
        scores = dict(zip(VIEWS, uf1, strict=True))
        report = EpochReport(number, self._options.epochs, loss, validation_loss, scores, best, seconds, data_s)
        self.history.append(report)
        return report

    def keep_best(self) -> None:
        """Put the weights of the best epoch into the network."""
        self._network.load_state_dict(self._best_weights)

    def state(self) -> State:
        """Everything that the rest of the training depends on, RNGs included; called in every process at once."""
        tensors = {f"network.{name}": value for name, value in self._network.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self._best_weights.items()}
        for i, parts in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{i}.{name}": value for name, value in parts.items()}
        tensors["generator"] = self._generator.get_state()
        for rank, state in enumerate(self._workers.gather(_random_state(self._workers.device))):
            tensors[f"random.{rank}"] = state
        facts = {
            "steps": self._steps,
            "best_epoch": self._best_epoch,
            "scaler": self._scaler.state_dict(),
            "history": [asdict(report) for report in self.history],
        }
        return State(tensors, facts)

    def restore(self, state: State) -> None:
        """Go on from a state that a training with the same options on the same samples left."""
        tensors, facts = state.tensors, state.facts
        self._network.load_state_dict(_under("network.", tensors))
        self._best_weights = {n: v.to(self._workers.device) for n, v in _under("best.", tensors).items()}
        self._restore_optimiser(_under("optimiser.", tensors))
        self._generator.set_state(tensors["generator"])
        _set_random_state(tensors[f"random.{self._workers.rank}"], self._workers.device)
        self._steps, self._best_epoch = facts["steps"], facts["best_epoch"]
        self._scaler.load_state_dict(facts["scaler"])
        self.history = [EpochReport(**report) for report in facts["history"]]
        self._best_loss = self.history[self._best_epoch - 1].validation_loss if self._best_epoch else np.inf

    def _restore_optimiser(self, tensors: dict[str, Tensor]) -> None:
        whole = self._optimiser.state_dict()
        parameters = [p for group in self._optimiser.param_groups for p in group["params"]]
        found: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            number, _, part = name.partition(".")
            like = parameters[int(number)]
            # a moment must be laid out like its parameter: the fused step walks both as plain memory
            same = torch.empty_like(like).copy_(value) if value.shape == like.shape and value.ndim else value
            found.setdefault(int(number), {})[part] = same
        self._optimiser.load_state_dict({"state": found, "param_groups": whole["param_groups"]})

    def _train(self) -> tuple[float, float]:
        """Mean loss, and how long the batches took to get ready."""
        self._network.train()
        options, training = self._options, self._training
        batches = torch.randperm(len(training), generator=self._generator).split(options.batch_size)
        total, data_s = 0.0, 0.0
        for rows in batches:
            begun_s = time.perf_counter()
            label = training.label[rows]
            batch = augment(training.batch(rows), options.augmentation, self._generator, label)
            data_s += time.perf_counter() - begun_s
            total += self._step(batch, label, len(batches)) * len(rows)
        return total / len(training), data_s

    def _step(self, batch: Batch, label: Tensor, steps_an_epoch: int) -> float:
        options, device, optimiser = self._options, self._workers.device, self._optimiser
        everything = len(label) + 2.0 * options.modality_dropout * int((batch.has_eeg & batch.has_face).sum())
        mine = self._workers.share(len(label))
        part = batch if len(mine) == len(label) else batch.take(mine)
        optimiser.zero_grad(set_to_none=True)
        loss = torch.zeros((), device=device)
        if len(mine):
            with mixed_precision(device, self._precision):
                logits, which, weight = _views(self._network, part.to(device), options.modality_dropout)
            loss = (self._focal(logits.float(), label[mine].to(device)[which]) * weight).sum() / everything
            self._scaler.scale(loss).backward()
        shown = self._workers.add_up(self._parameters, loss)
        self._scaler.unscale_(optimiser)
        nn.utils.clip_grad_norm_(self._parameters, options.clip_norm)
        rate = options.learning_rate * _warm_cosine(self._steps, steps_an_epoch, options.epochs * steps_an_epoch)
        for group in optimiser.param_groups:
            group["lr"] = rate
        self._scaler.step(optimiser)
        self._scaler.update()
        self._steps += 1
        return shown


def _views(network: HiddenEmotionNet, batch: Batch, dropped_weight: float) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of each sample with all it has and, where that is both, with either alone; the encoders run once.

    Returns
    -------
    logits (n, n_classes), the row of the batch each belongs to (n,), its weight (n,)
    """
    device = batch.has_eeg.device
    encoded = network.encode(batch)
    everything = torch.arange(len(batch.has_eeg), device=device)
    both = (batch.has_eeg & batch.has_face).nonzero().squeeze(1)
    which = torch.cat([everything, both, both])
    yes, no = torch.ones_like(both, dtype=torch.bool), torch.zeros_like(both, dtype=torch.bool)
    logits = network.fuse(
        encoded.take(which), torch.cat([batch.has_eeg, yes, no]), torch.cat([batch.has_face, no, yes])
    )
    weight = torch.ones(len(which), device=device)
    weight[len(everything) :] = dropped_weight
    return logits, which, weight


def _validate(network: HiddenEmotionNet, validation: Prepared, dropped_weight: float) -> list[float]:
    """Cross-entropy over the views, weighted as in training, then macro F1 of each view; in float32 always."""
    logits = predict_logits(network, validation)
    label: NDArray[np.int64] = validation.label.numpy()
    losses, weights, uf1 = [], [], []
    for view in VIEWS:
        there = np.isfinite(logits[view]).all(axis=1)
        if not there.any():
            uf1.append(float("nan"))
            continue
        chosen = softmax(logits[view][there])[np.arange(there.sum()), label[there]]
        losses.append(float(-np.log(np.maximum(chosen, 1e-12)).mean()))
        weights.append(1.0 if view == "both" else dropped_weight)
        uf1.append(macro_f1(label[there], logits[view][there].argmax(axis=1), network.config.n_classes))
    return [float(np.average(losses, weights=weights)) if losses else float("nan"), *uf1]


def _groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Decay matrices only: biases, norms and position vectors are left alone."""
    matrices = [p for name, p in network.named_parameters() if p.ndim > 1 and "position" not in name]
    others = [p for name, p in network.named_parameters() if p.ndim <= 1 or "position" in name]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _warm_cosine(step: int, warm: int, total: int) -> float:
    """Factor of the learning rate at a step; a function of nothing else, so there is no schedule to save."""
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1.0 + float(np.cos(np.pi * (step - warm) / max(1, total - warm))))


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _random_state(device: torch.device) -> Tensor:
    state = torch.get_rng_state()
    return state if device.type == "cpu" else torch.cat([state, torch.cuda.get_rng_state(device)])


def _set_random_state(state: Tensor, device: torch.device) -> None:
    n = len(torch.get_rng_state())
    torch.set_rng_state(state[:n])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state[n:], device)
