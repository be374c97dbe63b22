"""The test bed: clips of simulated faces with truth, drawn from a recipe and a seed.

Clip `(recipe, seed)` is the same on every machine, at every frame rate and size. Seeds come in two ranges that are
never mixed: what is tuned or trained looks at `DEVELOPMENT_SEEDS` only, what is published is measured on
`HELD_OUT_SEEDS`, so on people, moments, sizes and distractors nobody has seen. No person of the test bed is one that
a checkpoint was trained on.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np

from realtime.errors import ConfigurationError, DataError
from simulators.action_units import UNITS
from simulators.clips import Codec, truth_json, write_clip
from simulators.distractors import NONE, Distractors
from simulators.events import SHAPES, FacialEvent, Interval, Side
from simulators.face import FaceSimulator
from simulators.person import Person, make_person
from simulators.recipes import MACRO_S, RECIPES, Recipe, smile, spread
from simulators.scenario import ACTION_UNITS, UNRELATED_UNITS, Scenario, draw_blinks, draw_moments

DEVELOPMENT_SEEDS = range(0, 10_000)
"""Look at these, tune on these, train on these."""

HELD_OUT_SEEDS = range(10_000, 20_000)
"""Measure on these; no threshold and no weight may have seen them."""

HELD_OUT_UNITS = (2, 7, 14, 17)
"""Action units, one of each part of the face, for a learner that is to be tested on motion it never saw: it trains on
clips drawn with `units=DEVELOPMENT_UNITS`."""

DEVELOPMENT_UNITS = tuple(unit for unit in UNITS if unit not in HELD_OUT_UNITS)

AMPLITUDES_PX = (0.1, 1.5)
"""Smallest and largest micro-movement, px of the 224 px crop."""

_PEOPLE = 1 << 40  # seeds of people from here on are the test bed's
_MEDIAN_PX, _SPREAD = 0.42, 0.55  # of a log-normal: real pairs have 0.38 px, 0.17 to 1.0
_GAP_S = 1.2  # between two movements: their intervals must stay apart after any smoothing
_CLEAR_S = 0.4  # between a movement and what would hide it
_LEAD_S, _TAIL_S = 3.0, 0.8
_TRIES = 200
_FREE = "-free"

_MOVES: tuple[tuple[tuple[int, ...], Side], ...] = (
    *(((unit,), side) for unit in UNITS for side in ("both", "left", "right")),
    *((units, "both") for units in (*ACTION_UNITS.values(), *UNRELATED_UNITS) if len(units) > 1),
)


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip of the test bed, not yet rendered.

    Parameters
    ----------
    name : str
        Recipe and seed: 'nods-00003'.
    person : Person
    scenario : Scenario
    fps : float
    size : (width, height), px
    codec : str
        The recipe's, for a file.
    """

    name: str
    person: Person
    scenario: Scenario
    fps: float
    size: tuple[int, int]
    codec: Codec

    def simulator(self) -> FaceSimulator:
        """What renders it."""
        return FaceSimulator(self.person, self.scenario, fps=self.fps, size=self.size)

    def truth(self) -> list[dict[str, Any]]:
        """What its truth file says."""
        return truth_json(self.scenario)


def recipe_names() -> tuple[str, ...]:
    """Names of all recipes, without the `-free` ones."""
    return tuple(RECIPES)


def find_recipe(name: str) -> Recipe:
    """Look a recipe up; `-free` behind a name takes its movements away.

    Raises
    ------
    ConfigurationError
        No such recipe; the message lists all.
    """
    base = name.removesuffix(_FREE)
    if base not in RECIPES:
        known = ", ".join(RECIPES)
        raise ConfigurationError(f"no recipe '{name}' for a simulated face: wanted one of {known}, or one with -free")
    found = RECIPES[base]
    return found if base == name else replace(found, micros_per_min=0.0, macros_per_min=0.0)


