"""`emostream analyze`: the same engine on files, as fast as it goes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from e2e import check_predictions, emostream, read_summary

pytestmark = [pytest.mark.end_to_end, pytest.mark.real_data]

_KEYS = {"model", "predictions", "eeg", "video", "latency_ms", "micro_movements", "process"}


def test_eeg_alone(tmp_path: Path, data_dir: Path) -> None:
    recording = data_dir / "eeg" / "eeglab_data.set"
    done = emostream("analyze", recording, "--summary", "s.json", folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.out.count("\n") == 1
    assert "model trained on simulation" in done.out
    summary = read_summary(tmp_path / "s.json")
    assert summary.keys() >= _KEYS
    check_predictions(summary)
    assert summary["eeg"]["received"] == 30504
    assert summary["predictions"]["count"] == pytest.approx(5 * 237, abs=8)
    assert summary["video"] is None
    assert "truth" not in summary
    # offline nothing waits, so there is no latency to tell
    assert summary["latency_ms"]["eeg_to_prediction"] == {"p50": None, "p99": None}


def test_video_alone_lists_its_movements(tmp_path: Path, data_dir: Path) -> None:
    video = data_dir / "face" / "single_face.mp4"
    done = emostream("analyze", video, "--no-eeg", "--json", "m.json", "--summary", "s.json", folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    summary = read_summary(tmp_path / "s.json")
    assert summary.keys() >= _KEYS
    assert summary["eeg"] is None
    assert summary["video"]["evaluated"] == 72
    assert summary["video"]["face_share"] >= 0.9
    assert json.loads((tmp_path / "m.json").read_text(encoding="utf-8")) == summary["micro_movements"]


def test_both_together(tmp_path: Path, data_dir: Path) -> None:
    files = (data_dir / "eeg" / "eeglab_data.set", data_dir / "face" / "single_face.mp4")
    done = emostream("analyze", *files, "--summary", "s.json", folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    summary = read_summary(tmp_path / "s.json")
    check_predictions(summary)
    assert summary["video"]["evaluated"] == 72
    assert summary["eeg"]["lost"] == summary["video"]["lost"] == 0


def test_what_is_left_out_on_request_is_not_read(tmp_path: Path, data_dir: Path) -> None:
    files = (data_dir / "eeg" / "test.vhdr", tmp_path / "none.mp4")
    done = emostream("analyze", *files, "--no-video", "--summary", "s.json", folder=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert read_summary(tmp_path / "s.json")["eeg"]["sfreq_hz"] == 1000.0


def test_clock_resets_are_reported_and_channels_without_names_shown(tmp_path: Path, data_dir: Path) -> None:
    done = emostream("analyze", data_dir / "eeg" / "clock_resets.xdf", "--out", "o", "--no-report", folder=tmp_path)
    assert done.code == 0, done.err
    assert "note: 'BioSemi': the sender's clock was reset at 411.7 s; times were mended" in done.err
    assert "nothing is recognised from this EEG, only its quality and powers are shown: 0 of the model's" in done.err
    assert "last: nothing" in done.out
    told = json.loads((tmp_path / "o" / "analysis.json").read_text(encoding="utf-8"))
    assert told["artefacts"]["clock_resets"] == [pytest.approx(411.7, abs=0.1)]
    assert told["model_channels"] == told["channels"] == [f"EEG{i:03d}" for i in range(1, 9)]
    assert [span["kind"] for span in told["timeline"]] == ["note"] * 175
