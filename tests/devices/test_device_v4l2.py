"""Cameras of Linux as far as they can be tested without one: formats, modes, controls, stamps, the driver's count."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("linuxpy", reason="the extra 'camera'")

from realtime.devices.controls import lock_controls
from realtime.devices.sources import CameraMode, DeviceInfo, Request
from realtime.devices.v4l2 import V4l2Capture, V4l2Controls, choose_mode, decode, find_device, list_devices
from realtime.errors import DataError
from realtime.face._cv import cv2

MODES = (
    CameraMode(640, 480, 30.0, "YUYV"),
    CameraMode(640, 480, 60.0, "MJPEG"),
    CameraMode(1280, 720, 10.0, "YUYV"),
    CameraMode(1280, 720, 60.0, "MJPEG"),
    CameraMode(640, 480, 90.0, "H264"),
)


@pytest.mark.parametrize(
    ("request_", "chosen"),
    [
        (Request(), MODES[0]),
        (Request(fps=60.0), MODES[1]),
        (Request(size=(1280, 720)), MODES[3]),
        (Request(size=(1280, 720), fps=10.0), MODES[2]),
        (Request(size=(1920, 1080)), MODES[3]),
    ],
)
def test_the_mode_is_the_one_asked_for_in_the_format_that_costs_least(request_: Request, chosen: CameraMode) -> None:
    assert choose_mode(MODES, request_) == chosen


def test_a_camera_with_compressed_video_alone_has_no_mode() -> None:
    assert choose_mode(MODES[4:], Request()) is None


@pytest.mark.parametrize("pixel_format", ["YUYV", "UYVY", "RGB24", "BGR24", "GREY", "MJPEG"])
@pytest.mark.parametrize("padding", [0, 6])
def test_every_format_gives_the_picture(pixel_format: str, padding: int) -> None:
    value = np.tile(np.linspace(40, 200, 64, dtype=np.uint8), (48, 1))
    rgb = np.stack([value, value, value], axis=-1)
    packed = {
        "YUYV": np.stack([16 + (value * 0.859).astype(np.uint8), np.full_like(value, 128)], axis=-1),
        "UYVY": np.stack([np.full_like(value, 128), 16 + (value * 0.859).astype(np.uint8)], axis=-1),
        "RGB24": rgb,
        "BGR24": rgb[..., ::-1],
        "GREY": value,
    }
    if pixel_format == "MJPEG":
        data, row = cv2.imencode(".jpg", rgb)[1].tobytes(), 0
    else:
        rows = packed[pixel_format].reshape(48, -1)
        padded = np.pad(rows, ((0, 0), (0, padding)))
        data, row = padded.tobytes(), padded.shape[1]
    mode = CameraMode(64, 48, 30.0, pixel_format)
    grey, colour = decode(data, mode, row, grey=True), decode(data, mode, row, grey=False)
    assert grey is not None
    assert colour is not None
    np.testing.assert_allclose(grey.astype(int), value, atol=3)
    np.testing.assert_allclose(colour.astype(int), rgb, atol=3)
    assert decode(data[: len(data) // 2 if pixel_format != "MJPEG" else 20], mode, row, grey=True) is None


class _Control:
    def __init__(self, value: int, *, accepts: tuple[int, ...] | None = None) -> None:
        self._value, self._accepts = value, accepts

    @property
    def value(self) -> int:
        return self._value

    @value.setter
    def value(self, value: int) -> None:
        if self._accepts is not None and value not in self._accepts:
            raise OSError(22, "Invalid argument")
        self._value = value


EXPOSURE_AUTO, EXPOSURE, DYNAMIC_RATE, GAIN = 0x009A0901, 0x009A0902, 0x009A0903, 0x00980913


def test_a_uvc_camera_s_exposure_is_locked_and_its_rate_kept() -> None:
    controls = {EXPOSURE_AUTO: _Control(3, accepts=(1, 3)), EXPOSURE: _Control(250), DYNAMIC_RATE: _Control(1)}
    device: Any = SimpleNamespace(controls=controls)
    settings = {s.name: str(s) for s in lock_controls(V4l2Controls(device))}
    assert settings == {"exposure": "locked at 250", "gain": "absent", "white_balance": "absent", "focus": "absent"}
    assert (controls[EXPOSURE_AUTO].value, controls[DYNAMIC_RATE].value) == (1, 0)
    controls[GAIN] = _Control(5)
    exposure, gain, *_ = lock_controls(V4l2Controls(device), exposure="auto", gain=9.0)
    assert (str(exposure), str(gain)) == ("auto", "locked at 9")
    assert controls[EXPOSURE_AUTO].value == 3


def test_stamps_are_the_driver_s_where_they_can_be_and_its_count_is_kept() -> None:
    ready, other = os.pipe()
    os.write(other, b"x")  # what a camera with a picture looks like to select
    clock = [100.0]
    mode = CameraMode(4, 2, 30.0, "GREY")
    frames = iter(
        SimpleNamespace(data=bytes(range(8)), timestamp=stamp, frame_nb=number)
        for stamp, number in ((99.98, 7), (1.7e9, 8), (12.0, 12))
    )
    capture: Any = V4l2Capture.__new__(V4l2Capture)
    capture._clock, capture._grey, capture._row_bytes, capture.mode = lambda: clock[0], True, 4, mode
    capture._device = SimpleNamespace(fileno=lambda: ready, close=lambda: None)
    capture._stream = SimpleNamespace(buffer=SimpleNamespace(raw_read=lambda: next(frames)), close=lambda: None)
    pictures = [capture.read() for _ in range(3)]
    assert [p.stamp for p in pictures] == [99.98, 100.0, 100.0]  # a wall clock's, and a stale one, are not believed
    assert [p.sequence for p in pictures] == [7, 8, 12]
    np.testing.assert_array_equal(pictures[0].image, np.arange(8, dtype=np.uint8).reshape(2, 4))
    os.read(ready, 1)
    assert capture.read() is None
    capture.close()
    os.close(ready)
    os.close(other)


def test_cameras_that_are_not_there_are_named(tmp_path: Path) -> None:
    assert list_devices(tmp_path) == []
    (tmp_path / "video0").write_bytes(b"")  # a file, and no camera
    (device,) = list_devices(tmp_path)
    assert device.problem
    with pytest.raises(DataError, match="no camera '/dev/video97'; found:"):
        find_device("97")
    with pytest.raises(DataError, match="no camera 'Nobody's camera'; found:"):
        find_device("Nobody's camera")


def test_a_name_that_fits_two_cameras_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from realtime.devices import v4l2

    found = [DeviceInfo(f"/dev/video{i}", name, "usb", ()) for i, name in enumerate(("Cam A", "Cam B", "Cam"))]
    monkeypatch.setattr(v4l2, "list_devices", lambda: found)
    assert find_device("cam b") == "/dev/video1"
    assert find_device("CAM") == "/dev/video2"  # the whole name
    with pytest.raises(DataError, match="'ca' fits 3 cameras: /dev/video0 'Cam A'"):
        find_device("ca")


class _Device:
    """What is used of linuxpy's Device; the names are checked against it."""

    def __init__(self, path: str) -> None:
        from linuxpy.video.device import PixelFormat

        self.path, self.is_open = path, False
        self.controls: dict[int, _Control] = {}
        types = [
            SimpleNamespace(width=m.width, height=m.height, max_fps=m.fps, pixel_format=PixelFormat[m.pixel_format])
            for m in MODES
        ]
        self.info = SimpleNamespace(card="Fake", bus_info="usb-1", frame_types=types)

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False

    def get_fps(self, _buffer_type: object) -> float:
        return 60.0

    def fileno(self) -> int:
        raise NotImplementedError


