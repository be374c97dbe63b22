"""Random changes to training batches: what headsets, sessions and faces differ in."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Generator, Tensor

from models.network import Batch

_COARSE = 7


class AugmentationOptions(BaseModel):
    """How often and how strongly; probabilities are a sample."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channel_dropout: float = Field(default=0.5, ge=0, le=1, description="probability that channels are dropped")
    min_channels: int = Field(default=8, ge=1, description="no fewer channels than this are kept")
    short_history: float = Field(default=0.5, ge=0, le=1, description="probability that the oldest windows are masked")
    min_windows: int = Field(default=3, ge=1, description="no fewer of the newest windows than this are kept")
    time_masking: float = Field(default=0.3, ge=0, le=1, description="probability that a run of windows is masked")
    longest_mask: int = Field(default=8, ge=1, description="windows")
    band_offset_sd: float = Field(default=0.3, ge=0, description="z-units added to one band of all channels")
    channel_offset_sd: float = Field(default=0.2, ge=0, description="z-units added to one band of one channel")
    mirror: float = Field(default=0.5, ge=0, le=1, description="probability that the face is mirrored")
    flow_gain: float = Field(default=0.4, ge=0, lt=1, description="flow is scaled by 1 - this to 1 + this")
    rotation_sd: float = Field(default=0.0, ge=0, description="rad; the same warp for flow and picture, as below")
    zoom_sd: float = Field(default=0.0, ge=0, description="of the logarithm of the size, each axis on its own")
    shift_sd: float = Field(default=0.0, ge=0, description="half widths of the face's square")
    smooth_flow_sd: float = Field(default=0.0, ge=0, description="of a smooth field added to the flow, its units")
    mixup: float = Field(default=0.0, ge=0, le=1, description="probability of mixing with a sample of the same class")


def augment(batch: Batch, options: AugmentationOptions, generator: Generator, label: Tensor | None = None) -> Batch:
    """A changed copy of a training batch; masks only ever lose entries.

    Parameters
    ----------
    batch : Batch
    options : AugmentationOptions
    generator : torch.Generator
    label : (batch,) int64, optional
        Needed for mixup; without it nothing is mixed.
    """
    if options.mixup > 0 and label is not None:
        batch = mix_within_class(batch, label, options.mixup, generator)
    channel_mask = drop_channels(batch.channel_mask, options, generator)
    window_mask = mask_windows(batch.window_mask, options, generator)
    log_power = batch.log_power
    if options.band_offset_sd > 0 or options.channel_offset_sd > 0:
        n, _, n_channels, n_bands = log_power.shape
        offset = options.band_offset_sd * torch.randn(n, 1, 1, n_bands, generator=generator)
        log_power = log_power + offset
        log_power += options.channel_offset_sd * torch.randn(n, 1, n_channels, n_bands, generator=generator)
    chosen = torch.rand(len(batch.flow), generator=generator) < options.mirror
    flow, apex = mirror_face(batch.flow, batch.apex, chosen)
    if max(options.rotation_sd, options.zoom_sd, options.shift_sd) > 0:
        theta = draw_affine(len(flow), options.rotation_sd, options.zoom_sd, options.shift_sd, generator)
        flow, apex = turn_vectors(warp_planes(flow, theta), theta), warp_planes(apex, theta)
    if options.smooth_flow_sd > 0:
        flow = flow + smooth_field(flow[:, :2], options.smooth_flow_sd, generator)
    gain = 1.0 + options.flow_gain * (2.0 * torch.rand(len(flow), 1, 1, 1, generator=generator) - 1.0)
    return Batch(log_power, channel_mask, window_mask, flow * gain, apex, batch.has_eeg, batch.has_face)


def drop_channels(mask: Tensor, options: AugmentationOptions, generator: Generator) -> Tensor:
    """Mask random channels over all windows: from none down to `min_channels` kept, evenly distributed.

    Parameters
    ----------
    mask : (batch, n_windows, n_channels) bool
    """
    n, _, n_channels = mask.shape
    least = min(options.min_channels, n_channels)
    kept = torch.randint(least, n_channels + 1, (n, 1), generator=generator)
    rank = torch.rand(n, n_channels, generator=generator).argsort(dim=1).argsort(dim=1)
    keep = rank < kept
    keep |= torch.rand(n, 1, generator=generator) >= options.channel_dropout
    return mask & keep[:, None, :]


def mask_windows(mask: Tensor, options: AugmentationOptions, generator: Generator) -> Tensor:
    """Mask the oldest windows, as at a session's start, and a run of windows, as in a gap; the newest always stay.

    Parameters
    ----------
    mask : (batch, n_windows) bool
    """
    n, n_windows = mask.shape
    age = torch.arange(n_windows - 1, -1, -1)
    least = min(options.min_windows, n_windows)
    kept = torch.randint(least, n_windows + 1, (n, 1), generator=generator)
    short = torch.rand(n, 1, generator=generator) < options.short_history
    keep = (age < kept) | ~short
    start = torch.randint(0, n_windows, (n, 1), generator=generator)
    length = torch.randint(1, options.longest_mask + 1, (n, 1), generator=generator)
    hole = (age >= start) & (age < start + length) & (age >= least)
    hole &= torch.rand(n, 1, generator=generator) < options.time_masking
    return mask & keep & ~hole


