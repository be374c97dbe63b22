"""What `emostream train` does with samples: train or personalise, keep a log, write a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from models.checkpoint import Checkpoint, CheckpointInfo, load_checkpoint, save_checkpoint
from models.checkpoint_info import read_checkpoint, read_kind
from models.samples import SampleSet
from models.training.calibration import Calibrated
from models.training.chance import chance_warning
from models.training.distributed import joined
from models.training.personalise import PersonalisationOptions, Personalised, first_trials, personalise
from models.training.runlog import epoch_bar
from models.training.train import Trained, TrainingOptions, train
from realtime.errors import ConfigurationError, DataError

_MIN_WINDOWS = 3


def run_training(
    samples: SampleSet,
    *,
    options: TrainingOptions,
    out: Path,
    name: str,
    trained_on: str,
    window_s: float = 1.0,
    run_dir: Path | None = None,
    resume: bool = True,
    tensorboard: bool = False,
    export: bool = False,
) -> CheckpointInfo | None:
    """Train on all subjects and write a checkpoint that the live engine loads.

    Under `torchrun` the processes share the work, and the first alone shows progress and writes.

    Parameters
    ----------
    samples : SampleSet
        Classes, channels, bands and the windows' hop of the checkpoint are theirs.
    options : TrainingOptions
    out : Path
        The .safetensors file; its .json is written beside it.
    name : str
        Stem of the model's id.
    trained_on : str
        Plain words, shown on screen with every prediction; 'simulated people' is said in any case where they are.
    window_s : float
        Length of the samples' band-power windows.
    run_dir : Path, optional
        Folder for state and logs: `out` with the suffix '.run' where not given.
    resume : bool
        Go on with a training that was stopped; False starts anew.
    tensorboard : bool
    export : bool
        Also write ONNX files, so that the checkpoint runs where torch is not installed.

    Returns
    -------
    CheckpointInfo or None
        None in all processes but the first.

    Raises
    ------
    DataError, ConfigurationError
        See `models.training.train`.
    """
    require_checkpoint_name(out)
    folder = run_dir or out.with_suffix(".run")
    with joined(options.device) as workers:
        first = workers.rank == 0
        with epoch_bar(options.epochs, shown=first) as progress:
            trained = train(
                samples,
                options,
                progress if first else None,
                run_dir=folder,
                resume=resume,
                tensorboard=tensorboard,
                workers=workers,
            )
        if not first:
            return None
        info = _save(
            out,
            trained,
            samples,
            name=name,
            trained_on=honest(trained_on, samples.simulated),
            simulated=samples.simulated,
            window_s=window_s,
            training=_story(trained, samples),
        )
        return _exported(out) if export else info


def run_personalisation(
    base: Path,
    samples: SampleSet,
    subject: str,
    out: Path,
    *,
    options: PersonalisationOptions | None = None,
    trials: int | None = None,
    export: bool = False,
) -> CheckpointInfo:
    """Fit a checkpoint to one participant and write it as a checkpoint of its own.

    Parameters
    ----------
    base : Path
        Checkpoint to start from; it is left as it is.
    samples : SampleSet
        With the participant's calibration trials among them.
    subject : str
        Pseudonym, 'sub-01', or 'person 3' where samples have numbers only.
    out : Path
    options : PersonalisationOptions, optional
    trials : int, optional
        Use only the first so many trials in time; all where not given.
    export : bool
        As in `run_training`.

    Raises
    ------
    DataError
        No such participant, or samples that do not fit the base.
    CheckpointError
        The base cannot be read, or `out` not written.
    ConfigurationError
        `out` is the base itself.
    """
    require_checkpoint_name(out)
    if out.resolve() == base.resolve():
        raise ConfigurationError(f"'{out}' is the base checkpoint; name another file with --out")
    if read_kind(base) == "ensemble":
        raise ConfigurationError(
            f"'{base}' is an ensemble of a small set, which is not personalised: train it again with the participant's "
            "trials among the samples, or train a base with --recipe network"
        )
    loaded = load_checkpoint(base)
    for name in ("bands", "hop_s"):
        got, wanted = getattr(samples, name), getattr(loaded.info, name)
        if got != wanted:
            raise DataError(f"samples have '{name}' {got}, checkpoint '{base}' was trained with {wanted}")
    mine = samples.of_subjects((_number_of(samples, subject),))
    if trials is not None:
        mine = mine.take(first_trials(mine, trials))
    asked = calibrated(loaded)
    own = personalise(asked, mine, options)
    info = loaded.info
    written = _save(
        out,
        own,
        mine,
        name=f"{info.model_id}-{subject.replace(' ', '-')}",
        trained_on=f"{info.trained_on}; personalised on {own.trials} trials of {honest(subject, samples.simulated)}",
        simulated=info.simulated and samples.simulated,
        window_s=info.window_s,
        min_windows=info.min_windows,
        training=_personal_story(own, info, chance_warning(asked, mine)),
    )
    return _exported(out) if export else written


def calibrated(checkpoint: Checkpoint) -> Calibrated:
    """A checkpoint as something that can be asked and personalised."""
    info = checkpoint.info
    return Calibrated(
        checkpoint.network,
        checkpoint.normaliser,
        dict(info.temperature),
        info.classes,
        info.channels,
        info.modality,
    )


def _save(
    out: Path,
    model: Calibrated,
    samples: SampleSet,
    *,
    name: str,
    trained_on: str,
    simulated: bool,
    window_s: float,
    training: dict[str, Any],
    min_windows: int = _MIN_WINDOWS,
) -> CheckpointInfo:
    return save_checkpoint(
        out,
        model.network,
        model.normaliser,
        name=name,
        trained_on=trained_on,
        simulated=simulated,
        classes=model.classes,
        channels=model.channels,
        bands=samples.bands,
        temperature=model.temperature,
        data_sha256=samples.digest(),
        window_s=window_s,
        hop_s=samples.hop_s,
        # a data set with shorter sequences is never asked for more than it has
        min_windows=min(min_windows, samples.log_power.shape[1]),
        modality=model.modality,
        training=training,
    )


def _exported(out: Path) -> CheckpointInfo:
    # onnxscript takes seconds to import
    from models.export import export_checkpoint

    export_checkpoint(out)
    return read_checkpoint(out).info


def _story(trained: Trained, samples: SampleSet) -> dict[str, Any]:
    """What the checkpoint tells of its making."""
    best = trained.best
    return {
        "people": len(samples.subjects),
        "samples": len(samples),
        "epochs": len(trained.history),
        "best_epoch": best.epoch,
        # JSON knows no NaN
        "validation_uf1": {view: value for view, value in best.uf1.items() if value == value},
        "validation_people": [samples.subject_name(s) for s in trained.split.validation],
        "warnings": list(trained.warnings),
        "options": trained.options.model_dump(mode="json"),
    }


def _personal_story(own: Personalised, info: CheckpointInfo, doubt: str | None) -> dict[str, Any]:
    return {
        "base": {"model_id": info.model_id, "trained_on": info.trained_on, "data_sha256": info.data_sha256},
        "trials": own.trials,
        "calibration": list(own.calibration),
        "warnings": [*own.warnings, *filter(None, [doubt])],
        "options": own.options.model_dump(mode="json"),
    }


def honest(text: str, simulated: bool) -> str:
    """The text, which says that people are simulated where they are."""
    return text if not simulated or "simulated" in text else f"{text} (simulated)"


def _number_of(samples: SampleSet, subject: str) -> int:
    named = {samples.subject_name(number): number for number in samples.subjects}
    if subject not in named:
        there = ", ".join(list(named)[:8]) + (", ..." if len(named) > 8 else "")
        raise DataError(f"no samples of '{subject}'; there are those of {there}")
    return named[subject]


def require_checkpoint_name(out: Path) -> None:
    """Refuse a name that no checkpoint is looked for under.

    Raises
    ------
    ConfigurationError
        Another suffix than .safetensors.
    """
    if out.suffix != ".safetensors":
        raise ConfigurationError(f"'{out}' is not a name for a checkpoint; wanted one that ends in .safetensors")
