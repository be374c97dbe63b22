"""A session at the real dashboard, on a real (virtual) display, by keys: streams, traces, recording, export, replay."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from display import needs_display, virtual_display
from e2e import ROOT, Command, new_session
from PIL import Image

pytestmark = [pytest.mark.end_to_end, pytest.mark.xvfb, needs_display, pytest.mark.timeout(300)]

_PATIENCE_S = 75.0


class Screen:
    """The driven dashboard: tells its steps."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self._errors = errors
        self._lines: Queue[str | None] = Queue()
        self._process = process
        assert process.stdout is not None
        self._thread = threading.Thread(target=self._read, args=(process.stdout,), name="emostream-test-screen")
        self._thread.start()

    def _read(self, out: Any) -> None:
        for line in out:
            self._lines.put(line)
        self._lines.put(None)

    def step(self, name: str) -> dict[str, Any]:
        """What it tells at the next step, which must be this one."""
        try:
            line = self._lines.get(timeout=_PATIENCE_S)
        except Empty:
            pytest.fail(f"the screen did not get to '{name}': {self.errors}")
        assert line is not None, f"the screen ended before '{name}': {self.errors}"
        told = json.loads(line)
        assert told["step"] == name, f"no '{name}': {told.get('failure', told)} {self.errors}"
        return told

    @property
    def errors(self) -> str:
        return self._errors.read_text(encoding="utf-8")

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def screen(folder: Path, session: str, display: str) -> Iterator[Screen]:
    """The driver in a process of its own, with settings of its own."""
    (folder / "config").mkdir()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "EMOSTREAM_SESSION": session,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    script = Path(__file__).with_name("dashboard_driver.py")
    errors = folder / "screen.err"
    with errors.open("wb") as err:
        process = subprocess.Popen(
            [sys.executable, str(script), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=err,
            cwd=folder,
            env=environment,
            text=True,
        )
    shown = Screen(process, errors)
    try:
        yield shown
    finally:
        shown.close()


def _check_traces(told: dict[str, Any]) -> None:
    assert min(told["alike"]) > 0.98, "the painted line is the line that was sent"
    assert told["moved_s"] > 0.5
    assert told["behind_s"] < 10.0, "what is painted is not of the present"
    assert told["emotions_moved"]
    assert told["headline"] in (*told["classes"], "not enough evidence", "uncertain"), told["headline"]
    assert told["badges"] == ["demonstration model - trained on simulated people", "SIMULATED PARTICIPANT"]


def _check_export(told: dict[str, Any], published: Path) -> None:
    """What was saved is what was seen, and is what was sent."""
    sent, folder = np.load(published), Path(told["folder"])
    names = set(told["files"])
    assert {f"{key}.{kind}" for key in told["front"] for kind in ("png", "svg")} | {"window.png"} == {
        name for name in names if not name.endswith(".csv")
    }
    for name in names:
        if name.endswith(".png"):
            with Image.open(folder / name) as picture:
                assert len(np.unique(np.asarray(picture.convert("L")))) > 5, name
        elif name.endswith(".svg"):
            assert ElementTree.parse(folder / name).getroot().tag.endswith("svg")
    rows = list(csv.DictReader((folder / "traces.csv").read_text(encoding="utf-8").splitlines()))
    shares = [name for name in rows[0] if name.startswith(("p_", "eeg_", "face_")) and not name.endswith("age_s")]
    nearest = np.abs(np.array([float(row["time_s"]) for row in rows])[:, None] - sent["emotions_at"]).argmin(axis=1)
    saved = np.array([[float(row[name] or "nan") for name in shares] for row in rows])
    assert len(rows) >= 20
    fused = len(shares) // 3
    enough = np.array([row["enough_evidence"] == "1" for row in rows])
    np.testing.assert_allclose(saved[enough, :fused], sent["emotions"][nearest[enough], :fused], atol=1e-6)
    eeg = np.loadtxt(folder / "eeg.csv", delimiter=",", skiprows=1)
    assert eeg.shape[1] == 1 + sent["eeg"].shape[1]
    last = eeg[-1000:, 1 + told["row"]]
    line = sent["eeg"][:, told["row"]]
    found = [end for end in range(len(last), len(line) + 1) if abs(line[end - 1] - last[-1]) < 1e-3]
    assert any(np.allclose(line[end - len(last) : end], last, atol=2e-3) for end in found), "not what was sent"


def _check_end(told: dict[str, Any]) -> None:
    assert told["failure"] == ""
    assert (told["code"], told["platform"]) == (0, "xcb")
    for kind in ("threads", "timers", "windows", "faults"):
        assert told[kind] == [], kind
    assert [text for text in told["qt"] if "XDG_RUNTIME_DIR" not in text] == []


def test_a_whole_session_at_the_screen(tmp_path: Path) -> None:
    session = new_session()
    with virtual_display() as display, screen(tmp_path, session, display) as at:
        with Command("run", "--headless", folder=tmp_path, session=session) as engine:
            at.step("nothing is there")
            with Command("simulate", "--root", "rec", folder=tmp_path, session=session) as participant:
                assert at.step("chosen")["kept"] == "emostream-simulator-eeg", "the choice is remembered"
                _check_traces(at.step("traces"))
                told = at.step("recording")
                assert {"blink", "blinked a lot"} <= set(told["notes"])
                assert told["label"].startswith("REC 0:")
                _check_export(at.step("exported"), tmp_path / "published.npz")
                stem = "sub-01_ses-01_task-suppression_run-01"
                wanted = {f"{stem}.xdf", f"{stem}_session.json", f"{stem}_checksums.sha256"}
                assert wanted <= set(at.step("recorded")["files"])
                for process in (participant, engine):
                    process.send(signal.SIGINT)
                    process.wait()
        recorded = tmp_path / "rec" / "sourcedata" / "sub-01" / "ses-01"
        with Command("replay", recorded, "--results", "--loop", folder=tmp_path, session=session):
            told = at.step("replayed")
            assert told["session"] == stem
            assert told["simulated"] is True
            assert told["still"] is True
            assert told["back"] < told["held"]
            assert told["speed"] == 2.0
            assert told["alike"] > 0.98, "what is painted is what is replayed"
            _check_end(at.step("end"))
