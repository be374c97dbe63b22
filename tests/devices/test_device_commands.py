"""The commands of devices: what is said, and with which exit code, when nothing came."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from realtime.devices.commands import keep
from realtime.errors import DataError


class Board:
    """A device on LSL that gives `each` samples a step and ends after three."""

    def __init__(self, each: int) -> None:
        self.each, self.steps, self.stopped = each, 0, False

    @property
    def running(self) -> bool:
        return self.steps < 3

    def start(self) -> None: ...

    def step(self) -> None:
        self.steps += 1

    def stop(self) -> None:
        self.stopped = True

    def summary(self) -> dict[str, Any]:
        return {"sent": {"samples": self.each * self.steps, "lost on the way": 0}}


def test_a_device_that_gave_nothing_is_an_error_and_its_summary_is_kept(tmp_path: Path) -> None:
    board = Board(0)
    with pytest.raises(DataError, match=r"the device gave nothing within 0\.5 s: see that it is on"):
        keep(board, 0.5, tmp_path / "s.json")
    assert board.stopped
    assert json.loads((tmp_path / "s.json").read_text())["sent"]["samples"] == 0


def test_one_that_gave_something_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    keep(Board(8), None, None)
    assert capsys.readouterr().out == "sent 24 samples\n"
