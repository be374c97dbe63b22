"""Matching and scores against cases worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from realtime.face.metrics import interval_iou, match_intervals, spotting_scores


@dataclass(frozen=True)
class _Event:
    onset_s: float
    apex_s: float
    offset_s: float


def _event(onset: float, offset: float, apex: float | None = None) -> _Event:
    return _Event(onset, (onset + offset) / 2 if apex is None else apex, offset)


def test_overlap():
    assert interval_iou(_event(0, 2), _event(1, 3)) == pytest.approx(1 / 3)
    assert interval_iou(_event(0, 1), _event(2, 3)) == 0.0
    assert interval_iou(_event(1, 1), _event(1, 1)) == 0.0


def test_each_true_interval_is_matched_once():
    found = [_event(0.0, 1.0), _event(0.05, 1.05), _event(5.0, 6.0)]
    truth = [_event(0.05, 1.05), _event(9.0, 10.0)]
    assert match_intervals(found, truth) == [(1, 0)]
    assert match_intervals([], truth) == []


def test_most_pairs_win_over_the_best_single_pair():
    found = [_event(0.0, 1.0), _event(-0.4, 0.6)]
    truth = [_event(0.0, 1.0), _event(0.25, 1.25)]
    assert match_intervals(found, truth, iou=0.4) == [(0, 1), (1, 0)]


def test_the_threshold_is_reached_at_exactly_half():
    assert match_intervals([_event(0.0, 2.0)], [_event(0.0, 1.0)]) == [(0, 0)]
    assert match_intervals([_event(0.0, 2.01)], [_event(0.0, 1.0)]) == []


def test_scores():
    found = [_event(0.0, 1.0, 0.52), _event(3.0, 4.0), _event(7.0, 8.0, 7.4)]
    truth = [_event(0.0, 1.0, 0.5), _event(7.1, 8.1, 7.5), _event(20.0, 21.0)]
    scores = spotting_scores(found, truth, minutes=2.0)
    assert scores["precision"] == pytest.approx(2 / 3)
    assert scores["recall"] == pytest.approx(2 / 3)
    assert scores["f1"] == pytest.approx(2 / 3)
    assert scores["false_alarms_per_min"] == pytest.approx(0.5)
    assert scores["apex_error_ms"] == pytest.approx(60.0)


def test_nothing_found_scores_zero():
    scores = spotting_scores([], [_event(0, 1)], minutes=1.0)
    assert (scores["precision"], scores["recall"], scores["f1"], scores["false_alarms_per_min"]) == (0, 0, 0, 0)
    assert np.isnan(scores["apex_error_ms"])
