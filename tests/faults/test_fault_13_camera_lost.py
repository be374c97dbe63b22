"""Row 13: a camera that blocks, throws or is unplugged leaves EEG as it was, and is taken up again."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_13_camera_lost import ROW
from benchmarks.faults.row import Outcome

pytestmark = pytest.mark.end_to_end


def check(outcome: Outcome) -> None:
    figures = outcome.figures
    assert figures["predictions_away"] > 0
    assert figures["alone_s"] <= 1.0
    assert figures["face_used_later"] == 0
    assert figures["back_s"] <= 5.0
    assert figures["latency_ratio"] > 0.0


def test_a_driver_that_blocks_leaves_eeg_alone_within_a_second_and_is_replaced_within_five() -> None:
    check(ROW.ours(False))


@pytest.mark.slow
def test_a_camera_that_blocks_throws_and_is_unplugged() -> None:
    outcome = ROW.ours(True)
    check(outcome)
    assert outcome.figures["latency_ratio"] <= 1.5
    assert outcome.met
