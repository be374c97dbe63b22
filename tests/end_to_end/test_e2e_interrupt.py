"""What `run` does when it is stopped, and when its streams are."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import psutil
import pylsl
import pytest
from e2e import Command, beside, new_session, read_summary

from realtime.lsl import session
from realtime.lsl.discovery import find_stream

pytestmark = pytest.mark.end_to_end

_SECONDS = 11


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, list[Any], dict[str, Any]]]:
    """Two engines beside one simulated participant, ended by one signal each: code, stderr, left over, summary."""
    folder = tmp_path_factory.mktemp("interrupted")
    name = new_session()

    def run(number: str) -> Command:
        return Command("run", "--headless", "--summary", f"{number}.json", folder=folder, session=name)

    ended = {}
    with beside(folder, "simulate", session=name), run("SIGINT") as one, run("SIGTERM") as other:
        engines = {"SIGINT": one, "SIGTERM": other}
        for number, engine in engines.items():
            engine.until_recognising()
            engine.send(signal.Signals[number])
        for number, engine in engines.items():
            done = engine.wait(20.0)
            ended[number] = (done.code, done.err, engine.left_behind(), read_summary(folder / f"{number}.json"))
    return ended


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_interrupted_run_writes_its_summary(interrupted, number: str) -> None:
    code, said, left, summary = interrupted[number]
    assert code == 130
    assert left == []
    assert "Traceback" not in said
    assert summary["eeg"]["state"] == "live"
    assert summary["eeg"]["received"] > 0
    assert summary["eeg"]["lost"] == 0


def test_interrupt_is_heard_while_streams_are_looked_for(tmp_path: Path) -> None:
    with Command("calibrate", "c.npz", folder=tmp_path, session=new_session()) as command:
        asking = psutil.Process(command.process.pid)
        command.until(lambda: bool(asking.net_connections("udp")))
        command.send(signal.SIGINT)
        assert command.wait(5.0).code == 130
        assert command.said == ""
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def killed(tmp_path: Path) -> tuple[dict[str, Any], list[float], float, str]:
    """A run whose simulator is killed halfway: summary, stamps of published emotions, moment of death, stderr."""
    session.configure()
    stamps: list[float] = []
    run = ("run", "--headless", "--seconds", _SECONDS, "--summary", "s.json")
    with Command("simulate", folder=tmp_path) as simulator, Command(*run, folder=tmp_path) as engine:
        inlet = pylsl.StreamInlet(find_stream(stream_type="Emotion", timeout_s=20.0), recover=False)
        died_s = float("inf")
        while engine.process.poll() is None:
            try:
                _, times = inlet.pull_chunk(timeout=0.2, min_samples=1)
            except pylsl.util.LostError:
                break
            stamps += times
            if len(stamps) >= 12 and died_s == float("inf"):
                simulator.send(signal.SIGKILL)
                simulator.wait()
                died_s = pylsl.local_clock()
        done = engine.wait()
        assert done.code == 0, done.err
    return read_summary(tmp_path / "s.json"), stamps, died_s, done.err


def test_killed_source_ends_the_predictions_and_the_summary_says_so(killed) -> None:
    summary, stamps, died_s, said = killed
    assert summary["process"]["wall_s"] >= _SECONDS
    assert (summary["eeg"]["state"], summary["video"]["state"]) == ("lost", "lost")
    assert len(summary["notes"]) == 2
    assert summary["notes"][0].startswith("LSL stream 'emostream-eeg' (source_id ")
    assert summary["notes"][0].endswith("is gone: waiting for it to come back")
    assert max(stamps) <= died_s
    assert len(stamps) <= summary["predictions"]["count"] <= len(stamps) + 8
    assert "emostream-eeg lost" in said
    assert "no prediction for" in said.splitlines()[-1]


def test_run_goes_on_when_its_source_comes_back(tmp_path: Path) -> None:
    name = new_session()
    run = ("run", "--headless", "--no-video", "--summary", "s.json")
    with Command(*run, folder=tmp_path, session=name) as engine:
        with Command("simulate", folder=tmp_path, session=name) as simulator:
            engine.until_recognising()
            simulator.send(signal.SIGKILL)
        engine.until(lambda: "emostream-eeg lost" in engine.said)
        with beside(tmp_path, "simulate", session=name):
            engine.until(lambda: " live " in engine.said.splitlines()[-1])
            engine.send(signal.SIGINT)
            assert engine.wait().code == 130
    summary = read_summary(tmp_path / "s.json")
    assert summary["eeg"]["state"] == "live"
    assert summary["eeg"]["gaps"] >= 1
    assert summary["notes"] == []


def test_text_view_says_when_the_simulator_of_a_demo_ends_early(tmp_path: Path) -> None:
    with Command("demo", "--headless", "--summary", "s.json", folder=tmp_path, session=new_session()) as demo:
        demo.until_recognising()
        (simulator,) = demo.descendants()
        simulator.kill()
        done = demo.wait(20.0)
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("emostream: 'emostream simulate', which this command needs, ended with")
    assert read_summary(tmp_path / "s.json")["predictions"]["count"] >= 0
