"""The headless view: what it says of the newest answer, of what is given up, and of what is wrong."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from fakes import make_spec
from rich.console import Console

from realtime.packets import Evidence, Prediction, StreamHealth
from realtime.shedding import Shed
from realtime.textview import Standing, TextView

SPEC = make_spec()
HEALTH = StreamHealth("amp", "live", 1000, 3, 1, 0.01, 250.0)
Say = Callable[[Standing], str]


def standing() -> Standing:
    probabilities = np.full(len(SPEC.classes), 0.2 / (len(SPEC.classes) - 1), np.float32)
    probabilities[0] = 0.8
    prediction = Prediction(
        stamp=10.0,
        probabilities=probabilities,
        confidence=0.4,
        modalities=("eeg",),
        evidence=Evidence.ENOUGH,
        model_id="m",
        eeg_age_s=0.0,
        face_age_s=float("nan"),
    )
    return Standing(prediction, SPEC.classes[0], None, 2, (HEALTH,), {}, 0.0, Shed())


@pytest.fixture(params=[False, True], ids=["lines", "table"])
def say(request: pytest.FixtureRequest) -> Say:
    """What is on the screen 0.1 s after the prediction, as lines in a log and as the table of a terminal."""

    def said(how: Standing) -> str:
        console = Console(file=io.StringIO(), force_terminal=request.param, width=160, color_system=None)
        with TextView(SPEC, console) as view:
            view.show(10.1, how)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    return said


def test_the_answer_goes_by_the_names_that_are_in_force(say: Say) -> None:
    assert f"{SPEC.classes[0]} 0.80 from eeg" in say(standing())
    renamed = say(replace(standing(), names={SPEC.classes[0]: "startled"}))
    assert "startled 0.80 from eeg" in renamed
    assert "simulated truth" in renamed


def test_a_state_of_too_little_confidence_is_no_answer(say: Say) -> None:
    said = say(replace(standing(), uncertain_below=0.5))
    assert "uncertain: confidence 0.40" in said
    assert "from eeg" not in said


def test_an_old_answer_is_none(say: Say) -> None:
    old = standing()
    assert old.prediction is not None
    said = say(replace(old, prediction=replace(old.prediction, stamp=4.1)))
    assert "no prediction for 6 s" in said
    assert "from eeg" not in said


def test_what_a_busy_engine_gives_up_and_what_is_wrong_is_said(say: Say) -> None:
    assert "busy" not in say(standing())
    said = say(replace(standing(), shed=Shed(True, 2), health=(replace(HEALTH, note="its clock jumped"),)))
    assert "busy: sends less to screens and looks at one frame of 2" in said
    assert "its clock jumped" in said
    assert "3" in said.split("amp")[1]
