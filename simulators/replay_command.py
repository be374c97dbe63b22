"""The command 'emostream replay'; part of the command line, so whatever is heavy is imported when it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from realtime.options import ConfigFile, Identity, Network, Seconds, configure
from realtime.processes import end_with_parent


def replay(
    recording: Annotated[
        Path | None,
        typer.Argument(help="A session (folder, stem or .xdf), or EEG: .set .vhdr .edf .bdf .fif .cdt .cnt .gdf"),
    ] = None,
    video: Annotated[Path | None, typer.Option(help="Any video OpenCV reads; a session's own is found.")] = None,
    speed: Annotated[float, typer.Option(min=0.1, max=20.0, help="Times real time.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Start again at the end.")] = False,
    start: Annotated[float | None, typer.Option("--start", help="Begin at this second.", show_default="first")] = None,
    paused: Annotated[bool, typer.Option("--paused", help="Begin paused.")] = False,
    results: Annotated[bool, typer.Option("--results", help="Also what the engine had made of a session.")] = False,
    seconds: Seconds = None,
    network: Network = False,
    config: ConfigFile = None,
    identity: Identity = None,
) -> None:
    """A recorded session, or loose files, on LSL in its own timing: EEG, markers, video.

    In a terminal: space pauses, left and right jump 5 s, up and down change the speed, 0 to 9 jump to tenths, l loops,
    q ends. Other programs do the same by events on 'emostream-control'.
    """
    from realtime.films.decryption import unlocked
    from simulators.replay import open_replay
    from simulators.replay_control import run_replay

    end_with_parent()
    settings = configure(config, network)
    with unlocked(identity, typer.echo):
        source = open_replay(recording, video, speed=speed, loop=loop, start_s=start, paused=paused, results=results)
        run_replay(source, seconds, settings.lsl, typer.echo)
