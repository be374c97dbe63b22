"""Entry of the dashboard: one process, one window, fed by LSL alone."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pylsl
import pyqtgraph as pg
from PyQt5.QtCore import QTimer
from PyQt5.QtWidgets import QApplication

from gui.application import leaving_on_signals, open_application
from gui.bridge import Bridge
from gui.main_window import MainWindow
from gui.theme import Theme, theme_named
from realtime.errors import DataError
from realtime.lsl.outlets import ControlOutlet


def run_dashboard(
    *,
    seconds: float | None = None,
    screenshot: Path | None = None,
    size: tuple[int, int] = (1600, 900),
    theme: str = "dark",
) -> int:
    """Open the dashboard and run it until its window closes. Main thread; `session.configure` comes first.

    Parameters
    ----------
    seconds : float, optional
        Close after this long.
    screenshot : Path, optional
        Save the window as a PNG just before it closes.
    size : (width, height)
        Of the window, px.
    theme : {'dark', 'light'}

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
    chosen = theme_named(theme)
    app = open_application(chosen)
    pg.setConfigOptions(antialias=False, background=chosen.panel, foreground=chosen.muted)
    with leaving_on_signals(app):
        return _run(app, chosen, seconds, screenshot, size)


def _run(app: QApplication, theme: Theme, seconds: float | None, screenshot: Path | None, size: tuple[int, int]) -> int:
    control = ControlOutlet(source_id=f"emostream-dashboard@{socket.gethostname()}-{os.getpid()}")
    window = MainWindow(Bridge(), theme, pylsl.local_clock, control.push)
    window.resize(*size)
    window.bridge.start()
    window.show()
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


def save_screenshot(window: MainWindow, path: Path) -> None:
    """Write the window as a PNG, whole or not at all.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    refusal = f"cannot write the screenshot '{path}': choose a folder that exists and may be written to"
    try:
        if not window.grab().save(str(part), "PNG"):
            raise DataError(refusal)
        part.replace(path)
    except OSError as err:
        raise DataError(refusal) from err
    finally:
        part.unlink(missing_ok=True)
