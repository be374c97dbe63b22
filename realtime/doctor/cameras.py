"""Cameras of this machine, whether or not one of them is on LSL."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from realtime.doctor.findings import Finding, fail, ok, warn

_ENOUGH_HZ = 30.0


@dataclass(frozen=True, slots=True)
class SeenCamera:
    """A camera as its driver tells.

    Parameters
    ----------
    path, name : str
    fastest_hz : float
        Of all its modes; NaN where it does not say.
    automatic : bool or None
        Whether it sets its exposure by itself; None where that cannot be known.
    problem : str
        Why it cannot be opened; ''.
    """

    path: str
    name: str
    fastest_hz: float = float("nan")
    automatic: bool | None = None
    problem: str = ""


def check_cameras(cameras: Sequence[SeenCamera]) -> list[Finding]:
    """Whether the cameras can be opened, are fast enough and leave their exposure alone."""
    if not cameras:
        return [ok("cameras", "none on this machine; films and network cameras need none")]
    findings = []
    for camera in cameras:
        name = f"camera {camera.path}"
        if camera.problem:
            advice = "add yourself to the group 'video' and log in again; close the program that holds it"
            findings.append(fail(name, f"'{camera.name}' cannot be opened: {camera.problem}", advice))
        elif camera.fastest_hz < _ENOUGH_HZ:
            advice = "a smaller picture or another format may be faster: 'emostream camera --list'"
            findings.append(warn(name, f"'{camera.name}' gives {camera.fastest_hz:g} Hz at most", advice))
        elif camera.automatic:
            advice = "'emostream camera' locks it while it runs (--exposure lock): light changes look like movements"
            findings.append(warn(name, f"'{camera.name}' sets its exposure by itself", advice))
        else:
            findings.append(ok(name, f"'{camera.name}'"))
    return findings


def look_at_cameras(folder: Path = Path("/dev")) -> list[Finding]:
    """`check_cameras` of this machine's drivers; on Linux alone, and without opening a picture."""
    if sys.platform != "linux" or not list(folder.glob("video*")):
        return check_cameras([])
    if importlib.util.find_spec("linuxpy") is None:
        return [warn("cameras", "cannot be asked: linuxpy is not there", "pip install linuxpy")]
    from realtime.devices.v4l2 import list_devices

    seen = []
    for device in list_devices(folder):
        rates = [mode.fps for mode in device.modes]
        automatic = None if device.problem else _automatic(device.path)
        seen.append(
            SeenCamera(device.path, device.name, max(rates, default=float("nan")), automatic, problem=device.problem)
        )
    return check_cameras(seen)


def _automatic(path: str) -> bool | None:
    from linuxpy.video.device import Device

    from realtime.devices.v4l2 import V4l2Controls

    try:
        with Device(path) as device:
            return V4l2Controls(device).automatic("exposure")
    except OSError:
        return None
