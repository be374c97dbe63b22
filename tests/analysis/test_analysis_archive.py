"""`emostream analyze` on many sessions: where results go, what a failed one leaves, and no change by where it ran."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from fakes import AlphaRecognizer
from live_run import record
from typer.testing import CliRunner

from benchmarks.archive import largest_difference
from models.scale_out import ScaleOut, spread
from realtime.analysis.archive import Member, Outcome, analyse_archive, find_archive, plan_archive
from realtime.analysis.command import analyze_command
from realtime.analysis.job import Wishes
from realtime.errors import ConfigurationError, DataError

_QUICK = ("--no-report", "--export", "none")


def _load(_path: Path) -> AlphaRecognizer:
    return AlphaRecognizer()


def _spread(function: Any, shared: Any, items: Sequence[Any], **where: Any) -> Generator[Any, None, None]:
    return spread(function, shared, items, ScaleOut(**where))


@pytest.fixture
def analyze(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setenv("TQDM_DISABLE", "1")

    def call(*arguments: object) -> str:
        app = typer.Typer()
        app.command()(analyze_command(_load, Path("demonstration"), _spread))
        done = CliRunner().invoke(app, list(map(str, arguments)), standalone_mode=False)
        if done.exception is not None:
            done.exception.add_note(done.output)
            raise done.exception
        return done.output

    return call


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sessions in a recordings root; that of sub-02 is damaged."""
    root = tmp_path_factory.mktemp("archive")
    made = record(root / "sourcedata" / "sub-01" / "ses-01", seconds=6.0).xdf
    for subject in ("sub-02", "sub-03"):
        folder = root / "sourcedata" / subject / "ses-01"
        folder.mkdir(parents=True)
        shutil.copy(made, folder / made.name.replace("sub-01", subject))
    broken = next((root / "sourcedata" / "sub-02").rglob("*.xdf"))
    broken.write_bytes(b"nothing of XDF")
    return root


def _results(root: Path, subject: str) -> Path:
    return next(path.parent for path in (root / "derivatives").rglob("analysis.json") if subject in str(path.parent))


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_damaged_session_is_told_and_the_others_are_done(
    analyze: Callable[..., str], archive: Path, tmp_path: Path, jobs: int
) -> None:
    root = tmp_path / "root"
    shutil.copytree(archive, root)
    with pytest.raises(DataError, match="1 of 3 sessions could not be analysed") as caught:
        analyze(root, *_QUICK, "--jobs", jobs, "--summary", tmp_path / "s.json")
    (said,) = caught.value.__notes__
    assert sum(line.startswith("sub-02_ses-01_task-suppression_run-01: ") for line in said.splitlines()) == 1
    told = _json(tmp_path / "s.json")
    assert {key: told[key] for key in ("sessions", "done", "there", "failed")} == {
        "sessions": 3, "done": 2, "there": 0, "failed": 1,
    }  # fmt: skip
    assert [row["state"] for row in told["rows"]] == ["done", "failed", "done"]
    assert told["rows"][0]["predictions"] == told["rows"][2]["predictions"] > 10
    assert told["rows"][0]["live_difference"] < 1e-6
    assert _json(_results(root, "sub-03") / "summary.json")["predictions"]["count"] == told["rows"][2]["predictions"]
    # again: what is there stays, and is told
    with pytest.raises(DataError, match="1 of 3"):
        analyze(root, *_QUICK, "--jobs", 1, "--summary", tmp_path / "s.json")
    assert [row["state"] for row in _json(tmp_path / "s.json")["rows"]] == ["there", "failed", "there"]


def test_two_processes_write_what_the_command_on_one_session_writes(
    analyze: Callable[..., str], archive: Path, tmp_path: Path
) -> None:
    source = archive / "sourcedata"
    analyze(source / "sub-01", source / "sub-03", *_QUICK, "--jobs", 2, "--out", tmp_path / "many")
    for subject in ("sub-01", "sub-03"):
        xdf = next((source / subject).rglob("*.xdf"))
        analyze(xdf, *_QUICK, "--out", tmp_path / subject)
        there = tmp_path / "many" / "ses-01" / xdf.stem
        assert largest_difference(there, tmp_path / subject) == 0.0


