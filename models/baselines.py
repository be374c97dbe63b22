"""What a network must beat: a support vector machine on mean log power."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from models.metrics import NO_ANSWER
from models.normaliser import Normaliser, fit_normaliser
from models.samples import SampleSet
from realtime.errors import DataError


def log_power_svm(
    training: SampleSet, testing: SampleSet, *, c: float = 1.0, max_training: int = 4000
) -> NDArray[np.int64]:
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
    if shared := sorted(set(training.subjects) & set(testing.subjects)):
        raise DataError(f"SVM baseline: subjects {shared} are in the training and in the testing set")
    if training.channels != testing.channels:
        raise DataError("SVM baseline: the sets differ in 'channels'; use SampleSet.with_channels first")
    rows = np.flatnonzero(training.has_eeg)
    if rows.size == 0:
        raise DataError("SVM baseline: no training sample has EEG")
    rows = rows[np.linspace(0, len(rows) - 1, min(max_training, len(rows))).round().astype(int)]
    normaliser = fit_normaliser(training, training.subjects)
    machine = make_pipeline(StandardScaler(), SVC(C=c, class_weight="balanced"))
    machine.fit(_mean_power(training, rows, normaliser), training.label[rows])
    answers = np.full(len(testing), NO_ANSWER, np.int64)
    asked = np.flatnonzero(testing.has_eeg)
    if asked.size:
        answers[asked] = machine.predict(_mean_power(testing, asked, normaliser))
    return answers


def _mean_power(samples: SampleSet, rows: NDArray[np.intp], normaliser: Normaliser) -> NDArray[np.float32]:
    """(n_rows, n_channels * n_bands): z-scores averaged over the windows that count."""
    features = np.empty((len(rows), normaliser.mean.size), np.float32)
    for i, row in enumerate(rows):
        mask = samples.channel_mask[row] & samples.window_mask[row][:, None]
        z = normaliser.log_power(samples.log_power[row], mask)
        features[i] = (z.sum(axis=0) / np.maximum(mask.sum(axis=0), 1)[:, None]).ravel()
    return features
