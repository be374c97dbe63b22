"""The page of streams: rows, remarks, what is needed, choices that are remembered; settings as they are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt5.QtCore import QByteArray, QSettings
from PyQt5.QtWidgets import QApplication

from gui.settings import Settings
from gui.start.page import StartPage
from gui.start.rows import channel_text, choices, key_of, lines, needs
from gui.streams.contract import WANTED, Described, FoundStream, Link
from gui.theme import DARK

CAP = FoundStream("u1", "cap", "EEG", "cap-1", "lab", 64, 1000.0)
OTHER = FoundStream("u2", "amp", "EEG", "amp-1", "room2", 32, 500.0)
CAMERA = FoundStream("u3", "emostream-video", "VideoRaw", "cam-1", "lab", 307_208, 30.0)
GAZE = FoundStream("u4", "gaze", "Gaze", "", "lab", 2, 60.0)


def _links(*found: tuple[str, FoundStream]) -> tuple[Link, ...]:
    there = dict(found)
    return tuple(
        Link(w.key, there[w.key].name, "live", 0.0, 0.0, 5, found=True, uid=there[w.key].uid)
        if w.key in there
        else Link(w.key, w.name, "waiting")
        for w in WANTED
    )


def test_streams_of_the_contract_come_first_and_say_which_is_shown() -> None:
    described = {"u1": Described(("Fz", "Cz"), ("microvolts", "microvolts"))}
    rows = lines((GAZE, OTHER, CAP, CAMERA), _links(("eeg", CAP), ("video", CAMERA)), described)
    assert [row.cells[1] for row in rows] == ["amp", "cap", "emostream-video", "gaze"]
    assert rows[0].problem == "another one is shown"
    assert rows[1].cells == ("●", "cap", "EEG", "cap-1", "lab", "64", "1000 Hz", "microvolts", "")
    assert key_of(GAZE) == ""


@pytest.mark.parametrize(
    ("streams", "told", "remark"),
    [
        ((CAP, FoundStream("u9", "cap", "EEG", "cap-1", "lab", 64, 1000.0)), {}, "a program runs twice"),
        ((FoundStream("u1", "cap", "EEG", "cap-1", "lab", 64, 0.0),), {}, "without a rate"),
        ((CAP,), {"u1": Described(("Fz",), ("furlongs",))}, "is not a voltage"),
        ((CAP,), {"u1": Described(error="it does not answer")}, "does not answer"),
        ((FoundStream("u1", "cap", "EEG", "", "lab", 64, 9.0),), {}, "no source id"),
    ],
)
def test_what_is_wrong_is_said(streams: tuple[FoundStream, ...], told: dict[str, Described], remark: str) -> None:
    assert all(remark in row.problem for row in lines(streams, _links(("eeg", CAP)), told))


def test_what_is_needed_is_red_with_a_way_to_get_it_until_it_is_there() -> None:
    told = needs(_links(("eeg", CAP)), (CAP,), ("eeg", "video", "emotions"))
    assert [need.met for need in told] == [True, False, False]
    assert told[0].text == "● EEG: cap, 64 channels, 1000 Hz"
    assert "emostream camera" in told[1].text
    assert "emostream run" in told[2].text
    assert channel_text(None).startswith("asking")
    assert channel_text(Described(("Fz", "Cz"))) == "Fz, Cz"
    assert channel_text(Described()) == "it names no channels"
    assert choices((CAP, OTHER, CAMERA, GAZE), "eeg") == (CAP, OTHER)


class Lab:
    """A start page and what it asked for."""

    def __init__(self, settings: Settings) -> None:
        self.preferred: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.page = StartPage(DARK, settings, lambda *said: self.preferred.append(said), self.asked.append)

    def see(self, *found: FoundStream, links: tuple[Link, ...] = (), told: dict[str, Described] | None = None) -> None:
        self.page.take(found, links or _links(), told or {})
        self.page.refresh()


def test_the_page_is_complete_when_all_that_this_lab_needs_is_there(qapp: QApplication, qtbot) -> None:
    settings = Settings()
    lab = Lab(settings)
    qtbot.addWidget(lab.page)
    lab.see(CAP, links=_links(("eeg", CAP)))
    assert not lab.page.complete
    assert DARK.bad in lab.page.told["video"].styleSheet()
    assert DARK.good in lab.page.told["eeg"].styleSheet()
    assert lab.page.go.text() == "Show the panels without what is missing"
    for key in ("video", "emotions"):
        lab.page.required[key].setChecked(False)
    lab.see(CAP, links=_links(("eeg", CAP)))
    assert lab.page.complete
    again = Lab(settings)
    qtbot.addWidget(again.page)
    assert not again.page.required["video"].isChecked(), "the lab's choice is remembered"


def test_one_of_several_headsets_is_chosen_and_remembered(qapp: QApplication, qtbot) -> None:
    settings = Settings()
    lab = Lab(settings)
    qtbot.addWidget(lab.page)
    lab.see(CAP)
    combo = lab.page.combos["eeg"]
    assert combo.isHidden(), "nothing to choose from"
    lab.see(CAP, OTHER)
    assert not combo.isHidden()
    assert [combo.itemData(i) for i in range(combo.count())] == ["", "cap-1", "amp-1"]
    combo.setCurrentIndex(2)
    combo.activated.emit(2)
    assert lab.preferred[-1] == ("eeg", "amp-1")
    later = Lab(settings)
    qtbot.addWidget(later.page)
    assert ("eeg", "amp-1") in later.preferred
    later.see(CAP)
    assert later.page.combos["eeg"].currentText() == "amp-1  (remembered, not there)"


def test_channels_are_asked_for_when_a_stream_is_selected(qapp: QApplication, qtbot) -> None:
    lab = Lab(Settings())
    qtbot.addWidget(lab.page)
    lab.see(GAZE, CAMERA)
    assert lab.asked == []
    lab.page.table.selectRow(1)
    assert lab.asked == ["u4"]
    lab.see(GAZE, CAMERA, told={"u4": Described(("x", "y"))})
    assert lab.page.channels.text() == "x, y"
    lab.see(CAP)
    assert lab.asked[-1] == "u1", "the units of an EEG are always asked for"


@pytest.fixture(params=["memory", "file"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of both kinds."""
    store = QSettings(str(tmp_path / "s.ini"), QSettings.Format.IniFormat)
    return Settings(store if request.param == "file" else None)


def test_settings_come_back_as_they_were_kept(settings: Settings) -> None:
    for key, value in (("t", "dark"), ("f", False), ("n", 1.15), ("l", QByteArray(b"ab")), ("m", ["a, b", ""])):
        settings.keep(key, value)
    assert settings.text("t") == "dark"
    assert settings.flag("f", True) is False
    assert settings.flag("absent", True) is True
    assert settings.number("n", 1.0) == 1.15
    assert settings.number("t", 2.0) == 2.0
    assert settings.layout("l") == QByteArray(b"ab")
    assert settings.layout("t") is None
    assert settings.texts("m", ["x", "y", "z"]) == ["a, b", "", "z"]
    settings.forget("t")
    assert settings.text("t", "none") == "none"
