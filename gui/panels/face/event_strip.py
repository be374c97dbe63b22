"""The strip of facial movements: a list of cards, newest first, each with onset, apex and the flow between them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from PyQt5.QtCore import QAbstractListModel, QModelIndex, QPointF, QRectF, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QFocusEvent, QImage, QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PyQt5.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from gui.panels.face.flow_arrows import flow_arrows, flow_picture, paint_arrows
from gui.panels.face.kept_frames import KeptFrame
from gui.panels.face.video import picture
from gui.streams.messages import MovementEvent, MovementPictures
from gui.theme import Theme, font, scaled

Filter = Literal["all", "micro", "macro"]

MOST_EVENTS = 200
MOST_PICTURES = 50
CARD_HEIGHT = 108
_CARD_WIDTH = 320
_SAME_STAMP_S = 0.02
_GAP = 5.0
_PAD = 7.0


def named_pictures(pictures: MovementPictures) -> list[tuple[str, QImage]]:
    """Onset, apex and the flow in colours, each with its name."""
    colors, full = flow_picture(pictures.flow)
    named = (("onset", pictures.onset), ("apex", pictures.apex), (f"flow, {full:.1f} px", colors))
    return [(name, picture(image)) for name, image in named]


@dataclass(slots=True, eq=False)
class Entry:
    """One line of the strip: a candidate of the spotter, or a movement that only the simulator knows.

    Parameters
    ----------
    event : MovementEvent
    at : str
        Time of day of the apex.
    pictures : MovementPictures or None
        Only the newest entries keep theirs.
    truth : MovementEvent or None
        The simulated movement that a candidate overlaps.
    judged : bool
        True where a simulator tells its movements and none overlapped the candidate.
    frames : tuple of KeptFrame
        Of its time; only the newest entries hold theirs.
    """

    event: MovementEvent
    at: str
    pictures: MovementPictures | None = None
    had_pictures: bool = False
    truth: MovementEvent | None = None
    judged: bool = False
    frames: tuple[KeptFrame, ...] = ()
    _thumbs: list[tuple[str, QImage]] = field(default_factory=list)

    def take_pictures(self, pictures: MovementPictures) -> None:
        """Give it its pictures."""
        self.pictures, self.had_pictures, self._thumbs = pictures, True, []

    def drop_pictures(self) -> None:
        """Forget the pictures; the words stay."""
        self.pictures, self._thumbs = None, []

    def thumbs(self, side: int) -> list[tuple[str, QImage]]:
        """The pictures scaled once to `side` device px, with their names; empty where there are none."""
        if self.pictures is not None and (not self._thumbs or self._thumbs[0][1].width() != side):
            ratio, smooth = Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            self._thumbs = [(name, im.scaled(side, side, ratio, smooth)) for name, im in named_pictures(self.pictures)]
            name, flow = self._thumbs[2]
            flow = flow.convertToFormat(QImage.Format.Format_RGB32)
            painter = QPainter(flow)
            painter.scale(side / 256, side / 256)
            paint_arrows(painter, flow_arrows(self.pictures.flow, 32)[0], 0.8)
            painter.end()
            self._thumbs[2] = (name, flow)
        return self._thumbs

    @property
    def title(self) -> str:
        """What it is: a candidate and no verdict, or the simulator's own word."""
        if self.event.true:
            return f"simulated {self.event.kind}"
        return f"{self.event.kind} candidate"

    @property
    def score_text(self) -> str:
        """Peak motion in multiples of noise."""
        return f"{self.event.score:.1f} x noise" if math.isfinite(self.event.score) else ""

    @property
    def regions_text(self) -> str:
        """Regions, strongest first."""
        return ", ".join(region.replace("_", " ") for region in self.event.regions[:3])

    @property
    def time_text(self) -> str:
        """Length, and time of day of the apex."""
        return f"{1000 * (self.event.offset_s - self.event.onset_s):.0f} ms · {self.at}"

    @property
    def truth_text(self) -> str:
        """What a simulator says of it; '' where none speaks."""
        if self.event.true:
            return "simulated truth: the spotter did not find it"
        if self.truth is not None:
            apart = 1000 * (self.event.apex_s - self.truth.apex_s)
            return f"simulated truth: {self.truth.kind}, apex {apart:+.0f} ms"
        return "simulated truth: no movement here" if self.judged else ""

    @property
    def sentence(self) -> str:
        """All of it in words, for a screen reader."""
        said = (self.title, self.score_text, self.regions_text, self.time_text, self.truth_text)
        return ", ".join(words for words in said if words)


def overlap(first: MovementEvent, second: MovementEvent) -> bool:
    """True where two movements share time."""
    return first.onset_s <= second.offset_s and second.onset_s <= first.offset_s


def _place(entries: list[Entry], event: MovementEvent) -> int:
    """Index at which a movement stands among others, newest first: what a simulator tells comes seconds late."""
    return next((k for k, entry in enumerate(entries) if entry.event.apex_s <= event.apex_s), len(entries))


