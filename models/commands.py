"""`emostream train` and `emostream evaluate` on data sets.

Part of the command line (`emostream.py`), which passes in what is done with simulated people: this package does not
know the simulators. Whatever is heavy is imported by the command that needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from models.data.commands import Cache, Classes, Jobs, Kind, build_options
from realtime.errors import ConfigurationError
from realtime.extras import require_extra
from realtime.options import Network, Summary
from realtime.output import require_writable, write_json

if TYPE_CHECKING:
    from models.data.rows import Problem
    from models.samples import SampleSet
    from models.scale_out import ScaleOut

SIMULATED_PEOPLE = 240
SIMULATED_SECONDS = 95.0

Manifest = Annotated[
    Path | None, typer.Option("--manifest", help="Table of samples (.csv, .parquet): see docs/datasets.md.")
]
DatasetPath = Annotated[
    Path | None, typer.Option("--dataset", help="Folder of a data set, or samples from 'dataset build' (.npz).")
]
ModalityName = Annotated[Literal["both", "eeg", "face"], typer.Option("--modality", help="What the network is shown.")]


def train_command(simulated_people: Callable[[int, Path, int], None], demonstration: Path) -> Callable[..., None]:
    """The command `train`.

    Parameters
    ----------
    simulated_people : callable
        (people, out, jobs): trains the demonstration checkpoint.
    demonstration : Path
        Where that one lies.
    """

    def train(
        manifest: Manifest = None,
        dataset: DatasetPath = None,
        kind: Kind = None,
        classes: Classes = None,
        modality: Annotated[
            Literal["both", "eeg", "face"] | None, typer.Option(help="What it learns from.", show_default="both")
        ] = None,
        config: Annotated[
            Path | None, typer.Option("--config", help="Every option of a training, TOML; see docs/evaluation.md.")
        ] = None,
        recipe: Annotated[
            Literal["auto", "network", "ensemble"],
            typer.Option(help="The network, or the experts for small sets; auto: as 'evaluate' does."),
        ] = "auto",
        out: Annotated[Path, typer.Option(help="Checkpoint to write (.safetensors).")] = demonstration,
        summary: Summary = None,
        epochs: Annotated[int | None, typer.Option(min=1, help="At most this many.", show_default="30")] = None,
        seed: Annotated[int | None, typer.Option("--seed", min=0, show_default="0")] = None,
        run_dir: Annotated[
            Path | None, typer.Option(help="Folder for state and logs.", show_default="beside the checkpoint")
        ] = None,
        resume: Annotated[bool, typer.Option(help="Go on with a training that was stopped.")] = True,
        tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Logs for TensorBoard too.")] = False,
        device: Annotated[
            Literal["auto", "cpu", "cuda"] | None, typer.Option(help="Where to compute.", show_default="auto")
        ] = None,
        precision: Annotated[
            Literal["auto", "float32", "bfloat16", "float16"] | None,
            typer.Option(help="Of the forward pass.", show_default="auto"),
        ] = None,
        personalise: Annotated[
            Path | None, typer.Option("--personalise", help="Checkpoint to fit to one participant.")
        ] = None,
        subject: Annotated[str | None, typer.Option(help="With --personalise: who, sub-01.")] = None,
        trials: Annotated[
            int | None, typer.Option(min=1, help="With --personalise: the first so many.", show_default="all")
        ] = None,
        cache: Cache = None,
        simulated: Annotated[bool, typer.Option("--simulated", help="Train the demonstration checkpoint.")] = False,
        people: Annotated[int, typer.Option(min=4, help="With --simulated: how many.")] = SIMULATED_PEOPLE,
        jobs: Jobs = -1,
    ) -> None:
        """Train on a data set, go on where a training was stopped, or fit a checkpoint to one participant."""
        if simulated:
            _refuse_data(manifest, dataset)
            simulated_people(people, out, jobs)
            return
        _require_data(manifest, dataset, "train")
        if out == demonstration:
            raise ConfigurationError("name the checkpoint to write: --out my-model.safetensors")
        if (personalise is None) != (subject is None):
            raise ConfigurationError("--personalise CHECKPOINT and --subject sub-01 go together")
        require_writable(out, summary)
        require_extra("train", "'emostream train'")
        from models.training.command import run_personalisation
        from models.training.request import TrainingRequest, told_of, train_checkpoint

        name, samples, problems = _samples(manifest, dataset, kind, classes, cache, jobs)
        _say_excluded(problems)
        if personalise is not None and subject is not None:
            info = run_personalisation(personalise, samples, subject, out, trials=trials)
            told = told_of(info, out, "personalised", f"from {personalise.name}, for {subject}")
        else:
            request = TrainingRequest(
                recipe=recipe, modality=modality, seed=seed, config=config, epochs=epochs, run_dir=run_dir,
                resume=resume, tensorboard=tensorboard, device=device, precision=precision,
            )  # fmt: skip
            told = train_checkpoint(samples, request, name=name, out=out, say=typer.echo)
        if told is None:
            return
        for warning in told["warnings"]:
            typer.echo(f"note: {warning}", err=True)
        if summary is not None:
            write_json(summary, told)
        model = told["model"]
        typer.echo(f"{model['id']}: {model['trained_on']} -> {out}")

    return train


def evaluate_command(simulated_people: Callable[..., dict[str, Any]], demonstration: Path) -> Callable[..., None]:
    """The command `evaluate`.

    Parameters
    ----------
    simulated_people : callable
        (model, subjects, seconds, seed, jobs): plays sessions of simulated people to a checkpoint and says what came
        of it.
    demonstration : Path
        The checkpoint they are played to where none is named.
    """

    def evaluate(
        manifest: Manifest = None,
        dataset: DatasetPath = None,
        kind: Kind = None,
        classes: Classes = None,
        modality: ModalityName = "both",
        protocol: Annotated[
            Literal["loso", "kfold"], typer.Option(help="Leave one subject out, or subjects in folds.")
        ] = "loso",
        folds: Annotated[int, typer.Option(min=2, help="With --protocol kfold.")] = 5,
        splits: Annotated[Path | None, typer.Option(help="Folds of an earlier evaluation (splits.json).")] = None,
        out: Annotated[Path | None, typer.Option("--out", help="Folder for report, predictions and folds.")] = None,
        summary: Summary = None,
        seed: Annotated[int | None, typer.Option("--seed", min=0, show_default="0; 7 with --simulated")] = None,
        baselines: Annotated[
            str | None, typer.Option(help="Names with commas, or none.", show_default="all that fit the data")
        ] = None,
        trained_ablation: Annotated[
            bool, typer.Option("--trained-ablation", help="Also train networks on one modality alone.")
        ] = False,
        permute_labels: Annotated[int | None, typer.Option(min=0, help="Control: labels drawn with this seed.")] = None,
        transductive: Annotated[
            bool, typer.Option("--transductive", help="z-score each subject's EEG with all its trials.")
        ] = False,
        leaks: Annotated[bool, typer.Option("--leaks", help="Also what protocols that leak would say.")] = False,
        explain: Annotated[
            bool, typer.Option("--explain", help="Also which regions and bands moved the decisions.")
        ] = False,
        backend: Annotated[Literal["loky", "threading", "dask", "ray"], typer.Option(help="Where folds run.")] = "loky",
        scheduler: Annotated[str | None, typer.Option(help="Of a running cluster: tcp://127.0.0.1:8786")] = None,
        network: Network = False,
        cache: Cache = None,
        simulated: Annotated[
            bool, typer.Option("--simulated", help="Play sessions of simulated people to a checkpoint.")
        ] = False,
        subjects: Annotated[int, typer.Option(min=2, help="With --simulated.")] = 20,
        seconds: Annotated[float, typer.Option(min=20.0, help="With --simulated: of a session.")] = SIMULATED_SECONDS,
        model: Annotated[Path, typer.Option(help="With --simulated: the checkpoint.")] = demonstration,
        jobs: Jobs = -1,
    ) -> None:
        """Train and test on a data set, subject by subject, beside the baselines; or score a checkpoint."""
        if simulated:
            _refuse_data(manifest, dataset)
            require_writable(summary)
            result = simulated_people(model, subjects, seconds, 7 if seed is None else seed, jobs)
            if summary is not None:
                write_json(summary, result)
            return
        _require_data(manifest, dataset, "evaluate")
        if out is None:
            raise ConfigurationError("name a folder for the report: --out DIR")
        require_writable(summary)
        require_extra("train", "'emostream evaluate' on data")
        from models.evaluation.command import EvaluationOptions, render, run_evaluation
        from models.recipe import Recipe
        from models.scale_out import ScaleOut

        scale = ScaleOut(jobs=jobs, backend=backend, scheduler=scheduler, network=network)
        name, samples, problems = _samples(manifest, dataset, kind, classes, cache, jobs, scale)
        options = EvaluationOptions.model_validate(
            {
                "modality": modality,
                "protocol": protocol,
                "folds": folds,
                "splits": splits,
                "seed": seed or 0,
                "baselines": _names(baselines),
                "ablation": "trained" if trained_ablation else "views",
                "permute_labels": permute_labels,
                "transductive": transductive,
                "leaks": leaks,
                "explain": explain,
            }
        )
        result = run_evaluation(
            samples,
            options,
            recipe=Recipe(),
            out=out,
            scale=scale,
            problems=problems,
            data_name=name,
            progress=True,
        )
        if summary is not None:
            write_json(summary, result)
        typer.echo(render(result))
        typer.echo(f"report: {out / 'report.html'}")

    return evaluate


def _samples(
    manifest: Path | None,
    dataset: Path | None,
    kind: str | None,
    classes: str | None,
    cache: Path | None,
    jobs: int,
    scale: ScaleOut | None = None,
) -> tuple[str, SampleSet, tuple[Problem, ...]]:
    """Name of the data, its samples, and what was wrong on the way to them."""
    from models.data.build import build_samples
    from models.data.readers import open_dataset
    from models.samples import load_samples

    path = manifest or dataset
    assert path is not None
    if path.suffix.lower() == ".npz":
        if classes is not None or kind is not None:
            raise ConfigurationError("--classes and --kind were settled when the samples were built")
        return path.stem, load_samples(path), ()
    options = build_options(classes=classes)
    built = build_samples(
        open_dataset(path, "manifest" if manifest else kind), options, cache=cache, jobs=jobs, scale=scale
    )
    return path.stem, built.samples, built.problems


def _require_data(manifest: Path | None, dataset: Path | None, what: str) -> None:
    if not (manifest or dataset):
        raise ConfigurationError(f"nothing to {what} on: name --manifest FILE or --dataset FOLDER, or use --simulated")
    if manifest and dataset:
        raise ConfigurationError("--manifest and --dataset are two data sets; name one")


def _refuse_data(manifest: Path | None, dataset: Path | None) -> None:
    if manifest or dataset:
        raise ConfigurationError("--simulated makes its own people: leave out --manifest and --dataset")


def _names(baselines: str | None) -> tuple[str, ...] | None:
    if baselines is None:
        return None
    return () if baselines == "none" else tuple(name.strip() for name in baselines.split(",") if name.strip())


def _say_excluded(problems: tuple[Problem, ...]) -> None:
    excluded = sum(problem.kind == "excluded" for problem in problems)
    if excluded:
        typer.echo(f"{excluded} rows left out: 'emostream dataset check' says why", err=True)
