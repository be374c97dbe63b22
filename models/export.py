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

from models.checkpoint import load_checkpoint
from models.checkpoint_info import CheckpointInfo, Description, Part, exported_path, read_kind, write_whole
from models.exported import INPUTS, OUTPUTS
from models.lean import LeanEeg, LeanFace, LeanFusion
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
    """All sizes are fixed: one question at a time, as asked live."""
    checkpoint = load_checkpoint(path)
    c = checkpoint.network.config
    windows = c.n_windows + 1
    eeg, face, fusion = LeanEeg(checkpoint.network), LeanFace(checkpoint.network), LeanFusion(checkpoint.network)
    one_eeg = (torch.zeros(windows, c.n_channels * c.n_bands), torch.ones(windows, c.n_channels), torch.ones(windows))
    one_face = (torch.zeros(1, 2, c.face_px, c.face_px), torch.zeros(1, 1, c.face_px, c.face_px))
    with torch.inference_mode():
        sides = (*eeg(*one_eeg)[1:], *face(*one_face)[1:])
    modules: dict[Part, tuple[nn.Module, tuple[Tensor, ...]]] = {
        "eeg": (eeg, one_eeg),
        "face": (face, one_face),
        "fusion": (fusion, tuple(side.clone() for side in sides)),
    }
    return checkpoint.info, {
        part: _Plan(module.eval(), dict(zip(INPUTS[part], inputs, strict=True)), OUTPUTS[part])
        for part, (module, inputs) in modules.items()
    }


def _to_onnx(plan: _Plan, info: Description) -> bytes:
    with _quiet_exporter(), torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        program: Any = torch.onnx.export(
            plan.module,
            tuple(plan.inputs.values()),
            input_names=list(plan.inputs),
            output_names=list(plan.outputs),
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
