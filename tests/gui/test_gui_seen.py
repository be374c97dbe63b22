"""What is seen: panels behind tabs, movements without traces, pictures and their movements, the EEG that is saved."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtWidgets import QApplication
from window_desk import window_desk

from gui.panels.base import on_screen
from gui.panels.face.event_strip import StripModel
from gui.streams.contract import Batch
from gui.streams.messages import MovementEvent, MovementPictures
from gui.window.docks import PRESETS
from realtime.packets import EegChunk, EegInfo


def _movement(apex_s: float, decided_s: float = float("nan"), *, true: bool = False) -> MovementEvent:
    return MovementEvent(apex_s - 0.2, apex_s, apex_s + 0.2, "micro", 9.0, ("chin",), true, decided_s)


def _pictures(stamp: float) -> MovementPictures:
    grey = np.zeros((256, 256), np.uint8)
    return MovementPictures(stamp, grey, grey, np.zeros((256, 256, 2), np.float32))


def _saved(folder: Path) -> list[Path]:
    return sorted(path for made in folder.iterdir() for path in made.iterdir())


def test_a_panel_behind_a_tab_is_neither_drawn_nor_saved(
    qapp: QApplication, qtbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with window_desk(qapp) as desk:
        window = desk.window
        qapp.processEvents()
        drawn: list[str] = []
        for key, panel in window.panels.by_key.items():
            monkeypatch.setattr(panel, "refresh", lambda _now_s, key=key: drawn.append(key))
        window.settings.keep("export folder", str(tmp_path))
        desk.turn(32)
        with qtbot.waitSignal(window.exporter.done):
            window.export()
        behind = {key for key, panel in window.panels.by_key.items() if not on_screen(panel)}
        assert {"topomap", "spectrogram", "quality", "timeline", "health"} <= behind
        assert {"eeg", "state", "traces", "video"} <= set(drawn)
        assert not behind & set(drawn)
        saved = {path.stem for path in _saved(tmp_path)}
        assert saved == set(drawn) | {"window"}
        window.export("topomap")
        assert window.header.said.text == "not saved: Topography is not on the screen"
        window.docks.docks["topomap"].raise_()
        qapp.processEvents()
        drawn.clear()
        desk.turn(16)
        assert "topomap" in drawn
        assert "bands" not in drawn


def test_movements_go_by_the_present_where_no_traces_are_seen(qapp: QApplication) -> None:
    with window_desk(qapp) as desk:
        desk.window.docks.apply(PRESETS["face"])
        qapp.processEvents()
        desk.turn()
        desk.now += 300.0
        found = _movement(desk.now - 3.0)
        desk.bridge.batches = [Batch(movements=(found,))]
        desk.turn()
        assert not on_screen(desk.window.panels.traces)
        assert desk.window.panels.timeline.micro_row.events == [found]


def test_pictures_find_the_movement_that_was_decided_at_their_stamp(qapp: QApplication) -> None:
    strip = StripModel()
    first, second = _movement(10.0, 11.0), _movement(10.4, 11.3)
    for event in (first, second):
        strip.add(event, 12.0)
    for stamp, owner in ((11.001, first), (11.3, second)):
        pictures = _pictures(stamp)
        entry = strip.entry_of(pictures)
        assert entry is not None
        assert entry.event == owner
        entry.take_pictures(pictures)
    assert strip.entry_of(_pictures(11.5)) is None, "of a movement that is not there"
    strip.add(replace(first, decided_s=float("nan"), apex_s=20.0, onset_s=19.8, offset_s=20.2), 21.0)
    assert strip.entry_of(_pictures(20.5)) is strip.entries[0], "one that does not say when it was decided"


def test_what_a_simulator_tells_late_stands_where_its_apex_belongs(qapp: QApplication) -> None:
    strip = StripModel()
    for event in (_movement(10.0), _movement(16.0), _movement(12.0, true=True)):
        strip.add(event, 18.0)
    assert [entry.event.apex_s for entry in strip.entries] == [16.0, 12.0, 10.0]
    assert strip.shown == strip.entries


def test_the_eeg_that_is_seen_is_saved(qapp: QApplication, qtbot, tmp_path: Path) -> None:
    with window_desk(qapp) as desk:
        desk.window.settings.keep("export folder", str(tmp_path))
        info = EegInfo("cap", "c", ("Fp1", "Cz"), 100.0)
        samples = np.random.default_rng(1).normal(0, 20, (2, 1500)).astype(np.float32)
        stamps = desk.now - 15.0 + np.arange(1500) / 100.0
        desk.bridge.batches = [Batch(eeg=((info, EegChunk(samples, stamps, "u", 0)),))]
        qapp.processEvents()
        desk.turn()
        with qtbot.waitSignal(desk.window.exporter.done):
            desk.window.export("eeg")
        path = next(path for path in _saved(tmp_path) if path.name == "eeg.csv")
        header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        assert header == ["time_s", "Fp1_uv", "Cz_uv"]
        saved = np.array(rows, float)
        assert len(saved) == 1000, "ten seconds are on the screen"
        np.testing.assert_allclose(saved[:, 0], stamps[-1000:])
        np.testing.assert_allclose(saved[:, 1:].T, samples[:, -1000:], atol=6e-4)
