"""The command `emostream present`. Part of the command line: whatever is heavy is imported by the command itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime.errors import ConfigurationError
from realtime.options import ConfigFile, Network, Seconds, Summary, configure
from realtime.output import require_writable, write_json

if TYPE_CHECKING:
    from gui.present.presenter import Session
    from realtime.session.playlist import OrderKind

_ORDERS = ("fixed", "random", "latin")


def present(
    playlist: Annotated[Path | None, typer.Argument(help="Playlist, TOML.")] = None,
    subject: Annotated[str, typer.Option(help="Pseudonym, letters and digits.")] = "01",
    session: Annotated[str, typer.Option(help="Letters and digits.")] = "01",
    order: Annotated[
        str | None, typer.Option(help="fixed, random or latin.", show_default="what the playlist says")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Which shuffle, or which Latin square.", show_default="from the subject, 0"),
    ] = None,
    participant_number: Annotated[
        int | None, typer.Option(min=1, help="Row of the Latin square.", show_default="the subject's number")
    ] = None,
    screen: Annotated[
        int | None, typer.Option(min=1, help="The participant's, from 1 on.", show_default="the last")
    ] = None,
    windowed: Annotated[bool, typer.Option("--windowed", help="In a window, to try things.")] = False,
    photodiode: Annotated[
        bool, typer.Option("--photodiode", help="A corner turns white for 0.1 s when a stimulus begins.")
    ] = False,
    opengl: Annotated[
        bool | None,
        typer.Option("--opengl/--raster", help="How frames are drawn.", show_default="OpenGL with a graphics card"),
    ] = None,
    wait_for_recording: Annotated[
        bool, typer.Option("--wait-for-recording", help="Begin only once a recorder says that it records.")
    ] = False,
    auto_answers: Annotated[
        bool, typer.Option("--auto-answers", help="A simulated participant answers; the markers say so.")
    ] = False,
    no_window: Annotated[
        bool, typer.Option("--no-window", help="Markers alone, nothing is shown; with --auto-answers.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print order and timing, and show nothing.")] = False,
    example: Annotated[
        Path | None, typer.Option("--example", help="Write an example into a new folder, and show nothing.")
    ] = None,
    seconds: Seconds = None,
    summary: Summary = None,
    network: Network = False,
    config: ConfigFile = None,
) -> None:
    """Instructions, stimuli and self-reports, with markers at the frames of the screen: the suppression paradigm."""
    if example is not None:
        from gui.present.example import write_example

        typer.echo(f"an example of simulated patterns: try 'emostream present {write_example(example)} --windowed'")
        return
    if playlist is None:
        raise ConfigurationError("no playlist: name one, or write an example with 'emostream present --example DIR'")
    if no_window and not auto_answers:
        raise ConfigurationError("--no-window shows nobody anything: it goes with --auto-answers")
    from gui.present.order import choose_order
    from gui.present.presenter import open_session
    from realtime.session.run import Run

    require_writable(summary)
    kind = _order_kind(order)
    run = Run(subject, session)
    opened = open_session(
        playlist,
        run,
        lambda read: choose_order(read, kind, seed, participant_number, subject, session),
        auto=auto_answers,
    )
    if dry_run:
        _print_plan(opened)
        return
    settings = configure(config, network)
    if no_window:
        from gui.present.unseen import run_unseen

        code, result = run_unseen(opened, settings.lsl, seconds, wait_for_recording=wait_for_recording)
    else:
        from gui.present.show import Showing, run_show

        how = Showing(screen, windowed, photodiode, wait_for_recording, opengl, seconds)
        code, result = run_show(opened, how, settings.lsl, lambda line: typer.echo(line, err=True))
    if summary is not None:
        write_json(summary, result)
    shown = sum(trial["end_s"] is not None for trial in result["trials"])
    typer.echo(f"{result['ended']}: {shown} of {len(result['trials'])} trials shown, {result['markers']} markers")
    raise typer.Exit(code)


def _order_kind(order: str | None) -> OrderKind | None:
    for kind in _ORDERS:
        if order == kind:
            return kind
    if order is None:
        return None
    raise ConfigurationError(f"no order '{order}'; there are: {', '.join(_ORDERS)}")


def _print_plan(session: Session) -> None:
    from gui.present.media import shown_s

    order = session.order
    row = f", row {order.participant_number}" if order.kind == "latin" else ""
    typer.echo(f"{session.playlist.title}: sub-{session.run.subject} ses-{session.run.session}")
    typer.echo(f"order {order.kind}, seed {order.seed}{row}")
    typer.echo(f"baseline {session.playlist.baseline_s:g} s, rest {session.playlist.rest_s:g} s before each stimulus")
    block = ""
    for one in session.planned:
        if one.block != block:
            block = one.block
            typer.echo(f"{block}:")
        media = session.media[one.trial.stimulus]
        sound = ", sound" if media.sound else ""
        size = f"{media.width}x{media.height}, {media.fps:.4g} fps{sound}" if media.fps else one.trial.kind
        length = shown_s(one.trial, media)
        typer.echo(f"  {one.number:>3}  {one.trial.emotion:<12}{length:>8.2f} s  {one.trial.stimulus}  ({size})")
    typer.echo(f"at least {session.expected_s:.0f} s, and the time for reading and answering")
