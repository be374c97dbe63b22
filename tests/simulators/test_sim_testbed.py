"""The test bed keeps its rules for every recipe and seed, and files and streams hold what the truth says."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime.errors import ConfigurationError, DataError
from realtime.packets import VideoFrame
from simulators.action_units import UNITS
from simulators.distractors import NONE, Distractors
from simulators.events import SHAPES, Interval
from simulators.face import FaceSimulator
from simulators.face_streams import FacePusher
from simulators.recipes import MACRO_S, RECIPES
from simulators.scenario import make_person
from simulators.testbed import (
    AMPLITUDES_PX,
    DEVELOPMENT_SEEDS,
    DEVELOPMENT_UNITS,
    HELD_OUT_SEEDS,
    HELD_OUT_UNITS,
    draw_clip,
    recipe_names,
    write_testbed,
)

SMALL = (160, 120)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_keeps_the_rules(name: str) -> None:
    found = 0
    for seed in (0, 1, 2, 3, 10_000):
        clip = draw_clip(name, seed, 20.0)
        session, extra = clip.scenario, clip.scenario.distractors
        busy = [*session.speech, *extra.chewing, *extra.hands]
        spans = [(each.start_s, each.end_s) for each in busy]
        spans += [(event.onset_s, event.offset_s) for event in extra.slow_movements]
        for event in session.movements:
            assert 3.0 <= event.onset_s < event.apex_s < event.offset_s < 20.0
            assert not [span for span in spans if span[0] < event.offset_s and event.onset_s < span[1]]
            length = event.offset_s - event.onset_s
            if event.kind == "micro":
                assert event.apex_s - event.onset_s >= 0.07 - 1e-9
                assert length <= 0.5 + 1e-9
                assert AMPLITUDES_PX[0] <= event.amplitude_px <= AMPLITUDES_PX[1]
            else:
                assert MACRO_S[0] < length < MACRO_S[1]
        assert all(b.onset_s - a.offset_s >= 1.2 - 1e-9 for a, b in pairwise(session.movements))
        assert all(event.offset_s - event.onset_s > MACRO_S[1] for event in extra.slow_movements)
        found += len(session.movements)
        free = draw_clip(f"{name}-free", seed, 20.0)
        assert (free.person, free.scenario) == (clip.person, replace(session, movements=()))
    assert (found == 0) == RECIPES[name].free


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_can_be_rendered(name: str) -> None:
    clip = draw_clip(name, 2, 10.0, size=SMALL)
    simulator = clip.simulator()
    frame = simulator.frame(int(5.0 * clip.fps))
    assert frame.shape == (120, 160)
    assert 20.0 < frame.mean() < 235.0
    assert np.array_equal(frame, clip.simulator().frame(int(5.0 * clip.fps)))


@pytest.mark.parametrize("name", ["calm", "fidgety", "everything"])
def test_a_clip_is_the_same_at_every_rate(name: str) -> None:
    clips = [draw_clip(name, 5, 12.0, fps=fps, size=SMALL) for fps in (25.0, 50.0, 200.0)]
    assert all(clip.truth() == clips[0].truth() for clip in clips)
    for second in (4, 8):
        frames = [clip.simulator().frame(int(second * clip.fps)) for clip in clips]
        assert all(np.array_equal(frame, frames[0]) for frame in frames)


def test_seeds_go_through_all_units_sides_sizes_and_courses() -> None:
    events = [event for seed in range(25) for event in draw_clip("moderate", seed, 30.0).scenario.movements]
    assert {(event.action_units, event.side) for event in events} >= {
        ((unit,), side) for unit in UNITS for side in ("both", "left", "right")
    }
    assert {event.shape for event in events} == set(SHAPES)
    sizes = np.array([event.amplitude_px for event in events])
    assert sizes.min() < 0.15
    assert sizes.max() > 1.2
    assert np.median(sizes) == pytest.approx(0.42, abs=0.05)  # real pairs: 0.38
    rungs = [event.amplitude_px for seed in range(25) for event in draw_clip("ladder", seed, 30.0).scenario.movements]
    assert np.median(rungs) == pytest.approx(np.sqrt(0.1 * 1.5), rel=0.1)
    known = [draw_clip("moderate", seed, 30.0, units=DEVELOPMENT_UNITS).scenario.movements for seed in range(25)]
    used = {unit for movements in known for event in movements for unit in event.action_units}
    assert used == set(DEVELOPMENT_UNITS) == set(UNITS) - set(HELD_OUT_UNITS)


def test_people_of_the_two_ranges_never_meet_and_look_different() -> None:
    assert not set(DEVELOPMENT_SEEDS) & set(HELD_OUT_SEEDS)
    people = [draw_clip(name, seed, 5.0).person for name in recipe_names() for seed in (0, 1, 9_999, 10_000, 10_001)]
    assert len({person.seed for person in people}) == len(people)
    assert min(person.seed for person in people) > 10**11  # training people are below 10**6
    faces = [person.face for person in people]
    assert {face.mirrored for face in faces} == {True, False}
    assert np.std([face.shape for face in faces], axis=0).min() > 0.7
    assert np.ptp([face.tone_gain for face in faces]) > 0.25
    small = [draw_clip("small-face", seed, 5.0).person.face.scale for seed in range(5)]
    assert max(small) < 0.6


def test_a_rendered_movement_is_as_large_as_its_truth_says() -> None:
    clip = draw_clip("moderate", 3, 20.0)
    quiet = replace(clip.scenario, sway_px=0.0, light_drift=0.0, blinks=(), gaze_shifts_s=(), distractors=NONE)
    simulator = FaceSimulator(clip.person, quiet)
    assert quiet.movements
    for event, told in zip(quiet.movements, clip.truth(), strict=True):
        before, apex = (simulator.render(t, noise=False).astype(float) for t in (event.onset_s, event.apex_s))
        true = simulator.displacement(event, event.apex_s)
        dy, dx = (0.5 * (a + b) for a, b in zip(np.gradient(before), np.gradient(apex), strict=True))
        expected = dx * true[..., 0] + dy * true[..., 1]
        share = np.sum(expected * (before - apex)) / np.sum(expected**2)
        # central differences underestimate the gradient a little
        assert share == pytest.approx(1.05, abs=0.2)
        moved = simulator.region_motion(event)
        assert 0.5 * told["displacement_px"] <= max(moved.values()) <= 1.05 * told["displacement_px"]
        assert max(moved, key=lambda name: moved[name]) in told["regions"]


@pytest.mark.parametrize(
    ("recipe", "seed", "seconds", "told"),
    [
        ("none-such", 0, 5.0, "wanted one of calm, moderate"),
        ("calm", -1, 5.0, "a seed of 0 or more"),
        ("calm", 0, 0.0, "a positive length"),
    ],
)
def test_impossible_clips_are_refused(recipe: str, seed: int, seconds: float, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        draw_clip(recipe, seed, seconds)


def test_units_nobody_has_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"action units \[99\]"):
        draw_clip("calm", 0, 5.0, units=(99,))


def test_a_folder_of_clips_with_their_truth(tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "bed"
    clips = write_testbed(folder, range(2), ("losses", "film"), 4.6, 10.0, size=SMALL, say=said.append)
    names = ["losses-00000", "film-00000", "losses-00001", "film-00001"]
    assert said == names == [clip.stem for clip in clips]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [f"{name}.{end}" for name in names for end in ("avi", "truth.json")] + ["testbed.json"]
    )
    told = json.loads((folder / "testbed.json").read_text())
    assert (told["simulated"], told["clips"]) == (True, names)
    for name in names:
        recipe, _, seed = name.rpartition("-")
        clip = draw_clip(recipe, int(seed), 4.6, fps=10.0, size=SMALL)
        assert json.loads((folder / f"{name}.truth.json").read_text()) == clip.truth()
        capture = cv2.VideoCapture(str(folder / f"{name}.avi"))
        frames = []
        while (read := capture.read())[0]:
            frames.append(read[1][..., 0])
        capture.release()
        simulator = clip.simulator()
        # a file has no holes: lost frames are there, as the newest picture before
        assert len(frames) == simulator.n_frames == 46
        error = [np.abs(frame.astype(float) - simulator.frame(i)).mean() for i, frame in enumerate(frames)]
        assert max(error) == 0.0 if recipe == "losses" else 0.1 < max(error) < 6.0


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write the test bed into"):
        write_testbed(tmp_path / "file", range(1), ("calm",), 0.2, size=SMALL)


class ManualClock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now_s = 500.0

    def __call__(self) -> float:
        return self.now_s


class Frames:
    """Keeps what is pushed."""

    def __init__(self) -> None:
        self.frames: list[VideoFrame] = []

    def push(self, frame: VideoFrame, /) -> None:
        self.frames.append(frame)


def test_a_stream_has_a_gap_where_frames_are_lost_and_true_stamps_where_they_repeat() -> None:
    clip = draw_clip("calm", 1, 1.0, size=SMALL)
    extra = Distractors(lost=(Interval(0.3, 0.42),), repeated=(Interval(0.7, 0.8),))
    simulator = replace(clip, scenario=replace(clip.scenario, distractors=extra)).simulator()
    clock, out = ManualClock(), Frames()
    pusher = FacePusher(out, simulator, clock=clock)
    pusher.begin(clock.now_s)
    while (due_s := pusher.step()) is not None:
        clock.now_s = max(clock.now_s, due_s)
    indices = [frame.index for frame in out.frames]
    assert indices == [i for i in range(30) if not simulator.is_lost(i)]
    assert np.diff(indices).max() == 5  # 9, 10, 11 and 12 are missing
    assert [frame.stamp for frame in out.frames] == pytest.approx([500.0 + i / 30.0 for i in indices])
    shown = {frame.index: frame.image for frame in out.frames}
    assert np.array_equal(shown[20], shown[22])
    assert not np.array_equal(shown[20], shown[25])
    assert pusher.health().skipped == 0  # the camera lost them, not this machine


def test_a_person_of_the_test_bed_is_an_ordinary_simulated_person() -> None:
    person = draw_clip("calm", 7).person
    assert person == make_person(person.seed)
