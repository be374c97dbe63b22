"""What the engine was set to, as texts that travel with its answers: a recording can be computed again from itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from realtime.calibrate.person import PersonCalibration
from realtime.config import Config
from realtime.errors import DataError
from realtime.untrusted import parse_json

_SHAPING: dict[str, Any] = {"eeg": True, "face": True, "engine": True, "lsl": {"stale_after_s", "delays"}}


def settings_texts(config: Config, calibration: PersonCalibration | None) -> dict[str, str]:
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
        said = parse_json(texts.get("config") or "{}")
        merged = base.model_dump(mode="json")
        for section, values in said.items():
            merged[section] = {**merged[section], **values}
        return Config.model_validate(merged)
    except (ValueError, TypeError, KeyError, AttributeError, ValidationError) as err:
        reason = " ".join(str(err).split())[:200]
        raise DataError(f"the recording does not say how its engine was set, as ours does: {reason}") from err


def fingerprint(calibration: PersonCalibration) -> str:
    """SHA-256 over what a calibration is applied with: channels and matrix, and the noise of the face."""
    known = hashlib.sha256()
    if (eeg := calibration.eeg) is not None:
        known.update("\n".join(eeg.channels).encode())
        known.update(eeg.matrix.tobytes())
    if (face := calibration.face) is not None:
        for noise in (face.motion, face.returned):
            known.update(noise.sizes_px.tobytes())
            known.update(str(noise.seconds).encode())
    return known.hexdigest()
