"""Stand-ins with behaviour of their own, for tests of the parts around them."""

from __future__ import annotations

import numpy as np

from realtime.interfaces import RecognizerSpec
from realtime.packets import EegSequence, Evidence, MicroMovement, Recognition

BANDS = (("delta", 0.5, 4.0), ("theta", 4.0, 8.0), ("alpha", 8.0, 14.0), ("beta", 14.0, 30.0), ("gamma", 30.0, 47.0))
CHANNELS = ("Fp1", "Fp2", "F3", "F4", "C3", "C4", "P3", "P4", "O1", "O2", "T7", "T8")


def make_spec(channels: tuple[str, ...] = CHANNELS, classes: tuple[str, ...] = ("low", "high")) -> RecognizerSpec:
    """A recogniser's description with few channels."""
    return RecognizerSpec("fake", "nothing (a test)", True, classes, channels, BANDS)


class AlphaRecognizer:
    """Answers from the data by a rule that can be checked by hand: P(high) grows with the newest mean alpha power."""

    def __init__(self, spec: RecognizerSpec | None = None) -> None:
        self.spec = spec or make_spec()
        self.asked: list[tuple[EegSequence | None, MicroMovement | None]] = []

    def recognize(self, eeg: EegSequence | None, movement: MicroMovement | None) -> Recognition:
        self.asked.append((eeg, movement))
        by_modality = {}
        if eeg is not None and eeg.window_mask[-1]:
            by_modality["eeg"] = self._answer(float(eeg.log_power[-1, eeg.channel_mask[-1], 2].mean()))
        if movement is not None:
            by_modality["face"] = self._answer(movement.score)
        n = len(self.spec.classes)
        if not by_modality:
            return Recognition(np.full(n, 1.0 / n, np.float32), Evidence.NOT_ENOUGH)
        return Recognition(np.mean(list(by_modality.values()), axis=0), Evidence.ENOUGH, by_modality)

    def _answer(self, x: float) -> np.ndarray:
        p = 1.0 / (1.0 + np.exp(-x))
        return np.array([1.0 - p, p], np.float32)
