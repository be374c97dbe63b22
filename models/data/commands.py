"""`emostream dataset`: what is wrong with a data set, and its features in one file.

Part of the command line (`emostream.py`): whatever is heavy is imported by the command that needs it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from realtime.errors import ConfigurationError, DataError
from realtime.options import Network, Summary
from realtime.output import require_writable, write_json

if TYPE_CHECKING:
    from models.data.rows import Problem
    from models.data.survey import BuildOptions
    from models.samples import SampleSet

dataset_app = typer.Typer(
    help="Data sets of recordings: check them, and build the samples that networks are trained on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DataPath = Annotated[Path, typer.Argument(help="Folder of a data set, or a manifest (.csv, .parquet).")]
Kind = Annotated[
    str | None,
    typer.Option("--kind", help="manifest, mes-eeg, deap, mahnob, hed, session or bids.", show_default="found out"),
]
Scheme = Annotated[
    str | None,
    typer.Option("--scheme", help="Labels out of ratings: valence, arousal, quadrant.", show_default="valence"),
]
EegOnly = Annotated[
    bool, typer.Option("--eeg-only", help="mes-eeg: also the last 40 s of clips without a coded movement.")
]
Macro = Annotated[bool, typer.Option("--macro", help="mes-eeg: also coded macro-expressions.")]
Classes = Annotated[
    str | None,
    typer.Option("--classes", help="3, 5, 7, 8, or names: a,b,c.", show_default="the labels as they are"),
]
Bands = Annotated[str, typer.Option("--bands", help="Preset of frequency bands: default or classic.")]
Channels = Annotated[
    str, typer.Option("--channels", help="EEG channels: found, model (the 62 of the network), or names: Fz,Cz,Pz.")
]
Windows = Annotated[int, typer.Option("--windows", min=1, max=600, help="EEG windows of a sample, at most.")]
Hop = Annotated[
    float | None,
    typer.Option("--hop", min=0.1, max=10.0, help="Between EEG windows, s.", show_default="1; 0.5 for short pieces"),
]
FacePx = Annotated[
    int | None,
    typer.Option("--face-px", min=28, max=256, help="Side of the faces.", show_default="of the flow maps, or 96"),
]
PngPlanes = Annotated[
    str, typer.Option("--png-planes", help="Planes of flow maps: rgb (u, v, strain), bgr (strain, v, u) or auto.")
]
Cache = Annotated[Path | None, typer.Option("--cache", help="Folder for features: a build that was cut off goes on.")]
Jobs = Annotated[int, typer.Option("--jobs", help="Processes; -1 for all cores.")]
BackendName = Annotated[
    Literal["loky", "threading", "dask", "ray"], typer.Option("--backend", help="Where the features are computed.")
]
Scheduler = Annotated[str | None, typer.Option("--scheduler", help="Of a running cluster: tcp://127.0.0.1:8786")]


@dataset_app.command()
def check(
    path: DataPath,
    kind: Kind = None,
    classes: Classes = None,
    scheme: Scheme = None,
    eeg_only: EegOnly = False,
    macro: Macro = False,
    bands: Bands = "default",
    channels: Channels = "found",
    windows: Windows = 40,
    hop: Hop = None,
    face_px: FacePx = None,
    png_planes: PngPlanes = "auto",
    cache: Cache = None,
    jobs: Jobs = -1,
    everything: Annotated[bool, typer.Option("--all", help="Every problem, however many are alike.")] = False,
    summary: Summary = None,
) -> None:
    """What is wrong with a data set, row by row, and what is in it."""
    from rich.console import Console

    from models.data.check import check_dataset
    from models.data.readers import open_dataset

    require_writable(summary)
    options = build_options(classes, bands, channels, windows, hop, face_px, png_planes)
    report = check_dataset(
        open_dataset(path, kind, scheme, eeg_only=eeg_only, macro=macro), options, cache=cache, jobs=_jobs(jobs)
    )
    console = Console()
    for part in report.render(everything=everything):
        console.print(part)
    if summary is not None:
        write_json(summary, report.as_json())
    if report.fatal:
        raise DataError(f"'{path}' cannot be used: {report.usable} of {report.rows} rows are usable; see the problems")


@dataset_app.command()
def build(
    path: DataPath,
    out: Annotated[Path, typer.Option("--out", help="File to write (.npz).")],
    kind: Kind = None,
    classes: Classes = None,
    scheme: Scheme = None,
    eeg_only: EegOnly = False,
    macro: Macro = False,
    bands: Bands = "default",
    channels: Channels = "found",
    windows: Windows = 40,
    hop: Hop = None,
    face_px: FacePx = None,
    png_planes: PngPlanes = "auto",
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache", help="Folder for features: a build that was cut off goes on.", show_default="OUT.features"
        ),
    ] = None,
    backend: BackendName = "loky",
    scheduler: Scheduler = None,
    network: Network = False,
    jobs: Jobs = -1,
    summary: Summary = None,
) -> None:
    """A data set's features in one file, for 'emostream train' and 'evaluate'."""
    from models.data.build import build_samples
    from models.data.readers import open_dataset
    from models.samples import save_samples
    from models.scale_out import ScaleOut

    require_writable(out, summary)
    if out.suffix.lower() != ".npz":
        raise ConfigurationError(f"cannot write samples to '{out}': wanted a name that ends in .npz")
    options = build_options(classes, bands, channels, windows, hop, face_px, png_planes)
    scale = ScaleOut(jobs=_jobs(jobs), backend=backend, scheduler=scheduler, network=network)
    folder = cache or out.with_suffix(".features")
    built = build_samples(
        open_dataset(path, kind, scheme, eeg_only=eeg_only, macro=macro), options, cache=folder, scale=scale
    )
    save_samples(out, built.samples)
    excluded = sum(problem.kind == "excluded" for problem in built.problems)
    samples = built.samples
    typer.echo(
        f"{len(samples)} samples of {len(samples.subjects)} subjects in {len(samples.classes)} classes -> {out}; "
        f"{excluded} rows excluded, {len(built.problems) - excluded} remarks: 'emostream dataset check' tells them"
    )
    if summary is not None:
        write_json(summary, _said_of(samples, built.problems))


