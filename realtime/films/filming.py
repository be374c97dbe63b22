"""Filming a camera's stream while a recording asks for it, into the recording's place below the camera's own root."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from realtime.config import LslConfig
from realtime.errors import ConfigurationError, DataError
from realtime.films.encryption import Recipient, encrypting, parse_recipients
from realtime.films.film import CODECS, SUFFIX, Codec, FilmWriter
from realtime.films.names import ENCRYPTED, beside_film
from realtime.lsl.listen import MarkerListener
from realtime.lsl.sources import MarkerOutlet
from realtime.packets import VideoFrame, VideoInfo
from realtime.session.events import CONTROL, FILMS, RECORDER
from realtime.session.folder import make_private_folder, open_new, replace_own, write_new
from realtime.session.run import Run

_SLOW_S = 0.7
_ORPHANED_S = 10.0
_LAST_WORDS_S = 0.2
_REMEMBERED = 64
_LONGEST_CONSENT = 200
_CAMERA = re.compile(r"[0-9A-Za-z]{0,32}")


class FramesOutlet(Protocol):
    """What is filmed beside: `realtime.lsl.outlets.VideoOutlet`."""

    @property
    def info(self) -> VideoInfo: ...
    @property
    def source_id(self) -> str: ...
    @property
    def pushed(self) -> int: ...
    def push(self, frame: VideoFrame, /) -> None: ...
    def have_consumers(self) -> bool: ...
    def close(self) -> None: ...


class TextOut(Protocol):
    """Where the events go: `realtime.lsl.outlets.MarkerOutlet`."""

    def push_json(self, event: dict[str, Any], /) -> None: ...
    def close(self) -> None: ...


class FilmOnRequest:
    """A video outlet whose frames are also filmed, from a request to its end; used in the outlet's place.

    Requests are 'record_start' and 'record_stop' on 'emostream-control'. A camera that comes late is asked by the
    recorder itself, which says about once a second what it records ('recording', with "film" true); where it then falls
    silent for ten seconds, killed perhaps, the film ends. The film lies at
    ``<root>/<the run's session folder>/<stem>[_<camera>]_video.mkv``, for the run is all that is taken from a request.
    Without a "consent_id" in the request nothing is filmed. With `encrypt_to`, here or in the request, the film is
    encrypted and its name ends in ``.mkv.age``. It holds every frame pushed between 'film_started' and 'film_stopped'
    on 'emostream-films', except those that the events count as dropped. A film that fails says 'film_failed' there and
    stops nothing.

    Parameters
    ----------
    outlet : FramesOutlet
    root : Path
        The recordings root of this machine.
    camera : str
        Letters and digits; '' where there is one camera only.
    codec : 'ffv1' or 'h264'
        Where a request names none.
    encrypt_to : sequence of str
        Public keys; where there are any, a request cannot have others, nor a film in the clear.
    config : LslConfig, optional
    simulated : bool
        Whether the pictures are of nobody.
    say : callable, optional
        Takes a line for whoever sits at the camera.
    markers : TextOut, optional
        Default: an outlet 'emostream-films' whose source id is the camera's plus '-films'.
    listen : bool
        Whether requests are heard; else they come by `take`.
    open_file : callable
        Makes the film's file.
    clock : callable
        Seconds, for the recorder's silence.

    Raises
    ------
    ConfigurationError
        No such name of a camera, or no such public key.
    """

    def __init__(
        self,
        outlet: FramesOutlet,
        root: Path,
        *,
        camera: str = "",
        codec: Codec = "ffv1",
        encrypt_to: Sequence[str] = (),
        config: LslConfig | None = None,
        simulated: bool = False,
        say: Callable[[str], object] = lambda _line: None,
        markers: TextOut | None = None,
        listen: bool = True,
        open_file: Callable[[Path], BinaryIO] = open_new,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not _CAMERA.fullmatch(camera):
            raise ConfigurationError(f"camera '{camera[:64]}': up to 32 letters and digits are wanted, such as left")
        self._outlet, self._root, self._camera = outlet, root.absolute(), camera
        self._codec: Codec = codec
        self._recipients = parse_recipients(encrypt_to) if encrypt_to else ()
        self._simulated, self._say, self.open_file = simulated, say, open_file
        self._markers = markers if markers is not None else MarkerOutlet(FILMS, f"{outlet.source_id}-films")
        self._telling = threading.Lock()
        self._lock = threading.Lock()
        self._film: _Film | None = None
        self._all: list[_Film] = []
        self._over: list[str] = []
        self._clock = clock
        self._heard_s: float | None = None
        self._listener = MarkerListener((CONTROL, RECORDER), self.take, config) if listen else None
        if self._listener is not None:
            self._listener.start()

    @property
    def info(self) -> VideoInfo:
        """Of the stream."""
        return self._outlet.info

    @property
    def source_id(self) -> str:
        """Source id of the stream."""
        return self._outlet.source_id

    @property
    def pushed(self) -> int:
        """Frames pushed since the outlet was opened."""
        return self._outlet.pushed

    @property
    def filming(self) -> str | None:
        """Stem of the run that is being filmed, None where none is. Any thread."""
        film = self._film
        return film.run if film is not None else None

    def have_consumers(self) -> bool:
        """True while somebody reads the stream."""
        return self._outlet.have_consumers()

    def push(self, frame: VideoFrame) -> None:
        """Send a frame, and film it where a film is asked for; from one thread. The film never holds it up."""
        self._outlet.push(frame)
        if self._heard_s is not None and self._clock() - self._heard_s > _ORPHANED_S:
            self._say(f"nothing heard of the recorder for {_ORPHANED_S:g} s: the film ends")
            self._finish(self.filming)
        with self._lock:
            if self._film is not None:
                self._film.push(frame)

    def take(self, name: str, event: dict[str, Any], _stamp: float) -> None:
        """Do what an event of a marker stream asks for; others are passed over. The listener's thread."""
        kind, run = event["event"], event.get("run")
        if not isinstance(run, str):
            return
        if name == CONTROL and kind == "record_start" and event.get("film", True) is not False:
            self._begin(run, event)
        elif name == RECORDER and kind in ("recording_started", "recording") and event.get("film") is True:
            if run not in self._over:
                self._begin(run, event)
                self._heard_s = self._clock()
        elif (name, kind) in ((CONTROL, "record_stop"), (RECORDER, "recording_stopped")):
            self._finish(run)  # a recording that failed for a moment goes on

    def close(self) -> None:
        """End the film, if there is one, and withdraw all streams; safe to call twice."""
        with ExitStack() as stack:
            stack.callback(self._outlet.close)
            stack.callback(self._markers.close)
            stack.callback(self._wait_for_films)
            listener, self._listener = self._listener, None
            if listener is not None:
                stack.callback(listener.stop)

    def film_to(self, path: Path) -> None:
        """Film into a file of one's own choice from now on, until `close`; encrypted, '.age' is put behind its name.

        Raises
        ------
        DataError
            The file exists or cannot be made.
        """
        self._start(_Film(self, path, path.stem, self._codec, self._recipients))

    def tell(self, event: str, run: str, **values: object) -> None:
        """Send an event on 'emostream-films'. Any thread."""
        with self._telling:
            self._markers.push_json({"event": event, "run": run, "camera": self._camera, **values})

    def _begin(self, run: str, request: Mapping[str, Any]) -> None:
        if self.filming == run:
            return
        self._finish(self.filming)
        codec = request.get("codec")
        try:
            consent_id = _consent(request)
            recipients = self._recipients or _asked_recipients(request)
            if codec is not None and codec not in CODECS:
                raise ConfigurationError(f"no codec '{codec}' for films: wanted {' or '.join(CODECS)}")
            parsed = Run.parse(run)
            folder = self._root / parsed.folder
            make_private_folder(folder, inside=self._root)
            name = f"{parsed.stem}_{self._camera}_video" if self._camera else f"{parsed.stem}_video"
            path, wanted = folder / f"{name}{SUFFIX}", cast(Codec, codec or self._codec)
            self._start(_Film(self, path, run, wanted, recipients, consent_id))
        except (ConfigurationError, DataError) as err:
            self._remember(run)
            self.tell("film_failed", run[:200], reason=str(err))
            self._say(f"no film of {run[:200]}: {err}")

    def _start(self, film: _Film) -> None:
        self._all = [known for known in self._all if known.alive] + [film]
        with self._lock:
            self._film = film
        self._say(f"filming to '{film.path}'")

    def _finish(self, run: str | None) -> None:
        with self._lock:
            film = self._film if self._film is not None and self._film.run == run else None
            if film is not None:
                self._film = self._heard_s = None
        if film is not None:
            self._remember(film.run)
            film.finish()

    def _remember(self, run: str) -> None:
        """So that the recorder's last words do not begin a film anew."""
        self._over = [*self._over[-_REMEMBERED:], run]

    def _wait_for_films(self) -> None:
        self._finish(self.filming)
        films, self._all = self._all, []
        for film in films:
            film.wait()
        if films:
            time.sleep(_LAST_WORDS_S)  # LSL drops what is under way when its outlet is withdrawn

    def ended(self, film: _Film, reason: str | None) -> None:
        """Take note of a film's end. The film's thread."""
        with self._lock:
            if self._film is film:
                self._film = None
        self._say(f"'{film.path.name}': {film.told}" + ("" if reason is None else f"; it failed: {reason}"))

    def facts(self) -> dict[str, object]:
        """What every film's JSON file says of its camera."""
        info = self._outlet.info
        size = {"width": info.width, "height": info.height, "planes": info.planes, "fps": info.fps}
        return {"camera": self._camera, "source_id": self._outlet.source_id, **size, "simulated": self._simulated}


