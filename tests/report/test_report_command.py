"""`emostream report`."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from report_folder import Story, write_folder
from typer.testing import CliRunner

from realtime.errors import ConfigurationError, DataError
from realtime.report.command import report


@pytest.fixture
def app() -> typer.Typer:
    found = typer.Typer()
    found.command()(report)
    return found


def test_it_writes_the_report_again_without_faces(app: typer.Typer, tmp_path: Path) -> None:
    write_folder(tmp_path, Story(eeg=False, movements=1, trials=("sad",)))
    result = CliRunner().invoke(app, [str(tmp_path), "--no-faces"])
    assert result.exit_code == 0
    assert str(tmp_path / "report.html") in result.output.replace("\n", "")
    assert "Face at" not in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_folder_that_is_no_analysis_is_a_data_error(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [str(tmp_path)])
    assert isinstance(result.exception, DataError)
    assert "emostream analyze" in str(result.exception)


def test_annotations_that_are_not_there_are_a_usage_error(app: typer.Typer, tmp_path: Path) -> None:
    write_folder(tmp_path, Story(eeg=False, movements=1, trials=()))
    result = CliRunner().invoke(app, [str(tmp_path), "--annotations", str(tmp_path / "none.tsv")])
    assert isinstance(result.exception, ConfigurationError)
    assert not (tmp_path / "report.html").exists()
