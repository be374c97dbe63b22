"""Row 22: two busy processes beside the engine cost no EEG, and what is given up is the screen first, then video."""

from __future__ import annotations

import pytest

from benchmarks.faults.fault_22_busy_machine import MOST_FRAMES_PER_S, MOST_POWERS_PER_S, ROW, in_order
from benchmarks.faults.row import Outcome

pytestmark = pytest.mark.end_to_end

ALL, SCREEN, VIDEO, MORE = (
    {"screen": screen, "video_every": every} for screen, every in ((False, 1), (True, 1), (True, 2), (True, 3))
)


def check(outcome: Outcome) -> None:
    figures = outcome.figures
    assert figures["eeg_lost"] == 0
    # EEG that comes late gives up the screen, then video, never an answer
    assert figures["order_kept"] is True, figures["order"]
    assert figures["late_screen_given_up"] is True
    assert figures["late_video_every"] == 3
    assert figures["late_answers_per_s"] >= 4.0
    assert figures["late_powers_per_s"] <= MOST_POWERS_PER_S
    assert figures["late_frames_per_s"] <= MOST_FRAMES_PER_S


def test_two_busy_processes_cost_no_eeg_and_no_answer_and_late_eeg_gives_up_the_screen_then_video() -> None:
    outcome = ROW.ours(False)
    check(outcome)
    assert outcome.figures["answers_per_s"] >= 4.0
    assert 0.0 < outcome.figures["p50_ms"] <= outcome.figures["p99_ms"]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ([ALL, SCREEN, VIDEO, MORE, VIDEO, SCREEN, ALL], True),
        ([ALL, SCREEN, ALL], True),
        ([ALL, ALL], False),  # nothing given up shows no order
        ([ALL, VIDEO], False),
        ([VIDEO, SCREEN], False),
        ([ALL, SCREEN, {"screen": False, "video_every": 2}], False),
    ],
)
def test_an_order_is_one_that_was_seen(told: list[dict[str, object]], kept: bool) -> None:
    assert in_order(told) is kept


@pytest.mark.slow
def test_two_busy_processes_after_eight_beside_which_the_screen_is_given_up() -> None:
    outcome = ROW.ours(True)
    check(outcome)
    assert outcome.figures["screen_given_up"] is True
    assert outcome.figures["p99_ms"] <= 50.0
    assert outcome.met
