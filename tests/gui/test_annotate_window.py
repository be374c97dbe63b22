"""The review window on a simulated film: stepping, marks, decisions by key, saving, and what training reads of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import QApplication, QPushButton
from typer.testing import CliRunner

from gui.annotate.commands import annotate
from gui.annotate.film import FilmFrames
from gui.annotate.keys import ACTIONS, HELP
from gui.annotate.sources import Target
from gui.annotate.window import AnnotateWindow
from gui.theme import DARK, LIGHT, apply_theme, contrast_ratio
from realtime.errors import DataError
from realtime.review.annotations import Annotation, annotations_path, read_annotations
from realtime.review.candidates import Candidate, Known
from realtime.review.review import Review
from simulators.clips import write_clip
from simulators.testbed import draw_clip

_TRIAL = Annotation(0.1, float("nan"), 2.5, "sad", "trial")
_FOUND = (Candidate(0.5, 0.7, 1.0, score=8.0, regions=("brow_left",)), Candidate(1.5, 1.7, 1.9, score=5.0))
K = Qt.Key


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clip = draw_clip("calm", 3, 2.6, size=(320, 240))
    path = tmp_path_factory.mktemp("annotate") / "clip.avi"
    write_clip(path, clip.person, clip.scenario, fps=30.0, size=clip.size)
    return path


@pytest.fixture
def target(film: Path, tmp_path: Path) -> Target:
    known = Known(_FOUND, (_TRIAL,), ("sad", "happy"), origin="a test", simulated=True)
    return Target("clip", tmp_path / "clip_annotations.tsv", film, None, known)


@pytest.fixture
def _unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flow is measured in one test; in the others its thread says at once that there is none."""

    def no_face(*_: object) -> None:
        raise DataError("no face")

    monkeypatch.setattr("gui.annotate.window.compare", no_face)


def _open(target: Target, qapp: QApplication, *, blind: bool = False) -> AnnotateWindow:
    apply_theme(qapp, DARK)
    assert target.film is not None
    review = Review(target.table, target.known.candidates, "c1")
    window = AnnotateWindow(target, FilmFrames(target.film), review, DARK, blind=blind)
    window.resize(1280, 720)
    window.show()
    return window


@pytest.fixture
def window(target: Target, qapp: QApplication, _unmeasured: None) -> Iterator[AnnotateWindow]:
    made = _open(target, qapp)
    yield made
    made.close()
    made.review.close()
    qapp.setStyleSheet("")


def _press(window: AnnotateWindow, qtbot, *keys: Qt.Key, shift: bool = False, control: bool = False) -> None:
    held = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    if control:
        held = Qt.KeyboardModifier.ControlModifier
    for key in keys:
        qtbot.keyClick(window.w.canvas, key, held)


def test_frames_are_stepped_through_one_by_one_and_by_tens(window: AnnotateWindow, qtbot) -> None:
    assert window.player.index == 21, "it begins at the apex of the first event to review"
    _press(window, qtbot, K.Key_Right)
    _press(window, qtbot, K.Key_Right, shift=True)
    assert window.player.index == 32
    _press(window, qtbot, K.Key_Left, K.Key_Left)
    assert window.player.index == 30
    assert "frame 30 of 78   1.000 s   apex +300 ms" in window.w.place.text()
    qtbot.waitUntil(lambda: window.shown_index == 30)
    _press(window, qtbot, *[K.Key_Left] * 40)
    assert window.player.index == 0, "the film's first frame is the last way back"
    _press(window, qtbot, K.Key_End)
    assert window.player.index == 30
    _press(window, qtbot, K.Key_Home)
    assert window.player.index == 15
    qtbot.waitUntil(lambda: window.shown_index == 15)
    assert window.w.canvas.tag == "onset"


def test_a_coder_marks_codes_and_decides_by_key_and_training_reads_it(window: AnnotateWindow, qtbot) -> None:
    table = window.target.table
    _press(window, qtbot, K.Key_Right, K.Key_A)
    _press(window, qtbot, K.Key_Home, K.Key_Left, K.Key_O)
    _press(window, qtbot, K.Key_I)
    qtbot.keyClicks(window.w.form.units, "4 7")
    qtbot.keyClick(window.w.form.units, K.Key_Return)
    _press(window, qtbot, K.Key_E)
    qtbot.keyClicks(window.w.form.label.lineEdit(), "happy")
    qtbot.keyClick(window.w.form.label.lineEdit(), K.Key_Return)
    _press(window, qtbot, K.Key_C)
    qtbot.keyClicks(window.w.form.comment, "clear")
    qtbot.keyClick(window.w.form.comment, K.Key_Return)
    _press(window, qtbot, K.Key_Return)
    assert window.review.count("accepted") == 1
    assert window.controller.number == window.review.numbers[1], "on to the next to review"
    _press(window, qtbot, K.Key_X)
    assert not table.exists(), "decisions are in the journal alone"
    _press(window, qtbot, K.Key_S, control=True)
    first, second = read_annotations(table)
    assert (first.onset_s, first.apex_s, first.offset_s) == pytest.approx((14 / 30, 22 / 30, 1.0), abs=1e-6)
    assert (first.status, first.label, first.action_units) == ("accepted", "happy", "AU4+AU7")
    assert (first.coder, first.comment, first.found_apex_s) == ("c1", "clear", 0.7)
    assert (second.status, second.apex_s) == ("rejected", 1.7)
    assert window.w.saved.text() == "saved"


