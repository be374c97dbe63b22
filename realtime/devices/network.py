"""Cameras of the network: RTSP, MJPEG or any other stream that FFmpeg opens, through PyAV."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import pylsl

from realtime.devices.frames import Picture
from realtime.devices.sources import CameraMode, Capture, Request
from realtime.errors import ConfigurationError, DataError
from realtime.face._cv import bytes_of

if TYPE_CHECKING:
    import av.container
    import av.video.frame

_OPEN_S, _READ_S = 8.0, 1.5
_PROTOCOLS = ("rtsp", "rtsps", "http", "https", "tcp", "udp", "rtp", "srt", "rtmp")


class AddressCapture(Capture):
    """A stream of the network. Its pictures are stamped when they arrive; how long they were under way is not known.

    Parameters
    ----------
    address : str
        For instance ``rtsp://host/stream``; a password in it is never shown.
    request : Request
        Size and rate are the camera's own business.
    clock : callable
        LSL seconds.

    Raises
    ------
    ConfigurationError
        Another protocol, or a size or rate is asked for.
    DataError
        Nothing answers, or it sends no pictures.
    """

    stamped = "arrival"
    controls = None

    def __init__(self, address: str, request: Request, clock: Callable[[], float] = pylsl.local_clock) -> None:
        import av

        self.name = shown_address(address)
        if request.size is not None or request.fps is not None:
            raise ConfigurationError(f"size and rate of {self.name} are set in the camera itself, not here")
        self._clock = clock
        options = {"rtsp_transport": "tcp", "fflags": "nobuffer", "flags": "low_delay", "probesize": "500000"}
        try:
            self._container = cast(
                "av.container.InputContainer", av.open(address, options=options, timeout=(_OPEN_S, _READ_S))
            )
        except (OSError, ValueError) as err:
            raise DataError(
                f"cannot open {self.name}: {_reason(err)}; is the camera on, and the address right?"
            ) from err
        if not self._container.streams.video:
            self.close()
            raise DataError(f"{self.name} sends no pictures")
        stream = self._container.streams.video[0]
        stream.thread_type = "SLICE"  # threads by frame would hold pictures back
        self._grey = request.grey if request.grey is not None else str(stream.format and stream.format.name) == "gray"
        claimed = float(stream.average_rate or stream.guessed_rate or float("nan"))
        self.mode = CameraMode(stream.width, stream.height, claimed, stream.codec_context.name)
        self._frames: Iterator[av.video.frame.VideoFrame] = self._container.decode(stream)

    def read(self) -> Picture | None:
        """The next picture; waits for it for a second and a half.

        Raises
        ------
        DataError
            None came, or the other side closed the connection.
        """
        try:
            frame = next(self._frames, None)
        except (OSError, ValueError) as err:
            raise DataError(f"the connection failed: {_reason(err)}") from err
        if frame is None:
            raise DataError("the other side closed the connection")
        stamp = self._clock()
        if (frame.width, frame.height) != (self.mode.width, self.mode.height):
            raise DataError(f"the pictures are now {frame.width}x{frame.height}: start again")
        return Picture(bytes_of(frame.to_ndarray(format="gray" if self._grey else "rgb24")), stamp)

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._container.close()


def shown_address(address: str) -> str:
    """An address without user, password and whatever else may be secret in it.

    Raises
    ------
    ConfigurationError
        It is none of a camera.
    """
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port else ""
    except ValueError as err:
        raise ConfigurationError(f"an address such as rtsp://host/stream is wanted: {err}") from err
    if parts.scheme not in _PROTOCOLS or not parts.hostname:
        raise ConfigurationError(f"'{parts.scheme}://' is no address of a camera: wanted {', '.join(_PROTOCOLS)}")
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}"


def _reason(error: Exception) -> str:
    return " ".join((error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__).split())
