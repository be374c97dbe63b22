"""Checkpoints as torch networks: weights in safetensors, everything else in a JSON file beside it; never pickle."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_tensors

from models.checkpoint_info import (
    MEAN,
    SD,
    CheckpointInfo,
    check_counts,
    check_temperature,
    check_tensors,
    read_checkpoint,
    require_suffix,
    write_checkpoint,
)
from models.checkpoint_info import check_compatible as check_compatible
from models.network import HiddenEmotionNet
from models.normaliser import Normaliser
from models.views import View
from realtime.interfaces import RecognizerSpec


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network in evaluation mode, its normaliser, and what it says of itself."""

    network: HiddenEmotionNet
    normaliser: Normaliser
    info: CheckpointInfo


def save_checkpoint(
    path: Path,
    network: HiddenEmotionNet,
    normaliser: Normaliser,
    *,
    name: str,
    trained_on: str,
    simulated: bool,
    classes: tuple[str, ...],
    channels: tuple[str, ...],
    bands: tuple[tuple[str, float, float], ...],
    temperature: dict[View, float],
    data_sha256: str,
    window_s: float = 1.0,
    hop_s: float = 1.0,
    min_windows: int = 3,
    modality: View = "both",
    training: dict[str, Any] | None = None,
) -> CheckpointInfo:
    """Write `path` (.safetensors) and the .json beside it; each appears complete or not at all.

    What `models.export` made of an earlier checkpoint of this name no longer counts: export it again.

    Parameters
    ----------
    path : Path
        Ends in .safetensors.
    name : str
        The model's id is this and the first eight digits of the weights' SHA-256.
    modality : 'both', 'eeg' or 'face'
        What it was trained on: a recogniser does not look at the other one.
    training : dict, optional
        Anything JSON holds, for the reader.

    Returns
    -------
    CheckpointInfo
        As written.

    Raises
    ------
    CheckpointError
        Another suffix, metadata that do not fit the network, or the file cannot be written.
    """
    require_suffix(path)
    tensors = {key: value.detach().contiguous() for key, value in network.state_dict().items()}
    tensors[MEAN] = torch.from_numpy(normaliser.mean.copy())
    tensors[SD] = torch.from_numpy(normaliser.sd.copy())
    weights = save_tensors(tensors)
    digest = hashlib.sha256(weights).hexdigest()
    info = CheckpointInfo(
        model_id=f"{name}-{digest[:8]}",
        trained_on=trained_on,
        simulated=simulated,
        classes=classes,
        channels=channels,
        bands=bands,
        n_windows=network.config.n_windows,
        window_s=window_s,
        hop_s=hop_s,
        flow_scale_px=normaliser.flow_scale_px,
        temperature=temperature,
        min_windows=min_windows,
        modality=modality,
        data_sha256=data_sha256,
        weights_sha256=digest,
        network=network.config,
        training=training or {},
    )
    check_counts(info, path)
    check_temperature(info, path)
    return write_checkpoint(path, weights, info)


def load_checkpoint(path: Path, expected: RecognizerSpec | None = None) -> Checkpoint:
    """Read a checkpoint.

    Parameters
    ----------
    path : Path
        The .safetensors file; its .json lies beside it.
    expected : RecognizerSpec, optional
        Classes, channels, bands and window layout that it must have been trained for.

    Raises
    ------
    CheckpointError
        See `models.checkpoint_info.read_checkpoint`; or a tensor that does not fit the network, named.
    """
    stored = read_checkpoint(path, expected)
    network = HiddenEmotionNet(stored.info.network)
    check_tensors(path, stored.tensors, {name: tuple(value.shape) for name, value in network.state_dict().items()})
    network.load_state_dict({name: torch.tensor(value) for name, value in stored.tensors.items()})
    return Checkpoint(network.eval(), stored.normaliser, stored.info)
