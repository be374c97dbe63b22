"""A source's clock that is set or drifts, against true times; and what must not be taken for it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from realtime.lsl.arrival import ArrivalClock
from realtime.lsl.clock import GapAwareClock

_RATE = 250.0
_CHUNK = 5


def _chunks(first: int, last: int) -> Iterator[np.ndarray]:
    for start in range(first, last, _CHUNK):
        yield 100.0 + np.arange(start, min(start + _CHUNK, last)) / _RATE


class _Link:
    """The two classes that a reader of EEG maps stamps with; samples arrive some ms after they were made."""

    def __init__(self) -> None:
        self.arrival, self.line = ArrivalClock(1.0 / _RATE), GapAwareClock(_RATE)
        self._delays = np.random.default_rng(5)
        self.out: list[np.ndarray] = []
        self.true: list[np.ndarray] = []

    def send(self, true: np.ndarray, shift_s: float = 0.0, at_s: float | None = None) -> None:
        now = float(true[-1]) + 1e-3 + self._delays.exponential(1e-3) if at_s is None else at_s
        mapped = self.line.map(self.arrival.follow(true + shift_s, now))
        self.out.append(mapped.stamps)
        self.true.append(true)

    @property
    def error_s(self) -> float:
        return float(np.abs(np.concatenate(self.out) - np.concatenate(self.true)).max())


def test_arrival_leaves_a_steady_clock_alone_bit_for_bit() -> None:
    arrival = ArrivalClock(1.0 / _RATE)
    rng = np.random.default_rng(1)
    for true in _chunks(0, 10_000):
        assert arrival.follow(true, float(true[-1]) + rng.exponential(5e-3)) is true
    assert (arrival.jumps, arrival.offset_s) == (0, 0.0)


@pytest.mark.parametrize("jump_s", [10.0, -10.0, 0.7, -1.5])
@pytest.mark.parametrize("silence_s", [0.0, 0.4])
def test_arrival_takes_a_jump_off_and_logs_it(jump_s: float, silence_s: float) -> None:
    link, missing = _Link(), round(silence_s * _RATE)
    for true in _chunks(0, 1000):
        link.send(true)
    for true in _chunks(1000 + missing, 2000):
        link.send(true, jump_s)
    (jump,) = link.arrival.log
    assert jump.by_s == pytest.approx(jump_s, abs=silence_s + 5e-3)
    assert np.diff(np.concatenate(link.out)).min() > 0
    # a silence that is shorter than what arrival can tell is taken for none
    assert link.error_s <= silence_s + 5e-3
    assert link.line.lost == 0


def test_arrival_counts_what_is_missing_at_a_jump() -> None:
    link = _Link()
    for true in _chunks(0, 1000):
        link.send(true)
    for true in _chunks(1750, 2500):
        link.send(true, 10.0)
    assert link.arrival.jumps == 1
    assert link.line.lost == pytest.approx(750, abs=2)
    assert link.error_s < 10e-3


def test_arrival_calls_an_overflow_after_a_stall_no_jump() -> None:
    """A reader that stood still for 5 s finds 2 s missing in front of 3 s of samples; a span ends just then."""
    link = _Link()
    for true in _chunks(0, 2450):
        link.send(true)
    woken = 100.0 + 2450 / _RATE + 5.0
    link.send(next(_chunks(2450, 2455)), at_s=woken)
    for true in _chunks(2955, 3700):
        link.send(true, at_s=woken + 0.01)
    assert link.arrival.jumps == 0
    assert link.line.lost == 500
    assert link.error_s < 1e-6


def test_arrival_leaves_stamps_alone_that_are_sent_ahead_of_time() -> None:
    link = _Link()
    for true in (*_chunks(0, 1000), *_chunks(1300, 2000)):
        link.send(true, at_s=100.0)
    assert (link.arrival.jumps, link.line.lost) == (0, 300)


@pytest.mark.parametrize("speed", [0.1, 0.5, 2.0, 5.0, 10.0, 20.0])
@pytest.mark.parametrize("silence_s", [0.5, 0.55, 0.6])
def test_arrival_takes_the_seams_of_a_replay_at_any_speed_for_gaps(speed: float, silence_s: float) -> None:
    """A replay that begins again is silent for half a second; its stamps go on by what was played beyond its end."""
    arrival, now, beyond_s = ArrivalClock(1.0 / _RATE), 50.0, 0.0
    for turn in range(20):
        for true in _chunks(0, 1500):
            now += _CHUNK / _RATE / speed
            raw = true + turn * 6.0 + beyond_s
            assert arrival.follow(raw, now) is raw
        now += silence_s
        beyond_s += 0.5 + (silence_s - 0.5) * speed
    assert (arrival.jumps, arrival.offset_s) == (0, 0.0)


@pytest.mark.parametrize("speed", [0.5, 1.25, 1.5, 2.0, 3.0, 10.0])
@pytest.mark.parametrize("gap_s", [0.7, 4.0, 30.0])
def test_arrival_takes_a_gap_of_a_recording_for_one_at_any_speed(speed: float, gap_s: float) -> None:
    """At twice its speed a gap of 4 s is a silence of 2 s: to its arrival it looks as if the clock had been set."""
    arrival, rng = ArrivalClock(1.0 / _RATE), np.random.default_rng(2)
    for raw in [*_chunks(0, 5000), *(true + gap_s for true in _chunks(5000, 6000))]:
        assert arrival.follow(raw, float(raw[-1]) / speed + rng.exponential(2e-3)) is raw
    assert (arrival.jumps, arrival.offset_s) == (0, 0.0)


def test_arrival_does_not_follow_a_transport_that_becomes_slower() -> None:
    link = _Link()
    for true in _chunks(0, 20_000):
        late = 0.08 if true[0] > 140.0 else 0.0
        link.send(true, at_s=float(true[-1]) + 2e-3 + late)
    assert link.error_s < 1e-6


@pytest.mark.parametrize("ppm", [100.0, -100.0])
def test_arrival_follows_a_drift(ppm: float) -> None:
    """Five minutes; the hour is row 6 of the faults."""
    link = _Link()
    for true in _chunks(0, 75_000):
        link.send(true, 1e-6 * ppm * (float(true[0]) - 100.0))
    assert link.error_s < 10e-3
    assert (link.line.lost, link.arrival.jumps) == (0, 0)
