"""Tunings as TOML files, for a lab that wants the same settings again."""

from __future__ import annotations

import json
import os
from pathlib import Path

from realtime.errors import DataError
from realtime.tuning import KNOBS, Tuning
from realtime.untrusted import read_toml

_MOST_BYTES = 65_536


def preset_text(tuning: Tuning) -> str:
    """A tuning as TOML, with the unit of each number."""
    lines = ["# what emostream was tuned to; load it in the dashboard's panel 'Tuning'"]
    for name, knob in KNOBS.items():
        said = ", ".join(filter(None, (knob.title, knob.unit)))
        lines.append(f"{name} = {getattr(tuning, name)!r}  # {said}")
    rows = ", ".join(f"[{json.dumps(name, ensure_ascii=False)}, {low!r}, {high!r}]" for name, low, high in tuning.bands)
    lines.append(f"bands = [{rows}]  # name, low and high Hz; none: the model's own are shown")
    lines += ["", "[class_names]"]
    quoted = ((json.dumps(name, ensure_ascii=False) for name in pair) for pair in tuning.class_names.items())
    lines += [" = ".join(pair) for pair in quoted]
    return "\n".join(lines) + "\n"


def save_preset(path: Path, tuning: Tuning, *, replace: bool = False) -> None:
    """Write a preset, whole or not at all.

    Raises
    ------
    FileExistsError
        There is a file of that name, and `replace` was not said.
    DataError
        It cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(preset_text(tuning), encoding="utf-8")
        if replace:
            part.replace(path)
        else:
            # unlike a rename, a link never takes the place of a file that is there
            os.link(part, path)
    except FileExistsError:
        raise
    except OSError as err:
        raise DataError(f"cannot write preset '{path}': {err.strerror or err}; choose another folder") from err
    finally:
        part.unlink(missing_ok=True)


def load_preset(path: Path, base: Tuning) -> Tuning:
    """Read a preset; what it leaves out is as in `base`.

    Raises
    ------
    DataError
        It cannot be read, or is no preset; the message, of one line, says why.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"'{path.name}' is no preset: it holds more than {_MOST_BYTES // 1024} KiB")
        said = read_toml(path, _MOST_BYTES)
        if not said:
            raise DataError(f"'{path.name}' is no preset: it is empty")
        return base.changed(said)
    except OSError as err:
        raise DataError(f"cannot read preset '{path.name}': {err.strerror or err}") from err
    except ValueError as err:
        raise DataError(f"'{path.name}' is no preset: it is not TOML ({' '.join(str(err).split())[:120]})") from err
    except DataError as err:
        text = str(err)
        raise DataError(text if path.name in text else f"'{path.name}' is no preset: {text}") from err
