"""Collect a stretch of live EEG into one array, for calibration."""

from __future__ import annotations

import queue
import time

import numpy as np
import pylsl

from realtime.config import LslConfig
from realtime.errors import DataError
from realtime.lsl.inlets import EegReader
from realtime.packets import EegChunk, EegInfo, Float32


def collect_eeg(info: pylsl.StreamInfo, seconds: float, config: LslConfig) -> tuple[EegInfo, Float32]:
    """Read `seconds` of a stream.

    Returns
    -------
    EegInfo
    (n_channels, n_times) float32 µV

    Raises
    ------
    DataError
        The stream stalled or lost samples: an ICA over a gap is worth nothing.
    """
    chunks: queue.SimpleQueue[EegChunk] = queue.SimpleQueue()
    reader = EegReader(info, chunks.put, config, pylsl.local_clock)
    wanted = round(seconds * reader.info.sfreq_hz)
    kept: list[Float32] = []
    deadline_s = time.monotonic() + 1.5 * seconds + 5.0
    reader.start()
    try:
        while sum(part.shape[1] for part in kept) < wanted:
            try:
                kept.append(chunks.get(timeout=max(0.0, min(2.0, deadline_s - time.monotonic()))).samples)
            except queue.Empty:
                raise DataError(f"EEG stream '{info.name()}' stalled during calibration: start again") from None
    finally:
        reader.stop()
    if lost := reader.health().lost:
        raise DataError(f"EEG stream '{info.name()}' lost {lost} samples during calibration: start again")
    return reader.info, np.concatenate(kept, axis=1)[:, :wanted]
