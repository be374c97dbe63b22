"""Fault 14: LabRecorder is killed at random moments; what is in the file by then, and that every file can be read."""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pylsl
import pytest

from realtime.lsl import session
from realtime.lsl.outlets import EegOutlet, MarkerOutlet
from realtime.packets import EegInfo
from realtime.recorder.labrecorder import LabRecorder
from realtime.recorder.padding import PaddingOutlet
from realtime.recorder.report import Limits
from realtime.recorder.xdf_chunks import XdfTail

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow, pytest.mark.timeout(1200)]

MOMENTS = int(os.environ.get("EMOSTREAM_KILLS", "20"))
AT_ONCE = 4
MOST_LOST_S = 1.0


class Sender:
    """A small headset, a marker ten times a second, and the recorder's padding, from a thread."""

    def __init__(self) -> None:
        session.configure()
        self.eeg = EegOutlet(EegInfo("kill-eeg", "kill-eeg", ("Fp1", "Fp2", "C3", "C4"), 50.0))
        self.marker = MarkerOutlet("kill-markers", "kill-markers")
        self.padding = [PaddingOutlet(f"kill-flush-{i}") for i in range(2)]
        self.from_s = [0.0, math.inf]
        """When either is sent next: see `Recorder._send_padding`."""
        self.ordinary = EegOutlet(EegInfo("kill-ordinary", "kill-ordinary", tuple(f"E{i}" for i in range(8)), 250.0))
        self.sent_s: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="emostream-kill-sender")
        self._thread.start()

    def _run(self) -> None:
        turn = 0
        while not self._stopping.wait(0.02):
            now = pylsl.local_clock()
            self.eeg.push(np.full((4, 1), turn, np.float32), now)
            self.ordinary.push(np.full((8, 5), turn, np.float32), now)
            self.sent_s["kill-eeg"] = self.sent_s["kill-ordinary"] = now
            if turn % 5 == 0:
                self.marker.push(str(turn), now)
                self.sent_s["kill-markers"] = now
            for i in range(2):
                if now >= self.from_s[i]:
                    self.from_s[i] = max(now, self.from_s[i] + Limits().beat_s)
                    self.padding[i].push()
            turn += 1

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        for outlet in (self.eeg, self.marker, *self.padding, self.ordinary):
            outlet.close()


@pytest.fixture
def sender() -> Iterator[Sender]:
    made = Sender()
    yield made
    made.close()


@pytest.mark.parametrize("ordinary", [False, True], ids=["small streams alone", "beside an ordinary headset"])
def test_a_killed_recorder_loses_at_most_a_second_and_leaves_a_file_that_loads(
    sender: Sender, tmp_path: Path, record_property, ordinary: bool
) -> None:
    pyxdf = pytest.importorskip("pyxdf")
    config = tmp_path / "lsl_api.cfg"
    config.write_text(session.config_text(), encoding="utf-8")
    uids = [outlet.uid for outlet in (sender.eeg, sender.marker, *sender.padding)] + (
        [sender.ordinary.uid] if ordinary else []
    )
    chance = random.Random(14)
    lost: dict[str, list[float]] = {"kill-eeg": [], "kill-markers": []} | ({"kill-ordinary": []} if ordinary else {})
    for first in range(0, MOMENTS, AT_ONCE):
        files = [tmp_path / f"{i}.xdf" for i in range(first, min(MOMENTS, first + AT_ONCE))]
        sender.from_s[1] = math.inf
        recorders = [LabRecorder(path, uids, config) for path in files]
        until = time.monotonic() + 20.0
        while not all(recorder.ready() or recorder.poll() is not None for recorder in recorders):
            assert time.monotonic() < until
            time.sleep(0.01)
        # one that missed a stream, as happens where eight programs want two processors, is replaced by the recorder
        for recorder in [recorder for recorder in recorders if recorder.found() != len(uids)]:
            recorder.kill()
            recorders.remove(recorder)
        began_s, killed_s = pylsl.local_clock(), {}
        sender.from_s = [began_s, began_s + 0.25]
        for recorder in recorders:
            time.sleep(chance.uniform(0.2, 2.2) if not killed_s else chance.uniform(0.0, 0.5))
            killed_s[recorder.path] = dict(sender.sent_s)
            recorder.kill()
        for path in killed_s:
            streams, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
            stamps = {s["info"]["name"][0]: s["time_stamps"] for s in streams}
            tail = XdfTail(path, float)
            tail.step()
            assert {s.name: s.samples for s in tail.streams.values()} == {n: len(t) for n, t in stamps.items()}
            for name, into in lost.items():
                into.append(killed_s[path][name] - max([began_s, *stamps.get(name, [])[-1:]]))
            path.unlink()
    assert len(lost["kill-eeg"]) >= 0.8 * MOMENTS
    worst = {name: max(values) for name, values in lost.items()}
    record_property("lost_s", lost)
    print({name: sum(v > 1 for v in vs) for name, vs in lost.items()})
    print({name: (round(float(np.median(v)), 3), round(max(v), 3)) for name, v in lost.items()})
    assert max(worst.values()) <= MOST_LOST_S, worst
