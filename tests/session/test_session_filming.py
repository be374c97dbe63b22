"""A camera films when a recording asks for it, into the recording's place and nowhere else, and says so."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.faults.peers.disk import disk
from realtime.errors import ConfigurationError
from realtime.face.capture import FileCapture
from realtime.films.filming import FilmOnRequest
from realtime.packets import VideoFrame, VideoInfo
from realtime.session.events import CONTROL, RECORDER

RUN = "sub-01_ses-01_task-suppression_run-01"
FOLDER = Path("sourcedata", "sub-01", "ses-01")


class Outlet:
    """A video outlet that keeps the numbers of what was pushed."""

    info = VideoInfo("emostream-video", "cam-video", 64, 48, 1, 30.0)
    source_id = "cam-video"

    def __init__(self) -> None:
        self.indices: list[int] = []
        self.open = True

    @property
    def pushed(self) -> int:
        return len(self.indices)

    def push(self, frame: VideoFrame, /) -> None:
        self.indices.append(frame.index)

    def have_consumers(self) -> bool:
        return True

    def close(self) -> None:
        self.open = False


class Markers:
    """Where the events go."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def push_json(self, event: dict[str, Any], /) -> None:
        self.told.append(event)

    def close(self) -> None:
        pass

    def until(self, *events: str) -> dict[str, Any]:
        """Wait until these events and no others were told; the last one."""
        end = time.monotonic() + 10.0
        while [event["event"] for event in self.told] != list(events):
            assert time.monotonic() < end, self.told
            time.sleep(0.002)
        return self.told[-1]


class Scene:
    def __init__(self, root: Path, **options: Any) -> None:
        self.root, self.outlet, self.markers, self.said = root, Outlet(), Markers(), []
        self.film = FilmOnRequest(
            self.outlet, root, markers=self.markers, listen=False, say=self.said.append, **options
        )
        self._next = 500

    def push(self, count: int) -> list[int]:
        """Frames of noise; their numbers."""
        rng = np.random.default_rng(self._next)
        numbers = list(range(self._next, self._next + count))
        for number in numbers:
            self.film.push(VideoFrame(rng.integers(0, 256, (48, 64), dtype=np.uint8), number / 30.0, number))
        self._next += count
        return numbers

    def control(self, event: str, run: Any = RUN, **values: Any) -> None:
        self.film.take(CONTROL, {"event": event, "run": run, "consent_id": "C-17", **values}, 0.0)

    def recorder(self, event: str, run: Any = RUN, **values: Any) -> None:
        self.film.take(RECORDER, {"event": event, "run": run, "consent_id": "C-17", **values}, 0.0)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    scenes: list[Scene] = []

    def make(**options: Any) -> Scene:
        scenes.append(Scene(tmp_path / "recordings", **options))
        return scenes[-1]

    yield make
    for one in scenes:
        one.film.close()


