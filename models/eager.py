"""torch runs the network: where it is trained, and where nothing is exported."""

from __future__ import annotations

import torch
from numpy.typing import NDArray
from torch import nn

from models.checkpoint_info import Part
from models.network import HiddenEmotionNet


class EagerRuntime:
    """A network's parts under torch; see `models.recognizer.NetworkRuntime`.

    Sets torch to one intra-op thread for the whole process: with more, a busy machine stalls single inferences for
    hundreds of milliseconds.

    Parameters
    ----------
    network : HiddenEmotionNet
    """

    def __init__(self, network: HiddenEmotionNet) -> None:
        torch.set_num_threads(1)
        network.eval()
        self._parts: dict[Part, nn.Module] = {"eeg": network.eeg, "face": network.face, "fusion": network.fusion}

    @property
    def name(self) -> str:
        """'torch 2.13.0'."""
        return f"torch {torch.__version__}"

    def run(self, part: Part, *inputs: NDArray) -> tuple[NDArray, ...]:
        """Outputs of a part."""
        with torch.inference_mode():
            found = self._parts[part](*(torch.from_numpy(array) for array in inputs))
        return tuple(tensor.numpy() for tensor in (found if isinstance(found, tuple) else (found,)))
