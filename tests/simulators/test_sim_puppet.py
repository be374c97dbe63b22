"""Stills that move: the truth is in the pixels, and nothing depends on what was rendered before."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.errors import ConfigurationError, DataError
from realtime.face.capture import FileCapture
from realtime.face.flow import dense_flow
from realtime.face.tracker import FaceTracker
from simulators.distractors import Distractors, HeadGesture
from simulators.events import FacialEvent, Interval
from simulators.mesh import anchors
from simulators.movements import draw_scenario
from simulators.portrait import load_portrait
from simulators.puppet import Puppet, find_face, read_still, write_puppet_clip
from simulators.scenario import Scenario

STILL = load_portrait()[0:300, 80:380].astype(np.uint8)
CALM = Scenario(4.0, (), (), (), (), (), (), (), 0.0, 0.0, 1)
SMILE = FacialEvent(1.0, 1.2, 1.4, "micro", (12,), "both", 1.0)


@pytest.fixture(scope="module")
def landmarks() -> np.ndarray:
    return find_face(STILL)


def puppet(landmarks: np.ndarray, **options: object) -> Puppet:
    known = {name: options.pop(name) for name in ("fps", "size", "filling", "noise_sd") if name in options}
    return Puppet(STILL, replace(CALM, **options), landmarks=landmarks, **known)


def patch(picture: np.ndarray, at: tuple[float, float], half: int) -> np.ndarray:
    x, y = np.round(at).astype(int)
    return picture[y - half : y + half, x - half : x + half]


def test_frames_do_not_depend_on_those_before(landmarks: np.ndarray) -> None:
    scenario = draw_scenario(12.0, 5)
    one, two = (Puppet(STILL, scenario, landmarks=landmarks) for _ in range(2))
    frames = [one.frame(i) for i in (0, 70, 200)]
    again = [two.frame(i) for i in (200, 70, 0)][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))
    assert frames[0].shape == (480, 640)
    assert one.n_frames == 360
    assert not np.array_equal(one.frame(1), one.frame(2))


def test_face_is_upright_and_as_wide_as_asked_for(landmarks: np.ndarray) -> None:
    face = FaceTracker().track(puppet(landmarks).render(0.0, noise=False))
    assert face is not None
    width = np.hypot(*(face.landmarks[454] - face.landmarks[234]))
    assert width == pytest.approx(224.0, rel=0.06)
    assert abs(np.subtract(*face.landmarks[[33, 263], 1])) < 5.0


@pytest.mark.parametrize(("unit", "anchor", "sign"), [(12, "mouth_corner", (1, -1)), (4, "brow_inner", (0, 1))])
def test_measured_flow_is_the_truth(landmarks: np.ndarray, unit: int, anchor: str, sign: tuple[int, int]) -> None:
    event = replace(SMILE, action_units=(unit,), side="left", amplitude_px=1.2)
    moving = puppet(landmarks, movements=(event,))
    flow = dense_flow(moving.render(0.0, noise=False), moving.render(event.apex_s, noise=False))
    true = moving.displacement(event.apex_s)
    points = anchors(moving.landmarks)
    there, elsewhere = (patch(flow, points[f"{anchor}_{side}"], 8).mean((0, 1)) for side in ("left", "right"))
    wanted = patch(true, points[f"{anchor}_left"], 8).mean((0, 1))
    assert np.all(np.sign(np.round(wanted, 1))[np.array(sign) != 0] == np.array(sign)[np.array(sign) != 0])
    np.testing.assert_allclose(there, wanted, atol=0.25 * np.hypot(*wanted))
    assert np.hypot(*elsewhere) < 0.25 * np.hypot(*wanted)
    assert np.all(moving.displacement(0.5) == 0.0)


def test_blink_covers_the_eye_and_gaze_moves_the_iris(landmarks: np.ndarray) -> None:
    still = puppet(landmarks)
    iris = anchors(still.landmarks)["iris_left"]
    blinking = puppet(landmarks, blinks=(Interval(1.0, 1.2),))
    change = np.abs(blinking.render(1.08, noise=False).astype(float) - still.render(1.08, noise=False))
    assert patch(change, iris, 6).mean() > 20.0
    assert patch(change, anchors(still.landmarks)["cheek_left"], 10).max() == 0.0
    looking = patch(puppet(landmarks, gaze_shifts_s=(0.5,)).render(1.1, noise=False), iris, 12)
    assert np.abs(looking.astype(float) - patch(open_frame := still.render(1.1, noise=False), iris, 12)).max() > 20.0
    assert np.array_equal(still.render(1.1, noise=False), open_frame)  # what was rendered left no trace


def test_speech_parts_the_lips_and_leaves_the_brows(landmarks: np.ndarray) -> None:
    speaking = puppet(landmarks, speech=(Interval(0.5, 3.0),))
    a, b = speaking.render(0.2, noise=False).astype(float), speaking.render(1.37, noise=False).astype(float)
    points = anchors(speaking.landmarks)
    assert np.abs(patch(a - b, points["lower_lip_left"], 12)).max() > 20.0
    assert np.abs(patch(a - b, points["brow_mid_left"], 12)).max() <= 1.0


def test_nod_moves_the_face_and_not_the_room(landmarks: np.ndarray) -> None:
    gesture = HeadGesture("nod", 1.0, 2.0, 6.0)
    nodding = puppet(landmarks, distractors=Distractors(gestures=(gesture,)))
    frames = [nodding.render(t, noise=False) for t in (0.5, 1.3, 2.5)]
    assert np.array_equal(frames[0], frames[2])
    assert np.array_equal(frames[0][:, :4], frames[1][:, :4])
    flow = dense_flow(frames[0], frames[1])
    nose = patch(flow, tuple(nodding.landmarks[168]), 20).mean((0, 1))
    assert abs(nose[1]) > 2.0 > abs(nose[0])


def test_noise_grows_with_the_light(landmarks: np.ndarray) -> None:
    noisy = puppet(landmarks, noise_sd=3.0)
    clean = noisy.render(1.0, noise=False).astype(float)
    noise = noisy.render(1.0) - clean
    bright, dark = (clean > 170) & (clean < 235), (clean > 25) & (clean < 50)
    assert noise[bright].std() == pytest.approx(3.0 * np.sqrt(clean[bright].mean() / 128.0), rel=0.1)
    assert noise[dark].std() < 0.6 * noise[bright].std()


def test_filling_face_is_black_outside(landmarks: np.ndarray) -> None:
    filling = puppet(landmarks, size=(256, 256), filling=True, sway_px=1.0)
    frame = filling.frame(20)
    assert frame.shape == (256, 256)
    assert all(np.all(corner == 0) for corner in (frame[:10, :10], frame[-10:, :10], frame[:10, -10:]))
    assert np.mean(frame > 0) > 0.55
    assert FaceTracker().track(frame) is not None


def test_colour_stays_colour(landmarks: np.ndarray) -> None:
    red = np.stack([STILL, STILL // 2, STILL // 2], -1)
    scenario = replace(CALM, speech=(Interval(0.5, 3.0),))
    frame = Puppet(red, scenario, landmarks=landmarks, size=(256, 256), face_px=120.0, filling=True).render(1.37)
    assert frame.shape == (256, 256, 3)
    assert frame[..., 0].mean() > 1.5 * frame[..., 1].mean()


@pytest.mark.parametrize(("codec", "suffix"), [("FFV1", ".avi"), ("mp4v", ".mp4")])
def test_clip_and_truth(tmp_path: Path, landmarks: np.ndarray, codec: str, suffix: str) -> None:
    scenario = replace(CALM, duration_s=1.5, movements=(SMILE,), sway_px=0.5)
    small = Puppet(STILL, scenario, landmarks=landmarks, fps=20.0, size=(160, 128), face_px=80.0)
    path = tmp_path / f"clip{suffix}"
    truth = json.loads(write_puppet_clip(path, small, codec=codec).read_text(encoding="utf-8"))
    assert [(each["onset_s"], each["apex_s"], each["kind"]) for each in truth] == [(1.0, 1.2, "micro")]
    assert truth[0]["regions"] == ["mouth_left", "mouth_right"]
    frames = [frame.image for frame in FileCapture(path)]
    assert len(frames) == small.n_frames == 30
    # a film written in grey comes back in grey, where its codec has it
    shown = frames[7] if frames[7].ndim == 2 else cv2.cvtColor(frames[7], cv2.COLOR_RGB2GRAY)
    difference = np.abs(shown.astype(float) - small.frame(7))
    assert difference.max() == 0.0 if codec == "FFV1" else difference.mean() < 4.0
    assert (
        sorted(each.name for each in tmp_path.iterdir())
        == [f"clip{suffix}", "clip.truth.json"][:: 1 if suffix < ".t" else -1]
    )


def test_drawn_scenarios_are_repeatable_and_keep_their_distance() -> None:
    scenario = draw_scenario(40.0, 3, micros=6, macros=2)
    assert scenario == draw_scenario(40.0, 3, micros=6, macros=2)
    assert scenario != draw_scenario(40.0, 4, micros=6, macros=2)
    events = scenario.movements
    assert sum(each.kind == "macro" for each in events) == 2
    assert events[0].onset_s >= 3.5
    assert all(b.onset_s - a.offset_s >= 1.5 for a, b in pairwise(events))
    assert not any(e.onset_s < s.end_s and s.start_s < e.offset_s for e in events for s in scenario.speech)
    assert draw_scenario(40.0, 3, micros=0, macros=0).movements == ()


def test_stills_come_from_files(tmp_path: Path) -> None:
    colour = np.zeros((8, 12, 3), np.uint8)
    colour[..., 0] = 200
    cv2.imwrite(str(tmp_path / "still.png"), cv2.cvtColor(colour, cv2.COLOR_RGB2BGR))
    assert np.array_equal(read_still(tmp_path / "still.png"), colour)
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").touch()
    for name in ("text.png", "empty.png"):
        with pytest.raises(DataError, match="not a picture"):
            read_still(tmp_path / name)
    with pytest.raises(DataError, match="cannot read"):
        read_still(tmp_path / "missing.png")


def test_what_cannot_be_animated_is_refused(landmarks: np.ndarray) -> None:
    with pytest.raises(DataError, match="no face"):
        find_face(np.full((200, 300), 90, np.uint8))
    with pytest.raises(ConfigurationError, match="at least 128x128"):
        puppet(landmarks, size=(100, 100))
    with pytest.raises(ConfigurationError, match="wanted one or more of"):
        puppet(landmarks, movements=(replace(SMILE, action_units=(99,)),))
    with pytest.raises(ConfigurationError, match="positive duration"):
        draw_scenario(0.0, 1)
