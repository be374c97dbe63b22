"""Numbers, rates and standing pictures: what a camera lost is counted to the frame."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.faults.peers.fake_camera import picture
from realtime.devices.frames import FrameCounter, FrozenWatch, RateMeter
from realtime.packets import VideoFrame


def test_what_the_driver_dropped_leaves_a_hole_in_the_numbers() -> None:
    counter = FrameCounter(30.0)
    sequences = [5, 6, 7, 11, 12, 40]
    indices = [counter.number(picture(10.0 + s / 30.0, s, s)).index for s in sequences]
    assert indices == [0, 1, 2, 6, 7, 35]
    assert (counter.dropped, counter.missed) == (3 + 27, 0)
    assert counter.rate_hz == pytest.approx(30.0)


def test_while_the_camera_was_away_its_rate_tells_how_many_are_missing() -> None:
    counter = FrameCounter(25.0)
    assert [counter.number(picture(1.0 + i / 25.0)).index for i in range(3)] == [0, 1, 2]
    counter.lost()
    assert counter.number(picture(1.08 + 4.0)).index == 2 + 100
    assert (counter.dropped, counter.missed) == (0, 99)
    # its own count is believed where the driver went on, and not where it began anew
    counter = FrameCounter(25.0)
    counter.number(picture(1.0, 0, 7))
    counter.lost()
    assert counter.number(picture(3.0, 1, 60)).index == 53
    counter.lost()
    counter.reopened()
    assert counter.number(picture(4.0, 2, 61)).index == 53 + 25
    assert (counter.dropped, counter.missed) == (52, 24)


def test_stamps_increase_even_where_a_driver_repeats_one() -> None:
    counter = FrameCounter(30.0)
    stamps = [counter.number(picture(stamp)).stamp for stamp in (1.0, 1.0, 0.9, 1.1)]
    assert (np.diff(stamps) > 0).all()
    assert stamps[3] == 1.1
    # a count that goes back, or leaps by hours, is a driver's reset and no loss
    counter = FrameCounter(30.0)
    assert [counter.number(picture(float(i), i, s)).index for i, s in enumerate((100, 3, 4, 10**9))] == [0, 1, 2, 3]


@pytest.mark.parametrize("fps", [5.0, 30.0, 200.0])
def test_a_standing_picture_is_told_within_half_a_second(fps: float) -> None:
    watch, rng = FrozenWatch(), np.random.default_rng(0)

    def see(i: int, image: np.ndarray) -> str | None:
        return watch.see(VideoFrame(image, i / fps, i))

    images = [rng.integers(0, 255, (20, 30), dtype=np.uint8) for _ in range(20)]
    assert [see(i, image) for i, image in enumerate(images)] == [None] * 20
    told = [see(20 + i, images[-1].copy()) for i in range(round(fps))]
    assert told.count("frozen") == 1
    assert (told.index("frozen") + 1) / fps <= max(0.5, 3.0 / fps)
    assert watch.frozen
    assert watch.since_s == pytest.approx(19 / fps)
    changed = images[-1].copy()
    changed[3, 7] ^= 1  # one point by one step is a living picture
    assert see(500, changed) == "moving"


def test_the_true_rate_is_measured_without_the_first_pictures() -> None:
    meter = RateMeter()
    stamps = [0.0, 0.9, 1.0, *(1.5 + i / 14.98 for i in range(60))]
    assert math.isnan(meter.rate_hz)
    used = 0
    while not meter.done:
        meter.add(stamps[used])
        used += 1
    assert meter.rate_hz == pytest.approx(14.98)
    assert used < len(stamps) - 1
    slow = RateMeter()
    for i in range(20):
        slow.add(float(i))
    assert slow.done
    assert slow.rate_hz == pytest.approx(1.0)
