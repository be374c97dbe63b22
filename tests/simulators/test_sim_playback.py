"""Workers of a replay: what is sent when, with which stamp, through pauses, jumps and changes of speed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from replay_helpers import Film, Frames, ManualClock, Samples, one_after_another, play

from simulators.playback import Conductor, FrameTrack, RecordedTimes, SampleTrack, Stamps, TextTrack, TimedSend
from simulators.timeline import JUMP_GAP_S, Timeline


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def eeg(clock: ManualClock, timeline: Timeline, times: np.ndarray, rate: float = 100.0) -> tuple[SampleTrack, Samples]:
    out = Samples(clock)
    return SampleTrack("eeg", timeline, out, Stamps(times), len(times), rate, clock), out


def line(clock: ManualClock, last_s: float = 60.0, speed: float = 1.0, *, loop: bool = False) -> Timeline:
    made = Timeline(0.0, last_s, speed=speed, loop=loop, clock=clock)
    made.begin(1000.5)
    return made


def test_recorded_distances_and_gaps_come_as_they_were(clock: ManualClock) -> None:
    times = np.concatenate((np.arange(256) / 100.0, 8.0 + np.arange(100) / 100.0))
    track, out = eeg(clock, line(clock), times)
    play(track, clock, 1012.0)
    np.testing.assert_allclose(out.stamps, 1000.5 + times, rtol=0, atol=1e-9)
    lateness = np.array(out.at_s) - out.stamps
    assert lateness.min() > -1e-7
    assert lateness.max() < 0.03
    assert track.done()
    assert track.health().pushed == 356


@pytest.mark.parametrize("speed", [0.1, 0.5, 3.0, 20.0])
def test_at_another_speed_distances_are_kept_and_time_is_not(clock: ManualClock, speed: float) -> None:
    track, out = eeg(clock, line(clock, speed=speed), np.arange(1000) / 100.0)
    play(track, clock, 1101.0)
    np.testing.assert_allclose(np.diff(out.stamps), 0.01, rtol=0, atol=1e-9)
    assert out.at_s[-1] == pytest.approx(1000.5 + 9.99 / speed, abs=0.02)
    assert out.numbers == list(range(1000))


def test_speeds_beyond_the_limits_are_brought_within(clock: ManualClock) -> None:
    timeline = line(clock, speed=0.001)
    assert timeline.speed == 0.1
    timeline.set_speed(1e6)
    assert timeline.speed == 20.0


def test_a_pause_is_a_gap_as_long_as_it_was_and_nothing_is_left_out(clock: ManualClock) -> None:
    timeline = line(clock)
    track, out = eeg(clock, timeline, np.arange(600) / 100.0)
    play(track, clock, 1002.5)
    timeline.pause()
    assert timeline.paused
    play(track, clock, 1010.0)
    sent = len(out.numbers)
    assert sent == pytest.approx(200, abs=2)
    assert timeline.position_s == pytest.approx(2.0, abs=1e-3)
    timeline.resume()
    play(track, clock, 1020.0)
    assert out.numbers == list(range(600))
    gaps = np.diff(out.stamps)
    assert gaps[sent - 1] == pytest.approx(7.5, abs=0.03)
    np.testing.assert_allclose(np.delete(gaps, sent - 1), 0.01, atol=1e-8)
    assert out.stamps[-1] == pytest.approx(out.at_s[-1], abs=0.02)


@pytest.mark.parametrize("target_s", [1.0, 4.0])
def test_a_jump_is_a_gap_that_every_receiver_sees(clock: ManualClock, target_s: float) -> None:
    timeline = line(clock)
    track, out = eeg(clock, timeline, np.arange(600) / 100.0)
    play(track, clock, 1003.0)
    timeline.seek(target_s)
    before = len(out.numbers)
    play(track, clock, 1003.0 + JUMP_GAP_S - 0.01)
    assert len(out.numbers) == before
    play(track, clock, 1004.0)
    assert out.numbers[before] == 100 * target_s
    assert out.stamps[before] - out.stamps[before - 1] >= JUMP_GAP_S
    assert out.at_s[before] == pytest.approx(out.stamps[before], abs=0.02)
    assert one_after_another(out.stamps)


def test_stamps_never_go_back_whatever_is_pressed(clock: ManualClock) -> None:
    rng = np.random.default_rng(3)
    timeline = line(clock, last_s=30.0)
    track, out = eeg(clock, timeline, np.arange(3000) / 100.0)
    for _ in range(200):
        press = [
            timeline.pause,
            timeline.resume,
            lambda: timeline.seek(rng.uniform(-5, 40)),
            lambda: timeline.set_speed(rng.uniform(0.05, 25)),
        ][rng.integers(4)]
        press()
        play(track, clock, clock.now_s + rng.exponential(0.4))
    assert len(out.stamps) > 3000
    assert one_after_another(out.stamps)
    assert min(np.array(out.at_s) - out.stamps) > -3000  # ahead of time only where it went faster than time


def test_jumps_on_a_held_key_do_not_run_ahead_of_time(clock: ManualClock) -> None:
    timeline = line(clock)
    track, out = eeg(clock, timeline, np.arange(6000) / 100.0)
    play(track, clock, 1003.0)
    for _ in range(10):
        timeline.seek(timeline.position_s + 5.0)
        clock.now_s += 0.05
    assert timeline.position_s == pytest.approx(52.5, abs=0.1)
    play(track, clock, 1005.0)
    assert out.stamps[-1] == pytest.approx(clock.now_s, abs=0.05)


def test_a_jump_while_paused_sends_nothing_before_the_resumption(clock: ManualClock) -> None:
    timeline = line(clock)
    track, out = eeg(clock, timeline, np.arange(600) / 100.0)
    play(track, clock, 1002.0)
    timeline.pause()
    play(track, clock, 1003.0)
    before = len(out.numbers)
    timeline.seek(4.0)
    play(track, clock, 1006.0)
    assert len(out.numbers) == before
    timeline.resume()
    play(track, clock, 1007.0)
    assert out.numbers[before] == 400
    assert out.stamps[before] == pytest.approx(1006.0, abs=1e-3)


def test_a_replay_may_begin_anywhere_and_paused(clock: ManualClock) -> None:
    timeline = Timeline(-0.5, 10.0, clock=clock)
    timeline.begin(1000.0, 3.0, paused=True)
    track, out = eeg(clock, timeline, np.arange(1000) / 100.0)
    play(track, clock, 1005.0)
    assert not out.numbers
    timeline.resume()
    play(track, clock, 1005.5)
    assert out.numbers[0] == 300
    assert out.stamps[0] == pytest.approx(1005.0)


def test_a_looped_file_goes_on_without_a_break_and_can_be_searched(clock: ManualClock) -> None:
    timeline = line(clock, last_s=math.inf)
    out = Samples(clock)
    track = SampleTrack("eeg", timeline, out, RecordedTimes(np.arange(250) / 100.0, 2.5), None, 100.0, clock)
    play(track, clock, 1010.5)
    np.testing.assert_allclose(np.diff(out.stamps), 0.01, atol=1e-9)
    timeline.seek(1.0)
    play(track, clock, 1011.1)
    assert 100 in out.numbers[-30:]
    assert not track.done()


def test_irregular_samples_go_one_by_one(clock: ManualClock) -> None:
    times = np.array([0.0, 0.5, 0.500001, 3.0])
    track, out = eeg(clock, line(clock), times, rate=0.0)
    play(track, clock, 1001.2)
    assert out.numbers == [0, 1, 2]
    play(track, clock, 1004.0)
    np.testing.assert_allclose(out.stamps, 1000.5 + times)


def film(
    clock: ManualClock, timeline: Timeline, stamps: np.ndarray, read_s: float = 0.0, seek_s: float = 0.0
) -> tuple[FrameTrack, Frames]:
    out = Frames()
    return FrameTrack("video", timeline, out, Film(stamps, clock, read_s, seek_s), clock), out


def test_frames_have_their_recorded_stamps_and_numbers_and_missing_ones_stay_missing(clock: ManualClock) -> None:
    stamps = np.delete(np.arange(120) / 29.7, [40, 41, 80])
    track, out = film(clock, line(clock), stamps)
    play(track, clock, 1006.0)
    np.testing.assert_allclose([f.stamp for f in out.frames], 1000.5 + stamps, atol=1e-9)
    assert [f.index for f in out.frames] == list(range(500, 617))
    assert track.health().skipped == 0
    assert track.done()


@pytest.mark.parametrize(("speed", "read_s", "seek_s"), [(20.0, 0.006, 0.1), (1.0, 0.1, 0.02), (5.0, 0.02, 0.3)])
def test_a_slow_machine_leaves_frames_out_counts_them_and_does_not_lag(
    clock: ManualClock, speed: float, read_s: float, seek_s: float
) -> None:
    timeline = line(clock, speed=speed, last_s=100.0)
    track, out = film(clock, timeline, np.arange(3000) / 30.0, read_s, seek_s)
    play(track, clock, 1000.5 + 100.0 / speed + 2.0)
    health = track.health()
    assert health.skipped > 300
    assert health.pushed == len(out.frames) > 20
    assert health.pushed + health.skipped == 3000
    assert health.worst_late_s < 0.7
    assert one_after_another([f.stamp for f in out.frames])


def test_a_film_jumps_back_and_forth(clock: ManualClock) -> None:
    timeline = line(clock)
    track, out = film(clock, timeline, np.arange(600) / 30.0)
    play(track, clock, 1002.0)
    for target_s in (15.0, 2.0):
        timeline.seek(target_s)
        before = len(out.frames)
        play(track, clock, clock.now_s + 1.0)
        assert out.frames[before].index == 500 + 30 * target_s
    assert track.health().skipped == 0
    assert one_after_another([f.stamp for f in out.frames])


def test_markers_come_at_their_times_and_again_after_a_jump_back(clock: ManualClock) -> None:
    said: list[tuple[str, float]] = []

    def send(text: str, at_s: float) -> TimedSend:
        return TimedSend(at_s, lambda stamp: said.append((text, stamp)))

    timeline = line(clock)
    track = TextTrack("markers", timeline, [send("a", 1.0), send("b", 1.0), send("c", 2.5)], clock=clock)
    play(track, clock, 1002.0)
    assert said == [("a", 1001.5), ("b", 1001.5)]
    timeline.seek(1.0)
    play(track, clock, 1006.0)
    assert [text for text, _ in said] == ["a", "b", "a", "b", "c"]
    assert [stamp for _, stamp in said[2:]] == pytest.approx([1002.5, 1002.5, 1004.0])
    assert track.done()


def test_looped_markers_come_every_turn(clock: ManualClock) -> None:
    said: list[float] = []
    timeline = line(clock, last_s=math.inf)
    track = TextTrack("markers", timeline, [TimedSend(0.5, said.append)], every_s=2.0, clock=clock)
    play(track, clock, 1007.5)
    assert said == pytest.approx([1001.0, 1003.0, 1005.0, 1007.0])


def conducted(clock: ManualClock, *, loop: bool) -> tuple[Timeline, SampleTrack, Samples, Conductor, list[float]]:
    timeline = line(clock, last_s=1.99, loop=loop)
    track, out = eeg(clock, timeline, np.arange(200) / 100.0)
    told: list[float] = []
    return timeline, track, out, Conductor(timeline, [track], told.append, clock), told


def test_the_end_is_the_end_of_every_worker_and_is_told(clock: ManualClock) -> None:
    timeline, track, out, conductor, told = conducted(clock, loop=False)
    ends: list[float] = []
    track.on_end = ends.append
    for _ in range(100):
        track.step()
        conductor.step()
        clock.now_s += 0.05
    assert (track.state, conductor.state) == ("ended", "ended")
    assert timeline.now.over
    assert len(out.numbers) == 200
    assert len(told) == pytest.approx(11, abs=1)
    assert ends == [pytest.approx(1002.49)]


def test_a_loop_begins_again_after_a_gap(clock: ManualClock) -> None:
    _, track, out, conductor, _ = conducted(clock, loop=True)
    for _ in range(200):
        track.step()
        conductor.step()
        clock.now_s += 0.05
    assert out.numbers[:400] == [*range(200), *range(200)]
    assert one_after_another(out.stamps)
    assert out.stamps[200] - out.stamps[199] == pytest.approx(JUMP_GAP_S, abs=0.15)


def test_a_pause_at_the_end_does_not_end_it(clock: ManualClock) -> None:
    timeline, track, _, conductor, _ = conducted(clock, loop=False)
    play(track, clock, 1003.0)
    timeline.pause()
    assert conductor.step() is not None
    timeline.resume()
    assert conductor.step() is None


def test_changes_before_the_start_hold_and_do_nothing_else(clock: ManualClock) -> None:
    timeline = Timeline(0.0, 10.0, clock=clock)
    timeline.pause()
    timeline.seek(3.0)
    assert (timeline.position_s, timeline.paused) == (0.0, False)
    timeline.begin(1000.5)
    timeline.pause()
    timeline.resume()
    timeline.set_speed(2.0)
    timeline.seek(math.nan)
    track, out = eeg(clock, timeline, np.arange(100) / 100.0)
    play(track, clock, 1001.1)
    assert out.numbers == list(range(100))
    assert out.stamps[0] == 1000.5


def test_a_film_that_is_slow_to_open_does_not_end_before_it_began(clock: ManualClock) -> None:
    timeline = line(clock)
    reader = Film(np.arange(10) / 30.0, clock)
    track = FrameTrack("video", timeline, Frames(), reader, clock)
    seen: list[bool] = []
    read = reader.read
    reader.read = lambda: seen.append(track.done()) or read()
    track.step()
    timeline.seek(0.1)
    track.step()
    assert seen == [False, False]
