"""Why the network answered as it did: integrated gradients of the EEG and the face, and where the STN looked.

The path runs straight from a baseline to the sample. The baseline has the same masks, log power at the normaliser's
mean (z-scores of 0), no flow, and a picture of uniform mid-grey (or the sample's own: a face that did not move). What
the gradient meets on the path sums to the difference of the outputs (completeness); it is integrated by Gauss-Legendre
quadrature, with twice the points until the sum is as near as asked.

References
----------
Sundararajan, Taly and Yan (2017), "Axiomatic attribution for deep networks".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from models.checkpoint import Checkpoint
from models.evaluation.protocol import Fitted
from models.explanation.attribution import Explanation
from models.explanation.parts import PartOptions, explain_parts
from models.inference import one_thread, prepare
from models.network import Batch, HiddenEmotionNet
from models.normaliser import Normaliser
from models.samples import SampleSet
from models.training.calibration import Calibrated
from models.views import View
from realtime.errors import DataError

_GREY = 0.5
_ROWS = 64
"""Rows of one pass through the network: samples times points of their paths."""


class Differentiable(Protocol):
    """A fit whose logits can be differentiated with respect to its normalised input."""

    @property
    def channels(self) -> tuple[str, ...]:
        """EEG channels in the order of `batch`'s."""
        ...

    def batch(self, samples: SampleSet) -> Batch:
        """Normalised float32 input of all samples; log power and flow of 0 are nothing unusual, 0 where masked."""
        ...

    def logits(self, batch: Batch) -> Tensor:
        """(n, n_classes), in evaluation mode; rows independent; `has_eeg` and `has_face` obeyed."""
        ...

    def theta(self, batch: Batch) -> Tensor | None:
        """(n, n_glimpses, 2, 3) of an STN that looks at the flow; None where there is none."""
        ...


