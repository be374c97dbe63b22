"""The window of the dashboard's benchmarks: the real one with every panel open, and a meter beside it.

Run as a process of its own: a JSON line a second (`benchmarks.gui_scene.Seen`); obeys 'hide', 'show' and 'close' on its
standard input.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
from PyQt5.QtCore import QSocketNotifier, QTimer
from PyQt5.QtWidgets import QApplication

from gui.app import run_dashboard
from gui.application import open_application
from gui.panels.eeg.panel import EegCanvas
from gui.panels.face.video import VideoCanvas
from gui.settings import Settings
from gui.theme import DARK
from gui.window.docks import Preset
from gui.window.main_window import MainWindow
from realtime.lsl import session
from realtime.processes import end_with_parent

SIZE = (1920, 1080)
_COLUMNS: tuple[tuple[int, tuple[tuple[str, int], ...]], ...] = (
    (32, (("eeg", 60), ("spectrogram", 20), ("quality", 20))),
    (24, (("state", 30), ("traces", 45), ("timeline", 25))),
    (20, (("bands", 34), ("topomap", 33), ("health", 33))),
    (24, (("video", 40), ("motion", 20), ("movement", 40))),
)
"""Every panel has a place in front; those that are not named here are added below."""


def every_panel(keys: list[str]) -> Preset:
    """An arrangement in which each panel is seen."""
    rest = [key for key in keys if not any(key == name for _, rows in _COLUMNS for name, _ in rows)]
    columns = [(share, [((key,), weight) for key, weight in rows]) for share, rows in _COLUMNS]
    for index, key in enumerate(rest):
        columns[(2 + index) % len(columns)][1].append(((key,), 25))
    return Preset("Every panel", tuple((share, tuple(rows)) for share, rows in columns))


class Meter:
    """Counts frames and what they take; tells once a second."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.frames, self.video_frames = 0, 0
        self._work_ms, self._turn_ms = list[float](), list[float]()
        self._advanced_ms = 0.0
        self._wrap(EegCanvas, "advance", self._advance)
        self._wrap(EegCanvas, "paintEvent", self._painted)
        self._wrap(VideoCanvas, "paintEvent", self._video_painted)
        self._wrap(MainWindow, "tick", self._turned)

    def _wrap(self, owner: type, name: str, note: Callable[[float], None]) -> None:
        bare = getattr(owner, name)

        def timed(it: Any, *given: Any) -> None:
            begun = time.perf_counter()
            bare(it, *given)
            note(1000.0 * (time.perf_counter() - begun))

        setattr(owner, name, timed)

    def _advance(self, took_ms: float) -> None:
        self._advanced_ms += took_ms

    def _painted(self, took_ms: float) -> None:
        self.frames += 1
        self._work_ms.append(self._advanced_ms + took_ms)
        self._advanced_ms = 0.0

    def _video_painted(self, _took_ms: float) -> None:
        self.video_frames += 1

    def _turned(self, took_ms: float) -> None:
        self._turn_ms.append(took_ms)

    def tell(self) -> None:
        """Tell of the second that ends now."""
        times = self._process.cpu_times()
        told = {
            "at_s": time.monotonic(),
            "frames": self.frames,
            "video_frames": self.video_frames,
            "work_ms": [round(value, 3) for value in self._work_ms],
            "turn_ms": [round(value, 3) for value in self._turn_ms],
            "rss_mb": self._process.memory_info().rss / 1e6,
            "cpu_s": times.user + times.system,
        }
        print(json.dumps(told), flush=True)
        self.frames = self.video_frames = 0
        self._work_ms.clear()
        self._turn_ms.clear()


def _obey(window: MainWindow) -> None:
    match sys.stdin.readline().strip():
        case "hide":
            window.hide()
        case "show":
            window.show()
        case _:
            # also where the benchmark has gone
            window.close()
            QApplication.exit(0)


def main() -> int:
    """Run the dashboard until it is told to close."""
    end_with_parent()
    session.configure()
    settings = Settings.of_user()
    settings.keep("tour seen", True)
    meter = Meter()
    open_application(DARK)
    kept: list[object] = []

    def begin() -> None:
        window = next(widget for widget in QApplication.topLevelWidgets() if isinstance(widget, MainWindow))
        window.docks.apply(every_panel(list(window.panels.by_key)))
        told = QTimer()
        told.timeout.connect(meter.tell)
        told.start(1000)
        ears = QSocketNotifier(sys.stdin.fileno(), QSocketNotifier.Type.Read)  # type: ignore[arg-type]  # the stubs are wrong
        ears.activated.connect(lambda: _obey(window))
        kept.extend((told, ears))

    QTimer.singleShot(0, begin)
    return run_dashboard(size=SIZE)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
