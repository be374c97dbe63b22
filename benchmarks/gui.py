"""What a frame of the EEG panel costs, beside one curve a channel and mne-lsl's StreamViewer, in one run.

Then the whole window on a live session (`benchmarks.gui_live`), in processes of their own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pyqtgraph as pg
from PyQt5.QtWidgets import QApplication

from benchmarks import gui_live
from benchmarks.measure import Timing, interleave
from benchmarks.report import Goal, Row
from gui.panels.eeg.bands import BandPanel
from gui.panels.eeg.controls import EegView
from gui.panels.eeg.display_filter import DisplayFilters
from gui.panels.eeg.panel import EegPanel
from gui.panels.eeg.quality import QualityPanel
from gui.panels.eeg.spectrogram import HOP_S, SpectrogramPanel
from gui.panels.eeg.topomap import TopomapPanel
from gui.streams.messages import BandSample, QualitySample
from gui.theme import DARK, apply_theme
from realtime.eeg.montage import MODEL_CHANNELS
from realtime.packets import EegChunk, EegInfo, Float32

N_CHANNELS, SFREQ_HZ, WINDOW_S, CHUNK = 64, 1000, 10, 33
WIDTH, HEIGHT = 800, 700
FRAMES_PER_S = 30
NAIVE = "pyqtgraph, one PlotCurveItem a channel"
VIEWER = "mne-lsl StreamViewer"
FILTERS = DisplayFilters(0.5, 45.0, 50.0, True)


class Drawer(Protocol):
    """One way of showing the EEG."""

    def frame(self) -> None:
        """Take `CHUNK` new samples and paint them."""

    def close(self) -> None:
        """Take the window away."""


def run(seconds: float) -> list[Row]:
    """Measure for `seconds` each; opens no window on a real display unless QT_QPA_PLATFORM names one."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    apply_theme(app, DARK)
    x = _signal()
    drawers: dict[str, Drawer] = {"ours": _Panel(x), "filtered": _Panel(x, EegView(filters=FILTERS)), NAIVE: _Curves(x)}
    viewer, absent = _viewer(x)
    if viewer is not None:
        drawers[VIEWER] = viewer
    others = _Others(x)
    try:
        timings = interleave({name: drawer.frame for name, drawer in drawers.items()}, seconds)
        rates = {name: _rate(drawer.frame, seconds / len(drawers)) for name, drawer in drawers.items()}
        rest = interleave({"ours": others.frame}, seconds)["ours"]
    finally:
        for drawer in drawers.values():
            drawer.close()
        others.close()
    peers = {name: timing for name, timing in timings.items() if name not in ("ours", "filtered")}
    where = f"{app.platformName()}, {WIDTH} x {HEIGHT} px"
    return [
        _row("", "ours", timings, rates, peers, f"drawn and painted, {where}; {absent}"),
        _row(f" with {FILTERS.text()}", "filtered", timings, rates, peers, "the peers do not filter"),
        Row(
            name="the other panels of the EEG, all anew: maps, bars, spectrogram, quality",
            ours=rest,
            goals=(Goal("median", 10),),
            note=f"{where}; four times a second is enough",
        ),
        *gui_live.run(seconds),
    ]


def _row(
    what: str, ours: str, timings: dict[str, Timing], rates: dict[str, float], peers: dict[str, Timing], note: str
) -> Row:
    told = {"ours": rates[ours]} | {name: rates[name] for name in peers}
    frames = ", ".join(f"{name} {rate:.0f}" for name, rate in told.items())
    p99 = ", ".join(f"{name} {timing.p99_ms:.3g}" for name, timing in peers.items())
    return Row(
        name=f"EEG panel{what}, a frame of {N_CHANNELS} traces x {WINDOW_S} s at {SFREQ_HZ} Hz, {CHUNK} new samples",
        ours=timings[ours],
        peers=peers,
        goals=(Goal("median", 10), Goal("below peer", 5, NAIVE)),
        note=f"{note}; frames a second as time passes: {frames}; p99 ms: {p99}",
    )


def _rate(frame: Callable[[], object], seconds: float) -> float:
    """Frames a second, one after the other, as time passes: 30 are wanted."""
    begun, count = time.perf_counter(), 0
    while time.perf_counter() < begun + seconds or not count:
        frame()
        count += 1
    return count / (time.perf_counter() - begun)


class _Panel:
    """Ours: hands the new samples over and lets the panel paint."""

    def __init__(self, x: Float32, view: EegView | None = None) -> None:
        self._x = x
        self._at = SFREQ_HZ * WINDOW_S
        self._info = EegInfo("bench", "bench", tuple(f"E{i}" for i in range(N_CHANNELS)), float(SFREQ_HZ))
        self._panel = EegPanel(DARK)
        self._panel.set_view(view or EegView())
        self._panel.resize(WIDTH, HEIGHT)
        self._panel.show()
        self._panel.take(self._info, EegChunk(x[:, : self._at], np.arange(self._at) / SFREQ_HZ, "u", 0))
        self._panel.refresh(WINDOW_S)
        QApplication.processEvents()

    def frame(self) -> None:
        stamps = np.arange(self._at, self._at + CHUNK) / SFREQ_HZ
        first = self._at % (self._x.shape[1] - CHUNK)
        self._panel.take(self._info, EegChunk(self._x[:, first : first + CHUNK], stamps, "u", self._at))
        self._panel.refresh(float(stamps[-1]))
        QApplication.processEvents()
        self._at += CHUNK

    def close(self) -> None:
        self._panel.close()


