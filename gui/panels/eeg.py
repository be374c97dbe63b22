"""EEG scroll: 64 channels at 1 kHz as a ring of pixel columns, so that a frame costs a few columns and two blits."""

from __future__ import annotations

import math

import numpy as np
from PyQt5.QtCore import QPointF, QRect, QRectF, Qt
from PyQt5.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PyQt5.QtWidgets import QWidget

from gui.envelope import ColumnEnvelope, covered, rasterise
from gui.messages import QualitySample
from gui.panels.base import Panel, age_text, over_pixels
from gui.theme import Theme, font
from realtime.packets import Bool, EegChunk, EegInfo, Float64, Quality
from realtime.ring import RingBuffer

WINDOW_S = 10.0
SCALES_UV = (20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
STALE_AFTER_S = 1.0
_AXIS_PX = 18


def flag_words(flags: int) -> str:
    """Quality flags in words: 'flat', 'mains, noisy'; '' for a good channel."""
    return ", ".join(flag.name.lower().replace("_", " ") for flag in Quality if flag and flags & flag and flag.name)


def lanes(height: float, n_channels: int) -> tuple[float, Float64]:
    """Height of a channel's lane and the middle of each, px; half a lane is left free at the top for blinks."""
    lane = height / (n_channels + 0.5)
    return lane, np.arange(1, n_channels + 1, dtype=np.float64) * lane


class TraceImage:
    """The traces as a ring of image columns: `advance` draws what is new, `parts` says which slices to blit where.

    Parameters
    ----------
    width, height : int
        Device pixels.
    n_channels : int
    window_s : float
    theme : Theme
    """

    def __init__(
        self, width: int, height: int, n_channels: int, window_s: float, theme: Theme, max_hole_s: float
    ) -> None:
        self.width, self.height = width, height
        self.envelope = ColumnEnvelope(n_channels, width, window_s, max_hole_s)
        self.pixels = np.empty((height, width), np.uint32)
        self.lane_px, self.centres = lanes(height, n_channels)
        self.bad = np.zeros(n_channels, bool)
        self._theme = theme
        self._gain = 1.0
        self._drawn = -1
        self._ground, self._grid = _rgb(theme.panel), _rgb(theme.grid)
        self.pixels[:] = self._ground
        self.image = over_pixels(self.pixels)

    def set_gain(self, px_per_uv: float) -> None:
        """Change the vertical scale; everything is drawn anew at the next `advance`."""
        self._gain = px_per_uv
        self._drawn = -1

    def set_bad(self, bad: Bool) -> None:
        """(n_channels,) bool: channels drawn in grey, from the next `advance` on."""
        if not np.array_equal(bad, self.bad):
            self.bad = bad
            self._drawn = -1

    def advance(self) -> int:
        """Draw the columns that are new or still growing; returns how many."""
        head = self.envelope.head
        if head < 0:
            return 0
        first = max(self._drawn, head - self.width + 1) if self._drawn >= 0 else head - self.width + 1
        self._draw(first, head)
        self._drawn = head
        return head - first + 1

    def _draw(self, first: int, last: int) -> None:
        low, high = self.envelope.columns(first, last)
        if first > self.envelope.head - self.width + 1:
            edge_low, edge_high = self.envelope.columns(first - 1, first - 1)
            before = (edge_low[:, 0], edge_high[:, 0])
        else:
            nothing = np.full(len(low), np.nan, np.float32)
            before = (nothing, nothing)
        top, bottom, drawn = rasterise(low, high, before, self.centres, self._gain, self.height)
        per_second = 1.0 / self.envelope.column_s
        ticks = np.floor(np.arange(first - 1, last + 1) / per_second)
        block = np.full((self.height, last - first + 1), self._ground, np.uint32)
        block[:, np.flatnonzero(np.diff(ticks))] = self._grid
        theme = self._theme
        odd = np.arange(len(low)) % 2 == 1
        for members, color in (
            (self.bad, theme.trace_bad),
            (~self.bad & odd, theme.trace_other),
            (~self.bad & ~odd, theme.trace),
        ):
            if members.any():
                block[covered(top[members], bottom[members], drawn[members], self.height)] = _rgb(color)
        self.pixels[:, np.arange(first, last + 1) % self.width] = block

    def parts(self) -> tuple[tuple[int, QRect], ...]:
        """Slices (target x, source rectangle), oldest column first: the ring unrolled."""
        start = (self.envelope.head + 1) % self.width
        older = (0, QRect(start, 0, self.width - start, self.height))
        newer = (self.width - start, QRect(0, 0, start, self.height))
        return (older, newer)


def _rgb(name: str) -> int:
    return QColor(name).rgb()


class EegCanvas(QWidget):
    """Traces, channel names in the gutter, a second grid and a scale bar."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.labels: tuple[str, ...] = ()
        self.flags: dict[str, int] = {}
        self.scale_uv = 100.0
        self.traces: TraceImage | None = None
        self.overlay = ""
        self._sfreq_hz = 0.0
        self._raw: RingBuffer | None = None
        self._stamps: RingBuffer | None = None
        self._gutter: QPixmap | None = None
        self._gutter_px = 60
        self.setMinimumSize(260, 160)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def open(self, info: EegInfo) -> None:
        """Begin with a new source; what was shown of another one is dropped."""
        self.labels = info.channels
        self._sfreq_hz = info.sfreq_hz
        capacity = max(64, math.ceil(WINDOW_S * info.sfreq_hz))
        self._raw = RingBuffer(len(self.labels), capacity, on_full="drop_oldest")
        self._stamps = RingBuffer(1, capacity, on_full="drop_oldest", dtype=np.float64)
        self._rebuild()

    def push(self, chunk: EegChunk) -> None:
        """Add samples; drawn at the next `advance`."""
        if self._raw is None or self._stamps is None:
            return
        self._raw.push(chunk.samples)
        self._stamps.push(chunk.stamps[None])
        if self.traces is not None:
            self.traces.envelope.push(chunk.samples, chunk.stamps)

    def advance(self) -> None:
        """Draw what is new and ask for a repaint."""
        if self.traces is not None and self.traces.advance():
            self.update(self._plot())

    def set_flags(self, flags: dict[str, int]) -> None:
        """Grey the channels with quality flags and mark their names."""
        if flags != self.flags:
            self.flags = flags
            self._mark_bad()
            self._gutter = None
            self.update()

    def set_scale(self, scale_uv: float) -> None:
        """Microvolts between two neighbouring channels."""
        self.scale_uv = scale_uv
        if self.traces is not None:
            self.traces.set_gain(self.traces.lane_px / scale_uv)
            self.traces.advance()
        self.update()

    def set_overlay(self, text: str) -> None:
        """Words across the traces ('' for none): no signal, or an old one."""
        if text != self.overlay:
            self.overlay = text
            self.update()

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        super().resizeEvent(a0)
        self._rebuild()

    def _plot(self) -> QRect:
        return QRect(self._gutter_px, 0, max(1, self.width() - self._gutter_px), max(1, self.height() - _AXIS_PX))

    def _rebuild(self) -> None:
        """Make images of the present size and draw the last ten seconds into them."""
        self._gutter = None
        if self._raw is None or self._stamps is None or not self.labels:
            return
        self._gutter_px = self._gutter_width()
        ratio = self.devicePixelRatioF()
        plot = self._plot()
        width, height = max(16, round(plot.width() * ratio)), max(16, round(plot.height() * ratio))
        hole = max(0.1, 3.0 / self._sfreq_hz)
        self.traces = TraceImage(width, height, len(self.labels), WINDOW_S, self.theme, hole)
        self.traces.set_gain(self.traces.lane_px / self.scale_uv)
        self._mark_bad()
        if len(self._raw):
            self.traces.envelope.push(self._raw.latest(), self._stamps.latest()[0])
            self.traces.advance()
        self.update()

    def _mark_bad(self) -> None:
        if self.traces is not None:
            self.traces.set_bad(np.array([bool(self.flags.get(label, 0)) for label in self.labels]))

    def _stagger(self) -> int:
        """Columns of names, so that names of neighbouring channels do not touch."""
        lane = max(1.0, (self.height() - _AXIS_PX) / max(1, len(self.labels)))
        return max(1, min(4, math.ceil(11.0 / lane)))

    def _name_width(self) -> int:
        metrics = QFontMetrics(font(10))
        return max((metrics.horizontalAdvance(label) for label in self.labels), default=30) + 6

    def _gutter_width(self) -> int:
        return 6 + self._stagger() * min(64, self._name_width())

    def _paint_gutter(self) -> QPixmap:
        ratio = self.devicePixelRatioF()
        pixmap = QPixmap(round(self._gutter_px * ratio), max(1, round(self.height() * ratio)))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(QColor(self.theme.panel))
        painter = QPainter(pixmap)
        stagger = self._stagger()
        _, middles = lanes(self.height() - _AXIS_PX, len(self.labels))
        column = (self._gutter_px - 6) / stagger
        for index, label in enumerate(self.labels):
            bad = bool(self.flags.get(label, 0))
            middle = middles[index]
            left = (stagger - 1 - index % stagger) * column
            painter.setFont(font(10, bold=bad))
            painter.setPen(QColor(self.theme.bad if bad else self.theme.muted))
            box = QRectF(left, middle - 8, column - 3, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
            painter.setPen(QPen(QColor(self.theme.border), 1))
            painter.drawLine(QPointF(left + column - 1, middle), QPointF(self._gutter_px - 2, middle))
        painter.end()
        return pixmap

    def paintEvent(self, a0: QPaintEvent | None) -> None:
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
        painter.fillRect(QRect(0, plot.bottom() + 1, self.width(), _AXIS_PX), QColor(self.theme.panel))
        painter.drawPixmap(0, 0, self._gutter)
        painter.setFont(font(11))
        painter.setPen(QColor(self.theme.muted))
        step = 2 if plot.width() > 300 else 5
        for seconds in range(0, int(WINDOW_S) + 1, step):
            x = plot.right() - plot.width() * seconds / WINDOW_S
            text = "now" if seconds == 0 else f"-{seconds} s"
            align = (
                Qt.AlignmentFlag.AlignRight
                if seconds == 0
                else Qt.AlignmentFlag.AlignLeft
                if seconds == WINDOW_S
                else Qt.AlignmentFlag.AlignHCenter
            )
            left = x - (50 if seconds == 0 else 0 if seconds == WINDOW_S else 25)
            painter.drawText(QRectF(left, plot.bottom() + 2, 50, _AXIS_PX - 2), align, text)

    def _paint_scale_bar(self, painter: QPainter, plot: QRect) -> None:
        lane = plot.height() / max(1, len(self.labels))
        lanes = max(1, math.ceil(14 / lane))
        text = f"{self.scale_uv * lanes:g} µV"
        painter.setFont(font(11, bold=True))
        width = painter.fontMetrics().horizontalAdvance(text) + 20
        box = QRectF(plot.left() + 6, plot.bottom() - lanes * lane - 8, width, max(18.0, lanes * lane + 4))
        painter.fillRect(box, QColor(self.theme.panel))
        painter.setPen(QPen(QColor(self.theme.warn), 2))
        x, middle = box.left() + 6, box.center().y()
        painter.drawLine(QPointF(x, middle - lanes * lane / 2), QPointF(x, middle + lanes * lane / 2))
        painter.drawText(box.adjusted(14, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)

    def _paint_overlay(self, painter: QPainter, plot: QRect) -> None:
        painter.setFont(font(15, bold=True))
        box = QRectF(painter.fontMetrics().boundingRect(self.overlay)).adjusted(-14, -8, 14, 8)
        box.moveCenter(QPointF(plot.center()) if self.traces else QPointF(self.rect().center()))
        painter.fillRect(box, QColor(self.theme.window))
        painter.setPen(QColor(self.theme.muted if self.traces is None else self.theme.bad))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self.overlay)


class EegPanel(Panel):
    """EEG of the last ten seconds, all channels; bad ones greyed and named."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("EEG", theme)
        self.canvas = EegCanvas(theme)
        self.add(self.canvas)
        self._info: EegInfo | None = None
        self._stream_id = ""
        self._newest = -math.inf

    def take(self, info: EegInfo, chunk: EegChunk) -> None:
        """Add samples of a source; another source, or a restarted one, starts the picture anew."""
        if info != self._info or chunk.stream_id != self._stream_id:
            self._info, self._stream_id = info, chunk.stream_id
            self.canvas.open(info)
        self.canvas.push(chunk)
        self._newest = float(chunk.stamps[-1])

    def take_quality(self, quality: QualitySample) -> None:
        """Mark bad channels."""
        self.canvas.set_flags({label: flags for label, flags in quality.flags.items() if flags})

    def step_scale(self, steps: int) -> None:
        """Make traces smaller (positive steps: more µV a lane) or larger."""
        at = SCALES_UV.index(self.canvas.scale_uv) + steps
        self.canvas.set_scale(SCALES_UV[min(max(at, 0), len(SCALES_UV) - 1)])

    def refresh(self, now_s: float) -> None:
        """Draw what came since the last call."""
        if self._info is None:
            self.canvas.set_overlay("waiting for an EEG stream")
            return
        self.canvas.advance()
        age = now_s - self._newest
        self.canvas.set_overlay(f"no EEG for {age_text(age)}" if age > STALE_AFTER_S else "")
        bad = [
            f"{label} {flag_words(flags)}" for label, flags in self.canvas.flags.items() if label in self._info.channels
        ]
        text = f"{len(self._info.channels)} channels · {self._info.sfreq_hz:g} Hz"
        if bad:
            shown = "; ".join(bad[:3]) + (f" and {len(bad) - 3} more" if len(bad) > 3 else "")
            text += f" · {len(bad)} bad: {shown}"
        text += f" · {self._info.name}"
        self.set_note(text, "warn" if bad else "")
