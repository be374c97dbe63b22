"""The live face: what is drawn, what is said, what is kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PyQt5.QtCore import Qt

from gui.panels.face.kept_frames import KeptFrames, over_frame
from gui.panels.face.overlay import tint
from gui.panels.face.picture_watch import PictureWatch
from gui.panels.face.region_motion import MotionPanel
from gui.panels.face.video import VideoPanel, picture
from gui.streams.messages import FaceSample, MeshSample, MovementPictures
from gui.theme import DARK, LIGHT
from realtime.packets import VideoFrame

REGIONS = ("brow_left", "chin")


def _frame(index: int, *, level: int = 120, shape: tuple[int, ...] = (480, 640)) -> VideoFrame:
    noise = np.random.default_rng(index).integers(0, 12, shape, dtype=np.uint8)
    return VideoFrame(noise + np.uint8(level), 100.0 + index / 30, index)


def _mesh(stamp: float, middle: tuple[float, float] = (320.0, 240.0), side: float = 180.0) -> MeshSample:
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (468, 2))
    points[33], points[263] = (-0.3, -0.2), (0.3, -0.2)
    return MeshSample(stamp, (points * side + middle).astype(np.float32))


@pytest.fixture
def panel(qtbot) -> VideoPanel:
    made = VideoPanel(DARK)
    qtbot.addWidget(made)
    made.resize(420, 400)
    return made


def test_grey_and_colour_are_shown_without_a_copy() -> None:
    for shape in ((480, 640), (480, 640, 3)):
        image = _frame(1, shape=shape).image
        shown = over_frame(image)
        bits = shown.constBits()
        assert bits is not None
        assert int(bits) == image.ctypes.data
        copied = picture(image[:, ::-1])
        assert copied.pixel(0, 0) == shown.pixel(639, 0)


def test_regions_take_the_motion_of_now_and_lose_it_when_it_is_old(panel: VideoPanel) -> None:
    panel.take_frame(_frame(0))
    panel.take_mesh(_mesh(100.0))
    panel.take_face(FaceSample(100.0, 0.9, REGIONS, np.array([30.0, 1.0], np.float32)))
    panel.refresh(100.0)
    assert panel.canvas.motion == {"brow_left": 30.0, "chin": 1.0}
    assert panel.canvas.shape is not None
    assert panel.canvas.shape.placement is not None
    with_tint = panel.canvas.grab().toImage()
    panel.toggle_regions()
    assert panel.canvas.grab().toImage() != with_tint
    assert panel.legend.isHidden()
    panel.take_frame(_frame(30))
    panel.take_mesh(_mesh(101.0))
    panel.refresh(101.0)
    assert panel.canvas.motion == {}


def test_no_face_no_video_and_a_frozen_picture_are_told_apart(panel: VideoPanel) -> None:
    assert panel.canvas.caption == "waiting for a video stream"
    panel.take_frame(_frame(0))
    panel.refresh(100.0)
    assert (panel.canvas.caption, panel.note.endswith("face not evaluated")) == ("", True)
    panel.take_face(FaceSample(100.0, 0.0, REGIONS, np.full(2, np.nan, np.float32)))
    panel.refresh(100.1)
    assert (panel.canvas.caption, panel.canvas.alarming) == ("no face", True)
    assert panel.canvas.accessibleDescription() == "no face"
    still = _frame(1).image
    for index in range(1, 101):
        panel.take_frame(VideoFrame(still, 100.0 + index / 30, index))
    panel.refresh(100.0 + 100 / 30)
    assert panel.canvas.caption == "frozen: the same picture for 3.3 s"
    panel.take_frame(_frame(101))
    panel.refresh(100.0 + 101 / 30)
    assert panel.canvas.caption != "frozen: the same picture for 3.3 s"
    assert not panel.canvas.dimmed
    panel.refresh(109.0)
    assert panel.canvas.caption.startswith("no video for 5.6 s")
    assert panel.canvas.dimmed
    assert panel._note.level == "bad"


def test_a_dark_picture_is_hinted_at_and_the_hint_does_not_flutter() -> None:
    watch = PictureWatch()
    told = []
    for index, level in enumerate((120, 30, 44, 30, 70)):
        watch.push(_frame(30 * index, level=level))
        told.append(watch.dark)
    assert told == [False, True, True, True, False]
    assert math.isnan(watch.frozen_s(100.0 + 4.0))
    assert watch.frozen_s(100.0 + 6.5) == pytest.approx(2.5)


def test_arrows_come_by_key_and_say_which_movement_they_show(panel: VideoPanel, qtbot) -> None:
    panel.take_frame(_frame(0))
    panel.take_mesh(_mesh(100.0))
    qtbot.keyClick(panel.canvas, Qt.Key_A)
    panel.refresh(100.0)
    assert panel.canvas.hint == "arrows: no movement found yet"
    flow = np.zeros((256, 256, 2), np.float32)
    flow[96:160, 96:160] = (0.5, 0.5)
    crop = np.zeros((256, 256), np.uint8)
    before = panel.canvas.grab().toImage()
    panel.take_pictures(MovementPictures(99.0, crop, crop, flow))
    panel.refresh(100.0)
    assert panel.canvas.hint == "arrows: movement 1.0 s ago, x 28"
    assert len(panel.canvas.arrows) == 16
    assert panel.canvas.grab().toImage() != before
    qtbot.keyClick(panel.canvas, Qt.Key_A)
    panel.refresh(100.0)
    assert (len(panel.canvas.arrows), panel.canvas.hint) == (0, "")


def test_a_panel_of_another_theme_goes_on_where_this_one_was(panel: VideoPanel, qtbot) -> None:
    panel.take_frame(_frame(0))
    panel.take_mesh(_mesh(100.0))
    panel.toggle_arrows()
    panel.toggle_regions()
    heir = VideoPanel(LIGHT)
    qtbot.addWidget(heir)
    heir.adopt(panel)
    heir.refresh(100.1)
    assert heir.canvas.image is panel._frame.image  # type: ignore[union-attr]
    assert heir.canvas.oval is not None
    assert (heir.canvas.regions_shown, heir.canvas.hint) == (False, "arrows: no movement found yet")
    assert len(heir.kept) == 1


def test_kept_frames_are_the_face_pixel_by_pixel_bounded_and_grey() -> None:
    kept = KeptFrames(keep_s=1.0)
    kept.push(_frame(0))
    assert (kept.between(0, 200)[0].image.width(), kept.between(0, 200)[0].image.height()) == (256, 192)
    kept.follow(_mesh(100.0).landmarks)
    frame = _frame(1)
    kept.push(frame)
    newest = kept.between(100.02, 200)[0].image
    assert (newest.width(), newest.height()) == (256, 256)
    bits = newest.constBits()
    assert bits is not None
    same = np.frombuffer(bits.asstring(256 * 256), np.uint8).reshape(256, 256)
    rows, columns = np.flatnonzero((frame.image == same[0, 0]).any(axis=1)), frame.image.shape[1]
    assert any(
        np.array_equal(frame.image[row : row + 256, column : column + 256], same)
        for row in rows[rows <= 224]
        for column in range(columns - 255)
        if frame.image[row, column] == same[0, 0] and np.array_equal(frame.image[row, column : column + 256], same[0])
    )
    for index in range(2, 90):
        kept.push(_frame(index, shape=(480, 640, 3)))
    assert 30 <= len(kept) <= 31
    assert kept.bytes <= 31 * 65536
    kept.push(_frame(89))
    assert len(kept) <= 31, "the same stamp is the same frame"
    kept.push(_frame(3))
    assert len(kept) == 1, "a clock that runs backwards is another session"


def test_the_kept_box_stands_still_under_a_face_that_sways() -> None:
    kept = KeptFrames()
    boxes = set()
    for x in (320.0, 324.0, 316.0, 321.0, 400.0):
        kept.follow(_mesh(0.0, (x, 240.0)).landmarks)
        assert kept._box is not None
        boxes.add(kept._box.center().x())
    assert len(boxes) == 2
    kept.follow(np.full((468, 2), np.nan, np.float32))
    assert kept._box is not None


def test_a_face_at_the_edge_and_a_tiny_picture_are_kept_too() -> None:
    kept = KeptFrames()
    kept.follow(_mesh(0.0, (630.0, 10.0)).landmarks)
    kept.push(_frame(0))
    kept.follow(_mesh(0.0, (2000.0, 2000.0)).landmarks)
    kept.push(_frame(1))
    kept.follow(None)
    kept.push(_frame(2, shape=(48, 64)))
    sizes = [(frame.image.width(), frame.image.height()) for frame in kept.between(0, 200)]
    assert sizes == [(138, 138), (256, 192), (64, 48)]


def test_motion_bars_are_logarithmic_and_say_so(qtbot) -> None:
    panel = MotionPanel(DARK)
    qtbot.addWidget(panel)
    panel.resize(400, 160)
    panel.take(FaceSample(5.0, 0.9, REGIONS, np.array([64.0, np.nan], np.float32)))
    panel.refresh(5.1)
    widths = []
    for multiple in (64.0, 8.0):
        panel.bars.show_motion(("chin",), np.array([multiple], np.float32))
        image = panel.bars.grab().toImage()
        row = [image.pixelColor(x, image.height() // 3).name() for x in range(image.width())]
        widths.append(row.count(tint(multiple).name()))
    assert widths[1] == pytest.approx(0.4 * widths[0], rel=0.1), "8 is two of the five doublings from 2 to 64"
    assert panel.bars.accessibleName()
