"""Row 6: a clock that is set is noticed and taken off again; one that drifts stays within a frame of the video."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_06_clock_jump_and_drift import ROW

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_fault_06_time_stays_monotone_and_beside_the_video(full: bool) -> None:
    figures = ROW.ours(full).figures
    assert figures["detected_after_s"] <= 1.0
    assert figures["monotone"] is True
    assert figures["lost"] == 0
    # ten seconds off would be 10
    assert figures["largest_lag_s"] < 1.0
    assert figures["simulated_s"] == 3600.0
    assert figures["drift_error_ms"] <= 1000.0 / 30.0
