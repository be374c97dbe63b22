"""ONNX Runtime runs the network: no torch, a tenth of its size, half its time (docs/decisions/0010).

One thread that does not spin: with more, a busy machine stalls single inferences, and the sums come out the same.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.checkpoint_info import PARTS, CheckpointInfo, Description, Part, check_digest, exported_path
from realtime.errors import CheckpointError

if TYPE_CHECKING:
    import onnxruntime


_SIDE = ("tokens", "read", "masked", "rows")

INPUTS: dict[Part, tuple[str, ...]] = {
    "eeg": ("power", "mask", "window"),
    "face": ("flow", "apex"),
    "fusion": tuple(f"{side}_{name}" for side in ("eeg", "face") for name in _SIDE),
}
"""Of an exported network's parts; see `models.lean`."""

OUTPUTS: dict[Part, tuple[str, ...]] = {"eeg": ("logits", *_SIDE), "face": ("logits", *_SIDE), "fusion": ("logits",)}


class OnnxRuntime:
    """The exported parts of a network; see `models.recognizer.NetworkRuntime`.

    Parameters
    ----------
    path : Path
        The checkpoint's .safetensors file; the exported parts lie beside it.
    info : CheckpointInfo
        Of that checkpoint.

    Raises
    ------
    CheckpointError
        Nothing was exported, a file is absent or is not the one that `info` names, ONNX Runtime refuses it, or it was
        exported by a version of this software that arranged the parts otherwise.
    """

    def __init__(self, path: Path, info: CheckpointInfo) -> None:
        self._sessions = {part: open_session(path, part, info) for part in PARTS}
        for part in PARTS:
            takes = tuple(i.name for i in self._sessions[part].get_inputs())
            if takes != INPUTS[part]:
                raise CheckpointError(
                    f"'{exported_path(path, part)}' takes {', '.join(takes)}, wanted {', '.join(INPUTS[part])}: "
                    f"another version of emostream exported it; run 'emostream export {path.name}' again"
                )

    @property
    def name(self) -> str:
        """'onnxruntime 1.32.0'."""
        return runtime_name()

    def run(self, part: Part, *inputs: NDArray) -> tuple[NDArray, ...]:
        """Outputs of a part."""
        found = self._sessions[part].run(OUTPUTS[part], dict(zip(INPUTS[part], inputs, strict=True)))
        return tuple(np.asarray(array) for array in found)


def runtime_name() -> str:
    """'onnxruntime 1.32.0'."""
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}"


def require_torch(path: Path) -> None:
    """Say what to do about a checkpoint that nothing here can run.

    Raises
    ------
    CheckpointError
        torch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise CheckpointError(
            f"checkpoint '{path}' is not exported and torch is not installed here: run 'emostream export {path.name}' "
            "where it was trained and copy its .onnx files and .json, or install torch"
        )


def open_session(path: Path, part: Part, info: Description) -> onnxruntime.InferenceSession:
    """Open one exported part of the checkpoint `path` (.safetensors).

    Raises
    ------
    CheckpointError
        As `OnnxRuntime`.
    """
    import onnxruntime

    file = exported_path(path, part)
    wanted = info.export_sha256.get(part)
    if wanted is None:
        raise CheckpointError(f"checkpoint '{path}' names no export of its part '{part}': run 'emostream export'")
    try:
        content = file.read_bytes()
    except OSError as err:
        raise CheckpointError(
            f"checkpoint '{path}' lacks its exported '{file.name}' ({err.strerror}); keep its files together, "
            "or run 'emostream export' again"
        ) from err
    check_digest(file, f"export_sha256.{part}", content, wanted)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as err:  # its exceptions have no base of their own
        raise CheckpointError(f"ONNX Runtime refuses '{file}': {err}") from err
