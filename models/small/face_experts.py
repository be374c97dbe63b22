"""Experts for small sets of faces: kernel machines and small networks on 28 px flow maps, averaged.

Some start from what `models.small.pretraining` learnt on simulated motion, some from nothing, so that neither a
simulation that is off nor a set that is too small decides alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from models.augmentation import mirrored
from models.checkpoint_info import check_tensors
from models.inference import one_thread
from models.small.experts import AskedEnsemble
from models.small.face_answers import FaceExperts, MapKernel
from models.small.face_network import CompactFaceNet
from models.small.flow_input import vary_maps
from models.small.kernel_machine import fit_kernel_machine
from models.small.maps import halved
from models.small.options import FaceOptions, KernelInput
from models.small.pretraining import face_motion_weights
from models.small.stored import NETWORKS, StoredEnsemble, read_ensemble
from realtime.errors import ConfigurationError
from realtime.interfaces import RecognizerSpec

_KERNEL_ROWS = 5000  # solving costs their cube: 3 s and 400 MB at this many


class TorchNetworks:
    """Small networks under torch; see `models.small.face_answers.FaceNetworks`.

    Parameters
    ----------
    members : sequence of CompactFaceNet
        In evaluation mode.
    motion : CompactFaceNet or None
        The one whose features kernel machines read; None where no machine reads any.
    n_classes : int
    """

    def __init__(self, members: Sequence[CompactFaceNet], motion: CompactFaceNet | None, n_classes: int) -> None:
        self.members = tuple(members)
        self.motion = motion
        self._n_classes = n_classes

    @property
    def name(self) -> str:
        """'torch 2.13.0'."""
        return f"torch {torch.__version__}"

    def read(self, maps: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Logits of every network, and features of the one that knows simulated motion."""
        with one_thread(), torch.inference_mode():
            views = torch.from_numpy(maps)
            logits = [network(views).numpy() for network in self.members]
            motion = np.zeros((len(maps), 0), np.float32) if self.motion is None else self.motion.pooled(views).numpy()
        return np.stack(logits) if logits else np.zeros((0, len(maps), self._n_classes), np.float32), motion


def network_arrays(experts: FaceExperts | None) -> dict[str, NDArray[np.float32]]:
    """Weights of the experts' networks, named as `models.small.stored` keeps them."""
    if experts is None or experts.networks is None:
        return {}
    networks = experts.networks
    if not isinstance(networks, TorchNetworks):
        raise ConfigurationError(f"only networks that torch runs can be saved, got those of {networks.name}")
    parts: dict[str, nn.Module] = {str(i): network for i, network in enumerate(networks.members)}
    if networks.motion is not None:
        parts["motion"] = networks.motion.features
    return {
        f"{NETWORKS}.{part}.{name}": value.detach().contiguous().numpy()
        for part, module in parts.items()
        for name, value in _weights(module).items()
    }


def load_networks(path: Path, stored: StoredEnsemble) -> TorchNetworks | None:
    """The face experts' networks of the checkpoint `path`; None where it has none.

    Raises
    ------
    CheckpointError
        Names a tensor that does not fit.
    """
    shape, n_classes = stored.info.face, len(stored.info.classes)
    if shape is None or not shape.has_networks:
        check_tensors(path, stored.networks, {})
        return None
    with torch.random.fork_rng(devices=[]):
        members = [CompactFaceNet(n_classes, 0.0).eval() for _ in range(shape.tuned + shape.fresh)]
        motion = CompactFaceNet(n_classes, 0.0).eval() if shape.reads_motion else None
    parts: dict[str, nn.Module] = {str(i): network for i, network in enumerate(members)}
    if motion is not None:
        parts["motion"] = motion.features
    wanted = {
        f"{NETWORKS}.{part}.{name}": tuple(value.shape)
        for part, module in parts.items()
        for name, value in _weights(module).items()
    }
    check_tensors(path, stored.networks, wanted)
    for part, module in parts.items():
        for name, value in _weights(module).items():
            value.copy_(torch.tensor(stored.networks[f"{NETWORKS}.{part}.{name}"]))
    return TorchNetworks(members, motion, n_classes)


def load_ensemble(path: Path, expected: RecognizerSpec | None = None) -> tuple[AskedEnsemble, StoredEnsemble]:
    """Read a checkpoint of an ensemble, its networks run by torch.

    Raises
    ------
    CheckpointError
        See `models.small.stored.read_ensemble`.
    """
    stored = read_ensemble(path, expected)
    return stored.asked(load_networks(path, stored)), stored


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
    kernels, members = [], []
    for reads in options.kernels:
        kernels.append(_fit_kernel(maps, label, n_classes, options, reads, seed))
        done(f"face kernel machine on the {reads}")
    for member in range(options.networks + options.fresh_networks):
        fresh = member >= options.networks
        members.append(_train(maps, label, weight, options, seed + 7919 * member, fresh=fresh))
        done(f"face network {member + 1}")
    motion = _motion_network() if "motion" in options.kernels else None
    networks = TorchNetworks(members, motion, n_classes) if members or motion is not None else None
    return FaceExperts(networks, options.networks, options.fresh_networks, tuple(kernels))


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


def _weights(module: nn.Module) -> dict[str, Tensor]:
    """What a network answers with; how many batches it has seen is no part of that."""
    with torch.no_grad():
        return {name: value for name, value in module.state_dict().items() if not name.endswith("num_batches_tracked")}


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
    return halved(maps.numpy())


@cache
def _motion_network() -> CompactFaceNet:
    with torch.random.fork_rng(devices=[]):
        network = CompactFaceNet(2, 0.0)
    network.features.load_state_dict(face_motion_weights())
    return network.eval()
