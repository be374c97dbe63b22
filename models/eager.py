"""torch runs the network: where it is trained, and where nothing is exported."""

from __future__ import annotations

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.checkpoint_info import Part
from models.network import HiddenEmotionNet


class _Asked(nn.Module):
    """The network, asked for what one modality alone says, or both."""

    def __init__(self, network: HiddenEmotionNet) -> None:
        super().__init__()
        self.network = network
        # of a missing modality one token is enough: all of them are replaced by the same
        self.register_buffer("absent", torch.zeros(1, 1, network.config.token_width), persistent=False)
        self.register_buffer("yes", torch.ones(1, dtype=torch.bool), persistent=False)
        self.register_buffer("one", torch.ones(1, 1, dtype=torch.bool), persistent=False)

    absent: Tensor
    yes: Tensor
    one: Tensor


class EagerEeg(_Asked):
    """The EEG part as `models.recognizer.NetworkRuntime` describes it; hands over tokens and which are valid."""

    def forward(self, power: Tensor, mask: Tensor, window: Tensor) -> tuple[Tensor, ...]:
        """Logits (1, n_classes), tokens and which are valid."""
        c = self.network.config
        log_power = power[1:].view(1, c.n_windows, c.n_channels, c.n_bands)
        tokens, valid = self.network.eeg(log_power, mask[None, 1:] > 0, window[None, 1:] > 0)
        return self.network.fusion(tokens, valid, self.absent, self.one, self.yes, ~self.yes), tokens, valid


class EagerFace(_Asked):
    """The face part as `models.recognizer.NetworkRuntime` describes it; hands over tokens and which are valid."""

    def forward(self, flow: Tensor, apex: Tensor) -> tuple[Tensor, ...]:
        """Logits (1, n_classes), tokens and which are valid."""
        tokens, valid = self.network.face(flow, apex)
        return self.network.fusion(self.absent, self.one, tokens, valid, ~self.yes, self.yes), tokens, valid


class EagerFusion(_Asked):
    """Both modalities, from what the other two parts handed over."""

    def forward(self, eeg: Tensor, eeg_valid: Tensor, face: Tensor, face_valid: Tensor) -> tuple[Tensor]:
        """Logits (1, n_classes)."""
        return (self.network.fusion(eeg, eeg_valid, face, face_valid, self.yes, self.yes),)


def eager_parts(network: HiddenEmotionNet) -> dict[Part, nn.Module]:
    """What defines the answers: the network as it was trained, behind `models.recognizer.NetworkRuntime`'s seam."""
    network.eval()
    return {"eeg": EagerEeg(network), "face": EagerFace(network), "fusion": EagerFusion(network)}


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
        self._parts = eager_parts(network)

    @property
    def name(self) -> str:
        """'torch 2.13.0'."""
        return f"torch {torch.__version__}"

    def run(self, part: Part, *inputs: NDArray) -> tuple[NDArray, ...]:
        """Outputs of a part."""
        with torch.inference_mode():
            found = self._parts[part](*(torch.from_numpy(array) for array in inputs))
        return tuple(tensor.numpy() for tensor in found)
