"""The gap-aware clock against known truth."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.lsl.clock import Gap, GapAwareClock, OffsetTracker


def _run(clock: GapAwareClock, stamps: np.ndarray, sizes: int | np.ndarray = 10) -> tuple[np.ndarray, list[Gap]]:
    """Feed `stamps` in chunks; gaps come back with positions in the whole array."""
    cuts = np.arange(sizes, stamps.size, sizes) if isinstance(sizes, int) else np.cumsum(sizes)
    out, gaps, start = [], [], 0
    for part in np.split(stamps, cuts):
        mapped = clock.map(part)
        out.append(mapped.stamps)
        gaps += [Gap(start + g.at, g.lost, g.reset) for g in mapped.gaps]
        start += part.size
    return np.concatenate(out), gaps


def test_clock_exact_stamps_pass_through() -> None:
    stamps = 5000.0 + np.arange(30_000) / 1000.0
    out, gaps = _run(GapAwareClock(1000.0), stamps)
    assert np.abs(out - stamps).max() < 1e-9
    assert gaps == []


@pytest.mark.parametrize(("rate", "lost"), [(1000.0, 1), (1000.0, 250), (128.0, 1), (500.0, 5000)])
def test_clock_counts_lost_samples_of_an_exact_stream(rate: float, lost: int) -> None:
    stamps = np.delete(100.0 + np.arange(int(20 * rate) + lost) / rate, slice(int(8 * rate), int(8 * rate) + lost))
    clock = GapAwareClock(rate)
    out, gaps = _run(clock, stamps)
    assert gaps == [Gap(int(8 * rate), lost)]
    assert (clock.lost, clock.gaps) == (lost, 1)
    assert np.abs(out - stamps).max() < 1e-6


def test_clock_removes_jitter_and_keeps_its_hold_after_a_gap() -> None:
    rng = np.random.default_rng(3)
    truth = np.delete(50.0 + np.arange(60_000) / 1000.02, slice(30_000, 31_000))
    stamps = truth + rng.normal(0.0, 2e-3, truth.size)
    clock = GapAwareClock(1000.0)
    out, gaps = _run(clock, stamps, 8)
    error = np.abs(out - truth)
    assert error[5_000:30_000].max() < 0.7e-3
    # the first samples of a segment rest on one jittered stamp; a tenth of a second later that is averaged out
    assert error[30_200:].max() < 1.5e-3
    assert error[31_000:].max() < 0.8e-3
    assert len(gaps) == 1
    assert abs(gaps[0].lost - 1000) <= 8
    assert np.diff(out).min() > 0
    assert clock.rate_hz == pytest.approx(1000.02, rel=2e-5)


def test_clock_result_does_not_depend_on_chunking() -> None:
    rng = np.random.default_rng(4)
    stamps = np.delete(np.arange(9_000) / 250.0, slice(3_000, 3_100)) + rng.uniform(0, 1e-3, 8_900)
    whole, gaps_whole = _run(GapAwareClock(250.0), stamps, stamps.size)
    single, gaps_single = _run(GapAwareClock(250.0), stamps, 1)
    mixed, gaps_mixed = _run(GapAwareClock(250.0), stamps, rng.integers(1, 60, 280))
    assert np.abs(whole - single).max() < 1e-9
    assert np.abs(whole - mixed).max() < 1e-9
    assert gaps_whole == gaps_single == gaps_mixed
    assert gaps_whole[0].at == 3_000


def test_clock_packets_of_a_driver_are_no_gaps() -> None:
    """A driver that stamps packets of 8 samples at arrival, with 3 ms of jitter, loses nothing."""
    rng = np.random.default_rng(5)
    truth = 10.0 + np.arange(20_000) / 500.0
    arrival = np.repeat(truth[7::8] + rng.exponential(3e-3, 2_500).clip(max=15e-3), 8)
    stamps = arrival + np.tile((np.arange(8) - 7) / 500.0, 2_500)
    clock = GapAwareClock(500.0)
    out, gaps = _run(clock, stamps, 8)
    assert gaps == []
    assert clock.lost == 0
    assert np.abs(np.diff(out[5_000:]) - 1 / 500.0).max() < 2e-4


def test_clock_gives_late_samples_back() -> None:
    """A stall of 0.4 s whose samples all arrive afterwards is not loss."""
    truth = 10.0 + np.arange(20_000) / 1000.0
    stamps = truth.copy()
    stamps[10_000:10_400] = 20.4
    clock = GapAwareClock(1000.0)
    out, _ = _run(clock, stamps, 20)
    assert (clock.lost, clock.gaps) == (0, 0)
    assert np.diff(out).min() > 0
    assert np.abs(out[10_500:] - truth[10_500:]).max() < 1e-3


def test_clock_follows_a_rate_that_is_not_nominal() -> None:
    truth = np.arange(100_000) / 1000.5
    clock = GapAwareClock(1000.0)
    out, gaps = _run(clock, truth, 37)
    assert gaps == []
    assert clock.rate_hz == pytest.approx(1000.5, rel=1e-6)
    assert np.abs(out - truth)[20_000:].max() < 1.5e-4


@pytest.mark.parametrize("at", [100, 200, 240, 300])
@pytest.mark.parametrize("jitter_s", [0.0, 1e-3])
def test_clock_takes_a_small_loss_for_no_slope(at: int, jitter_s: float) -> None:
    """80 ms are missing soon after the start: a sample clock's are counted, and the rate is thought the same."""
    rng = np.random.default_rng(9)
    truth = np.delete(100.0 + np.arange(5_000) / 250.0, slice(at, at + 20))
    clock = GapAwareClock(250.0)
    out, _ = _run(clock, truth + rng.normal(0.0, jitter_s, truth.size), 5)
    assert clock.rate_hz == pytest.approx(250.0, rel=1e-3)
    if jitter_s == 0.0:
        assert (clock.lost, clock.gaps) == (20, 1)
        assert np.abs(out - truth).max() < 1e-6
    else:
        assert np.abs(out - truth)[1_500:].max() < 15e-3


