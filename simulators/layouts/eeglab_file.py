"""EEGLAB files: a .set with names and events, its samples in a .fdt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from realtime.packets import Float32

Event = tuple[float, str]
"""Seconds from the first sample, and what it is called."""


def write_eeglab(
    path: Path, channels: Sequence[str], sfreq_hz: float, blocks: Iterable[Float32], events: Sequence[Event]
) -> int:
    """Write a recording a block at a time.

    Parameters
    ----------
    path : Path
        Ends in `.set`; the `.fdt` is written beside it.
    channels : sequence of str
    sfreq_hz : float
    blocks : iterable of (n_channels, n_times) float32
        µV.
    events : sequence of (onset_s, name)

    Returns
    -------
    int
        Samples written.
    """
    from scipy.io import savemat

    n_times = 0
    samples = path.with_suffix(".fdt")
    with samples.open("wb") as file:
        for block in blocks:
            file.write(np.ascontiguousarray(block.T, "<f4").tobytes())
            n_times += block.shape[1]
    eeg = {
        "setname": path.stem,
        "nbchan": float(len(channels)),
        "trials": 1.0,
        "pnts": float(n_times),
        "srate": float(sfreq_hz),
        "xmin": 0.0,
        "xmax": (n_times - 1) / sfreq_hz,
        "data": samples.name,
        "datfile": samples.name,
        "icawinv": [],
        "icasphere": [],
        "icaweights": [],
        "chanlocs": _records({"labels": list(channels)}),
        # EEGLAB counts samples from 1
        "event": _records(
            {"type": [name for _, name in events], "latency": [onset_s * sfreq_hz + 1.0 for onset_s, _ in events]}
        ),
    }
    savemat(path, {"EEG": eeg}, appendmat=False)
    return n_times


def _records(columns: dict[str, list]) -> np.ndarray:
    """A MATLAB struct array."""
    n = len(next(iter(columns.values())))
    out = np.zeros(n, dtype=[(name, object) for name in columns])
    for name, values in columns.items():
        out[name] = values
    return out
