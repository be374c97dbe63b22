"""The simulated data set: who is in it, what a coder wrote down, and folders that are whole or not there."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from models.data.build import build_samples
from models.data.readers import open_dataset
from realtime.errors import ConfigurationError, DataError, EmostreamError
from simulators import dataset
from simulators.cohort import filed_person, training_person, unseen_person
from simulators.cohort_files import CohortOptions, SimulatedSession, cohort, simulated_session
from simulators.dataset import LAYOUTS, layout_named, write_cohort
from simulators.dataset_commands import simulate_dataset
from simulators.layouts.mes_eeg import clip_markers
from simulators.scenario import ACTION_UNITS, UNRELATED_UNITS

SMALL = CohortOptions(subjects=2, trials=3, seconds=6.0, rest_s=2.0, seed=1, leaks=(0.0, 1.0))


@pytest.fixture(scope="module")
def sessions() -> list[SimulatedSession]:
    return list(cohort(CohortOptions(subjects=4, seed=7)))


def test_people_in_files_are_nobody_elses() -> None:
    seeds = {filed_person(seed, index).seed for seed in (0, 1, 99_999_999) for index in (0, 999)}
    assert len(seeds) == 6
    assert min(seeds) > unseen_person(99_999_999, 999).seed > training_person(999_999).seed
    for seed, index in ((-1, 0), (100_000_000, 0), (0, 1000)):
        with pytest.raises(ConfigurationError, match="wanted a seed from 0"):
            filed_person(seed, index)


def test_the_same_options_give_the_same_session(sessions: list[SimulatedSession]) -> None:
    assert simulated_session(sessions[2].options, 2) == sessions[2]
    assert len({session.person.seed for session in sessions}) == len(sessions)
    assert [session.pseudonym for session in sessions] == ["sub-01", "sub-02", "sub-03", "sub-04"]


def test_each_emotion_is_hidden_as_often_as_the_others(sessions: list[SimulatedSession]) -> None:
    for session in sessions:
        counts = Counter(clip.emotion for clip in session.clips)
        assert set(counts) == set(session.options.classes)
        assert set(counts.values()) == {4}


def test_a_coder_is_off_by_a_few_milliseconds_and_misses_nothing_in_a_clip(sessions: list[SimulatedSession]) -> None:
    for session in sessions:
        true = [
            event
            for event in session.scenario.movements
            if any(clip.start_s <= event.onset_s and event.offset_s <= clip.end_s for clip in session.clips)
        ]
        assert [movement.kind for movement in session.movements] == [event.kind for event in true]
        for movement, event in zip(session.movements, true, strict=True):
            clip = session.clips[movement.trial]
            assert clip.start_s <= movement.onset_s < movement.apex_s < movement.offset_s
            assert abs(movement.apex_s - event.apex_s) < 0.1
            if movement.kind == "micro":
                assert movement.onset_s - clip.start_s > 0.39 * session.options.seconds
        assert session.micros == tuple(m for m in session.movements if m.kind == "micro")
        assert session.duration_s >= session.clips[-1].end_s + 1.0


@pytest.mark.parametrize(("misleading", "of_class"), [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)])
def test_movements_mislead_as_often_as_asked(misleading: float, of_class: float) -> None:
    options = CohortOptions(subjects=3, macros=0.0, misleading=misleading, misleading_class=of_class)
    for session in cohort(options):
        for movement in session.micros:
            units = set(movement.action_units)
            fitting = {name for name in options.classes if units <= set(ACTION_UNITS[name])}
            emotion = session.clips[movement.trial].emotion
            assert (movement.action_units in UNRELATED_UNITS) == (misleading > of_class)
            if misleading == 0.0:
                assert emotion in fitting
            elif of_class == 1.0:
                assert fitting
                assert fitting != {emotion}


def test_what_is_lost_is_as_rare_as_asked() -> None:
    lost = list(cohort(CohortOptions(subjects=8, lost=0.5, macros=0.0)))
    clips = [clip.has_eeg for session in lost for clip in session.clips]
    pictures = [movement.has_stills for session in lost for movement in session.movements]
    assert 0.3 < np.mean(clips) < 0.7
    assert 0.3 < np.mean(pictures) < 0.7
    assert {movement.kind for session in lost for movement in session.movements} == {"micro"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"subjects": 0},
        {"subjects": 257},
        {"trials": 49},
        {"seconds": 5.0},
        {"seconds": float("nan")},
        {"fps": 0.5},
        {"leaks": (0.5, 0.4)},
        {"misleading": 1.5},
        {"effect_db": -1.0},
        {"classes": ("happy", "bored")},
        {"classes": ("happy", "happy")},
        {"classes": ()},
    ],
)
def test_a_cohort_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        CohortOptions(**wrong)


def test_clips_are_not_shown_twice_and_their_number_is_limited() -> None:
    assert clip_markers(["sad", "angry", "sad"]) == [101, 107, 109]
    assert clip_markers(["sad", "sad"], turn=5) == [148, 101]
    with pytest.raises(ConfigurationError, match="this layout has 6"):
        clip_markers(["angry"] * 7)


def test_a_manifest_of_simulated_people_is_read_back(tmp_path: Path) -> None:
    out = write_cohort(SMALL, tmp_path / "cohort")
    data = open_dataset(out)
    assert data.simulated
    assert not data.problems
    micros = [(session, movement) for session in cohort(SMALL) for movement in session.micros]
    assert [(row.subject, row.label) for row in data.rows] == [
        (session.pseudonym, session.clips[movement.trial].emotion) for session, movement in micros
    ]
    assert not list(out.rglob("*noone*"))
    samples = build_samples(data, jobs=1, progress=False).samples
    assert samples.simulated
    assert samples.has_eeg.all()
    assert samples.has_face.all()
    assert samples.window_mask[:, -1].all()
    assert np.abs(samples.flow.astype(np.float32)).max(axis=(1, 2, 3)).min() > 0.05
    told = json.loads((out / "simulated.json").read_text())
    assert (told["simulated"], told["layout"], told["cohort"]["seed"]) == (True, "manifest", 1)


def test_a_folder_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(options: CohortOptions, out: Path, *, jobs: int = 1) -> list[dict[str, Any]]:
        (out / "half.npy").write_bytes(b"")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dataset, "write_features", fails)
    with pytest.raises(DataError, match="No space left"):
        write_cohort(SMALL, tmp_path / "cohort")
    assert not list(tmp_path.iterdir())
    (tmp_path / "cohort").mkdir()
    (tmp_path / "cohort" / "thesis.docx").touch()
    with pytest.raises(ConfigurationError, match="already and not empty"):
        write_cohort(SMALL, tmp_path / "cohort")
    assert [path.name for path in tmp_path.rglob("*")] == ["cohort", "thesis.docx"]


def test_every_layout_has_its_name() -> None:
    assert [layout_named(name) for name in LAYOUTS] == list(LAYOUTS)
    with pytest.raises(ConfigurationError, match="no layout 'csv': wanted one of manifest, mes-eeg"):
        layout_named("csv")


def test_the_command_writes_what_it_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[CohortOptions, Path, str, int]] = []
    monkeypatch.setattr(
        dataset, "write_cohort", lambda options, out, layout, jobs: asked.append((options, out, layout, jobs)) or out
    )
    app = typer.Typer()
    app.command()(simulate_dataset)
    out = tmp_path / "x"
    line = f"{out} --layout deap --subjects 3 --trials 7 --seconds 8 --seed 4 --classes happy,sad --jobs 1 --videos"
    result = CliRunner().invoke(app, line.split())
    assert result.exit_code == 0, result.output
    assert "3 simulated people" in result.output
    ((options, where, layout, jobs),) = asked
    assert (where, layout, jobs) == (out, "deap", 1)
    assert (options.subjects, options.trials, options.seconds, options.seed) == (3, 7, 8.0, 4)
    assert (options.classes, options.videos) == (("happy", "sad"), True)
    for wrong in ("--layout csv", "--jobs 0", "--classes bored"):
        failed = CliRunner().invoke(app, [str(out), *wrong.split()])
        assert isinstance(failed.exception, EmostreamError), wrong
