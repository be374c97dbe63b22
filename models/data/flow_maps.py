"""Flow maps in files: true px in floating point, or pictures whose zero, scale and order of planes are nowhere told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.data.arrays import load_array
from models.data.manifest import MIN_FLOW_PX
from realtime.errors import DataError
from realtime.face._cv import cv2
from realtime.face.pictures import decode_picture
from realtime.packets import Float32

Planes = Literal["rgb", "bgr"]
"""Where a map keeps u, v and strain: 'rgb' in this order, 'bgr' the other way round, as in what `cv2.imwrite` makes of
(u, v, strain) and in what `cv2.imread` makes of a picture."""

MAX_FLOW_PX = 1024
_CLEAR_SHARE = 0.75
_FLOAT16_MAX = 6.0e4


@dataclass(frozen=True, slots=True)
class RawMap:
    """A flow map as its file has it.

    Parameters
    ----------
    values : (px, px, 2 or 3) float32
        Planes in the file's order; of a picture red, green, blue.
    full_scale : float or None
        Largest number of a coding in whole numbers, as pictures have it; None for floating point.
    """

    values: Float32
    full_scale: float | None

    @property
    def px(self) -> int:
        """Side of the map."""
        return self.values.shape[0]

    @property
    def planes(self) -> int:
        """2, or 3 with strain."""
        return self.values.shape[2]


def read_flow_map(path: Path) -> RawMap:
    """Read a flow map.

    Raises
    ------
    DataError
        Unreadable, not square, under 28 px, without two or three planes, not finite, or the same everywhere.
    """
    if not path.is_file():
        raise DataError("no such flow map")
    array = load_array(path) if path.suffix.lower() == ".npy" else _picture(path)
    if array.ndim == 3 and array.shape[0] in (2, 3) and array.shape[1] == array.shape[2]:
        array = np.moveaxis(array, 0, 2)
    if array.ndim != 3 or array.shape[0] != array.shape[1] or array.shape[2] not in (2, 3):
        raise DataError(f"flow map of shape {array.shape}: wanted (px, px, 3) u, v, strain or (px, px, 2) u, v")
    if not MIN_FLOW_PX <= array.shape[0] <= MAX_FLOW_PX:
        raise DataError(f"flow map of {array.shape[0]} px: wanted {MIN_FLOW_PX} to {MAX_FLOW_PX} px a side")
    values = np.array(array, np.float32)
    if not np.isfinite(values).all():
        raise DataError(f"flow map holds {int((~np.isfinite(values)).sum())} values that are NaN or infinite")
    if np.ptp(values[..., 0]) == 0 and np.ptp(values[..., 1]) == 0:
        raise DataError("flow map is the same everywhere: it says nothing about motion")
    if np.abs(values).max() > _FLOAT16_MAX and array.dtype.kind == "f":
        raise DataError(f"flow map reaches {np.abs(values).max():.3g} px; wanted the motion of a face")
    return RawMap(values, float(np.iinfo(array.dtype).max) if array.dtype.kind in "ui" else None)


def _picture(path: Path) -> NDArray[Any]:
    try:
        image = decode_picture(path, cv2.IMREAD_UNCHANGED)
    except DataError as err:
        raise DataError(f"{err}, nor is it .npy") from err
    if image.ndim != 3 or image.shape[2] != 3:
        planes = 1 if image.ndim == 2 else image.shape[2]
        raise DataError(f"picture with {planes} planes; wanted three: u, v, strain")
    return np.asarray(image)[..., ::-1]


def float_scale(maps: Sequence[RawMap]) -> float | None:
    """Full scale of a data set's maps in floating point where they are coded like pictures; None for true px.

    True motion goes both ways somewhere. Where not one value of any map is below 0, they were scaled to a range: to 1,
    255 or 65535.
    """
    floats = [raw.values for raw in maps if raw.full_scale is None]
    if not floats or min(float(values.min()) for values in floats) < 0.0:
        return None
    most = max(float(values.max()) for values in floats)
    return next((scale for scale in (1.0, 255.0, 65535.0) if most <= scale), most)


def strain_last(values: Float32) -> float:
    """How far a map says that its last plane is the strain, and not its first.

    Strain is never below 0, so of a first and a last plane the one that alone is nowhere negative is it. In a coded map
    nothing is; there the strain, which is mostly next to nothing, lies at the low end of its range, while u and v,
    which go both ways, lie well inside theirs: what counts is where, from minimum to maximum, each has its median.

    Parameters
    ----------
    values : (px, px, 3) float32

    Returns
    -------
    float
        -1 to 1, above 0 for the last plane; 0 where both planes have negative values, so that neither can be it.
    """
    low, high = values.min(axis=(0, 1)), values.max(axis=(0, 1))
    if low.min() < 0:
        return float(low[2] >= 0) - float(low[0] >= 0)
    place = (np.median(values, axis=(0, 1)) - low) / np.maximum(high - low, 1e-9)
    return float(place[0] - place[2])


def decide_order(maps: Sequence[RawMap]) -> tuple[Planes, str]:
    """Order of the planes of a data set's maps, and what to say where that is not plain.

    'bgr' only where three quarters of the maps speak for it.
    """
    votes = np.array([strain_last(raw.values) for raw in maps if raw.planes == 3])
    if not votes.size:
        return "rgb", ""
    last, first = float(np.mean(votes > 0)), float(np.mean(votes < 0))
    if last >= _CLEAR_SHARE:
        return "rgb", ""
    told = f"the strain looks to be the last plane in {100 * last:.0f} % of them, the first in {100 * first:.0f} %"
    return ("bgr" if first >= _CLEAR_SHARE else "rgb"), told


def decode(raw: RawMap, order: Planes, full_scale: float | None) -> Float32:
    """Flow of a map: (px, px, 2 or 3) float32 u, v(, strain).

    A coded map has no zero of its own: the median of u and of v is taken for it, since most of a face is at rest, and
    the minimum of the strain. Its unit is the coding's full scale, and the scale of u need not be that of v; true px
    are left alone.

    Parameters
    ----------
    raw : RawMap
    order : 'rgb' or 'bgr'
        Of three planes.
    full_scale : float or None
        Of maps in floating point (`float_scale`).
    """
    values = raw.values[..., ::-1] if order == "bgr" and raw.planes == 3 else raw.values
    scale = raw.full_scale or full_scale
    if scale is None:
        return values
    out = values / np.float32(scale)
    out[..., :2] -= np.median(out[..., :2], axis=(0, 1))
    if raw.planes == 3:
        out[..., 2] -= out[..., 2].min()
    return out
