"""The command 'emostream doctor'; part of the command line, so whatever is heavy is imported when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime.errors import DataError
from realtime.options import ConfigFile, Network, Root, configure
from realtime.output import require_writable, write_json

if TYPE_CHECKING:
    from rich.console import Console

    from realtime.config import Config
    from realtime.doctor.findings import Finding

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    seconds: Annotated[float, typer.Option("--seconds", min=0.5, max=60.0, help="Read each stream so long.")] = 2.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all findings as JSON.")] = None,
    network: Network = False,
    root: Root = None,
    config: ConfigFile = None,
) -> None:
    """What is wrong with this machine and with the streams on LSL, and what to do about it."""
    from rich.console import Console

    from realtime.doctor.findings import as_json, worst

    require_writable(json_file)
    settings = configure(config, network, root=root)
    findings = examine(settings, seconds)
    show(findings, Console(highlight=False))
    if json_file is not None:
        write_json(json_file, as_json(findings))
    if worst(findings) == "fail":
        raise typer.Exit(DataError.exit_code)


def examine(config: Config, seconds: float) -> list[Finding]:
    """All checks of this machine and of what is on LSL.

    Parameters
    ----------
    config : Config
        LSL is configured already.
    seconds : float
        How long each stream is read.
    """
    import os

    from realtime.doctor.cameras import look_at_cameras
    from realtime.doctor.collect import watch_streams
    from realtime.doctor.lsl_setup import look_at_interfaces, look_at_lsl
    from realtime.doctor.machine import Watch, look_at_disk, look_at_machine
    from realtime.doctor.software import check_libraries, check_python, look_at_display, look_at_weights, requirements
    from realtime.doctor.streams import check_streams

    network = config.lsl.network
    watch = Watch()
    streams = watch_streams(seconds)
    lsl = look_at_lsl(network)
    seen = watch.findings()
    return [
        check_python(),
        *check_libraries(requirements()),
        look_at_weights(),
        *look_at_display(),
        *look_at_machine(os.environ),
        *seen,
        *look_at_disk(config.session.root),
        *lsl,
        look_at_interfaces(network),
        *look_at_cameras(),
        *check_streams(streams),
    ]


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print a table that is readable in 80 columns, and how many findings there are of each kind."""
    from rich.table import Table
    from rich.text import Text

    from realtime.doctor.findings import STATES

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(max_width=24, overflow="fold")
    table.add_column(overflow="fold")
    for finding in findings:
        text = Text(finding.found)
        if finding.advice:
            text.append(f"\n-> {finding.advice}", style=_STYLES[finding.state])
        table.add_row(Text(finding.state, style=_STYLES[finding.state]), Text(finding.check), text)
    console.print(table)
    counts = {state: sum(finding.state == state for finding in findings) for state in STATES}
    console.print(", ".join(f"{counts[state]} {state}" for state in STATES))
