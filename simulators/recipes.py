"""What a clip of the test bed is made of: named recipes, and how the pieces of each are drawn.

A recipe is data: how much moves on the face, how the person sits, and which distractors are added. Each distractor is a
function of a random generator and the clip's length that says what it adds to `Distractors`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulators.clips import Codec
from simulators.distractors import (
    ExposureStep,
    Flicker,
    GestureKind,
    Glasses,
    Hand,
    HandPlace,
    HeadGesture,
    LightSwitch,
)
from simulators.events import FacialEvent, Interval, Side

MACRO_S = (0.5, 4.0)
"""An expression that goes and returns in this time is a macro-expression of the truth, s (the spotting challenges'
limits). A slower one is no event that anybody annotates: it is rendered and not in the truth."""

Drawn = dict[str, Any]
"""Fields of `Distractors`."""

_LEAD_S = 3.0  # nothing but sway and blinks until then: a spotter learns the person's noise


@dataclass(frozen=True, slots=True)
class Recipe:
    """How clips of one kind are made.

    Parameters
    ----------
    about : str
        What is special, for a list.
    micros_per_min, macros_per_min : float
        Movements of the truth; 0 and 0 make it free of movements.
    even_amplitudes : bool
        Micro-movements of every size equally often (by ratio) instead of as often as in life.
    blinks : bool
    gazes_per_min : float
    sway_px : (least, most)
        RMS head sway, px of the 224 px crop.
    light_drift : (least, most)
        Largest slow change of brightness, as a share of it.
    speech_per_min : float
    noise_sd, scale : (least, most) or None
        Of the camera, grey levels, and of the face's size; None leaves them to the person.
    fps : float
        Where the caller names no rate.
    codec : 'FFV1', 'MJPG' or 'mp4v'
        Of a file.
    added : tuple of callable
        What draws the distractors.
    """

    about: str
    micros_per_min: float = 9.0
    macros_per_min: float = 0.0
    even_amplitudes: bool = False
    blinks: bool = True
    gazes_per_min: float = 8.0
    sway_px: tuple[float, float] = (0.4, 1.0)
    light_drift: tuple[float, float] = (0.0, 0.02)
    speech_per_min: float = 0.0
    noise_sd: tuple[float, float] | None = None
    scale: tuple[float, float] | None = None
    fps: float = 30.0
    codec: Codec = "FFV1"
    added: tuple[Callable[[np.random.Generator, float], Drawn], ...] = field(default=())

    @property
    def free(self) -> bool:
        """Whether nothing is to be found."""
        return self.micros_per_min == 0.0 and self.macros_per_min == 0.0


def spread(
    rng: np.random.Generator, seconds: float, per_min: float, length_s: tuple[float, float], gap_s: float = 0.8
) -> tuple[Interval, ...]:
    """Intervals that do not touch: at least one where a clip has room for it, each in a stretch of its own."""
    room = seconds - _LEAD_S - 0.3
    count = min(max(1, round(per_min * room / 60.0)), int(room // (length_s[1] + gap_s)))
    found: list[Interval] = []
    for number in range(count):
        length = float(rng.uniform(*length_s))
        start = _LEAD_S + (number + rng.random() * (1.0 - (length + gap_s) * count / room)) * room / count
        found.append(Interval(float(start), float(start + length)))
    return tuple(found)


def _gestures(
    kind: GestureKind, length_s: tuple[float, float], size_px: tuple[float, float], per_min: float
) -> Callable[[np.random.Generator, float], Drawn]:
    def draw(rng: np.random.Generator, seconds: float) -> Drawn:
        return {
            "gestures": tuple(
                HeadGesture(kind, at.start_s, at.end_s, float(rng.choice((-1.0, 1.0)) * rng.uniform(*size_px)))
                for at in spread(rng, seconds, per_min, length_s)
            )
        }

    return draw


nods = _gestures("nod", (0.6, 1.8), (4.0, 16.0), 10.0)
turns = _gestures("turn", (0.7, 2.5), (4.0, 16.0), 8.0)
leans = _gestures("lean", (1.0, 3.0), (5.0, 16.0), 8.0)
tilts = _gestures("tilt", (0.8, 2.5), (4.0, 14.0), 6.0)


def shifts(rng: np.random.Generator, seconds: float) -> Drawn:
    """Small gestures of somebody who watches a film: a few px, now and then."""
    kinds: tuple[GestureKind, ...] = ("nod", "turn", "tilt", "lean")
    return {
        "gestures": tuple(
            HeadGesture(
                kinds[int(rng.integers(4))],
                at.start_s,
                at.end_s,
                float(rng.choice((-1.0, 1.0)) * rng.uniform(1.0, 4.0)),
            )
            for at in spread(rng, seconds, 6.0, (0.8, 2.5))
        )
    }


def slow_smiles(rng: np.random.Generator, seconds: float) -> Drawn:
    """Smiles that start slowly and stay: longer than a macro-expression, so not in the truth."""
    times = spread(rng, seconds, 5.0, (MACRO_S[1] + 0.3, 6.5), 0.5)
    return {"slow_movements": tuple(smile(rng, at) for at in times)}


def smile(rng: np.random.Generator, at: Interval) -> FacialEvent:
    """A smile with a slow start (1 to 2 s) that fills an interval."""
    rise = min(float(rng.uniform(1.0, 2.0)), 0.6 * (at.end_s - at.start_s))
    units = ((12,), (6, 12), (12, 25))[int(rng.integers(3))]
    sides: tuple[Side, ...] = ("both", "both", "left", "right")
    side = sides[int(rng.integers(4))]
    return FacialEvent(
        at.start_s, at.start_s + rise, at.end_s, "macro", units, side, float(rng.uniform(1.5, 6.0)), "plateau"
    )


def flicker(rng: np.random.Generator, seconds: float) -> Drawn:
    """Lamps on 50 or 60 Hz mains; half of the cameras read row by row."""
    return {
        "flicker": Flicker(
            float(rng.choice((49.95, 50.02, 59.96, 60.03))),
            float(rng.uniform(0.04, 0.15)),
            float(rng.uniform(0.002, 0.008)),
            float(rng.choice((0.0, rng.uniform(0.005, 0.02)))),
        )
    }


def exposure_steps(rng: np.random.Generator, seconds: float) -> Drawn:
    """Automatic exposure that cannot leave well alone; brightness wanders within a third."""
    found, level = [], 1.0
    for at in spread(rng, seconds, 12.0, (0.5, 1.0)):
        gain = float(np.exp(rng.uniform(0.05, 0.25) * (-1.0 if level >= 1.0 else 1.0)))
        level *= gain
        found.append(
            ExposureStep(
                at.start_s,
                gain,
                float(rng.uniform(0.033, 0.1)),
                float(rng.uniform(0.0, 0.5)),
                float(rng.uniform(0.1, 0.5)),
            )
        )
    return {"exposure_steps": tuple(found)}


def lights(rng: np.random.Generator, seconds: float) -> Drawn:
    """A lamp goes off and on; the camera's exposure follows a little later."""
    switches, steps = [], []
    gain, slope = float(rng.uniform(0.55, 0.85)), float(rng.uniform(-0.1, 0.1))
    for number, at in enumerate(spread(rng, seconds, 8.0, (1.2, 2.0))):
        off = number % 2 == 0
        now = gain if off else 1.0 / gain
        switches.append(LightSwitch(at.start_s, now, slope if off else -slope, float(rng.uniform(0.01, 0.15))))
        steps.append(ExposureStep(at.start_s + float(rng.uniform(0.15, 0.5)), now**-0.6, 0.1, 0.2, 0.4))
    return {"light_switches": tuple(switches), "exposure_steps": tuple(steps)}


