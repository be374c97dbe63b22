"""Movements drawn for footage and stills of real people: what, how large, how fast and when.

Not the people of `simulators.person`: nobody's emotion is behind these movements, every unit and size comes as often as
the others, so that a spotter tuned on one generator meets another one here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from realtime.errors import ConfigurationError
from simulators.distractors import Distractors, HeadGesture
from simulators.events import SHAPES, FacialEvent, Interval, Side
from simulators.scenario import Scenario

_FIRST_S, _APART_S, _LATER_S = 3.5, 1.5, 0.2
_TRIES = 60
MICRO_UNITS: tuple[tuple[int, ...], ...] = (
    (1,), (2,), (1, 2), (4,), (4, 7), (6, 12), (7,), (9,), (10,), (12,), (14,), (15,), (1, 4), (17,), (20,), (23,),
    (24,), (9, 10), (4, 23), (15, 17),
)  # fmt: skip
"""What a drawn movement is made of."""


def draw_events(
    duration_s: float,
    seed: int,
    *,
    fits: Callable[[FacialEvent], bool] = lambda event: True,
    first_s: float = _FIRST_S,
    mean_gap_s: float = 3.0,
    macro_share: float = 0.12,
) -> tuple[FacialEvent, ...]:
    """Draw movements for a video.

    Parameters
    ----------
    duration_s : float
        Of the video, s.
    seed : int
    fits : callable
        Whether a movement may be there; where not, another is tried a little later.
    first_s : float
        None before.
    mean_gap_s : float
        Mean pause between two, s; at least 1.5 s each.
    macro_share : float
        Share of macro-movements, 0 to 1.

    Returns
    -------
    tuple of FacialEvent
        In order of time, all over before the video is.
    """
    rng = np.random.default_rng([seed, 3])
    more_s = max(mean_gap_s - _APART_S, 0.0)
    events: list[FacialEvent] = []
    at = first_s + float(rng.exponential(more_s))
    while at < duration_s:
        event = draw_event(rng, at, macro=bool(rng.random() < macro_share))
        if event.offset_s < duration_s and fits(event):
            events.append(event)
            at = event.offset_s + _APART_S + float(rng.exponential(more_s))
        else:
            at += _LATER_S
    return tuple(events)


def draw_event(rng: np.random.Generator, onset_s: float, *, macro: bool) -> FacialEvent:
    """One movement that begins at `onset_s`.

    A micro-movement takes 0.22 to 0.49 s, 0.07 to 0.4 s of it (median 0.21) to its apex, and moves its strongest region
    by 0.15 to 1.2 px (log-uniform); a macro-movement 0.7 to 1.5 s and 2 to 5 px. Three in ten are one-sided.
    """
    if macro:
        total = float(rng.uniform(0.7, 1.5))
        rise, amplitude = total * float(rng.uniform(0.3, 0.6)), float(rng.uniform(2.0, 5.0))
    else:
        total = float(np.clip(rng.lognormal(np.log(0.37), 0.18), 0.22, 0.49))
        rise = float(np.clip(rng.lognormal(np.log(0.21), 0.35), 0.07, min(0.4, total - 0.06)))
        amplitude = float(np.exp(rng.uniform(np.log(0.15), np.log(1.2))))
    units = MICRO_UNITS[int(rng.integers(len(MICRO_UNITS)))]
    side: Side = "both"
    if rng.random() < 0.3:
        side = "left" if rng.random() < 0.5 else "right"
    shape = SHAPES[int(rng.integers(len(SHAPES)))]
    kind = "macro" if macro else "micro"
    return FacialEvent(onset_s, onset_s + rise, onset_s + total, kind, units, side, amplitude, shape)


def draw_scenario(
    duration_s: float,
    seed: int,
    *,
    micros: int = 6,
    macros: int = 1,
    blinks_per_min: float = 14.0,
    speech: bool = True,
    sway_px: float = 1.0,
    light_drift: float = 0.03,
    nods_per_min: float = 3.0,
) -> Scenario:
    """What happens to a puppet: movements apart from each other and from speech, blinks and gaze shifts at any time.

    Parameters
    ----------
    duration_s : float
        s.
    seed : int
    micros, macros : int
        How many movements to place (`draw_event`); fewer where they do not fit, none in the first
        3.5 s and none within 1.5 s of another.
    blinks_per_min : float
    speech : bool
        A word or a sentence every ten seconds or so, 0.8 to 2.5 s long.
    sway_px : float
        RMS head sway, px of the 224 px crop.
    light_drift : float
        Largest slow change of brightness, as a share of it.
    nods_per_min : float
        Small nods and turns of the head, 1 to 8 px.

    Returns
    -------
    Scenario

    Raises
    ------
    ConfigurationError
        A duration that is not positive.
    """
    if not duration_s > 0:
        raise ConfigurationError(f"a scenario of {duration_s} s cannot be simulated: wanted a positive duration")
    rng = np.random.default_rng([seed, 4])
    said = _spread(rng, duration_s / 10.0, duration_s, (0.8, 2.5), 2.0) if speech else ()
    drawn = [draw_event(rng, 0.0, macro=number < macros) for number in range(micros + macros)]
    movements = _placed_apart([drawn[int(i)] for i in rng.permutation(len(drawn))], said, rng, duration_s)
    blinks = _spread(rng, blinks_per_min * duration_s / 60.0, duration_s, (0.15, 0.35), 0.4)
    shifts = tuple(sorted(rng.uniform(0.0, duration_s, rng.poisson(duration_s / 6.0)).tolist()))
    other = Distractors(gestures=_gestures(rng, nods_per_min, duration_s))
    return Scenario(float(duration_s), (), movements, blinks, said, (), shifts, (), sway_px, light_drift, seed, other)


def _gestures(rng: np.random.Generator, per_min: float, duration_s: float) -> tuple[HeadGesture, ...]:
    found: list[HeadGesture] = []
    for at in _spread(rng, per_min * duration_s / 60.0, duration_s, (0.6, 1.6), 1.0):
        kind = "nod" if rng.random() < 0.6 else "turn"
        found.append(HeadGesture(kind, at.start_s, at.end_s, float(np.exp(rng.uniform(0.0, np.log(8.0))))))
    return tuple(found)


def _spread(
    rng: np.random.Generator, mean: float, duration_s: float, length_s: tuple[float, float], apart_s: float
) -> tuple[Interval, ...]:
    found: list[Interval] = []
    for start in sorted(rng.uniform(0.5, duration_s, rng.poisson(mean)).tolist()):
        end = start + float(rng.uniform(*length_s))
        if end < duration_s and (not found or start > found[-1].end_s + apart_s):
            found.append(Interval(start, end))
    return tuple(found)


def _placed_apart(
    drawn: list[FacialEvent], said: tuple[Interval, ...], rng: np.random.Generator, duration_s: float
) -> tuple[FacialEvent, ...]:
    placed: list[FacialEvent] = []
    taken = [(said_.start_s - 0.5, said_.end_s + 0.5) for said_ in said]
    for event in drawn:
        length = event.offset_s - event.onset_s
        for _ in range(_TRIES):
            start = float(rng.uniform(_FIRST_S, max(duration_s - length - 1.0, _FIRST_S)))
            if start + length + 0.5 < duration_s and all(start > b or start + length < a for a, b in taken):
                taken.append((start - _APART_S, start + length + _APART_S))
                shift = start - event.onset_s
                placed.append(
                    replace(event, onset_s=start, apex_s=event.apex_s + shift, offset_s=event.offset_s + shift)
                )
                break
    return tuple(sorted(placed, key=lambda event: event.onset_s))
