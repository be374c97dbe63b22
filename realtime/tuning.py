"""What of a configuration may be changed while an engine runs: a small part of it, with units and bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from realtime.config import ClassNames, Config, ShownBands
from realtime.errors import ConfigurationError, DataError


@dataclass(frozen=True, slots=True)
class Knob:
    """How one number of a tuning is shown and turned.

    Parameters
    ----------
    section : tuple of str
        Where in the configuration it is.
    title, unit, told : str
        `told` is a sentence on what it does.
    low, high, step : float
        What a slider reaches from and to; the bounds proper are wider.
    log : bool
        Whether equal ways on the slider are equal ratios.
    """

    section: tuple[str, ...]
    title: str
    unit: str
    told: str
    low: float
    high: float
    step: float
    log: bool = False


_SPOTTER, _ENGINE, _EEG, _DISPLAY = ("face", "spotter"), ("engine",), ("eeg",), ("display",)
_Number = Annotated[float, Field(strict=True)]
_Positive = Annotated[_Number, Field(gt=0, le=1e12)]
_Share = Annotated[_Number, Field(ge=0, le=1)]


class Tuning(BaseModel):
    """Everything that may be changed live; names and defaults are those of the configuration.

    What the model was trained on is no part of it. `class_names`, `bands` and `uncertain_below` change what is shown,
    never what is answered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    on_z: Annotated[
        _Number,
        Field(gt=0, le=1000),
        Knob(_SPOTTER, "Peak from", "× noise", "a peak of motion must reach this to be looked at", 1.0, 10.0, 0.1),
    ]
    macro_z: Annotated[
        _Number,
        Field(gt=0, le=1000),
        Knob(_SPOTTER, "Macro from", "× noise", "a peak of a macro-expression must reach this", 2.0, 30.0, 0.5),
    ]
    min_confidence: Annotated[
        _Number,
        Field(gt=0, lt=1),
        Knob(_SPOTTER, "Least likeness", "", "what looks less like a movement is none", 0.05, 0.95, 0.01),
    ]
    smoothing_s: Annotated[
        _Number,
        Field(ge=0, le=60),
        Knob(_ENGINE, "Averaged over", "s", "answers on the same evidence are averaged over this", 0.0, 10.0, 0.2),
    ]
    movement_max_age_s: Annotated[
        _Number,
        Field(gt=0, le=600),
        Knob(_ENGINE, "Movement counts", "s", "a movement is used for this long after its apex", 1.0, 30.0, 0.5),
    ]
    uncertain_below: Annotated[
        _Share,
        Knob(_DISPLAY, "Uncertain below", "", "screens call a state of less confidence uncertain", 0.0, 1.0, 0.01),
    ]
    max_bad_fraction: Annotated[
        _Share,
        Knob(_EEG, "Most bad channels", "", "above this share of bad channels EEG is not used", 0.0, 1.0, 0.05),
    ]
    flat_uv: Annotated[
        _Positive, Knob(_EEG, "Flat below", "µV", "a standard deviation over 1 s", 0.05, 10.0, 0.005, log=True)
    ]
    noisy_uv: Annotated[
        _Positive, Knob(_EEG, "Noisy above", "µV", "a standard deviation over 1 s", 20.0, 2000.0, 10.0, log=True)
    ]
    railed_uv: Annotated[
        _Positive,
        Knob(_EEG, "Railed beyond", "µV", "a sample, unless it is a steady offset", 100.0, 400_000.0, 100.0, log=True),
    ]
    mains_ratio: Annotated[
        _Positive,
        Knob(_EEG, "Mains above", "× rest", "power of the 50 or 60 Hz line over all else", 0.1, 20.0, 0.01, log=True),
    ]
    class_names: ClassNames
    bands: ShownBands

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Tuning:
        """A tuning from the full set of its values.

        Raises
        ------
        DataError
            One is missing, not known, or out of its bounds; the message names it, in one line.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as err:
            first = err.errors()[0]
            name = ".".join(str(part) for part in first["loc"]) or "tuning"
            got = "" if first["type"] == "missing" else f" (got {str(first['input'])[:60]!r})"
            said = " ".join(first["msg"].split()).removeprefix("Value error, ")
            raise DataError(f"{name}: {said}{got}") from err

    @classmethod
    def from_config(cls, config: Config) -> Tuning:
        """What a configuration begins with.

        Raises
        ------
        ConfigurationError
            A value lies beyond what a tuning may hold.
        """
        values = {name: getattr(_section(config, place), name) for name, place in PLACES.items()}
        try:
            return cls.of(values)
        except DataError as err:
            raise ConfigurationError(f"configuration: {err}") from err

    def changed(self, changes: Mapping[str, Any]) -> Tuning:
        """This tuning with other values; `DataError` as `of`."""
        return Tuning.of({**self.values, **changes})

    def applied_to(self, config: Config) -> Config:
        """A configuration with these values in their places."""
        merged = config.model_dump()
        for name, place in PLACES.items():
            section = merged
            for part in place:
                section = section[part]
            section[name] = getattr(self, name)
        return Config.model_validate(merged)

    @property
    def values(self) -> dict[str, Any]:
        """All values, as JSON holds them."""
        return self.model_dump(mode="json")

    def require_classes(self, classes: Sequence[str]) -> None:
        """Refuse names for classes that a model has not, and two classes of one name.

        Raises
        ------
        DataError
            The message names the class.
        """
        for name in self.class_names:
            if name not in classes:
                raise DataError(f"class_names: the model has no class '{name}'; it has: {', '.join(classes)}")
        shown = [self.class_names.get(name, name) for name in classes]
        for name in shown:
            if shown.count(name) > 1:
                raise DataError(f"class_names: two classes would be called '{name}'")


KNOBS: dict[str, Knob] = {
    name: extra for name, field in Tuning.model_fields.items() for extra in field.metadata if isinstance(extra, Knob)
}
"""The numbers of a tuning, in order."""

PLACES: dict[str, tuple[str, ...]] = {
    **{name: knob.section for name, knob in KNOBS.items()},
    "class_names": _DISPLAY,
    "bands": _DISPLAY,
}
"""Section of the configuration in which each value is."""


def _section(config: Config, place: tuple[str, ...]) -> BaseModel:
    section: BaseModel = config
    for part in place:
        section = getattr(section, part)
    return section
