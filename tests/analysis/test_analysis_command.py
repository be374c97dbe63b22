"""`emostream analyze`: where results go, what stands in their way, what an interruption leaves behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from fakes import AlphaRecognizer
from live_run import STEM, LiveRun, record
from typer.testing import CliRunner

from realtime.analysis.command import analyze_command
from realtime.errors import ConfigurationError, DataError
from realtime.packets import EegSequence, MicroMovement, Recognition
from realtime.recorder.checksums import write_checksums
from realtime.review.annotations import Annotation, annotations_path, save_annotations
from realtime.session.files import RunFiles

_OUT = Path("derivatives", "emostream", "sub-01", "ses-01", STEM)


class _Interrupted(AlphaRecognizer):
    """Ctrl-C after twenty answers."""

    def recognize(self, eeg: EegSequence | None, movement: MicroMovement | None) -> Recognition:
        if len(self.asked) == 20:
            raise KeyboardInterrupt
        return super().recognize(eeg, movement)


def _nowhere(*_: object, **_where: object) -> Any:
    raise AssertionError("one session needs no other process")


@pytest.fixture
def run(tmp_path: Path) -> LiveRun:
    return record(tmp_path / "sourcedata" / "sub-01" / "ses-01", seconds=7.0)


@pytest.fixture
def analyze(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.setenv("TQDM_DISABLE", "1")

    def call(*arguments: object, recognizer: Callable[[], AlphaRecognizer] = AlphaRecognizer) -> str:
        app = typer.Typer()
        app.command()(analyze_command(lambda _path: recognizer(), Path("demonstration"), _nowhere))
        done = CliRunner().invoke(app, list(map(str, arguments)), standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        return done.output

    return call


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _left(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_a_session_s_results_go_below_its_root(analyze, run: LiveRun, tmp_path: Path) -> None:
    said = analyze(run.xdf.parent, "--no-report", "--export", "none", "--summary", tmp_path / "s.json")
    assert f"as live: {len(run.predictions)} answers differ by" in said
    assert f"results in '{tmp_path / _OUT}'" in said
    told = _json(tmp_path / _OUT / "analysis.json")
    assert told["format"] == "emostream-analysis-1"
    assert {key: told["source"][key] for key in ("stem", "subject", "session", "task", "run")} == {
        "stem": STEM,
        "subject": "01",
        "session": "01",
        "task": "suppression",
        "run": 1,
    }
    assert told["as_live"]["max_difference"] < 1e-6
    assert _json(tmp_path / "s.json").keys() == _json(tmp_path / _OUT / "summary.json").keys()
    names = {"analysis.json", "summary.json", "spectrogram.npz"}
    names |= {f"{table}.{end}" for table in ("predictions", "band_power", "quality") for end in ("csv", "parquet")}
    assert set(_left(tmp_path / _OUT)) == names
    description = tmp_path / "derivatives" / "emostream" / "dataset_description.json"
    told = _json(description)
    assert (told["DatasetType"], told["BIDSVersion"]) == ("derivative", "1.10.0")
    assert told["GeneratedBy"][0].keys() == {"Name", "Version"}
    assert (description.parent / told["SourceDatasets"][0]["URL"]).resolve() == tmp_path
    assert description.stat().st_mode & 0o777 == 0o600
    description.write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="holds files already"):
        analyze(run.xdf.parent, "--no-report")
    analyze(run.xdf.with_suffix(""), "--no-report", "--export", "none", "--whole", "--force")
    assert _json(tmp_path / _OUT / "analysis.json")["as_live"] is None
    assert _json(description) == {}, "what is there stays"


def test_the_report_is_part_of_the_folder(analyze, run: LiveRun, tmp_path: Path, monkeypatch) -> None:
    seen: list[list[str]] = []
    reviewed: list[Path | None] = []

    def write_report(folder: Path, *, annotations: Path | None) -> Path:
        seen.append(_left(folder))
        reviewed.append(annotations)
        (folder / "report.html").write_text("<html>", encoding="utf-8")
        return folder / "report.html"

    monkeypatch.setattr("realtime.report.write_report", write_report)
    analyze(run.xdf, "--out", tmp_path / "out", "--export", "none")
    assert {"analysis.json", "summary.json", "predictions.parquet"} <= set(seen[0])
    assert (tmp_path / "out" / "report.html").stat().st_mode & 0o777 == 0o600
    table = annotations_path(run.xdf)
    for status in ("candidate", "rejected"):
        save_annotations(table, [Annotation(1.0, 1.2, 1.4, status=status)])
        analyze(run.xdf, "--out", tmp_path / status, "--export", "none")
    table.write_text("no table", encoding="utf-8")
    analyze(run.xdf, "--out", tmp_path / "damaged", "--export", "none")
    assert reviewed == [None, None, table, None], "what a coder decided is marked, where one has and it can be read"
    assert "the annotations cannot be read" in _json(tmp_path / "damaged" / "analysis.json")["notes"][-1]


def test_loose_files_have_a_summary_alone(analyze, run: LiveRun, tmp_path: Path) -> None:
    loose = tmp_path / "pilot.xdf"
    loose.write_bytes(run.xdf.read_bytes())
    assert "results in" not in analyze(loose)
    assert _left(tmp_path) == ["pilot.xdf", "sourcedata"]
    with pytest.raises(ConfigurationError, match="--export needs a folder"):
        analyze(loose, "--export", "fif")


def test_an_interruption_leaves_the_summary_and_nothing_half_written(run: LiveRun, tmp_path: Path) -> None:
    command = analyze_command(lambda _path: _Interrupted(), Path("demonstration"), _nowhere)
    with pytest.raises(KeyboardInterrupt):
        command([run.xdf], summary=tmp_path / "s.json")
    # what the chunks before it had: the interruption came at the 20th answer
    assert 10 <= _json(tmp_path / "s.json")["predictions"]["count"] <= 20
    assert _left(tmp_path) == ["s.json", "sourcedata"]


@pytest.mark.parametrize("how", ["cut short", "missing"])
def test_files_that_are_not_as_recorded_are_refused(analyze, run: LiveRun, tmp_path: Path, how: str) -> None:
    other = run.xdf.with_name(f"{STEM}_calibration.npz")
    other.write_bytes(b"x" * 100)
    write_checksums(RunFiles(run.xdf.parent, STEM))
    if how == "missing":
        other.unlink()
    else:
        run.xdf.write_bytes(run.xdf.read_bytes()[:-5000])
    wanted = f"'{STEM}_calibration.npz' in .* is missing" if how == "missing" else "is not as it was recorded"
    with pytest.raises(DataError, match=wanted):
        analyze(run.xdf)
    assert _left(tmp_path) == ["sourcedata"]


def test_what_cannot_be_analysed_is_said_in_one_line(analyze, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no recorded session in"):
        analyze(tmp_path)
    with pytest.raises(DataError, match=r"no recording '.*none\.xdf'"):
        analyze(tmp_path / "none.xdf")
    (tmp_path / "broken.xdf").write_bytes(b"XDF:" + b"\x01" * 50)
    with pytest.raises(DataError):
        analyze(tmp_path / "broken.xdf")
    with pytest.raises(ConfigurationError, match="leave nothing to analyse"):
        analyze(tmp_path, "--no-eeg", "--no-video")
