"""What a network must beat: the majority class, support vector machines, and two published reference networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from models.baseline_features import flow_maps, mean_power, one_hot, require_disjoint, thinned
from models.evaluation.dgcnn import DgcnnTrainer
from models.evaluation.protocol import System
from models.evaluation.ststnet import StstnetTrainer
from models.metrics import NO_ANSWER
from models.normaliser import fit_normaliser
from models.samples import SampleSet
from models.splits import Split
from models.views import VIEWS, View
from realtime.errors import ConfigurationError, DataError

Answers = NDArray[np.int64]


def log_power_svm(training: SampleSet, testing: SampleSet, *, c: float = 1.0, max_training: int = 4000) -> Answers:
    """Answers of an RBF-kernel SVM on log power averaged over a sequence's windows.

    Scaling is fitted on `training` only; a channel that is masked throughout a sequence takes the training mean.

    Parameters
    ----------
    training, testing : SampleSet
        Of the same classes, channels and bands, with no subject in common.
    c : float
        Regularisation.
    max_training : int
        Larger training sets are thinned evenly to this many sequences, since the cost grows with their square.

    Returns
    -------
    (n_testing,) int64
        Class of each testing sample, -1 where it has no EEG.

    Raises
    ------
    DataError
        A subject is in both sets, the channels differ, or no training sample has EEG.
    """
    require_disjoint(training, testing, "SVM baseline")
    rows = np.flatnonzero(training.has_eeg)
    if rows.size == 0:
        raise DataError("SVM baseline: no training sample has EEG")
    rows = thinned(rows, max_training)
    normaliser = fit_normaliser(training, training.subjects)
    answers = np.full(len(testing), NO_ANSWER, np.int64)
    asked = np.flatnonzero(testing.has_eeg)
    if asked.size:
        features = [mean_power(s, r, normaliser).reshape(len(r), -1) for s, r in ((training, rows), (testing, asked))]
        answers[asked] = svm_on_power(features[0], training.label[rows], features[1], c)
    return answers


def flow_svm(
    training: SampleSet, testing: SampleSet, *, c: float = 1.0, variance: float = 0.95, max_training: int = 4000
) -> Answers:
    """Answers of an RBF-kernel SVM on principal components of 28 px maps of u, v and strain.

    Parameters
    ----------
    training, testing : SampleSet
        Of the same classes, with no subject in common.
    c : float
        Regularisation.
    variance : float
        Share of the training maps' variance that the components keep.
    max_training : int
        Larger training sets are thinned evenly to this many.

    Returns
    -------
    (n_testing,) int64
        Class of each testing sample, -1 where it has no face.

    Raises
    ------
    DataError
        A subject is in both sets, or no training sample has a face.
    """
    require_disjoint(training, testing, "flow SVM baseline")
    rows = np.flatnonzero(training.has_face)
    if rows.size == 0:
        raise DataError("flow SVM baseline: no training sample has a face")
    rows = thinned(rows, max_training)
    answers = np.full(len(testing), NO_ANSWER, np.int64)
    asked = np.flatnonzero(testing.has_face)
    if asked.size:
        maps = flow_maps(training, rows)
        answers[asked] = svm_on_maps(maps, training.label[rows], flow_maps(testing, asked), c, variance)
    return answers


def svm_on_power(
    features: NDArray[np.floating], label: NDArray[np.integer], asked: NDArray[np.floating], c: float = 1.0
) -> Answers:
    """Answers for (n_asked, n_features) after fitting on (n, n_features); NaN takes the fitted mean."""
    fill = SimpleImputer(keep_empty_features=True)
    return _classify(make_pipeline(fill, StandardScaler(), _svm(c)), features, label, asked)


def svm_on_maps(
    maps: NDArray[np.float32],
    label: NDArray[np.integer],
    asked: NDArray[np.float32],
    c: float = 1.0,
    variance: float = 0.95,
) -> Answers:
    """Answers for (n_asked, px, px, 3) maps after fitting on (n, px, px, 3)."""
    # planes differ in unit, so each is scaled as a whole; pixel by pixel would blow up the still border
    scale = np.maximum(maps.std(axis=(0, 1, 2)), 1e-6)
    features, wanted = ((part / scale).reshape(len(part), -1) for part in (maps, asked))
    return _classify(make_pipeline(PCA(n_components=variance, svd_solver="full"), _svm(c)), features, label, wanted)


def majority(training: SampleSet, testing: SampleSet) -> Answers:
    """The most frequent class of `training`, for every sample."""
    return np.full(len(testing), np.bincount(training.label, minlength=len(training.classes)).argmax(), np.int64)


@dataclass(frozen=True, slots=True)
class ClassifierFitted:
    """A classifier that learns when it is asked; see `models.evaluation.protocol.Fitted`."""

    classify: Callable[[SampleSet, SampleSet], Answers]
    training: SampleSet
    split: Split

    def probabilities(self, samples: SampleSet) -> dict[View, NDArray[np.float32]]:
        """Certainty of the answer under every view: these methods give no probabilities."""
        certain = one_hot(self.classify(self.training, samples), len(samples.classes))
        return dict.fromkeys(VIEWS, certain)


@dataclass(frozen=True, slots=True)
class ClassifierTrainer:
    """A function of a training and a testing set as a trainer."""

    classify: Callable[[SampleSet, SampleSet], Answers]

    @property
    def recipe(self) -> dict[str, Any]:
        """All choices, for the report."""
        return {"classify": self.classify.__name__, **(self.classify.__kwdefaults__ or {})}

    def __call__(
        self, samples: SampleSet, held_out: Sequence[int], seed: int, progress: object = None
    ) -> ClassifierFitted:
        subjects = tuple(s for s in samples.subjects if s not in set(held_out))
        return ClassifierFitted(
            self.classify, samples.of_subjects(subjects), Split(subjects, (), tuple(held_out), seed)
        )


@dataclass(frozen=True, slots=True)
class Baseline:
    """An entry of the list of baselines."""

    title: str
    trainer: ClassifierTrainer | DgcnnTrainer | StstnetTrainer
    modality: View = field(default="both")


BASELINES: dict[str, Baseline] = {
    "majority": Baseline("majority class", ClassifierTrainer(majority)),
    "log_power_svm": Baseline("log-power SVM", ClassifierTrainer(log_power_svm), "eeg"),
    "dgcnn": Baseline("DGCNN-style graph network", DgcnnTrainer(), "eeg"),
    "flow_svm": Baseline("flow PCA + SVM", ClassifierTrainer(flow_svm), "face"),
    "ststnet": Baseline("STSTNet-style flow network", StstnetTrainer(), "face"),
}
"""Every baseline; those of a modality that no sample has are left out by `baseline_systems`."""


def baseline_systems(samples: SampleSet, wanted: Sequence[str] | None = None) -> tuple[System, ...]:
    """The baselines that these samples allow, majority always first.

    Parameters
    ----------
    samples : SampleSet
    wanted : sequence of str, optional
        Keys of `BASELINES`; all where not given, majority alone where empty.

    Raises
    ------
    ConfigurationError
        No such baseline.
    """
    if unknown := sorted(set(wanted or ()) - set(BASELINES)):
        raise ConfigurationError(f"no baseline {', '.join(map(repr, unknown))}; there are {', '.join(BASELINES)}")
    has = {"both": True, "eeg": bool(samples.has_eeg.any()), "face": bool(samples.has_face.any())}
    names = [n for n in BASELINES if n == "majority" or wanted is None or n in wanted]
    return tuple(
        System(n, b.title, b.trainer, b.modality, b.trainer.recipe)
        for n, b in BASELINES.items()
        if n in names and has[b.modality]
    )


def _svm(c: float) -> SVC:
    return SVC(C=c, class_weight="balanced")


def _classify(
    machine: Any, features: NDArray[np.floating], label: NDArray[np.integer], asked: NDArray[np.floating]
) -> Answers:
    """Fit and answer; with one class left in training there is nothing to fit and one answer."""
    if len(np.unique(label)) == 1:
        return np.full(len(asked), label[0], np.int64)
    return machine.fit(features, label).predict(asked)
