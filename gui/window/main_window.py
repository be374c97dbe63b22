"""The window: gives the panels a place, hands them what the bridge polled, and redraws each no more than it needs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pyqtgraph as pg
from PyQt5.QtCore import QStandardPaths, Qt, QTimer
from PyQt5.QtGui import QCloseEvent, QKeyEvent
from PyQt5.QtWidgets import QApplication, QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from gui.panels.base import on_screen
from gui.panels.eeg.controls import view_from, view_text
from gui.session.panel import QUICK
from gui.session.replay_bar import ReplayBar
from gui.settings import Settings
from gui.start.page import StartPage
from gui.streams.band_baseline import BandBaseline
from gui.streams.bridge import Batch, Bridge, Link
from gui.theme import FONT_SCALES, Theme, apply_theme, font_scale, set_font_scale
from gui.window.actions import add_actions
from gui.window.banner import StallBanner
from gui.window.desk import Desk
from gui.window.docks import PRESETS, DockArea
from gui.window.export import Exporter
from gui.window.header import Header
from gui.window.help import HelpDialog, Tour
from gui.window.memory import Memory
from gui.window.panel_set import PanelSet
from gui.window.tour import stops
from realtime.errors import DataError

FRAME_MS = 30
TRUTH_KEPT_S = 60.0
PATIENCE_S = 2.5
"""How long the streams may take to appear before the page of streams is shown."""


class MainWindow(Desk):
    """The dashboard.

    Parameters
    ----------
    bridge : Bridge
        Polled by the window's timer; stopped when the window closes.
    theme : Theme
    clock : callable
        LSL seconds.
    send : callable
        Sends an operator's action: (JSON text, LSL stamp).
    settings : Settings, optional
        What the lab chose; by default it is forgotten.
    """

    def __init__(
        self,
        bridge: Bridge,
        theme: Theme,
        clock: Callable[[], float],
        send: Callable[[str, float], None],
        settings: Settings | None = None,
    ) -> None:
        super().__init__()
        self.setWindowTitle("emostream")
        self.theme, self.settings = theme, settings or Settings()
        self.bridge, self._clock, self._send = bridge, clock, send
        self._memory = Memory()
        self._paused = self._settled = self._streams_asked = False
        self._frames, self._note_at = 0, 0.0
        self._truth_at, self._begun_s = -math.inf, clock()
        self._links: tuple[Link, ...] = ()
        self.tour: Tour | None = None
        self.help: HelpDialog | None = None
        self.panels = self._make_panels()
        self._build()
        self.actions_by_name = add_actions(self)
        self.exporter = Exporter(self)
        self.exporter.done.connect(self._exported)
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.tick)
        self._timer.start(FRAME_MS)

    @property
    def paused(self) -> bool:
        """True while the display stands still."""
        return self._paused

    @property
    def frames(self) -> int:
        """Times the fast panels were redrawn."""
        return self._frames

    def badges(self) -> tuple[str, ...]:
        """Texts of the badges that are visible."""
        return self.header.badges()

    def _make_panels(self, before: PanelSet | None = None) -> PanelSet:
        panels = PanelSet(self.theme, self.settings.texts("markers", QUICK))
        panels.eeg.set_view(view_from(self.settings.text("eeg view")))
        if before is not None:
            # before anything listens: what is taken over is no news
            panels.adopt(before)
            before.close()
        panels.session.marked.connect(self.mark)
        panels.session.noting.connect(self.begin_note)
        panels.bands.baseline_changed.connect(self._baseline_changed)
        panels.session.edited.connect(lambda texts: self.settings.keep("markers", texts))
        panels.tuning.wished.connect(lambda wish: self._send(json.dumps(wish), self._clock()))
        panels.eeg.viewed.connect(lambda view: self.settings.keep("eeg view", view_text(view)))
        return panels

    def _build(self) -> None:
        self.header = Header(self.theme, self._clock, self._send)
        self.header.noted.connect(self._send_note)
        self.record = self.header.record
        self.banner = StallBanner(self.theme)
        self.replay = ReplayBar(self.theme, self._clock, self._send)
        self.docks = DockArea({key: (panel.title, panel) for key, panel in self.panels.by_key.items()})
        self.start = StartPage(self.theme, self.settings, self.bridge.prefer, self.bridge.descriptions.ask)
        self.start.left.connect(self.show_panels)
        self.pages = QStackedWidget()
        self.pages.addWidget(self.docks)
        self.pages.addWidget(self.start)
        page = QWidget()
        page.setObjectName("page")
        box = QVBoxLayout(page)
        box.setContentsMargins(8, 5, 8, 6)
        box.setSpacing(5)
        for widget in (self.header, self.banner, self.record.banner):
            box.addWidget(widget)
        box.addWidget(self.pages, 1)
        box.addWidget(self.replay)
        self.setCentralWidget(page)
        self.setMinimumSize(1180, 680)
        self.docks.apply(PRESETS["operator"])

    def tick(self) -> None:
        """One turn of the display: take what arrived, then redraw what is due. The timer calls it."""
        now = self._clock()
        self.take(self.bridge.poll())
        self.header.refresh(now)
        self._frames += 1
        if self._frames % 16 == 9:
            self._look_around(now)
        if self._frames % 4 == 2:
            self.replay.refresh(now)
        if not self._paused:
            self.panels.refresh(self._frames, now)

    def _look_around(self, now_s: float) -> None:
        """Links, stalls, the page of streams."""
        links = self._links = self.bridge.links()
        self.panels.take_links(links)
        self.banner.show_links(links, now_s)
        truth = next(link for link in links if link.key == "truth")
        if truth.found and truth.state != "lost":
            self._truth_at = now_s
        elif truth.found or now_s - self._truth_at > TRUTH_KEPT_S:
            self.panels.traces.truth.end(now_s)
        # what a vanished simulator told stays on the time axes for a while: so does the badge
        kept = now_s - self._truth_at <= TRUTH_KEPT_S or self.panels.traces.truth_on_screen
        self._set_truth(kept)
        if self.start.isVisible() or not self._settled:
            self._look_for_streams(links, now_s)

    def _look_for_streams(self, links: tuple[Link, ...], now_s: float) -> None:
        self.start.take(self.bridge.found(), links, self.bridge.descriptions.known())
        if self.start.complete and not self._streams_asked:
            self.show_panels()
        elif not self._settled and now_s - self._begun_s > PATIENCE_S and not self.start.isVisible():
            self._show_start()
        if self.start.isVisible():
            self.start.refresh()

    def show_streams(self) -> None:
        """Show the page of streams until it is left; leave it where it is shown."""
        if self.pages.currentWidget() is self.start:
            self.show_panels()
            return
        self._streams_asked = True
        self.start.take(self.bridge.found(), self.bridge.links(), self.bridge.descriptions.known())
        self.start.refresh()
        self._show_start()

    def _show_start(self) -> None:
        self.pages.setCurrentWidget(self.start)
        self.start.go.setFocus()

    def show_panels(self) -> None:
        """Show the panels, whether all streams are there or not."""
        self._settled, self._streams_asked = True, False
        self.pages.setCurrentWidget(self.docks)

    def take(self, batch: Batch) -> None:
        """Hand what arrived to whom it concerns; nothing is drawn here."""
        now = self._clock()
        self._memory.add(batch)
        self.panels.tell_session(batch, now)
        self.panels.tell(batch)
        if batch.recorder is not None:
            self.record.take(batch.recorder)
        if batch.replay is not None:
            self.replay.take(batch.replay)
        if batch.emotions:
            self.header.show_model(batch.emotions[-1][0])
        if batch.health is not None and batch.health.model is not None:
            self.header.show_model(batch.health.model)
        if batch.truth:
            self._truth_at = now
            self._set_truth(True)

    def _set_truth(self, present: bool) -> None:
        self.header.show_truth(present)
        self.panels.set_truth(present)

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Keys that a focused button or field must be able to take first; all others are actions of the menu."""
        if a0 is not None and a0.key() == Qt.Key.Key_Escape:
            if self.header.noting:
                self._end_note()
            elif self.start.isVisible():
                self.show_panels()
        elif a0 is not None and a0.key() == Qt.Key.Key_Space:
            self._paused = not self._paused
            self.header.show_paused(self._paused)
        else:
            super().keyPressEvent(a0)

    def begin_note(self) -> None:
        """Open the field for a note about this moment."""
        self._note_at = self._clock()
        self.header.begin_note()

    def mark(self, text: str) -> None:
        """Send a quick marker: a note about this moment."""
        now = self._clock()
        self._send(json.dumps({"event": "note", "text": text, "at_s": now}), now)
        self.header.say(f"marked: {text}", now)

    def mark_baseline(self) -> None:
        """Begin a baseline of the band powers, or end the one that was begun, wherever the focus is."""
        self.panels.bands.mark_baseline()
        self.header.say(self.panels.bands.baseline_words, self._clock())

    def _baseline_changed(self, baseline: BandBaseline | None) -> None:
        """What the EEG is compared with from now on is a note in the recording."""
        if baseline is not None and baseline is self.panels.bands.calibrated:
            return  # the band powers' own stream carries it
        words = f"band baseline: {baseline.words}" if baseline is not None else "band baseline: none"
        now = self._clock()
        self._send(json.dumps({"event": "note", "text": words, "at_s": now}), now)

    def _send_note(self, text: str) -> None:
        if text:
            # the moment it is about is when N was pressed; typing takes seconds
            self._send(json.dumps({"event": "note", "text": text, "at_s": self._note_at}), self._clock())
        self._end_note()

    def _end_note(self) -> None:
        self.header.end_note()
        self.setFocus()

    def set_look(self, theme: Theme, scale: float) -> None:
        """Show everything with a theme and a font scale: the panels are made anew and told again what was said."""
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        if (theme, scale) == (self.theme, font_scale()):
            return
        self.theme = theme
        self.settings.keep("theme", theme.name)
        self.settings.keep("font scale", set_font_scale(scale))
        pg.setConfigOptions(background=theme.panel, foreground=theme.muted)
        apply_theme(app, theme)
        self.panels = self._make_panels(self.panels)
        for key, panel in self.panels.by_key.items():
            self.docks.replace_panel(key, panel)
        for part in (self.header, self.banner, self.start):
            part.set_theme(theme)
        self.panels.tell_again(self._memory.retold())
        self.panels.take_links(self._links)
        self.panels.set_truth(self.header.simulated)

    def step_font(self, by: int) -> None:
        """Make all fonts a step larger or smaller; 0 for the usual size."""
        at = FONT_SCALES.index(font_scale()) + by if by else FONT_SCALES.index(1.0)
        self.set_look(self.theme, FONT_SCALES[min(len(FONT_SCALES) - 1, max(0, at))])

    def export(self, key: str = "") -> None:
        """Save what is on the screen, or one panel."""
        panels = self.panels.by_key
        shown = {name: panel for name, panel in panels.items() if key in ("", name) and on_screen(panel)}
        now = self._clock()
        if key and not shown:
            self.header.say(f"not saved: {panels[key].title} is not on the screen", now, bad=True)
            return
        self.exporter.start(self.export_root, None if key else self, shown, datetime.now())
        if self.exporter.busy:
            self.header.say(f"saving to {self.export_root} …", now)
            self._allow_export(False)

    def _exported(self, result: Path | DataError) -> None:
        failed = isinstance(result, DataError)
        self.header.say(str(result) if failed else f"saved: {result}", self._clock(), bad=failed)
        self._allow_export(True)

    def _allow_export(self, allowed: bool) -> None:
        for name, action in self.actions_by_name.items():
            if name.startswith("export") and name != "export folder":
                action.setEnabled(allowed)

    @property
    def export_root(self) -> Path:
        """Where exports go."""
        documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
        return Path(self.settings.text("export folder") or Path(documents) / "emostream exports")

    def choose_export_root(self) -> None:
        """Ask where exports are to go."""
        folder = QFileDialog.getExistingDirectory(self, "Folder for exports", str(self.export_root.parent))
        if folder:
            self.settings.keep("export folder", folder)

    def show_help(self) -> None:
        """Show the keys."""
        self.help = HelpDialog(self.theme, self.actions(), self)
        self.help.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.help.show()

    def show_tour(self) -> None:
        """Show a newcomer around."""
        if self.tour is None:
            self.tour = Tour(self.theme, self, stops(self))
            self.tour.ended.connect(self._tour_ended)

    def _tour_ended(self) -> None:
        self.tour = None
        self.settings.keep("tour seen", True)
        self.setFocus()

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        """Remember the layout; end what runs."""
        self._timer.stop()
        self.exporter.close()
        self.panels.close()
        self.settings.keep("layout", self.docks.kept())
        self.settings.keep("geometry", self.saveGeometry())
        self.bridge.stop()
        super().closeEvent(a0)
