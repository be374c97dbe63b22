"""Letters a third larger on a screen of 1280 x 720: names are whole, and nothing lies on anything else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from PyQt5.QtCore import QPoint, QRect
from PyQt5.QtGui import QFontMetricsF
from PyQt5.QtWidgets import QApplication, QTabBar
from window_desk import WindowDesk, window_desk

from gui.session.panel import SessionPanel
from gui.streams.contract import Batch
from gui.streams.messages import EmotionModel, EmotionSample, TruthEvent
from gui.theme import DARK, apply_theme, font
from gui.window.docks import PRESETS
from gui.window.header import DEMONSTRATION, DEMONSTRATION_SHORT


@pytest.fixture
def desk(qapp: QApplication, qtbot) -> Iterator[WindowDesk]:
    with window_desk(qapp) as made:
        yield made


def _emotion(stamp: float) -> tuple[EmotionModel, EmotionSample]:
    p = np.array([0.8, 0.2], np.float32)
    return EmotionModel(("sad", "happy"), "m", "whoever", True), EmotionSample(stamp, p, p, p, 0.5, True, False, True)


def _tabs(desk: WindowDesk) -> Iterator[tuple[str, float, float]]:
    """Each tab on the screen: its name, the room that its letters have, and the room that they need."""
    metrics = QFontMetricsF(font(12))
    for bar in desk.window.docks.findChildren(QTabBar):
        if bar.isVisible():
            for at in range(bar.count()):
                yield bar.tabText(at), bar.tabRect(at).width(), metrics.horizontalAdvance(bar.tabText(at))


def test_no_name_of_a_tab_is_cut_where_letters_are_large(desk: WindowDesk) -> None:
    desk.window.set_look(DARK, 1.3)
    for name in ("laptop", "operator", "eeg"):
        desk.window.docks.apply(PRESETS[name])
        desk.turn()
        QApplication.processEvents()
        tabs = list(_tabs(desk))
        assert any(text == "Tuning" for text, *_ in tabs)
        assert desk.window.width() == 1280
        assert [text for text, room, needed in tabs if room < needed + 14] == [], name


def test_large_letters_of_the_state_do_not_lie_on_one_another(desk: WindowDesk) -> None:
    desk.window.set_look(DARK, 1.3)
    desk.bridge.batches = [Batch(emotions=(_emotion(desk.now),), truth=(TruthEvent(desk.now, "trial_start", "happy"),))]
    desk.turn(32)
    QApplication.processEvents()
    state = desk.window.panels.state
    lines = [state._headline, state._detail, state.badges, state._truth, state._demonstration]
    assert all(line.isVisible() for line in lines)
    boxes = [QRect(line.mapTo(state, QPoint(0, 0)), line.size()) for line in lines]
    assert not any(one.intersects(other) for one, other in combinations(boxes, 2))
    assert all(state.rect().contains(box) for box in boxes)
    assert state.truth_text == "simulated truth: happy (differs)"
    assert desk.window.badges()[0] == DEMONSTRATION_SHORT, "it gives way to what is said"
    assert desk.window.header.said.width() > 150
    desk.window.set_look(DARK, 1.0)
    QApplication.processEvents()
    assert desk.window.badges()[0] == DEMONSTRATION


def test_quick_markers_have_their_words_beside_their_keys_or_all_below(qapp: QApplication, qtbot) -> None:
    apply_theme(qapp, DARK)
    panel = SessionPanel(DARK, ("blink", "moved", "talked", "electrode", "distracted", "smiled", "paused", "look here"))
    qtbot.addWidget(panel)
    panel.show()
    for width, between in ((900, "  "), (430, "\n")):
        panel.resize(width, 240)
        QApplication.processEvents()
        assert panel.buttons[0].text() == f"F1{between}blink"
        assert all(between in button.text() for button in panel.buttons)
    qapp.setStyleSheet("")
