"""Stream health: the engine's inputs as it reports them, its latency, and this screen's own connections."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from PyQt5.QtCore import QPointF, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PyQt5.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from gui.panels.base import Panel, age_text
from gui.streams.bridge import WANTED, Link
from gui.streams.messages import HealthReport, StreamRow
from gui.theme import Theme, font, scaled

SILENT_AFTER_S = 3.0
_ROOMY_PX = 420
COLUMNS = ("engine input", "state", "rate", "age", "received", "lost", "gaps")
_RECEIVED = COLUMNS.index("received")
_SIGNS = {"live": "●", "waiting": "○", "stale": "▲", "lost": "✕"}


def state_color(state: str, theme: Theme) -> str:
    """Colour of a link's state."""
    return {"live": theme.good, "waiting": theme.muted}.get(state, theme.bad)


def cells(row: StreamRow) -> tuple[str, ...]:
    """The table's texts for one stream."""
    rate = f"{row.rate_hz:.1f} Hz" if math.isfinite(row.rate_hz) else "-"
    age = f"{1000 * row.age_s:.0f} ms" if 0 <= row.age_s < 1 else age_text(row.age_s)
    sign = _SIGNS.get(row.state, "?")
    return (row.name, f"{sign} {row.state}", rate, age, f"{row.received:,}", f"{row.lost:,}", f"{row.gaps:,}")


def lines(row: StreamRow) -> Iterator[tuple[str, ...]]:
    """The table's lines for one stream: its numbers, then what is wrong with it, where the engine says so."""
    yield cells(row)
    if row.note:
        yield (f"↳ {row.note}",)


class LinkList(QWidget):
    """One sign and name a stream of the contract: what this screen hears and what not."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.links: tuple[Link, ...] = ()
        self.setFixedHeight(scaled(36))

    @property
    def columns(self) -> int:
        """Names side by side: six, or four where six would be cut off."""
        return 6 if self.width() >= scaled(490) else 4

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """As many rows as the names need side by side."""
        super().resizeEvent(a0)
        self.setFixedHeight(scaled(18) * math.ceil(len(WANTED) / self.columns))

    def show_links(self, links: tuple[Link, ...]) -> None:
        """Set what is drawn."""
        if [(link.key, link.state) for link in links] != [(link.key, link.state) for link in self.links]:
            self.update()
        self.links = links
        wrong = [f"{link.key}: {link.error}" for link in links if link.error]
        self.setToolTip("\n".join(wrong))

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Paint a sign and a name a stream."""
        painter = QPainter(self)
        painter.setFont(font(11))
        metrics = painter.fontMetrics()
        columns = self.columns
        step = self.width() / columns
        for index, link in enumerate(self.links):
            x, y = index % columns * step, scaled(13) + index // columns * scaled(18)
            painter.setPen(QColor(state_color(link.state, self.theme)))
            painter.drawText(QPointF(x, y), _SIGNS[link.state])
            if link.state != "lost":
                painter.setPen(QColor(self.theme.muted if link.state == "waiting" else self.theme.text))
            painter.drawText(
                QPointF(x + scaled(14), y),
                metrics.elidedText(link.key, Qt.TextElideMode.ElideRight, int(step - scaled(16))),
            )


class HealthPanel(Panel):
    """Table of the engine's inputs; red where stale or lost, and red altogether where the engine is silent.

    What the engine says is wrong with an input stands below it, across all columns.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__("Stream health", theme)
        self.table = self._make_table()
        self.links = LinkList(theme)
        self.add(self.table, 1)
        self.add(self.links, 0)
        self._report: HealthReport | None = None
        self._shown: list[tuple[tuple[str, ...], str]] = []

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        table.setHorizontalHeaderLabels(COLUMNS)
        rows, header = table.verticalHeader(), table.horizontalHeader()
        assert rows is not None
        assert header is not None
        rows.setVisible(False)
        rows.setDefaultSectionSize(scaled(20))
        table.setShowGrid(False)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setMinimumHeight(64)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        return table

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Where there is little room, which input it is is worth more than how much it has sent."""
        super().resizeEvent(a0)
        self.table.setColumnHidden(_RECEIVED, self.width() < scaled(_ROOMY_PX))

    def take(self, report: HealthReport) -> None:
        """Remember the newest report."""
        self._report = report

    def take_links(self, links: tuple[Link, ...]) -> None:
        """This screen's own connections."""
        self.links.show_links(links)

    def cell(self, row: int, column: int) -> str:
        """Text of a cell, as shown."""
        item = self.table.item(row, column)
        return item.text() if item else ""

    def export_rows(self) -> list[Sequence[object]]:
        """The newest report: a header, then a row an input of the engine; `time_s` is when the engine made it."""
        header = ("time_s", "input", "state", "rate_hz", "age_s", "received", "lost", "gaps", "note")
        rows: list[Sequence[object]] = [header]
        if (report := self._report) is not None:
            for row in report.streams:
                counts = (row.received, row.lost, row.gaps)
                rows.append((report.stamp, row.name, row.state, row.rate_hz, row.age_s, *counts, row.note))
        return rows

    def refresh(self, now_s: float) -> None:
        """Show the newest report; all of it red where the engine has said nothing for three seconds."""
        if self._report is None:
            self.set_note("waiting for the engine")
            return
        silent = now_s - self._report.stamp
        dead = silent > SILENT_AFTER_S
        rows = [replace(row, state="unknown") if dead else row for row in self._report.streams]
        if self.table.isColumnHidden(_RECEIVED):
            rows = [replace(row, name=row.name.removeprefix("emostream-")) for row in rows]
        self._fill([(line, row.state) for row in rows for line in lines(row)])
        if dead:
            self.set_note(f"the engine has been silent for {age_text(silent)}", "bad")
        elif math.isfinite(self._report.latency_p50_ms):
            p99 = self._report.latency_p99_ms
            self.set_note(f"sample to prediction {self._report.latency_p50_ms:.1f} ms median, {p99:.1f} ms p99")
        else:
            self.set_note("no latency measured yet")

    def _fill(self, rows: list[tuple[tuple[str, ...], str]]) -> None:
        """Write the lines, each with the state of its stream; one of a single text takes all columns."""
        if rows == self._shown:
            return
        self._shown = rows
        self.table.clearSpans()
        self.table.setRowCount(len(rows))
        for at, (row, state) in enumerate(rows):
            if len(row) == 1:
                self.table.setSpan(at, 0, 1, len(COLUMNS))
                for column in range(1, len(COLUMNS)):
                    self.table.takeItem(at, column)
            for column, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setTextAlignment(
                    Qt.AlignmentFlag.AlignVCenter
                    | (Qt.AlignmentFlag.AlignRight if column > 1 else Qt.AlignmentFlag.AlignLeft)
                )
                item.setFont(font(12))
                item.setForeground(QColor(self._ink(row, column, state)))
                if len(row) == 1:
                    item.setToolTip(text)
                self.table.setItem(at, column, item)

    def _ink(self, row: tuple[str, ...], column: int, state: str) -> str:
        alarming = state in ("stale", "lost", "unknown")
        if alarming or (column == 5 and row[column] != "0"):
            return self.theme.bad
        if len(row) == 1:
            return self.theme.warn
        return state_color(state, self.theme) if column == 1 else self.theme.text
