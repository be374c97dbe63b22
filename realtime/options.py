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
Network = Annotated[bool, typer.Option("--network", help="Leave the loopback: see other machines and be seen.")]


def configure(path: Path | None, network: bool, *, interpolate: bool = False) -> Config:
    """Load the configuration and join LSL; children started later inherit the session.

    Parameters
    ----------
    path : Path or None
        TOML; None for the defaults.
    network : bool
        Leave the loopback.
    interpolate : bool
        Fill absent EEG channels.

    Raises
    ------
    ConfigurationError
        A file that cannot be read or says what cannot be.
    """
    from realtime.config import load_config
    from realtime.lsl import session

    config = load_config(path)
    lsl = config.lsl.model_copy(update={"network": network or config.lsl.network})
    eeg = config.eeg.model_copy(update={"interpolate": interpolate or config.eeg.interpolate})
    if lsl.session_id is not None:
        os.environ["EMOSTREAM_SESSION"] = lsl.session_id
    session.configure(network=lsl.network, session_id=lsl.session_id)
    return config.model_copy(update={"lsl": lsl, "eeg": eeg})
