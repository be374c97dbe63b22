"""Command-line options that several commands share, and what follows from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from realtime.config import Config

Seconds = Annotated[float | None, typer.Option("--seconds", min=0.1, help="Stop after this long; default: Ctrl-C.")]
Headless = Annotated[bool, typer.Option("--headless", help="No window: a live text view. Implied without a display.")]
Summary = Annotated[Path | None, typer.Option("--summary", help="Write a JSON summary at the end.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="Configuration, TOML.")]
Root = Annotated[
    Path | None,
    typer.Option("--root", help="Folder of all recordings.", show_default="the configuration's: recordings"),
]
Identity = Annotated[Path | None, typer.Option("--identity", help="File of the age key that opens encrypted films.")]
Network = Annotated[
    bool, typer.Option("--network", help="Leave the loopback: be seen, and see the machines that lsl.allow names.")
]


def configure(path: Path | None, network: bool, *, root: Path | None = None, interpolate: bool = False) -> Config:
    """Load the configuration and the devices' delays, and join LSL; children started later inherit the session.

    Parameters
    ----------
    path : Path or None
        TOML; None for the defaults.
    network : bool
        Leave the loopback.
    root : Path, optional
        The recordings root; default the configuration's.
    interpolate : bool
        Fill absent EEG channels.

    Raises
    ------
    ConfigurationError
        A file that cannot be read or says what cannot be.
    DataError
        The measured delays cannot be read.
    """
    from realtime.config import load_config
    from realtime.lsl import session
    from realtime.session.delays import Devices

    config = load_config(path)
    recordings = config.session if root is None else config.session.model_copy(update={"root": root})
    delays = {**Devices.load(recordings.root).seconds(), **config.lsl.delays}
    lsl = config.lsl.model_copy(update={"network": network or config.lsl.network, "delays": delays})
    eeg = config.eeg.model_copy(update={"interpolate": interpolate or config.eeg.interpolate})
    if lsl.session_id is not None:
        os.environ["EMOSTREAM_SESSION"] = lsl.session_id
    session.configure(network=lsl.network, session_id=lsl.session_id, allow=lsl.allow)
    return config.model_copy(update={"lsl": lsl, "eeg": eeg, "session": recordings})
