"""Experts for small sets of faces: kernel machines and small networks on 28 px flow maps, averaged.

Some start from what `models.small.pretraining` learnt on simulated motion, some from nothing, so that neither a
simulation that is off nor a set that is too small decides alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from models.augmentation import mirrored
from models.small.face_network import CompactFaceNet
from models.small.flow_input import MapAugmentation, vary_maps
from models.small.kernel_machine import KernelMachine, fit_kernel_machine, log_softmax
from models.small.pretraining import face_motion_weights
from realtime.errors import ConfigurationError

_KERNEL_ROWS = 5000  # solving costs their cube: 3 s and 400 MB at this many


KernelInput = Literal["motion", "map"]


class FaceOptions(BaseModel):
    """The experts for faces and how they are trained; everything is fixed beforehand, nothing is stopped early."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    networks: int = Field(default=2, ge=0, le=64, description="networks that start from simulated motion")
    fresh_networks: int = Field(default=1, ge=0, le=64, description="networks that start from nothing")
    kernels: tuple[KernelInput, ...] = Field(
        default=("motion",), description="kernel machines: on features learnt from simulated motion, on the map"
    )
    epochs: int = Field(default=20, ge=1)
    fresh_epochs: int = Field(default=40, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0, description="its peak; twice that from nothing")
    weight_decay: float = Field(default=0.02, ge=0)
    dropout: float = Field(default=0.5, ge=0, lt=1)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    balance: float = Field(default=0.75, ge=0, le=1, description="classes weigh frequency to the minus this")
    kernel_views: int = Field(default=8, ge=0, le=64, description="changed copies of each map for the kernel machine")
    kernel_components: int = Field(default=100, ge=1, description="principal components that it reads, at most")
    augmentation: MapAugmentation = MapAugmentation()


@dataclass(frozen=True, slots=True)
class MapKernel:
    """A kernel machine on principal components of what it reads of a map."""

    reads: KernelInput
    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    machine: KernelMachine

    def log_probabilities(self, maps: Tensor) -> NDArray[np.float64]:
        """(n, 3, 28, 28) -> (n, n_classes)."""
        return self.machine.log_probabilities((_read(maps, self.reads) - self.mean) @ self.components)


@dataclass(frozen=True, slots=True)
class FaceExperts:
    """Kinds of experts, each asked about a map and its mirror image; a kind has one say, whatever its number.

    Parameters
    ----------
    tuned, fresh : tuple of CompactFaceNet
        Networks that started from simulated motion, and from nothing.
    kernels : tuple of MapKernel
    """

    tuned: tuple[CompactFaceNet, ...]
    fresh: tuple[CompactFaceNet, ...]
    kernels: tuple[MapKernel, ...]

    def log_probabilities(self, maps: Tensor) -> NDArray[np.float64]:
        """(n, 3, 28, 28) standardised maps -> (n, n_classes), not calibrated yet."""
        views = (maps, mirrored(maps))
        with torch.inference_mode():
            kinds = [
                np.mean([log_softmax(net(view).double().numpy()) for net in kind for view in views], axis=0)
                for kind in (self.tuned, self.fresh)
                if kind
            ]
            kinds += [np.mean([kernel.log_probabilities(view) for view in views], axis=0) for kernel in self.kernels]
        return log_softmax(np.mean(kinds, axis=0))


def fit_face_experts(
    maps: Tensor,
    label: NDArray[np.integer],
    n_classes: int,
    options: FaceOptions,
    seed: int,
    done: Callable[[str], None] = lambda name: None,
) -> FaceExperts:
    """Train every expert on all of these maps.

    Parameters
    ----------
    maps : (n, 3, 28, 28) float32
        Standardised.
    label : (n,) int
    n_classes : int
    options : FaceOptions
    seed : int
    done : callable
        Told the name of each expert when it is ready.

    Raises
    ------
    ConfigurationError
        The options leave no expert.
    CheckpointError
        The weights learnt on simulated motion are not there.
    """
    if not options.kernels and not options.networks and not options.fresh_networks:
        raise ConfigurationError("face experts: no network and no kernel machine; set networks to 1 or more")
    weight = class_weights(label, n_classes, options.balance)
    kernels, networks = [], []
    for reads in options.kernels:
        kernels.append(_fit_kernel(maps, label, n_classes, options, reads, seed))
        done(f"face kernel machine on the {reads}")
    for member in range(options.networks + options.fresh_networks):
        fresh = member >= options.networks
        networks.append(_train(maps, label, weight, options, seed + 7919 * member, fresh=fresh))
        done(f"face network {member + 1}")
    tuned, fresh = networks[: options.networks], networks[options.networks :]
    return FaceExperts(tuple(tuned), tuple(fresh), tuple(kernels))


