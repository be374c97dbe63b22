"""The part of the picture that moves with the head, and how each of its px goes along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from realtime.packets import Float32
from simulators.face_motion import Pose
from simulators.portrait import Look
from simulators.warp import bump

STEP = 2
"""Smooth fields live on every second px: the coarse grid."""


@dataclass(frozen=True, slots=True)
class HeadBox:
    """Box around a head at rest, px of the frame.

    Parameters
    ----------
    px : (rows, columns)
        Slices of the frame.
    x, y : (1, width) and (height, 1) float32
        Px of the frame on the coarse grid.
    coarse : (height, width, 2) float32
        Indices of the coarse grid.
    pivot : (x, y)
        The neck: the head turns on it.
    scale : float
        Frame px of one px of the 224 px crop.
    """

    px: tuple[slice, slice]
    x: Float32
    y: Float32
    coarse: Float32
    pivot: tuple[float, float]
    scale: float
    _weight: Float32
    _weight_x: Float32
    _weight_y: Float32
    _depth: Float32

    @classmethod
    def around(cls, look: Look, size: tuple[int, int]) -> Self:
        """The box of a person in frames of a size (width, height)."""
        points, k = look.points, look.px_per_crop_px
        cx = 0.5 * (points["cheek_edge_left"][0] + points["cheek_edge_right"][0])
        cy = 0.5 * (points["cheek_edge_left"][1] + points["cheek_edge_right"][1])
        x0, x1 = max(0, int(cx - 235 * k)) // STEP * STEP, min(size[0], int(cx + 235 * k)) // STEP * STEP
        y0, y1 = max(0, int(cy - 290 * k)) // STEP * STEP, min(size[1], int(cy + 215 * k)) // STEP * STEP
        x = (np.arange(x0, x1, STEP, dtype=np.float32) + (STEP - 1) / 2)[None]
        y = (np.arange(y0, y1, STEP, dtype=np.float32) + (STEP - 1) / 2)[:, None]
        far = np.hypot((x - cx) / (178 * k), (y - (cy - 35 * k)) / (198 * k))
        edge = np.clip((1.28 - far) / 0.28, 0.0, 1.0)
        # how much of the head's motion each px takes
        weight = edge * edge * (3.0 - 2.0 * edge)
        pivot = (cx, cy + 170 * k)
        # how far a place sticks out: what the head's turning moves against the cheeks' edges
        nose = (cx, cy + 26 * k)
        round_ = np.clip(1.0 - ((x - cx) / (125 * k)) ** 2, 0.0, 1.0) * bump(x, y, nose, 400 * k, 100 * k)
        depth = weight * (0.65 * round_ + 0.35 * bump(x, y, nose, 17 * k, 22 * k))
        return cls(
            px=(slice(y0, y1), slice(x0, x1)),
            x=x,
            y=y,
            coarse=np.stack(np.meshgrid(np.arange(x.size), np.arange(y.size)), -1).astype(np.float32),
            pivot=pivot,
            scale=k,
            _weight=weight.astype(np.float32),
            _weight_x=(weight * (x - pivot[0])).astype(np.float32),
            _weight_y=(weight * (y - pivot[1])).astype(np.float32),
            _depth=depth.astype(np.float32),
        )

    def motion(self, pose: Pose) -> Float32:
        """Where the head's px come from: displacement on the coarse grid, (height, width, 2) float32 px of the frame.

        Parameters
        ----------
        pose : tuple of float
            (dx, dy, rotation, log scale, yaw, pitch), see `simulators.face_motion.Sway`.
        """
        dx, dy, turn, grow, yaw, pitch = pose
        shrink = np.exp(-grow)
        a, b = shrink * np.cos(turn) - 1.0, shrink * np.sin(turn)
        tx, ty = -dx * self.scale, -dy * self.scale
        shift = np.empty((self.y.size, self.x.size, 2), np.float32)
        shift[..., 0] = np.float32(a) * self._weight_x + np.float32(b) * self._weight_y + np.float32(tx) * self._weight
        shift[..., 1] = np.float32(a) * self._weight_y - np.float32(b) * self._weight_x + np.float32(ty) * self._weight
        shift[..., 0] -= np.float32(yaw * self.scale) * self._depth
        shift[..., 1] -= np.float32(pitch * self.scale) * self._depth
        return shift