def test_a_mark_out_of_order_changes_nothing_and_says_why(window: AnnotateWindow, qtbot) -> None:
    _press(window, qtbot, K.Key_End, K.Key_O)
    assert "no onset at frame 30: onset, apex, offset follow one another (onset 15, apex 21" in window.w.message.text
    assert window.review.unsaved == 0


def test_every_decision_can_be_taken_back_and_done_again(window: AnnotateWindow, qtbot) -> None:
    first = window.review.numbers[0]
    _press(window, qtbot, K.Key_Backspace)
    assert window.review[first].status == "rejected"
    _press(window, qtbot, K.Key_U)
    assert (window.review[first].status, window.controller.number) == ("candidate", first)
    _press(window, qtbot, K.Key_Y, control=True)
    assert window.review[first].status == "rejected"
    _press(window, qtbot, K.Key_Z, control=True)
    _press(window, qtbot, K.Key_U)
    assert window.w.message.text == "nothing to take back"


def test_what_cannot_be_typed_stays_and_decides_nothing(window: AnnotateWindow, qtbot) -> None:
    _press(window, qtbot, K.Key_I)
    qtbot.keyClicks(window.w.form.units, "4+400")
    qtbot.keyClick(window.w.form.units, K.Key_Return)
    assert "'400' is no action unit" in window.w.message.text
    window.w.buttons["save"].click()
    window.w.form.accept.click()
    window.w.events.setCurrentCell(1, 0)
    assert (window.review.unsaved, window.controller.number) == (0, window.review.numbers[0])
    assert window.w.form.units.text() == "4+400"
    qtbot.keyClick(window.w.form.units, K.Key_Escape)
    window.w.form.unit_list.check(12, checked=True)
    window.w.form.unit_list.check(6, checked=True)
    assert window.w.form.units.text() == "AU6+AU12"
    window.w.buttons["set_apex"].setFocus()
    qtbot.keyClick(window.w.buttons["set_apex"], K.Key_Return)
    assert window.review.count("candidate") == 2, "Enter on a button presses it, and accepts nothing"


def test_a_new_event_is_made_at_the_frame_and_the_list_turns_to_others(window: AnnotateWindow, qtbot) -> None:
    _press(window, qtbot, *[K.Key_Right] * 15, K.Key_N)
    number = window.controller.number
    assert number == window.review.numbers[1]
    row = window.controller.row
    assert row is not None
    assert (row.apex_s, row.status) == (pytest.approx(1.2), "candidate")
    assert "found by a coder" in window.w.film_panel.note
    _press(window, qtbot, K.Key_BracketRight, K.Key_BracketRight)
    assert window.w.message.text == "this is the last event"
    window.w.events.setCurrentCell(0, 0)
    assert window.controller.number == window.review.numbers[0]
    qtbot.keyClick(window.w.events, K.Key_Right)
    assert window.player.index == 22, "keys of the film work in the list too"


def test_onset_and_apex_are_compared_and_motion_is_drawn(target: Target, qapp: QApplication, qtbot) -> None:
    window = _open(target, qapp)
    qtbot.waitUntil(lambda: window.comparison is not None, timeout=20_000)
    qtbot.waitUntil(lambda: window.w.time_panel.note.startswith("line: motion since"), timeout=20_000)
    assert [name.split(",")[0] for name, *_ in window.w.tiles.tiles] == ["onset", "apex", "apex − onset", "flow"]
    _press(window, qtbot, K.Key_Z, K.Key_V)
    assert window.w.canvas.arrows_shown
    _press(window, qtbot, K.Key_V)
    assert window.w.stack.currentWidget() is window.w.large
    qtbot.keyClick(window.w.large, K.Key_V)
    assert window.w.stack.currentWidget() is window.w.canvas
    window.close()
    qapp.setStyleSheet("")


