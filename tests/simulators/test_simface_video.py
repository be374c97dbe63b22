"""Rendered frames against the truth: what was asked for is in the pixels, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.errors import ConfigurationError, DataError
from realtime.face.tracker import FaceTracker
from simulators import portrait
from simulators.action_units import UNITS
from simulators.clips import truth_json, truth_path, write_clip
from simulators.face import FaceSimulator
from simulators.portrait import SUPERSAMPLE, load_portrait
from simulators.scenario import FacialEvent, Interval, Scenario, Side, make_person, make_scenario
from simulators.warp import region_masks


def scenario(**changes: object) -> Scenario:
    calm = Scenario(6.0, (), (), (), (), (), (), (), sway_px=0.0, light_drift=0.0, seed=1)
    return replace(calm, **changes)


def event(*units: int, amplitude: float, side: Side = "both") -> FacialEvent:
    return FacialEvent(1.0, 2.0, 3.0, "macro", units, side, amplitude)


@pytest.fixture(scope="module")
def rest() -> FaceSimulator:
    return FaceSimulator(make_person(4), scenario())


def masks(simulator: FaceSimulator) -> dict[str, np.ndarray]:
    width, height = simulator.size
    x, y = np.arange(width, dtype=np.float32)[None], np.arange(height, dtype=np.float32)[:, None]
    return region_masks(simulator.look.points, simulator.look.px_per_crop_px, x, y)


def rendered_share(simulator: FaceSimulator, movement: FacialEvent) -> float:
    """Least-squares factor of the true field in the change of noise-free px (brightness constancy)."""
    a = simulator.render(0.0, noise=False).astype(float)
    b = simulator.render(movement.apex_s, noise=False).astype(float)
    true = simulator.displacement(movement, movement.apex_s)
    dy, dx = (0.5 * (ga + gb) for ga, gb in zip(np.gradient(a), np.gradient(b), strict=True))
    expected = dx * true[..., 0] + dy * true[..., 1]
    where = np.any([masks(simulator)[name] for name in simulator.truth_regions(movement)], axis=0)
    return float(np.sum((expected * (a - b))[where]) / np.sum((expected**2)[where]))


def test_frames_are_the_same_whatever_was_rendered_before() -> None:
    person = make_person(3)
    session = make_scenario(person, 12.0, 5)
    one, two = FaceSimulator(person, session), FaceSimulator(person, session)
    frames = [one.frame(i) for i in (0, 70, 200)]
    again = [two.frame(i) for i in (200, 70, 0)][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(frames, again, strict=True))
    assert frames[0].shape == (480, 640)
    assert frames[0].dtype == np.uint8
    assert np.array_equal(one.frame(70), one.render(70 / 30.0))
    assert one.n_frames == 360
    assert "NASA" in one.portrait_credit


def test_noise_is_new_in_each_frame_and_of_the_persons_size(rest: FaceSimulator) -> None:
    first, second = rest.frame(10).astype(float), rest.frame(11).astype(float)
    grey = (first > 20) & (first < 230)
    assert np.std((first - second)[grey]) == pytest.approx(np.sqrt(2) * rest.person.face.noise_sd, rel=0.06)
    clean = rest.render(0.0, noise=False)
    assert np.array_equal(clean, rest.render(5.0, noise=False))
    a, b = (first - clean)[grey], (second - clean)[grey]
    # both share the rounding of `clean`, a variance of 1/12
    assert np.corrcoef(a, b)[0, 1] == pytest.approx(1 / 12 / np.std(a) ** 2, abs=0.01)


def test_people_differ() -> None:
    looks = [FaceSimulator(make_person(seed), scenario()) for seed in range(4)]
    frames = [look.render(0.0, noise=False).astype(float) for look in looks]
    for i in range(4):
        assert 190.0 <= looks[i].look.width_px <= 260.0
        for j in range(i):
            assert np.abs(frames[i] - frames[j]).mean() > 5.0


@pytest.mark.parametrize("units", [(12,), (4,), (1, 2), (9, 10), (17,), (6, 12), (15,), (20,)])
@pytest.mark.parametrize("amplitude", [0.1, 0.3])
def test_tenths_of_a_pixel_are_rendered(units: tuple[int, ...], amplitude: float) -> None:
    movement = event(*units, amplitude=amplitude)
    simulator = FaceSimulator(make_person(4), scenario(movements=(movement,)))
    # central differences of an image underestimate its gradient by some 5 %
    assert rendered_share(simulator, movement) == pytest.approx(1.05, abs=0.15)


@pytest.mark.parametrize("units", [(12,), (1, 2), (17,), (9, 10)])
@pytest.mark.parametrize("amplitude", [0.3, 1.0, 3.0])
def test_dense_flow_measures_the_true_motion(units: tuple[int, ...], amplitude: float) -> None:
    movement = event(*units, amplitude=amplitude)
    simulator = FaceSimulator(make_person(4), scenario(movements=(movement,)))
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(
        simulator.render(0.0, noise=False), simulator.render(2.0, noise=False), np.empty(0, np.float32)
    )
    where = masks(simulator)[simulator.truth_regions(movement)[0]]
    true = simulator.displacement(movement, 2.0)[where].mean(axis=0)
    assert np.hypot(*(flow[where].mean(axis=0) - true)) < 0.2 * np.hypot(*true)


@pytest.mark.parametrize("number", UNITS)
def test_each_unit_moves_its_regions_by_its_amplitude(rest: FaceSimulator, number: int) -> None:
    movement = event(number, amplitude=0.8)
    moved = rest.region_motion(movement)
    strongest = max(moved, key=lambda name: moved[name])
    assert strongest in rest.truth_regions(movement)
    assert 0.55 <= moved[strongest] <= 0.85  # half the peak counts where a unit fills little of its region
    true = rest.displacement(movement, movement.apex_s) / rest.look.px_per_crop_px
    assert np.hypot(true[..., 0], true[..., 1]).max() <= 1.65
    assert all(moved[name] > 0.3 * moved[strongest] for name in rest.truth_regions(movement))
    assert np.all(rest.displacement(movement, 0.5) == 0.0)


def test_one_side_moves_alone(rest: FaceSimulator) -> None:
    for side, other in (("left", "right"), ("right", "left")):
        moved = rest.region_motion(event(12, amplitude=1.0, side=side))
        assert moved[f"mouth_{side}"] == pytest.approx(1.0, abs=0.05)
        assert moved[f"mouth_{other}"] < 0.1


def test_left_is_the_persons_own_left() -> None:
    for mirrored in (False, True):
        person = make_person(4)
        person = replace(person, face=replace(person.face, mirrored=mirrored))
        points = FaceSimulator(person, scenario()).look.points
        assert points["mouth_corner_left"][0] > points["mouth_corner_right"][0]
        assert points["iris_left"][0] > points["iris_right"][0]


# parting lips tear by design
@pytest.mark.parametrize("number", [number for number, unit in UNITS.items() if not unit.opening])
def test_large_movements_do_not_fold_the_skin(rest: FaceSimulator, number: int) -> None:
    true = rest.displacement(event(number, amplitude=8.0), 2.0)
    du_dy, du_dx = np.gradient(true[..., 0])
    dv_dy, dv_dx = np.gradient(true[..., 1])
    assert np.min((1.0 + du_dx) * (1.0 + dv_dy) - du_dy * dv_dx) > 0.05


def test_sway_moves_the_head_and_not_the_picture() -> None:
    simulator = FaceSimulator(make_person(4), scenario(sway_px=3.0))
    points, k = simulator.look.points, simulator.look.px_per_crop_px
    before, after = (simulator.render(t, noise=False).astype(np.float32) for t in (0.0, 3.0))
    assert np.array_equal(before[:, :40], after[:, :40])
    x, y = (int(v) for v in np.mean([points["nose_root_left"], points["nose_root_right"]], axis=0))
    part = slice(y - 60, y + 40), slice(x - 90, x + 90)
    window = np.outer(np.hanning(100), np.hanning(180)).astype(np.float32)
    (dx, dy), _ = cv2.phaseCorrelate(before[part], after[part], window)
    poses = [simulator._sway.pose(t) for t in (0.0, 3.0)]
    change = np.subtract(poses[1], poses[0])
    # about the neck a turn moves the eyes sideways; yaw and pitch carry the nose's root along by about half
    arm = 1.0 * (simulator._box.pivot[1] - y) / k
    expected = k * np.array(
        [change[0] + arm * change[2] + 0.5 * change[4], change[1] - arm * change[3] + 0.5 * change[5]]
    )
    assert np.hypot(*(np.array([dx, dy]) - expected)) < 0.35 * np.hypot(*expected) + 0.2


def test_blink_hides_the_iris_and_nothing_else() -> None:
    simulator = FaceSimulator(make_person(4), scenario(blinks=(Interval(1.0, 1.2),)))
    open_, shut = simulator.render(0.5, noise=False), simulator.render(1.09, noise=False)
    changed = cv2.absdiff(open_, shut) > 3
    for side in ("left", "right"):
        x, y = (round(v) for v in simulator.look.points[f"iris_{side}"])
        eye = slice(y - 3, y + 4), slice(x - 4, x + 5)
        assert shut[eye].mean() > open_[eye].mean() + 30  # skin where the dark iris was
        changed[y - 30 : y + 30, x - 40 : x + 40] = False
    assert not changed.any()
    assert np.array_equal(open_, simulator.render(1.21, noise=False))


def test_gaze_shift_moves_the_iris_only() -> None:
    simulator = FaceSimulator(make_person(4), scenario(gaze_shifts_s=(1.0,)))
    before, after = simulator.render(0.5, noise=False), simulator.render(2.0, noise=False)
    changed = cv2.absdiff(before, after) > 2
    for eye in simulator.look.eyes:
        rows = slice(int(eye.upper.min()) - 3, int(eye.lower.max()) + 4)
        columns = slice(int(eye.x[0]) - 2, int(eye.x[-1]) + 3)
        assert changed[rows, columns].any()
        changed[rows, columns] = False
    assert not changed.any()


def test_speech_shows_teeth_and_leaves_the_brows_alone() -> None:
    simulator = FaceSimulator(make_person(4), scenario(speech=(Interval(1.0, 4.0),)))
    shut = simulator.render(0.5, noise=False).astype(float)
    spoken = [simulator.render(t, noise=False).astype(float) for t in np.arange(1.3, 2.3, 1 / 30)]
    where = masks(simulator)
    changes = [np.abs(frame - shut)[where["mouth"]].mean() for frame in spoken]
    assert max(changes) > 8.0
    assert min(changes) < 1.5
    assert max(np.abs(frame - shut)[where["brow_left"]].max() for frame in spoken) == 0.0


def test_light_drift_changes_the_whole_picture() -> None:
    simulator = FaceSimulator(make_person(4), scenario(light_drift=0.08))
    first, later = simulator.render(0.0, noise=False).astype(float), simulator.render(5.0, noise=False).astype(float)
    bright = (first > 60) & (first < 220)
    ratio = later[bright] / first[bright]
    assert 0.001 < abs(np.median(ratio) - 1.0) < 0.17
    assert np.std(ratio) < 0.03


def test_rest_is_sampled_from_the_canvas_within_rounding(rest: FaceSimulator) -> None:
    canvas = rest.look.canvas.astype(np.float32) / 256.0
    assert canvas.shape == (480 * SUPERSAMPLE, 640 * SUPERSAMPLE)
    plain = cv2.resize(canvas, rest.size, interpolation=cv2.INTER_AREA)
    assert np.abs(rest.render(0.0, noise=False) - plain).max() < 1.6


@pytest.mark.parametrize(("fps", "size"), [(0.0, (640, 480)), (30.0, (100, 480))])
def test_impossible_video_is_refused(fps: float, size: tuple[int, int]) -> None:
    with pytest.raises(ConfigurationError, match="wanted at least 160x120 and a positive rate"):
        FaceSimulator(make_person(1), scenario(), fps=fps, size=size)


def test_unknown_unit_is_refused_before_the_first_frame() -> None:
    with pytest.raises(ConfigurationError, match=r"action units \[99\]"):
        FaceSimulator(make_person(1), scenario(movements=(event(99, amplitude=1.0),)))


def test_other_sizes_keep_the_face_in_proportion() -> None:
    small = FaceSimulator(make_person(4), scenario(), size=(320, 240))
    large = FaceSimulator(make_person(4), scenario())
    assert small.frame(0).shape == (240, 320)
    assert small.look.width_px == pytest.approx(large.look.width_px / 2)


def test_another_picture_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    load_portrait.cache_clear()
    monkeypatch.setattr(portrait, "_SHA256", "0" * 64)
    with pytest.raises(DataError, match="not the one the simulator was measured on"):
        load_portrait()
    monkeypatch.undo()
    assert load_portrait().shape == (512, 512)


def test_clip_holds_the_frames_and_its_truth(tmp_path: Path) -> None:
    person = make_person(3)
    session = scenario(duration_s=0.4, movements=(FacialEvent(0.1, 0.2, 0.35, "micro", (6, 12), "left", 0.6),))
    truth = write_clip(tmp_path / "clip.avi", person, session)
    assert truth == truth_path(tmp_path / "clip.avi") == tmp_path / "clip.truth.json"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.avi", "clip.truth.json"]
    assert json.loads(truth.read_text()) == truth_json(session)
    assert truth_json(session) == [
        {
            "onset_s": 0.1,
            "apex_s": 0.2,
            "offset_s": 0.35,
            "kind": "micro",
            "regions": ["eye_left", "mouth_left"],
            "displacement_px": 0.6,
            "action_units": [6, 12],
            "side": "left",
        }
    ]
    capture = cv2.VideoCapture(str(tmp_path / "clip.avi"))
    simulator = FaceSimulator(person, session)
    for index in range(simulator.n_frames):
        ok, image = capture.read()
        assert ok
        assert np.array_equal(image[..., 0], simulator.frame(index))
    assert not capture.read()[0]
    assert capture.get(cv2.CAP_PROP_FPS) == 30.0
    capture.release()


def test_clip_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    session = scenario(duration_s=0.1)
    with pytest.raises(DataError, match="no such folder"):
        write_clip(tmp_path / "none" / "clip.avi", make_person(3), session)
    with pytest.raises(DataError, match=r"ends in \.avi"):
        write_clip(tmp_path / "clip.mp4", make_person(3), session)
    assert list(tmp_path.iterdir()) == []


def test_the_tracker_follows_a_simulated_face() -> None:
    person = make_person(6)
    session = replace(make_scenario(person, 12.0, 5), blinks=(Interval(3.0, 3.25),), speech=(Interval(6.0, 8.0),))
    simulator, tracker = FaceSimulator(person, session), FaceTracker()
    tracked = [tracker.track(simulator.frame(index)) for index in range(0, simulator.n_frames, 4)]
    assert all(face is not None for face in tracked)
    first = tracked[0]
    assert first is not None
    # mesh points 61 and 291 are the person's right and left mouth corner
    for landmark, name in ((61, "mouth_corner_right"), (291, "mouth_corner_left")):
        assert np.hypot(*(first.landmarks[landmark] - simulator.look.points[name])) < 0.06 * simulator.look.width_px
