"""One run from its claim to its checksums: the recorder, the cameras' films, the events and what is known of it all."""

from __future__ import annotations

import math
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pylsl

from realtime.config import Config
from realtime.errors import DataError, StreamNotFoundError
from realtime.lsl import session
from realtime.lsl.discovery import describe
from realtime.lsl.listen import MarkerListener
from realtime.lsl.outlets import ControlOutlet, MarkerOutlet
from realtime.recorder.choice import FRAMES, Choice, Surroundings
from realtime.recorder.closing import close_run
from realtime.recorder.labrecorder import PULL_S, LabRecorder, labrecorder_program
from realtime.recorder.padding import FLUSH, PaddingOutlet
from realtime.recorder.recorder import Recorder
from realtime.recorder.report import Report
from realtime.recorder.xdf_chunks import StreamCount
from realtime.session.events import CONTROL, FILMS, RECORDER, STIMULUS, own_source_id
from realtime.session.folder import RunFolder, claim_run, require_free, write_new
from realtime.session.metadata import FilmRecord, LeftOut, SessionMetadata, delete_after, now, software_versions
from realtime.session.run import Run

_TICK_S = 0.05
_SETTLE_S = 1.5
_SETTLE_NETWORK_S = 3.0
_READY_S = 12.0
_FILM_S = 5.0
_EVENT_EVERY_S = 1.0
_FILMS_KEPT = 64
_NOTES_KEPT = 100

OnTick = Callable[[str, Report | None], object]


@dataclass(frozen=True, slots=True)
class Request:
    """What the operator asks for.

    Parameters
    ----------
    root : Path
        Recordings root.
    run : Run
        With `free`, the next free number from it on.
    free : bool
    choice : Choice
    codec : str
        Of the films.
    consent_id : str or None
        Without one nothing is filmed.
    retention_days : int or None
    encrypt_to : tuple of str
        Public keys that the cameras encrypt their films to.
    """

    root: Path
    run: Run
    free: bool
    choice: Choice
    codec: str = "ffv1"
    consent_id: str | None = None
    retention_days: int | None = None
    encrypt_to: tuple[str, ...] = ()

    @property
    def of_films(self) -> dict[str, Any]:
        """What cameras are told of the films they are to make."""
        told = {"film": self.consent_id is not None, "codec": self.codec, "consent_id": self.consent_id}
        return told | ({"encrypt_to": list(self.encrypt_to)} if self.encrypt_to else {})


