"""A camera on LSL: measured before it is there, numbered without a doubt, told of when it fails, filmed throughout."""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pylsl
import pytest

from benchmarks.faults.peers.fake_camera import Bench, FakeCamera, ManualClock
from realtime.devices.camera import CameraNode, CameraOptions
from realtime.devices.frames import Picture
from realtime.devices.opening import open_capture
from realtime.devices.supervision import EndOfSource, Patience
from realtime.errors import ConfigurationError, DataError
from realtime.face.capture import FileCapture

pytestmark = pytest.mark.usefixtures("lsl_session")

FPS = 20.0


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


class Studio:
    """A camera node over a fake camera; `shoot` makes pictures as a driver would."""

    def __init__(self, options: CameraOptions, claimed: float = FPS) -> None:
        self.clock, self.bench, self.said = ManualClock(), Bench(claimed), []
        patience = Patience(stall_s=0.8, replace_s=2.0, retry_s=0.1)
        self.node = CameraNode(
            options, say=self.said.append, opener=self.bench.open, patience=patience, clock=self.clock
        )
        self.rng = np.random.default_rng(0)
        self.image = self.rng.integers(0, 255, (16, 32), dtype=np.uint8)
        self.sequence = 0

    def begin(self) -> None:
        self.node.start()
        until(lambda: self.bench.cameras)
        self.shoot(40)
        until(lambda: self.node.info is not None)

    def shoot(self, count: int, *, frozen: bool = False) -> None:
        for _ in range(count):
            self.clock.now_s += 1.0 / FPS
            if not frozen:
                self.image = self.rng.integers(0, 255, (16, 32), dtype=np.uint8)
            self.bench.steps.put(Picture(self.image.copy(), self.clock.now_s, self.sequence))
            self.sequence += 1
        self.settle()

    def settle(self) -> None:
        """Until the reading thread has taken all there is and waits."""
        until(self.bench.steps.empty)
        self.node.step()
        time.sleep(0.02)

    @property
    def told(self) -> list[str]:
        return [incident["event"] for incident in self.node.incidents]

    def end(self) -> None:
        for camera in self.bench.cameras:
            camera.steps.put(EndOfSource())
        self.node.stop()


def indices_of(inlet: pylsl.StreamInlet, wanted: int) -> tuple[list[int], list[float]]:
    values, stamps = [], []
    end = time.monotonic() + 10.0
    while len(values) < wanted and time.monotonic() < end:
        rows, when = inlet.pull_chunk(timeout=0.2)
        values += [int(row[0]) for row in rows]
        stamps += when
    return values, stamps


def test_a_camera_s_life(tmp_path: Path) -> None:
    film = tmp_path / "all.mkv"
    studio = Studio(CameraOptions("0", name="left", tag="cam-a", film=film))
    studio.begin()
    info = studio.node.info
    assert info is not None
    assert (info.name, info.source_id) == ("emostream-video-left", "cam-a-left-video")
    assert (info.width, info.height, info.planes, info.fps) == (32, 16, 1, FPS)
    (found,) = pylsl.resolve_byprop("source_id", "cam-a-left-video-frames", 1, 10.0)
    inlet = pylsl.StreamInlet(found)
    inlet.open_stream(10.0)
    described = inlet.info(10.0).desc().child("device")
    assert described.child_value("dropped_frames") == "counted"
    assert described.child_value("stamps") == "driver"
    with pytest.raises(ConfigurationError, match="is on LSL already: give this one a --name"):
        CameraNode(CameraOptions("1", name="left", tag="cam-a"), opener=studio.bench.open).start()
    first = studio.node.summary()["video"]["frames"]

    studio.shoot(10)
    studio.sequence += 3  # the driver drops three
    studio.clock.now_s += 3 / FPS
    studio.shoot(5)
    assert studio.told == ["camera_dropped"]
    studio.shoot(20, frozen=True)
    assert studio.told[1:] == ["camera_frozen"]
    frozen = studio.node.incidents[-1]
    assert studio.clock.now_s - frozen["at_s"] < 1.0
    studio.shoot(1)
    assert studio.told[2:] == ["camera_moving"]
    studio.bench.plugged = False
    studio.bench.steps.put(OSError(19, "No such device"))
    until(lambda: studio.told[3:] == ["camera_lost"])
    studio.clock.now_s += 3.0
    studio.bench.plugged, studio.sequence = True, 0
    until(lambda: studio.node.step() or len(studio.bench.cameras) == 2)
    studio.shoot(4)
    until(lambda: studio.told[4:] == ["camera_back"])
    back = studio.node.incidents[-1]
    studio.end()

    values, stamps = indices_of(inlet, 40)
    assert len(values) == 40
    assert values[0] == first
    numbers = np.array(values)
    # the frame after each hole lies where the stamps say
    np.testing.assert_allclose((np.array(stamps) - stamps[0]) * FPS, numbers - numbers[0], atol=0.01)
    assert sorted(set(range(values[0], values[-1])) - set(values)) == [
        *range(values[9] + 1, values[9] + 4),
        *range(back["frame_index"] - 60, back["frame_index"]),
    ]
    told = studio.node.summary()
    assert (told["video"]["dropped"], told["video"]["missed"]) == (3, 60)
    shown = [round(frame.stamp * FPS) for frame in FileCapture(film)]
    assert shown[-40:] == values
    assert json.loads(film.with_suffix(".json").read_text())["frames"] == told["video"]["frames"] == len(shown)


