"""`emostream record`, and `emostream session verify | list | close`; what is private is in `privacy`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from realtime.errors import ConfigurationError, DataError, EmostreamError
from realtime.options import ConfigFile, Headless, Network, Root, Seconds, Summary, configure
from realtime.output import require_writable, write_json
from realtime.recorder.privacy import Recorded, decrypt, expired, export, found_runs, new_key
from realtime.session.run import TASK, Run

if TYPE_CHECKING:
    from realtime.config import Config
    from realtime.recorder.checksums import Verdict
    from realtime.recorder.recording import Recording, Request
    from realtime.session.files import RunFiles
    from realtime.session.metadata import SessionMetadata

_MOST_NAMED = 8

session_app = typer.Typer(
    help="Recorded sessions: are they whole, what is there, a copy without the face.", no_args_is_help=True
)


def record(
    subject: Annotated[str, typer.Option(help="Pseudonym, letters and digits; never a name.")],
    session: Annotated[str, typer.Option(help="Letters and digits.")] = "01",
    task: Annotated[str, typer.Option(help="Letters and digits, as BIDS asks.")] = TASK,
    run: Annotated[
        int | None, typer.Option("--run", min=1, max=9999, help="Run number.", show_default="the next free one")
    ] = None,
    root: Root = None,
    consent: Annotated[
        str | None, typer.Option(help="Consent id; without one no picture of the face is recorded.")
    ] = None,
    codec: Annotated[
        Literal["ffv1", "h264"] | None, typer.Option(help="Of the films.", show_default="the configuration's: ffv1")
    ] = None,
    retention_days: Annotated[
        int | None, typer.Option("--retention-days", min=1, max=36500, help="The session may be kept this long.")
    ] = None,
    encrypt_to: Annotated[
        list[str] | None,
        typer.Option(help="Public key, age1..., of who may see the films.", show_default="the configuration's: none"),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option("--require", help="Type that must be there.", show_default="EEG or VideoFrameIndex"),
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", help="Name of a stream not to record.")] = None,
    wait: Annotated[float, typer.Option(min=0.0, help="How long to wait for those that must be there, s.")] = 60.0,
    seconds: Seconds = None,
    summary: Summary = None,
    headless: Headless = False,
    network: Network = False,
    config: ConfigFile = None,
) -> None:
    """Every stream into one XDF file with LabRecorder, the films by their cameras, in a BIDS folder."""
    from realtime.films.encryption import parse_recipients
    from realtime.recorder.choice import Choice
    from realtime.recorder.recording import Recording, Request

    del headless  # the view is text anyway; the option is every long-running command's
    require_writable(summary)
    if consent is not None and not (consent.strip() and len(consent) <= 200 and consent.isprintable()):
        raise ConfigurationError("--consent: up to 200 printable characters are wanted, such as C-2026-017")
    settings = configure(config, network, root=root)
    keys = tuple(encrypt_to or settings.session.encrypt_to)
    if keys:
        parse_recipients(keys)
    request = Request(
        root=settings.session.root,
        run=Run(subject, session, task, run or 1),
        free=run is None,
        choice=Choice(tuple(require or ()), tuple(exclude or ()), consent is not None),
        codec=codec or settings.session.codec,
        consent_id=consent.strip() if consent is not None else None,
        retention_days=retention_days,
        encrypt_to=keys,
    )
    _record(Recording, request, settings, wait, seconds, summary)


def _record(
    recording_type: type[Recording],
    request: Request,
    settings: Config,
    wait_s: float,
    seconds: float | None,
    summary: Path | None,
) -> None:
    from realtime.recorder.view import RecordView

    with RecordView() as view:
        recording = recording_type(request, settings, view.show)
        how = "failed"
        try:
            with recording:
                if request.consent_id is None:
                    view.say("no --consent: no film is asked for, and no picture or shape of the face is recorded")
                recording.begin(wait_s)
                view.title = f"{recording.stem} -> '{recording.folder.path if recording.folder else ''}'"
                view.say(f"recording {view.title}; Ctrl-C ends it")
                recording.go_on(seconds)
                how = "done" if seconds is not None and not recording.stop_asked else "stopped by an operator"
        except KeyboardInterrupt:
            how = "interrupted from the keyboard"
            raise
        except EmostreamError as err:
            how = f"failed: {err}"
            raise
        finally:
            if recording.metadata is not None:
                view.say(_last_line(recording.metadata))
            if summary is not None:
                write_json(summary, _summary(recording, how))
    told = recording.metadata
    if told is not None and told.state == "failed":
        raise DataError(f"recording '{told.stem}' failed: {told.reason}; what was written is kept")


def _last_line(told: SessionMetadata) -> str:
    films = f", {len(told.films)} films" if told.films else ", no film"
    gaps = "".join(f"; nothing was recorded for {gap.to_s - gap.from_s:.1f} s: {gap.reason}" for gap in told.gaps)
    return f"{told.stem}: {told.state}, {len(told.streams)} streams{films}{gaps}"


def _summary(recording: Recording, how: str) -> dict[str, Any]:
    told = recording.metadata
    if told is None or recording.folder is None:
        return {"run": recording.stem, "state": "not begun", "how": how}
    files = recording.folder
    return {
        "run": told.stem,
        "state": told.state,
        "reason": told.reason,
        "how": how,
        "folder": str(files.path),
        "xdf": str(files.file(".xdf")),
        "consent_id": told.consent_id,
        "simulated": told.simulated,
        "elapsed_s": None if told.ended_s is None or told.started_s is None else told.ended_s - told.started_s,
        "bytes": recording.report.bytes if recording.report is not None else 0,
        "streams": [stream.model_dump() for stream in told.streams],
        "films": [film.model_dump() for film in told.films],
        "left_out": [left.model_dump() for left in told.left_out],
        "gaps": [gap.model_dump() for gap in told.gaps],
        "alarms": list(told.alarms),
    }


@session_app.command("verify")
def verify_command(path: Recorded) -> None:
    """Compare every file with its checksum; exit code 4 where one differs, is missing or cannot be compared."""
    from realtime.recorder.checksums import verify

    runs = found_runs(path)
    damaged, unchecked = [], []
    for files in runs:
        try:
            verdict = verify(files)
        except DataError as err:  # the runs behind it are wanted, too
            typer.echo(f"{files.stem}: NOT CHECKED: {err}")
            unchecked.append(files.stem)
            continue
        typer.echo(_verdict_line(verdict))
        if not verdict.sound:
            damaged.append(files.stem)
    told = [f"{len(damaged)} of {len(runs)} runs damaged: {_named(damaged)}; take them from a copy"] if damaged else []
    told += [f"{len(unchecked)} of {len(runs)} runs not checked, see above: {_named(unchecked)}"] if unchecked else []
    if told:
        raise DataError("; ".join(told))


def _named(stems: Sequence[str]) -> str:
    return ", ".join(stems[:_MOST_NAMED]) + (", ..." if len(stems) > _MOST_NAMED else "")


def _verdict_line(verdict: Verdict) -> str:
    parts = [f"{verdict.checked} files as recorded"]
    for word, names in (
        ("DIFFERS", verdict.changed),
        ("MISSING", verdict.missing),
        ("edited since", verdict.edited),
        ("added since", verdict.unlisted),
    ):
        if names:
            parts.append(f"{word}: {', '.join(names)}")
    return f"{verdict.stem}: {'; '.join(parts)}"


@session_app.command("list")
def list_command(root: Root = None, config: ConfigFile = None) -> None:
    """The runs of a recordings root."""
    from realtime.config import load_config
    from realtime.session.files import runs_in

    folder = root if root is not None else load_config(config).session.root
    runs = runs_in(folder)
    states: Counter[str] = Counter()
    for files in runs:
        state, line = _run_line(files)
        states[state] += 1
        typer.echo(line)
    typer.echo(f"{len(runs)} runs in '{folder}'" + "".join(f", {n} {state}" for state, n in sorted(states.items())))


def _run_line(files: RunFiles) -> tuple[str, str]:
    from realtime.recorder.view import clock_text, size_text
    from realtime.session.metadata import SessionMetadata

    size = size_text(sum(path.stat().st_size for path in files.all()))
    if not files.session.exists():
        return "without metadata", f"{files.stem}  {size}  without metadata"
    try:
        told = SessionMetadata.load(files.session)
    except DataError as err:
        return "damaged", f"{files.stem}  {size}  {err}"
    length = clock_text(told.ended_s - told.started_s) if told.ended_s and told.started_s else "-"
    more = [f"{len(told.films)} films" if told.films else "no film"]
    more += ["simulated"] if told.simulated else []
    more += [f"may be kept until {told.delete_after}"] if told.delete_after else []
    more += [told.reason] if told.reason else []
    return told.state, f"{files.stem}  {told.state}  {length}  {size}  {'; '.join(more)}"


@session_app.command("close")
def close_command(path: Recorded) -> None:
    """Complete a run whose recorder was killed: join its parts, write its metadata and checksums."""
    from realtime.recorder.closing import close_orphan
    from realtime.session.files import run_of

    told = close_orphan(run_of(path))
    typer.echo(f"{told.stem}: {told.state}, {len(told.streams)} streams; its checksums are written")


for _name, _command in (("export", export), ("decrypt", decrypt), ("new-key", new_key), ("expired", expired)):
    session_app.command(_name)(_command)
