"""The suite 'flow', and that what is measured is what the network is given and the screen shows."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtGui import QImage

from benchmarks.__main__ import main
from benchmarks.spotting import flow_report
from benchmarks.spotting.flow_quality import (
    HEADS,
    LEFT_IN,
    NOTHING,
    SEEN,
    STILL,
    Pair,
    compare,
    flows,
    pairs,
    recognisable,
    true_motion,
    with_head,
)
from gui.panels.face.movement import MovementPanel, flow_picture
from gui.streams.messages import MovementEvent, MovementPictures
from gui.theme import DARK
from realtime.face.alignment import Alignment
from realtime.face.flow import remove_head_motion
from realtime.face.history import FrameHistory, on_one_canvas
from realtime.face.movement import movement_between
from realtime.face.pipeline import FacePipeline
from realtime.face.tracker import FaceTracker
from realtime.lsl.codecs import decode_movement_images, encode_movement_images
from realtime.packets import FaceObservation, Float32, MicroMovement, UInt8, VideoFrame
from simulators.distractors import NONE, HeadGesture
from simulators.events import FacialEvent
from simulators.face import FaceSimulator
from simulators.testbed import HELD_OUT_SEEDS, Clip, draw_clip
from simulators.warp import sample


@pytest.fixture(scope="module")
def clip() -> Clip:
    """One movement nobody could overlook, on a person who keeps still."""
    drawn = draw_clip("ladder", HELD_OUT_SEEDS[0], 5.0)
    event = FacialEvent(4.02, 4.2, 4.4, "micro", (1, 2), "both", 1.2)
    scenario = replace(drawn.scenario, movements=(event,), blinks=(), gaze_shifts_s=(), sway_px=0.0, light_drift=0.0)
    return replace(drawn, scenario=replace(scenario, distractors=NONE))


@pytest.fixture(scope="module")
def found() -> list[Pair]:
    """Two movements, each with a still head and with one that nods."""
    return list(pairs(HELD_OUT_SEEDS[:1], 12.0, (STILL, "nods")))


def test_each_movement_is_shown_under_every_head_motion(found: list[Pair]) -> None:
    assert [pair.head for pair in found] == [STILL, STILL, "nods", "nods"]
    assert [pair.movement for pair in found[:2]] == [pair.movement for pair in found[2:]]
    assert all(pair.head_px == 0.0 for pair in found[:2])
    assert all(pair.head_px > 0.2 for pair in found[2:])
    for still, nodding in zip(found[:2], found[2:], strict=True):
        assert still.size_px == nodding.size_px
        # 224 px of face are some 180 px of the crop, and a region's px do not all move alike
        peak = float(np.hypot(*still.true[still.moving].T).max())
        assert 0.5 * still.size_px < peak < 2.0 * still.size_px
        moved = [pair.regions.means(pair.true)[:10] for pair in (still, nodding)]
        np.testing.assert_allclose(moved[1], moved[0], atol=0.08 * still.size_px)


@pytest.mark.parametrize("lean_px", [0.0, 12.0])
def test_the_truth_is_what_the_rendered_skin_does(clip: Clip, lean_px: float) -> None:
    # the head stays where it leant while the movement rises: what differs between the frames is the skin alone
    lean = HeadGesture("lean", 2.0, 6.4, lean_px)
    scenario = replace(clip.scenario, distractors=replace(NONE, gestures=(lean,)))
    simulator = replace(clip, scenario=scenario).simulator()
    (event,) = scenario.movements
    times_s = 4.0, event.apex_s
    onset, apex = (simulator.render(t_s, noise=False) for t_s in times_s)
    face = FaceTracker().track(onset)
    assert face is not None
    alignment = Alignment.fit(face.landmarks)
    motion, head = true_motion(simulator, simulator.displacement(event, event.apex_s), alignment, times_s)
    before, after = (alignment.crop(image).astype(np.float32) for image in (onset, apex))
    y, x = np.mgrid[0:256, 0:256].astype(np.float32)
    undone = sample(after, np.stack([x, y], axis=-1) + motion)
    moving = np.hypot(*np.moveaxis(motion, -1, 0)) > 0.3
    assert moving.sum() > 1000
    assert np.abs(undone - before)[moving].mean() < 0.4 * np.abs(after - before)[moving].mean()
    assert head[moving].max() < 0.05


def test_heads_move_as_their_recipes_have_it(clip: Clip) -> None:
    scenarios = {head: with_head(clip, head, np.random.default_rng(1)) for head in HEADS}
    (event,) = clip.scenario.movements
    assert scenarios[STILL].sway_px == 0.0
    assert 0.1 <= scenarios["calm"].sway_px <= 0.3
    assert 1.0 <= scenarios["moderate"].sway_px <= 2.5
    for head, kind in (("nods", "nod"), ("turns", "turn"), ("leans", "lean")):
        (gesture,) = scenarios[head].distractors.gestures
        assert gesture.kind == kind
        assert gesture.start_s < 0.5 * (event.onset_s + event.apex_s) < gesture.end_s
    assert all(each.movements == clip.scenario.movements for each in scenarios.values())


def test_the_flow_that_is_measured_is_the_one_the_network_sees(found: list[Pair]) -> None:
    pair = found[2]
    given = flows(pair)
    np.testing.assert_array_equal(given[SEEN], movement_between(pair.onset, pair.apex, pair.landmarks).flow)
    assert not given[NOTHING].any()
    near = next(pair for pair in found if pair.head == STILL)
    given, oval = flows(near), near.regions.oval
    np.testing.assert_array_equal(given[SEEN][oval], remove_head_motion(given[SEEN + LEFT_IN], near.regions.grid)[oval])


def test_a_head_that_moves_far_is_undone_before_the_flow_is_taken(found: list[Pair]) -> None:
    pair = next(pair for pair in found if pair.head == "nods")
    given = flows(pair)
    removed = remove_head_motion(given[SEEN + LEFT_IN], pair.regions.grid) * pair.regions.oval[..., None]
    assert compare(given[SEEN], pair)["oval_error_px"] < 0.8 * compare(removed, pair)["oval_error_px"]
    assert compare(given[SEEN], pair)["oval_error_px"] < 0.2 * compare(given[SEEN + LEFT_IN], pair)["oval_error_px"]


def test_figures_of_flows_one_knows(found: list[Pair]) -> None:
    pair = max(found[:2], key=lambda each: each.size_px)
    perfect = compare(pair.true, pair)
    assert perfect["regions_error_px"] == perfect["oval_u_px"] == 0.0
    assert perfect["regions_gain"] == pytest.approx(1.0)
    assert perfect["regions_angle_deg"] == pytest.approx(0.0, abs=1e-3)
    assert perfect["recognisable"] == 1.0
    half = compare(np.float32(0.5) * pair.true, pair)
    nothing = compare(np.zeros_like(pair.true), pair)
    assert half["regions_gain"] == pytest.approx(0.5)
    assert half["cosine"] == pytest.approx(1.0)
    assert half["regions_error_px"] == pytest.approx(0.5 * nothing["regions_error_px"])
    assert nothing["regions_gain"] == nothing["recognisable"] == 0.0
    assert np.isnan(nothing["regions_angle_deg"])
    backwards = compare(-pair.true, pair)
    assert backwards["regions_angle_deg"] == pytest.approx(180.0, abs=1e-3)
    assert backwards["recognisable"] == 0.0


def test_a_movement_is_recognised_by_where_it_goes_and_where_it_is_strongest() -> None:
    true = np.zeros((10, 2), np.float32)
    true[0], true[1] = (0.0, -1.0), (0.0, -0.6)
    measured = true.copy()
    measured[1] = (0.0, -1.2)
    assert recognisable(measured, true)
    measured[1], measured[5] = true[1], (0.0, -0.99)
    assert recognisable(np.float32(0.1) * measured, true)
    # as alike as before, but a region that truly rests moves most
    measured[5] = (0.0, -1.01)
    assert not recognisable(measured, true)
    measured[1], measured[5] = (0.0, 0.0), (0.0, -0.99)
    assert not recognisable(measured, true)
    assert not recognisable(np.zeros_like(true), true)


def test_the_suite_writes_its_table_and_what_survives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: list[Pair]
) -> None:
    asked: list[float] = []

    def given(seconds: float) -> list[Pair]:
        asked.append(seconds)
        return found

    monkeypatch.setattr(flow_report, "pairs", given)
    assert main(["flow", "--summary", str(tmp_path / "f.json"), "--seconds", "12"]) == 0
    assert asked == [12.0]
    summary = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert {"name", "ours", "floor", "peers", "ratio", "goal", "met"} <= summary["rows"][0].keys()
    whole = {row["head"]: row for row in summary["rows"] if row["size"] == "all sizes"}
    assert {head: row["movements"] for head, row in whole.items()} == {STILL: 2, "nods": 2, "gestures": 2}
    assert sum(row["movements"] for row in summary["rows"] if row["head"] == STILL) == 4
    still = whole[STILL]
    assert still["ratio"] == pytest.approx(still["ours"] / still["floor"])
    assert set(still["peers"]) == {SEEN + LEFT_IN, "farneback", "farneback" + LEFT_IN}
    assert still["floor"] == pytest.approx(np.mean([compare(0 * p.true, p)["regions_error_px"] for p in found[:2]]))
    about = summary["heads"][STILL]["flows"][SEEN]
    assert about["survive"] in (1.0, None)
    assert about["recognisable"] == still["flows"][SEEN]["recognisable"]
    out = capsys.readouterr().out
    assert "zero field" in out
    assert "still" in out


def test_clips_too_short_for_a_movement_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(flow_report, "pairs", partial(pairs, HELD_OUT_SEEDS[:1], heads=()))
    assert main(["flow", "--seconds", "2"]) == 2
    assert "clips of 2 s hold no movement" in capsys.readouterr().err


# from the camera to the screen


@pytest.fixture(scope="module")
def spotted(clip: Clip) -> tuple[MicroMovement, dict[float, tuple[UInt8, Float32]]]:
    """The clip's movement as the pipeline found it; frames and landmarks by stamp."""
    simulator: FaceSimulator = replace(clip, scenario=replace(clip.scenario, duration_s=5.6, sway_px=0.5)).simulator()
    pipeline = FacePipeline()
    seen: dict[float, tuple[UInt8, Float32]] = {}
    movements: list[MicroMovement] = []
    for index in range(simulator.n_frames):
        frame = VideoFrame(simulator.frame(index), index / simulator.fps, index)
        for result in pipeline.push(frame):
            if isinstance(result, FaceObservation) and result.landmarks is not None:
                seen[result.stamp] = frame.image, result.landmarks
            elif isinstance(result, MicroMovement):
                movements.append(result)
    (movement,) = movements
    return movement, seen


