"""Row 3: a headset that comes back is read again, what was lost is counted, and nothing of before is left behind."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_03_headset_restarts import MOST_OFF, ROW

pytestmark = pytest.mark.end_to_end


def test_fault_03_a_restarted_headset_is_read_again_and_its_loss_counted() -> None:
    figures = ROW.ours(False).figures
    assert figures["data_after_s"] <= 2.0
    assert figures["lost"] > 0
    # the new outlet's samples do not lie on the old one's grid: half a sample either way
    assert abs(figures["lost"] - figures["truly_lost"]) <= 1
    assert figures["gap_records"] == 1
    assert figures["first_window_after_s"] >= 0.99
    # band powers are those of the new samples alone; a filter that had gone on would show
    assert figures["powers_off"] <= MOST_OFF < figures["powers_off_unreset"]
