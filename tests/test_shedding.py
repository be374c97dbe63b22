"""What is given up where the machine cannot keep up: the screen first, then video, never EEG, and all of it back."""

from __future__ import annotations

import numpy as np

from realtime.packets import BandPowerWindow, FaceObservation, MicroMovement, Prediction
from realtime.shedding import Shed, Shedding

FACE = FaceObservation(1.0, 0.9, np.zeros((468, 2), np.float32), np.zeros((256, 256), np.uint8), None)
POWERS = BandPowerWindow(np.zeros((2, 5), np.float32), 1.0, np.ones(2, bool))


def run(shedding: Shedding, from_s: float, seconds: float, age_s: float) -> list[Shed]:
    """EEG every 20 ms that is so late; what was given up meanwhile, changes only."""
    told = [shedding.now]
    for step in range(round(seconds / 0.02)):
        shedding.note(from_s + step * 0.02, age_s)
        if shedding.now != told[-1]:
            told.append(shedding.now)
    return told


def test_the_screen_goes_first_then_video_step_by_step_and_all_comes_back() -> None:
    shedding = Shedding(30.0)
    assert run(shedding, 0.0, 10.0, 0.004) == [Shed()]
    busy = run(shedding, 10.0, 10.0, 0.080)
    assert busy == [Shed(), Shed(True), Shed(True, 2), Shed(True, 3)]
    calm = run(shedding, 20.0, 30.0, 0.004)
    assert calm == busy[::-1]


def test_who_wants_everything_kept_gets_it_late() -> None:
    shedding = Shedding(30.0, allowed=False)
    run(shedding, 0.0, 10.0, 0.004)
    assert run(shedding, 10.0, 10.0, 0.080) == [Shed()]


def test_a_headset_s_own_delay_is_no_load_and_a_slow_replay_s_time_is_none_either() -> None:
    assert run(Shedding(30.0), 0.0, 20.0, 0.250) == [Shed()]
    shedding = Shedding(30.0)
    for step in range(2000):  # a replay at half speed: the stamps fall behind for ever
        shedding.note(step * 0.02, step * 0.01)
    assert shedding.now == Shed()
    shedding = Shedding(30.0)
    for step in range(3000):  # at ten times: they run ahead
        shedding.note(step * 0.02, -step * 0.18)
    assert shedding.now == Shed()


def test_a_single_late_chunk_in_half_a_minute_gives_nothing_up() -> None:
    shedding = Shedding(30.0)
    for step in range(3000):
        shedding.note(step * 0.02, 0.2 if step % 1500 == 7 else 0.004)
        assert shedding.now == Shed()


def test_answers_and_movements_are_published_whatever_is_given_up() -> None:
    shedding = Shedding(30.0)
    run(shedding, 0.0, 1.0, 0.004)
    run(shedding, 1.0, 5.0, 0.080)
    assert [shedding.published(POWERS) is not None for _ in range(8)].count(True) == 2
    face = shedding.published(FACE)
    assert isinstance(face, FaceObservation)
    assert (face.score, face.landmarks, face.crop) == (FACE.score, None, None)
    for kind in (Prediction, MicroMovement):
        result = object.__new__(kind)
        assert shedding.published(result) is result
    assert [index for index in range(10) if shedding.evaluates(index)] == [0, 3, 6, 9]
    assert all(Shedding().evaluates(index) for index in range(10))
