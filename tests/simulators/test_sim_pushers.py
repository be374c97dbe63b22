"""Workers send everything once, at its time, with the stamps of an absolute schedule."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime.errors import DataError, EmostreamError
from realtime.packets import VideoFrame
from simulators.pushers import EegPusher, MarkerPusher, TimedText, VideoPusher


class ManualClock:
    """Time that passes only when told to."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class Samples:
    """Keeps what is pushed."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.samples: list[NDArray] = []
        self.stamps: list[NDArray] = []
        self.at_s: list[float] = []

    def push(self, samples_uv: NDArray, stamps: NDArray, /) -> None:
        self.samples.append(np.array(samples_uv))
        self.stamps.append(np.array(stamps))
        self.at_s.append(self.clock.now_s)


class Frames:
    def __init__(self) -> None:
        self.frames: list[VideoFrame] = []

    def push(self, frame: VideoFrame, /) -> None:
        self.frames.append(frame)


class Texts:
    def __init__(self) -> None:
        self.sent: list[tuple[str, float]] = []

    def push(self, text: str, stamp: float, /) -> None:
        self.sent.append((text, stamp))


def ramp(first: int, n: int) -> NDArray[np.float64]:
    return np.arange(first, first + n, dtype=float)[None]


def picture(index: int) -> NDArray[np.uint8]:
    return np.full((2, 2), index % 256, np.uint8)


def play(
    pusher: EegPusher | VideoPusher | MarkerPusher, clock: ManualClock, until_s: float, late_s: float = 0.0
) -> None:
    """Follow the times that `step` asks for, waking up `late_s` after each."""
    due = pusher.step()
    while due is not None and due + late_s <= until_s:
        clock.now_s = max(clock.now_s, due + late_s)
        due = pusher.step()
    clock.now_s = until_s


@pytest.mark.parametrize("late_s", [0.0, 0.0034, 0.3])
@pytest.mark.parametrize("sfreq_hz", [1000.0, 128.0, 333.3])
def test_eeg_is_complete_and_never_early_and_stamps_do_not_drift(sfreq_hz: float, late_s: float) -> None:
    clock = ManualClock()
    out = Samples(clock)
    pusher = EegPusher(out, ramp, sfreq_hz, round(20 * sfreq_hz) + 3, clock=clock)
    pusher.begin(1000.5)
    play(pusher, clock, 1030.0, late_s)
    assert pusher.state == "ended"
    samples, stamps = np.concatenate(out.samples, axis=1)[0], np.concatenate(out.stamps)
    np.testing.assert_array_equal(samples, np.arange(round(20 * sfreq_hz) + 3))
    np.testing.assert_allclose(stamps, 1000.5 + samples / sfreq_hz, rtol=0, atol=1e-9)
    lateness = np.array(out.at_s) - np.array([s[-1] for s in out.stamps])
    assert lateness.min() > -1e-9
    assert pusher.health().worst_late_s == pytest.approx(lateness.max())
    assert lateness.max() < late_s + 0.011 + 1 / sfreq_hz
    assert pusher.health().pushed == len(samples)


def test_eeg_leaves_in_chunks_of_ten_milliseconds_and_is_prepared_a_second_ahead() -> None:
    clock = ManualClock()
    out, prepared = Samples(clock), []
    pusher = EegPusher(out, ramp, 1000.0, None, prepare=prepared.append, clock=clock)
    pusher.begin(1000.0)
    play(pusher, clock, 1000.1)
    assert {s.shape[1] for s in out.samples} == {10}
    assert prepared[:3] == [1010, 1020, 1030]


def test_after_a_stall_eeg_catches_up_in_bounded_steps() -> None:
    clock = ManualClock()
    out = Samples(clock)
    pusher = EegPusher(out, ramp, 1000.0, None, clock=clock)
    pusher.begin(1000.0)
    clock.now_s = 1003.0
    play(pusher, clock, 1003.0)
    assert [s.shape[1] for s in out.samples[:6]] == [500] * 6
    assert pusher.health().pushed in {3000, 3001}
    assert pusher.health().worst_late_s == pytest.approx(2.501)


def test_frames_go_at_their_times_with_one_made_ahead() -> None:
    clock = ManualClock()
    out, made = Frames(), []

    def make(index: int) -> tuple[float, NDArray[np.uint8]] | None:
        made.append((index, clock.now_s))
        return (index / 30.0, picture(index)) if index < 60 else None

    pusher = VideoPusher(out, make, skip_late_at_hz=30.0, clock=clock)
    pusher.begin(1000.0)
    play(pusher, clock, 1005.0)
    assert pusher.state == "ended"
    assert [f.index for f in out.frames] == list(range(60))
    np.testing.assert_allclose([f.stamp for f in out.frames], 1000.0 + np.arange(60) / 30.0)
    assert all(when <= 1000.0 + (index - 1) / 30.0 + 1e-9 for index, when in made[1:])
    assert pusher.health().skipped == 0


def test_a_slow_renderer_leaves_frames_out_and_counts_them_while_a_film_is_sent_whole() -> None:
    for skip_hz in (30.0, None):
        clock = ManualClock()
        out = Frames()

        def make(index: int, clock: ManualClock = clock) -> tuple[float, NDArray[np.uint8]] | None:
            clock.now_s += 0.1
            return (index / 30.0, picture(index)) if index < 300 else None

        pusher = VideoPusher(out, make, skip_late_at_hz=skip_hz, clock=clock)
        pusher.begin(1000.0)
        play(pusher, clock, 1100.0)
        health = pusher.health()
        indices = [f.index for f in out.frames]
        assert health.pushed == len(indices)
        if skip_hz is None:
            assert indices == list(range(300))
        else:
            assert health.skipped > 150
            assert indices == sorted(set(indices))
            assert health.pushed + health.skipped == pytest.approx(300, abs=12)
            assert health.worst_late_s < 0.5


def test_markers_are_in_order_and_know_the_time_of_the_start() -> None:
    clock = ManualClock()
    out = Texts()
    markers = iter(
        [TimedText(0.0, str), TimedText(0.5, lambda start: f"{start + 0.25}"), TimedText(2.0, lambda _: "c")]
    )
    ends: list[float] = []
    pusher = MarkerPusher(out, markers, clock=clock)
    pusher.on_end = ends.append
    pusher.begin(1000.0)
    play(pusher, clock, 1001.0)
    assert out.sent == [("1000.0", 1000.0), ("1000.25", 1000.5)]
    assert not ends
    play(pusher, clock, 1003.0)
    assert out.sent[-1] == ("c", 1002.0)
    assert ends == [1002.0]


def test_a_thread_sends_in_real_time_and_stops() -> None:
    ticks = itertools.count()
    out = Texts()
    pusher = MarkerPusher(out, (TimedText(i * 0.001, lambda _: "x") for i in ticks), name="ticks")
    pusher.start(pusher._clock())
    while len(out.sent) < 20:
        assert pusher.state == "running"
    pusher.stop()
    pusher.stop()
    assert pusher.state == "ended"
    with pytest.raises(EmostreamError, match="'ticks' was started before"):
        pusher.start(0.0)


@pytest.mark.parametrize(
    ("failure", "expected", "text"),
    [(DataError("file is gone"), DataError, "file is gone"), (OSError("disk"), EmostreamError, "'eeg' failed: disk")],
)
def test_what_ends_a_thread_is_raised_by_stop(failure: Exception, expected: type[Exception], text: str) -> None:
    def read(first: int, n: int) -> NDArray:
        raise failure

    pusher = EegPusher(Samples(ManualClock()), read, 1000.0, None)
    pusher.start(pusher._clock() - 1.0)
    while pusher.state == "running":
        pass
    assert pusher.state == "failed"
    with pytest.raises(expected, match=text):
        pusher.stop()
    pusher.stop()
