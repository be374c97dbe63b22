"""Which recording: subject, session, task and run, in BIDS' words, and where it lies below the recordings root."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from realtime.errors import ConfigurationError

TASK = "suppression"
"""What BIDS calls the task where nobody says another: keep a neutral face."""

_LABEL = re.compile(r"[0-9A-Za-z]{1,64}")
_STEM = re.compile(r"sub-([0-9A-Za-z]{1,64})_ses-([0-9A-Za-z]{1,64})_task-([0-9A-Za-z]{1,64})_run-([0-9]{1,4})")
_MOST_RUNS = 9999


@dataclass(frozen=True, slots=True)
class Run:
    """One recording.

    Parameters
    ----------
    subject, session, task : str
        Labels as BIDS asks: letters and digits. The subject is a pseudonym, never a name.
    run : int
        From 1 on.

    Raises
    ------
    ConfigurationError
        A label BIDS does not allow, or no such run number.
    """

    subject: str
    session: str = "01"
    task: str = TASK
    run: int = 1

    def __post_init__(self) -> None:
        for name in ("subject", "session", "task"):
            if not _LABEL.fullmatch(label := getattr(self, name)):
                raise ConfigurationError(f"{name} '{label}': letters and digits are wanted, as BIDS asks, such as 01")
        if not 1 <= self.run <= _MOST_RUNS:
            raise ConfigurationError(f"run {self.run}: a number from 1 to {_MOST_RUNS} is wanted")

    @property
    def stem(self) -> str:
        """What every file of the run begins with."""
        return f"sub-{self.subject}_ses-{self.session}_task-{self.task}_run-{self.run:02d}"

    @property
    def folder(self) -> Path:
        """The session folder, relative to the recordings root."""
        return Path("sourcedata", f"sub-{self.subject}", f"ses-{self.session}")

    @property
    def derivatives(self) -> Path:
        """Where what is computed from the run lies, relative to the recordings root."""
        return Path("derivatives", "emostream", f"sub-{self.subject}", f"ses-{self.session}", self.stem)

    def presented_otherwise(self, told: Mapping[str, object]) -> str:
        """What to do where a presenter's 'session_start' names another subject or session; '' where it names none."""
        subject, session = (str(told.get(name, getattr(self, name)))[:64] for name in ("subject", "session"))
        if (subject, session) == (self.subject, self.session):
            return ""
        return (
            f"the presentation is that of subject {subject!r}, session {session!r}: start 'emostream present' with "
            f"--subject {self.subject} --session {self.session}"
        )

    @classmethod
    def parse(cls, stem: str) -> Self:
        """The run a stem names.

        Raises
        ------
        ConfigurationError
            It is not of that form; no path can hide in one that is.
        """
        found = _STEM.fullmatch(stem)
        if found is None:
            raise ConfigurationError(f"'{stem[:100]}' names no run: sub-01_ses-01_task-{TASK}_run-01 is the form")
        subject, session, task, run = found.groups()
        return cls(subject, session, task, int(run))
