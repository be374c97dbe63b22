"""Attributions for a fit that has no gradient: Shapley values of named parts of the input, by permutations.

Parts of the EEG (an electrode or a place on the head, and a band) and of the face (a region's flow) are made neutral
and come back one after the other, in random orders; what an answer gains when a part comes back is that part's. In
every order the gains add up to the difference between the answer and the neutral answer, so the attributions are
complete however few the orders; more orders make them less random.

References
----------
Strumbelj and Kononenko (2014), "Explaining prediction models and individual predictions with feature contributions".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.evaluation.protocol import Fitted
from models.explanation.attribution import FACE_PARTS, Explanation, face_parts, soft_face_parts
from models.samples import SampleSet, resize_by_area
from models.views import View
from realtime.eeg.montage import canonical_name
from realtime.errors import DataError

_MAP_PX = 32
_FLOOR = 1e-6
_SINGLE = 8
"""Up to so many electrodes are parts of their own; more are taken together by their place on the head."""


class PartOptions(BaseModel):
    """How a fit without gradients is explained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    view: View = Field(default="both", description="which of the fit's answers is explained")
    orders: int = Field(default=8, ge=1, description="random orders; every second one is the reverse of the one before")
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _EegPart:
    channels: NDArray[np.intp]
    band: int


def explain_parts(
    fit: Fitted, samples: SampleSet, reference: SampleSet, options: PartOptions | None = None
) -> Explanation:
    """Attribute a fit's answers to places and bands of the EEG and regions of the face.

    A part's attribution is spread evenly over its electrodes or pixels, so that all sums and figures of
    `models.explanation.attribution` hold; electrodes of one place get the same. The face's picture is left as it is.

    Parameters
    ----------
    fit : Fitted
        Anything that gives calibrated probabilities.
    samples : SampleSet
        What to explain; each must have an answer under `options.view`.
    reference : SampleSet
        Whose mean log power is neutral: the training samples, in the channels of `samples`.
    options : PartOptions, optional

    Raises
    ------
    DataError
        No samples, a sample without an answer, or a reference with other channels or without EEG where it is needed.
    """
    options = options or PartOptions()
    if len(samples) == 0:
        raise DataError("nothing to explain: the sample set is empty")
    players: list[_EegPart | int] = []
    if options.view != "face" and samples.has_eeg.any():
        players += _eeg_parts(samples)
    if options.view != "eeg" and samples.has_face.any():
        players += list(range(len(FACE_PARTS)))
    course = _Course(fit, samples, _neutral_power(samples, reference), options.view)
    rng = np.random.default_rng(options.seed)
    gained = np.zeros((len(samples), len(players)))
    order = rng.permutation(len(players))
    for number in range(options.orders):
        order = order[::-1] if number % 2 else rng.permutation(len(players))
        for at, gain in zip(order, course.gains([players[i] for i in order]), strict=True):
            gained[:, at] += gain / options.orders
    return _as_explanation(samples, players, gained, course, options.view)


