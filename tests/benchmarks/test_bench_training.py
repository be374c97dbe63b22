"""The training benchmark: the plain loop trains the same network to the last bit, and what is counted as data."""

from __future__ import annotations

import cProfile
from pathlib import Path

import pytest
import torch

from benchmarks import training
from models.inference import one_thread
from models.normaliser import fit_normaliser
from models.recipe import Recipe
from models.training.devices import own_random_numbers
from models.training.options import TrainingOptions

_SMALL = {"tcn_width": 16, "tcn_levels": 2, "token_width": 8, "heads": 2, "glimpse_px": 8}
_OPTIONS = TrainingOptions(batch_size=8, epochs=10, network=_SMALL)


def test_a_file_a_sample_gives_the_batches_and_the_weights_of_memory(tmp_path: Path) -> None:
    samples = training.simulated_samples(4, 5, 28, 6)
    memory, files = training.sources(samples, tmp_path)
    rows = torch.tensor([7, 0, 19])
    ours, plain = memory.batch(rows), files.batch(rows)
    for name in ours.__dataclass_fields__:
        assert torch.equal(getattr(ours, name), getattr(plain, name)), name
    weights = []
    for source in (memory, files):
        course = training.course_on(source, samples, _OPTIONS)
        with one_thread(), own_random_numbers(torch.device("cpu"), 3):
            course.epoch()
            report = course.epoch()
        assert 0.0 < report.data_s < report.seconds
        weights.append(course.state().tensors)
    assert weights[0].keys() == weights[1].keys()
    for name, values in weights[0].items():
        assert torch.equal(values, weights[1][name]), name


def test_the_rows_say_what_waits_for_data(tmp_path: Path) -> None:
    samples = training.simulated_samples(3, 4, 28, 4)
    row = training.epoch_row(samples, tmp_path, 0.01, rounds=1, options=_OPTIONS)
    assert row.max_difference == 0.0
    assert row.ratio is not None
    assert row.ratio > 1.0
    assert "self time by torch.profiler: aten::" in row.note
    recipe = Recipe(kind="network", network=_OPTIONS.model_copy(update={"epochs": 1}))
    folds = training.folds_row(samples, recipe, "small", most=2)
    assert folds.ours.count == 2
    assert "3 that leave one person out" in folds.name
    assert "of which 2 were measured" in folds.note


def test_data_within_data_counts_once() -> None:
    samples = training.simulated_samples(2, 2, 28, 2)

    def run_fold() -> None:
        for _ in range(20):
            fit_normaliser(samples, samples.subjects)
            samples.of_subjects([0])

    profiler = cProfile.Profile()
    profiler.runcall(run_fold)
    assert training.data_share(profiler) == pytest.approx(1.0, abs=0.2)
