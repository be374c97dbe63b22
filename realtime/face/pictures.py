"""Pictures in files of other people: their size is looked at before they are decoded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from realtime.errors import DataError
from realtime.face._cv import cv2

MOST_PIXELS = 2**26
"""Of one picture or frame: 8192 x 8192."""


def decode_picture(path: Path, flags: int) -> NDArray[Any]:
    """What OpenCV makes of a picture.

    Parameters
    ----------
    path : Path
    flags : int
        cv2.IMREAD_COLOR and so on.

    Raises
    ------
    DataError
        No picture, damaged, or of more than `MOST_PIXELS`; names no file, for its name may be a person's.
    """
    from PIL import Image

    try:
        with Image.open(path) as picture:
            width, height = picture.size
    except Exception as err:  # Pillow's readers raise anything
        raise DataError("cannot be read as a picture") from err
    require_pixels(width, height)
    try:
        image = cv2.imread(str(path), flags)
    except cv2.error as err:
        raise DataError("cannot be read as a picture") from err
    if image is None:
        raise DataError("cannot be read as a picture")
    return np.asarray(image)


def require_pixels(width: float, height: float) -> None:
    """Refuse a picture or film whose frames alone would take all memory.

    Raises
    ------
    DataError
        More than `MOST_PIXELS`.
    """
    if width * height > MOST_PIXELS:
        raise DataError(f"pictures of {width:g} x {height:g} px are larger than {MOST_PIXELS} px")
