"""Recordings nobody here made, replayed over LSL by one process and recognised by another."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pylsl
import pytest
from e2e import Command, beside, check_latencies, check_predictions, emostream, new_session, read_summary

from realtime.eeg.files import read_recording
from realtime.lsl import session
from realtime.lsl.discovery import find_stream
from realtime.lsl.inlets import MarkerReader
from realtime.packets import Marker

pytestmark = [pytest.mark.end_to_end, pytest.mark.real_data]


@pytest.fixture(scope="module")
def man_talking(
    data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], list[Marker], list[np.ndarray], Path]:
    """Summary of a run beside the replay; the markers and the emotion samples that a third process received."""
    folder = tmp_path_factory.mktemp("man")
    recording = data_dir / "eeg" / "eeglab_data.set"
    replay = ("replay", recording, "--video", data_dir / "face" / "WolfgangLanger_Pexels.mp4")
    session.configure()
    markers: list[Marker] = []
    emotions: list[np.ndarray] = []
    with (
        Command(*replay, folder=folder) as source,
        Command("run", "--headless", "--seconds", 15, "--summary", "s.json", folder=folder) as engine,
    ):
        reader = MarkerReader(find_stream(name="emostream-markers", timeout_s=20.0), markers.append)
        reader.start()
        inlet = pylsl.StreamInlet(find_stream(stream_type="Emotion", timeout_s=20.0), recover=False)
        try:
            while engine.process.poll() is None:
                try:
                    rows, _ = inlet.pull_chunk(timeout=0.5, min_samples=1)
                except pylsl.util.LostError:
                    break
                emotions += [np.array(row) for row in rows or ()]
        finally:
            reader.stop()
        done = engine.wait()
        assert done.code == 0, done.err
        assert source.process.poll() is None, source.said
        source.send(signal.SIGTERM)
        assert source.wait().code == 130
    return read_summary(folder / "s.json"), markers, emotions, recording


def test_real_eeg_and_face_are_recognised_without_loss(man_talking) -> None:
    summary, _, _, _ = man_talking
    check_predictions(summary)
    eeg, video = summary["eeg"], summary["video"]
    assert (eeg["lost"], eeg["gaps"], eeg["channels"], eeg["sfreq_hz"]) == (0, 0, 30, 128.0)
    assert eeg["received"] == pytest.approx(15 * 128, rel=0.1)
    assert (video["lost"], video["size"]) == (0, [640, 360])
    assert video["evaluated"] >= 200
    assert video["face_share"] >= 0.9
    check_latencies(summary, "eeg_to_prediction", "frame_to_event")


def test_nothing_real_has_a_truth(man_talking) -> None:
    summary, _, _, _ = man_talking
    assert "truth" not in summary
    assert summary["model"]["simulated"] is True


def test_every_published_emotion_is_a_finite_distribution(man_talking) -> None:
    summary, _, emotions, _ = man_talking
    n = len(summary["model"]["classes"])
    assert len(emotions) >= 50
    answers = np.array(emotions)[:, :n]
    assert np.isfinite(answers).all()
    assert answers.sum(axis=1) == pytest.approx(np.ones(len(answers)), abs=1e-5)


def test_markers_of_the_recording_are_streamed(man_talking) -> None:
    _, markers, _, path = man_talking
    recorded = read_recording(path).markers
    markers = [marker for marker in markers if "end_of_file" not in marker.text]
    texts = [marker.text for marker in markers]
    assert len(texts) >= 5
    # those before somebody listened are gone; from then on none is missing
    first = next(i for i in range(len(recorded)) if [text for _, text in recorded[i : i + len(texts)]] == texts)
    distances = np.diff([onset for onset, _ in recorded[first : first + len(texts)]])
    assert np.diff([marker.stamp for marker in markers]) == pytest.approx(distances, abs=1e-3)


@pytest.fixture(scope="module")
def empty_room(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("room")
    replay = ("replay", data_dir / "eeg" / "eeglab_data.set", "--video", data_dir / "face" / "no_face.mp4", "--loop")
    name = new_session()
    with beside(folder, *replay, session=name):
        run = ("run", "--headless", "--seconds", 8, "--summary", "s.json")
        done = emostream(*run, folder=folder, session=name)
    assert done.code == 0, done.err
    return read_summary(folder / "s.json")


def test_without_a_face_predictions_rest_on_eeg_alone(empty_room) -> None:
    check_predictions(empty_room)
    assert empty_room["video"]["evaluated"] >= 120
    assert empty_room["video"]["lost"] == 0
    assert empty_room["video"]["faces"] == 0
    assert empty_room["micro_movements"] == []
    assert empty_room["predictions"]["fused"] == 0
    assert empty_room["predictions"]["last"]["modalities"] == ["eeg"]


@pytest.fixture
def streamed(data_dir: Path, tmp_path: Path) -> Iterator[Any]:
    """Replays a recording in a loop and runs the engine on it: (exit code, stderr, summary or None)."""

    def stream(recording: str, seconds: float = 4.0) -> tuple[int, str, dict[str, Any] | None]:
        name, summary = new_session(), tmp_path / "s.json"
        with beside(tmp_path, "replay", data_dir / "eeg" / recording, "--loop", session=name):
            run = ("run", "--headless", "--no-video", "--seconds", seconds, "--summary", summary)
            done = emostream(*run, folder=tmp_path, session=name)
        return done.code, done.err, read_summary(summary) if summary.exists() else None

    return stream


@pytest.mark.parametrize(("recording", "sfreq_hz"), [("test.vhdr", 1000.0), ("test_139ch.edf", 512.0)])
def test_other_rates_and_montages_run(streamed, data_dir: Path, recording: str, sfreq_hz: float) -> None:
    code, said, summary = streamed(recording)
    assert code == 0, said
    assert summary["eeg"]["sfreq_hz"] == sfreq_hz
    assert summary["eeg"]["channels"] == len(read_recording(data_dir / "eeg" / recording).info.channels)
    assert summary["eeg"]["lost"] == 0
    assert summary["video"] is None
    assert summary["predictions"]["per_s"] >= 3.9


def test_a_montage_without_names_is_refused_in_one_line(streamed) -> None:
    code, said, summary = streamed("obci_8ch.xdf")
    assert code == 4
    assert said.count("\n") == 1
    assert said.startswith("emostream: 0 of the model's 62 EEG channels found among the source's 8 (")
    assert "missing: Fp1, Fpz" in said
    assert summary is None
