"""Experts of both modalities that can be asked, and what becomes of their evidence. No torch here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.samples import SampleSet
from models.small.eeg_experts import EegExperts
from models.small.face_answers import FaceExperts
from models.small.maps import sample_maps
from models.views import VIEWS, View, log_softmax
from realtime.errors import DataError

FLOOR = float(np.log(1e-4))
"""No expert's word counts as less likely than this."""


@dataclass(frozen=True, slots=True)
class Experts:
    """Those of either modality; None where no training sample had it."""

    eeg: EegExperts | None
    face: FaceExperts | None

    def log_probabilities(self, samples: SampleSet) -> dict[View, NDArray[np.float64]]:
        """(n, n_classes) of 'eeg' and 'face', not calibrated; NaN where there is nothing to ask about or nobody."""
        answers: dict[View, NDArray[np.float64]] = {
            view: np.full((len(samples), len(samples.classes)), np.nan) for view in ("eeg", "face")
        }
        if self.eeg is not None and (rows := np.flatnonzero(samples.has_eeg)).size:
            answers["eeg"][rows] = self.eeg.log_probabilities(samples, rows)
        if self.face is not None and (rows := np.flatnonzero(samples.has_face)).size:
            answers["face"][rows] = self.face.log_probabilities(sample_maps(samples, rows))
        return answers


@dataclass(frozen=True, slots=True)
class AskedEnsemble:
    """Experts and everything needed to use them.

    Parameters
    ----------
    experts : Experts
    temperature : dict of view -> float
    classes, channels : tuple of str
        What the answers and the EEG inputs are, in order.
    """

    experts: Experts
    temperature: dict[View, float]
    classes: tuple[str, ...]
    channels: tuple[str, ...]

    @property
    def modality(self) -> View:
        """What the experts were taught; nobody answers for the other one."""
        if self.experts.eeg is None:
            return "face"
        return "both" if self.experts.face is not None else "eeg"

    def probabilities(self, samples: SampleSet) -> dict[View, NDArray[np.float32]]:
        """Calibrated (n, n_classes) float32 under each view; NaN where a sample, or the ensemble, lacks the modality.

        EEG channels are matched by name, whatever their order in `samples`.

        Raises
        ------
        DataError
            Other classes, or none of the channels.
        """
        if samples.classes != self.classes:
            raise DataError(f"samples have the classes {samples.classes}, the ensemble {self.classes}")
        if self.experts.eeg is not None and samples.has_eeg.any():
            samples = samples.with_channels(self.channels)
        found = put_together(self.experts.log_probabilities(samples), self.temperature)
        return {view: np.exp(found[view]).astype(np.float32) for view in VIEWS}


def put_together(
    alone: dict[View, NDArray[np.float64]], temperature: dict[View, float]
) -> dict[View, NDArray[np.float64]]:
    """Calibrated log-probabilities of all views; 'both' adds the evidence of what is there.

    The modalities are taken to err independently once the class is known, and the classes to be as frequent as one
    another, as the experts take them to be: then probabilities multiply.
    """
    eeg = _tempered(alone["eeg"], temperature["eeg"])
    face = _tempered(alone["face"], temperature["face"])
    there = np.isfinite(eeg).all(axis=1) & np.isfinite(face).all(axis=1)
    both = np.where(np.isfinite(eeg), eeg, face)
    both[there] = _tempered(np.maximum(eeg[there], FLOOR) + np.maximum(face[there], FLOOR), temperature["both"])
    return {"both": both, "eeg": eeg, "face": face}


def _tempered(log_p: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    return log_softmax(log_p / temperature)
