"""The benchmark of the dashboard draws what it says, all ways of drawing the same samples. Never how long it takes."""

from __future__ import annotations

import numpy as np
import pytest
from PyQt5.QtWidgets import QApplication

from benchmarks import gui

FRAMES = 3
N_TIMES = gui.WINDOW_S * gui.SFREQ_HZ
FIRST = FRAMES * gui.CHUNK
"""Sample at the left edge after so many frames."""


def _after(drawer: gui.Drawer) -> None:
    for _ in range(FRAMES):
        drawer.frame()


def test_ours_shows_the_ten_seconds(qapp: QApplication) -> None:
    x = gui._signal()
    panel = gui._Panel(x)
    _after(panel)
    canvas = panel._panel.canvas
    stamps, samples = canvas.shown_samples()
    np.testing.assert_array_equal(samples, x[:, FIRST : FIRST + N_TIMES])
    np.testing.assert_allclose(stamps, np.arange(FIRST, FIRST + N_TIMES) / gui.SFREQ_HZ)
    # and what is drawn of them: the extremes of each pixel column that is whole
    assert canvas.traces is not None
    envelope = canvas.traces.envelope
    head = envelope.head
    columns = np.floor(stamps / envelope.column_s).astype(int)
    drawn = np.arange(head - envelope.n_columns + 2, head + 1)
    where = drawn % envelope.n_columns
    starts = np.searchsorted(columns, drawn)
    np.testing.assert_array_equal(envelope.low[:, where], np.minimum.reduceat(samples, starts, axis=1))
    np.testing.assert_array_equal(envelope.high[:, where], np.maximum.reduceat(samples, starts, axis=1))
    panel.close()


def test_the_naive_way_shows_the_same_ten_seconds(qapp: QApplication) -> None:
    x = gui._signal()
    curves = gui._Curves(x)
    _after(curves)
    for index, curve in enumerate(curves._curves):
        at_s, drawn = curve.getData()
        np.testing.assert_array_equal(drawn, x[index, FIRST : FIRST + N_TIMES] / 100.0 + index)
        assert (at_s[0], at_s[-1], len(at_s)) == (0.0, (N_TIMES - 1) / gui.SFREQ_HZ, N_TIMES)
    curves.close()


def test_the_viewer_shows_the_same_ten_seconds(qapp: QApplication) -> None:
    pytest.importorskip("mne_lsl")
    x = gui._signal()
    viewer, absent = gui._viewer(x)
    assert isinstance(viewer, gui._Viewer), absent
    _after(viewer)
    shown = viewer._backend._scope.data_buffer[:, -N_TIMES:]
    np.testing.assert_allclose(shown, x[:, FIRST : FIRST + N_TIMES], rtol=1e-6)
    viewer.close()


def test_the_other_panels_are_given_each_new_window(qapp: QApplication) -> None:
    x = gui._signal()
    others = gui._Others(x)
    _after(others)
    newest = (FRAMES * others._n - 1) / gui.SFREQ_HZ
    assert others._at == FRAMES * others._n
    for panel in (others._maps, others._bars):
        assert panel._sample is not None
        assert panel._sample.stamp == pytest.approx(newest)
        first = (FRAMES - 1) * others._n
        np.testing.assert_allclose(panel._sample.power, x[: len(gui.MODEL_CHANNELS), first : first + 5] * 0.01)
    others.close()


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
