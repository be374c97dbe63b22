"""The choices of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.augmentation import AugmentationOptions
from realtime.errors import ConfigurationError
from realtime.untrusted import read_toml

Modality = Literal["both", "eeg", "face"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Device = Literal["auto", "cpu", "cuda"]


class TrainingOptions(BaseModel):
    """How to train; with the same options, samples and machine the result is the same to the last bit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = 0
    modality: Modality = Field(default="both", description="train on both modalities or on one alone")
    epochs: int = Field(default=30, ge=1, description="at most this many")
    patience: int = Field(default=6, ge=1, description="epochs without a better validation loss before stopping")
    batch_size: int = Field(default=64, ge=1, description="over all processes together")
    learning_rate: float = Field(default=1e-3, gt=0, description="its peak: rises over the first epoch, then a cosine")
    weight_decay: float = Field(default=0.02, ge=0)
    clip_norm: float = Field(default=1.0, gt=0, description="gradients are scaled down to this norm")
    gamma: float = Field(default=2.0, ge=0, description="of the focal loss")
    balance: float = Field(default=0.999, ge=0, lt=1, description="beta of the class-balanced alpha")
    modality_dropout: float = Field(
        default=0.5, ge=0, description="weight of the views with one modality dropped; the full view weighs 1"
    )
    validation_fraction: float = Field(default=0.2, gt=0, lt=1, description="of the subjects")
    device: Device = Field(default="auto", description="'auto' is a GPU where there is one")
    precision: Precision = Field(
        default="auto", description="of the forward pass in training; 'auto' is bfloat16 on a GPU that has it"
    )
    augmentation: AugmentationOptions = AugmentationOptions()
    network: dict[str, Any] = Field(default_factory=dict, description="fields of NetworkConfig other than its shapes")


def load_training_options(path: Path | None, **given: Any) -> TrainingOptions:
    """Read a TOML file; what is `given` and not None comes before what it says.

    Raises
    ------
    ConfigurationError
        Not TOML, an unknown key, or a value out of its range; the message names the key.
    """
    try:
        content = {} if path is None else read_toml(path)
    except (OSError, ValueError) as err:
        raise ConfigurationError(f"cannot read training options '{path}': {err}") from err
    try:
        return TrainingOptions.model_validate(content | {k: v for k, v in given.items() if v is not None})
    except ValidationError as err:
        first = err.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"training options: {key}: {first['msg']} (got {first['input']!r:.60})") from err
