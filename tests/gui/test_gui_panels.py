"""Panels, offscreen: data in -> what is shown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PyQt5.QtWidgets import QApplication, QWidget

from gui.panels.base import age_text
from gui.panels.face.flow_arrows import flow_picture
from gui.panels.face.overlay import face_outline
from gui.panels.face.region_motion import MotionPanel, motion_rows
from gui.panels.face.video import VideoPanel
from gui.panels.health import COLUMNS, HealthPanel
from gui.streams.messages import (
    FaceSample,
    HealthReport,
    MeshSample,
    StreamRow,
)
from gui.theme import DARK, apply_theme
from realtime.packets import VideoFrame


@pytest.fixture
def themed(qapp: QApplication) -> Iterator[QApplication]:
    """The application in the dark theme."""
    apply_theme(qapp, DARK)
    yield qapp
    qapp.setStyleSheet("")


def _colors(widget: QWidget) -> int:
    image = widget.grab().toImage().convertToFormat(4)
    raw = image.bits().asarray(image.byteCount())  # type: ignore[union-attr]
    return len(np.unique(np.frombuffer(raw, np.uint32)))


def test_the_video_shows_the_oval_only_with_a_current_face(themed: QApplication, qtbot) -> None:
    panel = VideoPanel(DARK)
    qtbot.addWidget(panel)
    panel.resize(420, 360)
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    mesh = np.random.default_rng(1).uniform(0, 48, (468, 2)).astype(np.float32)
    regions = ("brow_left", "brow_right")
    panel.take_frame(VideoFrame(image, 5.0, 1))
    panel.refresh(5.0)
    assert "face not evaluated" in panel.note
    panel.take_mesh(MeshSample(5.0, mesh))
    panel.take_face(FaceSample(5.0, 0.9, regions, np.ones(2, np.float32)))
    panel.refresh(5.0)
    assert panel.canvas.oval is not None
    np.testing.assert_allclose(panel.canvas.oval.min(axis=0), mesh.min(axis=0))
    np.testing.assert_allclose(panel.canvas.oval.max(axis=0), mesh.max(axis=0))
    assert panel.note.endswith("face 90%")
    assert _colors(panel) > 200
    panel.take_frame(VideoFrame(image, 6.0, 2))
    panel.take_face(FaceSample(6.0, 0.0, regions, np.full(2, np.nan, np.float32)))
    panel.refresh(6.0)
    assert panel.canvas.oval is None
    assert panel.canvas.caption == "no face"
    panel.refresh(8.5)
    assert panel.canvas.caption == "no video for 2.5 s"


def test_the_outline_is_the_hull_and_points_on_a_line_have_none() -> None:
    square = np.array([[0, 0], [4, 0], [4, 4], [0, 4], [2, 2], [1, 3]], np.float32)
    outline = face_outline(square)
    assert outline is not None
    assert {tuple(point) for point in outline.tolist()} == {(0, 0), (4, 0), (4, 4), (0, 4)}
    assert face_outline(np.zeros((468, 2), np.float32)) is None


def test_motion_rows_pair_left_and_right() -> None:
    regions = ("brow_left", "brow_right", "mouth_left", "mouth_right", "mouth", "chin")
    assert motion_rows(regions) == [("brows", [1, 0]), ("corners", [3, 2]), ("mouth", [4]), ("chin", [5])]
    assert motion_rows(("forehead_left",)) == [("forehead_left", [0])]


def test_old_motion_is_not_shown(themed: QApplication, qtbot) -> None:
    panel = MotionPanel(DARK)
    qtbot.addWidget(panel)
    panel.take(FaceSample(5.0, 0.9, ("chin",), np.array([7.0], np.float32)))
    panel.refresh(5.1)
    assert panel.bars.motion.tolist() == [7.0]
    assert panel.export_rows() == [("time_s", "region", "motion_x_noise"), (5.0, "chin", 7.0)]
    panel.refresh(9.0)
    assert np.isnan(panel.bars.motion).all()
    assert panel.note == "stale: 4.0 s old"


def test_flow_colours_tell_direction_and_length() -> None:
    flow = np.zeros((40, 40, 2), np.float32)
    flow[:20, :20], flow[:20, 20:], flow[20:, :20] = (1, 0), (-1, 0), (0.5, 0)
    image, full = flow_picture(flow)
    assert full == pytest.approx(1.0)
    np.testing.assert_array_equal(image[5, 5], [255, 0, 0])
    np.testing.assert_array_equal(image[5, 30], [0, 255, 255])
    np.testing.assert_array_equal(image[30, 5], [128, 0, 0])
    np.testing.assert_array_equal(image[30, 30], [0, 0, 0])
    assert flow_picture(0.01 * flow)[1] == 0.25


def test_health_is_red_where_a_stream_is_stale_and_unknown_where_the_engine_is_silent(
    themed: QApplication, qtbot
) -> None:
    panel = HealthPanel(DARK)
    qtbot.addWidget(panel)
    rows = (
        StreamRow("emostream-eeg", "live", 12_345, 0, 0, 0.004, 1000.0),
        StreamRow("emostream-video", "stale", 300, 12, 1, 2.5, 24.0),
    )
    panel.take(HealthReport(50.0, rows, 3.21, 9.9, None))
    panel.refresh(50.5)
    assert [panel.cell(0, c) for c in range(7)] == ["emostream-eeg", "● live", "1000.0 Hz", "4 ms", "12,345", "0", "0"]
    assert [panel.cell(1, c) for c in (1, 3, 5)] == ["▲ stale", "2.5 s", "12"]
    assert panel.table.item(1, 0).foreground().color().name() == DARK.bad  # type: ignore[union-attr]
    assert panel.table.item(0, 0).foreground().color().name() == DARK.text  # type: ignore[union-attr]
    assert panel.note == "sample to prediction 3.2 ms median, 9.9 ms p99"
    panel.refresh(58.0)
    assert panel.note == "the engine has been silent for 8.0 s"
    assert panel.cell(0, 1) == "? unknown"
    assert panel.table.item(0, 0).foreground().color().name() == DARK.bad  # type: ignore[union-attr]


def test_health_says_below_an_input_what_is_wrong_with_it(themed: QApplication, qtbot) -> None:
    panel = HealthPanel(DARK)
    qtbot.addWidget(panel)
    note = "two streams call themselves 'cap': the one of host lab-2 is read"
    rows = (
        StreamRow("emostream-eeg", "live", 12_345, 0, 0, 0.004, 1000.0, note),
        StreamRow("emostream-video", "stale", 300, 12, 1, 2.5, 24.0, "no frame for 2.5 s"),
    )
    panel.take(HealthReport(50.0, rows, 3.21, 9.9, None))
    panel.refresh(50.5)
    assert [panel.cell(row, 0) for row in range(4)] == [
        "emostream-eeg",
        f"↳ {note}",
        "emostream-video",
        "↳ no frame for 2.5 s",
    ]
    assert [panel.table.columnSpan(row, 0) for row in range(4)] == [1, len(COLUMNS), 1, len(COLUMNS)]
    inks = [panel.table.item(row, 0).foreground().color().name() for row in range(4)]  # type: ignore[union-attr]
    assert inks == [DARK.text, DARK.warn, DARK.bad, DARK.bad]
    assert panel.table.item(1, 0).toolTip() == f"↳ {note}"  # type: ignore[union-attr]
    header, *told = panel.export_rows()
    assert dict(zip(header, told[0], strict=True)) == {
        "time_s": 50.0,
        "input": "emostream-eeg",
        "state": "live",
        "rate_hz": 1000.0,
        "age_s": 0.004,
        "received": 12_345,
        "lost": 0,
        "gaps": 0,
        "note": note,
    }
    panel.take(HealthReport(51.0, (rows[1],), 3.21, 9.9, None))
    panel.refresh(51.1)
    assert [panel.table.columnSpan(row, 0) for row in range(2)] == [1, len(COLUMNS)]
    assert panel.table.rowCount() == 2


def test_no_number_of_an_input_is_left_under_a_note_that_takes_its_line(themed: QApplication, qtbot) -> None:
    panel = HealthPanel(DARK)
    qtbot.addWidget(panel)
    eeg = StreamRow("emostream-eeg", "live", 12_345, 0, 0, 0.004, 1000.0)
    video = StreamRow("emostream-video", "live", 300, 12, 1, 0.02, 24.0)
    panel.take(HealthReport(50.0, (eeg, video), 3.21, 9.9, None))
    panel.refresh(50.5)
    assert panel.cell(1, 4) == "300"
    panel.take(HealthReport(51.0, (replace(eeg, note="two of them"), video), 3.21, 9.9, None))
    panel.refresh(51.1)
    assert [panel.cell(1, column) for column in range(len(COLUMNS))] == ["↳ two of them", *[""] * 6]
    assert panel.cell(2, 4) == "300"


def test_a_narrow_health_panel_keeps_the_inputs_names(themed: QApplication, qtbot) -> None:
    panel = HealthPanel(DARK)
    qtbot.addWidget(panel)
    panel.resize(330, 200)
    panel.show()
    panel.take(HealthReport(50.0, (StreamRow("emostream-video", "live", 300, 0, 0, 0.1, 24.0),), 3.2, 9.9, None))
    panel.refresh(50.5)
    assert panel.table.isColumnHidden(COLUMNS.index("received"))
    assert panel.cell(0, 0) == "video"
    panel.resize(500, 200)
    panel.refresh(50.6)
    assert not panel.table.isColumnHidden(COLUMNS.index("received"))
    assert panel.cell(0, 0) == "emostream-video"


def test_words_for_ages() -> None:
    assert [age_text(x) for x in (math.nan, -0.1, 0.24, 9.94, 14.2, 180.0)] == [
        "-",
        "0.0 s",
        "0.2 s",
        "9.9 s",
        "14 s",
        "3 min",
    ]
