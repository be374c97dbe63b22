"""`emostream train` takes the recipe that fits the set, says which and why, and doubts a base that knows nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from models_helpers import CLASSES, SMALL, synthetic_samples
from numpy.typing import NDArray
from typer.testing import CliRunner

from models.checkpoint_info import read_kind
from models.commands import train_command
from models.recognizer import load_recognizer
from models.samples import SampleSet, save_samples
from models.small.recognizer import EnsembleRecognizer
from models.training.chance import chance_warning
from models.training.choice import Choice, choose_recipe
from models.training.command import run_personalisation, run_training
from models.training.train import TrainingOptions
from models.views import VIEWS, View
from realtime.errors import ConfigurationError


@pytest.fixture(scope="module")
def samples() -> SampleSet:
    return synthetic_samples(4, 3, missing=False)


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.command()(train_command(lambda people, out, jobs: None, Path("demonstration.safetensors")))
    return app


class Answering:
    """Gives the answers it was made with."""

    def __init__(self, answers: NDArray[np.float32]) -> None:
        self._answers = answers

    def probabilities(self, samples: SampleSet) -> dict[View, NDArray[np.float32]]:
        return dict.fromkeys(VIEWS, self._answers)


def test_few_samples_get_the_ensemble_and_many_the_network(samples: SampleSet) -> None:
    assert choose_recipe(samples, "auto") == Choice("ensemble", "48 samples, fewer than 3000")
    many = samples.take(np.arange(3000) % len(samples))
    assert choose_recipe(many, "auto") == Choice("network", "3000 samples, 3000 or more")
    assert choose_recipe(many, "ensemble") == Choice("ensemble", "asked for")
    asked = choose_recipe(samples, "network")
    assert asked.kind == "network"
    assert "48 samples are few" in asked.why


def test_an_option_of_the_network_decides_what_is_left_open(samples: SampleSet) -> None:
    chosen = choose_recipe(samples, "auto", ("--epochs",))
    assert chosen.kind == "network"
    assert chosen.why.startswith("--epochs is for the network alone; 48 samples are few")
    with pytest.raises(ConfigurationError, match="--epochs, --device: for the network alone"):
        choose_recipe(samples, "ensemble", ("--epochs", "--device"))


def test_the_command_trains_an_ensemble_that_runs_live(app: typer.Typer, samples: SampleSet, tmp_path: Path) -> None:
    save_samples(tmp_path / "set.npz", samples)
    out, summary = tmp_path / "lab.safetensors", tmp_path / "train.json"
    given = ["--dataset", str(tmp_path / "set.npz"), "--modality", "eeg", "--out", str(out), "--summary", str(summary)]
    done = CliRunner().invoke(app, given, catch_exceptions=False)
    assert done.exit_code == 0
    assert "recipe: ensemble (48 samples, fewer than 3000)" in done.output
    assert "experts: 100%" in done.output
    told = json.loads(summary.read_text())
    assert told["recipe"] == {"kind": "ensemble", "why": "48 samples, fewer than 3000"}
    assert told["model"]["trained_on"] == "48 samples of 4 people of 'set' (simulated)"
    assert (told["model"]["modality"], told["training"]["samples"]) == ("eeg", 48)
    recognizer = load_recognizer(out)
    assert isinstance(recognizer, EnsembleRecognizer)
    assert recognizer.spec.model_id == told["model"]["id"]


def test_the_command_trains_the_network_where_an_option_of_it_is_given(
    app: typer.Typer, samples: SampleSet, tmp_path: Path
) -> None:
    save_samples(tmp_path / "set.npz", samples)
    (tmp_path / "small.toml").write_text(
        "epochs = 1\n[network]\n" + "".join(f"{key} = {value}\n" for key, value in SMALL.items())
    )
    given = ["--dataset", str(tmp_path / "set.npz"), "--config", str(tmp_path / "small.toml")]
    done = CliRunner().invoke(app, [*given, "--out", str(tmp_path / "net.safetensors")], catch_exceptions=False)
    assert "recipe: network (--config is for the network alone; 48 samples are few" in done.output
    assert read_kind(tmp_path / "net.safetensors") == "network"


def test_an_ensemble_is_not_personalised_and_what_to_do_is_said(
    app: typer.Typer, samples: SampleSet, tmp_path: Path
) -> None:
    save_samples(tmp_path / "set.npz", samples)
    base = tmp_path / "base.safetensors"
    given = ["--dataset", str(tmp_path / "set.npz"), "--modality", "eeg"]
    CliRunner().invoke(app, [*given, "--out", str(base)], catch_exceptions=False)
    with pytest.raises(ConfigurationError, match="train it again with the participant's trials"):
        run_personalisation(base, samples, "person 11", tmp_path / "mine.safetensors")


def test_a_base_at_chance_is_doubted_and_one_that_knows_is_not(samples: SampleSet) -> None:
    person = samples.of_subjects((11,))
    person = replace(person, group=np.arange(len(person)))
    right = np.full((len(person), len(CLASSES)), 0.1, np.float32)
    right[np.arange(len(person)), person.label] = 0.7
    assert chance_warning(Answering(right), person) is None
    always = np.tile(np.float32([0.7, 0.1, 0.1, 0.1]), (len(person), 1))
    doubt = chance_warning(Answering(always), person)
    assert doubt is not None
    assert doubt.startswith("the base has 3 of 12 calibration trials right, by chance it would have 3.0")
    nothing = chance_warning(Answering(np.full_like(right, np.nan)), person)
    assert nothing is not None
    assert "answers none" in nothing


def test_samples_of_one_trial_are_one_answer(samples: SampleSet) -> None:
    person = samples.of_subjects((11,))
    person = replace(person, group=np.zeros(len(person), np.int64), label=np.zeros(len(person), np.int64))
    right = np.tile(np.float32([0.7, 0.1, 0.1, 0.1]), (len(person), 1))
    doubt = chance_warning(Answering(right), person)
    assert doubt is not None
    assert doubt.startswith("the base has 1 of 1 calibration trials right")


def test_personalising_a_base_at_chance_leaves_a_warning_in_the_checkpoint(samples: SampleSet, tmp_path: Path) -> None:
    base = tmp_path / "base.safetensors"
    untaught = replace(samples, label=np.random.default_rng(0).permutation(samples.label))
    options = TrainingOptions(epochs=1, batch_size=32, network=SMALL)
    run_training(untaught, options=options, out=base, name="base", trained_on="noise")
    info = run_personalisation(base, samples, "person 11", tmp_path / "mine.safetensors")
    assert any("what is fitted here may rest on nothing" in warning for warning in info.training["warnings"])
