"""emostream: live recognition of hidden emotions from EEG and facial micro-expressions.

The composition root: the command line and nothing else, the only file that knows all four packages. Imports of a
command live in the command, so that `emostream --help` loads none of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from gui.annotate.commands import agreement, annotate
from gui.present.commands import flash, present
from models.commands import evaluate_command, train_command
from models.data.commands import dataset_app
from realtime.analysis.command import analyze_command
from realtime.calibrate.command import calibrate
from realtime.devices.commands import camera, headset
from realtime.doctor.command import doctor
from realtime.errors import EmostreamError
from realtime.extras import require_extra
from realtime.options import ConfigFile, Headless, Network, Root, Seconds, Summary, configure
from realtime.output import require_writable, write_json
from realtime.processes import end_with_parent, interruptible, quiet_libraries, take_precedence
from realtime.recorder.commands import record, session_app
from realtime.report.command import report
from realtime.sync.command import sync
from simulators.commands import simulate_app
from simulators.dataset_commands import simulate_dataset
from simulators.replay_command import replay

if TYPE_CHECKING:
    from realtime.calibrate.person import PersonCalibration
    from realtime.config import Config
    from realtime.interfaces import Recognizer
    from realtime.live import LiveSession, Wanted
    from realtime.processes import Children

_ESSENTIAL = ("simulate",)
# BLAS threads spin for one another: on a busy machine ten to thirty times slower than one (docs/performance.md).
# Set before numpy is loaded; child processes inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")

DEMO_CHECKPOINT = Path(__file__).parent / "models" / "checkpoints" / "demonstration.safetensors"

app = typer.Typer(
    help="Live recognition of hidden emotions from EEG and facial micro-expressions, over Lab Streaming Layer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Model = Annotated[
    Path, typer.Option("--model", help="Checkpoint (.safetensors).", show_default="the demonstration checkpoint")
]
CalibrationFile = Annotated[Path | None, typer.Option("--calibration", help="From 'emostream calibrate'.")]
NoEeg = Annotated[bool, typer.Option("--no-eeg", help="Video alone.")]
NoVideo = Annotated[bool, typer.Option("--no-video", help="EEG alone.")]
Interpolate = Annotated[bool, typer.Option("--interpolate", help="Fill absent channels by spherical splines.")]


def _has_display() -> bool:
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _recognise(
    session: LiveSession, children: Children, seconds: float | None, headless: bool, summary: Path | None
) -> None:
    """Step the session to its end and write the summary, after Ctrl-C too."""
    from realtime.textview import TextView

    def check() -> None:
        children.check(_ESSENTIAL)
        if not headless and not children.running("dashboard"):
            raise _WindowClosed

    try:
        take_precedence()
        session.start()
        with TextView(session.runner.tally.spec) as view:
            session.run(seconds, view, check)
    except _WindowClosed:
        pass
    finally:
        try:
            session.stop()
        finally:
            if summary is not None:
                write_json(summary, session.runner.summary())


class _WindowClosed(Exception):
    """The dashboard was closed: the command that opened it ends."""


def _open_session(
    model: Path, wanted: Wanted, config: Config, calibration: PersonCalibration | None, children: Children
) -> LiveSession:
    from models.recognizer import load_recognizer
    from realtime.live import LiveSession
    from simulators.cohort import require_simulated_classes

    recognizer = load_recognizer(model)
    if children.running("simulate"):
        require_simulated_classes(recognizer.spec)
    return LiveSession(recognizer, wanted, config, calibration, waiting=lambda: children.check(_ESSENTIAL))


@app.command()
def demo(
    seconds: Seconds = None,
    headless: Headless = False,
    summary: Summary = None,
    config: ConfigFile = None,
    network: Network = False,
    model: Model = DEMO_CHECKPOINT,
    seed: Annotated[int, typer.Option(help="Which simulated participant.")] = 1,
) -> None:
    """A simulated participant -> LSL -> engine -> dashboard: the first thing to run."""
    from realtime.live import Wanted
    from realtime.processes import Children

    require_writable(summary)
    settings = configure(config, network)
    headless = headless or not _has_display()
    tag = f"demo-{uuid.uuid4().hex[:8]}"
    shared = ["--network"] if settings.lsl.network else []
    with Children() as children:
        films = ["--root", str(settings.session.root)]
        children.start("simulate", "--seed", str(seed), "--tag", tag, *films, *shared)
        if not headless:
            children.start("dashboard", *shared)
        wanted = Wanted(eeg_source=f"{tag}-eeg", video_source=f"{tag}-video")
        session = _open_session(model, wanted, settings, None, children)
        _recognise(session, children, seconds, headless, summary)


@app.command()
def run(
    seconds: Seconds = None,
    headless: Headless = False,
    summary: Summary = None,
    config: ConfigFile = None,
    network: Network = False,
    model: Model = DEMO_CHECKPOINT,
    calibration: CalibrationFile = None,
    subject: Annotated[str | None, typer.Option(help="Whose newest calibration among the recordings is used.")] = None,
    root: Root = None,
    dashboard: Annotated[bool, typer.Option("--dashboard", help="Open the screen in a process of its own.")] = False,
    no_eeg: NoEeg = False,
    no_video: NoVideo = False,
    eeg_name: Annotated[str | None, typer.Option("--eeg", help="LSL name of the headset's stream.")] = None,
    video_name: Annotated[str | None, typer.Option("--video", help="LSL name of the camera's stream.")] = None,
    eeg_source: Annotated[str | None, typer.Option(help="LSL source id of the headset's stream.")] = None,
    video_source: Annotated[str | None, typer.Option(help="LSL source id of the camera's stream.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of this engine among several: its source ids begin with it.")
    ] = None,
    interpolate: Interpolate = False,
) -> None:
    """The engine: finds the EEG and video streams, recognises, publishes on LSL."""
    from realtime.calibrate.store import choose_calibration
    from realtime.live import Wanted
    from realtime.processes import Children

    require_writable(summary)
    settings = configure(config, network, root=root, interpolate=interpolate)
    known = choose_calibration(calibration, subject, settings.session.root)
    windowed = dashboard and not headless and _has_display()
    with Children() as children:
        wanted = Wanted(
            not no_eeg, not no_video, eeg_name, video_name, eeg_source=eeg_source, video_source=video_source, name=name
        )
        session = _open_session(model, wanted, settings, known, children)
        if windowed:
            which = ["--engine", name] if name is not None else []
            children.start("dashboard", *which, *(["--network"] if settings.lsl.network else []))
        _recognise(session, children, seconds, not windowed, summary)


@app.command()
def dashboard(
    seconds: Seconds = None,
    network: Network = False,
    config: ConfigFile = None,
    theme: Annotated[str | None, typer.Option(help="dark or light", show_default="as last time")] = None,
    reset_layout: Annotated[bool, typer.Option("--reset-layout", help="Forget how the panels were arranged.")] = False,
    screenshot: Annotated[Path | None, typer.Option(help="Save a PNG of the window just before it closes.")] = None,
    engine: Annotated[
        str, typer.Option(help="Which of several: what 'run --name' called it.", show_default="any")
    ] = "",
) -> None:
    """The screen alone, here or on another machine."""
    from realtime.errors import ConfigurationError

    end_with_parent()
    if not _has_display() and os.environ.get("QT_QPA_PLATFORM") != "offscreen":
        raise ConfigurationError("no display for the dashboard: set DISPLAY, or use 'emostream run --headless'")
    require_writable(screenshot)
    configure(config, network)
    from gui.app import run_dashboard

    raise typer.Exit(
        run_dashboard(seconds=seconds, screenshot=screenshot, theme=theme, reset_layout=reset_layout, engine=engine)
    )


app.add_typer(simulate_app, name="simulate")
app.command()(replay)
app.command()(doctor)
app.command()(present)
app.command()(record)
app.add_typer(session_app, name="session")
app.command()(annotate)
session_app.command("agreement")(agreement)
app.command()(camera)
app.command()(headset)


app.command()(calibrate)
app.command()(sync)
app.command()(flash)


def _train_simulated(people: int, out: Path, jobs: int) -> None:
    """The demonstration checkpoint, from simulated people only."""
    require_extra("train", "'emostream train'")
    from models.demonstration import DEMONSTRATION, as_samples, train_demonstration
    from models.samples import shrink_face
    from simulators.dataset import simulate_people

    if out == DEMO_CHECKPOINT:
        _pretrain_face()
    samples = as_samples(simulate_people(people, DEMONSTRATION, shrink_face, jobs=jobs))
    info = train_demonstration(samples, out)
    typer.echo(f"{info.model_id}: {len(samples)} samples of {people} simulated people -> {out}")


def _pretrain_face() -> None:
    """What experts for small sets of faces start from; no real face is in it."""
    from models.small.pretraining import FACE_MOTION, pretrain_face
    from simulators.flow_maps import MAP_UNITS, simulate_flow_maps

    made = simulate_flow_maps(24_000, seed=0)
    pretrain_face(made.maps, made.units, FACE_MOTION, unit_names=[f"AU{unit}" for unit in MAP_UNITS])


def _evaluate_simulated(model: Path, subjects: int, seconds: float, seed: int, jobs: int) -> dict[str, Any]:
    """Sessions of simulated people nobody trained on, through the engine."""
    from models.evaluation.sessions import evaluate_answers, render_scores
    from models.recognizer import load_recognizer
    from simulators.cohort import require_simulated_classes, score_cohort

    recognizer = load_recognizer(model)
    require_simulated_classes(recognizer.spec)
    scores = score_cohort(seed, subjects, seconds, lambda: load_recognizer(model), jobs=jobs)
    result = evaluate_answers(scores, recognizer.spec, seed=seed)
    typer.echo(render_scores(result))
    return result


def _load_recognizer(path: Path) -> Recognizer:
    from models.recognizer import load_recognizer

    return load_recognizer(path)


def _spread(function: Any, shared: Any, items: Sequence[Any], **where: Any) -> Generator[Any, None, None]:
    from models.scale_out import ScaleOut, spread

    return spread(function, shared, items, ScaleOut(**where))


app.command()(analyze_command(_load_recognizer, DEMO_CHECKPOINT, _spread))
app.command()(report)
app.command()(train_command(_train_simulated, DEMO_CHECKPOINT))
app.command()(evaluate_command(_evaluate_simulated, DEMO_CHECKPOINT))
dataset_app.command("simulate")(simulate_dataset)
app.add_typer(dataset_app, name="dataset")


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint (.safetensors); the exported parts go beside it.")],
) -> None:
    """A checkpoint for machines without torch: its networks for ONNX Runtime."""
    require_extra("train", "'emostream export'")
    from models.export import export_checkpoint

    info = export_checkpoint(checkpoint)
    parts = ", ".join(info.export_sha256)
    said = (
        f"exported {parts} beside '{checkpoint}'"
        if parts
        else "has no network to export, and runs without torch as it is"
    )
    typer.echo(f"{info.model_id}: {said}")


@app.command()
def bench(
    suite: Annotated[
        str,
        typer.Argument(
            help="dsp, face, network, latency, start, gui, offline, training, archive, all; machines; scaling; "
            "spotting; flow; faults; soak"
        ),
    ] = "all",
    summary: Summary = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Each row; or each simulated clip.")] = None,
    clips: Annotated[Path | None, typer.Option(help="spotting: folder of videos with their truth beside them.")] = None,
    out: Annotated[Path | None, typer.Option(help="spotting, scaling: folder for the figures.")] = None,
    jobs: Annotated[int | None, typer.Option(help="spotting: processes; -1 is one a core.")] = None,
    baselines: Annotated[bool | None, typer.Option(help="spotting: the published rules too.")] = None,
    rows: Annotated[str | None, typer.Option(help="faults: only these rows, for instance 1,5,8-10.")] = None,
    full: Annotated[bool, typer.Option("--full", help="faults: the whole length of each row.")] = False,
    peers: Annotated[bool, typer.Option(help="faults: put the peers to it as well.")] = True,
) -> None:
    """Ours, the floor and the peers, measured on this machine now; in a checkout only."""
    from realtime.errors import ConfigurationError

    root = Path(__file__).resolve().parent
    if not (root / "benchmarks" / "__main__.py").is_file():
        raise ConfigurationError("benchmarks do not come with the installed package: run them in a checkout")
    given = {"--seconds": seconds, "--summary": summary, "--clips": clips, "--out": out, "--jobs": jobs}
    given |= {"--rows": rows}
    command = [sys.executable, "-P", "-m", "benchmarks", suite]
    command += [text for option, value in given.items() if value is not None for text in (option, str(value))]
    command += [] if baselines is None else ["--baselines" if baselines else "--no-baselines"]
    command += [*(["--full"] if full else []), *([] if peers else ["--no-peers"])]
    # paths are of the folder we are in, so the checkout is named; an empty part would be that folder again
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": path}
    raise typer.Exit(subprocess.run(command, env=environment, check=False).returncode)


def main() -> None:
    """Entry point: one line on stderr and the exit code of the contract for whatever the user can act on."""
    quiet_libraries()
    try:
        with interruptible():
            sys.exit(app(standalone_mode=False))
    except EmostreamError as err:
        _fail(str(err), err.exit_code)
    except typer.TyperException as err:
        _fail(err.format_message(), err.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str, code: int) -> NoReturn:
    line = " ".join(message.split())
    if line:
        print(f"emostream: {line}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
