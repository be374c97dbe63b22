"""Charts over the session's time: tracks one below the other that share an axis and are zoomed together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200)
_TICKS = 9


@dataclass(frozen=True, slots=True)
class Label:
    """Text over a stretch of time: `short` where there is little room, `more` after it where there is room."""

    start_s: float
    end_s: float
    short: str
    more: str = ""
    css: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A symbol at a moment, `share` of the track's height up; leads to `href`."""

    time_s: float
    share: float
    css: str
    title: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Track:
    """One row of a chart.

    Parameters
    ----------
    name, note : str
        What it is, and its unit or source in small print.
    height_px : int
    svg : str
        Shapes in the coordinates of `shapes`; made of numbers and our own names only, so it needs no escaping.
    scale : sequence of (share of the height, text)
    labels : sequence of Label
    marks : sequence of Mark
    """

    name: str
    height_px: int
    svg: str = ""
    note: str = ""
    scale: Sequence[tuple[float, str]] = ()
    labels: Sequence[Label] = ()
    marks: Sequence[Mark] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """Tracks over 0 to `duration_s`; `alt` says in words what is drawn."""

    name: str
    duration_s: float
    tracks: Sequence[Track]
    alt: str
    ticks: Sequence[tuple[float, str]] = field(default=())


def chart(name: str, duration_s: float, tracks: Sequence[Track], alt: str) -> Chart:
    """A chart with its time axis: (% of the width, text) a tick."""
    return Chart(name, duration_s, tracks, alt, [(100.0 * t / duration_s, clock(t)) for t in _ticks(duration_s)])


def _ticks(duration_s: float) -> list[float]:
    step = next((s for s in _STEPS_S if duration_s / s <= _TICKS), _STEPS_S[-1])
    return [i * step for i in range(int(duration_s / step + 1e-9) + 1)]


def clock(time_s: float, places: int = 0) -> str:
    """Seconds of the session as 'm:ss' or 'h:mm:ss', with `places` decimals."""
    scale = 10**places
    units = round(time_s * scale)
    whole, fraction = divmod(abs(units), scale)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
    tail = f".{fraction:0{places}d}" if places else ""
    return ("−" if units < 0 else "") + text + tail
