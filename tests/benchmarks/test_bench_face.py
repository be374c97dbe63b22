"""The face chain's ways with a frame: those that are compared do the work, and frames looked at ahead say the same."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import cv2
import numpy as np

from benchmarks import face
from benchmarks.face_frames import FPS, simulated_frames
from realtime.face.pipeline import FacePipeline
from realtime.face.regions import RegionMap
from realtime.packets import VideoFrame


def test_flow_of_each_region_finds_a_picture_that_was_moved() -> None:
    noise = np.random.default_rng(2).integers(0, 255, (256, 256)).astype(np.float32)
    picture = cv2.GaussianBlur(noise, (0, 0), 3.0)
    picture = (255.0 * (picture - picture.min()) / np.ptp(picture)).astype(np.uint8)
    masks = np.zeros((2, 256, 256), np.bool_)
    masks[0, 60:100, 40:110] = masks[1, 150:190, 100:160] = True
    regions = RegionMap(masks[0], masks, masks[:0], *[np.zeros(0, np.int64)] * 4)
    found = face.per_region(regions)(picture, np.roll(picture, 1, axis=1))
    np.testing.assert_allclose(found, [[1.0, 0.0], [1.0, 0.0]], atol=0.1)


def _values(item: Any) -> dict[str, Any]:
    return {field.name: getattr(item, field.name) for field in fields(item)}


def test_frames_looked_at_ahead_give_what_they_give_one_at_a_time() -> None:
    frames = [VideoFrame(image, i / FPS, i) for i, image in enumerate(simulated_frames())]
    one, ahead = FacePipeline(), FacePipeline()
    wanted = [item for frame in frames for item in one.push(frame)]
    seen = [ahead.look(frame) for frame in frames]
    found = [item for each in seen for item in ahead.judge(each)]
    assert len(wanted) >= len(frames)
    assert [type(item) for item in found] == [type(item) for item in wanted]
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_equal(_values(a), _values(b))
