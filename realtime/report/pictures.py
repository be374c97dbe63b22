"""Pictures inside the page: the spectrogram, faces and flow, small and as data addresses."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from realtime.errors import DataError
from realtime.face._cv import cv2
from realtime.face.pictures import decode_picture
from realtime.packets import Float32, UInt8
from realtime.report.folder import Spectrogram

SIDE_PX = 176
"""Side of a face in the page."""

COLOURS = "viridis"
"""Colour map of powers: even in lightness, so safe for colour-blind readers and in grey print."""

_WINDOW_S = 2.0
_MOST_COLUMNS = 1800
_MOST_ROWS = 240
_COARSE = 900
_EDGES_HZ = (4.0, 8.0, 14.0, 30.0, 47.0, 100.0)
_QUALITY = 82
_NONE = 255


@dataclass(frozen=True, slots=True)
class SpectrumImage:
    """A spectrogram as a picture; `coarse` where it has fewer columns than a screen."""

    uri: str
    low_hz: float
    high_hz: float
    ticks_hz: Sequence[float]
    least: float
    most: float
    coarse: bool

    @property
    def told(self) -> str:
        """The range of colours in words."""
        return f"from {self.least:.1f} to {self.most:.1f} log10 µV²/Hz".replace("-", "−")


def spectrogram_image(found: Spectrogram, duration_s: float) -> SpectrumImage:
    """A spectrogram as an even picture over 0 to `duration_s`, high frequencies at the top, gaps see-through."""
    power = found.log_power
    middle_s = found.times_s - _WINDOW_S / 2
    step_s = float(np.median(np.diff(middle_s))) if len(middle_s) > 1 else 1.0
    # wider than a step and its jitter, or a whole recording would have holes too
    columns = max(1, min(_MOST_COLUMNS, int(duration_s / max(1.1 * step_s, 1e-3))))
    at = np.clip((middle_s / duration_s * columns).astype(np.intp), 0, columns - 1)
    picture = _mean_of(power, at, columns)
    per_row = -(-picture.shape[1] // _MOST_ROWS)
    rows = np.arange(picture.shape[1]) // per_row
    picture = _mean_of(picture.T, rows, int(rows[-1]) + 1)
    half_hz = (found.freqs_hz[1] - found.freqs_hz[0]) / 2 if len(found.freqs_hz) > 1 else 0.5
    low_hz, high_hz = float(found.freqs_hz[0] - half_hz), float(found.freqs_hz[-1] + half_hz)
    known = picture[np.isfinite(picture)]
    least, most = (float(v) for v in np.percentile(known, (1, 99))) if known.size else (0.0, 1.0)
    levels = np.clip((picture - least) / max(most - least, 1e-9), 0, 1) * (_NONE - 1)
    indexed = np.where(np.isfinite(picture), np.nan_to_num(levels).round(), _NONE).astype(np.uint8)[::-1]
    ticks = [f for f in _EDGES_HZ if low_hz < f < high_hz]
    return SpectrumImage(
        _indexed_png(indexed, COLOURS), max(low_hz, 0.0), high_hz, ticks, least, most, columns < _COARSE
    )


def _mean_of(values: NDArray[np.floating], index: NDArray[np.intp], n: int) -> NDArray[np.float64]:
    """Mean of the rows of each index from 0 to n - 1 over their finite values; NaN where there are none."""
    finite = np.isfinite(values)
    total, count = np.zeros((n, values.shape[1])), np.zeros((n, values.shape[1]))
    np.add.at(total, index, np.where(finite, values, 0.0))
    np.add.at(count, index, finite)
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def _indexed_png(indices: UInt8, colours: str) -> str:
    """A picture of 255 colours of a colour map; 255 is see-through."""
    from matplotlib import colormaps
    from PIL import Image

    palette = (colormaps[colours](np.linspace(0, 1, _NONE))[:, :3] * 255).round().astype(np.uint8)
    image = Image.frombytes("P", indices.shape[::-1], indices.tobytes())
    image.putpalette([*palette.ravel().tolist(), 128, 128, 128])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True, transparency=_NONE)
    return _uri(buffer.getvalue(), "png")


def gradient(colours: str) -> str:
    """A colour map as a CSS gradient from left to right."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    stops = [to_hex(colormaps[colours](share)) for share in np.linspace(0, 1, 11)]
    return f"linear-gradient(to right, {', '.join(stops)})"


def face_uri(path: Path) -> str | None:
    """A saved face, made small; None where there is no such file.

    Raises
    ------
    DataError
        The file is no picture.
    """
    face = read_face(path)
    return None if face is None else _jpeg(_small(face))


def read_face(path: Path) -> UInt8 | None:
    """A saved face, (height, width) uint8 grey; None where there is no such file.

    Raises
    ------
    DataError
        The file is no picture, or too large a one.
    """
    if not path.is_file():
        return None
    try:
        return decode_picture(path, cv2.IMREAD_GRAYSCALE)
    except DataError as err:
        raise DataError(f"cannot read '{path}': {err}; analyse the recording again") from err


def flow_uri(flow: Float32, face: UInt8 | None, strongest_px: float) -> str:
    """Where the face moved: the size of the flow in orange over the dimmed face, or over nothing."""
    strength = np.clip(_small(np.linalg.norm(flow, axis=2)) / max(strongest_px, 1e-6), 0, 1)[..., None] ** 1.3
    ground = np.full((SIDE_PX, SIDE_PX), 40, np.uint8) if face is None else 0.55 * _small(face)
    colour = np.array([255.0, 150.0, 30.0])
    blended = (1 - 0.75 * strength) * np.repeat(ground[..., None], 3, axis=2) + 0.75 * strength * colour
    return _jpeg(blended.clip(0, 255).astype(np.uint8))


def _small(picture: NDArray) -> NDArray:
    from realtime.face._cv import cv2

    return cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)


def _jpeg(picture: UInt8) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=_QUALITY, optimize=True)
    return _uri(buffer.getvalue(), "jpeg")


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
