"""`emostream calibrate`: a guided minute of live EEG and video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from realtime.calibrate.phases import SHORTEST_S
from realtime.errors import ConfigurationError
from realtime.options import ConfigFile, Network, Root, Summary, configure
from realtime.output import require_writable, write_json

if TYPE_CHECKING:
    import pylsl
    from rich.console import Console

    from realtime.calibrate.phases import Timed
    from realtime.config import Config
    from realtime.lsl.outlets import MarkerOutlet


def calibrate(
    out: Annotated[Path | None, typer.Argument(help="Save it here (.npz) instead of among the recordings.")] = None,
    subject: Annotated[str | None, typer.Option(help="Whose it is: a pseudonym, as in sub-01.")] = None,
    root: Root = None,
    seconds: Annotated[
        float, typer.Option(min=SHORTEST_S, help="All phases together; the neutral face is a quarter of it.")
    ] = 60.0,
    force: Annotated[bool, typer.Option("--force", help="Replace the file that is there.")] = False,
    summary: Summary = None,
    network: Network = False,
    config: ConfigFile = None,
    eeg_name: Annotated[str | None, typer.Option("--eeg", help="LSL name of the headset's stream.")] = None,
    no_eeg: Annotated[bool, typer.Option("--no-eeg", help="Video alone: the neutral face, no other phase.")] = False,
    no_video: Annotated[bool, typer.Option("--no-video", help="EEG alone.")] = False,
) -> None:
    """A guided minute: eyes open, eyes closed, blink, neutral face, clench.

    Learns an ICA without blinks, the EEG at rest and the noise of the person's face, and says how good the signals are.
    """
    from datetime import datetime

    from rich.console import Console

    from realtime.calibrate.learn import learn
    from realtime.calibrate.store import new_calibration
    from realtime.calibrate.text import show_report

    if (out is None) == (subject is None):
        raise ConfigurationError("say where it goes: --subject 01, or the path of a file (.npz); one of the two")
    require_writable(out, summary)
    if out is not None and out.exists() and not force:
        raise ConfigurationError(f"'{out}' is there already: choose another file, or --force to replace it")
    settings = configure(config, network, root=root)
    where = out if subject is None else new_calibration(settings.session.root, subject, datetime.now())
    assert where is not None
    console = Console(stderr=True)
    found = learn(_guide(settings, console, seconds, eeg_name, no_eeg, no_video), settings)
    found.save(where)
    show_report(found.report, console)
    if summary is not None:
        write_json(summary, {"file": str(where), **found.report})
    use = f"--calibration {where}" if subject is None else f"--subject {subject}"
    typer.echo(f"calibration saved as {where}: use 'emostream run {use}'")


def _guide(
    settings: Config, console: Console, seconds: float, eeg_name: str | None, no_eeg: bool, no_video: bool
) -> Any:
    """Find the streams and go through the phases."""
    from realtime.calibrate.guide import Guide
    from realtime.calibrate.text import announce
    from realtime.lsl.outlets import MarkerOutlet
    from realtime.session.events import STIMULUS, own_source_id

    eeg = None if no_eeg else _find(settings, "EEG", eeg_name)
    video = None if no_video else _find(settings, "VideoRaw", None)
    markers = MarkerOutlet(STIMULUS, own_source_id("calibrate"))
    try:
        guide = Guide(eeg, video, settings, lambda timed: _tell(timed, markers, console, announce))
        guide.run(seconds)
        markers.push_json({"event": "calibration_end"})
        return guide
    finally:
        markers.close()


def _find(settings: Config, stream_type: str, name: str | None) -> pylsl.StreamInfo:
    from realtime.lsl.discovery import find_stream

    return find_stream(stream_type=stream_type, name=name, timeout_s=settings.lsl.resolve_timeout_s)


def _tell(timed: Timed, markers: MarkerOutlet, console: Console, announce: Any) -> None:
    event = {"event": "calibration_phase", "phase": timed.phase.name, "seconds": timed.end_s - timed.start_s}
    markers.push_json(event, timed.start_s)
    announce(timed, console)
