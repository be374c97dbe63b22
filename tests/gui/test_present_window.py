"""The participant's and the operator's windows, off screen, with a clock in the hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from present_helpers import FLASHES, ManualClock, Sent, open_test_session, presenter_of, write_clip, write_playlist
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QApplication, QRadioButton, QWidget

from gui.present.canvas import RasterCanvas, SwapMeter, open_canvas
from gui.present.form import ReportForm
from gui.present.machine import Phase
from gui.present.operator import OperatorWindow
from gui.present.sound import Silence
from gui.present.stage import Stage, Twice
from gui.theme import DARK, apply_theme
from realtime.errors import ConfigurationError
from realtime.session.playlist import Scale, Screen, SelfReport

ANSWERS = {"emotion": "sad", "intensity": 1, "arousal": 9, "valence": 5, "hidden": 6}
_FRAME_S = 0.025


class Theatre:
    """A stage, what it sent, and time that passes with each frame."""

    def __init__(self, folder: Path, trials: str = FLASHES, *, photodiode: bool = False) -> None:
        self.clock, self.sent = ManualClock(), Sent()
        session = open_test_session(write_playlist(folder, trials))
        self.presenter = presenter_of(session, self.clock, self.sent, ready=lambda step: self.stage.could_show(step))
        self.machine = self.presenter.machine
        self.stage = Stage(self.presenter, Silence("a test"), self.clock, photodiode=photodiode)
        self.stage.resize(480, 270)
        self.stage.show()
        self.stage.begin()
        self.frames(2)

    def frames(self, count: int) -> None:
        for _ in range(count):
            # our time runs faster than the decoder's
            while (player := self.stage._player) is not None and not player._reader._done:
                QTest.qWait(1)
            self.stage.canvas.refresh()
            QTest.qWait(0)
            QApplication.processEvents()
            self.clock.wait(_FRAME_S)
            self.stage.look_after()

    def until(self, phase: Phase, limit: int = 1000) -> None:
        """Frames until a phase is on the screen."""
        for _ in range(limit):
            if self.machine.step.phase is phase and self.machine.visible:
                return
            if self.machine.step.phase is Phase.REPORT:
                self.stage.answer_as(ANSWERS)
            self.stage.go_on()
            self.frames(1)
        raise AssertionError(f"never came to {phase}, still {self.machine.step.phase}")

    def color(self, x: float, y: float) -> str:
        """Of the window at a share of its width and height."""
        image = self.stage.grab().toImage()
        return QColor(image.pixel(round(x * image.width()), round(y * image.height()))).name()

    def press(self, key: Qt.Key) -> None:
        QTest.keyClick(self.stage.focusWidget() or self.stage, key)

    def close(self) -> None:
        self.machine.stop()
        self.stage.end()
        self.stage.close()
        self.stage.deleteLater()
        QApplication.processEvents()


@pytest.fixture
def theatre(qapp: QApplication, tmp_path: Path) -> Iterator[Theatre]:
    apply_theme(qapp, DARK)
    made = Theatre(tmp_path)
    yield made
    made.close()


def test_a_film_is_shown_frame_by_frame_and_its_markers_stand_at_frames(qapp: QApplication, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", seconds=0.5)
    trial = '[[blocks.trials]]\nstimulus = "clip.mp4"\nemotion = "sad"\n'
    theatre = Theatre(tmp_path, trial + trial, photodiode=True)
    swaps: list[float] = []
    theatre.stage.canvas.swapped.connect(lambda _serial, stamp: swaps.append(stamp))
    try:
        theatre.until(Phase.END)
    finally:
        theatre.close()
    summary = theatre.presenter.summary(theatre.stage.told(), "completed")
    assert theatre.sent.names.count("trial_start") == 2
    for number, trial_told in enumerate(summary["trials"], 1):
        assert trial_told["film"]["frames_shown"] + trial_told["film"]["frames_dropped"] == 10
        assert trial_told["film"]["frames_shown"] >= 9
        assert trial_told["end_s"] - trial_told["start_s"] == pytest.approx(0.5, abs=0.06)
        assert theatre.sent.stamp("trial_start", number) in swaps
        assert theatre.sent.stamp("trial_end", number) in swaps
        assert trial_told["self_report"] == ANSWERS
    assert summary["display"]["path"] == "raster"
    assert summary["display"]["stamped"] == "after the flush"
    assert summary["display"]["sound"] == "no sound: a test"


def test_a_flash_fills_the_screen_and_the_photodiode_sees_its_first_tenth_of_a_second(
    qapp: QApplication, tmp_path: Path
) -> None:
    theatre = Theatre(tmp_path, FLASHES.replace('"happy"', '"happy"\ncolor = "#ff0000"'), photodiode=True)
    try:
        theatre.until(Phase.REST)
        assert theatre.color(0.01, 0.99) == "#000000"
        assert theatre.color(0.5, 0.5) == Screen().text
        theatre.until(Phase.STIMULUS)
        theatre.clock.now_s = theatre.sent.stamp("trial_start") + 0.02
        assert theatre.color(0.5, 0.5) == "#ff0000"
        assert theatre.color(0.01, 0.99) == "#ffffff"
        theatre.clock.now_s += 0.1
        assert theatre.color(0.01, 0.99) == "#000000"
        theatre.machine.pause()
        assert theatre.color(0.1, 0.1) == Screen().background
    finally:
        theatre.close()


def test_keys_of_the_operator_lose_nothing_by_one_press(theatre: Theatre) -> None:
    theatre.press(Qt.Key.Key_Space)
    theatre.until(Phase.STIMULUS)
    theatre.press(Qt.Key.Key_Space)
    assert theatre.machine.step.phase is Phase.STIMULUS
    theatre.press(Qt.Key.Key_P)
    theatre.frames(1)
    assert theatre.sent.names[-1] == "pause"
    theatre.press(Qt.Key.Key_P)
    theatre.frames(1)
    assert theatre.sent.names[-1] == "resume"
    theatre.press(Qt.Key.Key_Escape)
    theatre.clock.wait(2.5)
    theatre.press(Qt.Key.Key_Escape)
    theatre.clock.wait(2.5)
    assert not theatre.stage.close()
    assert not theatre.machine.over
    theatre.press(Qt.Key.Key_Escape)
    assert theatre.machine.over
    assert theatre.sent.names[-2:] == ["trial_end", "session_end"]


def test_a_pause_in_the_self_report_keeps_its_answers(theatre: Theatre) -> None:
    theatre.until(Phase.REPORT)
    form = theatre.stage.findChild(ReportForm)
    QTest.keyClick(theatre.stage.focusWidget(), Qt.Key.Key_Right)
    QTest.keyClick(theatre.stage.focusWidget(), Qt.Key.Key_P)
    theatre.frames(2)
    assert theatre.machine.paused
    assert not form.isVisible()
    theatre.press(Qt.Key.Key_P)
    theatre.frames(1)
    assert form.isVisible()
    assert form.answers() == {"emotion": "surprise"}


def test_the_operator_sees_where_it_is_and_skips_and_stops_at_the_second_press(theatre: Theatre) -> None:
    operator = OperatorWindow(theatre.presenter, DARK, theatre.clock, theatre.stage.follow)
    operator.refresh("raster")
    table: Any = operator._table
    assert [table.item(row, 1).text() for row in range(2)] == ["happy", "sad"]
    assert operator._recorder.text() == "not recorded: no recorder runs"
    assert not operator.pause_button.isEnabled()
    QTest.mouseClick(operator.next_button, Qt.MouseButton.LeftButton)
    theatre.frames(1)
    assert theatre.machine.step.phase is Phase.INSTRUCTION
    theatre.until(Phase.STIMULUS)
    operator.refresh()
    assert table.item(0, 4).text() == "now: stimulus"
    assert operator._phase.text() == "stimulus · trial 1 of 2"
    QTest.mouseClick(operator.pause_button, Qt.MouseButton.LeftButton)
    assert theatre.machine.paused
    assert operator.pause_button.text() == "Go on"
    QTest.mouseClick(operator.pause_button, Qt.MouseButton.LeftButton)
    theatre.frames(1)
    QTest.mouseClick(operator.next_button, Qt.MouseButton.LeftButton)
    assert operator.next_button.text() == "Skip? Press again"
    assert theatre.machine.step.phase is Phase.STIMULUS
    QTest.mouseClick(operator.next_button, Qt.MouseButton.LeftButton)
    theatre.frames(1)
    operator.refresh()
    assert table.item(0, 4).text() == "now: blank"
    QTest.mouseClick(operator.stop_button, Qt.MouseButton.LeftButton)
    operator.close()
    assert theatre.machine.over, "the close button asks for the same as Stop"
    operator.close()
    operator.deleteLater()


@pytest.fixture
def form(qapp: QApplication) -> Iterator[ReportForm]:
    made = ReportForm(SelfReport(emotions=("happy", "sad"), scales=(_SCALE, _WIDE)), Screen())
    made.resize(900, 600)
    made.show()
    made.begin()
    yield made
    made.close()
    made.deleteLater()
    QApplication.processEvents()


_SCALE = Scale(key="valence", question="How pleasant?", low="bad", high="good", pictures="valence")
_WIDE = Scale(key="hidden", question="How well hidden?", points=3)


def _focus(form: ReportForm) -> QWidget:
    focused = form.focusWidget()
    assert focused is not None
    return focused


def test_the_form_is_answered_by_keyboard_alone(form: ReportForm) -> None:
    sent: list[dict[str, Any]] = []
    form.submitted.connect(sent.append)
    QTest.keyClick(_focus(form), Qt.Key.Key_2)
    QTest.keyClick(_focus(form), Qt.Key.Key_Tab)
    QTest.keyClick(_focus(form), Qt.Key.Key_7)
    QTest.keyClick(_focus(form), Qt.Key.Key_Right)
    QTest.keyClick(_focus(form), Qt.Key.Key_Return)
    assert sent == []
    assert form._hint.text() == "Please answer every question"
    # the focus went to what is missing
    QTest.keyClick(_focus(form), Qt.Key.Key_9)
    assert form.answers() == {"emotion": "sad", "valence": 8}, "a scale of three has no 9"
    QTest.keyClick(_focus(form), Qt.Key.Key_3)
    QTest.keyClick(_focus(form), Qt.Key.Key_Tab)
    assert _focus(form).objectName() == "continue"
    QTest.keyClick(_focus(form), Qt.Key.Key_Space)
    assert sent == [{"emotion": "sad", "valence": 8, "hidden": 3}]


def test_the_form_is_answered_by_mouse_and_its_targets_are_large(form: ReportForm) -> None:
    choices = form.findChildren(QRadioButton)
    assert len(choices) == 2 + 9 + 3
    assert min(min(choice.height(), choice.width()) for choice in choices) >= 44
    for choice in choices:
        QTest.mouseClick(choice, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, choice.rect().topRight())
    assert form.answers() == {"emotion": "sad", "valence": 9, "hidden": 3}


def test_screen_readers_are_told_question_answer_and_end(form: ReportForm) -> None:
    names = [choice.accessibleName() for choice in form.findChildren(QRadioButton)]
    assert names[0] == "What did you feel most? happy"
    assert names[2] == "How pleasant? 1 of 9, bad"
    assert names[6] == "How pleasant? 5 of 9"
    assert names[-1] == "How well hidden? 3 of 3, very much"
    form.fill({"emotion": "happy", "valence": 1, "hidden": 2})
    assert form.answers() == {"emotion": "happy", "valence": 1, "hidden": 2}
    with pytest.raises(ValueError, match="10"):
        form.fill({"emotion": "happy", "valence": 10, "hidden": 2})


def test_a_second_press_counts_within_two_seconds_and_for_the_same_thing() -> None:
    clock = ManualClock()
    twice = Twice(clock)
    assert not twice.press("stop")
    assert twice.asked == "stop"
    assert not twice.press("skip")
    assert twice.press("skip")
    assert not twice.press("skip")
    clock.wait(2.1)
    assert twice.asked == ""
    assert not twice.press("skip")


def test_the_meter_counts_frames_that_come_late() -> None:
    meter = SwapMeter(0.0)
    assert meter.interval_s == pytest.approx(1 / 60)
    stamps = [0.01 * n for n in range(100)]
    for stamp in stamps:
        meter.swapped(stamp)
    assert meter.interval_s == pytest.approx(0.01)
    meter.swapped(stamps[-1] + 0.02)
    meter.rest()
    meter.swapped(stamps[-1] + 60.0)
    told = meter.told()
    assert told["late_frames"] == 1
    assert told["swap_interval_ms"] == {"p50": pytest.approx(10.0), "p99": pytest.approx(10.0, abs=0.2)}


def test_without_opengl_frames_are_drawn_in_raster(qapp: QApplication) -> None:
    canvas = open_canvas(lambda painter, rect: 0, ManualClock())
    assert isinstance(canvas, RasterCanvas)
    with pytest.raises(ConfigurationError, match="OpenGL does not work on this display"):
        open_canvas(lambda painter, rect: 0, ManualClock(), True)
