"""How to learn from samples, few or many: one call, with defaults that fit the size of the set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.evaluation.protocol import Fitted
from models.samples import SampleSet
from models.small.ensemble import fit_ensemble
from models.small.options import EnsembleOptions
from models.training.train import TrainingOptions, train
from realtime.errors import ConfigurationError

_FULL_PX = 96


class Recipe(BaseModel):
    """Every choice of a fit; JSON-able. The defaults are meant to be left alone.

    'ensemble' averages compact experts of a modality and adds their evidence; nothing about them is chosen on the data,
    so that a handful of people is enough. 'network' is the TCN, STN and Cross-Transformer, stopped early on inner
    subjects; it needs thousands of samples. 'auto' takes the one that fits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["auto", "ensemble", "network"] = "auto"
    network_from: int = Field(default=3000, ge=1, description="training samples from which 'auto' takes the network")
    ensemble: EnsembleOptions = EnsembleOptions()
    network: TrainingOptions = TrainingOptions()


def chosen_kind(samples: SampleSet, recipe: Recipe, held_out: Sequence[int] = ()) -> Literal["ensemble", "network"]:
    """What 'auto' comes to for these samples."""
    if recipe.kind != "auto":
        return recipe.kind
    count = int((~np.isin(samples.subject, np.asarray(held_out, np.int64))).sum())
    return "network" if count >= recipe.network_from else "ensemble"


def fit(
    samples: SampleSet,
    recipe: Recipe | Mapping[str, Any] | None = None,
    held_out: Sequence[int] = (),
    seed: int = 0,
    progress: Callable[[Any], None] | None = None,
) -> Fitted:
    """Learn from the subjects that are not held out; nothing of the others is read.

    Parameters
    ----------
    samples : SampleSet
        With `SampleSet.only` for one modality alone.
    recipe : Recipe or mapping, optional
        A mapping is what `Recipe.model_dump(mode="json")` gives.
    held_out : sequence of int
    seed : int
        Of everything random; the same seed gives the same answers.
    progress : callable, optional
        Given the name of each expert when it is ready, or a `models.training.epochs.EpochReport` after each epoch.

    Returns
    -------
    Fitted
        Under 'both', 'eeg' and 'face' from this one fit.

    Raises
    ------
    DataError
        Too little to learn from; the message says what is missing.
    ConfigurationError
        A mapping that is no recipe.
    """
    recipe = _checked(recipe)
    if chosen_kind(samples, recipe, held_out) == "ensemble":
        return fit_ensemble(samples, recipe.ensemble, held_out, seed, progress)
    shapes = {"face_px": min(_FULL_PX, samples.apex.shape[-1])} | recipe.network.network
    options = recipe.network.model_copy(update={"seed": seed, "network": shapes})
    return train(samples, options, progress, held_out)


def _checked(recipe: Recipe | Mapping[str, Any] | None) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe
    try:
        return Recipe.model_validate(dict(recipe or {}))
    except ValidationError as err:
        first = err.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"recipe: '{where}': {first['msg']}; got {first['input']!r}") from err
