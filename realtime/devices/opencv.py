"""Cameras through OpenCV: macOS, Windows, and Linux without linuxpy. What the driver drops cannot be known here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pylsl

from realtime.devices.controls import ControlName
from realtime.devices.frames import Picture
from realtime.devices.sources import CameraMode, Capture, Request
from realtime.errors import DataError
from realtime.face._cv import bytes_of, cv2

_MANUAL_EXPOSURE, _AUTO_EXPOSURE = 0.25, 0.75  # what OpenCV's back ends of macOS and Windows take for off and on
_V4L_MANUAL, _V4L_AUTO = 1.0, 3.0
_VALUES: dict[ControlName, int] = {
    "exposure": cv2.CAP_PROP_EXPOSURE,
    "gain": cv2.CAP_PROP_GAIN,
    "white_balance": cv2.CAP_PROP_WB_TEMPERATURE,
    "focus": cv2.CAP_PROP_FOCUS,
}
_SWITCHES: dict[ControlName, int] = {
    "exposure": cv2.CAP_PROP_AUTO_EXPOSURE,
    "white_balance": cv2.CAP_PROP_AUTO_WB,
    "focus": cv2.CAP_PROP_AUTOFOCUS,
}


class OpenCvCapture(Capture):
    """One camera.

    Parameters
    ----------
    wanted : str
        Its number; OpenCV knows no names.
    request : Request
    clock : callable
        LSL seconds; asked when a picture was taken from the driver.

    Raises
    ------
    DataError
        No such camera, or it does not give the size that is asked for.
    """

    stamped = "grab"

    def __init__(self, wanted: str, request: Request, clock: Callable[[], float] = pylsl.local_clock) -> None:
        number = wanted.removeprefix("/dev/video")
        if not number.isdecimal():
            raise DataError(f"no camera '{wanted}': OpenCV knows cameras by number only, such as 0")
        self._clock, self._grey = clock, bool(request.grey)
        self._capture = cv2.VideoCapture(int(number))
        self.name = f"camera {number}"
        if not self._capture.isOpened():
            self._capture.release()
            raise DataError(f"{self.name} gives no picture; is it plugged in, and free of other programs?")
        if request.size is not None:
            self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, request.size[0])
            self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, request.size[1])
        if request.fps is not None:
            self._capture.set(cv2.CAP_PROP_FPS, request.fps)
        done, image = self._capture.read()
        if not done:
            self.close()
            raise DataError(f"{self.name} gives no picture; is it plugged in, and free of other programs?")
        height, width = image.shape[:2]
        if request.size not in (None, (width, height)):
            self.close()
            raise DataError(
                f"{self.name} gives {width}x{height} where {request.size} is asked for: choose another size"
            )
        claimed = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.mode = CameraMode(width, height, claimed if 0 < claimed <= 1000 else float("nan"), "BGR24")
        self.controls = OpenCvControls(self._capture)

    def read(self) -> Picture | None:
        """The next picture; blocks for as long as the driver does.

        Raises
        ------
        DataError
            The camera gives no more.
        """
        if not self._capture.grab():
            raise DataError("the driver gives no more pictures")
        stamp = self._clock()
        done, image = self._capture.retrieve()
        if not done:
            return None
        return Picture(bytes_of(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY if self._grey else cv2.COLOR_BGR2RGB)), stamp)

    def close(self) -> None:
        """Give the camera back."""
        self._capture.release()


class OpenCvControls:
    """Controls of one camera; see `realtime.devices.controls.CameraControls`. OpenCV says little of what it did."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture = capture
        v4l = capture.getBackendName() == "V4L2"
        self._manual, self._auto = (_V4L_MANUAL, _V4L_AUTO) if v4l else (_MANUAL_EXPOSURE, _AUTO_EXPOSURE)

    def value(self, name: ControlName) -> float | None:
        value = float(self._capture.get(_VALUES[name]))
        # back ends answer -1 or 0 for what they do not know; exposures of Windows are negative powers of two
        return None if value in (-1.0, 0.0) or not np.isfinite(value) else value

    def automatic(self, name: ControlName) -> bool | None:
        switch = _SWITCHES.get(name)
        if switch is None:
            return None
        value = float(self._capture.get(switch))
        if value == -1.0:
            return None
        return value != self._manual if name == "exposure" else value != 0.0

    def set_automatic(self, name: ControlName, on: bool) -> None:
        switch = _SWITCHES.get(name)
        if switch is not None:
            values = (self._auto, self._manual) if name == "exposure" else (1.0, 0.0)
            self._capture.set(switch, values[0] if on else values[1])

    def set_value(self, name: ControlName, value: float) -> None:
        if not self._capture.set(_VALUES[name], value):
            raise DataError(f"the driver refuses {name} {value:g}")

    def keep_rate(self) -> None:
        """OpenCV has no such control."""
