"""Scores over clips against cases worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest

from realtime.face.scoring import ScoredClip, recall_by_displacement, score_clips


@dataclass(frozen=True)
class _Event:
    onset_s: float
    apex_s: float
    offset_s: float
    kind: Literal["micro", "macro"] = "micro"
    decided_s: float = float("nan")


def _micro(onset: float, *, apex: float = 0.2, decided: float = 0.9) -> _Event:
    return _Event(onset, onset + apex, onset + 0.4, "micro", onset + decided)


def _macro(onset: float) -> _Event:
    return _Event(onset, onset + 0.5, onset + 1.0, "macro", onset + 1.5)


def _clip(found: list[_Event], truth: list[_Event], minutes: float = 1.0) -> ScoredClip:
    return ScoredClip(minutes, found, truth)


def test_counts_are_added_up_over_clips_before_anything_is_divided():
    scores = score_clips([_clip([_micro(1), _micro(5)], [_micro(1)]), _clip([], [_micro(2), _micro(7)])])
    micro = scores["micro"]
    assert (micro["matched"], micro["found"], micro["true"]) == (1, 2, 3)
    assert micro["precision"] == pytest.approx(1 / 2)
    assert micro["recall"] == pytest.approx(1 / 3)
    assert micro["f1"] == pytest.approx(2 / 5)


def test_each_kind_is_matched_among_its_own():
    same_place = _Event(1.0, 1.2, 1.4, "macro")
    scores = score_clips([_clip([_micro(1)], [same_place])])
    assert scores["micro"]["precision"] == 0.0
    assert scores["macro"]["recall"] == 0.0
    assert (scores["overall"]["matched"], scores["overall"]["found"], scores["overall"]["true"]) == (0, 1, 1)
    assert scores["any_kind"]["f1"] == 1.0


def test_overall_is_both_kinds_added_up():
    scores = score_clips([_clip([_micro(1), _macro(5), _macro(9)], [_micro(1), _macro(5)])])
    assert scores["overall"]["precision"] == pytest.approx(2 / 3)
    assert scores["overall"]["recall"] == 1.0
    assert scores["overall"]["f1"] == pytest.approx(4 / 5)


def test_a_movement_found_twice_is_one_hit_and_one_false_alarm():
    scores = score_clips([_clip([_micro(1.0), _micro(1.02)], [_micro(1.0)])])
    assert (scores["micro"]["matched"], scores["micro"]["found"]) == (1, 2)
    assert scores["false_alarms"]["all_video"]["micro"] == 1


def test_two_that_overlap_one_another_are_given_to_different_truths():
    truth = [_Event(0.0, 0.2, 0.4), _Event(0.1, 0.3, 0.5)]
    found = [_Event(0.1, 0.3, 0.5), _Event(0.0, 0.2, 0.4)]
    clip = _clip(found, truth)
    assert sorted(clip.pairs("micro")) == [(0, 1), (1, 0)]


def test_apex_error_and_delay():
    truth = [_micro(1, apex=0.2), _micro(5, apex=0.2), _micro(9, apex=0.2)]
    found = [_micro(1, apex=0.21, decided=0.8), _micro(5, apex=0.17, decided=0.9), _micro(9, apex=0.2, decided=1.0)]
    scores = score_clips([_clip(found, truth)])
    assert scores["apex_error_ms"] == pytest.approx(10.0)
    assert scores["apex_error"]["micro"]["p90"] == pytest.approx(26.0)
    assert scores["apex_error"]["both"]["count"] == 3
    assert scores["delay_ms"] == scores["delay"]["after_apex"]["median"] == pytest.approx(700.0)
    assert scores["delay"]["after_offset"]["median"] == pytest.approx(500.0)
    assert scores["delay"]["after_offset"]["p95"] == pytest.approx(590.0)


def test_an_unknown_apex_counts_for_everything_else():
    truth = [_Event(1.0, float("nan"), 1.4), _micro(5)]
    scores = score_clips([_clip([_micro(1), _micro(5)], truth)])
    assert scores["micro"]["f1"] == 1.0
    assert scores["apex_error"]["micro"]["count"] == 1
    assert scores["delay"]["after_apex"]["count"] == 1
    assert scores["delay"]["after_offset"]["count"] == 2


def test_who_looks_at_the_whole_clip_has_no_delay():
    scores = score_clips([_clip([_Event(1, 1.2, 1.4)], [_Event(1, 1.2, 1.4)])])
    assert scores["micro"]["f1"] == 1.0
    assert scores["delay_ms"] is None


def test_false_alarms_a_minute_are_of_video_without_micro_movements():
    busy = _clip([_micro(1), _micro(9)], [_micro(1)], minutes=3.0)
    free = _clip([_micro(4), _macro(20)], [_macro(20)], minutes=2.0)
    scores = score_clips([busy, free])
    assert (scores["false_alarms_over"], scores["false_alarms_per_min"]) == ("micro_free", pytest.approx(0.5))
    everywhere = scores["false_alarms"]["all_video"]
    assert (everywhere["micro"], everywhere["minutes"]) == (2, 5.0)
    assert everywhere["micro_per_min"] == pytest.approx(0.4)
    only_busy = score_clips([busy])
    assert (only_busy["false_alarms_over"], only_busy["false_alarms_per_min"]) == ("all_video", pytest.approx(1 / 3))
    assert only_busy["false_alarms"]["micro_free"]["micro_per_min"] is None


@pytest.mark.parametrize("clips", [[], [_clip([], [])], [_clip([], [], minutes=0.0)]])
def test_nothing_found_and_nothing_made(clips: list[ScoredClip]):
    scores = score_clips(clips)
    assert (scores["micro"]["precision"], scores["micro"]["recall"], scores["micro"]["f1"]) == (0.0, 0.0, 0.0)
    assert scores["apex_error_ms"] is None
    assert not scores["false_alarms_per_min"]


def test_intervals_are_the_same_for_the_same_seed_and_hold_the_score():
    rng = np.random.default_rng(3)
    clips = [_clip([_micro(1)] if rng.random() < 0.6 else [], [_micro(1)]) for _ in range(30)]
    first, again = (score_clips(clips, seed=1) for _ in range(2))
    assert first == again
    few = [score_clips(clips, resamples=7, seed=seed)["micro"]["interval"] for seed in (1, 1, 2)]
    assert few[0] == few[1] != few[2]
    low, high = first["micro"]["interval"]["recall"]
    assert low < first["micro"]["recall"] < high
    # a proportion's interval, 0.6 of 30, is about 0.35 wide
    assert 0.2 < high - low < 0.5


def test_one_clip_has_an_interval_of_no_width():
    micro = score_clips([_clip([_micro(1), _micro(7)], [_micro(1)])])["micro"]
    assert micro["interval"]["precision"] == [0.5, 0.5]


def test_recall_by_displacement():
    clips = [_clip([_micro(5)], [_micro(1), _micro(5), _macro(9)]), _clip([], [_micro(2), _micro(6)])]
    rows = recall_by_displacement(clips, [[0.2, 0.7, 3.0], [0.5, float("nan")]], [0.0, 0.5, 1.0, 2.0])
    assert rows == [
        {"from_px": 0.0, "to_px": 0.5, "true": 1, "matched": 0, "recall": 0.0},
        {"from_px": 0.5, "to_px": 1.0, "true": 2, "matched": 1, "recall": 0.5},
    ]
    assert recall_by_displacement([], [], [0.0, 1.0]) == []
