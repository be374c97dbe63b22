"""The red line over everything: which streams stand still, and since when."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy

from gui.panels.base import age_text
from gui.streams.contract import WANTED, Link
from gui.theme import Theme

MOST_NAMED = 3
_STEADY = frozenset(wanted.key for wanted in WANTED if wanted.steady)


@dataclass(frozen=True, slots=True)
class Stall:
    """A stream that sent and sends no more: since when, LSL seconds, and if its source is gone altogether."""

    key: str
    name: str
    since_s: float
    gone: bool


class StallWatch:
    """Streams that stand still, from one look at the links to the next."""

    def __init__(self) -> None:
        self._stalls: dict[str, Stall] = {}

    def look(self, links: Iterable[Link], now_s: float) -> tuple[Stall, ...]:
        """What stands still as of `now_s`; a stream that never sent anything is not missed here."""
        for link in links:
            silent = link.key in _STEADY and link.received > 0 and link.state in ("stale", "lost")
            if not silent:
                self._stalls.pop(link.key, None)
                continue
            before = self._stalls.get(link.key)
            # the newest sample's age where it is known; that of a stream opened anew begins again
            since = now_s - link.age_s if math.isfinite(link.age_s) else now_s
            since = min(since, before.since_s) if before is not None else since
            self._stalls[link.key] = Stall(link.key, link.name, since, link.state == "lost")
        return tuple(sorted(self._stalls.values(), key=lambda stall: stall.since_s))


def stall_text(stalls: Iterable[Stall], now_s: float, wall_s: float) -> str:
    """'EEG 'cap' has stood still since 14:03:07 (12 s)', the longest silence first; '' where there is none."""
    told = []
    stalled = list(stalls)
    for stall in stalled[:MOST_NAMED]:
        for_s = max(0.0, now_s - stall.since_s)
        at = time.strftime("%H:%M:%S", time.localtime(wall_s - for_s))
        word = "is gone" if stall.gone else "stands still"
        told.append(f"{stall.key} '{stall.name}' {word} since {at} ({age_text(for_s)})")
    more = len(stalled) - MOST_NAMED
    return "; ".join(told) + (f"; and {more} more" if more > 0 else "")


class StallBanner(QFrame):
    """Names the streams that stand still; can be put away until another one does. GUI thread.

    Parameters
    ----------
    theme : Theme
    wall : callable
        Seconds since 1970, for the time of day.
    """

    def __init__(self, theme: Theme, wall: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._wall = wall
        self._watch = StallWatch()
        self._silenced: frozenset[str] = frozenset()
        self._stalled: frozenset[str] = frozenset()
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.away = QPushButton("Seen")
        self.away.setAccessibleName("Put the warning away until another stream stands still")
        self.away.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.away.clicked.connect(self._put_away)
        self.setObjectName("banner")
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 3, 6, 3)
        row.addWidget(self.label, 1)
        row.addWidget(self.away)
        self.setVisible(False)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """Show it in the colours of a theme."""
        self.label.setStyleSheet(f"color: {theme.window}; font-weight: 600;")
        self.setStyleSheet(f"QFrame#banner {{ background: {theme.bad}; border-radius: 4px; }}")

    @property
    def text(self) -> str:
        """Words as shown; '' where nothing is."""
        return "" if self.isHidden() else self.label.text()

    def show_links(self, links: Iterable[Link], now_s: float) -> None:
        """Look at the links, show what stands still."""
        stalls = self._watch.look(links, now_s)
        stalled = frozenset(stall.key for stall in stalls)
        self._silenced &= stalled
        if stalled != self._stalled:
            # a screen reader is told when a name changes; not of every second that passes
            self.setAccessibleName(stall_text(stalls, now_s, self._wall()))
        self._stalled = stalled
        self.setVisible(not stalled <= self._silenced)
        self.label.setText(stall_text(stalls, now_s, self._wall()))

    def _put_away(self) -> None:
        self._silenced = self._stalled
        self.setVisible(False)
