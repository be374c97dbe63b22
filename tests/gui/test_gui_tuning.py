"""The panel that tunes an engine: what it asks for, what it believes, presets, names and limits on other panels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication, QMessageBox
from window_desk import WindowDesk, window_desk

from gui.panels.eeg.controls import EegView, view_from, view_text
from gui.settings import Settings
from gui.streams.contract import Batch
from gui.streams.messages import BandSample, EmotionModel, EmotionSample, note_from
from gui.streams.tuning_messages import EngineTuning, TuningAnswer, tuning_from
from gui.theme import DARK, LIGHT, apply_theme
from gui.tuning.panel import NOBODY, TuningPanel
from gui.tuning.wishes import ANSWER_S, SILENT_S
from realtime.config import Config
from realtime.errors import DataError
from realtime.tuning import KNOBS, Tuning
from realtime.tuning_presets import load_preset, save_preset

START = Tuning.from_config(Config())
CLASSES = ("happiness", "surprise", "neutral")
OWN = (("theta", 4.0, 8.0), ("alpha", 8.0, 14.0))


def _state(now: float, engine: str = "engine-1", pending: dict[str, object] | None = None, **values: object):
    wanted = None if pending is None else START.changed(pending)
    return EngineTuning(now, engine, START.changed(values), wanted, START, CLASSES, OWN)


class PanelDesk:
    """The panel alone, with a clock of the test's."""

    def __init__(self, qtbot) -> None:
        apply_theme(QApplication.instance(), DARK)
        self.now, self.sent = 1000.0, list[dict]()
        self.panel = TuningPanel(DARK)
        qtbot.addWidget(self.panel)
        self.panel.wished.connect(self.sent.append)
        self.panel.show()
        QApplication.setActiveWindow(self.panel)
        self.turn()

    def turn(self) -> None:
        self.panel.refresh(self.now)

    def say(self, *said: EngineTuning | TuningAnswer) -> None:
        for one in said:
            self.panel.take(one, self.now)
        self.turn()


@pytest.fixture
def desk(qapp: QApplication, qtbot) -> Iterator[PanelDesk]:
    desk = PanelDesk(qtbot)
    yield desk
    qapp.setStyleSheet("")


def _say(desk: WindowDesk, *said: EngineTuning | TuningAnswer) -> None:
    desk.bridge.batches.append(Batch(tunings=said))
    desk.turn()


def test_what_is_turned_is_asked_for_once_and_believed_when_the_engine_says_so(desk: PanelDesk, qtbot) -> None:
    panel = desk.panel
    assert panel.note == "waiting for an engine"
    desk.say(_state(desk.now))
    row = panel.rows["smoothing_s"]
    assert row.value == START.smoothing_s
    assert row.force.text() == "● 1.0"
    row.field.setFocus()
    for _ in range(3):
        qtbot.keyClick(row.field, Qt.Key_Up)
    qtbot.keyClick(panel.rows["on_z"].slider, Qt.Key_Right)
    assert not desk.sent, "nothing is sent while a hand is still turning"
    qtbot.waitUntil(lambda: bool(desk.sent), timeout=3000)
    (wish,) = desk.sent
    turned = panel.rows["on_z"].value
    assert wish["event"] == "tune"
    assert wish["engine"] == "engine-1"
    assert wish["set"] == {"smoothing_s": pytest.approx(1.6), "on_z": turned}
    assert turned > START.on_z
    assert row.force.text() == "… now 1.0", "what was asked for is not what is in force"
    desk.say(TuningAnswer(desk.now, "engine-1", str(wish["request"]), ""), _state(desk.now, pending=wish["set"]))
    assert row.force.text() == "… now 1.0"
    desk.say(_state(desk.now, **wish["set"]))
    assert row.force.text() == "● 1.6"
    assert row.value == pytest.approx(1.6)
    assert "in force: 1.6" in row.field.accessibleDescription()


