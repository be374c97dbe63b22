"""A trained network -> ONNX, a file a part, so that it runs where torch is not installed.

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
from models.checkpoint_info import CheckpointInfo, Part, exported_path, write_whole
from models.network import HiddenEmotionNet
from realtime.errors import CheckpointError

OPSET = 18


@dataclass(frozen=True, slots=True)
class _Plan:
    """What `torch.onnx.export` is to be told of a part."""

    module: nn.Module
    inputs: dict[str, Tensor]
    outputs: tuple[str, ...]
    dynamic: dict[str, dict[int, Any]] | None = None


def export_checkpoint(path: Path) -> CheckpointInfo:
    """Write the network's parts beside the checkpoint `path` and their SHA-256 into its JSON file.

    The same weights and versions of torch and onnxscript give the same bytes.

    Parameters
    ----------
    path : Path
        The .safetensors file.

    Returns
    -------
    CheckpointInfo
        As written.

    Raises
    ------
    CheckpointError
        The checkpoint cannot be read, or the files cannot be written.
    """
    path = Path(path)
    checkpoint = load_checkpoint(path)
    digests: dict[Part, str] = {}
    contents: dict[Path, bytes] = {}
    for part, plan in _plans(checkpoint.network).items():
        content = _to_onnx(plan, checkpoint.info)
        contents[exported_path(path, part)] = content
        digests[part] = hashlib.sha256(content).hexdigest()
    info = checkpoint.info.model_copy(update={"export_sha256": digests})
    contents[path.with_suffix(".json")] = (info.model_dump_json(indent=1) + "\n").encode()
    try:
        for file, content in contents.items():
            write_whole(file, content)
    except OSError as err:
        raise CheckpointError(f"cannot write the export of '{path}': {err}") from err
    return info


def _plans(network: HiddenEmotionNet) -> dict[Part, _Plan]:
    """Encoders take one sample, as asked live; the fusion any number of views and tokens."""
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
    return {
        "eeg": _Plan(network.eeg, one_eeg, ("tokens", "valid")),
        "face": _Plan(network.face, one_face, ("tokens", "valid")),
        "fusion": _Plan(network.fusion, tokens, ("logits",), dynamic),
    }


def _to_onnx(plan: _Plan, info: CheckpointInfo) -> bytes:
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
