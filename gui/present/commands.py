"""The commands `emostream present` and `flash`. Part of the command line: each imports itself whatever is heavy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from realtime.errors import ConfigurationError
from realtime.options import ConfigFile, Network, Seconds, Summary, configure
from realtime.output import require_writable, write_json

if TYPE_CHECKING:
    from gui.present.presenter import Session
    from realtime.session.playlist import OrderKind

_ORDERS = ("fixed", "random", "latin")

Order = Annotated[str | None, typer.Option(help="fixed, random or latin.", show_default="what the playlist says")]
Seed = Annotated[
    int | None, typer.Option(min=0, help="Which shuffle, or which Latin square.", show_default="from the subject, 0")
]
Row = Annotated[int | None, typer.Option(min=1, help="Row of the Latin square.", show_default="the subject's number")]
Screen = Annotated[int | None, typer.Option(min=1, help="The participant's, from 1 on.", show_default="the last")]
Windowed = Annotated[bool, typer.Option("--windowed", help="In a window, to try things.")]
Photodiode = Annotated[
    bool, typer.Option("--photodiode", help="A corner turns white for 0.1 s when a stimulus begins.")
]
OpenGl = Annotated[
    bool | None,
    typer.Option("--opengl/--raster", help="How frames are drawn.", show_default="OpenGL with a graphics card"),
]
Waiting = Annotated[bool, typer.Option("--wait-for-recording", help="Begin only once a recorder says that it records.")]
Auto = Annotated[bool, typer.Option("--auto-answers", help="A simulated participant answers; the markers say so.")]
Unseen = Annotated[bool, typer.Option("--no-window", help="Markers alone, nothing is shown; with --auto-answers.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print order and timing, and show nothing.")]
Example = Annotated[
    Path | None, typer.Option("--example", help="Write an example into a new folder, and show nothing.")
]


def present(
    playlist: Annotated[Path | None, typer.Argument(help="Playlist, TOML.")] = None,
    subject: Annotated[str, typer.Option(help="Pseudonym, letters and digits.")] = "01",
    session: Annotated[str, typer.Option(help="Letters and digits.")] = "01",
    order: Order = None,
    seed: Seed = None,
    participant_number: Row = None,
    screen: Screen = None,
    windowed: Windowed = False,
    photodiode: Photodiode = False,
    opengl: OpenGl = None,
    wait_for_recording: Waiting = False,
    auto_answers: Auto = False,
    no_window: Unseen = False,
    dry_run: DryRun = False,
    example: Example = None,
    seconds: Seconds = None,
    summary: Summary = None,
    network: Network = False,
    config: ConfigFile = None,
) -> None:
    """Instructions, stimuli and self-reports, with markers at the frames of the screen: the suppression paradigm."""
    if example is not None:
        _write_example(example)
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
    opened = open_session(
        playlist,
        Run(subject, session),
        lambda read: choose_order(read, kind, seed, participant_number, subject, session),
        auto=auto_answers,
    )
    if dry_run:
        _print_plan(opened)
        return
    lsl = configure(config, network).lsl
    if no_window:
        from gui.present.unseen import run_unseen

        code, result = run_unseen(opened, lsl, seconds, wait_for_recording=wait_for_recording)
    else:
        from gui.present.show import Showing, run_show

        how = Showing(screen, windowed, photodiode, wait_for_recording, opengl, seconds)
        code, result = run_show(opened, how, lsl, lambda line: typer.echo(line, err=True))
    _report(result, summary)
    raise typer.Exit(code)


def flash(
    seconds: Seconds = None,
    screen: Annotated[int | None, typer.Option(min=1, help="From 1 on.", show_default="the last")] = None,
    windowed: Annotated[bool, typer.Option("--windowed", help="In a window.")] = False,
    network: Network = False,
    config: ConfigFile = None,
) -> None:
    """A screen that flashes, for 'emostream sync --markers emostream-flash'; Escape ends it."""
    configure(config, network)
    from gui.present.flash import run_flash

    raise typer.Exit(run_flash(seconds, screen, windowed))


def _write_example(folder: Path) -> None:
    from gui.present.example import write_example

    typer.echo(f"an example of simulated patterns: try 'emostream present {write_example(folder)} --windowed'")


def _report(result: dict[str, Any], summary: Path | None) -> None:
    if summary is not None:
        write_json(summary, result)
    shown = sum(trial["end_s"] is not None for trial in result["trials"])
    typer.echo(f"{result['ended']}: {shown} of {len(result['trials'])} trials shown, {result['markers']} markers")


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