def blur(rng: np.random.Generator, seconds: float) -> Drawn:
    """A dim room: exposures nearly as long as a frame of 30 a second."""
    return {"exposure_s": float(rng.uniform(1 / 60, 1 / 31))}


def jpeg(rng: np.random.Generator, seconds: float) -> Drawn:
    """A webcam that sends MJPG over a narrow cable."""
    return {"jpeg_quality": int(rng.integers(35, 86))}


def losses(rng: np.random.Generator, seconds: float) -> Drawn:
    """Frames that never arrive and frames that come twice, a few at a time."""
    return {
        "lost": spread(rng, seconds, 20.0, (0.034, 0.25)),
        "repeated": spread(rng, seconds, 20.0, (0.034, 0.1)),
    }


def glasses(rng: np.random.Generator, seconds: float) -> Drawn:
    """From rimless to horn-rimmed, with a lamp's reflection."""
    return {
        "glasses": Glasses(
            float(rng.uniform(0.5, 0.95)),
            float(rng.uniform(2.0, 6.0)),
            float(rng.uniform(0.0, 1.0)),
            float(rng.uniform(0.1, 1.0)),
        )
    }


def hands(rng: np.random.Generator, seconds: float) -> Drawn:
    """A hand at the chin, a cheek or a brow for some seconds."""
    places: tuple[HandPlace, ...] = ("chin", "chin", "cheek_left", "cheek_right", "brow_left", "brow_right")
    return {
        "hands": tuple(
            Hand(at.start_s, at.end_s, places[int(rng.integers(6))], float(rng.uniform(0.3, 0.8)))
            for at in spread(rng, seconds, 4.0, (2.0, 4.5))
        )
    }


