"""Training on simulated people: an epoch beside a plain loop, and 68 folds that leave one person out each.

What is asked is whether the data keep the network waiting: of every epoch and fold the time is taken that passes until
samples are there, and the floor is the same work less that time.
"""

from __future__ import annotations

import cProfile
import pstats
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from benchmarks.measure import Timing
from benchmarks.report import Goal, Row
from models.demonstration import DEMONSTRATION
from models.evaluation.command import RecipeTrainer
from models.evaluation.protocol import System, plan_folds, run_fold
from models.inference import Prepared, one_thread, prepare
from models.network import Batch, HiddenEmotionNet, NetworkConfig
from models.normaliser import Normaliser, fit_normaliser
from models.recipe import Recipe
from models.samples import SampleSet
from models.scale_out import ScaleOut, spread
from models.training.devices import own_random_numbers
from models.training.distributed import Alone
from models.training.epochs import Course, EpochReport, Source
from models.training.options import TrainingOptions

PEOPLE, EPOCH_PEOPLE, EACH, PX = 68, 32, 16, 96
# small enough for 68 trainings in a minute or two
FOLD_EACH, FOLD_PX, FOLD_WINDOWS, FOLD_EPOCHS = 3, 32, 12, 2
_MEASURED_ENSEMBLES = 3
PLAIN = "DataLoader, a file a sample, no workers (its default)"
# data keep a network waiting where they take more than a tenth of the time
_MOST = 1.11
_DATA = frozenset(
    {"take", "only", "of_subjects", "part_samples", "fit_normaliser", "prepare", "batch", "augment", "face_maps"}
    | {"vary_maps"}
)
_SHOWN = 5


def run(seconds: float) -> list[Row]:
    """Measure epochs for `seconds`, and the folds once."""
    with tempfile.TemporaryDirectory(prefix="emostream-bench-") as folder:
        epoch = epoch_row(simulated_samples(EPOCH_PEOPLE, EACH, PX), Path(folder), seconds)
    small = simulated_samples(PEOPLE, FOLD_EACH, FOLD_PX, FOLD_WINDOWS)
    network = TrainingOptions(epochs=FOLD_EPOCHS, network={"face_px": FOLD_PX})
    return [
        epoch,
        folds_row(small, Recipe(kind="network", network=network), f"the network, {FOLD_EPOCHS} epochs"),
        folds_row(small, Recipe(), "the ensemble, which the command takes for so few", _MEASURED_ENSEMBLES),
    ]


def simulated_samples(people: int, each: int, px: int, n_windows: int = 40) -> SampleSet:
    """Random numbers in the form of the demonstration's samples; the class shifts a band and the direction of the flow.

    Parameters
    ----------
    people, each : int
        Whose and how many samples; every one has EEG and a face.
    px : int
        Side of flow and pictures.
    n_windows : int
    """
    spec, rng = DEMONSTRATION, np.random.default_rng(0)
    n, n_classes = people * each, len(spec.classes)
    label = np.arange(n) % n_classes
    shape = (n, n_windows, len(spec.channels), len(spec.bands))
    power = rng.standard_normal(shape, np.float32)
    power[..., 1] += 0.5 * label[:, None, None]
    flow = 0.2 * rng.standard_normal((n, px, px, 2), np.float32)
    flow[..., 1] += (label - 2.0)[:, None, None]
    return SampleSet(
        classes=spec.classes,
        channels=spec.channels,
        bands=spec.bands,
        log_power=power,
        channel_mask=np.ones(shape[:3], bool),
        window_mask=np.ones(shape[:2], bool),
        has_eeg=np.ones(n, bool),
        onset=rng.integers(0, 255, (n, px, px), np.uint8),
        apex=rng.integers(0, 255, (n, px, px), np.uint8),
        flow=flow.astype(np.float16),
        has_face=np.ones(n, bool),
        label=label,
        subject=np.repeat(np.arange(people), each),
        group=np.arange(n),
        simulated=True,
    )


