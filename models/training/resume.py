"""A training's state on disk, so that a killed one goes on where it stopped; safetensors and JSON, never pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor

from realtime.errors import ConfigurationError, DataError
from realtime.untrusted import parse_json

STATE_FILE = "state.safetensors"
_FORMAT = 1
_MOST_STATE = 64 * 2**20


@dataclass(frozen=True, slots=True)
class State:
    """What a training depends on from here on: tensors on any device, and facts that JSON can hold."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StateFile:
    """The state in a run folder, and the training that it belongs to.

    One file holds all of it and appears in one step, so a kill at any moment leaves the last epoch's state or the one
    before it, whole.

    Parameters
    ----------
    folder : Path
    training : dict
        Options, data and machine, in the form of JSON: a state goes on only under the same.
    """

    folder: Path
    training: Mapping[str, Any]

    @property
    def path(self) -> Path:
        """Where the state is."""
        return self.folder / STATE_FILE

    def save(self, state: State) -> None:
        """Replace the state.

        Raises
        ------
        DataError
            The folder cannot be written to.
        """
        content = {"format": _FORMAT, "training": dict(self.training), "facts": state.facts}
        tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}
        encoded = save_tensors(tensors, {"state": json.dumps(content)})
        # always of one name: however often a training is killed, one such file is left at most
        partial = self.path.with_name(f".{STATE_FILE}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(encoded)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self.path)
        except OSError as err:
            raise DataError(
                f"cannot write the training's state to '{self.path}': {err}; choose another run folder"
            ) from err
        finally:
            partial.unlink(missing_ok=True)

    def load(self) -> State | None:
        """Read the state; None where there is none yet.

        Raises
        ------
        DataError
            Unreadable.
        ConfigurationError
            It is another training's; names the first field that differs.
        """
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as file:
                content = parse_json((file.metadata() or {})["state"], _MOST_STATE)
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if content["format"] != _FORMAT:
                raise ValueError(f"format {content['format']}, wanted {_FORMAT}")
            found, facts = content["training"], content["facts"]
            if not (isinstance(found, dict) and isinstance(facts, dict)):
                raise TypeError("training and facts are no JSON objects")
        except (OSError, SafetensorError, ValueError, KeyError, TypeError) as err:
            raise DataError(
                f"cannot read the training's state '{self.path}': {err!r}; use --no-resume to start anew"
            ) from err
        self._compare(found)
        return State(tensors, facts)

    def discard(self) -> None:
        """Forget the state, so that the training starts anew.

        Raises
        ------
        DataError
            It cannot be deleted.
        """
        try:
            self.path.unlink(missing_ok=True)
        except OSError as err:
            raise DataError(f"cannot start anew in '{self.folder}': {err}; choose another run folder") from err

    def _compare(self, found: Mapping[str, Any]) -> None:
        theirs, ours = _flat(found), _flat(json.loads(json.dumps(self.training)))
        for name in sorted(theirs.keys() | ours.keys()):
            a, b = theirs.get(name, "nothing"), ours.get(name, "nothing")
            if a != b:
                raise ConfigurationError(
                    f"run folder '{self.folder}' holds a training with {name} {_short(a)}, this one has {_short(b)}; "
                    "choose another --run-dir, or --no-resume to start anew"
                )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, with dotted names."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _short(value: Any, length: int = 60) -> str:
    text = json.dumps(value)
    return text if len(text) <= length else text[: length - 3] + "..."