def test_a_movement_carries_what_movement_between_gives_for_its_frames(
    spotted: tuple[MicroMovement, dict[float, tuple[UInt8, Float32]]],
) -> None:
    movement, seen = spotted
    assert abs(movement.apex_s - 4.2) < 0.1
    # the pipeline keeps the face's neighbourhood of each frame
    history = FrameHistory(10.0, 2**26)
    kept = [history.add(*_args(seen, stamp), evaluated=True) for stamp in (movement.onset_s, movement.apex_s)]
    onset, apex = (stored for stored in kept if stored is not None)
    images = movement_between(*on_one_canvas(onset, apex))
    np.testing.assert_array_equal(movement.onset_crop, images.onset_crop)
    np.testing.assert_array_equal(movement.apex_crop, images.apex_crop)
    np.testing.assert_array_equal(movement.flow, images.flow)


def test_the_whole_frames_give_the_same_but_for_rounding(
    spotted: tuple[MicroMovement, dict[float, tuple[UInt8, Float32]]],
) -> None:
    movement, seen = spotted
    onset, landmarks = seen[movement.onset_s]
    images = movement_between(onset, seen[movement.apex_s][0], landmarks)
    assert np.abs(images.onset_crop.astype(int) - movement.onset_crop).max() <= 1
    assert np.abs(images.apex_crop.astype(int) - movement.apex_crop).max() <= 1
    assert np.abs(images.flow - movement.flow).mean() < 0.01


