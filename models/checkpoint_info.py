"""What lies in a checkpoint's files, read and checked without torch: description, normaliser, weights as arrays.

A checkpoint `name` is `name.safetensors` (the weights: the one source of truth), `name.json` (everything else) and,
where `models.export` was run, `name.eeg.onnx`, `name.face.onnx` and `name.fusion.onnx`, whose SHA-256 the JSON holds.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays

from models.config import NetworkConfig
from models.normaliser import Normaliser
from models.views import VIEWS, View
from realtime.errors import CheckpointError
from realtime.interfaces import RecognizerSpec

Part = Literal["eeg", "face", "fusion"]
"""The network's parts, each exported to a file of its own: a movement is encoded once and fused many times."""

PARTS: tuple[Part, ...] = get_args(Part)

MEAN, SD = "normaliser.mean", "normaliser.sd"
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
    modality: View = Field(default="both", description="what the network learnt; it is not asked about the other")
    data_sha256: str
    weights_sha256: str
    export_sha256: dict[Part, str] = Field(default_factory=dict, description="of the .onnx files; empty: not exported")
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
class Stored:
    """A checkpoint's files, read and found to belong together; `tensors` are the network's, by name."""

    info: CheckpointInfo
    normaliser: Normaliser
    tensors: dict[str, NDArray[np.floating]]


def read_checkpoint(path: Path, expected: RecognizerSpec | None = None) -> Stored:
    """Read `path` (.safetensors) and the .json beside it.

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
    check_counts(info, path)
    weights = path.read_bytes()
    check_digest(path, "weights_sha256", weights, info.weights_sha256)
    try:
        tensors = load_arrays(weights)
    except SafetensorError as err:
        raise CheckpointError(f"checkpoint '{path}' is not safetensors: {err}") from err
    shape = (len(info.channels), len(info.bands))
    check_tensors(
        path, {name: tensors[name] for name in (MEAN, SD) if name in tensors}, dict.fromkeys((MEAN, SD), shape)
    )
    return Stored(info, Normaliser(tensors.pop(MEAN), tensors.pop(SD), info.flow_scale_px), tensors)


def exported_path(path: Path, part: Part) -> Path:
    """Where a part of the checkpoint `path` (.safetensors) is exported to: 'net.safetensors' -> 'net.eeg.onnx'."""
    return path.with_suffix(f".{part}.onnx")


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


def check_counts(info: CheckpointInfo, path: Path) -> None:
    """Refuse names that the network does not have as many outputs or inputs for.

    Raises
    ------
    CheckpointError
        Names the field: classes, channels, bands, n_windows or temperature.
    """
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


def check_digest(path: Path, field: str, content: bytes, wanted: str) -> None:
    """Refuse a file that is not the one its JSON file was written with.

    Raises
    ------
    CheckpointError
        Names the field.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != wanted:
        raise CheckpointError(
            f"checkpoint '{path}': {field} is {digest[:12]}, its JSON says {wanted[:12]}; "
            "the two files are not of one training"
        )


def check_tensors(path: Path, got: Mapping[str, NDArray], wanted: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse tensors of other names or shapes, and any that are not finite.

    Raises
    ------
    CheckpointError
        Names the tensor.
    """
    for name in sorted(wanted.keys() | got.keys()):
        if name not in got:
            raise CheckpointError(f"checkpoint '{path}' lacks the tensor '{name}'")
        if name not in wanted:
            raise CheckpointError(f"checkpoint '{path}' has a tensor '{name}' that its network does not know")
        if got[name].shape != wanted[name]:
            shapes = f"{got[name].shape}, wanted {wanted[name]}"
            raise CheckpointError(f"checkpoint '{path}': tensor '{name}' has shape {shapes}")
        if not np.isfinite(got[name]).all():
            raise CheckpointError(f"checkpoint '{path}': tensor '{name}' is not finite")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that appears complete or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


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