def mirror_face(flow: Tensor, apex: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    """Mirror flow and apex together, left to right; a mirrored flow also points the other way along x.

    Parameters
    ----------
    flow : (batch, 2, px, px) float32
    apex : (batch, 1, px, px) float32
    chosen : (batch,) bool
    """
    where = chosen[:, None, None, None]
    return torch.where(where, mirrored(flow), flow), torch.where(where, apex.flip(-1), apex)


def mirrored(flow: Tensor) -> Tensor:
    """(batch, planes, px, px) u, v and whatever has no direction -> the same face seen in a mirror."""
    sign = torch.ones(flow.shape[1])
    sign[0] = -1.0
    return flow.flip(-1) * sign[:, None, None]


def draw_affine(n: int, rotation_sd: float, zoom_sd: float, shift_sd: float, generator: Generator) -> Tensor:
    """(n, 2, 3) thetas near the identity: from output to input coordinates, both -1 to 1, as the STN's."""
    angle = rotation_sd * torch.randn(n, generator=generator)
    zoom = torch.exp(zoom_sd * torch.randn(n, 2, generator=generator))
    shift = shift_sd * torch.randn(n, 2, generator=generator)
    cos, sin = angle.cos(), angle.sin()
    row_x = torch.stack([cos * zoom[:, 0], -sin * zoom[:, 1], shift[:, 0]], dim=1)
    row_y = torch.stack([sin * zoom[:, 0], cos * zoom[:, 1], shift[:, 1]], dim=1)
    return torch.stack([row_x, row_y], dim=1)


def warp_planes(planes: Tensor, theta: Tensor) -> Tensor:
    """Resample (batch, planes, px, px) under (batch, 2, 3); what lies outside repeats the edge."""
    grid = F.affine_grid(theta, list(planes.shape), align_corners=False)
    return F.grid_sample(planes, grid, padding_mode="border", align_corners=False)


def turn_vectors(flow: Tensor, theta: Tensor) -> Tensor:
    """Rotate and scale u and v as the warp did the face: theta leads back, so its inverse applies to motion.

    Parameters
    ----------
    flow : (batch, 2 or more, px, px) float32
        Already resampled; planes after the second have no direction and are left alone.
    theta : (batch, 2, 3) float32
    """
    vectors = torch.einsum("bij,bjyx->biyx", torch.linalg.inv(theta[:, :, :2]), flow[:, :2])
    return torch.cat([vectors, flow[:, 2:]], dim=1)


def smooth_field(like: Tensor, sd: float, generator: Generator) -> Tensor:
    """Random motion that varies over the face as slowly as what head and light leave behind; shape of `like`."""
    coarse = sd * torch.randn(*like.shape[:2], _COARSE, _COARSE, generator=generator)
    down, across = (_bicubic(side) for side in like.shape[2:])
    return down @ coarse @ across.T


@cache
def _bicubic(side: int) -> Tensor:
    """(side, 7): bicubic interpolation along one axis as a matrix; both axes so cost a tenth of `F.interpolate`."""
    one_axis = torch.eye(_COARSE).view(1, _COARSE, _COARSE, 1)
    return F.interpolate(one_axis, size=[side, 1], mode="bicubic", align_corners=False)[0, :, :, 0].T.contiguous()


def same_class_partners(label: Tensor, generator: Generator) -> Tensor:
    """(n,) int64: for each sample one of its class, possibly itself, each used once."""
    partner = torch.arange(len(label))
    for value in label.unique():
        rows = (label == value).nonzero().squeeze(1)
        partner[rows] = rows[torch.randperm(len(rows), generator=generator)]
    return partner


def mix_within_class(batch: Batch, label: Tensor, probability: float, generator: Generator) -> Batch:
    """Blend samples with others of their class that have the same modalities; a window counts where it did in both.

    References
    ----------
    Zhang et al. (2018), "mixup: beyond empirical risk minimization".
    """
    n = len(label)
    kind = label * 4 + batch.has_eeg.long() * 2 + batch.has_face.long()
    partner = same_class_partners(kind, generator)
    # a small share of the other keeps each sample mostly itself
    share = 0.5 * torch.rand(n, generator=generator) * (torch.rand(n, generator=generator) < probability)
    there = batch.channel_mask & batch.window_mask[:, :, None]
    common = there & there[partner]
    share = torch.where(common.flatten(1).any(dim=1) | ~batch.has_eeg, share, 0.0)
    mixed = share > 0
    rest = 1.0 - share

    def blend(x: Tensor) -> Tensor:
        view = [n] + [1] * (x.ndim - 1)
        # a mask may hide anything, infinite values included
        return torch.where(mixed.view(view), x * rest.view(view) + x[partner] * share.view(view), x)

    return Batch(
        log_power=blend(batch.log_power),
        channel_mask=torch.where(mixed[:, None, None], common, batch.channel_mask),
        window_mask=batch.window_mask & (~mixed[:, None] | batch.window_mask[partner]),
        flow=blend(batch.flow),
        apex=blend(batch.apex),
        has_eeg=batch.has_eeg,
        has_face=batch.has_face,
    )