class StripModel(QAbstractListModel):
    """The entries, newest first and bounded, seen through the filter."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.wall = wall
        self.entries: list[Entry] = []
        self.shown: list[Entry] = []
        self.filter: Filter = "all"

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Movements that the filter lets through."""
        return 0 if parent is not None and parent.isValid() else len(self.shown)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """What a movement is called, in words."""
        if not index.isValid() or index.row() >= len(self.shown):
            return None
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return self.shown[index.row()].sentence
        return None

    def set_filter(self, chosen: Filter) -> None:
        """Show all movements or those of one kind."""
        self.beginResetModel()
        self.filter = chosen
        self.shown = [entry for entry in self.entries if self._passes(entry)]
        self.endResetModel()

    def adopt(self, entries: list[Entry]) -> None:
        """Show these instead, newest first."""
        self.entries = list(entries)
        self.set_filter(self.filter)

    def knows(self, event: MovementEvent) -> bool:
        """True for a movement that is on the strip, as a candidate or as the truth of one."""
        return any(event in (entry.event, entry.truth) for entry in self.entries)

    def _passes(self, entry: Entry) -> bool:
        return self.filter in ("all", entry.event.kind)

    def add(self, event: MovementEvent, now_s: float) -> Entry:
        """Put a movement where its apex belongs, mostly on top; what falls off the other end is gone."""
        at = time.strftime("%H:%M:%S", time.localtime(self.wall() - (now_s - event.apex_s)))
        entry = Entry(event, at)
        self.entries.insert(_place(self.entries, event), entry)
        if self._passes(entry):
            row = _place(self.shown, event)
            self.beginInsertRows(QModelIndex(), row, row)
            self.shown.insert(row, entry)
            self.endInsertRows()
        if len(self.entries) > MOST_EVENTS:
            self._forget(self.entries.pop())
        for old in self.entries[MOST_PICTURES:]:
            if old.pictures is not None:
                old.drop_pictures()
                self.changed(old)
        return entry

    def _forget(self, entry: Entry) -> None:
        if self.shown and self.shown[-1] is entry:
            last = len(self.shown) - 1
            self.beginRemoveRows(QModelIndex(), last, last)
            self.shown.pop()
            self.endRemoveRows()

    def changed(self, entry: Entry) -> None:
        """Have an entry drawn anew."""
        if entry in self.shown:
            index = self.index(self.shown.index(entry))
            self.dataChanged.emit(index, index)

    def entry_of(self, pictures: MovementPictures) -> Entry | None:
        """The candidate that pictures belong to: their owner, or the one that was decided at their stamp.

        One that does not say when it was decided gets pictures stamped after its apex, the newest first.
        """
        near = self.entries[:MOST_PICTURES]
        for entry in near:
            if entry.pictures is not None and entry.pictures.stamp == pictures.stamp:
                return entry
        waiting = [entry for entry in near if not entry.event.true and not entry.had_pictures]
        for entry in waiting:
            # marker and pictures bear one stamp; two streams may place it a little apart on this machine's clock
            if abs(entry.event.decided_s - pictures.stamp) < _SAME_STAMP_S:
                return entry
        for entry in waiting:
            event = entry.event
            if math.isnan(event.decided_s) and event.apex_s <= pictures.stamp <= event.offset_s + 10.0:
                return entry
        return None

    def at(self, index: QModelIndex) -> Entry | None:
        """Entry behind an index of the view."""
        return self.shown[index.row()] if index.isValid() and index.row() < len(self.shown) else None


