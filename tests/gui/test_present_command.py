"""The command line of a presentation: what it refuses, what a dry run prints, and a rehearsal without a window."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from present_helpers import FLASHES, Sent, open_test_session, write_clip, write_playlist
from PyQt5.QtCore import QTimer
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtWidgets import QApplication
from typer.testing import CliRunner

import gui.present.unseen as unseen
from gui.present.commands import present
from gui.present.show import Showing, _failing, _screens
from realtime.config import LslConfig
from realtime.errors import ConfigurationError, DataError


def _run(*arguments: object) -> str:
    app = typer.Typer()
    app.command()(present)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_a_dry_run_prints_order_and_timing_and_shows_nothing(tmp_path: Path) -> None:
    write_clip(tmp_path / "film.mp4", seconds=0.5)
    trials = FLASHES + '[[blocks.trials]]\nstimulus = "film.mp4"\nemotion = "fear"\n'
    said = _run(
        write_playlist(tmp_path, trials), "--dry-run", "--order", "latin", "--participant-number", 2, "--seed", 5
    )
    lines = said.splitlines()
    assert lines[0] == "test: sub-01 ses-01"
    assert lines[1] == "order latin, seed 5, row 2"
    assert lines[3] == "one:"
    assert sorted(line.split()[1] for line in lines[4:7]) == ["fear", "happy", "sad"]
    assert any("film.mp4  (64x48, 20 fps)" in line for line in lines)
    # baseline 2; three of rest 1 and blank 0.5; 3 + 4 + 0.5
    assert lines[7] == "at least 14 s, and the time for reading and answering"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no playlist: name one, or write an example"),
        (["p.toml", "--no-window"], "it goes with --auto-answers"),
        (["p.toml", "--order", "any", "--dry-run"], "no order 'any'; there are: fixed, random, latin"),
        (["p.toml", "--subject", "Jane Doe", "--dry-run"], "subject 'Jane Doe'"),
        (["p.toml", "--summary", "absent/s.json"], "there is no folder"),
    ],
)
def test_wrong_usage_is_refused_before_anything_is_read(arguments: list[str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        _run(*arguments)


def test_a_missing_stimulus_is_refused_before_a_window_opens(tmp_path: Path) -> None:
    playlist = write_playlist(tmp_path, '[[blocks.trials]]\nstimulus = "gone.mp4"\nemotion = "sad"\n')
    with pytest.raises(DataError, match=r"no stimulus 'gone\.mp4'"):
        _run(playlist, "--windowed")


class FakeMarkers(Sent):
    """Markers that go nowhere, and words of an operator."""

    words: list[tuple[str, dict[str, Any]]]

    def __enter__(self) -> FakeMarkers:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def listened_to(self) -> bool:
        return True

    def heard(self) -> Iterator[tuple[str, dict[str, Any]]]:
        words, self.words = self.words, []
        return iter(words)


def _unseen(folder: Path, monkeypatch: pytest.MonkeyPatch, seconds: float | None) -> tuple[FakeMarkers, Any]:
    markers = FakeMarkers()
    markers.words = []
    monkeypatch.setattr(unseen, "Markers", lambda config: markers)
    trials = '[[blocks.trials]]\nstimulus = "builtin:flash"\nemotion = "sad"\nduration_s = 0.1\n'
    playlist = write_playlist(folder, trials)
    text = playlist.read_text(encoding="utf-8")
    playlist.write_text(text.replace("baseline_s = 2.0", "baseline_s = 0").replace("rest_s = 1.0", "rest_s = 0.1"))
    session = open_test_session(playlist, auto=True)
    return markers, unseen.run_unseen(session, LslConfig(), seconds, wait_for_recording=False)


def test_a_rehearsal_without_a_window_says_that_no_screen_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    markers, (code, summary) = _unseen(tmp_path, monkeypatch, None)
    assert code == 0
    assert summary["ended"] == "completed"
    assert summary["display"] == {"path": "none", "stamped": "no screen"}
    assert markers.names[-1] == "session_end"
    assert json.dumps(summary)


def test_a_rehearsal_ends_after_its_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    markers, (code, summary) = _unseen(tmp_path, monkeypatch, 0.1)
    assert (code, summary["ended"], summary["completed"]) == (0, "stopped", False)
    assert markers[-1][0] == {"event": "session_end", "completed": False}


class FakeScreen:
    """A screen with a name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def name(self) -> str:
        return self._name

    def size(self) -> Any:
        class Size:
            def width(self) -> int:
                return 1920

            def height(self) -> int:
                return 1080

        return Size()


def test_the_participant_has_the_last_screen_and_the_operator_another(monkeypatch: pytest.MonkeyPatch) -> None:
    lab, hall = FakeScreen("lab"), FakeScreen("hall")
    monkeypatch.setattr(QGuiApplication, "screens", staticmethod(lambda: [lab, hall]))
    assert _screens(Showing()) == (hall, lab)
    assert _screens(Showing(screen=1)) == (lab, hall)
    with pytest.raises(ConfigurationError, match="no screen 3; there are: 1 'lab' 1920x1080, 2 'hall' 1920x1080"):
        _screens(Showing(screen=3))
    monkeypatch.setattr(QGuiApplication, "screens", staticmethod(lambda: [lab]))
    assert _screens(Showing()) == (lab, None)
    assert _screens(Showing(windowed=True)) == (lab, lab)


def test_what_fails_in_a_slot_ends_the_event_loop_and_is_kept(qapp: QApplication) -> None:
    before = sys.excepthook
    error = ValueError("broken")
    with _failing(qapp) as failures:
        # in a running loop: an exit without one would end the loops of every later test
        QTimer.singleShot(0, lambda: sys.excepthook(ValueError, error, None))
        assert qapp.exec_() == 1
        assert failures == [error]
    assert sys.excepthook is before
