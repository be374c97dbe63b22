"""Flow maps as the small face networks are trained on them: standardised, and varied anew in every epoch."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from models.augmentation import draw_affine, mirrored, smooth_field, turn_vectors, warp_planes
from models.baseline_features import flow_maps
from models.samples import SampleSet
from models.small.maps import MAP_PX
from models.small.options import MapAugmentation


def face_maps(samples: SampleSet, rows: NDArray[np.intp]) -> Tensor:
    """(n_rows, 3, 28, 28) float32: u, v and strain of the samples at `rows`, standardised."""
    maps = flow_maps(samples, rows, MAP_PX).transpose(0, 3, 1, 2)
    return standardise(torch.from_numpy(np.ascontiguousarray(maps)))


def standardise(maps: Tensor) -> Tensor:
    """`models.small.maps.standardised` for training: the same, under torch.

    Parameters
    ----------
    maps : (n, 3, px, px) float32
    """
    flow, strain = maps[:, :2], maps[:, 2:]
    rest = _medians(flow)[:, :, None, None]
    centred = torch.cat([flow - rest, strain - strain.mean(dim=(2, 3), keepdim=True)], dim=1)
    scale = centred.square().mean(dim=(2, 3), keepdim=True).sqrt()
    # a plane that is the same everywhere stays zero
    return centred / scale.clamp_min(1e-6)


def _medians(planes: Tensor) -> Tensor:
    """(n, k, px, px) -> (n, k): as `Tensor.median`, the lower of two in the middle; NumPy is seven times quicker."""
    values = planes.flatten(2).numpy()
    middle = (values.shape[2] - 1) // 2
    return torch.from_numpy(np.partition(values, middle, axis=2)[:, :, middle])


def vary_maps(maps: Tensor, options: MapAugmentation, generator: Generator) -> Tensor:
    """A changed copy of (n, 3, 28, 28) standardised maps, standardised again."""
    n, px = len(maps), maps.shape[-1]
    chosen = (torch.rand(n, 1, 1, 1, generator=generator) < options.mirror).flatten()
    # only those that are: a choice between two whole sets costs four times as much
    maps = maps.clone()
    maps[chosen] = mirrored(maps[chosen])
    theta = draw_affine(n, options.rotation_sd, options.zoom_sd, options.shift_sd, generator)
    maps = turn_vectors(warp_planes(maps, theta), theta)
    along = torch.linspace(-1.0, 1.0, px)
    slope = options.stretch_sd * torch.randn(n, 2, 2, 1, 1, generator=generator)
    flow = maps[:, :2] + slope[:, :, 0] * along + slope[:, :, 1] * along[:, None]
    flow = flow + smooth_field(flow, options.smooth_sd, generator)
    maps = torch.cat([flow, maps[:, 2:]], dim=1)
    maps = maps * torch.exp(options.gain_sd * torch.randn(n, 3, 1, 1, generator=generator))
    return standardise(maps.masked_fill(_squares(n, px, options.cutout, generator), 0.0))


def _squares(n: int, px: int, probability: float, generator: Generator) -> Tensor:
    """(n, 1, px, px) bool: a square of 6 to 14 px in some of the maps."""
    chosen = torch.rand(n, generator=generator) < probability
    centre = px * torch.rand(n, 2, generator=generator)
    half = (3.0 + 4.0 * torch.rand(n, generator=generator)) * chosen
    near = (torch.arange(float(px))[None, None, :] - centre[:, :, None]).abs() < half[:, None, None]
    return (near[:, 0, None, :] & near[:, 1, :, None])[:, None]
