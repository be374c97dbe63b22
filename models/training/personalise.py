"""A trained network fitted to one participant: normaliser and classifier, from a few calibration trials."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from models.inference import one_thread, prepare
from models.network import HiddenEmotionNet
from models.normaliser import Normaliser
from models.samples import SampleSet
from models.training.calibration import Calibrated
from models.views import View
from realtime.errors import DataError


class PersonalisationOptions(BaseModel):
    """How far a few trials may move the network; chosen on simulated people."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean_prior_trials: float = Field(
        default=2.0, gt=0, description="trials that the training subjects' mean log power counts as"
    )
    spread_prior_trials: float = Field(
        default=10.0, gt=0, description="trials that the training subjects' spread of log power counts as"
    )
    freedom: float = Field(
        default=1.0,
        ge=0,
        description="prior sd of a change of the classifier's weights, in units of their RMS; 0 leaves them alone",
    )
    norm_freedom: float = Field(
        default=0.0, ge=0, description="prior sd of a change of the gains and offsets before the classifier"
    )
    modality_dropout: float = Field(
        default=0.5, ge=0, description="weight of the views with one modality dropped; the full view weighs 1"
    )
    iterations: int = Field(default=100, ge=1, description="of L-BFGS at most")


@dataclass(frozen=True, slots=True)
class Personalised(Calibrated):
    """A network fitted to one participant; the temperature is the base's, so confidences stay comparable.

    Parameters
    ----------
    subject : int
    calibration : tuple of str
        Names of the samples that it was fitted to.
    trials : int
        Distinct trials among them.
    options : PersonalisationOptions
    warnings : tuple of str
        Classes without a calibration trial.
    """

    subject: int
    calibration: tuple[str, ...]
    trials: int
    options: PersonalisationOptions
    warnings: tuple[str, ...] = ()


def personalise(
    base: Calibrated, calibration: SampleSet, options: PersonalisationOptions | None = None
) -> Personalised:
    """Fit normaliser and classifier to a participant's calibration trials and to nothing else of theirs.

    First the mean (and a little the spread) of log power moves from the training subjects' towards the participant's:
    the posterior mean, where the base counts as so many trials. Then the last linear layer is fitted by penalised
    maximum likelihood that starts from, and is drawn back to, the base's weights. Everything else stays as it is.

    Parameters
    ----------
    base : Calibrated
        A `Trained`, or a checkpoint through `models.training.command.calibrated`.
    calibration : SampleSet
        Of one participant: one trial or more.
    options : PersonalisationOptions, optional

    Raises
    ------
    DataError
        No sample, samples of several people, other classes or channels, or nothing of the base's modality.

    References
    ----------
    Li, Grandvalet and Davoine (2018), "Explicit inductive bias for transfer learning with convolutional networks".
    """
    options = options or PersonalisationOptions()
    known, warnings = _usable(base, calibration)
    with one_thread():
        normaliser = shrink_normaliser(base.normaliser, known, options)
        network = copy.deepcopy(base.network).eval()
        if options.freedom or options.norm_freedom:
            _fit_head(network, _pooled(network, normaliser, known, base, options), options)
    return Personalised(
        network,
        normaliser,
        base.temperature,
        base.classes,
        base.channels,
        base.modality,
        int(known.subject[0]),
        tuple(known.sample.tolist()),
        len(np.unique(known.group)),
        options,
        warnings,
    )


def first_trials(samples: SampleSet, trials: int) -> NDArray[np.bool_]:
    """Which of one person's samples belong to their first trials; groups count up in time."""
    return np.isin(samples.group, np.unique(samples.group)[:trials])


def shrink_normaliser(base: Normaliser, calibration: SampleSet, options: PersonalisationOptions) -> Normaliser:
    """Posterior mean of a participant's mean and variance of log power, channel by channel.

    A trial counts once, however many samples or windows it has, and classes count alike: a participant who was only
    sad is not taken for one whose powers are always those of sadness. The flow's scale stays.

    Parameters
    ----------
    base : Normaliser
        The prior.
    calibration : SampleSet
        Of one participant, with the base's channels.
    options : PersonalisationOptions
    """
    mask = calibration.channel_mask & (calibration.window_mask & calibration.has_eeg[:, None])[..., None]
    power = np.where(mask[..., None], calibration.log_power, 0.0).astype(np.float64)
    weight = _trial_weights(mask, calibration.group, calibration.label)
    trials = _trials(mask, calibration.group)
    mean = np.einsum("nwc,nwcb->cb", weight, power)
    squares = np.einsum("nwc,nwcb->cb", weight, np.square(power - mean) * mask[..., None])
    seen = weight.sum(axis=(0, 1)) > 0
    own = np.where(seen, trials / (trials + options.mean_prior_trials), 0.0)[:, None]
    own_spread = np.where(seen, trials / (trials + options.spread_prior_trials), 0.0)[:, None]
    variance = (1.0 - own_spread) * np.square(base.sd.astype(np.float64)) + own_spread * squares
    new_mean = (1.0 - own) * base.mean + own * mean
    return Normaliser(new_mean.astype(np.float32), np.sqrt(variance).astype(np.float32), base.flow_scale_px)


@dataclass(frozen=True, slots=True)
class _Examples:
    """What the classifier reads: (m, width) float64 features, (m,) classes, weights and the base's temperatures."""

    pooled: Tensor
    label: Tensor
    weight: Tensor
    temperature: Tensor


