"""A replay as other programs see and steer it: over real LSL, and from a terminal."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pylsl
import pytest
from replay_helpers import STEM, eeg_stream, frame_stream, one_after_another, text_stream, write_session

from realtime.config import LslConfig
from realtime.lsl.codecs import decode_video_sample
from realtime.lsl.outlets import ControlOutlet
from realtime.lsl.results import CONTROL_NAME
from realtime.packets import VideoInfo
from simulators import replay_control
from simulators.replay import open_replay

pytestmark = pytest.mark.usefixtures("lsl_session")


class Heard:
    """What a stream sends, pulled when asked for."""

    def __init__(self, source_id: str) -> None:
        (info,) = pylsl.resolve_byprop("source_id", source_id, 1, 10.0)
        self._inlet = pylsl.StreamInlet(info, max_buflen=60)
        self._inlet.open_stream(10.0)
        self.info = self._inlet.info(5.0)
        self.values: list[Any] = []
        self.stamps: list[float] = []

    def pull(self) -> None:
        values, stamps = self._inlet.pull_chunk(timeout=0.0, max_samples=4096)
        self.values += values
        self.stamps += list(stamps)

    def close(self) -> None:
        self._inlet.close_stream()


class Operator(threading.Thread):
    """Another program: waits until it is heard, pauses, jumps, goes on, and hears everything meanwhile."""

    def __init__(self, control: ControlOutlet) -> None:
        super().__init__(name="operator")
        self._control = control
        self.failure: BaseException | None = None
        self.states: list[dict[str, Any]] = []

    def run(self) -> None:
        try:
            self.eeg, self.frames = Heard("live-cap"), Heard("live-cam")
            self.state, self.markers = Heard("emostream-replay-live"), Heard("live-psy")
            self._wait("to be heard", self._control.have_consumers)
            self._wait("the start", lambda: self._at() > 0.3)
            self._control.push_event("replay_pause")
            self._wait("the pause", lambda: self.states[-1]["paused"])
            self._control.push_event("replay_seek", position_s=6.0)
            self._wait("the jump", lambda: self._at() == 6.0)
            time.sleep(0.3)
            self._control.push_event("replay_resume")
            self._wait("the end of the pause", lambda: self._at() > 6.2)
            self._control.push_event("replay_speed", speed=20.0)
            self._wait("the end", lambda: self.states[-1]["ended"])
            self._pull()
        except BaseException as failure:  # noqa: BLE001 - told by the test
            self.failure = failure

    def _at(self) -> float:
        return float(self.states[-1]["position_s"]) if self.states else -1.0

    def _wait(self, what: str, reached: Callable[[], bool]) -> None:
        end = time.monotonic() + 15.0
        while not (self._pull() or reached()):
            assert time.monotonic() < end, f"waited in vain for {what}: {self.states[-1:]}"
            time.sleep(0.02)

    def _pull(self) -> None:
        for heard in (self.eeg, self.frames, self.state, self.markers):
            heard.pull()
        self.states += [json.loads(v[0]) for v in self.state.values]
        self.state.values.clear()


def test_another_program_pauses_and_moves_a_session_with_video(tmp_path: Path) -> None:
    indices = list(range(40, 340))
    path = write_session(
        tmp_path,
        eeg_stream(10.0, source_id="live-cap"),
        frame_stream((np.arange(300) / 30.0).tolist(), indices, source_id="live-cam-frames"),
        text_stream("stimuli", (0.1, "one"), (3.0, "never"), (7.0, "two"), source_id="live-psy"),
        film=300,
        beside={"first_frame_index": 40, "planes": 1, "source_id": "live-cam"},
    )
    source = open_replay(path, tag="emostream-replay-live", start_s=0.0, paused=True)
    told: list[str] = []
    with ControlOutlet(source_id="live-operator") as control:
        operator = Operator(control)

        def begin(text: str) -> None:
            told.append(text)
            if "on LSL" in text:  # not before everybody listens
                operator.start()
                end = time.monotonic() + 15.0
                while not hasattr(operator, "markers") and operator.failure is None:
                    assert time.monotonic() < end
                    time.sleep(0.02)
                source.timeline.resume()

        replay_control.run_replay(source, 40.0, LslConfig(), begin)
        operator.join()
    assert operator.failure is None, operator.failure
    assert (operator.eeg.info.name(), operator.eeg.info.type(), CONTROL_NAME) == ("cap", "EEG", "emostream-control")
    assert one_after_another(operator.eeg.stamps)
    steps = np.diff(operator.eeg.stamps)
    (jump,) = np.flatnonzero(steps > 0.25)
    np.testing.assert_allclose(np.delete(steps, jump), 0.01, atol=1e-6)
    sent = np.array(operator.eeg.values, np.float32)
    np.testing.assert_array_equal(sent[jump + 1 :], eeg_stream(10.0).samples[600:])
    np.testing.assert_array_equal(sent[: jump + 1], eeg_stream(10.0).samples[: jump + 1])
    assert [v[0] for v in operator.markers.values] == ["one", "two"]
    info = VideoInfo("emostream-video", "live-cam", 32, 24, 1, 30.0)
    frames = [
        decode_video_sample(np.array(v, np.int8), info, s)
        for v, s in zip(operator.frames.values, operator.frames.stamps, strict=True)
    ]
    assert one_after_another([frame.stamp for frame in frames])
    after = [frame for frame in frames if frame.index >= 220]
    assert after[0].index == 220
    assert all(abs(float(frame.image.mean()) - 4 * ((frame.index - 40) % 60)) < 4 for frame in frames)
    assert operator.states[-1]["session"] == STEM
    assert any("sent: " in text for text in told)


def test_keys_reach_a_replay_from_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyboard, terminal = os.openpty()
    with (
        os.fdopen(terminal, "r", closefd=False) as stdin,
        os.fdopen(terminal, "w") as stdout,
        os.fdopen(keyboard, "rb", buffering=0) as screen,
    ):
        monkeypatch.setattr(sys, "stdin", stdin)
        monkeypatch.setattr(sys, "stdout", stdout)
        source = open_replay(write_session(tmp_path, eeg_stream(20.0)), tag="emostream-replay-keys", paused=True)
        shown: list[bytes] = []

        def type_then() -> None:
            shown.append(screen.read(4096))  # what was typed before the line appeared is thrown away
            os.write(keyboard, b"\x1b[C\x1b[C\x1b[Alq")

        operator = threading.Thread(target=type_then)
        operator.start()
        replay_control.run_replay(source, 30.0, LslConfig(), lambda _: None)
        operator.join()
    assert (source.timeline.position_s, source.timeline.speed, source.timeline.loop) == (10.0, 2.0, True)
    assert source.timeline.paused
    assert b"00:00.0 / 00:20.0  paused" in shown[0]
