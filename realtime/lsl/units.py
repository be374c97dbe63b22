"""What an EEG stream says of its channels: labels, and the factor of each to µV."""

from __future__ import annotations

import numpy as np
import pylsl
from numpy.typing import NDArray

from realtime.errors import DataError
from realtime.lsl.description import ChannelDescription, read_channels
from realtime.packets import EegInfo

_MICROVOLTS = {
    **dict.fromkeys(("", "unknown", "none", "n/a", "microvolts", "microvolt", "uv", "µv", "μv", "-6"), 1.0),
    **dict.fromkeys(("millivolts", "millivolt", "mv", "-3"), 1e3),
    **dict.fromkeys(("volts", "volt", "v", "0"), 1e6),
    **dict.fromkeys(("nanovolts", "nanovolt", "nv", "-9"), 1e-3),
}


def microvolts_per_unit(unit: str) -> float:
    """Factor from a declared unit to µV; an absent unit is µV, as is usual on LSL.

    Raises
    ------
    DataError
        Not a unit of voltage.
    """
    factor = _MICROVOLTS.get(unit.strip().lower())
    if factor is None:
        raise DataError(f"unit {unit!r} is not a voltage: V, mV, uV or nV is wanted, or no unit for uV")
    return factor


def described_channels(info: pylsl.StreamInfo) -> tuple[ChannelDescription, ...]:
    """Description of all channels; where a stream has none, EEG001, EEG002 and so on, in µV."""
    count = info.channel_count()
    described = read_channels(info)
    if not described:
        return tuple(ChannelDescription(f"EEG{i + 1:03d}") for i in range(count))
    if len(described) != count:
        raise DataError(
            f"LSL stream '{info.name()}' describes {len(described)} channels and sends {count}: "
            "set its program up to name each channel"
        )
    return tuple(ChannelDescription(c.label or f"EEG{i + 1:03d}", c.unit, c.type) for i, c in enumerate(described))


def require_unique(info: EegInfo) -> None:
    """Refuse labels that name two channels.

    Raises
    ------
    DataError
        They do.
    """
    doubled = sorted({label for label in info.channels if info.channels.count(label) > 1})
    if doubled:
        raise DataError(f"LSL stream '{info.name}' has several channels named {', '.join(doubled)}: name each once")


def scale_to_microvolts(name: str, channels: list[ChannelDescription]) -> NDArray[np.float64]:
    """(n_channels, 1) factors to µV.

    Raises
    ------
    DataError
        A unit that is no voltage.
    """
    factors = []
    for channel in channels:
        try:
            factors.append(microvolts_per_unit(channel.unit))
        except DataError as err:
            raise DataError(f"LSL stream '{name}', channel '{channel.label}': {err}") from err
    return np.array(factors)[:, None]
