"""Words as large as their room allows, to be read from three metres; badges that tell on and off by shape too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt5.QtCore import QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen
from PyQt5.QtWidgets import QSizePolicy, QWidget

from gui.theme import Theme, font, scaled

RESTS_ON = "rests on"
LARGEST_PX, SMALLEST_PX = 220, 15


def largest_font(
    text: str, width: float, height: float, *, largest: int = LARGEST_PX, smallest: int = SMALLEST_PX, lines: int = 1
) -> int:
    """Pixel size of the largest bold font in which `text`, broken at spaces into at most `lines`, fits a box."""
    known = QFontMetricsF(font(largest, bold=True))
    best = 0.0
    for parts in line_breaks(text, lines):
        widest = max(max(known.horizontalAdvance(part) for part in parts), 1.0)
        best = max(best, min(width / widest, height / (len(parts) * known.height())))
    size = min(largest, int(largest * best))
    # glyphs are rounded to pixels at each size: the estimate may be a little too large
    while size > smallest and not _fits(text, lines, size, width, height):
        size -= 1
    return max(smallest, size)


def line_breaks(text: str, lines: int) -> list[tuple[str, ...]]:
    """Ways to write a text in one line or, cut once at a space, in two."""
    words = text.split()
    cuts = [(" ".join(words[:k]), " ".join(words[k:])) for k in range(1, len(words))] if lines > 1 else []
    return [(text,), *cuts]


def _fits(text: str, lines: int, size: int, width: float, height: float) -> bool:
    metrics = QFontMetricsF(font(size, bold=True))
    return any(_inside(parts, metrics, width, height) for parts in line_breaks(text, lines))


def _inside(parts: Sequence[str], metrics: QFontMetricsF, width: float, height: float) -> bool:
    widest = max(metrics.horizontalAdvance(part) for part in parts)
    return widest <= width and len(parts) * metrics.height() <= height


class Headline(QWidget):
    """Bold text in one line or two, as large as fits.

    Parameters
    ----------
    theme : Theme
    least_px : int
        Lowest height it is given.
    sizes_px : (smallest, largest)
        Of its letters.
    """

    def __init__(self, theme: Theme, least_px: int = 34, sizes_px: tuple[int, int] = (SMALLEST_PX, LARGEST_PX)) -> None:
        super().__init__()
        self.text, self.color = "", theme.text
        self._smallest, self._largest = sizes_px
        self._alike: tuple[str, ...] = ()
        self.setMinimumSize(90, scaled(least_px))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Room for a word or two."""
        return QSize(260, 90)

    def show_text(self, text: str, color: str, alike: tuple[str, ...] = ()) -> None:
        """Set the words and their colour; they are no larger than those in `alike` could be in their place."""
        if (text, color, alike) != (self.text, self.color, self._alike):
            self.text, self.color, self._alike = text, color, alike
            self.setAccessibleName(text)
            self.update()

    def font_px(self) -> int:
        """Size at which the text is painted."""
        texts = (self.text, *self._alike)
        return min(
            largest_font(text, self.width() - 2, self.height(), largest=self._largest, smallest=self._smallest, lines=2)
            for text in texts
        )

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the words as large as they fit."""
        painter = QPainter(self)
        chosen = font(self.font_px(), bold=True)
        metrics = QFontMetricsF(chosen)
        painter.setFont(chosen)
        painter.setPen(QColor(self.color))
        ways = line_breaks(self.text, 2)
        parts = next((way for way in ways if _inside(way, metrics, self.width() - 2, self.height())), ways[0])
        top = (self.height() - len(parts) * metrics.height()) / 2
        for k, part in enumerate(parts):
            line = QRectF(0, top + k * metrics.height(), self.width(), metrics.height())
            words = metrics.elidedText(part, Qt.TextElideMode.ElideRight, self.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)


@dataclass(frozen=True, slots=True)
class Badge:
    """A modality: its name, whether it is used, and a few words on its age or absence."""

    name: str
    used: bool
    words: str


class Badges(QWidget):
    """What a prediction rests on, a badge a modality: filled with a tick where used, a dashed outline where not."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.badges: tuple[Badge, ...] = ()
        self._lead = RESTS_ON
        self.setMinimumHeight(scaled(28))
        self.setMaximumHeight(scaled(64))

    def sizeHint(self) -> QSize:
        """Room for two badges."""
        return QSize(260, 40)

    def show_badges(self, badges: tuple[Badge, ...], lead: str = RESTS_ON) -> None:
        """Set what is shown, and the words before it."""
        if (badges, lead) != (self.badges, self._lead):
            self.badges, self._lead = badges, lead
            told = f"{self._lead}: " + ", ".join(f"{b.name} {b.words}" for b in badges)
            self.setAccessibleName(told)
            self.setToolTip(told)
            self.update()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint the words before the badges, and each badge."""
        if not self.badges:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(12))
        painter.setPen(QColor(self.theme.muted))
        painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignVCenter, self._lead)
        left, gap = painter.fontMetrics().horizontalAdvance(self._lead) + 8.0, 6.0
        width = (self.width() - left - gap * (len(self.badges) - 1)) / len(self.badges)
        boxes = [QRectF(left + k * (width + gap) + 1, 1, width - 2, self.height() - 2) for k in range(len(self.badges))]
        size = min(self._name_px(badge, box) for badge, box in zip(self.badges, boxes, strict=True))
        for badge, box in zip(self.badges, boxes, strict=True):
            self._paint(painter, box, badge, size)

    def _name_px(self, badge: Badge, box: QRectF) -> int:
        """Half the badge is for its name; where that is too little, the name has the whole."""
        name, height = _marked(badge), box.height() - 2
        half = largest_font(name, 0.5 * box.width() - 10, height, largest=40)
        return min(half, largest_font(name, box.width() - 14, height, largest=40, smallest=9))

    def _paint(self, painter: QPainter, box: QRectF, badge: Badge, name_px: int) -> None:
        theme = self.theme
        ground, ink = (theme.good, theme.panel) if badge.used else (theme.panel, theme.muted)
        painter.setBrush(QColor(ground))
        style = Qt.PenStyle.SolidLine if badge.used else Qt.PenStyle.DashLine
        painter.setPen(QPen(QColor(theme.good if badge.used else theme.muted), 1.5, style))
        painter.drawRoundedRect(box, 5, 5)
        painter.setPen(QColor(ink))
        name = _marked(badge)
        inner = box.adjusted(8, 0, -6, 0)
        painter.setFont(font(name_px, bold=True))
        taken = painter.fontMetrics().horizontalAdvance(name)
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, name)
        painter.setFont(font(12))
        room = inner.adjusted(taken + 6, 0, 0, 0)
        # the number matters more than the word after it
        for words in (badge.words, badge.words.rpartition(" ")[0]):
            if painter.fontMetrics().horizontalAdvance(words) <= room.width():
                painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, words)
                break


def _marked(badge: Badge) -> str:
    return f"✓ {badge.name}" if badge.used else badge.name
