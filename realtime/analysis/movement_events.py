"""Movements as BIDS events, for whoever epochs the EEG by them.

They lie beside the coding sheet and not in the raw data set, where nothing is written twice: what the spotter found
gives way to what a coder let count, analysis after analysis.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from realtime.analysis.coding_sheet import Coded
from realtime.errors import DataError

NAME = "movements_events"

_COLUMNS = {
    "onset": "beginning of the movement, s from the first sample of the EEG; without EEG from the first frame",
    "duration": "from onset to offset, s",
    "trial_type": "micro or macro",
    "apex": "when it was greatest, s as the onset",
    "emotion": "as coded",
    "action_units": "as coded",
    "status": "reviewed by a coder, or a candidate of the spotter",
}


def write_movement_events(
    folder: Path, movements: Sequence[Coded], place_s: Callable[[float], float], *, reviewed: bool
) -> None:
    """Write movements_events.tsv and what its columns mean.

    Parameters
    ----------
    folder : Path
    movements : sequence of Coded
    place_s : callable
        From a time of the analysis to one of the copy of the EEG, s.
    reviewed : bool
        Whether a coder let them count.

    Raises
    ------
    DataError
        The disk refuses it.
    """
    lines = ["\t".join(_COLUMNS)]
    for movement in sorted(movements, key=lambda one: one.onset_s):
        onset_s, apex_s, offset_s = map(place_s, (movement.onset_s, movement.apex_s, movement.offset_s))
        coded = [movement.kind, f"{apex_s:.4f}", movement.label or "n/a", movement.action_units or "n/a"]
        status = "reviewed" if reviewed else "candidate"
        lines.append("\t".join([f"{onset_s:.4f}", f"{offset_s - onset_s:.4f}", *coded, status]))
    told = {name: {"Description": about} for name, about in _COLUMNS.items()}
    try:
        (folder / f"{NAME}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / f"{NAME}.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    except OSError as err:
        raise DataError(f"cannot write '{NAME}.tsv': {err.strerror or err}; choose another --out") from err
