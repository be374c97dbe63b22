"""A calibration minute, cut short: EEG -> ICA matrix -> the engine that uses it."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import numpy as np
import pytest
from e2e import Command, beside, check_predictions, emostream, new_session, read_summary

from realtime.calibrate.person import PersonCalibration

pytestmark = pytest.mark.end_to_end


def test_calibration_of_a_simulated_participant_is_used(tmp_path: Path) -> None:
    name = new_session()
    with beside(tmp_path, "simulate", session=name) as participant:
        with Command("calibrate", "c.npz", "--seconds", 25, folder=tmp_path, session=name) as command:
            command.until(lambda: "Close your eyes" in command.said)
            # a radio link that stands still, and then catches up, is no reason to start again
            participant.send(signal.SIGSTOP)
            time.sleep(1.5)
            participant.send(signal.SIGCONT)
            done = command.wait()
        assert done.code == 0, done.err
        assert "Close your eyes" in done.err
        assert "calibration saved as c.npz" in done.out
        person = PersonCalibration.load(tmp_path / "c.npz")
        assert person.eeg is not None
        assert person.baseline is not None
        assert person.face is not None
        calibration = person.eeg
        run = ("run", "--headless", "--no-video", "--calibration", "c.npz", "--seconds", 5, "--summary", "s.json")
        done = emostream(*run, folder=tmp_path, session=name)
        face = emostream("calibrate", "c.npz", "--no-eeg", "--seconds", 25, "--force", folder=tmp_path, session=name)
    assert (face.code, face.err.count("Keep a neutral face"), face.err.count("eyes")) == (0, 1, 0), face.err
    person = PersonCalibration.load(tmp_path / "c.npz")
    assert (person.eeg, person.baseline) == (None, None)
    assert person.face is not None
    assert [phase["name"] for phase in person.report["phases"]] == ["neutral"]
    assert done.code == 0, done.err
    assert len(calibration.channels) == 62
    assert len(calibration.correlations) >= 1, "the participant blinks"
    assert not np.allclose(calibration.matrix, np.eye(62))
    summary = read_summary(tmp_path / "s.json")
    check_predictions(summary)
    assert summary["eeg"]["lost"] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.npz", "s.json"]
