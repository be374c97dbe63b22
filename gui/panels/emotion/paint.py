"""How the emotion traces are painted: lines, extremes, gaps, trials, axes. A painter and numbers in, pixels out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QBrush, QColor, QFontMetricsF, QPainter, QPainterPath, QPen, QPolygonF

from gui.panels.emotion.axis import TimeAxis, ticks
from gui.panels.emotion.history import STALE_AFTER_S, Columns, Source
from gui.panels.emotion.trials import Span
from gui.theme import Theme, font
from realtime.packets import Bool, Float32, Float64

LEADER_PX = 16.0
SMALL, TINY = 11, 10
SOURCE_NAMES: dict[Source, str] = {"fused": "fused", "eeg": "EEG alone", "face": "face alone"}
KEY_PX = 22.0
_ROOM = 0.04
_MIN_GAP_PX = 2.0
_MIN_SHADE_PX = 16.0
_MIN_FRAME_PX = 4.0
_STROKES_PX = ((0.0, -0.55), (0.5, 0.3), (-0.5, 0.3))
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_SOLID, _DOTS = Qt.PenStyle.SolidLine, Qt.PenStyle.DotLine
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


def y_of(box: QRectF, share: Float32 | float) -> Float32 | float:
    """Pixel of a probability in a plot."""
    return box.bottom() - box.height() * (_ROOM + (1 - 2 * _ROOM) * share)


def gap_spans(columns: Columns, axis: TimeAxis, first_s: float) -> tuple[list[Span], list[Span]]:
    """Stretches without predictions, and stretches with predictions that lacked evidence.

    Parameters
    ----------
    columns : Columns
        What was said within the axis.
    axis : TimeAxis
    first_s : float
        Stamp of the first prediction of all: before it there was nothing to be silent.
    """
    begins = max(axis.start_s, first_s) if np.isfinite(first_s) else axis.end_s
    if not len(columns.first_s):
        return ([Span(begins, axis.end_s)] if axis.end_s - begins > STALE_AFTER_S else []), []
    ends = np.append(columns.first_s, axis.end_s)
    starts = np.append(begins, columns.last_s)
    silent = [Span(*pair) for pair in zip(starts, ends, strict=True) if pair[1] - pair[0] > STALE_AFTER_S]
    inside = columns.hole_s > STALE_AFTER_S
    silent += [Span(*pair) for pair in zip(columns.first_s[inside], columns.last_s[inside], strict=True)]
    return silent, _stretches(columns, axis, columns.lacking > 0)


def uncertain_spans(columns: Columns, axis: TimeAxis, below: float) -> list[Span]:
    """Stretches in which less confidence than `below` was claimed."""
    return _stretches(columns, axis, columns.uncertain(below))


def _stretches(columns: Columns, axis: TimeAxis, chosen: Bool) -> list[Span]:
    """Neighbouring columns as one span each, which lasts until the next column unless there was silence."""
    ends = np.append(columns.first_s[1:], axis.end_s)
    reach = np.where(ends - columns.last_s > STALE_AFTER_S, columns.last_s, ends)
    return [Span(columns.first_s[i], reach[j]) for i, j in runs(chosen)]


def runs(mask: Bool) -> list[tuple[int, int]]:
    """First and last index of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def line_path(x: Float64, y: Float32, broken: Bool) -> tuple[QPainterPath, QPolygonF]:
    """A line that joins only neighbours, and the points that stand alone.

    Parameters
    ----------
    x : (n,) float64 px
    y : (n,) float32 px
        NaN where nothing was claimed.
    broken : (n,) bool
        Nothing joins this point to the one before it.
    """
    finite = np.isfinite(y)
    joined = finite[1:] & finite[:-1] & ~broken[1:]
    alone = finite & ~np.append(joined, False) & ~np.append(False, joined)
    points = QPolygonF([QPointF(a, b) for a, b in zip(x[alone], y[alone].astype(float), strict=True)])
    at = np.flatnonzero(finite)
    if len(at) < 2:
        return QPainterPath(), points
    # neighbours among the finite ones are joined only where they were neighbours before
    connect = np.append(joined[at[:-1]] & (np.diff(at) == 1), False).astype(np.int32)
    return pg.arrayToQPath(x[at], y[at].astype(np.float64), connect=connect, finiteCheck=False), points  # type: ignore[arg-type]


