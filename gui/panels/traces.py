"""Emotion traces of the last minute: one line a class, broken wherever there is nothing to stand on."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QRectF, Qt
from PyQt5.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QWidget

from gui.messages import EmotionModel, EmotionSample, TruthEvent
from gui.panels.base import Level, Panel
from gui.panels.state import STALE_AFTER_S
from gui.theme import Theme, font
from realtime.packets import Float32, Float64

HISTORY_S = 60.0
AXIS_PX = 66
_MAX_SAMPLES = 4096


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, LSL seconds, and what it is."""

    start_s: float
    end_s: float
    text: str = ""


def trace_arrays(samples: Sequence[EmotionSample], now_s: float, n_classes: int) -> tuple[Float64, Float32]:
    """Lines to draw, with NaN where they must break.

    A line breaks where predictions stopped for more than 1.5 s and where a prediction had not enough evidence; nothing
    is ever interpolated across.

    Returns
    -------
    x : (n,) float64
        Seconds relative to `now_s`.
    y : (n_classes, n) float32
        Probabilities.
    """
    x: list[float] = []
    rows: list[Float32] = []
    nothing = np.full(n_classes, np.nan, np.float32)
    for sample in samples:
        if x and sample.stamp - now_s - x[-1] > STALE_AFTER_S:
            x.append(x[-1])
            rows.append(nothing)
        x.append(sample.stamp - now_s)
        rows.append(sample.probabilities if sample.enough else nothing)
    if not rows:
        return np.empty(0), np.empty((n_classes, 0), np.float32)
    return np.array(x), np.array(rows, np.float32).T


def unclaimed_spans(samples: Sequence[EmotionSample], now_s: float) -> tuple[list[Span], list[Span]]:
    """Stretches with no predictions, and stretches with predictions that lacked evidence."""
    silent: list[Span] = []
    lacking: list[Span] = []
    for before, after in pairwise(samples):
        if after.stamp - before.stamp > STALE_AFTER_S:
            silent.append(Span(before.stamp, after.stamp))
        elif not before.enough:
            if lacking and lacking[-1].end_s == before.stamp:
                lacking[-1] = Span(lacking[-1].start_s, after.stamp)
            else:
                lacking.append(Span(before.stamp, after.stamp))
    if samples and now_s - samples[-1].stamp > STALE_AFTER_S:
        silent.append(Span(samples[-1].stamp, now_s))
    return silent, lacking


class TruthBand:
    """The simulated participant's hidden emotion over time, as the truth markers tell it."""

    def __init__(self) -> None:
        self._spans: deque[Span] = deque(maxlen=64)
        self._running: Span | None = None
        self.present = False
        """True once a truth marker was heard."""

    def push(self, event: TruthEvent) -> None:
        """Take a trial's start or end; the end of a trial whose start was missed tells nothing."""
        self.present = True
        if event.event == "trial_start":
            self._close(event.stamp)
            self._running = Span(event.stamp, np.inf, event.emotion)
        elif event.event == "trial_end":
            self._close(event.stamp)

    def end(self, stamp: float) -> None:
        """The simulator vanished: nothing is known of the truth from here on."""
        self._close(stamp)

    def _close(self, stamp: float) -> None:
        if self._running is not None:
            self._spans.append(Span(self._running.start_s, stamp, self._running.text))
            self._running = None

    def current(self) -> str:
        """Emotion of the running trial; '' between trials."""
        return self._running.text if self._running else ""

    def spans(self, now_s: float) -> list[Span]:
        """Trials of the last minute, the running one up to `now_s`."""
        running = [Span(self._running.start_s, now_s, self._running.text)] if self._running else []
        return [span for span in (*self._spans, *running) if span.end_s > now_s - HISTORY_S]


class TimeStrip(QWidget):
    """A row under the traces with the same time axis: a label in the gutter, the last minute to its right."""

    def __init__(self, label: str, theme: Theme, height: int) -> None:
        super().__init__()
        self.label, self.theme = label, theme
        self.now_s = 0.0
        self.setFixedHeight(height)

    def x_of(self, stamp: float) -> float:
        """Pixel of a stamp, kept within the axis."""
        width = self.width() - AXIS_PX
        return AXIS_PX + width * min(1.0, max(0.0, 1.0 + (stamp - self.now_s) / HISTORY_S))

    def begin(self) -> QPainter:
        """A painter with the ground and the label done."""
        painter = QPainter(self)
        painter.setFont(font(11))
        painter.setPen(QColor(self.theme.muted))
        painter.drawText(
            QRectF(0, 0, AXIS_PX - 6, self.height()),
            Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter,
            self.label,
        )
        painter.fillRect(QRectF(AXIS_PX, 0, self.width() - AXIS_PX, self.height()), QColor(self.theme.window))
        return painter


