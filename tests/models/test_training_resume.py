"""A training that is killed goes on where it stopped, and goes on nowhere else."""

from __future__ import annotations

import csv
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from models_helpers import SMALL, synthetic_samples

from models.training.parts import part_samples
from models.training.resume import STATE_FILE, State, StateFile
from models.training.runlog import METRICS_FILE
from models.training.train import EpochReport, Trained, TrainingOptions, train
from realtime.errors import ConfigurationError, DataError

OPTIONS = TrainingOptions(epochs=4, patience=4, batch_size=24, learning_rate=4e-3, network=SMALL)

# trains as the test does, and in the middle of its third epoch says so and waits to be killed
CHILD = """
import signal, sys
from pathlib import Path
import models.training.epochs
from models_helpers import synthetic_samples
from models.training.train import TrainingOptions, train

options = TrainingOptions.model_validate_json(sys.argv[1])
samples = synthetic_samples(4, 4)
done = []
real, seen = models.training.epochs.augment, []
def augment(*args):
    if len(done) == 2:
        seen.append(None)
        if len(seen) == 2:
            print("in the middle of epoch 3", flush=True)
            signal.pause()
    return real(*args)
models.training.epochs.augment = augment
train(samples, options, done.append, run_dir=Path(sys.argv[2]))
"""


def _weights(trained: Trained) -> dict[str, torch.Tensor]:
    return dict(trained.network.state_dict())


def _timeless(history: tuple[EpochReport, ...]) -> list[EpochReport]:
    return [replace(report, seconds=0.0, data_s=0.0) for report in history]


def _assert_same(first: Trained, second: Trained) -> None:
    theirs = _weights(second)
    for name, value in _weights(first).items():
        assert torch.equal(value, theirs[name]), name
    np.testing.assert_equal(
        [vars_of(report) for report in _timeless(first.history)],
        [vars_of(report) for report in _timeless(second.history)],
    )
    assert first.temperature == second.temperature


def vars_of(report: EpochReport) -> dict[str, object]:
    return {name: getattr(report, name) for name in EpochReport.__slots__}


class _Stop(Exception):
    """Ends a training from its progress callback, as a kill between two epochs would."""


def _stop_after(epoch: int):
    def progress(report: EpochReport) -> None:
        if report.epoch == epoch:
            raise _Stop

    return progress


