"""Which way the skin goes in each facial action unit, as data: smooth bumps over anatomical points.

Lengths are px of a face crop in which the face, from cheek edge to cheek edge (mesh points 234 and 454), is 224 px
wide. 'Left' and 'right' are the person's own.

References
----------
Ekman, Friesen and Hager (2002), "Facial Action Coding System: the manual".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from realtime.errors import ConfigurationError

CROP_PX = 224.0
"""Face width, in the px in which amplitudes and the lengths of this module are given."""


@dataclass(frozen=True, slots=True)
class Bump:
    """One Gaussian bump of displacement on each side of the face.

    Parameters
    ----------
    anchor : str
        Anatomical point, without its side.
    out, down : float
        Displacement at the anchor, away from the midline and towards the chin; relative to the unit's other bumps.
    sigma_x, sigma_y : float
        Its extent, px of the 224 px crop.
    """

    anchor: str
    out: float
    down: float
    sigma_x: float
    sigma_y: float


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """One FACS unit.

    Parameters
    ----------
    name : str
        FACS name.
    bumps : tuple of Bump
    regions : tuple of str
        Where it is seen; `*` stands for `left` and `right`.
    opening : float
        How far the lower lip leaves the upper one, relative to the bumps; 0 keeps the mouth shut.
    """

    name: str
    bumps: tuple[Bump, ...]
    regions: tuple[str, ...]
    opening: float = 0.0


UNITS: dict[int, ActionUnit] = {
    1: ActionUnit("inner brow raiser", (Bump("brow_inner", 0.0, -1.0, 24, 17),), ("brow_*",)),
    2: ActionUnit(
        "outer brow raiser", (Bump("brow_outer", 0.1, -1.0, 24, 17), Bump("brow_mid", 0.0, -0.5, 22, 16)), ("brow_*",)
    ),
    4: ActionUnit(
        "brow lowerer",
        (Bump("brow_inner", -0.5, 0.85, 24, 17), Bump("brow_mid", -0.3, 0.7, 24, 17)),
        ("brow_*",),
    ),
    5: ActionUnit("upper lid raiser", (Bump("lid_upper", 0.0, -1.0, 22, 11),), ("eye_*",)),
    6: ActionUnit(
        "cheek raiser",
        (
            Bump("cheek", 0.0, -1.0, 26, 17),
            Bump("lid_lower", 0.0, -0.7, 22, 12),
            Bump("eye_outer", -0.5, 0.1, 13, 13),
        ),
        ("eye_*",),
    ),
    7: ActionUnit(
        "lid tightener", (Bump("lid_lower", -0.15, -1.0, 22, 12), Bump("lid_upper", 0.0, 0.3, 20, 10)), ("eye_*",)
    ),
    9: ActionUnit(
        "nose wrinkler",
        (
            Bump("nose_wing", 0.1, -1.0, 16, 20),
            Bump("nose_root", 0.0, -0.5, 13, 16),
            Bump("upper_lip", 0.0, -0.4, 18, 13),
            Bump("brow_inner", -0.3, 0.4, 20, 14),
        ),
        ("nose_*",),
    ),
    10: ActionUnit(
        "upper lip raiser",
        (Bump("upper_lip", 0.15, -1.0, 18, 14), Bump("nose_wing", 0.15, -0.8, 16, 16)),
        ("nose_*", "mouth"),
    ),
    12: ActionUnit(
        "lip corner puller",
        (Bump("mouth_corner", 0.75, -0.7, 24, 22), Bump("cheek", 0.2, -0.35, 26, 20)),
        ("mouth_*",),
    ),
    14: ActionUnit("dimpler", (Bump("mouth_corner", 0.95, -0.2, 15, 15),), ("mouth_*",)),
    15: ActionUnit(
        "lip corner depressor", (Bump("mouth_corner", 0.1, 1.0, 19, 18), Bump("jaw", 0.0, 0.3, 22, 18)), ("mouth_*",)
    ),
    17: ActionUnit("chin raiser", (Bump("chin", 0.0, -1.0, 24, 18), Bump("lower_lip", 0.0, -0.4, 18, 11)), ("chin",)),
    20: ActionUnit(
        "lip stretcher", (Bump("mouth_corner", 1.0, 0.2, 28, 24), Bump("jaw", 0.4, 0.2, 24, 18)), ("mouth_*",)
    ),
    23: ActionUnit(
        "lip tightener",
        (
            Bump("mouth_corner", -0.9, 0.0, 22, 17),
            Bump("upper_lip", 0.0, 0.4, 16, 9),
            Bump("lower_lip", 0.0, -0.4, 16, 10),
        ),
        ("mouth_*",),
    ),
    24: ActionUnit(
        "lip presser",
        (
            Bump("upper_lip", 0.0, 0.8, 19, 9),
            Bump("lower_lip", 0.0, -1.0, 19, 11),
            Bump("mouth_corner", -0.2, 0.0, 18, 14),
        ),
        ("mouth",),
    ),
    25: ActionUnit("lips part", (Bump("upper_lip", 0.0, -0.15, 18, 10),), ("mouth",), opening=1.0),
    26: ActionUnit("jaw drop", (Bump("chin", 0.0, 0.7, 32, 24),), ("mouth", "chin"), opening=1.0),
}
"""The units the simulator knows, by FACS number."""

_SIDES = ("left", "right")


def units_of(action_units: Iterable[int]) -> tuple[ActionUnit, ...]:
    """Look units up by number.

    Raises
    ------
    ConfigurationError
        A number the simulator does not know; the message lists those it knows.
    """
    numbers = tuple(action_units)
    unknown = [number for number in numbers if number not in UNITS]
    if unknown or not numbers:
        known = ", ".join(str(number) for number in UNITS)
        raise ConfigurationError(f"cannot simulate action units {list(numbers)}: wanted one or more of {known}")
    return tuple(UNITS[number] for number in numbers)


def regions_of(action_units: Iterable[int], side: str = "both") -> tuple[str, ...]:
    """Face regions in which these units are seen, in the order of the units, each once.

    Parameters
    ----------
    action_units : iterable of int
        FACS numbers.
    side : 'both', 'left' or 'right'
        The person's own side.

    Raises
    ------
    ConfigurationError
        An unknown unit.
    """
    sides = sides_of(side)
    found: dict[str, None] = {}
    for unit in units_of(action_units):
        for region in unit.regions:
            names = [region.replace("*", each) for each in sides] if "*" in region else [region]
            found.update(dict.fromkeys(names))
    return tuple(found)


def sides_of(side: str) -> tuple[str, ...]:
    """('left', 'right') for 'both', else the one named.

    Raises
    ------
    ConfigurationError
        Any other word.
    """
    if side == "both":
        return _SIDES
    if side not in _SIDES:
        raise ConfigurationError(f"unknown side of a face {side!r}: wanted both, left or right")
    return (side,)
