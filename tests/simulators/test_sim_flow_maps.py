"""Simulated flow maps: as told, repeatable, and the units are where they belong."""

from __future__ import annotations

import numpy as np

from simulators.flow_maps import MAP_PX, MAP_UNITS, simulate_flow_maps


def test_shapes_units_and_seed() -> None:
    made = simulate_flow_maps(90, seed=4)
    assert made.maps.shape == (90, MAP_PX, MAP_PX, 3)
    assert made.units.shape == (90, len(MAP_UNITS))
    assert np.isfinite(made.maps).all()
    assert (made.maps[..., 2] >= 0).all()
    assert 0 < made.units.sum(axis=1).mean() < 4
    np.testing.assert_array_equal(made.maps, simulate_flow_maps(90, seed=4).maps)
    assert not np.array_equal(made.maps, simulate_flow_maps(90, seed=5).maps)


def test_brows_go_up_with_unit_2_and_mouth_corners_with_unit_12() -> None:
    made = simulate_flow_maps(1500, seed=1)
    v = made.maps[..., 1].astype(np.float32)
    v -= np.median(v, axis=(1, 2), keepdims=True)
    top, bottom = v[:, 5:9, 4:24].mean(axis=(1, 2)), v[:, 17:22, 6:22].mean(axis=(1, 2))
    raised, smiled = made.units[:, MAP_UNITS.index(2)], made.units[:, MAP_UNITS.index(12)]
    assert top[raised].mean() < top[~raised].mean() - 0.1
    assert bottom[smiled].mean() < bottom[~smiled].mean()
