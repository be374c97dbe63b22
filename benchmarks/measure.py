"""Timing several ways of doing the same work in turn, so that a busy moment of the machine falls on all of them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

Clock = Literal["cpu", "wall"]

# the wall clock charges a long call for the other people on a shared machine, and a short one not; Windows counts CPU
# time in steps of 16 ms
_CPU_CLOCK: tuple[Clock, Callable[[], float]] = (
    ("wall", time.perf_counter) if sys.platform == "win32" else ("cpu", time.process_time)
)
_BATCH_MS = 0.5  # a single short call would be charged for the cache that the long one before it emptied
_MAX_BATCH = 200
_LIBRARIES = (
    *("numpy", "scipy", "torch", "onnxruntime", "pylsl", "PyQt5", "pyqtgraph", "ai-edge-litert"),
    *("opencv-python-headless", "mne-lsl", "openvino"),
)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long something took, ms.

    Parameters
    ----------
    median_ms, p99_ms : float
        Over the rounds; what takes less than 0.5 ms is run several times a round and averaged within it.
    count : int
        Rounds.
    clock : 'cpu' or 'wall'
        CPU time of this process, all its threads; or time passed.
    """

    median_ms: float
    p99_ms: float
    count: int
    clock: Clock = "wall"

    @classmethod
    def of(cls, times_ms: Sequence[float], clock: Clock = "wall") -> Timing:
        """From one time a round.

        Raises
        ------
        ValueError
            No times.
        """
        if not times_ms:
            raise ValueError("a timing needs at least one round")
        return cls(float(np.median(times_ms)), float(np.percentile(times_ms, 99)), len(times_ms), clock)


def interleave(calls: Mapping[str, Callable[[], object]], seconds: float, *, rounds: int = 5) -> dict[str, Timing]:
    """Run every call once a round, in turn, until the time is over; CPU time of each.

    Parameters
    ----------
    calls : mapping of name -> callable
    seconds : float
        For all calls together, as time passes.
    rounds : int
        At least so many, whatever the time.

    Returns
    -------
    dict of name -> Timing
    """
    name_of_clock, clock = _CPU_CLOCK
    batches = {name: _batch(call) for name, call in calls.items()}
    times_ms: dict[str, list[float]] = {name: [] for name in calls}
    end = time.perf_counter() + seconds
    done = 0
    while done < rounds or time.perf_counter() < end:
        for name, call in calls.items():
            batch = batches[name]
            begun = clock()
            for _ in range(batch):
                call()
            times_ms[name].append(1000.0 * (clock() - begun) / batch)
        done += 1
    return {name: Timing.of(times, name_of_clock) for name, times in times_ms.items()}


def _batch(call: Callable[[], object]) -> int:
    """Calls a round: the quickest of three decides, the first of which warms up."""
    quickest = float("inf")
    for _ in range(3):
        begun = time.perf_counter()
        call()
        quickest = min(quickest, 1000.0 * (time.perf_counter() - begun))
    return int(np.clip(_BATCH_MS / max(quickest, 1e-6), 1, _MAX_BATCH))


def machine() -> dict[str, Any]:
    """What was measured on: processor, cores, versions, and the load average of the last minute as it is now."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
        "threads": int(os.environ.get("OMP_NUM_THREADS", "0")) or None,
        "load_before": load(),
    }


def _version(name: str) -> str | None:
    """None for what is not installed: some peers are optional."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def load() -> float | None:
    """Load average of the last minute: processes that wanted a core, those of other people too; None on Windows."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
