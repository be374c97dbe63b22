"""One picture of the emotion traces: what it shows, where its parts lie, how past and present are painted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PyQt5.QtCore import QRectF
from PyQt5.QtGui import QFontMetricsF, QPainter

from gui.panels.emotion import paint
from gui.panels.emotion.axis import TimeAxis
from gui.panels.emotion.history import SOURCES, Columns, EmotionHistory, Source
from gui.panels.emotion.trials import Span
from gui.streams.messages import EmotionModel, EmotionSample
from gui.theme import Theme, font
from realtime.packets import Float32

DEMONSTRATION, DEMONSTRATION_SHORT = "demonstration model", "demonstration"
SIMULATED_TRUTH = "simulated truth"
_GAP_PX = 5.0
_MOST_PX = 1600
_COLUMN_PX = 3
_LEAST_PX = 56.0
_DISPENSABLE = ("eeg", "face", "trials", "confidence")
"""Strips that give way, first to last, where the plots would be lower than `_LEAST_PX`."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What is to be painted.

    Parameters
    ----------
    model : EmotionModel
    history : EmotionHistory
    start_s, end_s : float
        LSL seconds at the two edges of the time axis.
    wall_s : float
        What to add to a stamp for seconds since 1970.
    clock : bool
        The axis tells the clock and not how long ago.
    sources : tuple of Source
        A plot each, from top to bottom.
    apart : bool
        A plot for each class instead, of the first source.
    trials, truth : sequence of Span
        Trials as presented, and the simulated truth.
    uncertain_below : float
        A state of less confidence is called uncertain, and dotted; 0: none is.
    """

    model: EmotionModel
    history: EmotionHistory
    start_s: float
    end_s: float
    wall_s: float = 0.0
    clock: bool = False
    sources: tuple[Source, ...] = ("fused",)
    apart: bool = False
    trials: Sequence[Span] = ()
    truth: Sequence[Span] = ()
    uncertain_below: float = 0.0

    def plots(self) -> list[tuple[Source, Sequence[int]]]:
        """What each plot shows: a source and the classes, by number."""
        everyone = range(len(self.model.classes))
        if self.apart:
            return [(self.sources[0], (index,)) for index in everyone]
        return [(source, everyone) for source in self.sources]

    def looks_like(self, other: Picture, width_px: float) -> bool:
        """True where this picture's past is that of `other` but for less than half a pixel of time."""
        if self.history is not other.history or (self.model, self.plots()) != (other.model, other.plots()):
            return False
        if (len(self.trials), len(self.truth), self.clock) != (len(other.trials), len(other.truth), other.clock):
            return False
        if self.uncertain_below != other.uncertain_below:
            return False
        half_px_s = 0.5 * (other.end_s - other.start_s) / max(1.0, width_px)
        moved_s = max(abs(self.end_s - other.end_s), abs(self.start_s - other.start_s))
        return moved_s < half_px_s and (not self.clock or abs(self.wall_s - other.wall_s) < half_px_s)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is, px; strips that are not shown are absent."""

    plots: tuple[QRectF, ...]
    strips: dict[str, QRectF] = field(default_factory=dict)
    room: float = 0.0

    def axis(self, start_s: float, end_s: float) -> TimeAxis:
        """The time axis that all rows share."""
        return TimeAxis(start_s, end_s, self.plots[0].left(), max(1.0, self.plots[0].width()))


def gutters(classes: Sequence[str], width: float) -> tuple[float, float]:
    """Pixels left of the time axis for names, and right of it for the labels at the lines' ends."""
    label = QFontMetricsF(font(paint.SMALL, bold=True))
    longest = max((label.horizontalAdvance(f"{name} 100%") for name in classes), default=0.0)
    left = QFontMetricsF(font(paint.TINY)).horizontalAdvance(SIMULATED_TRUTH) + 10
    return left, min(longest + paint.LEADER_PX + 8, 0.3 * width)


def lay_out(picture: Picture, width: float, height: float) -> Layout:
    """Divide an area among plots, strips and axis."""
    left, room = gutters(picture.model.names, width)
    line = QFontMetricsF(font(paint.TINY)).height()
    heights = {"confidence": 1.9 * line, "eeg": 0.8 * line, "face": 0.8 * line}
    if picture.trials:
        heights["trials"] = 1.35 * line
    if picture.truth:
        heights["truth"] = 1.35 * line
    heights["time"] = QFontMetricsF(font(paint.SMALL)).height() + 2
    n = len(picture.plots())
    for name in _DISPENSABLE:
        if height - sum(heights.values()) - 4.0 * len(heights) >= n * _LEAST_PX:
            break
        heights.pop(name, None)
    strips: dict[str, QRectF] = {}
    bottom, across = height, max(1.0, width - left - room)
    for name in reversed(heights):
        bottom -= heights[name]
        strips[name] = QRectF(left, bottom, across, heights[name])
        bottom -= 2.0 if name == "time" else 4.0
    tall = max(8.0, (bottom - _GAP_PX * (n - 1)) / n)
    plots = tuple(QRectF(left, k * (tall + _GAP_PX), across, tall) for k in range(n))
    return Layout(plots, strips, room)


