"""Films of a recorded session, for the readers of data sets: what is wrong with them is a problem of the session."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.data.rows import Problem
from realtime.session.recorded import Film, measured_delays
from realtime.session.recorded import find_films as find_recorded


def find_films(
    xdf: Path, streams: Sequence[dict[str, Any]], origin_s: float, where: str
) -> tuple[list[Film], list[Problem]]:
    """The films beside an XDF file; see `realtime.session.recorded.find_films`.

    Parameters
    ----------
    xdf : Path
    streams : sequence of dict
        Of the XDF, with stamps as they were taken.
    origin_s : float
        LSL time of the first EEG sample.
    where : str
        The session, for messages.
    """
    films, told = find_recorded(xdf, streams, origin_s, measured_delays(xdf))
    return films, [Problem(where, "video", message, "kept") for message in told]
