"""Cameras of Linux through V4L2 (linuxpy): true stamps, the driver's own count of pictures, and its controls."""

from __future__ import annotations

import select
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pylsl

from realtime.devices.controls import ControlName
from realtime.devices.frames import Picture
from realtime.devices.sources import CameraMode, Capture, DeviceInfo, Request, device_missing
from realtime.errors import DataError
from realtime.face._cv import bytes_of, cv2
from realtime.packets import UInt8

_WAIT_S = 0.25
_BUFFERS = 4
_STALE_S = 1.0
# control ids of the kernel's interface (linux/v4l2-controls.h): (value, automatic, the automatic's word for "manual")
_CONTROLS: dict[ControlName, tuple[int, int, int]] = {
    "exposure": (0x009A0902, 0x009A0901, 1),  # V4L2_EXPOSURE_MANUAL
    "gain": (0x00980913, 0x00980912, 0),
    "white_balance": (0x0098091A, 0x0098090C, 0),
    "focus": (0x009A090A, 0x009A090C, 0),
}
_APERTURE_PRIORITY, _AUTO_EXPOSURE = 3, 0  # UVC cameras know the first only
_DYNAMIC_RATE = 0x009A0903
# what a picture can be made of, the best first: bytes a point and OpenCV's conversion to RGB; then JPEG
_PACKED: dict[str, tuple[int, int | None]] = {
    "YUYV": (2, cv2.COLOR_YUV2RGB_YUYV),
    "UYVY": (2, cv2.COLOR_YUV2RGB_UYVY),
    "RGB24": (3, None),
    "BGR24": (3, cv2.COLOR_BGR2RGB),
    "GREY": (1, cv2.COLOR_GRAY2RGB),
}
_JPEG = ("MJPEG", "JPEG")
_FORMATS = (*_PACKED, *_JPEG)


def list_devices(folder: Path = Path("/dev")) -> list[DeviceInfo]:
    """Every camera of this machine with its modes; one that may not be opened says so in `problem`."""
    files = sorted(folder.glob("video*"), key=lambda file: (len(file.name), file.name))
    return [info for info in map(_describe, files) if info is not None]


def _describe(path: Path) -> DeviceInfo | None:
    from linuxpy.video.device import Capability, Device

    try:
        opened: Any = Device(path)  # its attributes are declared as if they could be missing
        with opened as device:
            if Capability.VIDEO_CAPTURE not in device.info.device_capabilities:
                return None  # the second file of a UVC camera, for its metadata
            return DeviceInfo(str(path), device.info.card, device.info.bus_info, _modes_of(device))
    except OSError as err:
        return DeviceInfo(str(path), path.name, "", (), problem=err.strerror or str(err))


def find_device(wanted: str) -> str:
    """File of the camera that a number, a '/dev/videoN' or a (part of a) name stands for.

    Raises
    ------
    DataError
        There is none, or the name fits several.
    """
    if wanted.isdecimal():
        wanted = f"/dev/video{wanted}"
    if wanted.startswith("/dev/"):
        if not Path(wanted).exists():
            raise device_missing(wanted, list_devices())
        return wanted
    devices = list_devices()
    fits = [d for d in devices if wanted.casefold() in d.name.casefold()]
    exact = [d for d in fits if d.name.casefold() == wanted.casefold()]
    if len(exact or fits) != 1:
        raise device_missing(wanted, exact or fits or devices, several=bool(fits))
    return (exact or fits)[0].path


def choose_mode(modes: tuple[CameraMode, ...], request: Request) -> CameraMode | None:
    """The mode nearest to what is asked for: size first, then rate, then the format that costs least; None of none."""
    known = [mode for mode in modes if mode.pixel_format in _FORMATS]
    size = request.size or (640, 480)
    fps = request.fps or 30.0

    def cost(mode: CameraMode) -> tuple[float, float, int]:
        away = abs(mode.width - size[0]) + abs(mode.height - size[1])
        return (away, max(0.0, fps - mode.fps - 0.01), _FORMATS.index(mode.pixel_format))

    return min(known, key=cost, default=None)