def test_a_refusal_takes_the_value_back_and_says_why(desk: PanelDesk) -> None:
    panel = desk.panel
    desk.say(_state(desk.now))
    panel.rows["noisy_uv"].field.setValue(500.0)
    panel.send()
    assert panel.rows["noisy_uv"].value == 500.0
    request = str(desk.sent[-1]["request"])
    desk.say(TuningAnswer(desk.now, "engine-1", "of somebody else", "not this one"), _state(desk.now))
    assert panel.rows["noisy_uv"].value == 500.0
    desk.say(TuningAnswer(desk.now, "engine-1", request, "noisy_uv: too much"))
    assert panel.note == "refused: noisy_uv: too much"
    assert panel.rows["noisy_uv"].value == START.noisy_uv


def test_without_an_engine_nothing_can_be_turned_and_nothing_is_pretended(desk: PanelDesk) -> None:
    panel = desk.panel
    assert not panel.rows["on_z"].field.isEnabled()
    assert not panel.reset.isEnabled()
    desk.say(_state(desk.now))
    panel.rows["on_z"].field.setValue(5.0)
    panel.send()
    desk.now += ANSWER_S + 0.1
    desk.say(_state(desk.now))
    assert panel.note == "no engine answered: nothing was changed"
    assert panel.rows["on_z"].value == START.on_z
    desk.now += SILENT_S + 0.1
    desk.turn()
    assert panel.note == NOBODY
    assert panel.rows["on_z"].force.text() == "?"
    assert not panel.rows["on_z"].slider.isEnabled()
    sent = len(desk.sent)
    panel.ask({"on_z": 4.0})
    assert len(desk.sent) == sent


def test_of_several_engines_one_is_meant(desk: PanelDesk) -> None:
    panel = desk.panel
    desk.say(_state(desk.now, "engine-1"), _state(desk.now, "engine-2", on_z=7.0))
    assert panel.engines.isVisible()
    assert panel.rows["on_z"].value == START.on_z
    panel.engines.setCurrentText("engine-2")
    assert panel.rows["on_z"].value == 7.0
    panel.ask({"on_z": 8.0})
    assert desk.sent[-1]["engine"] == "engine-2"


def test_a_panel_made_anew_with_another_theme_goes_on_where_it_was(desk: PanelDesk, qtbot) -> None:
    desk.say(_state(desk.now, on_z=7.0))
    desk.panel.rows["smoothing_s"].field.setValue(4.0)
    other = TuningPanel(LIGHT)
    qtbot.addWidget(other)
    sent: list[dict] = []
    other.wished.connect(sent.append)
    other.adopt(desk.panel)
    assert other.rows["on_z"].force.text() == "● 7.0"
    assert other.rows["smoothing_s"].value == 4.0
    other.send()
    assert sent[0]["set"] == {"smoothing_s": 4.0}


def test_reset_asks_for_everything_as_it_began(desk: PanelDesk) -> None:
    panel = desk.panel
    desk.say(_state(desk.now, on_z=7.0, class_names={"neutral": "calm"}))
    panel.reset.click()
    assert desk.sent[-1]["set"] == START.values


def test_names_and_limits_in_force_show_on_the_other_panels(qapp: QApplication, qtbot) -> None:
    with window_desk(qapp) as desk:
        state = desk.window.panels.state
        p = np.array([0.1, 0.8, 0.1], np.float32)

        def predict(confidence: float) -> Batch:
            sample = EmotionSample(desk.now, p, p, p, confidence, True, False, True)
            return Batch(emotions=((EmotionModel(CLASSES), sample),))

        _say(desk, _state(desk.now, pending={"class_names": {"surprise": "startled"}, "uncertain_below": 0.5}))
        desk.bridge.batches.append(predict(0.4))
        desk.turn()
        assert state.headline == "surprise", "not in force yet"
        _say(desk, _state(desk.now, class_names={"surprise": "startled"}, uncertain_below=0.5))
        desk.bridge.batches.append(predict(0.4))
        desk.turn()
        assert state.headline == "uncertain"
        assert state.detail == "confidence 40% < 50%"
        desk.bridge.batches.append(predict(0.6))
        desk.turn()
        assert state.headline == "startled"
        assert desk.window.panels.traces.model is not None
        assert desk.window.panels.traces.model.names == ("happiness", "startled", "neutral")


