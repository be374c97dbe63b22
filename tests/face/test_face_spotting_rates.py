"""The face chain on simulated clips: the same movements at every frame rate, and in clips that fill the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from realtime.face.alignment import Alignment, masked, oval_mask
from realtime.face.metrics import match_intervals
from realtime.face.pipeline import FacePipeline
from realtime.face.tracker import FaceTracker
from realtime.packets import MicroMovement, UInt8, VideoFrame
from simulators.testbed import Clip, draw_clip

SECONDS = 10.0


def spotted(clip: Clip, pipeline: FacePipeline) -> list[MicroMovement]:
    simulator = clip.simulator()
    frames = (VideoFrame(simulator.frame(i), i / clip.fps, i) for i in range(simulator.n_frames))
    return [found for frame in frames for found in pipeline.push(frame) if isinstance(found, MicroMovement)]


def test_a_clip_at_30_and_at_150_frames_a_second_gives_the_same_decisions():
    slow, fast = (draw_clip("macro", 3, SECONDS, fps=fps) for fps in (30.0, 150.0))
    assert slow.truth() == fast.truth()
    pipeline = FacePipeline()
    one, other = spotted(slow, FacePipeline()), spotted(fast, pipeline)
    assert one
    assert [found.kind for found in one] == [found.kind for found in other]
    assert match_intervals(one, other, iou=0.75) == [(i, i) for i in range(len(one))]
    assert [found.apex_s for found in one] == pytest.approx([found.apex_s for found in other], abs=0.05)
    # every frame of the fast camera was taken in, and at least 50 a second were looked at
    assert pipeline.counters.frames == SECONDS * 150
    assert pipeline.counters.evaluated >= SECONDS * 50


def test_a_face_that_fills_the_picture_is_found_as_clips_cut_for_recognition_show_it():
    picture = draw_clip("calm", 1, 1.0).simulator().frame(0)
    face = FaceTracker().track(picture)
    assert face is not None
    alignment = Alignment.fit(face.landmarks)
    crop, points = alignment.crop(picture), alignment.apply(face.landmarks)
    for zoom in (1.0, 1.3):
        matrix = np.array([[zoom, 0, 128 * (1 - zoom)], [0, zoom, 140 * (1 - zoom)]])
        for cut in (crop, masked(crop, oval_mask(points))):
            close: UInt8 = cv2.warpAffine(cut, matrix, (256, 256)).astype(np.uint8)
            found = FaceTracker().track(close)
            assert found is not None
            wanted = points @ matrix[:, :2].T + matrix[:, 2]
            assert np.abs(found.landmarks - wanted).mean() < 8