@dataset_app.command()
def columns() -> None:
    """What a manifest may say of a sample."""
    from models.data.manifest import COLUMNS

    width = max(map(len, COLUMNS))
    for name, text in COLUMNS.items():
        typer.echo(f"{name:{width}}  {text}")


def build_options(
    classes: str | None = None,
    bands: str = "default",
    channels: str = "found",
    windows: int = 40,
    hop: float | None = None,
    face_px: int | None = None,
    png_planes: str = "auto",
) -> BuildOptions:
    """Options of the command line, checked.

    Raises
    ------
    ConfigurationError
        One that cannot be.
    """
    from pydantic import ValidationError

    from models.data.survey import BuildOptions

    chosen = channels if channels in ("found", "model") else tuple(n.strip() for n in channels.split(",") if n.strip())
    content = {
        "classes": classes,
        "bands": bands,
        "channels": chosen,
        "n_windows": windows,
        "hop_s": hop,
        "face_px": face_px,
        "png_planes": png_planes,
    }
    try:
        return BuildOptions.model_validate(content)
    except ValidationError as err:
        first = err.errors()[0]
        raise ConfigurationError(f"{first['loc'][0]}: {first['msg']}, got {first['input']!r}") from err


def _jobs(jobs: int) -> int:
    if jobs == 0 or jobs < -1:
        raise ConfigurationError(f"--jobs {jobs}: wanted -1 for all cores, or 1 and more")
    return jobs


def _said_of(samples: SampleSet, problems: tuple[Problem, ...]) -> dict[str, object]:
    kinds = Counter(problem.kind for problem in problems)
    return {
        "samples": len(samples),
        "subjects": len(samples.subjects),
        "groups": len(set(samples.group.tolist())),
        "simulated": samples.simulated,
        "classes": {name: int((samples.label == i).sum()) for i, name in enumerate(samples.classes)},
        "channels": list(samples.channels),
        "windows": samples.log_power.shape[1],
        "face_px": samples.apex.shape[1],
        "flow_planes": samples.flow.shape[3],
        "with_eeg": int(samples.has_eeg.sum()),
        "with_face": int(samples.has_face.sum()),
        "data_sha256": samples.digest(),
        "excluded": kinds["excluded"],
        "kept_with_remark": kinds["kept"],
        "problems": [asdict(problem) for problem in problems],
    }
