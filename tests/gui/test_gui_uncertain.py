"""Traces mark where little was claimed: by dots and words and never by colour alone, in both themes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from PyQt5.QtCore import QRectF
from PyQt5.QtGui import QColor, QImage
from PyQt5.QtWidgets import QApplication
from window_desk import window_desk

from gui.panels.emotion import picture as pictures
from gui.panels.emotion.axis import TimeAxis
from gui.panels.emotion.history import EmotionHistory
from gui.panels.emotion.paint import uncertain_spans
from gui.panels.emotion.traces import TracesPanel
from gui.streams.contract import Batch
from gui.streams.messages import EmotionModel, EmotionSample
from gui.streams.tuning_messages import EngineTuning
from gui.theme import DARK, LIGHT, Theme, apply_theme, contrast_ratio
from realtime.config import Config
from realtime.tuning import Tuning

MODEL = EmotionModel(("happy", "sad"), "m1", "people")


@pytest.fixture
def themed(qapp: QApplication) -> Iterator[QApplication]:
    yield qapp
    qapp.setStyleSheet("")


def _sample(stamp: float, confidence: float, *, enough: bool = True) -> EmotionSample:
    p = np.array([0.9, 0.1], np.float32)
    return EmotionSample(stamp, p, p, p, confidence, True, True, enough, 0.1, 0.2)


def _told(stamp: float) -> EmotionSample:
    """Of 100 s: sure, from 20 s on unsure, from 50 s on without evidence, from 60 s on silent, from 70 s on sure."""
    return _sample(stamp, 0.2 if 20 <= stamp < 50 else 0.8, enough=not 50 <= stamp < 60)


def _stamps() -> list[float]:
    return [stamp for stamp in np.arange(0.0, 100.0, 0.25).tolist() if not 60 <= stamp < 70]


def _panel(qtbot, app: QApplication, theme: Theme, below: float) -> TracesPanel:
    apply_theme(app, theme)
    panel = TracesPanel(theme, wall_clock=lambda: 1_800_000_000.0)
    qtbot.addWidget(panel)
    for stamp in _stamps():
        panel.take(MODEL, _told(stamp))
    panel.uncertain_below = below
    panel.resize(640, 420)
    panel.show()
    app.processEvents()
    panel.refresh(100.0)
    return panel


def _spans(history: EmotionHistory, below: float, n_columns: int = 10, most_single: int = 1000) -> list[list[float]]:
    axis = TimeAxis(0.0, 100.0, 0.0, 500.0)
    columns = history.columns(0.0, 100.0, n_columns, most_single)
    return [[span.start_s, span.end_s] for span in uncertain_spans(columns, axis, below)]


def test_stretches_begin_and_end_with_what_was_claimed() -> None:
    history = EmotionHistory(2)
    for stamp in _stamps():
        history.push(_told(stamp))
    assert _spans(history, 0.5) == [[20.0, 50.0]], "neither where nothing was claimed nor where nobody spoke"
    assert _spans(history, 0.9) == [[0.0, 50.0], [70.0, 100.0]]
    assert _spans(history, 0.2) == [], "as sure as the limit is sure enough"
    assert _spans(history, 0.0) == []
    # ten columns of ten seconds, by their mean
    assert _spans(history, 0.5, most_single=0) == [[20.0, 50.0]]


def _pixels(panel: TracesPanel, box: QRectF) -> np.ndarray:
    image = panel.canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    raw = image.bits().asarray(image.byteCount())  # type: ignore[union-attr]
    whole = np.frombuffer(raw, np.uint32).reshape(image.height(), image.width()).copy() & 0xFFFFFF
    rect = box.toRect()
    return whole[rect.top() : rect.bottom(), rect.left() : rect.right()]


def _stretch(panel: TracesPanel, from_s: float, to_s: float) -> np.ndarray:
    """Pixels of a stretch of the plot, between the two lines."""
    picture = panel.canvas.picture
    assert picture is not None
    layout = panel.canvas.layout_of(picture)
    plot, axis = layout.plots[0], layout.axis(picture.start_s, picture.end_s)
    left, right = axis.x(from_s), axis.x(to_s)
    return _pixels(panel, QRectF(left, plot.center().y() - 40, right - left, 80))


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_an_uncertain_stretch_is_dotted_in_a_colour_that_stands_out(themed: QApplication, qtbot, theme: Theme) -> None:
    panel = _panel(qtbot, themed, theme, 0.5)
    dots = QColor(theme.muted).rgb() & 0xFFFFFF
    unsure, sure = _stretch(panel, 22, 48), _stretch(panel, 2, 18)
    share = (unsure == dots).mean()
    assert 0.03 < share < 0.2, "dots, and not a ground that hides the lines"
    assert (sure == dots).mean() < share / 3
    assert contrast_ratio(theme.muted, theme.panel) > 4.5


def test_a_legend_says_what_the_dots_mean_and_only_where_there_are_any(
    themed: QApplication, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    paint_key = pictures.paint.paint_key

    def heard(painter, theme, plate, text) -> None:
        said.append(text)
        paint_key(painter, theme, plate, text)

    monkeypatch.setattr(pictures.paint, "paint_key", heard)
    panel = _panel(qtbot, themed, DARK, 0.5)
    panel.canvas.grab()
    assert set(said) == {"uncertain: confidence < 50%"}
    said.clear()
    panel.uncertain_below = 0.1
    panel.refresh(100.0)
    panel.canvas.grab()
    assert said == []
    panel.uncertain_below = 0.3
    panel.set_view(3)
    panel.canvas.grab()
    assert said == ["uncertain: confidence < 30%"], "once, and not in each of three plots"
    said.clear()
    panel.canvas.resize(300, 110)
    panel.canvas.grab()
    assert said == [], "a low plot is left to its lines"


def test_the_readout_says_uncertain_too(themed: QApplication, qtbot) -> None:
    panel = _panel(qtbot, themed, DARK, 0.5)
    for at_s, words in ((30.0, "uncertain: confidence 20% < 50%"), (10.0, "confidence 80%")):
        panel.canvas.put_cursor(at_s)
        readout = panel.canvas.readout()
        assert readout is not None
        assert readout.words[0] == words
        assert words in panel.canvas.accessibleDescription()


def test_the_limit_in_force_reaches_the_traces_and_outlives_another_theme(qapp: QApplication) -> None:
    with window_desk(qapp) as desk:
        start = Tuning.from_config(Config())
        said = EngineTuning(desk.now, "e1", start.changed({"uncertain_below": 0.4}), None, start, ("happy", "sad"), ())
        desk.bridge.batches = [Batch(tunings=(said,))]
        desk.turn(2)
        assert math.isclose(desk.window.panels.traces.uncertain_below, 0.4)
        desk.window.set_look(LIGHT, 1.0)
        assert math.isclose(desk.window.panels.traces.uncertain_below, 0.4)
