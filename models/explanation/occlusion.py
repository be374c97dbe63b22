"""What moved one live answer, without torch: ask again with a band, a modality or a region of the face made neutral.

Gradients need torch; questions do not. Unlike the attributions of `models.explanation.gradients` these do not add up to
the answer: what two parts say alike is missing from both.

References
----------
Zeiler and Fergus (2014), "Visualizing and understanding convolutional networks" (occlusion).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from models.explanation.attribution import FACE_PARTS, soft_face_parts
from models.recognizer import NetworkRecognizer
from models.small.recognizer import EnsembleRecognizer
from realtime.packets import EegSequence, MicroMovement, Recognition


@dataclass(frozen=True, slots=True)
class Importances:
    """How much of an answer was lost with a part of the input; positive where it spoke for the answer.

    Parameters
    ----------
    answer : str
        The class that was answered.
    strength : float
        Log probability of the answer less the mean log probability of all classes.
    modalities, bands, regions : mapping of name -> float
        Loss of `strength` with that part neutral; empty where there was no such input.
    """

    answer: str
    strength: float
    modalities: Mapping[str, float]
    bands: Mapping[str, float]
    regions: Mapping[str, float]


class OcclusionProbe:
    """Asks a recogniser of its own what mattered to an answer; not to be shared between threads.

    Some twenty questions to the network: for once a second, not for every prediction.

    Parameters
    ----------
    recognizer : NetworkRecognizer or EnsembleRecognizer
        Not the engine's own: it would forget the movement that the engine asks about.
    """

    def __init__(self, recognizer: NetworkRecognizer | EnsembleRecognizer) -> None:
        self._recognizer = recognizer
        self._neutral = recognizer.normaliser.mean

    def ask(self, eeg: EegSequence | None, movement: MicroMovement | None) -> Importances | None:
        """What mattered; None where the evidence was not enough for an answer.

        Raises
        ------
        DataError
            As `recognize` of the recogniser.
        """
        whole = self._recognizer.recognize(eeg, movement)
        if not whole.by_modality:
            return None
        target = int(whole.probabilities.argmax())
        strength = _strength(whole, target)

        def loss(other_eeg: EegSequence | None, other_movement: MicroMovement | None) -> float:
            return strength - _strength(self._recognizer.recognize(other_eeg, other_movement), target)

        spec = self._recognizer.spec
        bands: dict[str, float] = {}
        if eeg is not None and "eeg" in whole.by_modality:
            for index, (name, _, _) in enumerate(spec.bands):
                bands[name] = loss(self._without_band(eeg, index), movement)
        regions: dict[str, float] = {}
        if movement is not None and "face" in whole.by_modality:
            for index, name in enumerate(FACE_PARTS):
                regions[name] = loss(eeg, _without_region(movement, index))
        modalities: dict[str, float] = {}
        if bands and regions:
            modalities = {"eeg": loss(None, movement), "face": loss(eeg, None)}
        return Importances(spec.classes[target], strength, modalities, bands, regions)

    def _without_band(self, eeg: EegSequence, index: int) -> EegSequence:
        power = eeg.log_power.copy()
        power[..., index] = self._neutral[:, index]
        return replace(eeg, log_power=power)


def _without_region(movement: MicroMovement, index: int) -> MicroMovement:
    return replace(movement, flow=movement.flow * (1.0 - soft_face_parts(movement.flow.shape[0])[index, ..., None]))


def _strength(answer: Recognition, target: int) -> float:
    logs = np.log(np.maximum(answer.probabilities.astype(np.float64), 1e-12))
    return float(logs[target] - logs.mean())
