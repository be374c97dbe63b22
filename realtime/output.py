"""Output files: refused before the work where they could not be written, and written whole or not at all."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from numbers import Integral, Real
from pathlib import Path

from realtime.errors import ConfigurationError, DataError


def require_writable(*paths: Path | None) -> None:
    """Refuse an output file that could not be written, before the work whose result it is to hold.

    Raises
    ------
    ConfigurationError
        Its folder is not there or may not be written to, or it is a folder itself.
    """
    for path in paths:
        if path is None:
            continue
        folder = path.absolute().parent
        if not folder.is_dir():
            raise ConfigurationError(f"cannot write '{path}': there is no folder '{folder}'; make it first")
        if path.is_dir() or not os.access(folder, os.W_OK):
            reason = "it is a folder" if path.is_dir() else f"'{folder}' may not be written to"
            raise ConfigurationError(f"cannot write '{path}': {reason}; choose another file")


def write_json(path: Path, data: object) -> None:
    """Write a summary whole or not at all: a temporary file beside it is renamed into place.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(_finite(data), indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as err:
        raise DataError(f"cannot write '{path}': {err.strerror or err}; choose another folder") from err
    finally:
        temporary.unlink(missing_ok=True)


def _finite(value: object) -> object:
    """Plain JSON values, numpy's too; NaN and infinity are not JSON: they become null."""
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, bool | int):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else None
    return value
