"""Action units of the Facial Action Coding System: their names, and how a set of them is written.

References
----------
Ekman, Friesen and Hager (2002), "Facial Action Coding System: the manual".
"""

from __future__ import annotations

import re

from realtime.errors import DataError

ACTION_UNITS: dict[int, str] = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    11: "nasolabial deepener",
    12: "lip corner puller",
    13: "sharp lip puller",
    14: "dimpler",
    15: "lip corner depressor",
    16: "lower lip depressor",
    17: "chin raiser",
    18: "lip pucker",
    20: "lip stretcher",
    22: "lip funneler",
    23: "lip tightener",
    24: "lip pressor",
    25: "lips part",
    26: "jaw drop",
    27: "mouth stretch",
    28: "lip suck",
    38: "nostril dilator",
    39: "nostril compressor",
    43: "eyes closed",
    45: "blink",
    46: "wink",
}

_UNIT = re.compile(r"(?:AU)?\s*([LR]?)\s*(\d{1,2})", re.IGNORECASE)


def parse_units(text: str) -> tuple[str, ...]:
    """Action units out of what a coder writes: '4+7', 'AU4, AU7' or 'au4 aul10' (the left side alone).

    Returns
    -------
    tuple of str
        'AU4', 'AUL10': in order of their numbers, each once.

    Raises
    ------
    DataError
        A part is no action unit of FACS.
    """
    found: dict[tuple[int, str], str] = {}
    # 'AU 4' is one unit
    joined = re.sub(r"(?i)\bau\s+(?=[lr]?\s*\d)", "AU", text)
    for part in filter(None, re.split(r"[\s+,;/]+", joined)):
        match = _UNIT.fullmatch(part)
        if match is None or int(match[2]) not in ACTION_UNITS:
            raise DataError(
                f"'{part}' is no action unit: wanted numbers of FACS such as AU4+AU7, or AUL10 for one side"
            )
        side, number = match[1].upper(), int(match[2])
        found[number, side] = f"AU{side}{number}"
    return tuple(found[key] for key in sorted(found))


def number_of(unit: str) -> int:
    """Number of a unit as `parse_units` writes it: 'AUL10' -> 10."""
    return int(unit.lstrip("AULR"))


def units_text(units: tuple[str, ...]) -> str:
    """Units as the annotations hold them: 'AU4+AU7'; '' for none."""
    return "+".join(units)
