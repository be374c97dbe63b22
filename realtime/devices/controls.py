"""Exposure, gain and whatever else a camera would change by itself: locked where the driver allows, and told.

A camera that brightens its picture changes every pixel at once, and one that lengthens its exposure in dim light gives
fewer pictures than it says. Neither is a movement of a face, and both look like one.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

Wanted = Literal["auto", "lock"] | float

ControlName = Literal["exposure", "gain", "white_balance", "focus"]


class CameraControls(Protocol):
    """A driver's controls, by what they do. Calls that the driver refuses raise."""

    def value(self, name: ControlName) -> float | None:
        """Value at present, in the driver's units; None where there is no such control."""
        ...

    def automatic(self, name: ControlName) -> bool | None:
        """Whether the camera sets it by itself; None where that cannot be known."""
        ...

    def set_automatic(self, name: ControlName, on: bool) -> None:
        """Leave it to the camera, or not; nothing happens where the camera has no automatic for it."""
        ...

    def set_value(self, name: ControlName, value: float) -> None:
        """Set it."""
        ...

    def keep_rate(self) -> None:
        """Forbid longer exposures at the price of fewer pictures, where that can be forbidden."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """How a control stands after `lock_controls`: its value in the driver's units, NaN where it has none.

    `state` is 'locked', 'auto', 'absent' (the driver has no such control) or 'refused' (it did not obey).
    """

    name: ControlName
    state: Literal["locked", "auto", "absent", "refused"]
    value: float = float("nan")

    def __str__(self) -> str:
        return f"{self.state} at {self.value:g}" if self.state == "locked" else self.state


def lock_controls(controls: CameraControls, exposure: Wanted = "lock", gain: Wanted = "lock") -> tuple[Setting, ...]:
    """Set exposure and gain as wanted, and keep white balance and focus as they are with them.

    Parameters
    ----------
    controls : CameraControls
        After the camera has run for a moment, so that what it found by itself is there to be kept.
    exposure, gain : 'auto', 'lock' or float
        Left to the camera, kept as they are now, or a value in the driver's units.

    Returns
    -------
    tuple of Setting
        What came of it, as the driver tells when asked afterwards.
    """
    if exposure != "auto":
        with suppress(Exception):  # most cameras have no such control
            controls.keep_rate()
    rest: Wanted = "auto" if exposure == "auto" and gain == "auto" else "lock"
    wanted: Sequence[tuple[ControlName, Wanted]] = (
        ("exposure", exposure),
        ("gain", gain),
        ("white_balance", rest),
        ("focus", rest),
    )
    return tuple(_set(controls, name, value) for name, value in wanted)


def _set(controls: CameraControls, name: ControlName, wanted: Wanted) -> Setting:
    try:
        now = controls.value(name)
        if now is None:
            return Setting(name, "absent")
        controls.set_automatic(name, wanted == "auto")
        if wanted == "auto":
            return Setting(name, "auto")
        value = now if wanted == "lock" else float(wanted)
        controls.set_value(name, value)
        reached, automatic = controls.value(name), controls.automatic(name)
    except Exception:  # noqa: BLE001  drivers refuse in many ways; the setting tells
        return Setting(name, "refused")
    # drivers round to their steps; one that went elsewhere did not obey
    obeyed = reached is not None and abs(reached - value) <= max(1.0, 0.1 * abs(value))
    return (
        Setting(name, "locked", reached)
        if reached is not None and obeyed and not automatic
        else Setting(name, "refused")
    )