def paint_lines(
    painter: QPainter, theme: Theme, box: QRectF, axis: TimeAxis, columns: Columns, source: Source, shown: Sequence[int]
) -> None:
    """A line for each class in `shown`; where a column holds many predictions, a band from lowest to highest too."""
    painter.save()
    painter.setClipRect(box)
    first = columns.rows(source).start
    x, broken = axis.xs(columns.middle_s), columns.broken()
    if not columns.single:
        wide = max(1.0, axis.width_px / axis.span_s * columns.width_s)
        for index in shown:
            _paint_extremes(painter, theme, box, columns, first + index, index, x, wide, 30 if len(shown) > 1 else 80)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for index in shown:
        path, alone = line_path(x, np.asarray(y_of(box, columns.mean[first + index])), broken)
        _stroke(painter, path, theme.class_pen(index, 1.0))
        painter.setPen(QPen(theme.class_color(index), 3.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawPoints(alone)
    painter.restore()


def _stroke(painter: QPainter, path: QPainterPath, pen: QPen) -> None:
    """A smooth line two pixels wide."""
    # Qt draws smooth lines one pixel wide eight times faster than wider ones: three of them, a little apart
    if pen.style() != Qt.PenStyle.SolidLine:
        pen.setDashPattern([2.0 * length for length in pen.dashPattern()])
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for x, y in _STROKES_PX:
        painter.translate(x, y)
        painter.drawPath(path)
        painter.translate(-x, -y)


def _paint_extremes(
    painter: QPainter, theme: Theme, box: QRectF, columns: Columns, row: int, index: int, x: Float64, wide: float,
    alpha: int,
) -> None:  # fmt: skip
    low, high = (np.asarray(y_of(box, part[row])) for part in (columns.low, columns.high))
    there = np.isfinite(low)
    color = theme.class_color(index)
    color.setAlpha(alpha)
    fill_bars(painter, x[there] - wide / 2, np.full(int(there.sum()), wide), high[there], low[there], color)


def fill_bars(
    painter: QPainter, left: Float64, width: Float64, top: Float64 | Float32, bottom: Float64 | Float32, color: QColor
) -> None:
    """Upright bars, px."""
    if len(left):
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(color)
        height = (bottom - top).tolist()
        painter.drawRects(*map(QRectF, left.tolist(), top.tolist(), width.tolist(), height))


def paint_gaps(
    painter: QPainter, theme: Theme, box: QRectF, axis: TimeAxis, gaps: tuple[list[Span], list[Span]], *, words: bool
) -> None:
    """Hatch what is not known, at least two pixels wide; say why where there is room."""
    silent, lacking = gaps
    for spans, style, color, why in (
        (lacking, Qt.BrushStyle.BDiagPattern, theme.muted, "not enough evidence"),
        (silent, Qt.BrushStyle.DiagCrossPattern, theme.bad, "stale: no predictions"),
    ):
        tone = QColor(color)
        tone.setAlpha(110)
        for span in spans:
            left, right = axis.x(span.start_s), axis.x(span.end_s)
            area = QRectF(left, box.top(), max(_MIN_GAP_PX, right - left), box.height())
            painter.fillRect(area, QBrush(tone, style))
            if words and painter.fontMetrics().horizontalAdvance(why) + 14 < area.width():
                paint_plate(painter, theme, area.center(), why, color)


def paint_uncertain(painter: QPainter, theme: Theme, box: QRectF, axis: TimeAxis, spans: Sequence[Span]) -> None:
    """Dot the stretches in which little was claimed, at least two pixels wide; the lines go over them."""
    for span in spans:
        left, right = axis.x(span.start_s), axis.x(span.end_s)
        painter.fillRect(QRectF(left, box.top(), max(_MIN_GAP_PX, right - left), box.height()), _dots(theme))


def paint_limit(painter: QPainter, theme: Theme, box: QRectF, share: float) -> None:
    """A broken line across a strip, at a share of its height."""
    y = box.bottom() - box.height() * share
    painter.setPen(QPen(QColor(theme.text), 1, Qt.PenStyle.DashLine))
    painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))