class Recording:
    """Records one run; used from one thread, as ``with Recording(...) as r: r.begin(); r.go_on(seconds)``.

    Leaving the context ends the recording in order, whatever the reason.

    Parameters
    ----------
    request : Request
    config : Config
    on_tick : callable, optional
        Called about twenty times a second with what is being done and, while it records, how it stands.
    """

    def __init__(self, request: Request, config: Config, on_tick: OnTick = lambda _doing, _report: None) -> None:
        labrecorder_program()  # before anybody waits for anything
        self.request, self._config, self._tick_told = request, config, on_tick
        self._around = Surroundings()
        self._leaving = ExitStack()
        self._films: dict[str, FilmRecord] = {}
        self._no_film: tuple[str, ...] = ()
        self._notes: deque[str] = deque(maxlen=_NOTES_KEPT)
        self.stop_asked = False
        self._playlist: dict[str, Any] | None = None
        self._next_event_s = math.inf
        self.folder: RunFolder | None = None
        self.metadata: SessionMetadata | None = None
        self.report: Report | None = None
        self._recorder: Recorder | None = None
        self._failing = ""

    def __enter__(self) -> Recording:
        with ExitStack() as stack:
            self._control = stack.enter_context(ControlOutlet(source_id=own_source_id("record-control")))
            self._events = stack.enter_context(MarkerOutlet(RECORDER, own_source_id("recorder")))
            self._padding = [stack.enter_context(PaddingOutlet(own_source_id(name))) for name in ("flush-1", "flush-2")]
            self._listener = MarkerListener((CONTROL, FILMS, STIMULUS), self._hear, self._config.lsl)
            self._listener.start()
            stack.callback(self._listener.stop)
            self._lsl_file = stack.enter_context(_lsl_configuration(self._config))
            self._leaving = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        with self._leaving:
            if self._recorder is not None:
                self._end(error if error is not None and not isinstance(error, KeyboardInterrupt) else None)

    def begin(self, timeout_s: float) -> None:
        """Wait for the streams, claim the run, start LabRecorder and the films; returns when data flow from all.

        Parameters
        ----------
        timeout_s : float
            How long to wait for the streams that are asked for.

        Raises
        ------
        StreamNotFoundError
            They did not appear; the message lists what there is.
        ConfigurationError
            The run was recorded before, or cannot be written.
        """
        request = self.request
        if not request.free:
            require_free(request.root, request.run)
        self._wait_for_streams(timeout_s)
        started = now()
        known = SessionMetadata(
            stem=request.run.stem,
            subject=request.run.subject,
            session=request.run.session,
            task=request.run.task,
            run=request.run.run,
            consent_id=request.consent_id,
            retention_days=request.retention_days,
            delete_after=delete_after(started, request.retention_days),
            started=started,
            software=software_versions(),
            config=self._config.model_dump(mode="json"),
            delays_s=self._config.lsl.delays,
        )
        self.folder = claim_run(request.root, request.run, known.content(), free=request.free)
        run = self.folder.run
        calibration = _copy_calibration(self.folder)
        self.metadata = known.model_copy(update={"stem": run.stem, "run": run.run, "calibration": calibration})
        self.metadata.save(self.folder.file("_session.json"))
        self._recorder = Recorder(
            self.folder,
            request.choice,
            self._around,
            self._launch,
            beat=self._beat,
            beat_uids=[p.uid for p in self._padding],
        )
        self._recorder.start()
        recorder = self._recorder
        # not only when all are ready: LabRecorder waits up to 10 s for a stream of markers, and EEG is kept meanwhile
        self._until(lambda: recorder.connected, _READY_S, "LabRecorder starts")
        self._start_films()
        self._until(lambda: recorder.ready, _READY_S, "LabRecorder starts")
        streams = [{"name": i.name(), "type": i.type(), "source_id": i.source_id()} for i in self._recorder.streams]
        self.metadata = self.metadata.model_copy(update={"started_s": pylsl.local_clock()})
        self._next_event_s = 0.0
        self._tell("recording_started", streams=streams, **request.of_films)

    def go_on(self, seconds: float | None = None) -> None:
        """Record for so long, or until somebody asks to stop on 'emostream-control'; KeyboardInterrupt ends it too."""
        end_s = None if seconds is None else pylsl.local_clock() + seconds
        while not self.stop_asked and (end_s is None or pylsl.local_clock() < end_s):
            self._tick("recording")

    @property
    def stem(self) -> str:
        """Of the run, once it is claimed."""
        return self.folder.run.stem if self.folder is not None else self.request.run.stem

    @property
    def _filming(self) -> bool:
        return self.request.consent_id is not None

    def _wait_for_streams(self, timeout_s: float) -> None:
        choice = self.request.choice
        end_s = pylsl.local_clock() + timeout_s
        while missing := choice.missing(self._around.look()):
            if pylsl.local_clock() > end_s:
                raise StreamNotFoundError(
                    f"no LSL stream of type {' and '.join(missing)} within {timeout_s:.0f} s; found: "
                    f"{describe(self._around.look())}. Start its program, or require other types with --require"
                )
            self._tick(f"waiting for {', '.join(missing)}")
        # the others of the same programs appear a moment later, and who is to hear us must have found us
        settle_s = _SETTLE_S if session.is_local() else _SETTLE_NETWORK_S
        self._until(lambda: False, settle_s, "looking for streams")

    def _launch(self, path: Path, uids: Sequence[str]) -> LabRecorder:
        return LabRecorder(path, uids, self._lsl_file)

    def _start_films(self) -> None:
        if not self._filming:
            return
        around = self._around.look()
        able = {info.source_id() for info in around if info.name() == FILMS}
        unable = [i.source_id() for i in around if i.type() == FRAMES and _film_source(i.source_id()) not in able]
        self._control.push_event("record_start", run=self.stem, **self.request.of_films)
        self._until(lambda: len(self._films) >= len(able), _FILM_S if able else 0.0, "the cameras start")
        missing = len(able) - len(self._films)
        self._no_film = tuple(f"the camera of '{source}' films nothing: its program has no film" for source in unable)
        if missing > 0:
            self._no_film += (f"{missing} of {len(able)} cameras did not begin their film",)

    def _tick(self, doing: str) -> None:
        """One turn, a twentieth of a second: look at everything, tell everybody."""
        if self._recorder is not None:
            report = self._recorder.step()
            self.report = replace(report, alarms=(*report.alarms, *self._own_alarms()))
            if self.report.failure and not self._failing:
                self._tell("recording_failed", reason=self.report.failure)
            self._failing = self.report.failure
            if pylsl.local_clock() >= self._next_event_s:
                self._next_event_s = pylsl.local_clock() + _EVENT_EVERY_S
                self._tell_standing(self.report)
        self._tick_told(doing, self.report)
        time.sleep(_TICK_S)

    def _own_alarms(self) -> list[str]:
        failed = [f"film of camera '{film.camera}': {film.failed}" for film in self._films.values() if film.failed]
        return [*self._no_film, *failed, *filter(None, [self.request.run.presented_otherwise(self._playlist or {})])]

    def _until(self, condition: Callable[[], bool], timeout_s: float, doing: str) -> bool:
        end_s = pylsl.local_clock() + timeout_s
        while pylsl.local_clock() < end_s:
            if condition():
                return True
            self._tick(doing)
        return condition()

    def _tell(self, event: str, **values: Any) -> None:
        self._events.push_json({"event": event, "run": self.stem, **values})

    def _tell_standing(self, report: Report) -> None:
        names = [s.name for s in report.streams]
        streams = {
            s.name if names.count(s.name) == 1 else f"{s.name} ({s.source_id})": {
                "type": s.type,
                "received": s.received,
                "stalled": s.stalled,
            }
            for s in report.streams
        }
        self._tell(
            "recording",
            elapsed_s=round(report.elapsed_s, 1),
            bytes=report.bytes,
            free_bytes=report.free_bytes,
            **self.request.of_films,
            failure=report.failure,
            alarms=list(report.alarms),
            streams=streams,
        )

    def _beat(self, stream: int) -> None:
        self._padding[stream].push()

    def _hear(self, name: str, event: dict[str, Any], _stamp: float) -> None:
        """Take in what cameras, screens and the presenter say. The listener's thread."""
        kind = event["event"]
        if name == STIMULUS and kind == "session_start":
            self._playlist = event
        if event.get("run") != self.stem:
            return
        if name == CONTROL and kind == "record_stop":
            self.stop_asked = True
        elif name == FILMS and kind == "film_slow":
            self._notes.append(
                f"camera '{event.get('camera', '')}' wrote its film too slowly: {event.get('dropped')} lost"
            )
        elif name == FILMS and kind in ("film_started", "film_stopped", "film_failed"):
            camera = str(event.get("camera", ""))
            if camera in self._films or len(self._films) < _FILMS_KEPT:
                self._films[camera] = _film(self._films.get(camera, FilmRecord(camera=camera)), event)

    def _end(self, error: BaseException | None) -> None:
        """Stop the films, let the last samples into the file, join, complete and seal."""
        assert self.folder is not None
        assert self.metadata is not None
        assert self._recorder is not None
        ended_s = pylsl.local_clock()
        if self._filming:
            self._control.push_event("record_stop", run=self.stem)
            self._until(
                lambda: all(f.failed or f.frames is not None for f in self._films.values()), _FILM_S, "films end"
            )
        self._tell("recording_stopped")
        self._next_event_s = math.inf
        self._until(lambda: False, 2 * PULL_S + 0.2, "the last samples are written")
        failed = "" if error is None else str(error)
        failing = self._recorder.step().failure
        counts: list[StreamCount] = []
        self._tick_told("LabRecorder finishes its file", self.report)
        try:
            counts = self._recorder.finish()
        except DataError as err:
            failed = failed or str(err)
        told = self.metadata.model_copy(
            update={
                "ended_s": ended_s,
                "left_out": self._left_out(),
                "films": tuple(self._films.values()),
                "playlist": self._playlist,
                "gaps": self._recorder.gaps,
                "alarms": (*self._recorder.alarms, *self._own_alarms()),
                "notes": tuple(self._notes),
                "reason": failed or failing,
            }
        )
        late = {(s.name, s.source_id) for s in (self.report.streams if self.report else ()) if s.late}
        self._tick_told("checksums", self.report)
        try:
            self.metadata = close_run(self.folder, told, counts, late, failed=bool(failed or failing))
        except DataError as err:  # a full disk takes no metadata either; 'session close' completes them later
            reasons = (failed or failing, str(err))
            self.metadata = told.model_copy(update={"state": "failed", "reason": "; ".join(filter(None, reasons))})

    def _left_out(self) -> tuple[LeftOut, ...]:
        found = [(info, self.request.choice.left_out(info)) for info in self._around.look()]
        return tuple(
            LeftOut(name=i.name(), type=i.type(), reason=reason) for i, reason in found if reason and i.name() != FLUSH
        )


