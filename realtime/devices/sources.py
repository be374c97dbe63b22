"""Where pictures come from: a camera's number, file or name, a film, or the address of a network camera."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from realtime.devices.controls import CameraControls
from realtime.devices.frames import Picture
from realtime.errors import DataError


@dataclass(frozen=True, slots=True, order=True)
class CameraMode:
    """What a camera offers or gives: size in px, pictures a second as it claims (NaN where it does not), format."""

    width: int
    height: int
    fps: float
    pixel_format: str

    def __str__(self) -> str:
        rate = f" at {self.fps:g} a second" if self.fps > 0 else ""
        return f"{self.width}x{self.height}{rate} {self.pixel_format}"


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """A camera of this machine: its file, name, bus and modes, or why it cannot be asked for them."""

    path: str
    name: str
    bus: str
    modes: tuple[CameraMode, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a camera; None leaves it to the source.

    Parameters
    ----------
    size : (width, height), px
    fps : float
    grey : bool
        One plane instead of three.
    """

    size: tuple[int, int] | None = None
    fps: float | None = None
    grey: bool | None = None


class Capture(Protocol):
    """An open source of pictures; a `realtime.devices.supervision.Link`."""

    name: str
    """What it is called: a camera's own name, a film's file name, an address without its password."""
    mode: CameraMode
    controls: CameraControls | None
    """None where there is nothing to set."""
    stamped: str
    """What its stamps are: 'driver', 'grab', 'arrival' or 'film'."""

    def read(self) -> Picture | None: ...
    def close(self) -> None: ...


def device_missing(wanted: str, found: Sequence[DeviceInfo], *, several: bool = False) -> DataError:
    """Error of a camera that is not there, or whose name fits several."""
    shown = ", ".join(f"{device.path} '{device.name}'" for device in found) or "none"
    if several:
        return DataError(f"'{wanted}' fits {len(found)} cameras: {shown}. Give the file of the one you mean")
    return DataError(f"no camera '{wanted}'; found: {shown}. Plug it in, or give another's number, file or name")
