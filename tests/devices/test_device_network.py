"""A camera of the network: MJPEG over HTTP on the loopback, cut off and taken up again; addresses without secrets."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from rtsp_server import FPS, RtspCamera

from realtime.devices.camera import CameraNode, CameraOptions
from realtime.devices.frames import Picture
from realtime.devices.network import AddressCapture, shown_address
from realtime.devices.sources import Request
from realtime.errors import ConfigurationError, DataError
from realtime.face._cv import cv2

N_PICTURES = 12


class _Camera(BaseHTTPRequestHandler):
    """Sends a dozen pictures, each brighter than the last, and hangs up."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        self.end_headers()
        with suppress(OSError):  # whoever reads has enough
            for value in range(N_PICTURES):
                done, data = cv2.imencode(".jpg", np.full((48, 64, 3), 20 * value, np.uint8))
                assert done
                head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {data.size}\r\n\r\n"
                self.wfile.write(head.encode() + data.tobytes() + b"\r\n")

    def log_message(self, *_: object) -> None:
        pass


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True


@pytest.fixture
def port() -> Iterator[int]:
    with _Server(("127.0.0.1", 0), _Camera) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 30.0
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def read_all(capture: AddressCapture, into: list[Picture]) -> None:
    while (picture := capture.read()) is not None:
        into.append(picture)


@pytest.mark.parametrize("grey", [True, False])
def test_pictures_come_in_order_until_the_camera_hangs_up(port: int, grey: bool) -> None:
    now = iter(np.arange(1000.0, 2000.0))
    capture = AddressCapture(f"http://me:secret@127.0.0.1:{port}/live", Request(grey=grey), lambda: float(next(now)))
    assert capture.name == f"http://127.0.0.1:{port}/live"
    assert (capture.mode.width, capture.mode.height) == (64, 48)
    pictures: list[Picture] = []
    with pytest.raises(DataError, match="the connection"):
        read_all(capture, pictures)
    capture.close()
    # FFmpeg may keep the first one, by which it learns what is sent
    assert len(pictures) in (N_PICTURES - 1, N_PICTURES)
    assert all(p.image.shape == ((48, 64) if grey else (48, 64, 3)) for p in pictures)
    levels = [float(p.image.mean()) for p in pictures]
    np.testing.assert_allclose(levels, 20.0 * np.arange(N_PICTURES)[-len(levels) :], atol=3.0)
    assert [p.stamp for p in pictures] == list(np.arange(1000.0, 1000.0 + len(pictures)))


def test_what_does_not_answer_is_an_error_of_one_line() -> None:
    with pytest.raises(DataError, match=r"cannot open http://127\.0\.0\.1:9/x: Connection refused"):
        AddressCapture("http://me:secret@127.0.0.1:9/x?key=hidden", Request())


def test_only_addresses_of_cameras_are_opened_and_secrets_are_not_shown() -> None:
    assert shown_address("rtsp://me:secret@cam.lab:554/live?key=hidden") == "rtsp://cam.lab:554/live"
    for wrong in ("file:///etc/passwd", "concat:a|b", "rtsp://", "http://[", "pipe://0"):
        with pytest.raises(ConfigurationError):
            shown_address(wrong)
    with pytest.raises(ConfigurationError, match="set in the camera itself"):
        AddressCapture("rtsp://127.0.0.1:9/x", Request(size=(640, 480)))


@pytest.mark.slow
@pytest.mark.usefixtures("lsl_session")
def test_an_rtsp_camera_is_measured_cut_off_and_found_again() -> None:
    with RtspCamera() as camera:
        node = CameraNode(CameraOptions(camera.address, Request(grey=True), tag="cam-rtsp"))
        node.start()
        until(lambda: node.step() or (node.info is not None and node.summary()["video"]["frames"] > 30))
        info = node.info
        assert info is not None
        assert (info.width, info.height, info.planes) == (160, 120, 1)
        assert info.fps == pytest.approx(FPS, rel=0.05)
        camera.hang_up()
        until(lambda: node.step() or [i["event"] for i in node.incidents] == ["camera_lost", "camera_back"])
        node.stop()
    told = node.summary()
    assert told["video"]["missed"] > 0
    assert told["incidents"][1]["away_s"] < 5.0
    assert "secret" not in str(told)
