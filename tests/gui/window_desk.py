"""Test only: a dashboard window whose bridge, clock and settings belong to the test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from PyQt5.QtCore import QEvent
from PyQt5.QtWidgets import QApplication

from gui.settings import Settings
from gui.streams.contract import WANTED, Batch, FoundStream, Link
from gui.streams.describing import Descriptions
from gui.theme import DARK, apply_theme, set_font_scale
from gui.window.main_window import MainWindow


class ListBridge:
    """Hands out the batches it was given, then empty ones; its links are as the test says."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.given: dict[str, Link] = {}
        self.streams: tuple[FoundStream, ...] = ()
        self.stopped = 0
        self.descriptions = Descriptions()
        self.preferred: dict[str, str] = {}

    def found(self) -> tuple[FoundStream, ...]:
        return self.streams

    def prefer(self, key: str, source_id: str) -> None:
        self.preferred[key] = source_id

    def poll(self) -> Batch:
        return self.batches.pop(0) if self.batches else Batch()

    def links(self) -> tuple[Link, ...]:
        return tuple(self.given.get(w.key, Link(w.key, w.name, "waiting")) for w in WANTED)

    def stop(self) -> None:
        self.stopped += 1


class WindowDesk:
    """A window and everything around it; its timer does not run: `turn` does."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.now = 1000.0
        self.bridge = ListBridge()
        self.sent: list[dict[str, object]] = []
        self.window = MainWindow(
            self.bridge,  # type: ignore[arg-type]
            DARK,
            lambda: self.now,
            lambda text, _stamp: self.sent.append(json.loads(text)),
            settings,
        )
        self.window._timer.stop()

    def turn(self, times: int = 16) -> None:
        for _ in range(times):
            self.window.tick()


@contextmanager
def window_desk(qapp: QApplication, settings: Settings | None = None, *, panels: bool = True) -> Iterator[WindowDesk]:
    """A shown, active window of 1280 x 720; `panels` leaves the page of streams behind."""
    apply_theme(qapp, DARK)
    desk = WindowDesk(settings)
    desk.window.resize(1280, 720)
    if panels:
        desk.window.show_panels()
    desk.window.show()
    qapp.setActiveWindow(desk.window)
    try:
        yield desk
    finally:
        desk.window.close()
        # panels that were replaced stay, styled again and again, until an event loop runs: a test has none
        qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        set_font_scale(1.0)
        qapp.setStyleSheet("")
