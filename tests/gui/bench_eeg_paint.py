"""Test only: what a frame of the EEG panel costs, beside one PlotCurveItem a channel, in one run.

Run as ``python tests/gui/bench_eeg_paint.py``; prints JSON.
"""

from __future__ import annotations

import json
import os
import statistics
import time

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
import pyqtgraph as pg
from PyQt5.QtWidgets import QApplication

from gui.panels.eeg import EegPanel
from gui.theme import DARK, apply_theme
from realtime.packets import EegChunk, EegInfo

N_CHANNELS, SFREQ_HZ, WINDOW_S, CHUNK = 64, 1000, 10, 33
WIDTH, HEIGHT, FRAMES = 560, 640, 60


def _signal() -> np.ndarray:
    rng = np.random.default_rng(0)
    n = SFREQ_HZ * (WINDOW_S + 5)
    return np.cumsum(rng.normal(0, 3, (N_CHANNELS, n)), axis=1).astype(np.float32) * 0.3


def panel_ms(x: np.ndarray) -> list[float]:
    """Milliseconds a frame: 33 new samples of 64 channels, drawn and painted."""
    panel = EegPanel(DARK)
    panel.resize(WIDTH, HEIGHT)
    panel.show()
    info = EegInfo("bench", "bench", tuple(f"E{i}" for i in range(N_CHANNELS)), float(SFREQ_HZ))
    at, times = SFREQ_HZ * WINDOW_S, []
    panel.take(info, EegChunk(x[:, :at], np.arange(at) / SFREQ_HZ, "u", 0))
    panel.refresh(WINDOW_S)
    QApplication.processEvents()
    for _ in range(FRAMES):
        stamps = np.arange(at, at + CHUNK) / SFREQ_HZ
        begun = time.perf_counter()
        panel.take(info, EegChunk(x[:, at : at + CHUNK], stamps, "u", at))
        panel.refresh(float(stamps[-1]))
        panel.canvas.repaint(panel.canvas._plot())
        times.append(1000 * (time.perf_counter() - begun))
        at += CHUNK
    panel.close()
    return times


def naive_ms(x: np.ndarray) -> list[float]:
    """The same with one PlotCurveItem a channel, all samples given anew: width 1, no antialias, fixed view."""
    plot = pg.PlotWidget()
    plot.resize(WIDTH, HEIGHT)
    plot.setXRange(0, WINDOW_S, padding=0)
    plot.setYRange(0, N_CHANNELS, padding=0)
    curves = [pg.PlotCurveItem(pen=pg.mkPen(DARK.trace, width=1)) for _ in range(N_CHANNELS)]
    for curve in curves:
        plot.addItem(curve)
    plot.show()
    QApplication.processEvents()
    n, times = SFREQ_HZ * WINDOW_S, []
    t = np.arange(n) / SFREQ_HZ
    for frame in range(FRAMES // 3):
        begun = time.perf_counter()
        newest = x[:, frame * CHUNK : frame * CHUNK + n]
        for index, curve in enumerate(curves):
            curve.setData(t, newest[index] / 100.0 + index)
        plot.viewport().repaint()
        times.append(1000 * (time.perf_counter() - begun))
    plot.close()
    return times


def main() -> None:
    app = QApplication([])
    apply_theme(app, DARK)
    x = _signal()
    ours, naive = panel_ms(x), naive_ms(x)
    row = {
        "panel_ms": {"median": statistics.median(ours), "worst": max(ours)},
        "naive_ms": {"median": statistics.median(naive), "worst": max(naive)},
        "ratio": statistics.median(naive) / statistics.median(ours),
    }
    print(json.dumps(row, indent=1))


if __name__ == "__main__":
    main()
