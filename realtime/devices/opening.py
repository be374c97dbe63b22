"""Which source is opened by what: cameras, films, addresses."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import pylsl

from realtime.devices.sources import Capture, Request
from realtime.face.films import FILM_SUFFIXES


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
