"""The window with a bridge of the test's own: hand-over, badges, keys, pause, screenshot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QApplication, QLineEdit

from gui.application import save_screenshot
from gui.streams.bridge import WANTED, Batch, FoundStream, Link
from gui.streams.describing import Descriptions
from gui.streams.messages import EmotionModel, EmotionSample, MovementEvent, OperatorNote, TruthEvent
from gui.theme import DARK, apply_theme
from gui.window.header import DEMONSTRATION, PARTICIPANT
from gui.window.main_window import MainWindow
from realtime.errors import DataError
from realtime.packets import EegChunk, EegInfo


class ListBridge:
    """Hands out the batches it was given, then empty ones."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.truth_state = "waiting"
        self.truth_found = False
        self.stopped = 0
        self.descriptions = Descriptions()
        self.preferred: dict[str, str] = {}

    def found(self) -> tuple[FoundStream, ...]:
        return ()

    def prefer(self, key: str, source_id: str) -> None:
        self.preferred[key] = source_id

    def poll(self) -> Batch:
        return self.batches.pop(0) if self.batches else Batch()

    def links(self) -> tuple[Link, ...]:
        return tuple(
            Link(w.key, w.name, self.truth_state, found=self.truth_found)  # type: ignore[arg-type]
            if w.key == "truth"
            else Link(w.key, w.name, "waiting")
            for w in WANTED
        )

    def stop(self) -> None:
        self.stopped += 1


