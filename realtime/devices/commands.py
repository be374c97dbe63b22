"""Commands that put a device on LSL: camera, headset.

Part of the command line (`emostream.py`): whatever is heavy is imported by the command that needs it.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

import typer

from realtime.errors import ConfigurationError, DataError, EmostreamError
from realtime.extras import require_extra
from realtime.options import ConfigFile, Network, Root, Seconds, Summary, configure
from realtime.output import require_writable, write_json
from realtime.processes import end_with_parent

if TYPE_CHECKING:
    from realtime.films.film import Codec

_STEP_S = 0.05
_NAME = re.compile(r"[0-9A-Za-z]{0,32}")

NoFilm = Annotated[bool, typer.Option("--no-film", help="Never film, whoever asks.")]
Source = Annotated[
    str, typer.Argument(help="Number, file or name of a camera; a video file; an rtsp:// or http:// address.")
]
List = Annotated[bool, typer.Option("--list", help="Show this machine's cameras and their modes.")]
Size = Annotated[str | None, typer.Option("--size", help="WIDTHxHEIGHT px.", show_default="640x480, or nearest")]
Grey = Annotated[bool | None, typer.Option("--grey/--colour", help="Planes.", show_default="as the source is")]
Exposure = Annotated[str, typer.Option(help="auto, lock (what it found in a second), or the driver's value.")]


class Node(Protocol):
    """A device on LSL."""

    @property
    def running(self) -> bool: ...
    def start(self) -> None: ...
    def step(self) -> None: ...
    def stop(self) -> None: ...
    def summary(self) -> dict[str, Any]: ...


def camera(
    source: Source = "0",
    list_them: List = False,
    size: Size = None,
    fps: Annotated[float | None, typer.Option(min=1.0, max=1000.0, help="Frames a second to ask for.")] = None,
    grey: Grey = None,
    exposure: Exposure = "lock",
    gain: Annotated[str, typer.Option(help="auto, lock, or the driver's value.")] = "lock",
    name: Annotated[str, typer.Option(help="Tells several cameras apart: letters and digits, such as left.")] = "",
    tag: Annotated[str, typer.Option(help="Prefix of the streams' source ids.")] = "emostream-camera",
    root: Root = None,
    no_film: NoFilm = False,
    codec: Annotated[str | None, typer.Option(help="Of films: ffv1 (lossless) or h264.", show_default="ffv1")] = None,
    film: Annotated[
        Path | None, typer.Option(help="Film all into this .mkv, instead of when a recording asks.")
    ] = None,
    seconds: Seconds = None,
    summary: Summary = None,
    network: Network = False,
    config: ConfigFile = None,
) -> None:
    """A camera, a video or a network camera on LSL, stamped at grab; films when a recording asks for it."""
    if list_them:
        _show_cameras()
        return
    from realtime.devices.camera import CameraNode, CameraOptions
    from realtime.devices.opening import has_v4l2, is_live
    from realtime.devices.sources import Request
    from realtime.films.encryption import parse_recipients

    end_with_parent()
    require_writable(summary, film)
    if film is not None and (film.suffix.lower() != ".mkv" or film.exists()):
        raise ConfigurationError(f"--film '{film}': wanted: a new file whose name ends in .mkv")
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"--name '{name[:64]}': up to 32 letters and digits are wanted, such as left")
    settings = configure(config, network, root=root)
    if settings.session.encrypt_to:
        parse_recipients(settings.session.encrypt_to)  # said now, not when somebody wants a film
    options = CameraOptions(
        source,
        Request(_size(size), fps, grey),
        _control("exposure", exposure),
        _control("gain", gain),
        name=name,
        tag=tag,
        root=None if no_film else settings.session.root,
        codec=_codec(codec or settings.session.codec),
        encrypt_to=settings.session.encrypt_to,
        film=film,
    )
    if is_live(source) and "://" not in source and not has_v4l2():
        typer.echo("cameras are read through OpenCV here: pictures that the driver drops cannot be counted")
    keep(CameraNode(options, settings.lsl, typer.echo), seconds, summary)


def keep(node: Node, seconds: float | None, summary: Path | None) -> None:
    """Keep a device on LSL until it ends, the time is over or Ctrl-C; a device that gave nothing is an error."""
    end_s = time.monotonic() + seconds if seconds is not None else float("inf")
    try:
        node.start()
        while node.running and time.monotonic() < end_s:
            node.step()
            time.sleep(_STEP_S)
    finally:
        try:
            node.stop()
        finally:
            told = node.summary()
            if summary is not None:
                write_json(summary, told)
    if not any(told["sent"].values()):
        waited = "" if seconds is None else f" within {seconds:g} s"
        raise DataError(f"the device gave nothing{waited}: see that it is on and its name right, or give it longer")
    typer.echo(_last_line(told))


def _last_line(told: dict[str, Any]) -> str:
    """Counts in words; those of trouble only where there was some."""
    (first, count), *trouble = told["sent"].items()
    return ", ".join([f"sent {count} {first}", *(f"{number} {what}" for what, number in trouble if number)])


def _show_cameras() -> None:
    from realtime.devices.opening import has_v4l2

    if not has_v4l2():
        raise ConfigurationError(
            "cameras can be listed through V4L2 only (Linux): pip install 'emostream[camera]'; elsewhere try 0, 1, ..."
        )
    from realtime.devices.v4l2 import list_devices

    devices = list_devices()
    if not devices:
        typer.echo("no camera on this machine: plug one in; a video file or an rtsp:// address will do as well")
    for device in devices:
        typer.echo(f"{device.path}  {device.name}{f'  ({device.bus})' if device.bus else ''}")
        if device.problem:
            typer.echo(f"    cannot be asked: {device.problem}")
        for mode in device.modes:
            typer.echo(f"    {mode}")


def _control(option: str, text: str) -> Literal["auto", "lock"] | float:
    if text in ("auto", "lock"):
        return text
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) < 1e9:
        raise ConfigurationError(f"--{option} '{text}': auto, lock or a number in the driver's units is wanted")
    return value


def _codec(name: str) -> Codec:
    from realtime.films.film import CODECS

    for known in CODECS:
        if known == name.lower():
            return known
    raise ConfigurationError(f"no codec '{name}' for films: wanted {' or '.join(CODECS)}")


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise ConfigurationError(f"--size '{text}' is no size of a picture: wanted WIDTHxHEIGHT, such as 640x480")
    return int(width), int(height)


def headset(
    board: Annotated[str, typer.Option(help="BrainFlow's name of the board, such as cyton or synthetic.")] = "",
    list_them: Annotated[bool, typer.Option("--list", help="Show every board that BrainFlow knows.")] = False,
    channels: Annotated[
        str | None, typer.Option(help="Electrodes in the board's order: Fp1,Fp2,...", show_default="BrainFlow's")
    ] = None,
    serial_port: Annotated[str, typer.Option(help="Such as /dev/ttyUSB0 or COM3.")] = "",
    mac_address: Annotated[str, typer.Option(help="Of a Bluetooth headset.")] = "",
    ip_address: Annotated[str, typer.Option(help="Of a WiFi board.")] = "",
    ip_port: Annotated[int, typer.Option(min=0, max=65535, help="Of a WiFi board; 0 for none.")] = 0,
    serial_number: Annotated[str, typer.Option(help="Of the device.")] = "",
    other_info: Annotated[str, typer.Option(help="What else the board wants.")] = "",
    find_s: Annotated[int, typer.Option("--timeout", min=0, help="s to look for a device; 0 is the board's own.")] = 0,
    file: Annotated[Path | None, typer.Option(help="Recording for the board playback_file.")] = None,
    master: Annotated[str | None, typer.Option(help="Whose data a playback_file or streaming board brings.")] = None,
    impedance: Annotated[bool, typer.Option("--impedance", help="Measure impedances, and no EEG meanwhile.")] = False,
    setup: Annotated[list[str] | None, typer.Option(help="Text for the board itself; again for more.")] = None,
    tag: Annotated[str, typer.Option(help="Prefix of the streams' source ids.")] = "emostream-headset",
    seconds: Seconds = None,
    summary: Summary = None,
    network: Network = False,
    config: ConfigFile = None,
) -> None:
    """Any BrainFlow board on LSL: EEG in microvolts, impedances; '--board synthetic' needs no headset."""
    from realtime.devices.boards import Board, find_board, impedance_commands, read_layout

    require_extra("headset", "'emostream headset'")
    if list_them:
        _show_boards()
        return
    if not board:
        raise ConfigurationError("which board? give --board NAME; 'emostream headset --list' shows them all")
    end_with_parent()
    require_writable(summary)
    configure(config, network)
    found, number = find_board(board)
    described = number if master is None else find_board(master)[1]
    layout = read_layout(described, [name.strip() for name in channels.split(",")] if channels else None)
    given = {
        "serial_port": serial_port,
        "mac_address": mac_address,
        "ip_address": ip_address,
        "ip_port": ip_port,
        "serial_number": serial_number,
        "other_info": other_info,
        "timeout": find_s,
        "file": "" if file is None else str(file),
    } | ({} if master is None else {"master_board": described})
    from realtime.devices.headset import HeadsetNode
    from realtime.devices.impedance import ImpedanceNode

    before, then = impedance_commands(found) if impedance else ((), ())

    def open_board() -> Board:
        return Board(number, layout, given, (*(setup or ()), *before), then)

    make = ImpedanceNode if impedance else HeadsetNode
    keep(make(layout, open_board, tag=tag, say=typer.echo), seconds, summary)


def _show_boards() -> None:
    from realtime.devices.boards import board_ids, read_layout

    for name, number in sorted(board_ids().items()):
        try:
            layout = read_layout(number)
        except EmostreamError:
            continue  # no EEG, or only what another board brings
        ohms = ", impedance" if layout.impedance_rows else ""
        typer.echo(f"{name.lower():28}{layout.n_eeg:3} channels, {layout.sfreq_hz:g} Hz{ohms}")
