"""Entry of the review window: one process, one window."""

from __future__ import annotations

import sys
from pathlib import Path

from PyQt5.QtCore import QSize, QTimer

from gui.annotate.film import FilmFrames
from gui.annotate.sources import Target
from gui.annotate.window import AnnotateWindow
from gui.application import leaving_on_signals, open_application, save_screenshot
from gui.theme import theme_named
from realtime.errors import DataError
from realtime.review.review import Review

_LARGE_GB = 2.0


def run_annotate(
    target: Target,
    review: Review,
    *,
    blind: bool = False,
    theme: str = "dark",
    seconds: float | None = None,
    screenshot: Path | None = None,
    size: tuple[int, int] = (1440, 860),
) -> int:
    """Open the review window and run it until it closes. Main thread.

    Returns
    -------
    int
        Exit code: 0, or 130 after Ctrl-C.

    Raises
    ------
    ConfigurationError
        No such theme, or no display.
    DataError
        There is no film, or it cannot be read; or what was decided could not be saved.
    """
    chosen = theme_named(theme)
    if target.film is None:
        raise DataError(f"no film beside '{target.name}': there is nothing to look at; --headless lists its movements")
    if (size_gb := target.film.stat().st_size / 1e9) > _LARGE_GB:
        print(f"emostream: listing the frames of a film of {size_gb:.0f} GB, which is read once", file=sys.stderr)
    frames = FilmFrames(target.film)
    try:
        app = open_application(chosen)
        window = AnnotateWindow(target, frames, review, chosen, blind=blind)
    except BaseException:
        frames.close()
        raise
    with leaving_on_signals(app):
        screen = app.primaryScreen()
        room = screen.availableSize() if screen is not None else window.size()
        window.resize(window.minimumSizeHint().expandedTo(room.boundedTo(QSize(*size))))
        window.show()
        try:
            if seconds is not None:
                QTimer.singleShot(max(0, round(1000 * seconds)), app.quit)
            code = app.exec_()
            if screenshot is not None:
                save_screenshot(window, screenshot)
        finally:
            window.close()
            review.close()
    if review.unsaved:
        raise DataError(
            f"{review.unsaved} changes could not be saved in '{review.table}'; they are in its journal, and will be "
            "there again when it is opened the next time"
        )
    return code
