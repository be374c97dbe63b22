"""Export: pictures at once, tables in a thread; whole or not at all, private, never over another one."""

from __future__ import annotations

import csv
import stat
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QAction, QApplication, QLabel, QVBoxLayout, QWidget
from window_desk import WindowDesk, window_desk

from gui.panels.eeg.panel import EegPanel
from gui.panels.emotion.traces import TracesPanel
from gui.streams.contract import Batch
from gui.streams.messages import EmotionModel, EmotionSample
from gui.theme import DARK
from gui.window.docks import PRESETS
from gui.window.export import draw, save_csv, write
from gui.window.main_window import MainWindow
from realtime.errors import DataError
from realtime.packets import EegChunk, EegInfo


@pytest.fixture
def desk(qapp: QApplication, qtbot) -> Iterator[WindowDesk]:
    with window_desk(qapp) as made:
        yield made


def emotion(stamp: float) -> tuple[EmotionModel, EmotionSample]:
    p = np.array([0.8, 0.2], np.float32)
    return EmotionModel(("sad", "happy"), "m", "whoever", True), EmotionSample(stamp, p, p, p, 0.5, True, False, True)


class Chart(QWidget):
    """Stands for a panel with figures."""

    def __init__(self) -> None:
        super().__init__()
        QVBoxLayout(self).addWidget(QLabel("chart"))

    def export_rows(self) -> list[tuple[object, ...]]:
        return [("time_s", "value", "word"), (1.5, float("nan"), "a, b"), (2.0, 3, None)]


def test_an_export_is_whole_private_and_never_over_another(qapp: QApplication, qtbot, tmp_path: Path) -> None:
    chart, plain = Chart(), QLabel("words")
    for widget in (chart, plain):
        qtbot.addWidget(widget)
        widget.resize(120, 60)
    at = datetime(2026, 3, 1, 14, 5, 6)
    root = tmp_path / "exports"
    first = write(draw(root, chart, {"chart": chart, "plain": plain}, at))
    second = write(draw(root, None, {"plain": plain}, at))
    assert (first.name, second.name) == ("emostream-20260301T140506", "emostream-20260301T140506-2")
    names = {path.name for path in first.iterdir()}
    assert names == {"window.png", "chart.png", "chart.svg", "chart.csv", "plain.png", "plain.svg"}
    assert {path.name for path in root.iterdir()} == {first.name, second.name}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in first.iterdir())
    assert stat.S_IMODE(first.stat().st_mode) == 0o700
    with (first / "chart.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["time_s", "value", "word"], ["1.5", "", "a, b"], ["2.0", "3", ""]]
    assert QImage(str(first / "window.png")).width() == 120
    assert b"<svg" in (first / "plain.svg").read_bytes()[:500]


def test_an_export_that_fails_leaves_nothing_and_says_how_to_go_on(qapp: QApplication, qtbot, tmp_path: Path) -> None:
    class Broken(QWidget):
        def export_rows(self) -> list[tuple[object, ...]]:
            raise OSError("disk full")

    broken = Broken()
    qtbot.addWidget(broken)
    with pytest.raises(DataError, match="cannot export"):
        draw(tmp_path, None, {"broken": broken}, datetime(2026, 1, 1))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="choose a folder"):
        draw(tmp_path / "file", None, {}, datetime(2026, 1, 1))
    late = Chart()
    qtbot.addWidget(late)
    draft = draw(tmp_path / "full", None, {"late": late}, datetime(2026, 1, 1))
    draft.tables["late"] = _disk_full()
    with pytest.raises(DataError, match=r"cannot export to .*disk full"):
        write(draft)
    assert list((tmp_path / "full").iterdir()) == []
    with pytest.raises(OSError, match="No such file"):
        save_csv([], tmp_path / "absent" / "x.csv")


def _disk_full() -> Iterator[tuple[object, ...]]:
    yield ("time_s",)
    raise OSError("disk full")


def _actions(window: MainWindow) -> list[QAction]:
    named = window.actions_by_name.items()
    return [action for name, action in named if name.startswith("export") and name != "export folder"]


