"""The delay between two devices, found on flashes with a known truth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.errors import DataError
from realtime.sync.flashes import find_flashes, measure_delay


def _flash_times(n: int, seed: int) -> np.ndarray:
    return 1.0 + np.cumsum(np.random.default_rng(seed).uniform(0.5, 1.5, n))


def _camera(times: np.ndarray, fps: float, delay_s: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean brightness of frames that are exposed for their whole interval and stamped `delay_s` after its end."""
    ends = np.arange(0.0, times[-1] + 2.0, 1.0 / fps)
    begins = ends[:, None] - 1.0 / fps
    lit = np.clip(np.minimum(ends[:, None], times + 0.2) - np.maximum(begins, times), 0.0, None).sum(axis=1) * fps
    return ends + delay_s, 60.0 + 40.0 * lit + np.random.default_rng(seed).normal(0.0, 0.5, len(ends))


def _photodiode(times: np.ndarray, rate_hz: float, sign: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    stamps = np.arange(0.0, times[-1] + 2.0, 1.0 / rate_hz)
    lit = np.any((stamps[:, None] >= times) & (stamps[:, None] < times + 0.2), axis=1)
    return stamps, sign * 500.0 * lit + 2000.0 + np.random.default_rng(seed).normal(0.0, 5.0, len(stamps))


@settings(max_examples=10, deadline=None)
@given(
    delay_s=st.floats(-0.2, 0.4),
    fps=st.sampled_from([15.0, 30.0, 60.0, 150.0]),
    sign=st.sampled_from([1.0, -1.0]),
    seed=st.integers(0, 999),
)
def test_the_delay_is_found_to_a_fraction_of_a_frame(delay_s: float, fps: float, sign: float, seed: int) -> None:
    times = _flash_times(15, seed)
    reference = find_flashes(*_photodiode(times, 1000.0, sign, seed), "photodiode")
    seen = find_flashes(*_camera(times, fps, delay_s, seed), "camera")
    assert reference == pytest.approx(times, abs=0.0015)
    found = measure_delay(reference, seen)
    # a frame is stamped at the end of its exposure, half an interval after the middle of what it shows
    assert found.delay_s == pytest.approx(delay_s + 0.5 / fps, abs=0.12 / fps + 0.002)
    assert found.spread_s < 0.15 / fps
    assert found.matched >= 13


def test_flashes_one_device_missed_or_made_up_do_no_harm() -> None:
    times = _flash_times(20, 4)
    seen = np.concatenate([np.delete(times, [2, 7, 8]) + 0.05, [3.3, 9.1]])
    found = measure_delay(times, seen)
    assert found.delay_s == pytest.approx(0.05)
    assert (found.matched, found.flashes) == (17, 20)


@pytest.mark.parametrize("seen", [[], [1.0, 2.0], list(np.arange(40) * 0.031)])
def test_flashes_that_do_not_fit_are_refused(seen: list[float]) -> None:
    with pytest.raises(DataError, match="fit together"):
        measure_delay(_flash_times(4, 1), seen)


def test_a_signal_without_flashes_is_refused() -> None:
    stamps = np.arange(1000) / 30.0
    for level in (np.zeros(1000), np.random.default_rng(0).normal(100.0, 2.0, 1000), np.full(1000, np.nan)):
        with pytest.raises(DataError, match="flashes"):
            find_flashes(stamps, level, "camera")
