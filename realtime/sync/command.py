"""`emostream sync`: how late the camera is, on flashes that the headset or a marker stream knows of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from realtime.options import ConfigFile, Network, Root, Summary, configure
from realtime.output import require_writable, write_json

if TYPE_CHECKING:
    from realtime.sync.flashes import Delay


def sync(
    channel: Annotated[
        str | None, typer.Option(help="The headset's channel that sees the light, such as a photodiode's.")
    ] = None,
    markers: Annotated[
        str | None, typer.Option(help='Instead: the marker stream with {"event": "flash"} at each.')
    ] = None,
    seconds: Annotated[float, typer.Option(min=5.0, help="How long to listen.")] = 30.0,
    camera: Annotated[str | None, typer.Option(help="Source id of the camera, where there are several.")] = None,
    eeg_name: Annotated[str | None, typer.Option("--eeg", help="LSL name of the headset's stream.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure and say, but do not keep it.")] = False,
    root: Root = None,
    summary: Summary = None,
    network: Network = False,
    config: ConfigFile = None,
) -> None:
    """Measure how late the camera's stamps are, and keep it: every reader takes it off from then on.

    Let a light flash at irregular times where the camera and a photodiode on the headset see it; or show
    'emostream flash' on a screen in the camera's view, and use its markers.
    """
    from datetime import UTC, datetime

    from rich.console import Console

    from realtime.errors import ConfigurationError
    from realtime.lsl.discovery import find_stream
    from realtime.session.delays import DeviceDelay, Devices
    from realtime.sync.measure import SyncMeter

    if (channel is None) == (markers is None):
        raise ConfigurationError("say who knows of the flashes: --channel NAME of the headset, or --markers STREAM")
    require_writable(summary)
    settings = configure(config, network, root=root)
    timeout_s = settings.lsl.resolve_timeout_s
    video = find_stream(stream_type="VideoRaw", source_id=camera, timeout_s=timeout_s)
    kind = "Markers" if channel is None else "EEG"
    reference = find_stream(stream_type=kind, name=markers or eeg_name, timeout_s=timeout_s)
    meter = SyncMeter(video, reference, channel)
    with Console(stderr=True).status("watching the light") as status:
        meter.run(seconds, lambda left_s: status.update(f"watching the light, {left_s:.0f} s"))
    delay = meter.delay()
    against = f"channel {channel} of {reference.source_id()}" if channel else f"markers of {reference.source_id()}"
    devices = Devices.load(settings.session.root)
    measured = DeviceDelay(
        delay_s=delay.delay_s,
        spread_s=delay.spread_s,
        flashes=delay.matched,
        against=against,
        measured=datetime.now(UTC),
    )
    if not dry_run:
        devices.with_delay(meter.source_id, measured).save(settings.session.root)
    if summary is not None:
        write_json(summary, {"source_id": meter.source_id, **measured.model_dump(mode="json"), "seen": delay.flashes})
    typer.echo(_told(meter.source_id, delay, against, settings.lsl.delays.get(meter.source_id), dry_run))


def _told(source_id: str, delay: Delay, against: str, before_s: float | None, dry_run: bool) -> str:
    was = "" if before_s is None else f" (before: {1e3 * before_s:.1f} ms)"
    kept = "not kept" if dry_run else "kept: readers take it off from now on"
    return (
        f"{source_id} is {1e3 * delay.delay_s:.1f} ms late against {against}{was}, "
        f"spread {1e3 * delay.spread_s:.1f} ms over {delay.matched} of {delay.flashes} flashes; {kept}"
    )