def test_which_sessions_are_meant(archive: Path, tmp_path: Path) -> None:
    source = archive / "sourcedata"
    one, two, three = (next((source / s).rglob("*.xdf")) for s in ("sub-01", "sub-02", "sub-03"))
    found = find_archive([archive])
    assert found is not None
    assert [member.xdf for member in found] == [one, two, three]
    assert found[0].below == Path("sourcedata", "sub-01", "ses-01")
    assert find_archive([one, three, source]) == (
        Member(one, Path()), Member(three, Path()), Member(two, Path("sub-02", "ses-01")),
    )  # fmt: skip
    # one session, loose files, a folder with nothing in it: as ever
    assert find_archive([one]) is None
    assert find_archive([one.parent]) is None
    assert find_archive([one.with_suffix("")]) is None
    assert find_archive([one, tmp_path / "film.mkv"]) is None
    assert find_archive([tmp_path]) is None
    (tmp_path / ".half.part").mkdir()
    shutil.copy(one, tmp_path / ".half.part")
    assert find_archive([tmp_path]) is None


def test_what_is_not_for_many_is_refused_before_any_work(
    analyze: Callable[..., str], archive: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="--calibration is for one session"):
        analyze(archive, "--calibration", tmp_path / "c.npz")
    with pytest.raises(ConfigurationError, match="--json is for one session"):
        analyze(archive, "--json", tmp_path / "m.json")
    with pytest.raises(ConfigurationError, match="--jobs must be -1"):
        analyze(archive, *_QUICK, "--jobs", 0, "--out", tmp_path / "out")
    loose = tmp_path / "loose"
    loose.mkdir()
    xdf = next(archive.rglob("*.xdf"))
    shutil.copy(xdf, loose / "a.xdf")
    shutil.copy(xdf, loose / "b.xdf")
    with pytest.raises(ConfigurationError, match=r"2 of 2 recordings lie in no recordings root.*--out"):
        analyze(loose)
    found = find_archive([loose / "a.xdf", loose / "b.xdf"])
    assert found is not None
    assert [job.out for job in plan_archive(found, tmp_path, Wishes(Path("m")))] == [tmp_path / "a", tmp_path / "b"]
    (tmp_path / "other").mkdir()
    shutil.copy(xdf, tmp_path / "other" / "a.xdf")
    with pytest.raises(ConfigurationError, match="would both be written to"):
        analyze(loose, tmp_path / "other", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_killed_processes_leave_is_taken_away(archive: Path, tmp_path: Path) -> None:
    found = find_archive([archive])
    assert found is not None
    jobs = plan_archive(found, tmp_path / "out", Wishes(Path("m")))
    folder = jobs[0].folder()
    assert folder is not None
    folder.parent.mkdir(parents=True)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left = folder.with_name(f".{folder.name}.{gone.pid}.part")
    at_work = folder.with_name(f".{folder.name}.{os.getpid()}.part")

    def interrupted(*_: object) -> Generator[Any, None, None]:
        left.mkdir()
        at_work.mkdir()
        yield Outcome(jobs[1].files[0].stem, "", "done")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        analyse_archive(jobs, _load, interrupted, tmp_path / "s.json")
    assert not left.exists()
    assert at_work.exists()
    assert [row["state"] for row in _json(tmp_path / "s.json")["rows"]] == ["done"]


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same(analyze: Callable[..., str], archive: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    source = archive / "sourcedata"
    for name, where in (("here", ("--jobs", 1)), ("there", ("--jobs", 2, "--backend", "dask"))):
        analyze(source / "sub-01", source / "sub-03", *_QUICK, *where, "--out", tmp_path / name)
    assert largest_difference(tmp_path / "here", tmp_path / "there") == 0.0
