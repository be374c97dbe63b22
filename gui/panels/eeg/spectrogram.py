"""Rolling spectrogram: the last minute of one channel, or the mean of the good ones, as a ring of image columns."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QHBoxLayout, QWidget
from scipy import fft

from gui.panels.base import Panel, age_text, over_pixels
from gui.panels.choices import ChoiceButton, Option
from gui.panels.eeg.topomap import POWER_COLOURS, colour_table
from gui.streams.messages import QualitySample
from gui.theme import Theme, font, scaled
from realtime.packets import Bool, EegChunk, EegInfo, Float32, Float64
from realtime.ring import RingBuffer

HISTORY_S = 60.0
HOP_S = 0.25
WINDOW_S = 2.0
HIGHEST_HZ = 60.0
STALE_AFTER_S = 1.0
N_COLUMNS = round(HISTORY_S / HOP_S)
MEAN = ""
"""In place of a channel's name: the mean over the good ones."""
_FLOOR = 1e-6
_SLOWLY = 0.02
_LEAST_RANGE = 1.0
_LEFT_PX, _RIGHT_PX = 42, 58


class SpectrumHistory:
    """Spectra of all channels, a column every `HOP_S`, in a ring of `N_COLUMNS`; so another channel has its past too.

    Columns lie on a fixed grid of stamps; one whose two seconds hold a gap, or were not looked at, is NaN.

    Parameters
    ----------
    n_channels : int
    sfreq_hz : float

    Attributes
    ----------
    power : (N_COLUMNS, n_channels, n_freqs) float32
        log10 µV²/Hz; column c lies at c modulo `N_COLUMNS`.
    head : int
        Newest column; -1 before the first.
    """

    def __init__(self, n_channels: int, sfreq_hz: float) -> None:
        self._length = max(8, round(WINDOW_S * sfreq_hz))
        self._sfreq_hz = sfreq_hz
        freqs_hz = np.asarray(fft.rfftfreq(self._length, 1.0 / sfreq_hz), np.float64)
        self.freqs_hz: Float64 = freqs_hz[freqs_hz <= HIGHEST_HZ]
        self.power: Float32 = np.full((N_COLUMNS, n_channels, len(self.freqs_hz)), np.nan, np.float32)
        self.head = -1
        self._ring = RingBuffer(n_channels, self._length)
        self._taper = np.hanning(self._length).astype(np.float32)
        self._last_stamp = -math.inf

    def push(self, chunk: EegChunk) -> None:
        """Add consecutive samples; makes at most one column a call, of the newest `WINDOW_S`. Old ones are dropped."""
        if float(chunk.stamps[-1]) <= self._last_stamp:
            return
        if float(chunk.stamps[0]) - self._last_stamp > max(0.1, 3.0 / self._sfreq_hz):
            self._ring.clear()
        self._ring.push(chunk.samples)
        self._last_stamp = float(chunk.stamps[-1])
        column = math.floor(self._last_stamp / HOP_S)
        if len(self._ring) < self._length or column <= self.head:
            return
        missed = np.arange(max(self.head + 1, column - N_COLUMNS + 1), column)
        self.power[missed % N_COLUMNS] = np.nan
        self.power[column % N_COLUMNS] = self._spectrum(self._ring.latest())
        self.head = column

    def _spectrum(self, x: Float32) -> Float32:
        with np.errstate(invalid="ignore"):
            # infinities of a broken amplifier become NaN here
            centred = (x - x.mean(axis=1, keepdims=True)) * self._taper
        found = np.asarray(fft.rfft(centred, axis=1))[:, : len(self.freqs_hz)]
        density = 2.0 * np.abs(found) ** 2 / (self._sfreq_hz * np.sum(self._taper**2))
        return np.log10(density + _FLOOR).astype(np.float32)

    def columns(self, first: int, rows: Bool) -> Float32:
        """(n_freqs, head - first + 1) mean over the channels in `rows`, from column `first` on; NaN if not known."""
        chosen = self.power[np.arange(first, self.head + 1) % N_COLUMNS][:, rows]
        known = np.isfinite(chosen)
        count = known.sum(axis=1)
        mean = np.where(known, chosen, 0.0).sum(axis=1) / np.maximum(count, 1)
        return np.where(count > 0, mean, np.nan).T.astype(np.float32)


