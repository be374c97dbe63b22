"""Pictures of a simulated face for the benchmarks: rendered once, then shown to the end and back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import cv2

from realtime.packets import UInt8
from simulators.cohort import unseen_person
from simulators.face import FaceSimulator
from simulators.scenario import make_scenario

FPS, N_FRAMES = 30.0, 150


def simulated_frames(fps: float = FPS, n: int = N_FRAMES) -> list[UInt8]:
    """A simulated face from ten seconds into a session on, grey."""
    cv2.setNumThreads(1)
    person = unseen_person(3)
    simulator = FaceSimulator(person, make_scenario(person, 60.0, 3), fps=fps)
    first = round(10.0 * fps)
    return [simulator.frame(index) for index in range(first, first + n)]


def back_and_forth(frames: list[UInt8]) -> Iterator[UInt8]:
    """To the end and back again, for ever, so that the head never jumps."""
    path = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    return (frames[path[i % len(path)]] for i in count())
