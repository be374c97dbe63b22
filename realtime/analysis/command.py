"""`emostream analyze`. Part of the command line (`emostream.py`), which passes in how a model is loaded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial as partial_of
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from realtime.analysis.job import Job, LoadRecognizer, Wishes, write_summary
from realtime.errors import ConfigurationError
from realtime.options import ConfigFile, Identity, Summary
from realtime.output import require_writable


def analyze_command(
    load_recognizer: LoadRecognizer, demonstration: Path, spread: Callable[..., Any]
) -> Callable[..., None]:
    """The command `analyze`.

    Parameters
    ----------
    load_recognizer : callable
        From a checkpoint's path.
    demonstration : Path
        The checkpoint that is used where none is named.
    spread : callable
        `realtime.analysis.archive.Spread`, with the keywords jobs, backend, scheduler and network.
    """

    def analyze(
        files: Annotated[
            list[Path],
            typer.Argument(
                help="A recorded session (folder, stem or .xdf), or folders of many; or EEG, a video, or both."
            ),
        ],
        out: Annotated[
            Path | None,
            typer.Option(help="Folder for tables and report.", show_default="a session's, below its derivatives"),
        ] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace an analysis that is there.")] = False,
        summary: Summary = None,
        movements: Annotated[Path | None, typer.Option("--json", help="Write the list of movements.")] = None,
        config: ConfigFile = None,
        model: Annotated[
            Path,
            typer.Option("--model", help="Checkpoint (.safetensors).", show_default="the demonstration checkpoint"),
        ] = demonstration,
        calibration: Annotated[
            Path | None, typer.Option("--calibration", help="From 'emostream calibrate'.", show_default="the session's")
        ] = None,
        no_eeg: Annotated[bool, typer.Option("--no-eeg", help="Video alone.")] = False,
        no_video: Annotated[bool, typer.Option("--no-video", help="EEG alone.")] = False,
        camera: Annotated[str | None, typer.Option("--camera", help="Which of a session's cameras.")] = None,
        interpolate: Annotated[
            bool, typer.Option("--interpolate", help="Fill absent channels by spherical splines.")
        ] = False,
        whole: Annotated[
            bool, typer.Option("--whole", help="From the first sample, not from where the live engine began.")
        ] = False,
        partial: Annotated[
            bool, typer.Option("--partial", help="What is left of files that are missing, cut short or changed, too.")
        ] = False,
        export: Annotated[
            str | None,
            typer.Option(
                help="Copies: sheet, bids, set, fif, or none; several with commas.",
                show_default="sheet; bids too in a recordings root",
            ),
        ] = None,
        report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html too.")] = True,
        identity: Identity = None,
        jobs: Annotated[
            int, typer.Option("--jobs", help="Many sessions: processes; -1 for one a core.", show_default="one a core")
        ] = -1,
        backend: Annotated[
            Literal["loky", "dask", "ray"], typer.Option(help="Many sessions: processes here, or a cluster.")
        ] = "loky",
        scheduler: Annotated[str | None, typer.Option(help="Of a running cluster: tcp://127.0.0.1:8786")] = None,
        network: Annotated[bool, typer.Option("--network", help="The cluster may be beyond this machine.")] = False,
    ) -> None:
        """The same engine on a recording, as fast as it goes: tables, figures, report."""
        require_writable(summary, movements)
        if no_eeg and no_video:
            raise ConfigurationError("--no-eeg and --no-video together leave nothing to analyse: drop one")
        wishes = Wishes(
            model, config, calibration, identity, camera, export, eeg=not no_eeg, video=not no_video, force=force,
            interpolate=interpolate, whole=whole, partial=partial, report=report,
        )  # fmt: skip
        from realtime.analysis.archive import analyse_archive, find_archive, plan_archive, require_one

        archive = find_archive(files)
        if archive is None:
            _analyse_one(Job(tuple(files), out, wishes), load_recognizer, summary, movements)
            return
        require_one(json=movements, calibration=calibration)
        where = partial_of(spread, jobs=jobs, backend=backend, scheduler=scheduler, network=network)
        analyse_archive(plan_archive(archive, out, wishes), load_recognizer, where, summary)

    return analyze


def _analyse_one(job: Job, load_recognizer: LoadRecognizer, summary: Path | None, movements: Path | None) -> None:
    """One recording; the summary is written after Ctrl-C, too."""
    from realtime.films.decryption import unlocked
    from realtime.summary import render_summary

    job.require_free()
    with unlocked(job.wishes.identity, lambda line: typer.echo(line, err=True)):
        analysis = job.prepare(load_recognizer)
        try:
            job.run(analysis)
        finally:
            result = write_summary(analysis, summary, movements)
    typer.echo(render_summary(result))
    for line in analysis.told(job.folder()):
        typer.echo(line, err=True)
