"""The memory of the emotion traces: what goes in comes back, gaps stay gaps, memory stays bounded."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
import pytest

from gui.panels.emotion.axis import TimeAxis, ago_text, axis_start, step_for, ticks
from gui.panels.emotion.history import EmotionHistory
from gui.panels.emotion.paint import gap_spans, line_path, runs, spread
from gui.panels.emotion.readout import read_moment
from gui.panels.emotion.trials import Span, TruthBand
from gui.streams.messages import EmotionSample, TruthEvent

NONE = np.full(3, np.nan, np.float32)


def _sample(stamp: float, happy: float = 0.6, *, enough: bool = True, face: bool = False) -> EmotionSample:
    p = np.array([happy, 0.9 - happy, 0.1], np.float32)
    return EmotionSample(stamp, p, p, p if face else NONE, 0.4, True, face, enough, 0.1, 2.0 if face else math.nan)


def _filled(stamps: np.ndarray, kept: int = 1 << 12, bins: int = 64) -> EmotionHistory:
    history = EmotionHistory(3, kept, bins)
    for stamp in stamps:
        history.push(_sample(float(stamp), 0.5 + 0.3 * math.sin(stamp)))
    return history


def test_few_predictions_come_back_as_they_were() -> None:
    history = EmotionHistory(3)
    for stamp, enough in ((10.0, True), (10.25, True), (14.0, True), (14.25, False), (14.5, True), (14.75, True)):
        history.push(_sample(stamp, enough=enough))
    columns = history.columns(5.0, 20.0, 100)
    assert columns.single
    np.testing.assert_array_equal(columns.first_s, [10.0, 10.25, 14.0, 14.25, 14.5, 14.75])
    np.testing.assert_allclose(columns.mean[columns.rows("fused")][:, 0], [0.6, 0.3, 0.1])
    assert np.isnan(columns.mean[columns.rows("fused")][:, 3]).all(), "no evidence"
    assert np.isnan(columns.mean[columns.rows("face")]).all(), "the face said nothing"
    assert columns.broken().tolist() == [True, False, True, True, True, False]
    assert columns.lacking.tolist() == [0, 0, 0, 1, 0, 0]


def test_a_line_joins_neighbours_only_and_a_lonely_point_is_still_seen() -> None:
    y = np.array([1, 2, np.nan, 3, 4, 5, np.nan], np.float32)
    broken = np.array([True, False, True, True, True, False, True])
    path, alone = line_path(np.arange(7.0), y, broken)
    kinds = [path.elementAt(i) for i in range(path.elementCount())]
    drawn = [(kinds[i - 1].x, k.x) for i, k in enumerate(kinds) if k.isLineTo()]
    assert drawn == [(0, 1), (4, 5)]
    assert [alone.at(i).x() for i in range(alone.count())] == [3.0]


def test_gaps_are_where_nothing_was_said_or_nothing_could_be() -> None:
    history = EmotionHistory(3)
    for stamp in (10.0, 11.0, 15.0, 16.0):
        history.push(_sample(stamp, enough=stamp != 15.0))
    columns = history.columns(0.0, 20.0, 100)
    silent, lacking = gap_spans(columns, TimeAxis(0.0, 20.0, 0, 100), history.first_s)
    assert silent == [Span(11.0, 15.0), Span(16.0, 20.0)]
    assert lacking == [Span(15.0, 16.0)]
    nothing = history.columns(17.0, 20.0, 100)
    assert gap_spans(nothing, TimeAxis(17.0, 20.0, 0, 100), 10.0) == ([Span(17.0, 20.0)], [])
    assert gap_spans(nothing, TimeAxis(17.0, 20.0, 0, 100), math.nan) == ([], [])


@pytest.mark.parametrize("kept", [1 << 14, 256], ids=["from the ring", "from the bins"])
def test_hours_keep_their_extremes_their_means_and_their_gaps(kept: int) -> None:
    stamps = np.arange(0, 3600, 0.25)
    stamps = stamps[(stamps < 1000) | (stamps > 1003)]
    history = _filled(stamps, kept, 4096)
    columns = history.columns(0.0, 3600.0, 200)
    assert not columns.single
    assert 150 < len(columns.first_s) <= 202
    fused = columns.rows("fused")
    everything = 0.5 + 0.3 * np.sin(stamps)
    assert columns.low[fused][0].min() == pytest.approx(everything.min(), abs=1e-5)
    assert columns.high[fused][0].max() == pytest.approx(everything.max(), abs=1e-5)
    assert columns.mean[fused][0].mean() == pytest.approx(everything.mean(), abs=0.01)
    silent, _ = gap_spans(columns, TimeAxis(0.0, 3600.0, 0, 600), history.first_s)
    assert len(silent) == 1
    assert silent[0].start_s <= 1000 < 1003 <= silent[0].end_s
    assert silent[0].end_s - silent[0].start_s < 20
    at = int(np.searchsorted(columns.first_s, 1000.0)) - 1
    assert columns.broken()[at : at + 3].any()


def test_columns_stand_still_as_time_goes_on() -> None:
    history = _filled(np.arange(0, 1000, 0.25), 1 << 13)
    before, after = history.columns(100.0, 900.0, 50), history.columns(101.0, 901.0, 50)
    np.testing.assert_array_equal(before.first_s[1:], after.first_s[1 : len(before.first_s)])
    np.testing.assert_array_equal(before.mean[:, 1:-1], after.mean[:, 1 : len(before.first_s) - 1])


def test_memory_is_bounded_and_all_of_the_session_stays_visible() -> None:
    history = EmotionHistory(3, kept=128, bins=32)
    size = history.nbytes
    for k in range(3000):
        history.push(_sample(10.0 * k, 0.95 if k == 7 else 0.2))
    assert history.nbytes == size
    assert len(history) == 128
    columns = history.columns(0.0, 30_000.0, 1000)
    assert len(columns.first_s) <= 32
    assert columns.first_s[0] == 0.0
    assert columns.last_s[-1] == 29_990.0
    assert columns.high[0].max() == pytest.approx(0.95), "a peak of long ago"
    assert [s.stamp for s in history.samples(29_970.0, 1e9)] == [29_970.0, 29_980.0, 29_990.0]
    assert history.nearest(50.0) is None, "single ones of long ago are gone"


def test_what_is_told_again_is_passed_over() -> None:
    history = _filled(np.arange(5.0))
    for stamp in (2.0, 4.0, math.nan):
        history.push(_sample(stamp))
    assert (len(history), history.late) == (5, 3)


def test_a_moment_is_read_out_with_all_there_is_to_know() -> None:
    history = EmotionHistory(3)
    history.push(_sample(100.0, face=True))
    history.push(_sample(101.0, enough=False))
    said = read_moment(history, 100.2, 110.0, 0.0, 0.1)
    assert said.stamp == 100.0
    assert said.cells[0] == ("60%", "60%", "60%")
    assert said.words == ("confidence 40%", "rests on EEG (0.1 s old) and face (movement 2.0 s ago)")
    assert said.when.endswith("(-10 s)")
    assert "happy 60%, EEG 60%, face 60%" in said.spoken(("happy", "sad", "fear"))
    assert read_moment(history, 101.1, 110.0, 0.0, 0.1).words[0] == "not enough evidence"
    assert read_moment(history, 105.0, 110.0, 0.0, 0.1).words == ("stale: no prediction",)
    assert read_moment(history, 50.0, 110.0, 0.0, 0.1).words == ("before the first prediction",)


def test_a_moment_of_long_ago_is_read_out_as_a_range() -> None:
    history = _filled(np.arange(0, 4000, 0.5), kept=64, bins=4096)
    said = read_moment(history, 1000.0, 4000.0, 0.0, 5.0)
    assert said.words[0] == "lowest and highest of this stretch"
    low, high = said.cells[0][0].rstrip("%").split("-")
    assert 20 <= int(low) < int(high) <= 80


def test_truth_is_known_only_within_a_trial_that_was_heard_and_told_once() -> None:
    band = TruthBand()
    told = [TruthEvent(5.0, "trial_end", "sad"), TruthEvent(10.0, "trial_start", "fear")]
    for event in told:
        band.push(event)
    assert band.current() == "fear"
    assert band.spans(0.0, 12.0) == [Span(10.0, 12.0, "fear")]
    more = [
        TruthEvent(15.0, "trial_end", "fear"),
        TruthEvent(16.0, "trial_start", "happy"),
        TruthEvent(18.0, "trial_end", "happy"),
        TruthEvent(18.0, "trial_start", "sad"),
    ]
    for event in more:
        band.push(event)
    for event in (*told, *more):
        band.push(event)
    assert band.current() == "sad"
    band.end(20.0)
    assert band.current() == ""
    wanted = [Span(10.0, 15.0, "fear"), Span(16.0, 18.0, "happy"), Span(18.0, 20.0, "sad")]
    assert band.spans(0.0, 30.0) == wanted
    assert band.spans(15.5, 17.0) == [Span(16.0, 17.0, "happy")]


def test_ticks_are_round_numbers_ago_or_on_the_clock() -> None:
    axis = TimeAxis(1000.3, 1120.3, 50.0, 500.0)
    assert [text for _, text in ticks(axis, 90.0, None)] == ["-2 min", "-90 s", "-60 s", "-30 s", "now"]
    noon = datetime(2026, 3, 5, 12, 0, 7).timestamp()
    found = ticks(axis, 90.0, noon - axis.end_s)
    assert [text for _, text in found] == ["11:58:30", "11:59:00", "11:59:30", "12:00:00"]
    assert found[-1][0] == pytest.approx(axis.end_s - 7.0)
    hour = TimeAxis(0.0, 3600.0, 0.0, 500.0)
    assert [text for _, text in ticks(hour, 90.0, None)][0::3] == ["-1 h", "-15 min"]
    assert [text for _, text in ticks(hour, 90.0, noon - 3600.0)][-1] == "12:00"


def test_words_for_times_and_round_steps() -> None:
    said = [ago_text(s) for s in (0, 18, 119, 125, 600, 2000, 3600, 5400)]
    assert said == ["now", "-18 s", "-119 s", "-2:05", "-10 min", "-33:20", "-1 h", "-1 h 30"]
    assert [step_for(span, 5) for span in (30, 3600, 7 * 86_400)] == [10, 900, 172_800]
    assert axis_start(math.inf, 10.0, 4000.0) == 10.0
    assert axis_start(math.inf, math.nan, 100.0) == 70.0
    assert axis_start(120.0, 10.0, 4000.0) == 3880.0


def test_labels_are_spread_and_runs_found() -> None:
    assert spread([50, 51, 49, 90], 10, 0, 100) == [59, 69, 49, 90]
    assert spread([95, 96, 97], 10, 0, 100) == [80, 90, 100]
    assert runs(np.array([True, True, False, True])) == [(0, 1), (3, 3)]
    assert runs(np.zeros(3, np.bool_)) == []
