"""What happens on a face and when: the smallest pieces of a timeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["both", "left", "right"]

Shape = Literal["cosine", "early", "late", "plateau", "release"]
"""Time course of a movement between its onset, apex and offset; see `simulators.face_motion.course`."""

SHAPES: tuple[Shape, ...] = ("cosine", "early", "late", "plateau", "release")


@dataclass(frozen=True, slots=True)
class FacialEvent:
    """A facial movement made of action units (FACS numbers) that goes and returns.

    `amplitude_px` is the peak displacement of the strongest region in a face crop of 224 px; the person's
    expressivity is already in it. `side` is the person's own left or right. `shape` is the time course: a raised
    cosine where nothing is said.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    kind: Literal["micro", "macro"]
    action_units: tuple[int, ...]
    side: Side
    amplitude_px: float
    shape: Shape = "cosine"


@dataclass(frozen=True, slots=True)
class Interval:
    """Something that lasts: a blink, speech, a muscle burst, a mains burst."""

    start_s: float
    end_s: float
