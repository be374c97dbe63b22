"""The spotter on motions that are known exactly: what it finds, what it must not find, and that it is causal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from realtime.config import SpotterConfig
from realtime.face.noise import MotionNoise
from realtime.face.profile import find_hump, integrate
from realtime.face.regions import REGIONS
from realtime.face.spotter import Motion, Spotted, Spotter

LAG_S = 0.2
BROWS = {"brow_left": (0.0, -1.0), "brow_right": (0.0, -0.7)}
MOUTH = {"mouth_left": (0.7, -0.7), "mouth_right": (-0.7, -0.7)}

Course = Callable[[float], float]


def hump(onset: float, apex: float, offset: float, height: float) -> Course:
    """Raised-cosine rise and fall."""

    def course(t: float) -> float:
        if onset < t <= apex:
            return height * (0.5 - 0.5 * np.cos(np.pi * (t - onset) / (apex - onset)))
        return height * (0.5 + 0.5 * np.cos(np.pi * (t - apex) / (offset - apex))) if apex < t < offset else 0.0

    return course


def motions(
    courses: list[tuple[dict[str, tuple[float, float]], Course]],
    *,
    seconds: float = 12.0,
    fps: float = 30.0,
    noise: float = 0.03,
    eyes: Course = lambda _: 0.0,
    head: Course = lambda _: 0.3,
    light: Course = lambda _: 1.0,
    open_: Course = lambda _: 0.3,
) -> list[Motion]:
    """Lag flows of regions that follow `courses`; white measurement noise, px."""
    rng = np.random.default_rng(5)
    stamps = 50.0 + np.arange(round(seconds * fps)) / fps
    positions = np.zeros((len(stamps), len(REGIONS), 2))
    for directions, course in courses:
        size = np.array([course(t - 50.0) for t in stamps])
        for name, direction in directions.items():
            positions[:, REGIONS.index(name)] += size[:, None] * np.array(direction)
    shift = round(LAG_S * fps)
    out = []
    for i in range(shift, len(stamps)):
        now, before = stamps[i] - 50.0, stamps[i - shift] - 50.0
        flow = positions[i] - positions[i - shift] + noise * rng.standard_normal((len(REGIONS), 2))
        eye = np.array([[0.0, eyes(now) - eyes(before)]] * 2) + noise * rng.standard_normal((2, 2))
        out.append(
            Motion(
                stamp=float(stamps[i]),
                before_s=float(stamps[i - shift]),
                regions=flow.astype(np.float32),
                eyes=eye.astype(np.float32),
                head_px=head(now),
                light=light(now) / light(before) - 1.0,
                openness=np.full(2, open_(now), np.float32),
            )
        )
    return out


def spot(found_in: list[Motion], config: SpotterConfig | None = None) -> list[Spotted]:
    spotter = Spotter(config)
    return [spotted for motion in found_in for spotted in spotter.push(motion)]


def test_a_micro_movement_is_found_and_timed():
    (found,) = spot(motions([(BROWS, hump(6.0, 6.2, 6.42, 0.6))]))
    assert found.kind == "micro"
    assert found.regions == ("brow_left", "brow_right")
    assert found.onset_s - 50 == pytest.approx(6.0, abs=0.06)
    assert found.apex_s - 50 == pytest.approx(6.2, abs=0.04)
    assert found.offset_s - 50 == pytest.approx(6.42, abs=0.06)
    assert found.score > SpotterConfig().on_z
    assert found.offset_s < found.decided_s < found.offset_s + 0.6


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 100.0])
def test_times_do_not_depend_on_the_frame_rate(fps: float):
    (found,) = spot(motions([(MOUTH, hump(6.03, 6.21, 6.44, 0.8))], fps=fps))
    assert (found.onset_s, found.apex_s, found.offset_s) == pytest.approx((56.03, 56.21, 56.44), abs=0.045)
    assert found.kind == "micro"


def test_half_a_second_divides_micro_from_macro():
    courses = [(BROWS, hump(5.0, 5.2, 5.4, 0.8)), (MOUTH, hump(8.0, 8.35, 8.75, 0.8))]
    assert [f.kind for f in spot(motions(courses))] == ["micro", "macro"]


def test_a_slow_macro_expression_is_found_when_it_returns():
    (found,) = spot(motions([(MOUTH, hump(5.0, 5.6, 6.8, 4.0))]))
    assert found.kind == "macro"
    assert found.onset_s - 50 == pytest.approx(5.0, abs=0.2)
    assert found.offset_s - 50 == pytest.approx(6.8, abs=0.4)


def test_a_large_movement_is_not_micro_however_short():
    (found,) = spot(motions([(MOUTH, hump(5.0, 5.2, 5.4, 6.0))]))
    assert found.kind == "macro"


def test_what_does_not_return_is_not_a_movement():
    def step(t: float) -> float:
        return 0.8 / (1 + np.exp(-(t - 6.0) / 0.04))

    def drift(t: float) -> float:
        return 0.4 * t

    assert spot(motions([(BROWS, step)])) == []
    assert spot(motions([(MOUTH, drift)])) == []


def test_thresholds_follow_the_person_s_own_noise():
    courses = [(BROWS, hump(6.0, 6.2, 6.4, 0.4))]
    assert len(spot(motions(courses, noise=0.02))) == 1
    assert spot(motions(courses, noise=0.2)) == []


def test_noise_alone_is_silent():
    assert spot(motions([], seconds=60.0, noise=0.05)) == []


def test_nothing_is_decided_before_the_noise_is_known():
    courses = [(BROWS, hump(1.5, 1.7, 1.9, 0.8)), (BROWS, hump(7.0, 7.2, 7.4, 0.8))]
    found = spot(motions(courses), SpotterConfig(min_noise_s=3.0))
    # the first one is decided late, and found
    assert [round(f.apex_s - 50) for f in found] == [2, 7]
    assert found[0].decided_s - 50 > 3.0
    assert spot(motions(courses), SpotterConfig(min_noise_s=30.0)) == []


def test_a_blink_and_what_it_drags_along_is_no_movement():
    blink = hump(6.0, 6.12, 6.3, 6.0)
    lids = {"eye_left": (0.0, 0.15), "eye_right": (0.0, 0.15), "brow_left": (0.0, 0.1), "brow_right": (0.0, 0.1)}
    assert spot(motions([(lids, blink)], eyes=blink)) == []


def test_a_blink_seen_by_the_landmarks_alone_is_no_movement():
    lids = {"eye_left": (0.0, 1.0), "eye_right": (0.0, 1.0)}
    shut = hump(5.95, 6.15, 6.35, 0.25)
    assert spot(motions([(lids, hump(6.0, 6.15, 6.3, 0.8))], open_=lambda t: 0.3 - shut(t))) == []


def test_a_gaze_shift_is_no_movement():
    def gaze(t: float) -> float:
        return 1.5 if 6.0 < t < 6.3 else 0.0

    lids = {"eye_left": (0.0, 0.2), "eye_right": (0.0, 0.2)}
    assert spot(motions([(lids, gaze)], eyes=gaze)) == []


def test_the_mouth_is_still_watched_during_a_blink():
    blink = hump(6.0, 6.12, 6.3, 6.0)
    lids = {"eye_left": (0.0, 0.15), "eye_right": (0.0, 0.15)}
    (found,) = spot(motions([(lids, blink), (MOUTH, hump(6.0, 6.2, 6.4, 0.8))], eyes=blink))
    assert set(found.regions) == {"mouth_left", "mouth_right"}


def test_speech_is_no_movement():
    def talk(t: float) -> float:
        return 1.5 * np.sin(2 * np.pi * 3.7 * t) * np.sin(2 * np.pi * 0.9 * t) if 5 < t < 9 else 0.0

    assert spot(motions([({"mouth": (0.0, 1.0), "chin": (0.0, 1.2)}, talk)])) == []


def test_head_motion_and_light_changes_are_no_movements():
    courses = [(BROWS, hump(6.0, 6.2, 6.4, 0.8))]
    assert spot(motions(courses, head=lambda t: 20.0 if 5.9 < t < 6.5 else 0.3)) == []
    assert spot(motions(courses, light=lambda t: 1.2 if t > 6.1 else 1.0)) == []


def test_it_is_causal_and_deterministic():
    courses = [(BROWS, hump(5.0, 5.2, 5.4, 0.8)), (MOUTH, hump(7.5, 7.7, 7.9, 0.8))]
    every = motions(courses)
    whole = spot(every)
    assert whole == spot(every)
    for cut in range(0, len(every), 7):
        assert spot(every[:cut]) == [f for f in whole if cut and f.decided_s <= every[cut - 1].stamp]


def test_a_restart_forgets_the_motion_but_not_the_person():
    every = motions([(BROWS, hump(6.0, 6.2, 6.4, 0.8)), (BROWS, hump(8.5, 8.7, 8.9, 0.8))])
    spotter, found = Spotter(), []
    for motion in every:
        if motion.stamp == pytest.approx(56.3, abs=1e-6):
            spotter.restart()
        found += spotter.push(motion)
    assert [round(f.apex_s - 50, 1) for f in found] == [8.7]


def test_position_is_recovered_from_lag_flows():
    stamps = np.arange(60) / 30
    truth = np.array([hump(0.8, 1.0, 1.25, 1.0)(t) for t in stamps])
    before = np.arange(60) - 6
    steps = truth - np.where(before >= 0, truth[before], 0.0)
    position = integrate(stamps, np.maximum(before, -1), steps)
    assert np.abs(position - truth).max() < 0.06
    found = find_hump(stamps, position, 0.7, 1.3)
    assert found is not None
    assert (found.onset_s, found.apex_s, found.offset_s) == pytest.approx((0.8, 1.0, 1.25), abs=0.03)
    assert found.height_px == pytest.approx(1.0, abs=0.06)
    assert found.fit > 0.99


def test_noise_is_learned_robustly_and_forgotten():
    noise, rng = MotionNoise(2), np.random.default_rng(1)
    for i in range(900):
        # every twentieth sample is a movement: it must not count as noise
        noise.add(i / 30, (np.abs(rng.normal(0, 0.05, 2)) + 3.0 * (i % 20 == 0)).astype(np.float32))
    before = noise.z(np.full(2, 0.5, np.float32))
    assert noise.learned_s == pytest.approx(899 / 30, rel=0.05)
    assert (before > 8).all()
    for i in range(900, 1900):
        noise.add(i / 30, np.abs(rng.normal(0, 0.5, 2)).astype(np.float32))
    assert (noise.z(np.full(2, 0.5, np.float32)) < 1).all()