class V4l2Capture(Capture):
    """One camera of Linux.

    Parameters
    ----------
    wanted : str
        Number, file or name.
    request : Request
    clock : callable
        LSL seconds. On Linux it is the monotonic clock, which also stamps V4L2's buffers.

    Raises
    ------
    DataError
        No such camera, none of its formats can be read, or it is in use.
    """

    stamped = "driver"

    def __init__(self, wanted: str, request: Request, clock: Callable[[], float] = pylsl.local_clock) -> None:
        from linuxpy.video.device import BufferType, Device, PixelFormat, VideoCapture

        path = find_device(wanted)
        self._clock, self._grey = clock, request.grey
        self._stream: Any = None
        self._device: Any = Device(path)
        try:
            self._device.open()
            card = self._device.info.card
            mode = choose_mode(_modes_of(self._device), request)
            if mode is None:
                raise DataError(f"camera '{card}' gives no picture format that can be read: wanted YUYV, GREY or MJPG")
            _require_size(card, mode, request)
            self._stream = VideoCapture(self._device, size=_BUFFERS)
            self._stream.set_format(mode.width, mode.height, PixelFormat[mode.pixel_format])
            with suppress(OSError):  # not every driver lets its rate be set
                self._stream.set_fps(request.fps or min(mode.fps, 30.0))
            reached = self._stream.get_format()
            claimed = float("nan")
            with suppress(OSError, ZeroDivisionError):
                claimed = float(self._device.get_fps(BufferType.VIDEO_CAPTURE))
            self._row_bytes = int(reached.bytes_per_line)
            self.mode = CameraMode(reached.width, reached.height, claimed, reached.pixel_format.name)
            self.name = card
            self.controls = V4l2Controls(self._device)
            self._stream.open()
        except OSError as err:
            self.close()
            raise DataError(
                f"camera '{path}' cannot be used: {err.strerror or err}; is another program using it?"
            ) from err
        except BaseException:
            self.close()
            raise

    def read(self) -> Picture | None:
        """The next picture; None where none came within a quarter of a second."""
        assert self._stream is not None
        ready, _, _ = select.select([self._device.fileno()], [], [], _WAIT_S)
        if not ready:
            return None
        frame = self._stream.buffer.raw_read()
        now = self._clock()
        # the driver's stamp is the beginning or end of the exposure on the monotonic clock, where it keeps to the rules
        own = float(frame.timestamp)
        stamp = own if 0.0 <= now - own < _STALE_S else now
        image = self._decode(frame.data)
        return None if image is None else Picture(image, stamp, int(frame.frame_nb))

    def close(self) -> None:
        """Give the camera back."""
        stream, self._stream = self._stream, None
        with suppress(OSError, ValueError):
            if stream is not None:
                stream.close()
        with suppress(OSError, ValueError):
            self._device.close()

    def _decode(self, data: bytes) -> UInt8 | None:
        return decode(data, self.mode, self._row_bytes, grey=bool(self._grey))


def decode(data: bytes, mode: CameraMode, row_bytes: int, *, grey: bool) -> UInt8 | None:
    """A buffer as (height, width) grey or (height, width, 3) RGB; None where it is damaged or cut short.

    Parameters
    ----------
    data : bytes
    mode : CameraMode
    row_bytes : int
        From one row to the next, for drivers that pad them.
    grey : bool
    """
    raw = np.frombuffer(data, np.uint8)
    if mode.pixel_format in _JPEG:
        image = cv2.imdecode(raw, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR)
        if image is None or image.shape[:2] != (mode.height, mode.width):
            return None
        return bytes_of(image if grey else cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    depth, code = _PACKED[mode.pixel_format]
    row_bytes = max(row_bytes, depth * mode.width)
    if raw.size < mode.height * row_bytes:
        return None
    rows = raw[: mode.height * row_bytes].reshape(mode.height, row_bytes)[:, : depth * mode.width]
    packed = np.ascontiguousarray(rows).reshape((mode.height, mode.width, depth) if depth > 1 else rows.shape)
    if depth == 1 and grey:
        return packed.copy()
    rgb = packed.copy() if code is None else cv2.cvtColor(packed, code)
    return bytes_of(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY) if grey else rgb)


class V4l2Controls:
    """Controls of one camera; see `realtime.devices.controls.CameraControls`."""

    def __init__(self, device: Any) -> None:
        self._controls = device.controls

    def _find(self, number: int) -> Any | None:
        with suppress(OSError, KeyError):
            return self._controls[number]
        return None

    def value(self, name: ControlName) -> float | None:
        control = self._find(_CONTROLS[name][0])
        return None if control is None else float(control.value)

    def automatic(self, name: ControlName) -> bool | None:
        _, switch, manual = _CONTROLS[name]
        control = self._find(switch)
        return None if control is None else int(control.value) != manual

    def set_automatic(self, name: ControlName, on: bool) -> None:
        _, switch, manual = _CONTROLS[name]
        control = self._find(switch)
        if control is None or (int(control.value) != manual) == on:
            return
        if not on:
            control.value = manual
        elif name != "exposure":
            control.value = 1
        else:
            try:
                control.value = _APERTURE_PRIORITY
            except OSError:
                control.value = _AUTO_EXPOSURE

    def set_value(self, name: ControlName, value: float) -> None:
        control = self._find(_CONTROLS[name][0])
        if control is not None:
            control.value = round(value)

    def keep_rate(self) -> None:
        control = self._find(_DYNAMIC_RATE)
        if control is not None:
            control.value = 0


def _modes_of(device: Any) -> tuple[CameraMode, ...]:
    return tuple(CameraMode(t.width, t.height, float(t.max_fps), t.pixel_format.name) for t in device.info.frame_types)


def _require_size(card: str, mode: CameraMode, request: Request) -> None:
    if request.size is not None and request.size != (mode.width, mode.height):
        raise DataError(
            f"camera '{card}' has no mode of {request.size[0]}x{request.size[1]}; the nearest is "
            f"{mode.width}x{mode.height}: 'emostream camera --list' shows them all"
        )