def class_weights(label: NDArray[np.integer], n_classes: int, balance: float) -> NDArray[np.float32]:
    """(n_classes,): frequency to the power of minus `balance`, with a mean of 1 over the samples; 0 where none is."""
    count = np.bincount(label, minlength=n_classes).astype(np.float64)
    raw = np.where(count > 0, np.maximum(count, 1.0) ** -balance, 0.0)
    return (raw * len(label) / max(float((raw * count).sum()), 1e-12)).astype(np.float32)


def _train(
    maps: Tensor,
    label: NDArray[np.integer],
    weight: NDArray[np.float32],
    options: FaceOptions,
    seed: int,
    *,
    fresh: bool,
) -> CompactFaceNet:
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = CompactFaceNet(len(weight), options.dropout)
    epochs, peak = options.fresh_epochs, 2.0 * options.learning_rate
    if not fresh:
        network.features.load_state_dict(face_motion_weights())
        epochs, peak = options.epochs, options.learning_rate
    target, of_class = torch.from_numpy(label.astype(np.int64)), torch.from_numpy(weight)
    batches = _batches(len(maps), options.batch_size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=peak, weight_decay=options.weight_decay, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, peak, total_steps=epochs * len(batches) + 1, pct_start=0.15
    )
    for _ in range(epochs):
        order = torch.randperm(len(maps), generator=generator)
        changed = vary_maps(maps, options.augmentation, generator)
        for part in batches:
            rows = order[part]
            logits = network(changed[rows])
            loss = F.cross_entropy(logits, target[rows], reduction="none", label_smoothing=options.label_smoothing)
            each = of_class[target[rows]]
            optimiser.zero_grad(set_to_none=True)
            ((loss * each).sum() / each.sum()).backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def _batches(n: int, size: int) -> Sequence[slice]:
    """Slices of nearly one length: batch norm cannot learn from a batch of one that a remainder would leave."""
    edges = np.linspace(0, n, max(1, round(n / size)) + 1).astype(int)
    return [slice(a, b) for a, b in pairwise(edges)]


def _fit_kernel(
    maps: Tensor, label: NDArray[np.integer], n_classes: int, options: FaceOptions, reads: KernelInput, seed: int
) -> MapKernel:
    generator = torch.Generator().manual_seed(seed)
    calm = options.augmentation.model_copy(update={"cutout": 0.0})
    changed = min(options.kernel_views, max(0, _KERNEL_ROWS // len(maps) - 2))
    views = [maps, mirrored(maps), *(vary_maps(maps, calm, generator) for _ in range(changed))]
    x = np.concatenate([_read(view, reads) for view in views])
    mean = x.mean(axis=0)
    # features of a network differ in scale for no reason; planes of a map were brought to one scale already
    scale = np.maximum(x.std(axis=0), 1e-6) if reads == "motion" else np.ones(x.shape[1])
    centred = (x - mean) / scale
    spread, direction = np.linalg.eigh(centred.T @ centred)
    kept = min(options.kernel_components, int((spread > 1e-9 * max(float(spread[-1]), 1e-300)).sum()))
    components = direction[:, ::-1][:, : max(kept, 1)]
    labels = np.tile(label, len(views))
    weight = class_weights(label, n_classes, 1.0)[labels]
    machine = fit_kernel_machine(centred @ components, labels, weight, n_classes)
    return MapKernel(reads, mean, components / scale[:, None], machine)


def _read(maps: Tensor, reads: KernelInput) -> NDArray[np.float64]:
    """(n, 3, 28, 28) -> (n, 576) features of the network that knows simulated motion, or (n, 588) reduced maps."""
    if reads == "motion":
        with torch.inference_mode():
            return _motion_network().pooled(maps).double().numpy()
    # neighbouring pixels averaged, which costs nothing at this smoothness
    return F.avg_pool2d(maps, 2).flatten(1).double().numpy()


@cache
def _motion_network() -> CompactFaceNet:
    with torch.random.fork_rng(devices=[]):
        network = CompactFaceNet(2, 0.0)
    network.features.load_state_dict(face_motion_weights())
    return network.eval()
