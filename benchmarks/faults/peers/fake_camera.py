"""A camera whose driver does whatever it is told: blocks, throws, drops, stands still, comes back."""

from __future__ import annotations

import queue
import threading

import numpy as np

from realtime.devices.controls import CameraControls
from realtime.devices.frames import Picture
from realtime.devices.sources import CameraMode
from realtime.errors import DataError

Step = Picture | Exception | threading.Event | None


class ManualClock:
    """Seconds that pass when a test says so."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class FakeCamera:
    """Each `read` takes the next step: gives a picture or None, raises, or blocks until the test sets an event."""

    name = "fake camera"
    stamped = "driver"

    def __init__(self, steps: queue.Queue[Step], fps: float = 30.0, controls: CameraControls | None = None) -> None:
        self.mode = CameraMode(32, 16, fps, "GREY")
        self.controls = controls
        self.steps = steps
        self.closed = threading.Event()

    def read(self) -> Picture | None:
        step = self.steps.get()
        if isinstance(step, Exception):
            raise step
        if isinstance(step, threading.Event):
            step.wait()
            return None
        return step

    def close(self) -> None:
        self.closed.set()


class Bench:
    """Opens fake cameras one after the other; `plugged` says whether there is one to open."""

    def __init__(self, fps: float = 30.0) -> None:
        self.fps = fps
        self.steps: queue.Queue[Step] = queue.Queue()
        self.cameras: list[FakeCamera] = []
        self.plugged = True
        self.tried = threading.Semaphore(0)

    def open(self, _source: str = "0", _request: object = None, _clock: object = None) -> FakeCamera:
        self.tried.release()
        if not self.plugged:
            raise DataError("no such device")
        self.steps = queue.Queue()
        self.cameras.append(FakeCamera(self.steps, self.fps))
        return self.cameras[-1]

    @property
    def camera(self) -> FakeCamera:
        """The one that was opened last."""
        return self.cameras[-1]


def picture(stamp: float, value: int = 0, sequence: int | None = None) -> Picture:
    """A small grey picture that differs with `value`."""
    return Picture(np.full((16, 32), value % 256, np.uint8), stamp, sequence)
