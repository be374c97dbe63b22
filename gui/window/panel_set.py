"""All panels of the dashboard: made together, told what arrived, redrawn in turns."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import Qt

from gui.panels.base import Panel, on_screen
from gui.panels.eeg.bands import BandPanel
from gui.panels.eeg.panel import EegPanel
from gui.panels.eeg.quality import QualityPanel
from gui.panels.eeg.spectrogram import SpectrogramPanel
from gui.panels.eeg.topomap import TopomapPanel
from gui.panels.emotion.state import StatePanel
from gui.panels.emotion.timeline import TimelinePanel
from gui.panels.emotion.traces import TracesPanel
from gui.panels.face.movement import MovementPanel
from gui.panels.face.region_motion import MotionPanel
from gui.panels.face.video import VideoPanel
from gui.panels.health import HealthPanel
from gui.session.panel import SessionPanel
from gui.streams.contract import Batch, Link
from gui.streams.messages import MovementEvent
from gui.theme import Theme
from gui.tuning.panel import TuningPanel

SCHEDULE: dict[str, tuple[int, int]] = {
    "eeg": (1, 0),
    "video": (1, 0),
    "motion": (2, 0),
    "bands": (4, 1),
    "state": (8, 3),
    "traces": (8, 3),
    "timeline": (8, 3),
    "movement": (8, 3),
    "session": (8, 5),
    "topomap": (8, 2),
    "spectrogram": (8, 6),
    "quality": (8, 7),
    "health": (16, 7),
    "tuning": (8, 1),
}
"""Each panel is redrawn in one of so many frames, and in which of them: not all in the same."""


class PanelSet:
    """The panels, with one theme. GUI thread.

    Parameters
    ----------
    theme : Theme
    texts : sequence of str
        Of the quick markers.
    """

    def __init__(self, theme: Theme, texts: Sequence[str]) -> None:
        self.eeg, self.bands = EegPanel(theme), BandPanel(theme)
        self.state, self.traces = StatePanel(theme), TracesPanel(theme)
        self.timeline, self.health = TimelinePanel(theme), HealthPanel(theme)
        self.topomap, self.spectrogram = TopomapPanel(theme), SpectrogramPanel(theme)
        self.quality = QualityPanel(theme)
        self.video, self.motion = VideoPanel(theme), MotionPanel(theme)
        self.movement = MovementPanel(theme, frames=self.video.kept)
        self.session = SessionPanel(theme, texts)
        self.tuning = TuningPanel(theme)
        self.by_key: dict[str, Panel] = {key: getattr(self, key) for key in SCHEDULE}
        for panel in self.by_key.values():
            if panel.focusProxy() is None:
                panel.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            if not panel.accessibleName():
                panel.setAccessibleName(panel.title)
        self.timeline.follow(self.traces)
        self.bands.baseline_changed.connect(self.topomap.set_baseline)

    def adopt(self, before: PanelSet) -> None:
        """Let each panel that can take over what its predecessor knew and how it was set."""
        for key, panel in self.by_key.items():
            if (adopt := getattr(panel, "adopt", None)) is not None:
                adopt(before.by_key[key])

    def refresh(self, frame: int, now_s: float) -> None:
        """Redraw the panels whose turn it is; one that nobody sees costs nothing."""
        self.traces.keep_time(now_s)
        for key, (every, phase) in SCHEDULE.items():
            if frame % every == phase and on_screen(self.by_key[key]):
                self.by_key[key].refresh(now_s)

    def take_links(self, links: Sequence[Link]) -> None:
        """How this screen's own connections stand."""
        self.health.take_links(tuple(links))
        self.video.set_rate(next((link.rate_hz for link in links if link.key == "video"), 0.0))

    def tell(self, batch: Batch) -> None:
        """Hand on what arrived; nothing is drawn here."""
        for info, chunk in batch.eeg:
            self.spectrogram.take(info, chunk)
        for model, sample in self.tuning.named(batch.emotions):
            self.traces.take(model, sample)
        for movement in batch.movements:
            self.timeline.take(movement)
        for event in batch.truth:
            if isinstance(event, MovementEvent):
                self.timeline.take(event)
            else:
                self.traces.take_truth(event)
        for note in batch.notes:
            self.timeline.take_note(note)
        for stimulus in batch.stimuli:
            self.traces.take_stimulus(stimulus)
        if batch.quality is not None:
            self.quality.take(batch.quality)
            self.spectrogram.take_quality(batch.quality)
        self.tell_again(batch)

    def tell_again(self, batch: Batch) -> None:
        """Hand on what a panel does not take over from its predecessor: told to those made anew, too."""
        for info, chunk in batch.eeg:
            self.eeg.take(info, chunk)
        for model, sample in self.tuning.named(batch.emotions):
            self.state.take(model, sample)
        for movement in batch.movements:
            self.movement.take(movement)
        for event in batch.truth:
            if isinstance(event, MovementEvent):
                self.movement.take(event)
        for pictures in batch.pictures:
            self.movement.take_pictures(pictures)
            self.video.take_pictures(pictures)
        self._tell_newest(batch)

    def _tell_newest(self, batch: Batch) -> None:
        if batch.frame is not None:
            self.video.take_frame(batch.frame)
        if batch.mesh is not None:
            self.video.take_mesh(batch.mesh)
        if batch.face is not None:
            self.video.take_face(batch.face)
            self.motion.take(batch.face)
        if batch.bands is not None:
            self.bands.take(batch.bands)
            self.topomap.take(batch.bands)
        if batch.quality is not None:
            self.eeg.take_quality(batch.quality)
        if batch.health is not None:
            self.health.take(batch.health)

    def tell_session(self, batch: Batch, now_s: float) -> None:
        """Hand on what the programs of the session said; the session's panel hands it to its successor."""
        if batch.recorder is not None:
            self.session.take_recorder(batch.recorder, now_s)
        for event in batch.stimuli:
            self.session.take_stimulus(event)
        for note in batch.notes:
            self.session.take_note(note)
        for said in batch.tunings:
            self.tuning.take(said, now_s)
        self.state.uncertain_below = self.traces.uncertain_below = self.tuning.uncertain_below

    def close(self) -> None:
        """Close what the panels have opened."""
        self.movement.close_slow_motion()

    def set_truth(self, present: bool) -> None:
        """Whether a simulator tells the truth at present; what it says goes to the panels that show it."""
        self.timeline.set_simulated(present)
        self.movement.set_simulated(present)
        self.traces.truth.present = present
        emotion = self.traces.truth.current() if present else None
        self.state.set_truth(emotion)
        self.session.set_truth(emotion)
