"""Independent components of the eyes, and the matrix that removes them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy import signal, stats

from realtime.packets import Float64

_MAX_COMPONENTS = 24
_EYE_BAND_HZ = (1.0, 10.0)
_SPARSE_KURTOSIS = 2.0
_MAX_ITERATIONS = 200
_SEED = 97


@dataclass(frozen=True, slots=True)
class EyeRemoval:
    """What to take away.

    Parameters
    ----------
    matrix : (n_channels, n_channels) float64
        `matrix @ x` is the eyes' part of x.
    correlations : tuple of float
        One a component, in the order of the decomposition.
    converged : bool
    """

    matrix: Float64
    correlations: tuple[float, ...]
    converged: bool


def find_eye_components(
    x_uv: Float64, sfreq_hz: float, eog_uv: Float64, frontal_uv: Float64, *, correlation: float
) -> EyeRemoval:
    """Decompose a recording and pick the components that follow the eyes.

    Parameters
    ----------
    x_uv : (n_channels, n_times) float64
        Clean EEG, finite.
    sfreq_hz : float
    eog_uv : (n_eog, n_times) float64
        EOG channels; their differences are looked at too, as two electrodes against a far reference share the brain.
    frontal_uv : (n_frontal, n_times) float64
        Frontal EEG channels. They show the brain too, so what follows them must also be heavy-tailed, as blinks are.
    correlation : float
        Absolute correlation in 1-10 Hz from which a component is picked.

    Returns
    -------
    EyeRemoval
    """
    import mne
    from sklearn.exceptions import ConvergenceWarning

    info = mne.create_info(len(x_uv), sfreq_hz, "eeg", verbose="ERROR")
    raw = mne.io.RawArray(x_uv * 1e-6, info, verbose="ERROR")
    n_components = min(_MAX_COMPONENTS, int(np.linalg.matrix_rank(np.cov(x_uv), tol=1e-6 * np.var(x_uv))))
    # MNE's hint says str, its documentation also a number
    iterations: Any = _MAX_ITERATIONS
    ica = mne.preprocessing.ICA(
        n_components, method="fastica", random_state=_SEED, max_iter=iterations, verbose="ERROR"
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ica.fit(raw, verbose="ERROR")
    slow = [warning for warning in caught if issubclass(warning.category, ConvergenceWarning)]
    for warning in caught:
        if warning not in slow:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    sources = np.asarray(ica.get_sources(raw).get_data())
    found = _follow_eyes(sources, eog_uv, frontal_uv, sfreq_hz)
    picked = np.flatnonzero(found >= correlation)
    scale = np.asarray(ica.pre_whitener_)
    basis = np.asarray(ica.pca_components_)[: ica.n_components_]
    mixing = basis.T @ np.asarray(ica.mixing_matrix_)[:, picked]
    unmixing = np.asarray(ica.unmixing_matrix_)[picked] @ basis
    return EyeRemoval(scale * (mixing @ unmixing) / scale.T, tuple(found[picked].tolist()), not slow)


def _follow_eyes(sources: Float64, eog: Float64, frontal: Float64, sfreq_hz: float) -> Float64:
    """(n_sources,) largest absolute correlation of each source with what shows the eyes, in 1-10 Hz."""
    band = signal.butter(2, _EYE_BAND_HZ, "bandpass", fs=sfreq_hz, output="sos")
    pairs = [a - b for a, b in combinations(eog, 2)]
    slow = signal.sosfiltfilt(band, np.concatenate([sources, eog, *[pair[None] for pair in pairs], frontal]), axis=1)
    n = len(sources)
    found = np.abs(np.corrcoef(slow))[:n, n:]
    not_sparse = stats.kurtosis(slow[:n], axis=1) <= _SPARSE_KURTOSIS
    found[not_sparse, len(eog) + len(pairs) :] = 0.0
    return found.max(axis=1)
