"""What a frame of the EEG panel costs, beside one curve a channel, drawn off-screen."""

from __future__ import annotations

import os

import numpy as np
import pyqtgraph as pg
from PyQt5.QtWidgets import QApplication

from benchmarks.measure import interleave
from benchmarks.report import Goal, Row
from gui.panels.eeg import EegPanel
from gui.theme import DARK, apply_theme
from realtime.packets import EegChunk, EegInfo, Float32

N_CHANNELS, SFREQ_HZ, WINDOW_S, CHUNK = 62, 1000, 10, 33
WIDTH, HEIGHT = 560, 640
NAIVE = "one PlotCurveItem a channel"


def run(seconds: float) -> list[Row]:
    """Measure for `seconds`; opens no window."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    apply_theme(app, DARK)
    x = _signal()
    panel, curves = _Panel(x), _Curves(x)
    timings = interleave({"ours": panel.frame, NAIVE: curves.frame}, seconds)
    panel.panel.close()
    curves.plot.close()
    return [
        Row(
            name=f"EEG panel, a frame of {N_CHANNELS} traces x {WINDOW_S} s, {CHUNK} new samples",
            ours=timings["ours"],
            peers={NAIVE: timings[NAIVE]},
            goals=(Goal("below peer", 5, NAIVE),),
            note=f"drawn and painted, {WIDTH} x {HEIGHT} px, off-screen; the curves: width 1, no antialias, fixed view",
        )
    ]


class _Panel:
    """Ours: hands the new samples over and lets the panel paint."""

    def __init__(self, x: Float32) -> None:
        self._x = x
        self._at = SFREQ_HZ * WINDOW_S
        self._info = EegInfo("bench", "bench", tuple(f"E{i}" for i in range(N_CHANNELS)), float(SFREQ_HZ))
        self.panel = EegPanel(DARK)
        self.panel.resize(WIDTH, HEIGHT)
        self.panel.show()
        self.panel.take(self._info, EegChunk(x[:, : self._at], np.arange(self._at) / SFREQ_HZ, "u", 0))
        self.panel.refresh(WINDOW_S)
        QApplication.processEvents()

    def frame(self) -> None:
        stamps = np.arange(self._at, self._at + CHUNK) / SFREQ_HZ
        first = self._at % (self._x.shape[1] - CHUNK)
        self.panel.take(self._info, EegChunk(self._x[:, first : first + CHUNK], stamps, "u", self._at))
        self.panel.refresh(float(stamps[-1]))
        QApplication.processEvents()
        self._at += CHUNK


class _Curves:
    """The peer: all samples of the ten seconds given anew to a curve each."""

    def __init__(self, x: Float32) -> None:
        self._x = x
        self._n = SFREQ_HZ * WINDOW_S
        self._t = np.arange(self._n) / SFREQ_HZ
        self._first = 0
        self.plot = pg.PlotWidget()
        self.plot.resize(WIDTH, HEIGHT)
        self.plot.getViewBox().setRange(xRange=(0, WINDOW_S), yRange=(0, N_CHANNELS), padding=0)
        self._curves = [pg.PlotCurveItem(pen=pg.mkPen(DARK.trace, width=1)) for _ in range(N_CHANNELS)]
        for curve in self._curves:
            self.plot.addItem(curve)
        self.plot.show()
        QApplication.processEvents()

    def frame(self) -> None:
        newest = self._x[:, self._first : self._first + self._n]
        for index, curve in enumerate(self._curves):
            curve.setData(self._t, newest[index] / 100.0 + index)
        QApplication.processEvents()
        self._first = (self._first + CHUNK) % (self._x.shape[1] - self._n)


def _signal() -> Float32:
    rng = np.random.default_rng(0)
    n = SFREQ_HZ * (WINDOW_S + 5)
    return np.cumsum(rng.normal(0, 3, (N_CHANNELS, n)), axis=1).astype(np.float32) * np.float32(0.3)
