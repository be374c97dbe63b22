"""What every program with a window needs: the one QApplication where there is a display, and an end on Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PyQt5.QtCore import QCoreApplication, Qt, QTimer
from PyQt5.QtWidgets import QApplication, QWidget

from gui.theme import Theme, apply_theme
from realtime.errors import ConfigurationError, DataError

INTERRUPTED = 130
_PROBE = "from PyQt5.QtGui import QGuiApplication; QGuiApplication(['probe'])"
_PROBE_TIMEOUT_S = 20.0


def open_application(theme: Theme, without_display: str = "use --headless") -> QApplication:
    """The one QApplication of this process, themed. Main thread.

    Parameters
    ----------
    theme : Theme
    without_display : str
        What else the user may do where there is no display, for the message.

    Raises
    ------
    ConfigurationError
        No display.
    """
    existing = QApplication.instance()
    if existing is None:
        drop_foreign_plugins()
        _require_display(without_display)
        QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_EnableHighDpiScaling)
        existing = QApplication(["emostream"])
    assert isinstance(existing, QApplication)
    existing.setApplicationDisplayName("emostream")
    apply_theme(existing, theme)
    return existing


def drop_foreign_plugins() -> None:
    """Keep Qt on its own plugins."""
    # OpenCV's wheel with Qt points these at its own plugins, which abort PyQt5 on a real display
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if "cv2" in os.environ.get(name, ""):
            del os.environ[name]


def _require_display(otherwise: str) -> None:
    """Try in a child process: where Qt finds no display or a library is missing, it aborts the process it is in."""
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE], capture_output=True, text=True, timeout=_PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"the display {os.environ.get('DISPLAY', '')!r} does not answer: set DISPLAY, or {otherwise}"
        ) from None
    if probe.returncode != 0:
        said = next((line for line in probe.stderr.splitlines() if line.strip()), "Qt gave no reason")
        raise ConfigurationError(
            f"cannot open a window ({said.strip()}): set DISPLAY, install the libraries of Qt's xcb plugin, "
            f"or {otherwise}"
        )


@contextmanager
def leaving_on_signals(app: QApplication) -> Iterator[None]:
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


def save_screenshot(window: QWidget, path: Path) -> None:
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
