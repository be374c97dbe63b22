"""EEG scroll: 64 channels at 1 kHz as a ring of pixel columns, so that a frame costs a few columns and two blits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PyQt5.QtCore import QPointF, QRect, QRectF, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PyQt5.QtWidgets import QWidget

from gui.panels.base import Panel, age_text
from gui.panels.eeg.controls import SCALES_UV, WINDOWS_S, EegControls, EegView, step
from gui.panels.eeg.display_filter import DisplayChain
from gui.panels.eeg.trace_image import TraceImage, lanes
from gui.streams.messages import QualitySample
from gui.theme import Theme, font, scaled
from realtime.packets import Bool, EegChunk, EegInfo, Float32, Float64, Quality
from realtime.ring import RingBuffer

STALE_AFTER_S = 1.0
BAD_SIGN = "✕"
_SETTLE_S = 2.0
_BLOCK = 256
_AXIS_PX = 18
_NAME_PX = 11
_TICKS_S = {2.0: 0.5, 5.0: 1.0, 10.0: 2.0, 20.0: 5.0, 30.0: 5.0}


def flag_words(flags: int) -> str:
    """Quality flags in words: 'flat', 'mains, noisy'; '' for a good channel."""
    return ", ".join(flag.name.lower().replace("_", " ") for flag in Quality if flag and flags & flag and flag.name)


class EegCanvas(QWidget):
    """Traces, channel names in the gutter, a grid of seconds and a scale bar.

    The raw samples of the longest window are kept, so that every setting may change afterwards. While the canvas is
    hidden nothing is drawn or filtered.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.view = EegView()
        self.labels: tuple[str, ...] = ()
        self.shown: tuple[str, ...] = ()
        self.flags: dict[str, int] = {}
        self.traces: TraceImage | None = None
        self.overlay = ""
        self._sfreq_hz = 0.0
        self._hole_s = 0.1
        self._raw: RingBuffer | None = None
        self._stamps: RingBuffer | None = None
        self._rows: NDArray[np.intp] = np.zeros(0, np.intp)
        self._good: Bool = np.zeros(0, bool)
        self._chain: DisplayChain | None = None
        self._outdated = True
        self._gutter: QPixmap | None = None
        self._gutter_px = 60
        self.setMinimumSize(260, 120)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAccessibleName("EEG traces")

    @property
    def scale_uv(self) -> float:
        """Microvolts between two neighbouring channels."""
        return self.view.scale_uv

    def open(self, info: EegInfo) -> None:
        """Begin with a new source; what was shown of another one is dropped."""
        self.labels = info.channels
        self._sfreq_hz = info.sfreq_hz
        self._hole_s = max(0.1, 3.0 / info.sfreq_hz)
        capacity = max(64, math.ceil((WINDOWS_S[-1] + _SETTLE_S) * info.sfreq_hz))
        self._raw = RingBuffer(len(self.labels), capacity, on_full="drop_oldest")
        self._stamps = RingBuffer(1, capacity, on_full="drop_oldest", dtype=np.float64)
        self._choose()

    def push(self, chunk: EegChunk) -> None:
        """Add samples; drawn at the next `advance`."""
        if self._raw is None or self._stamps is None:
            return
        self._raw.push(chunk.samples)
        self._stamps.push(chunk.stamps[None])
        if not self.isVisible():
            self._outdated = True
        if not self._outdated and self.traces is not None and self._chain is not None:
            shown = self._chain.process(chunk.samples, chunk.stamps, self._good)
            self.traces.envelope.push(shown, chunk.stamps)

    def advance(self) -> None:
        """Draw what is new and ask for a repaint."""
        rebuilt = self._renew()
        if self.traces is not None and self.traces.advance():
            self.update(self.rect() if rebuilt else self._plot())

    def set_flags(self, flags: dict[str, int]) -> None:
        """Mark the channels with quality flags, in the gutter and in their traces."""
        if flags != self.flags:
            self.flags = flags
            self._choose(renew=False)

    def set_view(self, view: EegView) -> None:
        """Show other channels, another time or scale, or filter otherwise."""
        scale_only = view == replace(self.view, scale_uv=view.scale_uv)
        self.view = view
        if not scale_only:
            self._choose()
        elif self.traces is not None:
            self.traces.set_gain(self.traces.lane_px / view.scale_uv)
            self.traces.advance()
        self.update()

    def set_overlay(self, text: str) -> None:
        """Words across the traces ('' for none): no signal, or an old one."""
        if text != self.overlay:
            self.overlay = text
            self.update()

    def shown_samples(self) -> tuple[Float64, Float32]:
        """Stamps, LSL s, and samples, (n_shown, n_times) µV, of the time on the canvas, filtered as they are shown."""
        kept = self._kept()
        if self._raw is None or self._stamps is None or not kept:
            return np.zeros(0), np.zeros((len(self.shown), 0), np.float32)
        stamps = self._stamps.latest(kept)[0]
        chain = DisplayChain(self._rows, self._sfreq_hz, self.view.filters, self._hole_s)
        samples = chain.process(self._raw.latest(kept), stamps, self._good)
        first = int(np.searchsorted(stamps, stamps[-1] - self.view.window_s, "right"))
        return stamps[first:].copy(), samples[:, first:]

    def _kept(self) -> int:
        """Samples that the time on the canvas rests on: those before it let the filters settle."""
        most = math.ceil((self.view.window_s + _SETTLE_S) * self._sfreq_hz)
        return min(len(self._raw), most) if self._raw is not None else 0

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Another size has other pixel columns: the traces are made anew."""
        super().resizeEvent(a0)
        self._outdated = True

    def _choose(self, *, renew: bool = True) -> None:
        """Find the rows that are shown; draw all anew where they changed, or where it is asked for."""
        self._good = np.array([not self.flags.get(label, 0) for label in self.labels], bool)
        rows = self.view.channels.rows(self.labels, self._good)
        if renew or not np.array_equal(rows, self._rows):
            self._outdated = True
        elif self.traces is not None:
            self.traces.set_bad(~self._good[rows])
        self._rows = rows
        self.shown = tuple(self.labels[row] for row in rows)
        self._gutter = None
        self.update()

    def _plot(self) -> QRect:
        return QRect(
            self._gutter_px, 0, max(1, self.width() - self._gutter_px), max(1, self.height() - scaled(_AXIS_PX))
        )

    def _renew(self) -> bool:
        """Make the image anew from the raw samples where a setting, the size or the source changed."""
        if not self._outdated or self._raw is None or self._stamps is None:
            return False
        self._outdated = False
        self._gutter = None
        self.traces = None
        if not self.shown:
            self.update()
            return False
        self._gutter_px = self._gutter_width()
        ratio = self.devicePixelRatioF()
        plot = self._plot()
        width, height = max(16, round(plot.width() * ratio)), max(16, round(plot.height() * ratio))
        self.traces = TraceImage(width, height, len(self.shown), self.view.window_s, self.theme, self._hole_s)
        self.traces.set_gain(self.traces.lane_px / self.scale_uv)
        self.traces.set_bad(~self._good[self._rows])
        self._chain = DisplayChain(self._rows, self._sfreq_hz, self.view.filters, self._hole_s)
        if kept := self._kept():
            stamps = self._stamps.latest(kept)[0]
            self.traces.envelope.push(self._chain.process(self._raw.latest(kept), stamps, self._good), stamps)
        return True

    def _stagger(self) -> int:
        """Columns of names, so that names of neighbouring channels do not touch."""
        lane = max(1.0, (self.height() - scaled(_AXIS_PX)) / max(1, len(self.shown)))
        return max(1, min(4, math.ceil(scaled(_NAME_PX) / lane)))

    def _name_width(self) -> int:
        metrics = QFontMetrics(font(10, bold=True))
        return max((metrics.horizontalAdvance(BAD_SIGN + label) for label in self.shown), default=30) + 6

    def _gutter_width(self) -> int:
        return 6 + self._stagger() * min(scaled(64), self._name_width())

    def _paint_gutter(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(round(self._gutter_px * ratio), max(1, round(self.height() * ratio)))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(QColor(self.theme.panel))
        painter = QPainter(pixmap)
        stagger = self._stagger()
        _, middles = lanes(self.height() - scaled(_AXIS_PX), len(self.shown))
        column = (self._gutter_px - 6) / stagger
        for index, label in enumerate(self.shown):
            bad = bool(self.flags.get(label, 0))
            middle = middles[index]
            left = (stagger - 1 - index % stagger) * column
            painter.setFont(font(10, bold=bad))
            painter.setPen(QColor(self.theme.bad if bad else self.theme.muted))
            box = QRectF(left, middle - 8, column - 3, 16)
            text = BAD_SIGN + label if bad else label
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)
            painter.setPen(QPen(QColor(self.theme.border), 1))
            painter.drawLine(QPointF(left + column - 1, middle), QPointF(self._gutter_px - 2, middle))
        painter.end()
        return pixmap

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Blit the traces; names, axis and scale only where they are asked for."""
        if self._renew() and self.traces is not None:
            self.traces.advance()
        painter = QPainter(self)
        plot = self._plot()
        if self.traces is None:
            painter.fillRect(self.rect(), QColor(self.theme.panel))
        else:
            ratio = self.devicePixelRatioF()
            for x, source in self.traces.parts():
                target = QRectF(plot.left() + x / ratio, 0, source.width() / ratio, source.height() / ratio)
                painter.drawImage(target, self.traces.image, QRectF(source))
            if a0 is None or not plot.contains(a0.rect()):
                self._paint_frame(painter, plot)
            self._paint_scale_bar(painter, plot)
        if self.overlay:
            self._paint_overlay(painter, plot)

    def _paint_frame(self, painter: QPainter, plot: QRect) -> None:
        if self._gutter is None:
            self._gutter = self._paint_gutter()
        painter.fillRect(QRect(0, plot.bottom() + 1, self.width(), scaled(_AXIS_PX)), QColor(self.theme.panel))
        painter.drawPixmap(0, 0, self._gutter)
        painter.setFont(font(11))
        painter.setPen(QColor(self.theme.muted))
        window_s = self.view.window_s
        free_px = float(self.width())
        for tick in np.arange(0.0, window_s + 1e-6, _TICKS_S[window_s]):
            x = plot.right() - plot.width() * tick / window_s
            text = "now" if tick == 0 else f"-{tick:g} s"
            width = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(x - width / 2, plot.left()), plot.right() - width)
            # from right to left: one that would touch the one before is left out
            if left + width > free_px:
                continue
            free_px = left - 4
            painter.drawText(
                QRectF(left, plot.bottom() + 2, width + 2, scaled(_AXIS_PX) - 2), Qt.AlignmentFlag.AlignLeft, text
            )

    def _paint_scale_bar(self, painter: QPainter, plot: QRect) -> None:
        lane = plot.height() / max(1, len(self.shown))
        spanned = max(1, math.ceil(14 / lane))
        text = f"{self.scale_uv * spanned:g} µV"
        painter.setFont(font(11, bold=True))
        width = painter.fontMetrics().horizontalAdvance(text) + 20
        box = QRectF(plot.left() + 6, plot.bottom() - spanned * lane - 8, width, max(18.0, spanned * lane + 4))
        painter.fillRect(box, QColor(self.theme.panel))
        painter.setPen(QPen(QColor(self.theme.warn), 2))
        x, middle, half = box.left() + 6, box.center().y(), spanned * lane / 2
        for start, stop in (
            ((x, middle - half), (x, middle + half)),
            ((x - 3, middle - half), (x + 3, middle - half)),
            ((x - 3, middle + half), (x + 3, middle + half)),
        ):
            painter.drawLine(QPointF(*start), QPointF(*stop))
        painter.drawText(box.adjusted(14, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)

    def _paint_overlay(self, painter: QPainter, plot: QRect) -> None:
        painter.setFont(font(15, bold=True))
        box = QRectF(painter.fontMetrics().boundingRect(self.overlay)).adjusted(-14, -8, 14, 8)
        box.moveCenter(QPointF(plot.center()) if self.traces else QPointF(self.rect().center()))
        painter.fillRect(box, QColor(self.theme.window))
        painter.setPen(QColor(self.theme.muted if self.traces is None else self.theme.bad))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.overlay)