def _usable(base: Calibrated, calibration: SampleSet) -> tuple[SampleSet, tuple[str, ...]]:
    if calibration.classes != base.classes:
        raise DataError(f"calibration samples have the classes {calibration.classes}, the network {base.classes}")
    if len(calibration.subjects) != 1:
        names = ", ".join(calibration.subject_name(s) for s in calibration.subjects) or "nobody"
        raise DataError(f"calibration trials must be one participant's, got those of {names}")
    known = calibration.with_channels(base.channels).only(base.modality)
    seen = set(known.label.tolist())
    warnings = tuple(f"class '{name}' has no calibration trial" for i, name in enumerate(base.classes) if i not in seen)
    return known, warnings


def _trials(mask: NDArray[np.bool_], group: NDArray[np.integer]) -> NDArray[np.float64]:
    """(n_channels,): trials in which each channel is there at all."""
    there = np.asarray(mask.any(axis=1))
    each = np.stack([there[group == g].any(axis=0) for g in np.unique(group)])
    return each.sum(axis=0).astype(np.float64)


def _trial_weights(
    mask: NDArray[np.bool_], group: NDArray[np.integer], label: NDArray[np.integer]
) -> NDArray[np.float64]:
    """(n, n_windows, n_channels): sums to 1 over each channel; alike over classes, over trials within a class."""
    weight = mask.astype(np.float64)
    for tied in (label * (group.max() + 1) + group, label):
        for value in np.unique(tied):
            rows = tied == value
            total = weight[rows].sum(axis=(0, 1))
            weight[rows] /= np.where(total > 0, total, 1.0)
    return weight / np.maximum(weight.sum(axis=(0, 1)), 1e-12)


def _pooled(
    network: HiddenEmotionNet,
    normaliser: Normaliser,
    samples: SampleSet,
    base: Calibrated,
    options: PersonalisationOptions,
) -> _Examples:
    """The classifier's input under every view; a trial weighs 1 in all, times what its class lacks in trials."""
    prepared = prepare(samples, normaliser, network.config.face_px)
    share = _shares(samples)
    parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    with torch.no_grad():
        batch = prepared.batch(torch.arange(len(prepared)))
        encoded = network.encode(batch)
        for view, has_eeg, has_face, rows, factor in _views(batch.has_eeg, batch.has_face, options.modality_dropout):
            tokens = encoded.take(rows)
            pooled = network.fusion.pool(
                tokens.eeg, tokens.eeg_valid, tokens.face, tokens.face_valid, has_eeg[rows], has_face[rows]
            )
            temperature = torch.full((len(rows),), base.temperature[view], dtype=torch.float64)
            parts.append((pooled.double(), prepared.label[rows], share[rows] * factor[rows], temperature))
    return _Examples(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _shares(samples: SampleSet) -> Tensor:
    """(n,) float64: a trial's samples share its weight, classes weigh alike, the sum is the number of trials."""
    group, label = samples.group, samples.label
    share = np.array([1.0 / np.sum(group == g) for g in group])
    per_class = np.bincount(label, weights=share)
    return torch.from_numpy(share * share.sum() / ((per_class > 0).sum() * per_class[label]))


def _views(has_eeg: Tensor, has_face: Tensor, dropped: float) -> Iterator[tuple[View, Tensor, Tensor, Tensor, Tensor]]:
    """View, flags, rows and factor of each; the factors of a sample sum to 1."""
    both = has_eeg & has_face
    total = 1.0 + 2.0 * dropped * both.double()
    none = torch.zeros_like(has_eeg)
    everything = torch.arange(len(has_eeg))
    yield "both", has_eeg, has_face, everything, 1.0 / total
    if dropped and both.any():
        rows = both.nonzero().squeeze(1)
        yield "eeg", has_eeg, none, rows, dropped / total
        yield "face", none, has_face, rows, dropped / total


def _fit_head(network: HiddenEmotionNet, examples: _Examples, options: PersonalisationOptions) -> None:
    """Fit the last layer (and, where free, the norm before it) in place, in float64."""
    norm, linear = network.fusion.classify[0], network.fusion.classify[-1]
    assert isinstance(norm, nn.LayerNorm)
    assert isinstance(linear, nn.Linear)
    prior = {"norm": options.norm_freedom, "linear": options.freedom}
    layers = {"norm": norm, "linear": linear}
    start = {(a, b): p.detach().double() for a, layer in layers.items() for b, p in layer.named_parameters()}
    free = {key: torch.zeros_like(value, requires_grad=True) for key, value in start.items() if prior[key[0]] > 0}
    rms = {name: float(layer.weight.detach().square().mean().sqrt()) for name, layer in layers.items()}

    def at(key: tuple[str, str]) -> Tensor:
        change = free.get(key)
        # in units of the prior's sd, so that the penalty is half the squared norm
        return start[key] if change is None else start[key] + prior[key[0]] * rms[key[0]] * change

    def loss() -> Tensor:
        gain, offset = at(("norm", "weight")), at(("norm", "bias"))
        hidden = F.layer_norm(examples.pooled, gain.shape, gain, offset, norm.eps)
        logits = F.linear(hidden, at(("linear", "weight")), at(("linear", "bias"))) / examples.temperature[:, None]
        fit = (F.cross_entropy(logits, examples.label, reduction="none") * examples.weight).sum()
        return fit + 0.5 * sum(change.square().sum() for change in free.values())

    optimiser = torch.optim.LBFGS(list(free.values()), max_iter=options.iterations, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return float(value.detach())

    optimiser.step(closure)
    with torch.no_grad():
        for name, part in free:
            getattr(layers[name], part).copy_(at((name, part)))