def _consent(request: Mapping[str, Any]) -> str:
    """The consent id without which nobody's face is filmed."""
    said = request.get("consent_id")
    if not isinstance(said, str) or not said.strip() or len(said) > _LONGEST_CONSENT:
        raise ConfigurationError("no consent id came with the request: 'emostream record --consent ID' asks with one")
    return said


def _asked_recipients(request: Mapping[str, Any]) -> Sequence[Recipient]:
    """Whom a request wants the film to be encrypted for; what is not understood is no reason to film in the clear."""
    said = request.get("encrypt_to") or []
    if not isinstance(said, list) or not all(isinstance(key, str) for key in said):
        raise ConfigurationError("encrypt_to: a list of public keys is wanted")
    return parse_recipients(said) if said else ()


class _Film:
    """One film with its JSON file and its events; after `__init__` all of it in the writer's thread, but for `push`."""

    def __init__(
        self,
        owner: FilmOnRequest,
        path: Path,
        run: str,
        codec: Codec,
        recipients: Sequence[Recipient] = (),
        consent_id: str | None = None,
    ) -> None:
        self._sidecar = beside_film(path)
        if recipients:
            path = path.with_name(path.name + ENCRYPTED)
        self._owner, self.path, self.run, self._codec = owner, path, run, codec
        self._facts = owner.facts() | {"codec": codec, "consent_id": consent_id}
        self._facts["encrypted_to"] = [str(key) for key in recipients]
        self._slow = False
        if self._sidecar.exists():
            raise DataError(f"'{self._sidecar}' exists already and nothing is overwritten: choose another run")
        info = owner.info
        self._writer = FilmWriter(
            path,
            info.width,
            info.height,
            info.planes,
            info.fps,
            codec,
            on_first=self._first,
            on_end=self._end,
            open_file=encrypting(recipients, owner.open_file) if recipients else owner.open_file,
        )

    @property
    def alive(self) -> bool:
        return self._writer.running

    @property
    def told(self) -> str:
        dropped = f", {self._writer.dropped} left out: the disk or the processor is too slow"
        return f"{self._writer.frames} frames" + (dropped if self._writer.dropped else "")

    def push(self, frame: VideoFrame) -> None:
        before = self._writer.dropped
        self._writer.push(frame)
        behind_s = self._writer.behind_s
        slow = self._writer.failure is None and (behind_s > _SLOW_S or self._writer.dropped > before)
        if slow and not self._slow:
            # said once until it has caught up: a slow disk is told long before frames are lost
            self._owner.tell("film_slow", self.run, behind_s=round(behind_s, 3), dropped=self._writer.dropped)
        self._slow = slow or (self._slow and behind_s > _SLOW_S / 2)

    def finish(self) -> None:
        self._writer.finish()

    def wait(self) -> None:
        self._writer.wait()

    def _first(self, frame: VideoFrame) -> None:
        self._facts |= {"first_frame_index": frame.index, "frames": None, "dropped": None, "sha256": None}
        write_new(self._sidecar, self._text())
        shown = ("first_frame_index", "codec", "width", "height", "planes", "fps")
        told = {key: self._facts[key] for key in shown}
        self._owner.tell("film_started", self.run, file=self.path.name, **told)

    def _end(self, reason: str | None) -> None:
        if reason is None and self._writer.frames == 0:
            reason = "the camera gave no picture while it was asked for"
        counts = {"frames": self._writer.frames, "dropped": self._writer.dropped}
        if reason is None:
            self._owner.tell("film_stopped", self.run, **counts)
        else:
            self._owner.tell("film_failed", self.run, reason=reason)
        self._owner.ended(self, reason)
        if self._writer.frames == 0:
            return
        self._facts |= counts
        self._keep()
        if reason is None:
            # last, for an hour's film takes its time to be read again
            with self.path.open("rb") as file:
                self._facts["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
            self._keep()

    def _keep(self) -> None:
        try:
            replace_own(self._sidecar, self._text())
        except OSError as err:
            self._owner.tell("film_failed", self.run, reason=f"'{self._sidecar.name}': {err.strerror or err}")

    def _text(self) -> bytes:
        return (json.dumps(self._facts, indent=1) + "\n").encode()