def test_it_plays_slowly_round_the_event(window: AnnotateWindow, qtbot) -> None:
    qtbot.waitUntil(lambda: all(window.frames.cached(k) is not None for k in range(21, 30)))
    now = [100.0]
    window.player._clock = lambda: now[0]
    _press(window, qtbot, K.Key_S, K.Key_S)
    assert window.player.speed == 0.1
    _press(window, qtbot, K.Key_Space)
    window.player._timer.setInterval(10_000_000)
    now[0] += 1.0
    window.player.tick()
    assert window.player.index == 24, "a tenth of a second of film in a second"
    assert window.player.loop == (6, 39)
    window.player.index = 39
    window.player.tick()
    assert window.player.index == 6
    _press(window, qtbot, K.Key_Space)
    assert not window.player.playing
    _press(window, qtbot, K.Key_L)
    assert window.player.loop is None


@pytest.mark.usefixtures("_unmeasured")
def test_closing_with_unsaved_changes_saves_them(target: Target, qapp: QApplication, qtbot) -> None:
    made = _open(target, qapp)
    _press(made, qtbot, K.Key_Return, K.Key_C)
    qtbot.keyClicks(made.w.form.comment, "half a word")
    made.close()
    made.review.close()
    rows = read_annotations(target.table)
    assert [(row.status, row.comment) for row in rows] == [("accepted", ""), ("candidate", "half a word")]
    qapp.setStyleSheet("")


@pytest.mark.usefixtures("_unmeasured")
def test_a_table_that_cannot_be_saved_loses_nothing(target: Target, qapp: QApplication, qtbot) -> None:
    made = _open(target, qapp)
    _press(made, qtbot, K.Key_Return)
    target.table.mkdir()
    _press(made, qtbot, K.Key_S, control=True)
    assert "cannot read" in made.w.message.text
    made.close()
    made.review.close()
    target.table.rmdir()
    again = Review(target.table, target.known.candidates)
    assert (again.count("accepted"), again.unsaved) == (1, 1)
    qapp.setStyleSheet("")


@pytest.mark.usefixtures("_unmeasured")
def test_a_blind_coder_sees_no_score_no_label_and_no_prediction(target: Target, qapp: QApplication) -> None:
    made = _open(target, qapp, blind=True)
    head = [made.w.events.horizontalHeaderItem(k).text() for k in range(made.w.events.columnCount())]  # type: ignore[union-attr]
    assert head == ["#", "apex", "kind", "state"]
    line = made.w.form.label.lineEdit()
    assert line is not None
    assert line.placeholderText() == "not coded"
    assert "noise" not in made.w.film_panel.note
    assert made.w.overview._blind
    assert made.w.form.label.count() == 9, "the published list, not the session's"
    made.close()
    qapp.setStyleSheet("")


def test_every_control_has_a_name_and_every_key_is_in_the_help(window: AnnotateWindow) -> None:
    assert all(button.accessibleName() for button in window.findChildren(QPushButton))
    w = window.w
    for widget in (w.canvas, w.events, w.overview, w.detail, w.tiles, w.form.unit_list, w.form.comment, w.form.units):
        assert widget.accessibleName()
    told = " ".join(keys for keys, _ in HELP)
    signs = {"Left": "←", "Right": "→", "Return": "Enter"}
    for key in ACTIONS:
        name = QKeySequence(key).toString()
        assert signs.get(name, name) in told, name
    assert window.minimumSizeHint().width() <= 1280
    assert window.minimumSizeHint().height() <= 720
    for theme in (DARK, LIGHT):
        for color in (theme.good, theme.bad, theme.warn, theme.accent):
            assert contrast_ratio(color, theme.panel) >= 4.5


def test_the_command_edits_without_a_window(film: Path, tmp_path: Path) -> None:
    clip = tmp_path / film.name
    clip.symlink_to(film)
    analysis = tmp_path / "analysis"
    analysis.mkdir()
    found = "onset_s,apex_s,offset_s,kind,score\n0.5,0.7,1.0,micro,8\n1.5,1.7,1.9,micro,5\n"
    (analysis / "movements.csv").write_text(found)
    app = typer.Typer()
    app.command()(annotate)
    common = [str(clip), "--analysis", str(analysis)]
    edits = ["--accept", "1", "--label", "sad", "--action-units", "4", "--reject", "2", "--add", "2.0,2.1,2.2"]
    done = CliRunner().invoke(app, [*common, "--coder", "c1", *edits])
    assert done.exit_code == 0, done.output
    assert "3 movements: 2 accepted, 1 rejected, 0 to review" in done.output
    rows = read_annotations(annotations_path(clip))
    assert [(row.status, row.label, row.action_units) for row in rows] == [
        ("accepted", "sad", "AU4"),
        ("rejected", "", ""),
        ("accepted", "sad", "AU4"),
    ]
    for wrong in (["--accept", "9"], ["--accept", "1", "--action-units", "999"], ["--add", "3,2,1"], ["--label", "x"]):
        assert CliRunner().invoke(app, [*common, *wrong]).exit_code != 0
    assert read_annotations(annotations_path(clip)) == rows or repr(read_annotations(annotations_path(clip))) == repr(
        rows
    )
