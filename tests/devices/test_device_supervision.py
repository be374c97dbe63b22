"""A device that blocks, throws or vanishes is told of at once, taken up again, and never hangs the program."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from benchmarks.faults.peers.fake_camera import Bench, ManualClock, picture
from realtime.devices.frames import Picture
from realtime.devices.supervision import EndOfSource, Incident, Patience, Supervisor
from realtime.errors import DataError

PATIENCE = Patience(stall_s=0.8, replace_s=2.0, retry_s=0.5, open_s=10.0)


def until(condition: Callable[[], object]) -> None:
    """Wait for another thread."""
    end = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


class Scene:
    """A supervisor over fake cameras on a manual clock."""

    def __init__(self) -> None:
        self.clock, self.bench = ManualClock(), Bench()
        self.taken: list[float] = []
        self.incidents: list[Incident] = []
        self.supervisor: Supervisor[Picture] = Supervisor(
            "camera 'x'", self.bench.open, self.take, self.incidents.append, patience=PATIENCE, clock=self.clock
        )

    def take(self, item: Picture) -> None:
        self.taken.append(item.stamp)

    def begin(self) -> None:
        self.supervisor.start()
        until(lambda: self.bench.cameras)
        self.give(1)

    def give(self, stamp: float) -> None:
        """A picture comes and is taken."""
        self.bench.steps.put(picture(stamp))
        until(lambda: stamp in self.taken)

    def passes(self, seconds: float) -> None:
        self.clock.now_s += seconds
        self.supervisor.step()

    def end(self, *blocked: threading.Event) -> None:
        """Let go of everything that a test has blocked, so that no thread is left."""
        for event in blocked:
            event.set()
        for camera in self.bench.cameras:
            camera.steps.put(EndOfSource())
        self.supervisor.stop()


def test_a_driver_that_blocks_is_told_of_and_taken_as_it_is_when_it_goes_on() -> None:
    scene = Scene()
    scene.begin()
    blocked = threading.Event()
    scene.bench.steps.put(blocked)
    scene.passes(0.5)
    assert scene.supervisor.state == "live"
    scene.passes(0.4)
    assert scene.supervisor.state == "lost"
    assert scene.incidents == [Incident("lost", "nothing came for 0.9 s", pytest.approx(0.9))]
    scene.passes(0.5)
    blocked.set()
    scene.give(2)
    assert scene.supervisor.state == "live"
    assert scene.incidents[1] == Incident("back", "nothing came for 0.9 s", pytest.approx(1.4))
    assert scene.supervisor.attempts == 1
    scene.end()


def test_a_driver_that_blocks_for_good_is_left_behind_and_the_camera_opened_anew() -> None:
    scene = Scene()
    scene.begin()
    first, blocked = scene.bench.camera, threading.Event()
    scene.bench.steps.put(blocked)
    scene.passes(0.9)
    scene.passes(1.2)  # more than two seconds since the last picture: another attempt
    until(lambda: len(scene.bench.cameras) == 2)
    scene.give(2)
    assert scene.supervisor.state == "live"
    # what the stuck thread brings when the driver lets it go is not taken, and its camera is closed
    first.steps.put(picture(99))
    blocked.set()
    until(first.closed.is_set)
    assert scene.taken == [1, 2]
    scene.end()


def test_a_camera_that_is_unplugged_is_told_of_at_once_and_found_when_it_is_plugged_in_again() -> None:
    scene = Scene()
    scene.begin()
    scene.bench.plugged = False
    scene.bench.steps.put(OSError(19, "No such device"))
    until(lambda: scene.supervisor.state == "lost")
    assert scene.incidents == [Incident("lost", "No such device", 0.0)]
    for _ in range(6):
        scene.passes(0.6)
        until(lambda: scene.supervisor.reason == "no such device")
    assert scene.supervisor.attempts > 2
    scene.bench.plugged = True
    until(lambda: scene.passes(0.1) or len(scene.bench.cameras) == 2)
    scene.give(2)
    assert [incident.kind for incident in scene.incidents] == ["lost", "back"]
    scene.end()


def test_a_stuck_driver_does_not_hold_the_program_up_at_its_end() -> None:
    scene = Scene()
    scene.begin()
    blocked = threading.Event()
    scene.bench.steps.put(blocked)
    until(lambda: scene.bench.steps.empty())
    scene.supervisor.stop()  # returns although the thread is stuck
    assert scene.bench.camera.closed.is_set() is False
    scene.bench.steps.put(picture(9))
    blocked.set()
    until(scene.bench.camera.closed.is_set)
    assert scene.taken == [1]


def test_what_fails_before_it_gave_anything_is_not_tried_again() -> None:
    scene = Scene()
    scene.bench.plugged = False
    scene.supervisor.start()
    until(lambda: scene.supervisor.state == "failed")
    with pytest.raises(DataError, match="no such device"):
        scene.supervisor.stop()
    silent = Scene()
    silent.supervisor.start()
    until(lambda: silent.bench.cameras)
    silent.passes(10.1)
    silent.bench.steps.put(EndOfSource())
    with pytest.raises(DataError, match="camera 'x' gives nothing within 10 s"):
        silent.supervisor.stop()


def test_an_error_of_the_consumer_is_no_reason_to_open_the_camera_again() -> None:
    scene = Scene()

    def refuse(_item: Picture) -> None:
        raise DataError("too large")

    scene.take = refuse  # type: ignore[method-assign]
    scene.supervisor = Supervisor("camera 'x'", scene.bench.open, refuse, patience=PATIENCE, clock=scene.clock)
    scene.supervisor.start()
    until(lambda: scene.bench.cameras)
    scene.bench.steps.put(picture(1))
    until(lambda: scene.supervisor.state == "failed")
    with pytest.raises(DataError, match="too large"):
        scene.supervisor.stop()
    assert scene.supervisor.attempts == 1


def test_a_driver_that_hangs_at_every_attempt_is_given_up() -> None:
    scene = Scene()
    scene.begin()
    events = [threading.Event() for _ in range(9)]
    for event in events:
        if scene.supervisor.state == "failed":
            break
        known = len(scene.bench.cameras)
        scene.bench.steps.put(event)
        until(lambda: scene.bench.steps.empty())
        scene.passes(2.1)
        scene.passes(0.1)
        until(lambda known=known: len(scene.bench.cameras) > known or scene.supervisor.state == "failed")
    assert scene.supervisor.state == "failed"
    with pytest.raises(DataError, match="hangs"):
        scene.end(*events)
    until(lambda: all(camera.closed.is_set() for camera in scene.bench.cameras))
