"""What was said at the moment under the cursor: in words, and as a small table on the traces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QFontMetricsF, QPainter, QPen

from gui.panels.base import age_text
from gui.panels.emotion.axis import ago_text, clock_text
from gui.panels.emotion.history import SOURCES, STALE_AFTER_S, EmotionHistory
from gui.streams.messages import EmotionSample
from gui.theme import Theme, font

_PAD = 8.0


@dataclass(frozen=True, slots=True)
class Readout:
    """Everything known of one moment.

    Parameters
    ----------
    stamp : float
        LSL seconds of the moment the numbers are from.
    when : str
        The clock, and how long ago.
    cells : tuple of (fused, EEG alone, face alone)
        A row a class; '-' where nothing was claimed.
    words : tuple of str
        Confidence and what it rests on, or why there is nothing.
    """

    stamp: float
    when: str
    cells: tuple[tuple[str, str, str], ...]
    words: tuple[str, ...]

    def spoken(self, classes: Sequence[str]) -> str:
        """The readout as a screen reader says it."""
        said = [f"{name} {row[0]}, EEG {row[1]}, face {row[2]}" for name, row in zip(classes, self.cells, strict=False)]
        return "; ".join((self.when, *said, *self.words))


def read_moment(
    history: EmotionHistory, stamp: float, now_s: float, wall_s: float, width_s: float, uncertain_below: float = 0.0
) -> Readout:
    """Read the traces at a moment.

    Parameters
    ----------
    history : EmotionHistory
    stamp : float
        LSL seconds under the cursor.
    now_s : float
        LSL seconds at the right edge.
    wall_s : float
        What to add to a stamp for seconds since 1970.
    width_s : float
        Seconds that a pixel stands for.
    uncertain_below : float
        A state of less confidence is called uncertain.
    """
    sample = history.nearest(stamp)
    if sample is not None and sample.stamp <= now_s:
        return _of_sample(sample, now_s, wall_s, uncertain_below)
    columns = history.columns(stamp - width_s, min(stamp + width_s, now_s), 1)
    held = len(columns.first_s) > 0 and abs(columns.middle_s[-1] - stamp) <= max(width_s, STALE_AFTER_S)
    if not held or columns.single:
        before = not math.isfinite(history.first_s) or stamp < history.first_s
        why = "before the first prediction" if before else "stale: no prediction"
        return Readout(stamp, _when(stamp, now_s, wall_s), (), (why,))
    middle = float(columns.middle_s[-1])
    cells = tuple(
        tuple(_range(columns.low[columns.rows(s)][i, -1], columns.high[columns.rows(s)][i, -1]) for s in SOURCES)
        for i in range(columns.n_classes)
    )
    words = ["lowest and highest of this stretch"]
    if columns.lacking[-1] > 0:
        words.append(f"not enough evidence for {columns.lacking[-1]:.0%} of it")
    if columns.uncertain(uncertain_below)[-1]:
        words.append(f"uncertain: mean confidence {columns.mean[columns.confidence, -1]:.0%} < {uncertain_below:.0%}")
    return Readout(middle, _when(middle, now_s, wall_s), cells, tuple(words))  # type: ignore[arg-type]


def _of_sample(sample: EmotionSample, now_s: float, wall_s: float, uncertain_below: float) -> Readout:
    when = _when(sample.stamp, now_s, wall_s)
    basis = basis_words(sample)
    if not sample.enough:
        return Readout(sample.stamp, when, (), ("not enough evidence", basis))
    triples = zip(sample.probabilities, sample.by_eeg, sample.by_face, strict=True)
    cells = tuple((_percent(fused), _percent(eeg), _percent(face)) for fused, eeg, face in triples)
    sure = f"confidence {sample.confidence:.0%}"
    if sample.confidence < uncertain_below:
        sure = f"uncertain: {sure} < {uncertain_below:.0%}"
    return Readout(sample.stamp, when, cells, (sure, basis))


def basis_words(sample: EmotionSample) -> str:
    """'rests on EEG (0.1 s old) and face (movement 3.2 s ago)', ages as they were at the prediction."""
    parts = []
    if sample.used_eeg:
        parts.append(f"EEG ({_age(sample.eeg_age_s)} old)")
    if sample.used_face:
        parts.append(f"face (movement {_age(sample.face_age_s)} ago)")
    return "rests on " + " and ".join(parts) if parts else "rests on nothing yet"


def _age(seconds: float) -> str:
    return age_text(seconds if math.isfinite(seconds) else 0.0)


def _when(stamp: float, now_s: float, wall_s: float) -> str:
    return f"{clock_text(stamp + wall_s)}  ({ago_text(now_s - stamp)})"


def _percent(value: float) -> str:
    return f"{value:.0%}" if np.isfinite(value) else "-"


def _range(low: float, high: float) -> str:
    return f"{100 * low:.0f}-{100 * high:.0f}%" if np.isfinite(low) else "-"


def paint_readout(
    painter: QPainter, theme: Theme, area: QRectF, x: float, readout: Readout, classes: Sequence[str]
) -> None:
    """The table beside a line through the moment, on the side where there is room."""
    painter.setPen(QPen(QColor(theme.text), 1, Qt.PenStyle.DashLine))
    painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
    painter.setFont(font(11))
    metrics = QFontMetricsF(painter.font())
    line = metrics.height() + 2
    names = max((metrics.horizontalAdvance(name) for name in classes), default=0.0) + 30
    words = (readout.when, *readout.words)
    cell = metrics.horizontalAdvance("100-100%") + 8
    table = names + 3 * cell if readout.cells else 0.0
    longest = max(metrics.horizontalAdvance(text) for text in words)
    width = max(table + 2 * _PAD, min(longest + 2 * _PAD, area.width()))
    n_lines = len(words) + (len(readout.cells) + 1 if readout.cells else 0)
    left = x + 10 if x + 10 + width <= area.right() else max(area.left(), x - 10 - width)
    box = QRectF(left, area.top() + 4, width, n_lines * line + _PAD)
    ground = QColor(theme.window)
    ground.setAlpha(242)
    painter.fillRect(box, ground)
    painter.setPen(QPen(QColor(theme.accent), 1))
    painter.drawRect(box)
    y = box.top() + _PAD / 2
    painter.setPen(QColor(theme.text))
    painter.drawText(QRectF(left + _PAD, y, width, line), Qt.AlignmentFlag.AlignVCenter, readout.when)
    y += line
    if readout.cells:
        y = _paint_table(painter, theme, QRectF(left + _PAD, y, names, line), cell, readout, classes)
    painter.setPen(QColor(theme.muted))
    for text in readout.words:
        shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, width - 2 * _PAD)
        painter.drawText(QRectF(left + _PAD, y, width, line), Qt.AlignmentFlag.AlignVCenter, shown)
        y += line


def _paint_table(
    painter: QPainter, theme: Theme, name_box: QRectF, cell: float, readout: Readout, classes: Sequence[str]
) -> float:
    """The numbers below a head that stands beside `name_box`; returns where the next line begins."""
    right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
    row = QRectF(name_box)
    painter.setPen(QColor(theme.muted))
    for column, head in enumerate(("fused", "EEG", "face")):
        painter.drawText(QRectF(row.right() + column * cell, row.top(), cell, row.height()), right, head)
    for index, (name, shares) in enumerate(zip(classes, readout.cells, strict=True)):
        row.translate(0, row.height())
        painter.setPen(theme.class_pen(index, 2.0))
        painter.drawLine(QPointF(row.left(), row.center().y()), QPointF(row.left() + 22, row.center().y()))
        painter.setPen(QColor(theme.text))
        painter.drawText(row.adjusted(28, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, name)
        for column, share in enumerate(shares):
            painter.drawText(QRectF(row.right() + column * cell, row.top(), cell, row.height()), right, share)
    return row.bottom()
