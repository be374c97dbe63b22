"""The recording button: the form, a recorder of the test's own, what its events show, and that stopping asks."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QApplication, QMessageBox

from gui.session import record
from gui.session.record import NO_CONSENT, RecordControl, RecorderLaunch, RecordForm
from gui.streams.messages import RecorderState, recorder_from
from gui.theme import DARK

RUN = "sub-01_ses-01_task-suppression_run-01"


class FakeLaunch:
    """A recorder whose end the test decides."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments = arguments
        self.end: str | None = None

    def failure(self) -> str | None:
        return self.end


class Desk:
    """The control with everything around it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sent: list[dict[str, object]] = []
        self.launched: list[FakeLaunch] = []
        self.control = RecordControl(DARK, lambda: self.now, self._send, self._launch)  # type: ignore[arg-type]

    def _send(self, text: str, _stamp: float) -> None:
        self.sent.append(json.loads(text))

    def _launch(self, arguments: list[str]) -> FakeLaunch:
        self.launched.append(FakeLaunch(arguments))
        return self.launched[-1]

    def hear(self, event: str, **values: object) -> None:
        state = recorder_from(json.dumps({"event": event, "run": RUN, **values}), self.now)
        assert state is not None
        self.control.take(state)
        self.control.refresh()

    @property
    def text(self) -> str:
        return "" if self.control.label.isHidden() else self.control.label.text()


@pytest.fixture
def desk(qapp: QApplication, qtbot) -> Iterator[Desk]:
    made = Desk()
    qtbot.addWidget(made.control)
    qtbot.addWidget(made.control.banner)
    made.control.show()
    yield made
    if made.control.dialog is not None:
        made.control.dialog.close()


def _standing(**more: object) -> dict[str, object]:
    streams = {"emostream-eeg": {"type": "EEG", "received": 7, "stalled": False}}
    return {"elapsed_s": 83.4, "bytes": 12_300_000, "film": True, "streams": streams, "alarms": [], **more}


def test_the_form_wants_labels_of_bids_and_says_what_a_missing_consent_means(qapp: QApplication, qtbot) -> None:
    form = RecordForm()
    qtbot.addWidget(form)
    assert not form.begin.isEnabled()
    form.subject.setText("Jane Doe")
    assert not form.begin.isEnabled()
    assert "letters and digits" in form.told.text()
    form.subject.setText("07")
    assert form.begin.isEnabled()
    assert form.told.text() == NO_CONSENT
    assert "--consent" not in form.arguments()
    form.consent.setText("C-17")
    form.root.setText("/data/rec")
    told = form.arguments()
    pairs = dict(zip(told[::2], told[1::2], strict=False))
    expected = {"--subject": "07", "--session": "01", "--task": "suppression", "--consent": "C-17"}
    assert pairs.items() >= {**expected, "--root": "/data/rec"}.items()
    assert form.told.text() != NO_CONSENT


def test_record_starts_one_recorder_and_shows_how_it_stands(desk: Desk, qtbot) -> None:
    assert desk.text == ""
    qtbot.mouseClick(desk.control.button, Qt.MouseButton.LeftButton)
    form = desk.control.dialog
    assert isinstance(form, RecordForm)
    form.subject.setText("01")
    form.accept()
    assert [launch.arguments[:2] for launch in desk.launched] == [["--subject", "01"]]
    assert desk.text == "RECORDER STARTS"
    assert not desk.control.button.isEnabled()
    desk.hear("recording_started", film=True)
    desk.hear("recording", **_standing())
    assert desk.text == "REC 0:01:23  12.3 MB"
    assert desk.control.button.isEnabled()
    assert RUN in desk.control.label.toolTip()
    assert "emostream-eeg" in desk.control.label.toolTip()
    desk.hear("recording", **_standing(film=False))
    assert desk.text.endswith("no film")


def test_stopping_asks_and_neither_enter_nor_escape_stops(desk: Desk, qtbot) -> None:
    desk.hear("recording", **_standing())
    for key in (Qt.Key.Key_Return, Qt.Key.Key_Escape):
        qtbot.mouseClick(desk.control.button, Qt.MouseButton.LeftButton)
        assert isinstance(desk.control.dialog, QMessageBox)
        qtbot.keyClick(desk.control.dialog, key)
        assert desk.control.dialog is None
    assert desk.sent == []
    qtbot.mouseClick(desk.control.button, Qt.MouseButton.LeftButton)
    question = desk.control.dialog
    assert isinstance(question, QMessageBox)
    stop = next(button for button in question.buttons() if button.text() == "Stop recording")
    qtbot.mouseClick(stop, Qt.MouseButton.LeftButton)
    assert desk.sent == [{"event": "record_stop", "run": RUN}]
    assert desk.text.startswith("STOPPING")
    assert not desk.control.button.isEnabled()
    desk.hear("recording_stopped")
    assert desk.text == ""
    assert desk.control.button.text() == "Record …"


def test_what_is_wrong_is_red_and_in_words(desk: Desk) -> None:
    desk.hear("recording", **_standing())
    good = desk.control.label.styleSheet()
    desk.hear("recording", **_standing(alarms=["EEG stream 'emostream-eeg' is stalled: nothing for 4 s"]))
    assert desk.control.banner.text() == "EEG stream 'emostream-eeg' is stalled: nothing for 4 s"
    assert DARK.bad in desk.control.label.styleSheet() != good
    desk.hear("recording_failed", reason="the disk is full: nothing is written")
    assert desk.text == "NOT RECORDING"
    assert desk.control.banner.text() == "the disk is full: nothing is written"
    desk.hear("recording", **_standing())
    assert desk.control.banner.isHidden()
    assert desk.control.label.styleSheet() == good


def test_a_recorder_that_vanished_is_said_to_be_silent_and_then_forgotten(desk: Desk) -> None:
    desk.hear("recording", **_standing())
    desk.now += record.SILENT_S + 1.0
    desk.control.refresh()
    assert desk.text == "RECORDER SILENT"
    assert "for 4 s" in desk.control.banner.text()
    desk.now += record.FORGET_S
    desk.control.refresh()
    assert desk.text == ""
    assert desk.control.button.text() == "Record …"


def test_a_recorder_that_cannot_begin_says_why(desk: Desk, qtbot) -> None:
    qtbot.mouseClick(desk.control.button, Qt.MouseButton.LeftButton)
    form = desk.control.dialog
    assert isinstance(form, RecordForm)
    form.subject.setText("01")
    form.accept()
    desk.launched[0].end = "no LSL stream of type EEG"
    desk.control.refresh()
    assert isinstance(desk.control.dialog, QMessageBox)
    assert "no LSL stream of type EEG" in desk.control.dialog.text()
    assert desk.text == ""
    assert desk.control.button.isEnabled()


def test_a_launched_recorder_is_a_process_of_its_own_session_and_tells_its_last_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: dict[str, object] = {}

    class Popen(record.subprocess.Popen):  # type: ignore[type-arg, name-defined]
        def __init__(self, command: list[str], **options: object) -> None:
            started.update(options, command=command)
            said = "import sys; print('one', file=sys.stderr); sys.exit('emostream: the last')"
            super().__init__([sys.executable, "-c", said], **options)  # type: ignore[call-overload]

    monkeypatch.setattr(record.subprocess, "Popen", Popen)
    launch = RecorderLaunch(["--subject", "01"])
    deadline = time.monotonic() + 20.0
    while (failure := launch.failure()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert failure == "the last"
    assert started["start_new_session"] is True
    assert started["command"][1:] == ["-m", "emostream", "record", "--headless", "--subject", "01"]  # type: ignore[index]


def test_texts_that_are_no_recorders_are_passed_over() -> None:
    for text in ("", "{}", "[1]", '{"event": "recording"}', '{"event": "beat", "run": "x"}', '{"event": 1, "run": 2}'):
        assert recorder_from(text, 0.0) is None
    odd = recorder_from('{"event": "recording", "run": "r", "bytes": "x", "streams": [], "alarms": 3}', 1.0)
    assert isinstance(odd, RecorderState)
    assert (odd.bytes, odd.streams, odd.alarms) == (0, (), ())
