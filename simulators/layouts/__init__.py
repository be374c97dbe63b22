"""Simulated sessions written to disk, a module for each layout; see `simulators.cohort_files`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from joblib import Parallel, delayed
from tqdm import tqdm

from simulators.cohort_files import CohortOptions, SimulatedSession, simulated_session

MARK = "simulated.json"
"""Beside a simulated data set's files: nobody in them is real, and how they were made."""

_T = TypeVar("_T")


def over_subjects(task: Callable[[SimulatedSession], _T], options: CohortOptions, jobs: int = 1) -> list[_T]:
    """`task` of every subject's session, in `jobs` processes, with a progress bar; the results in order."""
    run: Any = Parallel(n_jobs=jobs, return_as="generator")(
        delayed(_one)(task, options, index) for index in range(options.subjects)
    )
    return list(tqdm(run, total=options.subjects, desc="simulated people", unit="person"))


def mark_simulated(out: Path, layout: str, options: CohortOptions) -> None:
    """Say in `simulated.json` that nobody in this folder is real, and how they were made."""
    told = {"simulated": True, "layout": layout, "cohort": asdict(options)}
    (out / MARK).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def _one(task: Callable[[SimulatedSession], _T], options: CohortOptions, index: int) -> _T:
    return task(simulated_session(options, index))
