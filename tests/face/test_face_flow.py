"""Flow, head motion and strain against fields that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from face_clips import bump, portrait

from realtime.errors import ConfigurationError
from realtime.face._cv import cv2
from realtime.face.alignment import Alignment
from realtime.face.flow import dense_flow, fit_head_motion, optical_strain, remove_curved_motion, remove_head_motion
from realtime.face.regions import REGIONS, region_map


def _warped(crop: np.ndarray, field: np.ndarray) -> np.ndarray:
    """The crop with each point moved by `field`, given where the point arrives (exact for small smooth fields)."""
    y, x = np.mgrid[0 : crop.shape[0], 0 : crop.shape[1]].astype(np.float32)
    back = field.copy()
    for _ in range(5):
        back = cv2.remap(field, x - back[..., 0], y - back[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cv2.remap(crop, x - back[..., 0], y - back[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


@pytest.fixture(scope="module")
def aligned():
    image, landmarks = portrait()
    alignment = Alignment.fit(landmarks.astype(np.float32))
    return alignment.crop(image), region_map(alignment.apply(landmarks))


def _similarity_field(scale: float, angle: float, dx: float, dy: float) -> np.ndarray:
    y, x = np.mgrid[0:256, 0:256].astype(np.float64)
    z = (x - 128) + 1j * (y - 128)
    moved = scale * np.exp(1j * angle) * z - z + dx + 1j * dy
    return np.stack([moved.real, moved.imag], axis=-1).astype(np.float32)


@pytest.mark.parametrize(("method", "limit"), [("dis", 0.08), ("farneback", 0.15)])
def test_flow_of_a_known_warp(aligned, method, limit):
    crop, regions = aligned
    field = np.zeros((256, 256, 2), np.float32)
    where = np.array([180.0, 65.0])
    field[..., 1] = -0.9 * bump(where, (22.0, 16.0))[:256, :256]
    found = dense_flow(crop, _warped(crop, field), method)
    error = np.hypot(*np.moveaxis(found - field, -1, 0))
    assert error[regions.oval].mean() < limit
    brow = regions.masks[REGIONS.index("brow_left")]
    assert found[brow].mean(axis=0) == pytest.approx(field[brow].mean(axis=0), abs=0.12)


def test_flow_of_equal_pictures_is_zero_and_repeats(aligned):
    crop, _ = aligned
    assert np.abs(dense_flow(crop, crop)).max() < 1e-3
    noisy = np.clip(crop.astype(int) + np.random.default_rng(0).integers(-3, 4, crop.shape), 0, 255).astype(np.uint8)
    assert np.array_equal(dense_flow(crop, noisy), dense_flow(crop, noisy))


def test_unknown_flow_is_named(aligned):
    with pytest.raises(
        ConfigurationError, match="no optical flow named 'tvl1'; there are: 'dis', 'fine-dis', 'farneback'"
    ):
        dense_flow(aligned[0], aligned[0], "tvl1")  # type: ignore[arg-type]


def test_a_similarity_is_recovered_exactly(aligned):
    _, regions = aligned
    field = _similarity_field(1.01, 0.02, 3.0, -2.0)
    motion = fit_head_motion(field, regions.grid)
    assert motion.inliers == 1.0
    assert np.abs(remove_head_motion(field, regions.grid)).max() < 1e-3
    assert motion.at(np.array([[128.0, 128.0]]))[0] == pytest.approx([3.0, -2.0], abs=1e-3)


def test_the_motion_of_a_curved_head_is_removed_and_what_one_region_does_stays(aligned):
    _, regions = aligned
    y, x = (np.mgrid[0:256, 0:256].astype(np.float32) - 128.0) / 80.0
    head = np.stack([2.0 - 0.5 * x * x + 0.1 * x * y, -1.0 + 0.3 * y * y], axis=-1).astype(np.float32)
    own = np.zeros_like(head)
    own[..., 1] = -1.0 * bump(np.array([180.0, 65.0]), (16.0, 10.0))[:256, :256]
    assert np.abs(remove_curved_motion(head, regions.grid)).max() < 1e-4
    assert np.abs(remove_curved_motion(head + own, regions.grid) - own)[regions.oval].mean() < 0.02


def test_a_rigid_head_motion_is_removed_and_the_face_s_own_motion_stays(aligned):
    crop, regions = aligned
    head = _similarity_field(1.004, 0.01, 2.0, 1.2)
    own = np.zeros_like(head)
    own[..., 1] = -1.0 * bump(np.array([180.0, 65.0]), (16.0, 10.0))[:256, :256]
    residual = remove_head_motion(dense_flow(crop, _warped(crop, head + own)), regions.grid)
    means = regions.means(residual)[: len(REGIONS)]
    wanted = regions.means(own)[: len(REGIONS)]
    sizes = np.hypot(*means.T)
    assert sizes.argmax() == REGIONS.index("brow_left")
    assert means[REGIONS.index("brow_left")] == pytest.approx(wanted[REGIONS.index("brow_left")], abs=0.12)
    assert np.delete(np.abs(means - wanted).max(axis=1), REGIONS.index("brow_left")).max() < 0.15


def test_outliers_do_not_move_the_head(aligned):
    _, regions = aligned
    field = _similarity_field(1.0, 0.0, 1.0, 0.5)
    field[150:] += 2.0
    motion = fit_head_motion(field, regions.grid)
    assert motion.shift == pytest.approx(1.0 + 0.5j, abs=1e-6)
    assert 0.4 < motion.inliers < 1.0


def test_strain_of_an_affine_field_is_exact():
    exx, eyy, du_dy, dv_dx = 0.02, -0.01, 0.03, 0.01
    y, x = np.mgrid[0:40, 0:50].astype(np.float64)
    field = np.stack([exx * x + du_dy * y + 3, dv_dx * x + eyy * y - 1], axis=-1)
    exy = (du_dy + dv_dx) / 2
    assert optical_strain(field) == pytest.approx(np.full((40, 50), np.sqrt(exx**2 + eyy**2 + 2 * exy**2)), abs=1e-12)


def test_a_rotation_has_no_strain():
    y, x = np.mgrid[0:30, 0:30].astype(np.float64)
    assert np.abs(optical_strain(np.stack([-0.01 * y, 0.01 * x], axis=-1))).max() < 1e-12
