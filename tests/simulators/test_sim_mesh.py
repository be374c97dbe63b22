"""Movements on the face mesh: their size, their side, and that nothing tears."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.errors import ConfigurationError, DataError
from realtime.face.alignment import Alignment
from simulators.action_units import UNITS, regions_of
from simulators.mesh import GRID_PX, MARGIN_PX, FaceMesh, anchors, backward, eyelids, lips, oval, to_frame
from simulators.portrait import load_portrait
from simulators.puppet import find_face


@pytest.fixture(scope="module")
def landmarks() -> np.ndarray:
    return find_face(load_portrait()[0:300, 80:380].astype(np.uint8))


@pytest.fixture(scope="module")
def mesh(landmarks: np.ndarray) -> FaceMesh:
    return FaceMesh.of_frame(landmarks)[0]


def test_anchors_lie_on_their_side_and_in_their_order(mesh: FaceMesh) -> None:
    points = anchors(mesh.rest)
    names = {name.rsplit("_", 1)[0] for name in points}
    assert {bump.anchor for unit in UNITS.values() for bump in unit.bumps} <= names
    for name in names:
        assert points[f"{name}_left"][0] > points[f"{name}_right"][0]  # the picture is not mirrored
    for side in ("left", "right"):
        heights = [points[f"{name}_{side}"][1] for name in ("brow_mid", "lid_upper", "lid_lower", "nose_wing", "chin")]
        assert heights == sorted(heights)


@pytest.mark.parametrize("unit", list(UNITS))
def test_amplitude_is_the_mean_of_the_strongest_region(mesh: FaceMesh, unit: int) -> None:
    field = mesh.movement([unit])
    means = {name: value / mesh.scale for name, value in mesh.region_means(field).items()}
    peak = float(np.hypot(field[..., 0], field[..., 1]).max()) / mesh.scale
    strongest = max(means, key=lambda name: means[name])
    assert peak <= 2.0 + 1e-4
    # a lid or a lip fills little of its region: there the peak counts
    assert means[strongest] == pytest.approx(1.0, abs=1e-4) or peak == pytest.approx(2.0, abs=1e-4)
    assert means[strongest] > 0.4
    seen = [means[name] for name in regions_of([unit])]
    assert max(seen) > 0.9 * means[strongest]


def test_a_movement_goes_the_way_its_unit_says(mesh: FaceMesh) -> None:
    def at(units: list[int], name: str, side: str = "both") -> np.ndarray:
        x, y = np.round(anchors(mesh.rest)[name]).astype(int) + MARGIN_PX
        return mesh.movement(units, side)[y, x]

    assert at([12], "mouth_corner_left")[0] > 0.3 > -0.3 > at([12], "mouth_corner_right")[0]
    assert at([12], "mouth_corner_left")[1] < -0.3
    assert at([4], "brow_inner_left")[1] > 0.3
    assert at([1], "brow_inner_left")[1] < -0.3
    assert np.hypot(*at([12], "mouth_corner_right", "left")) < 0.05 < np.hypot(*at([12], "mouth_corner_left", "left"))


def test_nothing_tears_and_nothing_moves_outside_the_face(mesh: FaceMesh) -> None:
    low, high = oval(mesh.rest).min(axis=0) + MARGIN_PX, oval(mesh.rest).max(axis=0) + MARGIN_PX
    room = 0.35 * (high - low)
    y, x = np.mgrid[0:GRID_PX, 0:GRID_PX]
    outside = (x < low[0] - room[0]) | (x > high[0] + room[0]) | (y < low[1] - room[1]) | (y > high[1] + room[1])
    for number, unit in UNITS.items():
        field = mesh.movement([number])
        assert np.all(field[outside] == 0.0)
        if not unit.opening:  # lips that part are torn
            assert np.abs(np.diff(field, axis=0)).max() < 0.25
            assert np.abs(np.diff(field, axis=1)).max() < 0.25


def test_backward_field_finds_where_the_skin_came_from(mesh: FaceMesh) -> None:
    field = 5.0 * mesh.movement([12])
    back = backward(field)
    x, y = np.round(anchors(mesh.rest)["mouth_corner_left"]).astype(int) + MARGIN_PX + [6, -4]
    rest_y, rest_x = y - back[y, x, 1], x - back[y, x, 0]
    assert np.hypot(*back[y, x]) > 0.5
    j, i = int(rest_y), int(rest_x)
    corners = field[j : j + 2, i : i + 2]
    fy, fx = rest_y - j, rest_x - i
    there = (corners * np.outer([1 - fy, fy], [1 - fx, fx])[..., None]).sum(axis=(0, 1))
    np.testing.assert_allclose(there, back[y, x], atol=0.02)


def test_a_field_turns_and_grows_with_the_face() -> None:
    field = np.zeros((GRID_PX, GRID_PX, 2), np.float32)
    field[..., 0] = 1.0
    quarter = Alignment(0.0, 0.5, 40.0, 60.0)  # frame to canonical: half the size, turned by 90 degrees
    laid = to_frame(field, quarter, (64, 48))
    assert laid.shape == (48, 64, 2)
    back = np.linalg.inv(quarter.matrix[:, :2]) @ [1.0, 0.0]
    np.testing.assert_allclose(laid[20, 30], back, atol=1e-5)
    assert np.hypot(*laid[20, 30]) == pytest.approx(2.0)


def test_lid_and_lip_curves_run_from_left_to_right(mesh: FaceMesh) -> None:
    for curves in eyelids(mesh.rest):
        assert all(np.all(np.diff(curve[:, 0]) >= 0) for curve in curves)
        upper, lower, crease = (np.interp(curves[0][4, 0], curve[:, 0], curve[:, 1]) for curve in curves)
        assert crease < upper < lower
    upper, lower = lips(mesh.rest)
    assert np.all(np.diff(upper[:, 0]) >= 0)
    assert upper[5, 1] <= lower[5, 1]


def test_what_is_no_face_is_refused(mesh: FaceMesh) -> None:
    for wrong in (np.zeros((468, 2)), np.full((468, 2), np.nan), mesh.rest[:100]):
        with pytest.raises(DataError, match="no face"):
            FaceMesh.of(wrong.astype(np.float32))
    with pytest.raises(ConfigurationError, match="wanted one or more of"):
        mesh.movement([99])
