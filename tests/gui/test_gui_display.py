"""The whole dashboard as users start it: real window on a virtual display, real streams, separate processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from display import needs_display, virtual_display
from PyQt5.QtGui import QImage

ROOT = Path(__file__).parents[2]
RUN = """
import json, sys, threading
from pathlib import Path
from realtime.lsl.session import configure
from gui.app import run_dashboard
from realtime.errors import EmostreamError
configure()
try:
    size = (int(sys.argv[3]), int(sys.argv[4]))
    code = run_dashboard(seconds=float(sys.argv[1]), screenshot=Path(sys.argv[2]), size=size)
except EmostreamError as err:
    sys.exit(f"refused: {err}")
left = [t.name for t in threading.enumerate() if t.name.startswith("emostream")]
print(json.dumps({"code": code, "cv2": "cv2" in sys.modules, "torch": "torch" in sys.modules, "threads": left}))
sys.exit(code)
"""


def _environment(display: str, home: Path) -> dict[str, str]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "/tmp")
    return {
        **os.environ,
        "DISPLAY": display,
        "QT_QPA_PLATFORM": "xcb",
        "PYTHONPATH": str(ROOT),
        "XDG_RUNTIME_DIR": runtime,
        "XDG_CONFIG_HOME": str(home / "settings"),
    }


def _start(arguments: list[str], environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _pixels(path: Path) -> np.ndarray:
    image = QImage(str(path)).convertToFormat(QImage.Format.Format_RGB32)
    raw = image.constBits().asarray(image.byteCount())  # type: ignore[union-attr]
    return np.frombuffer(raw, np.uint32).reshape(image.height(), image.width()) & 0xFFFFFF


@needs_display
@pytest.mark.xvfb
def test_the_dashboard_shows_a_live_session_on_a_real_display(tmp_path: Path) -> None:
    shot = tmp_path / "dashboard.png"
    with virtual_display() as display:
        environment = _environment(display, tmp_path)
        fake = _start([str(ROOT / "tests/gui/fake_streams.py"), "--seconds", "60"], environment)
        try:
            dashboard = _start(["-c", RUN, "8", str(shot), "1600", "900"], environment)
            out, errors = dashboard.communicate(timeout=60)
        finally:
            fake.kill()
            fake.communicate()
    assert dashboard.returncode == 0, errors
    assert json.loads(out) == {"code": 0, "cv2": False, "torch": False, "threads": []}
    pixels = _pixels(shot)
    assert pixels.shape == (900, 1600)
    assert len(np.unique(pixels)) > 500
    regions = {
        "header with badges": (slice(6, 32), slice(120, 720), 10),
        "EEG": (slice(90, 570), slice(100, 540), 3),
        "band power": (slice(690, 870), slice(60, 540), 3),
        "state": (slice(60, 265), slice(575, 1135), 20),
        "traces": (slice(335, 540), slice(665, 1025), 20),
        "session": (slice(690, 860), slice(575, 1135), 10),
        "video": (slice(120, 440), slice(1170, 1570), 100),
        "movements": (slice(575, 860), slice(1165, 1400), 100),
    }
    for name, (rows, columns, colors) in regions.items():
        found = len(np.unique(pixels[rows, columns]))
        assert found >= colors, f"{name}: {found} colours"


@needs_display
@pytest.mark.xvfb
def test_a_frozen_dashboard_does_not_hold_the_sender_up(tmp_path: Path) -> None:
    stats = tmp_path / "stats.json"
    with virtual_display() as display:
        environment = _environment(display, tmp_path)
        fake = _start([str(ROOT / "tests/gui/fake_streams.py"), "--seconds", "4", "--stats", str(stats)], environment)
        dashboard = _start(["-c", RUN, "60", str(tmp_path / "x.png"), "1280", "720"], environment)
        try:
            assert fake.stdout is not None
            assert fake.stdout.readline() == "somebody listens\n"
            dashboard.send_signal(signal.SIGSTOP)
            _, errors = fake.communicate(timeout=60)
            assert fake.returncode == 0, errors
        finally:
            dashboard.send_signal(signal.SIGCONT)
            dashboard.send_signal(signal.SIGINT)
            _, errors = dashboard.communicate(timeout=40)
            fake.kill()
    sent = json.loads(stats.read_text(encoding="utf-8"))
    assert sent["eeg"] >= 10_000 + 3_500, "the sender kept its pace"
    assert sent["worst_push_s"] < 0.5
    assert dashboard.returncode == 130, errors


def test_without_a_display_it_says_so_in_one_line(tmp_path: Path) -> None:
    environment = {**_environment(":4077", tmp_path), "QT_QPA_PLATFORM": "xcb"}
    refused = _start(["-c", RUN, "1", str(tmp_path / "x.png"), "800", "600"], environment)
    _, errors = refused.communicate(timeout=60)
    assert refused.returncode == 1
    assert errors.startswith("refused: cannot open a window (")
    assert "--headless" in errors
    assert errors.count("\n") == 1
