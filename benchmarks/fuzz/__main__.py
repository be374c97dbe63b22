"""Every reader in turn, for so many seconds each: `python -m benchmarks.fuzz --seconds 60 [TARGET ...]`."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.fuzz.targets import TARGETS

_STARTING_S = 180


def main() -> int:
    """Run them; 1 where anything was found, 2 where atheris is missing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; default all")
    parser.add_argument("--seconds", type=int, default=60, help="for each reader")
    parser.add_argument("--findings", type=Path, help="folder for files that are wrongly read; default a temporary one")
    asked = parser.parse_args()
    if unknown := [name for name in asked.targets if name not in TARGETS]:
        parser.error(f"no reader '{unknown[0]}'; there are: {', '.join(TARGETS)}")
    if importlib.util.find_spec("atheris") is None:
        print("the fuzzer needs atheris: pip install atheris", file=sys.stderr)
        return 2
    folder = asked.findings or Path(tempfile.mkdtemp(prefix="findings-"))
    folder.mkdir(parents=True, exist_ok=True)
    found = sum(_run(name, asked.seconds, folder) for name in asked.targets or TARGETS)
    print(f"{found} findings; files in '{folder}'" if found else "nothing found")
    return 1 if found else 0


def _run(name: str, seconds: int, folder: Path) -> int:
    """Run one reader; how much was found."""
    before = set(folder.iterdir())
    command = [sys.executable, "-m", "benchmarks.fuzz.guided", name, "--seconds", str(seconds)]
    done = subprocess.run(
        [*command, "--findings", str(folder)],
        capture_output=True,
        check=False,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENCV_LOG_LEVEL": "OFF", "OPENCV_FFMPEG_LOGLEVEL": "-8"},
        timeout=seconds + _STARTING_S,
    )
    told = folder / f"{name}.json"
    said = json.loads(told.read_bytes()) if told.is_file() else {"read": 0, "refused": 0, "findings": []}
    told.unlink(missing_ok=True)
    # what ended the process is no finding of Python's, and has a file of libFuzzer's
    ended = [
        path.name for path in set(folder.iterdir()) - before if path.name.startswith((f"{name}-crash", f"{name}-"))
    ]
    crashes = [one for one in ended if any(word in one for word in ("-crash-", "-oom-", "-timeout-", "-leak-"))]
    words = done.stderr.decode(errors="replace")
    if done.returncode != 0 and not crashes:
        crashes = [f"ended with {done.returncode}: " + words.strip()[-200:]]
    reached = re.findall(r" cov: (\d+) ", words) or ["0"]
    print(
        f"{name:13} {said['read']:8} read {said['refused']:8} refused, places reached {reached[0]} to {reached[-1]}",
        flush=True,
    )
    for one in (*said["findings"], *crashes):
        print(f"    {one}", flush=True)
    return len(said["findings"]) + len(crashes)


if __name__ == "__main__":
    sys.exit(main())
