"""Streams as the doctor sees them, made up."""

from __future__ import annotations

from typing import Any

import numpy as np

from realtime.doctor.findings import Finding
from realtime.doctor.streams import SeenStream
from realtime.lsl.description import ChannelDescription

NAMES = ("Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2")


def eeg(
    *, rate: float = 250.0, unit: str = "microvolts", spread: float = 12.0, seconds: float = 2.0, **changes: Any
) -> SeenStream:
    """Good EEG, or what `changes` make of it."""
    n = round(250.0 * seconds)
    values = np.random.default_rng(0).normal(0, spread, (n, len(NAMES)))
    made: dict[str, Any] = {
        "name": "cap",
        "type": "EEG",
        "source_id": "cap-1",
        "hostname": "lab",
        "channel_count": len(NAMES),
        "rate_hz": rate,
        "channels": tuple(ChannelDescription(name, unit, "EEG") for name in NAMES),
        "stamps": 100.0 + np.arange(n) / 250.0,
        "values": values,
    }
    return SeenStream(**(made | changes))


def camera(*, rate: float = 30.0, true: float = 30.0, **changes: Any) -> SeenStream:
    """A good camera's index stream, or what `changes` make of it."""
    n = round(2 * true)
    made: dict[str, Any] = {
        "name": "emostream-frames",
        "type": "VideoFrameIndex",
        "source_id": "cam-frames",
        "rate_hz": rate,
        "stamps": 100.0 + np.arange(n) / true,
        "values": np.arange(n, dtype=float)[:, None],
        "video": {"stream": "emostream-video"},
        "device": {"exposure": "locked at 9", "gain": "locked at 1"},
    }
    return SeenStream(**(made | changes))


def pictures(**changes: Any) -> SeenStream:
    """A camera's raw stream."""
    return SeenStream(**({"name": "emostream-video", "type": "VideoRaw", "source_id": "cam"} | changes))


def states(findings: list[Finding]) -> dict[str, str]:
    """What each check says."""
    return {finding.check: finding.state for finding in findings}


def only(findings: list[Finding], state: str) -> Finding:
    """The one finding of that state."""
    (found,) = [finding for finding in findings if finding.state == state]
    assert found.advice or state == "ok"
    return found
