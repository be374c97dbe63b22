"""Experts for each modality, calibrated on subjects they did not learn from, and put together by adding evidence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.inference import one_thread
from models.normaliser import fit_normaliser
from models.samples import SampleSet
from models.small.eeg_experts import fit_eeg_experts
from models.small.experts import FLOOR, AskedEnsemble, Experts, put_together
from models.small.face_experts import fit_face_experts
from models.small.flow_input import face_maps
from models.small.options import EegOptions, EnsembleOptions, FaceOptions
from models.splits import Split, inner_split
from models.temperature import fit_temperature
from models.views import VIEWS, View
from realtime.errors import DataError


@dataclass(frozen=True, slots=True)
class Ensemble(AskedEnsemble):
    """Everything fitted on a small set; see `models.evaluation.protocol.Fitted`.

    The experts were fitted on `split.training` and `split.validation`; the temperature comes from experts that were
    fitted on `split.training` alone, on the answers they gave for `split.validation`.

    Parameters
    ----------
    split : Split
    options : EnsembleOptions
    """

    split: Split
    options: EnsembleOptions


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
    return Ensemble(experts, temperature, samples.classes, samples.channels, split, options)


def count_experts(samples: SampleSet, options: EnsembleOptions, seed: int = 0) -> int:
    """How many `fit_ensemble` tells of, those for the temperatures included."""
    rounds = [options.face]
    if inner_split(samples, (), options.validation_fraction, seed, allow_none=True).validation:
        rounds.append(_few(options))
    faces = sum(len(face.kernels) + face.networks + face.fresh_networks for face in rounds)
    return int(samples.has_eeg.any()) * len(rounds) + int(samples.has_face.any()) * faces


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
    """Held towards 1 where there are few people to judge by."""
    people = np.unique(subject[np.isfinite(log_p).all(axis=1)])
    n = int(np.isfinite(log_p).all(axis=1).sum())
    # samples of one person resemble each other: ten of them tell about as much as three of different people
    worth = float(np.sqrt(n * len(people)))
    return fit_temperature(log_p, label, within=(0.1, 10.0), floor=FLOOR, worth=worth, caution=caution)
