"""Which facial movement belongs to which EEG window: by subject, trial and time, never by position in a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class MovementTime:
    """When a movement was at its apex and when it became known, seconds on the trial's clock."""

    subject: int
    trial: int
    apex_s: float
    decided_s: float


@dataclass(frozen=True, slots=True)
class WindowTime:
    """The newest moment that an EEG sequence holds, seconds on the trial's clock."""

    subject: int
    trial: int
    end_s: float


def pair_movements(
    movements: Sequence[MovementTime], windows: Sequence[WindowTime], max_age_s: float = 10.0
) -> NDArray[np.int64]:
    """For each window the newest movement of the same subject and trial that was already known and is not too old.

    Parameters
    ----------
    movements, windows : sequences, in any order
    max_age_s : float
        A movement whose apex is older than this at the window's end is not paired.

    Returns
    -------
    (n_windows,) int64
        Position in `movements`, -1 where none fits.
    """
    by_trial: dict[tuple[int, int], list[int]] = {}
    for i, movement in enumerate(movements):
        by_trial.setdefault((movement.subject, movement.trial), []).append(i)
    paired = np.full(len(windows), -1, np.int64)
    for w, window in enumerate(windows):
        known = [
            (movements[i].apex_s, i)
            for i in by_trial.get((window.subject, window.trial), ())
            if movements[i].decided_s <= window.end_s and window.end_s - movements[i].apex_s <= max_age_s
        ]
        if known:
            paired[w] = max(known)[1]
    return paired
