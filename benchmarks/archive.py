"""An archive of simulated sessions through `emostream analyze FOLDER`: two processes against one, results equal."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.measure import Timing
from benchmarks.offline import Run, run_analyze, write_session
from benchmarks.report import Row
from realtime.errors import EmostreamError

SESSIONS = 4
_TABLES = ("predictions", "band_power", "quality")


def run(seconds: float) -> list[Row]:
    """Analyse four sessions of `60 * seconds` each, with the processes of this machine that joblib starts."""
    session_s = max(8.0, 60.0 * seconds)
    with tempfile.TemporaryDirectory(prefix="emostream-bench-") as place:
        root = write_archive(Path(place) / "root", SESSIONS, session_s)
        one, two = (analyzed_folder(root, Path(place) / f"by-{jobs}", jobs) for jobs in (1, 2))
        difference = largest_difference(Path(place) / "by-1", Path(place) / "by-2")
    return [
        Row(
            name=f"analyze of {SESSIONS} sessions, {session_s:g} s of 62 channels x 1000 Hz each, two processes",
            ours=Timing.of([1000.0 * two.wall_s]),
            peers={"one process": Timing.of([1000.0 * one.wall_s])},
            max_difference=difference,
            note="simulated; start of the processes included; on the cores "
            f"{two.cpu_s:.1f} s, one process {one.cpu_s:.1f} s (it answers on a second thread, so that two processes "
            f"of two cores gain less than twofold); largest difference of a number in the tables {difference:g}",
        )
    ]


def write_archive(root: Path, sessions: int, session_s: float) -> Path:
    """A recordings root with a session a simulated participant; the signals are the same, which costs the same."""
    for number in range(1, sessions + 1):
        stem = f"sub-{number:02d}_ses-01_task-rest_run-01"
        folder = root / "sourcedata" / f"sub-{number:02d}" / "ses-01"
        folder.mkdir(parents=True)
        write_session(folder / f"{stem}.xdf", session_s)
    return root


def analyzed_folder(root: Path, out: Path, jobs: int) -> Run:
    """The command on the whole folder.

    Raises
    ------
    EmostreamError
        It failed, or a session in it did.
    """
    made = run_analyze([str(root), "--out", str(out), "--jobs", str(jobs), "--no-report"], out.with_suffix(".json"))
    if made.summary["failed"]:
        raise EmostreamError(f"analyze failed in {made.summary['failed']} of the sessions of '{root}'")
    return made


def largest_difference(one: Path, other: Path) -> float:
    """Between the numbers of two folders of analyses, table by table.

    Raises
    ------
    EmostreamError
        They do not hold the same tables, rows or texts.
    """
    import numpy as np
    from pyarrow import parquet, types

    found = sorted(path.relative_to(one) for name in _TABLES for path in one.rglob(f"{name}.parquet"))
    largest = 0.0
    for path in found:
        a, b = parquet.read_table(one / path), parquet.read_table(other / path)
        numbers = [field.name for field in a.schema if types.is_integer(field.type) or types.is_floating(field.type)]
        if a.shape != b.shape or not a.drop_columns(numbers).equals(b.drop_columns(numbers)):
            raise EmostreamError(f"two processes and one do not agree in the table '{path}'")
        for name in numbers:
            x, y = (table[name].to_numpy().astype(np.float64) for table in (a, b))
            if not np.array_equal(np.isnan(x), np.isnan(y)):
                raise EmostreamError(f"two processes and one do not agree in what the table '{path}' lacks")
            largest = max(largest, float(np.nanmax(np.abs(x - y), initial=0.0)))
    if not found:
        raise EmostreamError(f"no table in '{one}'")
    return largest