class FromFiles(Dataset[dict[str, Any]]):
    """The plain way: every sample read from its own file and normalised when its turn comes.

    Parameters
    ----------
    samples : SampleSet
        Written into `folder`, one file each.
    folder : Path
    normaliser : Normaliser
    face_px : int
    """

    def __init__(self, samples: SampleSet, folder: Path, normaliser: Normaliser, face_px: int) -> None:
        self._folder, self._normaliser, self._face_px = folder, normaliser, face_px
        self.label = torch.from_numpy(samples.label.astype(np.int64))
        names = ("log_power", "channel_mask", "window_mask", "flow", "apex")
        for row in range(len(samples)):
            np.savez(self._path(row), **{name: getattr(samples, name)[row] for name in names})

    def _path(self, row: int) -> Path:
        return self._folder / f"{row:06d}.npz"

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, row: int) -> dict[str, Any]:
        with np.load(self._path(row)) as one:
            mask = one["channel_mask"] & one["window_mask"][:, None]
            found = {
                "log_power": self._normaliser.log_power(one["log_power"], mask),
                "flow": self._normaliser.flow(one["flow"], self._face_px),
                "apex": self._normaliser.image(one["apex"], self._face_px),
            }
            # to half precision as ours, so that both ways train the same network to the last bit
            halved = {name: values.astype(np.float16).astype(np.float32) for name, values in found.items()}
            return halved | {"channel_mask": mask, "window_mask": one["window_mask"], "has": True}

    def batch(self, rows: Tensor) -> Batch:
        """As `Prepared.batch`."""
        # a generator of its own: from torch's it would take numbers that dropout draws the other way
        found = next(iter(DataLoader(self, batch_sampler=[rows.tolist()], generator=torch.Generator())))
        has = found.pop("has")
        return Batch(**found, has_eeg=has, has_face=has)


def epoch_row(
    samples: SampleSet,
    folder: Path,
    seconds: float,
    rounds: int = 3,
    options: TrainingOptions = TrainingOptions(epochs=10_000, patience=10_000),
) -> Row:
    """One epoch of the default network, by turns as `emostream train` does it and the plain way."""
    with one_thread():
        ours, plain = (course_on(source, samples, options) for source in sources(samples, folder))
        reports: dict[str, list[EpochReport]] = {"ours": [], PLAIN: []}
        cpu_ms: dict[str, list[float]] = {name: [] for name in reports}
        spent_s = 0.0
        while len(reports["ours"]) < rounds or spent_s < seconds:
            for name, course in (("ours", ours), (PLAIN, plain)):
                begun_s = time.process_time()
                # dropout draws from torch's own numbers: the same for both
                with own_random_numbers(torch.device("cpu"), len(reports[name])):
                    reports[name].append(course.epoch())
                cpu_ms[name].append(1000.0 * (time.process_time() - begun_s))
                spent_s += reports[name][-1].seconds
        busiest = operators(ours)
    difference = max(abs(a.train_loss - b.train_loss) for a, b in zip(reports["ours"], reports[PLAIN], strict=True))
    share = {name: sum(r.data_s for r in told) / sum(r.seconds for r in told) for name, told in reports.items()}
    return Row(
        name=f"training, one epoch of {len(samples)} samples: {len(samples.channels)} channels, "
        f"{samples.apex.shape[1]} px",
        ours=Timing.of(cpu_ms["ours"], "cpu"),
        floor=Timing.of([ms * (1.0 - share["ours"]) for ms in cpu_ms["ours"]], "cpu"),
        floor_name="the same less the time for data",
        peers={PLAIN: Timing.of(cpu_ms[PLAIN], "cpu")},
        goals=(Goal("over floor", _MOST),),
        max_difference=difference,
        note=f"simulated; waiting for data: {share['ours']:.1%} of the time, the plain loop {share[PLAIN]:.1%}; "
        f"largest difference of the losses {difference:.1e}; self time by torch.profiler: {busiest}",
    )


