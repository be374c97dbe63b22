"""What a face network knows before it sees a person: which action units are in a flow map, learnt on simulated maps.

Small sets cannot teach a network what a brow raiser looks like in every place and under every error of the flow; a
simulation can. The convolutions learnt on it are where the face experts of `models.small.face_experts` start from.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor
from tqdm import tqdm

from models.inference import one_thread
from models.small.face_network import CompactFaceNet
from models.small.flow_input import standardise, vary_maps
from models.small.options import MapAugmentation
from realtime.errors import CheckpointError

FACE_MOTION = Path(__file__).parents[1] / "checkpoints" / "face_motion.safetensors"
"""The weights that ship with the package."""


class PretrainingOptions(BaseModel):
    """How the convolutions are learnt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    epochs: int = Field(default=12, ge=1)
    batch_size: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=3e-3, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    augmentation: MapAugmentation = MapAugmentation()


def pretrain_face(
    maps: NDArray[np.floating],
    units: NDArray[np.bool_],
    out: Path,
    *,
    unit_names: Sequence[str],
    options: PretrainingOptions | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Learn which action units are in simulated maps, and write the convolutions with a JSON file beside them.

    Parameters
    ----------
    maps : (n, 28, 28, 3) float
        u, v, strain; from `simulators.flow_maps`.
    units : (n, n_units) bool
    out : Path
        Ends in .safetensors.
    unit_names : sequence of str
    options : PretrainingOptions, optional
    progress : bool

    Returns
    -------
    dict
        What the JSON file says.
    """
    options = options or PretrainingOptions()
    x = standardise(torch.from_numpy(np.ascontiguousarray(maps.transpose(0, 3, 1, 2)).astype(np.float32)))
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        network = CompactFaceNet(units.shape[1], options.dropout)
        losses = _learn(network, x, torch.from_numpy(units.astype(np.float32)), options, progress)
    tensors = {name: value.detach().contiguous() for name, value in network.features.state_dict().items()}
    facts = {
        "trained_on": "simulated flow maps only",
        "simulated": True,
        "maps": len(x),
        "units": list(unit_names),
        "loss": losses,
        "options": options.model_dump(mode="json"),
    }
    try:
        out.write_bytes(save(tensors))
        out.with_suffix(".json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    except OSError as err:
        raise CheckpointError(f"cannot write '{out}': {err}") from err
    return facts


def _learn(
    network: CompactFaceNet, maps: Tensor, units: Tensor, options: PretrainingOptions, progress: bool
) -> list[float]:
    generator = torch.Generator().manual_seed(options.seed)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
    )
    steps = options.epochs * -(-len(maps) // options.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, options.learning_rate, total_steps=steps + 1)
    losses = []
    for _ in tqdm(range(options.epochs), desc="face motion", unit="epoch", disable=not progress):
        total = 0.0
        for rows in torch.randperm(len(maps), generator=generator).split(options.batch_size):
            logits = network(vary_maps(maps[rows], options.augmentation, generator))
            loss = F.binary_cross_entropy_with_logits(logits, units[rows])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        losses.append(round(total / len(maps), 4))
    network.eval()
    return losses


@cache
def face_motion_weights() -> dict[str, Tensor]:
    """Weights of `CompactFaceNet.features` that ship with the package; not to be changed in place.

    Raises
    ------
    CheckpointError
        The file is not there or cannot be read.
    """
    try:
        return load(FACE_MOTION.read_bytes())
    except (OSError, SafetensorError) as err:
        raise CheckpointError(f"cannot read '{FACE_MOTION.name}' of the package: {err}; install it anew") from err
