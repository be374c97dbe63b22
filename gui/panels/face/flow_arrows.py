"""The flow between onset and apex as colours and as arrows."""

from __future__ import annotations

import math

import numpy as np
from PyQt5.QtCore import QLineF
from PyQt5.QtGui import QColor, QPainter, QPen

from realtime.packets import Float32, UInt8

FLOOR_PX = 0.25
"""Flow shorter than this never fills the scale, so that noise stays dark."""

ARROW_PX = 20.0
"""Length of the longest arrows, px of the crop."""

_LEAST_SHARE = 0.2
_HEAD = 0.38
_COLOR = QColor("#ffe45c")
_SHADE = QColor(0, 0, 0, 170)


def flow_picture(flow: Float32, floor_px: float = FLOOR_PX) -> tuple[UInt8, float]:
    """Flow as colours: hue is direction, brightness is length up to the longest shown.

    Parameters
    ----------
    flow : (height, width, 2) float32 px
    floor_px : float
        Flow shorter than this never fills the scale.

    Returns
    -------
    image : (height, width, 3) uint8 RGB
    full_px : float
        Length at full brightness: the 99th percentile.
    """
    length = np.hypot(flow[..., 0], flow[..., 1])
    full = max(floor_px, float(np.percentile(length, 99)))
    value = np.clip(length / full, 0.0, 1.0)
    hue = (np.arctan2(flow[..., 1], flow[..., 0]) / (2 * np.pi)) % 1.0
    # the three channels of a fully saturated hue are one triangle wave, shifted by thirds
    shifts = np.array([0.0, 4.0, 2.0]) / 6.0
    wave = np.abs(((hue[..., None] + shifts + 0.5) % 1.0) * 6.0 - 3.0) - 1.0
    saturated = 1.0 - np.clip(wave, 0.0, 1.0)
    return np.rint(saturated * value[..., None] * 255).astype(np.uint8), full


def flow_arrows(flow: Float32, cell_px: int = 16, floor_px: float = FLOOR_PX) -> tuple[Float32, float]:
    """Flow as arrows: the mean of each cell that moves enough, all lengthened by the same factor.

    Parameters
    ----------
    flow : (height, width, 2) float32 px
    cell_px : int
        Side of a cell.
    floor_px : float
        Shorter than this is never lengthened to the full arrow, so that noise stays small.

    Returns
    -------
    arrows : (n, 4) float32
        x, y of the start, x, y of the end, px of the flow's own picture.
    gain : float
        How many times longer than the motion an arrow is.
    """
    rows, columns = flow.shape[0] // cell_px, flow.shape[1] // cell_px
    cells = flow[: rows * cell_px, : columns * cell_px].reshape(rows, cell_px, columns, cell_px, 2).mean(axis=(1, 3))
    length = np.hypot(cells[..., 0], cells[..., 1])
    longest = max(floor_px, float(length.max(initial=0.0)))
    gain = ARROW_PX / longest
    row, column = np.nonzero(length > _LEAST_SHARE * longest)
    start = (np.stack([column, row], axis=1) + 0.5) * cell_px
    return np.hstack([start, start + gain * cells[row, column]]).astype(np.float32), gain


def paint_arrows(painter: QPainter, arrows: Float32, width: float = 1.0) -> None:
    """Draw arrows with a painter whose unit is a px of the crop: bright on a dark seam, to be seen on any skin.

    Parameters
    ----------
    painter : QPainter
    arrows : (n, 4) float32
    width : float
        Of the line, screen px.
    """
    if not len(arrows):
        return
    lines: list[QLineF] = []
    for x0, y0, x1, y1 in arrows.tolist():
        dx, dy = x1 - x0, y1 - y0
        head = min(_HEAD, 7.0 / max(math.hypot(dx, dy), 1e-6))
        lines.append(QLineF(x0, y0, x1, y1))
        barbs = ((x1 - head * (dx - side * dy), y1 - head * (dy + side * dx)) for side in (0.55, -0.55))
        lines += [QLineF(x1, y1, x, y) for x, y in barbs]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for color, thickness in ((_SHADE, 2.4 * width + 1.0), (_COLOR, 1.5 * width)):
        pen = QPen(color, thickness)
        pen.setCosmetic(True)
        painter.setPen(pen)
        painter.drawLines(*lines)
