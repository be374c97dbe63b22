"""Class lists are data: presets, any list of names, and what finer or differently spelled labels become in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from models.data.rows import Problem, Row
from realtime.errors import ConfigurationError

PRESETS: dict[str, tuple[str, ...]] = {
    "3": ("negative", "positive", "surprise"),
    "5": ("happy", "sad", "fear", "disgust", "angry"),
    "7": ("happy", "surprise", "sad", "fear", "angry", "disgust", "tense"),
    "8": ("sad", "disgust", "happy", "fear", "tense", "calm", "angry", "surprise"),
}
"""The published class lists. Where the annotation file has 'tense', the paper's 7-class figure prints 'contempt'; here
the annotation file counts, and 'contempt' is a label of its own, which only the 3-class list has a place for."""

_SYNONYMS: dict[str, str] = {
    "happiness": "happy",
    "joy": "happy",
    "amusement": "happy",
    "sadness": "sad",
    "fearful": "fear",
    "afraid": "fear",
    "disgusted": "disgust",
    "anger": "angry",
    "surprised": "surprise",
    "tension": "tense",
    "tenseness": "tense",
    "nervous": "tense",
    "calmness": "calm",
    "contemptuous": "contempt",
    "pos": "positive",
    "neg": "negative",
}
# as the composite micro-expression sets have them: See et al. (2019), "MEGC 2019 - the second facial micro-expressions
# grand challenge"; 'tense' is added to the negative ones, 'calm', 'neutral' and 'others' have no place
_OF_THREE: dict[str, str] = {
    "happy": "positive",
    "surprise": "surprise",
    **dict.fromkeys(("sad", "disgust", "fear", "angry", "tense", "contempt", "repression"), "negative"),
}


@dataclass(frozen=True, slots=True)
class ClassList:
    """Names of the classes, and which of them a label belongs to.

    Parameters
    ----------
    names : tuple of str
        In the order of the network's output.
    own : dict of str -> str
        Folded label -> class, as far as the list itself says.
    """

    names: tuple[str, ...]
    own: dict[str, str] = field(default_factory=dict)

    def index(self, label: str) -> int | None:
        """Class of a label, exact name first, then synonym, then the coarser class; None where it has no place."""
        folded = _fold(label)
        meant = _SYNONYMS.get(folded, folded)
        found = self.own.get(folded) or self.own.get(meant)
        if found is None and set(self.names) == set(PRESETS["3"]):
            found = _OF_THREE.get(meant)
        return None if found is None else self.names.index(found)


def class_list(wanted: str | Sequence[str] | None, labels: Iterable[str] = ()) -> ClassList:
    """The class list of a preset, of given names, or of the labels as they are.

    Parameters
    ----------
    wanted : '3', '5', '7', '8', names (a sequence, or one text with commas), or None
        None takes the distinct `labels`, sorted.
    labels : iterable of str
        What the data set has.

    Raises
    ------
    ConfigurationError
        Fewer than two classes, one twice, or two spellings of one.
    """
    if wanted is None:
        # with no list given, labels mean what they say; only spellings that differ in case or spaces are one
        own: dict[str, str] = {}
        for name in sorted(set(labels)):
            own.setdefault(_fold(name), name)
        return ClassList(tuple(own.values()), own)
    if isinstance(wanted, str):
        text = wanted.strip()
        names = PRESETS.get(text) or tuple(part.strip() for part in text.split(",") if part.strip())
    else:
        names = tuple(str(name).strip() for name in wanted)
    if len(names) < 2:
        presets = ", ".join(PRESETS)
        raise ConfigurationError(f"classes '{wanted}': wanted a preset ({presets}) or at least two names, 'a,b'")
    own = {}
    for name in names:
        for key in {_fold(name), _SYNONYMS.get(_fold(name), _fold(name))}:
            if own.setdefault(key, name) != name:
                raise ConfigurationError(f"classes '{own[key]}' and '{name}' are one and the same; name each once")
    return ClassList(names, own)


def classify(rows: Sequence[Row], classes: ClassList) -> tuple[list[tuple[Row, int]], list[Problem]]:
    """Each row's class. Rows whose label has no place are left out, with a problem each and one with their number; one
    more says which labels go by another name."""
    placed: list[tuple[Row, int]] = []
    problems: list[Problem] = []
    without: Counter[str] = Counter()
    names = ", ".join(classes.names)
    for row in rows:
        index = classes.index(row.label)
        if index is None:
            without[row.label] += 1
            problems.append(Problem(row.where, "label", f"'{row.label}' has no place among {names}"))
        else:
            placed.append((row, index))
    renamed = {row.label: classes.names[index] for row, index in placed if row.label != classes.names[index]}
    if renamed:
        pairs = ", ".join(f"'{label}' as '{name}'" for label, name in sorted(renamed.items()))
        problems.append(Problem("data set", "label", f"labels taken as classes: {pairs}", "kept"))
    counted = ", ".join(f"'{label}' {count}" for label, count in sorted(without.items()))
    if without:
        message = f"{without.total()} of {len(rows)} rows have a label with no place among {names}: {counted}"
        problems.append(Problem("data set", "label", message, "kept"))
    return placed, problems


def _fold(label: str) -> str:
    return " ".join(label.replace("_", " ").split()).casefold()
