"""The arrangement for one question at a time computes what the network as it was trained computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from models_helpers import SMALL
from torch import Tensor

from models.config import NetworkConfig
from models.eager import eager_parts
from models.lean import LeanEeg, LeanFace, LeanFusion
from models.network import HiddenEmotionNet

_SHAPE = {"n_classes": 4, "n_channels": 5, "n_bands": 3, "n_windows": 8}


def _network(seed: int, **changed: Any) -> HiddenEmotionNet:
    """Untrained, with every weight away from where it starts: biases and offsets of 0 would hide a mistake."""
    torch.manual_seed(seed)
    network = HiddenEmotionNet(NetworkConfig.model_validate(_SHAPE | SMALL | changed)).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return network


def _eeg(rng: np.random.Generator, windows: int) -> tuple[Tensor, ...]:
    there = np.append(False, (np.arange(8) >= 8 - windows) & (rng.random(8) > 0.2))
    mask = there[:, None] & (rng.random((9, 5)) > 0.3)
    z = np.where(mask[..., None], 2.0 * rng.normal(size=(9, 5, 3)), 0.0)
    return tuple(torch.tensor(array, dtype=torch.float32) for array in (z.reshape(9, 15), mask, mask.any(axis=1)))


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"tcn_kernel": 1},
        {"tcn_kernel": 3, "layers": 2},
        {"tcn_levels": 1, "heads": 4},
        # as wide as its input: the first block has no projection
        {"tcn_width": 35},
        # a receptive field beyond the sequence already in the first block
        {"tcn_kernel": 11},
        {"anchors": ((0.0, 0.0, 1.0),)},
    ],
    ids=str,
)
def test_equals_the_network_as_it_was_trained(changed: dict[str, Any]) -> None:
    network = _network(0, **changed)
    eager = eager_parts(network)
    lean = {"eeg": LeanEeg(network), "face": LeanFace(network), "fusion": LeanFusion(network)}
    rng = np.random.default_rng(1)
    with torch.inference_mode():
        for windows in (0, 1, 3, 8):
            eeg = _eeg(rng, windows)
            face = torch.randn(1, 2, 32, 32), torch.rand(1, 1, 32, 32)
            wanted_eeg, wanted_face = eager["eeg"](*eeg), eager["face"](*face)
            found_eeg, found_face = lean["eeg"](*eeg), lean["face"](*face)
            (wanted,) = eager["fusion"](*wanted_eeg[1:], *wanted_face[1:])
            (found,) = lean["fusion"](*found_eeg[1:], *found_face[1:])
            for ours, theirs in (
                (found, wanted),
                (found_eeg[0], wanted_eeg[0]),
                (found_face[0], wanted_face[0]),
                (found_eeg[1], wanted_eeg[1][0]),
                (found_face[1], wanted_face[1][0]),
            ):
                torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
