"""What the engine was set to, as texts that travel with its answers: a recording can be computed again from itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from realtime.config import Config
from realtime.eeg.calibration import Calibration
from realtime.errors import DataError

_SHAPING: dict[str, Any] = {"eeg": True, "face": True, "engine": True, "lsl": {"stale_after_s", "delays"}}


def settings_texts(config: Config, calibration: Calibration | None) -> dict[str, str]:
    """Everything that shapes an engine's answers besides its model and its input.

    Returns
    -------
    dict
        'config': JSON of the sections eeg, face and engine, and of what of section lsl matters. 'calibration':
        `fingerprint` of the calibration in use, '' without one.
    """
    said: dict[str, Any] = config.model_dump(mode="json", include=_SHAPING)
    return {"config": json.dumps(said), "calibration": "" if calibration is None else fingerprint(calibration)}


def configured(texts: Mapping[str, str], base: Config) -> Config:
    """`base` with what `settings_texts` says.

    Raises
    ------
    DataError
        The texts are not those of a configuration of ours.
    """
    try:
        said = json.loads(texts.get("config") or "{}")
        merged = base.model_dump(mode="json")
        for section, values in said.items():
            merged[section] = {**merged[section], **values}
        return Config.model_validate(merged)
    except (ValueError, TypeError, KeyError, AttributeError, ValidationError) as err:
        reason = " ".join(str(err).split())[:200]
        raise DataError(f"the recording does not say how its engine was set, as ours does: {reason}") from err


def fingerprint(calibration: Calibration) -> str:
    """SHA-256 over what a calibration is applied with: its channels and its matrix."""
    known = hashlib.sha256("\n".join(calibration.channels).encode())
    known.update(calibration.matrix.tobytes())
    return known.hexdigest()