def test_names_and_bands_have_forms_that_say_what_they_change(desk: PanelDesk) -> None:
    panel = desk.panel
    desk.say(_state(desk.now))
    panel.names.click()
    assert panel.form is not None
    panel.form.edits["neutral"].setText("calm")
    panel.form.accept()
    assert desk.sent[-1]["set"] == {"class_names": {"neutral": "calm"}}
    panel.bands.click()
    form = panel.form
    assert form is not None
    assert form.bands() == (), "the model's own are none to be shown"
    form.rows[1][0].setText("mu")
    form.rows[1][2].setValue(12.0)
    form.accept()
    assert desk.sent[-1]["set"] == {"bands": [["theta", 4.0, 8.0], ["mu", 8.0, 12.0]]}
    assert panel.form is None


def test_presets_go_and_come_and_never_replace_a_file_unasked(desk: PanelDesk, tmp_path: Path) -> None:
    panel = desk.panel
    desk.say(_state(desk.now, on_z=4.0, class_names={"neutral": 'a "calm" one'}, bands=[["mu", 8, 12.5]]))
    path = tmp_path / "mine.toml"
    panel.files.save(path, panel.wishes.engine.in_force)  # type: ignore[union-attr]
    assert panel.note == "saved: mine.toml"
    saved = path.read_text()
    panel.files.save(path, START)
    question = panel.files.dialog
    assert isinstance(question, QMessageBox)
    question.reject()
    assert path.read_text() == saved, "kept: nobody said it may go"
    panel.files.save(path, START)
    assert isinstance(panel.files.dialog, QMessageBox)
    next(b for b in panel.files.dialog.buttons() if b.text() == "Replace").click()
    assert load_preset(path, START.changed({"on_z": 9.0})) == START
    path.write_text(saved)
    panel.files.load(path, START, panel._ask_for)
    assert desk.sent[-1]["set"]["on_z"] == 4.0  # type: ignore[index]
    assert desk.sent[-1]["set"]["class_names"] == {"neutral": 'a "calm" one'}  # type: ignore[index]
    sent = len(desk.sent)
    path.write_text("on_z = 'many'")
    panel.files.load(path, START, panel._ask_for)
    assert panel.note.startswith("'mine.toml' is no preset: on_z")
    assert len(desk.sent) == sent
    assert [file.name for file in tmp_path.iterdir()] == ["mine.toml"]


@pytest.mark.parametrize("text", ["", "= 3", "\x00", "[engine]\nsmoothing_s = 1.0", "on_z = -1.0", "a" * 70_000])
def test_a_wrong_file_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=r"wrong\.toml") as told:
        load_preset(path, START)
    assert "\n" not in str(told.value)


def test_a_preset_says_every_unit_and_leaves_out_what_may_stay(tmp_path: Path) -> None:
    path = tmp_path / "part.toml"
    path.write_text("smoothing_s = 2.0\n")
    assert load_preset(path, START) == START.changed({"smoothing_s": 2.0})
    save_preset(tmp_path / "all.toml", START)
    text = (tmp_path / "all.toml").read_text()
    assert all(f"{name} = " in text for name in KNOBS)
    assert "# Noisy above, µV" in text
    with pytest.raises(FileExistsError):
        save_preset(tmp_path / "all.toml", START)
    with pytest.raises(DataError, match="cannot write preset"):
        save_preset(tmp_path / "no" / "all.toml", START)


