"""The strip of movements, and one of them in slow motion."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtGui import QImage
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QApplication

from gui.panels.face.event_strip import MOST_EVENTS, MOST_PICTURES, Entry
from gui.panels.face.kept_frames import KeptFrames
from gui.panels.face.movement import MovementPanel
from gui.panels.face.slow_motion import SlowMotion, covers, missing
from gui.streams.messages import MovementEvent, MovementPictures
from gui.theme import DARK, LIGHT, apply_theme
from realtime.packets import VideoFrame

CROP = np.full((256, 256), 90, np.uint8)


def _event(apex_s: float, kind: str = "micro", *, true: bool = False, length_s: float = 0.4) -> MovementEvent:
    half = length_s / 2
    score = math.nan if true else 8.25
    regions = () if true else ("mouth_left", "chin")
    return MovementEvent(apex_s - half, apex_s, apex_s + half, kind, score, regions, true)


def _pictures(stamp: float, level: int = 90) -> MovementPictures:
    flow = np.zeros((256, 256, 2), np.float32)
    flow[96:128, 96:128] = (0.5, 0.0)
    return MovementPictures(stamp, CROP, np.full_like(CROP, level), flow)


def _film(start_s: float, seconds: float, fps: float = 30.0) -> KeptFrames:
    kept = KeptFrames()
    for index in range(round(seconds * fps)):
        kept.push(VideoFrame(np.full((48, 64), index % 200, np.uint8), start_s + index / fps, index))
    return kept


@pytest.fixture
def panel(qapp: QApplication, qtbot) -> Iterator[MovementPanel]:
    """A shown panel with ten seconds of film, LSL seconds 5 to 15."""
    apply_theme(qapp, DARK)
    made = MovementPanel(DARK, _film(5.0, 10.0), wall=lambda: 1_000_000.0)
    qtbot.addWidget(made)
    made.resize(430, 420)
    made.show()
    yield made
    made.close_slow_motion()
    qapp.setStyleSheet("")


def test_a_movement_is_a_candidate_with_its_pictures(panel: MovementPanel) -> None:
    panel.refresh(1.0)
    assert panel.note == "nothing found yet"
    panel.take(_event(10.2))
    panel.take_pictures(_pictures(10.6))
    panel.refresh(12.2)
    assert panel.note == "apex 2.0 s ago"
    (entry,) = panel.strip_model.shown
    assert (entry.title, entry.score_text, entry.regions_text) == ("micro candidate", "8.2 x noise", "mouth left, chin")
    assert entry.time_text.startswith("400 ms · ")
    assert [name for name, _ in panel.newest_pictures] == ["onset", "apex", "flow, 0.5 px"]
    index = panel.strip_model.index(0)
    spoken = panel.strip_model.data(index, Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == entry.sentence
    assert panel.strip_model.data(panel.strip_model.index(7)) is None
    panel.grab()
    thumbs = entry.thumbs(70)
    assert thumbs is entry.thumbs(70), "scaled once"


def test_pictures_find_their_movement_by_time_and_wait_for_it(panel: MovementPanel) -> None:
    panel.take_pictures(_pictures(10.6, level=1))
    panel.refresh(10.7)
    assert panel.newest_pictures == []
    panel.take(_event(10.2))
    panel.take(_event(11.2))
    panel.take_pictures(_pictures(11.6, level=2))
    panel.refresh(11.7)
    levels = [int(entry.pictures.apex[0, 0]) for entry in panel.strip_model.shown if entry.pictures is not None]
    assert levels == [2, 1]
    panel.take_pictures(_pictures(50.0))
    panel.refresh(51.0)
    assert len(panel._pictures) == 1
    panel.refresh(56.0)
    assert len(panel._pictures) == 0, "nobody came for them"


def test_the_strip_is_bounded_and_only_the_newest_keep_pictures(panel: MovementPanel) -> None:
    for second in range(MOST_EVENTS + 20):
        panel.take(_event(100.0 + second))
        panel.take_pictures(_pictures(100.5 + second))
        panel.refresh(100.6 + second)
    entries = panel.strip_model.entries
    assert len(entries) == len(panel.strip_model.shown) == panel.strip_model.rowCount() == MOST_EVENTS
    assert entries[0].event.apex_s == 100.0 + MOST_EVENTS + 19
    assert sum(entry.pictures is not None for entry in entries) == MOST_PICTURES
    assert all(entry.pictures is not None for entry in entries[:MOST_PICTURES])
    assert entries[-1].thumbs(60) == []


def test_the_filter_goes_round_by_key_and_keeps_what_it_hides(panel: MovementPanel, qtbot) -> None:
    for apex_s, kind in ((10.0, "micro"), (11.0, "macro"), (12.0, "micro")):
        panel.take(_event(apex_s, kind))
    panel.refresh(12.5)
    shown = []
    for widget in (panel, panel.strip, panel.filters.button(0)):
        qtbot.keyClick(widget, Qt.Key_M)
        shown.append([entry.event.apex_s for entry in panel.strip_model.shown])
    assert shown == [[12.0, 10.0], [11.0], [12.0, 11.0, 10.0]]
    panel.set_filter("macro")
    assert panel.filters.checkedId() == 2
    panel.take(_event(13.0))
    panel.refresh(13.5)
    assert len(panel.strip_model.shown) == 1
    assert [row[1] for row in panel.export_rows()[1:]] == ["micro", "macro", "micro", "micro"]


def test_simulated_truth_is_marked_as_such(panel: MovementPanel) -> None:
    panel.set_simulated(True)
    panel.take(_event(10.05, true=True))
    panel.take(_event(10.1))
    panel.take(_event(12.0))
    panel.take(_event(14.0, true=True))
    panel.refresh(14.5)
    assert [entry.truth_text for entry in panel.strip_model.shown] == ["", "simulated truth: micro, apex +50 ms"]
    panel.refresh(19.5)
    newest, alone, met = panel.strip_model.shown
    assert (newest.title, newest.truth_text) == ("simulated micro", "simulated truth: the spotter did not find it")
    assert alone.truth_text == "simulated truth: no movement here"
    assert met.truth is not None
    assert panel.note == "apex 7.5 s ago", "of the newest that was found"
    rows = panel.export_rows()
    assert [row[0] for row in rows] == ["what", "candidate", "candidate", "simulated truth"]
    assert rows[1][2:6] == ["9.9000", "10.1000", "10.3000", "8.250"]
    panel.grab()


def test_truth_that_comes_late_still_meets_its_candidate(panel: MovementPanel) -> None:
    panel.set_simulated(True)
    panel.take(_event(10.0))
    panel.refresh(20.0)
    (entry,) = panel.strip_model.shown
    assert entry.judged
    panel.take(_event(10.1, true=True))
    panel.refresh(20.1)
    assert (entry.judged, len(panel.strip_model.shown)) == (False, 1)


def test_a_panel_of_another_theme_takes_the_strip_over_and_is_not_confused_by_what_is_told_again(
    panel: MovementPanel, qtbot
) -> None:
    told = [_event(10.0), _event(12.0, "macro"), _event(10.05, true=True), _event(9.0, true=True)]
    pictures = [_pictures(10.5), _pictures(12.5)]
    for event in told:
        panel.take(event)
    for each in pictures:
        panel.take_pictures(each)
    panel.refresh(15.0)
    panel.set_filter("micro")
    frames = KeptFrames()
    assert panel._frames is not None
    frames.adopt(panel._frames)
    heir = MovementPanel(LIGHT, frames)
    qtbot.addWidget(heir)
    panel.open_entry(panel.strip_model.shown[0])
    heir.adopt(panel)
    panel.close_slow_motion()
    assert heir.slow_motion is not None
    assert heir.slow_motion.isVisible(), "a movement that is being looked at stays on the screen"
    for event in told:
        heir.take(event)
    for each in pictures:
        heir.take_pictures(each)
    heir.refresh(15.2)
    assert heir.strip_model.entries == panel.strip_model.entries
    assert (len(heir.strip_model.entries), len(heir.strip_model.shown), heir.filters.checkedId()) == (3, 2, 1)
    assert [entry.pictures for entry in heir.strip_model.entries] == [pictures[1], pictures[0], None]
    heir.open_entry(heir.strip_model.shown[0])
    assert not heir.slow_motion.flickering
    heir.close_slow_motion()


def test_enter_shows_the_kept_frames_slowly_with_their_marks(panel: MovementPanel, qtbot) -> None:
    panel.take(_event(10.2))
    panel.take_pictures(_pictures(10.6))
    panel.refresh(12.0)
    panel.strip.setCurrentIndex(panel.strip_model.index(0))
    qtbot.keyClick(panel.strip, Qt.Key_Return)
    slow = panel.slow_motion
    assert slow is not None
    assert slow.isVisible()
    assert (slow.playing, slow.flickering, slow.speed) == (True, False, 0.25)
    assert slow.heading.text() == "Micro-movement: a candidate, not a verdict"
    assert 35 <= len(slow.stills) <= 37
    assert "kept frames, grey, 64 px wide" in slow.told.text()
    tags = [slow._tag_of(position)[0] for position in range(len(slow.stills))]
    assert [name for name in tags if not name.endswith("ms")] == ["onset", "apex", "offset"]
    assert abs(slow.stills[tags.index("apex")].from_apex_s) < 0.02
    assert slow._wait_ms() == pytest.approx(4000 / 30, abs=2), "a quarter of the camera's speed"
    before = slow.position
    slow._advance()
    assert slow.position == before + 1
    qtbot.keyClick(slow, Qt.Key_Space)
    assert not slow.playing
    qtbot.keyClick(slow, Qt.Key_End)
    assert slow.position == len(slow.stills) - 1
    qtbot.keyClick(slow, Qt.Key_Left)
    qtbot.keyClick(slow, Qt.Key_S)
    assert (slow.position, slow.speed) == (len(slow.stills) - 2, 0.125)
    QTest.mouseClick(slow.scrubber, Qt.LeftButton, pos=QPoint(3, 9))
    assert slow.position == 0
    slow.grab()
    qtbot.keyClick(slow, Qt.Key_F)
    assert slow.flickering
    assert slow._wait_ms() == 500
    assert [slow._tag_of(position)[0] for position in (0, 1)] == ["onset", "apex"]
    qtbot.keyClick(slow, Qt.Key_A)
    assert not slow.arrows_shown
    slow.grab()
    qtbot.keyClick(slow, Qt.Key_Escape)
    assert not slow.isVisible()
    assert not slow.playing
    assert slow.stills == []


def test_the_newest_movements_hold_their_frames_and_all_of_them_no_more_than_a_bound(
    panel: MovementPanel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gui.panels.face.movement.MOST_FRAMES", 80)
    for apex_s in (8.0, 10.0, 12.0):
        panel.take(_event(apex_s))
    panel.refresh(12.3)
    assert [len(entry.frames) > 30 for entry in panel.strip_model.shown] == [False, True, True], "it is not over yet"
    panel.refresh(13.0)
    assert [len(entry.frames) > 30 for entry in panel.strip_model.shown] == [True, True, False]
    assert panel._frames is not None
    panel._frames.push(VideoFrame(np.zeros((48, 64), np.uint8), 60.0, 9000))
    assert len(panel._frames) == 1
    panel.open_entry(panel.strip_model.shown[0])
    assert panel.slow_motion is not None
    assert not panel.slow_motion.flickering


def test_of_an_old_movement_onset_and_apex_are_shown_in_turn_and_it_says_why(panel: MovementPanel) -> None:
    panel.take(_event(2.0))
    panel.take_pictures(_pictures(2.4, level=10))
    panel.refresh(12.0)
    panel.open_entry(panel.strip_model.shown[0])
    slow = panel.slow_motion
    assert slow is not None
    assert (slow.flickering, len(slow.stills)) == (True, 2)
    assert not slow.flicker_button.isEnabled()
    assert "no frames of its time are kept (those of the last 30 s and of the newest movements are)" in slow.told.text()
    slow.toggle_flicker()
    assert slow.flickering


def test_with_nothing_kept_it_says_so_and_does_not_play(panel: MovementPanel) -> None:
    panel.take(_event(2.0, true=True))
    panel.refresh(12.0)
    panel.open_entry(panel.strip_model.shown[0])
    slow = panel.slow_motion
    assert slow is not None
    assert not slow.playing
    assert not slow.play_button.isEnabled()
    assert slow.main.message == "neither frames nor pictures of this movement are kept"
    assert "known to the simulator alone" in slow.heading.text()
    slow.toggle_playing()
    slow.step(1)
    slow.grab()
    assert not slow.playing


def test_frames_that_the_screen_missed_are_counted(qtbot) -> None:
    event = _event(1.0)
    kept = KeptFrames()
    for index in (0, 1, 2, *range(5, 60)):
        kept.push(VideoFrame(np.zeros((48, 64), np.uint8), index / 30, index))
    frames = kept.between(0.0, 2.0)
    assert covers(frames, event)
    assert not covers(frames[25:], event), "the onset is not among them"
    assert missing(frames) == 2
    slow = SlowMotion(DARK)
    qtbot.addWidget(slow)
    slow.show_entry(Entry(event, "12:00:00"), frames)
    assert "2 of the camera's not kept" in slow.told.text()
    slow.close()


def test_cards_fill_the_width_in_as_many_columns_as_fit(panel: MovementPanel) -> None:
    for apex_s in (10.0, 11.0, 12.0):
        panel.take(_event(apex_s))
    panel.refresh(12.5)
    for width, columns in ((430, 1), (760, 2), (1100, 3)):
        panel.resize(width, 420)
        QApplication.processEvents()
        assert panel.strip.width() // panel.strip.cards.width == columns
    image: QImage = panel.strip.grab().toImage()
    assert image.width() > 1000
