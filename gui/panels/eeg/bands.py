"""Band power as bars: over all channels or a region, absolute, or against a baseline that the operator marks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QHBoxLayout, QPushButton, QWidget

from gui.panels.base import Panel, age_text
from gui.panels.choices import ChoiceButton, choice_style
from gui.panels.eeg.channels import REGIONS, region_of
from gui.streams.band_baseline import LEAST_S, BandBaseline, BaselineSpan
from gui.streams.messages import BandSample
from gui.theme import Theme, font, scaled
from realtime.packets import Float32

STALE_AFTER_S = 2.0
ABSOLUTE = (-2.0, 3.0)
"""log10 µV²/Hz shown at first; the scale widens where values lie outside."""
CHANGE_DB = 3.0
"""Change shown at first, up and down."""
EXPORTED = ("stamp_s", "channel", "region", "band", "power_log10_uv2_hz", "change_db", "baseline")
"""Columns of the table that `power_rows` gives."""
_LEFT_PX = 34
_STEPS = {"absolute": 1.0, "change": 3.0}


def power_rows(sample: BandSample, baseline: BandBaseline | None, rows: Sequence[int]) -> list[Sequence[str | float]]:
    """Band powers of some channels as a table: `EXPORTED`, then a row a channel and band.

    Parameters
    ----------
    sample : BandSample
    baseline : BandBaseline or None
        What the change is told against; NaN where there is none, or where it does not know the band.
    rows : sequence of int
        Numbers of the channels.
    """
    known = baseline is not None and baseline.knows(sample)
    change = baseline.change_db(sample) if baseline is not None and known else np.full_like(sample.power, np.nan)
    words = "" if baseline is None else baseline.words
    table: list[Sequence[str | float]] = [EXPORTED]
    for row in rows:
        channel = sample.channels[row]
        for band, power, against in zip(sample.bands, sample.power[row].tolist(), change[row].tolist(), strict=True):
            table.append((sample.stamp, channel, region_of(channel), band, power, against, words))
    return table


class BandBars(QWidget):
    """A bar a band: the mean of the chosen channels; beside it a line across all of them, thick for the middle half."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.bands: tuple[str, ...] = ()
        self.values: Float32 = np.empty((0, 0), np.float32)
        self.relative = False
        self.dimmed = False
        self.limits = ABSOLUTE
        self.setMinimumHeight(96)
        self.setAccessibleName("band power")

    def show_values(self, bands: tuple[str, ...], values: Float32, *, relative: bool) -> None:
        """Set what is drawn.

        Parameters
        ----------
        bands : tuple of str
        values : (n_channels, n_bands) float32
            log10 µV²/Hz, or dB against the baseline; NaN where masked.
        relative : bool
            Whether it is the latter.
        """
        if relative != self.relative or bands != self.bands:
            self.limits = (-CHANGE_DB, CHANGE_DB) if relative else ABSOLUTE
        self.bands, self.values, self.relative = bands, values, relative
        self._widen()
        self.setAccessibleDescription(
            ", ".join(f"{band} {text}" for band, text in zip(bands, self.texts(), strict=True))
        )
        self.update()

    def set_dimmed(self, dimmed: bool) -> None:
        """Grey, where the values are old."""
        if dimmed != self.dimmed:
            self.dimmed = dimmed
            self.update()

    def means(self) -> Float32:
        """(n_bands,) mean over the chosen channels that are known; NaN where none is."""
        known = np.isfinite(self.values)
        count = known.sum(axis=0)
        total = np.where(known, self.values, 0.0).sum(axis=0)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)

    def texts(self) -> list[str]:
        """What is written over each bar."""
        sign = "+" if self.relative else ""
        unit = " dB" if self.relative else ""
        return [f"{mean + 0.0:{sign}.1f}{unit}" if np.isfinite(mean) else "-" for mean in np.round(self.means(), 1)]

    def _widen(self) -> None:
        """Let the scale grow by whole steps; it never shrinks on its own, so that bars can be compared over time."""
        means = self.means()
        means = means[np.isfinite(means)]
        if not means.size:
            return
        step = _STEPS["change" if self.relative else "absolute"]
        low = min(self.limits[0], step * np.floor(means.min() / step))
        high = max(self.limits[1], step * np.ceil(means.max() / step))
        self.limits = (-max(-low, high), max(-low, high)) if self.relative else (low, high)

    def _y(self, plot: QRectF, value: float) -> float:
        low, high = self.limits
        share = (float(np.clip(value, low, high)) - low) / (high - low)
        return plot.bottom() - share * plot.height()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint a bar a band, its spread, and the scale."""
        if not self.bands:
            return
        painter = QPainter(self)
        painter.setFont(font(11))
        line = painter.fontMetrics().height()
        left = scaled(_LEFT_PX)
        plot = QRectF(left, line, self.width() - left - 4, max(1, self.height() - 2 * line - 4))
        self._paint_scale(painter, plot)
        step = plot.width() / len(self.bands)
        zero = self._y(plot, 0.0 if self.relative else self.limits[0])
        for index, (band, mean, text) in enumerate(zip(self.bands, self.means(), self.texts(), strict=True)):
            lane = QRectF(plot.left() + index * step, plot.top(), step, plot.height())
            if np.isfinite(mean):
                self._paint_bar(painter, lane, zero, float(mean), self.values[:, index])
            painter.setPen(QColor(self.theme.muted if self.dimmed else self.theme.text))
            painter.setFont(font(11, bold=True))
            painter.drawText(QRectF(lane.left(), 0, step, line), Qt.AlignmentFlag.AlignCenter, text)
            painter.setFont(font(11))
            name = QRectF(lane.left(), plot.bottom() + 3, step, line)
            painter.drawText(name, Qt.AlignmentFlag.AlignCenter, band)
        if self.relative:
            painter.setPen(QPen(QColor(self.theme.text), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(plot.left(), zero), QPointF(plot.right(), zero))

    def _paint_scale(self, painter: QPainter, plot: QRectF) -> None:
        low, high = self.limits
        step = _STEPS["change" if self.relative else "absolute"]
        while plot.height() * step / (high - low) < painter.fontMetrics().height():
            step *= 2
        for value in np.arange(step * np.ceil(low / step), high + 1e-6, step):
            y = self._y(plot, value)
            painter.setPen(QPen(QColor(self.theme.grid), 1))
            painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
            painter.setPen(QColor(self.theme.muted))
            box = QRectF(0, y - 12, plot.left() - 5, 24)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{value:g}")

    def _paint_bar(self, painter: QPainter, lane: QRectF, zero: float, mean: float, channels: Float32) -> None:
        plot = QRectF(0, lane.top(), 1, lane.height())
        y = self._y(plot, mean)
        width = min(46.0, 0.42 * lane.width())
        bar = QRectF(lane.center().x() - 0.5 * width, min(y, zero), width, max(1.0, abs(zero - y)))
        color = QColor(self.theme.trace_bad if self.dimmed else self.theme.accent)
        falling = self.relative and mean < 0
        # less than the baseline is an open bar, more a filled one: not told by direction alone
        painter.setPen(QPen(color, 1.5))
        painter.setBrush(QColor(self.theme.panel) if falling else color)
        painter.drawRect(bar)
        known = channels[np.isfinite(channels)]
        x = bar.right() + 6
        for part, thick in (((0, 100), 1), ((25, 75), 5)):
            low, high = np.percentile(known, part)
            painter.setPen(QPen(QColor(self.theme.text), thick, cap=Qt.PenCapStyle.FlatCap))
            painter.drawLine(QPointF(x, self._y(plot, float(low))), QPointF(x, self._y(plot, float(high))))


class BandPanel(Panel):
    """Newest band powers, of all channels or a region.

    B, wherever the focus is, marks where a baseline begins, and where it ends; from then on bars are changes against
    it. Before, they are changes against the rest that the engine's calibration found, where it has one.
    `baseline_changed` carries the new `BandBaseline`, or None.
    """

    baseline_changed = pyqtSignal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__("Band power", theme)
        self.bars = BandBars(theme)
        self.baseline: BandBaseline | None = None
        self.span: BaselineSpan | None = None
        options = [("all channels", ""), *((name, name) for name in REGIONS)]
        self.region = ChoiceButton("region of the bars", theme, options, "")
        self.region.chosen.connect(self._rearrange)
        self.mark_button = QPushButton()
        self.clear_button, self.calibrated_button = QPushButton("No baseline"), QPushButton("Calibration")
        self.calibrated_button.setToolTip("Compare with the rest that the engine's calibration found")
        self.mark_button.clicked.connect(self.mark_baseline)
        self.clear_button.clicked.connect(lambda: self.set_baseline(None))
        self.calibrated_button.clicked.connect(lambda: self.set_baseline(self.calibrated))
        self._lay_out()
        self.calibrated: BandBaseline | None = None
        self._sample: BandSample | None = None
        self._fresh = False
        self._refusal = ""
        self._tell_buttons()

    def _lay_out(self) -> None:
        head = QWidget()
        row = QHBoxLayout(head)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self.region)
        for button in (self.mark_button, self.calibrated_button, self.clear_button):
            button.setStyleSheet(choice_style(self.theme))
            row.addWidget(button)
        row.addStretch(1)
        self.add(head, 0)
        self.add(self.bars)

    def take(self, sample: BandSample) -> None:
        """Remember the newest windows; a baseline that is being marked takes every one."""
        self._sample, self._fresh = sample, True
        self._take_rest(sample)
        if self.span is not None:
            self.span.take(sample)

    def _take_rest(self, sample: BandSample) -> None:
        """Take the rest of a calibration; a new one is compared with unless the operator marked a baseline."""
        found = BandBaseline.calibrated(sample)
        if found is None or (self.calibrated is not None and found.same_as(self.calibrated)):
            return
        before, self.calibrated = self.calibrated, found
        if self.baseline is None or self.baseline is before:
            self.set_baseline(found)

    def mark_baseline(self) -> None:
        """Begin a baseline, or end the one that was begun; one that is too short is refused and the old one stays."""
        if self._sample is None:
            return
        self._refusal = ""
        if self.span is None:
            self.span = BaselineSpan(self._sample.stamp)
        else:
            found, self.span = self.span.finish(), None
            if found is None:
                self._refusal = f"baseline not taken: at least {LEAST_S:g} s of good signal are wanted"
            else:
                self.set_baseline(found)
        self._tell_buttons()

    @property
    def baseline_words(self) -> str:
        """How it stands with the baseline, in words."""
        if self._sample is None:
            return "no baseline: there are no band powers yet"
        if self.span is not None:
            return "baseline of the band powers: begun; B ends it"
        return self._refusal or (f"compared with the {self.baseline.words}" if self.baseline else "no baseline")

    def set_baseline(self, baseline: BandBaseline | None) -> None:
        """Compare with another baseline, for instance a calibration's, or with none."""
        self.baseline = baseline
        self._refusal = ""
        self._rearrange()
        self._tell_buttons()
        self.baseline_changed.emit(baseline)

    def change_db(self) -> Float32 | None:
        """(n_channels, n_bands) change of the newest window; None without a window or a baseline of its bands."""
        if self._sample is None or self.baseline is None or not self.baseline.knows(self._sample):
            return None
        return self.baseline.change_db(self._sample)

    def export_rows(self) -> list[Sequence[str | float]]:
        """What is on the screen: a header, then a row a channel and band; NaN where masked or without a baseline."""
        sample = self._sample
        return [EXPORTED] if sample is None else power_rows(sample, self.baseline, self._rows(sample))

    def adopt(self, before: BandPanel) -> None:
        """Take over the region, the baseline and one that is being marked."""
        self.region.set_value(before.region.value)
        self.calibrated = before.calibrated
        self.span = before.span
        self.set_baseline(before.baseline)

    def refresh(self, now_s: float) -> None:
        """Show the newest window."""
        if not self.isVisible():
            return
        if self._sample is None:
            self.set_note("waiting for the engine")
            return
        if self._fresh:
            self._rearrange()
            self._fresh = False
        self._tell_buttons()
        age = now_s - self._sample.stamp
        self.bars.set_dimmed(age > STALE_AFTER_S)
        if age > STALE_AFTER_S:
            self.set_note(f"stale: {age_text(age)} old", "bad")
        elif self._refusal:
            self.set_note(self._refusal, "warn")
        else:
            self._tell(self._sample)

    def _tell(self, sample: BandSample) -> None:
        masked = int((~np.isfinite(sample.power).any(axis=1)).sum())
        if self.span is not None:
            text = f"taking a baseline, {self.span.seconds:.0f} s so far"
        elif self.baseline is not None and not self.baseline.knows(sample):
            text = f"log10 µV²/Hz: the {self.baseline.words} knows none of these bands"
        elif self.baseline is not None:
            text = f"dB against the {self.baseline.words}"
        else:
            text = "log10 µV²/Hz"
        self.set_note(text + (f" · {masked} masked" if masked else ""), "warn" if masked else "")

    def _tell_buttons(self) -> None:
        begun = self.span is not None
        self.mark_button.setText("End baseline (B)" if begun else "Mark baseline (B)")
        self.mark_button.setEnabled(self._sample is not None)
        self.clear_button.setVisible(self.baseline is not None)
        self.calibrated_button.setVisible(self.calibrated is not None and self.baseline is not self.calibrated)

    def _rows(self, sample: BandSample) -> list[int]:
        return [row for row, name in enumerate(sample.channels) if self.region.value in ("", region_of(name))]

    def _rearrange(self) -> None:
        sample = self._sample
        if sample is None:
            return
        change = self.change_db()
        values = sample.power if change is None else change
        self.bars.show_values(sample.bands, values[self._rows(sample)], relative=change is not None)
