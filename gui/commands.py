"""Small commands of the screen. Imports nothing heavy before one is called."""

from __future__ import annotations

from typing import Annotated

import typer

from realtime.options import ConfigFile, Network, Seconds, configure


def flash(
    seconds: Seconds = None,
    screen: Annotated[int | None, typer.Option(min=1, help="From 1 on.", show_default="the last")] = None,
    windowed: Annotated[bool, typer.Option("--windowed", help="In a window.")] = False,
    network: Network = False,
    config: ConfigFile = None,
) -> None:
    """A screen that flashes, for 'emostream sync --markers emostream-flash'; Escape ends it."""
    configure(config, network)
    from gui.flash import run_flash

    raise typer.Exit(run_flash(seconds, screen, windowed))
