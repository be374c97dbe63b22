"""`emostream analyze` on many recorded sessions: each one by itself, in processes of this machine or on a cluster."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import typer
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from realtime.analysis.job import Job, LoadRecognizer, Wishes
from realtime.analysis.out import FACTS, place_of, sweep
from realtime.errors import ConfigurationError, DataError, EmostreamError
from realtime.output import write_json
from realtime.session.recorded import XDF_SUFFIXES, find_recordings, stem_of

_TABLE_WIDTH = 120


class Spread(Protocol):
    """Runs `function(shared, item)` for every item somewhere, and yields what comes back in the order it does."""

    def __call__(self, function: Any, shared: Any, items: Sequence[Any], /) -> Generator[Any, None, None]: ...


@dataclass(frozen=True, slots=True)
class Member:
    """A recording of an archive, and its folder below the one that was named: '.' for a file named itself."""

    xdf: Path
    below: Path

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return stem_of(self.xdf)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a session.

    Parameters
    ----------
    session, folder : str
        What its files begin with; where its results are.
    state : 'done', 'there' or 'failed'
        'there': an earlier analysis was left as it is.
    error : str
        Why it failed, in one line.
    recorded_s, took_s : float
        Length of the session, and time passed over its analysis.
    predictions, movements : int
    live_difference : float or None
        How far answers are from the live engine's; None where that is not asked.
    warnings : tuple of str
    """

    session: str
    folder: str
    state: Literal["done", "there", "failed"]
    error: str = ""
    recorded_s: float = 0.0
    took_s: float = 0.0
    predictions: int = 0
    movements: int = 0
    live_difference: float | None = None
    warnings: tuple[str, ...] = ()


def find_archive(files: Sequence[Path]) -> tuple[Member, ...] | None:
    """The recorded sessions that are meant, where they are many: folders of them, or several XDF files.

    None for one session, and for anything else: a folder that holds one XDF file is that session, whatever is below it.
    """
    if not all(path.is_dir() or (path.is_file() and path.suffix.lower() in XDF_SUFFIXES) for path in files):
        return None
    recordings = {path: [path] if path.is_file() else find_recordings(path) for path in files}
    if len(files) == 1 and (files[0].is_file() or sum(xdf.parent == files[0] for xdf in recordings[files[0]]) == 1):
        return None
    found: dict[Path, Member] = {}
    for path, inside in recordings.items():
        for xdf in inside:
            below = Path() if path.is_file() else xdf.parent.relative_to(path)
            found.setdefault(xdf.resolve(), Member(xdf, below))
    return tuple(found.values()) or None


def plan_archive(members: Sequence[Member], out: Path | None, wishes: Wishes) -> list[Job]:
    """A job a session, each with a folder of its own: below `out`, or where its recordings root has it.

    Raises
    ------
    ConfigurationError
        A session in no recordings root without `out`, or two of one folder.
    """
    if out is None and (homeless := [m for m in members if place_of(m.xdf) is None]):
        raise ConfigurationError(
            f"{len(homeless)} of {len(members)} recordings lie in no recordings root, '{homeless[0].xdf}' for one: "
            "name a folder for their results with --out"
        )
    jobs = [Job((m.xdf,), None if out is None else out / m.below / m.name, wishes) for m in members]
    taken: dict[Path | None, Path] = {}
    for job in jobs:
        other = taken.setdefault(job.folder(), job.files[0])
        if other is not job.files[0]:
            raise ConfigurationError(
                f"'{other}' and '{job.files[0]}' would both be written to '{job.folder()}': "
                "analyse them one after the other, each with its own --out"
            )
    return jobs


def analyse_archive(jobs: Sequence[Job], load_recognizer: LoadRecognizer, spread: Spread, summary: Path | None) -> None:
    """Analyse every session, then one table of them all; the summary is written after Ctrl-C, too.

    Parameters
    ----------
    jobs : sequence of Job
    load_recognizer : callable
        Travels to other processes.
    spread : Spread
    summary : Path or None

    Raises
    ------
    DataError
        Some sessions failed; each has its line on stderr by then, and the others are done.
    """
    _require_key(jobs)
    begun_s, outcomes = time.perf_counter(), []
    todo = [job for job in jobs if job.wishes.force or not _analysed(job)]
    outcomes += [Outcome(_name(job), str(job.folder()), "there") for job in jobs if job not in todo]
    try:
        with tqdm(total=len(todo), desc="analysing", unit="session", disable=None) as bar:
            for outcome in _outcomes(spread, load_recognizer, todo):
                outcomes.append(outcome)
                bar.update()
    finally:
        outcomes.sort(key=lambda outcome: (outcome.session, outcome.folder))
        if summary is not None:
            write_json(summary, summarise(outcomes, len(jobs), time.perf_counter() - begun_s))
    _tell(outcomes)
    if failed := sum(outcome.state == "failed" for outcome in outcomes):
        raise DataError(f"{failed} of {len(jobs)} sessions could not be analysed, see above; the others are done")


