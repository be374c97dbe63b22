"""Row 7: a headset that stalls is 'stale' while it does; nothing of what it then sends at once is lost."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_07_stall_and_burst import ROW

pytestmark = pytest.mark.end_to_end


def test_fault_07_a_stall_is_flagged_and_its_burst_is_not_lost() -> None:
    figures = ROW.ours(False).figures
    assert figures["stale_after_s"] < 2.0
    assert figures["truly_lost"] == 0
    assert figures["lost"] == 0
    assert figures["caught_up_s"] <= 1.0
