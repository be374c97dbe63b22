"""Region motion by least squares: against known warps, changes of light, head motion, large motion and noise."""

from __future__ import annotations

import numpy as np
import pytest
from face_clips import bump, portrait
from numpy.typing import NDArray

from realtime.face._cv import cv2
from realtime.face.alignment import Alignment
from realtime.face.region_flow import RegionFlow, RegionMotion, prepared
from realtime.face.regions import REGIONS, RegionMap, region_map
from realtime.packets import UInt8

BROW = REGIONS.index("brow_left")


@pytest.fixture(scope="module")
def aligned() -> tuple[UInt8, RegionMap]:
    image, landmarks = portrait()
    alignment = Alignment.fit(landmarks.astype(np.float32))
    return alignment.crop(image), region_map(alignment.apply(landmarks))


def moved(crop: UInt8, field: NDArray) -> NDArray[np.float32]:
    """The crop as it looks when every px has moved by a smooth field."""
    y, x = np.mgrid[0:256, 0:256].astype(np.float32)
    where = (x - field[..., 0]).astype(np.float32), (y - field[..., 1]).astype(np.float32)
    return cv2.remap(crop.astype(np.float32), *where, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def brow_field(px: float) -> NDArray[np.float32]:
    """The left brow goes up."""
    field = np.zeros((256, 256, 2), np.float32)
    field[..., 1] = -px * bump(np.array([180.0, 65.0]), (20.0, 13.0))[:256, :256]
    return field


def head_field(dx: float, dy: float, turn: float) -> NDArray[np.float32]:
    y, x = np.mgrid[0:256, 0:256].astype(np.float32) - 128
    return np.stack([dx - turn * y, dy + turn * x], axis=-1).astype(np.float32)


def between(crop: UInt8, later: NDArray, regions: RegionMap) -> RegionMotion:
    """Not rounded to grey levels: the estimator is tested, not the camera."""
    return RegionFlow(regions).between(prepared(crop), prepared(later.astype(np.float32)))  # type: ignore[arg-type]


@pytest.mark.parametrize("px", [0.15, 0.4, 1.0])
def test_a_brow_s_motion_is_measured_and_nothing_else_moves(aligned, px: float):
    crop, regions = aligned
    field = brow_field(px)
    found = between(crop, moved(crop, field), regions).regions
    # where texture is, counts: the brow itself moves more than the skin about it
    assert found[BROW, 1] == pytest.approx(1.25 * regions.means(field)[BROW, 1], rel=0.25, abs=0.02)
    assert np.hypot(*np.delete(found, [BROW, BROW + 2], axis=0).T).max() < 0.08
    assert np.hypot(*found.T).argmax() == BROW


def test_nothing_moves_between_a_picture_and_itself(aligned):
    crop, regions = aligned
    found = between(crop, crop, regions)
    assert np.abs(found.regions).max() < 1e-6
    assert np.abs(found.eyes).max() < 1e-6
    assert found.head_px < 1e-6


@pytest.mark.parametrize(("dx", "dy", "turn"), [(0.3, -0.2, 0.0), (2.5, 1.5, 0.01), (-6.0, 4.0, 0.02)])
def test_head_motion_is_taken_out(aligned, dx: float, dy: float, turn: float):
    crop, regions = aligned
    brow = brow_field(0.6)
    found = between(crop, moved(crop, head_field(dx, dy, turn) + brow), regions)
    assert found.head_px == pytest.approx(np.hypot(dx, dy) + 80 * turn, rel=0.35, abs=0.05)
    assert np.hypot(*found.regions.T).argmax() == BROW
    assert found.regions[BROW, 1] == pytest.approx(regions.means(brow)[BROW, 1], abs=0.15)
    assert np.hypot(*np.delete(found.regions, [BROW, BROW + 2], axis=0).T).max() < 0.15


def test_gain_and_offset_of_the_brightness_are_not_motion(aligned):
    crop, regions = aligned
    found = between(crop, 0.95 * moved(crop, brow_field(0.4)) + 4.0, regions).regions
    plain = between(crop, moved(crop, brow_field(0.4)), regions).regions
    assert found == pytest.approx(plain, abs=0.08)


def test_a_large_motion_is_still_large(aligned):
    crop, regions = aligned
    field = brow_field(5.0)
    found = between(crop, moved(crop, field), regions).regions
    assert found[BROW, 1] < 0.4 * regions.means(field)[BROW, 1]


def test_noise_of_the_camera_moves_a_region_by_less_than_a_tenth_of_a_px(aligned):
    crop, regions = aligned
    rng = np.random.default_rng(4)
    sizes = [
        np.hypot(*between(crop + 0, crop + 2.0 * rng.standard_normal(crop.shape), regions).regions.T) for _ in range(20)
    ]
    assert np.quantile(sizes, 0.9) < 0.1


def test_a_face_that_is_hardly_in_the_picture_has_finite_motion(aligned):
    crop, regions = aligned
    dark = np.zeros_like(crop)
    found = between(dark, dark.astype(np.float32), regions)
    assert np.isfinite(found.regions).all()
    assert np.isfinite(found.eyes).all()
    assert np.isfinite(found.head_px)
