"""What the streams said lately, so that panels made anew, with another theme, can be told it again."""

from __future__ import annotations

from collections import deque
from dataclasses import fields

from gui.streams.contract import Batch

EEG_S = 12.0
_MOST = {"eeg": 4096, "emotions": 1, "movements": 64, "pictures": 16, "truth": 64, "notes": 64, "stimuli": 64}
"""Kept of what comes in rows. Panels with a longer memory hand it to their successors themselves."""


class Memory:
    """The newest of everything, and the last of what comes in rows; bounded. GUI thread."""

    def __init__(self) -> None:
        self._rows: dict[str, deque] = {name: deque(maxlen=most) for name, most in _MOST.items()}
        self._newest: dict[str, object] = {}

    def add(self, batch: Batch) -> None:
        """Keep what arrived."""
        for field in fields(Batch):
            value = getattr(batch, field.name)
            if field.name in self._rows:
                self._rows[field.name].extend(value)
            elif value is not None:
                self._newest[field.name] = value
        eeg = self._rows["eeg"]
        while eeg and eeg[0][1].stamps[-1] < eeg[-1][1].stamps[-1] - EEG_S:
            eeg.popleft()

    def retold(self) -> Batch:
        """All of it, as if it had arrived now."""
        rows = {name: tuple(kept) for name, kept in self._rows.items()}
        return Batch(**rows, **self._newest)  # type: ignore[arg-type]
