"""Training: subject-disjoint early stopping and calibration, every sample seen with either modality dropped."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from models.inference import Prepared, one_thread, predict_logits, prepare
from models.network import HiddenEmotionNet, NetworkConfig
from models.normaliser import Normaliser, fit_normaliser
from models.samples import SampleSet
from models.splits import Split
from models.training.calibration import Calibrated, calibrate
from models.training.devices import choose_device, own_random_numbers
from models.training.distributed import Alone, Workers
from models.training.epochs import Course, EpochReport, Progress
from models.training.options import TrainingOptions
from models.training.parts import Parts, part_samples
from models.training.resume import StateFile
from models.training.runlog import RunLog
from realtime.errors import ConfigurationError

__all__ = ["EpochReport", "Progress", "Trained", "TrainingOptions", "calibrate", "train"]


@dataclass(frozen=True, slots=True)
class Trained(Calibrated):
    """The network of the best epoch and everything needed to use it.

    The normaliser was fitted on `split.training` only, the temperature on `split.validation` only.

    Parameters
    ----------
    split : Split
    history : tuple of EpochReport
    options : TrainingOptions
    warnings : tuple of str
        What the samples lacked, and what was left out of them for that.
    """

    split: Split
    history: tuple[EpochReport, ...]
    options: TrainingOptions
    warnings: tuple[str, ...] = ()

    @property
    def best(self) -> EpochReport:
        """The epoch whose weights these are."""
        return [report for report in self.history if report.best][-1]


def train(
    samples: SampleSet,
    options: TrainingOptions | None = None,
    progress: Progress | None = None,
    held_out: Sequence[int] = (),
    *,
    run_dir: Path | None = None,
    resume: bool = True,
    tensorboard: bool = False,
    workers: Workers | None = None,
) -> Trained:
    """Train on the subjects that are not held out.

    A part of those subjects is set aside to choose the epoch and to calibrate the temperature; neither they nor the
    held-out ones enter the normaliser, the class balance or a gradient, and the held-out ones are not looked at at all.

    Parameters
    ----------
    samples : SampleSet
    options : TrainingOptions, optional
    progress : callable, optional
        Called after each epoch.
    held_out : sequence of int
        Subjects for testing.
    run_dir : Path, optional
        Folder for the state after each epoch and for `metrics.csv`. A training that was killed goes on from there and
        ends, on a CPU, with the same weights to the last bit; a finished one is not repeated.
    resume : bool
        False discards what the run folder holds.
    tensorboard : bool
        Also log for TensorBoard, in the run folder.
    workers : Workers, optional
        Processes that part the batches between them, from `models.training.distributed.joined`; alone where not given.

    Raises
    ------
    DataError
        Fewer than two subjects or classes remain, nothing of the modality, or the loss is no longer finite.
    ConfigurationError
        The run folder holds another training, a GPU is wanted that is not there, TensorBoard is not installed, or a
        network option cannot be.
    """
    options = options or TrainingOptions()
    workers = workers or Alone(choose_device(options.device))
    parts = part_samples(samples, options, held_out)
    with one_thread(), own_random_numbers(workers.device, options.seed):
        network = HiddenEmotionNet(_network_config(samples, options))
        normaliser, training, validation = _prepare(samples, parts, network.config.face_px)
        course = Course(network.to(workers.device), training, validation, options, workers)
        if run_dir is None:
            _run(course, progress)
        else:
            state = StateFile(run_dir, _identity(samples, options, parts, workers))
            _run_in_folder(course, state, progress, workers, resume=resume, tensorboard=tensorboard)
        course.keep_best()
        temperature = calibrate(predict_logits(network, validation), validation.label.numpy())
    return Trained(
        network.cpu().eval(),
        normaliser,
        temperature,
        samples.classes,
        samples.channels,
        parts.modality,
        parts.split,
        tuple(course.history),
        options,
        parts.warnings,
    )


def _prepare(samples: SampleSet, parts: Parts, face_px: int) -> tuple[Normaliser, Prepared, Prepared]:
    training = parts.of(samples, parts.training)
    normaliser = fit_normaliser(training, parts.split.training)
    ready = prepare(training, normaliser, face_px)
    return normaliser, ready, prepare(parts.of(samples, parts.validation), normaliser, face_px)


def _run(course: Course, progress: Progress | None) -> None:
    while not course.finished:
        report = course.epoch()
        if progress is not None:
            progress(report)


def _run_in_folder(
    course: Course,
    file: StateFile,
    progress: Progress | None,
    workers: Workers,
    *,
    resume: bool,
    tensorboard: bool,
) -> None:
    """The same with state and log kept in a folder, by the first process alone."""
    first = workers.rank == 0
    # nobody reads while the first process still writes what was trained before, nor does it write before all have read
    workers.wait()
    saved = file.load() if resume else None
    if saved is not None:
        course.restore(saved)
    workers.wait()
    with ExitStack() as stack:
        log = None
        if first:
            if saved is None:
                file.discard()
            log = stack.enter_context(RunLog(file.folder, tensorboard=tensorboard, done=len(course.history)))
        while not course.finished:
            report = course.epoch()
            state = course.state()
            if log is not None:
                file.save(state)
                log.write(course.history)
            if progress is not None:
                progress(report)


def _identity(samples: SampleSet, options: TrainingOptions, parts: Parts, workers: Workers) -> dict[str, object]:
    """What a saved state must agree in, so that going on from it equals never having stopped."""
    return {
        "options": options.model_dump(mode="json"),
        "data": samples.digest(),
        "held_out": list(parts.split.held_out),
        "processes": workers.count,
        "device": workers.device.type,
    }


def _network_config(samples: SampleSet, options: TrainingOptions) -> NetworkConfig:
    _, n_windows, n_channels, n_bands = samples.log_power.shape
    shapes = {
        "n_classes": len(samples.classes),
        "n_channels": n_channels,
        "n_bands": n_bands,
        "n_windows": n_windows,
    }
    # faces are not blown up beyond what was measured, nor beyond what the default network reads
    own = {"face_px": int(np.clip(samples.flow.shape[1], 32, NetworkConfig(n_classes=2).face_px))}
    try:
        return NetworkConfig.model_validate(own | options.network | shapes)
    except ValidationError as err:
        first = err.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"network option '{field}': {first['msg']}, got {first['input']}") from err