class ConfidenceStrip(TimeStrip):
    """Confidence of the predictions, 0 to 1, as a filled line; hatched where nothing is claimed."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("confidence", theme, 30)
        self.samples: Sequence[EmotionSample] = ()

    def show_samples(self, samples: Sequence[EmotionSample], now_s: float) -> None:
        """Set what is drawn."""
        self.samples, self.now_s = samples, now_s
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        painter = self.begin()
        height = self.height()
        silent, lacking = unclaimed_spans(self.samples, self.now_s)
        fill = QColor(self.theme.accent)
        for before, after in pairwise(self.samples):
            if before.enough and after.stamp - before.stamp <= STALE_AFTER_S:
                left, right = self.x_of(before.stamp), self.x_of(after.stamp)
                tall = max(1.0, height * min(1.0, before.confidence))
                painter.fillRect(QRectF(left, height - tall, right - left, tall), fill)
        for spans, style, color in (
            (lacking, Qt.BrushStyle.BDiagPattern, self.theme.muted),
            (silent, Qt.BrushStyle.DiagCrossPattern, self.theme.bad),
        ):
            for span in spans:
                left, right = self.x_of(span.start_s), self.x_of(span.end_s)
                painter.fillRect(QRectF(left, 0, right - left, height), QBrush(QColor(color), style))


class TruthStrip(TimeStrip):
    """The true emotion of a simulated participant as labelled bands."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("truth", theme, 20)
        self.spans: list[Span] = []
        self.classes: tuple[str, ...] = ()
        self.setVisible(False)

    def show_spans(self, spans: list[Span], classes: tuple[str, ...], now_s: float) -> None:
        """Set what is drawn."""
        self.spans, self.classes, self.now_s = spans, classes, now_s
        self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        painter = self.begin()
        for span in self.spans:
            left, right = self.x_of(span.start_s), self.x_of(span.end_s)
            box = QRectF(left + 1, 1, max(1.0, right - left - 2), self.height() - 2)
            known = span.text in self.classes
            color = self.theme.class_color(self.classes.index(span.text)) if known else QColor(self.theme.truth)
            ground = QColor(color)
            ground.setAlpha(60)
            painter.fillRect(box, ground)
            painter.setPen(QPen(color, 1))
            painter.drawRect(box)
            painter.setPen(QColor(self.theme.text))
            painter.drawText(
                box.adjusted(4, 0, -2, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, span.text
            )


class TracesPanel(Panel):
    """Probabilities of the last minute, confidence below, the truth too where a simulator tells it.

    The list of classes in the state panel, above it on the screen, is its legend.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__("Emotion probabilities, last 60 s", theme)
        self.model: EmotionModel | None = None
        self.samples: deque[EmotionSample] = deque(maxlen=_MAX_SAMPLES)
        self.truth = TruthBand()
        self.curves: list[pg.PlotDataItem] = []
        self.plot = self._make_plot()
        self.confidence = ConfidenceStrip(theme)
        self.truth_strip = TruthStrip(theme)
        self.add(self.plot, 1)
        self.add(self.confidence, 0)
        self.add(self.truth_strip, 0)

    def _make_plot(self) -> pg.PlotWidget:
        theme = self.theme
        plot = pg.PlotWidget(background=theme.panel)
        plot.setMinimumHeight(70)
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(False, False)
        plot.hideButtons()
        view = plot.getViewBox()
        view.setXRange(-HISTORY_S, 0.0, padding=0.0)
        view.setYRange(0.0, 1.0, padding=0.07)
        for side, ticks in (
            ("left", [(0, "0 %"), (0.25, ""), (0.5, "50 %"), (0.75, ""), (1, "100 %")]),
            ("bottom", [(-60, ""), (-45, "-45 s"), (-30, "-30 s"), (-15, "-15 s"), (0, "")]),
        ):
            axis = plot.getAxis(side)
            axis.setTicks([ticks])
            axis.setPen(theme.border)
            axis.setTextPen(theme.muted)
            axis.setStyle(tickFont=font(11), tickLength=-4, hideOverlappingLabels=False, textFillLimits=[(0, 9.0)])
        plot.getAxis("left").setWidth(AXIS_PX)
        plot.getAxis("bottom").setHeight(18)
        plot.showGrid(x=True, y=True, alpha=0.25)
        return plot

    def take(self, model: EmotionModel, sample: EmotionSample) -> None:
        """Add a prediction; another model's classes start the picture anew."""
        if self.model is None or model.classes != self.model.classes:
            self._open(model)
        self.model = model
        self.samples.append(sample)

    def take_truth(self, event: TruthEvent) -> None:
        """Take what the simulator says."""
        self.truth.push(event)

    def _open(self, model: EmotionModel) -> None:
        self.samples.clear()
        self.plot.clear()
        chance = pg.InfiniteLine(
            1.0 / len(model.classes), angle=0, pen=pg.mkPen(self.theme.muted, style=Qt.PenStyle.DotLine)
        )
        self.plot.addItem(chance)
        label = pg.TextItem("chance", color=self.theme.muted, anchor=(0, 1))
        label.setFont(font(10))
        label.setPos(-HISTORY_S, 1.0 / len(model.classes))
        self.plot.addItem(label)
        self.curves = []
        for index in range(len(model.classes)):
            pen = self.theme.class_pen(index)
            self.curves.append(self.plot.plot(pen=pen, connect="finite", antialias=True, skipFiniteCheck=False))

    def refresh(self, now_s: float) -> None:
        """Draw the minute that ends at `now_s`."""
        while self.samples and self.samples[0].stamp < now_s - HISTORY_S - 2:
            self.samples.popleft()
        samples = list(self.samples)
        classes = self.model.classes if self.model else ()
        if classes:
            x, y = trace_arrays(samples, now_s, len(classes))
            for curve, row in zip(self.curves, y, strict=True):
                curve.setData(x, row)
        self.confidence.show_samples(samples, now_s)
        self.truth_strip.setVisible(self.truth.present)
        if self.truth.present:
            self.truth_strip.show_spans(self.truth.spans(now_s), classes, now_s)
        self.set_note(*_note(samples, now_s))


def _note(samples: Iterable[EmotionSample], now_s: float) -> tuple[str, Level]:
    held = list(samples)
    if not held:
        return "waiting for predictions", ""
    silent, lacking = unclaimed_spans(held, now_s)
    if silent and silent[-1].end_s == now_s:
        return "stale: no predictions", "bad"
    if silent:
        return "crossed hatching: no predictions", ""
    return ("hatched: not enough evidence", "") if lacking else ("", "")
