"""Small data sets in other people's layouts, for the readers' tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from models.data.rows import Dataset
from simulators.cohort_files import CohortOptions, SimulatedSession, cohort
from simulators.layouts import mark_simulated
from simulators.layouts.bdf_file import write_bdf
from simulators.layouts.film_file import write_film

OPTIONS = CohortOptions(subjects=2, trials=2, seconds=6.0, rest_s=1.0, videos=True, fps=25.0, sfreq_hz=250.0, lost=0.0)
"""Two people, two clips of 6 s each."""

SIZE = (160, 120)


def written(module: ModuleType, out: Path, options: CohortOptions = OPTIONS, **how: Any) -> list[SimulatedSession]:
    """Write a simulated data set into `out`, made here, and return what is in it."""
    out.mkdir(parents=True)
    module.write(options, out, size=SIZE, **how)
    mark_simulated(out, module.__name__.rsplit(".", 1)[-1], options)
    return list(cohort(options))


def messages(dataset: Dataset, kind: str | None = None) -> str:
    """All problems as one text, a line each."""
    told = [p for p in dataset.problems if kind in (None, p.kind)]
    return "\n".join(f"{p.kind} {p.where} {p.field}: {p.message}" for p in told)


def nobody_is_named(dataset: Dataset, names: Sequence[str]) -> bool:
    """Whether no name occurs in anything a reader says (file paths aside)."""
    said = [text for row in dataset.rows for text in (row.sample, row.subject, row.group, row.label, row.where)]
    said += [text for problem in dataset.problems for text in (problem.where, problem.message)]
    return not any(name in text for name in names for text in said)


def tiny_film(path: Path, frames: int = 30, fps: float = 30.0) -> Path:
    """A film of grey pictures that get lighter."""
    write_film(path, (np.full((24, 32), 4 * (k % 60), np.uint8) for k in range(frames)), fps)
    return path


def tiny_bdf(
    path: Path, seconds: int = 4, triggers: Sequence[tuple[float, int]] = (), sfreq_hz: int = 256, **how: Any
) -> Path:
    """Eight channels of noise."""
    rng = np.random.default_rng(0)
    names = ("Fp1", "Fp2", "C3", "C4", "P3", "P4", "O1", "O2")
    write_bdf(path, names, sfreq_hz, seconds, lambda _k: rng.normal(0, 20, (8, sfreq_hz)), triggers=triggers, **how)
    return path


def cut_short(path: Path, keep: float = 0.5) -> None:
    """Leave the first part of a file."""
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
