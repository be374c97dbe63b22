"""Commands that put something on LSL, or into files, without recognising anything: simulate.

Part of the command line (`emostream.py`): whatever is heavy is imported by the command that needs it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime.errors import ConfigurationError, DataError
from realtime.options import ConfigFile, Network, Root, Seconds, configure
from realtime.output import require_writable
from realtime.processes import end_with_parent

if TYPE_CHECKING:
    from realtime.config import Config
    from simulators.clips import Codec
    from simulators.streams import Filming
    from simulators.testbed import Clip

_HOUR_S = 3600.0
_CLIP_S = 20.0

simulate_app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

RecipeName = Annotated[str, typer.Option("--recipe", help="What goes on; 'emostream simulate recipes' lists them.")]
Fps = Annotated[
    float | None,
    typer.Option("--fps", min=1.0, max=1000.0, help="Frames a second.", show_default="the recipe's, mostly 30"),
]
Size = Annotated[str, typer.Option("--size", help="Of the picture, WIDTHxHEIGHT px.")]
CodecName = Annotated[
    str | None,
    typer.Option("--codec", help="FFV1 (lossless), MJPG or mp4v.", show_default="the recipe's, mostly FFV1"),
]


@simulate_app.callback(invoke_without_command=True)
def simulate(
    context: typer.Context,
    seconds: Seconds = None,
    network: Network = False,
    config: ConfigFile = None,
    seed: Annotated[int, typer.Option(help="Which simulated participant.")] = 1,
    tag: Annotated[str, typer.Option(help="Prefix of the streams' source ids.")] = "emostream-simulator",
    root: Root = None,
) -> None:
    """A simulated participant's EEG, video and truth on LSL, for an hour at most.

    With a command behind it: a face alone, with movements and distractors from a named recipe, live or as files.
    """
    if context.invoked_subcommand is not None:
        _refuse_misplaced(context)
        return
    from simulators.cohort import unseen_participant
    from simulators.streams import keep_on_lsl

    end_with_parent()
    film = _filming(configure(config, network, root=root))
    keep_on_lsl(unseen_participant(seed, tag=tag, film=film), seconds, typer.echo)


def _filming(settings: Config) -> Filming:
    """Films of the simulated, where a recording asks for them."""
    from realtime.films.filming import FilmOnRequest

    session = settings.session
    return lambda outlet: FilmOnRequest(
        outlet,
        session.root,
        codec=session.codec,
        encrypt_to=session.encrypt_to,
        config=settings.lsl,
        simulated=True,
        say=typer.echo,
    )


def _refuse_misplaced(context: typer.Context) -> None:
    """Options of the participant mean nothing to a face: better said than ignored."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            command = f"simulate {context.invoked_subcommand}"
            raise ConfigurationError(f"--{name} is in the wrong place: write 'emostream {command} --{name} ...'")


@simulate_app.command()
def face(
    truth: Annotated[
        Path | None, typer.Option("--truth", help="Write the movements as JSON.", show_default="beside --out")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write a video (.avi) instead of streaming.")] = None,
    recipe: RecipeName = "moderate",
    seed: Annotated[int, typer.Option(min=0, help="Which person and clip; from 10000 on held out.")] = 1,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="How long.", show_default="20 in a file, else until Ctrl-C")
    ] = None,
    fps: Fps = None,
    size: Size = "640x480",
    codec: CodecName = None,
    tag: Annotated[str, typer.Option(help="Prefix of the streams' source ids.")] = "emostream-simulator",
    root: Root = None,
    network: Network = False,
    config: ConfigFile = None,
) -> None:
    """A simulated face with true movements: on LSL as the participant's video, or in a video file."""
    from simulators.testbed import draw_clip

    end_with_parent()
    require_writable(truth, out)
    if out is not None and out.suffix.lower() != ".avi":
        raise ConfigurationError(f"cannot write video into '{out}': wanted a name that ends in .avi")
    length = seconds if seconds is not None else (_CLIP_S if out is not None else _HOUR_S)
    clip = draw_clip(recipe, seed, length, fps=fps, size=_size(size))
    if out is not None:
        from simulators.clips import write_clip

        how = _codec(codec) or clip.codec
        told = write_clip(out, clip.person, clip.scenario, fps=clip.fps, size=clip.size, codec=how, truth=truth)
        typer.echo(f"{clip.name}: {length:g} s, {len(clip.truth())} movements -> {out}, {told}")
        return
    if codec is not None:
        raise ConfigurationError("--codec is for a video file: give --out too, or leave it away")
    film = _filming(configure(config, network, root=root))
    _stream(clip, truth, seconds, tag, film)


def _stream(clip: Clip, truth: Path | None, seconds: float | None, tag: str, film: Filming) -> None:
    """Keep the face on LSL. The truth is there from the start; in the end it holds what was shown in full."""
    from pylsl import local_clock

    from simulators.face_streams import SimulatedFace
    from simulators.streams import keep_on_lsl

    source = SimulatedFace(clip, tag=tag, film=film)
    _write_truth(truth, clip)
    try:
        keep_on_lsl(source, seconds, typer.echo)
    finally:
        shown_s = local_clock() - source.start_s
        seen = tuple(event for event in clip.scenario.movements if event.offset_s <= shown_s)
        _write_truth(truth, replace(clip, scenario=replace(clip.scenario, movements=seen)))