def draw_clip(
    recipe: str,
    seed: int,
    seconds: float = 20.0,
    *,
    fps: float | None = None,
    size: tuple[int, int] = (640, 480),
    units: Sequence[int] | None = None,
) -> Clip:
    """Draw one clip.

    A clip and its `-free` twin show the same person with the same distractors.

    Parameters
    ----------
    recipe : str
        A name of `RECIPES`, with or without `-free`.
    seed : int
        See `DEVELOPMENT_SEEDS` and `HELD_OUT_SEEDS`.
    seconds : float
        Length. The first three seconds hold no movement.
    fps : float, optional
        Default: the recipe's. The truth does not depend on it.
    size : (width, height), px
    units : sequence of int, optional
        Only movements of these action units (FACS numbers); default: all. Successive seeds go through all of them,
        one- and two-sided, and through the emotions' combinations.

    Raises
    ------
    ConfigurationError
        No such recipe, a negative seed, or a length of no time.
    """
    how = find_recipe(recipe)
    if seed < 0 or not seconds > 0:
        raise ConfigurationError(
            f"cannot simulate {seconds} s with seed {seed}: wanted a positive length and a seed of 0 or more"
        )
    key = zlib.crc32(recipe.removesuffix(_FREE).encode())
    person = _draw_person(how, np.random.default_rng([seed, key, 61]), _PEOPLE + (seed << 32) + key)
    scenario = _draw_surroundings(how, np.random.default_rng([seed, key, 62]), seconds, seed)
    if not how.free:
        rng = np.random.default_rng([seed, key, 63])
        movements = _draw_movements(how, rng, scenario, _moves(key, units), seed)
        scenario = replace(scenario, movements=movements)
    rate = how.fps if fps is None else fps
    return Clip(f"{recipe}-{seed:05d}", person, scenario, rate, size, how.codec)


def write_testbed(
    folder: Path,
    seeds: Iterable[int],
    recipes: Sequence[str] | None = None,
    seconds: float = 20.0,
    fps: float | None = None,
    *,
    size: tuple[int, int] = (640, 480),
    codec: Codec | None = None,
    say: Callable[[str], object] = lambda _line: None,
) -> list[Path]:
    """Write clips with their truth beside them into a folder, and 'testbed.json', which says what they are.

    Parameters
    ----------
    folder : Path
        Made where it is missing; clips of the same name are replaced.
    seeds : iterable of int
        One clip of each recipe for each.
    recipes : sequence of str, optional
        Default: all.
    seconds, fps, size
        As for `draw_clip`.
    codec : str, optional
        Default: the recipes' own, lossless (5 MB a second) unless compression is what they are about.
    say : callable
        Told the name of each clip when it is written.

    Returns
    -------
    list of Path
        The clips.

    Raises
    ------
    ConfigurationError
        See `draw_clip`; before anything is written.
    DataError
        The folder cannot be written to.
    """
    names = tuple(recipes) if recipes is not None else recipe_names()
    clips = [draw_clip(name, seed, seconds, fps=fps, size=size) for seed in seeds for name in names]
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for clip in clips:
            path = folder / f"{clip.name}.avi"
            how = codec if codec is not None else clip.codec
            write_clip(path, clip.person, clip.scenario, fps=clip.fps, size=clip.size, codec=how)
            written.append(path)
            say(clip.name)
        told = json.dumps({"simulated": True, "clips": [clip.name for clip in clips], "seconds": seconds}, indent=1)
        (folder / "testbed.json").write_text(told, encoding="utf-8")
    except OSError as err:
        raise DataError(f"cannot write the test bed into '{folder}': {err.strerror or err}") from err
    return written


def _draw_person(how: Recipe, rng: np.random.Generator, seed: int) -> Person:
    person = make_person(seed)
    face = person.face
    if how.noise_sd is not None:
        face = replace(face, noise_sd=float(rng.uniform(*how.noise_sd)))
    if how.scale is not None:
        face = replace(face, scale=float(rng.uniform(*how.scale)))
    return replace(person, face=face)


def _draw_surroundings(how: Recipe, rng: np.random.Generator, seconds: float, seed: int) -> Scenario:
    """Everything but the movements."""
    speech = spread(rng, seconds, how.speech_per_min, (1.2, 3.5)) if how.speech_per_min else ()
    fields: dict[str, Any] = {}
    for draw in how.added:
        for name, value in draw(rng, seconds).items():
            fields[name] = (*fields[name], *value) if name in fields else value
    for name, value in fields.items():
        if isinstance(value, tuple):
            fields[name] = tuple(sorted(value, key=_start))
    return Scenario(
        duration_s=float(seconds),
        trials=(),
        movements=(),
        blinks=draw_blinks(rng, seconds) if how.blinks else (),
        speech=speech,
        muscle=(),
        gaze_shifts_s=draw_moments(rng, seconds, per_min=how.gazes_per_min),
        pops_s=(),
        sway_px=float(rng.uniform(*how.sway_px)),
        light_drift=float(rng.uniform(*how.light_drift)),
        seed=seed,
        distractors=replace(NONE, **fields),
    )


def _start(each: Any) -> float:
    for name in ("start_s", "onset_s", "at_s"):
        if hasattr(each, name):
            return float(getattr(each, name))
    raise TypeError(f"{each!r} has no beginning")


