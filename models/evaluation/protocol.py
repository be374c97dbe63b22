"""Subject-disjoint evaluation: every system answers for every sample from a fit that never saw the sample's subject."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from models.evaluation.fold_store import FoldResult, FoldStore
from models.inference import one_thread
from models.samples import SampleSet
from models.scale_out import ScaleOut, spread
from models.splits import Split, check_splits, missing_classes, subject_folds
from models.views import VIEWS, View
from realtime.errors import DataError, EmostreamError

ProtocolName = Literal["loso", "kfold"]

# torch's random numbers belong to the process: two folds at once in one process would mix theirs
_ONE_AT_A_TIME = threading.Lock()


class Fitted(Protocol):
    """What a trainer returns."""

    @property
    def split(self) -> Split: ...

    def probabilities(self, samples: SampleSet) -> Mapping[View, NDArray[np.float32]]:
        """Calibrated (n, n_classes) float32 under each view; NaN where a sample lacks the modality."""
        ...


class Trainer(Protocol):
    """Fits something on the subjects that are not held out; picklable, so that a fold can run in another process."""

    def __call__(self, samples: SampleSet, held_out: Sequence[int], seed: int, progress: Any = None) -> Fitted: ...


@dataclass(frozen=True, slots=True)
class System:
    """Something that is evaluated.

    Parameters
    ----------
    name : str
        Key in tables and file names: letters, digits, '_'.
    title : str
        For people.
    trainer : Trainer
    modality : 'both', 'eeg' or 'face'
        What it is shown; a sample without it gets no answer.
    recipe : mapping
        All its choices, JSON-able; a saved fold is used again only for the same.
    """

    name: str
    title: str
    trainer: Trainer
    modality: View = "both"
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fold:
    """Who is held out, and the seed of everything random in the fold."""

    index: int
    held_out: tuple[int, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Pooled:
    """Answers of every system, pooled over the folds.

    Parameters
    ----------
    probabilities : dict of system -> view -> (n, n_classes) float32
        NaN where a sample got no answer.
    splits : dict of system -> tuple of (Split or None)
        One a fold.
    history : dict of system -> tuple of tuple of dict
        Epochs of each fold, where the trainer keeps a history.
    notes : tuple of str
        What was odd in which fold: classes that training lacked, systems without an answer.
    seconds : dict of system -> float
        Summed over folds.
    resumed : int
        How many results were found finished.
    """

    probabilities: dict[str, dict[View, NDArray[np.float32]]]
    splits: dict[str, tuple[Split | None, ...]]
    history: dict[str, tuple[tuple[dict[str, Any], ...], ...]]
    notes: tuple[str, ...]
    seconds: dict[str, float]
    resumed: int


def plan_folds(samples: SampleSet, protocol: ProtocolName, n_folds: int = 5, seed: int = 0) -> tuple[Fold, ...]:
    """Leave-one-subject-out, or folds of whole subjects with like class shares.

    Raises
    ------
    DataError
        One subject only, or fewer subjects than folds.
    """
    if len(samples.subjects) < 2:
        raise DataError(
            f"evaluation needs 2 subjects or more, got {len(samples.subjects)} "
            f"({', '.join(samples.subject_name(s) for s in samples.subjects) or 'nobody'}): "
            "a network that is tested on the person it was trained on says nothing about the next one"
        )
    held = subject_folds(samples.subject, None if protocol == "loso" else n_folds, seed, label=samples.label)
    return tuple(Fold(i, subjects, fold_seed(seed, i)) for i, subjects in enumerate(held))


def reuse_folds(samples: SampleSet, splits: Sequence[Split]) -> tuple[Fold, ...]:
    """The folds of a splits file, less subjects without a sample here (with one modality only, say).

    The inner validation set is drawn by the recipe from the fold's seed, so the same recipe draws the same one.

    Raises
    ------
    DataError
        They do not test each sample exactly once.
    """
    check_splits(samples, splits)
    here = set(samples.subjects)
    kept = [(tuple(s for s in split.held_out if s in here), split.seed) for split in splits]
    return tuple(Fold(i, held, seed) for i, (held, seed) in enumerate((h, s) for h, s in kept if h))


def fold_seed(seed: int, index: int) -> int:
    """A seed for one fold, far from those of the others: recipes count up from theirs."""
    return int(np.random.SeedSequence([seed, index]).generate_state(1)[0] >> 1)


def run_protocol(
    samples: SampleSet,
    systems: Sequence[System],
    folds: Sequence[Fold],
    *,
    store: FoldStore | None = None,
    scale: ScaleOut | None = None,
    progress: bool = False,
) -> Pooled:
    """Run every system in every fold; each is given the training subjects only, and test samples without labels.

    Parameters
    ----------
    samples : SampleSet
    systems : sequence of System
    folds : sequence of Fold
    store : FoldStore, optional
        Finished folds are taken from here and put here as they finish.
    scale : ScaleOut, optional
        One process where not given.
    progress : bool
        Show a bar on stderr.

    Raises
    ------
    DataError
        The folds do not test every sample exactly once, or a system fails; the message names system and fold.
    """
    _check_folds(samples, folds)
    wanted = [(system, fold) for system in systems for fold in folds]
    done: dict[tuple[str, int], FoldResult] = {}
    for system, fold in wanted:
        found = store and store.load(system.name, system.recipe, fold.index, fold.held_out, fold.seed)
        if found:
            done[system.name, fold.index] = found
    resumed = len(done)
    todo = [(system, fold) for system, fold in wanted if (system.name, fold.index) not in done]
    by_name = {system.name: system for system in systems}
    with (
        tqdm(total=len(wanted), initial=resumed, desc="folds", unit="fit", disable=not progress) as bar,
        closing(spread(run_fold, samples, todo, scale or ScaleOut(jobs=1))) as results,
    ):
        for result in results:
            fold = folds[result.fold]
            if store is not None:
                store.save(result, by_name[result.system].recipe, fold.held_out, fold.seed)
            done[result.system, result.fold] = result
            bar.update()
    return _pool(samples, systems, folds, done, resumed)


def run_fold(samples: SampleSet, item: tuple[System, Fold]) -> FoldResult:
    """One system in one fold; the same to the last bit wherever it runs."""
    system, fold = item
    with _ONE_AT_A_TIME, threadpool_limits(1), one_thread():
        try:
            return _run_fold(samples, system, fold)
        except EmostreamError as err:
            names = ", ".join(samples.subject_name(s) for s in fold.held_out)
            raise DataError(f"{system.title}, fold {fold.index} (held out: {names}): {err}") from err


def _run_fold(samples: SampleSet, system: System, fold: Fold) -> FoldResult:
    started_s = time.perf_counter()
    testing = np.isin(samples.subject, fold.held_out)
    either = samples.has_eeg | samples.has_face
    has = {"eeg": samples.has_eeg, "face": samples.has_face, "both": either}[system.modality]
    n_classes = len(samples.classes)
    rows = np.flatnonzero(testing)
    asked = has[rows]
    answers: dict[View, NDArray[np.float32]] = {
        view: np.full((len(rows), n_classes), np.nan, np.float32) for view in VIEWS
    }
    what = {"eeg": "EEG", "face": "a face", "both": "a modality"}[system.modality]
    if not asked.any():
        return FoldResult(system.name, fold.index, answers, None, note=f"no held-out sample has {what}")
    if not has[~testing].any():
        return FoldResult(system.name, fold.index, answers, None, note=f"no training sample has {what}: no answer")
    # what a trainer is not given it cannot leak: neither held-out samples, nor their labels
    fitted = system.trainer(samples.take(~testing).only(system.modality), fold.held_out, fold.seed)
    test = samples.take(rows[asked]).only(system.modality)
    for view, values in fitted.probabilities(replace(test, label=np.zeros_like(test.label))).items():
        if values.shape != (len(test), n_classes):
            raise DataError(f"expected probabilities of shape {(len(test), n_classes)}, got {values.shape}")
        answers[view][asked] = values
    if set(fitted.split.held_out) != set(fold.held_out):
        raise DataError(f"the trainer held out the subjects {fitted.split.held_out}, asked were {fold.held_out}")
    # only networks that train in epochs have these
    history = tuple(_as_dict(report) for report in getattr(fitted, "history", ()))
    note = "; ".join(getattr(fitted, "warnings", ()))
    seconds = time.perf_counter() - started_s
    return FoldResult(system.name, fold.index, answers, fitted.split, history, note, seconds)


def _check_folds(samples: SampleSet, folds: Sequence[Fold]) -> None:
    everyone = set(samples.subjects)
    check_splits(samples, [Split(tuple(everyone - set(f.held_out)), (), f.held_out, f.seed) for f in folds])


def _pool(
    samples: SampleSet,
    systems: Sequence[System],
    folds: Sequence[Fold],
    done: Mapping[tuple[str, int], FoldResult],
    resumed: int,
) -> Pooled:
    n, n_classes = len(samples), len(samples.classes)
    probabilities: dict[str, dict[View, NDArray[np.float32]]] = {}
    for system in systems:
        pooled: dict[View, NDArray[np.float32]] = {v: np.full((n, n_classes), np.nan, np.float32) for v in VIEWS}
        for fold in folds:
            rows = np.flatnonzero(np.isin(samples.subject, fold.held_out))
            for view, values in done[system.name, fold.index].probabilities.items():
                pooled[view][rows] = values
        probabilities[system.name] = pooled
    each = {system.name: [done[system.name, fold.index] for fold in folds] for system in systems}
    return Pooled(
        probabilities,
        {name: tuple(result.split for result in results) for name, results in each.items()},
        {name: tuple(result.history for result in results) for name, results in each.items()},
        tuple(_notes(samples, systems, folds, done)),
        {name: sum(result.seconds for result in results) for name, results in each.items()},
        resumed,
    )


def _notes(
    samples: SampleSet,
    systems: Sequence[System],
    folds: Sequence[Fold],
    done: Mapping[tuple[str, int], FoldResult],
) -> list[str]:
    notes = []
    everyone = set(samples.subjects)
    said: dict[tuple[str, str], list[str]] = defaultdict(list)
    for fold in folds:
        where = f"fold {fold.index} (held out: {', '.join(samples.subject_name(s) for s in fold.held_out)})"
        split = Split(tuple(everyone - set(fold.held_out)), (), fold.held_out, fold.seed)
        if lacking := missing_classes(samples, split):
            notes.append(f"{where}: training lacks {', '.join(lacking)}")
        for system in systems:
            if note := done[system.name, fold.index].note:
                said[system.title, note].append(where)
    for (title, note), places in said.items():
        where = places[0] if len(places) == 1 else f"{len(places)} of {len(folds)} folds"
        notes.append(f"{where}, {title}: {note}")
    return notes


def _as_dict(report: Any) -> dict[str, Any]:
    return dict(report) if isinstance(report, Mapping) else asdict(report) if is_dataclass(report) else vars(report)  # type: ignore[arg-type]
