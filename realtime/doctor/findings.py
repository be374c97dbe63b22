"""What a check says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

State = Literal["ok", "warn", "fail"]

STATES: tuple[State, ...] = ("ok", "warn", "fail")
"""From good to bad."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's table.

    Parameters
    ----------
    check : str
        What was looked at: 'EEG units'.
    state : 'ok', 'warn' or 'fail'
        'fail' is what keeps a session from working, 'warn' what may spoil it.
    found : str
    advice : str
        What to do; '' where nothing is to be done.
    """

    check: str
    state: State
    found: str
    advice: str = ""


def ok(check: str, found: str) -> Finding:
    """Nothing is to be done."""
    return Finding(check, "ok", found)


def warn(check: str, found: str, advice: str) -> Finding:
    """It may spoil a session."""
    return Finding(check, "warn", found, advice)


def fail(check: str, found: str, advice: str) -> Finding:
    """It keeps a session from working."""
    return Finding(check, "fail", found, advice)


def worst(findings: Sequence[Finding]) -> State:
    """The worst state of all; 'ok' of none."""
    states = {finding.state for finding in findings}
    return "fail" if "fail" in states else "warn" if "warn" in states else "ok"


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """The doctor's summary: {"state", "counts": {"ok", "warn", "fail"}, "findings": [...]}."""
    counts = Counter(finding.state for finding in findings)
    return {
        "state": worst(findings),
        "counts": {state: counts[state] for state in STATES},
        "findings": [asdict(finding) for finding in findings],
    }
