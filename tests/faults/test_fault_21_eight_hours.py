"""Row 21: hours of a session leave memory and handles as they were, and the engine as quick as at first."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_21_eight_hours import ROW


def test_minutes_of_a_session_at_full_speed_leave_memory_and_handles_as_they_were() -> None:
    figures = ROW.ours(False).figures
    assert figures["mb_per_hour"] < 1.0
    assert figures["handles_last"] <= figures["handles_first"]
    assert figures["threads_last"] <= figures["threads_first"]
    assert figures["predictions"] > 200


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_eight_hours_of_a_replay_at_ten_times_real_time() -> None:
    outcome = ROW.ours(True)
    figures = outcome.figures
    assert figures["stream_hours"] == 8.0
    assert figures["mb_per_hour"] < 1.0
    assert figures["handles_last"] <= figures["handles_first"]
    assert figures["p99_ratio"] <= 1.1
    assert outcome.met
