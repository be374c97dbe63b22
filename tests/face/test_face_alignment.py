"""The crop: where the face lands in it, what is black, where regions lie."""

from __future__ import annotations

import os

import numpy as np
import pytest
from face_clips import portrait

import realtime.face._cv as cv
from realtime.errors import DataError
from realtime.face._cv import cv2
from realtime.face.alignment import CROP_PX, EYE_SPAN_PX, Alignment, masked, oval_mask
from realtime.face.regions import REGIONS, region_map


@pytest.fixture(scope="module")
def face():
    image, landmarks = portrait()
    return image, landmarks.astype(np.float32)


def test_the_eyes_are_level_and_a_fixed_distance_apart(face):
    _, landmarks = face
    points = Alignment.fit(landmarks).apply(landmarks)
    right, left = points[33], points[263]
    assert left[0] - right[0] == pytest.approx(EYE_SPAN_PX, rel=0.05)
    assert abs(left[1] - right[1]) < 5
    assert points.min() > 0
    assert points.max() < CROP_PX


def test_the_crop_does_not_depend_on_the_head_s_place_size_and_tilt(face):
    image, landmarks = face
    turn = cv2.getRotationMatrix2D((300, 220), 12.0, 0.8)
    turned = cv2.warpAffine(image, turn, (640, 480), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    moved = (landmarks @ turn[:, :2].T + turn[:, 2]).astype(np.float32)
    here, there = Alignment.fit(landmarks), Alignment.fit(moved)
    assert there.apply(moved) == pytest.approx(here.apply(landmarks), abs=1e-2)
    mask = oval_mask(here.apply(landmarks))
    difference = np.abs(here.crop(image).astype(int) - there.crop(turned).astype(int))[mask]
    assert difference.mean() < 3


def test_outside_the_oval_is_black(face):
    image, landmarks = face
    alignment = Alignment.fit(landmarks)
    mask = oval_mask(alignment.apply(landmarks))
    crop = masked(alignment.crop(image), mask)
    assert crop.shape == (256, 256)
    assert crop.dtype == np.uint8
    assert not crop[~mask].any()
    assert np.median(crop[mask]) > 60
    assert not mask[[0, 0, -1, -1], [0, -1, 0, -1]].any()
    assert 0.3 < mask.mean() < 0.75


def test_a_patch_gives_the_same_crop_as_the_frame(face):
    image, landmarks = face
    alignment = Alignment.fit(landmarks)
    left, top, right, bottom = alignment.bounds(0.3, image.shape)
    patch = alignment.moved(left, top).crop(image[top:bottom, left:right])
    assert np.abs(patch.astype(int) - alignment.crop(image)).max() <= 1


def test_a_large_face_is_averaged_not_aliased(face):
    image, landmarks = face
    large = cv2.resize(image, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(0).normal(0, 40, large.shape)
    noisy = np.clip(large + grain, 0, 255).astype(np.uint8)
    alignment = Alignment.fit((landmarks + 0.5) * 6 - 0.5)
    inside = oval_mask(alignment.apply((landmarks + 0.5) * 6 - 0.5))
    # three px a side averaged: a third of the grain at most
    error = (alignment.crop(noisy).astype(float) - alignment.crop(large))[inside]
    assert error.std() < 40 / 1.5


def test_a_face_without_extent_is_refused():
    with pytest.raises(DataError, match="landmarks coincide or are not finite"):
        Alignment.fit(np.zeros((468, 2), np.float32))
    with pytest.raises(DataError, match="landmarks coincide or are not finite"):
        Alignment.fit(np.full((468, 2), np.nan, np.float32))


def test_regions_lie_in_the_face_and_on_their_sides(face):
    _, landmarks = face
    regions = region_map(Alignment.fit(landmarks).apply(landmarks))
    assert regions.masks.shape == (len(REGIONS), 256, 256)
    centre = {name: np.argwhere(mask).mean(axis=0)[::-1] for name, mask in zip(REGIONS, regions.masks, strict=True)}
    for name, mask in zip(REGIONS, regions.masks, strict=True):
        assert mask.sum() > 300, name
        assert not (mask & ~regions.oval).any(), name
        assert not (mask & regions.apertures.any(axis=0)).any(), name
    for part in ("brow", "eye", "nose", "mouth"):
        # the person's own left is on the right of the picture
        assert centre[f"{part}_left"][0] > 128 > centre[f"{part}_right"][0]
    height = [centre[name][1] for name in ("brow_left", "eye_left", "nose_left", "mouth_left", "chin")]
    assert height == sorted(height)
    assert 60 <= len(regions.grid) <= 140


def test_region_means_are_plain_means(face):
    _, landmarks = face
    regions = region_map(Alignment.fit(landmarks).apply(landmarks))
    field = np.random.default_rng(2).normal(size=(256, 256, 2)).astype(np.float32)
    wanted = [field[mask].mean(axis=0) for mask in (*regions.masks, *regions.apertures)]
    assert regions.means(field) == pytest.approx(np.array(wanted), abs=1e-5)


def test_qt_paths_of_opencv_are_dropped_and_others_kept(monkeypatch: pytest.MonkeyPatch):
    inside = str(os.path.dirname(cv2.__file__))  # noqa: PTH120
    monkeypatch.setenv("QT_QPA_PLATFORM_PLUGIN_PATH", f"{inside}/qt/plugins")
    monkeypatch.setenv("QT_QPA_FONTDIR", "/usr/share/fonts")
    cv.drop_qt_paths()
    assert "QT_QPA_PLATFORM_PLUGIN_PATH" not in os.environ
    assert os.environ["QT_QPA_FONTDIR"] == "/usr/share/fonts"
    assert cv2.getNumThreads() == 1
