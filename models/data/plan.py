"""What must be one for a whole data set, decided by looking at all of it: window hop, face size, planes of flow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np

from models.data.arrays import array_shapes
from models.data.eeg_features import EegOptions
from models.data.face_features import FaceOptions
from models.data.flow_maps import RawMap, decide_order, float_scale, read_flow_map
from models.data.manifest import MIN_FLOW_PX
from models.data.rows import EegArray, EegRecording, FlowMap, Problem, Row
from realtime.errors import DataError

DEFAULT_FACE_PX = 96
_NATIVE_UP_TO_PX = 128
_SHORT_S = 5.0
_LOOKED_AT = 400


def plan_eeg(
    rows: Sequence[Row], bands: tuple[tuple[str, float, float], ...], n_windows: int, hop_s: float | None
) -> EegOptions:
    """Settle the hop between EEG windows: 1 s as live; 0.5 s where half of the pieces are shorter than 5 s.

    Windows of 1 s under a Hann taper use half of each second; at a hop of 0.5 s every sample counts, and a piece of 2 s
    gives three windows instead of two. More overlap adds windows and next to no information.
    """
    if hop_s is not None:
        return EegOptions(bands, n_windows, hop_s)
    lengths = [length for row in rows if (length := _length_s(row)) is not None]
    short = bool(lengths) and float(np.median(lengths)) < _SHORT_S
    return EegOptions(bands, n_windows, 0.5 if short else 1.0)


def _length_s(row: Row) -> float | None:
    """Length of a row's EEG in s; None where it has none, it is power already, or it cannot be read."""
    if isinstance(row.eeg, EegRecording):
        return row.eeg.stop_s - row.eeg.start_s
    if not isinstance(row.eeg, EegArray) or not row.eeg.sfreq_hz:
        return None
    try:
        shape = array_shapes(row.eeg.path).get(row.eeg.key, ())
    except DataError:
        return None  # said when the row is read
    inner = shape[1:] if row.eeg.index is not None else shape
    return inner[1] / row.eeg.sfreq_hz if len(inner) == 2 else None


def plan_face(
    rows: Sequence[Row], face_px: int | None, png_planes: Literal["auto", "rgb", "bgr"]
) -> tuple[FaceOptions, list[Problem]]:
    """Settle size and planes of the faces.

    Flow maps of one size up to 128 px keep it, where nothing but flow maps is there; all else is stored at 96 px. The
    order of their planes is voted on by all maps (400 of them, evenly spaced, where there are more).
    """
    faces = [row for row in rows if row.face is not None]
    if not faces:
        return FaceOptions(face_px or MIN_FLOW_PX, 2), []
    maps = _some_maps(faces)
    sizes = Counter(raw.px for raw in maps)
    one_size = len(sizes) == 1 and all(isinstance(row.face, FlowMap) for row in faces)
    native = next(iter(sizes)) if one_size else DEFAULT_FACE_PX
    px = face_px or (native if native <= _NATIVE_UP_TO_PX else DEFAULT_FACE_PX)
    order, told = decide_order(maps)
    chosen = order if png_planes == "auto" else png_planes
    remarks = []
    if told:
        how = "strain, v, u ('bgr')" if chosen == "bgr" else "u, v, strain ('rgb')"
        remarks.append(f"{told}: read as {how}")
    elif png_planes == "bgr":
        remarks.append("read as strain, v, u ('bgr'), as asked, but the strain looks to be the last plane")
    if len(sizes) > 1:
        remarks.append(
            f"they have {len(sizes)} sizes ({', '.join(f'{s} px' for s in sorted(sizes))}), stored at {px} px"
        )
    found = [Problem("data set", "flow", f"{len(maps)} flow maps: {text}", "kept") for text in remarks]
    return FaceOptions(px, 3 if any(raw.planes == 3 for raw in maps) else 2, chosen, float_scale(maps)), found


def _some_maps(rows: Sequence[Row]) -> list[RawMap]:
    paths = [row.face.path for row in rows if isinstance(row.face, FlowMap)]
    chosen = paths if len(paths) <= _LOOKED_AT else [paths[i * len(paths) // _LOOKED_AT] for i in range(_LOOKED_AT)]
    found = []
    for path in chosen:
        try:
            found.append(read_flow_map(path))
        except DataError:
            continue  # said when the row is read
    return found
