"""Streams of an XDF file as they were on LSL: name, type, channels, units and description from its headers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pylsl
from numpy.typing import NDArray
from pylsl.info import XMLElement

from realtime.eeg.xdf import text_of
from realtime.errors import DataError
from realtime.lsl.base import Outlet

_BUFFER_S = 60.0
_IRREGULAR_BUFFER = 4096
_FORMATS: dict[str, int] = {
    "float32": pylsl.cf_float32,
    "double64": pylsl.cf_double64,
    "string": pylsl.cf_string,
    "int32": pylsl.cf_int32,
    "int16": pylsl.cf_int16,
    "int8": pylsl.cf_int8,
    "int64": pylsl.cf_int64,
}


class RecordedOutlet(Outlet):
    """An outlet that says of itself what a recorded stream said.

    Parameters
    ----------
    stream : dict
        As pyxdf gives it.
    source_id : str

    Raises
    ------
    DataError
        A header without name, or with a format LSL does not have.
    """

    def __init__(self, stream: dict[str, Any], source_id: str) -> None:
        info = recorded_info(stream, source_id)
        rate_hz = info.nominal_srate()
        super().__init__(info, max_buffered=round(_BUFFER_S * rate_hz) if rate_hz > 0 else _IRREGULAR_BUFFER)

    def push(self, rows: NDArray, stamps: NDArray[np.float64]) -> None:
        """Send (n_times, n_channels) numbers with their stamps, LSL s."""
        self._push_rows(np.ascontiguousarray(rows), stamps)

    def push_texts(self, texts: list[str], stamp: float) -> None:
        """Send one sample of texts, one a channel."""
        self._open().push_sample(texts, stamp)
        self._pushed += 1


def recorded_info(stream: dict[str, Any], source_id: str) -> pylsl.StreamInfo:
    """The description of a recorded stream, whole, with another source id.

    Raises
    ------
    DataError
        A header without name, or with a format LSL does not have.
    """
    name, channel_format = text_of(stream, "name"), text_of(stream, "channel_format")
    if not name or channel_format not in _FORMATS:
        raise DataError(f"stream '{name}' of the recording has the format '{channel_format}': LSL cannot send it")
    info = pylsl.StreamInfo(
        name,
        text_of(stream, "type"),
        int(text_of(stream, "channel_count")),
        float(text_of(stream, "nominal_srate") or 0.0),
        _FORMATS[channel_format],
        source_id,
    )
    desc = stream["info"].get("desc")
    _copy(desc[0] if desc else None, info.desc())
    return info


def _copy(node: object, into: XMLElement) -> None:
    """Put what pyxdf made of an element's children, lists of texts and of such dicts, into an element of LSL."""
    if not isinstance(node, dict):
        return
    for key, children in node.items():
        for child in children if isinstance(children, list) else [children]:
            if isinstance(child, dict):
                _copy(child, into.append_child(str(key)))
            else:
                into.append_child_value(str(key), "" if child is None else str(child))
