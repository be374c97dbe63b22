"""Training in several processes that `torchrun` started: one batch parted between them, their gradients added up."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn

from models.training.devices import choose_device
from models.training.options import Device
from realtime.errors import ConfigurationError


class Workers(Protocol):
    """The processes of one training, seen from one of them."""

    @property
    def rank(self) -> int:
        """Number of this process; 0 validates and writes."""
        ...

    @property
    def count(self) -> int: ...

    @property
    def device(self) -> torch.device: ...

    def share(self, n: int) -> Tensor:
        """Positions, of `n` in a batch, that this process computes; int64."""
        ...

    def add_up(self, parameters: Sequence[nn.Parameter], loss: Tensor) -> float:
        """Replace gradients by their sum over the processes and return the sum of the losses."""
        ...

    def from_first(self, values: Sequence[float]) -> list[float]:
        """The first process's values, in all of them."""
        ...

    def gather(self, state: Tensor) -> list[Tensor]:
        """The same-shaped uint8 CPU tensor of every process, in order of rank."""
        ...

    def wait(self) -> None:
        """Until every process has come here."""
        ...


@dataclass(frozen=True, slots=True)
class Alone:
    """One process, the usual case."""

    device: torch.device
    rank: int = 0
    count: int = 1

    def share(self, n: int) -> Tensor:
        """All of them."""
        return torch.arange(n)

    def add_up(self, parameters: Sequence[nn.Parameter], loss: Tensor) -> float:
        """Leave the gradients as they are."""
        return float(loss.detach())

    def from_first(self, values: Sequence[float]) -> list[float]:
        """The same values."""
        return list(values)

    def gather(self, state: Tensor) -> list[Tensor]:
        """This process's alone."""
        return [state]

    def wait(self) -> None:
        """Not at all."""


@dataclass(frozen=True, slots=True)
class Together:
    """One of several processes on one machine, each on its own part of every batch.

    A batch, its random changes and the weight of its samples are the same in every process, and the gradients are
    summed, not averaged over parts: so the step is the one that a single process would take, dropout aside.

    References
    ----------
    Goyal et al. (2017), "Accurate, large minibatch SGD", on what gradients to sum and by what to divide.
    """

    device: torch.device
    rank: int
    count: int

    def share(self, n: int) -> Tensor:
        """Every `count`-th position, from `rank` on."""
        return torch.arange(self.rank, n, self.count)

    def add_up(self, parameters: Sequence[nn.Parameter], loss: Tensor) -> float:
        """Sum over the processes; a parameter that no process has a gradient for keeps none."""
        has = torch.tensor([p.grad is not None for p in parameters], dtype=torch.float32, device=self.device)
        parts = [torch.zeros_like(p).reshape(-1) if p.grad is None else p.grad.reshape(-1) for p in parameters]
        flat = torch.cat([loss.detach().reshape(1).float(), has, *parts])
        dist.all_reduce(flat)
        start = 1 + len(parameters)
        for p, there in zip(parameters, flat[1:start].tolist(), strict=True):
            if there:
                # into a tensor laid out like the parameter, as the fused optimiser takes for granted
                p.grad = torch.empty_like(p).copy_(flat[start : start + p.numel()].view(p.shape))
            start += p.numel()
        return float(flat[0])

    def from_first(self, values: Sequence[float]) -> list[float]:
        """Broadcast float64 values from the first process."""
        sent = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.broadcast(sent, src=0)
        return sent.tolist()

    def gather(self, state: Tensor) -> list[Tensor]:
        """Gather in every process."""
        own = state.to(self.device)
        found = [torch.empty_like(own) for _ in range(self.count)]
        dist.all_gather(found, own)
        return [part.cpu() for part in found]

    def wait(self) -> None:
        """A barrier."""
        dist.barrier()


@contextmanager
def joined(device: Device, environment: Mapping[str, str] | None = None) -> Iterator[Workers]:
    """This process as one of those that `torchrun` started, or alone where there was no torchrun.

    The processes meet over the loopback interface only: NCCL where there are GPUs, gloo where not.

    Parameters
    ----------
    device : 'auto', 'cpu' or 'cuda'
        With 'cuda', every process takes the GPU of its local rank.
    environment : mapping, optional
        Where torchrun's variables stand; `os.environ` where not given.

    Raises
    ------
    ConfigurationError
        The processes are on several machines, or there are fewer GPUs than processes.
    """
    given = os.environ if environment is None else environment
    count = int(given.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Alone(choose_device(device))
        return
    if int(given.get("LOCAL_WORLD_SIZE", count)) != count:
        raise ConfigurationError(
            f"{count} processes on several machines are not supported; start them all on one with "
            "'torchrun --standalone --local-addr 127.0.0.1 --nproc-per-node N'"
        )
    rank = int(given["RANK"])
    chosen = choose_device(device, rank)
    for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ.setdefault(name, "lo")
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    address = f"tcp://127.0.0.1:{given['MASTER_PORT']}"
    backend = "nccl" if chosen.type == "cuda" else "gloo"
    # torchrun's own store already listens on that port
    dist.init_process_group(backend, init_method=address, rank=rank, world_size=count)
    try:
        yield Together(chosen, rank, count)
    finally:
        dist.destroy_process_group()
