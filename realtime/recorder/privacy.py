"""`emostream session export | decrypt | new-key | expired`: what is handed on, opened and deleted of recordings."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime.errors import ConfigurationError, DataError
from realtime.options import ConfigFile, Root

if TYPE_CHECKING:
    from datetime import date

    from realtime.recorder.export import Copy
    from realtime.session.files import RunFiles

Recorded = Annotated[Path, typer.Argument(help="A session folder, the .xdf file of a run, or a recordings root.")]


def found_runs(path: Path) -> list[RunFiles]:
    """The runs of what a command was given.

    Raises
    ------
    DataError
        There is none.
    """
    from realtime.session.files import runs_in

    runs = runs_in(path)
    if not runs:
        raise DataError(f"no recorded run in '{path}': give a session folder, its .xdf file or a recordings root")
    return runs


def export(
    path: Recorded,
    out: Annotated[Path, typer.Argument(help="Folder of the copy; it must not be there yet.")],
    without_face: Annotated[bool, typer.Option("--without-face", help="No film, no picture, no shape of the face.")],
    also: Annotated[list[str] | None, typer.Option(help="Name of a stream of another type to copy too.")] = None,
    notes: Annotated[bool, typer.Option("--notes", help="The words of notes and comments too.")] = False,
) -> None:
    """A copy of runs to hand on: EEG, markers, predictions; no face, no keys, no names of machines or coders."""
    from realtime.recorder.export import export_without_face

    if not without_face:
        raise ConfigurationError("a copy with the face is a copy of the folder: use --without-face, or copy it")
    copies = list(export_without_face(found_runs(path), out, also=also or (), notes=notes))
    _show_left(copies)
    typer.echo(f"{len(copies)} runs copied to '{out}' without the face; markers that are no JSON are as they were")


def _show_left(copies: list[Copy]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("run", "left out", "why")
    for copy in copies:
        for left in copy.left:
            table.add_row(copy.stem, left.what, left.why)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def decrypt(
    path: Recorded,
    out: Annotated[Path, typer.Argument(help="Folder of the films in the clear; it must not be there yet.")],
    identity: Annotated[Path, typer.Option(help="File of the age key.")],
) -> None:
    """Films in the clear, for programs that cannot be given the key: on a disk you trust, and delete them after."""
    from realtime.films.decryption import decrypt as decrypt_film
    from realtime.films.decryption import load_identities
    from realtime.films.names import ENCRYPTED
    from realtime.session.folder import make_private_folder, open_new

    films = [film for run in found_runs(path) for film in run.all() if film.suffix == ENCRYPTED]
    if not films:
        raise DataError(f"no encrypted film in '{path}': their names end in {ENCRYPTED}")
    if out.exists():
        raise ConfigurationError(f"'{out}' is there already and nothing is overwritten: name a new folder")
    keys = load_identities(identity)
    make_private_folder(out)
    for film in films:
        target = out / film.name.removesuffix(ENCRYPTED)
        try:
            with open_new(target) as file:
                lost = decrypt_film(film, keys, file)
        except BaseException:
            target.unlink(missing_ok=True)
            with suppress(OSError):  # others are in it
                out.rmdir()
            raise
        typer.echo(f"{target}" + (f": without the last {lost} bytes, which do not authenticate" if lost else ""))


def new_key(
    file: Annotated[Path, typer.Argument(help="File of the private key; keep it off the recording machine.")],
) -> None:
    """Make a key pair for encrypted films; prints the public key, for 'record --encrypt-to' or the configuration."""
    from realtime.films.decryption import new_identity

    typer.echo(new_identity(file))
    typer.echo(f"the private key is in '{file}': without it nobody sees the films again, so keep a copy", err=True)


def expired(
    root: Root = None,
    config: ConfigFile = None,
    delete: Annotated[bool, typer.Option("--delete", help="Ask for each, and delete it where told so.")] = False,
) -> None:
    """Runs that may not be kept any longer; with --delete they are asked about, one by one."""
    from realtime.config import load_config
    from realtime.session.metadata import now

    folder = root if root is not None else load_config(config).session.root
    over, unreadable = expired_runs(folder, now().date())
    for run, until in over:
        typer.echo(f"{run.folder / run.stem}: could be kept until {until}, {len(run.all())} files")
        if delete and typer.confirm(f"delete {run.stem}, all that was computed of it included?", default=False):
            typer.echo(f"deleted {_delete(run, folder)} files")
    typer.echo(f"{len(over)} runs in '{folder}' are over their date" + ("; --delete asks for each" if over else ""))
    for why in unreadable:
        typer.echo(f"NOT KNOWN: {why}")
    if unreadable:
        raise DataError(f"{len(unreadable)} runs in '{folder}' do not say until when they may be kept, see above")


def expired_runs(root: Path, today: date) -> tuple[list[tuple[RunFiles, date]], list[DataError]]:
    """Runs that could be kept until a day before `today`, with that day, and why others do not say; some have none."""
    from realtime.session.files import runs_in
    from realtime.session.metadata import SessionMetadata

    found, unreadable = [], []
    for run in runs_in(root):
        try:
            until = SessionMetadata.load(run.session).delete_after if run.session.is_file() else None
        except DataError as err:  # the runs behind it may be over their date
            unreadable.append(err)
            continue
        if until is not None and until < today:
            found.append((run, until))
    return found, unreadable


def _delete(run: RunFiles, root: Path) -> int:
    """Delete a run's files, and what was computed of it below its recordings root."""
    files = run.all()
    try:
        if run.run is not None and (computed := root / run.run.derivatives).is_dir():
            files += [path for path in computed.rglob("*") if path.is_file()]
            shutil.rmtree(computed)
        for path in run.all():
            path.unlink()
    except OSError as err:
        raise DataError(
            f"cannot delete all of '{run.stem}': {err.strerror or err}; what is left is still there"
        ) from err
    return len(files)
