"""The scene of the dashboard's benchmarks: a simulated participant, the engine and the window, a process each."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from realtime.errors import EmostreamError

ROOT = Path(__file__).parents[1]
SESSION = f"bench-{uuid.uuid4().hex[:12]}"
"""LSL session of the scenes of this process, which may listen to them."""

SCREEN = "1920x1080"
START_S = 90.0
"""How long a process may take to begin."""

_END_S = 20.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One second of the window.

    Parameters
    ----------
    at_s : float
        Monotonic time of the end of the second, this machine's.
    frames, video_frames : int
        Times the EEG and the video were painted in it.
    work_ms : tuple of float
        What each frame of the EEG panel took: taking up what is new, and painting.
    turn_ms : tuple of float
        What each turn of the window's timer took, all panels together, without painting.
    rss_mb : float
    cpu_s : float
        Time on a core since the process began.
    """

    at_s: float
    frames: int
    video_frames: int
    work_ms: tuple[float, ...]
    turn_ms: tuple[float, ...]
    rss_mb: float
    cpu_s: float


@dataclass(slots=True)
class Window:
    """The measured window in its process.

    Parameters
    ----------
    process : subprocess.Popen
    seconds : list of Seen
        What it told so far; it grows.
    """

    process: subprocess.Popen[str]
    seconds: list[Seen] = field(default_factory=list)

    def listen(self) -> None:
        """Take in what it tells, in a thread, until it ends."""
        threading.Thread(target=self._listen, name="bench-window", daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told = json.loads(line)
            told |= {name: tuple(told[name]) for name in ("work_ms", "turn_ms")}
            self.seconds.append(Seen(**told))

    def order(self, what: str) -> None:
        """'hide', 'show' or 'close'."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()

    def until_drawing(self) -> None:
        """Wait until it has drawn EEG and video for a whole second.

        Raises
        ------
        EmostreamError
            It did not, or it ended.
        """
        end_s = time.monotonic() + START_S
        while not (self.seconds and self.seconds[-1].frames and self.seconds[-1].video_frames):
            if self.process.poll() is not None or time.monotonic() > end_s:
                raise EmostreamError("the benchmark's window shows nothing: see what it said above")
            time.sleep(0.1)

    def close(self) -> None:
        """Close it as its user would, and wait."""
        with suppress(BrokenPipeError, OSError):
            self.process.send_signal(signal.SIGCONT)
            self.order("close")
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Scene:
    """Processes in an LSL session of their own; a context manager that ends them all."""

    def __init__(self, prediction_hop_s: float | None = None) -> None:
        self._prediction_hop_s = prediction_hop_s
        self._folder = tempfile.TemporaryDirectory(prefix="emostream-bench-")
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "EMOSTREAM_SESSION": SESSION,
            "OMP_NUM_THREADS": "1",
            # a window of its own making, not as somebody left it
            "XDG_CONFIG_HOME": self._folder.name,
        }
        self._processes: list[subprocess.Popen] = []
        self._display: subprocess.Popen | None = None
        self.platform = self._open_display()

    def _open_display(self) -> str:
        if shutil.which("Xvfb") is None:
            self._environment["QT_QPA_PLATFORM"] = "offscreen"
            return "offscreen (no Xvfb: install the package xvfb)"
        reading, writing = os.pipe()
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", f"{SCREEN}x24", "-nolisten", "tcp"]
        self._display = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            self._environment |= {"DISPLAY": f":{pipe.readline().strip()}", "QT_QPA_PLATFORM": "xcb"}
        return f"xcb on Xvfb, {SCREEN}, no GPU"

    def participant_and_engine(self) -> None:
        """Start both; they go on until the end."""
        engine = ["emostream", "run", "--headless"]
        if self._prediction_hop_s is not None:
            config = Path(self._folder.name) / "engine.toml"
            config.write_text(f"[engine]\nprediction_hop_s = {self._prediction_hop_s}\n", encoding="utf-8")
            engine += ["--config", str(config)]
        for command in (["benchmarks.gui_sender"], engine):
            self._processes.append(self._start(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL))

    def window(self) -> Window:
        """Open the window."""
        process = self._start(["benchmarks.gui_node"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._processes.append(process)
        made = Window(process)
        made.listen()
        return made

    def _start(self, module: list[str], *, stdin: int, stdout: int) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=self._folder.name,
            env=self._environment,
            stdin=stdin,
            stdout=stdout,
            stderr=None if module == ["benchmarks.gui_node"] else subprocess.DEVNULL,
            text=True,
        )

    def check(self) -> None:
        """See that participant and engine still run.

        Raises
        ------
        EmostreamError
            One has ended.
        """
        for process in self._processes[:2]:
            if process.poll() is not None:
                raise EmostreamError(f"'{' '.join(process.args[2:])}' ended with exit code {process.returncode}")  # type: ignore[index]

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self._processes:
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):
                        pipe.close()
        if self._display is not None:
            self._display.terminate()
            self._display.wait()
        self._folder.cleanup()


@contextmanager
def scene(prediction_hop_s: float | None = None) -> Iterator[Scene]:
    """A scene with participant and engine, which answers so often, or as often as usual."""
    made = Scene(prediction_hop_s)
    try:
        made.participant_and_engine()
        yield made
    finally:
        made.close()
