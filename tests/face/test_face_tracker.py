"""The tracker on real recordings and on degenerate pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from face_clips import portrait

from realtime.errors import DataError
from realtime.face._cv import cv2
from realtime.face.capture import FileCapture
from realtime.face.tracker import FaceTracker


def _found(path: Path, step: int = 1) -> list[bool]:
    tracker = FaceTracker()
    return [tracker.track(f.image) is not None for f in FileCapture(path) if f.index % step == 0]


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["WolfgangLanger_Pexels.mp4", "single_face.mp4"])
def test_the_face_is_followed(data_dir: Path, name: str):
    found = _found(data_dir / "face" / name)
    assert np.mean(found) >= 0.9


@pytest.mark.real_data
def test_nothing_is_found_where_nobody_is(data_dir: Path):
    assert not any(_found(data_dir / "face" / "no_face.mp4"))


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "first"), [("face_noface.mov", True), ("noface_face.mov", False)])
def test_a_face_that_leaves_or_enters(data_dir: Path, name: str, first: bool):
    found = np.array(_found(data_dir / "face" / name, step=3))
    assert found[0] == first
    assert np.count_nonzero(np.diff(found.astype(int))) <= 2
    assert 0.35 < found.mean() < 0.55


@pytest.mark.real_data
def test_one_of_several_faces_is_taken(data_dir: Path):
    image = cv2.cvtColor(cv2.imread(str(data_dir / "face" / "multi_face.jpg")), cv2.COLOR_BGR2RGB)
    face = FaceTracker().track(image)
    assert face is not None
    assert face.landmarks.min() >= 0
    assert face.score > 0.9


def test_landmarks_follow_a_shift_of_the_picture():
    image, _ = portrait()
    shifted = cv2.warpAffine(image, np.array([[1.0, 0, 30], [0, 1, -20]]), (640, 480), borderMode=cv2.BORDER_REPLICATE)
    here, there = FaceTracker().track(image), FaceTracker().track(shifted)
    assert here is not None
    assert there is not None
    moved = (there.landmarks - here.landmarks).mean(axis=0)
    assert moved == pytest.approx([30, -20], abs=1.0)


def test_grey_and_colour_give_the_same_face():
    image, _ = portrait()
    grey, colour = FaceTracker().track(image), FaceTracker().track(np.dstack([image] * 3))
    assert grey is not None
    assert colour is not None
    assert np.abs(grey.landmarks - colour.landmarks).max() < 1e-3


def test_tracking_detects_once_and_repeats_exactly():
    image, _ = portrait()
    runs = []
    for _ in range(2):
        tracker = FaceTracker()
        runs.append([tracker.track(image) for _ in range(5)])
        assert tracker.detections == 1
    for a, b in zip(*runs, strict=True):
        assert a is not None
        assert b is not None
        assert np.array_equal(a.landmarks, b.landmarks)
    assert not runs[0][0].landmarks.flags.writeable  # type: ignore[union-attr]


def test_reset_searches_again():
    image, _ = portrait()
    tracker = FaceTracker()
    tracker.track(image)
    tracker.reset()
    tracker.track(image)
    assert tracker.detections == 2


@pytest.mark.parametrize("shape", [(480, 640), (1080, 1920), (7, 1000), (1000, 7), (1, 1)])
def test_empty_pictures_hold_no_face(shape: tuple[int, int]):
    assert FaceTracker().track(np.full(shape, 90, np.uint8)) is None


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (np.zeros((4, 4), np.float32), "a frame is float32 of shape"),
        (np.zeros((4, 4, 4), np.uint8), "wanted uint8"),
        (np.zeros((0, 4), np.uint8), "holds no pixels"),
    ],
)
def test_what_is_not_a_picture_is_named(image: np.ndarray, text: str):
    with pytest.raises(DataError, match=text):
        FaceTracker().track(image)