@pytest.mark.parametrize("share", [0.9, 0.95, 1.02, 1.1])
@pytest.mark.parametrize("kind", ["sample clock", "jitter", "arrival"])
def test_clock_learns_a_rate_that_is_far_from_nominal(share: float, kind: str) -> None:
    """Nine to eleven tenths of what is announced: found to a thousandth in ten seconds, and nothing is called lost."""
    rng = np.random.default_rng(8)
    rate, n, packet = 250.0 * share, int(2500 * share), 5
    truth = 1000.0 + np.arange(n) / rate
    stamps = truth
    if kind == "jitter":
        stamps = truth + rng.normal(0.0, 2e-3, n)
    elif kind == "arrival":
        # packets stamped when they came, and within one by the announced rate, as liblsl does
        last = np.minimum((np.arange(n) // packet + 1) * packet - 1, n - 1)
        stamps = truth[last] + np.repeat(rng.exponential(2e-3, n), packet)[:n] - (last - np.arange(n)) / 250.0
    clock = GapAwareClock(250.0)
    out, _ = _run(clock, stamps, packet)
    assert clock.settled
    assert clock.rate_hz == pytest.approx(rate, rel=1e-3)
    assert (clock.lost, clock.gaps) == (0, 0)
    assert clock.exact == (kind == "sample clock")
    assert np.abs(out - truth)[n // 2 :].max() < 6e-3


def test_clock_counts_what_a_restart_lost_and_forgets_that_time_goes_forward() -> None:
    clock = GapAwareClock(100.0)
    _run(clock, 10.0 + np.arange(1_000) / 100.0)
    clock.restart()
    mapped = clock.map(25.0 + np.arange(10) / 100.0)
    assert mapped.gaps == (Gap(0, 500),)
    clock.restart()
    back = clock.map(3.0 + np.arange(10) / 100.0)
    assert back.gaps == (Gap(0, 0, reset=True),)
    assert back.stamps == pytest.approx(3.0 + np.arange(10) / 100.0)
    assert clock.lost == 500


def test_clock_backward_jump_of_the_source_is_a_reset() -> None:
    clock = GapAwareClock(100.0)
    _run(clock, 100.0 + np.arange(1_000) / 100.0)
    mapped = clock.map(20.0 + np.arange(50) / 100.0)
    assert mapped.gaps == (Gap(0, 0, reset=True),)
    assert (clock.lost, clock.resets) == (0, 1)
    assert mapped.stamps[0] == pytest.approx(20.0)


def test_clock_irregular_stream_is_made_increasing_only() -> None:
    clock = GapAwareClock(0.0)
    mapped = clock.map([1.0, 1.0, 0.5, 9.0])
    assert mapped.gaps == ()
    assert np.diff(mapped.stamps).min() > 0
    assert mapped.stamps == pytest.approx([1.0, 1.0, 1.0, 9.0], abs=1e-8)
    assert clock.rate_hz == 0.0
    assert clock.map([]).stamps.size == 0


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_clock_refuses_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(ValueError, match="0 or a positive number is wanted"):
        GapAwareClock(rate)


def test_clock_offset_slews_small_changes_and_takes_resets_over() -> None:
    offset = OffsetTracker(slew=5e-4, step_s=0.05)
    assert offset.at(0.0) == 0.0
    offset.update(7.0, 0.0)
    assert offset.at(0.0) == 7.0
    offset.update(7.002, 2.0)
    assert offset.at(2.0) == pytest.approx(7.001)
    assert offset.at(3.0) == pytest.approx(7.0015)
    assert offset.at(9.0) == pytest.approx(7.002)
    offset.update(-3.0, 10.0)
    assert offset.at(10.0) == -3.0


def test_clock_small_loss_in_a_jittered_stream_is_counted_a_little_later() -> None:
    rng = np.random.default_rng(6)
    truth = np.delete(10.0 + np.arange(30_000) / 1000.0, slice(15_000, 15_040))
    stamps = truth + np.abs(rng.normal(0.0, 1e-3, truth.size))
    clock = GapAwareClock(1000.0)
    out, gaps = _run(clock, stamps, 10)
    assert clock.gaps == 1
    assert clock.lost == pytest.approx(40, abs=3)
    assert 15_000 < gaps[0].at <= 15_400
    assert np.abs(out[16_000:] - truth[16_000:]).max() < 3e-3


def test_clock_stall_below_a_tenth_of_a_second_is_no_gap() -> None:
    """Samples stamped on arrival, with 0.5 ms of jitter; a stall of 60 ms, then all of them at once."""
    rng = np.random.default_rng(7)
    truth = 10.0 + np.arange(20_000) / 1000.0
    stamps = truth + np.abs(rng.normal(0.0, 5e-4, truth.size))
    stamps[9_000:9_060] = truth[9_060]
    clock = GapAwareClock(1000.0)
    out, gaps = _run(clock, stamps, 1)
    assert gaps == []
    assert np.abs(out[2_000:] - truth[2_000:]).max() < 5e-3
