"""The emotion panels, offscreen: predictions in, what is shown, said, read out and exported."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pytest
from PyQt5.QtCore import QPoint, QPointF, Qt
from PyQt5.QtGui import QImage, QPainter
from PyQt5.QtSvg import QSvgGenerator
from PyQt5.QtWidgets import QApplication, QPushButton, QWidget

from gui.panels.choices import ChoiceButton
from gui.panels.emotion.state import DEMONSTRATION, StatePanel, modality_badges, read_state
from gui.panels.emotion.timeline import TimelinePanel
from gui.panels.emotion.traces import VIEWS, TracesPanel
from gui.panels.emotion.words import largest_font, line_breaks
from gui.streams.messages import EmotionModel, EmotionSample, MovementEvent, OperatorNote, TruthEvent
from gui.streams.session_messages import StimulusEvent
from gui.theme import DARK, LIGHT, Theme, apply_theme

MODEL = EmotionModel(("happy", "sad", "fear"), "m1", "simulated people", True)
NONE = np.full(3, np.nan, np.float32)


@pytest.fixture
def themed(qapp: QApplication) -> Iterator[QApplication]:
    """The application in the dark theme."""
    apply_theme(qapp, DARK)
    yield qapp
    qapp.setStyleSheet("")


def _sample(
    stamp: float, p: tuple[float, ...] = (0.6, 0.3, 0.1), *, enough: bool = True, **more: object
) -> EmotionSample:
    values = {
        "used_eeg": True,
        "used_face": False,
        "confidence": 0.4,
        "eeg_age_s": 0.1,
        "by_eeg": NONE,
        "by_face": NONE,
    }
    return EmotionSample(stamp, np.array(p, np.float32), enough=enough, **{**values, **more})  # type: ignore[arg-type]


def _shown(qtbot, panel: QWidget, width: int = 640, height: int = 420) -> None:
    qtbot.addWidget(panel)
    panel.resize(width, height)
    panel.show()
    QApplication.processEvents()


def _traces(qtbot, now_s: float = 300.0, theme: Theme = DARK) -> TracesPanel:
    """Two minutes, a silence from -40 s to -35 s, no evidence from -20 s to -15 s."""
    panel = TracesPanel(theme, wall_clock=lambda: 1_800_000_000.0)
    for k in range(480):
        stamp = now_s - 120 + k / 4
        if not 35 < now_s - stamp < 40:
            lacks = 15 < now_s - stamp < 20
            panel.take(MODEL, _sample(stamp, enough=not lacks, by_eeg=np.array([0.1, 0.2, 0.7], np.float32)))
    _shown(qtbot, panel)
    panel.refresh(now_s)
    return panel


def _pixels(widget: QWidget) -> np.ndarray:
    image = widget.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    raw = image.bits().asarray(image.byteCount())  # type: ignore[union-attr]
    return np.frombuffer(raw, np.uint32).reshape(image.height(), image.width()).copy() & 0xFFFFFF


def _columns_with(pixels: np.ndarray, color: str) -> np.ndarray:
    """Pixel columns that hold a colour, or nearly: lines are smooth."""
    planes = np.stack([pixels >> 16, pixels >> 8 & 0xFF, pixels & 0xFF], -1).astype(int)
    wanted = [int(color[k : k + 2], 16) for k in (1, 3, 5)]
    return np.flatnonzero((np.abs(planes - wanted).max(axis=-1) < 60).any(axis=0))


def _x(panel: TracesPanel, ago_s: float) -> float:
    picture = panel.canvas.picture
    assert picture is not None
    return panel.canvas.layout_of(picture).axis(picture.start_s, picture.end_s).x(picture.end_s - ago_s)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_a_line_is_drawn_where_something_was_claimed_and_nowhere_else(
    themed: QApplication, qtbot, theme: Theme
) -> None:
    panel = _traces(qtbot, theme=theme)
    picture = panel.canvas.picture
    assert picture is not None
    plot = panel.canvas.layout_of(picture).plots[0]
    pixels = _pixels(panel.canvas)[:, : int(plot.right())]
    happy = _columns_with(pixels, theme.classes[0])
    for ago_s, drawn in ((100, True), (60, True), (37.5, False), (17.5, False), (5, True)):
        x = _x(panel, ago_s)
        assert bool(((happy > x - 4) & (happy < x + 4)).any()) is drawn, ago_s
    right = _pixels(panel.canvas)[:, int(plot.right()) + 20 :]
    assert all(len(_columns_with(right, color)) > 5 for color in theme.classes[:3]), "labels at the lines' ends"


def test_spans_are_chosen_by_button_and_by_key(themed: QApplication, qtbot) -> None:
    panel = _traces(qtbot)
    lengths = []
    for key in (Qt.Key_1, Qt.Key_2, Qt.Key_3, Qt.Key_4, Qt.Key_5):
        qtbot.keyClick(panel.canvas, key)
        start_s, end_s, _ = panel.axis_now
        lengths.append(end_s - start_s)
    assert lengths == [30.0, 120.0, 600.0, 3600.0, 120.0]
    buttons = {button.text(): button for button in panel.findChildren(QPushButton)}
    qtbot.mouseClick(buttons["10 min"], Qt.LeftButton)
    assert panel.span == 2
    assert [name for name, button in buttons.items() if button.isChecked()] == ["10 min"]
    assert all(button.accessibleDescription() for button in buttons.values())


def test_sources_are_compared_by_key_or_by_choice(themed: QApplication, qtbot) -> None:
    panel = _traces(qtbot)
    plots = []
    for _ in VIEWS:
        qtbot.keyClick(panel.canvas, Qt.Key_C)
        picture = panel.canvas.picture
        assert picture is not None
        plots.append([source for source, _ in picture.plots()])
        assert len(np.unique(_pixels(panel.canvas))) > 20
    assert plots == [["eeg"], ["face"], ["fused", "eeg", "face"], ["fused"] * 3, ["fused"]]
    choice = panel.findChild(ChoiceButton)
    assert choice is not None
    assert choice.text() == "fused"
    choice.choices.actions()[1].trigger()
    assert (panel.view, choice.text()) == (1, "EEG alone")


def test_freezing_holds_the_picture_and_keeps_the_data(themed: QApplication, qtbot) -> None:
    panel = _traces(qtbot)
    before = _pixels(panel.canvas)
    qtbot.keyClick(panel.canvas, Qt.Key_F)
    for k in range(40):
        panel.take(MODEL, _sample(300.25 + k / 4, (0.1, 0.1, 0.8)))
    panel.refresh(310.0)
    assert panel.frozen
    assert panel.note.startswith("held at ")
    assert "10 s ago" in panel.note
    np.testing.assert_array_equal(_pixels(panel.canvas)[:, :-4], before[:, :-4])
    qtbot.keyClick(panel.canvas, Qt.Key_F)
    panel.refresh(310.0)
    assert panel.axis_now[1] == 310.0
    assert panel.history is not None
    assert panel.history.last_s == 310.0


def test_the_held_picture_is_moved_back_and_forth(themed: QApplication, qtbot) -> None:
    panel = _traces(qtbot)
    panel.set_span(0)
    qtbot.keyClick(panel.canvas, Qt.Key_Left, Qt.ShiftModifier)
    assert panel.axis_now[:2] == (262.5, 292.5)
    for _ in range(40):
        qtbot.keyClick(panel.canvas, Qt.Key_Left, Qt.ShiftModifier)
    assert panel.axis_now[1] == 187.5, "no further than to the first prediction"
    for _ in range(40):
        qtbot.keyClick(panel.canvas, Qt.Key_Right, Qt.ShiftModifier)
    assert not panel.frozen


def test_the_mouse_and_the_arrows_read_a_moment_out(themed: QApplication, qtbot) -> None:
    panel = _traces(qtbot)
    said: list[str] = []
    panel.canvas.read.connect(said.append)
    at = QPoint(round(_x(panel, 60.0)), 40)
    qtbot.mouseMove(panel.canvas, at + QPoint(9, 0))
    qtbot.mouseMove(panel.canvas, at)
    readout = panel.canvas.readout()
    assert readout is not None
    assert readout.stamp == pytest.approx(240.0, abs=0.5)
    assert readout.cells[0] == ("60%", "10%", "-")
    assert readout.words == ("confidence 40%", "rests on EEG (0.1 s old)")
    assert said[-1] == panel.canvas.accessibleDescription()
    panel.canvas.leaveEvent(None)
    assert panel.canvas.readout() is None
    qtbot.keyClick(panel.canvas, Qt.Key_End)
    qtbot.keyClick(panel.canvas, Qt.Key_Left)
    moved = panel.canvas.readout()
    assert moved is not None
    assert moved.stamp == pytest.approx(299.0, abs=0.3)
    panel.canvas.put_cursor(300.0 - 37.5)
    assert panel.canvas.readout().words == ("stale: no prediction",)  # type: ignore[union-attr]
    assert len(np.unique(_pixels(panel.canvas))) > 20
    qtbot.keyClick(panel.canvas, Qt.Key_Escape)
    assert said[-1] == ""


def test_the_note_says_what_is_wrong(themed: QApplication, qtbot) -> None:
    empty = TracesPanel(DARK)
    _shown(qtbot, empty)
    empty.refresh(1.0)
    assert empty.note == empty.canvas.waiting == "waiting for predictions"
    panel = _traces(qtbot)
    assert panel.note == ""
    panel.take(MODEL, _sample(300.5, enough=False))
    panel.refresh(300.6)
    assert panel.note == "not enough evidence"
    panel.refresh(304.5)
    assert panel.note == "stale: no predictions for 4.0 s"


def test_another_model_starts_the_traces_anew(themed: QApplication, qtbot) -> None:
    panel = _traces(qtbot)
    other = EmotionModel(("negative", "positive"), "m2")
    panel.take(other, _sample(301.0, (0.5, 0.5), by_eeg=NONE[:2], by_face=NONE[:2]))
    panel.refresh(301.1)
    assert panel.history is not None
    assert len(panel.history) == 1
    panel.take(
        EmotionModel(("negative", "positive"), "m3"), _sample(302.0, (0.5, 0.5), by_eeg=NONE[:2], by_face=NONE[:2])
    )
    assert len(panel.history) == 1


def test_trials_and_simulated_truth_are_rows_of_their_own(themed: QApplication, qtbot) -> None:
    panel = _traces(qtbot)
    picture = panel.canvas.picture
    assert picture is not None
    assert {"trials", "truth"}.isdisjoint(panel.canvas.layout_of(picture).strips)
    assert not panel.truth_on_screen
    panel.take_truth(TruthEvent(220.0, "trial_start", "sad"))
    panel.take_stimulus(StimulusEvent(230.0, "trial_start", "4", "fear"))
    panel.take_stimulus(StimulusEvent(240.0, "trial_end", "4"))
    panel.take_stimulus(StimulusEvent(241.0, "rest_start"))
    panel.refresh(300.0)
    picture = panel.canvas.picture
    assert picture is not None
    assert {"trials", "truth"} <= set(panel.canvas.layout_of(picture).strips)
    assert [(span.start_s, span.end_s, span.text) for span in picture.trials] == [(230.0, 240.0, "4 fear")]
    assert [(span.end_s, span.text) for span in picture.truth] == [(300.0, "sad")]
    assert panel.truth_on_screen
    strip = panel.canvas.layout_of(picture).strips["truth"].toRect().adjusted(0, 2, 0, -2)
    pixels = _pixels(panel.canvas)[strip.top() : strip.bottom()]
    assert len(_columns_with(pixels, DARK.classes[1])) >= 2, "the box of the true class"


def test_a_low_panel_gives_its_room_to_the_lines(themed: QApplication, qtbot) -> None:
    panel = _traces(qtbot)
    picture = panel.canvas.picture
    assert picture is not None
    panel.canvas.resize(400, 110)
    layout = panel.canvas.layout_of(picture)
    assert set(layout.strips) == {"confidence", "time"}
    assert layout.plots[0].height() > 55
    panel.canvas.resize(400, 400)
    assert {"eeg", "face"} <= set(panel.canvas.layout_of(picture).strips)


def test_what_is_on_the_screen_is_exported(themed: QApplication, qtbot) -> None:
    panel = _traces(qtbot)
    panel.set_span(0)
    header, *rows = list(panel.export_rows())
    assert header[:7] == ("time_s", "p_happy", "p_sad", "p_fear", "eeg_happy", "eeg_sad", "eeg_fear")
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert all(270 <= row["time_s"] <= 300 for row in table)
    assert len(table) == 120
    lacking = [row for row in table if row["enough_evidence"] == 0]
    assert len(lacking) == 19
    assert all(math.isnan(row["p_happy"]) and math.isnan(row["confidence"]) for row in lacking)
    newest = table[-1]
    assert newest["clock"] == datetime.fromtimestamp(1_799_999_999.75).isoformat(timespec="milliseconds")
    assert newest["p_happy"] == pytest.approx(0.6)
    assert (newest["used_eeg"], newest["used_face"], newest["model"], newest["simulated_model"]) == (1, 0, "m1", 1)
    assert next(iter(TracesPanel(DARK).export_rows()))[0] == "time_s"


def test_a_panel_made_anew_goes_on_with_memory_and_settings(themed: QApplication, qtbot) -> None:
    before = _traces(qtbot)
    before.set_span(3)
    before.set_view(2)
    before.set_clock(True)
    before.take_truth(TruthEvent(290.0, "trial_start", "sad"))
    after = TracesPanel(LIGHT)
    _shown(qtbot, after)
    after.adopt(before)
    after.take_truth(TruthEvent(290.0, "trial_start", "sad"))
    after.take(MODEL, _sample(290.0))
    after.take(EmotionModel(MODEL.classes, "one before"), _sample(150.0))
    after.refresh(300.0)
    assert (after.span, after.view, after.clock) == (3, 2, True)
    assert after.history is before.history
    assert after.truth.spans(0, 300) == before.truth.spans(0, 300)
    assert len(after.truth.spans(0, 300)) == 1


def test_the_state_in_words(themed: QApplication, qtbot) -> None:
    panel = StatePanel(DARK)
    _shown(qtbot, panel, 520, 230)
    panel.refresh(0.0)
    assert panel.headline == "waiting for the engine"

    panel.take(MODEL, _sample(100.0, enough=False))
    panel.refresh(100.2)
    assert panel.headline == "not enough evidence"
    assert panel.detail == "nothing is claimed"
    assert panel.basis == "reads EEG alone"
    assert panel.bars.sample is None

    panel.take(MODEL, _sample(101.0, (0.1, 0.2, 0.7), used_face=True, face_age_s=3.0))
    panel.set_truth("sad")
    panel.refresh(101.2)
    assert panel.headline == "fear"
    assert panel.detail == "70% · confidence 40%"
    assert panel.basis == "rests on EEG and face"
    assert [(b.name, b.used, b.words) for b in panel.badges.badges] == [
        ("EEG", True, "0.3 s old"),
        ("face", True, "3.2 s ago"),
    ]
    assert panel.truth_text == "simulated truth: sad (differs)"
    panel.set_truth("fear")
    panel.refresh(101.2)
    assert panel.truth_text == "simulated truth: fear (agrees)"

    panel.refresh(106.0)
    assert panel.headline == "stale"
    assert panel.detail == "no prediction for 5.0 s"
    assert not any(badge.used for badge in panel.badges.badges)
    assert panel.bars.dimmed
    assert (
        panel.accessibleDescription() == "stale; no prediction for 5.0 s; rests on nothing: engine or input is silent"
    )


@pytest.mark.parametrize(
    ("eeg", "face", "words"),
    [
        (True, True, "rests on EEG and face"),
        (True, False, "rests on EEG alone"),
        (False, True, "rests on the face alone"),
        (False, False, "rests on nothing"),
    ],
)
def test_what_it_rests_on(eeg: bool, face: bool, words: str) -> None:
    sample = _sample(10.0, used_eeg=eeg, used_face=face)
    assert read_state(MODEL, sample, 10.1).basis == words
    assert [badge.used for badge in modality_badges(sample, 10.1)] == [eeg, face]


def test_the_headline_is_large_and_never_cut(themed: QApplication, qtbot) -> None:
    panel = StatePanel(DARK)
    _shown(qtbot, panel, 520, 260)
    panel.take(MODEL, _sample(10.0))
    panel.refresh(10.1)
    QApplication.processEvents()
    # 16 minutes of arc at three metres are 14 mm of capital height: about 65 px of font on a 24-inch full-HD screen
    assert panel.headline_px >= 65
    panel.take(MODEL, _sample(11.0, enough=False))
    panel.refresh(11.1)
    assert 20 <= panel.headline_px < 100
    assert line_breaks("not enough evidence", 2)[1:] == [("not", "enough evidence"), ("not enough", "evidence")]
    assert largest_font("happy", 1000, 30) < largest_font("happy", 1000, 60)


@pytest.mark.parametrize("simulated", [True, False])
def test_a_demonstration_model_says_so(themed: QApplication, qtbot, simulated: bool) -> None:
    panel = StatePanel(DARK)
    _shown(qtbot, panel)
    panel.take(EmotionModel(MODEL.classes, "m", "x", simulated), _sample(10.0))
    panel.refresh(10.1)
    assert panel._demonstration.isVisible() is simulated
    assert panel._demonstration.text == DEMONSTRATION


def test_the_timeline_sorts_movements_into_rows(themed: QApplication, qtbot) -> None:
    panel = TimelinePanel(DARK)
    _shown(qtbot, panel, 600, 160)
    micro = MovementEvent(10.0, 10.2, 10.4, "micro", 8.0, ("mouth_left",))
    for _ in range(2):
        panel.take(micro)
        panel.take(MovementEvent(20.0, 20.5, 21.0, "macro", 9.0, ()))
        panel.take_note(OperatorNote(15.0, "sneezed"))
    panel.take(MovementEvent(9.9, 10.1, 10.3, "micro", math.nan, (), true=True))
    panel.set_simulated(True)
    panel.refresh(30.0)
    assert [len(row.events) for row in (panel.micro_row, panel.macro_row, panel.true_row)] == [1, 1, 1]
    assert not panel.true_row.isHidden()
    assert [note.text for note in panel.note_row.notes] == ["sneezed"]
    assert panel.note == "candidates: 1 micro, 1 macro; numbers: x noise"
    words = panel.micro_row.words_at(panel.micro_row.x_of(10.2))
    assert words == "candidate micro-movement · apex 20 s before the right edge · 400 ms · 8.0 x noise · mouth left"
    assert panel.true_row.words_at(panel.true_row.x_of(10.1)).startswith("simulated truth: micro-movement")
    assert panel.micro_row.words_at(panel.micro_row.x_of(25.0)) == ""
    assert panel.note_row.words_at(panel.note_row.x_of(16.0)) == "sneezed"
    header, *rows = list(panel.export_rows())
    assert [row[header.index("source")] for row in rows] == ["simulated truth", "spotter", "operator", "spotter"]
    panel.refresh(75.0)
    assert [len(row.events) for row in (panel.micro_row, panel.macro_row)] == [0, 1]
    assert panel.note_row.isHidden() is True


def test_the_timeline_follows_the_traces(themed: QApplication, qtbot) -> None:
    traces = _traces(qtbot)
    panel = TimelinePanel(DARK)
    _shown(qtbot, panel, traces.canvas.width() + 20, 160)
    panel.follow(traces)
    panel.take(MovementEvent(200.0, 200.2, 200.4, "micro", 8.0, ()))
    panel.refresh(300.0)
    row = panel.micro_row
    assert (row.start_s, row.now_s) == (180.0, 300.0)
    assert row.left_px == pytest.approx(_x(traces, 120.0))
    traces.set_span(0)
    assert row.start_s == 270.0
    assert panel.micro_row.events == []
    traces.set_frozen(True)
    traces.refresh(310.0)
    panel.refresh(310.0)
    assert row.now_s == 300.0
    anew = TimelinePanel(LIGHT)
    _shown(qtbot, anew)
    anew.adopt(panel)
    assert list(anew.found) == list(panel.found)


def test_hidden_traces_paint_nothing(themed: QApplication, qtbot, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = _traces(qtbot)
    panel.hide()
    asked: list[float] = []
    assert panel.history is not None
    monkeypatch.setattr(panel.history, "columns", lambda *a: asked.append(a[0]))
    panel.refresh(301.0)
    QApplication.processEvents()
    assert asked == []


def test_a_hover_far_outside_reads_nothing(themed: QApplication, qtbot) -> None:
    panel = _traces(qtbot)
    edge = panel.canvas.width() - 3
    assert QPointF(edge, 0).x() > _x(panel, 0.0)
    qtbot.mouseMove(panel.canvas, QPoint(edge - 5, 30))
    qtbot.mouseMove(panel.canvas, QPoint(edge, 30))
    assert panel.canvas.readout() is None


def test_every_class_has_the_same_size(themed: QApplication, qtbot) -> None:
    panel = StatePanel(DARK)
    _shown(qtbot, panel, 520, 260)
    sizes = []
    for k, p in enumerate(((0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.1, 0.8))):
        panel.take(MODEL, _sample(10.0 + k, p))
        panel.refresh(10.1 + k)
        sizes.append(panel.headline_px)
    assert len(set(sizes)) == 1


def test_a_picture_that_looks_the_same_is_not_painted_anew(
    themed: QApplication, qtbot, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = _traces(qtbot)
    panel.set_span(3)
    panel.grab()
    assert panel.history is not None
    asked: list[float] = []
    inner = panel.history.columns
    monkeypatch.setattr(panel.history, "columns", lambda *a: asked.append(a[0]) or inner(*a))
    panel.refresh(300.5)
    panel.grab()
    assert asked == []
    panel.refresh(330.0)
    panel.grab()
    assert asked == [330.0 - 3600.0]
    panel.set_view(1)
    panel.grab()
    assert len(asked) == 2


def test_an_svg_holds_lines_and_not_a_picture_of_them(themed: QApplication, qtbot, tmp_path) -> None:
    panel = _traces(qtbot)
    path = tmp_path / "traces.svg"
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(panel.canvas.size())
    painter = QPainter(generator)
    panel.canvas.render(painter)
    painter.end()
    text = path.read_text(encoding="utf-8")
    assert "<image" not in text
    assert "demonstration model" in text
    assert text.count("<path") > 3