def _moves(key: int, units: Sequence[int] | None) -> list[tuple[tuple[int, ...], Side]]:
    """Action units and sides in the order in which a recipe's seeds use them."""
    allowed = set(UNITS if units is None else units)
    moves = [move for move in _MOVES if allowed.issuperset(move[0])]
    if not moves:
        known = ", ".join(str(number) for number in UNITS)
        raise ConfigurationError(f"no movement of the action units {sorted(allowed)}: wanted some of {known}")
    return [moves[int(i)] for i in np.random.default_rng([key, 64]).permutation(len(moves))]


def _draw_movements(
    how: Recipe,
    rng: np.random.Generator,
    scenario: Scenario,
    moves: list[tuple[tuple[int, ...], Side]],
    seed: int,
) -> tuple[FacialEvent, ...]:
    """Movements of the truth, clear of one another and of what would hide them."""
    minutes = scenario.duration_s / 60.0
    macros = max(1, round(how.macros_per_min * minutes)) if how.macros_per_min else 0
    micros = max(1, round(how.micros_per_min * minutes)) if how.micros_per_min else 0
    turn = seed * (macros + micros)
    wanted = [_draw_macro(rng, *moves[(turn + i) % len(moves)]) for i in range(macros)]
    for i, amplitude in enumerate(_amplitudes(how, rng, micros)):
        wanted.append(_draw_micro(rng, *moves[(turn + macros + i) % len(moves)], amplitude))
    taken = [Interval(s - _CLEAR_S, e + _CLEAR_S) for s, e in _hidden(scenario)]
    placed: list[FacialEvent] = []
    for event in wanted:
        at = _place(rng, event.offset_s, scenario.duration_s, taken)
        if at is None:
            continue
        taken.append(Interval(at - _GAP_S, at + event.offset_s + _GAP_S))
        placed.append(replace(event, onset_s=at, apex_s=at + event.apex_s, offset_s=at + event.offset_s))
    return tuple(sorted(placed, key=lambda event: event.onset_s))


def _hidden(scenario: Scenario) -> list[tuple[float, float]]:
    """When the face is in use or covered: nobody could say what a movement was."""
    extra: Distractors = scenario.distractors
    busy = [(each.start_s, each.end_s) for each in (*scenario.speech, *extra.chewing, *extra.hands)]
    return busy + [(event.onset_s, event.offset_s) for event in extra.slow_movements]


def _place(rng: np.random.Generator, length_s: float, duration_s: float, taken: list[Interval]) -> float | None:
    """A random moment at which there is room, or None."""
    last = duration_s - _TAIL_S - length_s
    if last <= _LEAD_S:
        return None
    starts, ends = (np.array([getattr(each, name) for each in taken]) for name in ("start_s", "end_s"))
    for at in rng.uniform(_LEAD_S, last, _TRIES):
        if not np.any((starts < at + length_s) & (at < ends)):
            return float(at)
    return None


def _amplitudes(how: Recipe, rng: np.random.Generator, count: int) -> list[float]:
    """Sizes of a clip's micro-movements, px: one from each part of the range, in any order."""
    shares = (rng.permutation(count) + rng.uniform(0.02, 0.98, count)) / max(count, 1)
    low, high = AMPLITUDES_PX
    if how.even_amplitudes:
        return [float(low * (high / low) ** share) for share in shares]
    normal = NormalDist(float(np.log(_MEDIAN_PX)), _SPREAD)
    return [float(np.clip(np.exp(normal.inv_cdf(share)), low, high)) for share in shares]


def _draw_micro(rng: np.random.Generator, units: tuple[int, ...], side: Side, amplitude_px: float) -> FacialEvent:
    """A micro-movement that starts at 0: at most half a second, its apex 0.07 s or more from either end."""
    total = float(np.clip(rng.lognormal(np.log(0.38), 0.2), 0.2, 0.5))
    rise = float(np.clip(rng.lognormal(np.log(0.19), 0.4), 0.07, total - 0.07))
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    return FacialEvent(0.0, rise, total, "micro", units, side, amplitude_px, shape)


def _draw_macro(rng: np.random.Generator, units: tuple[int, ...], side: Side) -> FacialEvent:
    """A macro-expression that starts at 0; a third of them are smiles that start slowly but end in a macro's time."""
    if rng.random() < 0.3:
        return smile(rng, Interval(0.0, float(rng.uniform(2.4, MACRO_S[1] - 0.1))))
    rise = float(np.clip(rng.lognormal(np.log(0.45), 0.35), 0.25, 1.0))
    fall = float(np.clip(rng.lognormal(np.log(0.55), 0.4), 0.3, 1.8))
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    return FacialEvent(0.0, rise, rise + fall, "macro", units, side, float(rng.uniform(1.5, 5.0)), shape)
