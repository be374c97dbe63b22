"""What LabRecorder says is understood, also where its threads speak at the same moment."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from realtime.recorder import labrecorder
from realtime.recorder.labrecorder import LabRecorder

SAID = """#!/bin/sh
echo "Found eeg@lab matching 'uid=1'"
echo "Found marks@lab matching 'uid=2'"
echo "Starting the recording, press Enter to quit"
echo "Received header for stream eeg."
echo "Received header for stream marks."
read go < GO
echo "Started data collection for stream Started data collection for stream marks.eeg"
echo "."
read end
echo "Closing the file."
"""


@pytest.mark.timeout(30)
def test_lines_that_stand_within_one_another_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    program = tmp_path / "LabRecorderCLI"
    program.write_text(SAID.replace("GO", str(go)))
    program.chmod(0o700)
    monkeypatch.setattr(labrecorder, "labrecorder_program", lambda: program)
    recorder = LabRecorder(tmp_path / "x.xdf", ["1", "2"], tmp_path / "lsl.cfg")
    try:
        while len(recorder.opened()) < 2:
            time.sleep(0.01)
        assert recorder.opened() == ["eeg", "marks"]
        assert recorder.found() == 2
        assert not recorder.ready()
        go.write_text("go\n")
        while not recorder.ready():
            time.sleep(0.01)
        recorder.ask_to_stop()
        assert recorder.wait(10.0)
        assert recorder.last_words() == "Closing the file."
    finally:
        recorder.kill()
