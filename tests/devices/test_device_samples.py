"""A board's samples: lost ones counted exactly by its package counter, stamps without the bursts' jitter."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from realtime.devices.boards import arrival_times
from realtime.devices.samples import CounterRule, SampleClock

BURST_S = 0.03


def stream(
    rate: float, repeat: int, step: int, modulus: int, gaps: dict[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Package numbers, times of arrival and true times of what arrives; `gaps` are lost packages, by package."""
    rng = np.random.default_rng(0)
    k = np.arange(int(rate * 40.0))
    true = 5000.0 + k / rate * (1.0 + 40e-6)
    package = k // repeat
    keep = np.ones(len(k), bool)
    for first, count in gaps.items():
        keep &= (package < first) | (package >= first + count)
    arrived = 5000.0 + np.ceil((true - 5000.0) / BURST_S) * BURST_S + rng.exponential(0.003, len(k))
    return (package * step % modulus)[keep], np.maximum.accumulate(arrived)[keep], true[keep]


def run(rate: float, numbers: np.ndarray, arrived: np.ndarray, learn_s: float = 1.2) -> tuple[SampleClock, np.ndarray]:
    learnt = int(rate * learn_s)
    clock = SampleClock(rate, CounterRule.learn(numbers[:learnt]))
    edges = [0, learnt, *range(learnt + 17, len(numbers), 17), len(numbers)]
    stamps = [clock.map(numbers[a:b], arrived[a:b]) for a, b in pairwise(edges)]
    return clock, np.concatenate(stamps)


@pytest.mark.parametrize(
    ("rate", "repeat", "step", "modulus"),
    [(250.0, 1, 1, 256), (200.0, 2, 1, 201), (256.0, 12, 1, 65_536), (125.0, 1, 2, 256)],
    ids=["one a package", "two a package", "twelve a package", "every other number"],
)
def test_losses_are_counted_and_a_gap_is_a_gap(rate: float, repeat: int, step: int, modulus: int) -> None:
    per_s = rate / repeat
    gaps = {int(10 * per_s): 1, int(15 * per_s): 7, int(25 * per_s): int(3.1 * per_s)}
    numbers, arrived, true = stream(rate, repeat, step, modulus, gaps)
    clock, stamps = run(rate, numbers, arrived)
    assert clock.counted
    assert clock.lost == sum(gaps.values()) * repeat
    assert (np.diff(stamps) > 0).all()
    settled = len(stamps) // 4
    error = (stamps - true)[settled:]
    assert error.std() < 1.5e-3  # of bursts of 30 ms
    np.testing.assert_allclose(np.diff(stamps)[settled:], np.diff(true)[settled:], atol=0.5 / rate)


def test_a_step_of_the_wall_clock_changes_nothing() -> None:
    numbers, arrived, true = stream(250.0, 1, 1, 256, {})
    for step_s in (60.0, -60.0):
        wall = np.where(np.arange(len(arrived)) < 5000, arrived, arrived + step_s) + 1e9
        clock = SampleClock(250.0, CounterRule.learn(numbers[:300]))
        stamps, since = [], float(arrived[0])
        for a in range(0, len(arrived) - 9, 9):  # 5000 is within one of these batches
            now = float(arrived[a + 8]) + 0.002
            offset = 1e9 + (step_s if a + 8 >= 5000 else 0.0)
            batch = arrival_times(wall[a : a + 9], now, now + offset, since)
            stamps.append(clock.map(numbers[a : a + 9], batch))
            since = now
        together = np.concatenate(stamps)
        assert (clock.lost, clock.resets) == (0, 0)
        np.testing.assert_allclose(np.diff(together)[3000:], 0.004, atol=1e-3)
        assert np.abs(together - true[: len(together)])[3000:].max() < 0.05


def test_a_computer_that_slept_is_given_way_to_in_the_end() -> None:
    numbers, arrived, true = stream(250.0, 1, 1, 65_536, {})
    _, stamps = run(250.0, numbers, np.where(np.arange(len(arrived)) < 5000, arrived, arrived + 60.0))
    assert (np.diff(stamps) > 0).all()
    assert stamps[-1] - true[-1] == pytest.approx(60.0, abs=0.1)


def test_a_board_without_a_counter_is_told_by_time() -> None:
    _, arrived, _ = stream(250.0, 1, 1, 256, {2500: 250})
    for numbers in (np.zeros(len(arrived)), np.random.default_rng(1).integers(0, 99, len(arrived))):
        clock, stamps = run(250.0, numbers, arrived)
        assert not clock.counted
        assert clock.lost == pytest.approx(250, abs=15)
        assert (np.diff(stamps) > 0).all()


def test_a_board_that_was_opened_anew_goes_on_where_time_says() -> None:
    numbers, arrived, true = stream(250.0, 1, 1, 256, {4000: 1250})
    fresh = np.concatenate([numbers[:4000], (numbers[4000:] - numbers[4000]) % 256])
    clock = SampleClock(250.0, CounterRule.learn(fresh[:300]))
    clock.map(fresh[:4000], arrived[:4000])
    clock.restart()
    stamps = clock.map(fresh[4000:], arrived[4000:])
    assert clock.lost == pytest.approx(1250, abs=10)
    assert np.abs(stamps[500:] - true[4500:]).max() < 0.06
