"""What lies in a checkpoint's files, read and checked without torch: description, normaliser, weights as arrays.

A checkpoint `name` is `name.safetensors` (the weights: the one source of truth), `name.json` (everything else) and,
where `models.export` was run, `name.eeg.onnx`, `name.face.onnx` and `name.fusion.onnx`, whose SHA-256 the JSON holds.
Its kind is in the JSON: 'network', or the 'ensemble' of a small set (`models.small.stored`), exported as a face part.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

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

Kind = Literal["network", "ensemble"]
"""What was trained: the one network, or the experts of a small set."""

MEAN, SD = "normaliser.mean", "normaliser.sd"
_SEALED = (
    "trained_on", "simulated", "classes", "channels", "bands", "n_windows", "window_s", "hop_s", "flow_scale_px",
    "temperature", "min_windows", "modality", "data_sha256",
)  # fmt: skip
_MAX_BYTES = 1 << 30
_MAX_JSON_BYTES = 1 << 26
_MAX_NAMES = 4096
_MAX_WINDOWS = 100_000
_ONLY_KIND: dict[Kind, str] = {
    "network": "only a network has what is asked for here; train one with 'emostream train --recipe network'",
    "ensemble": "train one with 'emostream train --recipe ensemble'",
}
Described = TypeVar("Described", bound="Description")
Parsed = TypeVar("Parsed", bound=BaseModel)


class Description(BaseModel):
    """What a checkpoint of any kind says of itself."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Literal[1] = 1
    model_id: str
    trained_on: str = Field(description="plain words, shown on screen")
    simulated: bool = Field(description="no real person was in the training set")
    classes: tuple[str, ...] = Field(max_length=_MAX_NAMES)
    channels: tuple[str, ...] = Field(max_length=_MAX_NAMES)
    bands: tuple[tuple[str, float, float], ...] = Field(max_length=_MAX_NAMES)
    n_windows: int = Field(ge=1, le=_MAX_WINDOWS)
    window_s: float = Field(gt=0)
    hop_s: float = Field(gt=0)
    flow_scale_px: float = Field(gt=0)
    temperature: dict[View, float]
    min_windows: int = Field(default=3, ge=1, description="EEG windows below which EEG alone is not enough evidence")
    modality: View = Field(default="both", description="what was learnt; nothing is asked about the other")
    data_sha256: str
    weights_sha256: str
    export_sha256: dict[Part, str] = Field(default_factory=dict, description="of the .onnx files; empty: not exported")
    training: dict[str, Any] = Field(default_factory=dict, description="options and scores, for the reader")
    seal: dict[str, str] = Field(
        default_factory=dict,
        max_length=64,
        description="of each field that the weights rest on, a digest; empty in what older versions wrote",
    )

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


class CheckpointInfo(Description):
    """What a network's checkpoint says of itself, as in its JSON file."""

    kind: Literal["network"] = "network"
    network: NetworkConfig


class _KindOnly(BaseModel):
    model_config = ConfigDict(extra="ignore")

    kind: Kind = "network"


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
    info = read_description(Path(path), CheckpointInfo, expected)
    check_counts(info, path)
    normaliser, tensors = read_weights(path, info)
    check_seal(info, path)
    return Stored(info, normaliser, tensors)


def read_kind(path: Path) -> Kind:
    """Which kind of checkpoint `path` (.safetensors) is, from the .json beside it.

    Raises
    ------
    CheckpointError
        See `read_checkpoint`.
    """
    path = Path(path)
    _refuse_pickle(path)
    return _parse(path.with_suffix(".json"), _KindOnly).kind


def read_description(path: Path, model: type[Described], expected: RecognizerSpec | None = None) -> Described:
    """Read the JSON file of the checkpoint `path` (.safetensors).

    Parameters
    ----------
    path : Path
    model : type
        `CheckpointInfo`, or the description of another kind.
    expected : RecognizerSpec, optional
        See `check_compatible`.

    Raises
    ------
    CheckpointError
        See `read_checkpoint`; or a checkpoint of another kind.
    """
    kind, wanted = read_kind(path), get_args(model.model_fields["kind"].annotation)[0]
    if kind != wanted:
        raise CheckpointError(f"checkpoint '{path}': 'kind' is '{kind}', wanted '{wanted}': {_ONLY_KIND[wanted]}")
    info = _parse(path.with_suffix(".json"), model)
    if expected is not None:
        check_compatible(info.spec, expected)
    check_temperature(info, path)
    return info