def sources(samples: SampleSet, folder: Path) -> tuple[Prepared, FromFiles]:
    """The same training data, prepared once in memory and read from files."""
    normaliser = fit_normaliser(samples, samples.subjects)
    px = samples.apex.shape[1]
    return prepare(samples, normaliser, px), FromFiles(samples, folder, normaliser, px)


def course_on(source: Source, samples: SampleSet, options: TrainingOptions) -> Course:
    """A training from the first epoch on; it validates on the first batch, for validation is the same both ways."""
    _, n_windows, n_channels, n_bands = samples.log_power.shape
    shapes = {"n_channels": n_channels, "n_bands": n_bands, "n_windows": n_windows, "face_px": samples.apex.shape[1]}
    config = NetworkConfig.model_validate({"n_classes": len(samples.classes), **shapes, **options.network})
    first = samples.take(np.arange(min(len(samples), options.batch_size)))
    normaliser = fit_normaliser(samples, samples.subjects)
    device = torch.device("cpu")
    with own_random_numbers(device, options.seed):
        network = HiddenEmotionNet(config)
    return Course(network, source, prepare(first, normaliser, config.face_px), options, Alone(device))


def operators(course: Course) -> str:
    """The busiest operators of one more epoch."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as found:
        course.epoch()
    events: Sequence[Any] = found.key_averages()
    whole = sum(event.self_cpu_time_total for event in events)
    busiest = sorted(events, key=lambda event: -event.self_cpu_time_total)[:_SHOWN]
    return ", ".join(f"{event.key} {event.self_cpu_time_total / whole:.0%}" for event in busiest)


def folds_row(samples: SampleSet, recipe: Recipe, what: str, most: int = PEOPLE) -> Row:
    """Leave one person out, everybody in turn, as `emostream evaluate` does it, on one core; the first `most` folds."""
    system = System("ours", "ours", RecipeTrainer(recipe))
    folds = plan_folds(samples, "loso")
    profiler = cProfile.Profile()
    with closing(spread(run_fold, samples, [(system, f) for f in folds[:most]], ScaleOut(jobs=1))) as results:
        profiler.enable()
        # one process does a fold when it is asked for it
        ends_s = [time.process_time(), *(time.process_time() for _ in results)]
        profiler.disable()
    times_ms = [1000.0 * (b - a) for a, b in pairwise(ends_s)]
    share, whole_s = data_share(profiler), sum(times_ms) / 1000.0
    measured = "" if most >= len(folds) else f", of which {most} were measured"
    return Row(
        name=f"training, a fold of {len(folds)} that leave one person out: {what}",
        ours=Timing.of(times_ms, "cpu"),
        floor=Timing.of([ms * (1.0 - share) for ms in times_ms], "cpu"),
        floor_name="the same less the time for data",
        goals=(Goal("over floor", _MOST),),
        note=f"simulated: {len(samples)} samples, {samples.apex.shape[1]} px, {samples.log_power.shape[1]} windows; "
        f"all {len(folds)} folds {whole_s * len(folds) / len(times_ms):.0f} s{measured}; data {share:.1%} by cProfile",
    )


def data_share(profiler: cProfile.Profile) -> float:
    """Of the folds' time, what passed in the functions that get samples ready; those within one another count once."""
    # pstats keeps {(file, line, name): (primitive calls, calls, own s, s, callers)} and says so nowhere in its types
    found: dict[tuple[str, int, str], Any] = pstats.Stats(profiler).__dict__["stats"]
    whole_s = next(entry[3] for (_, _, name), entry in found.items() if name == "run_fold")
    data_s = sum(
        timing[3]
        for (file, _, name), entry in found.items()
        if name in _DATA and "models" in file
        for (_, _, caller), timing in entry[4].items()
        if caller not in _DATA
    )
    return data_s / whole_s