def _write_truth(path: Path | None, clip: Clip) -> None:
    if path is None:
        return
    try:
        path.write_text(json.dumps(clip.truth(), indent=1), encoding="utf-8")
    except OSError as err:
        raise DataError(f"cannot write the truth '{path}': {err.strerror or err}") from err


@simulate_app.command()
def flash(
    seconds: Annotated[float, typer.Option(min=2.0, help="How long.")] = 60.0,
    camera_delay: Annotated[float, typer.Option(min=0.0, max=2.0, help="s that the camera stamps too late.")] = 0.08,
    fps: Annotated[float, typer.Option(min=1.0, max=240.0, help="Frames a second.")] = 30.0,
    seed: Annotated[int, typer.Option(min=0, help="Which flashes.")] = 1,
    tag: Annotated[str, typer.Option(help="Prefix of the streams' source ids.")] = "emostream-flash",
    network: Network = False,
    config: ConfigFile = None,
    root: Root = None,
) -> None:
    """A flashing light that a simulated camera and a headset's photodiode see: what 'emostream sync' should measure."""
    from simulators.flash import PHOTODIODE, FlashingLight
    from simulators.streams import keep_on_lsl

    end_with_parent()
    film = _filming(configure(config, network, root=root))
    light = FlashingLight(seconds, camera_delay_s=camera_delay, fps=fps, seed=seed, tag=tag, film=film)
    typer.echo(f"{len(light.times)} flashes, camera {1e3 * camera_delay:g} ms late, channel '{PHOTODIODE}'")
    keep_on_lsl(light, None, typer.echo)


@simulate_app.command("testbed")
def write_folder(
    folder: Annotated[Path, typer.Argument(help="Where the clips are written; made where it is missing.")],
    seeds: Annotated[int, typer.Option(min=1, help="Clips of each recipe.")] = 1,
    held_out: Annotated[bool, typer.Option("--held-out", help="People kept for measuring (seeds from 10000).")] = False,
    first: Annotated[int, typer.Option(min=0, max=9999, help="Skip so many seeds.")] = 0,
    recipe: Annotated[list[str] | None, typer.Option(help="Again for more.", show_default="all")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of each clip.")] = _CLIP_S,
    fps: Fps = None,
    size: Size = "640x480",
    codec: CodecName = None,
) -> None:
    """A folder of clips with truth for 'emostream bench spotting --clips'; 100 MB each if lossless."""
    from simulators.testbed import DEVELOPMENT_SEEDS, HELD_OUT_SEEDS, write_testbed

    span = HELD_OUT_SEEDS if held_out else DEVELOPMENT_SEEDS
    chosen = span[first : first + seeds]
    if len(chosen) < seeds:
        raise ConfigurationError(f"{seeds} seeds after the first {first} are too many: there are {len(span)}")
    clips = write_testbed(
        folder, chosen, recipe or None, seconds, fps, size=_size(size), codec=_codec(codec), say=typer.echo
    )
    typer.echo(f"{len(clips)} simulated clips in {folder}")


@simulate_app.command()
def inject(
    video: Annotated[Path, typer.Argument(help="Any video OpenCV reads, with one face.")],
    out: Annotated[Path, typer.Argument(help="The copy (.avi, lossless); its truth is written beside it.")],
    seed: Annotated[int, typer.Option(min=0, help="Which movements.")] = 0,
    seconds: Annotated[
        float, typer.Option(min=0.0, help="Play a shorter video forth and back for this long.", show_default="once")
    ] = 0.0,
) -> None:
    """Movements of known size put into a real video: what your own camera and room let the spotter see."""
    from simulators.injection import inject_file

    require_writable(out)
    _tell(out, inject_file(video, out, seed=seed, at_least_s=seconds))


@simulate_app.command()
def puppet(
    picture: Annotated[Path, typer.Argument(help="A picture of one face, seen from the front.")],
    out: Annotated[Path, typer.Argument(help="The video (.avi, lossless); its truth is written beside it.")],
    seed: Annotated[int, typer.Option(min=0, help="Which movements, blinks and sway.")] = 0,
    seconds: Annotated[float, typer.Option(min=5.0, help="How long.")] = _CLIP_S,
) -> None:
    """A still picture brought to life: sway, blinks, speech and movements of known size."""
    from simulators.movements import draw_scenario
    from simulators.puppet import Puppet, read_still, write_puppet_clip

    require_writable(out)
    _tell(out, write_puppet_clip(out, Puppet(read_still(picture), draw_scenario(seconds, seed))))


def _tell(video: Path, truth: Path) -> None:
    count = len(json.loads(truth.read_text(encoding="utf-8")))
    room = "" if count else ": no face was still and seen for long enough"
    typer.echo(f"{count} simulated movements{room} -> {video}, {truth}")


@simulate_app.command()
def recipes() -> None:
    """What 'face' and 'testbed' can show."""
    from simulators.recipes import RECIPES

    width = max(len(name) for name in RECIPES)
    for name, recipe in RECIPES.items():
        typer.echo(f"{name:{width}}  {recipe.about}")
    typer.echo("\nWith -free behind a name: the same person and distractors without the movements.")


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal()):
        raise ConfigurationError(f"--size '{text}' is no size of a picture: wanted WIDTHxHEIGHT, such as 640x480")
    return int(width), int(height)


def _codec(name: str | None) -> Codec | None:
    from simulators.clips import CODECS

    if name is None:
        return None
    for known in CODECS:
        if known.lower() == name.lower():
            return known
    raise ConfigurationError(f"no codec '{name}': wanted one of {', '.join(CODECS)}")
