"""Where a training computes and how precisely."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from models.training.options import Device, Precision
from realtime.errors import ConfigurationError

_KINDS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(wanted: Device, index: int = 0) -> torch.device:
    """The device asked for; 'auto' is the GPU where there is one.

    Parameters
    ----------
    wanted : 'auto', 'cpu' or 'cuda'
    index : int
        Which GPU, for a machine with several.

    Raises
    ------
    ConfigurationError
        A GPU is wanted that is not there.
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and there == 0):
        return torch.device("cpu")
    if index >= there:
        raise ConfigurationError(
            f"device 'cuda' number {index} is wanted, this machine has {there}; use '--device cpu' or fewer processes"
        )
    return torch.device("cuda", index)


def choose_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """Type of the forward pass; 'auto' is float32 on a CPU, and bfloat16, else float16, on a GPU."""
    if wanted != "auto":
        return _KINDS[wanted]
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


@contextmanager
def mixed_precision(device: torch.device, dtype: torch.dtype) -> Iterator[None]:
    """Autocast inside the block, unless `dtype` is float32."""
    with torch.autocast(device.type, dtype=dtype, enabled=dtype is not torch.float32):
        yield


@contextmanager
def own_random_numbers(device: torch.device, seed: int) -> Iterator[None]:
    """Seed torch inside the block and leave the global generators as they were."""
    gpus = [device.index or 0] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus):
        torch.manual_seed(seed)
        yield
