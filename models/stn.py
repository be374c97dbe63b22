"""Spatial transformer over the face: where to look is read from the flow, what is looked at is flow and apex."""

from __future__ import annotations

from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.config import DEFAULT_ANCHORS, Anchor

_LIMIT = 0.3


def optical_strain(flow: Tensor) -> Tensor:
    """Magnitude of the infinitesimal strain of a flow field, from central differences.

    Parameters
    ----------
    flow : (batch, 2, height, width) float32

    Returns
    -------
    (batch, 1, height, width) float32
        Non-negative, in units of `flow` a pixel; 0 on the outermost pixels.

    References
    ----------
    Shreve et al. (2011), "Macro- and micro-expression spotting in long videos using spatio-temporal strain".
    """
    along_x = 0.5 * (flow[:, :, 1:-1, 2:] - flow[:, :, 1:-1, :-2])
    along_y = 0.5 * (flow[:, :, 2:, 1:-1] - flow[:, :, :-2, 1:-1])
    shear = 0.5 * (along_y[:, 0] + along_x[:, 1])
    squared = along_x[:, 0].square() + along_y[:, 1].square() + 2.0 * shear.square()
    # the root's slope at 0 is infinite; flow may need a gradient (adversarial checks), so keep it finite
    strain = torch.sqrt(squared + 1e-12) - 1e-6
    return F.pad(strain.unsqueeze(1), (1, 1, 1, 1))


class RegionSampler(nn.Module):
    """Localisation network and grid sampler: several affine glimpses of the face.

    The localisation network reads the flow and its strain, pooled to about 32 px, and predicts one affine theta a
    glimpse; its last layer starts at zero, so theta starts exactly at the anchors. The grid sampler applies the same
    theta to every plane given to it.

    Parameters
    ----------
    n_planes : int
        Planes that localisation reads (flow x, flow y, strain).
    face_px, glimpse_px : int
        Side of the input and of a glimpse.
    anchors : sequence of (x, y, half width)
        One glimpse each.

    References
    ----------
    Jaderberg et al. (2015), "Spatial transformer networks".
    """

    base: Tensor
    anchor_theta: Tensor

    def __init__(
        self, n_planes: int, face_px: int, glimpse_px: int, anchors: tuple[Anchor, ...] = DEFAULT_ANCHORS
    ) -> None:
        super().__init__()
        self.n_glimpses = len(anchors)
        self.glimpse_px = glimpse_px
        self._pool = max(1, face_px // 32)
        side = face_px // self._pool
        for _ in range(2):
            side = (side + 1) // 2
        self.localisation = nn.Sequential(
            nn.AvgPool2d(self._pool),
            nn.Conv2d(n_planes, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * side * side, 32),
            nn.ReLU(),
        )
        self.to_theta = nn.Linear(32, 6 * self.n_glimpses)
        nn.init.zeros_(self.to_theta.weight)
        nn.init.zeros_(self.to_theta.bias)
        theta = torch.tensor([[[s, 0.0, x], [0.0, s, y]] for x, y, s in anchors])
        self.register_buffer("anchor_theta", theta, persistent=False)
        centre = (2.0 * torch.arange(glimpse_px) + 1.0) / glimpse_px - 1.0
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        self.register_buffer("base", torch.stack([x, y, torch.ones_like(x)], -1).reshape(-1, 3), persistent=False)

    def theta(self, planes: Tensor) -> Tensor:
        """(batch, n_planes, px, px) -> (batch, n_glimpses, 2, 3), output to input coordinates in [-1, 1]."""
        shift = self.to_theta(self.localisation(planes)).view(-1, self.n_glimpses, 2, 3)
        return self.anchor_theta + _LIMIT * torch.tanh(shift)

    def sample(self, image: Tensor, theta: Tensor) -> Tensor:
        """Crop every glimpse from every plane.

        Parameters
        ----------
        image : (batch, planes, px, px) float32
        theta : (batch, n_glimpses, 2, 3) float32

        Returns
        -------
        (batch * n_glimpses, planes, glimpse_px, glimpse_px) float32
            Zero outside the image.
        """
        batch, planes = image.shape[:2]
        side, n = self.glimpse_px, self.n_glimpses
        kind = image.device.type
        # bfloat16 would put the glimpses up to a quarter of a pixel off
        with torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext():
            grid = torch.matmul(self.base, theta.float().transpose(-1, -2)).view(batch, n * side, side, 2)
        # one tall grid a face: the image is not copied once a glimpse
        tall = F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
        return tall.view(batch, planes, n, side, side).transpose(1, 2).reshape(batch * n, planes, side, side)
