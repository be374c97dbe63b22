"""Experts for each modality, calibrated on subjects they did not learn from, and put together by adding evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import minimize_scalar

from models.inference import one_thread
from models.normaliser import fit_normaliser
from models.samples import SampleSet
from models.small.eeg_experts import EegExperts, EegOptions, fit_eeg_experts
from models.small.face_experts import FaceExperts, FaceOptions, fit_face_experts
from models.small.flow_input import face_maps
from models.small.kernel_machine import log_softmax
from models.splits import Split, inner_split
from models.views import VIEWS, View
from realtime.errors import DataError

_FLOOR = np.log(1e-4)


class EnsembleOptions(BaseModel):
    """What a small set is learnt with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    face: FaceOptions = FaceOptions()
    eeg: EegOptions = EegOptions()
    validation_fraction: float = Field(default=0.2, gt=0, lt=1, description="of the subjects, for calibration")
    calibration_networks: int = Field(
        default=1, ge=0, description="networks of either kind that stand for all while the temperature is fitted"
    )
    caution: float = Field(
        default=5.0, ge=0, description="samples' worth of belief that the experts are calibrated as they are"
    )


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
            answers["face"][rows] = self.face.log_probabilities(face_maps(samples, rows))
        return answers


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Everything fitted on a small set; see `models.evaluation.protocol.Fitted`.

    Parameters
    ----------
    experts : Experts
        Fitted on `split.training` and `split.validation`.
    temperature : dict of view -> float
        From experts that were fitted on `split.training` alone, on the answers they gave for `split.validation`.
    split : Split
    classes, channels : tuple of str
    options : EnsembleOptions
    """

    experts: Experts
    temperature: dict[View, float]
    split: Split
    classes: tuple[str, ...]
    channels: tuple[str, ...]
    options: EnsembleOptions

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
        with one_thread():
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
    both[there] = _tempered(np.maximum(eeg[there], _FLOOR) + np.maximum(face[there], _FLOOR), temperature["both"])
    return {"both": both, "eeg": eeg, "face": face}


def fit_ensemble(
    samples: SampleSet,
    options: EnsembleOptions,
    held_out: Sequence[int] = (),
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Ensemble:
    """Fit on the subjects that are not held out; nothing of the others is read.

    Nothing is stopped early or chosen, so validation subjects are needed for the temperatures alone: the experts are
    fitted without them, the temperatures on them, and then the experts again on everybody.

    Raises
    ------
    DataError
        Nobody left to train on, or fewer than two classes among them.
    """
    split = inner_split(samples, held_out, options.validation_fraction, seed, allow_none=True)
    mine = samples.of_subjects(split.training + split.validation)
    if len(np.unique(mine.label)) < 2:
        raise DataError(
            f"the {len(mine)} samples to train on are all '{mine.classes[int(mine.label[0])]}'; "
            "wanted two classes at least"
        )
    done = progress or (lambda what: None)
    with one_thread(), torch.random.fork_rng(devices=[]):
        temperature: dict[View, float] = dict.fromkeys(VIEWS, 1.0)
        if split.validation:
            trial = _fit_experts(mine.of_subjects(split.training), options.eeg, _few(options), seed, done)
            temperature = _temperatures(trial, mine.of_subjects(split.validation), options.caution)
        experts = _fit_experts(mine, options.eeg, options.face, seed, done)
    return Ensemble(experts, temperature, split, samples.classes, samples.channels, options)


def _few(options: EnsembleOptions) -> FaceOptions:
    """The same kinds of experts, with no more networks of a kind than calibration needs."""
    face, most = options.face, options.calibration_networks
    counts = {"networks": min(most, face.networks), "fresh_networks": min(most, face.fresh_networks)}
    return face.model_copy(update=counts) if any(counts.values()) or face.kernels else face


def _fit_experts(
    samples: SampleSet, eeg: EegOptions, face: FaceOptions, seed: int, done: Callable[[str], None]
) -> Experts:
    eeg_experts, face_experts = None, None
    if (rows := np.flatnonzero(samples.has_eeg)).size:
        normaliser = fit_normaliser(samples, samples.subjects)
        eeg_experts = fit_eeg_experts(samples, rows, normaliser, eeg)
        done("EEG experts")
    if (rows := np.flatnonzero(samples.has_face)).size:
        maps, label = face_maps(samples, rows), samples.label[rows]
        face_experts = fit_face_experts(maps, label, len(samples.classes), face, seed, done)
    return Experts(eeg_experts, face_experts)


def _temperatures(experts: Experts, samples: SampleSet, caution: float) -> dict[View, float]:
    alone = experts.log_probabilities(samples)
    found: dict[View, float] = {"both": 1.0}
    for view in ("eeg", "face"):
        found[view] = _temperature(alone[view], samples.label, samples.subject, caution)
    both = put_together(alone, found)["both"]
    only = samples.has_eeg & samples.has_face
    found["both"] = _temperature(both[only], samples.label[only], samples.subject[only], caution)
    return found


def _temperature(
    log_p: NDArray[np.float64], label: NDArray[np.integer], subject: NDArray[np.integer], caution: float
) -> float:
    """Smallest negative log-likelihood, held towards 1 where there are few people to judge by."""
    there = np.isfinite(log_p).all(axis=1)
    if not there.any():
        return 1.0
    z, y = log_p[there], label[there]
    # samples of one person resemble each other: ten of them tell about as much as three of different people
    worth = np.sqrt(len(y) * len(np.unique(subject[there]))) / len(y)

    def loss(log_temperature: float) -> float:
        right = log_softmax(z / np.exp(log_temperature))[np.arange(len(y)), y]
        return float(-worth * np.maximum(right, _FLOOR).sum() + caution * log_temperature**2)

    found: Any = minimize_scalar(loss, bounds=(np.log(0.1), np.log(10.0)), method="bounded")
    return float(np.exp(found.x))


def _tempered(log_p: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    return log_softmax(log_p / temperature)
