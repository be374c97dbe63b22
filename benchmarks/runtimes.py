"""Other ways to run the same network: peers of the recogniser's ONNX Runtime, behind the same seam."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.checkpoint import load_checkpoint
from models.checkpoint_info import PARTS, Part, exported_path, read_checkpoint
from models.eager import EagerRuntime, eager_parts
from models.recognizer import NetworkRecognizer, NetworkRuntime

EAGER = "torch eager"


class TracedRuntime:
    """torch.jit: every part traced once, frozen."""

    name = "torch.jit"

    def __init__(self, path: Path) -> None:
        torch.set_num_threads(1)
        self._parts = eager_parts(load_checkpoint(path).network)
        self._traced: dict[Part, Any] = {}

    def run(self, part: Part, *inputs: NDArray) -> tuple[NDArray, ...]:
        """Outputs of a part."""
        tensors = tuple(torch.from_numpy(array) for array in inputs)
        if part not in self._traced:
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                traced: Any = torch.jit.trace(self._parts[part], tensors, check_trace=False)
                self._traced[part] = torch.jit.freeze(traced.eval())
        with torch.inference_mode():
            found = self._traced[part](*tensors)
        return tuple(tensor.numpy() for tensor in found)


class OpenVinoRuntime:
    """The exported files, run by OpenVINO in float32 on one thread."""

    name = "OpenVINO"

    def __init__(self, path: Path) -> None:
        import openvino

        options = {
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        core = openvino.Core()
        self._requests = {
            part: core.compile_model(str(exported_path(path, part)), "CPU", options).create_infer_request()
            for part in PARTS
        }

    def run(self, part: Part, *inputs: NDArray) -> tuple[NDArray, ...]:
        """Outputs of a part."""
        found = self._requests[part].infer(list(inputs), share_inputs=True)
        return tuple(np.asarray(array) for array in found.values())


def peers(path: Path) -> dict[str, NetworkRecognizer]:
    """The same recogniser on torch eager, torch.jit and, where it is installed, OpenVINO."""
    stored = read_checkpoint(path)
    runtimes: dict[str, NetworkRuntime] = {
        EAGER: EagerRuntime(load_checkpoint(path).network),
        "torch.jit, frozen": TracedRuntime(path),
    }
    if importlib.util.find_spec("openvino") is not None:
        runtimes["OpenVINO"] = OpenVinoRuntime(path)
    return {name: NetworkRecognizer(runtime, stored.info, stored.normaliser) for name, runtime in runtimes.items()}