def read_weights(path: Path, info: Description) -> tuple[Normaliser, dict[str, NDArray[np.floating]]]:
    """Read the .safetensors file that `info` describes: the normaliser, and every other tensor by name.

    Raises
    ------
    CheckpointError
        See `read_checkpoint`.
    """
    weights = path.read_bytes()
    check_digest(path, "weights_sha256", weights, info.weights_sha256)
    try:
        tensors = load_arrays(weights)
    except SafetensorError as err:
        raise CheckpointError(f"checkpoint '{path}' is not safetensors: {err}") from err
    except KeyError as err:  # a kind of number that NumPy does not know
        raise CheckpointError(f"checkpoint '{path}': tensors of type {err} are not read; wanted float32") from err
    shape = (len(info.channels), len(info.bands))
    check_tensors(
        path, {name: tensors[name] for name in (MEAN, SD) if name in tensors}, dict.fromkeys((MEAN, SD), shape)
    )
    if not (tensors[SD] > 0).all():
        raise CheckpointError(f"checkpoint '{path}': tensor '{SD}' must be positive")
    return Normaliser(tensors.pop(MEAN), tensors.pop(SD), info.flow_scale_px), tensors


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
        Names the field: classes, channels, bands or n_windows.
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


def check_temperature(info: Description, path: Path) -> None:
    """Refuse probabilities that nothing scales.

    Raises
    ------
    CheckpointError
        The temperature of a view is missing or not positive.
    """
    for view in VIEWS:
        if not info.temperature.get(view, 0.0) > 0.0:
            raise CheckpointError(f"checkpoint '{path}': 'temperature' must be positive for '{view}'")


def sealed(info: Described) -> Described:
    """The description with a digest of each field that the weights rest on, as it is now."""
    return info.model_copy(update={"seal": {field: _digest_of(info, field) for field in _SEALED}})


def check_seal(info: Description, path: Path) -> None:
    """Refuse a description that was changed after the training: other names would make other answers of the weights.

    Raises
    ------
    CheckpointError
        Names the first field that is not as it was written.
    """
    for field, digest in info.seal.items():
        if field not in _SEALED or _digest_of(info, field) != digest:
            raise CheckpointError(
                f"checkpoint '{path}': '{field}' was changed after the training; take both files from where they were"
            )


def _digest_of(info: Description, field: str) -> str:
    said = json.dumps(info.model_dump(mode="json", include={field}), sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def write_checkpoint(path: Path, weights: bytes, info: Described) -> Described:
    """Write the .safetensors file and the .json beside it, sealed; each appears complete or not at all.

    Returns
    -------
    Description
        As written.

    Raises
    ------
    CheckpointError
        They cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, weights)
        info = sealed(info)
        write_whole(path.with_suffix(".json"), (info.model_dump_json(indent=1) + "\n").encode())
    except OSError as err:
        raise CheckpointError(f"cannot write checkpoint '{path}': {err}") from err
    return info


def require_suffix(path: Path) -> None:
    """Refuse to write a checkpoint under a name that none is looked for under.

    Raises
    ------
    CheckpointError
        The suffix is another one.
    """
    if path.suffix != ".safetensors":
        raise CheckpointError(f"a checkpoint is named *.safetensors, got '{path.name}'")


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


def _parse(path: Path, model: type[Parsed]) -> Parsed:
    try:
        if (size := path.stat().st_size) > _MAX_JSON_BYTES:
            raise CheckpointError(f"checkpoint '{path}' has {size} bytes, wanted {_MAX_JSON_BYTES} at most")
        return model.model_validate_json(path.read_bytes())
    except OSError as err:
        raise CheckpointError(
            f"checkpoint lacks its '{path.name}' ({err.strerror}); keep the two files together"
        ) from err
    except ValidationError as err:
        first = err.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the file"
        raise CheckpointError(f"checkpoint '{path}': {field}: {first['msg']}") from err
