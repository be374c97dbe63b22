"""A checkpoint's networks -> ONNX, a file a part, so that it runs where torch is not installed.

Needs torch, `onnx` and `onnxscript` (the `train` extra); what comes out needs ONNX Runtime only.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from models.checkpoint import load_checkpoint
from models.checkpoint_info import CheckpointInfo, Description, Part, exported_path, read_kind, write_whole
from models.small.exported import VIEWS_ASKED
from models.small.face_experts import TorchNetworks, load_networks
from models.small.maps import MAP_PX
from models.small.stored import EnsembleInfo, read_ensemble
from realtime.errors import CheckpointError

OPSET = 18


@dataclass(frozen=True, slots=True)
class _Plan:
    """What `torch.onnx.export` is to be told of a part."""

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, Any]] | None = None


class _FaceNetworks(nn.Module):
    """All face networks of an ensemble in one graph: what `models.small.exported.OnnxNetworks` reads."""

    def __init__(self, networks: TorchNetworks) -> None:
        super().__init__()
        self.members = nn.ModuleList(networks.members)
        self.motion = networks.motion

    @property
    def outputs(self) -> tuple[str, ...]:
        return ("logits",) * bool(len(self.members)) + ("motion",) * (self.motion is not None)

    def forward(self, maps: Tensor) -> tuple[Tensor, ...]:
        found: tuple[Tensor, ...] = ()
        if len(self.members):
            found += (torch.stack([network(maps) for network in self.members]),)
        return found if self.motion is None else (*found, self.motion.pooled(maps))


def export_checkpoint(path: Path) -> Description:
    """Write the networks' parts beside the checkpoint `path` and their SHA-256 into its JSON file.

    An ensemble without face networks has none: it runs in NumPy as it is, and nothing is written.

    The same weights and versions of torch and onnxscript give the same bytes.

    Parameters
    ----------
    path : Path
        The .safetensors file.

    Returns
    -------
    Description
        As written: of a network or of an ensemble.

    Raises
    ------
    CheckpointError
        The checkpoint cannot be read, or the files cannot be written.
    """
    path = Path(path)
    old, plans = _ensemble_plans(path) if read_kind(path) == "ensemble" else _network_plans(path)
    if not plans:
        return old
    digests: dict[Part, str] = {}
    contents: dict[Path, bytes] = {}
    for part, plan in plans.items():
        content = _to_onnx(plan, old)
        contents[exported_path(path, part)] = content
        digests[part] = hashlib.sha256(content).hexdigest()
    info = old.model_copy(update={"export_sha256": digests})
    contents[path.with_suffix(".json")] = (info.model_dump_json(indent=1) + "\n").encode()
    try:
        for file, content in contents.items():
            write_whole(file, content)
    except OSError as err:
        raise CheckpointError(f"cannot write the export of '{path}': {err}") from err
    return info


def _ensemble_plans(path: Path) -> tuple[EnsembleInfo, dict[Part, _Plan]]:
    """One graph of all face networks; it takes a map and its mirror image, as asked live."""
    stored = read_ensemble(path)
    networks = load_networks(path, stored)
    if networks is None:
        return stored.info, {}
    module = _FaceNetworks(networks).eval()
    maps = {"maps": torch.zeros(VIEWS_ASKED, 3, MAP_PX, MAP_PX)}
    return stored.info, {"face": _Plan(module, maps, module.outputs)}


def _network_plans(path: Path) -> tuple[CheckpointInfo, dict[Part, _Plan]]:
    """Encoders take one sample, as asked live; the fusion any number of views and tokens."""
    checkpoint = load_checkpoint(path)
    network = checkpoint.network
    c = network.config
    one_eeg = {
        "log_power": torch.zeros(1, c.n_windows, c.n_channels, c.n_bands),
        "channel_mask": torch.ones(1, c.n_windows, c.n_channels, dtype=torch.bool),
        "window_mask": torch.ones(1, c.n_windows, dtype=torch.bool),
    }
    one_face = {"flow": torch.zeros(1, 2, c.face_px, c.face_px), "apex": torch.zeros(1, 1, c.face_px, c.face_px)}
    # sizes of 2 and more, and all different: the exporter takes equal ones, and a one, for constants
    rows, n_eeg, n_face = Dim("rows", min=1), Dim("n_eeg", min=1), Dim("n_face", min=1)
    tokens = {
        "eeg": torch.zeros(3, 5, c.token_width),
        "eeg_valid": torch.ones(3, 5, dtype=torch.bool),
        "face": torch.zeros(3, 4, c.token_width),
        "face_valid": torch.ones(3, 4, dtype=torch.bool),
        "has_eeg": torch.ones(3, dtype=torch.bool),
        "has_face": torch.ones(3, dtype=torch.bool),
    }
    dynamic: dict[str, dict[int, Any]] = {name: {0: rows} for name in tokens}
    for name, size in (("eeg", n_eeg), ("face", n_face)):
        dynamic[name][1] = dynamic[f"{name}_valid"][1] = size
    return checkpoint.info, {
        "eeg": _Plan(network.eeg, one_eeg, ("tokens", "valid")),
        "face": _Plan(network.face, one_face, ("tokens", "valid")),
        "fusion": _Plan(network.fusion, tokens, ("logits",), dynamic),
    }


def _to_onnx(plan: _Plan, info: Description) -> bytes:
    with _quiet_exporter(), torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        program: Any = torch.onnx.export(
            plan.module,
            kwargs=plan.inputs,
            input_names=list(plan.inputs),
            output_names=list(plan.outputs),
            dynamic_shapes=plan.dynamic,
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
        graph = program.model.graph
        # the exporter notes lines of source, with this machine's paths, at each node
        for noted in (*graph.all_nodes(), *graph.inputs, *graph.outputs, *graph.initializers.values()):
            noted.metadata_props.clear()
            noted.doc_string = None
        program.model.metadata_props.clear()
        program.model.metadata_props.update(model_id=info.model_id, weights_sha256=info.weights_sha256)
        file = Path(folder) / "part.onnx"
        program.save(file, external_data=False)
        return file.read_bytes()


@contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Nothing on the terminal: the exporter warns of its own deprecated parts and of torchvision, which is not used."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnx_ir", "onnxscript")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
