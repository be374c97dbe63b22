"""What is drawn on a face lies where the engine's regions lie, and the tint can be told apart by everyone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PyQt5.QtCore import QPointF
from PyQt5.QtGui import QColor, QImage, QPainter
from skimage import data

from gui.panels.face.flow_arrows import ARROW_PX, flow_arrows, paint_arrows
from gui.panels.face.overlay import FaceShape, MotionLegend, crop_placement, region_paths, strength, tint
from gui.theme import DARK
from realtime.face import regions
from realtime.face.alignment import Alignment
from realtime.face.tracker import FaceTracker
from realtime.packets import Float32


@pytest.fixture(scope="module")
def landmarks() -> Float32:
    """Mesh of a real face."""
    face = FaceTracker().track(np.ascontiguousarray(data.astronaut()[:400, :400]))
    assert face is not None
    return face.landmarks


def test_the_crop_lies_where_the_engine_cuts_it(landmarks: Float32) -> None:
    placement = crop_placement(landmarks)
    assert placement is not None
    fitted = Alignment.fit(landmarks)
    for x, y in ((64.0, 87.0), (192.0, 87.0), (128.0, 200.0)):
        there = placement.map(QPointF(x, y))
        back = fitted.apply(np.array([[there.x(), there.y()]]))[0]
        assert math.dist(back, (x, y)) < 8.0, "px of the crop"


def test_each_region_covers_what_the_engine_measures(landmarks: Float32) -> None:
    points = Alignment.fit(landmarks).apply(landmarks)
    engine = regions.region_map(points)
    paths = region_paths(points)
    assert set(paths) == set(regions.REGIONS)
    for name, mask in zip(regions.REGIONS, engine.masks, strict=True):
        canvas = QImage(256, 256, QImage.Format.Format_Grayscale8)
        canvas.fill(0)
        painter = QPainter(canvas)
        painter.fillPath(paths[name], QColor("white"))
        painter.end()
        bits = canvas.constBits()
        assert bits is not None
        drawn = np.frombuffer(bits.asstring(256 * 256), np.uint8).reshape(256, 256) > 127
        shared = (drawn & mask).sum() / (drawn | mask).sum()
        assert shared > 0.6, f"{name}: {shared:.2f}"
        assert (drawn & mask).sum() > 0.8 * mask.sum(), name


def test_a_mesh_that_is_none_draws_nothing() -> None:
    shape = FaceShape.of(np.zeros((468, 2), np.float32))
    assert (shape.oval, shape.paths, shape.placement) == (None, {}, None)
    assert crop_placement(np.zeros((5, 2), np.float32)) is None
    assert crop_placement(np.full((468, 2), np.nan, np.float32)) is None


def test_the_ramp_grows_brighter_with_every_step_and_ends_where_it_says() -> None:
    assert [strength(x) for x in (math.nan, -1.0, 0.0, 2.0, 64.0, 500.0)] == [0, 0, 0, 0, 1, 1]
    assert strength(8.0) == pytest.approx(0.4)
    # what a colour-blind eye and a grey print keep of a colour is its brightness
    luma = [
        0.2126 * color.redF() + 0.7152 * color.greenF() + 0.0722 * color.blueF()
        for color in (tint(2.0 * 64 ** (step / 24)) for step in range(21))
    ]
    assert (np.diff(luma) > 0).all()
    assert luma[-1] > 2.5 * luma[0]


def test_the_legend_speaks(qtbot) -> None:
    legend = MotionLegend(DARK)
    qtbot.addWidget(legend)
    legend.resize(240, 26)
    assert not legend.grab().isNull()
    assert "64 times or more" in legend.accessibleDescription()


def test_arrows_stand_on_the_cells_that_move_and_all_grow_alike() -> None:
    flow = np.zeros((256, 256, 2), np.float32)
    flow[96:112, 96:112] = (0.8, 0.0)
    flow[160:176, 96:112] = (0.0, -0.4)
    flow[200:216, 200:216] = (0.01, 0.0)
    arrows, gain = flow_arrows(flow)
    assert gain == pytest.approx(ARROW_PX / 0.8, rel=1e-4)
    np.testing.assert_allclose(arrows[0], [104, 104, 104 + ARROW_PX, 104], rtol=1e-5)
    np.testing.assert_allclose(arrows[1], [104, 168, 104, 168 - ARROW_PX / 2], rtol=1e-5)
    assert len(arrows) == 2, "what is far below the longest is not drawn"
    assert flow_arrows(0.01 * flow)[1] == pytest.approx(ARROW_PX / 0.25, rel=1e-4), (
        "noise is not lengthened without end"
    )
    assert len(flow_arrows(np.zeros((256, 256, 2), np.float32))[0]) == 0


def test_arrows_are_painted_bright_on_a_dark_seam(qapp) -> None:
    canvas = QImage(64, 64, QImage.Format.Format_RGB32)
    canvas.fill(0xFF808080)
    painter = QPainter(canvas)
    paint_arrows(painter, np.array([[10, 32, 50, 32]], np.float32))
    painter.end()
    across = [canvas.pixelColor(30, y).lightness() for y in range(28, 37)]
    assert max(across) > 135
    assert min(across) < 90