def analyse_session(load_recognizer: LoadRecognizer, job: Job) -> Outcome:
    """One session of an archive, in whatever process: an error is its outcome."""
    from realtime.films.decryption import unlocked

    begun_s = time.perf_counter()
    try:
        job.require_free()
        with unlocked(job.wishes.identity):
            analysis = job.prepare(load_recognizer)
            job.run(analysis, progress=False)
    except EmostreamError as err:
        error = " ".join(str(err).split())
        return Outcome(_name(job), str(job.folder()), "failed", error, took_s=time.perf_counter() - begun_s)
    found: dict[str, Any] = analysis.summary()
    return Outcome(
        session=_name(job),
        folder=str(job.folder()),
        state="done",
        recorded_s=analysis.duration_s,
        took_s=time.perf_counter() - begun_s,
        predictions=found["predictions"]["count"],
        movements=len(found["micro_movements"]),
        live_difference=(found["as_live"] or {}).get("max_difference"),
        warnings=tuple(analysis.facts()["warnings"]),
    )


def summarise(outcomes: Sequence[Outcome], sessions: int, wall_s: float) -> dict[str, Any]:
    """What `--summary` holds of an archive."""
    states = [outcome.state for outcome in outcomes]
    return {
        "sessions": sessions,
        "done": states.count("done"),
        "there": states.count("there"),
        "failed": states.count("failed"),
        "recorded_s": sum(outcome.recorded_s for outcome in outcomes),
        "wall_s": wall_s,
        "rows": [asdict(outcome) for outcome in outcomes],
    }


def _outcomes(spread: Spread, load_recognizer: LoadRecognizer, jobs: Sequence[Job]) -> Iterator[Outcome]:
    begun_s = time.time()
    try:
        with closing(spread(analyse_session, load_recognizer, jobs)) as results:
            yield from results
    except BaseException:
        # processes that are ended in the middle of a session cannot take away what they have written of it
        for job in jobs:
            if (folder := job.folder()) is not None:
                sweep(folder, begun_s)
        raise


def _require_key(jobs: Sequence[Job]) -> None:
    """A key that cannot be used is one error, not one a session."""
    from realtime.films.decryption import unlocked

    with unlocked(jobs[0].wishes.identity):
        pass


def _analysed(job: Job) -> bool:
    folder = job.folder()
    return folder is not None and (folder / FACTS).is_file()


def _name(job: Job) -> str:
    return stem_of(job.files[0])


def _tell(outcomes: Sequence[Outcome]) -> None:
    table = Table("session", "recorded, s", "answers", "movements", "took, s", "as live, within", "notes", "")
    for column in table.columns[1:-1]:
        column.justify = "right"
    for o in outcomes:
        if o.state == "done":
            live = "-" if o.live_difference is None else f"{o.live_difference:.1e}"
            figures = [f"{o.recorded_s:.0f}", str(o.predictions), str(o.movements), f"{o.took_s:.1f}", live]
            table.add_row(o.session, *figures, str(len(o.warnings)), "done")
        else:
            told = "failed" if o.state == "failed" else "there already: --force does it again"
            table.add_row(o.session, *[""] * 6, told)
    console = Console()
    console = console if console.is_terminal else Console(width=_TABLE_WIDTH)
    console.print(table)
    for o in outcomes:
        if o.state == "failed":
            typer.echo(f"{o.session}: {o.error}", err=True)


def require_one(**given: object) -> None:
    """Refuse options that mean one session.

    Raises
    ------
    ConfigurationError
        One of them is given; the message names it.
    """
    for name, value in given.items():
        if value is not None:
            raise ConfigurationError(f"--{name} is for one session: name that session, not a folder of many")
