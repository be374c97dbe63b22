"""Ensembles as checkpoints: every array in safetensors, everything else in a JSON file; never pickle. No torch here.

What torch-free machines need of the face networks is exported (`models.small.exported`); their weights lie in the
checkpoint all the same, the one source of truth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors.numpy import save as save_arrays

from models.checkpoint_info import (
    MEAN,
    SD,
    Description,
    check_seal,
    check_temperature,
    check_tensors,
    read_description,
    read_weights,
    require_suffix,
    write_checkpoint,
)
from models.normaliser import Normaliser
from models.small.eeg_experts import EegExperts, contrasts
from models.small.experts import AskedEnsemble, Experts
from models.small.face_answers import N_FEATURES, FaceExperts, FaceNetworks, MapKernel
from models.small.kernel_machine import KernelMachine
from models.small.options import EegOptions, KernelInput
from realtime.errors import CheckpointError
from realtime.interfaces import RecognizerSpec

NETWORKS = "face.network"
"""Begins the names of the face networks' tensors: 'face.network.0.classify.bias', 'face.network.motion.0.weight'."""

_MAX_ROWS = 1_000_000
_STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class KernelShape(BaseModel):
    """A kernel machine's numbers that are no arrays."""

    model_config = _STRICT

    rows: int = Field(ge=1, le=_MAX_ROWS, description="training samples that it remembers")
    gamma: float = Field(gt=0)


class EegShape(BaseModel):
    """The experts for EEG."""

    model_config = _STRICT

    options: EegOptions
    kernel: KernelShape | None = None


class MapKernelShape(KernelShape):
    """A kernel machine for faces."""

    reads: KernelInput
    components: int = Field(ge=1, le=max(N_FEATURES.values()))


class FaceShape(BaseModel):
    """The experts for faces."""

    model_config = _STRICT

    stored_px: int = Field(ge=2, le=4096, description="size of the training samples' flow, before it became maps")
    tuned: int = Field(ge=0, le=64, description="networks that started from simulated motion")
    fresh: int = Field(ge=0, le=64, description="networks that started from nothing")
    kernels: tuple[MapKernelShape, ...] = Field(max_length=8)

    @property
    def reads_motion(self) -> bool:
        """A kernel machine reads features of the network that knows simulated motion."""
        return any(kernel.reads == "motion" for kernel in self.kernels)

    @property
    def has_networks(self) -> bool:
        """Something has to run networks."""
        return self.tuned + self.fresh > 0 or self.reads_motion


class EnsembleInfo(Description):
    """What an ensemble's checkpoint says of itself, as in its JSON file."""

    kind: Literal["ensemble"] = "ensemble"
    eeg: EegShape | None = None
    face: FaceShape | None = None


@dataclass(frozen=True, slots=True)
class StoredEnsemble:
    """An ensemble's files, read and found to belong together.

    Parameters
    ----------
    info : EnsembleInfo
    normaliser : Normaliser
    eeg : EegExperts or None
    kernels : tuple of MapKernel
        Of the face experts.
    networks : dict of name -> array
        Weights of the face experts' networks, by the names that `NETWORKS` begins; not looked into yet.
    """

    info: EnsembleInfo
    normaliser: Normaliser
    eeg: EegExperts | None
    kernels: tuple[MapKernel, ...]
    networks: dict[str, NDArray[np.floating]]

    def asked(self, networks: FaceNetworks | None) -> AskedEnsemble:
        """The ensemble, its face networks run by `networks`."""
        info, face = self.info, self.info.face
        face_experts = None if face is None else FaceExperts(networks, face.tuned, face.fresh, self.kernels)
        return AskedEnsemble(Experts(self.eeg, face_experts), dict(info.temperature), info.classes, info.channels)


