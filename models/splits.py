"""Subject-disjoint folds and inner validation sets, and the files that record them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.samples import SampleSet
from realtime.errors import DataError
from realtime.output import write_json
from realtime.untrusted import read_json


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


def subject_folds(
    subject: NDArray[np.integer],
    n_folds: int | None = None,
    seed: int = 0,
    *,
    label: NDArray[np.integer] | None = None,
) -> list[tuple[int, ...]]:
    """Held-out subjects of each fold; every subject exactly once.

    Where labels are given, of 64 random draws the one whose folds come closest to the class shares of the whole set is
    taken, so that no fold trains without a class that another draw would have left it.

    Parameters
    ----------
    subject : (n,) int
        Subject of each sample.
    n_folds : int, optional
        Leave one subject out where not given: subjects in ascending order, whatever the seed.
    seed : int
    label : (n,) int, optional

    Raises
    ------
    DataError
        Fewer subjects than folds, or fewer than two folds.
    """
    subjects = np.unique(subject)
    if len(subjects) < 2:
        raise DataError(
            f"{len(subjects)} subject cannot be held out and trained on: folds need 2 subjects or more; "
            "name the subject of each sample, or add people"
        )
    if n_folds is None:
        return [(int(s),) for s in subjects]
    if not 2 <= n_folds <= len(subjects):
        raise DataError(f"{n_folds} folds asked of {len(subjects)} subjects; give 2 to {len(subjects)}")
    rng = np.random.default_rng(seed)
    if label is None:
        drawn = np.array_split(rng.permutation(subjects), n_folds)
    else:
        counts = _class_counts(subject, label, subjects)
        draws = [np.array_split(rng.permutation(len(subjects)), n_folds) for _ in range(64)]
        best = min(draws, key=lambda parts: sum(_distance(counts[p].sum(0), counts.sum(0)) for p in parts))
        drawn = [subjects[part] for part in best]
    return [tuple(sorted(int(s) for s in part)) for part in drawn]


def inner_split(
    samples: SampleSet,
    held_out: Sequence[int] = (),
    fraction: float = 0.2,
    seed: int = 0,
    *,
    allow_none: bool = False,
) -> Split:
    """Draw validation subjects from those that are not held out.

    Of 64 random draws the one whose validation class shares are closest to those of the training subjects is taken,
    so that early stopping and calibration see every class.

    Parameters
    ----------
    samples : SampleSet
    held_out : sequence of int
    fraction : float
        Of the subjects that are not held out; one at least.
    seed : int
    allow_none : bool
        With a single subject left, train on it and validate on nobody; for those who need no validation set.

    Raises
    ------
    DataError
        Fewer than two subjects remain (none, where `allow_none`).
    """
    pool = np.array([s for s in samples.subjects if s not in set(held_out)])
    if len(pool) < (1 if allow_none else 2):
        raise DataError(f"inner validation needs 2 subjects that are not held out, got {len(pool)}")
    n_validation = min(max(1, round(fraction * len(pool))), len(pool) - 1)
    counts = _class_counts(samples.subject, samples.label, pool)
    rng = np.random.default_rng(seed)
    draws = [rng.permutation(len(pool)) for _ in range(64)]
    best = min(draws, key=lambda o: _distance(counts[o[:n_validation]].sum(0), counts[o[n_validation:]].sum(0)))
    return Split(
        training=tuple(sorted(int(s) for s in pool[best[n_validation:]])),
        validation=tuple(sorted(int(s) for s in pool[best[:n_validation]])),
        held_out=tuple(sorted(int(s) for s in held_out)),
        seed=seed,
    )


def check_splits(samples: SampleSet, splits: Sequence[Split]) -> None:
    """Require that the folds test every sample exactly once and that no trial is on two sides of a fold.

    Raises
    ------
    DataError
        A sample in no fold or in two, a trial that is parted, or a fold without a training subject.
    """
    tested = np.zeros(len(samples), np.int64)
    for split in splits:
        testing = np.isin(samples.subject, split.held_out)
        tested += testing
        training = np.isin(samples.subject, split.training + split.validation)
        if not training.any():
            raise DataError(f"fold that holds out {_names(samples, split.held_out)} has no training sample")
        trials = np.stack([samples.subject, samples.group], axis=1)
        shared = set(map(tuple, trials[testing].tolist())) & set(map(tuple, trials[training].tolist()))
        if shared:
            raise DataError(f"fold parts the trials {sorted(shared)[:3]} (subject, group) between training and testing")
    if wrong := np.flatnonzero(tested != 1).tolist():
        first = wrong[0]
        name = samples.subject_name(int(samples.subject[first]))
        raise DataError(
            f"every sample must be tested in exactly one fold; {len(wrong)} are not, the first is "
            f"'{samples.sample[first]}' of {name}, in {tested[first]} folds"
        )


def missing_classes(samples: SampleSet, split: Split) -> tuple[str, ...]:
    """Classes that occur in the samples but in none of the fold's training and validation subjects'."""
    inside = np.isin(samples.subject, split.training + split.validation)
    here = set(np.unique(samples.label).tolist()) - set(np.unique(samples.label[inside]).tolist())
    return tuple(samples.classes[c] for c in sorted(here))


def save_splits(path: Path, splits: Sequence[Split], data_sha256: str, names: Mapping[int, str] | None = None) -> None:
    """Write the folds as JSON, so that anybody can repeat them.

    Parameters
    ----------
    path : Path
    splits : sequence of Split
    data_sha256 : str
        `SampleSet.digest` of the data they are for.
    names : mapping of subject -> pseudonym, optional
        For the reader's eyes.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    content: dict[str, Any] = {"data_sha256": data_sha256, "folds": [asdict(split) for split in splits]}
    if names:
        content["subjects"] = {str(number): name for number, name in names.items()}
    write_json(path, content)


def load_splits(path: Path, data_sha256: str | None = None) -> list[Split]:
    """Read folds.

    Raises
    ------
    DataError
        Unreadable, or made for other data than `data_sha256`.
    """
    try:
        content = read_json(path)
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


def _class_counts(
    subject: NDArray[np.integer], label: NDArray[np.integer], subjects: NDArray[np.integer]
) -> NDArray[np.float64]:
    """(n_subjects, n_classes)"""
    n_classes = int(label.max()) + 1
    return np.array([np.bincount(label[subject == s], minlength=n_classes) for s in subjects], np.float64)


def _distance(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float:
    """Of two class distributions, given as counts; an empty side is as far away as can be."""
    if not inside.sum() or not outside.sum():
        return 2.0
    return float(np.abs(inside / inside.sum() - outside / outside.sum()).sum())


def _names(samples: SampleSet, subjects: Sequence[int]) -> str:
    return ", ".join(samples.subject_name(s) for s in subjects) or "nobody"
