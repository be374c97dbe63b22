"""Row 22: two busy processes beside the engine cost no EEG, and what is given up is the screen first, then video."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_22_busy_machine import ROW

pytestmark = pytest.mark.end_to_end


def test_two_busy_processes_beside_the_engine_cost_no_eeg_and_no_answer() -> None:
    figures = ROW.ours(False).figures
    assert figures["eeg_lost"] == 0
    assert figures["answers_per_s"] >= 4.0
    assert figures["order_kept"]
    assert 0.0 < figures["p50_ms"] <= figures["p99_ms"]


@pytest.mark.slow
def test_two_busy_processes_after_eight() -> None:
    outcome = ROW.ours(True)
    assert outcome.figures["p99_ms"] <= 50.0
    assert outcome.figures["eeg_lost"] == 0
    assert outcome.figures["order_kept"]
    assert outcome.met
