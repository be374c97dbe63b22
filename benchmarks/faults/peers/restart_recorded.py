"""A headset that dies, and may come back, while plain LabRecorder records it; read back by plain pyxdf."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults.lab import Source, Watch, api_config, unique
from realtime.errors import EmostreamError
from realtime.recorder.labrecorder import LabRecorder

_START_S = 30.0
_BEFORE_S = 2.0
_AWAY_S = 1.0
_AFTER_S = 4.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is in the file, and what was said.

    Parameters
    ----------
    alive : bool
        LabRecorder still ran in the end.
    last_words : str
        Its last line before it was asked to stop.
    samples, after : int
        In the file; and of them, from the restarted headset.
    missing_s : float
        Between the last stamp of the first headset and the first one of the second, as recorded.
    read_missing_s : float
        The same as pyxdf gives it, with its defaults.
    segments : int
        Into how many pieces pyxdf cuts the stream.
    read_rate_hz : float
        Effective rate as pyxdf computes it.
    """

    alive: bool
    last_words: str
    samples: int
    after: int
    missing_s: float
    read_missing_s: float
    segments: int
    read_rate_hz: float


@cache
def record(back: bool) -> Recorded:
    """Record, kill the headset, and respawn it where `back`."""
    import pyxdf

    name, clock = unique("amp"), Watch()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder, Source(name) as source:
        recorder = LabRecorder(Path(folder) / "restart.xdf", [source.uid], api_config())
        try:
            end_s = time.monotonic() + _START_S
            while not recorder.ready():
                if time.monotonic() > end_s:
                    raise EmostreamError(f"LabRecorder did not begin: {recorder.last_words()}")
                clock.pump(0.1)
            clock.pump(_BEFORE_S)
            source.kill()
            clock.pump(_AWAY_S)
            if back:
                with Source(name):
                    clock.pump(_AFTER_S)
                    return _end(recorder, pyxdf.load_xdf)
            clock.pump(_AFTER_S)
            return _end(recorder, pyxdf.load_xdf)
        finally:
            if recorder.poll() is None:
                recorder.kill()


def _end(recorder: LabRecorder, load: Callable[..., Any]) -> Recorded:
    alive, words = recorder.poll() is None, recorder.last_words()
    recorder.ask_to_stop()
    if not recorder.wait(_START_S):
        raise EmostreamError("LabRecorder did not finish")
    raw = load(str(recorder.path), synchronize_clocks=False, dejitter_timestamps=False)[0][0]
    read = load(str(recorder.path))[0][0]
    numbers = raw["time_series"][:, -1]
    # the second headset counts from 0 again
    back = np.flatnonzero(np.diff(numbers) < 0)
    place = int(back[0]) + 1 if len(back) else len(numbers)

    def missing_s(stamps: np.ndarray) -> float:
        return float(stamps[place] - stamps[place - 1]) if place < len(stamps) else 0.0

    return Recorded(
        alive,
        words,
        len(numbers),
        len(numbers) - place,
        missing_s(raw["time_stamps"]),
        missing_s(read["time_stamps"]),
        len(read["info"]["segments"]),
        float(read["info"]["effective_srate"]),
    )
