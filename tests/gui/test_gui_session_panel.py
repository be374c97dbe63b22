"""Session panel, its messages, the bar of a replay and the red line: what programs say, in words and counters."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication

from gui.session.panel import SILENT_S, SessionPanel
from gui.session.replay_bar import GONE_AFTER_S, ReplayBar
from gui.streams.contract import Link
from gui.streams.messages import found_from, recorder_from
from gui.streams.session_messages import StimulusState, replay_from, stimulus_from, time_code
from gui.theme import DARK
from gui.window.banner import StallBanner, StallWatch, stall_text

RUN = "sub-01_ses-01_task-suppression_run-01"
STREAMS = {
    "emostream-eeg": {"type": "EEG", "received": 7500, "stalled": False},
    "cam": {"type": "VideoFrameIndex", "stalled": True},
}
REPLAY = {"event": "replay", "session": RUN, "position_s": 62.0, "first_s": 2.0, "duration_s": 100.0, "speed": 2.0}


def _stimulus(stamp: float, event: str, **values: object):
    said = stimulus_from({"event": event, **values}, stamp)
    assert said is not None
    return said


def test_a_recording_is_shown_with_time_size_room_and_counters(qapp: QApplication, qtbot) -> None:
    panel = SessionPanel(DARK)
    qtbot.addWidget(panel)
    panel.refresh(0.0)
    assert panel.elapsed == "not recorded"
    values = {"elapsed_s": 83.4, "bytes": 12_300_000, "free_bytes": 2_000_000_000, "film": False, "streams": STREAMS}
    state = recorder_from({"event": "recording", "run": RUN, "alarms": ["cam stands still"], **values}, 10.0)
    assert state is not None
    panel.take_recorder(state, 10.0)
    panel.refresh(12.0)
    assert panel.elapsed == "▲ 0:01:25", "the clock goes on between two words of the recorder"
    assert panel.size_line == f"12.3 MB · 2.0 GB free · no film · {RUN}"
    assert panel.export_rows()[1:] == [("emostream-eeg", "EEG", 7500, 0), ("cam", "VideoFrameIndex", None, 1)]
    failure = recorder_from({"event": "recording_failed", "run": RUN, "reason": "disk full"}, 12.0)
    assert failure is not None
    panel.take_recorder(failure, 12.0)
    panel.refresh(12.0)
    assert len(panel.export_rows()) == 3, "a failure alone takes no counters away"
    panel.refresh(12.0 + SILENT_S + 1)
    assert panel.elapsed == "not recorded"
    assert panel.export_rows()[1:] == []


def test_calibration_trials_pauses_and_answers_are_told_in_words() -> None:
    state = StimulusState()
    assert state.lines(0.0) == ("", "")
    state.push(_stimulus(10.0, "calibration_phase", phase="eyes_closed", seconds=15.0))
    assert state.lines(13.0) == ("calibration: eyes closed, 12 s left", "")
    state.push(_stimulus(30.0, "session_start", playlist="films-1"))
    assert state.lines(31.0) == ("session start", "films-1")
    state.push(_stimulus(40.0, "trial_start", trial=3, emotion="disgust", stimulus="b.mp4", block=1))
    assert state.lines(52.0) == ("trial 3: disgust, for 12 s", "b.mp4")
    state.push(_stimulus(52.0, "pause"))
    assert state.lines(60.0)[0] == "paused: trial 3: disgust"
    state.push(_stimulus(60.0, "resume"))
    state.push(_stimulus(61.0, "trial_end", trial=3, emotion="disgust"))
    state.push(_stimulus(70.0, "self_report", trial=3, emotion="disgust", intensity=4, hidden=2))
    assert state.lines(71.0)[0] == "trial 3 over"
    assert state.report == "trial 3: disgust (intensity 4, hidden 2)"
    assert state.trials == 1
    assert stimulus_from({"trial": 4}, 0.0) is None


def test_quick_markers_speak_and_can_be_given_other_texts(qapp: QApplication, qtbot) -> None:
    panel = SessionPanel(DARK, [f"text {n}" for n in range(8)])
    qtbot.addWidget(panel)
    panel.resize(900, 300)
    panel.show()
    said: list[str] = []
    edited: list[list[str]] = []
    panel.marked.connect(said.append)
    panel.edited.connect(edited.append)
    qtbot.mouseClick(panel.buttons[1], Qt.MouseButton.LeftButton)
    panel.press(7)
    assert said == ["text 1", "text 7"]
    assert panel.buttons[1].accessibleName() == "Marker F2: text 1"
    panel._edit()
    assert panel.dialog is not None
    panel.dialog.edits[1].setText("  cough ")
    panel.dialog.edits[2].setText("")
    panel.dialog.accept()
    assert panel.texts[1:3] == ("cough", "")
    assert edited[0][1] == "cough"
    assert not panel.buttons[2].isEnabled()
    panel.press(2)
    assert len(said) == 2, "a key without a text marks nothing"


def test_truth_of_a_simulator_is_called_simulated(qapp: QApplication, qtbot) -> None:
    panel = SessionPanel(DARK)
    qtbot.addWidget(panel)
    panel.set_truth("sad")
    panel.refresh(0.0)
    assert panel.task == "simulated: sad"
    panel.take_stimulus(_stimulus(0.0, "trial_start", trial=1, emotion="fear"))
    panel.refresh(1.0)
    assert (panel.task, panel.detail) == ("trial 1: fear, for 1 s", "simulated participant: sad")
    follower = SessionPanel(DARK)
    qtbot.addWidget(follower)
    follower.adopt(panel)
    follower.refresh(1.0)
    assert follower.task == panel.task


class Desk:
    """A replay bar with everything around it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sent: list[dict[str, object]] = []
        self.bar = ReplayBar(DARK, lambda: self.now, lambda text, _stamp: self.sent.append(json.loads(text)))

    def hear(self, **values: object) -> None:
        state = replay_from({**REPLAY, **values}, self.now)
        assert state is not None
        self.bar.take(state)
        self.bar.refresh(self.now)


