"""The published rules find a movement that nobody could overlook, and what they measure follows its definition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.spotting.aligned import PERIOD_S, Thinned
from benchmarks.spotting.baselines import BASELINES, Measured, contrast, evenly, peaks_rule, spot_clips
from benchmarks.spotting.features import (
    Features,
    RegionWindow,
    Series,
    binary_patterns,
    block_histograms,
    directional_difference,
    pattern_difference,
    region_distances,
    top_share_mean,
)
from benchmarks.spotting.ours import Found
from benchmarks.spotting.windows import merged, spot_windows
from realtime.face.scoring import ScoredClip, score_clips

BY_NAME = {baseline.name: baseline for baseline in BASELINES}
STAMPS = np.arange(0, 20, PERIOD_S)
MADE = Found(9.0, 9.2, 9.4, "micro")
RNG = np.random.default_rng(5)
NOISE = 0.02 * RNG.standard_normal(len(STAMPS))


def hump(onset: float, offset: float, stamps: NDArray[np.float64] = STAMPS) -> NDArray[np.float64]:
    """Raised cosine, 1 at its middle."""
    phase = np.clip((stamps - onset) / (offset - onset), 0, 1)
    return 0.5 - 0.5 * np.cos(2 * np.pi * phase)


def measured(*, size: float = 1.0, noise: NDArray[np.float64] = NOISE) -> Measured:
    """What the features show of one short movement at 9.2 s."""
    micro = size * hump(MADE.onset_s, MADE.offset_s)
    # from k before to now, less from k before to k after: as far as it went, and as far back again at the return
    directional = Series(STAMPS, micro - np.roll(micro, 12) + 0.2 * noise)
    speed = size * np.abs(np.gradient(hump(9.0, 9.4), PERIOD_S)) / 8
    distance = 4 * micro[100:300, None] * np.array([1.0, 0.7, 0.1]) + np.abs(noise[100:300, None])
    features = Features(
        patterns=Series(STAMPS, micro + noise),
        directional_micro=directional,
        directional_macro=Series(STAMPS, 0.1 * noise),
        windows=(RegionWindow(STAMPS[100:300], distance.astype(np.float32)),),
    )
    return Measured(features, Series(STAMPS, speed + np.abs(noise)))


@pytest.mark.parametrize("name", sorted(BY_NAME.keys() - {"top_percent"}))
def test_an_exaggerated_movement_is_found_as_published(name: str):
    baseline = BY_NAME[name]
    found = [f for f in baseline.spot(measured(), baseline.published) if f.kind == "micro"]
    scores = score_clips([ScoredClip(20 / 60, found, [MADE])], resamples=0)
    assert scores["micro"]["recall"] == 1.0
    assert scores["micro"]["found"] <= 2
    assert scores["apex_error_ms"] < 70


@pytest.mark.parametrize("name", BY_NAME)
def test_a_clip_without_a_face_holds_nothing(name: str):
    none = Series(np.zeros(0), np.zeros(0))
    empty = Measured(Features(none, none, none, ()), Series(STAMPS, np.full(len(STAMPS), np.nan)))
    assert BY_NAME[name].spot(empty, BY_NAME[name].published) == []


def test_px_thresholds_miss_what_is_smaller_than_they_are_until_they_are_scaled():
    small = measured(size=0.2)
    baseline = BY_NAME["top_percent_short"]
    assert baseline.spot(small, 1.0) == []
    assert [f.kind for f in baseline.spot(small, 0.25)] == ["micro"]


@pytest.mark.parametrize(("offset", "kinds"), [(2.4, []), (2.7, ["micro"])])
def test_the_published_window_rule_drops_what_is_shorter_than_0_4_s_at_a_third_of_its_height(
    offset: float, kinds: list[str]
):
    stamps = STAMPS[:200]
    distance = 5 * hump(2.0, offset, stamps)[:, None].astype(np.float32)
    assert [f.kind for f in spot_windows([RegionWindow(stamps, distance)])] == kinds
    assert len(spot_windows([RegionWindow(stamps, distance)], shortest=6)) == 1


def test_a_long_movement_in_the_windows_is_a_macro_expression():
    stamps = STAMPS[:200]
    distance = 5 * hump(2.0, 4.0, stamps)[:, None].astype(np.float32)
    (found,) = spot_windows([RegionWindow(stamps, distance)])
    assert found.kind == "macro"
    assert found.apex_s == pytest.approx(3.0, abs=0.1)


def test_what_two_windows_show_is_one_movement():
    distance = (4 * hump(9.0, 9.4)).astype(np.float32)
    windows = [RegionWindow(STAMPS[a:b], distance[a:b, None]) for a, b in ((150, 350), (250, 450))]
    assert len(spot_windows(windows, shortest=6)) == 1


def test_intervals_of_regions_are_merged_by_the_shorter_one():
    assert merged([(0, 10), (8, 12), (20, 30), (21, 25)]) == [(0, 12), (20, 30)]
    assert merged([(0, 10), (9, 19)]) == [(0, 10), (9, 19)]


def test_peaks_stand_above_the_mean_by_a_share_of_the_range():
    series = Series(STAMPS, 1.0 * hump(3, 3.4) + 0.5 * hump(9, 9.4))
    assert len(peaks_rule(series, 0.6, 0.2, "micro")) == 1
    low, high = peaks_rule(series, 0.3, 0.2, "micro")
    assert (low.apex_s, high.apex_s) == (pytest.approx(3.2, abs=0.02), pytest.approx(9.2, abs=0.02))
    assert high.offset_s - high.onset_s == pytest.approx(0.4)


def test_contrast_is_zero_on_a_slope():
    values = np.linspace(0, 5, 40)
    np.testing.assert_allclose(contrast(values, 5), 0, atol=1e-12)
    assert contrast(hump(9.0, 9.4), 5).argmax() == hump(9.0, 9.4).argmax()
    assert contrast(values[:5], 5).tolist() == [0] * 5


def test_holes_hold_the_least_that_was_seen():
    kept = (STAMPS < 5) | (STAMPS > 7)
    even = evenly(Series(STAMPS[kept], 3 + np.abs(NOISE[kept])))
    assert np.ptp(np.diff(even.stamps)) < 1e-9
    inside = (even.stamps > 5.2) & (even.stamps < 6.8)
    np.testing.assert_array_equal(even.values[inside], 3 + np.abs(NOISE[kept]).min())


@pytest.mark.parametrize(("fps", "every"), [(25.0, 1), (30.0, 1), (60.0, 2), (150.0, 5)])
def test_thirty_frames_a_second_at_most(fps: float, every: int):
    thinned = Thinned()
    taken = [i for i in range(120) if thinned.take(i / fps)]
    assert abs(len(taken) - 120 / every) <= 1
    # the first may come a little early; from there on they are even
    assert set(np.diff(taken)[1:]) == {every}


def test_binary_patterns_against_the_definition():
    image = RNG.integers(0, 256, (12, 9)).astype(np.uint8)
    codes = binary_patterns(image)
    around = [(-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1)]
    expected = sum(int(image[5 + r, 4 + c] >= image[5, 4]) << bit for bit, (r, c) in enumerate(around))
    assert codes[4, 3] == expected
    assert codes.shape == (10, 7)


def test_histograms_are_shares():
    histograms = block_histograms(RNG.integers(0, 256, (100, 90)).astype(np.uint8))
    assert histograms.shape == (36, 59)
    np.testing.assert_allclose(histograms.sum(axis=1), 1)


def test_patterns_differ_where_a_frame_differs_from_both_its_neighbours():
    still = RNG.integers(0, 256, (120, 120)).astype(np.uint8)
    other = RNG.integers(0, 256, (120, 120)).astype(np.uint8)
    assert pattern_difference(still, still, still) == 0.0
    assert pattern_difference(still, other, still) > 0.1


def test_directional_difference_of_a_movement_that_comes_back():
    into, across = np.zeros((120, 120, 2), np.float32), np.zeros((120, 120, 2), np.float32)
    into[:80] = [0.3, -0.4]
    assert directional_difference(into, across) == pytest.approx(0.5)
    assert directional_difference(into, into) == pytest.approx(0.0)


def test_the_nose_is_taken_out_of_the_patches():
    points = RNG.uniform(60, 200, (468, 2)).astype(np.float32)
    shifted = np.full((256, 256, 2), 0.7, np.float32)
    np.testing.assert_allclose(region_distances(shifted, points), 0, atol=1e-5)
    assert region_distances(shifted, points).shape == (16,)


def test_mean_of_the_longest_vectors():
    flow = np.zeros((10, 10, 2), np.float32)
    flow[:2] = [3.0, 4.0]
    np.testing.assert_allclose(top_share_mean(flow, 0.2), [3, 4])
    np.testing.assert_allclose(top_share_mean(flow, 0.4), [1.5, 2])


def _clips(make: Callable[[int], Measured], count: int) -> tuple[list[Measured], list[ScoredClip]]:
    return [make(i) for i in range(count)], [ScoredClip(20 / 60, (), [MADE]) for _ in range(count)]


def test_a_threshold_is_chosen_on_the_other_clips():
    # the first clip alone would be best served by a threshold at which all others find nothing
    own, clips = _clips(lambda i: measured(size=1.0 if i == 0 else 0.2), 4)
    runs = spot_clips(BY_NAME["top_percent_short"], own, clips)
    assert [len(found) for found in runs.published] == [1, 0, 0, 0]
    assert all(threshold < 1.0 for threshold in runs.thresholds)
    assert all(len(found) >= 1 for found in runs.tuned[1:])


def test_one_clip_leaves_nothing_to_choose_on():
    own, clips = _clips(lambda _: measured(size=0.2), 1)
    runs = spot_clips(BY_NAME["top_percent_short"], own, clips)
    assert runs.thresholds == [1.0]
    assert runs.tuned == runs.published