class _Course:
    """Answers while parts come back."""

    def __init__(self, fit: Fitted, samples: SampleSet, neutral: NDArray[np.float32], view: View) -> None:
        self._fit, self._samples, self._neutral = fit, samples, neutral
        self._view: View = view
        self._masks = soft_face_parts(samples.flow.shape[1])
        whole = fit.probabilities(samples)[view]
        if not np.isfinite(whole).all():
            lacking = int((~np.isfinite(whole).all(axis=1)).sum())
            raise DataError(
                f"{lacking} of the {len(samples)} samples to explain have no answer under the view '{view}'; "
                "leave them out with SampleSet.only"
            )
        self.target = whole.argmax(axis=1)
        self.output = self._strength(whole)
        self.baseline = self._value(*self._blank())

    def gains(self, players: Sequence[_EegPart | int]) -> list[NDArray[np.float64]]:
        """What the answer gains as each part comes back, in this order: (n,) each."""
        power, flow = self._blank()
        gains, before = [], self.baseline
        for player in players:
            if isinstance(player, _EegPart):
                power[:, :, player.channels, player.band] = self._samples.log_power[:, :, player.channels, player.band]
            else:
                flow += self._masks[player][None, :, :, None] * self._samples.flow
            after = self._value(power, flow)
            gains.append(after - before)
            before = after
        return gains

    def _blank(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Nothing of what the view shows: neutral power, no flow; what it does not show is left as it is."""
        s = self._samples
        power = s.log_power.copy() if self._view == "face" else np.broadcast_to(self._neutral, s.log_power.shape).copy()
        return power, np.zeros(s.flow.shape, np.float32)

    def _value(self, power: NDArray[np.float32], flow: NDArray[np.float32]) -> NDArray[np.float64]:
        shown = replace(self._samples, log_power=power.copy(), flow=flow.astype(np.float16))
        return self._strength(self._fit.probabilities(shown)[self._view])

    def _strength(self, probabilities: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log probability of the answer less the mean log probability."""
        logs = np.log(np.maximum(probabilities.astype(np.float64), _FLOOR))
        return logs[np.arange(len(logs)), self.target] - logs.mean(axis=1)


def _eeg_parts(samples: SampleSet) -> list[_EegPart]:
    if len(samples.channels) <= _SINGLE:
        groups = [np.array([index]) for index in range(len(samples.channels))]
    else:
        places = np.array([place_on_head(name) for name in samples.channels])
        groups = [np.flatnonzero(places == place) for place in dict.fromkeys(places)]
    return [_EegPart(group, band) for group in groups for band in range(len(samples.bands))]


def place_on_head(channel: str) -> str:
    """Lobe and side of an electrode of the 10-10 system, 'frontal left'; 'other' for any other name."""
    found = re.fullmatch(r"([A-Z]+?)(\d+|Z)", canonical_name(channel).upper())
    lobes = {"FP": "frontal", "AF": "frontal", "F": "frontal", "FC": "central", "C": "central", "CP": "parietal"}
    lobes |= {"FT": "temporal", "T": "temporal", "TP": "temporal", "P": "parietal"}
    lobes |= {"PO": "occipital", "O": "occipital", "CB": "occipital"}
    if found is None or found[1] not in lobes:
        return "other"
    side = "middle" if found[2] == "Z" else ("left" if int(found[2]) % 2 else "right")
    return f"{lobes[found[1]]} {side}"


def _neutral_power(samples: SampleSet, reference: SampleSet) -> NDArray[np.float32]:
    """(n_channels, n_bands) mean log power of the reference where no mask hides it."""
    if reference.channels != samples.channels or reference.bands != samples.bands:
        raise DataError("the reference has other channels or bands than the samples to explain; choose them by name")
    mask = reference.channel_mask & (reference.window_mask & reference.has_eeg[:, None])[..., None]
    count = mask.sum(axis=(0, 1))
    if samples.has_eeg.any() and not count.any():
        raise DataError("the reference has no EEG, so nothing is neutral for the EEG to explain")
    total = np.where(mask[..., None], reference.log_power, 0.0).sum(axis=(0, 1), dtype=np.float64)
    return (total / np.maximum(count, 1)[:, None]).astype(np.float32)


def _as_explanation(
    samples: SampleSet,
    players: Sequence[_EegPart | int],
    gained: NDArray[np.float64],
    course: _Course,
    view: View,
) -> Explanation:
    n = len(samples)
    eeg = np.zeros((n, 1, len(samples.channels), len(samples.bands)), np.float32)
    flow = np.zeros((n, 1, _MAP_PX, _MAP_PX), np.float32)
    masks = face_parts(_MAP_PX)
    for player, gain in zip(players, gained.T, strict=True):
        if isinstance(player, _EegPart):
            eeg[:, 0, player.channels, player.band] = gain[:, None] / len(player.channels)
        else:
            flow[:, 0] += gain[:, None, None] * masks[player] / masks[player].sum()
    has_eeg, has_face = samples.has_eeg & (view != "face"), samples.has_face & (view != "eeg")
    pictures = samples.apex[has_face].astype(np.float32) / 255.0
    mean = pictures.mean(axis=0) if len(pictures) else np.zeros(samples.apex.shape[1:], np.float32)
    return Explanation(
        classes=samples.classes,
        channels=samples.channels,
        bands=samples.bands,
        simulated=samples.simulated,
        label=samples.label,
        target=course.target,
        has_eeg=has_eeg,
        has_face=has_face,
        eeg=eeg,
        flow=flow,
        apex=np.zeros_like(flow),
        output=course.output.astype(np.float32),
        baseline=course.baseline.astype(np.float32),
        steps=np.full(n, len(players), np.int64),
        theta=None,
        picture=resize_by_area(mean, _MAP_PX),
    )
