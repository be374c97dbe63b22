"""The first thing a newcomer runs: a simulated participant, recognised live."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from e2e import Command, Done, check_latencies, check_predictions, emostream, new_session, read_summary

pytestmark = pytest.mark.end_to_end

_SECONDS = 25


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("demo")
    arguments = ("demo", "--headless", "--seconds", _SECONDS, "--summary", "s.json")
    done = emostream(*arguments, folder=folder, session=new_session())
    assert done.code == 0, done.err
    return done, read_summary(folder / "s.json"), folder


def test_demo_recognises_a_simulated_participant_without_losing_anything(demo) -> None:
    _, summary, _ = demo
    check_predictions(summary, per_s=4.0)
    assert summary["predictions"]["count"] >= 4 * (_SECONDS - 2)
    eeg, video = summary["eeg"], summary["video"]
    assert (eeg["lost"], eeg["gaps"], eeg["channels"], eeg["sfreq_hz"]) == (0, 0, 62, 1000.0)
    assert eeg["received"] == pytest.approx(1000 * _SECONDS, rel=0.1)
    assert (video["lost"], video["size"]) == (0, [640, 480])
    assert video["received"] == pytest.approx(30 * _SECONDS, rel=0.1)
    assert video["evaluated"] == video["received"]
    assert video["faces"] >= 0.9 * video["received"]
    check_latencies(summary, "eeg_to_prediction", "frame_to_event")


def test_demo_tells_the_truth_beside_the_prediction_and_that_both_are_simulated(demo) -> None:
    done, summary, _ = demo
    assert summary["model"]["simulated"] is True
    assert "simulat" in summary["model"]["trained_on"]
    truth = summary["truth"]
    assert truth["simulated"] is True
    assert truth["chance"] == pytest.approx(1 / len(summary["model"]["classes"]))
    assert {"accuracy", "macro_f1", "eeg_only", "face_only"} <= truth.keys()
    assert {"precision", "recall", "f1", "false_alarms_per_min"} <= truth["spotting"].keys()
    assert "trained on simulation" in done.err
    assert "simulated truth: " in done.err


def test_demo_says_no_more_than_its_text_view_and_leaves_only_the_summary(demo) -> None:
    done, _, folder = demo
    lines = done.err.splitlines()
    assert lines[0].startswith("model ")
    assert all("lost 0" in line for line in lines[1:]), done.err
    assert 4 <= len(lines) <= 8
    assert done.out == ""
    assert [path.name for path in folder.iterdir()] == ["s.json"]


def test_demo_interrupted_writes_its_summary_and_leaves_no_process(tmp_path: Path) -> None:
    def demo(name: str) -> Command:
        return Command("demo", "--headless", "--summary", f"{name}.json", folder=tmp_path, session=new_session())

    with demo("SIGINT") as one, demo("SIGTERM") as other:
        for command, number in ((one, signal.SIGINT), (other, signal.SIGTERM)):
            command.until_recognising()
            assert len(command.descendants()) == 1, "the simulator"
            command.send(number)
        for command, name in ((one, "SIGINT"), (other, "SIGTERM")):
            assert command.wait(20.0).code == 130, name
            assert command.left_behind() == []
            assert "Traceback" not in command.said
            summary = read_summary(tmp_path / f"{name}.json")
            assert summary["eeg"]["lost"] == 0
            assert summary["eeg"]["received"] > 0


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_simulator_of_a_killed_demo_ends_by_itself(tmp_path: Path) -> None:
    with Command("demo", "--headless", folder=tmp_path, session=new_session()) as command:
        command.until(lambda: len(command.descendants()) == 1)
        command.until_recognising()
        command.send(signal.SIGKILL)
        command.wait()
        deadline_s = 10.0
        for process in command.descendants():
            process.wait(deadline_s)
