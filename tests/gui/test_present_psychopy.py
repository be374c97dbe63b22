"""The example for PsychoPy: it compiles, and its markers go out when a flip has happened."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pylsl
import pytest

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "psychopy_markers.py"


class FakeWindow:
    """Calls what was asked for when it flips, as PsychoPy's window does."""

    def __init__(self, log: list[Any]) -> None:
        self._log = log
        self._asked: list[tuple[Callable[..., object], tuple[object, ...]]] = []

    def callOnFlip(self, function: Callable[..., object], *args: object) -> None:
        self._asked.append((function, args))

    def flip(self) -> None:
        self._log.append("flip")
        asked, self._asked = self._asked, []
        for function, args in asked:
            function(*args)


class FakeFilm:
    """Two frames."""

    def __init__(self, log: list[Any]) -> None:
        self._log, self._left = log, 2

    @property
    def isFinished(self) -> bool:
        return self._left == 0

    def play(self) -> None:
        self._log.append("play")

    def draw(self) -> None:
        self._left -= 1


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, list[Any]]:
    spec = importlib.util.spec_from_file_location("psychopy_markers", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    log: list[Any] = []

    class FakeOutlet:
        def __init__(self, info: pylsl.StreamInfo) -> None:
            log.append((info.name(), info.type()))

        def push_sample(self, sample: list[str], stamp: float) -> None:
            assert stamp > 0
            log.append(json.loads(sample[0]))

    monkeypatch.setattr(pylsl, "StreamOutlet", FakeOutlet)
    return module, log


def test_a_trial_begins_and_ends_with_a_flip(example: tuple[ModuleType, list[Any]]) -> None:
    module, log = example
    markers = module.Markers()
    module.show_trial(FakeWindow(log), markers, 1, FakeFilm(log), "clips/a.mp4", "sad")
    begun = {"event": "trial_start", "trial": 1, "emotion": "sad", "stimulus": "clips/a.mp4", "block": "films"}
    ended = {"event": "trial_end", "trial": 1, "emotion": "sad"}
    assert log == [("emostream-stimulus", "Markers"), "play", "flip", begun, "flip", "flip", ended]
