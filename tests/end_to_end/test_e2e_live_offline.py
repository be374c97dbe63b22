"""A recorded session analysed offline equals its live output."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from e2e import ROOT

from emostream import DEMO_CHECKPOINT
from models.recognizer import TorchRecognizer
from realtime.analysis.feeding import feed, in_time_order
from realtime.config import Config, SessionConfig
from realtime.eeg.files import iter_chunks, read_recording
from realtime.engine import Engine
from realtime.face.capture import FileCapture
from realtime.lsl import session
from realtime.lsl.discovery import find_stream
from realtime.packets import BandPowerWindow, EegInfo, FaceObservation, Prediction, Result
from realtime.runner import LiveRunner

pytestmark = [pytest.mark.end_to_end, pytest.mark.real_data]

_SECONDS = 9.0


class _Kept:
    """A sink that keeps everything, by kind."""

    def __init__(self) -> None:
        self.windows: list[BandPowerWindow] = []
        self.predictions: list[Prediction] = []
        self.observations: list[FaceObservation] = []

    def write(self, result: Result) -> None:
        if isinstance(result, BandPowerWindow):
            self.windows.append(result)
        elif isinstance(result, Prediction):
            self.predictions.append(result)
        elif isinstance(result, FaceObservation):
            self.observations.append(result)


def _offline(recording: Path, video: Path) -> _Kept:
    eeg, kept = read_recording(recording), _Kept()
    engine = Engine(TorchRecognizer.from_checkpoint(DEMO_CHECKPOINT), eeg=eeg.info, has_video=True, config=Config())
    chunks = (chunk for chunk in iter_chunks(eeg) if chunk.stamps[-1] < _SECONDS)
    frames = (frame for frame in FileCapture(video) if frame.stamp < _SECONDS)
    feed(engine, in_time_order(chunks, frames), [kept])
    return kept


def _live(recording: Path, video: Path) -> _Kept:
    session.configure()
    kept = _Kept()

    def sinks(_eeg: EegInfo | None) -> Sequence[_Kept]:
        return (kept,)

    sender = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("sender.py")), str(recording), str(video), str(_SECONDS)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        runner = LiveRunner(
            TorchRecognizer.from_checkpoint(DEMO_CHECKPOINT),
            eeg=find_stream(name="sent-eeg", timeout_s=30.0),
            video=find_stream(name="sent-video", timeout_s=30.0),
            truth=None,
            sinks=sinks,
            # a busy machine would give up frames and band powers, and that is tested elsewhere
            config=Config(session=SessionConfig(shed=False)),
        )
        runner.start()
        try:
            end_s = time.monotonic() + _SECONDS + 10.0
            while runner.health()[0].received < int(_SECONDS * 128.0):
                assert time.monotonic() < end_s, runner.health()
                runner.check()
                time.sleep(0.1)
        finally:
            runner.stop()
        assert [health.lost for health in runner.health()] == [0, 0]
    finally:
        sender.kill()
        sender.wait()
    return kept


@pytest.fixture(scope="module")
def both(data_dir: Path) -> tuple[_Kept, _Kept]:
    recording, video = data_dir / "eeg" / "eeglab_data.set", data_dir / "face" / "WolfgangLanger_Pexels.mp4"
    return _live(recording, video), _offline(recording, video)


def test_band_powers_live_equal_those_offline(both) -> None:
    live, offline = both
    assert len(live.windows) == len(offline.windows) >= 150
    for ours, theirs in zip(live.windows, offline.windows, strict=True):
        assert np.array_equal(ours.mask, theirs.mask)
        np.testing.assert_allclose(ours.log_power, theirs.log_power, atol=1e-4)


def test_stamps_live_are_those_of_the_recording(both) -> None:
    live, offline = both
    ends = np.array([window.end_s for window in live.windows])
    recorded = np.array([window.end_s for window in offline.windows])
    assert ends - ends[0] == pytest.approx(recorded - recorded[0], abs=2e-3)


def test_faces_live_equal_those_offline(both) -> None:
    live, offline = both
    n = min(len(live.observations), len(offline.observations))
    assert n >= 200
    for ours, theirs in zip(live.observations[:n], offline.observations[:n], strict=True):
        assert ours.score == pytest.approx(theirs.score, abs=1e-4)
        assert (ours.crop is None) == (theirs.crop is None)
        if ours.crop is not None:
            assert np.array_equal(ours.crop, theirs.crop)


def test_probabilities_live_equal_those_offline(both) -> None:
    # the last moment may have reached one of the two only
    n = min(len(kept.predictions) for kept in both)
    live, offline = (kept.predictions[:n] for kept in both)
    assert n >= 28
    assert "eeg" in offline[-1].modalities
    for ours, theirs in zip(live, offline, strict=True):
        assert ours.modalities == theirs.modalities
        assert ours.evidence is theirs.evidence
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, atol=1e-5)