class _Stream:
    """What is used of linuxpy's VideoCapture."""

    def __init__(self, device: _Device, size: int) -> None:
        self.device, self.size, self.on = device, size, False
        self.buffer = None

    def set_format(self, width: int, height: int, pixel_format: object) -> None:
        self.format = SimpleNamespace(width=width, height=height, pixel_format=pixel_format, bytes_per_line=0)

    def get_format(self) -> SimpleNamespace:
        return self.format

    def set_fps(self, fps: float) -> None:
        self.fps = fps

    def open(self) -> None:
        if self.fps > 60.0:
            raise OSError(16, "Device or resource busy")
        self.on = True

    def close(self) -> None:
        self.on = False


def test_a_camera_is_opened_in_its_mode_and_closed_where_it_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    from linuxpy.video import device as library

    from realtime.devices import v4l2

    for ours, theirs in ((_Device, library.Device), (_Stream, library.VideoCapture)):
        assert {n for n in vars(ours) if not n.startswith("_")} <= set(dir(theirs))
    opened: list[_Device] = []

    def make(path: str) -> _Device:
        opened.append(_Device(path))
        return opened[-1]

    monkeypatch.setattr(v4l2, "find_device", lambda wanted: wanted)
    monkeypatch.setattr(library, "Device", make)
    monkeypatch.setattr(library, "VideoCapture", _Stream)
    capture = V4l2Capture("/dev/video0", Request(size=(1280, 720), fps=60.0), lambda: 0.0)
    assert str(capture.mode) == "1280x720 at 60 a second MJPEG"
    assert capture.name == "Fake"
    capture.close()
    capture.close()
    assert not opened[0].is_open
    with pytest.raises(DataError, match="no mode of 320x240; the nearest is 640x480"):
        V4l2Capture("/dev/video0", Request(size=(320, 240)), lambda: 0.0)
    with pytest.raises(DataError, match="cannot be used: Device or resource busy; is another program using it"):
        V4l2Capture("/dev/video0", Request(fps=90.0), lambda: 0.0)
    assert not any(device.is_open for device in opened)
