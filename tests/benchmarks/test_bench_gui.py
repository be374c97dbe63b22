"""The benchmark of the dashboard draws what it says, all ways of drawing the same samples. Never how long it takes."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt5.QtWidgets import QApplication

from benchmarks import gui


def test_every_way_shows_the_ten_seconds(qapp: QApplication) -> None:
    x = gui._signal()
    for drawer in (gui._Panel(x), gui._Curves(x), gui._Others(x)):
        for _ in range(3):
            drawer.frame()
        drawer.close()


def test_ours_is_drawn_over_its_whole_width(qapp: QApplication) -> None:
    panel = gui._Panel(gui._signal())
    panel.frame()
    canvas = panel._panel.canvas
    assert canvas.traces is not None
    assert len(canvas.shown) == gui.N_CHANNELS
    assert (canvas.traces.pixels != canvas.traces.pixels[0, 0]).any(axis=0).mean() > 0.97
    panel.close()


def test_the_rate_is_counted_over_the_time_that_passes() -> None:
    assert gui._rate(lambda: None, 0.0) > 0


def test_the_viewer_s_inlet_hands_over_the_same_samples() -> None:
    pytest.importorskip("mne_lsl")
    x = gui._signal()
    inlet = gui._Inlet(x, None)
    first, _ = inlet.pull_chunk()
    inlet.count = gui.CHUNK
    more, stamps = inlet.pull_chunk()
    np.testing.assert_array_equal(first, x[:, : len(first)].T)
    assert more.shape == (gui.CHUNK, gui.N_CHANNELS)
    assert stamps[0] == pytest.approx(gui.WINDOW_S)
