"""The time axis of the emotion traces: how far back it reaches, where its ticks stand and how they are called."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from realtime.packets import Float64

SPANS: tuple[tuple[str, float], ...] = (
    ("30 s", 30.0),
    ("2 min", 120.0),
    ("10 min", 600.0),
    ("1 h", 3600.0),
    ("all", math.inf),
)
"""What the operator may choose: name and seconds; `inf` is everything since the first prediction."""

DEFAULT_SPAN = 1
SHORTEST_S = 30.0
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """A stretch of time on a stretch of pixels.

    Parameters
    ----------
    start_s, end_s : float
        LSL seconds of the left and the right edge.
    left_px, width_px : float
    """

    start_s: float
    end_s: float
    left_px: float
    width_px: float

    @property
    def span_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    @property
    def right_px(self) -> float:
        """Right edge."""
        return self.left_px + self.width_px

    def x(self, stamp: float) -> float:
        """Pixel of a stamp, kept within the axis."""
        share = (stamp - self.start_s) / self.span_s
        return self.left_px + self.width_px * min(1.0, max(0.0, share))

    def xs(self, stamps: Float64) -> Float64:
        """Pixels of many stamps, not kept within the axis."""
        return self.left_px + (stamps - self.start_s) * (self.width_px / self.span_s)

    def stamp(self, x_px: float) -> float:
        """LSL seconds at a pixel."""
        return self.start_s + self.span_s * (x_px - self.left_px) / max(1.0, self.width_px)


def axis_start(span_s: float, first_s: float, end_s: float) -> float:
    """Left edge of an axis of `span_s` that ends at `end_s`; of all since `first_s` where the span is without end."""
    if math.isfinite(span_s):
        return end_s - span_s
    known_s = end_s - first_s if math.isfinite(first_s) else 0.0
    return end_s - max(SHORTEST_S, known_s)


def step_for(span_s: float, n_labels: float) -> float:
    """Seconds between ticks, a round number, so that about `n_labels` of them fit."""
    wanted = span_s / max(1.0, n_labels)
    return float(next((step for step in _STEPS_S if step >= wanted), 86_400 * math.ceil(wanted / 86_400)))


def ticks(axis: TimeAxis, label_px: float, wall_s: float | None) -> list[tuple[float, str]]:
    """Stamps of the ticks and their labels, oldest first.

    Parameters
    ----------
    axis : TimeAxis
    label_px : float
        Room that a label takes.
    wall_s : float or None
        What to add to a stamp for seconds since 1970: the labels tell the clock. None: they tell how long ago.
    """
    step = step_for(axis.span_s, axis.width_px / label_px)
    if wall_s is None:
        n = math.floor(axis.span_s / step + 1e-9)
        return [(axis.end_s - k * step, ago_text(k * step, step)) for k in range(n, -1, -1)]
    # ticks on round local time: an hour is an hour on the wall, whatever the offset to UTC
    utc_offset = datetime.fromtimestamp(axis.end_s + wall_s).astimezone().utcoffset()
    shift = wall_s + (utc_offset.total_seconds() if utc_offset else 0.0)
    first, last = math.ceil((axis.start_s + shift) / step), math.floor((axis.end_s + shift) / step)
    stamps = [k * step - shift for k in range(first, last + 1)]
    return [(stamp, clock_text(stamp + wall_s, seconds=step < 60)) for stamp in stamps]


def ago_text(ago_s: float, step_s: float = 1.0) -> str:
    """How long ago, as an axis says it: 'now', '-20 s', '-1:30', '-5 min', '-2 h'."""
    ago = round(ago_s)
    if ago == 0:
        return "now"
    if ago < 120 and step_s < 60:
        return f"-{ago} s"
    if ago % 3600 == 0:
        return f"-{ago // 3600} h"
    if ago % 60 == 0 and ago < 3600:
        return f"-{ago // 60} min"
    if ago < 3600:
        return f"-{ago // 60}:{ago % 60:02d}"
    return f"-{ago // 3600} h {ago % 3600 // 60:02d}"


def clock_text(wall_s: float, *, seconds: bool = True) -> str:
    """The local time on the wall."""
    return datetime.fromtimestamp(wall_s).strftime("%H:%M:%S" if seconds else "%H:%M")
