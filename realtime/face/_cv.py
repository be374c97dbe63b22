"""OpenCV as the face room uses it: one thread, and without its Qt plugin paths.

OpenCV wheels with a GUI export `QT_QPA_PLATFORM_PLUGIN_PATH` and `QT_QPA_FONTDIR` at import; PyQt5 then loads the wrong
xcb plugin and aborts on a real display.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from realtime.packets import UInt8


def drop_qt_paths() -> None:
    """Remove Qt's plugin and font variables where they point into the cv2 package; called once at import."""
    inside = str(Path(cv2.__file__).parent)
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if os.environ.get(name, "").startswith(inside):
            del os.environ[name]


def bytes_of(picture: Any) -> UInt8:
    """What OpenCV returned, known to be 8-bit: its stubs say 'some integer or float'."""
    return np.asarray(picture, np.uint8)


drop_qt_paths()
cv2.setNumThreads(1)

__all__ = ["bytes_of", "cv2", "drop_qt_paths"]
