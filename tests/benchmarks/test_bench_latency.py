"""What the latency and start-up benchmarks make of the times they are told. Never how long anything takes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import latency, start
from benchmarks.arrivals import newest_push
from benchmarks.latency import Streamed
from benchmarks.measure import Timing
from benchmarks.report import Goal, Row
from benchmarks.start import Heard, Start

_MS = 1e-3
ROOT = Path(__file__).parents[2]


def test_the_newest_sample_of_a_window_tells_its_push() -> None:
    assert newest_push(np.array([0.0, 3.0, 0.0, 4.0])) == 4
    assert newest_push(np.array([0.0, 3.0, 0.0, 4.0, 0.0])) == 5
    assert newest_push(np.zeros(4)) == 0
    # the mark at the end is no push
    assert newest_push(np.array([7.0, -1.0])) == 8


def test_an_answer_is_as_late_as_its_newest_push_and_a_push_waits_for_the_next_answer() -> None:
    pushed = {number: 0.02 * number for number in range(1, 8)}
    # the second rests on push 6; of push 7 nothing was said
    answers = {3: pushed[3] + 5 * _MS, 6: pushed[6] + 9 * _MS}
    told = Streamed({"peer": pushed}, {"peer": answers})
    newest = told.newest_ms("peer", "peer")
    assert (newest.median_ms, newest.count) == (pytest.approx(7.0), 2)
    every = told.every_ms("peer", "peer")
    assert every.count == 6
    assert every.median_ms == pytest.approx(np.median([45.0, 25.0, 5.0, 49.0, 29.0, 9.0]))


def test_pushes_of_the_lead_in_are_not_counted() -> None:
    told = Streamed({"peer": {5: 1.0}}, {"peer": {4: 0.99, 5: 1.004}})
    only = told.newest_ms("peer", "peer")
    assert (only.count, only.median_ms) == (1, pytest.approx(4.0))


def test_a_peer_that_is_not_there_is_said_and_no_pass() -> None:
    row = Row("work", ours=Timing(1.0, 1.0, 1), goals=(Goal("below peer", 10, "mne-lsl"),))
    assert row.met is False
    assert latency._absent(Streamed({}, {"loop": {}})) == "; mne-lsl is not installed"


def test_a_start_is_told_with_the_signal_that_it_rests_on() -> None:
    starts = [Start(read, Heard(0.0, 0.0), Heard(read + 3160.0, read + 3150.0)) for read in (200.0, 400.0, 300.0)]
    row = start._row("the first that rests on EEG", starts, [s.resting for s in starts], 3, "")
    assert row.ours.median_ms == 3460.0
    assert row.floor is not None
    assert row.floor.median_ms == 3000.0
    assert "300 ms until the first sample that it reads, 3150 of signal, 10 until" in row.note
    assert row.met is False


@pytest.mark.slow
def test_ours_and_the_peers_all_answer() -> None:
    reader, prediction, waiting = latency.run(1.0)
    assert (reader.floor is not None, prediction.floor is not None) == (True, True)
    assert len(prediction.peers) == len(waiting.peers) == 2
    assert reader.ours.count == 50
    assert prediction.ours.count >= 4
    assert 49 <= waiting.ours.count <= 50


@pytest.mark.slow
def test_a_start_goes_from_the_streams_to_a_prediction_that_rests_on_three_windows(tmp_path: Path) -> None:
    # a process of its own: LSL is configured once in one
    subprocess.run(
        [sys.executable, "-m", "benchmarks", "start", "--summary", tmp_path / "s.json"], cwd=ROOT, check=True
    )
    first, resting = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))["rows"]
    assert 1000.0 < first["ours"] < resting["ours"]
    assert resting["ours"] > 3000.0
    assert resting["met"] is False
