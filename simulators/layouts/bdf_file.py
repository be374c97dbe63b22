"""A small writer of BioSemi's BDF: 24-bit samples in records of one second (biosemi.com/faq/file_format.htm)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_RANGE_UV = 262_144  # BioSemi's amplifiers: 2**18 µV over 2**23 steps, 31.25 nV each
_STEPS = 2**23
_STEP_UV = (2 * _RANGE_UV - 1) / (2 * _STEPS - 1)  # as the header's four limits say

Seconds = Callable[[int], NDArray[np.floating]]
"""Whole second -> (n_channels, sfreq_hz) µV; asked in order of time."""


def write_bdf(
    path: Path,
    channels: Sequence[str],
    sfreq_hz: int,
    seconds: int,
    samples_uv: Seconds,
    *,
    triggers: Sequence[tuple[float, int]] = (),
    trigger_s: float = 0.1,
    trigger_bits: int = 0,
    trigger_name: str = "Status",
) -> None:
    """Write a recording of whole seconds, a second at a time, with a trigger channel behind the others.

    Parameters
    ----------
    path : Path
    channels : sequence of str
        At most 15 letters each.
    sfreq_hz : int
    seconds : int
    samples_uv : callable
        What is beyond ±262 mV is clipped.
    triggers : sequence of (time_s, code)
        Pulses of `trigger_s` on the trigger channel.
    trigger_bits : int
        Set in the trigger channel all the time, as BioSemi's upper bits are.
    trigger_name : str
        What the trigger channel is called.
    """
    n = len(channels) + 1
    status = np.full(seconds * sfreq_hz, trigger_bits, np.int32)
    for time_s, code in triggers:
        first = round(time_s * sfreq_hz)
        status[first : first + max(1, round(trigger_s * sfreq_hz))] = trigger_bits | code
    with path.open("wb") as file:
        file.write(_header([*channels, trigger_name], sfreq_hz, seconds))
        for k in range(seconds):
            record = np.empty((n, sfreq_hz), np.int32)
            scaled = np.rint((np.asarray(samples_uv(k), np.float64) + _RANGE_UV) / _STEP_UV) - _STEPS
            record[:-1] = np.clip(scaled, -_STEPS, _STEPS - 1)
            record[-1] = status[k * sfreq_hz : (k + 1) * sfreq_hz]
            # the lower three bytes of each little-endian int32
            file.write(record.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes())


def _header(channels: Sequence[str], sfreq_hz: int, seconds: int) -> bytes:
    n = len(channels)
    is_trigger = [i == n - 1 for i in range(n)]

    def cells(width: int, values: Sequence[object]) -> str:
        return "".join(f"{value!s:<{width}.{width}}" for value in values)

    text = cells(80, ["simulated"]) + cells(80, ["simulated"]) + "01.01.0000.00.00"
    text += cells(8, [256 * (n + 1)]) + cells(44, ["24BIT"]) + cells(8, [seconds]) + cells(8, [1]) + cells(4, [n])
    text += cells(16, channels) + cells(80, ["" for _ in channels])
    text += cells(8, ["Boolean" if trigger else "uV" for trigger in is_trigger])
    text += cells(8, [-_STEPS if trigger else -_RANGE_UV for trigger in is_trigger])
    text += cells(8, [_STEPS - 1 if trigger else _RANGE_UV - 1 for trigger in is_trigger])
    text += cells(8, [-_STEPS] * n) + cells(8, [_STEPS - 1] * n)
    text += cells(80, [""] * n) + cells(8, [sfreq_hz] * n) + cells(32, [""] * n)
    return b"\xffBIOSEMI" + text.encode("ascii")
