"""Nobody answers for a person they have seen, every sample is answered for once, and a killed run goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from evaluation_helpers import RECIPE, StubFitted, StubTrainer, blank_samples, small_samples

from models.evaluation.baselines import baseline_systems
from models.evaluation.fold_store import FoldStore
from models.evaluation.protocol import Fold, System, fold_seed, plan_folds, reuse_folds, run_protocol
from models.samples import SampleSet
from models.splits import Split, check_splits, inner_split, missing_classes, subject_folds
from models.training.train import TrainingOptions, train
from models.views import View
from realtime.errors import ConfigurationError, DataError

STUB = System("network", "network", StubTrainer(), "both", RECIPE)


@dataclass
class Spy:
    """Notes what a trainer and its result are given; fails once `fail_at` folds are done."""

    seen: list[tuple[tuple[int, ...], tuple[int, ...], int]]
    labels: list[int]
    fail_at: int | None = None

    def __call__(self, samples: SampleSet, held_out: Sequence[int], seed: int, progress: object = None) -> SpyFitted:
        if self.fail_at is not None and len(self.seen) >= self.fail_at:
            raise DataError("the power went off")
        self.seen.append((tuple(held_out), samples.subjects, seed))
        return SpyFitted(self, StubTrainer()(samples, held_out, seed))


@dataclass
class SpyFitted:
    spy: Spy
    fitted: StubFitted

    @property
    def split(self) -> Split:
        return self.fitted.split

    def probabilities(self, samples: SampleSet) -> dict[View, np.ndarray]:
        self.spy.labels += samples.label.tolist()
        return self.fitted.probabilities(samples)


def _spied(fail_at: int | None = None) -> tuple[Spy, System]:
    spy = Spy([], [], fail_at)
    return spy, replace(STUB, trainer=spy)


def test_a_trainer_sees_neither_the_held_out_people_nor_their_labels() -> None:
    samples = small_samples(4, 2)
    spy, system = _spied()
    pooled = run_protocol(samples, [system], plan_folds(samples, "loso", seed=3))
    assert [held for held, _, _ in spy.seen] == [(s,) for s in samples.subjects]
    for held, given, _ in spy.seen:
        assert set(given) == set(samples.subjects) - set(held)
    assert set(spy.labels) == {0}
    assert len({seed for _, _, seed in spy.seen}) == 4
    assert np.isfinite(pooled.probabilities["network"]["both"]).all()
    np.testing.assert_array_equal(np.isnan(pooled.probabilities["network"]["eeg"][:, 0]), ~samples.has_eeg)
    np.testing.assert_array_equal(np.isnan(pooled.probabilities["network"]["face"][:, 0]), ~samples.has_face)


def test_pooled_answers_are_those_of_each_fold() -> None:
    samples = small_samples(4, 2)
    shuffled = samples.take(np.random.default_rng(0).permutation(len(samples)))
    for protocol in ("loso", "kfold"):
        folds = plan_folds(shuffled, protocol, 2, seed=1)
        pooled = run_protocol(shuffled, [STUB], folds).probabilities["network"]["both"]
        for fold in folds:
            testing = np.isin(shuffled.subject, fold.held_out)
            fitted = StubTrainer()(shuffled.take(~testing), fold.held_out, fold.seed)
            np.testing.assert_array_equal(pooled[testing], fitted.probabilities(shuffled.take(testing))["both"])


def test_the_network_s_own_training_is_a_trainer() -> None:
    samples = small_samples(3, 2)
    network = {"face_px": 32, "glimpse_px": 8, "tcn_width": 8, "tcn_levels": 2, "token_width": 8, "heads": 2}
    options = TrainingOptions(epochs=1, batch_size=32, network=network, device="cpu")

    def trainer(given: SampleSet, held_out: Sequence[int], seed: int, progress: object = None) -> object:
        return train(given, options.model_copy(update={"seed": seed}), None, tuple(held_out))

    pooled = run_protocol(samples, [replace(STUB, trainer=trainer)], plan_folds(samples, "loso"))  # type: ignore[arg-type]
    assert np.isfinite(pooled.probabilities["network"]["both"]).all()
    assert [len(epochs) for epochs in pooled.history["network"]] == [1, 1, 1]
    assert all("validation_loss" in epochs[0] for epochs in pooled.history["network"])


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    samples = small_samples(5, 2)
    folds = plan_folds(samples, "loso")
    whole = run_protocol(samples, [STUB], folds)
    store = FoldStore(tmp_path / "folds", samples.digest())
    first, system = _spied(fail_at=2)
    with pytest.raises(DataError, match=r"network, fold 2 \(held out: sub-14\): the power went off"):
        run_protocol(samples, [system], folds, store=store)
    assert len(list(store.folder.glob("*.npz"))) == 2
    second, system = _spied()
    resumed = run_protocol(samples, [system], folds, store=store)
    assert [held for held, _, _ in first.seen + second.seen] == [(s,) for s in samples.subjects]
    assert resumed.resumed == 2
    for view in ("both", "eeg", "face"):
        np.testing.assert_array_equal(resumed.probabilities["network"][view], whole.probabilities["network"][view])
    assert resumed.splits == whole.splits
    third, system = _spied()
    again = run_protocol(samples, [system], folds, store=store)
    assert (third.seen, again.resumed) == ([], 5)


def test_finished_folds_belong_to_data_recipe_and_seed(tmp_path: Path) -> None:
    samples = small_samples(3, 2)
    folds = plan_folds(samples, "loso")
    run_protocol(samples, [STUB], folds, store=FoldStore(tmp_path, samples.digest()))
    changed = {
        "data": (FoldStore(tmp_path, "0" * 64), STUB, folds),
        "recipe": (FoldStore(tmp_path, samples.digest()), replace(STUB, recipe={"name": "other"}), folds),
        "seed": (FoldStore(tmp_path, samples.digest()), STUB, tuple(replace(f, seed=f.seed + 1) for f in folds)),
    }
    for what, (store, system, given) in changed.items():
        assert run_protocol(samples, [system], given, store=store).resumed == 0, what
    same = FoldStore(tmp_path, samples.digest())
    assert run_protocol(samples, [STUB], folds, store=same).resumed == 3
    broken = next(tmp_path.glob("network-000-*.npz"))
    for path in tmp_path.glob("network-000-*.npz"):
        path.write_bytes(b"half a file")
    with pytest.raises(DataError, match="delete it to compute it anew"):
        run_protocol(samples, [STUB], folds, store=same)
    assert broken.exists()


def test_one_person_cannot_be_evaluated() -> None:
    samples = small_samples(1, 3)
    with pytest.raises(DataError, match=r"2 subjects or more, got 1 \(sub-12\)"):
        plan_folds(samples, "loso")
    with pytest.raises(DataError, match="folds need 2 subjects"):
        subject_folds(samples.subject)


@pytest.mark.parametrize("n_subjects", [2, 3, 4])
def test_a_handful_of_people_is_enough(n_subjects: int) -> None:
    samples = small_samples(n_subjects, 3)
    pooled = run_protocol(samples, [STUB], plan_folds(samples, "loso"))
    assert np.isfinite(pooled.probabilities["network"]["both"]).all()
    for split in pooled.splits["network"]:
        assert split is not None
        assert len(split.validation) == (0 if n_subjects == 2 else 1)


def test_a_trainer_that_needs_validation_says_which_fold_has_none() -> None:
    samples = small_samples(2, 2)

    def trainer(given: SampleSet, held_out: Sequence[int], seed: int, progress: object = None) -> object:
        return inner_split(given, held_out, seed=seed)

    with pytest.raises(DataError, match=r"fold 0 \(held out: sub-12\): inner validation needs 2 subjects"):
        run_protocol(samples, [replace(STUB, trainer=trainer)], plan_folds(samples, "loso"))  # type: ignore[arg-type]


def test_people_with_one_sample_and_classes_that_training_lacks() -> None:
    # the only 'disgust' is person 4's only sample: the fold that holds it out cannot know it
    samples = blank_samples([0, 1, 0, 1, 0, 2, 3], [1, 1, 2, 2, 3, 3, 4])
    systems = baseline_systems(samples, ["majority", "log_power_svm"])
    pooled = run_protocol(samples, systems, plan_folds(samples, "loso"))
    assert np.isfinite(pooled.probabilities["majority"]["both"]).all()
    assert "fold 3 (held out: person 4): training lacks disgust" in pooled.notes
    assert "fold 2 (held out: person 3): training lacks fear" in pooled.notes
    assert missing_classes(samples, Split((1, 2), (4,), (3,), 0)) == ("fear",)


def test_one_class_left_to_train_on() -> None:
    samples = blank_samples([0, 0, 1, 1], [1, 1, 2, 2])
    systems = baseline_systems(samples, ["log_power_svm"])
    pooled = run_protocol(samples, systems, plan_folds(samples, "loso"))
    assert pooled.probabilities["log_power_svm"]["both"].argmax(axis=1).tolist() == [1, 1, 0, 0]


def test_a_modality_that_a_fold_lacks_is_noted() -> None:
    samples = small_samples(3, 2, missing=False)
    has_face = samples.subject != samples.subjects[0]
    samples = replace(samples, has_face=has_face)
    face = replace(STUB, name="face", title="face network", modality="face")
    pooled = run_protocol(samples, [face], plan_folds(samples, "loso"))
    assert np.isnan(pooled.probabilities["face"]["both"][~has_face]).all()
    assert np.isfinite(pooled.probabilities["face"]["both"][has_face]).all()
    assert pooled.notes == ("fold 0 (held out: sub-12), face network: no held-out sample has a face",)
    assert pooled.splits["face"][0] is None


def test_folds_that_part_a_trial_or_miss_a_sample_are_refused() -> None:
    samples = small_samples(3, 2)
    a, b, c = samples.subjects
    with pytest.raises(DataError, match="exactly one fold; 8 are not, the first is '16' of sub-14, in 0 folds"):
        run_protocol(samples, [STUB], [Fold(0, (a,), 0), Fold(1, (b,), 0)])
    with pytest.raises(DataError, match="in 2 folds"):
        run_protocol(samples, [STUB], [Fold(0, (a, b), 0), Fold(1, (b, c), 0)])
    with pytest.raises(DataError, match="holds out sub-12, sub-13, sub-14 has no training sample"):
        run_protocol(samples, [STUB], [Fold(0, (a, b, c), 0)])


def test_a_trainer_that_holds_out_others_is_refused() -> None:
    samples = small_samples(3, 2)

    def trainer(given: SampleSet, held_out: Sequence[int], seed: int, progress: object = None) -> StubFitted:
        return replace(StubTrainer()(given, held_out, seed), split=Split((1,), (), (2,), seed))

    with pytest.raises(DataError, match=r"held out the subjects \(2,\), asked were \(11,\)"):
        run_protocol(samples, [replace(STUB, trainer=trainer)], plan_folds(samples, "loso"))


def test_folds_have_like_class_shares() -> None:
    # half of the people show only one class, half only the other: a draw at random often trains on one class
    label = np.repeat([0, 1] * 4, 5)
    subject = np.repeat(np.arange(8), 5)
    for seed in range(5):
        for held in subject_folds(subject, 4, seed, label=label):
            assert Counter(s % 2 for s in held) == {0: 1, 1: 1}
    assert subject_folds(subject, 4, 1, label=label) == subject_folds(subject, 4, 1, label=label)
    assert subject_folds(subject, 4, 1, label=label) != subject_folds(subject, 4, 2, label=label)


def test_saved_folds_are_used_again() -> None:
    samples = small_samples(4, 2)
    folds = plan_folds(samples, "kfold", 2, seed=5)
    done = [split for split in run_protocol(samples, [STUB], folds).splits["network"] if split]
    check_splits(samples, done)
    assert reuse_folds(samples, done) == folds
    without = samples.of_subjects(samples.subjects[1:])
    kept = reuse_folds(without, done)
    assert sorted(s for fold in kept for s in fold.held_out) == list(without.subjects)
    assert [fold.seed for fold in kept] == [fold.seed for fold in folds]
    with pytest.raises(DataError, match="exactly one fold"):
        reuse_folds(samples, done[:1])
    assert fold_seed(5, 0) == folds[0].seed != fold_seed(5, 1)


def test_baselines_that_nobody_knows_are_refused() -> None:
    samples = small_samples(2, 2)
    with pytest.raises(ConfigurationError, match="no baseline 'oracle'; there are majority, log_power_svm"):
        baseline_systems(samples, ["oracle"])
    assert [s.name for s in baseline_systems(samples, [])] == ["majority"]
    assert [s.name for s in baseline_systems(samples.only("eeg"))] == ["majority", "log_power_svm", "dgcnn"]
    assert [s.name for s in baseline_systems(samples.only("face"))] == ["majority", "flow_svm", "ststnet"]
