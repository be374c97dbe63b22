"""Displacement fields, time courses and tables of action units against their plain definitions."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.errors import ConfigurationError
from realtime.face.regions import REGIONS
from simulators.action_units import UNITS, regions_of, units_of
from simulators.face_motion import Gaze, Light, Restlessness, Speech, Sway, course, eye_closure
from simulators.scenario import ACTION_UNITS, UNRELATED_UNITS, FacialEvent, Interval
from simulators.warp import close_lid, forward_flow, invert_points, lip_field, mouth_interior


def test_every_unit_is_seen_in_regions_the_spotter_knows() -> None:
    for number in UNITS:
        for side in ("both", "left", "right"):
            assert set(regions_of([number], side)) <= set(REGIONS)
    for units in (*ACTION_UNITS.values(), *UNRELATED_UNITS):
        assert set(units) <= set(UNITS)


def test_regions_follow_the_side() -> None:
    assert regions_of((6, 12)) == ("eye_left", "eye_right", "mouth_left", "mouth_right")
    assert regions_of((6, 12), "left") == ("eye_left", "mouth_left")
    assert regions_of((17,), "right") == ("chin",)


@pytest.mark.parametrize("units", [(3,), ()])
def test_unknown_units_are_refused_with_the_known_ones(units: tuple[int, ...]) -> None:
    with pytest.raises(ConfigurationError, match=r"wanted one or more of 1, 2, 4, 5"):
        units_of(units)


def test_unknown_side_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="'up'"):
        regions_of((12,), "up")


def test_course_is_a_raised_cosine() -> None:
    event = FacialEvent(1.0, 1.2, 1.6, "micro", (12,), "both", 0.5)
    assert [course(event, t) for t in (0.9, 1.0, 1.2, 1.6, 2.0)] == [0.0, 0.0, 1.0, 0.0, 0.0]
    assert course(event, 1.1) == pytest.approx(0.5)
    assert course(event, 1.4) == pytest.approx(0.5)
    assert course(event, 1.05) == pytest.approx(0.5 - 0.5 * np.cos(np.pi / 4))


def test_blink_shuts_the_eye_and_opens_it_more_slowly() -> None:
    blink = (Interval(2.0, 2.2),)
    times = np.linspace(1.99, 2.21, 221)
    closure = np.array([eye_closure(blink, float(t)) for t in times])
    assert closure[0] == closure[-1] == 0.0
    assert closure.max() == 1.0
    shut = times[closure == 1.0]
    assert shut[0] - 2.0 < 2.2 - shut[-1]


def test_speech_opens_the_mouth_three_to_five_times_a_second() -> None:
    speech = Speech((Interval(1.0, 5.0),), (3, 1))
    times = np.arange(1.0, 5.0, 0.005)
    opening = np.array([speech.opening(float(t)) for t in times])
    peaks = np.flatnonzero((opening[1:-1] > opening[:-2]) & (opening[1:-1] >= opening[2:])) + 1
    assert 3.0 <= 1.0 / np.median(np.diff(times[peaks])) <= 5.0
    assert opening.min() >= 0.0
    assert opening.max() > 4.0
    assert speech.opening(0.99) == speech.opening(5.01) == 0.0


def test_gaze_jumps_within_a_saccade_and_then_rests() -> None:
    gaze = Gaze((1.0, 3.0), (3, 1))
    assert gaze.at(0.5) == (0.0, 0.0)
    assert gaze.at(1.06) == gaze.at(2.9)
    assert 0.5 < np.hypot(*gaze.at(2.0)) <= 3.2
    assert np.hypot(*np.subtract(gaze.at(3.1), gaze.at(2.9))) > 0.2


def test_sway_is_slow_and_has_the_size_asked_for() -> None:
    sway = Sway.draw(2.0, (5, 1))
    times = np.arange(0.0, 600.0, 0.1)
    poses = np.array([sway.pose(float(t)) for t in times])
    assert np.sqrt(np.mean(poses[:, 0] ** 2 + poses[:, 1] ** 2)) == pytest.approx(2.0, rel=0.05)
    speed = np.hypot(*np.diff(poses[:, :2], axis=0).T) / 0.1
    assert speed.max() < 2 * np.pi * 0.7 * 2.0 * 2
    assert Sway.draw(0.0, (5, 1)).pose(3.0) == (0.0,) * 6


def test_restlessness_stays_far_below_a_micro_movement() -> None:
    restless = Restlessness.draw(1.0, 4, (5, 1))
    sizes = np.array([restless.at(float(t)) for t in np.arange(0.0, 200.0, 0.1)])
    rms = np.sqrt(np.mean(sizes**2, axis=0))
    assert np.all((rms > 0.015) & (rms < 0.065))


def test_light_changes_by_no_more_than_the_drift() -> None:
    light = Light.draw(0.05, (5, 1))
    gains = np.array([np.add(*light.gain(float(t))) for t in np.arange(0.0, 120.0, 0.1)])
    assert np.abs(gains - 1.0).max() <= 0.05
    assert np.ptp(gains) > 0.02


def test_inverted_points_satisfy_the_equation() -> None:
    def field(p: np.ndarray) -> np.ndarray:
        return 6.0 * np.exp(-0.5 * np.sum((p / 20.0) ** 2, axis=1, keepdims=True)) * np.array([0.6, -0.8])

    moved = np.random.default_rng(1).normal(0.0, 20.0, (50, 2))
    points = invert_points(field, moved)
    np.testing.assert_allclose(points - field(points), moved, atol=1e-9)


def test_forward_flow_follows_the_skin() -> None:
    x, y = np.meshgrid(np.arange(80, dtype=np.float32), np.arange(60, dtype=np.float32))
    field = np.stack([5.0 * np.exp(-(((x - 40) / 14) ** 2) - ((y - 30) / 14) ** 2), 0 * x], -1).astype(np.float32)
    flow = forward_flow(field)
    at = 33  # the point that rests at (33, 30) is where the Eulerian field sends it
    f = flow[30, at, 0]
    assert f == pytest.approx(float(np.interp(at + f, np.arange(80), field[30, :, 0])), abs=5e-3)
    assert abs(f - field[30, at, 0]) > 0.5


def test_lid_covers_the_eye_without_stretching_its_lashes() -> None:
    y = np.arange(0.0, 60.0, 0.1)
    upper, lower, top = (np.full_like(y, v) for v in (30.0, 42.0, 18.0))
    assert np.array_equal(close_lid(y, upper, lower, top, 0.0), y)
    shut = close_lid(y, upper, lower, top, 1.0)
    under = (y > top) & (y <= lower)
    assert np.all(shut[under] <= 30.0 + 1e-9)  # no px of the eye is seen any more
    assert np.all(np.diff(shut[under]) >= 0.0)
    np.testing.assert_array_equal(shut[~under], y[~under])
    edge = np.flatnonzero(under)[-5:]
    np.testing.assert_allclose(np.diff(shut[edge]) / 0.1, 1.0, atol=0.05)


def test_lips_part_without_moving_the_upper_one() -> None:
    lips_x, lips_y, teeth = np.linspace(-40.0, 40.0, 30), np.zeros(30), np.full(30, 8.0)
    y = np.linspace(-20.0, 60.0, 161)
    x = np.zeros_like(y)
    moved = lip_field(x, y, lips_x, lips_y, 10.0, 1.0)
    assert np.all(moved[y < 10.0] == 0.0)
    assert moved[y == 10.0] == pytest.approx(10.0)
    assert np.all(np.diff(moved[y >= 10.0]) < 0.0)
    inside, dark = mouth_interior(x, y, lips_x, lips_y, teeth, 10.0)
    assert np.all(inside[(y > 1.0) & (y < 9.0)] == 1.0)
    assert np.all(inside[(y < -1.0) | (y > 11.0)] == 0.0)
    assert dark[y == 2.0] == 0.0
    assert dark[y == 9.5] == 1.0
    corner = np.full_like(y, 40.0)
    assert np.all(lip_field(corner, y, lips_x, lips_y, 10.0, 1.0) == 0.0)
    assert mouth_interior(x, y, lips_x, lips_y, teeth, 0.0)[0].max() == 0.0