class _Others:
    """Topography, band power, spectrogram and signal quality: a new window, a new column, new flags."""

    def __init__(self, x: Float32) -> None:
        self._x, self._at, self._n = x, 0, round(HOP_S * SFREQ_HZ)
        self._info = EegInfo("bench", "bench", (*MODEL_CHANNELS, "M1", "M2"), float(SFREQ_HZ))
        self._maps, self._bars = TopomapPanel(DARK), BandPanel(DARK)
        self._spectrogram, self._quality = SpectrogramPanel(DARK), QualityPanel(DARK)
        self._panels = (self._maps, self._bars, self._spectrogram, self._quality)
        for panel in self._panels:
            panel.resize(WIDTH // 2, HEIGHT // 3)
            panel.show()
        QApplication.processEvents()

    def frame(self) -> None:
        stamps = np.arange(self._at, self._at + self._n) / SFREQ_HZ
        first = self._at % (self._x.shape[1] - self._n)
        chunk = EegChunk(self._x[:, first : first + self._n], stamps, "u", self._at)
        power = chunk.samples[: len(MODEL_CHANNELS), :5] * np.float32(0.01)
        sample = BandSample(float(stamps[-1]), MODEL_CHANNELS, ("delta", "theta", "alpha", "beta", "gamma"), power)
        self._maps.take(sample)
        self._bars.take(sample)
        self._spectrogram.take(self._info, chunk)
        self._quality.take(QualitySample(sample.stamp, dict.fromkeys(self._info.channels, 0)))
        for panel in self._panels:
            panel.refresh(sample.stamp)
        QApplication.processEvents()
        self._at += self._n

    def close(self) -> None:
        for panel in self._panels:
            panel.close()


class _Curves:
    """The naive peer: all samples of the ten seconds given anew to a curve each; width 1, no antialias, fixed view."""

    def __init__(self, x: Float32) -> None:
        self._x = x
        self._n = SFREQ_HZ * WINDOW_S
        self._t = np.arange(self._n) / SFREQ_HZ
        self._first = 0
        self._plot = pg.PlotWidget()
        self._plot.resize(WIDTH, HEIGHT)
        self._plot.getViewBox().setRange(xRange=(0, WINDOW_S), yRange=(0, N_CHANNELS), padding=0)
        self._curves = [pg.PlotCurveItem(pen=pg.mkPen(DARK.trace, width=1)) for _ in range(N_CHANNELS)]
        for curve in self._curves:
            self._plot.addItem(curve)
        self._plot.show()
        self.frame()

    def frame(self) -> None:
        newest = self._x[:, self._first : self._first + self._n]
        for index, curve in enumerate(self._curves):
            curve.setData(self._t, newest[index] / 100.0 + index)
        QApplication.processEvents()
        self._first = (self._first + CHUNK) % (self._x.shape[1] - self._n)

    def close(self) -> None:
        self._plot.close()


class _Inlet:
    """What the StreamViewer's scope asks of an inlet, from memory: its own network costs are spared it."""

    def __init__(self, x: Float32, sinfo: Any) -> None:
        self._x, self._sinfo, self._at = x, sinfo, 0
        self.count = WINDOW_S * SFREQ_HZ

    def get_sinfo(self) -> Any:
        return self._sinfo

    def pull_chunk(self) -> tuple[Float32, Any]:
        first = self._at % (self._x.shape[1] - self.count)
        stamps = np.arange(self._at, self._at + self.count) / SFREQ_HZ
        self._at += self.count
        return self._x[:, first : first + self.count].T.copy(), stamps


class _Viewer:
    """mne-lsl's StreamViewer: its scope and its pyqtgraph canvas, ten seconds of all channels, its timer's step."""

    def __init__(self, x: Float32) -> None:
        from mne_lsl.lsl import StreamInfo
        from mne_lsl.stream_viewer.backends.pyqtgraph import _BackendPyQtGraph
        from mne_lsl.stream_viewer.scope.scope_eeg import ScopeEEG

        sinfo = StreamInfo("bench", "EEG", N_CHANNELS, float(SFREQ_HZ), "float32", "bench")
        sinfo.set_channel_names([f"E{i}" for i in range(N_CHANNELS)])
        sinfo.set_channel_types("eeg")
        sinfo.set_channel_units("microvolts")
        inlet = _Inlet(x, sinfo)
        scope: Any = ScopeEEG(inlet)
        self._backend: Any = _BackendPyQtGraph(scope, (0, 0, WIDTH, HEIGHT), WINDOW_S, 100.0)
        self.frame()
        inlet.count = CHUNK

    def frame(self) -> None:
        self._backend._update_loop()
        QApplication.processEvents()

    def close(self) -> None:
        self._backend.close()


def _viewer(x: Float32) -> tuple[Drawer | None, str]:
    """The StreamViewer where it is installed, and what is to be said of it."""
    os.environ.setdefault("QT_API", "pyqt5")
    try:
        return _Viewer(x), f"{VIEWER} gets its samples from memory and shows their means over 15 ms"
    except (ImportError, RuntimeError) as err:
        return None, f"no {VIEWER}: {err}"


def _signal() -> Float32:
    rng = np.random.default_rng(0)
    n = SFREQ_HZ * (WINDOW_S + 5)
    return np.cumsum(rng.normal(0, 3, (N_CHANNELS, n)), axis=1).astype(np.float32) * np.float32(0.3)
