"""Results of finished folds on disk, so that an evaluation that was killed goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.splits import Split
from models.views import View
from realtime.errors import DataError
from realtime.npz_file import open_npz
from realtime.untrusted import parse_json

_FORMAT = 1
_LIBRARIES = ("numpy", "scikit-learn", "torch")


@dataclass(frozen=True, slots=True)
class FoldResult:
    """One system's answers in one fold.

    Parameters
    ----------
    system : str
    fold : int
    probabilities : dict of view -> (n_held_out, n_classes) float32
        Of the held-out samples in their order in the data; NaN where there is no answer.
    split : Split or None
        None where nothing was trained.
    history : tuple of dict
        What the trainer said of each epoch, where it keeps a history.
    note : str
        Why there is no answer, or what was missing; empty where all is well.
    seconds : float
    """

    system: str
    fold: int
    probabilities: dict[View, NDArray[np.float32]]
    split: Split | None
    history: tuple[dict[str, Any], ...] = ()
    note: str = ""
    seconds: float = 0.0


class FoldStore:
    """A folder of finished folds; a result is found again only for the same data, system, fold, seed and libraries.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    data_sha256 : str
        Digest of exactly what the systems are given.

    Raises
    ------
    DataError
        The folder cannot be made.
    """

    def __init__(self, folder: Path, data_sha256: str) -> None:
        self.folder = folder
        self._data_sha256 = data_sha256
        self._versions = {name: version(name) for name in _LIBRARIES}
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise DataError(f"cannot make the folder '{folder}': {err.strerror or err}; choose another --out") from err

    def load(self, system: str, recipe: Mapping[str, Any], fold: int, held_out: Sequence[int], seed: int) -> Any:
        """The `FoldResult` saved for this, or None.

        Raises
        ------
        DataError
            There is one and it cannot be read.
        """
        path = self._path(system, recipe, fold, held_out, seed)
        if not path.exists():
            return None
        try:
            with open_npz(path) as archive:
                about = parse_json(str(archive["about"]))
                views = {name.removeprefix("p_"): archive[name] for name in archive.files if name.startswith("p_")}
            split = about["split"] and Split(
                tuple(about["split"]["training"]),
                tuple(about["split"]["validation"]),
                tuple(about["split"]["held_out"]),
                about["split"]["seed"],
            )
            return FoldResult(system, fold, views, split, tuple(about["history"]), about["note"], about["seconds"])
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as err:
            raise DataError(f"cannot read the finished fold '{path}': {err!r}; delete it to compute it anew") from err

    def save(self, result: FoldResult, recipe: Mapping[str, Any], held_out: Sequence[int], seed: int) -> None:
        """Write one result, whole or not at all.

        Raises
        ------
        DataError
            The file cannot be written.
        """
        path = self._path(result.system, recipe, result.fold, held_out, seed)
        about = {
            "split": result.split and asdict(result.split),
            "history": result.history,
            "note": result.note,
            "seconds": result.seconds,
        }
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        arrays: dict[str, Any] = {f"p_{view}": values for view, values in result.probabilities.items()}
        try:
            with partial.open("wb") as file:
                np.savez(file, about=np.array(json.dumps(about)), **arrays)
            partial.replace(path)
        except OSError as err:
            raise DataError(f"cannot write the fold '{path}': {err.strerror or err}; choose another --out") from err
        finally:
            partial.unlink(missing_ok=True)

    def _path(self, system: str, recipe: Mapping[str, Any], fold: int, held_out: Sequence[int], seed: int) -> Path:
        key = {
            "format": _FORMAT,
            "data": self._data_sha256,
            "system": system,
            "recipe": recipe,
            "held_out": list(held_out),
            "seed": seed,
            "libraries": self._versions,
        }
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{system}-{fold:03d}-{digest[:16]}.npz"
