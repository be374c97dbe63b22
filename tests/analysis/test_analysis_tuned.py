"""A session that was tuned while it ran is analysed with the same changes at the same stamps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes import AlphaRecognizer
from live_run import FIRST_S, LiveRun, record, texts

from realtime.analysis.analyze import Analysis
from realtime.analysis.session_source import Wish, open_session
from realtime.analysis.setting import Setting, settle
from realtime.analysis.source import Source
from realtime.session.recorded import find_session

ASKED = {
    900: {"smoothing_s": 0.0, "uncertain_below": 0.4},
    1700: {"smoothing_s": 3.0, "max_bad_fraction": 0.9},
    2500: {"noisy_uv": 11.0, "class_names": {"low": "calm"}},
}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> LiveRun:
    return record(tmp_path_factory.mktemp("tuned"), asked=ASKED)


def _opened(run: LiveRun, **wish: bool) -> tuple[Source, Setting]:
    source = open_session(find_session(run.xdf), Wish(**wish))  # type: ignore[arg-type]
    return source, settle(source, "fake", config=None, calibration=None, interpolate=False)


def test_the_live_answers_of_a_tuned_session_come_again(tuned: LiveRun, tmp_path: Path) -> None:
    source, setting = _opened(tuned)
    assert len(setting.tunings) == 4
    analysis = Analysis(source, AlphaRecognizer(), setting)
    analysis.run(None, progress=False)
    said = analysis.as_live
    assert said is not None
    assert said["compared"] == len(tuned.predictions) > 50
    assert said["only_live"] == said["only_analysis"] == 0
    assert said["max_difference"] < 1e-6
    told = analysis.facts()["tunings"]
    assert [t["smoothing_s"] for t in told] == [1.0, 0.0, 3.0, 3.0]
    assert told[1]["at_s"] == pytest.approx(900 / 250 + 0.25, abs=0.25)
    assert "tuned as the live engine was: 3 changes" in analysis.facts()["notes"]


def test_without_the_changes_they_would_not(tuned: LiveRun) -> None:
    source, setting = _opened(tuned)
    analysis = Analysis(source, AlphaRecognizer(), Setting(setting.config, repeats_live=True))
    analysis.run(None, progress=False)
    said = analysis.as_live
    assert said is not None
    assert said["max_difference"] > 0.01


def test_a_mended_analysis_follows_the_changes_too(tuned: LiveRun) -> None:
    source, setting = _opened(tuned, as_live=False)
    assert source.live is None
    at_s = [change.at_s for change in setting.tunings if np.isfinite(change.at_s)]
    assert len(at_s) == 3
    assert at_s[0] == pytest.approx(FIRST_S + 900 / 250 + 0.25, abs=0.25)


def test_a_configuration_of_ones_own_stands_as_it_is(tuned: LiveRun, tmp_path: Path) -> None:
    source, _ = _opened(tuned)
    path = tmp_path / "own.toml"
    path.write_text("[engine]\nsmoothing_s = 2.0\n")
    setting = settle(source, "fake", config=path, calibration=None, interpolate=False)
    assert setting.tunings == ()
    assert "3 changes of the live engine's tuning are left out: --config was given" in setting.notes


def test_a_tuning_that_began_within_the_recording_is_not_taken_for_its_start(
    tuned: LiveRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from realtime.analysis import live_answers

    whole = live_answers.tunings_of
    monkeypatch.setattr(live_answers, "tunings_of", lambda told: whole(told)[1:])
    source, _ = _opened(tuned)
    assert source.live is None
    assert any("did not say what it was tuned to first" in note for note in source.notes)


def test_a_wish_is_a_note_on_the_timeline_and_an_engine_s_answers_are_none(tmp_path: Path) -> None:
    wish = texts("emostream-control", (FIRST_S + 4.0, {"event": "tune", "set": {"smoothing_s": 0.0}}))
    source, _ = _opened(record(tmp_path, wish, asked={1000: {"smoothing_s": 0.0}}))
    assert [(span.kind, span.label) for span in source.timeline.spans] == [("note", "tune smoothing_s 0")]