def test_the_rate_on_lsl_is_the_measured_one_where_the_driver_claims_another() -> None:
    studio = Studio(CameraOptions("0", tag="cam-b"), claimed=30.0)
    studio.begin()
    info = studio.node.info
    assert info is not None
    assert info.fps == pytest.approx(FPS, rel=1e-3)
    assert any("says 30 frames a second and gives 20.00; more light" in line for line in studio.said)
    studio.end()


def test_locked_settings_are_told_and_set_again_when_the_camera_comes_back() -> None:
    class Controls:
        def __init__(self) -> None:
            self.exposure, self.auto = 156.0, True

        def value(self, name: str) -> float | None:
            return self.exposure if name == "exposure" else None

        def automatic(self, name: str) -> bool | None:
            return self.auto if name == "exposure" else None

        def set_automatic(self, _name: str, on: bool) -> None:
            self.auto = on

        def set_value(self, _name: str, value: float) -> None:
            self.exposure = value

        def keep_rate(self) -> None:
            pass

    clock, steps, controls = ManualClock(), queue.Queue(), [Controls(), Controls()]
    opened: list[FakeCamera] = []

    def opener(*_: object) -> FakeCamera:
        controls[len(opened)].exposure = (156.0, 333.0)[len(opened)]
        opened.append(FakeCamera(steps, FPS, controls[len(opened)]))
        return opened[-1]

    said: list[str] = []
    node = CameraNode(CameraOptions("0", tag="cam-c"), say=said.append, opener=opener, clock=clock)
    node.start()
    rng, level = np.random.default_rng(0), [100]

    def shoot(count: int) -> None:
        for _ in range(count):
            clock.now_s += 1.0 / FPS
            steps.put(Picture(rng.integers(level[0], level[0] + 9, (16, 32), dtype=np.uint8), clock.now_s))
            until(steps.empty)

    shoot(24)  # a second to settle
    until(lambda: not controls[0].auto)
    level[0] = 40  # what the driver took for the same exposure is darker
    shoot(40)
    until(lambda: node.info is not None)
    assert "exposure: locked at 156" in said
    assert any("changed the picture's brightness from 10" in line for line in said), said
    steps.put(OSError(19, "No such device"))
    until(lambda: node.incidents)
    clock.now_s += 1.0
    until(lambda: node.step() or len(opened) == 2)
    shoot(1)
    until(lambda: [i["event"] for i in node.incidents] == ["camera_lost", "camera_back"])
    assert (controls[1].exposure, controls[1].auto) == (156.0, False)
    steps.put(EndOfSource())
    node.stop()


def test_a_camera_that_never_gives_a_picture_is_an_error_of_one_line() -> None:
    studio = Studio(CameraOptions("0", tag="cam-d"))
    studio.bench.plugged = False
    studio.node.start()
    until(lambda: not studio.node.running)
    with pytest.raises(DataError, match="no such device"):
        studio.node.stop()


@pytest.mark.slow
def test_a_blocked_driver_does_not_hold_the_end_up() -> None:
    studio = Studio(CameraOptions("0", tag="cam-e"))
    studio.begin()
    blocked = threading.Event()
    studio.bench.steps.put(blocked)
    until(studio.bench.steps.empty)
    studio.node.stop()
    studio.bench.steps.put(EndOfSource())
    blocked.set()
    until(studio.bench.camera.closed.is_set)


@pytest.mark.real_data
def test_a_film_in_a_camera_s_place_keeps_its_own_times(data_dir: Path) -> None:
    path = data_dir / "face" / "single_face.mp4"
    clock = ManualClock(50.0)

    def fast(source: str, request: object, _clock: object) -> object:
        capture = open_capture(source, request, clock)  # type: ignore[arg-type]
        capture._sleep = lambda s: setattr(clock, "now_s", clock.now_s + s)  # type: ignore[attr-defined]
        return capture

    film = list(FileCapture(path))
    node = CameraNode(CameraOptions(str(path), tag="cam-f"), opener=fast, clock=clock)  # type: ignore[arg-type]
    node.start()
    until(lambda: not node.running)
    node.stop()
    told = node.summary()["video"]
    assert (told["frames"], told["dropped"], told["missed"]) == (len(film), 0, 0)
    assert told["fps"] == 30.0
    assert told["measured_fps"] == pytest.approx((len(film) - 1) / (film[-1].stamp - film[0].stamp))