def test_every_knob_can_be_reached_by_keys_and_is_spoken_of(desk: PanelDesk) -> None:
    panel = desk.panel
    desk.say(_state(desk.now))
    assert panel.accessibleName() == "Tuning"
    for row in panel.rows.values():
        for widget in (row.slider, row.field):
            assert widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            assert row._knob.title in widget.accessibleName()
    for row in panel.rows.values():
        for end in (row.slider.minimum(), row.slider.maximum() // 2):
            row.slider.setValue(end)
            before = row.value
            row.slider.setValue(end + 1)
            assert row.value > before, row.name
    row = panel.rows["railed_uv"]
    row.slider.setValue(0)
    assert row.value == KNOBS["railed_uv"].low
    row.slider.setValue(row.slider.maximum())
    assert row.value == pytest.approx(KNOBS["railed_uv"].high)
    desk.say(_state(desk.now, railed_uv=1e6))
    panel.wishes.edits.clear()
    desk.turn()
    assert row.value == 1e6, "what is in force is shown even beyond the slider's end"
    rows = panel.export_rows()
    assert rows[1 + list(Tuning.model_fields).index("railed_uv")][1:] == ("µV", 1e6, 1e6, START.railed_uv)


def test_what_is_no_tuning_is_passed_over() -> None:
    assert tuning_from({"event": "tuning", "values": {}}, 0.0) is None
    assert tuning_from({"event": "other"}, 0.0) is None
    answer = tuning_from({"event": "tuning_refused", "engine": "e", "request": "r", "reason": "no"}, 1.0)
    assert answer == TuningAnswer(1.0, "e", "r", "no")
    note = note_from({"event": "tune", "set": {"on_z": 4.0, "bands": [["mu", 8, 12]]}}, 2.0)
    assert note is not None
    assert note.text == "tune on_z 4, bands"


def test_the_rest_of_a_calibration_is_what_bands_are_compared_with(qapp: QApplication, qtbot) -> None:
    with window_desk(qapp) as desk:
        bands = desk.window.panels.bands
        power, rest = np.array([[1.0, 2.0]], np.float32), np.array([[0.5, 1.0]], np.float32)
        desk.bridge.batches.append(Batch(bands=BandSample(desk.now, ("O1",), ("theta", "alpha"), power, rest)))
        desk.turn()
        np.testing.assert_allclose(bands.change_db(), [[5.0, 10.0]])
        assert not desk.sent, "nobody did anything: the stream itself carries it"
        assert desk.window.panels.topomap.baseline is bands.baseline
        bands.clear_button.click()
        assert bands.change_db() is None
        desk.bridge.batches.append(Batch(bands=BandSample(desk.now, ("O1",), ("theta", "alpha"), power, rest)))
        desk.turn()
        assert bands.baseline is None, "what the operator put away stays away"
        bands.calibrated_button.click()
        assert bands.baseline is bands.calibrated
        other = BandSample(desk.now, ("O1",), ("mu 8-12 Hz",), power[:, :1])
        desk.bridge.batches.append(Batch(bands=other))
        desk.turn()
        assert bands.change_db() is None, "a calibration knows nothing of other bands"


def test_b_marks_a_baseline_wherever_the_focus_is(qapp: QApplication, qtbot) -> None:
    with window_desk(qapp) as desk:
        desk.window.docks.docks["bands"].hide()
        sample = BandSample(desk.now, ("O1",), ("alpha",), np.ones((1, 1), np.float32))
        desk.bridge.batches.append(Batch(bands=sample))
        desk.turn()
        desk.window.panels.video.canvas.setFocus()
        qtbot.keyClick(desk.window, Qt.Key_B)
        assert desk.window.panels.bands.span is not None
        for at in range(1, 60):
            desk.bridge.batches.append(Batch(bands=BandSample(desk.now + at / 20, ("O1",), ("alpha",), sample.power)))
            desk.turn(1)
        qtbot.keyClick(desk.window, Qt.Key_B)
        assert desk.window.panels.bands.baseline is not None
        assert desk.sent[-1]["text"] == "band baseline: baseline of 3 s"


def test_how_the_eeg_is_shown_is_remembered(qapp: QApplication, qtbot) -> None:
    settings = Settings()
    with window_desk(qapp, settings) as desk:
        desk.window.panels.eeg.step_scale(1)
        desk.window.panels.eeg.controls.filters._pick("highpass_hz", 1.0)
        desk.window.panels.eeg.controls.channels._pick_region("frontal")
        chosen = desk.window.panels.eeg.view
        assert chosen != EegView()
    with window_desk(qapp, settings) as desk:
        assert desk.window.panels.eeg.view == chosen
        assert desk.window.panels.eeg.controls.view == chosen


@pytest.mark.parametrize("text", ["", "{}", "[1]", json.dumps({"window_s": "x"}), view_text(EegView(window_s=7.0))])
def test_a_kept_view_that_is_none_of_ours_is_the_usual_one(text: str) -> None:
    assert view_from(text) == EegView()
