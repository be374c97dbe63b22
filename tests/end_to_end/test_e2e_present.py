"""`emostream present` as a user starts it: markers of real sessions over LSL, on a real display and without one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from display import needs_display, virtual_display
from e2e import ROOT, Command, new_session, read_summary
from present_helpers import write_clip, write_playlist

from realtime.session.events import STIMULUS

pytestmark = pytest.mark.end_to_end

LISTEN = """
import json, sys, time
from realtime.lsl.session import configure
from realtime.lsl.listen import MarkerListener
configure()
from pylsl import local_clock
done = []
def take(name, event, stamp):
    print(json.dumps([event, stamp, local_clock()]), flush=True)
    if event["event"] == "session_end":
        done.append(True)
listener = MarkerListener((sys.argv[1],), take)
listener.start()
end = time.monotonic() + 60
while not done and time.monotonic() < end:
    time.sleep(0.02)
listener.stop()
"""


class Ears:
    """Another process that listens to markers until the session ends."""

    def __init__(self, session: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", LISTEN, STIMULUS],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "EMOSTREAM_SESSION": session},
        )

    def first(self) -> dict[str, Any]:
        """The next event."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())[0]

    def rest(self) -> list[tuple[dict[str, Any], float, float]]:
        """All others, each with its stamp and when it was heard."""
        out, _ = self._process.communicate(timeout=60)
        return [tuple(json.loads(line)) for line in out.splitlines()]

    def __enter__(self) -> Ears:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


def _three_clips(folder: Path, seconds: float) -> Path:
    trials = ""
    for number, emotion in enumerate(("happy", "sad", "fear")):
        write_clip(folder / f"{number}.mp4", seconds=seconds)
        trials += f'[[blocks.trials]]\nstimulus = "{number}.mp4"\nemotion = "{emotion}"\n'
    path = write_playlist(folder, trials)
    text = path.read_text(encoding="utf-8")
    for slow, fast in (("baseline_s = 2.0", "baseline_s = 0.1"), ("rest_s = 1.0", "rest_s = 0.1")):
        assert slow in text
        text = text.replace(slow, fast)
    path.write_text(text, encoding="utf-8")
    return path


@needs_display
@pytest.mark.xvfb
def test_three_clips_on_a_real_display_send_their_markers_at_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    playlist, session = _three_clips(tmp_path, 0.4), new_session()
    with virtual_display("800x600") as display, Ears(session) as ears:
        monkeypatch.setenv("DISPLAY", display)
        monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
        options = ["--opengl", "--auto-answers", "--order", "latin", "--summary", "s.json"]
        with Command("present", playlist, *options, folder=tmp_path, session=session) as command:
            done = command.wait()
        heard = ears.rest()
    assert done.code == 0, done.err
    summary = read_summary(tmp_path / "s.json")
    trial = ["rest_start", "rest_end", "trial_start", "trial_end", "self_report"]
    before = ["session_start", "instruction", "baseline_start", "baseline_end", "instruction"]
    assert [event["event"] for event, _, _ in heard] == [*before, *trial, *trial, *trial, "session_end"]
    assert all(event["simulated"] for event, _, _ in heard if event["event"] in ("session_start", "self_report"))
    assert all(earlier <= later for (_, earlier, _), (_, later, _) in pairwise(heard))
    # stamped before it was heard, and not long before
    assert all(-0.01 < at - stamp < 2.0 for _, stamp, at in heard)
    assert summary["completed"] is True
    assert summary["order"] == {"kind": "latin", "seed": 0, "participant_number": 1}
    starts = {event["trial"]: stamp for event, stamp, _ in heard if event["event"] == "trial_start"}
    for told in summary["trials"]:
        assert told["start_s"] == pytest.approx(starts[told["trial"]], abs=1e-3)
        assert 0.2 < told["end_s"] - told["start_s"] < 3.0
        assert told["film"]["frames_shown"] + told["film"]["frames_dropped"] == 8
    assert summary["display"]["path"] == "opengl"
    assert summary["display"]["size"] == [800, 600]
    assert summary["display"]["swap_interval_ms"]["p50"] > 0.0


def test_a_session_that_is_interrupted_says_so_to_whoever_listens(tmp_path: Path) -> None:
    playlist, session = _three_clips(tmp_path, 20.0), new_session()
    with Ears(session) as ears:
        options = ["--auto-answers", "--windowed", "--summary", "s.json"]
        with Command("present", playlist, *options, folder=tmp_path, session=session) as command:
            while ears.first()["event"] != "trial_start":
                pass
            command.send(signal.SIGINT)
            done = command.wait()
        last = [event for event, _, _ in ears.rest()]
    assert done.code == 130, done.err
    assert "Traceback" not in done.err
    assert last == [
        {"event": "trial_end", "trial": 1, "emotion": "happy", "cut_short": True},
        {"event": "session_end", "completed": False},
    ]
    summary = read_summary(tmp_path / "s.json")
    assert summary["ended"] == "interrupted"
    assert summary["display"]["path"] == "raster"
