"""So many spoiled files for a reader, and what came of them; a process that dies is started again behind its case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_STALLED_S = 120.0


@dataclass(slots=True)
class Result:
    """What came of the cases of one reader.

    Parameters
    ----------
    cases, read, refused : int
        How many there were, were read, and were refused with a named error.
    findings : dict of int -> str
        Case and what was wrong: a crash, a traceback, more than a second, more memory, code that ran.
    slowest_s : float
        CPU time of the slowest case.
    grown_mb : float
        Peak memory of the process beyond what it had before the first case.
    """

    cases: int = 0
    read: int = 0
    refused: int = 0
    findings: dict[int, str] = field(default_factory=dict)
    slowest_s: float = 0.0
    grown_mb: float = 0.0


def run_cases(target: str, count: int, seed: int = 0, folder: Path | None = None, *, peer: bool = False) -> Result:
    """Give a reader `count` cases: those an attacker would build first, then honest files that are changed.

    Parameters
    ----------
    target : str
        Of `benchmarks.fuzz.targets.TARGETS`; of its `PEERS` with `peer`, of whom an exception of any kind is accepted.
    count, seed : int
    folder : Path, optional
        Where temporary files go.
    peer : bool

    Raises
    ------
    RuntimeError
        The readers cannot be started.
    """
    result, first = Result(), 0
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=folder) as made:
        while first < count:
            asked = {"target": target, "first": first, "count": count - first, "seed": seed, "folder": made}
            first = _run({**asked, "peer": peer}, result)
    result.cases = count
    return result


def _run(asked: dict[str, Any], result: Result) -> int:
    """Run one process; the case to go on with."""
    count = asked["count"]
    progress = Path(asked["folder"]) / "progress"
    progress.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fuzz.child"],
        input=json.dumps(asked).encode(),
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENCV_LOG_LEVEL": "OFF", "OPENCV_FFMPEG_LOGLEVEL": "-8"},
        timeout=_STALLED_S + 2.0 * count,
    )
    ended = False
    for line in done.stdout.splitlines():
        said = json.loads(line)
        if said.get("done"):
            ended = True
            result.read += said["read"]
            result.refused += said["refused"]
            result.slowest_s = max(result.slowest_s, said["slowest_s"])
            result.grown_mb = max(result.grown_mb, said["grown_mb"])
        else:
            result.findings[said["case"]] = said["detail"]
    if ended:
        return asked["first"] + count
    if not progress.is_file():
        raise RuntimeError(f"{asked['target']}: {done.stderr.decode(errors='replace')[-2000:]}")
    died = int(progress.read_text(encoding="ascii"))
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    result.findings[died] = f"the process died, {done.returncode}: {' '.join(last)[:150]}"
    return died + 1