def test_the_replay_bar_shows_where_it_is_and_asks(qapp: QApplication, qtbot) -> None:
    desk = Desk()
    qtbot.addWidget(desk.bar)
    desk.bar.toggle()
    assert desk.sent == [], "without a replay there is nobody to ask"
    desk.hear()
    desk.now += 1.0
    desk.bar.refresh(desk.now)
    assert desk.bar.code.text() == "01:04.0 / 01:40.0", "two seconds of the recording in one of ours"
    assert desk.bar.speed.currentData() == 2.0
    desk.bar.toggle()
    desk.bar.step(5.0)
    desk.bar.seek(500.0)
    desk.bar.seek(-3.0)
    desk.bar.change_speed(1)
    desk.bar.change_speed(-9)
    desk.hear(paused=True)
    desk.bar.toggle()
    assert desk.sent == [
        {"event": "replay_pause"},
        {"event": "replay_seek", "position_s": 69.0},
        {"event": "replay_seek", "position_s": 100.0},
        {"event": "replay_seek", "position_s": 2.0},
        {"event": "replay_speed", "speed": 5.0},
        {"event": "replay_speed", "speed": 0.1},
        {"event": "replay_resume"},
    ]
    desk.hear(duration_s=None)
    assert desk.bar.code.text().endswith("without end")
    assert not desk.bar.slider.isEnabled()
    desk.now += GONE_AFTER_S + 1
    desk.bar.refresh(desk.now)
    assert desk.bar.isHidden()


def test_a_drag_is_asked_for_when_it_ends(qapp: QApplication, qtbot) -> None:
    desk = Desk()
    qtbot.addWidget(desk.bar)
    desk.hear()
    desk.bar.slider.setSliderDown(True)
    desk.bar.slider.setSliderPosition(300)
    desk.hear(position_s=63.0)
    assert desk.bar.code.text().startswith("00:30.0")
    assert desk.sent == []
    desk.bar.slider.setSliderDown(False)
    assert desk.sent == [{"event": "replay_seek", "position_s": 30.0}]


@pytest.mark.parametrize("said", [{}, {"event": "replay"}, {**REPLAY, "position_s": "x"}, {**REPLAY, "event": "beat"}])
def test_what_is_no_replay_is_passed_over(said: dict[str, object]) -> None:
    assert replay_from(said, 0.0) is None
    assert time_code(3723.46) == "1:02:03.5"
    assert time_code(-0.01) == "00:00.0"


def test_a_movement_decided_on_another_clock_comes_to_ours() -> None:
    times = {"onset_s": 1.0, "apex_s": 2.0, "offset_s": 3.0, "decided_s": 4.0}
    found = found_from(json.dumps({"event": "movement", "kind": "micro", **times}), 104.5)
    assert found is not None
    assert (found.onset_s, found.apex_s, found.offset_s) == (101.5, 102.5, 103.5)


def test_stalled_streams_are_named_with_since_when_and_only_when_they_ever_sent() -> None:
    watch = StallWatch()
    live = Link("eeg", "cap", "live", 0.1, 500.0, 900, found=True)
    never = Link("video", "cam", "lost", math.nan, 0.0, 0, found=True)
    assert watch.look([live, never], 10.0) == ()
    stale = replace(live, state="stale", age_s=4.0)
    (stall,) = watch.look([stale, never], 20.0)
    assert (stall.key, stall.since_s, stall.gone) == ("eeg", 16.0, False)
    (gone,) = watch.look([replace(stale, state="lost", age_s=math.nan)], 25.0)
    assert (gone.since_s, gone.gone) == (16.0, True)
    assert "eeg 'cap' is gone since " in stall_text([gone], 25.0, 0.0)
    assert stall_text([gone] * 5, 25.0, 0.0).endswith("and 2 more")
    assert watch.look([live], 26.0) == ()


def test_the_warning_can_be_put_away_until_another_stream_stands_still(qapp: QApplication, qtbot) -> None:
    banner = StallBanner(DARK, lambda: 0.0)
    qtbot.addWidget(banner)
    eeg = Link("eeg", "cap", "stale", 4.0, 0.0, 9, found=True)
    video = Link("video", "cam", "stale", 3.0, 0.0, 9, found=True)
    banner.show_links([eeg], 20.0)
    assert "eeg 'cap' stands still" in banner.text
    assert "cap" in banner.accessibleName()
    banner.away.click()
    banner.show_links([eeg], 21.0)
    assert banner.text == ""
    banner.show_links([eeg, video], 22.0)
    assert "cam" in banner.text
