"""Where pictures come from: a camera's number, file or name, a film, or the address of a network camera."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pylsl

from realtime.devices.controls import CameraControls
from realtime.devices.frames import Picture
from realtime.errors import DataError
from realtime.face.films import FILM_SUFFIXES


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


def is_live(source: str) -> bool:
    """Whether a source is a camera; a film is none."""
    return "://" in source or not (Path(source).suffix.lower() in FILM_SUFFIXES or Path(source).is_file())


def open_capture(source: str, request: Request, clock: Callable[[], float] = pylsl.local_clock) -> Capture:
    """Open a source; may take as long as its driver or the network does.

    Raises
    ------
    DataError
        There is no such source, it gives no picture, or not what is asked for.
    """
    if "://" in source:
        from realtime.devices.network import AddressCapture

        return AddressCapture(source, request, clock)
    if not is_live(source):
        from realtime.devices.played import FilmPlayer

        return FilmPlayer(source, request, clock)
    if has_v4l2():
        from realtime.devices.v4l2 import V4l2Capture

        return V4l2Capture(source, request, clock)
    from realtime.devices.opencv import OpenCvCapture

    return OpenCvCapture(source, request, clock)


def has_v4l2() -> bool:
    """Whether this machine's cameras are reached through V4L2, which counts what a driver drops."""
    return sys.platform == "linux" and importlib.util.find_spec("linuxpy") is not None


def device_missing(wanted: str, found: Sequence[DeviceInfo], *, several: bool = False) -> DataError:
    """Error of a camera that is not there, or whose name fits several."""
    shown = ", ".join(f"{device.path} '{device.name}'" for device in found) or "none"
    if several:
        return DataError(f"'{wanted}' fits {len(found)} cameras: {shown}. Give the file of the one you mean")
    return DataError(f"no camera '{wanted}'; found: {shown}. Plug it in, or give another's number, file or name")