class Clock:
    """Seconds that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


Window = tuple[MainWindow, ListBridge, Clock, list[tuple[str, float]]]


@pytest.fixture
def window(qapp: QApplication, qtbot) -> Iterator[Window]:
    """A shown window whose timer does not run: the test turns it by `tick`."""
    apply_theme(qapp, DARK)
    bridge, clock, sent = ListBridge(), Clock(), []
    made = MainWindow(bridge, DARK, clock, lambda text, stamp: sent.append((text, stamp)))  # type: ignore[arg-type]
    made._timer.stop()
    made.resize(1280, 720)
    made.show_panels()
    made.show()
    qapp.setActiveWindow(made)
    yield made, bridge, clock, sent
    made.close()
    qapp.setStyleSheet("")


def _emotion(stamp: float, *, simulated: bool) -> tuple[EmotionModel, EmotionSample]:
    p = np.array([0.8, 0.2], np.float32)
    model = EmotionModel(("sad", "happy"), "m", "whoever", simulated)
    return model, EmotionSample(stamp, p, p, p, 0.5, True, False, True, 0.0)


def _turn(window: MainWindow, times: int = 16) -> None:
    for _ in range(times):
        window.tick()


def test_a_simulated_model_and_participant_carry_badges(window: Window) -> None:
    made, bridge, clock, _ = window
    bridge.batches = [Batch(emotions=(_emotion(clock.now, simulated=False),))]
    _turn(made)
    assert made.badges() == ()
    bridge.batches = [
        Batch(emotions=(_emotion(clock.now, simulated=True),), truth=(TruthEvent(clock.now - 1, "trial_start", "sad"),))
    ]
    _turn(made)
    assert made.badges() == (DEMONSTRATION, PARTICIPANT)
    assert made.panels.state.headline == "sad"
    assert made.panels.state.truth_text == "simulated truth: sad (agrees)"
    clock.now += 61
    _turn(made)
    assert made.badges() == (DEMONSTRATION, PARTICIPANT), "what only a simulator knows is still on the time axis"
    clock.now += 200
    _turn(made, 32)
    assert made.badges() == (DEMONSTRATION,)


def test_a_truth_stream_without_markers_is_enough_for_the_badge_and_a_lost_one_tells_no_more(window: Window) -> None:
    made, bridge, clock, _ = window
    bridge.truth_found, bridge.truth_state = True, "live"
    _turn(made)
    assert made.badges() == (PARTICIPANT,)
    bridge.batches = [Batch(truth=(TruthEvent(clock.now, "trial_start", "sad"),))]
    _turn(made)
    assert made.panels.traces.truth.current() == "sad"
    bridge.truth_state = "lost"
    clock.now += 5
    _turn(made)
    assert made.badges() == (PARTICIPANT,)
    assert made.panels.traces.truth.current() == ""


def test_movements_and_notes_reach_their_panels(window: Window) -> None:
    made, bridge, clock, _ = window
    found = MovementEvent(clock.now - 2, clock.now - 1.8, clock.now - 1.6, "micro", 9.0, ())
    true = MovementEvent(clock.now - 2, clock.now - 1.8, clock.now - 1.6, "micro", float("nan"), (), true=True)
    bridge.batches = [Batch(movements=(found,), truth=(true,), notes=(OperatorNote(clock.now, "hello"),))]
    made.docks.docks["timeline"].raise_()
    QApplication.processEvents()
    _turn(made)
    assert made.panels.timeline.micro_row.events == [found]
    assert made.panels.timeline.true_row.events == [true]
    assert [note.text for note in made.panels.timeline.note_row.notes] == ["hello"]
    assert made.panels.movement.note.endswith("apex 1.8 s ago")


def test_pause_stops_the_display_and_not_the_intake(window: Window, qtbot) -> None:
    made, bridge, clock, _ = window
    qtbot.keyClick(made, Qt.Key_Space)
    assert made.paused
    assert made.badges() == ("DISPLAY PAUSED",)
    info = EegInfo("cap", "c", ("A", "B"), 100.0)
    chunk = EegChunk(np.ones((2, 10), np.float32), clock.now + np.arange(10) / 100, "u", 0)
    bridge.batches = [Batch(eeg=((info, chunk),), emotions=(_emotion(clock.now, simulated=True),))]
    _turn(made)
    assert made.panels.state.headline == ""
    assert made.panels.eeg.note == ""
    assert bridge.batches == []
    qtbot.keyClick(made, Qt.Key_Space)
    _turn(made)
    assert made.panels.state.headline == "sad"
    assert made.panels.eeg.note == "2 channels · 100 Hz · cap"


def test_a_note_is_sent_with_the_moment_n_was_pressed(window: Window, qtbot) -> None:
    made, _, clock, sent = window
    qtbot.keyClick(made, Qt.Key_N)
    edit = made.findChild(QLineEdit)
    assert edit is not None
    assert edit.isVisible()
    clock.now += 4
    qtbot.keyClicks(edit, "blinked a lot")
    qtbot.keyClick(edit, Qt.Key_Return)
    assert not edit.isVisible()
    (text, stamp), *rest = sent
    assert json.loads(text) == {"event": "note", "text": "blinked a lot", "at_s": 1000.0}
    assert stamp == 1004.0
    assert rest == []
    qtbot.keyClick(made, Qt.Key_N)
    qtbot.keyClicks(edit, "dropped")
    qtbot.keyClick(edit, Qt.Key_Escape)
    assert len(sent) == 1
    assert not made.paused


def test_ctrl_q_closes_and_stops_the_bridge(window: Window, qtbot) -> None:
    made, bridge, _, _ = window
    qtbot.keyClick(made, Qt.Key_Q, Qt.ControlModifier)
    assert not made.isVisible()
    assert bridge.stopped == 1


@pytest.mark.parametrize("key", [Qt.Key_Up, Qt.Key_Down])
def test_shift_and_arrows_scale_the_eeg(window: Window, qtbot, key: Qt.Key) -> None:
    made = window[0]
    qtbot.keyClick(made, key, Qt.ShiftModifier)
    assert made.panels.eeg.canvas.scale_uv == (50.0 if key == Qt.Key_Up else 200.0)


@pytest.mark.parametrize("size", [(1280, 720), (1600, 900)])
def test_nothing_is_wider_than_the_window(window: Window, size: tuple[int, int]) -> None:
    made = window[0]
    made.resize(*size)
    _turn(made)
    assert (made.width(), made.height()) == size
    for panel in [p for p in made.panels.by_key.values() if p.isVisible()]:
        corner = panel.mapTo(made, panel.rect().bottomRight())
        assert corner.x() < size[0]
        assert corner.y() < size[1]


def test_the_screenshot_is_whole_or_absent(window: Window, tmp_path: Path) -> None:
    made = window[0]
    _turn(made)
    save_screenshot(made, tmp_path / "shot.png")
    assert QImage(str(tmp_path / "shot.png")).width() == 1280
    assert [path.name for path in tmp_path.iterdir()] == ["shot.png"]
    with pytest.raises(DataError, match="cannot write the screenshot"):
        save_screenshot(made, tmp_path / "absent" / "shot.png")


def test_no_foreign_plugins_stay_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from gui.application import drop_foreign_plugins

    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", "/x/cv2/qt/plugins")
    monkeypatch.setenv("QT_QPA_FONTDIR", "/usr/share/fonts")
    drop_foreign_plugins()
    import os

    assert "QT_QPA_PLATFORM_PLUGIN_PATH" not in os.environ
    assert os.environ["QT_QPA_FONTDIR"] == "/usr/share/fonts"
