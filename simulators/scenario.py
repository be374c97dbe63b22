"""Who the simulated person is and what happens to them, second by second: the ground truth.

Times are seconds from the start of the scenario. Everything follows from seeds: the same seed gives the same person
and the same session on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from realtime.errors import ConfigurationError
from simulators.distractors import NONE, Distractors
from simulators.events import FacialEvent, Interval, Side
from simulators.person import Person, make_person

DEMO_CLASSES: tuple[str, ...] = ("happy", "sad", "fear", "disgust", "angry")
"""The five classes of the demonstration checkpoint, in its order."""

ACTION_UNITS: dict[str, tuple[int, ...]] = {
    "happy": (6, 12),
    "sad": (1, 4, 15),
    "fear": (1, 2, 5, 20),
    "disgust": (9, 10),
    "angry": (4, 7, 23),
    "surprise": (1, 2, 5, 26),
    "tense": (14, 24),
    "calm": (),
}
"""FACS action units by which an emotion leaks (after Ekman and Friesen's prototypes, short lists)."""

UNRELATED_UNITS: tuple[tuple[int, ...], ...] = ((14,), (17,), (24,), (2,), (17, 24))
"""Movements that mean nothing: dimpler, chin raise, lip press, brow raise."""

MISLEADING_FRACTION = 0.25
"""Share of a trial's micro-movements that belong to another class or to none."""

MISLEADING_CLASS = 0.6
"""Share of those that belong to another class."""

LEAK_PX = 0.48
"""Median amplitude of a micro-movement, px of a 224 px face crop."""

_MAIN_UNIT = {"happy": 12, "sad": 15, "fear": 20, "disgust": 9, "angry": 4, "surprise": 26, "tense": 14}
MICROS_A_TRIAL = (0.25, 0.4, 0.25, 0.1)
"""Share of trials with 0, 1, 2 and 3 micro-movements: people often hide an emotion altogether."""

_MIN_SPACING_S = 1.2  # between two movements: the spotter's opposite lobes must not touch
_EDGE_S = 0.6  # no movement this close to a trial's ends
_BLINKS_PER_MIN = 15.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One stimulus: the person hides `emotion` from `start_s` to `end_s`."""

    start_s: float
    end_s: float
    emotion: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """The whole timeline of one simulated session.

    `sway_px` is the RMS head sway in px of a 224 px face crop; `light_drift` the largest slow change of brightness,
    as a share of it. Every tuple is in order of time; `movements` and `blinks` do not overlap their own kind. The noise
    of EEG and camera follows from the person's seed and from `seed`. `distractors` is what else goes on:
    nothing, unless the session is made to be difficult (`simulators.testbed`).
    """

    duration_s: float
    trials: tuple[Trial, ...]
    movements: tuple[FacialEvent, ...]
    blinks: tuple[Interval, ...]
    speech: tuple[Interval, ...]
    muscle: tuple[Interval, ...]
    gaze_shifts_s: tuple[float, ...]
    pops_s: tuple[float, ...]
    sway_px: float
    light_drift: float
    seed: int = 0
    distractors: Distractors = NONE


def make_scenario(
    person: Person,
    duration_s: float,
    seed: int,
    *,
    classes: Sequence[str] = DEMO_CLASSES,
    trial_s: tuple[float, float] = (10.0, 14.0),
    rest_s: float = 3.0,
    lead_in_s: float = 4.0,
    artifacts: bool = True,
    leaks: Sequence[float] = MICROS_A_TRIAL,
    leak_after_s: float = _EDGE_S,
    misleading: float = MISLEADING_FRACTION,
    misleading_class: float = MISLEADING_CLASS,
    leak_px: float = LEAK_PX,
) -> Scenario:
    """Draw one session of a person.

    Parameters
    ----------
    person : Person
    duration_s : float
        Length; the last trial is cut off there (and dropped where under 4 s would be left).
    seed : int
        Another seed is another session of the same person.
    classes : sequence of str
        Emotions to hide, each as often as the others (counts differ by one at most), shuffled.
    trial_s : (shortest, longest), s
    rest_s : float
        Mean rest between trials, s; each lasts 0.8 to 1.2 times that.
    lead_in_s : float
        Calm at the start, s: what the spotter needs to learn the person's noise.
    artifacts : bool
        False leaves out blinks, speech, muscle bursts, gaze shifts, electrode pops, sway and light changes.
    leaks : sequence of float
        Share of trials with 0, 1, 2, ... micro-movements; sums to 1.
    leak_after_s : float
        No micro-movement begins earlier in a trial, s.
    misleading : float
        Share of micro-movements that belong to another class or to none.
    misleading_class : float
        Share of those that belong to another class.
    leak_px : float
        Median amplitude of a micro-movement, px of a 224 px face crop.

    Returns
    -------
    Scenario

    Raises
    ------
    ConfigurationError
        A class that no person knows, or a duration that is not positive.
    """
    unknown = [name for name in classes if name not in ACTION_UNITS]
    if unknown or not classes:
        raise ConfigurationError(
            f"cannot simulate the classes {list(classes)}: wanted some of {', '.join(ACTION_UNITS)}, got {unknown}"
        )
    if not duration_s > 0:
        raise ConfigurationError(f"a scenario of {duration_s} s cannot be simulated: wanted a positive duration")
    rng = np.random.default_rng([seed, person.seed, 1])
    trials = _draw_trials(rng, duration_s, tuple(classes), trial_s, rest_s, lead_in_s)
    rests = _rests(trials, duration_s)
    macros, speech = _draw_rest_events(rng, person, rests, artifacts)
    leaking = _Leaking(tuple(classes), tuple(leaks), leak_after_s, misleading, misleading_class, leak_px)
    micros = [event for trial in trials for event in _draw_micros(rng, person, trial, leaking)]
    movements = tuple(sorted((*macros, *micros), key=lambda event: event.onset_s))
    # of its own stream: the same session with and without artefacts has the same trials and movements
    rng = np.random.default_rng([seed, person.seed, 2])
    quiet = not artifacts
    return Scenario(
        duration_s=float(duration_s),
        trials=trials,
        movements=movements,
        blinks=() if quiet else draw_blinks(rng, duration_s),
        speech=speech,
        muscle=() if quiet else _draw_intervals(rng, duration_s, per_min=2.5, length_s=(0.3, 1.5)),
        gaze_shifts_s=() if quiet else draw_moments(rng, duration_s, per_min=10.0),
        pops_s=() if quiet else draw_moments(rng, duration_s, per_min=0.7),
        sway_px=0.0 if quiet else person.face.sway_px,
        light_drift=0.0 if quiet else float(rng.uniform(0.0, 0.06)),
        seed=seed,
    )


def _draw_trials(
    rng: np.random.Generator,
    duration_s: float,
    classes: tuple[str, ...],
    trial_s: tuple[float, float],
    rest_s: float,
    lead_in_s: float,
) -> tuple[Trial, ...]:
    trials: list[Trial] = []
    bag: list[str] = []
    start = lead_in_s
    while start < duration_s:
        if not bag:
            bag = [classes[int(i)] for i in rng.permutation(len(classes))]
            if len(classes) > 1 and trials and bag[-1] == trials[-1].emotion:
                bag.insert(0, bag.pop())  # never the same emotion twice running
        end = min(start + rng.uniform(*trial_s), duration_s)
        rest = rest_s * rng.uniform(0.8, 1.2)
        if end - start >= min(4.0, trial_s[0]):
            trials.append(Trial(start, end, bag.pop()))
        start = end + rest
    return tuple(trials)


def _rests(trials: tuple[Trial, ...], duration_s: float) -> list[Interval]:
    if not trials:
        return []
    gaps = [Interval(a.end_s, b.start_s) for a, b in pairwise(trials)]
    if duration_s > trials[-1].end_s:
        gaps.append(Interval(trials[-1].end_s, duration_s))
    return gaps


def _draw_rest_events(
    rng: np.random.Generator, person: Person, rests: list[Interval], artifacts: bool
) -> tuple[list[FacialEvent], tuple[Interval, ...]]:
    """A macro-expression, speech or nothing in each rest."""
    macros: list[FacialEvent] = []
    speech: list[Interval] = []
    emotions = [name for name, units in ACTION_UNITS.items() if units]
    for rest in rests:
        what, which = rng.random(), emotions[rng.integers(len(emotions))]
        rise = float(np.clip(rng.lognormal(np.log(0.5), 0.25), 0.35, 0.9))
        fall = float(np.clip(rng.lognormal(np.log(0.45), 0.3), 0.25, 1.0))
        talk_s, amplitude = rng.uniform(0.8, 1.8), float(rng.uniform(2.0, 5.0)) * person.face.expressivity
        room = rest.end_s - rest.start_s - 0.4
        start = rest.start_s + 0.2 + rng.random() * max(room - max(rise + fall, talk_s), 0.0)
        if what < 0.35 and rise + fall <= room:
            units = _show(person, which, ACTION_UNITS[which])
            macros.append(FacialEvent(start, start + rise, start + rise + fall, "macro", units, "both", amplitude))
        elif 0.35 <= what < 0.6 and talk_s <= room and artifacts:
            speech.append(Interval(start, start + talk_s))
    return macros, tuple(speech)


@dataclass(frozen=True, slots=True)
class _Leaking:
    """How emotions leak onto the face; see `make_scenario`."""

    classes: tuple[str, ...]
    leaks: tuple[float, ...]
    after_s: float
    misleading: float
    misleading_class: float
    px: float


def _draw_micros(rng: np.random.Generator, person: Person, trial: Trial, how: _Leaking) -> list[FacialEvent]:
    """The micro-movements of a trial; fewer where they do not fit, none for an emotion that never leaks."""
    count = int(rng.choice(len(how.leaks), p=how.leaks))
    events: list[FacialEvent] = []
    free = trial.end_s - trial.start_s - (how.after_s + _EDGE_S)
    slots = min(count, int(free // _MIN_SPACING_S))
    for slot in range(slots):
        width = free / slots
        rise, total = _micro_timing(rng)
        room = width - max(_MIN_SPACING_S, total) if slots > 1 else width - total
        onset = trial.start_s + how.after_s + slot * width + rng.random() * max(room, 0.0)
        units = _micro_units(rng, person, trial.emotion, how)
        side: Side = "both"
        if rng.random() < person.face.one_sided:
            side = person.face.preferred_side if rng.random() < 0.8 else _other(person.face.preferred_side)
        amplitude = float(np.clip(rng.lognormal(np.log(how.px), 0.45) * person.face.expressivity, 0.15, 1.2))
        if units:
            events.append(FacialEvent(onset, onset + rise, onset + total, "micro", units, side, amplitude))
    return events


def _micro_timing(rng: np.random.Generator) -> tuple[float, float]:
    """Onset to apex (median 0.21 s, 0.07 to 0.5) and onset to offset (about 0.4 s, under 0.5)."""
    total = float(np.clip(rng.lognormal(np.log(0.40), 0.14), 0.22, 0.49))
    rise = float(np.clip(rng.lognormal(np.log(0.21), 0.3), 0.07, total - 0.07))
    return rise, total


def _micro_units(rng: np.random.Generator, person: Person, emotion: str, how: _Leaking) -> tuple[int, ...]:
    if rng.random() < how.misleading:
        others = [name for name in how.classes if name != emotion and ACTION_UNITS[name]]
        if others and rng.random() < how.misleading_class:
            other = others[rng.integers(len(others))]
            return _show(person, other, ACTION_UNITS[other])
        return UNRELATED_UNITS[rng.integers(len(UNRELATED_UNITS))]
    units = _show(person, emotion, ACTION_UNITS[emotion])
    if len(units) > 1 and rng.random() < 0.3:  # a leak is rarely the whole prototype
        lost = units[rng.integers(len(units))]
        units = tuple(unit for unit in units if unit != lost)
    return units


def _show(person: Person, emotion: str, units: tuple[int, ...]) -> tuple[int, ...]:
    """The units this person shows: an idiosyncratic one is missing, the emotion's main one never."""
    kept = tuple(unit for unit in units if unit not in person.face.unused_units or unit == _MAIN_UNIT.get(emotion))
    return kept or units


def _other(side: Side) -> Side:
    return "left" if side == "right" else "right"


def draw_blinks(rng: np.random.Generator, duration_s: float) -> tuple[Interval, ...]:
    """Blinks of an ordinary person: 15 a minute, 0.14 to 0.38 s long."""
    blinks: list[Interval] = []
    at = float(rng.exponential(60.0 / _BLINKS_PER_MIN))
    while True:
        end = at + float(np.clip(rng.lognormal(np.log(0.22), 0.2), 0.14, 0.38))
        if end >= duration_s:
            return tuple(blinks)
        blinks.append(Interval(at, end))
        # refractory half second, then memoryless: the mean interval stays 60 / rate
        at = end + 0.5 + float(rng.exponential(60.0 / _BLINKS_PER_MIN - 0.72))


def _draw_intervals(
    rng: np.random.Generator, duration_s: float, *, per_min: float, length_s: tuple[float, float]
) -> tuple[Interval, ...]:
    found: list[Interval] = []
    for start in draw_moments(rng, duration_s, per_min=per_min):
        end = start + float(rng.uniform(*length_s))
        if end < duration_s and (not found or start > found[-1].end_s):
            found.append(Interval(start, end))
    return tuple(found)


def draw_moments(rng: np.random.Generator, duration_s: float, *, per_min: float) -> tuple[float, ...]:
    """Moments of a Poisson process, s, in order."""
    count = rng.poisson(per_min * duration_s / 60.0)
    return tuple(sorted(float(at) for at in rng.uniform(0.0, duration_s, count)))


__all__ = [
    "ACTION_UNITS",
    "DEMO_CLASSES",
    "LEAK_PX",
    "MICROS_A_TRIAL",
    "MISLEADING_CLASS",
    "MISLEADING_FRACTION",
    "UNRELATED_UNITS",
    "FacialEvent",
    "Interval",
    "Person",
    "Scenario",
    "Side",
    "Trial",
    "draw_blinks",
    "draw_moments",
    "make_person",
    "make_scenario",
]
