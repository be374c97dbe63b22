"""Signal quality of every channel, on a plan of the cap: what the electrodes deliver, not whether the stream lives."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
from PyQt5.QtCore import QEvent, QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QToolTip, QWidget

from gui.panels.base import Panel, age_text
from gui.panels.eeg.channels import cell
from gui.panels.eeg.panel import flag_words
from gui.streams.messages import QualitySample
from gui.theme import Theme, font, scaled
from realtime.packets import Float32, Quality

STALE_AFTER_S = 3.0
HISTORY_S = 60.0
_MOST_SAMPLES = 600
_SIGNS = {
    Quality.FLAT: "–",
    Quality.RAILED: "⊤",
    Quality.MAINS: "∿",
    Quality.NOISY: "≋",
    Quality.NOT_FINITE: "∅",
}
_GOOD_SIGN = "●"
_UNKNOWN_SIGN = "?"
_COLUMNS_OF_OTHERS = 10
_SMALLEST_PX = 7


def sign(flags: int) -> str:
    """One character for a channel's flags; that of the gravest where there are several."""
    order = (Quality.NOT_FINITE, Quality.FLAT, Quality.RAILED, Quality.MAINS, Quality.NOISY)
    return next((_SIGNS[flag] for flag in order if flags & flag), _GOOD_SIGN)