def test_export_by_key_saves_what_is_on_the_screen_and_says_where(desk: WindowDesk, qtbot, tmp_path: Path) -> None:
    window = desk.window
    window.settings.keep("export folder", str(tmp_path))
    window.docks.apply(PRESETS["wall"])
    desk.bridge.batches = [Batch(emotions=(emotion(desk.now),))]
    desk.turn()
    with qtbot.waitSignal(window.exporter.done):
        qtbot.keyClick(window, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    (folder,) = tmp_path.iterdir()
    assert {path.stem for path in folder.glob("*.svg")} == PRESETS["wall"].shown
    assert (folder / "window.png").exists()
    assert len((folder / "traces.csv").read_text(encoding="utf-8").splitlines()) == 2
    assert str(folder) in window.header.said.text
    window.settings.keep("export folder", str(folder / "window.png"))
    window.export("state")
    assert "cannot export" in window.header.said.text
    assert window.header.said.level == "bad"
    assert not window.exporter.busy


def test_every_panel_of_numbers_has_a_table(desk: WindowDesk) -> None:
    without = {key for key, panel in desk.window.panels.by_key.items() if not hasattr(panel, "export_rows")}
    assert without == {"state", "video"}, "the state is the newest row of the traces"


class Slow(QWidget):
    """A panel whose table is written when the test allows it, or fails."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed, self.written_by = threading.Event(), ""
        self.fails = False

    def export_rows(self) -> Iterator[tuple[object, ...]]:
        return self._rows()

    def _rows(self) -> Iterator[tuple[object, ...]]:
        self.allowed.wait(10.0)
        self.written_by = threading.current_thread().name
        if self.fails:
            raise OSError("disk full")
        yield ("time_s",)


def test_tables_are_written_beside_the_screen_one_export_at_a_time(desk: WindowDesk, qtbot, tmp_path: Path) -> None:
    window, slow = desk.window, Slow()
    qtbot.addWidget(slow)
    slow.show()
    window.settings.keep("export folder", str(tmp_path))
    window.panels.by_key = {"slow": slow}  # type: ignore[dict-item]
    window.export()
    assert window.exporter.busy
    assert window.header.said.text == f"saving to {tmp_path} …"
    assert not any(action.isEnabled() for action in _actions(window))
    assert window.actions_by_name["export folder"].isEnabled()
    assert [path.name[0] for path in tmp_path.iterdir()] == ["."], "nothing has its name before it is whole"
    window.export()
    assert len(list(tmp_path.iterdir())) == 1, "a second one waits until it is asked for again"
    with qtbot.waitSignal(window.exporter.done):
        slow.allowed.set()
    assert slow.written_by == "emostream-export"
    (folder,) = tmp_path.iterdir()
    assert window.header.said.text == f"saved: {folder}"
    assert all(action.isEnabled() for action in _actions(window))
    slow.fails = True
    with qtbot.waitSignal(window.exporter.done):
        window.export()
    assert "disk full" in window.header.said.text
    assert window.header.said.level == "bad"
    assert list(tmp_path.iterdir()) == [folder]
    assert all(action.isEnabled() for action in _actions(window))


def test_a_window_that_closes_lets_the_export_end(desk: WindowDesk, qtbot, tmp_path: Path) -> None:
    slow = Slow()
    qtbot.addWidget(slow)
    desk.window.exporter.start(tmp_path, None, {"slow": slow}, datetime(2026, 1, 1))
    slow.allowed.set()
    desk.window.close()
    (folder,) = tmp_path.iterdir()
    assert (folder / "slow.csv").read_bytes() == b"time_s\r\n"


def test_what_arrives_while_tables_are_written_does_not_change_them(qapp: QApplication, qtbot) -> None:
    eeg, traces = EegPanel(DARK), TracesPanel(DARK)
    for panel in (eeg, traces):
        qtbot.addWidget(panel)
        panel.show()
    info = EegInfo("cap", "c", ("Fp1", "Cz"), 100.0)
    model, _ = emotion(1.0)

    def take(first: int) -> None:
        stamps = np.arange(first, first + 4000) / 100.0
        eeg.take(info, EegChunk(np.full((2, 4000), first, np.float32), stamps, "u", first))
        for stamp in stamps[::50]:
            traces.take(model, emotion(stamp)[1])

    take(0)
    traces.refresh(40.0)
    kept = {panel: list(panel.export_rows()) for panel in (eeg, traces)}
    taken = {panel: panel.export_rows() for panel in (eeg, traces)}
    take(4000)
    traces.refresh(80.0)
    for panel, rows in taken.items():
        assert len(kept[panel]) > 70
        # nan is not nan
        assert repr(list(rows)) == repr(kept[panel])