def paint_past(painter: QPainter, theme: Theme, picture: Picture, layout: Layout) -> Mapping[Source, Float32]:
    """Everything but the newest values; returns what each source claimed last within the picture."""
    axis = layout.axis(picture.start_s, picture.end_s)
    width = min(_MOST_PX, int(axis.width_px))
    columns = picture.history.columns(picture.start_s, picture.end_s, width // _COLUMN_PX, 2 * width)
    gaps = paint.gap_spans(columns, axis, picture.history.first_s)
    uncertain = paint.uncertain_spans(columns, axis, picture.uncertain_below)
    for plot in layout.plots:
        paint.paint_scale(painter, theme, plot, len(picture.model.classes))
    wall_s = picture.wall_s if picture.clock else None
    paint.paint_time(painter, theme, layout.strips["time"], layout.plots, axis, wall_s)
    _paint_trials(painter, theme, picture, layout, axis)
    last = _last_claims(columns)
    for number, plot in enumerate(layout.plots):
        source, shown = picture.plots()[number]
        painter.setFont(font(paint.TINY))
        paint.paint_uncertain(painter, theme, plot, axis, uncertain)
        paint.paint_gaps(painter, theme, plot, axis, gaps, words=number == 0)
        paint.paint_lines(painter, theme, plot, axis, columns, source, shown)
        words = [(paint.SOURCE_NAMES[source], theme.text)] if number == 0 or not picture.apart else []
        if words and source not in last:
            words.append(("nothing said in this time", theme.muted))
        if number == 0 and picture.model.simulated:
            words.append((DEMONSTRATION, theme.warn))
        key = f"uncertain: confidence < {picture.uncertain_below:.0%}" if number == 0 and uncertain else ""
        _paint_plates(painter, theme, plot, words, key)
    for name, row, label, color in (
        ("confidence", columns.confidence, "confidence", theme.accent),
        ("eeg", columns.used_eeg, "EEG used", theme.good),
        ("face", columns.used_face, "face used", theme.good),
    ):
        if (box := layout.strips.get(name)) is not None:
            paint.paint_share(painter, theme, box, axis, columns, row, color)
            paint.paint_row_label(painter, box, label, theme.muted)
            if name == "confidence":
                paint.paint_gaps(painter, theme, box, axis, gaps, words=False)
                if picture.uncertain_below > 0:
                    paint.paint_limit(painter, theme, box, picture.uncertain_below)
    return last


def paint_now(
    painter: QPainter, theme: Theme, picture: Picture, layout: Layout, last: Mapping[Source, Float32]
) -> None:
    """The newest values, beside the ends of the lines and of the strips."""
    newest = picture.history.newest(picture.end_s)
    for plot, (source, shown) in zip(layout.plots, picture.plots(), strict=True):
        now = _said_by(newest, source) if newest is not None and newest.enough else None
        current = now is not None and bool(np.isfinite(now).all())
        if (values := now if current else last.get(source)) is not None:
            paint.paint_end_labels(
                painter, theme, plot, layout.room, picture.model.names, values, shown, current=current
            )
    told = {"confidence": "-", "eeg": "-", "face": "-"}
    if newest is not None:
        told["confidence"] = f"{newest.confidence:.0%}" if newest.enough else "-"
        told["eeg"], told["face"] = ("yes" if used else "no" for used in (newest.used_eeg, newest.used_face))
    for name, words in told.items():
        if (box := layout.strips.get(name)) is not None:
            paint.paint_row_value(painter, theme, box, layout.room, words)


def _paint_trials(painter: QPainter, theme: Theme, picture: Picture, layout: Layout, axis: TimeAxis) -> None:
    for name, spans, color, label in (
        ("trials", picture.trials, theme.accent, "trial"),
        ("truth", picture.truth, theme.truth, SIMULATED_TRUTH),
    ):
        if (box := layout.strips.get(name)) is not None:
            paint.paint_trials(painter, theme, box, layout.plots, axis, spans, picture.model.classes, color)
            paint.paint_row_label(painter, box, label, color)


def _paint_plates(painter: QPainter, theme: Theme, plot: QRectF, words: Sequence[tuple[str, str]], key: str) -> None:
    """Words and then what the dots mean, at the top of a plot; in another row what has no room beside the others.

    In a low plot they leave the lower half to the lines: what matters most comes first, the rest is left out.
    """
    painter.setFont(font(paint.SMALL, bold=True))
    metrics = QFontMetricsF(painter.font())
    if sum(metrics.horizontalAdvance(text) + 14 for text, _ in words) > plot.width():
        words = [(DEMONSTRATION_SHORT if text == DEMONSTRATION else text, color) for text, color in words[::-1]]
    left, top = plot.left() + 4, plot.top() + 1
    plate = QRectF(left, top, 0, metrics.height() + 2)
    for text, color in [*words, *([(key, "")] if key else [])]:
        plate.setWidth(metrics.horizontalAdvance(text) + (10 if color else paint.KEY_PX + 14))
        if plate.right() > plot.right() and plate.left() > left:
            plate.moveTo(left, plate.bottom() + 2)
        if plate.top() > top and plate.bottom() > plot.center().y():
            return
        if color:
            paint.paint_plate(painter, theme, plate.center(), text, color)
        else:
            paint.paint_key(painter, theme, plate, text)
        plate.moveLeft(plate.right() + 4)


def _last_claims(columns: Columns) -> dict[Source, Float32]:
    last: dict[Source, Float32] = {}
    for source in SOURCES:
        values = columns.mean[columns.rows(source)]
        said = np.flatnonzero(np.isfinite(values).all(axis=0))
        if len(said):
            last[source] = values[:, said[-1]].copy()
    return last


def _said_by(sample: EmotionSample, source: Source) -> Float32:
    return {"fused": sample.probabilities, "eeg": sample.by_eeg, "face": sample.by_face}[source]
