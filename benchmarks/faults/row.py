"""One fault: what is required, how ours and the peers are put to it, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Figure = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one contender did.

    Parameters
    ----------
    measured : str
        In words, with the figures, as the table shows it.
    met : bool
        Every part of what is required held.
    figures : mapping of str -> number, text or bool
        Each quantity that is required, by name and unit.
    """

    measured: str
    met: bool
    figures: Mapping[str, Figure] = field(default_factory=dict)


Contender = Callable[[bool], Outcome]
"""Injects the fault and measures; True for the full length, False for a shortened one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One fault of the matrix.

    Parameters
    ----------
    id : int
        Number in the matrix, 1 to 24.
    title : str
        The fault, in a few words.
    required : str
        What must happen.
    ours : Contender
    peers : mapping of name -> Contender
        Those whom the fault concerns: 'pylsl', 'mne-lsl', 'pyxdf', 'LabRecorder'.
    """

    id: int
    title: str
    required: str
    ours: Contender
    peers: Mapping[str, Contender] = field(default_factory=dict)


def not_installed(package: str) -> Outcome:
    """A peer that is not there: said, and never a pass."""
    return Outcome(f"{package} is not installed", False)
