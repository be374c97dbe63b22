"""The JSON summary: what it keeps, what it leaves out, and how it is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from fakes import make_spec

from realtime.errors import ConfigurationError
from realtime.output import require_writable, write_json
from realtime.packets import Evidence, FaceObservation, MicroMovement, Prediction, StreamHealth, VideoInfo
from realtime.summary import Tally, render_summary


def make_prediction(stamp: float, *, modalities: tuple[str, ...] = ("eeg",), latency_s: float = 0.01) -> Prediction:
    p = np.array([0.25, 0.75], np.float32)
    return Prediction(stamp, p, 0.2, modalities, Evidence.ENOUGH, "fake", 0.0, float("nan"), latency_s)


def make_video(fps: float) -> tuple[VideoInfo, StreamHealth]:
    return VideoInfo("cam", "cam-1", 64, 48, 1, fps), StreamHealth("cam", "live", 30, 0, 0, 0.0, fps)


def test_counts_rates_and_percentiles() -> None:
    tally = Tally(make_spec())
    for i in range(11):
        tally.write(make_prediction(0.2 * i, modalities=("eeg", "face") if i > 7 else ("eeg",), latency_s=0.001 * i))
    said = tally.summary(eeg=None, video=None)
    assert said["predictions"]["count"] == 11  # type: ignore[index]
    assert said["predictions"]["fused"] == 3  # type: ignore[index]
    assert said["predictions"]["per_s"] == pytest.approx(5.5)  # type: ignore[index]
    assert said["latency_ms"]["eeg_to_prediction"]["p50"] == pytest.approx(5.0)  # type: ignore[index]
    assert said["predictions"]["last"]["probabilities"] == {"low": 0.25, "high": 0.75}  # type: ignore[index]
    assert said["model"]["simulated"] is True  # type: ignore[index]
    assert "truth" not in said
    assert "11 predictions (model trained on simulation), last: high; 0 movements" in render_summary(said)


def test_a_movement_is_kept_without_its_pictures() -> None:
    tally = Tally(make_spec())
    crop, flow = np.zeros((256, 256), np.uint8), np.zeros((256, 256, 2), np.float32)
    tally.write(MicroMovement(1.0, 1.2, 1.4, 1.8, 9.0, "micro", ("chin",), crop, crop, flow))
    assert tally.movements[0].flow.nbytes == 0
    (told,) = tally.summary(eeg=None, video=None)["micro_movements"]  # type: ignore[misc]
    assert told["apex_s"] == 1.2
    assert told["regions"] == ["chin"]


def test_a_slow_camera_is_named() -> None:
    tally = Tally(make_spec())
    tally.write(FaceObservation(1.0, 0.9))
    (note,) = tally.summary(eeg=None, video=make_video(6.0))["notes"]  # type: ignore[misc]
    assert "'cam' sends 6 frames a second" in note
    assert tally.summary(eeg=None, video=make_video(30.0))["notes"] == []


def test_json_is_written_whole_and_without_nan(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    write_json(path, {"a": float("nan"), "b": [np.float32(0.5), np.int64(3), True], "c": {"d": float("inf")}})
    assert json.loads(path.read_text()) == {"a": None, "b": [0.5, 3, True], "c": {"d": None}}
    assert [p.name for p in tmp_path.iterdir()] == ["s.json"]


def test_an_output_that_cannot_be_written_is_refused_first(tmp_path: Path) -> None:
    require_writable(None, tmp_path / "new.json")
    with pytest.raises(ConfigurationError, match="there is no folder"):
        require_writable(tmp_path / "absent" / "s.json")
    with pytest.raises(ConfigurationError, match="it is a folder"):
        require_writable(tmp_path)