def save_ensemble(
    path: Path,
    ensemble: AskedEnsemble,
    normaliser: Normaliser,
    networks: Mapping[str, NDArray[np.floating]],
    *,
    name: str,
    trained_on: str,
    simulated: bool,
    bands: tuple[tuple[str, float, float], ...],
    n_windows: int,
    stored_px: int,
    data_sha256: str,
    window_s: float = 1.0,
    hop_s: float = 1.0,
    min_windows: int = 3,
    training: dict[str, Any] | None = None,
) -> EnsembleInfo:
    """Write `path` (.safetensors) and the .json beside it; each appears complete or not at all.

    What was exported of an earlier checkpoint of this name no longer counts: export it again.

    Parameters
    ----------
    path : Path
        Ends in .safetensors.
    ensemble : AskedEnsemble
    normaliser : Normaliser
        The EEG experts' own, or one of nobody where there are none.
    networks : mapping
        Of `models.small.face_experts.network_arrays`.
    name : str
        The model's id is this and the first eight digits of the weights' SHA-256.
    stored_px : int
        Size of the training samples' flow.
    training : dict, optional
        Anything JSON holds, for the reader.

    Returns
    -------
    EnsembleInfo
        As written.

    Raises
    ------
    CheckpointError
        Another suffix, or the file cannot be written.
    """
    require_suffix(path)
    arrays = {MEAN: normaliser.mean, SD: normaliser.sd, **_arrays(ensemble), **networks}
    weights = save_arrays({key: np.ascontiguousarray(value) for key, value in arrays.items()})
    digest = hashlib.sha256(weights).hexdigest()
    info = EnsembleInfo(
        model_id=f"{name}-{digest[:8]}",
        trained_on=trained_on,
        simulated=simulated,
        classes=ensemble.classes,
        channels=ensemble.channels,
        bands=bands,
        n_windows=n_windows,
        window_s=window_s,
        hop_s=hop_s,
        flow_scale_px=normaliser.flow_scale_px,
        temperature=ensemble.temperature,
        min_windows=min_windows,
        modality=ensemble.modality,
        data_sha256=data_sha256,
        weights_sha256=digest,
        training=training or {},
        eeg=_eeg_shape(ensemble),
        face=_face_shape(ensemble, stored_px),
    )
    check_temperature(info, path)
    return write_checkpoint(path, weights, info)


def read_ensemble(path: Path, expected: RecognizerSpec | None = None) -> StoredEnsemble:
    """Read `path` (.safetensors) and the .json beside it.

    Raises
    ------
    CheckpointError
        See `models.checkpoint_info.read_checkpoint`; or arrays that are not those the JSON file describes, named.
    """
    path = Path(path)
    info = read_description(path, EnsembleInfo, expected)
    _check_members(info, path)
    normaliser, tensors = read_weights(path, info)
    networks = {name: tensors.pop(name) for name in list(tensors) if name.startswith(f"{NETWORKS}.")}
    check_tensors(path, tensors, _shapes(info))
    for name, array in {**tensors, **networks}.items():
        if array.dtype not in (np.float32, np.float64):
            raise CheckpointError(f"checkpoint '{path}': tensor '{name}' is {array.dtype}, wanted float32 or float64")
    check_seal(info, path)
    eeg = None if info.eeg is None else _eeg_experts(info.eeg, tensors, normaliser)
    kernels = () if info.face is None else tuple(_map_kernels(info.face, tensors))
    return StoredEnsemble(info, normaliser, eeg, kernels, networks)


def _arrays(ensemble: AskedEnsemble) -> dict[str, NDArray[np.floating]]:
    found: dict[str, NDArray[np.floating]] = {}
    if (eeg := ensemble.experts.eeg) is not None:
        found |= {"eeg.mean": eeg.mean, "eeg.whiten": eeg.whiten, "eeg.slope": eeg.slope, "eeg.offset": eeg.offset}
        if eeg.machine is not None:
            found |= {"eeg.kernel.support": eeg.machine.support, "eeg.kernel.weight": eeg.machine.weight}
    for i, kernel in enumerate(() if ensemble.experts.face is None else ensemble.experts.face.kernels):
        found |= {f"face.kernel.{i}.mean": kernel.mean, f"face.kernel.{i}.components": kernel.components}
        found |= {f"face.kernel.{i}.support": kernel.machine.support, f"face.kernel.{i}.weight": kernel.machine.weight}
    return found


