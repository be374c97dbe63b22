"""What moved a decision, summed over what a reader can name: regions of the face, bands, electrodes, windows.

Attributions add up: those of all inputs are the difference between the network's output for the sample and for the
baseline (`models.explanation.gradients`). Every sum here is over a partition of the inputs, so that they still do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from realtime.face.regions import REGIONS
from realtime.packets import Bool, Float32, readonly

FACE_PARTS: tuple[str, ...] = (
    *REGIONS,
    *("cheek_left", "cheek_right", "jaw_left", "jaw_right", "forehead"),
    "elsewhere",
)
"""Regions that attributions are summed over: the spotter's and the skin between them. Left is the person's own."""

# (x, y, half width, half height) in [-1, 1] of the aligned crop: moments of the masks of `realtime.face.regions`, mean
# over 16 simulated people; these are warped from one portrait, real faces differ by more than their landmarks' 1 px.
# The last five lie between them, the cheeks around mesh points 425 and 205
_ELLIPSES: dict[str, tuple[float, float, float, float]] = {
    "brow_left": (0.37, -0.50, 0.29, 0.11),
    "brow_right": (-0.37, -0.50, 0.29, 0.11),
    "eye_left": (0.35, -0.31, 0.28, 0.19),
    "eye_right": (-0.35, -0.31, 0.28, 0.19),
    "nose_left": (0.25, 0.04, 0.12, 0.14),
    "nose_right": (-0.25, 0.04, 0.12, 0.14),
    "mouth_left": (0.33, 0.31, 0.14, 0.14),
    "mouth_right": (-0.33, 0.31, 0.14, 0.14),
    "mouth": (0.0, 0.36, 0.31, 0.14),
    "chin": (0.0, 0.67, 0.30, 0.12),
    "cheek_left": (0.44, -0.02, 0.22, 0.18),
    "cheek_right": (-0.44, -0.02, 0.22, 0.18),
    "jaw_left": (0.42, 0.52, 0.20, 0.18),
    "jaw_right": (-0.42, 0.52, 0.20, 0.18),
    "forehead": (0.0, -0.70, 0.45, 0.12),
}


_FEATHER = 0.02  # of the crop


@dataclass(frozen=True, slots=True)
class Explanation:
    """Attributions of samples, in units of the network's logits.

    What is explained is a sample's logit of its target class less the mean of its logits; positive values speak for the
    target. Values of a modality that a sample lacks are 0.

    Parameters
    ----------
    classes, channels : tuple of str
    bands : tuple of (name, low_hz, high_hz)
    simulated : bool
        No real person is among the samples.
    label, target : (n,) int64
        The true class, and the class that is explained.
    has_eeg, has_face : (n,) bool
        What the network was shown.
    eeg : (n, n_windows, n_channels, n_bands) float32
    flow : (n, planes, px, px) float32
        Planes are u, v and, where the network reads the data's own, strain.
    apex : (n, 1, px, px) float32
    output, baseline : (n,) float32
        What is explained, for the sample and for the baseline.
    steps : (n,) int64
        Points of the path that were needed.
    theta : (n, n_glimpses, 2, 3) float32 or None
        Where an STN looked, output to input coordinates in [-1, 1].
    picture : (px, px) float32
        Mean apex picture of the samples that have a face, 0 to 1.
    """

    classes: tuple[str, ...]
    channels: tuple[str, ...]
    bands: tuple[tuple[str, float, float], ...]
    simulated: bool
    label: NDArray[np.int64]
    target: NDArray[np.int64]
    has_eeg: Bool
    has_face: Bool
    eeg: Float32
    flow: Float32
    apex: Float32
    output: Float32
    baseline: Float32
    steps: NDArray[np.int64]
    theta: Float32 | None
    picture: Float32

    def __post_init__(self) -> None:
        for name in ("label", "target", "has_eeg", "has_face", "eeg", "flow", "apex", "output", "baseline", "steps"):
            object.__setattr__(self, name, readonly(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.label)

    @property
    def total(self) -> Float32:
        """(n,) sum of all attributions."""
        axes = (1, 2, 3)
        return self.eeg.sum(axis=axes) + self.flow.sum(axis=axes) + self.apex.sum(axis=axes)

    @property
    def residual(self) -> Float32:
        """(n,) what the attributions miss of `output - baseline`; completeness asks for 0."""
        return self.output - self.baseline - self.total

    def take(self, rows: NDArray[Any]) -> Explanation:
        """The samples at `rows` (positions or a boolean mask)."""
        names = ("label", "target", "has_eeg", "has_face", "eeg", "flow", "apex", "output", "baseline", "steps")
        theta = None if self.theta is None else self.theta[rows]
        return replace(self, theta=theta, **{name: getattr(self, name)[rows] for name in names})


@dataclass(frozen=True, slots=True)
class Weight:
    """How much named parts of the input mattered, over samples.

    Parameters
    ----------
    names : tuple of str
    toward : (n_names,) float32
        Mean over the samples of a part's attribution: positive where it spoke for the target.
    size : (n_names,) float32
        Mean of its absolute value: how much it moved the decision, whichever way.
    """

    names: tuple[str, ...]
    toward: Float32
    size: Float32

    def shares(self) -> dict[str, float]:
        """`size` as shares of their sum."""
        total = float(self.size.sum())
        return {name: float(s) / total if total else 0.0 for name, s in zip(self.names, self.size, strict=True)}


def by_channel_and_band(explanation: Explanation) -> Float32:
    """(n, n_channels, n_bands): EEG attributions summed over the windows."""
    return explanation.eeg.sum(axis=1)


def by_window(explanation: Explanation) -> Float32:
    """(n, n_windows): EEG attributions summed over channels and bands, oldest window first."""
    return explanation.eeg.sum(axis=(2, 3))


def on_face(explanation: Explanation) -> Float32:
    """(n, px, px): face attributions summed over the planes of flow and the apex picture."""
    return explanation.flow.sum(axis=1) + explanation.apex.sum(axis=1)


def weigh(names: Sequence[str], values: Float32) -> Weight:
    """(n, n_names) attributions of named parts -> their weight; 0 where there are no samples."""
    if len(values) == 0:
        values = np.zeros((1, len(names)), np.float32)
    return Weight(tuple(names), values.mean(axis=0).astype(np.float32), np.abs(values).mean(axis=0).astype(np.float32))


def band_weight(explanation: Explanation) -> Weight:
    """Over the samples that have EEG."""
    values = by_channel_and_band(explanation)[explanation.has_eeg].sum(axis=1)
    return weigh([name for name, _, _ in explanation.bands], values)


def channel_weight(explanation: Explanation) -> Weight:
    """Over the samples that have EEG."""
    return weigh(explanation.channels, by_channel_and_band(explanation)[explanation.has_eeg].sum(axis=2))


def region_weight(explanation: Explanation) -> Weight:
    """Over the samples that have a face."""
    field = on_face(explanation)[explanation.has_face]
    masks = face_parts(explanation.flow.shape[-1])
    return weigh(FACE_PARTS, np.einsum("nyx,ryx->nr", field, masks.astype(np.float32)))


def modality_weight(explanation: Explanation) -> Weight:
    """EEG, and flow and picture of the face, over all samples."""
    parts = (explanation.eeg, explanation.flow, explanation.apex)
    return weigh(("eeg", "flow", "apex"), np.stack([part.sum(axis=(1, 2, 3)) for part in parts], axis=1))


def importances(explanation: Explanation) -> dict[str, Any]:
    """What matters, as plain data for the dashboard and the report: overall and for each target class.

    Returns
    -------
    dict
        'simulated', 'samples', 'completeness' (largest and median residual as a share of the difference explained),
        and under 'all' and 'classes' (by name, those that were explained) 'modalities', 'bands', 'channels' and
        'regions', each a mapping of name -> {'toward', 'size'} in logits.
    """
    missing = np.abs(explanation.residual) / np.maximum(np.abs(explanation.output - explanation.baseline), 1e-6)
    groups = {name: explanation.target == index for index, name in enumerate(explanation.classes)}
    return {
        "simulated": explanation.simulated,
        "samples": len(explanation),
        "completeness": {
            "largest": float(missing.max(initial=0.0)),
            "median": float(np.median(missing)) if len(missing) else 0.0,
        },
        "all": _weights(explanation),
        "classes": {name: _weights(explanation.take(rows)) for name, rows in groups.items() if rows.any()},
    }


@lru_cache(maxsize=8)
def face_parts(px: int) -> Bool:
    """Masks of `FACE_PARTS` on an aligned crop of this size: (16, px, px) bool, every pixel in exactly one.

    Where regions overlap, a pixel belongs to the one whose ellipse it is deepest in.
    """
    centre = (2.0 * np.arange(px) + 1.0) / px - 1.0
    y, x = np.meshgrid(centre, centre, indexing="ij")
    depth = np.stack(
        [((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 for cx, cy, rx, ry in map(_ELLIPSES.__getitem__, FACE_PARTS[:-1])]
    )
    nearest = np.where(depth.min(axis=0) <= 1.0, depth.argmin(axis=0), len(FACE_PARTS) - 1)
    return readonly(nearest == np.arange(len(FACE_PARTS))[:, None, None], np.bool_)


@lru_cache(maxsize=8)
def soft_face_parts(px: int) -> Float32:
    """`face_parts` with soft edges, (16, px, px) float32, still 1 in sum: a hard edge in the flow would be strain."""
    blurred = np.stack([gaussian_filter(mask.astype(np.float32), _FEATHER * px) for mask in face_parts(px)])
    return readonly(blurred / blurred.sum(axis=0), np.float32)


def _weights(explanation: Explanation) -> dict[str, dict[str, dict[str, float]]]:
    found = {"modalities": modality_weight(explanation)}
    if explanation.has_eeg.any():
        found |= {"bands": band_weight(explanation), "channels": channel_weight(explanation)}
    if explanation.has_face.any():
        found["regions"] = region_weight(explanation)
    return {key: _plain(weight) for key, weight in found.items()}


def _plain(weight: Weight) -> dict[str, dict[str, float]]:
    rows = zip(weight.names, weight.toward, weight.size, strict=True)
    return {name: {"toward": float(toward), "size": float(size)} for name, toward, size in rows}
