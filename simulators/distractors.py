"""What makes movements hard to find, as data: head gestures, light, camera, glasses, a hand, a mouth in use.

Nothing of it is in the truth, and none of it happens unless a scenario asks for it. Lengths are px of a face crop in
which the face, cheek edge to cheek edge, is 224 px wide; times are seconds from the start of the scenario, so that one
scenario is the same at any frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulators.events import FacialEvent, Interval

GestureKind = Literal["nod", "turn", "tilt", "lean"]

HandPlace = Literal["chin", "cheek_left", "cheek_right", "brow_left", "brow_right"]


@dataclass(frozen=True, slots=True)
class HeadGesture:
    """A brief excursion of the head from where it sways.

    Parameters
    ----------
    kind : str
        'nod' goes up and down once or twice, 'turn' looks aside, 'tilt' rolls, 'lean' comes nearer; the last three
        stay a moment and come back.
    start_s, end_s : float
    size_px : float
        How far the face goes; the sign is the direction.
    """

    kind: GestureKind
    start_s: float
    end_s: float
    size_px: float


@dataclass(frozen=True, slots=True)
class Flicker:
    """Lamps on mains current seen by a camera: what the frame rate aliases it to.

    Parameters
    ----------
    mains_hz : float
        50 or 60; lamps flicker at twice that.
    depth : float
        Largest change of the lamps' brightness, as a share of it; a long exposure averages some of it away.
    exposure_s : float
    readout_s : float
        How much later the lowest row is exposed than the uppermost (rolling shutter); 0 exposes all rows at once.
    """

    mains_hz: float = 50.0
    depth: float = 0.1
    exposure_s: float = 1 / 120
    readout_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ExposureStep:
    """The camera's automatic exposure wakes up: brightness jumps past its new level and settles there.

    Parameters
    ----------
    at_s : float
    gain : float
        Brightness from then on, against before.
    jump_s : float
        Length of the jump: one to three frames.
    overshoot : float
        How far the jump goes beyond, as a share of the change.
    settle_s : float
        Time constant of the return from there.
    """

    at_s: float
    gain: float
    jump_s: float = 0.05
    overshoot: float = 0.3
    settle_s: float = 0.3


@dataclass(frozen=True, slots=True)
class LightSwitch:
    """A lamp in the room goes on (gain above 1) or off (below).

    Parameters
    ----------
    at_s : float
    gain : float
        Brightness in the middle of the picture from then on, against before.
    slope : float
        What the right edge gains more than the middle, as a share of the brightness: the lamp stands aside.
    rise_s : float
        How long the change takes.
    """

    at_s: float
    gain: float
    slope: float = 0.0
    rise_s: float = 0.04


@dataclass(frozen=True, slots=True)
class Glasses:
    """Spectacles: they ride on the head, the skin moves beneath them.

    Parameters
    ----------
    darkness : float
        Of the rims, 0 transparent to 1 black.
    rim_px : float
        Thickness of the rims.
    roundness : float
        0 rectangular to 1 round.
    glare : float
        Strength of the lamp's reflection, 0 to 1; it stays at one place of the lens.
    """

    darkness: float = 0.9
    rim_px: float = 4.0
    roundness: float = 0.5
    glare: float = 0.6


@dataclass(frozen=True, slots=True)
class Hand:
    """A hand that comes up from below, covers a part of the face, stays and goes again.

    Parameters
    ----------
    start_s, end_s : float
        From leaving the picture's edge until it is back there.
    place : str
        What it covers; 'left' and 'right' are the person's own.
    move_s : float
        Length of the way up, and of the way down.
    """

    start_s: float
    end_s: float
    place: HandPlace = "chin"
    move_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Distractors:
    """Everything that goes on beside the movements; the default is nothing.

    Parameters
    ----------
    gestures : tuple of HeadGesture
    slow_movements : tuple of FacialEvent
        Expressions too slow to be a movement in the sense of the truth, such as a smile that starts slowly and stays.
        `simulators.recipes.MACRO_S` says from when on.
    chewing : tuple of Interval
        With the mouth shut.
    articulation_px : float
        How far the lips spread, round and press during the scenario's speech, beside the mouth's opening.
    flicker : Flicker or None
    exposure_steps : tuple of ExposureStep
    light_switches : tuple of LightSwitch
    exposure_s : float
        Motion blur: how long a frame is exposed; 0 is a snapshot.
    jpeg_quality : int or None
        Every picture is compressed and unpacked again; 1 worst to 100 best.
    lost : tuple of Interval
        Frames stamped in these times never arrive. A stream has a gap there; a file of constant rate cannot have one
        and repeats the newest picture.
    repeated : tuple of Interval
        Frames stamped in these times arrive, with their true stamps, but show the newest picture from before.
    glasses : Glasses or None
    hands : tuple of Hand
        One at a time.
    """

    gestures: tuple[HeadGesture, ...] = ()
    slow_movements: tuple[FacialEvent, ...] = ()
    chewing: tuple[Interval, ...] = ()
    articulation_px: float = 0.0
    flicker: Flicker | None = None
    exposure_steps: tuple[ExposureStep, ...] = ()
    light_switches: tuple[LightSwitch, ...] = ()
    exposure_s: float = 0.0
    jpeg_quality: int | None = None
    lost: tuple[Interval, ...] = ()
    repeated: tuple[Interval, ...] = ()
    glasses: Glasses | None = None
    hands: tuple[Hand, ...] = ()


NONE = Distractors()
"""A calm room, a good camera."""
