"""A recording of a live run is answered as the live engine answered it, and says so."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fakes import CHANNELS, AlphaRecognizer, make_spec
from live_run import FIRST_S, LiveRun, record, texts

from realtime.analysis.analyze import Analysis
from realtime.analysis.session_source import Wish, open_session
from realtime.analysis.setting import Setting, settle
from realtime.analysis.source import Source
from realtime.calibrate.person import PersonCalibration
from realtime.config import Config
from realtime.eeg.calibration import Calibration
from realtime.session.recorded import find_session
from realtime.settings import configured, fingerprint, settings_texts


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> LiveRun:
    return record(tmp_path_factory.mktemp("run"))


def _opened(path: Path, **wish: bool) -> Source:
    return open_session(find_session(path), Wish(**wish))  # type: ignore[arg-type]


def _settled(source: Source, model_id: str = "fake", **given: Path) -> Setting:
    return settle(source, model_id, config=given.get("config"), calibration=None, interpolate=False)


def _analysed(source: Source, setting: Setting) -> Analysis:
    analysis = Analysis(source, AlphaRecognizer(), setting)
    analysis.run(None, progress=False)
    return analysis


def test_every_live_answer_comes_again(run: LiveRun) -> None:
    source = _opened(run.xdf)
    said = _analysed(source, _settled(source)).as_live
    assert said is not None
    assert said["compared"] == len(run.predictions) > 50
    assert said["only_live"] == said["only_analysis"] == 0
    assert said["max_difference"] < 1e-6
    assert said["from_s"] == pytest.approx(run.stamps[run.begun_at] - run.stamps[0])
    assert source.eeg is not None
    # the hole of 40 samples
    assert source.eeg.health().lost == pytest.approx(40, abs=1)


def test_an_answer_that_differs_is_told(run: LiveRun) -> None:
    source = _opened(run.xdf)
    assert source.live is not None
    wrong = source.live.probabilities.copy()
    wrong[20, 0] += 0.25
    setting = _settled(source)
    said = _analysed(replace(source, live=replace(source.live, probabilities=wrong)), setting).as_live
    assert said is not None
    assert said["max_difference"] == pytest.approx(0.25, abs=1e-6)
    assert said["at_s"] == pytest.approx(source.live.stamps_s[20], abs=1e-3)
    shifted = replace(source.live, stamps_s=source.live.stamps_s + 0.05)
    said = _analysed(replace(_opened(run.xdf), live=shifted), setting).as_live
    assert said is not None
    assert said["compared"] == 0
    # the last one lies beyond what was analysed, or the first analysed before what was recorded
    assert said["only_live"] == pytest.approx(len(shifted.stamps_s), abs=1)
    assert said["only_analysis"] == pytest.approx(len(shifted.stamps_s), abs=1)


def test_whole_begins_with_the_first_sample(run: LiveRun) -> None:
    source = _opened(run.xdf, as_live=False)
    assert source.live is None
    analysis = _analysed(source, _settled(source))
    assert analysis.as_live is None
    assert analysis.summary()["eeg"]["received"] == run.samples_uv.shape[1]  # type: ignore[index]


def test_an_engine_that_began_before_the_recording_is_not_repeated(tmp_path: Path) -> None:
    run = record(tmp_path, inputs=False, seconds=6.0)
    source = _opened(run.xdf)
    assert source.live is None
    assert source.notes[-1] == "what the live engine answered is not given again: it did not say where its state began"


def test_an_engine_that_set_a_clock_back_which_is_not_set_back_here_is_not_repeated(
    run: LiveRun, tmp_path: Path
) -> None:
    began = {"eeg_first_s": float(run.stamps[run.begun_at]), "video_first_s": None, "video_first_index": None}
    gap = {"name": "cap", "at_s": FIRST_S + 5.0, "lost": 0}
    for by_s, note in ((10.0, "its clock of EEG was not set back where it is here"), (0.0, "")):
        told = {"streams": [], "inputs": began, "gaps_found": [gap | ({"clock_set_s": by_s} if by_s else {})]}
        health = texts("emostream-health", *((FIRST_S + 6.0 + i, told) for i in range(3)))
        source = _opened(record(tmp_path / f"{by_s}", health).xdf)
        assert (source.live is None) == bool(note)
        assert not note or source.notes[-1].endswith(note)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"config": "{}"}, ""),
        ({"config": '{"eeg": {"hop_s": 0.1}}'}, "it was set up otherwise"),
        ({}, "it did not say how it was set up"),
    ],
)
def test_answers_are_compared_only_where_the_setting_is_the_same(run: LiveRun, settings, why: str, tmp_path) -> None:
    defaults = tmp_path / "d.toml"
    defaults.write_text("", encoding="utf-8")
    source = _opened(run.xdf)
    assert source.live is not None
    live = replace(source.live, settings={"calibration": "", **settings})
    setting = _settled(replace(source, live=live), config=defaults)
    assert setting.repeats_live == (not why)
    assert not why or why in setting.notes[-1]


def test_another_model_is_warned_of_and_not_compared(run: LiveRun) -> None:
    setting = _settled(_opened(run.xdf), model_id="other")
    assert not setting.repeats_live
    assert "recorded with model 'fake', analysed with 'other'" in setting.warnings[0]


def test_the_session_s_calibration_is_used_where_the_live_engine_used_it(run: LiveRun, tmp_path: Path) -> None:
    made = record(tmp_path, seconds=6.0)
    matrix = np.eye(len(CHANNELS))
    matrix[0, 1] = 0.1
    calibration = PersonCalibration(eeg=Calibration(CHANNELS, matrix, 250.0, 60.0, (0.9,), True))
    calibration.save(made.xdf.with_name(f"{made.xdf.stem}_calibration.npz"))
    source = _opened(made.xdf)
    assert _settled(source).calibration is None
    assert "left out here, too" in _settled(source).notes[-1]
    assert source.live is not None
    theirs = settings_texts(Config(), calibration)
    setting = _settled(replace(source, live=replace(source.live, settings=theirs)))
    assert setting.calibration is not None
    assert fingerprint(setting.calibration) == theirs["calibration"]
    assert setting.repeats_live
    other = {**theirs, "calibration": "0" * 64}
    assert not _settled(replace(source, live=replace(source.live, settings=other))).repeats_live


def test_measured_delays_move_the_stamps_as_they_did_live(run: LiveRun) -> None:
    settings = configured({"config": json.dumps({"lsl": {"delays": {"cap-1": 0.25}}})}, Config())
    assert settings.lsl.delays == {"cap-1": 0.25}
    assert json.loads(settings_texts(settings, None)["config"])["lsl"]["delays"] == {"cap-1": 0.25}


def test_channels_that_are_not_the_model_s_are_shown_and_not_recognised(tmp_path: Path) -> None:
    made = record(tmp_path, seconds=6.0)
    source = _opened(made.xdf, as_live=False)
    spec = make_spec(channels=("AF3", "AF4", "PO3", "PO4", "FC1", "FC2", "CP1", "CP2"))
    analysis = Analysis(source, AlphaRecognizer(spec), _settled(source))
    folder = tmp_path / "out"
    folder.mkdir()
    analysis.run(folder, progress=False)
    told = json.loads((folder / "analysis.json").read_text(encoding="utf-8"))
    assert told["model_channels"] == list(CHANNELS)
    assert "0 of the model's 8 EEG channels found" in told["warnings"][-1]
    assert analysis.summary()["predictions"]["last"]["evidence"] == "not_enough"  # type: ignore[index]


def test_a_second_beginning_ends_the_comparison(tmp_path: Path) -> None:
    made = record(tmp_path, again_s=9.0)
    source = _opened(made.xdf)
    said = _analysed(source, _settled(source)).as_live
    assert said is not None
    assert source.live_until_s == pytest.approx(FIRST_S + 9.0 - made.stamps[0])
    assert said["compared"] == sum(p.stamp <= FIRST_S + 9.0 for p in made.predictions)
    assert said["max_difference"] < 1e-6
