"""A scenario keeps its rules whatever the seed."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.errors import ConfigurationError
from simulators.person import EFFECT_CLASSES, SOURCE_GROUPS
from simulators.scenario import ACTION_UNITS, DEMO_CLASSES, UNRELATED_UNITS, Scenario, make_person, make_scenario

SEEDS = st.integers(0, 2**31 - 1)


def sessions(count: int, duration_s: float = 300.0) -> list[Scenario]:
    return [make_scenario(make_person(seed), duration_s, seed) for seed in range(count)]


@settings(max_examples=40, deadline=None)
@given(person_seed=SEEDS, seed=SEEDS, duration_s=st.floats(5.0, 400.0))
def test_every_scenario_keeps_the_rules(person_seed: int, seed: int, duration_s: float) -> None:
    person = make_person(person_seed)
    scenario = make_scenario(person, duration_s, seed)
    trials = scenario.trials
    assert all(0 <= t.start_s < t.end_s <= duration_s for t in trials)
    assert all(10.0 <= t.end_s - t.start_s <= 14.0 for t in trials[:-1])
    assert all(2.4 - 1e-9 <= b.start_s - a.end_s <= 3.6 + 1e-9 for a, b in pairwise(trials))
    assert all(a.emotion != b.emotion for a, b in pairwise(trials))
    counts = Counter(t.emotion for t in trials)
    used = [counts[name] for name in DEMO_CLASSES]
    assert max(used) - min(used) <= 1
    for events in (scenario.movements, scenario.blinks, scenario.speech, scenario.muscle):
        spans = [(getattr(e, "start_s", getattr(e, "onset_s", 0.0)), getattr(e, "end_s", 0.0)) for e in events]
        assert spans == sorted(spans)
    assert all(a.offset_s < b.onset_s for a, b in pairwise(scenario.movements))
    assert all(a.end_s < b.start_s for a, b in pairwise(scenario.blinks))
    known = {unit for units in (*ACTION_UNITS.values(), *UNRELATED_UNITS) for unit in units}
    for event in scenario.movements:
        assert event.onset_s < event.apex_s < event.offset_s <= duration_s
        assert event.action_units
        assert set(event.action_units) <= known
        inside = [t for t in trials if t.start_s <= event.onset_s and event.offset_s <= t.end_s]
        overlapping = [t for t in trials if t.start_s < event.offset_s and event.onset_s < t.end_s]
        if event.kind == "micro":
            assert len(inside) == 1
            assert 0.07 <= event.apex_s - event.onset_s <= 0.5 + 1e-9
            assert event.offset_s - event.onset_s < 0.5
            assert 0.15 <= event.amplitude_px <= 1.2
        else:
            assert not overlapping
            assert event.offset_s - event.onset_s > 0.5
    for trial in trials:
        inside = [m for m in scenario.movements if trial.start_s <= m.onset_s < trial.end_s]
        assert len(inside) <= 3


@settings(max_examples=20, deadline=None)
@given(seed=SEEDS)
def test_the_same_seed_gives_the_same_person_and_session(seed: int) -> None:
    assert make_person(seed) == make_person(seed)
    assert make_scenario(make_person(seed), 60.0, 3) == make_scenario(make_person(seed), 60.0, 3)
    assert make_scenario(make_person(seed), 60.0, 3) != make_scenario(make_person(seed), 60.0, 4)


def test_movements_have_the_published_timing() -> None:
    micros = [m for s in sessions(30) for m in s.movements if m.kind == "micro"]
    rise = np.array([m.apex_s - m.onset_s for m in micros])
    total = np.array([m.offset_s - m.onset_s for m in micros])
    assert len(micros) > 600
    assert np.median(rise) == pytest.approx(0.21, abs=0.02)
    assert np.median(total) == pytest.approx(0.40, abs=0.02)
    assert np.median([m.amplitude_px for m in micros]) == pytest.approx(0.48, abs=0.1)
    assert 0.1 < np.mean([m.side != "both" for m in micros]) < 0.35


def test_a_trial_leaks_up_to_three_times_and_rests_hold_macros_and_speech() -> None:
    held = sessions(20)
    per_trial = [
        sum(t.start_s <= m.onset_s < t.end_s for m in s.movements)
        for s in held
        for t in s.trials
        if t.end_s - t.start_s >= 10.0
    ]
    assert set(per_trial) == {0, 1, 2, 3}
    assert np.mean(per_trial) == pytest.approx(1.2, abs=0.15)
    rests = sum(len(s.trials) for s in held)
    assert 0.2 < sum(m.kind == "macro" for s in held for m in s.movements) / rests < 0.5
    assert 0.1 < sum(len(s.speech) for s in held) / rests < 0.4


def test_about_one_movement_in_four_misleads() -> None:
    foreign = total = 0
    for scenario in sessions(40):
        for event in scenario.movements:
            if event.kind == "micro":
                emotion = next(t.emotion for t in scenario.trials if t.start_s <= event.onset_s < t.end_s)
                total += 1
                foreign += not set(event.action_units) <= set(ACTION_UNITS[emotion])
    assert foreign / total == pytest.approx(0.25, abs=0.05)


def test_blinks_come_fifteen_times_a_minute() -> None:
    held = sessions(30)
    rate = sum(len(s.blinks) for s in held) / sum(s.duration_s for s in held) * 60
    assert rate == pytest.approx(15.0, abs=1.5)


def test_without_artifacts_the_emotions_and_movements_stay_the_same() -> None:
    person = make_person(5)
    full, clean = make_scenario(person, 120.0, 9), make_scenario(person, 120.0, 9, artifacts=False)
    assert clean.trials == full.trials
    assert clean.movements == full.movements
    assert not any((clean.blinks, clean.speech, clean.muscle, clean.gaze_shifts_s, clean.pops_s))
    assert (clean.sway_px, clean.light_drift) == (0.0, 0.0)


def test_people_differ_and_some_bands_are_flipped_in_some() -> None:
    people = [make_person(seed) for seed in range(60)]
    assert len({p.brain.slope for p in people}) == len(people)
    assert len({p.face.shape for p in people}) == len(people)
    alpha, left = 2, SOURCE_GROUPS.index("frontal_left")
    happy = np.array([p.brain.effect_array("happy")[left, alpha] for p in people])
    assert np.median(happy) < -0.8
    assert 0 < np.mean(happy > 0) < 0.4


def test_no_effect_means_no_effect_and_nothing_else_changes() -> None:
    plain, none = make_person(8), make_person(8, effect_db=0.0)
    assert all(not none.brain.effect_array(name).any() for name in EFFECT_CLASSES)
    assert none.face == plain.face
    assert none.brain.alpha_hz == plain.brain.alpha_hz


def test_other_class_lists_and_unknown_ones() -> None:
    person = make_person(2)
    classes = ("calm", "tense", "surprise")
    scenario = make_scenario(person, 200.0, 1, classes=classes)
    assert {t.emotion for t in scenario.trials} == set(classes)
    with pytest.raises(ConfigurationError, match=r"cannot simulate the classes .*bored.*happy"):
        make_scenario(person, 60.0, 1, classes=("happy", "bored"))
    with pytest.raises(ConfigurationError, match="positive duration"):
        make_scenario(person, 0.0, 1)