def test_killed_in_the_middle_of_an_epoch_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    run = tmp_path / "run"
    here = Path(__file__).parent
    code = f"import sys; sys.path[:0] = [{str(here)!r}, {str(here.parents[1])!r}]\n{CHILD}"
    child = subprocess.Popen(
        [sys.executable, "-c", code, OPTIONS.model_dump_json(), str(run)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child.stdout as output:
        line = output.readline()
        child.kill()
    child.wait()
    assert line == "in the middle of epoch 3\n"
    assert child.returncode == -9
    samples = synthetic_samples(4, 4)
    seen: list[int] = []
    resumed = train(samples, OPTIONS, lambda report: seen.append(report.epoch), run_dir=run)
    assert seen == [3, 4]
    _assert_same(resumed, train(samples, OPTIONS))


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_the_best_epoch_before_the_stop_is_kept(tmp_path: Path, precision: str) -> None:
    options = OPTIONS.model_copy(update={"learning_rate": 2e-3, "patience": 2, "precision": precision})
    samples = synthetic_samples(3, 4)
    # what is learnt from the others is wrong for who validates, so that the first epoch is the best
    theirs = np.isin(samples.subject, part_samples(samples, options).split.validation)
    samples = replace(samples, label=np.where(theirs, 3 - samples.label, samples.label))
    whole = train(samples, options)
    assert whole.best.epoch < len(whole.history)
    with pytest.raises(_Stop):
        train(samples, options, _stop_after(2), run_dir=tmp_path)
    resumed = train(samples, options, run_dir=tmp_path)
    _assert_same(resumed, whole)
    assert resumed.best == min(resumed.history, key=lambda report: report.validation_loss)


def test_a_finished_training_is_not_repeated(tmp_path: Path) -> None:
    samples = synthetic_samples(3, 2)
    options = OPTIONS.model_copy(update={"epochs": 1})
    first = train(samples, options, run_dir=tmp_path)
    seen: list[EpochReport] = []
    again = train(samples, options, seen.append, run_dir=tmp_path)
    assert seen == []
    assert again.history == first.history
    _assert_same(again, first)
    anew = train(samples, options, seen.append, run_dir=tmp_path, resume=False)
    assert len(seen) == 1
    _assert_same(anew, first)


def test_another_training_is_refused_by_name(tmp_path: Path) -> None:
    samples = synthetic_samples(3, 2)
    options = OPTIONS.model_copy(update={"epochs": 1})
    train(samples, options, run_dir=tmp_path)
    other = options.model_copy(update={"learning_rate": 0.5})
    with pytest.raises(
        ConfigurationError, match=r"with options\.learning_rate 0\.004, this one has 0\.5; .*--no-resume"
    ):
        train(samples, other, run_dir=tmp_path)
    mirrored = options.augmentation.model_copy(update={"mirror": 0.25})
    with pytest.raises(ConfigurationError, match=r"options\.augmentation\.mirror 0\.5, this one has 0\.25"):
        train(samples, options.model_copy(update={"augmentation": mirrored}), run_dir=tmp_path)
    with pytest.raises(ConfigurationError, match=r"with held_out \[\], this one has \[12\]"):
        train(samples, options, held_out=(12,), run_dir=tmp_path)
    label = samples.label.copy()
    label[0] = 1 - label[0]
    with pytest.raises(ConfigurationError, match='with data "'):
        train(replace(samples, label=label), options, run_dir=tmp_path)


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    samples = synthetic_samples(3, 2)
    options = OPTIONS.model_copy(update={"epochs": 1})
    train(samples, options, run_dir=tmp_path)
    whole = (tmp_path / STATE_FILE).read_bytes()
    for spoilt in (b"", whole[: len(whole) // 2], b"\x80\x04K\x01."):
        (tmp_path / STATE_FILE).write_bytes(spoilt)
        with pytest.raises(DataError, match=r"cannot read the training's state .*--no-resume"):
            train(samples, options, run_dir=tmp_path)
    train(samples, options, run_dir=tmp_path, resume=False)
    assert (tmp_path / STATE_FILE).stat().st_size > len(whole) // 2


def test_a_state_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    file = StateFile(tmp_path, {"options": {"seed": 1}})
    assert file.load() is None
    tensors = {"a": torch.arange(6.0).view(2, 3).t(), "b": torch.get_rng_state()}
    file.save(State(tensors, {"history": [1.5, float("nan")]}))
    # what a kill in the middle of a write leaves
    (tmp_path / f".{STATE_FILE}.part").write_bytes(b"half")
    found = file.load()
    assert found is not None
    assert torch.equal(found.tensors["a"], tensors["a"])
    assert torch.equal(found.tensors["b"], tensors["b"])
    np.testing.assert_equal(found.facts, {"history": [1.5, float("nan")]})
    with pytest.raises(ConfigurationError, match=r"with options\.seed 1, this one has 2"):
        StateFile(tmp_path, {"options": {"seed": 2}}).load()
    file.discard()
    assert file.load() is None


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"cannot start anew in .*choose another run folder"):
        train(synthetic_samples(3, 2), OPTIONS, run_dir=tmp_path / "file" / "run")


def test_the_table_holds_every_epoch_once(tmp_path: Path) -> None:
    samples = synthetic_samples(3, 2)
    options = OPTIONS.model_copy(update={"epochs": 3})
    with pytest.raises(_Stop):
        train(samples, options, _stop_after(2), run_dir=tmp_path)
    trained = train(samples, options, run_dir=tmp_path)
    with (tmp_path / METRICS_FILE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for row, report in zip(rows, trained.history, strict=True):
        assert float(row["train_loss"]) == report.train_loss
        assert float(row["validation_loss"]) == report.validation_loss
        assert float(row["uf1_face"]) == report.uf1["face"]
        assert row["best"] == str(int(report.best))
