"""The traces as a ring of pixel columns: a frame draws the few columns that are new and blits two pieces."""

from __future__ import annotations

import numpy as np
from PyQt5.QtCore import QRect
from PyQt5.QtGui import QColor

from gui.panels.base import over_pixels
from gui.panels.eeg.envelope import ColumnEnvelope, covered, rasterise
from gui.theme import Theme
from realtime.packets import Bool, Float64

_DASH_PX = 4


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
    max_hole_s : float
        Longest hole between samples that is not a gap.
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
        self._all = True
        self._ground, self._grid = _rgb(theme.panel), _rgb(theme.grid)
        self.pixels[:] = self._ground
        self.image = over_pixels(self.pixels)

    def set_gain(self, px_per_uv: float) -> None:
        """Change the vertical scale; everything is drawn anew at the next `advance`."""
        self._gain = px_per_uv
        self._all = True

    def set_bad(self, bad: Bool) -> None:
        """(n_channels,) bool: channels drawn grey and dashed, from the next `advance` on."""
        if not np.array_equal(bad, self.bad):
            self.bad = bad
            self._all = True

    def advance(self) -> int:
        """Draw the columns that are new or still growing; returns how many."""
        head = self.envelope.head
        if head < 0:
            return 0
        oldest = head - self.width + 1
        first = oldest if self._all else max(self._drawn, oldest)
        self._draw(first, head)
        self._drawn, self._all = head, False
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
        # a bad channel is told by its dashes too, not by its colour alone
        solid = np.arange(first, last + 1) // _DASH_PX % 2 == 0
        odd = np.arange(len(low)) % 2 == 1
        for members, color in (
            (self.bad, theme.trace_bad),
            (~self.bad & odd, theme.trace_other),
            (~self.bad & ~odd, theme.trace),
        ):
            if members.any():
                inked = covered(top[members], bottom[members], drawn[members], self.height)
                if members is self.bad:
                    inked &= solid
                block[inked] = _rgb(color)
        self.pixels[:, np.arange(first, last + 1) % self.width] = block

    def parts(self) -> tuple[tuple[int, QRect], ...]:
        """Slices (target x, source rectangle), oldest column first: the ring unrolled."""
        # what is drawn, not what has arrived: a display that pauses may be painted at any time
        start = (self._drawn + 1) % self.width
        older = (0, QRect(start, 0, self.width - start, self.height))
        newer = (self.width - start, QRect(0, 0, start, self.height))
        return (older, newer)


def _rgb(name: str) -> int:
    return QColor(name).rgb()