def plan(labels: Sequence[str]) -> tuple[list[tuple[int, int]], int, int]:
    """Cell of each channel as (row, column), and how many rows and columns there are.

    Names of the 10-20 system lie as on the cap, seen from above with the nose up; others follow below, row by row.
    """
    found = [cell(label) for label in labels]
    known = [place for place in found if place is not None]
    used = sorted({row for row, _ in known})
    side = max((abs(column) for _, column in known), default=0)
    columns = 2 * side + 1 if known else min(len(labels), _COLUMNS_OF_OTHERS) or 1
    places, taken, others = [], set(), 0
    for place in found:
        spot = None if place is None else (used.index(place[0]), place[1] + side)
        if spot is None or spot in taken:
            spot = (len(used) + others // columns, others % columns)
            others += 1
        taken.add(spot)
        places.append(spot)
    return places, len(used) + -(-others // columns), columns


class CapPlan(QWidget):
    """A cell a channel: name, sign, and how much of the last minute was good."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.labels: tuple[str, ...] = ()
        self.flags: tuple[int, ...] = ()
        self.share: Float32 = np.zeros(0, np.float32)
        self.known = True
        self._places: list[tuple[int, int]] = []
        self._rows = self._columns = 1
        self.setMinimumHeight(120)
        self.setAccessibleName("signal quality by channel")

    def show_flags(self, labels: tuple[str, ...], flags: tuple[int, ...], share: Float32, *, known: bool) -> None:
        """Set what is drawn; `share` (n_channels,) is how much of the last minute was good, `known` that it is new."""
        if labels != self.labels:
            self._places, self._rows, self._columns = plan(labels)
        self.labels, self.flags, self.share, self.known = labels, flags, share, known
        bad = [f"{label} {flag_words(flag)}" for label, flag in zip(labels, flags, strict=True) if flag]
        self.setAccessibleDescription("not known" if not known else "; ".join(bad) or "all channels are good")
        self.update()

    @property
    def roomy(self) -> bool:
        """Whether cells have room for the line of the last minute."""
        return self.height() / self._rows >= scaled(20)

    def at(self, position: QPointF) -> int | None:
        """Index of the channel whose cell is there."""
        return next((i for i in range(len(self.labels)) if self._box(i).contains(position)), None)

    def _box(self, index: int) -> QRectF:
        row, column = self._places[index]
        wide, high = self.width() / self._columns, self.height() / self._rows
        return QRectF(column * wide, row * high, wide, high).adjusted(1, 1, -1, -1)

    def event(self, a0: QEvent | None) -> bool:
        """Say what is known of the channel under the mouse."""
        if isinstance(a0, QHelpEvent):
            index = self.at(QPointF(a0.pos()))
            text = "" if index is None else f"{self.labels[index]}: {self.words(index)}"
            QToolTip.showText(a0.globalPos(), text, self)
            return True
        return super().event(a0)

    def words(self, index: int) -> str:
        """What is known of a channel: 'flat, good for 20% of the last minute'."""
        if not self.known:
            return "not known"
        return f"{flag_words(self.flags[index]) or 'good'}, good for {self.share[index]:.0%} of the last minute"

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint every channel where it sits, with the sign of its quality."""
        painter = QPainter(self)
        # in a low panel smaller letters, so that names of neighbouring rows do not touch
        letters = font(10)
        letters.setPixelSize(max(_SMALLEST_PX, min(letters.pixelSize(), int(self.height() / self._rows) - 2)))
        painter.setFont(letters)
        small = self.width() / self._columns < scaled(46)
        roomy = self.roomy
        for index, label in enumerate(self.labels):
            box = self._box(index)
            bad = bool(self.flags[index])
            color = QColor(self.theme.muted if not self.known else self.theme.bad if bad else self.theme.good)
            painter.setPen(QPen(color if bad and self.known else QColor(self.theme.border), 1.5 if bad else 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if roomy or (bad and self.known):
                painter.drawRoundedRect(box, 3, 3)
            painter.setPen(color)
            mark = sign(self.flags[index]) if self.known else _UNKNOWN_SIGN
            inner = box.adjusted(3, 0, -3, -3 if roomy else 0)
            if not small:
                align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                painter.drawText(inner, align, mark)
            elif bad or not self.known:
                label = mark + label
            if not bad and self.known:
                painter.setPen(QColor(self.theme.text))
            align = Qt.AlignmentFlag.AlignVCenter | (
                Qt.AlignmentFlag.AlignHCenter if small else Qt.AlignmentFlag.AlignLeft
            )
            painter.drawText(inner, align, label)
            if self.known and roomy:
                bar = QRectF(box.left() + 3, box.bottom() - 4, (box.width() - 6) * float(self.share[index]), 2)
                painter.fillRect(bar, color)


class QualityPanel(Panel):
    """Quality as the engine judges it, four times a second; whether streams live is the health panel's business."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Signal quality", theme)
        self.cap = CapPlan(theme)
        self.legend = Legend(theme)
        self.add(self.cap)
        self.add(self.legend, 0)
        self._sample: QualitySample | None = None
        self._labels: tuple[str, ...] = ()
        self._past: deque[tuple[float, np.ndarray]] = deque(maxlen=_MOST_SAMPLES)
        self._fresh = False

    def take(self, quality: QualitySample) -> None:
        """Remember the newest flags, and a minute of which channels were good."""
        labels = tuple(quality.flags)
        if labels != self._labels:
            self._labels = labels
            self._past.clear()
        self._sample, self._fresh = quality, True
        self._past.append((quality.stamp, np.array(list(quality.flags.values())) == 0))
        while self._past[0][0] < quality.stamp - HISTORY_S:
            self._past.popleft()

    def adopt(self, before: QualityPanel) -> None:
        """Take over the last minute."""
        self._labels, self._sample, self._fresh = before._labels, before._sample, True
        self._past.extend(before._past)

    def _share(self) -> Float32:
        """(n_channels,) how much of the last minute was good."""
        return np.stack([good for _, good in self._past]).mean(axis=0).astype(np.float32)

    def export_rows(self) -> list[Sequence[str | float]]:
        """The newest flags in words: a header, then a row a channel; the share is that of the last minute."""
        rows: list[Sequence[str | float]] = [("time_s", "channel", "quality", "share_good")]
        if (sample := self._sample) is not None:
            told = zip(sample.flags.items(), self._share().tolist(), strict=True)
            rows += [(sample.stamp, label, flag_words(flags) or "good", share) for (label, flags), share in told]
        return rows

    def refresh(self, now_s: float) -> None:
        """Show the newest flags."""
        if not self.isVisible():
            return
        sample = self._sample
        if sample is None:
            self.set_note("waiting for the engine")
            return
        age = now_s - sample.stamp
        known = age <= STALE_AFTER_S
        if self._fresh or known != self.cap.known:
            self.cap.show_flags(self._labels, tuple(sample.flags.values()), self._share(), known=known)
            self._fresh = False
        if not known:
            self.set_note(f"stale: {age_text(age)} old", "bad")
            return
        bad = sum(1 for flags in sample.flags.values() if flags)
        text = f"{len(self._labels) - bad} of {len(self._labels)} channels good"
        self.set_note(text + (" · line: share of the last minute" if self.cap.roomy else ""), "warn" if bad else "")


class Legend(QWidget):
    """What the signs mean, in one line."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        words = [(_GOOD_SIGN, "good"), *((_SIGNS[flag], flag_words(flag)) for flag in _SIGNS)]
        self.text = "    ".join(f"{mark} {word}" for mark, word in words)
        self.setFixedHeight(scaled(18))
        self.setAccessibleName("signs")
        self.setAccessibleDescription(self.text)

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint what the signs mean."""
        painter = QPainter(self)
        painter.setFont(font(11))
        painter.setPen(QColor(self.theme.muted))
        text = painter.fontMetrics().elidedText(self.text, Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
