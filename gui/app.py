"""Entry of the dashboard: one process, one window, fed by LSL alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pylsl
import pyqtgraph as pg
from PyQt5.QtCore import QCoreApplication, Qt, QTimer
from PyQt5.QtWidgets import QApplication

from gui.bridge import Bridge
from gui.main_window import MainWindow
from gui.theme import Theme, apply_theme, theme_named
from realtime.errors import ConfigurationError, DataError
from realtime.lsl.outlets import ControlOutlet

INTERRUPTED = 130
_PROBE = "from PyQt5.QtGui import QGuiApplication; QGuiApplication(['probe'])"
_PROBE_TIMEOUT_S = 20.0


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
    app = _application(chosen)
    with _signals(app):
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


def _application(theme: Theme) -> QApplication:
    """The one QApplication, themed.

    Raises
    ------
    ConfigurationError
        No display.
    """
    existing = QApplication.instance()
    if existing is None:
        _drop_foreign_plugins()
        _require_display()
        QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_EnableHighDpiScaling)
        existing = QApplication(["emostream"])
    assert isinstance(existing, QApplication)
    existing.setApplicationDisplayName("emostream")
    pg.setConfigOptions(antialias=False, background=theme.panel, foreground=theme.muted)
    apply_theme(existing, theme)
    return existing


def _drop_foreign_plugins() -> None:
    # OpenCV's wheel with Qt points these at its own plugins, which abort PyQt5 on a real display
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if "cv2" in os.environ.get(name, ""):
            del os.environ[name]


def _require_display() -> None:
    """Try in a child process: where Qt finds no display or a library is missing, it aborts the process it is in."""
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"the display {os.environ.get('DISPLAY', '')!r} does not answer: set DISPLAY, or use --headless"
        ) from None
    if probe.returncode != 0:
        said = next((line for line in probe.stderr.splitlines() if line.strip()), "Qt gave no reason")
        raise ConfigurationError(
            f"cannot open a window ({said.strip()}): set DISPLAY, install the libraries of Qt's xcb plugin, "
            "or use --headless"
        )


@contextmanager
def _signals(app: QApplication) -> Iterator[None]:
    """Ctrl-C ends with 130, a polite termination with 0; the window's timer lets Python see the signals."""

    def leave(number: int, _frame: object) -> None:
        # through the event loop: one that has not started yet would forget a plain exit()
        QTimer.singleShot(0, lambda: app.exit(INTERRUPTED if number == signal.SIGINT else 0))

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