class CardPainter(QStyledItemDelegate):
    """Draws one card: three pictures on the left, the words on the right."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.theme = theme
        self.width = _CARD_WIDTH

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        """As wide as the strip, as high as three pictures and their words."""
        return QSize(self.width, scaled(CARD_HEIGHT))

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint one movement's card."""
        model = index.model()
        if painter is None or not isinstance(model, StripModel) or (entry := model.at(index)) is None:
            return
        painter.save()
        frame = QRectF(option.rect).adjusted(1.5, 1.5, -2.5, -3.5)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        focused = selected and bool(option.state & QStyle.StateFlag.State_HasFocus)
        edge = self.theme.accent if selected else self.theme.border
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(edge), 2.5 if focused else 1.2))
        painter.setBrush(QColor(self.theme.window))
        painter.drawRoundedRect(frame, 5, 5)
        # narrow cards give their room to the words
        share = 0.6 if frame.width() > scaled(340) else 0.54
        room = (frame.width() * share - 2 * _PAD - 2 * _GAP) / 3
        side = math.floor(min(frame.height() - 2 * _PAD - scaled(14), room))
        self._paint_pictures(painter, entry, QPointF(frame.left() + _PAD, frame.top() + _PAD), side)
        left = frame.left() + 2 * _PAD + 3 * side + 2 * _GAP
        words = QRectF(left, frame.top() + _PAD - 2, frame.right() - left - _PAD, frame.height() - 2 * _PAD + 4)
        self._paint_words(painter, entry, words)
        painter.restore()

    def _paint_pictures(self, painter: QPainter, entry: Entry, corner: QPointF, side: int) -> None:
        painter.setFont(font(10))
        painter.setPen(QColor(self.theme.muted))
        device = painter.device()
        thumbs = entry.thumbs(round(side * (device.devicePixelRatioF() if device is not None else 1.0)))
        if not thumbs:
            box = QRectF(corner.x(), corner.y(), 3 * side + 2 * _GAP, side)
            painter.setPen(QPen(QColor(self.theme.border), 1, Qt.PenStyle.DashLine))
            painter.drawRect(box)
            painter.setPen(QColor(self.theme.muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(box.adjusted(4, 2, -4, -2), flags, _no_pictures(entry))
            return
        for column, (name, image) in enumerate(thumbs):
            x = corner.x() + column * (side + _GAP)
            painter.drawImage(QRectF(x, corner.y(), side, side), image)
            below = QRectF(x - 3, corner.y() + side + 1, side + 6, scaled(14))
            short = name if painter.fontMetrics().horizontalAdvance(name) <= below.width() else name.partition(",")[0]
            painter.drawText(below, Qt.AlignmentFlag.AlignCenter, short)

    def _paint_words(self, painter: QPainter, entry: Entry, box: QRectF) -> None:
        theme, event = self.theme, entry.event
        own = theme.truth if event.true else theme.warn if event.kind == "micro" else theme.accent
        lines = (
            (entry.title, own, 12, True),
            (entry.score_text, theme.text, 12, True),
            (entry.regions_text, theme.text, 11, False),
            (entry.time_text, theme.muted, 11, False),
        )
        top = box.top()
        for text, color, pixels, bold in lines:
            if text:
                painter.setFont(font(pixels, bold=bold))
                painter.setPen(QColor(color))
                line = QRectF(box.left(), top, box.width(), scaled(17))
                text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
                painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
                top += scaled(17)
        painter.setFont(font(10))
        painter.setPen(QColor(theme.truth))
        flags = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
        painter.drawText(QRectF(box.left(), top + 1, box.width(), box.bottom() - top), flags, entry.truth_text)


def _no_pictures(entry: Entry) -> str:
    if entry.event.true:
        return "no pictures: it was not found"
    return "pictures are no longer kept" if entry.had_pictures else "no pictures arrived"


class EventStrip(QListView):
    """The cards, in as many columns as fit. Enter or a click opens one.

    Signals
    -------
    opened : Entry
    """

    opened = pyqtSignal(object)

    def __init__(self, theme: Theme, model: StripModel) -> None:
        super().__init__()
        self.theme = theme
        self.strip = model
        self.cards = CardPainter(theme, self)
        model.setParent(self)
        self.setModel(model)
        self.setItemDelegate(self.cards)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setMinimumHeight(scaled(CARD_HEIGHT) + 4)
        self.setAccessibleName("facial movements, newest first")
        self.setAccessibleDescription("candidates with a score, not verdicts; Enter shows one in slow motion")
        self.clicked.connect(self._open)

    def _open(self, index: QModelIndex) -> None:
        if (entry := self.strip.at(index)) is not None:
            self.opened.emit(entry)

    def keyPressEvent(self, e: QKeyEvent | None) -> None:
        """Open the chosen movement with Enter."""
        if e is not None and e.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._open(self.currentIndex())
        elif e is not None and e.text().isalpha():
            # a list would search its texts for the letter; letters are the panel's and the window's
            e.ignore()
        else:
            super().keyPressEvent(e)

    def focusInEvent(self, e: QFocusEvent | None) -> None:
        """Choose the newest movement where none is chosen."""
        super().focusInEvent(e)
        if not self.currentIndex().isValid() and self.strip.shown:
            # the focus is to be seen
            self.setCurrentIndex(self.strip.index(0))

    def resizeEvent(self, e: QResizeEvent | None) -> None:
        """Make the cards as wide as the strip."""
        # the scroll bar's room is always left: cards that widen when it goes might bring it back
        bar = self.verticalScrollBar()
        room = max(1, self.width() - (bar.sizeHint().width() if bar is not None else 0) - 2)
        self.cards.width = room // max(1, room // scaled(_CARD_WIDTH))
        self.setGridSize(QSize(self.cards.width, scaled(CARD_HEIGHT)))
        super().resizeEvent(e)

    def paintEvent(self, e: QPaintEvent | None) -> None:
        """Say what the strip waits for while it is empty."""
        super().paintEvent(e)
        port = self.viewport()
        if self.strip.shown or port is None:
            return
        painter = QPainter(port)
        if self.hasFocus():
            painter.setPen(QPen(QColor(self.theme.accent), 2))
            painter.drawRect(port.rect().adjusted(1, 1, -1, -1))
        painter.setFont(font(12))
        painter.setPen(QColor(self.theme.muted))
        kind = "" if self.strip.filter == "all" else f"{self.strip.filter}-"
        painter.drawText(port.rect(), Qt.AlignmentFlag.AlignCenter, f"no {kind}movement found yet")
