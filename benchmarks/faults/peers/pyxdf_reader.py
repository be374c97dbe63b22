"""What pyxdf alone makes of damaged files, in a process with a limit of memory: a count it believes may take all."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyxdf

ROOM_BYTES = 2 << 30
_MOST_S = 600.0


def outcomes(contents: Sequence[bytes]) -> list[str]:
    """For each file: 'silent' where it is read and nothing is logged, 'logged', 'raised', or 'died'."""
    with tempfile.TemporaryDirectory() as made:
        paths = []
        for i, content in enumerate(contents):
            paths.append(Path(made) / f"{i}.xdf")
            paths[-1].write_bytes(content)
        found: list[str] = []
        while len(found) < len(paths):
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.faults.peers.pyxdf_reader"],
                input=json.dumps([str(path) for path in paths[len(found) :]]),
                capture_output=True,
                text=True,
                check=False,
                cwd=Path(__file__).parents[3],
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                timeout=_MOST_S,
            )
            said = done.stdout.split()
            found += said if len(said) == len(paths) - len(found) else [*said, "died"]
    return found


def _main() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (ROOM_BYTES, ROOM_BYTES))
    logged: list[logging.LogRecord] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(record)

    logger = logging.getLogger("pyxdf")
    logger.propagate = False
    logger.addHandler(Collector(logging.WARNING))
    for path in json.loads(sys.stdin.read()):
        logged.clear()
        try:
            pyxdf.load_xdf(path, verbose=False)
            said = "logged" if logged else "silent"
        except Exception:  # noqa: BLE001  of any kind, which is what is counted
            said = "raised"
        print(said, flush=True)


if __name__ == "__main__":
    _main()
