"""One recording that `emostream analyze` is asked for: where its results go, with what, and the analysis itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from realtime.errors import ConfigurationError
from realtime.output import write_json

if TYPE_CHECKING:
    from realtime.analysis.analyze import Analysis
    from realtime.analysis.exports import Exports
    from realtime.analysis.out import Place
    from realtime.analysis.source import Source
    from realtime.interfaces import Recognizer
    from realtime.session.recorded import SessionFiles

LoadRecognizer = Callable[[Path], "Recognizer"]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is the same for every recording of one command; `emostream analyze --help` says what each means."""

    model: Path
    config: Path | None = None
    calibration: Path | None = None
    identity: Path | None = None
    camera: str | None = None
    export: str | None = None
    eeg: bool = True
    video: bool = True
    force: bool = False
    interpolate: bool = False
    whole: bool = False
    partial: bool = False
    report: bool = True


@dataclass(frozen=True, slots=True)
class Job:
    """One recording.

    Parameters
    ----------
    files : tuple of Path
        As the user named them.
    out : Path or None
        Folder for the results; None: where the recordings root has one for them, if it lies in one.
    wishes : Wishes
    """

    files: tuple[Path, ...]
    out: Path | None
    wishes: Wishes

    def session(self) -> SessionFiles | None:
        """The recorded session that is meant; None for loose files."""
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

    def exports(self, source: Source, line_hz: int) -> Exports | None:
        """Copies for other programs; None where there is no folder for them."""
        from realtime.analysis.exports import Exports, chosen_exports

        place, export = self.place(), self.wishes.export
        if self.folder() is None:
            if export is not None:
                raise ConfigurationError("--export needs a folder: give --out too")
            return None
        return Exports(source, chosen_exports(export, source, place), place, line_hz=line_hz)

    def require_free(self) -> None:
        """Refuse a folder that may not be taken, before anything is read."""
        from realtime.analysis.out import require_free

        if (folder := self.folder()) is not None:
            require_free(folder, force=self.wishes.force)

    def open(self) -> Source:
        """The recording, unread."""
        from realtime.analysis.session_source import Wish, open_session
        from realtime.analysis.source import open_loose

        session, wishes = self.session(), self.wishes
        if session is None:
            return open_loose(self.files, use_eeg=wishes.eeg, use_video=wishes.video)
        wish = Wish(wishes.eeg, wishes.video, wishes.camera, as_live=not wishes.whole, partial=wishes.partial)
        return open_session(session, wish)

    def prepare(self, load_recognizer: LoadRecognizer) -> Analysis:
        """Open the recording, load the model and settle with what to analyse.

        Raises
        ------
        EmostreamError
            Of whatever cannot be read or be.
        """
        from realtime.analysis.analyze import Analysis
        from realtime.analysis.setting import settle

        source, wishes = self.open(), self.wishes
        recognizer = load_recognizer(wishes.model)
        setting = settle(
            source,
            recognizer.spec.model_id,
            config=wishes.config,
            calibration=wishes.calibration,
            interpolate=wishes.interpolate,
        )
        return Analysis(source, recognizer, setting, self.exports(source, setting.config.eeg.notch_hz))

    def run(self, analysis: Analysis, *, progress: bool = True) -> None:
        """Analyse and write the folder, which appears only when all is in it."""
        from realtime.analysis.out import whole_folder

        folder = self.folder()
        with ExitStack() as stack:
            part = None if folder is None else stack.enter_context(whole_folder(folder, force=self.wishes.force))
            analysis.run(part, progress=progress)
            if part is not None and self.wishes.report:
                from realtime.report import write_report

                write_report(part, annotations=analysis.review)
        place = self.place()
        if folder is not None and place is not None and folder.absolute() == place.derivatives:
            from realtime.analysis.bids import describe_derivatives

            describe_derivatives(place)


def write_summary(analysis: Analysis, summary: Path | None, movements: Path | None) -> dict[str, object]:
    """Write what of an analysis is there, also of one that was cut off, where files are named for it."""
    result = analysis.summary()
    if summary is not None:
        write_json(summary, result)
    if movements is not None:
        write_json(movements, result["micro_movements"])
    return result
