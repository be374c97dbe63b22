"""Stream health: the engine's inputs as it reports them, its latency, and this screen's own connections."""

from __future__ import annotations

import math
from dataclasses import replace

from PyQt5.QtCore import QPointF, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent, QResizeEvent
from PyQt5.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from gui.bridge import WANTED, Link
from gui.messages import HealthReport, StreamRow
from gui.panels.base import Panel, age_text
from gui.theme import Theme, font

SILENT_AFTER_S = 3.0
COLUMNS = ("engine input", "state", "rate", "age", "received", "lost", "gaps")
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


class LinkList(QWidget):
    """One sign and name a stream of the contract: what this screen hears and what not."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.links: tuple[Link, ...] = ()
        self.setFixedHeight(36)

    @property
    def columns(self) -> int:
        """Names side by side: six, or four where six would be cut off."""
        return 6 if self.width() >= 490 else 4

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        super().resizeEvent(a0)
        self.setFixedHeight(18 * math.ceil(len(WANTED) / self.columns))

    def show_links(self, links: tuple[Link, ...]) -> None:
        """Set what is drawn."""
        if [(link.key, link.state) for link in links] != [(link.key, link.state) for link in self.links]:
            self.update()
        self.links = links
        wrong = [f"{link.key}: {link.error}" for link in links if link.error]
        self.setToolTip("\n".join(wrong))

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        painter = QPainter(self)
        painter.setFont(font(11))
        metrics = painter.fontMetrics()
        columns = self.columns
        step = self.width() / columns
        for index, link in enumerate(self.links):
            x, y = index % columns * step, 13.0 + index // columns * 18
            painter.setPen(QColor(state_color(link.state, self.theme)))
            painter.drawText(QPointF(x, y), _SIGNS[link.state])
            if link.state != "lost":
                painter.setPen(QColor(self.theme.muted if link.state == "waiting" else self.theme.text))
            painter.drawText(
                QPointF(x + 14, y), metrics.elidedText(link.key, Qt.TextElideMode.ElideRight, int(step - 16))
            )


class HealthPanel(Panel):
    """Table of the engine's inputs; red where stale or lost, and red altogether where the engine is silent."""

    def __init__(self, theme: Theme) -> None:
        super().__init__("Stream health", theme)
        self.table = self._make_table()
        self.links = LinkList(theme)
        self.add(self.table, 1)
        self.add(self.links, 0)
        self._report: HealthReport | None = None
        self._shown: list[tuple[str, ...]] = []

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        table.setHorizontalHeaderLabels(COLUMNS)
        rows, header = table.verticalHeader(), table.horizontalHeader()
        assert rows is not None
        assert header is not None
        rows.setVisible(False)
        rows.setDefaultSectionSize(20)
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
        return table

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

    def refresh(self, now_s: float) -> None:
        """Show the newest report; all of it red where the engine has said nothing for three seconds."""
        if self._report is None:
            self.set_note("waiting for the engine")
            return
        silent = now_s - self._report.stamp
        dead = silent > SILENT_AFTER_S
        rows = [replace(row, state="unknown") if dead else row for row in self._report.streams]
        self._fill([cells(row) for row in rows], [row.state for row in rows])
        if dead:
            self.set_note(f"the engine has been silent for {age_text(silent)}", "bad")
        elif math.isfinite(self._report.latency_p50_ms):
            p99 = self._report.latency_p99_ms
            self.set_note(f"sample to prediction {self._report.latency_p50_ms:.1f} ms median, {p99:.1f} ms p99")
        else:
            self.set_note("no latency measured yet")

    def _fill(self, rows: list[tuple[str, ...]], states: list[str]) -> None:
        if rows == self._shown:
            return
        self._shown = rows
        self.table.setRowCount(len(rows))
        for at, (row, state) in enumerate(zip(rows, states, strict=True)):
            alarming = state in ("stale", "lost", "unknown")
            for column, text in enumerate(row):
                item = QTableWidgetItem(text)
                item.setTextAlignment(
                    Qt.AlignmentFlag.AlignVCenter
                    | (Qt.AlignmentFlag.AlignRight if column > 1 else Qt.AlignmentFlag.AlignLeft)
                )
                item.setFont(font(12))
                color = self.theme.bad if alarming else self.theme.text
                if column == 1 and not alarming:
                    color = state_color(state, self.theme)
                if column == 5 and text != "0":
                    color = self.theme.bad
                item.setForeground(QColor(color))
                self.table.setItem(at, column, item)