def chewing(rng: np.random.Generator, seconds: float) -> Drawn:
    """Gum, for a few seconds at a time."""
    return {"chewing": spread(rng, seconds, 6.0, (1.5, 4.0))}


def lively_lips(rng: np.random.Generator, seconds: float) -> Drawn:
    """Lips that do more than open in speech."""
    return {"articulation_px": float(rng.uniform(0.8, 2.0))}


RECIPES: dict[str, Recipe] = {
    "calm": Recipe("hardly any head motion, few blinks, a good camera", blinks=False, sway_px=(0.1, 0.3)),
    "moderate": Recipe("head sway of 1 to 2.5 px and small shifts of the head", sway_px=(1.0, 2.5), added=(shifts,)),
    "ladder": Recipe("every size of movement from 0.1 to 1.5 px equally often", even_amplitudes=True),
    "macro": Recipe("macro-expressions among the micro-movements", macros_per_min=6.0, micros_per_min=6.0),
    "blinks": Recipe(
        "no movement; blinks, gaze shifts, sway, light drift",
        0.0,
        sway_px=(1.0, 2.0),
        gazes_per_min=15.0,
        light_drift=(0.02, 0.08),
    ),
    "speech": Recipe("no movement; talks half of the time", 0.0, speech_per_min=12.0, added=(lively_lips,)),
    "nods": Recipe("nods up to 16 px", added=(nods,)),
    "turns": Recipe("looks aside and back, up to 16 px", added=(turns,)),
    "tilts": Recipe("tilts the head, up to 14 px", added=(tilts,)),
    "leans": Recipe("leans forward and back, up to 16 px", added=(leans,)),
    "smiles": Recipe("slow smiles, too long for a macro-expression", micros_per_min=6.0, added=(slow_smiles,)),
    "chewing": Recipe("chews between the movements", micros_per_min=6.0, added=(chewing,)),
    "talking": Recipe("talks between the movements", micros_per_min=6.0, speech_per_min=6.0, added=(lively_lips,)),
    "flicker": Recipe("lamps on 50 or 60 Hz mains", added=(flicker,)),
    "exposure": Recipe("automatic exposure in steps", added=(exposure_steps,)),
    "lights": Recipe("a lamp goes off and on", added=(lights,)),
    "blur": Recipe("long exposures blur what moves", sway_px=(1.0, 2.0), added=(shifts, blur)),
    "compressed": Recipe("MJPG of low quality", added=(jpeg,)),
    "film": Recipe("a file compressed over time (MPEG-4)", codec="mp4v"),
    "losses": Recipe("frames lost and frames repeated", added=(losses,)),
    "glasses": Recipe("spectacles with a reflection", sway_px=(0.6, 1.6), added=(glasses,)),
    "hand": Recipe("a hand before a part of the face", micros_per_min=6.0, added=(hands,)),
    "noisy": Recipe("a dark room: sensor noise of 3 to 6 grey levels", noise_sd=(3.0, 6.0)),
    "small-face": Recipe("a face of 80 to 130 px at 640 x 480", scale=(0.36, 0.58)),
    "fast-camera": Recipe("150 frames a second", fps=150.0),
    "slow-camera": Recipe("25 frames a second", fps=25.0),
    "webcam": Recipe(
        "blur, MJPG, flicker, exposure steps and lost frames at once",
        sway_px=(0.8, 2.0),
        added=(shifts, blur, jpeg, flicker, exposure_steps, losses),
    ),
    "fidgety": Recipe(
        "nods, leans, chews, talks and smiles",
        micros_per_min=6.0,
        macros_per_min=3.0,
        speech_per_min=2.0,
        added=(nods, leans, chewing, slow_smiles, lively_lips),
    ),
    "everything": Recipe(
        "all of it at once",
        micros_per_min=5.0,
        macros_per_min=2.0,
        sway_px=(1.0, 2.0),
        speech_per_min=2.0,
        light_drift=(0.02, 0.06),
        noise_sd=(1.5, 3.5),
        added=(
            nods,
            turns,
            chewing,
            slow_smiles,
            lively_lips,
            flicker,
            exposure_steps,
            lights,
            blur,
            jpeg,
            losses,
            glasses,
            hands,
        ),
    ),
}
"""The recipes by name; `-free` behind a name asks for the same without movements."""
