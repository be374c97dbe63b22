"""`emostream analyze`. Part of the command line (`emostream.py`), which passes in how a model is loaded."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from realtime.errors import ConfigurationError
from realtime.options import ConfigFile, Identity, Summary
from realtime.output import require_writable, write_json

if TYPE_CHECKING:
    from realtime.analysis.exports import Exports
    from realtime.analysis.out import Place
    from realtime.analysis.setting import Setting
    from realtime.analysis.source import Source
    from realtime.interfaces import Recognizer
    from realtime.session.recorded import SessionFiles

LoadRecognizer = Callable[[Path], "Recognizer"]


def analyze_command(load_recognizer: LoadRecognizer, demonstration: Path) -> Callable[..., None]:
    """The command `analyze`.

    Parameters
    ----------
    load_recognizer : callable
        From a checkpoint's path.
    demonstration : Path
        The checkpoint that is used where none is named.
    """

    def analyze(
        files: Annotated[
            list[Path],
            typer.Argument(help="A recorded session (folder, stem or .xdf); or an EEG recording, a video, or both."),
        ],
        out: Annotated[
            Path | None,
            typer.Option(help="Folder for tables and report.", show_default="a session's, below its derivatives"),
        ] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace an analysis that is there.")] = False,
        summary: Summary = None,
        movements: Annotated[Path | None, typer.Option("--json", help="Write the list of movements.")] = None,
        config: ConfigFile = None,
        model: Annotated[
            Path,
            typer.Option("--model", help="Checkpoint (.safetensors).", show_default="the demonstration checkpoint"),
        ] = demonstration,
        calibration: Annotated[
            Path | None, typer.Option("--calibration", help="From 'emostream calibrate'.", show_default="the session's")
        ] = None,
        no_eeg: Annotated[bool, typer.Option("--no-eeg", help="Video alone.")] = False,
        no_video: Annotated[bool, typer.Option("--no-video", help="EEG alone.")] = False,
        camera: Annotated[str | None, typer.Option("--camera", help="Which of a session's cameras.")] = None,
        interpolate: Annotated[
            bool, typer.Option("--interpolate", help="Fill absent channels by spherical splines.")
        ] = False,
        whole: Annotated[
            bool, typer.Option("--whole", help="From the first sample, not from where the live engine began.")
        ] = False,
        partial: Annotated[
            bool, typer.Option("--partial", help="What is left of files that are missing, cut short or changed, too.")
        ] = False,
        export: Annotated[
            str | None,
            typer.Option(
                help="Copies: sheet, bids, set, fif, or none; several with commas.",
                show_default="sheet; bids too in a recordings root",
            ),
        ] = None,
        report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html too.")] = True,
        identity: Identity = None,
    ) -> None:
        """The same engine on a recording, as fast as it goes: tables, figures, report."""
        require_writable(summary, movements)
        if no_eeg and no_video:
            raise ConfigurationError("--no-eeg and --no-video together leave nothing to analyse: drop one")
        job = _Job(tuple(files), out, force, report, export, not no_eeg, not no_video, camera, whole, partial)
        job.require_free()
        from realtime.films.decryption import unlocked

        with unlocked(identity, lambda line: typer.echo(line, err=True)):
            source = job.open()
            recognizer = load_recognizer(model)
            setting = job.settle(source, recognizer, config, calibration, interpolate)
            job.run(source, recognizer, setting, summary, movements)

    return analyze


@dataclass(frozen=True, slots=True)
class _Job:
    """What was asked for, without the model."""

    files: tuple[Path, ...]
    out: Path | None
    force: bool
    report: bool
    export: str | None
    eeg: bool
    video: bool
    camera: str | None
    whole: bool
    partial: bool

    def session(self) -> SessionFiles | None:
        from realtime.analysis.session_source import find_analysable

        return find_analysable(self.files)

    def place(self) -> Place | None:
        """Where in a recordings root the session lies."""
        from realtime.analysis.out import place_of

        session = self.session()
        return place_of(session.xdf) if session is not None else None

    def folder(self) -> Path | None:
        """Where the results go: asked for, or below the recordings root the session lies in."""
        place = self.place()
        return self.out if self.out is not None or place is None else place.derivatives

    def exports(self, source: Source) -> Exports | None:
        from realtime.analysis.exports import Exports, chosen_exports

        place = self.place()
        if self.folder() is None:
            if self.export is not None:
                raise ConfigurationError("--export needs a folder: give --out too")
            return None
        return Exports(source, chosen_exports(self.export, source, place), place)

    def require_free(self) -> None:
        """Refuse a folder that may not be taken, before anything is read."""
        from realtime.analysis.out import require_free

        if (folder := self.folder()) is not None:
            require_free(folder, force=self.force)

    def open(self) -> Source:
        from realtime.analysis.session_source import Wish, open_session
        from realtime.analysis.source import open_loose

        session = self.session()
        if session is None:
            return open_loose(self.files, use_eeg=self.eeg, use_video=self.video)
        wish = Wish(self.eeg, self.video, self.camera, as_live=not self.whole, partial=self.partial)
        return open_session(session, wish)

    def settle(
        self, source: Source, recognizer: Recognizer, config: Path | None, calibration: Path | None, interpolate: bool
    ) -> Setting:
        from realtime.analysis.setting import settle

        model_id = recognizer.spec.model_id
        return settle(source, model_id, config=config, calibration=calibration, interpolate=interpolate)

    def run(
        self,
        source: Source,
        recognizer: Recognizer,
        setting: Setting,
        summary: Path | None,
        movements: Path | None,
    ) -> None:
        """Analyse; the summary is written after Ctrl-C, too, the folder only when all is in it."""
        from realtime.analysis.analyze import Analysis
        from realtime.analysis.out import whole_folder
        from realtime.summary import render_summary

        analysis = Analysis(source, recognizer, setting, self.exports(source))
        folder = self.folder()
        try:
            with ExitStack() as stack:
                part = None if folder is None else stack.enter_context(whole_folder(folder, force=self.force))
                analysis.run(part)
                if part is not None and self.report:
                    from realtime.report import write_report

                    write_report(part)
        finally:
            result = analysis.summary()
            if summary is not None:
                write_json(summary, result)
            if movements is not None:
                write_json(movements, result["micro_movements"])
        typer.echo(render_summary(result))
        for line in analysis.told(folder):
            typer.echo(line, err=True)
