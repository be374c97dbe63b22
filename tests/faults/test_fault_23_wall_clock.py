"""Row 23: setting the machine's wall clock changes nothing."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_23_wall_clock import ROW

pytestmark = pytest.mark.end_to_end


def test_fault_23_the_wall_clock_does_not_matter() -> None:
    figures = ROW.ours(False).figures
    assert figures["states"] == "live"
    assert figures["lost"] == 0
    assert figures["predictions"] > 20
    assert figures["longest_step_s"] < 0.5
    assert figures["monotone"] is True
    assert figures["running"] is True
