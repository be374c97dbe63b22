"""`emostream camera` over a driver that fails on command: `python -m benchmarks.faults.peers.camera_node TAG`.

Sends a simulated face. One word a line on standard input: 'block' (the driver hangs in a read, for ever), 'throw' (it
raises), 'unplug' (it raises, and cannot be opened until 'plug'). Each is answered with the LSL time.
"""

from __future__ import annotations

import json
import select
import sys
import threading
import time

import pylsl

from realtime.devices.camera import CameraNode, CameraOptions
from realtime.devices.controls import CameraControls
from realtime.devices.frames import Picture
from realtime.devices.sources import CameraMode
from realtime.errors import DataError
from realtime.lsl import session
from simulators.face import FaceSimulator
from simulators.person import make_person
from simulators.scenario import make_scenario

FPS = 20.0
_SIZE = (320, 240)
_PICTURES = 200
_STEP_S = 0.05


class Driver:
    """What all attempts to open the camera share: pictures, and what is wrong."""

    def __init__(self) -> None:
        person = make_person(13)
        face = FaceSimulator(person, make_scenario(person, 60.0, 13), FPS, _SIZE)
        self.pictures = [face.frame(index) for index in range(_PICTURES)]
        self.plugged, self.throwing = True, False
        self.blocked: Camera | None = None
        self.newest: Camera | None = None

    def open(self, *_asked: object) -> Camera:
        """A camera, where it is plugged in."""
        if not self.plugged:
            raise DataError("no such device")
        self.newest = Camera(self)
        return self.newest

    def obey(self, word: str) -> None:
        """Do one thing wrong, or right again."""
        match word:
            case "block":
                self.blocked = self.newest
            case "throw":
                self.throwing = True
            case "unplug":
                self.plugged = False
            case "plug":
                self.plugged = True
            case _:
                raise SystemExit(f"unknown order {word}")


class Camera:
    """One opened camera."""

    name, stamped = "fake camera", "driver"
    controls: CameraControls | None = None
    mode = CameraMode(*_SIZE, FPS, "GREY")

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._next_s = pylsl.local_clock()
        self._count = 0

    def read(self) -> Picture | None:
        self._next_s += 1.0 / FPS
        time.sleep(max(0.0, self._next_s - pylsl.local_clock()))
        driver = self._driver
        if driver.blocked is self:
            threading.Event().wait()
        if not driver.plugged:
            raise OSError(19, "No such device")
        if driver.throwing:
            driver.throwing = False
            raise RuntimeError("the driver fell over")
        self._count += 1
        return Picture(driver.pictures[self._count % _PICTURES], self._next_s, self._count)

    def close(self) -> None:
        pass


def main() -> None:
    """Run until standard input ends."""
    session.configure()
    driver = Driver()
    node = CameraNode(CameraOptions("0", tag=sys.argv[1]), opener=driver.open)
    node.start()
    while node.info is None:
        node.step()
        time.sleep(_STEP_S)
    print(json.dumps({"at": pylsl.local_clock()}), flush=True)
    while True:
        node.step()
        if select.select([sys.stdin], [], [], _STEP_S)[0]:
            line = sys.stdin.readline()
            if not line:
                break
            driver.obey(json.loads(line)["do"])
            print(json.dumps({"at": pylsl.local_clock()}), flush=True)


if __name__ == "__main__":
    main()
