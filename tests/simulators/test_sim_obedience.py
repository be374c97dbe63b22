"""The simulated participant does what the calibration asks, and the calibration sees it."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.calibrate.report import blinks_in
from realtime.packets import EegInfo
from simulators.obedience import Obedience
from simulators.person import make_person

RATE = 250.0
CHANNELS = ("Fp1", "Fp2", "T7", "T8", "C3", "C4", "O1", "O2")


def _asked(phase: str, seconds: float = 8.0) -> np.ndarray:
    person = Obedience(make_person(5), CHANNELS, RATE)
    assert person.response(np.arange(10.0)) is None
    person.hear("emostream-stimulus", {"event": "trial_start", "emotion": "sad"}, 100.0)
    person.hear("emostream-stimulus", {"event": "calibration_phase", "phase": phase, "seconds": seconds}, 100.0)
    added = person.response(100.0 + np.arange(round(seconds * RATE)) / RATE)
    assert person.response(np.array([100.0 + seconds + 1.0])) is None, "nothing after the phase"
    return np.zeros((len(CHANNELS), 1)) if added is None else added


def _rms(added: np.ndarray, name: str) -> float:
    return float(np.sqrt(np.mean(np.square(added[CHANNELS.index(name)]))))


def test_closed_eyes_bring_alpha_to_the_back_of_the_head() -> None:
    added = _asked("eyes_closed")
    spectrum = np.abs(np.fft.rfft(added[CHANNELS.index("O1")]))
    peak_hz = np.fft.rfftfreq(added.shape[1], 1 / RATE)[spectrum.argmax()]
    assert 8.0 <= peak_hz <= 13.0
    assert _rms(added, "O1") > 5.0 > 10.0 * _rms(added, "Fp1")


def test_blinks_come_every_two_seconds_and_are_found() -> None:
    added = _asked("blink", 8.5)
    info = EegInfo("x", "x", CHANNELS, RATE)
    assert blinks_in(info, added) == 4
    assert _rms(added, "Fp1") > 4.0 * _rms(added, "O1")


def test_clenched_teeth_show_at_the_temples() -> None:
    added = _asked("clench")
    assert _rms(added, "T7") > 10.0
    assert _rms(added, "C3") == 0.0


@pytest.mark.parametrize("phase", ["neutral", "eyes_open", "nonsense"])
def test_rest_adds_nothing(phase: str) -> None:
    assert not _asked(phase).any()