def _args(seen: dict[float, tuple[UInt8, Float32]], stamp: float) -> tuple[UInt8, float, Float32]:
    image, landmarks = seen[stamp]
    return image, stamp, landmarks


def test_the_screen_shows_the_crops_and_the_flow_of_the_network(
    spotted: tuple[MicroMovement, dict[float, tuple[UInt8, Float32]]], qtbot
) -> None:
    movement, _ = spotted
    images = decode_movement_images(encode_movement_images(movement))
    np.testing.assert_array_equal(images.onset_crop, movement.onset_crop)
    np.testing.assert_array_equal(images.apex_crop, movement.apex_crop)
    # a micro-movement's flow is far from the 4 px at which the stream clips; it is rounded to 1/32 px
    assert np.abs(images.flow - movement.flow).max() <= 1 / 64 + 1e-6
    panel = MovementPanel(DARK)
    qtbot.addWidget(panel)
    times = (movement.onset_s, movement.apex_s, movement.offset_s)
    panel.take(MovementEvent(*times, movement.kind, movement.score, movement.regions))
    panel.take_pictures(MovementPictures(movement.decided_s, images.onset_crop, images.apex_crop, images.flow))
    panel.refresh(movement.decided_s)
    shown = [_array(image) for _, image in panel.newest_pictures]
    np.testing.assert_array_equal(shown[0], movement.onset_crop)
    np.testing.assert_array_equal(shown[1], movement.apex_crop)
    np.testing.assert_array_equal(shown[2], flow_picture(images.flow)[0])
    # what rounding does to the colours: nothing where the movement is
    strong = np.hypot(*np.moveaxis(movement.flow, -1, 0)) > 0.5
    own = flow_picture(movement.flow)[0]
    assert strong.sum() > 500
    assert np.abs(shown[2][strong].astype(int) - own[strong]).mean() < 8


def _array(image: QImage) -> UInt8:
    """(256, 256) or (256, 256, 3) uint8 of a QImage."""
    planes = 1 if image.format() == QImage.Format.Format_Grayscale8 else 3
    bits = image.constBits()
    assert bits is not None
    rows = np.frombuffer(bits.asstring(image.sizeInBytes()), np.uint8).reshape(image.height(), image.bytesPerLine())
    pixels = rows[:, : planes * image.width()]
    return pixels if planes == 1 else pixels.reshape(image.height(), image.width(), 3)
