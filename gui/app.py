"""Entry of the dashboard: one process, one window, fed by LSL alone."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pylsl
import pyqtgraph as pg
from PyQt5.QtCore import QSize, QTimer
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtWidgets import QApplication

from gui.application import leaving_on_signals, open_application, save_screenshot
from gui.settings import Settings
from gui.streams.bridge import Bridge
from gui.theme import set_font_scale, theme_named
from gui.window.docks import PRESETS
from gui.window.main_window import MainWindow
from realtime.lsl.outlets import ControlOutlet

USUAL_SIZE = (1600, 900)
NARROW_PX = 1400


def run_dashboard(
    *,
    seconds: float | None = None,
    screenshot: Path | None = None,
    size: tuple[int, int] | None = None,
    theme: str | None = None,
    reset_layout: bool = False,
    engine: str = "",
) -> int:
    """Open the dashboard and run it until its window closes. Main thread; `session.configure` comes first.

    Parameters
    ----------
    seconds : float, optional
        Close after this long.
    screenshot : Path, optional
        Save the window as a PNG just before it closes.
    size : (width, height), optional
        Of the window, px; by default as it was last time.
    theme : {'dark', 'light'}, optional
        By default the one chosen last time.
    reset_layout : bool
        Forget how the panels were arranged.
    engine : str
        Name of the engine that is shown, where there are several.

    Returns
    -------
    int
        Exit code: 0, or 130 after Ctrl-C.

    Raises
    ------
    ConfigurationError
        No such theme, or no display to open a window on.
    DataError
        The screenshot cannot be written.
    """
    settings = Settings.of_user()
    if reset_layout:
        settings.forget("layout")
        settings.forget("geometry")
    chosen = theme_named(theme or settings.text("theme", "dark"))
    set_font_scale(settings.number("font scale", 1.0))
    app = open_application(chosen)
    pg.setConfigOptions(antialias=False, background=chosen.panel, foreground=chosen.muted)
    control = ControlOutlet(source_id=f"emostream-dashboard@{socket.gethostname()}-{os.getpid()}")
    window = MainWindow(Bridge(engine=engine), chosen, pylsl.local_clock, control.push, settings)
    _place(window, settings, size)
    with leaving_on_signals(app):
        return _run(app, window, control, seconds, screenshot)


def _place(window: MainWindow, settings: Settings, size: tuple[int, int] | None) -> None:
    """Give the window its size and the panels their places: as they were, or as they fit."""
    geometry, layout = settings.layout("geometry"), settings.layout("layout")
    if size is not None:
        window.resize(*size)
    elif geometry is None or not window.restoreGeometry(geometry):
        screen = QGuiApplication.primaryScreen()
        room = screen.availableSize() if screen is not None else QSize(*USUAL_SIZE)
        window.resize(min(USUAL_SIZE[0], room.width()), min(USUAL_SIZE[1], room.height()))
    if layout is None or not window.docks.restore(layout):
        window.docks.apply(PRESETS["laptop" if window.width() < NARROW_PX else "operator"])


def _run(
    app: QApplication, window: MainWindow, control: ControlOutlet, seconds: float | None, screenshot: Path | None
) -> int:
    window.bridge.start()
    window.show()
    if seconds is None and not window.settings.flag("tour seen"):
        window.show_tour()
    try:
        if seconds is not None:
            QTimer.singleShot(max(0, round(1000 * seconds)), app.quit)
        code = app.exec_()
        if screenshot is not None:
            save_screenshot(window, screenshot)
    finally:
        window.close()
        control.close()
    return code
