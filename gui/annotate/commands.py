"""`emostream annotate`: the review window, or the same edits without one. Imports nothing heavy before it is called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime.errors import ConfigurationError
from realtime.options import Identity
from realtime.output import require_writable

if TYPE_CHECKING:
    from realtime.review.review import Review

Seconds = Annotated[float | None, typer.Option("--seconds", min=0.1, help="Close the window after this long.")]


def annotate(
    recording: Annotated[Path, typer.Argument(help="Session folder, its .xdf file, or a film.")],
    analysis: Annotated[
        Path | None,
        typer.Option(
            help="Folder of 'emostream analyze'.", show_default="that of the recordings root, if there is one"
        ),
    ] = None,
    coder: Annotated[str, typer.Option(help="Pseudonym that decisions are signed with, such as c1.")] = "",
    blind: Annotated[bool, typer.Option("--blind", help="Hide scores and labels; a table of the coder's own.")] = False,
    camera: Annotated[str | None, typer.Option(help="Which film of several.")] = None,
    table: Annotated[
        Path | None, typer.Option(help="Table to edit.", show_default="<stem>_annotations.tsv beside the recording")
    ] = None,
    theme: Annotated[str, typer.Option(help="dark or light")] = "dark",
    seconds: Seconds = None,
    screenshot: Annotated[Path | None, typer.Option(help="Save a PNG of the window just before it closes.")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No window: do the edits below and list.")] = False,
    add: Annotated[list[str] | None, typer.Option(help="ONSET,APEX,OFFSET in s: a new accepted movement.")] = None,
    accept: Annotated[
        list[int] | None, typer.Option(help="Accept a movement, by its place in the list from 1.")
    ] = None,
    reject: Annotated[list[int] | None, typer.Option(help="Reject one.")] = None,
    label: Annotated[str | None, typer.Option(help="Emotion of those accepted.")] = None,
    action_units: Annotated[str | None, typer.Option(help="Of those accepted, such as AU4+AU7.")] = None,
    comment: Annotated[str | None, typer.Option(help="On those accepted or rejected.")] = None,
    identity: Identity = None,
) -> None:
    """Review of found movements: step, mark, code, accept or reject; 'emostream train' learns from what is accepted."""
    from gui.annotate.sources import open_target
    from realtime.films.decryption import unlocked
    from realtime.review.review import Review

    edits = bool(add or accept or reject)
    headless = headless or edits
    if not edits and (label is not None or action_units is not None or comment is not None):
        raise ConfigurationError("--label, --action-units and --comment say what is accepted: give --accept N or --add")
    require_writable(screenshot)
    with unlocked(identity, lambda line: typer.echo(line, err=True)):
        target = open_target(recording, analysis=analysis, camera=camera, table=table, coder=coder, blind=blind)
        require_writable(target.table)
        review = Review(target.table, target.known.candidates, coder)
        if headless:
            chosen = {"label": label, "action_units": action_units, "comment": comment}
            try:
                _edit(review, add or [], accept or [], reject or [], chosen)
            finally:
                review.close()
            _list(review, (*target.notices, *review.notices))
            return
        if os.environ.get("QT_QPA_PLATFORM") != "offscreen" and not _has_display():
            raise ConfigurationError(
                "no display for the window: set DISPLAY, or use --headless with --accept and --reject"
            )
        from gui.annotate.app import run_annotate

        raise typer.Exit(run_annotate(target, review, blind=blind, theme=theme, seconds=seconds, screenshot=screenshot))


def _has_display() -> bool:
    import sys

    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _edit(review: Review, add: list[str], accept: list[int], reject: list[int], said: dict[str, str | None]) -> None:
    """All edits or none: what cannot be is told before anything is changed."""
    from dataclasses import replace

    from realtime.review.facs import parse_units, units_text
    from realtime.review.review import require_number

    if both := set(accept) & set(reject):
        raise ConfigurationError(f"movement {min(both)} is to be accepted and rejected: choose one")
    changes = {name: value for name, value in said.items() if value is not None}
    if "action_units" in changes:
        changes["action_units"] = units_text(parse_units(changes["action_units"]))
    taken = [require_number(review, place) for place in accept]
    refused = [require_number(review, place) for place in reject]
    times = [_times(text) for text in add]
    comment = {"comment": changes["comment"]} if "comment" in changes else {}
    for number in (*taken, *refused):
        replace(review[number], coder=review.coder, **(changes if number in taken else comment))
    for number in refused:
        review.edit(number, "reject", status="rejected", coder=review.coder, **comment)
    taken += [review.add(*marks) for marks in times]
    for number in taken:
        review.edit(number, "accept", status="accepted", coder=review.coder, **changes)
    if taken or refused:
        review.save()


def _times(text: str) -> tuple[float, float, float]:
    try:
        onset_s, apex_s, offset_s = (float(part) for part in text.split(","))
    except ValueError as err:
        raise ConfigurationError(f"--add '{text}': wanted ONSET,APEX,OFFSET in s, such as 12.30,12.45,12.70") from err
    if not 0 <= onset_s < apex_s < offset_s < float("inf"):
        raise ConfigurationError(f"--add '{text}': onset, apex and offset must follow one another, from 0 s on")
    return onset_s, apex_s, offset_s


def _list(review: Review, notices: tuple[str, ...]) -> None:
    from realtime.review.review import marks_text

    for notice in notices:
        typer.echo(f"note: {notice}", err=True)
    for place, number in enumerate(review.numbers, 1):
        row = review[number]
        told = " ".join(
            filter(None, (row.label, row.action_units, f"by {row.coder}" if row.coder else "", row.comment))
        )
        typer.echo(f"{place:4d}  {marks_text(row):24}  {row.kind}  {row.status or 'coded':9}  {told}".rstrip())
    counted = review.count("", "accepted")
    typer.echo(
        f"{len(review.numbers)} movements: {counted} accepted, {review.count('rejected')} rejected, "
        f"{review.count('candidate')} to review; table '{review.table}'"
    )


def agreement(
    first: Annotated[Path, typer.Argument(help="Table of one coder.")],
    second: Annotated[Path, typer.Argument(help="Table of the other.")],
    summary: Annotated[Path | None, typer.Option("--summary", help="Write the figures as JSON.")] = None,
    fps: Annotated[float, typer.Option(min=1.0, help="Frames a second of the film, for differences in frames.")] = 30.0,
) -> None:
    """How far two coders agree: accepted or not, emotion, action units, and the three marks."""
    from realtime.output import write_json
    from realtime.review.agreement import agreement_of, render_agreement
    from realtime.review.annotations import read_annotations

    require_writable(summary)
    for path in (first, second):
        if not path.is_file():
            raise ConfigurationError(f"no table '{path}'")
    result = agreement_of(read_annotations(first), read_annotations(second))
    if summary is not None:
        write_json(summary, result)
    typer.echo(render_agreement(result, fps))
