"""The doctor over real LSL, and its command."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pylsl
import pytest
import typer
from doctor_helpers import states
from rich.console import Console
from typer.testing import CliRunner

from realtime.doctor import collect, command
from realtime.doctor.collect import watch_streams
from realtime.doctor.findings import Finding
from realtime.doctor.lsl_setup import look_at_lsl
from realtime.doctor.streams import check_streams
from realtime.lsl.outlets import EegOutlet, VideoOutlet
from realtime.packets import EegInfo, VideoFrame, VideoInfo

pytestmark = pytest.mark.usefixtures("lsl_session")


@pytest.fixture
def senders() -> Iterator[None]:
    """EEG in volts that says microvolts, a good camera, and a second program with the headset's source id."""
    names = tuple(f"E{i}" for i in range(8))
    over = threading.Event()
    info = VideoInfo("doctor-video", "doctor-cam", 32, 24, 1, 30.0)
    with (
        EegOutlet(EegInfo("doctor-cap", "doctor-cap-1", names, 250.0)) as eeg,
        VideoOutlet(info, frames_name="doctor-frames", sections={"device": {"exposure": "auto"}}) as video,
        EegOutlet(EegInfo("doctor-cap", "doctor-cap-1", names, 250.0)),
    ):

        def send() -> None:
            rng, sent, start_s = np.random.default_rng(0), 0, pylsl.local_clock()
            while not over.wait(0.02):
                due = int((pylsl.local_clock() - start_s) * 250)
                eeg.push(rng.normal(0, 1e-5, (8, due - sent)), start_s + np.arange(sent, due) / 250.0)
                for k in range(sent * 30 // 250, due * 30 // 250):
                    video.push(VideoFrame(np.zeros((24, 32), np.uint8), start_s + k / 30.0, k))
                sent = due

        thread = threading.Thread(target=send)
        thread.start()
        yield
        over.set()
        thread.join()


def test_trouble_on_lsl_is_found(senders: None) -> None:
    seen = [stream for stream in watch_streams(1.0) if stream.name.startswith("doctor-")]
    assert sorted(s.name for s in seen) == ["doctor-cap", "doctor-cap", "doctor-frames", "doctor-video"]
    cap = next(s for s in seen if len(s.stamps) and s.is_eeg)
    assert cap.true_rate_hz == pytest.approx(250.0, rel=1e-3)
    assert cap.offsets_s == ()
    said = check_streams(seen)
    failed = {finding.check: finding.found for finding in said if finding.state == "fail"}
    assert "2 streams share the source id 'doctor-cap-1'" in failed["source ids"]
    assert "no scalp EEG" in failed["EEG 'doctor-cap' amplitude"]
    assert states(said)["video 'doctor-video' exposure"] == "warn"
    assert states(said)["video 'doctor-video' rate"] == "ok"


def test_a_stream_opened_here_is_found_here() -> None:
    assert states(look_at_lsl(False))["own stream"] == "ok"


def test_a_stream_that_went_away_is_told() -> None:
    outlet = EegOutlet(EegInfo("doctor-gone", "doctor-gone-1", ("Cz",), 250.0))
    infos = pylsl.resolve_byprop("source_id", "doctor-gone-1", 1, 10.0)
    outlet.close()
    (seen,) = watch_streams(0.1, search=lambda _: infos)
    assert seen.problem
    assert (seen.name, seen.channels) == ("doctor-gone", ())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No streams to wait for, and the folder of the test for the recordings."""
    monkeypatch.setattr(collect, "watch_streams", lambda seconds: [])
    monkeypatch.chdir(tmp_path)


def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(command.doctor)
    return made


def test_the_command_tells_in_eighty_columns_and_in_json(
    quick: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    done = CliRunner().invoke(app(), ["--json", "d.json", "--seconds", "0.5"])
    told = json.loads((tmp_path / "d.json").read_text())
    assert done.exit_code == (4 if told["counts"]["fail"] else 0), done.output
    assert max(len(line) for line in done.output.splitlines()) <= 80
    checks = {finding["check"] for finding in told["findings"]}
    expected = {"Python", "libraries", "face weights", "display", "processor", "threads", "memory", "wall clock"}
    assert expected | {"privacy", "LSL", "own stream", "network", "cameras", "streams"} <= checks
    assert all(finding["advice"] for finding in told["findings"] if finding["state"] != "ok")
    assert not (tmp_path / "recordings").exists()


def test_a_failure_is_the_exit_code(quick: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "examine", lambda *_: [Finding("a", "fail", "b", "c")])
    done = CliRunner().invoke(app(), [])
    assert done.exit_code == 4
    assert "-> c" in done.output
    monkeypatch.setattr(command, "examine", lambda *_: [Finding("a", "warn", "b", "c")])
    assert CliRunner().invoke(app(), []).exit_code == 0


def test_long_findings_are_folded() -> None:
    console = Console(width=80, record=True, force_terminal=False)
    command.show([Finding("a" * 30, "fail", "x" * 200, "y " * 90)], console)
    assert max(len(line) for line in console.export_text().splitlines()) <= 80
