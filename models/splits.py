"""Subject-disjoint folds and inner validation sets, and the files that record them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.samples import SampleSet
from realtime.errors import DataError


@dataclass(frozen=True, slots=True)
class Split:
    """Who trains, who stops the training early and calibrates it, and who is held out; no subject twice.

    Raises
    ------
    DataError
        A subject is in two of the three.
    """

    training: tuple[int, ...]
    validation: tuple[int, ...]
    held_out: tuple[int, ...]
    seed: int

    def __post_init__(self) -> None:
        parts = {"training": self.training, "validation": self.validation, "held_out": self.held_out}
        names = list(parts)
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                if both := sorted(set(parts[a]) & set(parts[b])):
                    raise DataError(
                        f"split: subjects {both} are in '{a}' and in '{b}'; a subject belongs to one of them"
                    )


def subject_folds(subject: NDArray[np.integer], n_folds: int | None = None, seed: int = 0) -> list[tuple[int, ...]]:
    """Held-out subjects of each fold; every subject exactly once.

    Parameters
    ----------
    subject : (n,) int
        Subject of each sample.
    n_folds : int, optional
        Leave one subject out where not given.
    seed : int

    Raises
    ------
    DataError
        Fewer subjects than folds, or fewer than two folds.
    """
    subjects = np.unique(subject)
    n_folds = len(subjects) if n_folds is None else n_folds
    if not 2 <= n_folds <= len(subjects):
        raise DataError(f"{n_folds} folds asked of {len(subjects)} subjects; give 2 to {len(subjects)}")
    shuffled = np.random.default_rng(seed).permutation(subjects)
    return [tuple(sorted(int(s) for s in part)) for part in np.array_split(shuffled, n_folds)]


def inner_split(samples: SampleSet, held_out: Sequence[int] = (), fraction: float = 0.2, seed: int = 0) -> Split:
    """Draw validation subjects from those that are not held out.

    Of 64 random draws the one whose validation class shares are closest to those of the training subjects is taken,
    so that early stopping and calibration see every class.

    Raises
    ------
    DataError
        Fewer than two subjects remain.
    """
    pool = np.array([s for s in samples.subjects if s not in set(held_out)])
    if len(pool) < 2:
        raise DataError(f"inner validation needs 2 subjects that are not held out, got {len(pool)}")
    n_validation = min(max(1, round(fraction * len(pool))), len(pool) - 1)
    n_classes = len(samples.classes)
    counts = np.array([np.bincount(samples.label[samples.subject == s], minlength=n_classes) for s in pool], float)
    rng = np.random.default_rng(seed)
    best, best_distance = None, np.inf
    for _ in range(64):
        order = rng.permutation(len(pool))
        inside, outside = counts[order[:n_validation]].sum(axis=0), counts[order[n_validation:]].sum(axis=0)
        distance = float(np.abs(inside / inside.sum() - outside / outside.sum()).sum())
        if distance < best_distance:
            best, best_distance = order, distance
    assert best is not None
    return Split(
        training=tuple(sorted(int(s) for s in pool[best[n_validation:]])),
        validation=tuple(sorted(int(s) for s in pool[best[:n_validation]])),
        held_out=tuple(sorted(int(s) for s in held_out)),
        seed=seed,
    )


def save_splits(path: Path, splits: Sequence[Split], data_sha256: str) -> None:
    """Write the folds as JSON, so that anybody can repeat them."""
    content = {"data_sha256": data_sha256, "folds": [asdict(split) for split in splits]}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def load_splits(path: Path, data_sha256: str | None = None) -> list[Split]:
    """Read folds.

    Raises
    ------
    DataError
        Unreadable, or made for other data than `data_sha256`.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        splits = [
            Split(tuple(f["training"]), tuple(f["validation"]), tuple(f["held_out"]), int(f["seed"]))
            for f in content["folds"]
        ]
        made_for = content["data_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise DataError(f"cannot read splits from '{path}': {err!r}") from err
    if data_sha256 is not None and made_for != data_sha256:
        raise DataError(f"splits '{path}' are for data {made_for[:12]}, got data {data_sha256[:12]}; make them anew")
    return splits
