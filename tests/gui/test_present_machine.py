"""What comes next in a presentation, with a clock in the hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from present_helpers import FLASHES, ManualClock, Sent, open_test_session, presenter_of, write_playlist

from gui.present.machine import Phase, Step, TrialMachine
from gui.present.presenter import Presenter
from gui.present.unseen import turn
from realtime.session.events import CONTROL, RECORDER

ANSWERS = {"emotion": "happy", "intensity": 3, "arousal": 4, "valence": 5, "hidden": 6}


class Stand:
    """A presenter, its clock, and what it sent; `see` shows the present scene after a while."""

    def __init__(self, folder: Path, **more: object) -> None:
        self.clock, self.sent = ManualClock(), Sent()
        session = open_test_session(write_playlist(folder, FLASHES), auto=bool(more.pop("auto", False)))
        self.presenter: Presenter = presenter_of(session, self.clock, self.sent, **more)
        self.machine: TrialMachine = self.presenter.machine

    def see(self, after_s: float = 0.0) -> float:
        self.clock.wait(after_s)
        self.machine.shown(self.machine.scene.serial, self.clock())
        return self.clock()

    def until(self, phase: Phase) -> None:
        """Go on, as fast as can be, to the first frame of a phase."""
        for _ in range(100):
            self.see()
            if self.machine.step.phase is phase:
                return
            self.machine.answer(ANSWERS)
            self.machine.proceed()
            self.clock.wait(self.machine.remaining_s or 0.0)
            self.machine.tick()
        raise AssertionError(f"never came to {phase}")


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def test_a_whole_session_sends_its_markers_in_order(stand: Stand) -> None:
    stand.until(Phase.END)
    trial = ["rest_start", "rest_end", "trial_start", "trial_end", "self_report"]
    first = ["session_start", "instruction", "baseline_start", "baseline_end", "instruction"]
    assert stand.sent.names == [*first, *trial, *trial, "session_end"]
    assert stand.sent[-1][0] == {"event": "session_end", "completed": True}
    assert stand.sent[0][0] == {
        "event": "session_start",
        "playlist": "test",
        "subject": "01",
        "session": "01",
        "order": "fixed",
        "seed": 0,
        "participant_number": 1,
        "trials": 2,
    }
    assert stand.machine.completed
    assert not stand.machine.over
    assert stand.machine.proceed()
    assert stand.machine.over
    stand.machine.stop()
    assert stand.sent.names.count("session_end") == 1


def test_nothing_is_sent_before_its_frame_is_on_the_screen(stand: Stand) -> None:
    stand.until(Phase.REST)
    stand.clock.wait(1.0)
    stand.machine.tick()
    assert stand.machine.step.phase is Phase.STIMULUS
    assert stand.sent.names[-1] == "rest_start"
    stamp = stand.see(0.25)
    # the frame that ends the rest begins the trial
    assert stand.sent.stamp("rest_end") == stand.sent.stamp("trial_start") == stamp
    assert stand.sent[-1][0] == {
        "event": "trial_start",
        "trial": 1,
        "emotion": "happy",
        "stimulus": "builtin:flash",
        "block": "one",
    }


def test_time_runs_from_the_frame_on_the_screen(stand: Stand) -> None:
    stand.until(Phase.STIMULUS)
    began = stand.sent.stamp("trial_start")
    stand.clock.wait(2.99)
    stand.machine.tick()
    assert stand.machine.step.phase is Phase.STIMULUS
    stand.machine.tick(ahead_s=0.02)
    assert stand.machine.step.phase is Phase.BLANK
    stand.see(0.01)
    assert stand.sent.stamp("trial_end") - began == pytest.approx(3.0)


def test_a_frame_of_a_scene_that_is_gone_says_nothing(stand: Stand) -> None:
    stand.until(Phase.REST)
    old = stand.machine.scene.serial
    stand.clock.wait(1.0)
    stand.machine.tick()
    before = len(stand.sent)
    stand.machine.shown(old, stand.clock())
    stand.machine.shown(0, stand.clock())
    assert len(stand.sent) == before


def test_a_pause_holds_the_time(stand: Stand) -> None:
    stand.until(Phase.STIMULUS)
    stand.clock.wait(1.0)
    stand.machine.pause()
    paused = stand.see(0.02)
    stand.clock.wait(100.0)
    stand.machine.tick()
    assert stand.machine.paused
    assert stand.machine.remaining_s == pytest.approx(2.0)
    stand.machine.resume()
    resumed = stand.see(0.02)
    assert stand.sent.names[-2:] == ["pause", "resume"]
    assert (stand.sent.stamp("pause"), stand.sent.stamp("resume")) == (paused, resumed)
    stand.clock.wait(1.9)
    stand.machine.tick()
    assert stand.machine.step.phase is Phase.STIMULUS
    stand.clock.wait(0.11)
    stand.machine.tick()
    assert stand.machine.step.phase is Phase.BLANK


def test_a_trial_paused_before_it_was_seen_begins_when_it_is(stand: Stand) -> None:
    stand.until(Phase.REST)
    stand.clock.wait(1.0)
    stand.machine.tick()
    stand.machine.pause()
    stand.see()
    assert stand.sent.names[-2:] == ["rest_end", "pause"]
    stand.machine.resume()
    stamp = stand.see(3.0)
    assert stand.sent.names[-2:] == ["resume", "trial_start"]
    assert stand.sent.stamp("trial_start") == stamp


def test_a_stop_ends_what_was_open_and_says_so(stand: Stand) -> None:
    stand.until(Phase.STIMULUS)
    stand.clock.wait(1.0)
    stand.machine.stop()
    stand.machine.stop()
    ended = {"event": "trial_end", "trial": 1, "emotion": "happy", "cut_short": True}
    assert stand.sent[-2:] == [(ended, stand.clock()), ({"event": "session_end", "completed": False}, stand.clock())]
    summary = stand.presenter.summary({}, "stopped")
    assert summary["completed"] is False
    assert summary["trials"][0]["cut_short"] is True
    assert summary["trials"][1]["start_s"] is None


def test_a_stop_between_two_scenes_ends_the_first_and_never_begins_the_second(stand: Stand) -> None:
    stand.until(Phase.REST)
    stand.clock.wait(1.0)
    stand.machine.tick()
    stand.machine.stop()
    assert stand.sent.names[-2:] == ["rest_end", "session_end"]
    assert "trial_start" not in stand.sent.names


def test_a_stop_at_the_welcome_is_told_too(stand: Stand) -> None:
    stand.machine.stop()
    assert stand.sent.names == ["session_end"]


def test_skipping_cuts_short_and_space_does_not_skip(stand: Stand) -> None:
    stand.until(Phase.STIMULUS)
    assert not stand.machine.proceed()
    assert stand.machine.skip()
    stand.see()
    assert stand.sent[-1][0] == {"event": "trial_end", "trial": 1, "emotion": "happy", "cut_short": True}


def test_a_rest_lasts_until_the_film_can_be_shown(tmp_path: Path) -> None:
    ready: list[bool] = []
    asked: list[Step] = []

    def could(step: Step) -> bool:
        asked.append(step)
        return bool(ready)

    stand = Stand(tmp_path, ready=could)
    ready.append(True)
    stand.until(Phase.REST)
    ready.clear()
    stand.clock.wait(5.0)
    stand.machine.tick()
    assert stand.machine.step.phase is Phase.REST
    assert asked[-1].phase is Phase.STIMULUS
    ready.append(True)
    stand.machine.tick()
    assert stand.machine.step.phase is Phase.STIMULUS


def test_a_film_that_fails_says_so_in_its_trial(stand: Stand) -> None:
    stand.until(Phase.STIMULUS)
    stand.machine.stimulus_over("broken frame")
    stand.see()
    assert stand.sent[-1][0]["problem"] == "broken frame"
    assert stand.presenter.summary({}, "stopped")["trials"][0]["problem"] == "broken frame"


def test_operators_elsewhere_and_recorders_are_heard(tmp_path: Path) -> None:
    stand = Stand(tmp_path, wait_for_recording=True)
    stand.see()
    assert not stand.presenter.proceed()
    stand.presenter.hear(RECORDER, {"event": "recording_started", "run": "x"})
    assert stand.presenter.recording == "recording"
    assert stand.presenter.proceed()
    stand.until(Phase.STIMULUS)
    assert stand.presenter.recording == "lost"
    stand.presenter.hear(RECORDER, {"event": "recording_failed", "run": "x", "reason": "disk full"})
    assert stand.presenter.recording == "failed"
    stand.presenter.hear(CONTROL, {"event": "note", "text": "present_stop"})
    stand.presenter.hear(CONTROL, {"event": "present_pause"})
    assert stand.machine.paused
    stand.presenter.hear(CONTROL, {"event": "present_resume"})
    assert not stand.machine.paused
    stand.presenter.hear(CONTROL, {"event": "present_stop"})
    assert stand.machine.over


def test_a_simulated_participant_goes_through_it_all_and_says_what_it_is(tmp_path: Path) -> None:
    stand = Stand(tmp_path, auto=True)
    turn(stand.presenter, False, stand.clock)
    stand.clock.wait(10.0)
    turn(stand.presenter, False, stand.clock)
    assert stand.machine.step.phase is Phase.WELCOME, "nobody listens yet"
    while not stand.machine.over:
        turn(stand.presenter, True, stand.clock)
        stand.clock.wait(0.02)
    summary = stand.presenter.summary({"path": "none"}, "completed")
    assert summary["simulated"] is True
    assert summary["completed"] is True
    assert summary["markers"] == len(stand.sent) == 16
    lengths = [trial["end_s"] - trial["start_s"] for trial in summary["trials"]]
    assert lengths == pytest.approx([3.0, 4.0], abs=0.05)
    reports = [event for event, _ in stand.sent if event["event"] == "self_report"]
    assert [report["trial"] for report in reports] == [1, 2]
    for report in reports:
        assert report["simulated"] is True
        assert all(1 <= report[key] <= 9 for key in ("intensity", "arousal", "valence", "hidden"))
    assert stand.sent[0][0]["simulated"] is True
