"""SVG in the coordinates of a track: seconds across, 0 (top) to 100 (bottom) down.

A track is stretched to the width of the page and, when zoomed, beyond: so lines keep their width, and no text is here.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from realtime.packets import Float64
from realtime.report.envelope import runs

HEIGHT = 100.0


def line(time_s: Float64, share: Float64, css: str) -> str:
    """A line of values 0 (bottom) to 1 (top), broken at NaN; a lonely sample is a dot."""
    parts = []
    for first, last in runs(np.isfinite(share)):
        points = _points(time_s[first : last + 1], share[first : last + 1])
        parts.append(f"M{points[0]}L{' '.join(points[1:]) if len(points) > 1 else points[0]}")
    return _path("".join(parts), css) if parts else ""


def area(time_s: Float64, low: Float64, high: Float64, css: str) -> str:
    """The area between two lines of values 0 to 1, broken at NaN."""
    parts = []
    for first, last in runs(np.isfinite(low) & np.isfinite(high)):
        at = slice(first, last + 1)
        there, back = _points(time_s[at], high[at]), _points(time_s[at][::-1], low[at][::-1])
        parts.append(f"M{' '.join(there)} {' '.join(back)}Z")
    return _path("".join(parts), css) if parts else ""


def block(start_s: float, end_s: float, css: str, top: float = 0.0, bottom: float = HEIGHT) -> str:
    """A shaded stretch of time."""
    width = max(end_s - start_s, 0.0)
    return (
        f'<rect class="{css}" x="{_number(start_s)}" y="{_number(top)}" width="{_number(width)}" '
        f'height="{_number(bottom - top)}"/>'
    )


def level(share: float, duration_s: float, css: str = "grid") -> str:
    """A horizontal line at a value 0 to 1 over the whole session."""
    y = _number(HEIGHT * (1.0 - share))
    return _path(f"M0 {y}H{_number(duration_s)}", css)


def upright(time_s: float, css: str, share: float = 1.0) -> str:
    """A vertical line from the bottom up to a value 0 to 1."""
    return _path(f"M{_number(time_s)} {_number(HEIGHT)}V{_number(HEIGHT * (1.0 - share))}", css)


def strip(time_s: Float64, there: np.ndarray, step_s: float, css: str) -> str:
    """Blocks where a flag is up; a sample stands for the time since the one before, at most two steps."""
    since = np.minimum(np.diff(time_s, prepend=time_s[:1] - step_s), 2.0 * step_s)
    return "".join(block(time_s[a] - since[a], time_s[b], css) for a, b in _stretches(time_s, there, step_s))


def _stretches(time_s: Float64, there: np.ndarray, step_s: float) -> Iterable[tuple[int, int]]:
    holes = np.flatnonzero(np.diff(time_s) > 3.0 * step_s) + 1
    bounds = [0, *holes.tolist(), len(time_s)]
    for start, stop in pairwise(bounds):
        yield from ((start + a, start + b) for a, b in runs(there[start:stop]))


def _points(time_s: Float64, share: Float64) -> list[str]:
    y = HEIGHT * (1.0 - np.clip(share, 0.0, 1.0))
    return [f"{_number(a)} {_number(b)}" for a, b in zip(time_s.tolist(), y.tolist(), strict=True)]


def _path(data: str, css: str) -> str:
    return f'<path class="{css}" d="{data}"/>'


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