class ExplanationOptions(BaseModel):
    """How samples are explained."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: Literal["answer", "label"] = Field(
        default="answer", description="explain the network's answer or the truth"
    )
    view: View = Field(default="both", description="which modalities the network is shown")
    picture: Literal["grey", "own"] = Field(default="grey", description="the baseline's apex picture")
    tolerance: float = Field(default=0.01, gt=0, description="residual, as a share of the difference of the outputs")
    least_difference: float = Field(default=0.5, gt=0, description="logits; a smaller difference counts as this one")
    steps: int = Field(default=16, ge=2, description="points of the path to begin with")
    most_steps: int = Field(default=1024, ge=2, description="where it stops, complete or not")


def differentiable(fit: Calibrated | Checkpoint) -> Differentiable:
    """A trained network or a loaded checkpoint as something to explain."""
    said = fit.info if isinstance(fit, Checkpoint) else fit
    return _Network(fit.network.eval(), fit.normaliser, said.channels, said.modality)


def explain(
    fit: Differentiable | Sequence[Differentiable], samples: SampleSet, options: ExplanationOptions | None = None
) -> Explanation:
    """Attribute the decisions about `samples` to their EEG and their faces.

    Parameters
    ----------
    fit : Differentiable or sequence of them
        An ensemble answers with the mean of its members' logits, so its attributions are the mean of theirs.
    samples : SampleSet
        Those that lack what `options.view` shows are refused, not skipped.
    options : ExplanationOptions, optional

    Returns
    -------
    Explanation
        `residual` says how complete it is; `steps`, what it took.

    Raises
    ------
    DataError
        No samples, a sample that lacks the modality, or an output that is not finite.
    """
    options = options or ExplanationOptions()
    members = list(fit) if isinstance(fit, Sequence) else [fit]
    if len(samples) == 0:
        raise DataError("nothing to explain: the sample set is empty")
    samples = samples.with_channels(members[0].channels)
    with one_thread(), torch.enable_grad():
        batches = [_shown(member.batch(samples), options.view) for member in members]
        _check(batches[0], options.view)
        target = _targets(members, batches, samples, options)
        found = [_attribute(m, b, target, options) for m, b in zip(members, batches, strict=True)]
        thetas = [member.theta(batch) for member, batch in zip(members, batches, strict=True)]
    mean = {name: np.mean([getattr(part, name) for part in found], axis=0) for name in _MEANS}
    seen = [theta.detach().numpy() for theta in thetas if theta is not None]
    first = batches[0]
    has_face = first.has_face.numpy()
    faces = first.apex.numpy()[has_face, 0]
    return Explanation(
        classes=samples.classes,
        channels=samples.channels,
        bands=samples.bands,
        simulated=samples.simulated,
        label=samples.label,
        target=target.numpy(),
        has_eeg=first.has_eeg.numpy(),
        has_face=has_face,
        **mean,
        steps=np.max([part.steps for part in found], axis=0),
        # members look at different places; those of the first are shown
        theta=seen[0] if seen else None,
        picture=faces.mean(axis=0) if len(faces) else np.zeros(first.apex.shape[2:], np.float32),
    )


def explain_fit(fit: Fitted, samples: SampleSet, reference: SampleSet, *, most: int = 25, seed: int = 0) -> Explanation:
    """Explain whatever a recipe fitted: by gradients where it is a network, by parts of the input where it is not.

    Parameters
    ----------
    fit : Fitted
    samples : SampleSet
        Of people it did not learn from; those with an answer are drawn from.
    reference : SampleSet
        What it learnt from: neutral EEG is its mean.
    most : int
        Samples of a class, at most.
    seed : int

    Raises
    ------
    DataError
        None of the samples has an answer.
    """
    answered = np.flatnonzero(np.isfinite(fit.probabilities(samples)["both"]).all(axis=1))
    if answered.size == 0:
        raise DataError(f"the fit answers none of the {len(samples)} samples to explain")
    chosen = some_of_each_class(samples.take(answered), most, seed)
    if isinstance(fit, Calibrated):
        return explain(differentiable(fit), chosen)
    return explain_parts(fit, chosen, reference, PartOptions(seed=seed))


def some_of_each_class(samples: SampleSet, most: int, seed: int = 0) -> SampleSet:
    """At most so many samples of each class, drawn at random: what a report can afford to explain."""
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(samples.label == index))[:most] for index in range(len(samples.classes))]
    return samples.take(np.sort(np.concatenate(chosen)))


_Three = tuple[Tensor, Tensor, Tensor]
_MEANS = ("eeg", "flow", "apex", "output", "baseline")


@dataclass(frozen=True, slots=True)
class _Network:
    network: HiddenEmotionNet
    normaliser: Normaliser
    channels: tuple[str, ...]
    modality: View

    def batch(self, samples: SampleSet) -> Batch:
        prepared = prepare(samples.with_channels(self.channels), self.normaliser, self.network.config.face_px)
        # a network is not asked about a modality that it never saw
        return _shown(prepared.batch(torch.arange(len(samples))), self.modality)

    def logits(self, batch: Batch) -> Tensor:
        return self.network(batch)

    def theta(self, batch: Batch) -> Tensor:
        with torch.no_grad():
            return self.network.face.theta(batch.flow)


@dataclass(frozen=True, slots=True)
class _Found:
    eeg: NDArray[np.float32]
    flow: NDArray[np.float32]
    apex: NDArray[np.float32]
    output: NDArray[np.float32]
    baseline: NDArray[np.float32]
    steps: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Path:
    """From the baseline to the samples: log power, flow and apex of both ends, (n, ...) each."""

    start: _Three
    change: _Three

    def at(self, batch: Batch, share: Tensor) -> Batch:
        """The samples of `batch` with their input a share (n,) of the way along."""
        points = [a + share.view(-1, 1, 1, 1) * d for a, d in zip(self.start, self.change, strict=True)]
        return replace(batch, log_power=points[0], flow=points[1], apex=points[2])

    def take(self, rows: Tensor) -> _Path:
        return _Path(_each(self.start, lambda part: part[rows]), _each(self.change, lambda part: part[rows]))


def _each(three: _Three, do: Callable[[Tensor], Tensor]) -> _Three:
    a, b, c = three
    return do(a), do(b), do(c)


def _path(batch: Batch, picture: Literal["grey", "own"]) -> _Path:
    there = (batch.channel_mask & batch.window_mask[..., None] & batch.has_eeg[:, None, None])[..., None]
    power = torch.where(there, batch.log_power, 0.0)
    face = batch.has_face[:, None, None, None]
    flow, apex = torch.where(face, batch.flow, 0.0), torch.where(face, batch.apex, _GREY)
    blank = torch.full_like(apex, _GREY) if picture == "grey" else apex
    start = (torch.zeros_like(power), torch.zeros_like(flow), blank)
    return _Path(start, (power, flow, apex - blank))


def _attribute(fit: Differentiable, batch: Batch, target: Tensor, options: ExplanationOptions) -> _Found:
    path = _path(batch, options.picture)
    n = len(target)
    with torch.no_grad():
        ends = [_contrast_of(fit, path.at(batch, torch.full((n,), share)), target) for share in (0.0, 1.0)]
    baseline, output = (end.numpy() for end in ends)
    wanted = options.tolerance * np.maximum(np.abs(output - baseline), options.least_difference)
    parts = [torch.zeros_like(change) for change in path.change]
    steps = np.zeros(n, np.int64)
    todo, points = np.arange(n), options.steps
    while todo.size:
        rows = torch.from_numpy(todo)
        gradients = _mean_gradients(fit, batch.take(rows), path.take(rows), target[rows], points)
        missing = output[todo] - baseline[todo]
        for part, gradient, change in zip(parts, gradients, path.change, strict=True):
            part[rows] = gradient * change[rows]
            missing = missing - part[rows].sum(dim=(1, 2, 3)).numpy()
        steps[todo] = points
        todo = todo[np.abs(missing) > wanted[todo]] if 2 * points <= options.most_steps else todo[:0]
        points *= 2
    eeg, flow, apex = (part.numpy() for part in parts)
    return _Found(eeg, flow, apex, output, baseline, steps)


def _mean_gradients(fit: Differentiable, batch: Batch, path: _Path, target: Tensor, points: int) -> _Three:
    """Mean gradient of the contrast along each sample's path, by Gauss-Legendre quadrature."""
    node, weight = np.polynomial.legendre.leggauss(points)
    share = torch.from_numpy((0.5 * (node + 1.0)).astype(np.float32)).repeat(len(target))
    weights = torch.from_numpy((0.5 * weight).astype(np.float32)).repeat(len(target))
    sample = torch.arange(len(target)).repeat_interleave(points)
    total = _each(path.change, torch.zeros_like)
    for chunk in torch.arange(len(sample)).split(_ROWS):
        rows = sample[chunk]
        at = path.take(rows).at(batch.take(rows), share[chunk])
        inputs = (at.log_power.requires_grad_(), at.flow.requires_grad_(), at.apex.requires_grad_())
        # materialised: a modality that is missing throughout a chunk is not looked at and has no gradient
        gradients = torch.autograd.grad(
            _contrast_of(fit, at, target[rows]).sum(), inputs, allow_unused=True, materialize_grads=True
        )
        for whole, gradient in zip(total, gradients, strict=True):
            whole.index_add_(0, rows, gradient * weights[chunk].view(-1, 1, 1, 1))
    return total


