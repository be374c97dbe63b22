"""What `emostream train` is asked for and what it says of the outcome, whatever the recipe."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.checkpoint_info import Description
from models.samples import SampleSet
from models.training.choice import RecipeName, choose_recipe
from models.training.command import run_training
from models.training.options import Device, Modality, Precision, load_training_options
from models.training.small_sets import run_ensemble


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """Options as given, None where they were not; what each is, 'emostream train --help' says."""

    recipe: RecipeName = "auto"
    modality: Modality | None = None
    seed: int | None = None
    config: Path | None = None
    epochs: int | None = None
    run_dir: Path | None = None
    resume: bool = True
    tensorboard: bool = False
    device: Device | None = None
    precision: Precision | None = None

    @property
    def network_options(self) -> tuple[str, ...]:
        """Those given that only a network's training has."""
        given = {
            "--config": self.config is not None,
            "--epochs": self.epochs is not None,
            "--run-dir": self.run_dir is not None,
            "--no-resume": not self.resume,
            "--tensorboard": self.tensorboard,
            "--device": self.device is not None,
            "--precision": self.precision is not None,
        }
        return tuple(name for name, there in given.items() if there)


def train_checkpoint(
    samples: SampleSet, request: TrainingRequest, *, name: str, out: Path, say: Callable[[str], None]
) -> dict[str, Any] | None:
    """Choose the recipe, say which and why, train on everybody and write the checkpoint.

    Parameters
    ----------
    samples : SampleSet
    request : TrainingRequest
    name : str
        Of the data.
    out : Path
        The .safetensors file.
    say : callable
        Given one line before the training begins.

    Returns
    -------
    dict or None
        See `told_of`; None in all processes of `torchrun` but the first.

    Raises
    ------
    DataError, ConfigurationError, CheckpointError
        See `models.training.choice.choose_recipe`, `models.training.command.run_training` and
        `models.training.small_sets.run_ensemble`.
    """
    options = load_training_options(
        request.config, seed=request.seed, modality=request.modality, epochs=request.epochs, device=request.device,
        precision=request.precision,
    )  # fmt: skip
    shown = samples.only(options.modality)
    choice = choose_recipe(shown, request.recipe, request.network_options)
    if os.environ.get("RANK", "0") == "0":
        say(f"recipe: {choice.kind} ({choice.why})")
    trained_on = f"{len(shown)} samples of {len(shown.subjects)} people of '{name}'"
    info: Description | None
    if choice.kind == "ensemble":
        info = run_ensemble(
            samples, out=out, name=out.stem, trained_on=trained_on, modality=options.modality, seed=options.seed
        )
    else:
        info = run_training(
            samples, options=options, out=out, name=out.stem, trained_on=trained_on, run_dir=request.run_dir,
            resume=request.resume, tensorboard=request.tensorboard,
        )  # fmt: skip
    return None if info is None else told_of(info, out, choice.kind, choice.why)


def told_of(info: Description, out: Path, recipe: str, why: str) -> dict[str, Any]:
    """The summary of a training: recipe and why, the model, what it learnt from, what it lacked."""
    return {
        "recipe": {"kind": recipe, "why": why},
        "model": {
            "id": info.model_id,
            "classes": list(info.classes),
            "trained_on": info.trained_on,
            "simulated": info.simulated,
            "modality": info.modality,
        },
        "checkpoint": str(out),
        "warnings": list(info.training.get("warnings", ())),
        "training": info.training,
    }