class SpectrogramCanvas(QWidget):
    """The picture with its axes and the scale of its colours."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.limits: tuple[float, float] | None = None
        self._table = colour_table(POWER_COLOURS)
        self._pixels: np.ndarray | None = None
        self.setMinimumHeight(100)
        self.setAccessibleName("spectrogram")

    def show_power(self, power: Float32) -> None:
        """Draw (n_freqs, n_columns) log10 power, lowest frequency first; NaN stays blank."""
        known = power[np.isfinite(power)]
        if known.size:
            newest = np.percentile(known, (2, 99.5))
            newest[1] = max(newest[1], newest[0] + _LEAST_RANGE)
            old = newest if self.limits is None else np.array(self.limits)
            low, high = old + _SLOWLY * (newest - old)
            self.limits = (float(low), float(high))
        low, high = self.limits or (0.0, 1.0)
        level = np.clip(np.nan_to_num((power - low) / (high - low)), 0, 1)
        colours = np.where(
            np.isfinite(power), self._table[(255 * level).astype(np.intp)], QColor(self.theme.grid).rgb()
        )
        self._pixels = np.ascontiguousarray(colours[::-1].astype(np.uint32))
        self.update()

    def restart(self) -> None:
        """Forget the scale of the colours: another channel has another."""
        self.limits = None

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the spectrogram, its axes and its scale of colours."""
        if self._pixels is None:
            return
        painter = QPainter(self)
        painter.setFont(font(11))
        line = painter.fontMetrics().height()
        left, right = scaled(_LEFT_PX), scaled(_RIGHT_PX)
        plot = QRectF(left, 3, max(1, self.width() - left - right), max(1, self.height() - line - 6))
        painter.drawImage(plot, over_pixels(self._pixels))
        self._paint_axes(painter, plot, line)
        self._paint_colours(painter, QRectF(plot.right() + 8, plot.top(), 10, plot.height()), line)

    def _paint_axes(self, painter: QPainter, plot: QRectF, line: int) -> None:
        painter.setPen(QColor(self.theme.muted))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        step = 10 if plot.height() / 6 > line else 20
        for hertz in range(0, int(HIGHEST_HZ) + 1, step):
            y = plot.bottom() - plot.height() * hertz / HIGHEST_HZ
            top = min(max(y - line / 2, 0), self.height() - line)
            text = f"{hertz} Hz" if hertz == HIGHEST_HZ else f"{hertz}"
            painter.drawText(QRectF(0, top, plot.left() - 6, line), right, text)
            painter.drawLine(QPointF(plot.left() - 4, y), QPointF(plot.left() - 1, y))
        for seconds in range(0, int(HISTORY_S) + 1, 15):
            x = plot.right() - plot.width() * seconds / HISTORY_S
            text = "now" if seconds == 0 else f"-{seconds} s"
            width = painter.fontMetrics().horizontalAdvance(text)
            left = min(max(x - width / 2, plot.left()), plot.right() - width)
            painter.drawText(QRectF(left, plot.bottom() + 2, width + 2, line), Qt.AlignmentFlag.AlignLeft, text)

    def _paint_colours(self, painter: QPainter, bar: QRectF, line: int) -> None:
        if self.limits is None:
            return
        table = np.ascontiguousarray(self._table[::-1, None])
        painter.drawImage(bar, over_pixels(table))
        painter.setPen(QPen(QColor(self.theme.muted), 1))
        low, high = self.limits
        painter.drawText(QRectF(bar.right() + 4, bar.top(), 60, line), Qt.AlignmentFlag.AlignLeft, f"{high:.1f}")
        lowest = QRectF(bar.right() + 4, bar.bottom() - line, 60, line)
        painter.drawText(lowest, Qt.AlignmentFlag.AlignLeft, f"{low:.1f}")


def _channels(count: int) -> str:
    return "1 channel" if count == 1 else f"{count} channels"