class EegPanel(Panel):
    """EEG of the last seconds: the channels that are chosen, bad ones marked; what is set here is for display only."""

    viewed = pyqtSignal(object)
    """It is shown otherwise from now on: the new `EegView`."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("EEG", theme)
        self.controls = EegControls(theme)
        self.controls.changed.connect(self.set_view)
        self.canvas = EegCanvas(theme)
        self.add(self.controls, 0)
        self.add(self.canvas)
        self._info: EegInfo | None = None
        self._stream_id = ""
        self._newest = -math.inf

    @property
    def view(self) -> EegView:
        """How the EEG is shown now."""
        return self.canvas.view

    def set_view(self, view: EegView) -> None:
        """Show it otherwise; the buttons follow."""
        changed = view != self.view
        self.controls.set_view(view)
        self.canvas.set_view(view)
        if changed:
            self.viewed.emit(view)

    def adopt(self, before: EegPanel) -> None:
        """Show what another panel shows, as it shows it."""
        self.set_view(before.view)

    def step_scale(self, steps: int) -> None:
        """Make traces smaller (positive steps: more µV a lane) or larger."""
        self.set_view(replace(self.view, scale_uv=step(SCALES_UV, self.view.scale_uv, steps)))

    def take(self, info: EegInfo, chunk: EegChunk) -> None:
        """Add samples of a source; another source, or a restarted one, starts the picture anew."""
        if info != self._info or chunk.stream_id != self._stream_id:
            self._info, self._stream_id = info, chunk.stream_id
            self.canvas.open(info)
            self.controls.channels.labels = info.channels
            self.controls.filters.set_rate(info.sfreq_hz)
        self.canvas.push(chunk)
        self._newest = float(chunk.stamps[-1])

    def take_quality(self, quality: QualitySample) -> None:
        """Mark bad channels."""
        self.canvas.set_flags({label: flags for label, flags in quality.flags.items() if flags})

    def export_rows(self) -> Iterator[tuple[str | float, ...]]:
        """What is on the canvas, for a CSV file: a header, then a row a sample, LSL s and µV as shown.

        The samples are taken now; any thread may turn them into rows.
        """
        return _rows(self.canvas.shown, *self.canvas.shown_samples())

    def refresh(self, now_s: float) -> None:
        """Draw what came since the last call."""
        if not self.isVisible():
            return
        if self._info is None:
            self.canvas.set_overlay("waiting for an EEG stream")
            return
        self.canvas.advance()
        age = now_s - self._newest
        if age > STALE_AFTER_S:
            self.canvas.set_overlay(f"no EEG for {age_text(age)}")
        else:
            self.canvas.set_overlay("" if self.canvas.shown else "no channel is chosen")
        self._tell(self._info)

    def _tell(self, info: EegInfo) -> None:
        bad = [f"{label} {flag_words(flags)}" for label, flags in self.canvas.flags.items() if label in info.channels]
        shown = len(self.canvas.shown)
        some = f"{shown} of " if shown < len(info.channels) else ""
        text = f"{some}{len(info.channels)} channels · {info.sfreq_hz:g} Hz"
        if bad:
            named = "; ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
            text += f" · {len(bad)} bad: {named}"
        self.set_note(f"{text} · {info.name}", "warn" if bad else "")


def _rows(shown: tuple[str, ...], stamps: Float64, samples: Float32) -> Iterator[tuple[str | float, ...]]:
    yield ("time_s", *(f"{label}_uv" for label in shown))
    # a block at a time: all of it as Python's numbers would be 20 MB, made while the display waits
    for first in range(0, len(stamps), _BLOCK):
        block = slice(first, first + _BLOCK)
        values = np.round(samples[:, block].T.astype(np.float64), 3).tolist()
        yield from ((stamp, *row) for stamp, row in zip(stamps[block].tolist(), values, strict=True))
