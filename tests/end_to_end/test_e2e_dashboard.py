"""The real dashboard on a real (virtual) display, fed by the real engine and a simulated participant."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from display import needs_display, virtual_display
from e2e import Command
from PIL import Image

pytestmark = [pytest.mark.end_to_end, pytest.mark.xvfb, needs_display]

SECONDS = float(os.environ.get("EMOSTREAM_SCREENSHOT_AFTER_S", "20"))


def test_the_window_shows_a_live_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also how the README's picture is made: EMOSTREAM_SCREENSHOT=docs/images/dashboard.png names where it goes."""
    picture = tmp_path / "dashboard.png"
    session = "dashboard-" + tmp_path.name
    with virtual_display() as display, Command("simulate", folder=tmp_path, session=session):
        monkeypatch.setenv("DISPLAY", display)
        monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
        engine = Command("run", "--headless", folder=tmp_path, session=session)
        window = Command("dashboard", "--seconds", SECONDS, "--screenshot", picture, folder=tmp_path, session=session)
        with engine, window:
            done = window.wait(SECONDS + 40)
            assert engine.process.poll() is None, engine.said
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    assert pixels.shape == (900, 1600, 3)
    for row in np.array_split(pixels, 3):
        for part in np.array_split(row, 4, axis=1):
            assert len(np.unique(part.reshape(-1, 3), axis=0)) > 20
    if wanted := os.environ.get("EMOSTREAM_SCREENSHOT"):
        shutil.copy(picture, wanted)