def test_every_frame_between_start_and_stop_is_in_the_film(scene: Callable[..., Scene], tmp_path: Path) -> None:
    camera = scene(camera="left", simulated=True)
    camera.push(5)
    camera.control("record_start", codec="ffv1")
    assert camera.film.filming == RUN
    filmed = camera.push(20)
    path = camera.root / FOLDER / f"{RUN}_left_video.mkv"
    begun = camera.markers.until("film_started")
    assert begun == {
        "event": "film_started",
        "run": RUN,
        "camera": "left",
        "file": path.name,
        "first_frame_index": filmed[0],
        "codec": "ffv1",
        "width": 64,
        "height": 48,
        "planes": 1,
        "fps": 30.0,
    }
    about = path.with_suffix(".json")
    first = json.loads(about.read_text())
    assert (first["first_frame_index"], first["frames"], first["sha256"]) == (filmed[0], None, None)
    filmed += camera.push(10)
    camera.control("record_start")  # said twice: it goes on
    camera.control("record_stop", "sub-02_ses-01_task-suppression_run-01")  # another's
    filmed += camera.push(1)
    camera.control("record_stop")
    camera.push(7)
    assert camera.markers.until("film_started", "film_stopped") == {
        "event": "film_stopped",
        "run": RUN,
        "camera": "left",
        "frames": len(filmed),
        "dropped": 0,
    }
    camera.film.close()
    assert camera.outlet.pushed == 5 + len(filmed) + 7
    assert [round(f.stamp * 30) + filmed[0] for f in FileCapture(path)] == filmed
    told = json.loads(about.read_text())
    assert told == {
        "camera": "left",
        "source_id": "cam-video",
        "width": 64,
        "height": 48,
        "planes": 1,
        "fps": 30.0,
        "simulated": True,
        "codec": "ffv1",
        "consent_id": "C-17",
        "encrypted_to": [],
        "first_frame_index": filmed[0],
        "frames": len(filmed),
        "dropped": 0,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    modes = {p.relative_to(tmp_path): p.stat().st_mode & 0o777 for p in tmp_path.rglob("*")}
    assert {p for p, mode in modes.items() if mode == 0o600} == {p.relative_to(tmp_path) for p in (path, about)}
    assert set(modes.values()) == {0o600, 0o700}


def test_a_camera_that_comes_late_is_asked_by_the_recorder_and_not_filmed_without_consent(
    scene: Callable[..., Scene],
) -> None:
    camera = scene()
    camera.recorder("recording", film=False)
    camera.recorder("recording")
    camera.control("record_start", film=False)
    assert camera.film.filming is None
    camera.recorder("recording", film=True, codec="h264")
    assert camera.film.filming == RUN
    camera.push(5)
    camera.recorder("recording_failed", reason="it will be back")
    assert camera.film.filming == RUN
    camera.recorder("recording_stopped")
    camera.recorder("recording", film=True)  # its last words
    assert camera.film.filming is None
    assert camera.markers.until("film_started", "film_stopped")["frames"] == 5
    # the next run ends the one before where nobody did
    second = RUN.replace("run-01", "run-02")
    camera.recorder("recording_started", second, film=True)
    camera.push(3)
    camera.control("record_start", RUN.replace("run-01", "run-03"))
    assert camera.film.filming == RUN.replace("run-01", "run-03")


def test_a_recorder_that_falls_silent_does_not_leave_a_camera_filming(scene: Callable[..., Scene]) -> None:
    now = [100.0]
    camera = scene(clock=lambda: now[0])
    camera.control("record_start")
    camera.push(2)
    now[0] += 60.0
    camera.push(2)
    assert camera.film.filming == RUN, "who asks by hand is waited for"
    camera.recorder("recording", film=True)
    now[0] += 9.0
    camera.recorder("recording", film=True)
    now[0] += 9.0
    camera.push(2)
    assert camera.film.filming == RUN
    now[0] += 2.0
    camera.push(2)
    assert camera.film.filming is None
    assert camera.markers.until("film_started", "film_stopped")["frames"] == 6


@pytest.mark.parametrize(
    "run",
    ["../../etc/passwd", "/tmp/x", "sub-01", "sub-01_ses-01_task-a_run-01/../../x", "sub-..", 7, None, "x" * 10_000],
)
def test_no_path_comes_from_the_network(scene: Callable[..., Scene], tmp_path: Path, run: object) -> None:
    camera = scene()
    camera.control("record_start", run)
    camera.push(2)
    assert camera.film.filming is None
    if isinstance(run, str):
        assert "names no run" in camera.markers.until("film_failed")["reason"]
        assert len(json.dumps(camera.markers.told)) < 2_000
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_filmed_is_told_of_and_the_stream_goes_on(scene: Callable[..., Scene]) -> None:
    camera = scene()
    camera.control("record_start", codec="mjpeg")
    assert "no codec 'mjpeg'" in camera.markers.until("film_failed")["reason"]
    folder = camera.root / FOLDER
    folder.mkdir(parents=True)
    (folder / f"{RUN}_video.mkv").write_bytes(b"before")
    camera.control("record_start")
    assert "exists already" in camera.markers.until("film_failed", "film_failed")["reason"]
    (folder / f"{RUN}_video.mkv").unlink()
    (folder / f"{RUN}_video.json").write_bytes(b"{}")
    camera.control("record_start")
    assert "exists already" in camera.markers.until(*["film_failed"] * 3)["reason"]
    assert not (folder / f"{RUN}_video.mkv").exists()
    camera.push(4)
    assert camera.outlet.pushed == 4
    with pytest.raises(ConfigurationError, match="letters and digits"):
        FilmOnRequest(Outlet(), camera.root, camera="../left", markers=Markers(), listen=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_told_of(scene: Callable[..., Scene]) -> None:
    camera = scene()
    camera.root.mkdir(mode=0o500)
    camera.control("record_start")
    camera.markers.until("film_failed")


def test_a_link_out_of_the_root_is_not_followed(scene: Callable[..., Scene], tmp_path: Path) -> None:
    camera = scene()
    (tmp_path / "elsewhere").mkdir()
    (camera.root / "sourcedata").mkdir(parents=True)
    (camera.root / "sourcedata" / "sub-01").symlink_to(tmp_path / "elsewhere")
    camera.control("record_start")
    assert "leads out of" in camera.markers.until("film_failed")["reason"]


def test_a_disk_that_fills_up_fails_the_film_and_nothing_else(scene: Callable[..., Scene]) -> None:
    camera = scene(open_file=disk(room=30_000))
    camera.control("record_start")
    camera.push(40)
    assert camera.markers.until("film_started", "film_failed")["reason"] == "No space left on device"
    camera.push(2)
    assert camera.outlet.pushed == 42
    assert camera.film.filming is None
    camera.film.close()
    told = json.loads((camera.root / FOLDER / f"{RUN}_video.json").read_text())
    assert told["sha256"] is None
    assert told["frames"] + told["dropped"] <= 40


def test_a_slow_disk_is_told_of_within_a_second(scene: Callable[..., Scene]) -> None:
    gate = threading.Event()
    camera = scene(open_file=disk(gate=gate))
    camera.control("record_start")
    camera.push(5)
    begun = time.monotonic()
    try:
        while len(camera.markers.told) < 2 and time.monotonic() < begun + 10.0:
            camera.push(1)
            time.sleep(0.02)
        slow = camera.markers.until("film_started", "film_slow")
    finally:
        gate.set()
    assert slow["behind_s"] > 0.7
    camera.film.close()
    stopped = camera.markers.until("film_started", "film_slow", "film_stopped")
    assert (stopped["frames"], stopped["dropped"]) == (camera.outlet.pushed, 0)


def test_a_film_nobody_fed_is_a_failure_and_leaves_nothing(scene: Callable[..., Scene]) -> None:
    camera = scene()
    camera.control("record_start")
    camera.control("record_stop")
    assert "no picture" in camera.markers.until("film_failed")["reason"]
    camera.film.close()
    assert list((camera.root / FOLDER).iterdir()) == []


def test_the_end_of_the_camera_ends_the_film(scene: Callable[..., Scene]) -> None:
    camera = scene()
    camera.control("record_start")
    filmed = camera.push(12)
    camera.film.close()
    camera.film.close()
    assert camera.markers.until("film_started", "film_stopped")["frames"] == len(filmed)
    assert not camera.outlet.open
