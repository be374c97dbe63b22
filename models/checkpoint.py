"""Checkpoints: weights in safetensors, everything else in a JSON file beside it; never pickle."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from models.inference import VIEWS, View
from models.network import HiddenEmotionNet, NetworkConfig
from models.normaliser import Normaliser
from realtime.errors import CheckpointError
from realtime.interfaces import RecognizerSpec

_MEAN, _SD = "normaliser.mean", "normaliser.sd"
_MAX_BYTES = 1 << 30


class CheckpointInfo(BaseModel):
    """What a checkpoint says of itself, as in its JSON file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    model_id: str
    trained_on: str = Field(description="plain words, shown on screen")
    simulated: bool = Field(description="no real person was in the training set")
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    bands: tuple[tuple[str, float, float], ...]
    n_windows: int = Field(ge=1)
    window_s: float = Field(gt=0)
    hop_s: float = Field(gt=0)
    flow_scale_px: float = Field(gt=0)
    temperature: dict[View, float]
    min_windows: int = Field(default=3, ge=1, description="EEG windows below which EEG alone is not enough evidence")
    data_sha256: str
    weights_sha256: str
    network: NetworkConfig
    training: dict[str, Any] = Field(default_factory=dict, description="options and scores, for the reader")

    @property
    def spec(self) -> RecognizerSpec:
        """The part that the engine needs."""
        return RecognizerSpec(
            model_id=self.model_id,
            trained_on=self.trained_on,
            simulated=self.simulated,
            classes=self.classes,
            channels=self.channels,
            bands=self.bands,
            n_windows=self.n_windows,
            window_s=self.window_s,
            hop_s=self.hop_s,
        )


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
    training: dict[str, Any] | None = None,
) -> CheckpointInfo:
    """Write `path` (.safetensors) and the .json beside it; each appears complete or not at all.

    Parameters
    ----------
    path : Path
        Ends in .safetensors.
    name : str
        The model's id is this and the first eight digits of the weights' SHA-256.
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
    if path.suffix != ".safetensors":
        raise CheckpointError(f"a checkpoint is named *.safetensors, got '{path.name}'")
    tensors = {key: value.detach().contiguous() for key, value in network.state_dict().items()}
    tensors[_MEAN] = torch.from_numpy(normaliser.mean.copy())
    tensors[_SD] = torch.from_numpy(normaliser.sd.copy())
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
        data_sha256=data_sha256,
        weights_sha256=digest,
        network=network.config,
        training=training or {},
    )
    _check_counts(info, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, weights)
        _write(path.with_suffix(".json"), (info.model_dump_json(indent=1) + "\n").encode())
    except OSError as err:
        raise CheckpointError(f"cannot write checkpoint '{path}': {err}") from err
    return info


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
        Not there, not safetensors (a pickle under this name is told by its first bytes and never read), weights that
        are not those of the JSON file, or a field that does not fit; the message names it.
    """
    path = Path(path)
    _refuse_pickle(path)
    info = _read_info(path.with_suffix(".json"))
    if expected is not None:
        check_compatible(info.spec, expected)
    _check_counts(info, path)
    weights = path.read_bytes()
    digest = hashlib.sha256(weights).hexdigest()
    if digest != info.weights_sha256:
        raise CheckpointError(
            f"checkpoint '{path}': weights_sha256 is {digest[:12]}, its JSON says {info.weights_sha256[:12]}; "
            "the two files are not of one training"
        )
    try:
        tensors = load_tensors(weights)
    except SafetensorError as err:
        raise CheckpointError(f"checkpoint '{path}' is not safetensors: {err}") from err
    network = HiddenEmotionNet(info.network)
    wanted: dict[str, Tensor] = dict(network.state_dict())
    shape = (len(info.channels), len(info.bands))
    wanted |= {_MEAN: torch.empty(shape), _SD: torch.empty(shape)}
    _check_tensors(path, tensors, wanted)
    mean, sd = tensors.pop(_MEAN).numpy(), tensors.pop(_SD).numpy()
    network.load_state_dict(tensors)
    return Checkpoint(network.eval(), Normaliser(mean, sd, info.flow_scale_px), info)


def check_compatible(got: RecognizerSpec, wanted: RecognizerSpec) -> None:
    """Compare what a network was trained for with what is asked of it.

    Raises
    ------
    CheckpointError
        Names the first field that differs: classes, channels, bands, n_windows, window_s, hop_s.
    """
    for field in ("classes", "channels", "bands", "n_windows", "window_s", "hop_s"):
        ours, theirs = getattr(got, field), getattr(wanted, field)
        if ours != theirs:
            raise CheckpointError(
                f"checkpoint {got.model_id}: '{field}' is {ours}, wanted {theirs}; choose or train another checkpoint"
            )


def _refuse_pickle(path: Path) -> None:
    if path.suffix != ".safetensors":
        raise CheckpointError(f"'{path.name}' is not a checkpoint: wanted a *.safetensors file; others are not read")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as err:
        raise CheckpointError(
            f"no checkpoint '{path}' ({err.strerror}); make one with 'emostream train --simulated'"
        ) from err
    header = int.from_bytes(start[:8], "little")
    if len(start) < 9 or start[8:9] != b"{" or header > size - 8 or size > _MAX_BYTES:
        kind = (
            "a pickle" if start[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") else "something else"
        )
        raise CheckpointError(f"'{path.name}' holds {kind}, not safetensors; it was not read")


def _read_info(path: Path) -> CheckpointInfo:
    try:
        return CheckpointInfo.model_validate_json(path.read_bytes())
    except OSError as err:
        raise CheckpointError(
            f"checkpoint lacks its '{path.name}' ({err.strerror}); keep the two files together"
        ) from err
    except ValidationError as err:
        first = err.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CheckpointError(f"checkpoint '{path}': {field}: {first['msg']}") from err


def _check_counts(info: CheckpointInfo, path: Path) -> None:
    counts = {
        "classes": (len(info.classes), info.network.n_classes),
        "channels": (len(info.channels), info.network.n_channels),
        "bands": (len(info.bands), info.network.n_bands),
        "n_windows": (info.n_windows, info.network.n_windows),
    }
    for field, (named, built) in counts.items():
        if named != built:
            raise CheckpointError(f"checkpoint '{path}': '{field}' counts {named}, its network {built}")
    for view in VIEWS:
        if not info.temperature.get(view, 0.0) > 0.0:
            raise CheckpointError(f"checkpoint '{path}': 'temperature' must be positive for '{view}'")


def _check_tensors(path: Path, got: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    for name in sorted(wanted.keys() | got.keys()):
        if name not in got:
            raise CheckpointError(f"checkpoint '{path}' lacks the tensor '{name}'")
        if name not in wanted:
            raise CheckpointError(f"checkpoint '{path}' has a tensor '{name}' that its network does not know")
        if got[name].shape != wanted[name].shape:
            shapes = f"{tuple(got[name].shape)}, wanted {tuple(wanted[name].shape)}"
            raise CheckpointError(f"checkpoint '{path}': tensor '{name}' has shape {shapes}")
        if not np.isfinite(got[name].numpy()).all():
            raise CheckpointError(f"checkpoint '{path}': tensor '{name}' is not finite")


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
