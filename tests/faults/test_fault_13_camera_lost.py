"""Row 13: a camera that blocks, throws or is unplugged leaves EEG as it was, and is taken up again."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_13_camera_lost import FAULTS, ROW
from benchmarks.faults.row import Outcome

pytestmark = pytest.mark.end_to_end


def check(outcome: Outcome) -> None:
    figures = outcome.figures
    for fault in FAULTS:
        assert figures[f"{fault}_predictions_away"] > 0, fault
        assert figures[f"{fault}_alone_s"] <= 1.0, fault
        assert figures[f"{fault}_face_used_later"] == 0, fault
        assert figures[f"{fault}_back_s"] <= 5.0, fault
    # half as much again or one chunk more: see `MOST_LATER_MS`
    assert figures["latency_unchanged"] is True
    assert outcome.met


def test_a_driver_that_blocks_throws_or_is_unplugged_leaves_eeg_as_it_was_and_is_back_within_five_seconds() -> None:
    check(ROW.ours(False))


@pytest.mark.slow
def test_a_camera_that_blocks_throws_and_is_unplugged_for_longer() -> None:
    check(ROW.ours(True))
