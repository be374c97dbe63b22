"""A trainer that fits in milliseconds, and small data whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from models_helpers import BANDS, CHANNELS, CLASSES, synthetic_samples
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression

from models.samples import SampleSet
from models.splits import Split, inner_split
from models.views import VIEWS, View

RECIPE = {"name": "logistic regression"}


def small_samples(
    n_subjects: int = 5, per_class: int = 3, seed: int = 0, *, noise: float = 1.0, missing: bool = True
) -> SampleSet:
    """The synthetic world with 12 px faces and named subjects, so that many folds take little time."""
    samples = synthetic_samples(n_subjects, per_class, seed, noise, missing=missing)
    names = tuple(f"sub-{i:02d}" for i in range(1, int(samples.subject.max()) + 2))
    return replace(
        samples,
        flow=samples.flow[:, ::4, ::4],
        onset=samples.onset[:, ::4, ::4],
        apex=samples.apex[:, ::4, ::4],
        subject_names=names,
    )


def blank_samples(label: ArrayLike, subject: ArrayLike, group: ArrayLike | None = None) -> SampleSet:
    """EEG of nothing but zeros, for what depends on labels, subjects and groups only."""
    n = np.size(label)
    return SampleSet(
        classes=CLASSES,
        channels=CHANNELS,
        bands=BANDS,
        log_power=np.zeros((n, 1, len(CHANNELS), len(BANDS)), np.float32),
        channel_mask=np.ones((n, 1, len(CHANNELS)), bool),
        window_mask=np.ones((n, 1), bool),
        has_eeg=np.ones(n, bool),
        onset=np.zeros((n, 2, 2), np.uint8),
        apex=np.zeros((n, 2, 2), np.uint8),
        flow=np.zeros((n, 2, 2, 2), np.float16),
        has_face=np.zeros(n, bool),
        label=np.asarray(label, np.int64),
        subject=np.asarray(subject, np.int64),
        group=np.arange(n) if group is None else np.asarray(group, np.int64),
    )


@dataclass(frozen=True)
class StubFitted:
    """Logistic regressions on mean log power and on the flow; both together is their product."""

    eeg: LogisticRegression | None
    face: LogisticRegression | None
    split: Split
    history: tuple[dict[str, float], ...]

    def probabilities(self, samples: SampleSet) -> dict[View, np.ndarray]:
        n, k = len(samples), len(samples.classes)
        found: dict[View, np.ndarray] = {view: np.full((n, k), np.nan, np.float32) for view in VIEWS}
        total = np.zeros((n, k))
        for view, machine, has, features in _parts(samples, self.eeg, self.face):
            if machine is None or not has.any():
                continue
            p = np.full((int(has.sum()), k), 1e-6)
            p[:, machine.classes_] = machine.predict_proba(features[has])
            found[view][has] = p / p.sum(axis=1, keepdims=True)
            total[has] += np.log(p)
        some = samples.has_eeg | samples.has_face
        raised = np.exp(total - total.max(axis=1, keepdims=True))
        found["both"][some] = (raised / raised.sum(axis=1, keepdims=True))[some]
        return found


@dataclass(frozen=True)
class StubTrainer:
    """See `StubFitted`; fits in milliseconds."""

    def __call__(self, samples: SampleSet, held_out: Sequence[int], seed: int, progress: object = None) -> StubFitted:
        split = inner_split(samples, held_out, seed=seed, allow_none=True)
        training = samples.of_subjects(split.training)
        machines = {}
        for view, _, has, features in _parts(training, None, None):
            enough = has.any() and len(np.unique(training.label[has])) > 1
            machines[view] = (
                LogisticRegression(tol=1e-3, class_weight="balanced", max_iter=300, random_state=seed).fit(
                    features[has], training.label[has]
                )
                if enough
                else None
            )
        history = tuple({"epoch": e, "train_loss": 1.5 / e, "validation_loss": 1.0 / e + 0.02 * e} for e in range(1, 8))
        return StubFitted(machines["eeg"], machines["face"], split, history)


def _parts(samples: SampleSet, eeg: object, face: object) -> list[tuple]:
    mask = (samples.channel_mask & samples.window_mask[..., None])[..., None]
    power = np.where(mask, samples.log_power, 0).sum(axis=1) / np.maximum(mask.sum(axis=1), 1)
    flow = samples.flow.astype(np.float64).mean(axis=2)
    return [
        ("eeg", eeg, samples.has_eeg, power.reshape(len(samples), -1)),
        ("face", face, samples.has_face, flow.reshape(len(samples), -1)),
    ]