def _film_source(frames_source: str) -> str:
    """Source id of a camera's film events, from that of its frame index: see `realtime.lsl.outlets.VideoOutlet`."""
    return f"{frames_source.removesuffix('-frames')}-films"


def _film(before: FilmRecord, event: dict[str, Any]) -> FilmRecord:
    """A film's record with what an event adds; what is not of the right kind is passed over."""
    kinds = {"file": str, "codec": str, "first_frame_index": int, "frames": int, "dropped": int}
    told = {key: event[key] for key, kind in kinds.items() if isinstance(event.get(key), kind)}
    if event["event"] == "film_failed":
        told["failed"] = str(event.get("reason", ""))[:500] or "the camera gave no reason"
    return before.model_copy(update=told)


def _copy_calibration(folder: RunFolder) -> str | None:
    """Copy the participant's newest calibration to the run; its name, or None where there is none."""
    subject = f"sub-{folder.run.subject}"
    saved = sorted((folder.root / "sourcedata" / subject / "calibration").glob(f"{subject}_*.npz"))
    if not saved:
        return None
    target = folder.file("_calibration.npz")
    try:
        write_new(target, saved[-1].read_bytes())
    except OSError as err:
        raise DataError(f"cannot copy the calibration '{saved[-1]}': {err.strerror or err}") from err
    return target.name


@contextmanager
def _lsl_configuration(config: Config) -> Iterator[Path]:
    """A file that takes LabRecorder into our session; it reads it when it starts."""
    folder = Path(tempfile.mkdtemp(prefix="emostream-"))
    try:
        path = folder / "lsl_api.cfg"
        path.write_text(
            session.config_text(network=config.lsl.network, session=config.lsl.session_id), encoding="utf-8"
        )
        yield path
    finally:
        with suppress(OSError):
            shutil.rmtree(folder)
