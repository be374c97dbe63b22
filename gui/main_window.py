"""The window: lays the panels out, hands them what the bridge polled, and redraws each no more often than it needs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtGui import QCloseEvent, QKeyEvent
from PyQt5.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QLineEdit, QMainWindow, QSizePolicy, QVBoxLayout, QWidget

from gui.bridge import Batch, Bridge, Link
from gui.messages import EmotionModel, MovementEvent, TruthEvent
from gui.panels.bands import BandPanel
from gui.panels.eeg import EegPanel
from gui.panels.health import HealthPanel
from gui.panels.movement import MovementPanel
from gui.panels.state import StatePanel
from gui.panels.timeline import TimelinePanel
from gui.panels.traces import HISTORY_S, TracesPanel
from gui.panels.video import MotionPanel, VideoPanel
from gui.record import RecordControl
from gui.theme import Theme

FRAME_MS = 30
DEMONSTRATION = "demonstration model - trained on simulated people"
PARTICIPANT = "SIMULATED PARTICIPANT"
HINT = "N  note    Space  pause    + / -  EEG scale    Ctrl+Q  quit"


class MainWindow(QMainWindow):
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
    """

    def __init__(
        self, bridge: Bridge, theme: Theme, clock: Callable[[], float], send: Callable[[str, float], None]
    ) -> None:
        super().__init__()
        self.setWindowTitle("emostream")
        self.theme = theme
        self.bridge, self._clock, self._send = bridge, clock, send
        self._paused = False
        self._frames = 0
        self._note_at = 0.0
        self._truth_at = -math.inf
        self.eeg, self.bands = EegPanel(theme), BandPanel(theme)
        self.state, self.traces = StatePanel(theme), TracesPanel(theme)
        self.timeline, self.health = TimelinePanel(theme), HealthPanel(theme)
        self.video, self.motion, self.movement = VideoPanel(theme), MotionPanel(theme), MovementPanel(theme)
        self._build()
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
        shown = (self._model_badge, self._truth_badge, self._pause_badge)
        return tuple(badge.text() for badge in shown if not badge.isHidden())

    def _build(self) -> None:
        page = QWidget()
        page.setObjectName("page")
        box = QVBoxLayout(page)
        box.setContentsMargins(10, 6, 10, 6)
        box.setSpacing(6)
        box.addLayout(self._header())
        box.addWidget(self.record.banner)
        grid = QGridLayout()
        grid.setSpacing(8)
        for column, (stretch, panels) in enumerate(
            (
                (36, ((self.eeg, 72), (self.bands, 24))),
                (36, ((self.state, 25), (self.traces, 44), (self.timeline, 0), (self.health, 9))),
                (28, ((self.video, 44), (self.motion, 22), (self.movement, 26))),
            )
        ):
            holder = QVBoxLayout()
            holder.setSpacing(8)
            for panel, weight in panels:
                holder.addWidget(panel, weight)
            grid.addLayout(holder, 0, column)
            grid.setColumnStretch(column, stretch)
        box.addLayout(grid, 1)
        self.setCentralWidget(page)
        self.setMinimumSize(1180, 680)

    def _header(self) -> QHBoxLayout:
        brand = QLabel("emostream")
        brand.setObjectName("brand")
        self._hint = QLabel(HINT)
        self._hint.setObjectName("hint")
        self._model_label = QLabel()
        self._model_label.setObjectName("hint")
        self._model_badge = _badge(DEMONSTRATION, "model")
        self._truth_badge = _badge(PARTICIPANT, "truth")
        self._pause_badge = _badge("DISPLAY PAUSED", "paused")
        self.record = RecordControl(self.theme, self._clock, self._send)
        self._note_edit = QLineEdit()
        self._note_edit.setPlaceholderText("note: Enter sends it, Esc drops it")
        self._note_edit.setMinimumWidth(300)
        self._note_edit.setVisible(False)
        self._note_edit.returnPressed.connect(self._send_note)
        row = QHBoxLayout()
        row.setSpacing(10)
        for widget in (brand, self._model_badge, self._truth_badge, self._pause_badge, self._model_label):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self._note_edit)
        row.addWidget(self._hint)
        row.addWidget(self.record)
        return row

    def tick(self) -> None:
        """One turn of the display: take what arrived, then redraw what is due. The timer calls it."""
        self.take(self.bridge.poll())
        self.record.refresh()
        self._hint.setVisible(not self.record.busy and self._note_edit.isHidden())
        if self._paused:
            return
        now = self._clock()
        self._frames += 1
        self.eeg.refresh(now)
        self.video.refresh(now)
        if self._frames % 2 == 0:
            self.motion.refresh(now)
        elif self._frames % 4 == 1:
            self.bands.refresh(now)
        if self._frames % 8 == 3:
            self._refresh_time_axes(now)
        if self._frames % 16 == 7:
            self._refresh_links(self.bridge.links(), now)

    def _refresh_time_axes(self, now_s: float) -> None:
        for panel in (self.state, self.traces, self.timeline, self.movement):
            panel.refresh(now_s)

    def _refresh_links(self, links: tuple[Link, ...], now_s: float) -> None:
        self.health.take_links(links)
        self.health.refresh(now_s)
        self.video.set_rate(next(link.rate_hz for link in links if link.key == "video"))
        truth = next(link for link in links if link.key == "truth")
        if truth.found and truth.state != "lost":
            self._truth_at = now_s
        elif truth.found:
            self.traces.truth.end(now_s)
        # what a vanished simulator told is still on the time axes for a minute: so is the badge
        self._set_truth(now_s - self._truth_at <= HISTORY_S)

    def take(self, batch: Batch) -> None:
        """Hand what arrived to the panels; nothing is drawn here."""
        for info, chunk in batch.eeg:
            self.eeg.take(info, chunk)
        for model, sample in batch.emotions:
            self.state.take(model, sample)
            self.traces.take(model, sample)
            self._show_model(model)
        for movement in batch.movements:
            self.timeline.take(movement)
            self.movement.take(movement)
        for event in batch.truth:
            self._take_truth(event)
        for note in batch.notes:
            self.timeline.take_note(note)
        self._take_newest(batch)

    def _take_newest(self, batch: Batch) -> None:
        if batch.frame is not None:
            self.video.take_frame(batch.frame)
        if batch.mesh is not None:
            self.video.take_mesh(batch.mesh)
        if batch.face is not None:
            self.video.take_face(batch.face)
            self.motion.take(batch.face)
        if batch.bands is not None:
            self.bands.take(batch.bands)
        if batch.quality is not None:
            self.eeg.take_quality(batch.quality)
        if batch.pictures is not None:
            self.movement.take_pictures(batch.pictures)
        if batch.recorder is not None:
            self.record.take(batch.recorder)
        if batch.health is not None:
            self.health.take(batch.health)
            if batch.health.model is not None:
                self._show_model(batch.health.model)

    def _take_truth(self, event: TruthEvent | MovementEvent) -> None:
        if isinstance(event, MovementEvent):
            self.timeline.take(event)
        else:
            self.traces.take_truth(event)
        self._truth_at = self._clock()
        self._set_truth(True)

    def _set_truth(self, present: bool) -> None:
        self._truth_badge.setVisible(present)
        self.timeline.set_simulated(present)
        self.traces.truth.present = present
        self.state.set_truth(self.traces.truth.current() if present else None)

    def _show_model(self, model: EmotionModel) -> None:
        self._model_badge.setVisible(model.simulated)
        if model.model_id:
            self._model_label.setText(f"model {model.model_id}")
            self._model_label.setToolTip(f"trained on {model.trained_on}")

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        if a0 is None:
            return
        key = a0.key()
        if key == Qt.Key.Key_Q and a0.modifiers() == Qt.KeyboardModifier.ControlModifier:
            self.close()
        elif key == Qt.Key.Key_Escape and self._note_edit.isVisible():
            self._close_note()
        elif key == Qt.Key.Key_N:
            self._note_at = self._clock()
            self._note_edit.setVisible(True)
            self._note_edit.setFocus()
        elif key == Qt.Key.Key_Space:
            self._paused = not self._paused
            self._pause_badge.setVisible(self._paused)
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus):
            self.eeg.step_scale(1 if key == Qt.Key.Key_Minus else -1)
        else:
            super().keyPressEvent(a0)

    def _send_note(self) -> None:
        text = self._note_edit.text().strip()
        if text:
            now = self._clock()
            # the moment it is about is when N was pressed; typing takes seconds
            self._send(json.dumps({"event": "note", "text": text, "at_s": self._note_at}), now)
        self._close_note()

    def _close_note(self) -> None:
        self._note_edit.clear()
        self._note_edit.setVisible(False)
        self.setFocus()

    def closeEvent(self, a0: QCloseEvent | None) -> None:
        self._timer.stop()
        self.bridge.stop()
        super().closeEvent(a0)


def _badge(text: str, kind: str) -> QLabel:
    label = QLabel(text)
    label.setObjectName("badge")
    label.setProperty("kind", kind)
    # a badge is never cut off: what it says must be read
    label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    label.setVisible(False)
    return label