def _shapes(info: EnsembleInfo) -> dict[str, tuple[int, ...]]:
    """What `_arrays` must have, as the JSON file describes it."""
    found: dict[str, tuple[int, ...]] = {}
    n_classes = len(info.classes)
    if info.eeg is not None:
        parts = 2 + len(contrasts(info.n_windows, info.eeg.options))
        n = parts * len(info.channels) * len(info.bands)
        found |= {"eeg.mean": (n,), "eeg.whiten": (n, n), "eeg.slope": (n, n_classes), "eeg.offset": (n_classes,)}
        if info.eeg.kernel is not None:
            rows = info.eeg.kernel.rows
            found |= {"eeg.kernel.support": (rows, n), "eeg.kernel.weight": (rows, n_classes)}
    for i, kernel in enumerate(() if info.face is None else info.face.kernels):
        n, kept = N_FEATURES[kernel.reads], kernel.components
        found |= {f"face.kernel.{i}.mean": (n,), f"face.kernel.{i}.components": (n, kept)}
        found |= {f"face.kernel.{i}.support": (kernel.rows, kept), f"face.kernel.{i}.weight": (kernel.rows, n_classes)}
    return found


def _check_members(info: EnsembleInfo, path: Path) -> None:
    """Refuse descriptions that contradict themselves."""
    there = {"eeg": info.eeg is not None, "face": info.face is not None}
    wanted = {"eeg": info.modality != "face", "face": info.modality != "eeg"}
    for name in ("eeg", "face"):
        if there[name] != wanted[name]:
            raise CheckpointError(f"checkpoint '{path}': 'modality' is '{info.modality}', '{name}' says otherwise")
    if info.face is not None and not info.face.has_networks and not info.face.kernels:
        raise CheckpointError(f"checkpoint '{path}': 'face' names no network and no kernel machine")
    if info.eeg is not None and info.eeg.options.kernel != (info.eeg.kernel is not None):
        raise CheckpointError(f"checkpoint '{path}': 'eeg.kernel' and 'eeg.options.kernel' contradict each other")
    if len(info.classes) < 2:
        raise CheckpointError(f"checkpoint '{path}': 'classes' counts {len(info.classes)}, wanted 2 or more")


def _eeg_shape(ensemble: AskedEnsemble) -> EegShape | None:
    eeg = ensemble.experts.eeg
    if eeg is None:
        return None
    return EegShape(options=eeg.options, kernel=None if eeg.machine is None else KernelShape(**_numbers(eeg.machine)))


def _face_shape(ensemble: AskedEnsemble, stored_px: int) -> FaceShape | None:
    face = ensemble.experts.face
    if face is None:
        return None
    kernels = tuple(
        MapKernelShape(reads=kernel.reads, components=kernel.components.shape[1], **_numbers(kernel.machine))
        for kernel in face.kernels
    )
    return FaceShape(stored_px=stored_px, tuned=face.tuned, fresh=face.fresh, kernels=kernels)


def _numbers(machine: KernelMachine) -> dict[str, Any]:
    return {"rows": len(machine.support), "gamma": machine.gamma}


def _eeg_experts(shape: EegShape, tensors: Mapping[str, NDArray], normaliser: Normaliser) -> EegExperts:
    machine = None
    if shape.kernel is not None:
        machine = KernelMachine(tensors["eeg.kernel.support"], tensors["eeg.kernel.weight"], shape.kernel.gamma)
    mean, whiten, slope, offset = (tensors[f"eeg.{name}"] for name in ("mean", "whiten", "slope", "offset"))
    return EegExperts(shape.options, normaliser, mean, whiten, slope, offset, machine)


def _map_kernels(shape: FaceShape, tensors: Mapping[str, NDArray]) -> Iterator[MapKernel]:
    for i, kernel in enumerate(shape.kernels):
        mean, components, support, weight = (
            tensors[f"face.kernel.{i}.{name}"] for name in ("mean", "components", "support", "weight")
        )
        yield MapKernel(kernel.reads, mean, components, KernelMachine(support, weight, kernel.gamma))
