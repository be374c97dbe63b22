"""The dashboard's views of the pictured session, without a display: the window itself, with a clock that stands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from PyQt5.QtCore import QEvent
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QApplication

from benchmarks.screenshots.session import FPS, NOW_S, PicturedSession
from gui.streams.contract import WANTED, Batch, Described, FoundStream, Link
from gui.streams.messages import RecorderState
from gui.streams.session_messages import ReplayState, StreamCount
from gui.streams.tuning_messages import EngineTuning
from gui.theme import Theme, apply_theme, set_font_scale
from gui.window.docks import PRESETS
from gui.window.main_window import MainWindow
from realtime.config import Config
from realtime.eeg.bands import BAND_PRESETS
from realtime.tuning import Tuning

WALL_S = time.mktime((2026, 5, 4, 10, 15, 30, 0, 0, -1))
"""Time of day in the pictures."""

_ENOUGH_TURNS = 48
_RATES_HZ = {"eeg": 1000.0, "video": FPS, "emotions": 4.0, "band power": 20.0, "quality": 4.0, "face": FPS, "mesh": FPS}
_ABSENT = ("recorder", "stimulus", "replay", "shown bands")


@dataclass(frozen=True, slots=True)
class View:
    """One picture.

    Parameters
    ----------
    name : str
        Of its file.
    preset : str
        One of `gui.window.docks.PRESETS`.
    size : (width, height), px
    font_scale : float
    start : bool
        The page of streams, with some missing.
    recording, replay : bool
        What else goes on.
    uncertain_below : float
        A state of less confidence is called uncertain; 0: none is.
    front : tuple of str
        Panels brought to the front of those that share their place.
    """

    name: str
    preset: str = "operator"
    size: tuple[int, int] = (1600, 900)
    font_scale: float = 1.0
    start: bool = False
    recording: bool = False
    replay: bool = False
    uncertain_below: float = 0.0
    front: tuple[str, ...] = ()


VIEWS = (
    View("operator", recording=True, uncertain_below=0.05),
    View("wall", preset="wall"),
    View("laptop", preset="laptop", size=(1280, 720)),
    View("eeg", preset="eeg", front=("quality",)),
    View("face", preset="face", size=(1280, 720)),
    View("start", start=True),
    View("replay", font_scale=1.15, replay=True, front=("timeline", "topomap")),
)


class _Streams:
    """Stands where the bridge to LSL stands: hands the session over once."""

    def __init__(self, batch: Batch, *, starting: bool) -> None:
        self._batch, self._starting = batch, starting
        self.descriptions = self

    def poll(self) -> Batch:
        batch, self._batch = self._batch, Batch()
        return batch

    def links(self) -> tuple[Link, ...]:
        return tuple(self._link(wanted.key, wanted.name or "emostream-eeg") for wanted in WANTED)

    def _link(self, key: str, name: str) -> Link:
        if key in _ABSENT or (self._starting and key not in ("eeg", "truth")):
            return Link(key, name, "waiting")
        rate = _RATES_HZ.get(key, 0.0)
        return Link(key, name, "live", 0.02, rate, round(rate * NOW_S), found=True, uid=name)

    def found(self) -> tuple[FoundStream, ...]:
        streams = [
            FoundStream(name, name, kind, f"emostream-simulator{name.removeprefix('emostream')}", "lab-1", count, rate)
            for name, kind, count, rate in (
                ("emostream-eeg", "EEG", 62, 1000.0),
                ("emostream-truth", "Markers", 1, 0.0),
            )
        ]
        other = FoundStream("other", "amplifier-2", "EEG", "amp-0427", "lab-2", 32, 500.0)
        return (*streams, other)

    def ask(self, uid: str) -> None:
        pass

    def known(self) -> dict[str, Described]:
        from realtime.eeg.montage import MODEL_CHANNELS

        return {
            "emostream-eeg": Described(MODEL_CHANNELS, ("microvolts",)),
            "other": Described(tuple(f"E{number}" for number in range(1, 33)), ("microvolts",)),
        }

    def prefer(self, key: str, source_id: str) -> None:
        pass

    def stop(self) -> None:
        pass


def _batch(session: PicturedSession, view: View) -> Batch:
    if view.start:
        return Batch()
    batch = replace(session.batch, tunings=(_tuning(session, view.uncertain_below),))
    if view.recording:
        counts = tuple(
            StreamCount(name, kind, received, stalled=False)
            for name, kind, received in (
                ("emostream-eeg", "EEG", 92_410),
                ("emostream-frames", "VideoFrameIndex", 2_772),
                ("emostream-emotions", "Emotion", 369),
                ("emostream-control", "Markers", 3),
            )
        )
        said = RecorderState(NOW_S, "sub-01_ses-01_task-suppression_run-01", True, elapsed_s=92.4, bytes=61_300_000)
        batch = replace(batch, recorder=replace(said, film=True, free_bytes=64_000_000_000, counts=counts))
    if view.replay:
        name = "sub-01_ses-01_task-suppression_run-01"
        batch = replace(batch, replay=ReplayState(NOW_S, name, 98.6, 0.0, 612.0, 1.0, False, False, True, False))
    return batch


def _tuning(session: PicturedSession, uncertain_below: float) -> EngineTuning:
    start = Tuning.from_config(Config())
    now = start.changed({"uncertain_below": uncertain_below})
    bands = tuple((band.name, band.low_hz, band.high_hz) for band in BAND_PRESETS["default"])
    return EngineTuning(NOW_S, "emostream", now, None, start, session.model.classes, bands)


@contextmanager
def shown(app: QApplication, session: PicturedSession, view: View, theme: Theme) -> Iterator[MainWindow]:
    """The window as the view wants it, drawn; it closes afterwards. GUI thread."""
    set_font_scale(view.font_scale)
    apply_theme(app, theme)
    streams = _Streams(_batch(session, view), starting=view.start)
    window = MainWindow(streams, theme, lambda: NOW_S, lambda _text, _stamp: None)  # type: ignore[arg-type]
    try:
        window.panels.movement.strip_model.wall = lambda: WALL_S
        window.resize(*view.size)
        window.show()
        window.docks.apply(PRESETS[view.preset])
        if view.start:
            window.show_streams()
        else:
            window.show_panels()
        app.processEvents()
        for key in view.front:
            window.docks.docks[key].raise_()
        for _ in range(_ENOUGH_TURNS):
            window.tick()
        app.processEvents()
        yield window
    finally:
        window.close()
        app.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        set_font_scale(1.0)


def picture(app: QApplication, session: PicturedSession, view: View, theme: Theme) -> QImage:
    """A view in a theme. GUI thread."""
    with shown(app, session, view, theme) as window:
        return window.grab().toImage()
