"""With what a source is analysed: the user's configuration and calibration, else those of the session itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from realtime.analysis.source import Source
from realtime.calibrate.person import PersonCalibration
from realtime.config import Config, load_config
from realtime.settings import configured, fingerprint, settings_texts
from realtime.tuning_plan import Change


@dataclass(frozen=True, slots=True)
class Setting:
    """Configuration and calibration of an analysis.

    Parameters
    ----------
    config : Config
    calibration : PersonCalibration or None
    repeats_live : bool
        Whether model, configuration and calibration are those of the live engine, so that its answers must come again.
    notes, warnings : tuple of str
    tunings : tuple of Change
        What was tuned while the session was recorded.
    """

    config: Config
    calibration: PersonCalibration | None = None
    repeats_live: bool = False
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tunings: tuple[Change, ...] = ()


def settle(
    source: Source, model_id: str, *, config: Path | None, calibration: Path | None, interpolate: bool
) -> Setting:
    """Find out with what to analyse.

    Parameters
    ----------
    source : Source
    model_id : str
        Of the model that is used.
    config, calibration : Path or None
        Given by the user; they come before the session's own.
    interpolate : bool

    Raises
    ------
    ConfigurationError, DataError
        A file that cannot be read.
    """
    warnings: list[str] = []
    settings, told = _config(source, config)
    if interpolate:
        settings = settings.model_copy(update={"eeg": settings.eeg.model_copy(update={"interpolate": True})})
    found, said = _calibration(source, calibration)
    tunings, tuned = _tunings(source, config)
    notes = [*told, *said, *tuned]
    live_model = _live_model(source)
    if live_model is not None and live_model != model_id:
        warnings.append(f"recorded with model '{live_model}', analysed with '{model_id}': name another with --model")
    why = _other_than_live(source, model_id, settings, found)
    if why:
        notes.append(f"answers are not compared with those of the live engine: {why}")
    repeats = source.live is not None and not why
    return Setting(settings, found, repeats, tuple(notes), tuple(warnings), tunings)


def _tunings(source: Source, path: Path | None) -> tuple[tuple[Change, ...], list[str]]:
    """What the live engine was tuned to; a configuration of the user's own stands as it is."""
    count = sum(math.isfinite(change.at_s) for change in source.tunings)
    if path is None:
        return source.tunings, [f"tuned as the live engine was: {count} changes"] if count else []
    return (), [f"{count} changes of the live engine's tuning are left out: --config was given"] if count else []


def _live_model(source: Source) -> str | None:
    """Id of the model whose answers are in the recording."""
    if source.live is not None:
        return source.live.model_id
    if source.metadata is not None and source.metadata.model is not None:
        return source.metadata.model.id
    return None


def _config(source: Source, path: Path | None) -> tuple[Config, list[str]]:
    if path is not None:
        return load_config(path), []
    if source.live is not None and source.live.settings.get("config"):
        return configured(source.live.settings, Config()), ["set up as the live engine was"]
    if source.metadata is not None and source.metadata.config:
        known: dict[str, Any] = {k: v for k, v in source.metadata.config.items() if k in ("eeg", "face", "engine")}
        try:
            return Config.model_validate(known), ["set up as the session says"]
        except ValidationError as err:
            key = ".".join(str(part) for part in err.errors()[0]["loc"])
            return Config(), [f"set up with the defaults: the session's configuration is of another version ({key})"]
    return Config(), []


def _calibration(source: Source, path: Path | None) -> tuple[PersonCalibration | None, list[str]]:
    if path is not None:
        return PersonCalibration.load(path), []
    if source.session is None or source.session.calibration is None:
        return None, []
    if source.live is not None and source.live.settings.get("calibration") == "":
        return None, ["the live engine did not use the calibration beside the recording: it is left out here, too"]
    return PersonCalibration.load(source.session.calibration), ["calibrated with the session's own calibration"]


def _other_than_live(source: Source, model_id: str, config: Config, calibration: PersonCalibration | None) -> str:
    """What differs from the live engine; '' where nothing does, or where there was none."""
    live = source.live
    if live is None:
        return ""
    if live.model_id != model_id:
        return f"its model was '{live.model_id}'"
    if not live.settings.get("config"):
        return "it did not say how it was set up"
    if settings_texts(config, None)["config"] != settings_texts(configured(live.settings, Config()), None)["config"]:
        return "it was set up otherwise"
    theirs = live.settings.get("calibration", "")
    if theirs != ("" if calibration is None else fingerprint(calibration)):
        return "it was calibrated otherwise" if theirs else "it ran without a calibration"
    return ""