class SpectrogramPanel(Panel):
    """The last minute by frequency; while it is hidden nothing is computed, and that time stays blank."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Spectrogram", theme)
        self.canvas = SpectrogramCanvas(theme)
        self.source = ChoiceButton("channel of the spectrogram", theme, [("mean of the good channels", MEAN)], MEAN)
        self.source.chosen.connect(self._change)
        head = QWidget()
        row = QHBoxLayout(head)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.source)
        row.addStretch(1)
        self.add(head, 0)
        self.add(self.canvas)
        self.history: SpectrumHistory | None = None
        self._info: EegInfo | None = None
        self._stream_id = ""
        self._good: Bool = np.zeros(0, bool)
        self._flags: dict[str, int] = {}
        self._drawn = -1
        self._picture: Float32 = np.empty((0, N_COLUMNS), np.float32)
        self._newest = -math.inf

    def take(self, info: EegInfo, chunk: EegChunk) -> None:
        """Add samples; another source, or a restarted one, starts the picture anew."""
        if info != self._info or chunk.stream_id != self._stream_id:
            self._open(info, chunk.stream_id)
        self._newest = float(chunk.stamps[-1])
        if self.history is not None and self.isVisible():
            self.history.push(chunk)

    def take_quality(self, quality: QualitySample) -> None:
        """Learn which channels the mean leaves out."""
        self._flags = quality.flags
        self._judge()

    def adopt(self, before: SpectrogramPanel) -> None:
        """Take over the last minute and the channel that is shown."""
        self.history, self._info, self._stream_id = before.history, before._info, before._stream_id
        self._flags, self._newest = before._flags, before._newest
        if self._info is not None:
            self._offer(self._info)
            self._judge()
        self.set_channel(before.source.value)

    def set_channel(self, name: str) -> None:
        """Show a channel; '' for the mean of the good ones."""
        self.source.set_value(name)
        self._change(name)

    def refresh(self, now_s: float) -> None:
        """Draw the columns that are new."""
        if not self.isVisible():
            return
        history = self.history
        if history is None:
            self.set_note("waiting for an EEG stream")
            return
        rows = self._rows()
        if history.head > self._drawn and rows.any():
            self._draw(history, rows)
        age = now_s - self._newest
        if age > STALE_AFTER_S:
            self.set_note(f"stale: {age_text(age)} old", "bad")
        elif not rows.any():
            self.set_note("no good channel", "warn")
        else:
            which = self._source_words(rows)
            bad = self.source.value != MEAN and not self._good[rows].all()
            self.set_note(which + (" is bad" if bad else "") + " · log10 µV²/Hz", "warn" if bad else "")

    def export_rows(self) -> list[Sequence[str | float]]:
        """What is on the screen: a header, then a row a column, log10 µV²/Hz by frequency; unknown ones are left out.

        `time_s` is where a column begins, LSL seconds; it holds the two seconds before the newest sample in it.
        """
        if self.history is None or self._drawn < 0:
            return [("time_s", "source")]
        source = self._source_words(self._rows())
        times_s = HOP_S * np.arange(self._drawn - N_COLUMNS + 1, self._drawn + 1)
        known = np.isfinite(self._picture).any(axis=0)
        rows = zip(times_s[known].tolist(), self._picture.T[known].tolist(), strict=True)
        names = (f"{freq_hz:g}_hz" for freq_hz in self.history.freqs_hz)
        return [("time_s", "source", *names), *((time_s, source, *power) for time_s, power in rows)]

    def _source_words(self, rows: Bool) -> str:
        return f"mean of {_channels(int(rows.sum()))}" if self.source.value == MEAN else self.source.value

    def _draw(self, history: SpectrumHistory, rows: Bool) -> None:
        """Add what is new on the right; all of it after a change of channel."""
        new = min(history.head - self._drawn, N_COLUMNS) if self._drawn >= 0 else N_COLUMNS
        fresh = history.columns(history.head - new + 1, rows)
        self._picture = np.concatenate([self._picture[:, new:], fresh], axis=1) if new < N_COLUMNS else fresh
        self._drawn = history.head
        self.canvas.show_power(self._picture)

    def _rows(self) -> Bool:
        if self.source.value == MEAN or self._info is None:
            return self._good
        return np.array([label == self.source.value for label in self._info.channels], bool)

    def _open(self, info: EegInfo, stream_id: str) -> None:
        if self._info is None or info.channels != self._info.channels:
            self._offer(info)
        self._info, self._stream_id = info, stream_id
        self.history = SpectrumHistory(len(info.channels), info.sfreq_hz)
        self._judge()
        self._change(self.source.value)

    def _offer(self, info: EegInfo) -> None:
        options: list[Option] = [("mean of the good channels", MEAN)]
        self.source.set_options([*options, *((label, label) for label in info.channels)], MEAN)

    def _judge(self) -> None:
        if self._info is not None:
            self._good = np.array([not self._flags.get(label, 0) for label in self._info.channels], bool)

    def _change(self, _: object) -> None:
        self._drawn = -1
        self.canvas.restart()
