"""A trained network that can be asked: normaliser, names and calibrated probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.inference import VIEWS, View, one_thread, predict_logits, prepare, softmax
from models.network import HiddenEmotionNet
from models.normaliser import Normaliser
from models.samples import SampleSet
from models.temperature import fit_temperature
from models.training.options import Modality
from realtime.errors import DataError


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A network and everything needed to use it.

    Parameters
    ----------
    network : HiddenEmotionNet
        In evaluation mode.
    normaliser : Normaliser
    temperature : dict of view -> float
    classes, channels : tuple of str
        What the network's outputs and EEG inputs are, in order.
    modality : 'both', 'eeg' or 'face'
        What it was trained on; it is not asked about a modality that it never saw.
    """

    network: HiddenEmotionNet
    normaliser: Normaliser
    temperature: dict[View, float]
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    modality: Modality

    def logits(self, samples: SampleSet) -> dict[View, NDArray[np.float32]]:
        """(n, n_classes) float32 under each view; NaN where a sample lacks the modality, or the network does.

        EEG channels are matched by name, whatever their order in `samples`.

        Raises
        ------
        DataError
            Other classes, or none of the channels.
        """
        if samples.classes != self.classes:
            raise DataError(f"samples have the classes {samples.classes}, the network {self.classes}")
        has = {"both": samples.has_eeg | samples.has_face, "eeg": samples.has_eeg, "face": samples.has_face}
        rows = np.flatnonzero(has[self.modality])
        nothing = np.full((len(samples), len(self.classes)), np.nan, np.float32)
        answers: dict[View, NDArray[np.float32]] = {view: nothing.copy() for view in VIEWS}
        if rows.size == 0:
            return answers
        known = samples.with_channels(self.channels).only(self.modality)
        with one_thread():
            found = predict_logits(self.network, prepare(known, self.normaliser, self.network.config.face_px))
        for view in VIEWS:
            answers[view][rows] = found[view]
        return answers

    def probabilities(self, samples: SampleSet) -> dict[View, NDArray[np.float32]]:
        """Calibrated (n, n_classes) float32 under each view, NaN as in `logits`."""
        return {view: softmax(z, self.temperature[view]) for view, z in self.logits(samples).items()}


def calibrate(logits: dict[View, NDArray[np.float32]], label: NDArray[np.integer]) -> dict[View, float]:
    """Temperature of each view with the smallest negative log-likelihood; 1 where no sample has the view."""
    return {view: fit_temperature(logits[view], label) for view in VIEWS}