def _contrast_of(fit: Differentiable, batch: Batch, target: Tensor) -> Tensor:
    """(n,) logit of the target less the mean logit: unlike a logit alone, what a softmax can see."""
    logits = fit.logits(batch)
    return logits.gather(1, target[:, None]).squeeze(1) - logits.mean(dim=1)


def _targets(
    members: Sequence[Differentiable], batches: Sequence[Batch], samples: SampleSet, options: ExplanationOptions
) -> Tensor:
    with torch.no_grad():
        logits = torch.stack([m.logits(b) for m, b in zip(members, batches, strict=True)]).mean(dim=0)
    if not torch.isfinite(logits).all():
        raise DataError("cannot explain an answer that is not finite; the EEG or the flow is not finite either")
    return logits.argmax(dim=1) if options.target == "answer" else torch.from_numpy(samples.label.astype(np.int64))


def _shown(batch: Batch, view: View) -> Batch:
    nothing = torch.zeros_like(batch.has_eeg)
    if view == "eeg":
        return replace(batch, has_face=nothing)
    return replace(batch, has_eeg=nothing) if view == "face" else batch


def _check(batch: Batch, view: View) -> None:
    lacking = int((~(batch.has_eeg | batch.has_face)).sum())
    if lacking:
        raise DataError(
            f"{lacking} of the {len(batch.has_eeg)} samples to explain have nothing that the network reads in the view "
            f"'{view}'; leave them out with SampleSet.only"
        )
