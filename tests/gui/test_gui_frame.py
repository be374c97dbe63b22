"""The window around the panels: docks, presets, page of streams, look, keys, markers, help, tour."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication, QLabel, QPushButton, QWidget
from window_desk import WindowDesk, window_desk

from gui.settings import Settings
from gui.streams.bridge import Batch, Link
from gui.streams.messages import EmotionModel, EmotionSample, MovementEvent, recorder_from
from gui.streams.session_messages import replay_from
from gui.theme import DARK, LIGHT, font_scale
from gui.window.docks import PRESETS, DockArea
from gui.window.help import Callout, HelpDialog, Tour
from gui.window.main_window import PATIENCE_S
from gui.window.panel_set import SCHEDULE
from realtime.packets import EegChunk, EegInfo


@pytest.fixture
def desk(qapp: QApplication, qtbot) -> Iterator[WindowDesk]:
    """A window past its page of streams."""
    with window_desk(qapp) as made:
        yield made


def _live(key: str, **more: object) -> Link:
    return Link(key, key, "live", 0.1, 1.0, 9, found=True, **more)  # type: ignore[arg-type]


def _emotion(stamp: float) -> tuple[EmotionModel, EmotionSample]:
    p = np.array([0.8, 0.2], np.float32)
    model = EmotionModel(("sad", "happy"), "m", "whoever", True)
    return model, EmotionSample(stamp, p, p, p, 0.5, True, False, True, 0.0)


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_preset_shows_its_panels_and_no_others_and_fits(desk: WindowDesk, qtbot, name: str) -> None:
    desk.window.actions_by_name[f"preset {name}"].trigger()
    desk.turn()
    QApplication.processEvents()
    docks = desk.window.docks
    assert {key for key, dock in docks.docks.items() if not dock.isHidden()} == PRESETS[name].shown
    assert (desk.window.width(), desk.window.height()) == (1280, 720)
    for key, dock in docks.docks.items():
        if dock.isVisible() and docks.panel(key).isVisible():
            corner = dock.mapTo(desk.window, dock.rect().bottomRight())
            assert corner.x() < 1280, key
            assert corner.y() < 720, key


def test_every_panel_has_a_turn_and_a_place_and_a_hidden_one_is_not_redrawn(desk: WindowDesk) -> None:
    assert set().union(*(preset.shown for preset in PRESETS.values())) == set(SCHEDULE)
    drawn: list[str] = []
    for key, panel in desk.window.panels.by_key.items():
        panel.refresh = lambda _now, key=key: drawn.append(key)  # type: ignore[method-assign]
    desk.window.docks.apply(PRESETS["wall"])
    desk.turn(32)
    assert set(drawn) == PRESETS["wall"].shown
    drawn.clear()
    desk.window.show_streams()
    desk.turn(32)
    assert drawn == [], "behind the page of streams nothing is drawn"


def test_the_layout_is_remembered_and_one_of_another_version_is_not_believed(qapp: QApplication, qtbot) -> None:
    settings = Settings()
    with window_desk(qapp, settings) as desk:
        desk.window.docks.apply(PRESETS["wall"])
        desk.window.docks.docks["timeline"].hide()
    kept = settings.layout("layout")
    assert kept is not None
    with window_desk(qapp, settings) as desk:
        assert desk.window.docks.restore(kept)
        shown = {key for key, dock in desk.window.docks.docks.items() if not dock.isHidden()}
        assert shown == PRESETS["wall"].shown - {"timeline"}
        older = kept[:7] + b"\x05" + kept[8:]
        assert not desk.window.docks.restore(older)


def test_docks_have_handles_only_while_they_are_arranged_or_float(qapp: QApplication, qtbot) -> None:
    area = DockArea({"a": ("A", QLabel("a")), "b": ("B", QLabel("b"))})
    qtbot.addWidget(area)
    dock = area.docks["a"]
    assert dock.titleBarWidget() is not None
    area.arrange(True)
    assert dock.titleBarWidget() is None
    area.arrange(False)
    assert dock.titleBarWidget() is not None
    area.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    area.show()
    dock.setFloating(True)
    assert dock.titleBarWidget() is None


def test_the_page_of_streams_appears_only_while_something_is_missing_and_leaves_by_itself(
    qapp: QApplication, qtbot
) -> None:
    with window_desk(qapp, panels=False) as desk:
        desk.turn()
        assert not desk.window.start.isVisible()
        desk.now += PATIENCE_S + 1
        desk.turn()
        assert desk.window.start.isVisible()
        desk.bridge.given = {key: _live(key) for key in ("eeg", "video", "emotions")}
        desk.turn()
        assert not desk.window.start.isVisible()
        desk.bridge.given = {}
        desk.now += 60
        desk.turn()
        assert not desk.window.start.isVisible(), "what is lost later is told by the banner"
        qtbot.keyClick(desk.window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
        desk.bridge.given = {key: _live(key) for key in ("eeg", "video", "emotions")}
        desk.turn()
        assert desk.window.start.isVisible(), "who asked for it is not interrupted"
        qtbot.keyClick(desk.window, Qt.Key.Key_Escape)
        assert desk.window.panels.state.isVisible()


def test_a_stalled_stream_is_named_over_everything(desk: WindowDesk) -> None:
    desk.bridge.given = {"eeg": Link("eeg", "cap", "stale", 5.0, 0.0, 900, found=True)}
    desk.turn()
    assert "eeg 'cap' stands still since " in desk.window.banner.text
    desk.bridge.given = {"eeg": _live("eeg")}
    desk.turn()
    assert desk.window.banner.text == ""


def test_theme_and_letters_change_and_nothing_that_was_said_is_lost(desk: WindowDesk, qtbot) -> None:
    info = EegInfo("cap", "c", ("A", "B"), 100.0)
    chunk = EegChunk(np.ones((2, 10), np.float32), desk.now + np.arange(10) / 100, "u", 0)
    found = MovementEvent(desk.now - 2, desk.now - 1.8, desk.now - 1.6, "micro", 9.0, ())
    recorder = recorder_from({"event": "recording", "run": "r1", "elapsed_s": 5.0, "bytes": 1, "streams": {}}, desk.now)
    desk.bridge.batches = [
        Batch(eeg=((info, chunk),), emotions=(_emotion(desk.now),), movements=(found,), recorder=recorder)
    ]
    desk.turn()
    before = desk.window.panels.state
    qtbot.keyClick(desk.window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(desk.window, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert (desk.window.theme, font_scale()) == (LIGHT, 1.15)
    desk.turn()
    panels = desk.window.panels
    assert panels.state is not before
    assert panels.state.theme is LIGHT
    assert panels.state.headline == "sad"
    assert panels.eeg.note.startswith("2 channels · 100 Hz")
    assert list(panels.timeline.found) == [found]
    assert panels.session.elapsed.endswith("0:00:05")
    assert desk.sent == [], "a change of theme is no event of the session"
    assert desk.window.settings.text("theme") == "light"
    for key, scale in ((Qt.Key.Key_0, 1.0), (Qt.Key.Key_Minus, 0.85), (Qt.Key.Key_Minus, 0.85)):
        qtbot.keyClick(desk.window, key, Qt.KeyboardModifier.ControlModifier)
        assert font_scale() == scale


def test_quick_markers_go_out_with_their_moment(desk: WindowDesk, qtbot) -> None:
    desk.now = 1234.5
    qtbot.keyClick(desk.window, Qt.Key.Key_F2)
    assert desk.sent == [{"event": "note", "text": desk.window.panels.session.texts[1], "at_s": 1234.5}]
    texts = ["cough", *desk.window.panels.session.texts[1:]]
    desk.window.panels.session.set_texts(texts)
    desk.window.panels.session.edited.emit(texts)
    desk.window.set_look(LIGHT, 1.0)
    qtbot.keyClick(desk.window, Qt.Key.Key_F1)
    assert desk.sent[-1]["text"] == "cough", "the lab's texts outlive the panel"


def test_keys_steer_a_replay_and_typing_a_note_does_nothing_else(desk: WindowDesk, qtbot) -> None:
    state = replay_from({"event": "replay", "position_s": 10.0, "duration_s": 99.0, "speed": 1.0}, desk.now)
    desk.bridge.batches = [Batch(replay=state)]
    desk.turn()
    assert desk.window.replay.isVisible()
    qtbot.keyClick(desk.window, Qt.Key.Key_Space, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(desk.window, Qt.Key.Key_Right, Qt.KeyboardModifier.ControlModifier)
    assert desk.sent == [{"event": "replay_pause"}, {"event": "replay_seek", "position_s": 15.0}]
    desk.sent.clear()
    qtbot.keyClick(desk.window, Qt.Key.Key_N)
    qtbot.keyClicks(desk.window.header.note, "now? n B c 1")
    assert desk.window.header.note.text() == "now? n B c 1"
    assert desk.sent == []
    assert desk.window.help is None


def test_record_by_key_opens_the_form_and_one_key_never_stops(desk: WindowDesk, qtbot) -> None:
    qtbot.keyClick(desk.window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier)
    form = desk.window.record.dialog
    assert form is not None
    assert form.windowTitle() == "Record a session"
    form.close()
    desk.bridge.batches = [Batch(recorder=recorder_from({"event": "recording", "run": "r1", "streams": {}}, desk.now))]
    desk.turn()
    desk.window.record.button.click()
    assert desk.sent == []
    assert desk.window.record.dialog is not None
    desk.window.record.dialog.close()


def test_help_names_every_key_and_no_key_has_two_meanings(desk: WindowDesk, qtbot) -> None:
    help_ = HelpDialog(DARK, desk.window.actions(), desk.window)
    qtbot.addWidget(help_)
    keys = [key for row, _ in help_.rows for key in row.split(", ")]
    assert len(keys) == len(set(keys))
    assert {"?", "N", "F8", "Ctrl+R", "Ctrl+E", "F10", "Space"} <= set(keys)
    assert all(text for _, text in help_.rows)
    qtbot.keyClick(desk.window, Qt.Key.Key_Question)
    assert desk.window.help is not None
    desk.window.help.close()


def test_everything_that_can_be_pressed_has_a_name_and_can_be_reached(desk: WindowDesk) -> None:
    desk.turn()
    for key, panel in desk.window.panels.by_key.items():
        assert panel.accessibleName(), key
    for button in desk.window.header.findChildren(QPushButton):
        assert button.accessibleName() or button.text()
    for button in desk.window.panels.session.buttons:
        assert button.focusPolicy() & Qt.FocusPolicy.TabFocus


def test_the_tour_goes_through_its_stops_once_and_can_be_skipped(desk: WindowDesk, qtbot) -> None:
    desk.window.show_tour()
    tour = desk.window.tour
    assert tour is not None
    titles = [tour.title]
    qtbot.keyClick(tour, Qt.Key.Key_Return)
    titles.append(tour.title)
    assert len(set(titles)) == 2
    tour.grab()
    qtbot.keyClick(tour, Qt.Key.Key_Escape)
    assert desk.window.tour is None
    assert desk.window.settings.flag("tour seen")
    over = QWidget()
    qtbot.addWidget(over)
    over.resize(400, 300)
    ended: list[bool] = []
    short = Tour(DARK, over, [Callout(lambda: None, "one", "text")])
    short.ended.connect(lambda: ended.append(True))
    over.resize(500, 400)
    short.onwards.click()
    assert ended == [True]
