"""Random changes to training batches: what headsets, sessions and faces differ in."""

from __future__ import annotations

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Generator, Tensor

from models.network import Batch


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


def augment(batch: Batch, options: AugmentationOptions, generator: Generator) -> Batch:
    """A changed copy of a training batch; masks only ever lose entries."""
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
    sign = torch.tensor([-1.0, 1.0])[:, None, None]
    where = chosen[:, None, None, None]
    return torch.where(where, flow.flip(-1) * sign, flow), torch.where(where, apex.flip(-1), apex)
