"""The fuzzer is guided: what it covers is our code, and honest files are what it begins with."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.fuzz import hostile
from benchmarks.fuzz.folders import FOLDERS
from benchmarks.fuzz.targets import TARGETS

_ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("name", "places"), [("session", 10), ("annotations", 60)])
def test_a_reader_is_covered_also_where_its_honest_files_are_made_with_it(
    name: str, places: int, tmp_path: Path
) -> None:
    """Made before the instrumentation, they had brought the reader in without it: 2 of 74,000 files were read."""
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "benchmarks.fuzz.guided", name, "--seconds", "2", "--findings", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, check=True, cwd=_ROOT, env=environment, text=True)
    assert "Is the code instrumented" not in done.stderr
    reached = [int(count) for count in re.findall(r" cov: (\d+) ", done.stderr)]
    assert reached[-1] >= places
    said = json.loads((tmp_path / f"{name}.json").read_bytes())
    assert said["findings"] == []
    # honest files are among those that are changed, though they reach fewer places than bad ones
    assert said["read"] > 5
    assert said["refused"] > 5


@pytest.mark.parametrize("name", [one[0] for one in FOLDERS])
def test_a_reader_of_a_folder_reads_its_honest_files(name: str, tmp_path: Path) -> None:
    if name in ("encrypted", "identity"):
        pytest.importorskip("pyrage", reason="pip install emostream[privacy]")
    one = TARGETS[name]
    for content in one.seeds(tmp_path):
        (tmp_path / one.file).write_bytes(content)
        one.read(tmp_path / one.file)


def test_what_an_attacker_would_build_is_for_a_reader_that_there_is() -> None:
    assert {name for names, _ in hostile._MAKERS for name in names} <= TARGETS.keys()
