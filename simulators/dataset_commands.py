"""`emostream dataset simulate`: recordings of people who do not exist, in the layout of any data set that can be read.

Part of the command line (`emostream.py`): whatever is heavy is imported by the command that needs it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from realtime.errors import ConfigurationError


def simulate_dataset(
    out: Annotated[Path, typer.Argument(help="Folder to write; not there yet, or empty.")],
    layout: Annotated[
        str, typer.Option("--layout", help="manifest, mes-eeg, session, deap, mahnob, hed or bids.")
    ] = "manifest",
    subjects: Annotated[int, typer.Option(min=1, max=256, help="How many simulated people.")] = 20,
    trials: Annotated[int, typer.Option(min=1, max=48, help="Clips that each of them watches.")] = 20,
    seconds: Annotated[float, typer.Option("--seconds", min=6.0, max=600.0, help="Length of a clip.")] = 24.0,
    classes: Annotated[
        str, typer.Option("--classes", help="Emotions to hide, with commas.")
    ] = "happy,sad,fear,disgust,angry",
    seed: Annotated[int, typer.Option(min=0, help="Another seed is other people.")] = 0,
    effect: Annotated[
        float | None,
        typer.Option(min=0.0, max=20.0, help="What an emotion does to the EEG, dB.", show_default="see docs"),
    ] = None,
    videos: Annotated[
        bool, typer.Option("--videos/--no-videos", help="Also films, where the layout has them: 3 ms, 30 kB a frame.")
    ] = False,
    fps: Annotated[float, typer.Option("--fps", min=1.0, max=1000.0, help="Of the films.")] = 150.0,
    jobs: Annotated[int, typer.Option("--jobs", help="Processes; -1 for all cores.")] = -1,
) -> None:
    """Simulated people's EEG, faces and annotations as files: to try every reader, and the whole training on."""
    from simulators.cohort_files import COHORT_EFFECT_DB, CohortOptions
    from simulators.dataset import layout_named, write_cohort

    if jobs == 0 or jobs < -1:
        raise ConfigurationError(f"--jobs {jobs}: wanted -1 for all cores, or 1 and more")
    options = CohortOptions(
        subjects=subjects,
        trials=trials,
        seconds=seconds,
        classes=tuple(name.strip() for name in classes.split(",") if name.strip()),
        seed=seed,
        effect_db=COHORT_EFFECT_DB if effect is None else effect,
        videos=videos,
        fps=fps,
    )
    written = write_cohort(options, out, layout_named(layout), jobs=jobs)
    typer.echo(
        f"{subjects} simulated people, {trials} clips of {seconds:g} s each, layout {layout} -> {written}; "
        f"'emostream dataset check {out}' says what is in it"
    )
