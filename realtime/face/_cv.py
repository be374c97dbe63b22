"""OpenCV as the face room uses it: one thread, grey films in grey, and without its Qt plugin paths.

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

_GREY = cv2.VideoWriter.fourcc(*"Y800")


def drop_qt_paths() -> None:
    """Remove Qt's plugin and font variables where they point into the cv2 package; called once at import."""
    inside = str(Path(cv2.__file__).parent)
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if os.environ.get(name, "").startswith(inside):
            del os.environ[name]


def open_film(path: Path) -> cv2.VideoCapture:
    """A film to read from: one that is stored in grey gives (height, width) pictures, any other BGR."""
    film = cv2.VideoCapture(str(path))
    if int(film.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) == _GREY:
        # as it is: three planes that are equal would be made of it, and one be taken
        film.set(cv2.CAP_PROP_CONVERT_RGB, 0)
    return film


def bytes_of(picture: Any) -> UInt8:
    """What OpenCV returned, known to be 8-bit: its stubs say 'some integer or float'."""
    return np.asarray(picture, np.uint8)


drop_qt_paths()
cv2.setNumThreads(1)

__all__ = ["bytes_of", "cv2", "drop_qt_paths", "open_film"]
