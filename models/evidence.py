"""What a recogniser may answer from: the same rules for every kind of checkpoint. No torch here."""

from __future__ import annotations

import numpy as np

from models.views import View
from realtime.errors import DataError
from realtime.interfaces import RecognizerSpec
from realtime.packets import EegSequence, Evidence, MicroMovement, Recognition, readonly


def what_counts(
    eeg: EegSequence | None, movement: MicroMovement | None, spec: RecognizerSpec, min_windows: int, modality: View
) -> tuple[EegSequence | None, MicroMovement | None]:
    """The sequence and the movement, each only where an answer may rest on it.

    A sequence counts from `min_windows` usable windows on; a modality that was not learnt is not looked at, since a
    branch that was never trained would answer at random.

    Raises
    ------
    DataError
        The sequence is not of the shape that `spec` asks for.
    """
    if eeg is not None and (_usable_windows(eeg, spec) < min_windows or modality == "face"):
        eeg = None
    return eeg, None if modality == "eeg" else movement


def not_enough(spec: RecognizerSpec) -> Recognition:
    """All classes alike, and that the evidence is not enough."""
    n = len(spec.classes)
    return Recognition(readonly(np.full(n, 1.0 / n, np.float32)), Evidence.NOT_ENOUGH)


def views_of(has_eeg: bool, has_face: bool) -> tuple[View, ...]:
    """What is asked, the answer that counts first."""
    if has_eeg and has_face:
        return ("both", "eeg", "face")
    return ("eeg",) if has_eeg else ("face",)


def _usable_windows(eeg: EegSequence, spec: RecognizerSpec) -> int:
    wanted = (spec.n_windows, len(spec.channels), len(spec.bands))
    if eeg.log_power.shape != wanted:
        raise DataError(
            f"EEG sequence has shape {eeg.log_power.shape}, model {spec.model_id} wants {wanted} "
            "(windows, channels, bands); prepare it from the model's spec"
        )
    return int(np.count_nonzero(eeg.window_mask & eeg.channel_mask.any(axis=1)))
