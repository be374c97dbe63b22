"""What the training subjects' input looks like on average: the only statistics the network's input is scaled by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.samples import SampleSet, resize_by_area
from realtime.errors import DataError
from realtime.packets import readonly

_MIN_SD = 0.05


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Mean and standard deviation of log power per channel and band, and the scale of facial flow.

    Parameters
    ----------
    mean, sd : (n_channels, n_bands) float32
        log10 µV²/Hz, over the windows of the training subjects that no mask hides.
    flow_scale_px : float
        Root mean square flow of the moving part of the training subjects' faces, px of the 256 px crop.
    """

    mean: NDArray[np.float32]
    sd: NDArray[np.float32]
    flow_scale_px: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "mean", readonly(self.mean, np.float32))
        object.__setattr__(self, "sd", readonly(self.sd, np.float32))

    def log_power(self, log_power: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """z-scores, 0 where masked.

        Parameters
        ----------
        log_power : (..., n_channels, n_bands) float
            log10 µV²/Hz; anything, NaN included, where masked.
        mask : (..., n_channels) bool

        Returns
        -------
        (..., n_channels, n_bands) float32
        """
        z = (log_power - self.mean) / self.sd
        if not mask.all():
            z[~mask] = 0.0
        return z.astype(np.float32, copy=False)

    def flow(self, flow: NDArray[np.floating], face_px: int) -> NDArray[np.float32]:
        """Resize by area and scale: (px, px, 2) px of the 256 px crop -> (2, face_px, face_px) float32."""
        resized = resize_by_area(flow.astype(np.float32, copy=False), face_px)
        return np.ascontiguousarray(resized.transpose(2, 0, 1)) / np.float32(self.flow_scale_px)

    @staticmethod
    def image(image: NDArray[np.uint8], face_px: int) -> NDArray[np.float32]:
        """Resize by area: (px, px) uint8 -> (1, face_px, face_px) float32 from 0 to 1."""
        return resize_by_area(image.astype(np.float32), face_px)[None] / np.float32(255.0)


def fit_normaliser(samples: SampleSet, subjects: Sequence[int]) -> Normaliser:
    """Fit on the samples of `subjects` and on no others.

    A channel and band that is masked throughout takes the band's mean and spread over the other channels.

    Raises
    ------
    DataError
        No sample of these subjects.
    """
    rows = np.flatnonzero(np.isin(samples.subject, np.asarray(subjects)))
    if rows.size == 0:
        raise DataError(f"no sample of the training subjects {tuple(subjects)}; there are {samples.subjects}")
    mean, sd = _power_moments(samples, rows)
    return Normaliser(mean.astype(np.float32), sd.astype(np.float32), _flow_scale(samples, rows))


def _power_moments(samples: SampleSet, rows: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n_channels, n_bands = samples.log_power.shape[2:]
    count = np.zeros((n_channels, 1))
    total = np.zeros((n_channels, n_bands))
    squares = np.zeros((n_channels, n_bands))
    for part in np.array_split(rows, max(1, len(rows) // 128)):
        mask = samples.channel_mask[part] & (samples.window_mask[part] & samples.has_eeg[part, None])[..., None]
        power = np.where(mask[..., None], samples.log_power[part], 0.0).astype(np.float64)
        count += mask.sum(axis=(0, 1))[:, None]
        total += power.sum(axis=(0, 1))
        squares += np.square(power).sum(axis=(0, 1))
    if not count.any():
        return np.zeros((n_channels, n_bands)), np.ones((n_channels, n_bands))
    seen = count[:, 0] > 0
    mean = total / np.maximum(count, 1.0)
    sd = np.sqrt(np.maximum(squares / np.maximum(count, 1.0) - mean**2, 0.0))
    mean[~seen] = mean[seen].mean(axis=0)
    sd[~seen] = sd[seen].mean(axis=0)
    return mean, np.maximum(sd, _MIN_SD)


def _flow_scale(samples: SampleSet, rows: NDArray[np.intp]) -> float:
    faces = rows[samples.has_face[rows]]
    if faces.size == 0:
        return 1.0
    peaks = []
    for row in faces:
        size = np.linalg.norm(samples.flow[row, ..., :2].astype(np.float32), axis=-1)
        peaks.append(float(np.quantile(size, 0.9)))
    return max(float(np.sqrt(np.mean(np.square(peaks)))), 1e-3)