def paint_key(painter: QPainter, theme: Theme, plate: QRectF, text: str) -> None:
    """What the dots mean: a sample of them in a frame, and words beside it."""
    painter.fillRect(plate, QColor(theme.panel))
    sample = QRectF(plate.left() + 3, plate.top() + 3, KEY_PX, plate.height() - 6)
    painter.fillRect(sample, _dots(theme))
    painter.setPen(QPen(QColor(theme.muted), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(sample)
    painter.setPen(QColor(theme.text))
    painter.drawText(plate.adjusted(KEY_PX + 8, 0, 0, 0), _LEFT, text)


def _dots(theme: Theme) -> QBrush:
    return QBrush(QColor(theme.muted), Qt.BrushStyle.Dense7Pattern)


def paint_plate(painter: QPainter, theme: Theme, center: QPointF, text: str, color: str) -> None:
    """Words on a ground of their own."""
    metrics = QFontMetricsF(painter.font())
    plate = QRectF(0, 0, metrics.horizontalAdvance(text) + 10, metrics.height() + 2)
    plate.moveCenter(center)
    painter.fillRect(plate, QColor(theme.panel))
    painter.setPen(QColor(color))
    painter.drawText(plate, Qt.AlignmentFlag.AlignCenter, text)


def paint_scale(painter: QPainter, theme: Theme, box: QRectF, n_classes: int) -> None:
    """Lines at quarters, per cent on the left, the height that a guess would have."""
    painter.setFont(font(TINY))
    height = QFontMetricsF(painter.font()).height()
    taken: list[float] = []
    for share, text in ((1.0, "100 %"), (0.0, "0 %"), (0.5, "50 %"), (0.25, ""), (0.75, ""), (1 / n_classes, "chance")):
        y = float(y_of(box, share))
        chance = text == "chance"
        painter.setPen(QPen(QColor(theme.muted if chance else theme.grid), 1, _DOTS if chance else _SOLID))
        painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
        middle = min(max(y, box.top() + height / 2), box.bottom() - height / 2)
        # a label that would cover another is left out
        if text and all(abs(middle - other) >= height for other in taken):
            taken.append(middle)
            painter.setPen(QColor(theme.muted))
            painter.drawText(QRectF(0, middle - height / 2, box.left() - 6, height), _RIGHT, text)


def paint_end_labels(
    painter: QPainter, theme: Theme, box: QRectF, room: float, classes: Sequence[str], values: Float32,
    shown: Sequence[int], *, current: bool,
) -> None:  # fmt: skip
    """Name and value of each class in `shown` beside the end of its line, spread so that none hides another.

    Where there is no room for all, the most probable ones are named. `room` is the width right of the plot in px.
    `current` is False where the lines ended earlier: then the names alone, muted.
    """
    painter.setFont(font(SMALL, bold=current))
    metrics = QFontMetricsF(painter.font())
    fit = max(1, int(box.height() // metrics.height()))
    order = [int(index) for index in np.argsort(-np.nan_to_num(values))]
    known = [index for index in order if index in shown and np.isfinite(values[index])][:fit]
    ends = [float(y_of(box, float(values[index]))) for index in known]
    places = spread(ends, metrics.height(), box.top() + metrics.height() / 2, box.bottom() - metrics.height() / 2)
    left = box.right() + LEADER_PX + 4
    for index, end, place in zip(known, ends, places, strict=True):
        painter.setPen(theme.class_pen(index, 2.0))
        painter.drawLine(QPointF(box.right() + 1, end), QPointF(box.right() + LEADER_PX, place))
        value = f" {values[index]:.0%}" if current else ""
        name_room = room - LEADER_PX - 4 - metrics.horizontalAdvance(value)
        name = metrics.elidedText(classes[index], Qt.TextElideMode.ElideRight, name_room)
        painter.setPen(theme.class_color(index) if current else QColor(theme.muted))
        painter.drawText(
            QRectF(left, place - metrics.height() / 2, room - LEADER_PX - 4, metrics.height()), _LEFT, name + value
        )


def spread(wanted: Sequence[float], distance: float, lowest: float, highest: float) -> list[float]:
    """Places near the wanted ones, `distance` apart and between two ends if they fit, in the order given."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    placed = [0.0] * len(wanted)
    floor = lowest
    for i in order:
        floor = placed[i] = max(floor, wanted[i])
        floor += distance
    ceiling = highest
    for i in reversed(order):
        ceiling = placed[i] = min(ceiling, placed[i])
        ceiling -= distance
    return placed


def paint_share(
    painter: QPainter, theme: Theme, box: QRectF, axis: TimeAxis, columns: Columns, row: int, color: str
) -> None:
    """Bars from 0 to 1 along the time axis; pale from the mean to the highest of each column."""
    painter.fillRect(box, QColor(theme.window))
    left, ends = axis.xs(columns.first_s), axis.xs(columns.last_s) + 1.0
    joined = ~columns.after_silence()[1:]
    right = np.append(np.where(joined, left[1:], ends[:-1]), ends[-1:])
    passes = ((columns.mean[row], 255),) if columns.single else ((columns.high[row], 90), (columns.mean[row], 255))
    painter.save()
    painter.setClipRect(box)
    for values, alpha in passes:
        values = np.clip(np.nan_to_num(values), 0.0, 1.0)
        # neighbours of one height are one bar: use and its absence last for minutes
        first = np.flatnonzero(np.append(True, ~joined | (values[1:] != values[:-1]))[: len(values)])
        last = np.append(first[1:], len(values)) - 1
        seen = values[first] > 0
        first, last = first[seen], last[seen]
        tone = QColor(color)
        tone.setAlpha(alpha)
        top = box.bottom() - box.height() * values[first]
        fill_bars(painter, left[first], right[last] - left[first], top, np.full(len(top), box.bottom()), tone)
    painter.restore()


def paint_trials(
    painter: QPainter, theme: Theme, strip: QRectF, plots: Sequence[QRectF], axis: TimeAxis, spans: Sequence[Span],
    classes: Sequence[str], ground: str,
) -> None:  # fmt: skip
    """Shade trials in the plots and name them in a strip of their own."""
    painter.setFont(font(TINY))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    colors = {name: theme.class_color(index) for index, name in enumerate(classes)}
    other = QColor(ground)
    for span in spans:
        left, right = axis.x(span.start_s), axis.x(span.end_s)
        color = colors.get(span.text, other)
        if right - left < _MIN_FRAME_PX:
            painter.fillRect(QRectF(left, strip.top(), max(1.0, right - left - 1), strip.height()), color)
            continue
        shade = QColor(color)
        shade.setAlpha(22)
        # hours of short trials would be stripes behind the lines: the strip alone tells them
        for plot in plots if right - left >= _MIN_SHADE_PX else ():
            painter.fillRect(QRectF(left, plot.top(), right - left, plot.height()), shade)
        box = QRectF(left + 0.5, strip.top() + 0.5, right - left - 1, strip.height() - 1)
        shade.setAlpha(60)
        painter.fillRect(box, shade)
        painter.setPen(QPen(color, 1))
        painter.drawRect(box)
        painter.setPen(QColor(theme.text))
        text = painter.fontMetrics().elidedText(span.text, Qt.TextElideMode.ElideRight, int(box.width() - 6))
        if len(text) > 1:
            painter.drawText(box.adjusted(4, 0, 0, 0), _LEFT, text)


def paint_time(
    painter: QPainter, theme: Theme, box: QRectF, plots: Sequence[QRectF], axis: TimeAxis, wall_s: float | None
) -> None:
    """Labels of the time axis, and a faint line up from each."""
    painter.setFont(font(SMALL))
    metrics = QFontMetricsF(painter.font())
    for stamp, text in ticks(axis, metrics.horizontalAdvance("00:00:00") + 18, wall_s):
        x, width = axis.x(stamp), metrics.horizontalAdvance(text)
        painter.setPen(QPen(QColor(theme.grid), 1))
        for plot in plots:
            painter.drawLine(QPointF(x, plot.top()), QPointF(x, plot.bottom()))
        painter.setPen(QColor(theme.muted))
        painter.drawText(
            QRectF(x - width / 2 - 2, box.top(), width + 4, box.height()), Qt.AlignmentFlag.AlignCenter, text
        )


def paint_row_label(painter: QPainter, box: QRectF, text: str, color: str) -> None:
    """Name of a strip, in the left gutter."""
    painter.setFont(font(TINY))
    height = QFontMetricsF(painter.font()).height()
    painter.setPen(QColor(color))
    painter.drawText(QRectF(0, box.center().y() - height / 2, box.left() - 6, height), _RIGHT, text)


def paint_row_value(painter: QPainter, theme: Theme, box: QRectF, room: float, text: str) -> None:
    """Newest value of a strip, in the right gutter."""
    painter.setFont(font(TINY))
    height = QFontMetricsF(painter.font()).height()
    painter.setPen(QColor(theme.text))
    left = LEADER_PX + 4
    painter.drawText(QRectF(box.right() + left, box.center().y() - height / 2, room - left, height), _LEFT, text)
